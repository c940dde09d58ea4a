"""Objects that arrive in pieces: the `delta` objects of OpenAI's streams, put together again.

The rules for a member that comes more than once: text is appended, except names and kinds, where the first one counts;
objects are merged; lists of objects that carry an `index` are merged item by item, other lists are appended; of
anything else the last value counts. `null` never replaces a value. Tool calls without an `index` are told apart by what
they hold (`Calls`). Mistral's `content` is a list of parts while the
model thinks and text when it answers: text goes on as a part then, and a part that goes on is not another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from beastmode_otel.wire.repeats import Growth
from beastmode_otel.wire.values import (
    index,
    is_object,
    joined,
    mapping,
    text_or_none,
)

_FIXED: Final = frozenset({"role", "type", "id", "name", "format", "status"})
_CONTENT: Final = frozenset({"content", "thinking"})  # lists of parts
_CALLS: Final = "tool_calls"
_GROWING: Final = frozenset({"text", "thinking"})  # kinds of parts
_MAX_DEPTH: Final = 8  # deltas are flat; deeper objects are taken as they are, so that no input exhausts the stack


class Draft:
    """An object that grows."""

    __slots__ = ("_depth", "_members")

    def __init__(self, depth: int = 0) -> None:
        self._members: dict[str, Any] = {}
        self._depth = depth

    def add(self, delta: Mapping[str, Any]) -> None:
        for name, value in delta.items():
            if isinstance(value, str):
                self._add_text(name, value)
            elif isinstance(value, Mapping) and self._depth < _MAX_DEPTH:
                self._member(name, Draft).add(value)
            elif isinstance(value, list) and self._depth < _MAX_DEPTH:
                self._add_list(name, value)
            elif value is not None or name not in self._members:
                self._members[name] = value

    def growth(self, delta: Mapping[str, Any]) -> list[Growth] | None:
        """The texts that `delta` would add, after one like it was added; None when it would do more."""
        found: list[Growth] = []
        for name, value in delta.items():
            inner = self._growth(name, value)
            if inner is None:
                return None
            found += inner
        return found

    def _growth(self, name: str, value: Any) -> list[Growth] | None:
        member = self._members.get(name)
        if isinstance(value, str):
            if type(member) is Text:
                return [Growth(value, member.parts)] if value else []
            return [] if name in _FIXED else None
        if isinstance(value, Mapping):
            return member.growth(value) if type(member) is Draft else None
        if isinstance(value, list):
            return member.growth(value) if isinstance(member, DraftList) else None
        return []

    def done(self) -> dict[str, Any]:
        """The object as it stands; a new one at every call."""
        return {name: _finished(member) for name, member in self._members.items()}

    def get(self, name: str) -> Any:
        return _finished(self._members.get(name))

    def _add_text(self, name: str, value: str) -> None:
        member = self._members.get(name)
        if name in _CONTENT and type(member) is DraftList:
            member.add_parts([_text_part(value)] if value else [])
        elif name not in _FIXED:
            self._member(name, Text).parts.append(value)
        elif not member:
            self._members[name] = value

    def _add_list(self, name: str, value: list[Any]) -> None:
        said = self._members.get(name)
        member = self._member(name, Calls if name == _CALLS else DraftList)
        if name not in _CONTENT:
            member.add(value)
            return
        if type(said) is Text and (text := said.done()):
            member.add_parts([_text_part(text)])
        member.add_parts(value)

    def _member(self, name: str, kind: Any) -> Any:
        member = self._members.get(name)
        if type(member) is not kind:
            member = self._members[name] = Text() if kind is Text else kind(self._depth + 1)
        return member


class DraftList:
    """A list that grows, with its indexed items merged."""

    __slots__ = ("_depth", "_indexed", "_others")

    def __init__(self, depth: int) -> None:
        self._indexed: dict[int, list[Draft]] = {}
        self._others: list[Any] = []
        self._depth = depth

    def add_parts(self, values: list[Any]) -> None:
        """Add parts of a content; the first of them may go on with the last one."""
        last = self._others[-1] if self._others else None
        if values and _goes_on(last, values[0]):
            if not isinstance(last, Draft):
                begun = self._others[-1] = Draft(self._depth + 1)
                begun.add(mapping(last))
                last = begun
            last.add(values[0])
            values = values[1:]
        self.add(values)

    def add(self, values: list[Any]) -> None:
        for value in values:
            place = index(mapping(value).get("index"))
            if place is None:
                self._others.append(value)
            else:
                self._at(place, value).add(value)

    def growth(self, values: list[Any]) -> list[Growth] | None:
        """As `Draft.growth`: of items with an index, which go on with the last of theirs."""
        found: list[Growth] = []
        for value in values:
            place = index(mapping(value).get("index"))
            drafts = [] if place is None else self._indexed.get(place, [])
            inner = drafts[-1].growth(value) if drafts else None
            if inner is None:
                return None
            found += inner
        return found

    def _at(self, place: int, value: Mapping[str, Any]) -> Draft:
        drafts = self._indexed.setdefault(place, [])
        if not drafts or _begins_another(value, drafts[-1]):
            drafts.append(Draft(self._depth + 1))
        return drafts[-1]

    def done(self) -> list[Any]:
        return [draft.done() for place in sorted(self._indexed) for draft in self._indexed[place]] + [
            _finished(other) for other in self._others
        ]


class Calls(DraftList):
    """A list of tool calls, in the order in which they began.

    A piece without an index (openai-python#2806) goes on with the call that has its id or, without an id, with the last
    one, unless it begins another: by a new id with a function's name, or by a name where the call before is complete.
    Of several such pieces in one event each goes on with the call at its place.
    """

    __slots__ = ("_began", "_by_id", "_places")

    def __init__(self, depth: int) -> None:
        super().__init__(depth)
        self._began: list[Draft] = []
        self._places: dict[int, int] = {}  # by the draft's identity
        self._by_id: dict[str, Draft] = {}

    def add(self, values: list[Any]) -> None:
        taken: set[int] = set()
        for position, value in enumerate(values):
            piece = mapping(value)
            if not piece:
                self._others.append(value)
                continue
            place = index(piece.get("index"))
            call = (
                self._unnumbered(piece, taken, None if len(values) == 1 else position)
                if place is None
                else self._numbered(piece, place)
            )
            at = self._places.setdefault(id(call), len(self._began))
            if at == len(self._began):
                self._began.append(call)
            if said := text_or_none(piece.get("id")):
                self._by_id[said] = call
            taken.add(at)
            call.add(piece)

    def _numbered(self, piece: Mapping[str, Any], place: int) -> Draft:
        if place not in self._indexed and place < len(self._began) and not _name(piece):
            self._indexed[place] = [self._began[place]]  # which began without its index
        return self._at(place, piece)

    def _unnumbered(self, piece: Mapping[str, Any], taken: set[int], position: int | None) -> Draft:
        """The call that the piece belongs to. taken: those that an earlier piece of the event went to.
        position: in an event of several."""
        began, known = self._began, self._by_id.get(text_or_none(piece.get("id")) or "")
        at = len(began) - 1 if known is None else self._places[id(known)]
        if position is not None and known is None:
            at = position if position < len(began) and not _name(piece) else -1
        if at < 0 or at in taken or _is_another(piece, began[at], same=known is not None):
            return Draft(self._depth + 1)
        return began[at]

    def done(self) -> list[Any]:
        calls = [call.done() for call in self._began]
        if all(index(call.get("index")) is not None for call in calls):
            calls.sort(key=lambda call: call["index"])
        return calls + [_finished(other) for other in self._others]


class Text:
    """A string that grows, in linear time."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: list[str] = []

    def done(self) -> str:
        return joined(self.parts)


def _begins_another(value: Mapping[str, Any], current: Draft) -> bool:
    """Gemini gives parallel tool calls the same index: a new id with a new function name is a new call.

    The name is needed too: old vLLM releases invent a new id for every piece of one call.
    """
    new, old = text_or_none(value.get("id")), current.get("id")
    return bool(new and old and new != old and text_or_none(mapping(value.get("function")).get("name")))


def _is_another(piece: Mapping[str, Any], current: Draft, *, same: bool) -> bool:
    """Whether a piece that no index places begins another call. same: they have the same id."""
    if not _name(piece):
        return False
    function = mapping(current.get("function"))
    if not text_or_none(function.get("name")):
        return False
    if not same and text_or_none(piece.get("id")) and text_or_none(current.get("id")):
        return True
    more = mapping(piece.get("function")).get("arguments")
    return _is_whole(function.get("arguments")) and not (same and isinstance(more, str) and not more.strip())


def _is_whole(arguments: Any) -> bool:
    if isinstance(arguments, str) and not arguments.rstrip().endswith("}"):
        return False  # found out without reading all of it, each time that more has come
    return is_object(arguments)


def _name(piece: Mapping[str, Any]) -> str | None:
    return text_or_none(mapping(piece.get("function")).get("name"))


def _text_part(value: str) -> dict[str, Any]:
    return {"type": "text", "text": value}


def _goes_on(last: Any, value: Any) -> bool:
    kind = last.get("type") if isinstance(last, Draft | Mapping) else None
    part = mapping(value)
    return kind == part.get("type") and kind in _GROWING and isinstance(kind, str) and "index" not in part


def _finished(member: Any) -> Any:
    return member.done() if isinstance(member, Draft | DraftList | Text) else member
