"""A slow, ill or dead tier: requests are unharmed, and telemetry says what happened to whom."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel.cache import breaker
from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.resilient_tier import ResilientTier
from beastmode_otel.cache.tier import TierUnavailable
from beastmode_otel.simulator import Simulator
from support.crowd import CROWDS, wait_until
from support.recorder import Recorder
from telemetry.cache_expected import Asked, hit, miss
from telemetry.cache_stage import Stage, ask, l3_of, labels
from telemetry.matrix import TEXT


@pytest.fixture(params=CROWDS)
def stage(request: Any, simulator: Simulator, recorder: Recorder, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(request.param, simulator, recorder, tmp_path)
    yield made
    made.close()


class Moody:
    """A BlockingTier that is slow or down on command; everything else is the inner tier's."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.down = False
        self.answers = threading.Event()
        self.answers.set()
        self.answered = threading.Event()

    def ask(self, key: Key) -> Any:
        return _Question(self, key)

    def take(self, key: Key) -> Entry | None:
        self.answers.wait(30)
        self.answered.set()
        self._check()
        found: Entry | None = self._inner.ask(key).take()
        return found

    def put(self, entry: Entry) -> None:
        self._check()
        self._inner.put(entry)

    def delete(self, key: Key) -> None:
        self._check()
        self._inner.delete(key)

    def ping(self) -> None:
        self._check()
        self._inner.ping()

    def _check(self) -> None:
        if self.down:
            raise TierUnavailable("down on command")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


class _Question:
    def __init__(self, tier: Moody, key: Key) -> None:
        self._tier, self._key = tier, key

    def drop(self) -> None: ...

    def ready(self, timeout: float) -> bool:
        return self._tier.answers.is_set()

    def take(self) -> Entry | None:
        return self._tier.take(self._key)


def moody(router: Any) -> Moody:
    l3 = l3_of(router)
    tier = l3.tier = Moody(l3.tier)
    return tier


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_late_answer_is_promoted(stage: Stage, stream: bool) -> None:
    """The request stops waiting and asks upstream; what comes late serves the next one from L1."""
    first = stage.router()
    stage.route(first)
    stage.settle(first)
    second = stage.router({"l3": stage.l3(soft=0.05)})
    tier = moody(second)
    tier.answers.clear()
    act = stage.read if stream else stage.route
    act(second, cache="only")
    assert not tier.answered.is_set()
    tier.answers.set()
    stage.settle(second)
    answer = act(second)
    answer = answer[1] if stream else answer
    assert (answer.text, answer.cache.tier) == (TEXT, "l1")
    late = Asked(status="miss", l3="timeout", stream=stream, outcome="error", category="cache_miss", deployment=None)
    promoted = {"beastmode.cache.promotions": {labels(cache__tier="l1"): 1}}
    stage.check(miss(), late, hit(stream=stream), extra=promoted)


def test_a_slow_tier_does_not_hold_a_request(stage: Stage) -> None:
    """Upstream answers meanwhile; the entry is there once, and the next request is a hit."""
    router = stage.router({"l3": stage.l3(soft=0.05)})
    tier = moody(router)
    tier.answers.clear()
    assert stage.route(router).text == TEXT
    assert not tier.answered.is_set()
    tier.answers.set()
    stage.route(router)
    stage.check(miss(l3="timeout"), hit())


def test_a_tier_that_goes_down_and_comes_back(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """3 failures in a row open its breaker; then it is skipped; a probe behind a request closes it; nothing is lost."""
    monkeypatch.setattr(breaker, "FIRST_REST", 1000.0)
    router = stage.router()
    tier, l3 = moody(router), l3_of(router)
    tier.down = True
    # Each request fails twice: its question, and its write.
    for number in range(2):
        assert stage.route(router, ask(str(number))).text == TEXT
        stage.settle(router)
    assert state(stage) == 2
    assert stage.read(router, ask("skipped"))[1].text == TEXT
    stage.settle(router)
    assert l3.queued >= 2
    rested(l3)
    stage.route(router, ask("probes in vain"))
    stage.settle(router)
    assert state(stage) == 2
    tier.down = False
    rested(l3)
    stage.route(router, ask("probes"))
    wait_until(lambda: l3.breaker.closed and not l3.queued)
    stage.settle(router)
    assert state(stage) == 0
    assert sorted(entry.text for entry in l3.tier.scan(None, 100)) == [TEXT] * 5
    results = by_result(stage, "beastmode.cache.lookup.duration", "beastmode.cache.result")
    assert results == {"error": 2, "skipped": 3}
    written = by_result(stage, "beastmode.cache.write.duration", "beastmode.cache.write.result")
    assert written["error"] >= 1
    assert written["queued"] >= 3
    assert written["ok"] == 5
    assert len([span for span in stage.recorder.spans() if span.name == "cache.get l3"]) == 5
    assert stage.recorder.total("beastmode.errors") == 0
    stage.close()


def rested(l3: ResilientTier) -> None:
    """The tier's rest is over now; how long one is, is tested without waiting (tests/unit/cache)."""
    l3.breaker._reopens = 0.0


def state(stage: Stage) -> float:
    return stage.recorder.total("beastmode.cache.tier.state", beastmode__cache__tier="l3")


def by_result(stage: Stage, name: str, key: str) -> dict[str, float]:
    series = stage.recorder.metrics()[name]
    found: dict[str, float] = {}
    for series_labels, count in series.items():
        about = dict(series_labels)
        if about["beastmode.cache.tier"] == "l3":
            found[about[key]] = found.get(about[key], 0) + count
    return found


def test_one_failed_write_is_made_good(stage: Stage) -> None:
    """Without a breaker that opens: the next write that succeeds brings along what waits for it."""
    router = stage.router()
    tier, l3 = moody(router), l3_of(router)
    stage.route(router, ask("warm"))
    stage.settle(router)
    tier.down = True
    key = next(iter(l3.tier.scan(None, 1))).key
    l3.delete(key)
    stage.settle(router)
    assert l3.queued == 1
    tier.down = False
    stage.route(router, ask("next"))
    wait_until(lambda: not l3.queued)


def test_invalidation_of_a_tier_that_is_down_says_so(stage: Stage) -> None:
    """It is not silently half done, and what waits for it to the tier is forgotten."""
    router = stage.router()
    tier, l3 = moody(router), l3_of(router)
    tier.down = True
    stage.route(router, tags=["x"])
    stage.settle(router)
    assert l3.queued == 1
    assert router.call("invalidate", tag="x") == 1
    assert l3.queued == 0


# Background writes survive their caller.

SCRIPT = """
import {module}, sys
from beastmode_otel import AsyncModelRouter, ModelRouter
config = {config!r}
question = {question!r}
{body}
"""
BODIES = {
    "the end of asyncio.run": """
import asyncio
router = AsyncModelRouter(config)
asyncio.run(router.route("chat", question))
""",
    "a stream and the end of asyncio.run": """
import asyncio
async def main():
    async for _ in AsyncModelRouter(config).stream("chat", question):
        pass
asyncio.run(main())
""",
    "the interpreter's exit": """
router = ModelRouter(config)
router.route("chat", question)
""",
    "an exception that ends the script": """
router = ModelRouter(config)
for _ in router.stream("chat", question):
    pass
raise SystemExit(3)
""",
}


@pytest.mark.parametrize("name", BODIES)
def test_background_writes_survive(name: str, simulator: Simulator, recorder: Recorder, tmp_path: Path) -> None:
    """A short script fills the file, whoever ends it."""
    stage = Stage("sync", simulator, recorder, tmp_path)
    script = SCRIPT.format(module="time", config=stage.config(), question=ask("from a script"), body=BODIES[name])
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == (3 if "exception" in name else 0), done.stderr
    assert done.stderr == ""
    router = stage.router()
    assert stage.route(router, ask("from a script")).cache.tier == "l3"
    stage.close()
