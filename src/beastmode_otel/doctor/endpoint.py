"""What is at the endpoint: name, port, TLS, protocol, in this order, up to the first that is wrong."""

from __future__ import annotations

import contextlib
import functools
import socket
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.request import getproxies, proxy_bypass

from beastmode_otel.doctor.catalog import Finding, found
from beastmode_otel.doctor.handshake import (
    PREFACE,
    Mismatch,
    NotTls,
    Spoken,
    bundle,
    context_of,
    handshake,
    http1_question,
    is_tls,
    protocol_at,
    protocol_of,
    refused,
)
from beastmode_otel.doctor.targets import ExportTarget

_CONNECT: Final = 2.0  # seconds
_ANSWER: Final = 1.5
_ALERT: Final = 0.3  # for what a server says unasked; asked again with _ANSWER where that was too short
_ENOUGH: Final = 4_096


def endpoint_finding(target: ExportTarget, environ: Mapping[str, str]) -> Finding:
    """Never raises OSError. Takes some seconds at most, and longer only where the look-up of a name hangs."""
    if proxied(target):
        return found("endpoint_proxied", f"{target}")
    try:
        return _tls(target, environ) if target.tls else _plain(target)
    except socket.gaierror as exc:
        return found("endpoint_unknown_host", f"{target.host}: {exc.strerror}")
    except ConnectionRefusedError:
        return found("endpoint_refused", f"{target}")
    except TimeoutError:
        return found("endpoint_timeout", f"{target}: nothing within {_CONNECT:g} s")
    except OSError as exc:
        return found("endpoint_timeout", f"{target}: {exc.strerror or exc}")
    except UnicodeError:
        return found("endpoint_invalid", f"{target.host} is not a host name")


def proxied(target: ExportTarget) -> bool:
    """Whether the exporters' libraries would go through a proxy."""
    proxies = getproxies()
    if not proxies.keys() & {target.scheme or "https", "all"}:
        return False
    return not proxy_bypass(target.host)


def _connect(target: ExportTarget) -> socket.socket:
    connection = socket.create_connection((target.host, target.port), timeout=_CONNECT)
    connection.settimeout(_ANSWER)
    return connection


def _question(target: ExportTarget) -> bytes:
    return PREFACE if target.protocol == "grpc" else http1_question(target.host)


def _plain(target: ExportTarget) -> Finding:
    connect = functools.partial(_connect, target)
    spoken = protocol_at(connect, target.host, first=_question(target))
    if spoken == "tls" or (spoken == "silence" and is_tls(connect, target.host)):
        return found("tls_missing", f"{target} speaks TLS")
    return _judged(spoken, target)


def _judged(spoken: Spoken, target: ExportTarget) -> Finding:
    wanted = "http2" if target.protocol == "grpc" else "http1"
    if spoken == wanted:
        how = f"{'TLS, ' if target.tls else ''}{target.protocol}"
        return found("endpoint_answers", f"{target} ({how}) for {', '.join(target.signals)}")
    if spoken == "silence":
        return found("endpoint_silent", f"{target}")
    return found("http_to_grpc" if spoken == "http2" else "grpc_to_http", f"{target}, for {', '.join(target.signals)}")


def _tls(target: ExportTarget, environ: Mapping[str, str]) -> Finding:
    context = context_of(target, environ)
    if isinstance(context, Finding):
        return context
    connect = functools.partial(_connect, target)
    try:
        connection = handshake(connect, target, context)
    except Mismatch:
        return found("grpc_to_http" if target.protocol == "grpc" else "http_to_grpc", f"{target}")
    except NotTls as exc:
        plain = protocol_at(connect, target.host, first=_question(target))
        if plain in ("http1", "http2"):
            return found("tls_unexpected", f"{target} speaks plain {'HTTP' if plain == 'http1' else 'gRPC'}")
        return found("tls_failed", f"{target}: {exc.__cause__}")
    if isinstance(connection, Finding):
        return _overridden(connection, target, environ)
    return _inside(connection, connect, target, context)


def _overridden(finding: Finding, target: ExportTarget, environ: Mapping[str, str]) -> Finding:
    wins = bundle(target, environ)
    if finding.code in ("tls_self_signed", "tls_unknown_authority") and wins and target.certificate:
        return found("tls_bundle_wins", f"{wins} is used instead of {target.certificate}")
    return finding


def _inside(
    connection: socket.socket, connect: functools.partial[socket.socket], target: ExportTarget, context: ssl.SSLContext
) -> Finding:
    """The protocol within TLS; asked in the exporter's language first."""
    other = http1_question(target.host) if target.protocol == "grpc" else PREFACE
    try:
        spoken = protocol_of(_heard(connection, _question(target), _ALERT))
        for question, patience in ((_question(target), _ANSWER), (other, _ALERT)):
            if spoken == "silence":
                again = handshake(connect, target, context)
                if isinstance(again, Finding):
                    return again
                spoken = protocol_of(_heard(again, question, patience))
    except ssl.SSLError as exc:
        return refused(exc, target)
    return _judged(spoken, target)


def _heard(connection: socket.socket, question: bytes, patience: float) -> bytes:
    """Listens before it speaks. A server that refuses the client's certificate says so only after the handshake
    (TLS 1.3) and closes: writing then fails, and hides the alert that tells why. Raises SSLError for an alert.
    """
    with contextlib.closing(connection):
        connection.settimeout(patience)
        try:
            early = connection.recv(_ENOUGH)
        except TimeoutError:
            early = b""
        except (ssl.SSLEOFError, ConnectionError):
            return b""
        connection.settimeout(_ANSWER)
        try:
            connection.sendall(question)
            return early or connection.recv(_ENOUGH)
        except (ssl.SSLEOFError, ConnectionError, TimeoutError):
            return early
