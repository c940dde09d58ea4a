"""Numbers that are plain Python until somebody collects: open requests, and the sums behind most counters.

A counter.add of the SDK costs 18 µs, an addition here less than one. (`n += f()` in several threads loses updates:
hence the lock.)
"""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
import weakref
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Generic, TypeVarTuple

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from beastmode_otel import semconv
from beastmode_otel.runtime import in_child
from beastmode_otel.semconv import DOOR, Metric

if TYPE_CHECKING:
    from beastmode_otel.wire import Usage


class ActiveRequests:
    """A registry of open requests. Each step is one atomic dict operation: no lock that a fork could leave held."""

    def __init__(self) -> None:
        self._tickets = itertools.count()
        self._sweeps: list[weakref.WeakMethod[Callable[[], None]]] = []
        self._doors: set[str] = set()
        self._start_empty()
        in_child(self._start_empty)

    def _start_empty(self) -> None:
        self._open: dict[int, tuple[str, float]] = {}

    def enter(self, door: str) -> int:
        """A ticket for `leave`."""
        self._doors.add(door)
        ticket = next(self._tickets)
        self._open[ticket] = (door, time.monotonic())
        return ticket

    def leave(self, ticket: int) -> None:
        self._open.pop(ticket, None)

    def before_collect(self, sweep: Callable[[], None]) -> None:
        self._sweeps = [reference for reference in self._sweeps if reference() is not None]
        self._sweeps.append(weakref.WeakMethod(sweep))

    def observe_count(self, options: CallbackOptions) -> Iterable[Observation]:
        for reference in self._sweeps:
            sweep = reference()
            if sweep is not None:
                with contextlib.suppress(Exception):  # a collection must not fail because of one router
                    sweep()
        doors = [door for door, _ in list(self._open.values())]
        return [Observation(doors.count(door), {DOOR.key: door}) for door in sorted(self._doors)]

    def observe_oldest(self, options: CallbackOptions) -> Iterable[Observation]:
        now = time.monotonic()
        ages = dict.fromkeys(sorted(self._doors), 0.0)
        for door, since in list(self._open.values()):
            ages[door] = max(ages[door], now - since)
        return [Observation(age, {DOOR.key: door}) for door, age in ages.items()]


Number = int | float
LabelValue = str | int | None  # None: the label does not apply
Values = TypeVarTuple("Values")


class Tally(Generic[*Values]):
    """A counter's sums, or a gauge's last values, by their labels in the order of the metric's attributes."""

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self._keys = tuple(attribute.key for attribute in metric.attributes)
        self._start_empty()
        in_child(self._start_empty)  # the parent exports what it counted; a child counts its own

    def _start_empty(self) -> None:
        self._lock = threading.Lock()
        self._sums: dict[tuple[*Values], Number] = {}

    def add(self, amount: Number, *labels: *Values) -> None:
        with self._lock:
            self._sums[labels] = self._sums.get(labels, 0) + amount

    def put(self, value: Number, *labels: *Values) -> None:
        """The last value instead of a sum, for gauges."""
        with self._lock:
            self._sums[labels] = value

    def snapshot(self) -> dict[tuple[*Values], Number]:
        with self._lock:
            return dict(self._sums)

    def observe(self, options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(value, self._attributes(labels)) for labels, value in self.snapshot().items()]

    def _attributes(self, labels: tuple[*Values]) -> dict[str, str | int]:
        given: tuple[object, ...] = labels
        pairs = zip(self._keys, given, strict=True)
        return {key: value for key, value in pairs if isinstance(value, str | int)}


class Tallies:
    """A method for each tallied metric: it has the metric's name in semconv, its keywords those of the labels there.

    So a type checker sees a label that was forgotten, or put in another's place. A metric is registered by being here.
    """

    def __init__(self) -> None:
        self._requests_started = Tally[str, str, str](semconv.REQUESTS_STARTED)
        self._responses = Tally[str, str | int](semconv.RESPONSES)
        self._retries = Tally[str, str](semconv.RETRIES)
        self._fallbacks = Tally[str, str](semconv.FALLBACKS)
        self._token_count = Tally[str, str, str](semconv.TOKEN_COUNT)
        self._cost_total = Tally[str, str, str, str, str | None](semconv.COST_TOTAL)
        self._cost_unknown = Tally[str](semconv.COST_UNKNOWN)
        self._llm_calls = Tally[str](semconv.LLM_CALLS)
        self._label_requests = Tally[str, str, str](semconv.LABEL_REQUESTS)
        self._label_cost = Tally[str, str, str](semconv.LABEL_COST)
        self._cache_promotions = Tally[str](semconv.CACHE_PROMOTIONS)
        self._cache_warm_entries = Tally[str, str](semconv.CACHE_WARM_ENTRIES)
        self._cache_evictions = Tally[str, str](semconv.CACHE_EVICTIONS)
        self._cache_collapses = Tally[str](semconv.CACHE_COLLAPSES)
        self._cache_not_stored = Tally[str](semconv.CACHE_NOT_STORED)
        self._cache_invalidations = Tally[str](semconv.CACHE_INVALIDATIONS)
        self._semantic_verdicts = Tally[str, str | None](semconv.SEMANTIC_VERDICTS)
        self._cache_judgements = Tally[str, str](semconv.CACHE_JUDGEMENTS)
        self._tokens_saved = Tally[str, str](semconv.TOKENS_SAVED)
        self._telemetry_dropped = Tally[str, str](semconv.TELEMETRY_DROPPED)
        self._deployment_state = Tally[str](semconv.DEPLOYMENT_STATE)
        self._rate_limit_remaining = Tally[str, str](semconv.RATE_LIMIT_REMAINING)
        self._cache_tier_state = Tally[str](semconv.CACHE_TIER_STATE)
        self._semantic_threshold = Tally[str](semconv.SEMANTIC_THRESHOLD)
        self._all: dict[Metric, Tally[*tuple[LabelValue, ...]]] = {tally.metric: tally for tally in vars(self).values()}

    def register(self, meter: Meter) -> None:
        """Make the instruments that read them."""
        for metric, tally in self._all.items():
            make = meter.create_observable_gauge if metric.kind == "gauge" else meter.create_observable_counter
            make(metric.name, [tally.observe], metric.unit, metric.about)

    def snapshot(self, metric: Metric) -> dict[tuple[LabelValue, ...], Number]:
        """A metric's numbers by its labels, in the order of its attributes."""
        return self._all[metric].snapshot()

    # Counters.

    def requests_started(self, *, model: str, door: str, stream: str) -> None:
        self._requests_started.add(1, model, door, stream)

    def responses(self, *, deployment: str, status_code: str | int) -> None:
        self._responses.add(1, deployment, status_code)

    def retries(self, *, deployment: str, error_type: str) -> None:
        self._retries.add(1, deployment, error_type)

    def fallbacks(self, *, fallback_from: str, fallback_to: str) -> None:
        self._fallbacks.add(1, fallback_from, fallback_to)

    def token_count(self, tokens: int, *, model: str, token_type: str, token_source: str) -> None:
        self._token_count.add(tokens, model, token_type, token_source)

    def cost_total(
        self, usd: float, *, model: str, provider: str, cost_kind: str, cost_source: str, cost_reason: str | None
    ) -> None:
        """cost_reason: beside saved only."""
        self._cost_total.add(usd, model, provider, cost_kind, cost_source, cost_reason)

    def cost_unknown(self, *, model: str) -> None:
        self._cost_unknown.add(1, model)

    def llm_calls(self, *, door: str) -> None:
        self._llm_calls.add(1, door)

    def label_requests(self, *, label: str, label_value: str, outcome: str) -> None:
        self._label_requests.add(1, label, label_value, outcome)

    def label_cost(self, usd: float, *, label: str, label_value: str, cost_kind: str) -> None:
        self._label_cost.add(usd, label, label_value, cost_kind)

    def cache_warm_entries(self, count: int, *, warm_source: str, warm_result: str) -> None:
        self._cache_warm_entries.add(count, warm_source, warm_result)

    def cache_promotions(self, *, cache_tier: str) -> None:
        self._cache_promotions.add(1, cache_tier)

    def cache_evictions(self, *, cache_tier: str, eviction_reason: str) -> None:
        self._cache_evictions.add(1, cache_tier, eviction_reason)

    def cache_collapses(self, *, model: str) -> None:
        self._cache_collapses.add(1, model)

    def cache_not_stored(self, *, bypass_reason: str) -> None:
        self._cache_not_stored.add(1, bypass_reason)

    def cache_invalidations(self, entries: int, *, invalidation: str) -> None:
        self._cache_invalidations.add(entries, invalidation)

    def semantic_verdicts(self, *, match_verdict: str, guard: str | None) -> None:
        """guard: beside guard_reject only."""
        self._semantic_verdicts.add(1, match_verdict, guard)

    def cache_judgements(self, *, judgement: str, judgement_source: str) -> None:
        self._cache_judgements.add(1, judgement, judgement_source)

    def tokens_saved(self, tokens: int, *, model: str, token_type: str) -> None:
        self._tokens_saved.add(tokens, model, token_type)

    def telemetry_dropped(self, items: int, *, signal: str, reason: str) -> None:
        self._telemetry_dropped.add(items, signal, reason)

    # Gauges: the last value counts.

    def deployment_state(self, state: int, *, deployment: str) -> None:
        self._deployment_state.put(state, deployment)

    def rate_limit_remaining(self, left: float, *, deployment: str, limit_kind: str) -> None:
        self._rate_limit_remaining.put(left, deployment, limit_kind)

    def cache_tier_state(self, state: int, *, cache_tier: str) -> None:
        self._cache_tier_state.put(state, cache_tier)

    def semantic_threshold(self, similarity: float, *, match_mode: str) -> None:
        self._semantic_threshold.put(similarity, match_mode)


def token_counts(usage: Usage) -> dict[str, int]:
    """Counts above zero by `beastmode.token.type`; input includes cached_input, output includes reasoning."""
    counts = {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cached_input": usage.cached_input_tokens,
        "reasoning": usage.reasoning_tokens,
    }
    return {kind: count for kind, count in counts.items() if count}
