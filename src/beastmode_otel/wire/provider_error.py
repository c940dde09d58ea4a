"""What a provider says when it fails.

Read: the bodies of OpenAI, Anthropic, Azure (service and gateway), vLLM (code as a number, and the flat old shape),
Ollama (native and `/v1`), FastAPI (`detail` as text and as a list), Google (a list round the error, `details` with
reasons, quotas and waits), Cohere, OpenRouter and gateways that hand on another provider's error as a string, and HTML,
plain text or nothing from proxies.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from beastmode_otel.wire.facts import ProviderError
from beastmode_otel.wire.values import DURATION, decode, items, mapping, seconds, text

_MAX_MESSAGE: Final = 500
_MAX_TEXT: Final = 2048
_MAX_NAMES: Final = 32
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
    message = found.message or _plain(body)
    exception = _exception(headers)
    text = found.text or message or ""
    return replace(
        found,
        status=status,
        type=found.type or exception,
        message=message,
        request_id=_header_id(headers) or found.request_id,
        names=(*found.names, exception) if exception else found.names,
        text=text,
        wait=_wait_in(text) if found.wait is None else found.wait,
    )


def error_in(value: Any, *, event: str = "") -> ProviderError | None:
    """The error that a 200 carries in its JSON body or in one event of its stream; None when `value` is no error.

    event: the name of the stream's event. One named `error` is an error whatever it holds. Where nothing is called
    error, a body that holds nothing else than a code, or a failure, and words for it is one.
    """
    body = mapping(value)
    said = body.get("error")
    if (
        event == "error"
        or (said and not _is_blank(said))
        or "error" in (body.get("type"), body.get("object"))
        or (not said and not _SAID.isdisjoint(body) and _is_failure(body))
    ):
        found = _read(value)
        if found is None:
            found = ProviderError(message=shorten(text(value)), text=text(value)[:_MAX_TEXT])
        return found if found.wait is not None else replace(found, wait=_wait_in(found.text))
    return None


# What is said where nothing is called error: DashScope's code and message, FastAPI's detail, Cloudflare's list of
# errors, MiniMax's status beside the answer that it has not.
_SAID: Final = frozenset({"message", "msg", "detail", "errors", "base_resp"})
_ABOUT: Final = _SAID | {
    *("code", "status", "success", "status_code", "statusCode", "error", "error_code", "error_msg", "type", "title"),
    *("id", "request_id", "requestId", "trace_id", "traceId", "timestamp", "path", "messages", "created", "model"),
}
_FINE: Final = frozenset({"", "0", "200", "ok", "success", "succeeded", "none", "null"})


def _is_failure(body: Mapping[str, Any]) -> bool:
    if any(value for name, value in body.items() if name not in _ABOUT):
        return False  # an answer, or something else that we do not know
    base = mapping(body.get("base_resp"))
    if base:
        return not _is_fine(base.get("status_code"))
    if body.get("success") is False or items(body.get("errors")):
        return True
    if body.keys() == {"detail"}:
        return bool(text(body["detail"]) or items(body["detail"]))
    if not (text(body.get("message")) or text(body.get("msg"))):
        return False
    code = body.get("code", body.get("status_code", body.get("statusCode")))
    failed = text(body.get("status")).lower() in ("error", "fail", "failed", "failure")
    return failed or not (_is_fine(code) or (isinstance(code, str) and identifier(code) is None))


def _is_fine(code: Any) -> bool:
    return not isinstance(code, str | int) or str(code)[:16].lower() in _FINE


def _is_blank(error: Any) -> bool:
    """Whether an error says that there is none, as gateways that always write the member do."""
    if isinstance(error, Mapping):
        return all(not value or (isinstance(value, str | int) and _is_fine(value)) for value in error.values())
    return isinstance(error, str) and error.strip().lower() in _FINE


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
    error = body.get("error") or next(iter(items(body.get("errors"))), None) or mapping(body.get("base_resp")) or body
    found = _described(mapping(error), body) if isinstance(error, Mapping) else _bare(error, body)
    search = _Search()
    search.look(body)
    return replace(
        found,
        message=shorten(search.inner) if search.inner else found.message,
        names=tuple(search.names[:_MAX_NAMES]),
        text=" | ".join(search.told)[:_MAX_TEXT],
        wait=search.wait,
        behind=search.behind,
    )


def _described(error: Mapping[str, Any], body: Mapping[str, Any]) -> ProviderError:
    inner = mapping(error.get("innererror"))
    kind = text(error.get("type")) or text(error.get("status")) or text(error.get("error_type"))  # Google's; Cohere's
    return ProviderError(
        type=_word(kind) if kind != "error" else None,
        code=_word(error.get("code")) or _word(error.get("statusCode")) or _word(inner.get("code")),
        param=_word(error.get("param")) or _where(error.get("detail")),
        message=shorten(next(_messages(error), "")),
        request_id=_body_id(error) or _body_id(body),
    )


def _bare(error: Any, body: Mapping[str, Any]) -> ProviderError:
    """`{"error": "text"}`, as Ollama, TGI, xAI and many small servers write it."""
    said = next(_messages(body), "")
    return ProviderError(
        type=_word(body.get("error_type")),
        code=_word(body.get("code")),
        message=shorten(text(error) or said),
        request_id=_body_id(body),
    )


def _messages(error: Mapping[str, Any]) -> Iterator[str]:
    for name in ("message", "detail", "msg", "status_msg", "error_description", "title", "reason"):
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


def _exception(headers: Mapping[str, str]) -> str | None:
    """The name that AWS writes into a header: `ThrottlingException:http://internal.amazon.com/…`."""
    return identifier(headers.get("x-amzn-errortype", "").partition(":")[0].rpartition("#")[2].strip())


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


# Everything that names an error, says something or asks to wait, wherever somebody has put it.

# Where names, words and waits stand. What was asked is told back in the last: none of it describes the error.
_NAMES: Final = re.compile(r"(?:error[_-]?)?(?:code|type|status|reason)|__type|limit_source|quotaid|title|error|name")
_WORDS: Final = re.compile(r"(?:error_?|status_?)?(?:message|msg|detail|description)|error|title|reason|raw")
_WAITS: Final = re.compile(r"retry_?(?:delay|after)(?:_?seconds)?|(retry_?after_?ms)|estimated_time")
_ECHOES: Final = re.compile(r"input|ctx|request|body|messages|prompt|loc|param|headers|links|help")
_STATUS_KEYS: Final = ("code", "status", "status_code", "statusCode")
_NAME: Final = re.compile(r"[A-Za-z0-9_.#\-]{1,128}")
# How gateways put an exception's name into the words: `litellm.RateLimitError: …`, `(ThrottlingException)`.
_SPOKEN: Final = re.compile(r"(?<!\w)[A-Z][A-Za-z]{3,60}(?:Error|Exception)(?!\w)")
_MAX_NODES: Final = 200
_MAX_DEPTH: Final = 8
_MAX_SAID: Final = 4096
_WAIT: Final = re.compile(
    r"\b(?:try(?:ing)? (?:your request )?again|retry(?:ing)?|wait|resets?|available(?: again)?)\b"
    r"(?: your request| for| until)?"
    rf"(?: in| after| for| at least)?\s*~?\s*((?:{DURATION}(?![a-z])[,\s]*(?:and )?){{1,4}})",
    re.IGNORECASE,
)


class _Search:
    """names: codes, types, reasons, the outermost first. told: all that is said. wait: seconds.
    Of an error that stands as a string in another one: inner: what it says; behind: its status."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.told: list[str] = []
        self.wait: float | None = None
        self.behind: int | None = None
        self.inner: str | None = None
        self._left = _MAX_NODES

    def look(self, value: Any, depth: int = 0, *, inside: bool = False) -> None:
        """Take in a value. inside: it came out of a string."""
        if depth > _MAX_DEPTH:
            return
        if isinstance(value, list):
            for one in value:
                self._take("message", one, depth, inside=inside)
        elif isinstance(value, Mapping):
            if inside:
                self._take_status(value)
            for key, one in value.items():
                self._take(str(key).lower(), one, depth, inside=inside)

    def _take(self, key: str, value: Any, depth: int, *, inside: bool) -> None:
        self._left -= 1
        if self._left < 0:
            return
        if (waits := _WAITS.fullmatch(key)) is not None:
            self._take_wait(value, 0.001 if waits[1] else 1.0)
        elif isinstance(value, str):
            self._said(key, value, depth, inside=inside)
        elif type(value) is int and _NAMES.fullmatch(key):
            self.names.append(str(value)[:20])
        elif not _ECHOES.fullmatch(key):
            self.look(value, depth + 1, inside=inside)

    def _said(self, key: str, value: str, depth: int, *, inside: bool) -> None:
        if _NAMES.fullmatch(key) and _NAME.fullmatch(value):
            self.names.append(value.rpartition("#")[2])
        if not _WORDS.fullmatch(key):
            return
        value = value[:_MAX_SAID]
        found = _error_in(value)
        if found is not None:
            self.look(found, depth + 1, inside=True)
        self.told.append(value)
        self.names += _SPOKEN.findall(value)
        if inside and found is None and key != "error":
            self.inner = value

    def _take_status(self, value: Mapping[str, Any]) -> None:
        for key in _STATUS_KEYS:
            given = value.get(key)
            number = int(given) if isinstance(given, str) and re.fullmatch(r"[45]\d\d", given) else given
            if type(number) is int and 400 <= number <= 599:
                self.behind = number

    def _take_wait(self, given: Any, unit: float) -> None:
        """A number, "37s", or Google's {"seconds": 37, "nanos": 0}."""
        if isinstance(given, Mapping):
            given = given.get("seconds")
        told = seconds(given)
        if told is not None:
            self.wait = max(self.wait or 0.0, told * unit)


def _error_in(said: str) -> Any:
    """The error that is all of a string, or in it and called so; other JSON there is what somebody asked."""
    start = said.find("{")
    if start < 0:
        return None
    try:
        found = json.JSONDecoder().raw_decode(said, start)[0]
    except (ValueError, RecursionError):
        return None
    whole = not said[:start].strip(" \n[")
    return found if whole or "error" in found else None


def _wait_in(text: str) -> float | None:
    """Seconds to wait as words say it: "try again in 1m2.5s", "please wait 30 seconds", "resets in ~3s"."""
    found = _WAIT.search(text)
    return seconds(found[1]) if found else None
