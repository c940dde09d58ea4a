"""What a server speaks, and TLS with it as the exporter would do it: which of the many ways in which it fails."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Final, Literal

from beastmode_otel.doctor.catalog import Finding, found
from beastmode_otel.doctor.targets import ExportTarget

Spoken = Literal["http1", "http2", "tls", "silence"]
_EMPTY_SETTINGS: Final = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _EMPTY_SETTINGS  # RFC 9113, 3.4
_FRAME_HEAD: Final = 9
_SETTINGS, _GOAWAY = 0x4, 0x7
_LARGEST_FRAME: Final = 16_384
_ENOUGH: Final = 4_096  # of an error page that may say "HTTPS"


def http1_question(host: str) -> bytes:
    """A request that any HTTP/1 server answers, if only with an error."""
    return f"GET / HTTP/1.1\r\nHost: {host}\r\nUser-Agent: beastmode-otel-doctor\r\nConnection: close\r\n\r\n".encode()


def first_answer(connection: socket.socket, question: bytes) -> bytes:
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


def protocol_of(answer: bytes) -> Spoken:
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


def protocol_at(connect: Callable[[], socket.socket], host: str, *, first: bytes) -> Spoken:
    """Asks in one language, then in the other, each on a connection of its own. connect may raise OSError."""
    for question in (first, PREFACE if first != PREFACE else http1_question(host)):
        with contextlib.closing(connect()) as connection:
            spoken = protocol_of(first_answer(connection, question))
        if spoken != "silence":
            return spoken
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


# OpenSSL's X509_V_ERR_*.
_BY_VERIFY_CODE: Final = {
    9: "tls_expired",  # not yet valid
    10: "tls_expired",
    18: "tls_self_signed",
    19: "tls_unknown_authority",  # self-signed somewhere above
    20: "tls_unknown_authority",
    21: "tls_unknown_authority",
    62: "tls_wrong_host",
    64: "tls_wrong_host",  # an IP address
}
_WANTS_CERTIFICATE: Final = ("CERTIFICATE_REQUIRED", "ALERT_BAD_CERTIFICATE", "ALERT_UNKNOWN_CA", "HANDSHAKE_FAILURE")


class NotTls(Exception):
    """What the server answered is not TLS."""


class Mismatch(Exception):
    """The server refuses the protocol that was offered (ALPN)."""


def context_of(target: ExportTarget, environ: Mapping[str, str]) -> ssl.SSLContext | Finding:
    """Trusts whom the exporter trusts."""
    authorities = bundle(target, environ) or target.certificate or _default(target, environ)
    for path in (authorities, target.client_certificate, target.client_key):
        if path and not os.access(path, os.R_OK):
            return found("tls_file", f"{path} cannot be read")
    folder = authorities if authorities and os.path.isdir(authorities) else None
    try:
        context = ssl.create_default_context(cafile=None if folder else authorities, capath=folder)
        if target.client_certificate:
            context.load_cert_chain(target.client_certificate, target.client_key)
    except (ssl.SSLError, OSError) as exc:
        return found("tls_file", f"not PEM, or a key that does not belong to its certificate: {_reason(exc)}")
    context.set_alpn_protocols(["h2"] if target.protocol == "grpc" else ["http/1.1"])
    return context


def bundle(target: ExportTarget, environ: Mapping[str, str]) -> str | None:
    """What requests, the OTLP/HTTP exporters' library, prefers to the certificate that it is given."""
    if target.protocol == "grpc":
        return None
    return environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or None


def _default(target: ExportTarget, environ: Mapping[str, str]) -> str | None:
    """What the exporters' libraries trust when nobody says; None: the system's store."""
    roots = environ.get("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH") if target.protocol == "grpc" else None
    return roots or _certifi()


def _certifi() -> str | None:
    try:
        import certifi
    except ImportError:
        return None
    return certifi.where()


def handshake(
    connect: Callable[[], socket.socket], target: ExportTarget, context: ssl.SSLContext
) -> socket.socket | Finding:
    """A connection with valid TLS. Raises NotTls, Mismatch, OSError."""
    connection = connect()
    try:
        return context.wrap_socket(connection, server_hostname=target.host)
    except ssl.SSLCertVerificationError as exc:
        connection.close()
        code = _BY_VERIFY_CODE.get(exc.verify_code, "tls_failed")
        return found(code, f"{target}: {exc.verify_message}")
    except (ssl.SSLError, ConnectionError) as exc:
        with contextlib.suppress(OSError):
            connection.close()
        return _failed(exc, target)
    except BaseException:
        connection.close()
        raise


def _failed(exc: OSError, target: ExportTarget) -> Finding:
    reason = (exc.reason or "") if isinstance(exc, ssl.SSLError) else ""
    if "NO_APPLICATION_PROTOCOL" in reason:
        raise Mismatch
    if "ALERT" not in reason:
        raise NotTls from exc
    return refused(exc, target)


def refused(exc: OSError, target: ExportTarget) -> Finding:
    """What an alert of the server means."""
    reason = _reason(exc)
    wanted = any(part in reason for part in _WANTS_CERTIFICATE) and not target.client_certificate
    return found("tls_client_certificate" if wanted else "tls_failed", f"{target}: {reason}")


def _reason(exc: BaseException) -> str:
    return getattr(exc, "reason", None) or str(exc) or type(exc).__name__
