"""What a server speaks, told by the first bytes it answers: HTTP/1, HTTP/2 (as gRPC does), TLS, or nothing known."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable
from typing import Final, Literal

Speech = Literal["http1", "http2", "tls", "silence"]
_EMPTY_SETTINGS: Final = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _EMPTY_SETTINGS  # RFC 9113, 3.4
_FRAME_HEAD: Final = 9
_SETTINGS, _GOAWAY = 0x4, 0x7
_LARGEST_FRAME: Final = 16_384
_ENOUGH: Final = 4_096  # of an error page that may say "HTTPS"


def http1_question(host: str) -> bytes:
    """A request that any HTTP/1 server answers, if only with an error."""
    return f"GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: beastmode-otel-doctor\r\nConnection: close\r\n\r\n".encode()


def ask(connection: socket.socket, question: bytes) -> bytes:
    """The beginning of the answer; what has come when the connection ends or its timeout passes."""
    answer = b""
    with contextlib.suppress(OSError):  # an end in mid-answer, a timeout: what came before it is the answer
        connection.sendall(question)
        while len(answer) < _ENOUGH and not _is_http2(answer):
            more = connection.recv(_ENOUGH)
            if not more:
                break
            answer += more
    return answer


def speech_of(answer: bytes) -> Speech:
    if answer.startswith(b"HTTP/1."):
        # Go, nginx and others answer plain text on a TLS port with a page of plain text.
        asks_for_tls = b" 400 " in answer.partition(b"\r\n")[0] and b"HTTPS" in answer
        return "tls" if asks_for_tls else "http1"
    if _is_http2(answer):
        return "http2"
    if answer[:2] == b"\x15\x03":  # a TLS alert
        return "tls"
    return "silence"


def _is_http2(answer: bytes) -> bool:
    if len(answer) < _FRAME_HEAD:
        return False
    length, kind, stream = int.from_bytes(answer[:3]), answer[3], int.from_bytes(answer[5:9])
    return kind in (_SETTINGS, _GOAWAY) and stream == 0 and length <= _LARGEST_FRAME


def spoken_at(connect: Callable[[], socket.socket], host: str, *, first: bytes) -> Speech:
    """Asks in one language, then in the other, each on a connection of its own. connect may raise OSError."""
    for question in (first, PREFACE if first != PREFACE else http1_question(host)):
        with contextlib.closing(connect()) as connection:
            speech = speech_of(ask(connection, question))
        if speech != "silence":
            return speech
    return "silence"


def is_tls(connect: Callable[[], socket.socket], host: str) -> bool:
    """Whether the server knows TLS, whatever its certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.closing(connect()) as connection:
        try:
            context.wrap_socket(connection, server_hostname=host).close()
        except ssl.SSLError as exc:
            return "ALERT" in (exc.reason or "")  # it refuses in TLS
        except OSError:
            return False
    return True
