"""APIs that we do not know: everything passes through, and what can be recognised is read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from beastmode_otel.wire.errors import error_in
from beastmode_otel.wire.facts import Ask, Chunk, Reply
from beastmode_otel.wire.framing import Framing
from beastmode_otel.wire.replay import as_one_event
from beastmode_otel.wire.sniff import finish_in, name_in, text_in, usage_in
from beastmode_otel.wire.unknown_stream import UnknownReader
from beastmode_otel.wire.values import count, decode, mapping, number, text_or_none


class Unknown:
    """The format of what has no format here. `parsed` means no more than that the body is JSON."""

    api = "unknown"
    operation = "unknown"
    path = ""
    framing: Framing | None = "sse"

    def read_request(self, body: Mapping[str, Any]) -> Ask:
        return Ask(
            api=self.api,
            operation=self.operation,
            model=text_or_none(body.get("model")),
            stream=body.get("stream") is True,
            include_usage=mapping(body.get("stream_options")).get("include_usage") is True,
            max_tokens=count(body.get("max_tokens")),
            temperature=number(body.get("temperature")),
            top_p=number(body.get("top_p")),
            has_tools=bool(body.get("tools")),
        )

    def read_response(self, body: bytes) -> Reply:
        value = decode(body)
        if value is None:
            return Reply(parsed=False, empty=not body)
        reason = finish_in(value)
        return Reply(
            parsed=True,
            body=value,
            model=name_in(value, "model"),
            id=name_in(value, "id"),
            text=text_in(value),
            finish_reasons=(reason,) if reason else (),
            usage=usage_in(value),
            empty=not value,
            error=error_in(value),
        )

    def reader(self) -> UnknownReader:
        return UnknownReader()

    def replay(self, body: Any, *, include_usage: bool) -> list[Chunk]:
        return as_one_event(body, Chunk(terminal=True), self.reader().feed)
