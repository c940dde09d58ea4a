"""Events that say the same as the one before but for a piece of text: nearly all of a stream, read without its JSON.

Servers write every event of a stream by the same program, so one that adds a token differs from the one before in the
bytes of one string. Where that is so, and only there, its meaning is known: the same event, with that text in it. What
differs in anything else (a time, an id, a count) is read like any other event.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

from beastmode_otel.wire.values import decode

_SPECIAL: Final = bytes(range(0x20)) + b'"\\'  # what a JSON string holds only escaped, and what escapes
PADDING: Final = "obfuscation"  # OpenAI's, of random length; it means nothing


class Growth(NamedTuple):
    """The text that an event adds, and the list of pieces that it is added to; the event does nothing else twice."""

    text: str
    pieces: list[str]


Grow = Callable[[Mapping[str, Any]], Growth | None]


class Repeat:
    """The bytes of one event before its text, between its text and its padding (if it has any), and after them."""

    __slots__ = ("_after", "_before", "_between", "_pieces")

    def __init__(self, before: bytes, between: bytes, after: bytes, pieces: list[str]) -> None:
        self._before, self._between, self._after, self._pieces = before, between, after, pieces

    def read(self, data: bytes) -> int | None:
        """Add the texts of all events in `data`: how many characters. None, and nothing added: it holds others too."""
        *events, rest = data.split(self._after)  # which ends an event, and so stands inside of none
        if rest or not events:
            return None
        before, found = self._before, []
        for event in events:
            text = self._text(event[len(before) :]) if event.startswith(before) else None
            if text is None:
                return None
            found.append(text)
        self._pieces += found
        return sum(map(len, found))

    def says(self, text: str, padding: Any, grow: Grow, read: Callable[[bytes], Any]) -> bool:
        """Whether it is the text, and no other string with the same letters, that stands where we take it to stand."""
        other, pad = f"{text}x", f"{padding}x"
        event = self._before + _utf8(other) + (self._between + _utf8(pad) if self._between else b"") + self._after
        data = read(event)
        if not isinstance(data, Mapping) or (self._between and data.get(PADDING) != pad):
            return False
        growth = grow(data)
        return growth is not None and growth.text == other and growth.pieces is self._pieces

    def _text(self, said: bytes) -> str | None:
        if self._between:
            said, between, padding = said.partition(self._between)
            if not between or _has_special(padding):
                return None
        text = said.decode("utf-8", "replace")
        if not _has_special(said):
            return text
        value = decode(f'"{text}"')
        return value if isinstance(value, str) else None


def repeat_of(event: bytes, data: Mapping[str, Any], grow: Grow, read: Callable[[bytes], Any]) -> Repeat | None:
    """How to read events like this one. None when it adds no text, or more than text, or cannot be told apart.

    event: the bytes of one event that has been added, and of nothing else. data: its JSON. read: the JSON of another.
    """
    growth, padding = grow(data), data.get(PADDING)
    if growth is None or _has_special(_utf8(growth.text)) or not event.endswith(b"\n"):
        return None
    before, quoted, after = event.rpartition(b'"%b"' % _utf8(growth.text))
    between = b""
    if quoted and isinstance(padding, str):
        between, quoted, after = after.rpartition(b'"%b"' % _utf8(padding))
        between = b'"%b"' % between
    if not quoted:
        return None
    found = Repeat(before + b'"', between, b'"' + after, growth.pieces)
    return found if found.says(growth.text, padding, grow, read) else None


def _has_special(said: bytes) -> bool:
    return len(said.translate(None, _SPECIAL)) != len(said)


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
