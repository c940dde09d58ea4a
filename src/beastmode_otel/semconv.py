"""Every span, metric, log record, attribute, unit, bucket and label bound that we emit.

Code, documentation, dashboards and tests read this file; nothing else spells a name. `beastmode.*` is ours and stable.
GenAI names stand in one table each (GENAI_*), because that convention is about to rename its metrics.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from beastmode_otel.errors import CATEGORIES

SCOPE: Final = "beastmode_otel"
SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.37.0"
OTHER: Final = "_OTHER"
SDK_SET_LIMIT: Final = 2000  # attribute sets per instrument, beyond which the SDK folds series together


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribute:
    """A key.

    bound: how many values it may take as a metric label, `_OTHER` included; None: never a metric label. setting: the
    name in the configuration's [bounds] that changes it.
    """

    key: str
    about: str
    bound: int | None = None
    values: tuple[str, ...] = ()
    setting: str | None = None


def _closed(key: str, about: str, *values: str) -> Attribute:
    return Attribute(key=key, about=about, bound=len(values), values=values)


def _open(key: str, about: str, limit: int, setting: str | None = None) -> Attribute:
    return Attribute(key=key, about=f"{about}; the first {limit}, then `_OTHER`", bound=limit + 1, setting=setting)


# Attributes that are metric labels (and stand on spans too).
MODEL: Final = _open(
    "beastmode.model", "The model id that the caller asked for, which is the route's name", 25, "models"
)
DEPLOYMENT: Final = _open("beastmode.deployment", "The deployment's name", 20, "deployments")
FALLBACK_FROM: Final = _open("beastmode.fallback.from", "The deployment that failed", 20, "deployments")
FALLBACK_TO: Final = _open("beastmode.fallback.to", "The deployment that is tried instead", 20, "deployments")
PROVIDER: Final = _open("beastmode.provider", "The vendor, as `gen_ai.provider.name` spells it", 12, "providers")
STATUS_CODE: Final = _open("http.response.status_code", "The HTTP status of the response", 60)
DOOR: Final = _closed("beastmode.door", "How the call came to us", "router", "transport", "hook", "none")
STREAM: Final = _closed("beastmode.stream", "Whether the caller reads a stream", "true", "false")
OUTCOME: Final = _closed("beastmode.outcome", "How it ended", "ok", "error", "cancelled", "abandoned")
ERROR_TYPE: Final = Attribute(
    key="error.type", about="The error's category, a closed set", bound=49, values=tuple(CATEGORIES)
)
CACHE_STATUS: Final = _closed("beastmode.cache.status", "What the cache did", "hit", "miss", "stale", "bypass", "off")
CACHE_TIER: Final = _closed("beastmode.cache.tier", "Which tier", "l1", "l2", "l3")
CACHE_MATCH: Final = _closed("beastmode.cache.match", "How the entry was found", "exact", "semantic")
LOOKUP_RESULT: Final = _closed(
    "beastmode.cache.result", "What a tier said", "hit", "miss", "stale", "timeout", "error", "skipped"
)
WRITE_RESULT: Final = _closed(
    "beastmode.cache.write.result",
    "What became of a write or delete; `queued` is made good later",
    "ok",
    "error",
    "queued",
)
LEASE_RESULT: Final = _closed(
    "beastmode.cache.lease.result",
    "What came of asking for the lease of a key; `taken_over`: from a holder that has died",
    "acquired",
    "taken_over",
    "waited",
    "timeout",
    "error",
)
WARM_SOURCE: Final = _closed(
    "beastmode.cache.warm.source",
    "Where the answers came from; `none`: no slower tier had any",
    *("l2", "l3", "prompts", "none"),
)
WARM_RESULT: Final = _closed(
    "beastmode.cache.warm.result",
    "`held`: the cache had it, or may not; `expiring`: it is about to; `failed`: a prompt was not answered",
    *("warmed", "held", "expiring", "failed"),
)
WARM_END: Final = _closed(
    "beastmode.cache.warm.ended",
    "Whether all was done, or which budget was used up first",
    *("done", "time", "bytes", "cost", "failed", "cancelled"),
)
WARMED: Final = _closed("beastmode.cache.warmed", "Whether the cache had been warmed before", "true", "false")
MATCH_VERDICT: Final = _closed(
    "beastmode.cache.semantic.verdict",
    "What came of looking for a similar question; `shadow`: it would have been served; `embedder_off`: the embedder had"
    " failed before",
    *("served", "shadow", "below_threshold", "no_candidate", "guard_reject", "template_reject", "verifier_reject"),
    *("not_text", "too_long", "temperature", "unsupported_language", "timeout", "embedder_failed", "embedder_off"),
)
GUARD: Final = _closed(
    "beastmode.cache.guard",
    "The rule that refused the candidate; only beside `guard_reject`",
    *("numbers", "negation", "opposites", "quotes", "identifiers", "names", "units", "languages", "times"),
    *("word_order", "question_word", "prefixes", "conjunct"),
)
EMBED_RESULT: Final = _closed("beastmode.cache.embed.result", "Whether the embedder answered", "ok", "error")
MATCH_MODE: Final = _closed(
    "beastmode.cache.mode", "Whether a similar answer is served, or only told", "semantic", "shadow"
)
JUDGEMENT: Final = _closed(
    "beastmode.cache.judgement", "Whether the entry of a match was a right answer", "agree", "disagree"
)
JUDGEMENT_SOURCE: Final = _closed(
    "beastmode.cache.judgement.source",
    "Who says so: `shadow` and `sample`, the provider's fresh answer; `feedback`, report_false_hit()",
    "shadow",
    "sample",
    "feedback",
)
EVICTION_REASON: Final = _closed(
    "beastmode.cache.eviction.reason", "Why an entry left", "size", "expired", "rejected", "replaced", "invalidated"
)
INVALIDATION: Final = _closed(
    "beastmode.cache.invalidation.by", "By what", "key", "request_id", "model", "tag", "scope", "age", "tenant"
)
TOKEN_TYPE: Final = _closed(
    "beastmode.token.type",
    "`input` includes `cached_input`, `output` includes `reasoning`; do not add the parts to their whole",
    "input",
    "output",
    "cached_input",
    "reasoning",
)
TOKEN_SOURCE: Final = _closed("beastmode.token.source", "Who counted", "provider", "estimated")
LIMIT_KIND: Final = _closed(
    "beastmode.rate_limit.kind", "Which limit", "requests", "tokens", "input_tokens", "output_tokens"
)
COST_KIND: Final = _closed("beastmode.cost.kind", "Money that left, or that did not have to", "spent", "saved")
COST_SOURCE: Final = _closed(
    "beastmode.cost.source",
    "Who priced it: `provider` told the cost, `local` is the price list, `approximate` the price list where it does not"
    " know a service tier or the like; on spans absent for `local`",
    "provider",
    "local",
    "approximate",
)
COST_REASON: Final = _closed("beastmode.cost.reason", "Why it was saved", "cache", "routing")
SIGNAL: Final = _closed("beastmode.signal", "Which signal", "trace", "metric", "log", "all")
REASON: Final = _closed("beastmode.reason", "Why", "observer_fault", "export_failed")
BYPASS_REASON: Final = _closed(
    "beastmode.cache.reason",
    "Why the cache was not asked, or the answer not stored; absent when it was",
    *("off", "unknown_api", "stateful", "no_store", "caller_no_store", "not_canonical", "unreadable"),
    *("ttl", "error", "not_parsed", "refused", "filtered", "truncated", "unfinished", "broken_call", "empty"),
    *("too_large", "other_model", "invalidated"),
)
WARM_COUNT: Final = Attribute(key="beastmode.cache.warm.count", about="Entries that a warming run brought")
WARM_SIZE: Final = Attribute(key="beastmode.cache.warm.size", about="Their bytes")
CACHE_AGE: Final = Attribute(key="beastmode.cache.age", about="Age of the served entry in seconds")
CACHE_KEY: Final = Attribute(key="beastmode.cache.key", about="The first 12 hex digits of the key's digest")
CACHE_COLLAPSED: Final = Attribute(
    key="beastmode.cache.collapsed", about="true when another caller's identical request brought the answer"
)
SIMILARITY: Final = Attribute(
    key="beastmode.cache.similarity", about="The cosine of the best candidate's question and this one's"
)
SEARCHED: Final = Attribute(
    key="beastmode.cache.semantic.searched",
    about="The tier that was searched too, as the scope is larger than what is in memory",
)
MATCHED: Final = Attribute(
    key="beastmode.cache.matched", about="The request id of the entry that a semantic match was answered with"
)
SAVED: Final = Attribute(key="beastmode.cost.saved.usd", about="What the request did not have to cost, in USD")
DB_SYSTEM: Final = Attribute(key="db.system.name", about="The store behind a tier: sqlite, redis, postgresql")
LABEL: Final = Attribute(key="beastmode.label", about="One of the team's own labels (configuration)", bound=8)
LABEL_VALUE: Final = _open("beastmode.label.value", "That label's value", 50)

# Attributes of spans and log records only.
ROUTE: Final = Attribute(key="beastmode.route", about="The route that served it: a configured one, or `openai:*`")
ATTEMPTS: Final = Attribute(key="beastmode.attempts", about="How many attempts were made")
ATTEMPT: Final = Attribute(key="beastmode.attempt", about="The attempt's number, from 1")
ATTEMPT_SENT: Final = Attribute(
    key="beastmode.attempt.sent", about="Whether the request reached the wire (not with DNS, refused, TLS failures)"
)
COST: Final = Attribute(key="beastmode.cost.usd", about="What it cost in USD; absent when the price is not known")
ESTIMATED: Final = Attribute(key="beastmode.usage.estimated", about="true when we estimated the tokens")
PROVIDER_CODE: Final = Attribute(
    key="beastmode.error.code", about="The provider's own error code, only when it is a plain identifier"
)
PROVIDER_REQUEST: Final = Attribute(key="beastmode.error.request_id", about="The provider's id of the failed call")
ENDPOINT: Final = Attribute(key="beastmode.endpoint", about="Scheme, host, port and path; never a query")
HINT: Final = Attribute(key="beastmode.hint", about="What to do about the error")
EXCEPTION_TYPE: Final = Attribute(key="exception.type", about="The class of the original exception")
EXCEPTION_MESSAGE: Final = Attribute(
    key="exception.message",
    about="The original text, without secrets; only when content capture is on, because providers quote prompts",
)
LABEL_PREFIX: Final = "beastmode.label."


Bound = Callable[[Attribute], int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """An instrument. count: how many attribute sets it can have, when that is less than the product of the bounds."""

    name: str
    kind: Literal["counter", "updown", "gauge", "histogram"]
    unit: str
    about: str
    attributes: tuple[Attribute, ...] = ()
    buckets: tuple[float, ...] = ()
    count: Callable[[Bound], int] | None = None

    @property
    def sets(self) -> int:
        """The most attribute sets it can have with the default bounds."""
        return self.sets_within({})

    def sets_within(self, limits: Mapping[str, int]) -> int:
        """The most attribute sets it can have; limits: values admitted before `_OTHER`, by the name of the setting."""

        def bound(attribute: Attribute) -> int:
            limit = limits.get(attribute.setting or "")
            return (attribute.bound or 0) if limit is None else limit + 1

        return self.count(bound) if self.count else math.prod(map(bound, self.attributes))


SECONDS: Final = (
    0.01,
    0.02,
    0.04,
    0.08,
    0.16,
    0.32,
    0.64,
    1.28,
    2.56,
    5.12,
    10.24,
    20.48,
    40.96,
    81.92,
    163.84,
    327.68,
    655.36,
)
FAST_SECONDS: Final = (
    1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2, 5e-2, 0.1, 0.25, 0.5, 1.0, 2.5,
)  # fmt: skip
# Close to 1 the steps are narrow: there the thresholds are.
SIMILARITIES: Final = (
    0.3, 0.5, 0.6, 0.7, 0.75, 0.8, 0.82, 0.84, 0.86, 0.88, 0.9, 0.91, 0.92, 0.93, 0.94, 0.95, 0.96, 0.97, 0.98, 0.99,
)  # fmt: skip
REQUEST_SECONDS: Final = (0.00025, 0.0005, 0.001, 0.0025, 0.005, *SECONDS)  # a cache hit is a request too
TOKENS: Final = tuple(float(4**power) for power in range(14))

REQUESTS_STARTED: Final = Metric(
    name="beastmode.requests.started",
    kind="counter",
    unit="{request}",
    about="Requests that came in.",
    attributes=(MODEL, DOOR, STREAM),
)
REQUEST_DURATION: Final = Metric(
    name="beastmode.request.duration",
    kind="histogram",
    unit="s",
    about="From the call to the answer, the error or the end of the stream; its count is that of ended requests.",
    attributes=(MODEL, OUTCOME, CACHE_STATUS, CACHE_TIER, CACHE_MATCH),
    buckets=REQUEST_SECONDS,
    # tier and match stand only beside hit and stale
    count=lambda bound: (
        bound(MODEL) * bound(OUTCOME) * (bound(CACHE_STATUS) - 2 + 2 * bound(CACHE_TIER) * bound(CACHE_MATCH))
    ),
)
ERRORS: Final = Metric(
    name="beastmode.errors",
    kind="counter",
    unit="{request}",
    about="Requests that ended with an error. Cancelled and abandoned requests are not errors.",
    attributes=(MODEL, ERROR_TYPE),
)
REQUESTS_ACTIVE: Final = Metric(
    name="beastmode.requests.active",
    kind="updown",
    unit="{request}",
    about="Requests that have not ended.",
    attributes=(DOOR,),
)
REQUESTS_OLDEST: Final = Metric(
    name="beastmode.requests.oldest",
    kind="gauge",
    unit="s",
    about="Age of the oldest request that has not ended, 0 without one; it grows without end when one is lost.",
    attributes=(DOOR,),
)
ATTEMPT_DURATION: Final = Metric(
    name="beastmode.attempt.duration",
    kind="histogram",
    unit="s",
    about="One try at one deployment. `error.type` only where the outcome is error.",
    attributes=(DEPLOYMENT, OUTCOME, ERROR_TYPE),
    buckets=SECONDS,
    count=lambda bound: bound(DEPLOYMENT) * (bound(OUTCOME) - 1 + bound(ERROR_TYPE)),
)
RESPONSES: Final = Metric(
    name="beastmode.responses",
    kind="counter",
    unit="{response}",
    about="Responses whose head arrived, by status.",
    attributes=(DEPLOYMENT, STATUS_CODE),
)
TIME_TO_FIRST_TOKEN: Final = Metric(
    name="beastmode.time_to_first_token",
    kind="histogram",
    unit="s",
    about="From the start of the attempt to the first generated content of its stream.",
    attributes=(MODEL, DEPLOYMENT),
    buckets=SECONDS,
)
RETRIES: Final = Metric(
    name="beastmode.retries",
    kind="counter",
    unit="{attempt}",
    about="Attempts at the same deployment as the one before, by what made them necessary.",
    attributes=(DEPLOYMENT, ERROR_TYPE),
)
FALLBACKS: Final = Metric(
    name="beastmode.fallbacks",
    kind="counter",
    unit="{request}",
    about="Requests that went on to another deployment.",
    attributes=(FALLBACK_FROM, FALLBACK_TO),
)
DEPLOYMENT_STATE: Final = Metric(
    name="beastmode.deployment.state",
    kind="gauge",
    unit="{state}",
    about="The deployment's breaker: 0 closed, 1 half-open, 2 open.",
    attributes=(DEPLOYMENT,),
)
RATE_LIMIT_REMAINING: Final = Metric(
    name="beastmode.rate_limit.remaining",
    kind="gauge",
    unit="{unit}",
    about="What the provider said last is left of its rate limit.",
    attributes=(DEPLOYMENT, LIMIT_KIND),
)
TOKEN_COUNT: Final = Metric(
    name="beastmode.tokens",
    kind="counter",
    unit="{token}",
    about="Tokens used by upstream attempts.",
    attributes=(MODEL, TOKEN_TYPE, TOKEN_SOURCE),
)
COST_TOTAL: Final = Metric(
    name="beastmode.cost",
    kind="counter",
    unit="{USD}",
    about="Money. Only calls whose price is known; see beastmode.cost.unknown.",
    attributes=(MODEL, PROVIDER, COST_KIND, COST_SOURCE, COST_REASON),
    # a reason stands only beside saved, which we price ourselves
    count=lambda bound: bound(MODEL) * bound(PROVIDER) * (bound(COST_SOURCE) + bound(COST_REASON)),
)
COST_UNKNOWN: Final = Metric(
    name="beastmode.cost.unknown",
    kind="counter",
    unit="{request}",
    about="Attempts that used tokens of a model whose price is not known. They are not free.",
    attributes=(MODEL,),
)
LLM_CALLS: Final = Metric(
    name="beastmode.llm.calls",
    kind="counter",
    unit="{call}",
    about="LLM calls seen, by the door that manages them; `none`: seen, not managed.",
    attributes=(DOOR,),
)
LABEL_REQUESTS: Final = Metric(
    name="beastmode.label.requests",
    kind="counter",
    unit="{request}",
    about="Ended requests by the team's own labels.",
    attributes=(LABEL, LABEL_VALUE, OUTCOME),
)
LABEL_COST: Final = Metric(
    name="beastmode.label.cost",
    kind="counter",
    unit="{USD}",
    about="Money by the team's own labels.",
    attributes=(LABEL, LABEL_VALUE, COST_KIND),
)
CACHE_LOOKUP_DURATION: Final = Metric(
    name="beastmode.cache.lookup.duration",
    kind="histogram",
    unit="s",
    about="One question to one tier; match only where an entry was found.",
    attributes=(CACHE_TIER, LOOKUP_RESULT, CACHE_MATCH),
    buckets=FAST_SECONDS,
)
CACHE_WRITE_DURATION: Final = Metric(
    name="beastmode.cache.write.duration",
    kind="histogram",
    unit="s",
    about="One write or delete in one of the slower tiers, mostly in the background.",
    attributes=(CACHE_TIER, WRITE_RESULT),
    buckets=FAST_SECONDS,
)
CACHE_LEASE_WAIT: Final = Metric(
    name="beastmode.cache.lease.wait",
    kind="histogram",
    unit="s",
    about="Until a request that may ask upstream knew whether another process does (`cache.lease`).",
    attributes=(CACHE_TIER, LEASE_RESULT),
    buckets=FAST_SECONDS,
)
CACHE_WARM_ENTRIES: Final = Metric(
    name="beastmode.cache.warm.entries",
    kind="counter",
    unit="{entry}",
    about="Entries that warming looked at, or prompts that it asked, by what came of them.",
    attributes=(WARM_SOURCE, WARM_RESULT),
)
CACHE_WARM_DURATION: Final = Metric(
    name="beastmode.cache.warm.duration",
    kind="histogram",
    unit="s",
    about="Of a warming run.",
    attributes=(WARM_SOURCE, WARM_END),
    buckets=SECONDS,
)
CACHE_FIRST_TOUCH: Final = Metric(
    name="beastmode.cache.first_touch.duration",
    kind="histogram",
    unit="s",
    about="The first request of each key that a process was asked for in the first minutes of its life.",
    attributes=(WARMED,),
    buckets=REQUEST_SECONDS,
)
CACHE_SIMILARITY: Final = Metric(
    name="beastmode.cache.similarity",
    kind="histogram",
    unit="1",
    about="Of the candidate that the verdict is about, where there was one.",
    attributes=(MATCH_VERDICT,),
    buckets=SIMILARITIES,
)
SEMANTIC_VERDICTS: Final = Metric(
    name="beastmode.cache.semantic.verdicts",
    kind="counter",
    unit="{request}",
    about="Requests for which a similar question was looked for, by what came of it.",
    attributes=(MATCH_VERDICT, GUARD),
    count=lambda bound: bound(MATCH_VERDICT) - 1 + bound(GUARD),  # a rule stands only beside guard_reject
)
SEMANTIC_THRESHOLD: Final = Metric(
    name="beastmode.cache.semantic.threshold",
    kind="gauge",
    unit="1",
    about="The similarity that makes a match where no route says another.",
    attributes=(MATCH_MODE,),
)
EMBED_DURATION: Final = Metric(
    name="beastmode.cache.embed.duration",
    kind="histogram",
    unit="s",
    about="One question to the embedder, off the request's thread.",
    attributes=(EMBED_RESULT,),
    buckets=FAST_SECONDS,
)
CACHE_JUDGEMENTS: Final = Metric(
    name="beastmode.cache.judgements",
    kind="counter",
    unit="{judgement}",
    about="Semantic matches of which it became known whether they were right.",
    attributes=(JUDGEMENT, JUDGEMENT_SOURCE),
)
CACHE_PROMOTIONS: Final = Metric(
    name="beastmode.cache.promotions",
    kind="counter",
    unit="{entry}",
    about="Entries copied up into this tier because a slower one had them.",
    attributes=(CACHE_TIER,),
)
CACHE_EVICTIONS: Final = Metric(
    name="beastmode.cache.evictions",
    kind="counter",
    unit="{entry}",
    about="Entries that left this tier.",
    attributes=(CACHE_TIER, EVICTION_REASON),
)
CACHE_COLLAPSES: Final = Metric(
    name="beastmode.cache.collapsed",
    kind="counter",
    unit="{request}",
    about="Requests that another caller's identical request answered; they are misses, but cost nothing.",
    attributes=(MODEL,),
)
CACHE_NOT_STORED: Final = Metric(
    name="beastmode.cache.not_stored",
    kind="counter",
    unit="{request}",
    about="Requests that passed the cache by, or whose answer was not stored, by why.",
    attributes=(BYPASS_REASON,),
)
CACHE_INVALIDATIONS: Final = Metric(
    name="beastmode.cache.invalidations",
    kind="counter",
    unit="{entry}",
    about="Entries removed by invalidate().",
    attributes=(INVALIDATION,),
)
CACHE_ENTRIES: Final = Metric(
    name="beastmode.cache.entries", kind="gauge", unit="{entry}", about="Entries in the tier.", attributes=(CACHE_TIER,)
)
CACHE_SIZE: Final = Metric(
    name="beastmode.cache.size", kind="gauge", unit="By", about="Size of the tier.", attributes=(CACHE_TIER,)
)
CACHE_TIER_STATE: Final = Metric(
    name="beastmode.cache.tier.state",
    kind="gauge",
    unit="{state}",
    about="The tier's breaker: 0 closed, 1 half-open, 2 open.",
    attributes=(CACHE_TIER,),
)
TOKENS_SAVED: Final = Metric(
    name="beastmode.tokens.saved",
    kind="counter",
    unit="{token}",
    about="Tokens that hits and collapsed requests did not use.",
    attributes=(MODEL, TOKEN_TYPE),
)
TELEMETRY_DROPPED: Final = Metric(
    name="beastmode.telemetry.dropped",
    kind="counter",
    unit="{item}",
    about="Telemetry that was lost: by a fault on its way to the SDK, or because its export was given up.",
    attributes=(SIGNAL, REASON),
)

METRICS: Final = (
    REQUESTS_STARTED,
    REQUEST_DURATION,
    ERRORS,
    REQUESTS_ACTIVE,
    REQUESTS_OLDEST,
    ATTEMPT_DURATION,
    RESPONSES,
    TIME_TO_FIRST_TOKEN,
    RETRIES,
    FALLBACKS,
    DEPLOYMENT_STATE,
    RATE_LIMIT_REMAINING,
    TOKEN_COUNT,
    COST_TOTAL,
    COST_UNKNOWN,
    LLM_CALLS,
    LABEL_REQUESTS,
    LABEL_COST,
    CACHE_LOOKUP_DURATION,
    CACHE_WRITE_DURATION,
    CACHE_LEASE_WAIT,
    CACHE_WARM_ENTRIES,
    CACHE_WARM_DURATION,
    CACHE_FIRST_TOUCH,
    CACHE_SIMILARITY,
    SEMANTIC_VERDICTS,
    SEMANTIC_THRESHOLD,
    EMBED_DURATION,
    CACHE_JUDGEMENTS,
    CACHE_PROMOTIONS,
    CACHE_EVICTIONS,
    CACHE_COLLAPSES,
    CACHE_NOT_STORED,
    CACHE_INVALIDATIONS,
    CACHE_ENTRIES,
    CACHE_SIZE,
    CACHE_TIER_STATE,
    TOKENS_SAVED,
    TELEMETRY_DROPPED,
)


# The GenAI convention, one table: what it calls things today. A rename gets a second column here and nowhere else.
GENAI_OPERATION: Final = "gen_ai.operation.name"
GENAI_PROVIDER: Final = "gen_ai.provider.name"
GENAI_REQUEST_MODEL: Final = "gen_ai.request.model"
GENAI_RESPONSE_MODEL: Final = "gen_ai.response.model"
GENAI_RESPONSE_ID: Final = "gen_ai.response.id"
GENAI_FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
GENAI_INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
GENAI_OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
GENAI_CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
GENAI_CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_creation.input_tokens"
GENAI_REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
GENAI_TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105  (not a secret)
GENAI_INPUT_MESSAGES: Final = "gen_ai.input.messages"
GENAI_OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
GENAI_SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
GENAI_DETAILS_EVENT: Final = "gen_ai.client.inference.operation.details"
SERVER_ADDRESS: Final = "server.address"
SERVER_PORT: Final = "server.port"
# gen_ai.request.*: attribute by the name of the field of wire.Ask.
GENAI_REQUEST: Final = {
    "max_tokens": "gen_ai.request.max_tokens",
    "temperature": "gen_ai.request.temperature",
    "top_p": "gen_ai.request.top_p",
    "top_k": "gen_ai.request.top_k",
    "seed": "gen_ai.request.seed",
    "stop_sequences": "gen_ai.request.stop_sequences",
    "frequency_penalty": "gen_ai.request.frequency_penalty",
    "presence_penalty": "gen_ai.request.presence_penalty",
    "choice_count": "gen_ai.request.choice.count",
    "output_type": "gen_ai.output.type",
    "encoding_formats": "gen_ai.request.encoding_formats",
    "dimensions": "gen_ai.embeddings.dimension.count",
}
GENAI_SET_LIMIT: Final = 1500

GENAI_DURATION: Final = Metric(
    name="gen_ai.client.operation.duration",
    kind="histogram",
    unit="s",
    about="GenAI convention: one upstream attempt. A cache hit is never here.",
    buckets=SECONDS,
)
GENAI_TOKEN_USAGE: Final = Metric(
    name="gen_ai.client.token.usage",
    kind="histogram",
    unit="{token}",
    about="GenAI convention: input and output tokens of one upstream attempt, as the provider counted them.",
    buckets=TOKENS,
)
GENAI_FIRST_CHUNK: Final = Metric(
    name="gen_ai.client.operation.time_to_first_chunk",
    kind="histogram",
    unit="s",
    about="GenAI convention: from the start of the attempt to the first content of its stream.",
    buckets=SECONDS,
)
GENAI_PER_CHUNK: Final = Metric(
    name="gen_ai.client.operation.time_per_output_chunk",
    kind="histogram",
    unit="s",
    about="GenAI convention: between two chunks with content. Only with BEASTMODE_CHUNK_METRICS=1: it costs.",
    buckets=SECONDS,
)
GENAI_METRICS: Final = (GENAI_DURATION, GENAI_TOKEN_USAGE, GENAI_FIRST_CHUNK, GENAI_PER_CHUNK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span. name: how it is put together."""

    name: str
    kind: Literal["INTERNAL", "CLIENT"]
    when: str
    attributes: tuple[str, ...]


ROUTE_SPAN: Final = Span(
    name="route {model}",
    kind="INTERNAL",
    when="each request of a router",
    attributes=tuple(
        attribute.key
        for attribute in (
            MODEL,
            STREAM,
            OUTCOME,
            CACHE_STATUS,
            CACHE_TIER,
            CACHE_MATCH,
            SIMILARITY,
            MATCHED,
            MATCH_VERDICT,
            GUARD,
            CACHE_AGE,
            CACHE_KEY,
            CACHE_COLLAPSED,
            BYPASS_REASON,
            ROUTE,
            DEPLOYMENT,
            ATTEMPTS,
            COST,
            SAVED,
            ERROR_TYPE,
            HINT,
            PROVIDER_CODE,
            STATUS_CODE,
        )
    ),
)
ATTEMPT_SPAN: Final = Span(
    name="{operation} {model}",
    kind="CLIENT",
    when="each upstream attempt",
    attributes=(
        GENAI_OPERATION, GENAI_PROVIDER, GENAI_REQUEST_MODEL, *GENAI_REQUEST.values(), GENAI_RESPONSE_MODEL,
        GENAI_RESPONSE_ID, GENAI_FINISH_REASONS, GENAI_INPUT_TOKENS, GENAI_OUTPUT_TOKENS, GENAI_CACHE_READ_TOKENS,
        GENAI_CACHE_WRITE_TOKENS,
        GENAI_REASONING_TOKENS, SERVER_ADDRESS, SERVER_PORT, ATTEMPT.key, ATTEMPT_SENT.key, DEPLOYMENT.key, MODEL.key,
        OUTCOME.key, STATUS_CODE.key, ERROR_TYPE.key, PROVIDER_CODE.key, EXCEPTION_TYPE.key, COST.key, COST_SOURCE.key,
        ESTIMATED.key,
    ),
)  # fmt: skip
INNER_ATTEMPT_SPAN: Final = Span(
    name="attempt {deployment}",
    kind="CLIENT",
    when="each upstream attempt inside another's GenAI span for the same call",
    attributes=(
        SERVER_ADDRESS, SERVER_PORT, ATTEMPT.key, ATTEMPT_SENT.key, DEPLOYMENT.key, MODEL.key, OUTCOME.key,
        STATUS_CODE.key, ERROR_TYPE.key, PROVIDER_CODE.key, EXCEPTION_TYPE.key, COST.key, COST_SOURCE.key,
        ESTIMATED.key,
    ),
)  # fmt: skip
LOOKUP_SPAN: Final = Span(
    name="cache.lookup",
    kind="INTERNAL",
    when="a request whose lookup leaves L1; an L1 hit is the route span with its attributes",
    attributes=(CACHE_KEY.key, CACHE_TIER.key, LOOKUP_RESULT.key, CACHE_MATCH.key),
)
MATCH_SPAN: Final = Span(
    name="cache.match",
    kind="INTERNAL",
    when="a similar question is looked for, after every tier was asked for the very same one",
    attributes=(CACHE_KEY.key, MATCH_VERDICT.key, SIMILARITY.key, GUARD.key, SEARCHED.key, CACHE_TIER.key),
)
GET_SPAN: Final = Span(
    name="cache.get {tier}",
    kind="CLIENT",
    when="each question to a slower tier",
    attributes=(CACHE_TIER.key, DB_SYSTEM.key, SERVER_ADDRESS, SERVER_PORT, LOOKUP_RESULT.key),
)
PUT_SPAN: Final = Span(
    name="cache.put {tier}",
    kind="CLIENT",
    when="each write or delete in a slower tier",
    attributes=(CACHE_TIER.key, DB_SYSTEM.key, SERVER_ADDRESS, SERVER_PORT, WRITE_RESULT.key),
)
WARM_SPAN: Final = Span(
    name="cache.warm",
    kind="INTERNAL",
    when="each warming run",
    attributes=(WARM_SOURCE.key, WARM_END.key, WARM_COUNT.key, WARM_SIZE.key),
)
SPANS: Final = (ROUTE_SPAN, ATTEMPT_SPAN, INNER_ATTEMPT_SPAN, LOOKUP_SPAN, MATCH_SPAN, GET_SPAN, PUT_SPAN, WARM_SPAN)

FAILED_EVENT: Final = "beastmode.request.failed"
FAILED_ATTRIBUTES: Final = (
    MODEL, ROUTE, DEPLOYMENT, ENDPOINT, STATUS_CODE, ERROR_TYPE, HINT, ATTEMPTS, PROVIDER_CODE, PROVIDER_REQUEST,
    EXCEPTION_TYPE, EXCEPTION_MESSAGE,
)  # fmt: skip
