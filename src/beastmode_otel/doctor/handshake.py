"""TLS with the server as the exporter would do it, and which of the many ways in which it fails."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Final

from beastmode_otel.doctor.finding import Finding
from beastmode_otel.doctor.kinds import found
from beastmode_otel.doctor.targets import Target

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


def context_of(target: Target, environ: Mapping[str, str]) -> ssl.SSLContext | Finding:
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


def bundle(target: Target, environ: Mapping[str, str]) -> str | None:
    """What requests, the OTLP/HTTP exporters' library, prefers to the certificate that it is given."""
    if target.protocol == "grpc":
        return None
    return environ.get("REQUESTS_CA_BUNDLE") or environ.get("CURL_CA_BUNDLE") or None


def _default(target: Target, environ: Mapping[str, str]) -> str | None:
    """What the exporters' libraries trust when nobody says; None: the system's store."""
    roots = environ.get("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH") if target.protocol == "grpc" else None
    return roots or _certifi()


def _certifi() -> str | None:
    try:
        import certifi
    except ImportError:
        return None
    return certifi.where()


def shaken(connect: Callable[[], socket.socket], target: Target, context: ssl.SSLContext) -> socket.socket | Finding:
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


def _failed(exc: OSError, target: Target) -> Finding:
    reason = (exc.reason or "") if isinstance(exc, ssl.SSLError) else ""
    if "NO_APPLICATION_PROTOCOL" in reason:
        raise Mismatch
    if "ALERT" not in reason:
        raise NotTls from exc
    return refused(exc, target)


def refused(exc: OSError, target: Target) -> Finding:
    """What an alert of the server means."""
    reason = _reason(exc)
    wanted = any(part in reason for part in _WANTS_CERTIFICATE) and not target.client_certificate
    return found("tls_client_certificate" if wanted else "tls_failed", f"{target}: {reason}")


def _reason(exc: BaseException) -> str:
    return getattr(exc, "reason", None) or str(exc) or type(exc).__name__
