"""The law: every request ends exactly once, and every signal says so. And what a failed request's record says. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beastmode_otel import semconv
from beastmode_otel.cli.report.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the other two signals said, and what the law compares telemetry with.

    calls: how many calls the driver made. received: how many requests the provider received, None when it cannot say.
    requests, attempts, sent: spans that ended, and attempts whose span says that the request reached the wire.
    failures: log records of failed requests.
    """

    calls: int
    received: int | None
    requests: int
    attempts: int
    sent: int
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One part of the law. facts: what was compared, by name."""

    name: str
    holds: bool
    facts: Mapping[str, float]


def checks(reading: Reading, heard: Heard) -> tuple[Check, ...]:
    """The law at rest: when no request is under way, and the provider has none left to handle."""
    found = [
        _equal(
            "requests",
            {
                "calls_made": heard.calls,
                "started": reading.count(semconv.REQUESTS_STARTED),
                "finished": reading.count(semconv.REQUEST_DURATION),
                "spans": heard.requests,
            },
        ),
        _none(
            "open",
            {
                "active_now": reading.count(semconv.REQUESTS_ACTIVE),
                "oldest_seconds": round(reading.total(semconv.REQUESTS_OLDEST), 3),
            },
        ),
        _equal("attempts", {"ended": reading.count(semconv.ATTEMPT_DURATION), "spans": heard.attempts}),
        _equal("failures", {"errors": reading.count(semconv.ERRORS), "log_records": heard.failures}),
        _none("telemetry", {"dropped": reading.count(semconv.TELEMETRY_DROPPED)}),
    ]
    if heard.received is not None:
        found.insert(3, _equal("wire", {"attempts_sent": heard.sent, "provider_received": heard.received}))
    return tuple(found)


def _equal(name: str, facts: Mapping[str, float]) -> Check:
    return Check(name=name, holds=len(set(facts.values())) == 1, facts=dict(facts))


def _none(name: str, facts: Mapping[str, float]) -> Check:
    return Check(name=name, holds=not any(facts.values()), facts=dict(facts))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFailure:
    """at: Unix seconds. Every field but these two is None when the record does not say."""

    at: float
    model: str
    category: str | None
    deployment: str | None
    status: int | None
    attempts: int | None
    hint: str | None


def recorded_failure(at: float, attributes: Mapping[str, Any]) -> RecordedFailure:
    """From the attributes of a FAILED_EVENT record."""
    return RecordedFailure(
        at=at,
        model=str(attributes.get(semconv.MODEL.key, semconv.OTHER)),
        category=attributes.get(semconv.ERROR_TYPE.key),
        deployment=attributes.get(semconv.DEPLOYMENT.key),
        status=attributes.get(semconv.STATUS_CODE.key),
        attempts=attributes.get(semconv.ATTEMPTS.key),
        hint=attributes.get(semconv.HINT.key),
    )
