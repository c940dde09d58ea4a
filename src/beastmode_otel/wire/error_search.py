"""Everything in an error's JSON that names it, says something or asks to wait, wherever somebody has put it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from beastmode_otel.wire.rate_limits import seconds_of

# Where names, words and waits stand. What was asked is told back in the last: none of it describes the error.
_NAMES: Final = re.compile(r"(?:error[_-]?)?(?:code|type|status|reason)|__type|limit_source|quotaid|title|error|name")
_WORDS: Final = re.compile(r"(?:error_?|status_?)?(?:message|msg|detail|description)|error|title|reason|raw")
_WAITS: Final = re.compile(r"retry_?(?:delay|after)(?:_?seconds)?|(retry_?after_?ms)|estimated_time")
_ECHOES: Final = re.compile(r"input|ctx|request|body|messages|prompt|loc|param|headers|links|help")
_STATUSES: Final = ("code", "status", "status_code", "statusCode")
_NAME: Final = re.compile(r"[A-Za-z0-9_.#\-]{1,128}")
# How gateways put an exception's name into the words: `litellm.RateLimitError: …`, `(ThrottlingException)`.
_SPOKEN: Final = re.compile(r"(?<!\w)[A-Z][A-Za-z]{3,60}(?:Error|Exception)(?!\w)")
_MAX_NODES: Final = 200
_MAX_DEPTH: Final = 8
_MAX_SAID: Final = 4096


class Search:
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
        self._left -= 1
        if self._left < 0 or depth > _MAX_DEPTH:
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
        for key in _STATUSES:
            given = value.get(key)
            number = int(given) if isinstance(given, str) and re.fullmatch(r"[45]\d\d", given) else given
            if type(number) is int and 400 <= number <= 599:
                self.behind = number

    def _take_wait(self, given: Any, unit: float) -> None:
        """A number, "37s", or Google's {"seconds": 37, "nanos": 0}."""
        if isinstance(given, Mapping):
            given = given.get("seconds")
        seconds = seconds_of(given)
        if seconds is not None:
            self.wait = max(self.wait or 0.0, seconds * unit)


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
