"""A similar question instead of the very same one: from a request's words to an entry that may answer it, or to why
none may. The cache's flow asks for it once every tier was asked for the request's own key."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.question import Wording
from beastmode_otel.cache.semantic.decision import decide
from beastmode_otel.cache.semantic.feedback import Feedback
from beastmode_otel.cache.semantic.hydration import Hydration
from beastmode_otel.cache.semantic.index import Candidate, Index
from beastmode_otel.cache.semantic.ports import Vectors, Verifier
from beastmode_otel.cache.semantic.records import Records
from beastmode_otel.cache.semantic.resilient_embedder import ResilientEmbedder, Unmatched
from beastmode_otel.cache.tiered import Tiered
from beastmode_otel.observer import JudgementSource, MatchOutcome, MatchScope, Observer, RequestScope, TierName
from beastmode_otel.record import record
from beastmode_otel.runtime import PoolFull, Runtime, WorkerPool

_REACHING: Final = 0.75  # of the time that is left, for a tier to find what is not in memory
CANDIDATES: Final = 4  # of those past the threshold: what the rules refuse may have a better neighbour


@record(frozen=True, slots=True, kw_only=True)
class Similar:
    """A stored answer to a question that means the same, and where it was."""

    entry: Entry
    tier: TierName
    similarity: float


@record(frozen=True, slots=True, kw_only=True)
class MatchSettings:
    """threshold: where no route says another. serves: False only tells what would have been served (shadow). sample:
    the part of the hits that is asked upstream all the same, to compare. seconds: of the whole lookup."""

    threshold: float
    max_temperature: float
    off: frozenset[str]
    serves: bool
    agreement: float
    sample: float = 0.0
    seconds: float | None = None
    verifier: Verifier | None = None
    verifier_seconds: float = 1.0


class Sought:
    """One request's question: read at most once, for the search and for what is stored of its answer.

    outcome: what came of the search, None before it. would: what shadow would have served.
    """

    __slots__ = ("matcher", "outcome", "row", "text", "would")

    def __init__(self, matcher: Matcher) -> None:
        self.matcher = matcher
        self.text: str | None = None
        self.row: Vectors | None = None
        self.outcome: MatchOutcome | None = None
        self.would: Similar | None = None

    def marked(self, entry: Entry) -> Entry:
        """The entry as it is stored: with its question, where that could be read."""
        if self.row is None:
            return entry
        vector = self.row[0].astype("<f4").tobytes()
        return replace(entry, question=self.text, vector=vector, embedder=self.matcher.embedder.name)

    def landed(self, entry: Entry, *, stored: bool, whole: bool) -> None:
        """The provider's own answer is there. whole: it may be compared."""
        if stored and entry.vector is not None:
            self.matcher.index.add(entry)
        would, self.would = self.would, None
        if would is not None and whole:
            self.matcher.compare(would, entry)


class Matcher:
    """Finds the entry of a similar question, for the callers of one runtime; index, embedder and verifier are shared.

    - `find` never raises for what an embedder or verifier does, and takes no longer than until `until`, with a verifier
      `verifier_seconds` more. Nothing of it blocks the caller's loop.
    - Only an equal scope is searched: tenant, model, system prompt, history, parameters are the same.
    - What is found was fetched from a tier by its own key: fresh, whole, and young enough for the request.
    """

    def __init__(
        self,
        embedder: ResilientEmbedder,
        index: Index,
        settings: MatchSettings,
        *,
        tiered: Tiered,
        runtime: Runtime,
        observer: Observer,
        feedback: Feedback | None = None,
        hydration: Hydration | None = None,
        records: Records | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.records = records
        self.feedback = feedback or Feedback()
        self.hydration = hydration or Hydration(index, embedder.name, embedder.embedder.dimensions)
        self.embedder, self.index, self.settings = embedder, index, settings
        self._tiered, self._runtime, self._observer, self._clock = tiered, runtime, observer, clock
        self._verifiers = WorkerPool("verifier", size=4, backlog=16, at_exit=0.0)
        self._comparing = WorkerPool("compare", size=1, backlog=64, at_exit=0.0)

    def seek(self) -> Sought:
        return Sought(self)

    def beside(self, tiered: Tiered, runtime: Runtime) -> Matcher:
        """The same for the callers of another runtime."""
        return Matcher(
            self.embedder, self.index, self.settings, tiered=tiered, runtime=runtime, observer=self._observer,
            feedback=self.feedback, hydration=self.hydration, records=self.records, clock=self._clock,
        )  # fmt: skip

    # Reading.

    async def read(self, sought: Sought, wording: Wording | None, until: float) -> None:
        """Only for what will be stored: the request wants a fresh answer. Never raises."""
        try:
            await self._question(sought, self._text(wording), until)
        except Unmatched as no:
            sought.outcome = MatchOutcome(verdict=no.verdict)

    async def find(
        self, sought: Sought, wording: Wording | None, key: Key, scope: RequestScope, serves: Callable[[Entry], bool],
        threshold: float | None, until: float, *, may_ask: bool,
    ) -> Similar | None:  # fmt: skip
        """An entry that may answer in the place of `key`'s own. None: none, or shadow, and `sought` knows what would
        have been. may_ask: whether the provider may be asked all the same."""
        telling = scope.match(key.short)
        outcome = MatchOutcome(verdict="timeout")
        try:
            found, outcome = await self._find(sought, wording, key, telling, serves, threshold, until)
            if found is not None and (not self.settings.serves or (may_ask and random.random() < self.settings.sample)):
                outcome = replace(outcome, verdict="shadow")
        except Unmatched as no:
            found, outcome = None, MatchOutcome(verdict=no.verdict)
        finally:  # a caller that was cancelled meanwhile had waited in vain
            sought.outcome = outcome
            telling.finish(outcome)
            if self.records is not None:
                self.records.searched(outcome)
        if outcome.verdict != "shadow":
            return found
        sought.would = found
        return None

    async def _find(
        self, sought: Sought, wording: Wording | None, key: Key, telling: MatchScope,
        serves: Callable[[Entry], bool], threshold: float | None, until: float,
    ) -> tuple[Similar | None, MatchOutcome]:  # fmt: skip
        text = self._text(wording)
        bringing = self.hydration.begin(key, self._tiered.tiers)  # while the embedder is at work
        row = await self._question(sought, text, until)
        for job in bringing:
            await self._runtime.wait(job, max(0.0, until - time.monotonic()))
        least = self.settings.threshold if threshold is None else threshold
        near = await self._search(key, row, CANDIDATES, until)
        found, outcome = await self._choose(sought, near, key, telling, serves, least, until)
        settled = found is not None or outcome.verdict == "verifier_reject"  # which is asked once
        if settled or not self.index.cut(key):
            return found, outcome
        searched, brought = await self._reach(key, row, until)
        if not brought:
            return found, replace(outcome, searched=searched)
        seen = {candidate.key.digest for candidate in near}
        more = await self._search(key, row, CANDIDATES + len(near), until)
        more = [candidate for candidate in more if candidate.key.digest not in seen]
        found, beyond = await self._choose(sought, more, key, telling, serves, least, until)
        said = beyond if found is not None else max(outcome, beyond, key=_telling)
        return found, replace(said, searched=searched)

    async def _search(self, key: Key, row: Vectors, most: int, until: float) -> list[Candidate]:
        return await self.embedder.run(lambda: self.index.search(key, row, most), self._runtime, until)

    async def _reach(self, key: Key, row: Vectors, until: float) -> tuple[TierName | None, bool]:
        """The tier that was searched, and whether it found anything, in most of the time that is left: what is found is
        yet to be fetched."""
        left = _REACHING * (until - time.monotonic())
        reaching = self.hydration.reach(key, row, self._tiered.tiers, left)
        if reaching is None:
            return None, False
        tier, job = reaching
        in_time = await self._runtime.wait(job, max(0.0, left))
        return tier, in_time and job.exception() is None and job.result()

    async def _choose(
        self, sought: Sought, near: list[Candidate], key: Key, telling: MatchScope,
        serves: Callable[[Entry], bool], least: float, until: float,
    ) -> tuple[Similar | None, MatchOutcome]:  # fmt: skip
        if not near:
            return None, MatchOutcome(verdict="no_candidate")
        if near[0].similarity < least:
            return None, MatchOutcome(verdict="below_threshold", similarity=near[0].similarity)
        refused: MatchOutcome | None = None
        for candidate in near:
            if candidate.similarity < least:
                break
            if candidate.key.digest == key.digest or self.feedback.refuted(key, candidate.key):
                continue
            found = await self._fetch(candidate, telling, serves, until)
            if found is None:
                continue
            outcome = await self._judge(sought, found, least, until)
            if outcome.verdict == "served":
                return found, outcome
            refused = refused or outcome
            if outcome.verdict == "verifier_reject":  # asked once: it is the dearest of all
                break
        return None, refused or MatchOutcome(verdict="no_candidate")

    def _text(self, wording: Wording | None) -> str:
        if wording is None:
            raise Unmatched("not_text")
        if wording.temperature is not None and wording.temperature > self.settings.max_temperature:
            raise Unmatched("temperature")
        self.embedder.check()
        return wording.text

    async def _question(self, sought: Sought, text: str, until: float) -> Vectors:
        row = await self.embedder.run(lambda: self.embedder.question(text), self._runtime, until)
        sought.text, sought.row = text, row
        return row

    async def _fetch(
        self, candidate: Candidate, telling: MatchScope, serves: Callable[[Entry], bool], until: float
    ) -> Similar | None:
        """The candidate's entry, where it may be served, and still has the question by which it was found."""
        key = candidate.key
        tier: TierName = "l1"
        entry = self._tiered.lookup_l1(key)
        if entry is None or not self._may_serve(entry, serves):
            seen = [] if entry is None else [entry]

            def looked_at(one: Entry) -> bool:
                seen.append(one)
                return serves(one)

            hit = await self._tiered.lookup_tiers(key, telling, looked_at, until)
            if hit is None and not seen and time.monotonic() < until:
                self.index.lost(key)
            if hit is None or not self._may_serve(hit.entry, serves):
                return None
            entry, tier = hit.entry, hit.tier
        return Similar(entry=entry, tier=tier, similarity=candidate.similarity)

    def _may_serve(self, entry: Entry, serves: Callable[[Entry], bool]) -> bool:
        named = entry.question is not None and entry.embedder == self.embedder.name
        return named and entry.fresh(self._clock()) and serves(entry)

    async def _judge(self, sought: Sought, found: Similar, least: float, until: float) -> MatchOutcome:
        """The rules, the template check, and where there is one the verifier."""
        question, candidate = sought.text or "", found.entry.question or ""
        off, embed = self.settings.off, self.embedder.vectors
        decision = await self.embedder.run(
            lambda: decide(question, candidate, threshold=least, off=off, embed=embed),
            self._runtime,
            until,
        )
        outcome = MatchOutcome(verdict=decision.verdict, similarity=found.similarity, guard=decision.guard, tier=None)
        if outcome.verdict != "served":
            return outcome
        if not await self._verified(question, candidate):
            return replace(outcome, verdict="verifier_reject")
        return replace(outcome, tier=found.tier)

    async def _verified(self, question: str, candidate: str) -> bool:
        """Only a plain yes in time is one."""
        verifier = self.settings.verifier
        if verifier is None:
            return True
        try:
            job = self._verifiers.submit(lambda: verifier(question, candidate))
        except PoolFull:
            return False
        settled = await self._runtime.wait(job, self.settings.verifier_seconds)
        return settled and job.exception() is None and job.result() == "yes"

    # Whether it was right.

    def compare(self, would: Similar, fresh: Entry) -> None:
        """Whether the stored answer says what the provider says now: the same text, or one that means the same as far
        as the embedder can see. Told later, by a thread of its own: answers are long, and questions must not wait for
        them. Not told of answers without text (tool calls)."""
        stored = would.entry.text
        if not stored or not fresh.text:
            return
        source: JudgementSource = "sample" if self.settings.serves else "shadow"
        if stored == fresh.text:
            self._judged(would, True, source)
            return

        def weigh() -> None:
            rows = self.embedder.vectors([stored, fresh.text])
            self._judged(would, float(rows[0] @ rows[1]) >= self.settings.agreement, source)

        with suppress(PoolFull):
            self._comparing.submit(weigh)

    def _judged(self, would: Similar, agree: bool, source: JudgementSource) -> None:
        self._observer.judged("agree" if agree else "disagree", source)
        if self.records is not None:
            self.records.judged(would.similarity, agree, source)

    def report(self, request_id: str) -> bool:
        """The similar answer that this request got was wrong. False: it got none, as far as is remembered."""
        known = self.feedback.report(request_id)
        if known:
            self._observer.judged("disagree", "feedback")
        return known

    def close(self) -> None:
        """The embedder's thread ends. Idempotent."""
        self._verifiers.close(0.5)
        self._comparing.close(0.5)
        if self.records is not None:
            self.records.close()
        self.embedder.close()


def _telling(outcome: MatchOutcome) -> tuple[bool, float]:
    """Of two searches that found nothing to serve: what a rule refused says more than what was never near."""
    return outcome.verdict not in ("no_candidate", "below_threshold"), outcome.similarity or -1.0
