"""What Postgres, a pooler before it and the way there say, in the words of a tier."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from beastmode_otel.cache.tier import TierUnavailable

UNDEFINED: Final = {"42P01", "3F000", "42703", "42883"}  # table, schema, column, function
FORBIDDEN: Final = "42501"
READ_ONLY: Final = "25006"

# Classes of SQLSTATE (postgresql.org/docs: appendix A) that say something about the server, or our place there:
# connection, authorization, no such database, no such schema, syntax and access, resources, operator, system, internal.
_UNHEALTHY: Final = ("08", "28", "3D", "3F", "42", "53", "57", "58", "F0", "XX")
# A full disk is healthy: reads work, and a breaker that opens would stop them too. So is a standby, which only reads.
_HEALTHY: Final = {"53100"}


class Lost(Exception):
    """The connection ended, or there was none to be had."""


class ServerError(Exception):
    """The server refused a statement. state: the SQLSTATE. policy: it was the row-level security, of this tenant."""

    def __init__(self, message: str, state: str, *, policy: bool = False) -> None:
        super().__init__(message)
        self.state, self.policy = state, policy


def is_unhealthy(exc: BaseException) -> bool:
    """Whether it says something about the server or the way there, not about this one call."""
    if isinstance(exc, ServerError):
        return not exc.policy and exc.state not in _HEALTHY and exc.state.startswith(_UNHEALTHY)
    return isinstance(exc, Lost | TimeoutError | OSError)


def unavailable(exc: BaseException) -> TierUnavailable:
    if isinstance(exc, TierUnavailable):
        return exc
    if isinstance(exc, ServerError):
        return TierUnavailable(f"{exc} ({exc.state})", healthy=not is_unhealthy(exc))
    if isinstance(exc, TimeoutError):
        return TierUnavailable("no answer in time")
    return TierUnavailable(str(exc) or type(exc).__name__, healthy=not is_unhealthy(exc))


@contextmanager
def edge() -> Iterator[None]:
    """Past this, nothing but TierUnavailable."""
    try:
        yield
    except TierUnavailable:
        raise
    except Exception as exc:
        raise unavailable(exc) from exc
