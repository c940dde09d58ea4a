"""The two accounts of an attempt that has ended: the one that errors and answers carry, and telemetry's. Pure."""

from __future__ import annotations

from beastmode_otel.errors import AttemptRecord, BeastModeError
from beastmode_otel.observer import AttemptOutcome, OutcomeKind
from beastmode_otel.wire import Reply, Usage


def record_of(
    deployment: str,
    kind: OutcomeKind,
    error: BeastModeError | None,
    *,
    status: int | None,
    sent: bool,
    duration: float,
) -> AttemptRecord:
    """error: None unless it failed. duration: seconds."""
    return AttemptRecord(
        deployment=deployment,
        outcome=kind,
        category=error.category.name if error else None,
        status=status,
        sent=sent,
        duration=duration,
    )


def outcome_of(
    ended: AttemptRecord,
    kind: OutcomeKind,
    error: BeastModeError | None,
    *,
    reply: Reply | None,
    tokens: Usage | None,
    cost: float | None,
) -> AttemptOutcome:
    """reply: as far as it came. tokens, cost: what it used, in USD; None when nothing is known of it."""
    return AttemptOutcome(
        kind=kind,
        sent=ended.sent,
        status=ended.status,
        category=error.category if error else None,
        provider_code=error.provider_code if error else None,
        exception=type(error.__cause__).__name__ if error and error.__cause__ else None,
        reply=reply,
        tokens=tokens,
        cost=cost,
    )
