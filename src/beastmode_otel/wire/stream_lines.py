"""JSON lines, decoded as the bytes arrive; a JSON document that spans lines is one event at the end."""

from __future__ import annotations

from beastmode_otel.wire.sse import MAX_EVENT, Event
from beastmode_otel.wire.values import decode


class LineDecoder:
    """Bytes in, one event for each line that is JSON. From the first line that is none on, all lines are one document.

    documents: False for a format of JSON lines and nothing else: a line that is no JSON is an event like any other, and
    its reader's business.

    At most `max_event` bytes are held: after a longer line or document nothing more comes out but a flag at the end.
    Not thread-safe.
    """

    def __init__(self, *, documents: bool = True, max_event: int = MAX_EVENT) -> None:
        self._documents = documents
        self._max = max_event
        self._pending = bytearray()
        self._is_document = False
        self._dropped = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        events: list[Event] = []
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._hold(line + b"\n")
            if not self._is_document:
                self._line(events)
        self._hold(rest)
        return events

    def end(self) -> list[Event]:
        """The last line without its end, or the document; or that something was too large."""
        events = [] if decode(bytes(self._pending)) is None else [_event(self._pending)]
        if self._dropped:
            events = [Event(data="", dropped=True)]
        self._pending, self._dropped = bytearray(), False
        return events

    def _line(self, events: list[Event]) -> None:
        if self._pending.strip():
            if self._documents and decode(bytes(self._pending)) is None:
                self._is_document = True
                return
            events.append(_event(self._pending))
        self._pending = bytearray()

    def _hold(self, data: bytes) -> None:
        self._dropped = self._dropped or len(self._pending) + len(data) > self._max
        if self._dropped:
            self._pending = bytearray()
        else:
            self._pending += data


def _event(line: bytearray) -> Event:
    return Event(data=line.decode("utf-8-sig", "replace"))
