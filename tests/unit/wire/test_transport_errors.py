"""Exceptions of httpx and httpx2, raised by real sockets, and what they stand for."""

from __future__ import annotations

import asyncio
import errno
import json
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel.wire import TransportFault, classify

from . import faulty as f

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return f.self_signed(tmp_path_factory.mktemp("tls") / "server.pem")


@pytest.fixture(
    params=[(lib, world) for lib in f.LIBRARIES for world in ("sync", "async")], ids=lambda p: f"{p[0].__name__}-{p[1]}"
)
def fault(request: pytest.FixtureRequest) -> Any:
    """Makes a call that fails, with either library in either world, and classifies what it raised."""
    library, world = request.param
    caught = f.caught_sync if world == "sync" else f.caught_async

    def call(url: str, **options: Any) -> TransportFault:
        if "timeout" in options:
            options["timeout"] = library.Timeout(5.0, **options["timeout"])
        return classify(caught(library, url, **options))

    return call


def told(fault: TransportFault) -> tuple[str, bool]:
    return fault.category.name, fault.sent


def test_a_closed_port_is_connection_refused(fault: Any) -> None:
    assert told(fault(f"http://127.0.0.1:{f.closed_port()}/")) == ("connection_refused", False)


def test_a_closed_port_behind_a_name_with_two_addresses_is_connection_refused(fault: Any) -> None:
    """asyncio: OSError('All connection attempts failed') with a group of errors below it."""
    assert told(fault(f"http://localhost:{f.closed_port()}/")) == ("connection_refused", False)


def test_a_dead_proxy_looks_like_a_closed_port(fault: Any) -> None:
    assert told(fault("http://example.invalid/", proxy=f"http://127.0.0.1:{f.closed_port()}")) == (
        "connection_refused",
        False,
    )


def test_a_name_that_does_not_resolve_is_a_dns_error(fault: Any) -> None:
    assert told(fault("http://nothing.invalid/")) == ("dns_error", False)


def test_a_self_signed_certificate_is_invalid(fault: Any, certificate: Path) -> None:
    with f.server(f.speaks_tls(certificate)) as port:
        verify = ssl.create_default_context()
        assert told(fault(f"https://localhost:{port}/", verify=verify)) == ("tls_cert_invalid", False)


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""], ids=["answers", "closes"])
def test_tls_to_a_plain_port_is_a_handshake_failure(fault: Any, answer: bytes) -> None:
    with f.server(f.answers(answer)) as port:
        assert told(fault(f"https://127.0.0.1:{port}/")) == ("tls_handshake", False)


def test_plain_http_to_a_tls_port_is_a_dropped_connection(fault: Any, certificate: Path) -> None:
    with f.server(f.speaks_tls(certificate)) as port:
        assert told(fault(f"http://127.0.0.1:{port}/")) == ("connection_reset", True)


def test_a_connection_that_is_never_accepted_times_out(fault: Any) -> None:
    with f.full_backlog() as port:
        assert told(fault(f"http://127.0.0.1:{port}/", timeout={"connect": 0.1})) == ("connect_timeout", False)


def test_a_silent_server_times_out(fault: Any) -> None:
    with f.server(f.says_nothing) as port:
        assert told(fault(f"http://127.0.0.1:{port}/", timeout={"read": 0.1})) == ("read_timeout", True)


def test_a_server_that_reads_nothing_times_out_the_writing(fault: Any) -> None:
    with f.server(f.reads_nothing) as port:
        big = b"x" * 20_000_000
        assert told(fault(f"http://127.0.0.1:{port}/", content=big, timeout={"write": 0.1})) == ("write_timeout", True)


def test_a_reset_is_a_dropped_connection(fault: Any) -> None:
    with f.server(f.resets) as port:
        assert told(fault(f"http://127.0.0.1:{port}/")) == ("connection_reset", True)


def test_a_close_without_an_answer_is_a_dropped_connection(fault: Any) -> None:
    with f.server(f.answers(b"")) as port:
        assert told(fault(f"http://127.0.0.1:{port}/")) == ("connection_reset", True)


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
        OK + b"content-length: 100\r\n\r\n{",
        OK + b"transfer-encoding: chunked\r\n\r\n5\r\n{",
    ],
    ids=["no http", "short body", "cut chunk"],
)
def test_incomplete_http_is_a_protocol_error(fault: Any, answer: bytes) -> None:
    with f.server(f.answers(answer)) as port:
        assert told(fault(f"http://127.0.0.1:{port}/")) == ("protocol_error", True)


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (OK + b"content-length: 6\r\n\r\n<html>", "invalid_response"),
        (OK + b"content-length: 0\r\n\r\n", "invalid_response"),
        (OK + b"content-length: 2\r\n\r\n\xff{", "invalid_response"),
        (OK + b"content-encoding: gzip\r\ncontent-length: 4\r\n\r\njunk", "decoding_error"),
        (b"HTTP/1.1 307 Again\r\nlocation: /\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", "redirect_loop"),
    ],
    ids=["web page", "no body", "no text", "not gzip", "redirect to itself"],
)
def test_answers_that_cannot_be_used(fault: Any, answer: bytes, name: str) -> None:
    with f.server(f.answers(answer)) as port:
        assert told(fault(f"http://127.0.0.1:{port}/", follow_redirects=True)) == (name, True)


@pytest.mark.parametrize("url", ["ftp://host/", "host/v1", "", "http:///path", "http://host:port/"])
def test_an_address_that_is_none_is_an_invalid_url(fault: Any, url: str) -> None:
    assert told(fault(url)) == ("invalid_url", False)


@pytest.mark.parametrize("key", ["sk-key\n", "sk-“key”"], ids=["line end", "typographic quotes"])
def test_a_key_that_cannot_stand_in_a_header_is_an_invalid_header(fault: Any, key: str) -> None:
    with f.server(f.says_nothing) as port:
        assert told(fault(f"http://127.0.0.1:{port}/", headers={"authorization": key})) == ("invalid_header", False)


@pytest.mark.parametrize("library", f.LIBRARIES, ids=lambda library: library.__name__)
def test_a_full_pool_is_no_fault_of_the_provider(library: Any) -> None:
    options = {"trust_env": False, "limits": library.Limits(max_connections=1)}
    timeout = library.Timeout(5.0, pool=0.05)
    with (
        f.server(f.answers(OK + b"content-length: 5\r\n\r\n1")) as port,
        library.Client(timeout=timeout, **options) as client,
        client.stream("GET", f"http://127.0.0.1:{port}/"),
        pytest.raises(library.PoolTimeout) as raised,
    ):
        client.get(f"http://127.0.0.1:{port}/")
    assert told(classify(raised.value)) == ("pool_timeout", False)


def test_an_sdks_wrapper_is_looked_through() -> None:
    class APIConnectionError(Exception):
        pass

    wrapper = APIConnectionError("Connection error.")
    wrapper.__cause__ = f.caught_sync(f.LIBRARIES[0], f"http://127.0.0.1:{f.closed_port()}/")
    assert told(classify(wrapper)) == ("connection_refused", False)


class ConnectError(Exception):
    """Same name as in httpx and httpx2: the name is all that counts."""


def connect_error(root: BaseException) -> ConnectError:
    exc = ConnectError()
    exc.__cause__ = OSError("All connection attempts failed")
    exc.__cause__.__cause__ = root
    return exc


@pytest.mark.parametrize(
    ("root", "name"),
    [
        (OSError(errno.ENETUNREACH, "unreachable"), "connection_failed"),
        (OSError(errno.EHOSTUNREACH, "no route"), "connection_failed"),
        (OSError(errno.ECONNREFUSED, "refused"), "connection_refused"),
        (TimeoutError(errno.ETIMEDOUT, "timed out"), "connect_timeout"),
        (ConnectionResetError(), "connection_reset"),
        (ExceptionGroup("", [OSError(errno.ENETUNREACH, "v6"), ConnectionRefusedError()]), "connection_refused"),
        (ValueError(), "connection_failed"),
    ],
)
def test_the_root_of_a_connect_error_decides(root: BaseException, name: str) -> None:
    assert told(classify(connect_error(root))) == (name, False)


def test_a_resolver_that_says_try_again_gets_one_retry() -> None:
    again, never = (
        classify(connect_error(socket.gaierror(code, "x"))) for code in (socket.EAI_AGAIN, socket.EAI_NONAME)
    )
    assert (again.category.name, again.retries) == ("dns_error", 1)
    assert (never.category.name, never.retries) == ("dns_error", 0)


@pytest.mark.parametrize(
    ("exc", "expected"),
    [
        (ConnectionResetError(), ("connection_reset", True)),
        (TimeoutError(), ("read_timeout", True)),
        (ConnectionRefusedError(), ("connection_refused", False)),
        (json.JSONDecodeError("x", "", 0), ("invalid_response", True)),
        (RuntimeError("who knows"), ("_OTHER", True)),
        (KeyboardInterrupt(), ("_OTHER", True)),
        (asyncio.CancelledError(), ("_OTHER", True)),
    ],
)
def test_exceptions_of_no_http_client(exc: BaseException, expected: tuple[str, bool]) -> None:
    assert told(classify(exc)) == expected


def hostile() -> Iterator[BaseException]:
    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    yield Mute()
    circle = ValueError()
    circle.__context__ = TypeError()
    circle.__context__.__context__ = circle
    yield circle
    deep: BaseException = ValueError()
    for _ in range(10_000):
        outer = ValueError()
        outer.__cause__ = deep
        deep = outer
    yield deep
    yield BaseExceptionGroup("wide", [KeyboardInterrupt()] * 1000)


@pytest.mark.parametrize("exc", list(hostile()), ids=["mute", "circle", "deep", "wide"])
def test_no_exception_makes_it_raise(exc: BaseException) -> None:
    assert classify(exc).category.name == "_OTHER"
