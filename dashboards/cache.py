"""The cache: what it answers, how fast, what it saves, and whether its tiers are well."""

from __future__ import annotations

from typing import Any, Final

from beastmode_otel import semconv
from dashboards import measures, texts
from dashboards.colours import GREEN, PURPLE, colours, tinted
from dashboards.common import heatmap, stat, state_timeline, timeseries, united
from dashboards.flavours import Flavour
from dashboards.frame import TIER_OPENS, Band, board
from dashboards.measures import ENDED, HITS, OK, UPSTREAM
from dashboards.promql import Not, heat, many, now, or_zero, per_minute, quantile, rate
from dashboards.queries import Query, each, line, value

UID: Final = "beastmode-cache"
TIER: Final = semconv.CACHE_TIER
LOOKUPS: Final = semconv.CACHE_LOOKUP_DURATION
VERDICT: Final = semconv.MATCH_VERDICT
WRITES: Final = semconv.CACHE_WRITE_DURATION


def of_tiers(metric: semconv.Metric) -> str:
    """A gauge of tiers: each process has a memory of its own; a store they share says the same to each of them."""
    memory, shared = {TIER: "l1"}, {TIER: Not("l1")}
    return f"{now(metric, TIER, where=memory)} or {now(metric, TIER, how='max', where=shared)}"


def answers() -> Any:
    return stat(
        "Answered without a provider",
        "Requests in the time range that were hits, and those that shared another caller's call (misses that cost "
        "nothing).",
        "locale",
        value(or_zero(many(ENDED, where=HITS)), "Hits"),
        value(or_zero(many(semconv.CACHE_COLLAPSES)), "Shared"),
        empty=texts.NO_TELEMETRY,
        decimals=0,
    )


def hit_rate() -> Any:
    return stat(
        "Hit rate",
        "Hits of the requests for which the cache was asked.",
        "percentunit",
        value(measures.hit_rate(), "Hit rate"),
        empty=texts.NO_CACHE,
    )


def saved() -> Any:
    whole = {semconv.TOKEN_TYPE: ("input", "output")}
    cached = {semconv.COST_KIND: "saved", semconv.COST_REASON: "cache"}
    panel = stat(
        "Saved by the cache",
        "Money whose amount is known, and tokens that nobody had to use, in the time range.",
        "currencyUSD",
        value(or_zero(many(semconv.COST_TOTAL, where=cached)), "Money"),
        value(or_zero(many(semconv.TOKENS_SAVED, where=whole)), "Tokens"),
        empty=texts.NO_TELEMETRY,
    )
    return united(panel, {"Tokens": "short"})


def tiers() -> Any:
    return state_timeline(
        "State of the tiers",
        "Open: the tier rests after failures in a row, and requests go on without it. The worst of all processes.",
        line(now(semconv.CACHE_TIER_STATE, TIER, how="max"), each(TIER)),
        empty=texts.NO_SLOW_TIER,
    )


def statuses() -> Any:
    return timeseries(
        "Requests by what the cache did",
        "Per minute. Bypass: the caller or the request ruled it out. Off: there is no cache.",
        "reqpm",
        line(per_minute(ENDED, semconv.CACHE_STATUS), each(semconv.CACHE_STATUS)),
        empty=texts.NO_REQUESTS_LONG,
        colours=colours(semconv.CACHE_STATUS),
        stacked=True,
    )


def hits_over_time() -> Any:
    return timeseries(
        "Hit rate by tier",
        "Each tier's part of the hit rate; together they are the hit rate.",
        "percentunit",
        line(measures.hit_rate_of_tiers_over_time(), each(TIER)),
        empty=texts.NO_CACHE_LONG,
        colours=colours(TIER),
        stacked=True,
        top=1,
    )


def latency_saved() -> Any:
    return timeseries(
        "Wait with and without a hit",
        "P95 of answered requests.",
        "s",
        line(quantile(0.95, ENDED, where={**OK, **HITS}), "hit"),
        line(quantile(0.95, ENDED, where={**OK, **UPSTREAM}), "provider"),
        empty=texts.NO_REQUESTS_LONG,
        colours={"hit": GREEN, "provider": PURPLE},
    )


def lookups() -> Any:
    by = (TIER, semconv.LOOKUP_RESULT)
    return timeseries(
        "Lookups per minute, by tier and result",
        "Skipped: the tier rests. Timeout: the request went on without it.",
        "short",
        line(per_minute(LOOKUPS, *by), each(*by)),
        empty=texts.NO_CACHE_LONG,
        colours=tinted(semconv.LOOKUP_RESULT),
        stacked=True,
    )


def lookup_latency() -> Any:
    return timeseries(
        "Latency of lookups",
        "P50 and P95 of one question to a tier.",
        "s",
        line(quantile(0.5, LOOKUPS, TIER), f"P50 · {each(TIER)}"),
        line(quantile(0.95, LOOKUPS, TIER), f"P95 · {each(TIER)}", exemplars=True),
        empty=texts.NO_CACHE_LONG,
    )


def writes() -> Any:
    by = (TIER, semconv.WRITE_RESULT)
    return timeseries(
        "Writes per minute, by tier and result",
        "Writes and deletes in the slower tiers. Queued: made good when the tier is back.",
        "short",
        line(per_minute(WRITES, *by), each(*by)),
        empty=texts.NO_SLOW_TIER,
        colours=tinted(semconv.WRITE_RESULT),
        stacked=True,
    )


def write_latency() -> Any:
    return timeseries(
        "Latency of writes",
        "P95 of one write or delete in a slower tier. Mostly in the background: no caller waits.",
        "s",
        line(quantile(0.95, WRITES, TIER), each(TIER)),
        empty=texts.NO_SLOW_TIER,
        colours=colours(TIER),
    )


def entries() -> Any:
    return timeseries(
        "Entries",
        "How many answers each tier holds: the memories of all processes together, the shared stores once.",
        "short",
        line(of_tiers(semconv.CACHE_ENTRIES), each(TIER)),
        empty=texts.NO_CACHE_LONG,
        colours=colours(TIER),
    )


def size() -> Any:
    return timeseries(
        "Size",
        "How large each tier is: the memories of all processes together, the shared stores once.",
        "bytes",
        line(of_tiers(semconv.CACHE_SIZE), each(TIER)),
        empty=texts.NO_CACHE_LONG,
        colours=colours(TIER),
    )


def promotions() -> Any:
    return timeseries(
        "Promotions per minute",
        "Answers copied up into a faster tier.",
        "short",
        line(per_minute(semconv.CACHE_PROMOTIONS, TIER), each(TIER)),
        empty="Nothing was copied up: no hit in a slower tier in this time range.",
        colours=colours(TIER),
        stacked=True,
    )


def evictions() -> Any:
    by = (TIER, semconv.EVICTION_REASON)
    return timeseries(
        "Evictions per minute",
        "Answers that left, by why. Many by size: the tier is too small.",
        "short",
        line(per_minute(semconv.CACHE_EVICTIONS, *by), each(*by)),
        empty="Nothing left the cache in this time range.",
        stacked=True,
    )


def not_stored() -> Any:
    return timeseries(
        "Not stored, per minute",
        "Requests that passed the cache by, or whose answer was not stored, by why. no_store: the provider forbids it.",
        "short",
        line(per_minute(semconv.CACHE_NOT_STORED, semconv.BYPASS_REASON), each(semconv.BYPASS_REASON)),
        empty="Whatever was answered in this time range was stored, or there was no cache.",
        stacked=True,
    )


def invalidations() -> Any:
    return timeseries(
        "Invalidations per minute",
        "Answers removed by invalidate(), by what they were chosen.",
        "short",
        line(per_minute(semconv.CACHE_INVALIDATIONS, semconv.INVALIDATION), each(semconv.INVALIDATION)),
        empty="Nobody called invalidate() in this time range, or it found nothing.",
        stacked=True,
    )


def collapsed() -> Any:
    return timeseries(
        "Shared calls",
        "Requests that another caller's identical request answered, per minute.",
        "reqpm",
        line(per_minute(semconv.CACHE_COLLAPSES, semconv.MODEL), each(semconv.MODEL)),
        empty="No two callers asked the same at the same time.",
        stacked=True,
    )


def leases() -> Any:
    return timeseries(
        "Wait for a lease",
        "P95, by what came of it. Waited: another process asked, and its answer was there. Error: the tier is ill, and "
        "everybody asks.",
        "s",
        line(quantile(0.95, semconv.CACHE_LEASE_WAIT, semconv.LEASE_RESULT), each(semconv.LEASE_RESULT)),
        empty=texts.NO_LEASE,
        colours=colours(semconv.LEASE_RESULT),
    )


def warming() -> Any:
    by = (semconv.WARM_SOURCE, semconv.WARM_RESULT)
    return timeseries(
        "Warming, entries per minute",
        "What warming looked at, or the prompts it asked. Held: it was there already. Expiring: not worth it any more.",
        "short",
        line(per_minute(semconv.CACHE_WARM_ENTRIES, *by), each(*by)),
        empty=texts.NO_WARMING,
        stacked=True,
    )


def warming_runs() -> Any:
    by = (semconv.WARM_SOURCE, semconv.WARM_END)
    return timeseries(
        "Warming, duration of a run",
        "P95, by how it ended: with all done, or with the budget that was used up first.",
        "s",
        line(quantile(0.95, semconv.CACHE_WARM_DURATION, *by), each(*by)),
        empty=texts.NO_WARMING,
    )


def first_touches() -> Any:
    return timeseries(
        "First requests of a key",
        "P50 and P95 of the first request of each key in a young process, in one that was warmed (true) and in one "
        "that was not: what warming is worth.",
        "s",
        line(quantile(0.5, semconv.CACHE_FIRST_TOUCH, semconv.WARMED), f"P50 · {each(semconv.WARMED)}"),
        line(quantile(0.95, semconv.CACHE_FIRST_TOUCH, semconv.WARMED), f"P95 · {each(semconv.WARMED)}"),
        empty=texts.NO_TOUCH,
    )


def savings() -> Any:
    pace = rate(semconv.COST_TOTAL, semconv.COST_REASON, where=measures.SAVED)
    return timeseries(
        "Savings per hour",
        "Money that did not have to be spent, at the present pace: by hits and shared calls, and by cheaper routes.",
        "currencyUSD",
        line(f"3600 * {pace}", each(semconv.COST_REASON)),
        empty="Nothing was saved in this time range, or the prices are not known.",
        colours=colours(semconv.COST_REASON),
        stacked=True,
    )


def tokens_saved() -> Any:
    return timeseries(
        "Tokens saved per second",
        "Tokens that hits and shared calls did not use. Input includes cached input, output reasoning.",
        "short",
        line(rate(semconv.TOKENS_SAVED, semconv.TOKEN_TYPE), each(semconv.TOKEN_TYPE)),
        empty="No hit and no shared call in this time range.",
        colours=colours(semconv.TOKEN_TYPE),
    )


def similarities() -> Any:
    return heatmap(
        "Similarity of the best candidates",
        "How many questions a minute were how like the nearest stored one. What lies above the threshold still has to "
        "pass the rules.",
        "none",
        Query(expr=heat(semconv.CACHE_SIMILARITY), legend="{{le}}", heatmap=True),
        empty=texts.NO_SEMANTIC,
    )


def similarity_by_verdict() -> Any:
    return timeseries(
        "Similarity by verdict, and the threshold",
        "P50. Refused candidates above the threshold are the rules' work; a route may have a threshold of its own.",
        "none",
        line(quantile(0.5, semconv.CACHE_SIMILARITY, VERDICT), each(VERDICT)),
        line(now(semconv.SEMANTIC_THRESHOLD, semconv.MATCH_MODE, how="min"), f"threshold ({each(semconv.MATCH_MODE)})"),
        empty=texts.NO_SEMANTIC,
        colours=colours(VERDICT),
        top=1,
    )


def verdicts() -> Any:
    return timeseries(
        "Verdicts per minute",
        "What came of looking for a similar question. Served: answered from the cache. Embedder failed or off: only "
        "the very same questions are answered.",
        "reqpm",
        line(per_minute(semconv.SEMANTIC_VERDICTS, VERDICT), each(VERDICT)),
        empty=texts.NO_SEMANTIC,
        colours=colours(VERDICT),
        stacked=True,
    )


def guards() -> Any:
    refused = {VERDICT: "guard_reject"}
    return timeseries(
        "Refused by rule, per minute",
        "Candidates above the threshold that a rule kept from being served: what each rule costs, or saves.",
        "reqpm",
        line(per_minute(semconv.SEMANTIC_VERDICTS, semconv.GUARD, where=refused), each(semconv.GUARD)),
        empty=texts.NO_GUARD,
        stacked=True,
    )


def embedding() -> Any:
    by = semconv.EMBED_RESULT
    return timeseries(
        "Latency of the embedder",
        "P50 and P95 of one call, by whether it answered. A request waits for it only within the time of its lookup.",
        "s",
        line(quantile(0.5, semconv.EMBED_DURATION, by), f"P50 · {each(by)}"),
        line(quantile(0.95, semconv.EMBED_DURATION, by), f"P95 · {each(by)}"),
        empty=texts.NO_SEMANTIC,
    )


def false_hits() -> Any:
    return stat(
        "Wrong among the judged",
        "Of the matches about which somebody knows, the part that was wrong: by shadow's comparison with the "
        "provider's answer, or by report_false_hit(). With 95 % the true part is between both ends (Wilson).",
        "percentunit",
        value(measures.wrong_share(), "Wrong"),
        value(measures.wrong_bound(upper=False), "At least"),
        value(measures.wrong_bound(upper=True), "At most"),
        empty=texts.NO_JUDGEMENT,
        decimals=1,
    )


def judgements() -> Any:
    by = (semconv.JUDGEMENT, semconv.JUDGEMENT_SOURCE)
    return timeseries(
        "Judgements per minute",
        "Whether the stored answer of a match is what the provider says now (shadow), and what is reported (feedback).",
        "short",
        line(per_minute(semconv.CACHE_JUDGEMENTS, *by), each(*by)),
        empty=texts.NO_JUDGEMENT_LONG,
        stacked=True,
    )


def cache(flavour: Flavour) -> dict[str, Any]:
    bands = [
        Band(height=4, panels=((4, hit_rate()), (6, answers()), (6, saved()), (8, tiers()))),
        Band(height=9, panels=((8, statuses()), (8, hits_over_time()), (8, latency_saved()))),
        Band(height=9, panels=((6, savings()), (6, tokens_saved()), (6, collapsed()), (6, leases()))),
        Band(title="Tiers", height=9, panels=((8, lookups()), (8, lookup_latency()), (8, promotions()))),
        Band(height=9, panels=((8, writes()), (8, write_latency()), (8, evictions()))),
        Band(height=9, panels=((6, entries()), (6, size()), (6, invalidations()), (6, not_stored()))),
        Band(title="Warming", height=8, panels=((8, first_touches()), (8, warming()), (8, warming_runs()))),
        Band(title="Semantic", height=9, panels=((8, similarities()), (8, verdicts()), (8, guards()))),
        Band(height=9, panels=((7, similarity_by_verdict()), (5, false_hits()), (6, judgements()), (6, embedding()))),
    ]
    return board(
        uid=UID,
        title="beastmode / Cache",
        about="What the cache answers, how fast, what it saves, and whether its tiers are well.",
        bands=bands,
        marks=(TIER_OPENS,),
        flavour=flavour,
    )
