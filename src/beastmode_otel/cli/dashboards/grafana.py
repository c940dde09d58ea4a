"""Grafana's HTTP API, as far as saving a dashboard needs it. What goes wrong says what to do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urljoin, urlsplit

from beastmode_otel.cli.dashboards.boards import Board
from beastmode_otel.cli.exits import Failed
from beastmode_otel.config import Secret
from beastmode_otel.errors import Redactor, public_url, safe_cause
from beastmode_otel.errors.redact import secrets_in_environ, shown
from beastmode_otel.errors.urls import secrets_in_url
from beastmode_otel.router.upstream.library import library, options
from beastmode_otel.telemetry.suppress import unseen
from beastmode_otel.version import VERSION
from beastmode_otel.wire import classify

_SECONDS: Final = 15.0
_SLOW_REFRESH: Final = "5s"  # Grafana's own minimum
_SHOWN: Final = 200  # characters of an answer that is none of Grafana's
_HINTS: Final[Mapping[int, str]] = {
    401: "Grafana does not know this token: make one under Administration, Service accounts",
    403: "the token may not save dashboards there: give its service account the role Editor",
    404: "is this Grafana's own URL, with its path if it has one? And with --folder: is that the folder's uid?",
    412: "it is there already and was changed since: --overwrite replaces it",
}
_TRANSPORT_HINTS: Final[Mapping[str, str]] = {
    "tls_cert_invalid": "set SSL_CERT_FILE to the certificate authority that signed its certificate",
    "tls_handshake": "if that port speaks plain HTTP, write http://",
    "dns_error": "is the host name right?",
    "connection_refused": "is Grafana running there, on this port?",
}


class Grafana:
    """Raises Failed for all that goes wrong. The token goes to this address only, and into no message."""

    def __init__(self, url: str, token: Secret) -> None:
        self._url = _checked(url)
        self._redact = Redactor([token.reveal(), *secrets_in_url(url), *secrets_in_environ(os.environ)])
        headers = {"authorization": f"Bearer {token.reveal()}", "user-agent": f"beastmode-otel/{VERSION}"}
        settings = options(1) | {"follow_redirects": False, "headers": headers, "timeout": _SECONDS}
        try:
            self._client = library().Client(**settings)
        except Exception as exc:  # noqa: BLE001  (it reads the variables of proxies)
            name = type(exc).__name__
            raise Failed(
                f"the HTTP client cannot be made: {name}", "look at HTTP_PROXY, HTTPS_PROXY, ALL_PROXY"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def push(self, board: Board, *, folder: str | None, overwrite: bool) -> str:
        """Save a dashboard. Where it can be looked at."""
        answer = self._save(board, folder, overwrite)
        if answer.status_code == 400 and "refresh interval" in _message(answer):
            answer = self._save(board.refreshed(_SLOW_REFRESH), folder, overwrite)
        if answer.status_code != 200:
            raise self._refused(board, answer)
        path = _body(answer).get("url")
        if not isinstance(path, str):
            raise Failed(f"{self._url} answered, but not as Grafana does", _HINTS[404])
        parts = urlsplit(self._url)  # the path that it tells has the sub-path of its own URL already
        return urljoin(f"{parts.scheme}://{parts.netloc}/", path)

    def _save(self, board: Board, folder: str | None, overwrite: bool) -> Any:
        body: dict[str, Any] = {
            "dashboard": {**board.told, "id": None},
            "overwrite": overwrite,
            "message": f"beastmode-otel {VERSION}",
        }
        if folder:
            body["folderUid"] = folder
        try:
            with unseen():
                return self._client.post(f"{self._url}/api/dashboards/db", json=body)
        except Exception as exc:  # noqa: BLE001  (whatever the client raises, it did not get there)
            name = classify(exc).category.name
            hint = _TRANSPORT_HINTS.get(name)
            told = self._redact(str(exc)) or type(exc).__name__
            cause = safe_cause(exc, self._redact)
        raise Failed(f"{self._url} cannot be reached: {name} ({told})", *([hint] if hint else [])) from cause

    def _refused(self, board: Board, answer: Any) -> Failed:
        status = answer.status_code
        if 300 <= status < 400:
            target = urlsplit(urljoin(self._url, answer.headers.get("location", "")))
            where = public_url(f"{target.scheme}://{target.netloc}{target.path}")
            return Failed(f"{self._url} sends us on to {where}", "give that address as --url, without /login")
        told = self._redact(_message(answer)) or "no reason given"
        hint = _HINTS.get(status)
        return Failed(f"{board.title}: Grafana answers {status}: {told}", *([hint] if hint else []))


def _checked(url: str) -> str:
    """Without what may follow the base address. Raises Failed."""
    try:
        parts = urlsplit(url.strip())
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        fine = fine and not parts.query and not parts.fragment and url.strip().isprintable()
        named = parts.username is not None
    except ValueError:
        fine = named = False
    if named or public_url(url) != url:
        raise Failed("the URL has a user name or a key in it", "give a service account token instead")
    if not fine:
        raise Failed(f"{shown(url)} is not the address of a Grafana", "such as http://localhost:3000")
    return url.strip().rstrip("/")


def _body(answer: Any) -> dict[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _message(answer: Any) -> str:
    """What Grafana says; else how its answer begins."""
    said = _body(answer).get("message")
    return said if isinstance(said, str) else " ".join(answer.text[:_SHOWN].split())
