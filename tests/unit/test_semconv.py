"""What we emit, spelled by hand once: dashboards, alerts and other people's queries depend on it."""

from __future__ import annotations

import itertools
import math
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from beastmode_otel import semconv
from beastmode_otel.config import LabelBounds
from beastmode_otel.errors import CATEGORIES
from beastmode_otel.semconv import METRICS, SDK_SET_LIMIT, Attribute, Metric

ROOT = Path(__file__).parents[2]
EVERY = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
EVERY_OF_BOTH = pytest.mark.parametrize("metric", [*METRICS, *semconv.GENAI_METRICS], ids=lambda metric: metric.name)
ATTRIBUTES = [value for value in vars(semconv).values() if isinstance(value, Attribute)]

# The specification. name: kind, unit, attributes.
SPECIFIED = {
    "beastmode.requests.started": ("counter", "{request}", "beastmode.model beastmode.door beastmode.stream"),
    "beastmode.request.duration": (
        "histogram",
        "s",
        "beastmode.model beastmode.outcome beastmode.cache.status beastmode.cache.tier beastmode.cache.match",
    ),
    "beastmode.errors": ("counter", "{request}", "beastmode.model error.type"),
    "beastmode.requests.active": ("updown", "{request}", "beastmode.door"),
    "beastmode.requests.oldest": ("gauge", "s", "beastmode.door"),
    "beastmode.attempt.duration": ("histogram", "s", "beastmode.deployment beastmode.outcome error.type"),
    "beastmode.responses": ("counter", "{response}", "beastmode.deployment http.response.status_code"),
    "beastmode.time_to_first_token": ("histogram", "s", "beastmode.model beastmode.deployment"),
    "beastmode.retries": ("counter", "{attempt}", "beastmode.deployment error.type"),
    "beastmode.fallbacks": ("counter", "{request}", "beastmode.fallback.from beastmode.fallback.to"),
    "beastmode.deployment.state": ("gauge", "{state}", "beastmode.deployment"),
    "beastmode.rate_limit.remaining": ("gauge", "{unit}", "beastmode.deployment beastmode.rate_limit.kind"),
    "beastmode.tokens": ("counter", "{token}", "beastmode.model beastmode.token.type beastmode.token.source"),
    "beastmode.cost": (
        "counter",
        "{USD}",
        "beastmode.model beastmode.provider beastmode.cost.kind beastmode.cost.source beastmode.cost.reason",
    ),
    "beastmode.cost.unknown": ("counter", "{request}", "beastmode.model"),
    "beastmode.llm.calls": ("counter", "{call}", "beastmode.door"),
    "beastmode.label.requests": (
        "counter",
        "{request}",
        "beastmode.label beastmode.label.value beastmode.outcome",
    ),
    "beastmode.label.cost": ("counter", "{USD}", "beastmode.label beastmode.label.value beastmode.cost.kind"),
    "beastmode.cache.lookup.duration": (
        "histogram",
        "s",
        "beastmode.cache.tier beastmode.cache.result beastmode.cache.match",
    ),
    "beastmode.cache.write.duration": ("histogram", "s", "beastmode.cache.tier beastmode.cache.write.result"),
    "beastmode.cache.lease.wait": ("histogram", "s", "beastmode.cache.tier beastmode.cache.lease.result"),
    "beastmode.cache.warm.entries": ("counter", "{entry}", "beastmode.cache.warm.source beastmode.cache.warm.result"),
    "beastmode.cache.warm.duration": ("histogram", "s", "beastmode.cache.warm.source beastmode.cache.warm.ended"),
    "beastmode.cache.first_touch.duration": ("histogram", "s", "beastmode.cache.warmed"),
    "beastmode.cache.similarity": ("histogram", "1", "beastmode.cache.semantic.verdict"),
    "beastmode.cache.semantic.verdicts": (
        "counter",
        "{request}",
        "beastmode.cache.semantic.verdict beastmode.cache.guard",
    ),
    "beastmode.cache.semantic.threshold": ("gauge", "1", "beastmode.cache.mode"),
    "beastmode.cache.embed.duration": ("histogram", "s", "beastmode.cache.embed.result"),
    "beastmode.cache.judgements": (
        "counter",
        "{judgement}",
        "beastmode.cache.judgement beastmode.cache.judgement.source",
    ),
    "beastmode.cache.promotions": ("counter", "{entry}", "beastmode.cache.tier"),
    "beastmode.cache.evictions": ("counter", "{entry}", "beastmode.cache.tier beastmode.cache.eviction.reason"),
    "beastmode.cache.collapsed": ("counter", "{request}", "beastmode.model"),
    "beastmode.cache.not_stored": ("counter", "{request}", "beastmode.cache.reason"),
    "beastmode.cache.invalidations": ("counter", "{entry}", "beastmode.cache.invalidation.by"),
    "beastmode.cache.entries": ("gauge", "{entry}", "beastmode.cache.tier"),
    "beastmode.cache.size": ("gauge", "By", "beastmode.cache.tier"),
    "beastmode.cache.tier.state": ("gauge", "{state}", "beastmode.cache.tier"),
    "beastmode.tokens.saved": ("counter", "{token}", "beastmode.model beastmode.token.type"),
    "beastmode.telemetry.dropped": ("counter", "{item}", "beastmode.signal beastmode.reason"),
    "gen_ai.client.operation.duration": ("histogram", "s", ""),
    "gen_ai.client.token.usage": ("histogram", "{token}", ""),
    "gen_ai.client.operation.time_to_first_chunk": ("histogram", "s", ""),
    "gen_ai.client.operation.time_per_output_chunk": ("histogram", "s", ""),
}
SPECIFIED_SPANS = {
    "route {model}": (
        "INTERNAL",
        "beastmode.model beastmode.stream beastmode.outcome beastmode.cache.status beastmode.cache.tier "
        "beastmode.cache.match beastmode.cache.similarity beastmode.cache.matched beastmode.cache.semantic.verdict "
        "beastmode.cache.guard beastmode.cache.age beastmode.cache.key beastmode.cache.collapsed "
        "beastmode.cache.reason beastmode.route beastmode.deployment beastmode.attempts beastmode.cost.usd "
        "beastmode.cost.saved.usd error.type beastmode.hint beastmode.error.code http.response.status_code",
    ),
    "{operation} {model}": (
        "CLIENT",
        "gen_ai.operation.name gen_ai.provider.name gen_ai.request.model gen_ai.request.max_tokens "
        "gen_ai.request.temperature gen_ai.request.top_p gen_ai.request.top_k gen_ai.request.seed "
        "gen_ai.request.stop_sequences gen_ai.request.frequency_penalty gen_ai.request.presence_penalty "
        "gen_ai.request.choice.count gen_ai.output.type gen_ai.request.encoding_formats "
        "gen_ai.embeddings.dimension.count gen_ai.response.model gen_ai.response.id "
        "gen_ai.response.finish_reasons gen_ai.usage.input_tokens gen_ai.usage.output_tokens "
        "gen_ai.usage.cache_read.input_tokens gen_ai.usage.cache_creation.input_tokens "
        "gen_ai.usage.reasoning.output_tokens server.address server.port beastmode.attempt beastmode.attempt.sent "
        "beastmode.deployment beastmode.model beastmode.outcome http.response.status_code error.type "
        "beastmode.error.code exception.type beastmode.cost.usd beastmode.cost.source beastmode.usage.estimated",
    ),
    "attempt {deployment}": (
        "CLIENT",
        "server.address server.port beastmode.attempt beastmode.attempt.sent beastmode.deployment beastmode.model "
        "beastmode.outcome http.response.status_code error.type beastmode.error.code exception.type "
        "beastmode.cost.usd beastmode.cost.source beastmode.usage.estimated",
    ),
    "cache.lookup": (
        "INTERNAL",
        "beastmode.cache.key beastmode.cache.tier beastmode.cache.result beastmode.cache.match",
    ),
    "cache.match": (
        "INTERNAL",
        "beastmode.cache.key beastmode.cache.semantic.verdict beastmode.cache.similarity beastmode.cache.guard "
        "beastmode.cache.semantic.searched beastmode.cache.tier",
    ),
    "cache.warm": (
        "INTERNAL",
        "beastmode.cache.warm.source beastmode.cache.warm.ended beastmode.cache.warm.count beastmode.cache.warm.size",
    ),
    "cache.get {tier}": (
        "CLIENT",
        "beastmode.cache.tier db.system.name server.address server.port beastmode.cache.result",
    ),
    "cache.put {tier}": (
        "CLIENT",
        "beastmode.cache.tier db.system.name server.address server.port beastmode.cache.write.result",
    ),
}
SPECIFIED_ATTRIBUTES = """\
beastmode.model beastmode.deployment beastmode.fallback.from beastmode.fallback.to beastmode.provider beastmode.door
beastmode.stream beastmode.outcome beastmode.cache.status beastmode.token.type beastmode.token.source
beastmode.rate_limit.kind beastmode.cost.kind beastmode.cost.source beastmode.cost.reason beastmode.signal
beastmode.reason beastmode.label beastmode.label.value beastmode.route beastmode.attempts beastmode.attempt
beastmode.attempt.sent beastmode.cost.usd beastmode.usage.estimated beastmode.error.code beastmode.error.request_id
beastmode.endpoint beastmode.hint http.response.status_code error.type exception.type exception.message
beastmode.cache.tier beastmode.cache.match beastmode.cache.result beastmode.cache.write.result
beastmode.cache.eviction.reason beastmode.cache.invalidation.by beastmode.cache.reason beastmode.cache.age
beastmode.cache.lease.result beastmode.cache.semantic.verdict beastmode.cache.guard beastmode.cache.mode
beastmode.cache.embed.result beastmode.cache.judgement beastmode.cache.judgement.source beastmode.cache.similarity
beastmode.cache.matched beastmode.cache.warm.source beastmode.cache.warm.result beastmode.cache.warm.ended
beastmode.cache.warm.count beastmode.cache.warm.size beastmode.cache.warmed beastmode.cache.semantic.searched
beastmode.cache.key beastmode.cache.collapsed beastmode.cost.saved.usd db.system.name
"""
SPECIFIED_EVENTS = {
    "beastmode.request.failed": "beastmode.model beastmode.route beastmode.deployment beastmode.endpoint "
    "http.response.status_code error.type beastmode.hint beastmode.attempts beastmode.error.code "
    "beastmode.error.request_id exception.type exception.message",
    "gen_ai.client.inference.operation.details": "gen_ai.input.messages gen_ai.output.messages "
    "gen_ai.system_instructions",
}
SPECIFIED_VALUES = {
    "beastmode.door": "router transport hook none",
    "beastmode.stream": "true false",
    "beastmode.outcome": "ok error cancelled abandoned",
    "beastmode.cache.status": "hit miss stale bypass off",
    "beastmode.cache.tier": "l1 l2 l3",
    "beastmode.cache.match": "exact semantic",
    "beastmode.cache.result": "hit miss stale timeout error skipped",
    "beastmode.cache.write.result": "ok error queued",
    "beastmode.cache.lease.result": "acquired taken_over waited timeout error",
    "beastmode.cache.semantic.verdict": "served shadow below_threshold no_candidate guard_reject template_reject "
    "verifier_reject not_text too_long temperature unsupported_language timeout embedder_failed embedder_off",
    "beastmode.cache.guard": "numbers negation opposites quotes identifiers names units languages times word_order "
    "question_word prefixes conjunct",
    "beastmode.cache.mode": "semantic shadow",
    "beastmode.cache.warm.source": "l2 l3 prompts none",
    "beastmode.cache.warm.result": "warmed held expiring failed",
    "beastmode.cache.warm.ended": "done time bytes cost failed cancelled",
    "beastmode.cache.warmed": "true false",
    "beastmode.cache.embed.result": "ok error",
    "beastmode.cache.judgement": "agree disagree",
    "beastmode.cache.judgement.source": "shadow sample feedback",
    "beastmode.cache.eviction.reason": "size expired rejected replaced invalidated",
    "beastmode.cache.invalidation.by": "key request_id model tag scope age tenant",
    "beastmode.cache.reason": "off unknown_api stateful no_store caller_no_store not_canonical unreadable ttl error "
    "not_parsed refused filtered truncated unfinished broken_call empty too_large other_model invalidated",
    "beastmode.token.type": "input output cached_input reasoning",
    "beastmode.token.source": "provider estimated",
    "beastmode.rate_limit.kind": "requests tokens input_tokens output_tokens",
    "beastmode.cost.kind": "spent saved",
    "beastmode.cost.source": "provider local approximate",
    "beastmode.cost.reason": "cache routing",
    "beastmode.signal": "trace metric log all",
    "beastmode.reason": "observer_fault export_failed",
}


def test_the_names_are_those_of_the_specification():
    """The one place where names are spelled by hand. A failure here is a change that breaks people's dashboards."""
    metrics = (*METRICS, *semconv.GENAI_METRICS)
    assert {
        metric.name: (metric.kind, metric.unit, " ".join(attribute.key for attribute in metric.attributes))
        for metric in metrics
    } == SPECIFIED
    assert {span.name: (span.kind, " ".join(span.attributes)) for span in semconv.SPANS} == SPECIFIED_SPANS
    assert sorted(attribute.key for attribute in ATTRIBUTES) == sorted(SPECIFIED_ATTRIBUTES.split())
    contents = (semconv.GENAI_INPUT_MESSAGES, semconv.GENAI_OUTPUT_MESSAGES, semconv.GENAI_SYSTEM_INSTRUCTIONS)
    assert {
        semconv.FAILED_EVENT: " ".join(attribute.key for attribute in semconv.FAILED_ATTRIBUTES),
        semconv.GENAI_DETAILS_EVENT: " ".join(contents),
    } == SPECIFIED_EVENTS
    closed = {attribute.key: " ".join(attribute.values) for attribute in ATTRIBUTES if attribute.values}
    assert closed.pop("error.type").split() == list(CATEGORIES)
    assert closed == SPECIFIED_VALUES
    assert (semconv.SCOPE, semconv.OTHER, semconv.GENAI_TOKEN_TYPE) == ("beastmode_otel", "_OTHER", "gen_ai.token.type")
    assert semconv.LABEL_PREFIX == "beastmode.label."


def test_no_instrument_is_left_out_of_the_tables():
    found = {value.name for value in vars(semconv).values() if isinstance(value, Metric)}
    assert found == {metric.name for metric in (*METRICS, *semconv.GENAI_METRICS)}


# Names and units.


def test_names_and_keys_are_unique():
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert len({attribute.key for attribute in ATTRIBUTES}) == len(ATTRIBUTES)


@EVERY
def test_our_metrics_carry_our_prefix(metric: Metric):
    assert metric.name.startswith("beastmode.")


def test_no_metric_of_the_convention_carries_it():
    assert all(metric.name.startswith("gen_ai.") for metric in semconv.GENAI_METRICS)


BORROWED = {"error.type", "http.response.status_code", "exception.type", "exception.message", "db.system.name"}


@pytest.mark.parametrize("attribute", ATTRIBUTES, ids=lambda attribute: attribute.key)
def test_keys_are_ours_or_the_ones_that_everybody_uses(attribute: Attribute):
    assert attribute.key.startswith("beastmode.") or attribute.key in BORROWED
    assert re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*", attribute.key)
    assert attribute.about


@EVERY_OF_BOTH
def test_metric_names_are_lower_case_words_with_dots(metric: Metric):
    assert re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+", metric.name)
    assert not metric.name.endswith(("_total", ".total", ".seconds"))  # Prometheus adds those


@EVERY_OF_BOTH
def test_units_are_ucum(metric: Metric):
    assert metric.unit in ("s", "By", "1") or re.fullmatch(r"\{[A-Za-z]+\}", metric.unit)


@EVERY_OF_BOTH
def test_a_metric_says_what_it_is_in_a_sentence(metric: Metric):
    assert metric.about.endswith(".")
    assert "\n" not in metric.about


@EVERY_OF_BOTH
def test_histograms_have_rising_buckets_and_nothing_else_has_any(metric: Metric):
    assert bool(metric.buckets) is (metric.kind == "histogram")
    assert list(metric.buckets) == sorted(set(metric.buckets))


def test_buckets_of_seconds_reach_the_longest_timeout_and_double():
    assert semconv.SECONDS[-1] >= 600.0
    assert all(upper == pytest.approx(2 * lower) for lower, upper in itertools.pairwise(semconv.SECONDS))


# Bounds.


@EVERY
def test_every_label_is_bounded(metric: Metric):
    assert all(attribute.bound for attribute in metric.attributes)


@EVERY
def test_no_instrument_can_reach_the_limit_of_the_sdk_with_default_bounds(metric: Metric):
    assert 0 < metric.sets < SDK_SET_LIMIT


@EVERY
def test_sets_are_the_product_of_the_bounds_or_fewer(metric: Metric):
    product = math.prod(attribute.bound or 0 for attribute in metric.attributes)
    assert metric.sets == product if metric.count is None else metric.sets < product


def values_of(attribute: Attribute) -> list[str]:
    known = list(attribute.values)
    return known + [f"another {number}" for number in range((attribute.bound or 0) - len(known))]


def test_the_attempts_sets_are_exactly_the_valid_combinations():
    """error.type stands there when, and only when, the outcome is error."""
    valid = {
        (deployment, outcome, error)
        for deployment in values_of(semconv.DEPLOYMENT)
        for outcome in values_of(semconv.OUTCOME)
        for error in (values_of(semconv.ERROR_TYPE) if outcome == "error" else [None])
    }
    assert semconv.ATTEMPT_DURATION.sets == len(valid)


def test_the_requests_sets_are_exactly_the_valid_combinations():
    """Tier and match stand there when, and only when, the cache gave something."""
    valid = {
        (model, outcome, status, tier, match)
        for model in values_of(semconv.MODEL)
        for outcome in values_of(semconv.OUTCOME)
        for status in values_of(semconv.CACHE_STATUS)
        for tier in (values_of(semconv.CACHE_TIER) if status in ("hit", "stale") else [None])
        for match in (values_of(semconv.CACHE_MATCH) if status in ("hit", "stale") else [None])
    }
    assert semconv.REQUEST_DURATION.sets == len(valid)


def test_a_closed_set_is_bounded_by_its_size():
    for attribute in ATTRIBUTES:
        if attribute.values and attribute is not semconv.ERROR_TYPE:
            assert attribute.bound == len(set(attribute.values))


def test_every_category_fits_into_the_bound_of_error_type():
    assert semconv.ERROR_TYPE.bound is not None
    assert len(CATEGORIES) <= semconv.ERROR_TYPE.bound


SETTINGS = [field.name for field in fields(LabelBounds)]


def test_the_settings_of_the_bounds_are_those_of_the_configuration():
    assert {attribute.setting for attribute in ATTRIBUTES} - {None} == set(SETTINGS)


@pytest.mark.parametrize("attribute", [one for one in ATTRIBUTES if one.setting], ids=lambda one: one.key)
def test_the_configurations_defaults_leave_room_for_other(attribute: Attribute):
    assert attribute.setting is not None
    assert attribute.bound is not None
    assert getattr(LabelBounds(), attribute.setting) == attribute.bound - 1


@EVERY
def test_the_default_bounds_said_aloud_change_nothing(metric: Metric):
    defaults = LabelBounds()
    assert metric.sets_within({name: getattr(defaults, name) for name in SETTINGS}) == metric.sets


@pytest.mark.parametrize(
    ("metric", "limits", "sets"),
    [
        (semconv.ERRORS, {"models": 9}, 10 * 49),
        (semconv.FALLBACKS, {"deployments": 4}, 5 * 5),
        (semconv.ATTEMPT_DURATION, {"deployments": 0}, 1 * (3 + 49)),
        (semconv.COST_TOTAL, {"models": 1, "providers": 2}, 2 * 3 * (3 + 2)),
        (semconv.REQUESTS_ACTIVE, {"models": 10**6}, 4),
    ],
    ids=lambda value: value.name if isinstance(value, Metric) else str(value),
)
def test_other_bounds_make_other_counts(metric: Metric, limits: dict[str, int], sets: int):
    assert metric.sets_within(limits) == sets


def test_nothing_but_a_name_of_the_configuration_is_ever_a_label():
    keys = {attribute.key for metric in METRICS for attribute in metric.attributes}
    assert not [key for key in keys if re.search(r"key|prompt|url|user|endpoint|request_id|message", key)]


# The page made of it.


def make(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    tool = [sys.executable, str(ROOT / "tools" / "make_telemetry_docs.py"), *arguments]
    return subprocess.run(tool, capture_output=True, timeout=30)


def test_the_committed_page_is_up_to_date():
    checked = make("--check")
    assert checked.returncode == 0, checked.stdout.decode()


def test_the_page_names_everything():
    page = (ROOT / "docs" / "telemetry.md").read_text("utf-8")
    for name in (*SPECIFIED, *SPECIFIED_SPANS, *SPECIFIED_EVENTS):
        assert f"`{name}`" in page
    for metric in METRICS:
        assert f"| {metric.sets:,} |" in page


@pytest.mark.parametrize(
    "name",
    [
        "beastmode_requests_started_total",
        "beastmode_request_duration_seconds",
        "beastmode_requests_oldest_seconds",
        "beastmode_requests_active",
        "beastmode_deployment_state",
        "beastmode_cost_total",
        "gen_ai_client_token_usage",
    ],
)
def test_the_page_has_the_names_that_prometheus_makes_of_them(name: str):
    assert f"| `{name}` |" in (ROOT / "docs" / "telemetry.md").read_text("utf-8")
