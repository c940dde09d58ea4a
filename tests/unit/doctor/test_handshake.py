"""Languages by their first bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beastmode_otel.doctor.handshake import PREFACE, protocol_of


@pytest.mark.parametrize(
    ("answer", "spoken"),
    [
        (b"", "silence"),
        (b"HTTP/1.1 404 Not Found\r\n\r\n", "http1"),
        (b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n", "tls"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\nThe plain HTTP request was sent to HTTPS port", "tls"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\nwhat?", "http1"),
        (b"HTTP/1.1 200 OK\r\n\r\nUse HTTPS", "http1"),
        (b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", "http2"),
        (b"\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03", "http2"),
        (b"\x00\x00\x08\x07\x00\x00\x00\x00\x00", "http2"),
        (b"\x00\x00\x00\x04\x00\x00\x00\x00\x01", "silence"),  # SETTINGS of a stream: not HTTP/2
        (b"\x15\x03\x01\x00\x02\x02\x46", "tls"),
        (b"220 mail.example ESMTP\r\n", "silence"),
        (b"-ERR unknown command 'GET'\r\n", "silence"),
    ],
)
def test_told_apart(answer: bytes, spoken: str) -> None:
    assert protocol_of(answer) == spoken


@given(st.binary(max_size=64))
def test_any_bytes_are_some_speech(answer: bytes) -> None:
    assert protocol_of(answer) in ("http1", "http2", "tls", "silence")


def test_the_preface_is_as_the_standard_has_it() -> None:
    """RFC 9113, 3.4: the text, then a SETTINGS frame, which may be empty."""
    assert PREFACE.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert protocol_of(PREFACE[24:]) == "http2"
