"""The end of a request: told once, with the right outcome, before anything is raised to the caller."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from beastmode_otel.errors import BeastModeError
from beastmode_otel.observer import CACHE_OFF, CacheFacts, OutcomeKind, RequestOutcome, RequestScope

if TYPE_CHECKING:
    from beastmode_otel.engine.ports import Delivery

_log: Final = logging.getLogger("beastmode_otel")


def new_request_id() -> str:
    """32 hex digits. Not secret, so no system call, which lets go of the interpreter: other threads run first.

    The generator is seeded anew in a forked child.
    """
    return f"{random.getrandbits(128):032x}"


class Ending:
    """A context manager round a request's work, and the one place that finishes its scope.

    Leaving it by an exception finishes the request: an Exception is an error; CancelledError, KeyboardInterrupt,
    GeneratorExit and the like are a cancellation. Leaving it normally without `ok()` or `hand_over()` is a bug of ours:
    the request ends as an error that says so, and the log tells it; the caller keeps the answer.
    """

    __slots__ = (
        "_done",
        "_goes_on",
        "_handed_over",
        "after",
        "cache",
        "delivery",
        "first_touch",
        "request_id",
        "route",
        "scope",
    )

    def __init__(self, scope: RequestScope, *, request_id: str) -> None:
        self.scope = scope
        self.request_id = request_id
        self.route: str | None = None
        self.delivery: Delivery | None = None
        self.cache: CacheFacts = CACHE_OFF
        self.first_touch: bool | None = None
        self.after: Callable[[], None] | None = None  # what the request holds until its end
        self._done = self._goes_on = self._handed_over = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if exc is not None:
            self.raised(exc)
        elif not self._done and not self._handed_over:
            _log.error("a fault of beastmode_otel: a request was left without an outcome")
            self.finish("error", BeastModeError("the request was left without an outcome"))

    def watch(self, delivery: Delivery) -> None:
        """Tell what comes of this delivery, which ends by itself: others may wait for it too."""
        self.delivery, self._goes_on = delivery, True

    def ok(self) -> None:
        self.finish("ok")

    def hand_over(self) -> None:
        """The request goes on: its stream ends it later."""
        self._handed_over = True

    def raised(self, exc: BaseException) -> None:
        """The request ends with this exception."""
        if isinstance(exc, BeastModeError):
            self.finish("error", exc)
        elif isinstance(exc, Exception):
            self.finish("error", _unexpected(exc))
        else:
            self.finish("cancelled")

    def finish(self, kind: OutcomeKind, error: BeastModeError | None = None) -> bool:
        """End it. False: it had ended before. The delivery's attempt ends with it."""
        if self._done:
            return False
        self._done = True
        delivery = self.delivery
        if delivery is not None and not self._goes_on:
            delivery.finish(kind)
        self.scope.finish(
            RequestOutcome(
                kind=kind,
                error=error,
                route=self.route,
                deployment=_deployment(delivery, error),
                attempts=delivery.begun if delivery else _attempts(error, self.cache),
                cost=delivery.cost if delivery else None,
                cache=self.cache,
                saving=delivery.saving if delivery and kind == "ok" else None,
                first_touch=self.first_touch if kind == "ok" else None,
            )
        )
        if self.after is not None:
            self.after()
        return True


def _attempts(error: BeastModeError | None, cache: CacheFacts) -> int:
    """Those of a flight that failed belong to its leader."""
    return 0 if error is None or cache.collapsed else len(error.context.attempts)


def _deployment(delivery: Delivery | None, error: BeastModeError | None) -> str | None:
    """The one that was asked last, else the one that the error is about."""
    asked = None if delivery is None else delivery.deployment
    return error.context.deployment if asked is None and error is not None else asked


def _unexpected(exc: Exception) -> BeastModeError:
    """What is no error of ours (a bug, a port of the user's, a signal's handler): told as `_OTHER`, raised as is."""
    error = BeastModeError(f"unexpected {type(exc).__name__}")
    error.__cause__ = exc
    return error
