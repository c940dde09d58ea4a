"""What a run's own telemetry says about it, as plain figures. Pure.

The program that made the calls adds nothing to it but their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, get_args

from beastmode_otel import semconv
from beastmode_otel.cli.report.cache_figures import CacheFigures, cache_figures
from beastmode_otel.cli.report.coverage import Check, Heard, RecordedFailure, checks
from beastmode_otel.cli.report.reading import Quantiles, Reading, Where, answered, quantiles
from beastmode_otel.cli.units import rounded
from beastmode_otel.observer import DeploymentState, OutcomeKind

OUTCOMES: Final[tuple[OutcomeKind, ...]] = get_args(OutcomeKind)
_STATES: Final[dict[int, DeploymentState]] = {0: "closed", 1: "half_open", 2: "open"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFigures:
    """One model id, or all of them. latency: of requests that were answered, well or with an error, but not by the
    cache: hits are so fast that they would hide how the providers are.

    estimated: how many of the input and output tokens we had to estimate. cost: USD of the calls whose price is known,
    None without any; cost_unknown: how many calls there were without one.
    """

    model: str
    requests: int
    outcomes: dict[OutcomeKind, int]
    latency: Quantiles
    first_token: Quantiles
    tokens: dict[str, int]
    estimated: int
    cost: float | None
    cost_unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeploymentFigures:
    """error_share: failed attempts of those that were answered, 0 to 1; None without any.

    retries: attempts right after a failed one here. away: requests that went on to another deployment.
    """

    deployment: str
    attempts: int
    errors: int
    error_share: float | None
    latency: Quantiles
    retries: int
    away: int
    breaker: DeploymentState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFigures:
    """One category: how many requests ended with it, how many attempts failed with it, and where."""

    category: str
    requests: int
    attempts: int
    deployments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The whole of it. recent: the last failures, newest last."""

    seconds: float
    coverage: tuple[Check, ...]
    all: ModelFigures
    models: tuple[ModelFigures, ...]
    deployments: tuple[DeploymentFigures, ...]
    errors: tuple[ErrorFigures, ...]
    cache: CacheFigures
    recent: tuple[RecordedFailure, ...]

    @property
    def law_holds(self) -> bool:
        """Every request ended exactly once, and every signal says so."""
        return all(check.holds for check in self.coverage)


def report_of(reading: Reading, heard: Heard, *, seconds: float, recent: Sequence[RecordedFailure] = ()) -> Report:
    """The report on a run of so many seconds."""
    models = reading.labels(semconv.REQUESTS_STARTED, semconv.MODEL)
    figures = [_model(reading, name, {semconv.MODEL: name}) for name in models]
    names = {
        *reading.labels(semconv.DEPLOYMENT_STATE, semconv.DEPLOYMENT),
        *reading.labels(semconv.ATTEMPT_DURATION, semconv.DEPLOYMENT),
    }
    places = [_deployment(reading, name) for name in names]
    return Report(
        seconds=seconds,
        coverage=checks(reading, heard),
        all=_model(reading, "all", {}),
        models=tuple(sorted(figures, key=lambda model: (-model.requests, model.model))),
        deployments=tuple(sorted(places, key=lambda one: (-one.attempts, one.deployment))),
        errors=_errors(reading),
        cache=cache_figures(reading),
        recent=tuple(recent),
    )


def _model(reading: Reading, name: str, where: Where) -> ModelFigures:
    spent = {**where, semconv.COST_KIND: "spent"}
    return ModelFigures(
        model=name,
        requests=reading.count(semconv.REQUESTS_STARTED, where),
        outcomes={kind: reading.count(semconv.REQUEST_DURATION, {**where, semconv.OUTCOME: kind}) for kind in OUTCOMES},
        latency=quantiles(answered(reading, semconv.REQUEST_DURATION, where)),
        first_token=quantiles(reading.histogram(semconv.TIME_TO_FIRST_TOKEN, where)),
        tokens={
            kind: reading.count(semconv.TOKEN_COUNT, {**where, semconv.TOKEN_TYPE: kind})
            for kind in semconv.TOKEN_TYPE.values
        },
        estimated=reading.count(semconv.TOKEN_COUNT, {**where, semconv.TOKEN_SOURCE: "estimated"}),
        cost=reading.total(semconv.COST_TOTAL, spent) if reading.find(semconv.COST_TOTAL, spent) else None,
        cost_unknown=reading.count(semconv.COST_UNKNOWN, where),
    )


def _deployment(reading: Reading, name: str) -> DeploymentFigures:
    where = {semconv.DEPLOYMENT: name}
    latency = answered(reading, semconv.ATTEMPT_DURATION, where)
    errors = reading.count(semconv.ATTEMPT_DURATION, {**where, semconv.OUTCOME: "error"})
    state = reading.find(semconv.DEPLOYMENT_STATE, where)
    return DeploymentFigures(
        deployment=name,
        attempts=reading.count(semconv.ATTEMPT_DURATION, where),
        errors=errors,
        error_share=errors / latency.count if latency.count else None,
        latency=quantiles(latency),
        retries=reading.count(semconv.RETRIES, where),
        away=reading.count(semconv.FALLBACKS, {semconv.FALLBACK_FROM: name}),
        breaker=_STATES.get(int(state[-1].value)) if state else None,
    )


def _errors(reading: Reading) -> tuple[ErrorFigures, ...]:
    names = {
        *reading.labels(semconv.ERRORS, semconv.ERROR_TYPE),
        *reading.labels(semconv.ATTEMPT_DURATION, semconv.ERROR_TYPE),
    }
    found = [
        ErrorFigures(
            category=name,
            requests=reading.count(semconv.ERRORS, {semconv.ERROR_TYPE: name}),
            attempts=reading.count(semconv.ATTEMPT_DURATION, {semconv.ERROR_TYPE: name}),
            deployments=tuple(reading.labels(semconv.ATTEMPT_DURATION, semconv.DEPLOYMENT, {semconv.ERROR_TYPE: name})),
        )
        for name in names
    ]
    return tuple(sorted(found, key=lambda error: (-error.requests, -error.attempts, error.category)))


def json_of(report: Report) -> dict[str, Any]:
    """What `json.dumps` takes."""
    told: dict[str, Any] = rounded(asdict(report))
    return {"law_holds": report.law_holds, **told}
