"""A stored answer as the HTTP response that the provider would have given."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import timedelta
from typing import Any

from beastmode_otel.cache.entry import Entry
from beastmode_otel.instrumentation.control import HEADER
from beastmode_otel.wire import MEDIA_TYPES, LLMCall, format_named, stream_bytes, usage_inside

_HTTP = {"http_version": b"HTTP/1.1"}


def response_of(library: Any, request: Any, seen: LLMCall, entry: Entry, *, said: str, read: bool) -> Any:
    """A response of httpx or httpx2. said: our header's value. read: its body is in memory, as `send` leaves it."""
    content, kind = _body(seen, entry, unasked=_gets_usage_unasked(seen, request))
    headers = {"content-type": kind, HEADER: said, "x-request-id": entry.request_id}
    if read:
        headers["content-length"] = str(len(content))
        response = library.Response(200, headers=headers, content=content, request=request, extensions=dict(_HTTP))
    else:
        stream = library.ByteStream(content)
        response = library.Response(200, headers=headers, stream=stream, request=request, extensions=dict(_HTTP))
        if hasattr(response, "_content"):  # the library has read it at once: SDKs read it anew
            del response._content
            response.is_closed = response.is_stream_consumed = False
    with suppress(AttributeError):
        response.elapsed = timedelta()
    return response


def _gets_usage_unasked(seen: LLMCall, request: Any) -> bool:
    """Mistral's streams end with usage that nobody can ask for; its SDK has them from other hosts too."""
    return seen.provider == "mistral_ai" or request.headers.get("user-agent", "").startswith("mistral-client-")


def _body(seen: LLMCall, entry: Entry, *, unasked: bool) -> tuple[bytes, str]:
    form = format_named(entry.api)
    if not seen.stream or form.framing is None:
        return entry.body, "application/json"
    asked = seen.ask.include_usage
    chunks = form.replay(json.loads(entry.body), include_usage=asked or unasked)
    if unasked and not asked:
        chunks = usage_inside(chunks)
    return b"".join(stream_bytes(chunks, form.framing)), MEDIA_TYPES[form.framing]
