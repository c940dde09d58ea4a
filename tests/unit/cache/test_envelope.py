"""Envelopes: what goes in comes out; what was touched, moved or forged does not; and no bytes raise."""

from __future__ import annotations

import base64
import json
import struct
import subprocess
import sys
import tracemalloc
import zlib
from dataclasses import replace
from hashlib import blake2b
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beastmode_otel.cache.compress import COMPRESSORS
from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.envelope import MAX_SIZE, VERSION, Damaged, decode, encode, from_payload
from beastmode_otel.wire import Usage

SECRET = b"s" * 32
KEY = Key(digest=b"d" * 32, scope=b"s" * 32, tenant="acme", namespace="shop", model="custom:chat")
USAGE = Usage(input_tokens=12, output_tokens=34, cached_input_tokens=5, reasoning_tokens=0)
ENTRY = Entry(
    key=KEY,
    request_id="r-1",
    api="openai.chat",
    provider="openai",
    deployment="main",
    model_served="gpt-4o-mini-2024-07-18",
    created_at=1_700_000_000.25,
    expires_at=1_700_003_600.25,
    body='{"choices":[{"message":{"content":"Räuber \\ud83d\\ude00 😀"}}]}'.encode(),
    text="Räuber 😀",
    finish_reason="stop",
    usage=USAGE,
    cost=0.000123,
    tags=("faq", "é"),
)
# What the releases before semantic matching write for ENTRY.
GOLDEN = (
    b'{"v":1,"sum":"bbe3199d69aacb638e76afbe23961b0b","sig":"","entry":{'
    b'"key":"6464646464646464646464646464646464646464646464646464646464646464",'
    b'"scope":"7373737373737373737373737373737373737373737373737373737373737373",'
    b'"tenant":"acme","namespace":"shop","model_requested":"custom:chat","model_served":"gpt-4o-mini-2024-07-18",'
    b'"request_id":"r-1","api":"openai.chat","provider":"openai","deployment":"main",'
    b'"created_at":1700000000.25,"expires_at":1700003600.25,"finish_reason":"stop",'
    b'"usage":{"input_tokens":12,"output_tokens":34,"cached_input_tokens":5,"cache_write_tokens":null,'
    b'"reasoning_tokens":0,"estimated":false},"cost":0.000123,"tags":["faq","\\u00e9"],'
    b'"enc":"json","body":"{\\"choices\\":[{\\"message\\":{\\"content\\":\\"R\\u00e4uber \\\\ud83d\\\\ude00'
    b' \\ud83d\\ude00\\"}}]}","text":"R\\u00e4uber \\ud83d\\ude00"}}'
)
LARGE = replace(ENTRY, body=json.dumps({"content": "All work and no play. " * 400}).encode(), text="All work. " * 400)

finite = st.floats(allow_nan=False, allow_infinity=False)
counts = st.none() | st.integers(0, 10**12)
anything = st.text(st.characters(), max_size=20)  # lone surrogates among it, as models write them with escapes
usages = st.builds(
    Usage,
    input_tokens=counts,
    output_tokens=counts,
    cached_input_tokens=counts,
    cache_write_tokens=counts,
    reasoning_tokens=counts,
    estimated=st.booleans(),
)
keys = st.builds(
    Key,
    digest=st.binary(min_size=32, max_size=32),
    scope=st.binary(min_size=32, max_size=32),
    tenant=st.text(min_size=1, max_size=9),
    namespace=st.text(max_size=9),
    model=anything,
)
entries = st.builds(
    Entry,
    key=keys,
    request_id=anything,
    api=anything,
    provider=anything,
    deployment=anything,
    model_served=anything,
    created_at=finite,
    expires_at=finite,
    body=st.binary(max_size=60) | anything.map(lambda text: json.dumps(text).encode()),
    text=anything,
    finish_reason=st.none() | anything,
    usage=st.none() | usages,
    cost=st.none() | finite,
    tags=st.lists(anything, max_size=3).map(tuple),
    question=st.none() | anything,
)
vectors = st.lists(st.floats(width=32), min_size=1, max_size=9).map(lambda row: struct.pack(f"<{len(row)}f", *row))
matched = st.builds(replace, entries, vector=vectors, embedder=anything)
secrets = st.none() | st.binary(min_size=1, max_size=40)


@given(entries | matched, secrets, st.sampled_from([0, 1024]), st.sampled_from(["none", *COMPRESSORS]))
def test_what_goes_in_comes_out(entry: Entry, secret: bytes | None, above: int, compression: Any) -> None:
    data = encode(entry, secret=secret, compress_above=above, compression=compression)
    assert decode(data, entry.key, secret=secret) == entry
    assert decode(data, secret=secret) == entry
    assert data.isascii()
    assert json.loads(data)["v"] == VERSION


@pytest.mark.parametrize("compression", COMPRESSORS)
def test_large_bodies_are_compressed(compression: Any) -> None:
    data = encode(LARGE, compression=compression)
    assert json.loads(data)["entry"]["enc"] == f"json+{compression}"
    assert len(data) < len(LARGE.body) / 5
    assert decode(data, KEY) == LARGE
    assert json.loads(encode(LARGE, compression="none"))["entry"]["enc"] == "json"
    assert json.loads(encode(LARGE, compress_above=len(LARGE.body)))["entry"]["enc"] == "json"


def test_what_does_not_get_smaller_is_not_compressed() -> None:
    assert json.loads(encode(ENTRY, compress_above=0))["entry"]["enc"] == "json"


def test_the_body_is_stored_as_the_text_that_it_is() -> None:
    assert json.loads(encode(ENTRY))["entry"]["body"].encode() == ENTRY.body


def test_expired_entries_decode() -> None:
    old = replace(ENTRY, created_at=1.0, expires_at=2.0)
    assert decode(encode(old), KEY) == old


# Touched, moved, forged.


def outcome(data: bytes, secret: bytes | None = None, key: Key | None = KEY) -> str:
    found = decode(data, key, secret=secret)
    return found.reason if isinstance(found, Damaged) else "entry"


@pytest.mark.parametrize("secret", [None, SECRET])
@pytest.mark.parametrize("entry", [ENTRY, replace(LARGE, body=LARGE.body[:2000], text="")])
def test_no_flipped_byte_goes_unseen(secret: bytes | None, entry: Entry) -> None:
    data = encode(entry, secret=secret)
    for place in range(len(data)):
        for flip in (0x01, 0x20, 0x80):
            touched = bytearray(data)
            touched[place] ^= flip
            assert isinstance(decode(bytes(touched), KEY, secret=secret), Damaged)


def test_a_flip_in_a_signature_that_nobody_checks_changes_nothing() -> None:
    touched = bytearray(encode(ENTRY, secret=SECRET))
    place = touched.index(b'"sig":"') + 7
    touched[place] = ord("0") if touched[place] != ord("0") else ord("1")
    assert decode(bytes(touched), KEY) == ENTRY
    assert outcome(bytes(touched), SECRET) == "signature"


@pytest.mark.parametrize("entry", [ENTRY, LARGE])
def test_a_cut_envelope_is_seen(entry: Entry) -> None:
    data = encode(entry)
    assert {outcome(data[:end]) for end in range(0, len(data), 7)} <= {"malformed", "checksum"}
    assert outcome(data + b" ") == "malformed"
    assert outcome(data + b"}") == "checksum"


def test_signatures() -> None:
    unsigned, signed, foreign = encode(ENTRY), encode(ENTRY, secret=SECRET), encode(ENTRY, secret=b"other")
    assert outcome(signed, SECRET) == outcome(signed) == outcome(unsigned) == "entry"
    assert outcome(unsigned, SECRET) == outcome(foreign, SECRET) == "signature"


def forged(**but: Any) -> bytes:
    """An envelope with its checksum right, as whoever may write to the store could make one."""
    return enveloped(json.dumps({**json.loads(encode(ENTRY))["entry"], **but}).encode())


def enveloped(payload: bytes) -> bytes:
    checksum = blake2b(payload, digest_size=16).hexdigest().encode()
    return b'{"v":1,"sum":"%b","sig":"","entry":%b}' % (checksum, payload)


def test_a_forgery_needs_the_secret() -> None:
    data = forged(text="Send me your password")
    assert outcome(data) == "entry"
    assert outcome(data, SECRET) == "signature"


@pytest.mark.parametrize(
    "but", [{"digest": b"e" * 32}, {"scope": b"e" * 32}, {"tenant": "other"}, {"namespace": "other"}]
)
@pytest.mark.parametrize("secret", [None, SECRET])
def test_an_envelope_under_another_key_is_damaged(but: dict[str, Any], secret: bytes | None) -> None:
    assert outcome(encode(ENTRY, secret=secret), secret, replace(KEY, **but)) == "wrong_key"


def test_another_name_for_the_same_route_is_the_same_key() -> None:
    assert decode(encode(ENTRY), replace(KEY, model="openai:gpt-4o-mini")) == ENTRY


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "malformed"),
        (b"{}", "malformed"),
        (b'{"v":2,"shape":"unheard of"}', "version"),
        (b'{"v":0,"sum":""}', "version"),
        (b'{"v":1,"sum":""}', "malformed"),
        (b'{"v":99999999999999999999,', "malformed"),
        (b"\x80\x04\x95cos\nsystem\n(S'id'\ntR.", "malformed"),
        (forged(enc="json+brotli", body="", sizes=[0, 0]), "encoding"),
        (forged(created_at="now"), "malformed"),
        (forged(created_at=10**400), "malformed"),
        (forged(expires_at=True), "malformed"),
        (forged(cost=float("nan")), "malformed"),
        (forged(key="00"), "malformed"),
        (forged(tenant=""), "malformed"),
        (forged(usage=[]), "malformed"),
        (forged(usage={"input_tokens": -1}), "malformed"),
        (forged(tags="ab"), "malformed"),
        (forged(question=["Hi"]), "malformed"),
        (forged(vector="AACAPw=="), "malformed"),  # nobody's
        (forged(vector="AACAPw==", embedder=7), "malformed"),
        (forged(vector="AACA", embedder="minilm"), "malformed"),
        (forged(vector="", embedder="minilm"), "malformed"),
        (forged(vector="AACAPw=", embedder="minilm"), "malformed"),
        (forged(vector="\u00e4", embedder="minilm"), "malformed"),
        (forged(enc="json+zlib", body="????", sizes=[0, 1]), "malformed"),
        (forged(enc="json+zlib", body="", sizes=[0]), "malformed"),
        (enveloped(b"[]"), "malformed"),
        (enveloped(b"[" * 100_000), "malformed"),
        (enveloped(b"null"), "malformed"),
        (enveloped(b"\xff"), "malformed"),
    ],
)
def test_reasons(data: bytes, reason: str) -> None:
    assert outcome(data) == reason


def test_only_the_foreign_is_left_for_others() -> None:
    foreign = {"encoding", "signature", "version"}
    for reason in ("malformed", "version", "too_large", "checksum", "signature", "wrong_key", "encoding"):
        assert Damaged(reason=reason).foreign == (reason in foreign)


def test_members_of_later_writers_are_ignored() -> None:
    later = forged(embedding="AAAA", embedding_model="minilm", last_user_text="Hi")
    assert decode(later, KEY) == ENTRY


MATCHED = replace(ENTRY, question="Wie geht's?", vector=struct.pack("<3f", 0.6, 0.0, -0.8), embedder="minilm-l6 1")


def test_an_entry_without_a_question_is_the_bytes_that_it_always_was() -> None:
    """Golden: written by the release before semantic matching; newer ones read it, and write it so."""
    assert encode(ENTRY) == GOLDEN
    assert decode(GOLDEN, KEY) == ENTRY
    assert (ENTRY.question, ENTRY.vector, ENTRY.embedder) == (None, None, None)


def test_question_vector_and_embedder_are_members_and_covered() -> None:
    data = encode(MATCHED, secret=SECRET)
    stored = json.loads(data)["entry"]
    assert stored["question"] == "Wie geht's?"
    assert stored["vector"] == "mpkZPwAAAADNzEy/"
    assert stored["embedder"] == "minilm-l6 1"
    assert decode(data, KEY, secret=SECRET) == MATCHED
    for name, other in (("question", "Wie spaet?"), ("vector", "mpkZPwAAAADNzEw/"), ("embedder", "minilm-l6 2")):
        touched = data.replace(stored[name].encode(), other.encode())
        assert touched != data
        assert outcome(touched, SECRET) == "checksum"
        payload = json.dumps(stored | {name: other}, separators=(",", ":")).encode()
        assert outcome(enveloped(payload), SECRET) == "signature"


def test_they_count_as_size() -> None:
    assert MATCHED.size == ENTRY.size + len("Wie geht's?") + 12


@pytest.mark.parametrize("compression", COMPRESSORS)
def test_bombs_do_not_go_off(compression: str) -> None:
    bomb = base64.b64encode(COMPRESSORS[compression].compress(bytes(64 * 1024 * 1024))).decode()
    tracemalloc.start()
    small = outcome(forged(enc=f"json+{compression}", body=bomb, sizes=[10, 1000]))
    huge = outcome(forged(enc=f"json+{compression}", body=bomb, sizes=[10, MAX_SIZE + 1]))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (small, huge) == ("malformed", "too_large")
    assert peak < 4 * 1024 * 1024


@pytest.mark.parametrize("compression", COMPRESSORS)
def test_compressed_data_must_be_whole_and_of_its_size(compression: str) -> None:
    raw = bytes(range(256)) * 20
    data = COMPRESSORS[compression].compress(raw)
    assert COMPRESSORS[compression].restore(data, len(raw)) == raw
    broken = [(data[:-1], len(raw)), (data, len(raw) - 1), (b"", 10), (b"\x00" * 20, 100)]
    for damaged, limit in broken:
        with pytest.raises(ValueError):
            COMPRESSORS[compression].restore(damaged, limit)
    body = base64.b64encode(data).decode()
    for sizes in ([0, len(raw) + 1], [len(raw) + 1, len(raw)], [-1, len(raw)], [0.0, len(raw)]):
        assert outcome(forged(enc=f"json+{compression}", body=body, sizes=sizes)) == "malformed"


def test_too_large_is_refused_at_both_ends() -> None:
    assert outcome(b"{" * (2 * MAX_SIZE + 1)) == "too_large"
    with pytest.raises(ValueError, match="larger"):
        encode(replace(ENTRY, body=bytes(MAX_SIZE)))


def test_what_cannot_be_stored() -> None:
    with pytest.raises(ValueError):
        encode(replace(ENTRY, cost=float("nan")))
    with pytest.raises(ValueError, match="not installed"):
        encode(ENTRY, compression="lzma")  # type: ignore[arg-type]


def test_zlib_is_always_there() -> None:
    script = (
        "import sys\n"
        "for name in ('compression.zstd', 'backports.zstd', 'zstandard'): sys.modules[name] = None\n"
        "from beastmode_otel.cache.compress import COMPRESSORS\n"
        "from beastmode_otel.cache.envelope import decode\n"
        "assert list(COMPRESSORS) == ['zlib']\n"
        "print(decode(sys.stdin.buffer.read()).reason)"
    )
    data = forged(enc="json+zstd", body="", sizes=[0, 0])
    done = subprocess.run([sys.executable, "-c", script], input=data, capture_output=True, check=True)
    assert done.stdout.strip() == b"encoding"


# Fuzz.

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
MEMBERS = sorted(json.loads(encode(ENTRY))["entry"])
SOMETIMES = [*MEMBERS, "sizes", "question", "vector", "embedder"]


@given(st.binary(max_size=300), st.sampled_from([None, SECRET]))
def test_no_bytes_raise(data: bytes, secret: bytes | None) -> None:
    for tried in (data, b'{"v":1,"sum":"' + data, enveloped(data)):
        assert isinstance(decode(tried, KEY, secret=secret), Damaged)


@settings(max_examples=300)
@given(
    st.dictionaries(
        st.sampled_from([*MEMBERS, "sizes", "question", "vector", "embedder"]),
        JSON | st.sampled_from(["json", "json+zlib", "base64"]),
    )
)
def test_no_forged_member_raises(but: dict[str, Any]) -> None:
    for key in (KEY, None):
        assert isinstance(decode(forged(**but), key), Entry | Damaged)


@given(st.sampled_from(MEMBERS))
def test_no_missing_member_raises(name: str) -> None:
    payload = json.loads(encode(ENTRY))["entry"]
    del payload[name]
    assert outcome(enveloped(json.dumps(payload).encode())) == "malformed"
    with pytest.raises(KeyError):
        from_payload(payload)


def test_bytes_of_other_types_are_taken() -> None:
    data = encode(LARGE)
    assert decode(memoryview(data), KEY) == decode(bytearray(data), KEY) == LARGE


def test_zlib_with_something_behind_its_end_is_damaged() -> None:
    with pytest.raises(ValueError):
        COMPRESSORS["zlib"].restore(zlib.compress(b"abc") + b"x", 10)
