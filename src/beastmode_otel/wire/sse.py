"""Server-sent events, decoded as the bytes arrive (https://html.spec.whatwg.org/multipage/server-sent-events.html).

Three differences from the standard, all because of real servers: a last event without its blank line is not lost, an
error that stands in a field of its own or in no field is an event, and an event larger than the bound is replaced by a
flag, so that a broken server cannot fill the memory.
"""

from __future__ import annotations

from typing import Final

from beastmode_otel.record import record
from beastmode_otel.wire.values import decode, mapping

MAX_EVENT: Final = 8 * 1024 * 1024
DONE: Final = "[DONE]"  # no JSON: how OpenAI, and who copies it, ends a stream
_BOM: Final = b"\xef\xbb\xbf"


@record(frozen=True, slots=True, kw_only=True)
class Event:
    """One event. event: its name, "" when it has none. id: the last id seen. dropped: it was too large; no data."""

    data: str
    event: str = ""
    id: str = ""
    dropped: bool = False


class SSEDecoder:
    """Bytes in, events out. However the bytes are split, the events are the same; invalid UTF-8 becomes U+FFFD.

    Every byte is looked at a constant number of times, and at most `max_event` bytes are held. Not thread-safe.
    """

    def __init__(self, *, max_event: int = MAX_EVENT) -> None:
        self._max = max_event
        self._tail = bytearray()  # a line that has not ended
        self._tail_size = 0  # its true size, also after it was dropped
        self._first_line = True
        self._skip_lf = False  # the last byte was \r: a \n that follows belongs to it
        self._data: list[bytes] = []
        self._size = 0
        self._name = ""
        self._id = ""
        self._dropping = False

    @property
    def idle(self) -> bool:
        """Whether what comes next begins an event: nothing of one is pending."""
        return not (self._tail_size or self._data or self._name or self._dropping or self._skip_lf or self._first_line)

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        if self._skip_lf and data:
            self._skip_lf = False
            data = data[1:] if data[0] == 0x0A else data
        if not data:
            return []
        lines = data.splitlines()
        rest = b"" if data[-1] in b"\r\n" else lines.pop()
        self._skip_lf = data[-1] == 0x0D
        events: list[Event] = []
        if lines:
            lines[0] = self._whole_line(lines[0])
            for line in lines:
                self._line(line, events)
        self._hold(rest)
        return events

    def end(self) -> list[Event]:
        """What is pending at the end of the bytes: at most one event. Its last line may be incomplete."""
        events: list[Event] = []
        if self._tail_size:
            self._line(self._whole_line(b""), events)
        self._dispatch(events)
        return events

    def _hold(self, rest: bytes) -> None:
        self._tail_size += len(rest)
        if self._size + self._tail_size > self._max:
            self._drop()
        else:
            self._tail += rest

    def _whole_line(self, ending: bytes) -> bytes:
        """The pending line with its ending. A line that was dropped comes back as one that means nothing, not empty."""
        size = self._tail_size + len(ending)
        line = bytes(self._tail + ending) if self._tail else ending
        self._tail, self._tail_size = bytearray(), 0
        if self._size + size > self._max:
            self._drop()
        return b":" if self._dropping and size else line

    def _drop(self) -> None:
        self._dropping = True
        self._tail, self._data, self._size = bytearray(), [], 0

    def _line(self, line: bytes, events: list[Event]) -> None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(_BOM)
        if not line:
            self._dispatch(events)
        elif self._size + len(line) > self._max:
            self._drop()
        elif not self._dropping and not self._told_error(line, events):
            self._field(line)

    def _told_error(self, line: bytes, events: list[Event]) -> bool:
        """Whether the line is an error where no data should be: the field `error` (llama.cpp#16109), or bare JSON."""
        first = line[:1]
        if first == b"{":
            said = line
        elif first in (b"e", b"E") and line[:6].lower() == b"error:":
            said = line[6:]
        else:
            return False
        data = said.strip().decode("utf-8", "replace")
        if not data or (first == b"{" and not mapping(decode(data)).get("error")):
            return False
        events.append(Event(data=data, event="error", id=self._id))
        return True

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if name == b"data":
            self._data.append(value)
            self._size += len(line)
        elif name == b"event":
            self._name = value.decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value.decode("utf-8", "replace")

    def _dispatch(self, events: list[Event]) -> None:
        if self._dropping:
            events.append(Event(data="", event=self._name, id=self._id, dropped=True))
        elif self._data:
            data = b"\n".join(self._data).decode("utf-8", "replace")
            events.append(Event(data=data, event=self._name, id=self._id))
        self._data, self._size, self._name, self._dropping = [], 0, "", False
