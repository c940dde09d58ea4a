"""One failed request, as its log record tells it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from beastmode_otel import semconv


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """at: Unix seconds. Every field but these two is None when the record does not say."""

    at: float
    model: str
    category: str | None
    deployment: str | None
    status: int | None
    attempts: int | None
    hint: str | None


def failure_of(at: float, attributes: Mapping[str, Any]) -> Failure:
    """From the attributes of a FAILED_EVENT record."""
    return Failure(
        at=at,
        model=str(attributes.get(semconv.MODEL.key, semconv.OTHER)),
        category=attributes.get(semconv.ERROR_TYPE.key),
        deployment=attributes.get(semconv.DEPLOYMENT.key),
        status=attributes.get(semconv.STATUS_CODE.key),
        attempts=attributes.get(semconv.ATTEMPTS.key),
        hint=attributes.get(semconv.HINT.key),
    )
