"""What a provider says when it fails, and which category of ours that is.

Read: the bodies of OpenAI, Anthropic, Azure (service and gateway), vLLM (code as a number, and the flat old shape),
Ollama (native and `/v1`), FastAPI (`detail` as text and as a list), Google (a list round the error), and HTML, plain
text or nothing from proxies.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from beastmode_otel.wire.facts import ProviderError
from beastmode_otel.wire.values import decode, items, mapping, text

_MAX_MESSAGE: Final = 500
_MAX_ID: Final = 128
_HEAD: Final = 8192  # of a body that is not JSON; a message is shortened to far less
_TITLE: Final = re.compile(r"<title[^>]{0,200}>([^<]{0,500})", re.IGNORECASE)
_HTML: Final = re.compile(r"\s*<(?:!doctype|html|head|body|title)\b", re.IGNORECASE)
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
_REQUEST_ID_HEADERS: Final = (
    "x-request-id",
    "request-id",
    "apim-request-id",
    "x-ms-request-id",
    "x-amzn-requestid",
    "x-goog-request-id",
    "cf-ray",
)


def read_error(status: int, headers: Mapping[str, str], body: bytes) -> ProviderError:
    """The error in a response that is not a 2xx. Header names are lower-case. Any body is accepted."""
    found = _read(decode(body)) or ProviderError()
    return replace(
        found,
        status=status,
        message=found.message or _plain(body),
        request_id=_header_id(headers) or found.request_id,
    )


def error_in(value: Any, *, event: str = "") -> ProviderError | None:
    """The error that a 200 carries in its JSON body or in one event of its stream; None when `value` is no error.

    event: the name of the stream's event. One named `error` is an error whatever it holds.
    """
    body = mapping(value)
    if event == "error" or body.get("error") or "error" in (body.get("type"), body.get("object")):
        return _read(value) or ProviderError(message=shorten(text(value)))
    return None


def identifier(text: str | None) -> str | None:
    """`text` when it can be a provider's code or type, else None: so no prompt leaks into telemetry through it."""
    return text if isinstance(text, str) and _IDENTIFIER.fullmatch(text) else None


def shorten(message: str) -> str | None:
    """`message` on one line and within the bound; None when nothing is left."""
    line = " ".join(message[: 4 * _MAX_MESSAGE].split())
    return (line if len(line) <= _MAX_MESSAGE else line[: _MAX_MESSAGE - 1] + "…") or None


def _read(value: Any) -> ProviderError | None:
    if isinstance(value, list):
        value = next(iter(value), None)
    body = mapping(value)
    if not body:
        return None
    error = body.get("error") or next(iter(items(body.get("errors"))), None) or body
    return _described(mapping(error), body) if isinstance(error, Mapping) else _bare(error, body)


def _described(error: Mapping[str, Any], body: Mapping[str, Any]) -> ProviderError:
    inner = mapping(error.get("innererror"))
    kind = text(error.get("type")) or text(error.get("status"))  # Google's status is a name
    return ProviderError(
        type=_word(kind) if kind != "error" else None,
        code=_word(error.get("code")) or _word(error.get("statusCode")) or _word(inner.get("code")),
        param=_word(error.get("param")) or _where(error.get("detail")),
        message=shorten(next(_messages(error), "")),
        request_id=_body_id(error) or _body_id(body),
    )


def _bare(error: Any, body: Mapping[str, Any]) -> ProviderError:
    """`{"error": "text"}`, as Ollama and many small servers write it."""
    said = next(_messages(body), "")
    return ProviderError(code=_word(body.get("code")), message=shorten(text(error) or said), request_id=_body_id(body))


def _messages(error: Mapping[str, Any]) -> Iterator[str]:
    for name in ("message", "detail", "msg", "error_description", "title", "reason"):
        value = error.get(name)
        for said in items(value)[:5] or [value]:
            told = said if isinstance(said, str) else text(mapping(said).get("msg") or mapping(said).get("message"))
            if told:
                yield told


def _where(detail: Any) -> str | None:
    """FastAPI's `loc` of the first problem: ["body", "messages", 0] is body.messages.0."""
    steps = items(mapping(next(iter(items(detail)), None)).get("loc"))[:16]
    return _word(".".join(_word(step) or "?" for step in steps))


def _word(value: Any) -> str | None:
    if type(value) is int and abs(value) < 10**9:
        return str(value)
    return text(value)[:_MAX_ID] or None


def _header_id(headers: Mapping[str, str]) -> str | None:
    return next((found for name in _REQUEST_ID_HEADERS if (found := _word(headers.get(name)))), None)


def _body_id(body: Mapping[str, Any]) -> str | None:
    return _word(body.get("request_id")) or _word(body.get("requestId"))


def _plain(body: bytes) -> str | None:
    page = body[:_HEAD].decode("utf-8", "replace")
    if not _HTML.match(page):
        return shorten(page)
    title = _TITLE.search(page)
    return shorten(html.unescape(title[1]) if title else "") or "an HTML page without a title"
