"""Warming: L1 knows what is asked for most before anybody asks, from what a slower tier holds; within a budget."""

from __future__ import annotations

import logging
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from functools import partial
from typing import Final, Literal

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.tier import Backplane, BlockingTier, Filter, InspectableTier, TierUnavailable
from beastmode_otel.cache.tiered import RecentInvalidations, Tiered
from beastmode_otel.config.settings import WarmSettings
from beastmode_otel.errors import ConfigError
from beastmode_otel.observer import Observer, WarmEnd, WarmResult, WarmSource
from beastmode_otel.record import record
from beastmode_otel.runtime import Alarms, PoolFull, WorkerPool

_alarms: Final = Alarms()
_log: Final = logging.getLogger("beastmode_otel")

Stores = Callable[[], Mapping[Literal["l2", "l3"], InspectableTier]]

LEAST_LEFT: Final = 0.1  # of its lifetime: what expires before it is asked for again was brought for nothing
TOUCH_SECONDS: Final = 300.0  # after the start, for which first touches are told
MOST_TOUCHED: Final = 10_000  # keys
HEAR_SECONDS: Final = 0.5  # after the last copy, for the news of an invalidation that had begun before it


@record(frozen=True, slots=True, kw_only=True)
class Warmed:
    """What a warming run did. source: where the answers came from; None: nowhere, as no slower tier holds any.

    entries: by result; `warmed` are those that were brought. size: their bytes. ended: `done`, or the budget that was
    used up first; `failed`: the source did not answer. spent: USD that asking models has cost.
    """

    source: WarmSource | None
    entries: Mapping[WarmResult, int]
    size: int
    seconds: float
    ended: WarmEnd
    spent: float = 0.0

    @property
    def warmed(self) -> int:
        return self.entries.get("warmed", 0)


class Warmer:
    """Brings the entries that are asked for most into L1, and their vectors into the index. Thread-safe.

    - The first tier that holds any: L3, which counts hits, else L2, where the newest count most.
    - What L1 has is left alone, unless that is older; what was invalidated meanwhile does not come back.
    - Never in a request's way: `begin` works on a thread of its own, with connections of its own.
    """

    def __init__(
        self,
        tiered: Tiered,
        stores: Stores,
        settings: WarmSettings,
        *,
        observer: Observer,
        index: Callable[[Entry], None] = lambda _: None,
        touches: FirstTouches | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """stores: opens what is looked into, for one run. index: is given each entry that was brought."""
        self._tiered, self._stores, self._settings = tiered, stores, settings
        self._observer, self._index, self._touches, self._clock = observer, index, touches, clock
        self._pool = WorkerPool("warm", size=1, backlog=1, at_exit=0.0)
        self._closed = False

    def begin(self) -> None:
        """Warm in the background: now, and again and again where `every` says so. Never waits, never raises."""
        if self._closed:
            return
        with suppress(PoolFull):  # the run before has not ended yet
            self._pool.submit(self._run)
        if self._settings.every is not None:
            again = weakref.WeakMethod(self.begin)
            _alarms.after(self._settings.every, lambda: (begin := again()) and begin())

    def _run(self) -> None:
        try:
            self.warm()
        except Exception as exc:  # noqa: BLE001  (on a thread of its own: nobody else would hear of it)
            _log.warning("the cache was not warmed: %s", type(exc).__name__)

    def warm(self, *, seconds: float | None = None, entries: int | None = None) -> Warmed:
        """Blocks, for about `seconds` at most. seconds, entries: None for what the settings say."""
        # More than there is room for would push out what is asked for most, which came first.
        memory = self._tiered.memory
        most = min(self._settings.entries if entries is None else entries, memory.max_entries)
        size = min(self._settings.max_bytes, memory.max_bytes)
        run = _Run(self._settings.seconds if seconds is None else seconds, size)
        source: WarmSource | None = None
        try:
            with ExitStack() as closes:
                stores = self._stores()
                for store in stores.values():
                    closes.enter_context(closing(store))
                source = next((name for name in stores if self._bring(name, stores[name], run, most)), None)
        except ConfigError as exc:  # a library that the tier needs is gone: the cache has said so when it was made
            run.failed = exc.message
        result = run.result(source)
        if result.ended == "failed":
            _log.warning("the cache was not warmed from its %s: %s", (source or "tiers").upper(), run.failed)
        self._observer.warmed(source, result.entries, result.size, result.seconds, result.ended)
        if self._touches is not None and result.warmed:
            self._touches.warmed = True
        return result

    def _bring(self, name: Literal["l2", "l3"], store: InspectableTier, run: _Run, most: int) -> bool:
        """Whether it had any, or failed."""
        asked, found = time.monotonic(), False
        try:
            for entry in self._scan(store, most):
                found = True
                if run.over(entry):
                    break
                result: WarmResult = "expiring" if _expires_soon(entry, self._clock()) else "held"
                if result == "held" and self._tiered.preload(entry, name, asked):
                    self._index(entry)
                    result = "warmed"
                run.count(result, entry)
        except TierUnavailable as ill:
            run.failed = ill.reason
        return found or run.failed is not None

    def _scan(self, store: InspectableTier, most: int) -> Iterator[Entry]:
        stored = store.scan_by_frequency(
            self._settings.tenant, most, half_life=self._settings.half_life, now=self._clock()
        )
        return (one.entry for one in stored if isinstance(one.entry, Entry))

    def close(self) -> None:
        """A run that is under way ends by its budget; no other begins. Idempotent."""
        self._closed = True
        self._pool.close(0.0)


def copy_up(
    store: InspectableTier,
    target: BlockingTier,
    settings: WarmSettings,
    *,
    ttl: float,
    jitter: float = 0.0,
    backplane: Backplane | None = None,
    progress: Callable[[int], None] = lambda _: None,
    clock: Callable[[], float] = time.time,
) -> Warmed:
    """A shared tier gets what a slower one (`store`, an L3) holds and is asked for most; for at most `ttl` seconds.

    backplane: what others invalidate meanwhile does not stay there. For a command: it blocks. Raises TierUnavailable
    when one of both does not answer.
    """
    heard = _Heard(target, clock)
    if backplane is not None:
        backplane.join(heard)
        backplane.listen()
    run, asked = _Run(settings.seconds, settings.max_bytes), time.monotonic()
    try:
        scan = store.scan_by_frequency(settings.tenant, settings.entries, half_life=settings.half_life, now=clock())
        for number, one in enumerate(scan, 1):
            if not isinstance(one.entry, Entry):
                continue
            if run.over(one.entry):
                break
            until = clock() + one.key.jittered(ttl, jitter)
            result = _copy(one.entry, target, until, clock())
            if result == "warmed" and heard.undone(one.entry, asked):
                result = "held"
            run.count(result, one.entry)
            progress(number)
        if backplane is not None and run.copied:
            time.sleep(HEAR_SECONDS)
    finally:
        if backplane is not None:
            backplane.leave(heard)
    if heard.trouble is not None:
        raise heard.trouble
    return run.result("l3")


def _copy(entry: Entry, target: BlockingTier, until: float, now: float) -> WarmResult:
    if _expires_soon(entry, now):
        return "expiring"
    held = target.ask(entry.key).take()
    if held is not None and held.fresh(now) and held.created_at >= entry.created_at:
        return "held"
    target.put(replace(entry, expires_at=min(entry.expires_at, until)))
    return "warmed"


class _Heard:
    """Hears what others invalidate while entries are copied, and takes it out of the target again: they may have
    removed it there before it was brought, and from where it was read after. trouble: the target did not answer."""

    def __init__(self, target: BlockingTier, clock: Callable[[], float]) -> None:
        self._target, self._clock, self._invalidations = target, clock, RecentInvalidations()
        self._copied: list[Key] = []
        self.trouble: TierUnavailable | None = None

    def hear(self, which: Filter) -> None:
        self._invalidations.add(which, time.monotonic())
        self._remove(lambda: self._target.invalidate(which, self._clock()))

    def missed(self) -> None:
        self._invalidations.cover_all(time.monotonic())
        for key in self._copied:
            self._remove(partial(self._target.delete, key))

    def _remove(self, work: Callable[[], object]) -> None:
        try:
            work()
        except TierUnavailable as ill:
            self.trouble = ill

    def undone(self, entry: Entry, asked: float) -> bool:
        """Whether what was just written was invalidated since `asked`, and is gone again. Looked at after the write, as
        an invalidation is noted before it removes. Raises TierUnavailable."""
        self._copied.append(entry.key)
        if not self._invalidations.cover(entry, asked=asked, now=self._clock()):
            return False
        self._target.delete(entry.key)
        return True


def _expires_soon(entry: Entry, now: float) -> bool:
    return entry.expires_at - now < LEAST_LEFT * (entry.expires_at - entry.created_at)


class _Run:
    """One warming run: its budget, and what came of it."""

    def __init__(self, seconds: float, max_bytes: int) -> None:
        self._began = time.monotonic()
        self._until, self._max_bytes = self._began + seconds, max_bytes
        self._entries, self._size = Counter[WarmResult](), 0
        self._ended: WarmEnd = "done"
        self.failed: str | None = None

    def over(self, entry: Entry) -> bool:
        """Whether this one is too much."""
        if time.monotonic() >= self._until:
            self._ended = "time"
        elif self._size + entry.size > self._max_bytes:
            self._ended = "bytes"
        return self._ended != "done"

    def count(self, result: WarmResult, entry: Entry) -> None:
        self._entries[result] += 1
        self._size += entry.size if result == "warmed" else 0

    @property
    def copied(self) -> bool:
        return self._entries["warmed"] > 0

    def result(self, source: WarmSource | None) -> Warmed:
        return Warmed(
            source=source, entries=dict(self._entries), size=self._size, seconds=time.monotonic() - self._began,
            ended="failed" if self.failed is not None else self._ended,
        )  # fmt: skip


class FirstTouches:
    """Which keys this process was asked for, for a while after its start: a key's first request tells what warming is
    worth. warmed: whether a run has brought anything before."""

    def __init__(self) -> None:
        self.warmed = False
        self._seen: set[bytes] | None = set()
        self._until = time.monotonic() + TOUCH_SECONDS

    def first(self, key: Key) -> bool | None:
        """None: it is not the first time, or too late to tell; else whether the cache was warmed before."""
        seen = self._seen
        if seen is None or key.digest in seen:
            return None
        if len(seen) >= MOST_TOUCHED or time.monotonic() > self._until:
            self._seen = None
            return None
        seen.add(key.digest)
        return self.warmed
