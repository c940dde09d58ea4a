"""Warming with prompts: questions that are going to be asked, answered and stored before; within a budget."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from beastmode_otel.cache import Warmed
from beastmode_otel.engine.answer import Answer, Question
from beastmode_otel.errors import BeastModeError, RequestError
from beastmode_otel.observer import Observer, WarmEnd, WarmResult
from beastmode_otel.record import record

FAILURES_IN_A_ROW: Final = 5  # after which nobody is asked any more: the provider, the key or the file is wrong
_FORM: Final = 'write {"model": "ROUTE", "messages": […]}, a request\'s body with the model id that the router is asked'


@record(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A question that shall be answered from the cache. model_id, request, tenant: as for `route`."""

    model_id: str
    request: Mapping[str, Any]
    tenant: str | None = None

    def question(self) -> Question:
        return Question(model_id=self.model_id, body=self.request, stream=False, tenant=self.tenant)


def read_prompts(lines: Iterable[str | bytes], model_id: str | None = None) -> list[Prompt]:
    """Of JSON lines: a request's body in each, with the model id of the router as its `model`, and perhaps a `tenant`.

    model_id: for those that name none. Raises RequestError that cites the line's number and nothing of it.
    """
    found = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            told = json.loads(line)
        except (ValueError, RecursionError):
            raise RequestError(f"line {number} of the prompts is no JSON", hints=(_FORM,)) from None
        try:
            found.append(_prompt(told, model_id))
        except RequestError as exc:
            raise RequestError(f"line {number} of the prompts {exc.message}", hints=exc.hints) from None
    return found


def _prompt(told: Any, model_id: str | None = None) -> Prompt:
    if isinstance(told, Prompt):
        return told
    if not isinstance(told, Mapping):
        raise RequestError("is no object", hints=(_FORM,))
    request = dict(told)
    model, tenant = request.pop("model", model_id), request.pop("tenant", None)
    if not isinstance(model, str) or not model:
        raise RequestError("names no model", hints=(_FORM,))
    if tenant is not None and (not isinstance(tenant, str) or not tenant.strip()):
        raise RequestError("has a tenant that is no name", hints=(_FORM,))
    if not request:
        raise RequestError("asks nothing", hints=(_FORM,))
    return Prompt(model_id=model, request=request, tenant=tenant)


class PromptRun:
    """One run through prompts: who asks next, what came of it, when it is over. Thread-safe.

    - usd: it ends when so much is spent; what is under way then is paid too, at most one answer of each asker more.
      An answer whose price nobody knows ends it too, unless `usd` is infinite.
    - What is in the cache costs nothing, and is left as it is.
    """

    def __init__(
        self,
        prompts: Iterable[Prompt | Mapping[str, Any]],
        *,
        usd: float,
        seconds: float,
        observer: Observer,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """progress: hears how many were answered so far. Raises RequestError for a prompt or a bound that is none."""
        if not isinstance(usd, int | float) or isinstance(usd, bool) or not usd > 0:
            raise RequestError("prompts cost money: say how much they may", hints=("pass usd=1.0, or math.inf",))
        self._left: Iterator[Prompt] = iter([_checked(one) for one in prompts])
        self._usd, self._observer, self._progress = usd, observer, progress
        self._began = time.monotonic()
        self._until = self._began + seconds
        self._lock = threading.Lock()
        self._entries, self._size, self._spent, self._in_a_row = Counter[WarmResult](), 0, 0.0, 0
        self._ended: WarmEnd | None = None
        self._fault: Exception | None = None

    def next(self) -> Prompt | None:
        """The one to ask now; None: the run is over."""
        with self._lock:
            if self._ended is None and time.monotonic() >= self._until:
                self._ended = "time"
            return None if self._ended is not None else next(self._left, None)

    def answered(self, answer: Answer) -> None:
        hit = answer.cache.status in ("hit", "stale") or answer.cache.collapsed
        stored = answer.cache.reason is None and answer.cache.status != "off"
        with self._lock:
            self._in_a_row = 0
            self._entries["held" if hit else "warmed" if stored else "failed"] += 1
            if not hit:
                self._size += len(answer.text.encode("utf-8", "surrogatepass")) if stored else 0
                self._spent += answer.cost or 0.0
                if self._spent >= self._usd or (answer.cost is None and self._usd != math.inf):
                    self._ended = self._ended or "cost"
            done = self._entries.total()
        self._progress(done)

    def failed(self, error: Exception) -> None:
        """A prompt was not answered; the request's own telemetry says why. What is no error of a request (a port of the
        user's that fails) is raised when the run ends, which is now."""
        with self._lock:
            if not isinstance(error, BeastModeError):
                self._fault, self._ended = self._fault or error, "failed"
            self._entries["failed"] += 1
            self._in_a_row += 1
            if self._in_a_row >= FAILURES_IN_A_ROW:
                self._ended = self._ended or "failed"
            done = self._entries.total()
        self._progress(done)

    def end(self) -> Warmed:
        """What came of it; telemetry is told first."""
        result = Warmed(
            source="prompts", entries=dict(self._entries), size=self._size, seconds=time.monotonic() - self._began,
            ended=self._ended or "done", spent=self._spent,
        )  # fmt: skip
        self._observer.warmed("prompts", result.entries, result.size, result.seconds, result.ended)
        if self._fault is not None:
            raise self._fault
        return result

    def cancel(self) -> None:
        """Whoever waits for it does not any more: nobody begins another one, and telemetry is told."""
        with self._lock:
            self._left, self._ended, self._fault = iter(()), "cancelled", None
        self.end()


def _checked(told: Any) -> Prompt:
    try:
        return _prompt(told)
    except RequestError as exc:
        raise RequestError(f"a prompt {exc.message}", hints=exc.hints) from None
