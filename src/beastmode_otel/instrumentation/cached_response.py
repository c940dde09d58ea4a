"""A stored answer as the HTTP response that the provider would have given."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Final

from beastmode_otel.cache import Entry
from beastmode_otel.instrumentation.cache_control import HEADER
from beastmode_otel.instrumentation.cache_request import gets_usage_unasked
from beastmode_otel.wire import MEDIA_TYPES, LLMCall, format_named, stream_bytes, whole_bytes

_HTTP: Final = {"http_version": b"HTTP/1.1"}
_JSON: Final = "application/json"


def response_of(
    library: Any, request: Any, seen: LLMCall, entry: Entry, *, said: str, read: bool, encoding: Any = "utf-8"
) -> Any:
    """A response of httpx or httpx2. said: our header's value. read: its body is in memory, as `send` leaves it.

    encoding: the client's `default_encoding`.
    """
    content, kind = _body(seen, entry, unasked=gets_usage_unasked(seen, request))
    headers = {"content-type": kind, HEADER: said, format_named(entry.api).request_id_header: entry.request_id}
    if kind == _JSON:
        headers["content-length"] = str(len(content))
    body = {"content": content} if read else {"stream": library.ByteStream(content)}
    response = library.Response(
        200, headers=headers, request=request, extensions=dict(_HTTP), default_encoding=encoding, **body
    )
    response.elapsed = timedelta()
    return response


def _body(seen: LLMCall, entry: Entry, *, unasked: bool) -> tuple[bytes, str]:
    form = format_named(entry.api)
    if not seen.stream or form.framing is None:
        return _text(entry.body), _JSON
    chunks = form.replay(json.loads(entry.body), include_usage=seen.ask.include_usage, unasked=unasked)
    return b"".join(stream_bytes(chunks, form.framing)), MEDIA_TYPES[form.framing]


def _text(body: bytes) -> bytes:
    """A stored body as UTF-8: half of a surrogate pair, which JSON may hold, is escaped."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return whole_bytes(json.loads(body.decode("utf-8", "surrogatepass"))) or body
    return body
