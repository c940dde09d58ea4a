"""What requests with the cache on must have recorded: from the specification (design.md §3-§5), not from the code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

import pytest

from support.recorder import Recorder
from telemetry import expected
from telemetry.expected import COST, Series
from telemetry.matrix import TOKENS, Try, ok

UNCERTAIN = ("beastmode.requests.oldest", "beastmode.cache.entries", "beastmode.cache.size")
SAVED_TOKENS = (
    ("input", TOKENS["input_tokens"]),
    ("output", TOKENS["output_tokens"]),
    ("cached_input", TOKENS["cached_tokens"]),
    ("reasoning", TOKENS["reasoning_tokens"]),
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request and all that must be told of it. l1, l3: what the tiers said, None where they were not asked.

    too_old: what L3 had was fresh, but older than this call wants it: no answer.
    """

    status: str
    outcome: str = "ok"
    stream: bool = False
    tier: str | None = None
    l1: str | None = "miss"
    l3: str | None = None
    put: str | None = None
    tries: tuple[Try, ...] = ()
    saved: bool = False
    collapsed: bool = False
    too_old: bool = False
    reason: str | None = None
    category: str | None = None
    deployment: str | None = "a"
    model: str = "chat"
    key: bool = True
    cost: float | None = None
    attempts: int | None = None  # None: as many as there are tries
    beside: Mapping[str, Any] = field(default_factory=dict)  # attributes of the route's span that nothing else explains

    @property
    def looked_up(self) -> str:
        return self.l3 if self.l3 in ("hit", "stale") and not self.too_old else "miss"

    @property
    def touches_tiers(self) -> bool:
        """Whether spans of the cache stand below its own, so that an app's call needs a span of its own too."""
        return self.l3 is not None


@dataclass(frozen=True, kw_only=True)
class Door:
    """Through which door requests came. address: of the one deployment that an app's client calls, host:port."""

    name: str
    address: str = ""

    @property
    def is_router(self) -> bool:
        return self.name == "router"

    @property
    def provider(self) -> str:
        return "openai" if self.is_router else "local"

    def told(self, asked: Asked) -> Asked:
        """As this door tells it: an app's call has no route, its model is the provider's, its deployment an address."""
        if self.is_router:
            return asked
        tries = tuple(replace(one, deployment=self.address) for one in asked.tries)
        return replace(asked, model=MODEL, deployment=self.address, tries=tries)


MODEL = "gpt-4o-mini"
ROUTER = Door(name="router")


def miss(*, stream: bool = False, **more: Any) -> Asked:
    """Asked everywhere, bought and stored."""
    found = {"status": "miss", "stream": stream, "l3": "miss", "put": "ok", "tries": (ok(stream=stream),), "cost": COST}
    return Asked(**found | more)


def hit(tier: str = "l1", **more: Any) -> Asked:
    said = {"l1": "hit"} if tier == "l1" else {"l3": "hit"}
    return Asked(**{"status": "hit", "tier": tier, "saved": True, "cost": 0.0} | said | more)


def stale(tier: str = "l1", *tries: Try, **more: Any) -> Asked:
    said = {"l1": "stale", "l3": "miss"} if tier == "l1" else {"l3": "stale"}
    return Asked(**{"status": "stale", "tier": tier, "saved": True, "cost": 0.0, "tries": tries} | said | more)


def collapsed(**more: Any) -> Asked:
    """Got what another caller's identical request brought."""
    return Asked(**{"status": "miss", "collapsed": True, "saved": True, "cost": 0.0} | more)


def bypass(reason: str, *, stream: bool = False, **more: Any) -> Asked:
    found = {"status": "bypass", "reason": reason, "stream": stream, "l1": None, "key": False}
    return Asked(**found | {"tries": (ok(stream=stream),), "cost": COST} | more)


# Metrics.


def metrics(requests: Sequence[Asked], extra: Series, *, l3: bool = True, door: Door = ROUTER) -> Series:
    """Every beastmode.* series of these requests, by count or value."""
    entries: list[tuple[str, dict[str, Any], float]] = [
        ("beastmode.requests.active", {"beastmode.door": door.name}, 0),
        ("beastmode.requests.oldest", {"beastmode.door": door.name}, 0),
    ]
    if l3:
        entries.append(("beastmode.cache.tier.state", {"beastmode.cache.tier": "l3"}, 0))
    for request in requests:
        entries += _request(request, door) + _cache(request, door)
        for attempt in request.tries:
            entries += expected._attempt(attempt, {"beastmode.model": request.model}, provider=door.provider)
    found = expected.series(*entries)
    for name, values in extra.items():
        found.setdefault(name, {}).update(values)
    return found


def _request(asked: Asked, through: Door) -> list[tuple[str, dict[str, Any], float]]:
    model = {"beastmode.model": asked.model}
    door = {"beastmode.door": through.name}
    labels = model | {"beastmode.outcome": asked.outcome, "beastmode.cache.status": asked.status}
    if asked.tier is not None:
        labels |= {"beastmode.cache.tier": asked.tier, "beastmode.cache.match": "exact"}
    found = [
        ("beastmode.requests.started", model | door | {"beastmode.stream": "true" if asked.stream else "false"}, 1.0),
        ("beastmode.llm.calls", door, 1.0),
        ("beastmode.request.duration", labels, 1.0),
    ]
    if asked.category is not None:
        found.append(("beastmode.errors", model | {"error.type": asked.category}, 1.0))
    return found


def _cache(asked: Asked, door: Door) -> list[tuple[str, dict[str, Any], float]]:
    model = {"beastmode.model": asked.model}
    found: list[tuple[str, dict[str, Any], float]] = []
    for tier, said in (("l1", asked.l1), ("l3", asked.l3)):
        if said is not None:
            labels = {"beastmode.cache.tier": tier, "beastmode.cache.result": said}
            labels |= {"beastmode.cache.match": "exact"} if said in ("hit", "stale") else {}
            found.append(("beastmode.cache.lookup.duration", labels, 1))
    if asked.put is not None:
        labels = {"beastmode.cache.tier": "l3", "beastmode.cache.write.result": asked.put}
        found.append(("beastmode.cache.write.duration", labels, 1))
    if asked.l3 == "hit":
        found.append(("beastmode.cache.promotions", {"beastmode.cache.tier": "l1"}, 1))
    if asked.reason is not None:
        found.append(("beastmode.cache.not_stored", {"beastmode.cache.reason": asked.reason}, 1))
    if asked.collapsed:
        found.append(("beastmode.cache.collapsed", model, 1))
    if asked.saved:
        kind = {"beastmode.provider": door.provider, "beastmode.cost.kind": "saved", "beastmode.cost.source": "local"}
        found.append(("beastmode.cost", model | kind | {"beastmode.cost.reason": "cache"}, COST))
        for name, count in SAVED_TOKENS:
            found.append(("beastmode.tokens.saved", model | {"beastmode.token.type": name}, count))
    return found


# Spans.


def route_span(asked: Asked, door: Door = ROUTER) -> dict[str, Any]:
    """Without age, key and hint."""
    last = asked.tries[-1] if asked.tries and asked.outcome == "error" else None
    found = {
        "beastmode.model": asked.model,
        "beastmode.stream": asked.stream,
        "beastmode.outcome": asked.outcome,
        "beastmode.cache.status": asked.status,
        "beastmode.cache.tier": asked.tier,
        "beastmode.cache.match": "exact" if asked.tier else None,
        "beastmode.cache.collapsed": asked.collapsed or None,
        "beastmode.cache.reason": asked.reason,
        "beastmode.cost.saved.usd": COST if asked.saved else None,
        "beastmode.cost.usd": asked.cost,
        "beastmode.route": asked.model if door.is_router else None,
        "beastmode.deployment": asked.deployment,
        "beastmode.attempts": len(asked.tries) if asked.attempts is None else asked.attempts,
        "error.type": asked.category,
        "http.response.status_code": last and last.status,
        "beastmode.error.code": last and last.code,
        **asked.beside,
    }
    return {key: value for key, value in found.items() if value is not None}


def check_spans(asked: Asked, spans: list[Any], door: Door = ROUTER) -> None:
    """The spans of one trace: the route's, and below it what it did."""
    route, *below = spans
    attributes = dict(route.attributes)
    assert route.parent is None
    assert (attributes.pop("beastmode.cache.age", None) is not None) == (asked.tier is not None)
    assert len(attributes.pop("beastmode.cache.key", "")) == (12 if asked.key else 0)
    assert (attributes.pop("beastmode.hint", None) is not None) == (asked.outcome == "error")
    tries = list(asked.tries)
    if not door.is_router and tries and not asked.touches_tiers:
        check_one_span(asked, route, attributes, door)
        tries = []
    else:
        assert route.name == f"route {asked.model}"
        same(attributes, route_span(asked, door))
        assert route.status.status_code.name == ("ERROR" if asked.outcome == "error" else "UNSET")
    check_below(asked, route, below, tries)


def check_one_span(asked: Asked, span: Any, attributes: dict[str, Any], door: Door) -> None:
    """An app's call that asked no slower tier: its request and its one attempt are one span."""
    (attempt,) = asked.tries
    assert (span.name, span.kind.name) == (f"chat {asked.model}", "CLIENT")
    assert span.status.status_code.name == ("ERROR" if attempt.outcome == "error" else "UNSET")
    check_attempt(attributes | {"beastmode.outcome": attempt.outcome}, attempt)
    wanted = route_span(asked, door) | {"beastmode.outcome": asked.outcome}
    wanted.setdefault("error.type", attempt.category)
    wanted.setdefault("http.response.status_code", attempt.status)
    same({key: attributes.get(key) for key in wanted}, wanted)


def check_below(asked: Asked, route: Any, below: list[Any], tries: list[Try]) -> None:
    here = route.context.span_id
    wanted: list[tuple[str, str, dict[str, Any]]] = []
    if asked.l3 is not None:
        found = {"beastmode.cache.tier": "l3", "beastmode.cache.match": "exact"} if asked.looked_up != "miss" else {}
        wanted.append(("cache.lookup", "INTERNAL", {"beastmode.cache.result": asked.looked_up} | found))
        wanted.append(("cache.get l3", "CLIENT", store("beastmode.cache.result", asked.l3)))
    wanted += [(f"chat {MODEL}", "CLIENT", {}) for _ in tries]
    if asked.put is not None:
        wanted.append(("cache.put l3", "CLIENT", store("beastmode.cache.write.result", asked.put)))
    assert [(span.name, span.kind.name) for span in below] == [(name, kind) for name, kind, _ in wanted]
    attempts = iter(tries)
    for span, (name, _, about) in zip(below, wanted, strict=True):
        parent = below[0].context.span_id if name == "cache.get l3" else here
        assert span.parent.span_id == parent, name
        told = dict(span.attributes)
        if name.startswith("chat"):
            check_attempt(told, next(attempts))
            continue
        if name == "cache.lookup":
            assert told.pop("beastmode.cache.key") == route.attributes["beastmode.cache.key"]
        assert told == about, (name, told)


def check_attempt(told: dict[str, Any], attempt: Try) -> None:
    wanted = {
        "beastmode.outcome": attempt.outcome,
        "beastmode.deployment": attempt.deployment,
        "beastmode.attempt.sent": attempt.sent,
        "http.response.status_code": attempt.status,
        "error.type": attempt.category,
    }
    assert {key: told.get(key) for key in wanted} == wanted
    if attempt.tokens == "provider":
        same(
            {key: told.get(key) for key in expected.response_attributes(attempt)}, expected.response_attributes(attempt)
        )


def store(key: str, value: str) -> dict[str, Any]:
    return {"beastmode.cache.tier": "l3", "db.system.name": "sqlite", key: value}


def traces(recorder: Recorder) -> list[list[Any]]:
    """Spans by trace, each in the order of their start, the traces in that of their routes' start."""
    by_trace = sorted(recorder.spans(), key=lambda span: span.context.trace_id)
    grouped = [list(group) for _, group in groupby(by_trace, key=lambda span: span.context.trace_id)]
    for group in grouped:
        group.sort(key=lambda span: (span.parent is not None, span.start_time))
    return sorted(grouped, key=lambda group: group[0].start_time)


# All of it.


def check(
    recorder: Recorder,
    *requests: Asked,
    l3: bool = True,
    extra: Series | None = None,
    measured: Series | None = None,
    door: Door = ROUTER,
) -> None:
    """Spans, metrics and logs are those of `requests`, in the order of their start, and nothing else."""
    found = traces(recorder)
    assert len(found) == len(requests), [group[0].attributes for group in found]
    told = [door.told(asked) for asked in requests]
    for asked, spans in zip(told, found, strict=True):
        check_spans(asked, spans, door)
    check_metrics(recorder.metrics() if measured is None else measured, told, extra or {}, l3=l3, door=door)
    check_logs(recorder, told)


def check_metrics(measured: Series, requests: Sequence[Asked], extra: Series, *, l3: bool, door: Door = ROUTER) -> None:
    wanted = metrics(requests, extra, l3=l3, door=door)
    found = {name: dict(values) for name, values in measured.items() if name.startswith("beastmode.")}
    if door.is_router:
        states = {frozenset({"beastmode.deployment": name}.items()) for name in deployments(requests)}
        assert found.pop("beastmode.deployment.state").keys() >= states
    check_first_touches(found.pop("beastmode.cache.first_touch.duration", {}), requests)
    for name in UNCERTAIN:
        tiers = {dict(key).get("beastmode.cache.tier") for key in found.pop(name, {})}
        assert tiers <= {"l1", "l3", None}
        wanted.pop(name, None)
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        assert found[name] == pytest.approx(values), name
    tries = [attempt for asked in requests for attempt in asked.tries]
    assert total(measured, "gen_ai.client.operation.duration") == len(tries)
    reported = sum(attempt.tokens == "provider" for attempt in tries)
    assert total(measured, "gen_ai.client.token.usage") == 2 * reported
    assert total(measured, "gen_ai.client.operation.time_to_first_chunk") == sum(t.token_came for t in tries)


def check_first_touches(told: Mapping[Any, float], requests: Sequence[Asked]) -> None:
    """Which of them had a key of their own is not known here; exactly that is in tests/telemetry/test_warming.py."""
    touches = sum(asked.key and asked.outcome == "ok" for asked in requests)
    assert told.keys() <= {frozenset({"beastmode.cache.warmed": "false"}.items())}
    assert bool(told) <= sum(told.values()) <= touches


def deployments(requests: Sequence[Asked]) -> set[str]:
    return {attempt.deployment for asked in requests for attempt in asked.tries}


def check_logs(recorder: Recorder, requests: Sequence[Asked]) -> None:
    failed = [asked for asked in requests if asked.outcome == "error"]
    records = [dict(log.attributes) for log in recorder.logs()]
    told = sorted(
        (record["error.type"], record["beastmode.cache.status"], record["beastmode.attempts"]) for record in records
    )
    wanted = sorted(
        (asked.category or "", asked.status, len(asked.tries) if asked.attempts is None else asked.attempts)
        for asked in failed
    )
    assert told == wanted
    assert {log.event_name for log in recorder.logs()} <= {"beastmode.request.failed"}


def total(measured: Series, name: str) -> float:
    return sum(measured.get(name, {}).values())


def same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Equal, but for the last digits of a price."""
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        assert found[key] == (pytest.approx(value) if isinstance(value, float) else value), key
