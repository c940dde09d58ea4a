"""The decoder of server-sent events."""

from __future__ import annotations

import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beastmode_otel.wire import Event, SSEDecoder
from beastmode_otel.wire.stream_lines import LineDecoder


def decode(*pieces: bytes, max_event: int = 1000) -> list[Event]:
    decoder = SSEDecoder(max_event=max_event)
    return [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()


def data(*pieces: bytes) -> list[str]:
    return [event.data for event in decode(*pieces)]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_ends_a_line(end: bytes) -> None:
    lines = [b": hello", b"event: add", b"id: 7", b"data: one", b"data:two", b"data", b"", b"data:  three", b"", b""]
    assert decode(end.join(lines)) == [
        Event(data="one\ntwo\n", event="add", id="7"),
        Event(data=" three", id="7"),
    ]


def test_a_line_end_split_between_pieces_is_one_line_end() -> None:
    assert data(b"data: a\r", b"\n\r", b"\ndata: b\r", b"\n\r\n") == ["a", "b"]


def test_an_event_comes_out_with_the_byte_that_completes_it() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\r") == []
    assert decoder.feed(b"\r") == [Event(data="a")]


def test_a_byte_order_mark_is_skipped_at_the_start_only() -> None:
    assert data(b"\xef", b"\xbb\xbfdata: a\n\n\xef\xbb\xbfdata: b\n\n") == ["a"]


def test_a_character_split_between_pieces_is_one_character() -> None:
    assert data(b"data: \xf0\x9f", b"\x8c\x8d\n\n") == ["🌍"]


def test_invalid_utf8_is_replaced() -> None:
    assert data(b"data: a\xffb\n\n") == ["a\ufffdb"]


def test_only_the_standards_line_ends_count() -> None:
    assert data("data: a\u2028b\x0bc\x85d\n\n".encode()) == ["a\u2028b\x0bc\x85d"]


def test_an_event_without_data_is_none() -> None:
    assert decode(b"event: x\n\n: only a comment\n\nid: 3\n\n") == []


@pytest.mark.parametrize("tail", [b"data: last\n", b"data: last"])
def test_a_last_event_without_its_blank_line_is_not_lost(tail: bytes) -> None:
    assert data(b"data: first\n\n" + tail) == ["first", "last"]


def test_an_event_over_the_bound_is_dropped_and_flagged_and_the_next_one_is_read() -> None:
    stream = b"event: big\ndata: " + b"x" * 2000 + b"\ndata: more\n\ndata: next\n\n"
    expected = [Event(data="", event="big", dropped=True), Event(data="next")]
    assert decode(stream) == expected
    assert decode(*(stream[i : i + 1] for i in range(len(stream)))) == expected


def test_many_lines_count_together_towards_the_bound() -> None:
    assert decode(b"data: 0123456789\n" * 200 + b"\n") == [Event(data="", dropped=True)]


def test_a_decoder_that_is_never_given_a_line_end_holds_no_more_than_the_bound() -> None:
    decoder = SSEDecoder(max_event=1000)
    for _ in range(1000):
        decoder.feed(b"x" * 100)
    assert len(decoder._tail) <= 1000


LINES = st.sampled_from(
    [
        b"data: a",
        b"data:",
        b"data",
        b"event: e",
        b"id: 1",
        b":c",
        b"",
        b"\xef\xbb\xbf",
        b"x" * 30,
        b"data: " + b"y" * 30,
    ]
)
STREAM = st.lists(st.tuples(LINES, st.sampled_from([b"\n", b"\r", b"\r\n", b""]))).map(
    lambda ls: b"".join(map(b"".join, ls))
)


@given(st.one_of(STREAM, st.binary(max_size=60)), st.lists(st.integers(0, 200), max_size=8), st.integers(10, 80))
def test_any_split_of_the_same_bytes_gives_the_same_events(stream: bytes, cuts: list[int], bound: int) -> None:
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in pairwise(edges)]
    singles = [stream[i : i + 1] for i in range(len(stream))]
    assert decode(stream, max_event=bound) == decode(*pieces, max_event=bound) == decode(*singles, max_event=bound)


def test_decoding_takes_linear_time() -> None:
    """Generous: it takes a fifth of a second; a quadratic decoder would take minutes for the one long line."""
    stream = b'data: {"choices":[]}\n\n' * 20_000 + b"data: " + b"x" * 2_000_000 + b"\n\n"
    started = time.perf_counter()
    decoder = SSEDecoder()
    count = sum(len(decoder.feed(stream[i : i + 64])) for i in range(0, len(stream), 64))
    assert count == 20_001
    assert time.perf_counter() - started < 20


@given(st.binary(max_size=200).map(lambda junk: b'{"a": 1}\n[2]\n' + junk), st.integers(1, 20), st.integers(8, 300))
def test_json_lines_are_the_same_however_they_are_split(stream: bytes, size: int, bound: int) -> None:
    def lines(size: int) -> list[Event]:
        decoder = LineDecoder(max_event=bound)
        pieces = (stream[i : i + size] for i in range(0, len(stream), size))
        return [event for piece in pieces for event in decoder.feed(piece)] + decoder.end()

    assert lines(size) == lines(len(stream))
