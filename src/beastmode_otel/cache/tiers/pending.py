"""Answers that tiers hand out, for questions that needed no waiting and for those that would have."""

from __future__ import annotations

from collections.abc import Callable

from beastmode_otel.cache.entry import Entry
from beastmode_otel.cache.ports import TierUnavailable


class Answered:
    """The answer is there already."""

    __slots__ = ("_entry",)

    def __init__(self, entry: Entry | None) -> None:
        self._entry = entry

    def ready(self, timeout: float) -> bool:
        return True

    def take(self) -> Entry | None:
        return self._entry


class Refused:
    """It is known already that there will be no answer."""

    __slots__ = ("_why",)

    def __init__(self, why: TierUnavailable) -> None:
        self._why = why

    def ready(self, timeout: float) -> bool:
        return True

    def take(self) -> Entry | None:
        raise self._why


class Later:
    """Nothing is under way until `take`, which waits: for the lane. So it is never ready, and `ready` never waits."""

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[], Entry | None]) -> None:
        self._find = find

    def ready(self, timeout: float) -> bool:
        return False

    def take(self) -> Entry | None:
        return self._find()
