"""From a reading to figures and a verdict, and to text and JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from beastmode_otel import semconv
from beastmode_otel.cli.report.coverage import Heard, recorded_failure
from beastmode_otel.cli.report.figures import OUTCOMES, Report, json_of, report_of
from beastmode_otel.cli.report.reading import Histogram, Label, Point, Reading
from beastmode_otel.cli.report.text import text_of, verdict_of
from beastmode_otel.cli.terminal import Style
from beastmode_otel.errors.categories import CATEGORIES
from beastmode_otel.semconv import Metric

HEARD = Heard(calls=4, received=5, requests=4, attempts=5, sent=5, failures=1)
AWKWARD = "name\x1b[31m of a model that is much too long to fit into any table of eighty columns, or of a hundred"


def point(metric: Metric, value: float, *labels: Label, histogram: Histogram | None = None) -> tuple[str, Point]:
    keys = [attribute.key for attribute in metric.attributes]
    return metric.name, Point(labels=dict(zip(keys, labels, strict=False)), value=value, histogram=histogram)


def timed(metric: Metric, seconds: float, count: int, *labels: Label) -> tuple[str, Point]:
    counts = [0] * (len(semconv.SECONDS) + 1)
    counts[sum(seconds > bound for bound in semconv.SECONDS)] = count
    histogram = Histogram(bounds=semconv.SECONDS, counts=tuple(counts), low=seconds, high=seconds)
    return point(metric, count, *labels, histogram=histogram)


def reading_of(*points: tuple[str, Point]) -> Reading:
    found: dict[str, tuple[Point, ...]] = {}
    for name, one in points:
        found[name] = (*found.get(name, ()), one)
    return Reading(points=found)


READING = reading_of(
    point(semconv.REQUESTS_STARTED, 3, "chat", "router", "false"),
    point(semconv.REQUESTS_STARTED, 1, AWKWARD, "router", "true"),
    timed(semconv.REQUEST_DURATION, 0.5, 2, "chat", "ok", "off"),
    timed(semconv.REQUEST_DURATION, 9.0, 1, "chat", "cancelled", "off"),
    timed(semconv.REQUEST_DURATION, 0.1, 1, AWKWARD, "error", "off"),
    point(semconv.REQUESTS_ACTIVE, 0, "router"),
    point(semconv.REQUESTS_OLDEST, 0.0, "router"),
    point(semconv.ERRORS, 1, AWKWARD, "server_error"),
    timed(semconv.ATTEMPT_DURATION, 0.4, 3, "main", "ok"),
    timed(semconv.ATTEMPT_DURATION, 0.1, 1, "main", "error", "server_error"),
    timed(semconv.ATTEMPT_DURATION, 0.1, 1, "spare", "error", "rate_limited"),
    timed(semconv.TIME_TO_FIRST_TOKEN, 0.2, 1, "chat", "main"),
    point(semconv.RETRIES, 1, "main", "server_error"),
    point(semconv.FALLBACKS, 1, "main", "spare"),
    point(semconv.DEPLOYMENT_STATE, 0, "main"),
    point(semconv.DEPLOYMENT_STATE, 2, "spare"),
    point(semconv.DEPLOYMENT_STATE, 0, "idle"),
    point(semconv.TOKEN_COUNT, 1000, "chat", "input", "provider"),
    point(semconv.TOKEN_COUNT, 50, "chat", "output", "estimated"),
    point(semconv.COST_TOTAL, 0.25, "chat", "openai", "spent", "local"),
    point(semconv.COST_TOTAL, 9.0, "chat", "openai", "saved", "local"),
    point(semconv.COST_UNKNOWN, 1, AWKWARD),
)
RECENT = (recorded_failure(1.0, {semconv.MODEL.key: AWKWARD, semconv.ERROR_TYPE.key: "server_error"}),)


@pytest.fixture
def report() -> Report:
    return report_of(READING, HEARD, seconds=2.0, recent=RECENT)


def test_requests_and_latency(report: Report) -> None:
    assert report.all.requests == 4
    assert report.all.outcomes == {"ok": 2, "error": 1, "cancelled": 1, "abandoned": 0}
    assert [model.model for model in report.models] == ["chat", AWKWARD]
    assert report.models[0].latency.p99 == 0.5  # the cancelled one, which took 9 s, is left out
    assert report.models[0].first_token.p50 == 0.2


def test_tokens_and_cost(report: Report) -> None:
    chat, awkward = report.models
    assert (chat.tokens["input"], chat.tokens["output"], chat.estimated) == (1000, 50, 50)
    assert (chat.cost, chat.cost_unknown) == (0.25, 0)  # what was saved was not spent
    assert (awkward.cost, awkward.cost_unknown) == (None, 1)  # not known is not $0


def test_deployments(report: Report) -> None:
    main, spare, idle = report.deployments
    assert (main.attempts, main.errors, main.error_share, main.retries, main.away) == (4, 1, 0.25, 1, 1)
    assert (spare.error_share, spare.breaker) == (1.0, "open")
    assert (idle.attempts, idle.error_share, idle.latency.p95, idle.breaker) == (0, None, None, "closed")


def test_errors_by_category(report: Report) -> None:
    assert [(one.category, one.requests, one.attempts, one.deployments) for one in report.errors] == [
        ("server_error", 1, 1, ("main",)),
        ("rate_limited", 0, 1, ("spare",)),
    ]


def test_the_law_holds(report: Report) -> None:
    assert report.law_holds
    assert report_of(READING, replace(HEARD, received=None), seconds=1.0).law_holds


@pytest.mark.parametrize(
    ("heard", "broken"),
    [
        (replace(HEARD, calls=5), "requests"),
        (replace(HEARD, requests=3), "requests"),
        (replace(HEARD, received=6), "wire"),
        (replace(HEARD, attempts=4), "attempts"),
        (replace(HEARD, failures=0), "failures"),
    ],
)
def test_whatever_differs_breaks_the_law(heard: Heard, broken: str) -> None:
    report = report_of(READING, heard, seconds=1.0)
    assert [check.name for check in report.coverage if not check.holds] == [broken]
    assert verdict_of(report, Style()) == "Every request ended exactly once: NO"


@pytest.mark.parametrize(
    ("extra", "broken"),
    [
        (point(semconv.REQUESTS_ACTIVE, 1, "router"), "open"),
        (point(semconv.REQUESTS_OLDEST, 0.4, "router"), "open"),
        (point(semconv.TELEMETRY_DROPPED, 1, "all", "observer_fault"), "telemetry"),
    ],
)
def test_what_is_left_over_breaks_the_law(extra: tuple[str, Point], broken: str) -> None:
    name, one = extra
    points = {**READING.points, name: (*READING.points.get(name, ()), one)}
    report = report_of(Reading(points=points), HEARD, seconds=1.0)
    assert [check.name for check in report.coverage if not check.holds] == [broken]


@pytest.mark.parametrize("width", [60, 80, 110])
def test_text_fits_and_has_no_escape_codes(report: Report, width: int) -> None:
    lines = [*text_of(report, Style(width=width)), verdict_of(report, Style(width=width))]
    assert max(map(len, lines)) <= max(width, 80)
    assert all(line.isprintable() for line in lines)
    assert lines[-1] == "Every request ended exactly once: yes"


# As wide as a latency is ever told: 999 µs, 999 ms, 99.99 s.
@pytest.mark.parametrize("seconds", [0.000999, 0.999, 9.99, 99.99])
def test_text_fits_whatever_was_measured(seconds: float) -> None:
    """Slow machines and long runs make figures wider, and nothing else."""
    count, model, place = 9_999, "custom:summarise", "claude-sonnet"
    reading = reading_of(
        point(semconv.REQUESTS_STARTED, count, model, "router", "false"),
        *(timed(semconv.REQUEST_DURATION, seconds, count, model, kind, "miss") for kind in OUTCOMES),
        timed(semconv.ATTEMPT_DURATION, seconds, count, place, "error", "server_error"),
        timed(semconv.TIME_TO_FIRST_TOKEN, seconds, count, model, place),
        point(semconv.RETRIES, count, place, "server_error"),
        point(semconv.FALLBACKS, count, place, "spare"),
        point(semconv.DEPLOYMENT_STATE, 1, place),
        *(point(semconv.TOKEN_COUNT, 999_999, model, kind, "estimated") for kind in semconv.TOKEN_TYPE.values),
        point(semconv.COST_TOTAL, 999.99, model, "openai", "spent", "local"),
        point(semconv.COST_UNKNOWN, count, model),
        *(point(semconv.ERRORS, count, model, name) for name in CATEGORIES),
    )
    recent = [recorded_failure(1.0, {**failed_at(place), semconv.ERROR_TYPE.key: name}) for name in CATEGORIES]
    heard = Heard(calls=count, received=count, requests=count, attempts=count, sent=count, failures=count)
    lines = text_of(report_of(reading, heard, seconds=seconds, recent=recent), Style())
    assert max(map(len, lines)) <= 80, max(lines, key=len)
    assert any("half-open" in line and "claude" in line for line in lines)


def failed_at(place: str) -> dict[str, str | int]:
    known = {semconv.MODEL: "custom:summarise", semconv.DEPLOYMENT: place}
    return {attribute.key: value for attribute, value in known.items()} | {
        semconv.STATUS_CODE.key: 529,
        semconv.ATTEMPTS.key: 9,
    }


def test_a_run_without_requests_can_be_told() -> None:
    nothing = Heard(calls=0, received=0, requests=0, attempts=0, sent=0, failures=0)
    report = report_of(Reading(), nothing, seconds=0.0)
    assert report.law_holds
    assert text_of(report, Style())
    assert json_of(report)["all"]["latency"] == {"p50": None, "p95": None, "p99": None}


def test_json_is_plain(report: Report) -> None:
    told = json.loads(json.dumps(json_of(report)))
    assert told["law_holds"] is True
    assert told["all"]["cost"] == 0.25
    assert told["coverage"][0] == {
        "name": "requests",
        "holds": True,
        "facts": {"calls_made": 4, "started": 4, "finished": 4, "spans": 4},
    }
