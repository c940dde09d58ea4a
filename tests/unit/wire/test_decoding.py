"""Content codings, undone as the bytes arrive: however they are split, bounded, and never an error."""

from __future__ import annotations

import gzip
import importlib
import json
import random
import zlib
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beastmode_otel.wire import ContentDecoder
from beastmode_otel.wire import content_encoding as inflaters

RNG = random.Random(1)
MORE = gzip.compress(b"more", mtime=0)  # so that a test has one id in every worker
TEXT = b"".join(b'data: {"n": "%d"}\n\n' % RNG.randrange(10**9) for _ in range(3000))


def raw_deflate(data: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(data) + stream.flush()


def brotli(data: bytes) -> bytes:
    library = pytest.importorskip("brotli")
    if not hasattr(library.Decompressor, "can_accept_more_data"):
        pytest.skip("this brotli cannot bound its output")
    return library.compress(data, quality=3)


def zstd(data: bytes) -> bytes:
    return pytest.importorskip("zstandard").ZstdCompressor().compress(data)


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "identity": ("identity", bytes),
    "none": ("", bytes),
    "gzip": ("gzip", gzip.compress),
    "x-gzip": (" X-Gzip ", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "br": ("br", brotli),
    "zstd": ("zstd", zstd),
}


@pytest.fixture(params=CODINGS)
def coding(request: pytest.FixtureRequest) -> tuple[str, Callable[[bytes], bytes]]:
    return CODINGS[request.param]


@pytest.fixture(params=["compression.zstd or backports.zstd", "zstandard"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Each of the libraries for zstd, whichever else is installed."""
    if request.param == "zstandard":
        pytest.importorskip("zstandard")
        monkeypatch.setattr(
            inflaters, "_module", lambda name: importlib.import_module(name) if name == "zstandard" else None
        )
    inflaters.inflater.cache_clear()
    yield
    inflaters.inflater.cache_clear()


def decoded(decoder: ContentDecoder, data: bytes, size: int) -> bytes:
    return b"".join(b"".join(decoder.feed(data[at : at + size])) for at in range(0, len(data), size))


@pytest.mark.parametrize("size", [1, 2, 13, 1000, 10**9])
def test_what_was_encoded_is_decoded_however_it_is_split(
    coding: tuple[str, Callable[[bytes], bytes]], size: int
) -> None:
    name, encode = coding
    decoder = ContentDecoder(name)
    assert decoded(decoder, encode(TEXT), size) == TEXT
    assert decoder.known


@pytest.mark.parametrize("size", [1, 10**9])
def test_nothing_stays_inside_however_much_one_byte_decodes_to(
    coding: tuple[str, Callable[[bytes], bytes]], size: int
) -> None:
    name, encode = coding
    run = TEXT[:100] + b"a" * 500_000
    assert decoded(ContentDecoder(name), encode(run), size) == run


def test_a_flush_is_all_that_is_needed(coding: tuple[str, Callable[[bytes], bytes]]) -> None:
    """So a stream is read in step with its events."""
    from beastmode_otel.simulator.compress import compressor

    name, encode = coding
    encode(b"")  # skips
    into = compressor(None if name in ("", "identity") else name.strip().lower().removeprefix("x-"))
    decoder = ContentDecoder(name)
    for event in TEXT.split(b"\n\n")[:50]:
        assert b"".join(decoder.feed(into.add(event))) == event
    assert b"".join(decoder.feed(into.end())) == b""
    assert decoder.known


@pytest.mark.parametrize("size", [1, 7, 10**9])
@pytest.mark.parametrize("name", ["gzip", "zstd"])
@pytest.mark.usefixtures("library")
def test_members_that_follow_each_other_are_one_content(name: str, size: int) -> None:
    encode = CODINGS[name][1]
    decoder = ContentDecoder(name)
    assert decoded(decoder, encode(b"a" * 5000) + encode(b"") + encode(TEXT), size) == b"a" * 5000 + TEXT
    assert decoder.known


@pytest.mark.parametrize("size", [1, 10**9])
@pytest.mark.parametrize("rest", [b"\0" * 100, b"garbage", b"\0\0x", b"\0" + MORE])
def test_what_follows_a_gzip_member_is_let_go_or_is_another_one(rest: bytes, size: int) -> None:
    decoder = ContentDecoder("gzip")
    more = b"more" if rest.endswith(MORE) else b""
    assert decoded(decoder, gzip.compress(TEXT) + rest, size) == TEXT + more
    assert decoder.known


@pytest.mark.usefixtures("library")
@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_bomb_is_not_unpacked(name: str) -> None:
    bomb = CODINGS[name][1](b"\0" * 50_000_000)
    assert len(bomb) < 100_000
    decoder, total, largest = ContentDecoder(name, max_decoded=1_000_000), 0, 0
    for piece in decoder.feed(bomb):
        total, largest = total + len(piece), max(largest, len(piece))
    assert (decoder.known, list(decoder.feed(b"x"))) == (False, [])
    assert total <= 1_000_000
    assert largest <= 8 * 1024 * 1024


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_broken_bytes_are_unknown_and_what_came_before_is_right(name: str) -> None:
    data = bytearray(CODINGS[name][1](TEXT))
    decoder = ContentDecoder(name)
    data[len(data) // 2 :] = random.Random(2).randbytes(len(data) // 2)
    got = decoded(decoder, bytes(data), 100)
    assert not decoder.known
    head = len(data) // 10
    assert TEXT.startswith(got[:head])


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_a_cut_content_is_known_as_far_as_it_came(name: str) -> None:
    data = CODINGS[name][1](TEXT)
    decoder = ContentDecoder(name)
    got = decoded(decoder, data[: len(data) * 3 // 4], 50)
    assert decoder.known
    assert TEXT.startswith(got)


@pytest.mark.parametrize("name", ["compress", "gzip, exotic", "br;q=1", "gzip," * 4 + "gzip"])
def test_an_unheard_coding_is_unknown(name: str) -> None:
    decoder = ContentDecoder(name)
    assert (decoder.known, list(decoder.feed(gzip.compress(b"a")))) == (False, [])


def test_a_coding_without_its_library_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inflaters, "_module", lambda name: None)
    inflaters.inflater.cache_clear()
    try:
        known = {name: ContentDecoder(name).known for name in ("br", "zstd", "gzip", "deflate")}
    finally:
        inflaters.inflater.cache_clear()
    assert known == {"br": False, "zstd": False, "gzip": True, "deflate": True}


def test_an_old_brotli_that_cannot_bound_its_output_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Old:
        class Decompressor: ...

    monkeypatch.setattr(inflaters, "_module", lambda name: Old)
    inflaters.inflater.cache_clear()
    try:
        assert not ContentDecoder("br").known
    finally:
        inflaters.inflater.cache_clear()


def test_several_codings_are_undone_from_the_last_to_the_first() -> None:
    data = zlib.compress(gzip.compress(TEXT))
    decoder = ContentDecoder("gzip, deflate")
    assert decoded(decoder, data, 100) == TEXT
    bomb = gzip.compress(gzip.compress(b"\0" * 100_000_000))
    twice = ContentDecoder("gzip, gzip", max_decoded=1_000_000)
    assert sum(map(len, twice.feed(bomb))) <= 1_000_000
    assert not twice.known


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["gzip", "deflate", "br", "zstd", "gzip, br", ""]), st.lists(st.binary(max_size=30), max_size=5))
def test_no_bytes_raise(name: str, pieces: list[bytes]) -> None:
    decoder = ContentDecoder(name)
    for piece in pieces:
        assert all(decoder.feed(piece))


def test_json_survives_byte_by_byte() -> None:
    whole = json.dumps({"a": "é🌍" * 100}, ensure_ascii=False).encode()
    assert decoded(ContentDecoder("gzip"), gzip.compress(whole), 1) == whole
