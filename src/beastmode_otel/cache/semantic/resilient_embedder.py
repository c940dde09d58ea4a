"""The embedder behind its one thread, its time and its health: it may hang, fail or go mad, requests never do."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from beastmode_otel.cache.semantic.embedders import Checked, NotVectors, SawNothing, unreadable
from beastmode_otel.cache.semantic.ports import Vectors
from beastmode_otel.observer import EmbedResult, MatchVerdict, Observer
from beastmode_otel.runtime import PoolFull, Runtime, WorkerPool, in_child

T = TypeVar("T")

REST_SECONDS: Final = 30.0  # after a failure, doubled with each that follows
LONGEST_REST: Final = 600.0
HUNG_SECONDS: Final = 1.0  # a call that has been under way for so long is waited for by nobody else
LOADING_SECONDS: Final = 30.0  # a model that is read from a cold disk, on a busy machine, does not hang
LATE_IN_A_ROW: Final = 3
_GO_ON: Final = "exact matches go on; see docs/semantic.md"
_log: Final = logging.getLogger("beastmode_otel")


class Unmatched(Exception):
    """The question cannot be matched, and why."""

    def __init__(self, verdict: MatchVerdict) -> None:
        super().__init__(verdict)
        self.verdict: MatchVerdict = verdict


class ResilientEmbedder:
    """Thread-safe; one for each cache, whose two runtimes share it.

    - `run` waits for its work until the time that was given, and never longer; work that nobody waits for any more and
      that was not begun is dropped.
    - What fails rests, longer each time, and so does what was too slow for three calls in a row; what hangs is not
      waited for while it does; what returns NaN or vectors of another size is off until the process ends. Each is said
      once, with what to do.
    """

    def __init__(self, embedder: Checked, *, max_tokens: int, unread: float, observer: Observer) -> None:
        self.embedder, self.name, self._observer = embedder, embedder.name, observer
        self._max_tokens, self._unread = max_tokens, unread
        self._pool = WorkerPool("embed", size=1, backlog=256, at_exit=0.0)  # what is not stored yet is not worth a wait
        self._start_empty()
        in_child(self._start_empty)
        self._failures = self._late = 0
        self._rests_until, self._off, self._told = 0.0, False, set[str]()

    def _start_empty(self) -> None:
        self._began: float | None = None  # when the call that is under way was begun
        self._noted: float | None = None  # that of a call that was found too slow
        self._unwaited = False  # whether that call is one of `later`

    def check(self) -> None:
        """Raises Unmatched where nothing will come of asking it now."""
        now = time.monotonic()
        if self._off or now < self._rests_until:
            raise Unmatched("embedder_off")
        if self._is_hung(now):
            if not self._is_loading(now):
                self._tell("does not return", "until it does", _GO_ON)
            raise Unmatched("timeout")

    async def run(self, work: Callable[[], T], runtime: Runtime, until: float) -> T:
        """What `work` returns, on the embedder's thread; until: on the monotonic clock. Raises Unmatched."""
        self.check()
        now = time.monotonic()
        if now >= until:
            raise Unmatched("timeout")
        wanted = [True]
        try:
            job = self._pool.submit(lambda: self._work(work) if wanted else None)
        except PoolFull:
            raise Unmatched("timeout") from None
        try:
            settled = await runtime.wait(job, until - now)
        finally:
            if not job.done():
                wanted.clear()
        if not settled:
            self._note_late(0.5 * (until - now))
            raise Unmatched("timeout")
        error = job.exception()
        if error is None:
            self._failures = self._late = 0
            result: Any = job.result()
            return result  # type: ignore[no-any-return]
        raise Unmatched(self._verdict(error))

    def later(self, work: Callable[[], object]) -> None:
        """`work` on its thread, when there is time; what cannot be done is left. Never raises, never waits."""
        if not self._off and time.monotonic() >= self._rests_until:
            with suppress(PoolFull):
                self._pool.submit(lambda: self._work(work, unwaited=True))

    def question(self, text: str) -> Vectors:
        """One row. On its thread. Raises Unmatched for what this embedder cannot read, or not in one piece."""
        why_not = unreadable(self.embedder, text, max_tokens=self._max_tokens, unread=self._unread)
        if why_not is not None:
            raise Unmatched(why_not)
        return self.vectors([text])

    def vectors(self, texts: Sequence[str]) -> Vectors:
        """A row of length 1 for each. On its thread."""
        began = time.perf_counter()
        result: EmbedResult = "error"
        try:
            rows = self.embedder.embed(texts)
            result = "ok"
        except SawNothing:
            result = "ok"  # of this text
            raise Unmatched("unsupported_language") from None
        finally:
            self._observer.embedded(result, time.perf_counter() - began)
        return rows

    def _work(self, work: Callable[[], T], *, unwaited: bool = False) -> T:
        self._unwaited, self._began = unwaited, time.monotonic()
        try:
            return work()
        finally:
            self._began = None

    def _is_hung(self, now: float) -> bool:
        began = self._began
        return began is not None and now - began > HUNG_SECONDS

    def _is_loading(self, now: float) -> bool:
        """Nobody waits for it, and it has its time; so has what waits behind it, without a word."""
        began = self._began
        return self._unwaited and began is not None and now - began < LOADING_SECONDS

    def _note_late(self, seconds: float) -> None:
        """seconds: a call under way for longer is what was waited for; else it was those that came before."""
        began = self._began
        if began is None or began == self._noted or time.monotonic() - began < seconds:
            return
        self._noted, self._late = began, self._late + 1  # once for a call, however many wait for it
        if self._late >= LATE_IN_A_ROW:
            self._rest("does not answer in time")

    def _verdict(self, error: BaseException) -> MatchVerdict:
        if isinstance(error, Unmatched):
            return error.verdict
        if isinstance(error, NotVectors):
            self._off = True
            self._tell(f"is out of its mind: {error}", "for good", "check the embedder, and start the process again")
        else:
            self._rest(f"failed ({type(error).__name__})")
        return "embedder_failed"

    def _rest(self, why: str) -> None:
        seconds = min(LONGEST_REST, REST_SECONDS * 2.0**self._failures)
        self._failures, self._late = self._failures + 1, 0
        self._rests_until = time.monotonic() + seconds
        self._tell(why, f"for {seconds:g} s", _GO_ON)

    def _tell(self, why: str, how_long: str, hint: str) -> None:
        if why not in self._told:
            self._told.add(why)
            _log.warning(
                "semantic matching is off %s: the embedder %s %s (%s; told once)", how_long, self.name, why, hint
            )

    def close(self) -> None:
        self._pool.close(0.5)
        self.embedder.close()
