"""What core code tells of requests, attempts and the cache: plain values, no names of telemetry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, Literal

from beastmode_otel.errors import BeastModeError, Category
from beastmode_otel.record import record

if TYPE_CHECKING:
    from beastmode_otel.wire import Ask, Reply, Usage

OutcomeKind = Literal["ok", "error", "cancelled", "abandoned"]
CostSource = Literal["provider", "local", "approximate"]
CacheStatus = Literal["hit", "miss", "stale", "bypass", "off"]
DeploymentState = Literal["closed", "half_open", "open"]
TierName = Literal["l1", "l2", "l3"]
LookupResult = Literal["hit", "miss", "stale", "timeout", "error", "skipped"]
WriteResult = Literal["ok", "error", "queued"]
LeaseResult = Literal["acquired", "taken_over", "waited", "timeout", "error"]
WarmSource = Literal["l2", "l3", "prompts"]
WarmResult = Literal["warmed", "held", "expiring", "failed"]
WarmEnd = Literal["done", "time", "bytes", "cost", "failed", "cancelled"]
EmbedResult = Literal["ok", "error"]
Agreement = Literal["agree", "disagree"]
JudgementSource = Literal["shadow", "sample", "feedback"]
MatchVerdict = Literal[
    "served", "shadow", "below_threshold", "no_candidate", "guard_reject", "template_reject", "verifier_reject",
    "not_text", "too_long", "temperature", "unsupported_language", "timeout", "embedder_failed", "embedder_off",
]  # fmt: skip


@record(frozen=True, slots=True, kw_only=True)
class RequestFacts:
    """What is known of a request when it begins. labels: the team's own, already cut to the configured allow-list.

    one_span: a request that is one attempt and no more has that attempt's span only. operation:
    `gen_ai.operation.name`.
    """

    model: str
    door: str
    stream: bool
    one_span: bool = False
    operation: str = "chat"
    labels: Mapping[str, str] = field(default_factory=dict)


@record(frozen=True, slots=True, kw_only=True)
class AttemptFacts:
    """One try at one deployment. model: the exact name sent to the vendor. number: from 1. body: the request's JSON."""

    deployment: str
    provider: str
    operation: str
    model: str
    host: str
    port: int
    number: int
    stream: bool
    ask: Ask | None = None
    body: Mapping[str, Any] | None = None


@record(frozen=True, slots=True, kw_only=True)
class CacheFacts:
    """What the cache did for a request.

    status: hit, miss, stale, bypass or off. tier, match, age (seconds): with hit and stale only. key: short digest.
    collapsed: another caller's identical request brought the answer. reason: why it was bypassed or not stored.
    l1: what L1 said and after how many seconds, None when it was not asked.
    verdict, similarity, guard: what came of looking for a similar question, None when nobody looked; that of the best
    candidate, and the rule that refused it. matched: the request id of the entry that a semantic match was answered
    with.
    """

    status: CacheStatus = "off"
    tier: TierName | None = None
    match: Literal["exact", "semantic"] | None = None
    age: float | None = None
    key: str | None = None
    collapsed: bool = False
    reason: str | None = None
    l1: tuple[LookupResult, float] | None = None
    verdict: MatchVerdict | None = None
    similarity: float | None = None
    guard: str | None = None
    matched: str | None = None


@record(frozen=True, slots=True, kw_only=True)
class MatchOutcome:
    """How a look for a similar question ended. similarity: of the candidate that the verdict is about. guard: the rule
    that refused it. tier: where a served entry was. searched: the tier that was searched beyond what is in memory."""

    verdict: MatchVerdict
    similarity: float | None = None
    guard: str | None = None
    tier: TierName | None = None
    searched: TierName | None = None


@record(frozen=True, slots=True, kw_only=True)
class Saving:
    """What a request did not have to pay. cost: USD, None when the price is not known. tokens: those not used."""

    by: Literal["cache", "routing"]
    provider: str
    cost: float | None
    tokens: Usage | None = None


CACHE_OFF = CacheFacts()


@record(frozen=True, slots=True, kw_only=True)
class RequestOutcome:
    """How a request ended. cost: USD, None when not known. first_touch: for the first one of its key in this process,
    whether the cache had been warmed; None for all others."""

    kind: OutcomeKind
    error: BeastModeError | None = None
    route: str | None = None
    deployment: str | None = None
    attempts: int = 0
    cost: float | None = None
    cache: CacheFacts = CACHE_OFF
    saving: Saving | None = None
    first_touch: bool | None = None


@record(frozen=True, slots=True, kw_only=True)
class AttemptOutcome:
    """How an attempt ended.

    sent: whether the request reached the wire. reply: as far as it came. tokens: perhaps estimated. cost: USD for
    `tokens`; None with `tokens` given means that the price is not known. cost_source: who says so.
    """

    kind: OutcomeKind
    sent: bool = False
    status: int | None = None
    category: Category | None = None
    provider_code: str | None = None
    exception: str | None = None
    reply: Reply | None = None
    tokens: Usage | None = None
    cost: float | None = None
    cost_source: CostSource = "local"
