"""The cache's part in a request, once for whole answers, streams and the doors for other people's clients.

L1 → join a single flight → the slower tiers → a similar question → upstream → store → result. What differs by door
stands behind `ports.Upstream`; every rule of the cache stands here, or in the stores that are used here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from beastmode_otel.cache import ALONE, FirstTouches, FlightResult, Key, Lease, Leases, SingleFlight, Tiered, Warmer
from beastmode_otel.config.settings import ASK_FOR_CACHE, CacheSettings
from beastmode_otel.engine.cache_request import CacheRequest
from beastmode_otel.engine.ending import Ending
from beastmode_otel.engine.entries import RequestStore
from beastmode_otel.engine.ports import CacheResult, Upstream
from beastmode_otel.errors import BeastModeError, Context, RequestError, UpstreamError
from beastmode_otel.observer import CacheFacts, LookupResult, TierName
from beastmode_otel.record import record
from beastmode_otel.runtime import Runtime

if TYPE_CHECKING:
    from beastmode_otel.cache.semantic import Matcher, Similar, Sought

A = TypeVar("A")


@record(frozen=True, slots=True, kw_only=True)
class _Asked(Generic[A]):
    """One request on its way beyond L1. sought: its question, where similar ones count."""

    wanted: CacheRequest
    key: Key
    ending: Ending
    upstream: Upstream[A]
    sought: Sought | None = None


class CacheFlow:
    """Answers from the cache where it may, and fills it with what comes from upstream.

    answers: the single flight of whole answers, one for the process. The openings of streams are shared in this flow
    only, because a stream belongs to the runtime that reads it. leases: so that one asks upstream among processes, too.
    matcher: finds similar questions; None: only the very same ones count. touches: which keys were asked for so far.
    told: of which kinds of trouble the log knows already.
    """

    def __init__(
        self,
        tiered: Tiered,
        answers: SingleFlight[CacheResult],
        settings: CacheSettings,
        *,
        runtime: Runtime,
        leases: Leases | None = None,
        matcher: Matcher | None = None,
        touches: FirstTouches | None = None,
        warmer: Warmer | None = None,
        clock: Callable[[], float] = time.time,
        told: set[str] | None = None,
    ) -> None:
        self._leases, self.matcher, self.warmer = leases, matcher, warmer
        self.touches = FirstTouches() if touches is None else touches
        self.tiered, self.answers, self.runtime = tiered, answers, runtime
        self.openings: SingleFlight[CacheResult] = SingleFlight()
        self._settings, self._clock = settings, clock
        self.told: set[str] = set() if told is None else told

    def forget_flights(self) -> None:
        """After an invalidation nobody joins what was asked for before it."""
        self.answers.forget()
        self.openings.forget()

    def close(self) -> None:
        """Write what is under way to the slower tiers, and close them. Blocks. Idempotent."""
        if self.warmer is not None:
            self.warmer.close()
        if self.matcher is not None:
            self.matcher.close()
        self.tiered.close()

    async def answer(self, wanted: CacheRequest, key: Key, ending: Ending, upstream: Upstream[A]) -> A:
        """The answer as the door gives it. Raises what asking the provider raises, RequestError for a miss of `only`.

        `ending` learns what the cache did; ending the request is the door's affair.
        """
        ending.first_touch = self.touches.first(key)
        result = self._lookup_l1(wanted, key, ending, upstream)
        if result is not None:
            answer = upstream.give(result, collapsed=False)
            if answer is not None:
                return answer
        sought = None if self.matcher is None else self.matcher.seek()
        asked = _Asked(wanted=wanted, key=key, ending=ending, upstream=upstream, sought=sought)
        if result is not None:  # an entry of which the door can make no answer is none
            return await self._replace(asked)
        if wanted.use == "only":
            return await self._finish_own(asked, await self._only(asked))
        if wanted.use == "refresh":
            return await self._finish_own(asked, await self._refresh(asked))
        if upstream.flights is None:
            return await self._finish_own(asked, await self._load(asked))
        return await self._join(asked, upstream.flights)

    # L1.

    def _lookup_l1(self, wanted: CacheRequest, key: Key, ending: Ending, upstream: Upstream[A]) -> CacheResult | None:
        """A fresh entry in L1, with which the request ends; whatever L1 says is noted for that end."""
        if not wanted.reads:
            ending.cache = CacheFacts(status="miss", key=key.short)
            return None
        began = time.perf_counter()
        try:
            now = self._clock()
            entry = self.tiered.memory.get(key, now)
        except Exception as exc:  # noqa: BLE001
            ending.cache = CacheFacts(status="miss", key=key.short)
            upstream.fault("cache", exc)
            return None
        seconds = time.perf_counter() - began
        if entry is None or not entry.fresh(now) or not wanted.serves(entry, now):
            result: LookupResult = "miss" if entry is None else "stale"
            ending.cache = CacheFacts(status="miss", key=key.short, l1=(result, seconds))
            return None
        # All at once: each `replace` would cost as much as the lookup.
        ending.cache = CacheFacts(
            status="hit", tier="l1", match="exact", age=entry.age(now), key=key.short, l1=("hit", seconds)
        )
        return CacheResult(entry=entry, tier="l1")

    # One for all that ask the same at the same time.

    async def _join(self, asked: _Asked[A], flights: SingleFlight[CacheResult]) -> A:
        ending, upstream = asked.ending, asked.upstream
        while True:
            live = upstream.under_way()
            answer = None if live is None else self._finish_with(asked, live, collapsed=True)
            if answer is not None:
                return answer
            flight = await flights.join(
                asked.key.digest, self.runtime, lambda: self._load(asked), upstream.patience, detached=upstream.detached
            )
            _note_collapsed(ending, flight.collapsed)  # who waited in vain for one flight may lead the next
            if not flight.collapsed:
                return await self._finish_own(asked, result_of(flight))
            answer = None if flight.value is None else self._finish_with(asked, flight.value, collapsed=True)
            if answer is not None:
                return answer
            if upstream.missed(flight):
                _note_collapsed(ending, False)
                return await self._finish_own(asked, await self._load(asked))

    async def _load(self, asked: _Asked[A]) -> CacheResult:
        """What the leader of a flight does, and whoever goes alone."""
        began = time.monotonic()
        found, expired = await self._lookup_tiers(asked)
        if found is None:
            found = await self._lookup_similar(asked, began)
        if found is not None:
            return found
        turn = ALONE
        if self._leases is not None and not asked.wanted.no_store:  # nothing to wait for
            turn = await self._leases.turn(asked.key, asked.upstream.patience)
        if turn.waited:
            found, expired = await self._lookup_tiers(asked)
        if found is None:
            return await self._fetch_upstream(asked, expired or self._spare(asked), turn.lease)
        if turn.lease is not None:
            turn.lease.give_up()
        return found

    # The slower tiers.

    async def _only(self, asked: _Asked[A]) -> CacheResult:
        began = time.monotonic()
        found, _ = await self._lookup_tiers(asked)
        if found is None:
            found = await self._lookup_similar(asked, began)
        if found is None:
            raise not_cached(asked.key.model)
        return found

    async def _lookup_tiers(self, asked: _Asked[A]) -> tuple[CacheResult | None, CacheResult | None]:
        """A fresh entry; else an expired one that may serve if everything fails."""
        try:
            return await self._lookup(asked.wanted, asked.key, asked.ending)
        except Exception as exc:  # noqa: BLE001
            asked.upstream.fault("cache", exc)
            return None, None

    async def _lookup(
        self, wanted: CacheRequest, key: Key, ending: Ending
    ) -> tuple[CacheResult | None, CacheResult | None]:
        held = self._look_again(wanted, key, ending)
        if held is not None and not held.stale:
            return held, None
        expired = held if self._settings.stale_if_error else None
        if not self.tiered.tiers:
            return None, expired
        lookup = ending.scope.lookup(key.short)
        said: LookupResult = "error"
        tier: TierName | None = None
        try:
            found = await self.tiered.lookup_tiers(key, lookup, lambda entry: wanted.serves(entry, self._clock()))
            if found is None:
                said = "miss"
                return None, expired
            fresh = found.entry.fresh(self._clock())
            said, tier = ("hit" if fresh else "stale"), found.tier
            result = CacheResult(entry=found.entry, tier=found.tier, stale=not fresh)
            return (result, None) if fresh else (None, expired or result)
        finally:
            lookup.finish(said, tier)

    def _look_again(self, wanted: CacheRequest, key: Key, ending: Ending) -> CacheResult | None:
        """What L1 has by now: another flight may have landed between the first look and this one's start."""
        entry, now = self.tiered.lookup_l1(key), self._clock()
        if entry is None or not wanted.serves(entry, now):
            return None
        fresh = entry.fresh(now)
        if fresh and ending.cache.l1 is not None:
            ending.cache = replace(ending.cache, l1=("hit", ending.cache.l1[1]))
        return CacheResult(entry=entry, tier="l1", stale=not fresh)

    # A similar question.

    async def _lookup_similar(self, asked: _Asked[A], began: float) -> CacheResult | None:
        """The answer to a question that means the same; what came of the search is noted. began: the whole lookup, on
        the monotonic clock."""
        sought, wanted, ending = asked.sought, asked.wanted, asked.ending
        if self.matcher is None or sought is None or wanted.wording is None:
            return None
        until = self.tiered.deadline(began, self.matcher.settings.seconds)
        try:
            found = await self.matcher.find(
                sought, wanted.wording(), asked.key, ending.scope, lambda entry: wanted.serves(entry, self._clock()),
                wanted.threshold, until, may_ask=wanted.use != "only",
            )  # fmt: skip
        except Exception as exc:  # noqa: BLE001
            asked.upstream.fault("semantic match", exc)
            return None
        outcome = sought.outcome
        if outcome is not None:
            ending.cache = replace(
                ending.cache, verdict=outcome.verdict, similarity=outcome.similarity, guard=outcome.guard
            )
        return None if found is None else _similar(found)

    def _spare(self, asked: _Asked[A]) -> CacheResult | None:
        """The similar answer of a request that asks upstream only to compare: it serves where that fails."""
        sought = asked.sought
        if self.matcher is None or not self.matcher.settings.serves or sought is None or sought.would is None:
            return None
        return _similar(sought.would)

    async def _refresh(self, asked: _Asked[A]) -> CacheResult:
        """What is stored of the fresh answer is found by its question too, as what it replaces was."""
        if self.matcher is not None and asked.sought is not None and asked.wanted.wording is not None:
            until = self.tiered.deadline(time.monotonic(), self.matcher.settings.seconds)
            await self.matcher.read(asked.sought, asked.wanted.wording(), until)
        return await self._fetch_upstream(asked, None)

    # Upstream.

    async def _fetch_upstream(
        self, asked: _Asked[A], expired: CacheResult | None, lease: Lease | None = None
    ) -> CacheResult:
        if lease is None:
            return await self._fetch(asked, expired, None)
        try:
            result = await self._fetch(asked, expired, lease)
        except BaseException:
            lease.give_up()
            raise
        if result.entry is None and result.reason is None:  # a stream under way: it lands, or its request just ends
            asked.ending.after = lease.give_up
        else:
            lease.give_up()
        return result

    async def _fetch(self, asked: _Asked[A], expired: CacheResult | None, lease: Lease | None) -> CacheResult:
        upstream = asked.upstream
        store = RequestStore(
            self.tiered, self._settings, self.runtime, self._clock,
            wanted=asked.wanted, key=asked.key, ending=asked.ending, lease=lease, told=self.told,
            sought=asked.sought,
        )  # fmt: skip
        try:
            return await upstream.fetch(store, expired)
        except BeastModeError as error:
            if expired is not None and may_serve_stale(error, callers_account=upstream.callers_account):
                return expired
            raise

    async def _replace(self, asked: _Asked[A]) -> A:
        """As after a miss, without another look at what is of no use."""
        ending = asked.ending
        ending.cache = replace(ending.cache, status="miss", tier=None, match=None, age=None, matched=None)
        answer = self._finish_with(asked, await self._fetch_upstream(asked, None))
        assert answer is not None  # noqa: S101  (a door can give what it has fetched itself)
        return answer

    # The result.

    async def _finish_own(self, asked: _Asked[A], result: CacheResult) -> A:
        answer = self._finish_with(asked, result)
        return await self._replace(asked) if answer is None else answer

    def _finish_with(self, asked: _Asked[A], result: CacheResult, *, collapsed: bool = False) -> A | None:
        """The answer of this caller, and its request's facts. None: the door can make none of it, or another caller
        was content with an entry that is too old for this one."""
        ending, before = asked.ending, asked.ending.cache
        stored = result.entry if collapsed and result.tier is not None else None
        if stored is not None and not asked.wanted.serves(stored, self._clock()):
            return None
        if collapsed is not before.collapsed:
            _note_collapsed(ending, collapsed)
        if result.entry is not None and result.tier is not None:
            ending.cache = replace(
                ending.cache,
                status="stale" if result.stale else "hit",
                tier=result.tier,
                match=result.match,
                age=result.entry.age(self._clock()),
                similarity=result.similarity,
                matched=result.entry.request_id if result.match == "semantic" else None,
            )
        answer = asked.upstream.give(result, collapsed=collapsed)
        if answer is None:
            ending.cache = before
        elif self.matcher is not None and result.match == "semantic" and result.entry is not None:
            self.matcher.feedback.served(ending.request_id, asked.key, result.entry.key)
        return answer


def _similar(found: Similar) -> CacheResult:
    return CacheResult(entry=found.entry, tier=found.tier, match="semantic", similarity=found.similarity)


def result_of(flight: FlightResult[CacheResult]) -> CacheResult:
    """What a flight brought. Raises its error."""
    if flight.error is not None:
        raise flight.error
    assert flight.value is not None  # noqa: S101  (neither late nor failed)
    return flight.value


def _note_collapsed(ending: Ending, collapsed: bool) -> None:
    if collapsed is not ending.cache.collapsed:
        ending.cache = replace(ending.cache, collapsed=collapsed)


def not_cached(model_id: str, *, off: bool = False) -> RequestError:
    """What cache='only' gets for a miss, and where there is no cache at all (off)."""
    return RequestError(
        f"{model_id}: {'there is no cache' if off else 'not in the cache'}, and cache='only' asks nobody else",
        category="cache_miss",
        context=Context(model=model_id),
        hints=(f"ask for one: {ASK_FOR_CACHE}",) if off else (),
    )


_PASSING: Final = (408, 409, 425, 429)  # 4xx that the same request may not get again


def may_serve_stale(error: BeastModeError, *, callers_account: bool) -> bool:
    """Whether the way to an answer failed, so that an expired one is better than none.

    Not for a request that was refused for what it is (too long, filtered, malformed), nor, where key and address are
    the caller's own (callers_account), for a 4xx that says so (a key may have been revoked) or a redirect, which the
    client follows.
    """
    kind = error.category
    if kind.all_rest or kind.callers_own:  # no other deployment may be tried, and none refused the request
        return True
    if not isinstance(error, UpstreamError) or not kind.fallback or kind.refused:
        return False
    status = error.status_code
    return not (callers_account and status is not None and 300 <= status < 500 and status not in _PASSING)
