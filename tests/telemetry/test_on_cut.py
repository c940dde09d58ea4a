"""`on_cut = "restart"`: a stream that breaks off after content is begun anew elsewhere, and says so itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel import UpstreamError, semconv
from beastmode_otel.simulator import Behaviour, Simulator
from support.crowd import CROWDS, wait_until
from support.law import assert_law
from support.recorder import Recorder
from telemetry.cache_stage import Stage

RESTART = {"retry": {"per_deployment": 1, "on_cut": "restart", "base": 0.0}}
HALF = "what is said in vain"
WHOLE = "the answer that counts"
# Long enough between two chunks for others to come in on a busy machine.
CUT = Behaviour(text=HALF, chunks=5, cut_after=3, chunk_delay=0.02)
GOOD = Behaviour(text=WHOLE, chunks=4, input_tokens=7, output_tokens=4)
ENDINGS = {
    "cut": CUT,
    "an error event": Behaviour(text=HALF, chunks=5, error_event_after=3),
    "a stall": Behaviour(text=HALF, chunks=3, chunk_delay=30.0),
}


@pytest.fixture(params=CROWDS)
def stage(request: Any, simulator: Simulator, recorder: Recorder, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(request.param, simulator, recorder, tmp_path)
    made.behave(GOOD, name="b")
    yield made
    made.close()


def said(chunks: list[Any]) -> tuple[str, int, str]:
    """What came before the last void chunk, how many of those there are, and what came after it."""
    at = [place for place, chunk in enumerate(chunks) if chunk.void]
    last = at[-1] if at else -1
    before, after = chunks[: max(last, 0)], chunks[last + 1 :]
    return "".join(chunk.text for chunk in before), len(at), "".join(chunk.text for chunk in after)


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_spare_answers_from_its_start_and_the_stream_says_what_is_void(ending: str, stage: Stage) -> None:
    stage.behave(ENDINGS[ending])
    router = stage.router(**RESTART, timeouts={"read": 0.8})
    chunks, answer = stage.read(router, model="pair")
    before, voids, after = said(chunks)
    assert (voids, after, answer.text) == (1, WHOLE, WHOLE)
    assert before
    assert HALF.startswith(before)
    assert next(chunk for chunk in chunks if chunk.void).data is None
    assert answer.body["choices"][0]["message"]["content"] == WHOLE
    assert (answer.deployment, [attempt.outcome for attempt in answer.attempts]) == ("b", ["error", "ok"])
    assert [stage.simulator.received_by(name) for name in "ab"] == [1, 1]


def test_telemetry_counts_both_attempts_and_one_request(stage: Stage) -> None:
    stage.behave(CUT)
    router = stage.router(**RESTART)
    _, answer = stage.read(router, model="pair")
    recorder = stage.recorder
    spans = [span.attributes or {} for span in recorder.spans()]
    attempts = [span for span in spans if "beastmode.attempt" in span]
    assert [span.get("error.type") for span in attempts] == ["stream_truncated", None]
    assert recorder.total("beastmode.fallbacks") == 1
    assert recorder.total("beastmode.request.duration", beastmode__outcome="ok") == 1
    # What was said in vain is paid for: by the attempt, and by the request, but it is no price of the answer.
    costs = [span[semconv.COST.key] for span in attempts]
    assert all(cost > 0 for cost in costs)
    assert answer.cost == pytest.approx(sum(costs))
    request = next(span for span in spans if "beastmode.attempts" in span)
    assert request["beastmode.attempts"] == 2
    assert request[semconv.COST.key] == pytest.approx(sum(costs))
    assert recorder.total("beastmode.cost", beastmode__cost__kind="spent") == pytest.approx(sum(costs))
    assert answer.usage is not None
    assert (answer.usage.output_tokens, answer.usage.estimated) == (4, False)
    assert stage.read(router, model="pair")[1].cache.status == "hit"
    saved = recorder.total("beastmode.cost", beastmode__cost__kind="saved")
    assert saved == pytest.approx(costs[1])
    stage.close()
    assert_law(recorder, stage.simulator, calls=stage.calls)


def test_what_is_void_is_never_stored(stage: Stage) -> None:
    stage.behave(CUT)
    router = stage.router(**RESTART)
    stage.read(router, model="pair")
    again, answer = stage.read(router, model="pair")
    assert (answer.cache.status, answer.text, said(again)) == ("hit", WHOLE, ("", 0, WHOLE))
    assert stage.route(router, model="pair").text == WHOLE
    assert stage.simulator.received == 2


def test_those_who_share_the_stream_are_told_and_those_who_come_later_need_not_be(stage: Stage) -> None:
    stage.behave(Behaviour(text=HALF, chunks=5, cut_after=4, first_token=0.6, chunk_delay=0.05))
    stage.behave(Behaviour(text=WHOLE, chunks=4, first_token=0.8, chunk_delay=0.3), name="b")
    router = stage.router(**RESTART)
    leader = stage.begin(router, "read", "pair")
    wait_until(lambda: stage.simulator.received_by("a") == 1)
    early = stage.begin(router, "read", "pair")
    wait_until(lambda: stage.recorder.total("beastmode.requests.started") == 2)
    for caller in (leader, early):
        chunks, answer = caller.result()
        before, voids, after = said(chunks)
        assert (voids, after, answer.text) == (1, WHOLE, WHOLE)
        assert HALF.startswith(before)
    assert [stage.simulator.received_by(name) for name in "ab"] == [1, 1]


def test_who_comes_after_the_void_reads_the_answer_alone(stage: Stage) -> None:
    stage.behave(CUT)
    stage.behave(Behaviour(text=WHOLE, chunks=2, chunk_delay=1.5), name="b")
    router = stage.router(**RESTART)
    leader = stage.begin(router, "read", "pair")
    wait_until(lambda: stage.simulator.received_by("b") == 1)
    wait_until(lambda: stage.recorder.total("beastmode.fallbacks") == 1)
    wait_until(lambda: any(live.shared.begins for live in router.router._parts.engine._live._live.values()))
    late = stage.begin(router, "read", "pair")
    chunks, answer = late.result()
    assert (said(chunks), answer.text, answer.cost) == (("", 0, WHOLE), WHOLE, 0.0)
    assert said(leader.result()[0])[1:] == (1, WHOLE)
    assert stage.simulator.received == 2


@pytest.mark.parametrize("settings", [{}, {"retry": {"on_cut": "error"}}], ids=["unsaid", "error"])
def test_unless_it_is_asked_for_a_cut_stream_is_an_error(settings: dict[str, Any], stage: Stage) -> None:
    stage.behave(CUT)
    error = stage.read(stage.router(**settings), model="pair")
    assert isinstance(error, UpstreamError)
    assert error.category.name == "stream_truncated"
    assert stage.simulator.received_by("b") == 0


def test_a_route_says_it_for_itself(stage: Stage) -> None:
    stage.behave(CUT)
    routes = {
        name: {"deployments": [{"name": "a", "order": 1}, {"name": "b", "order": 2}], "on_cut": on_cut}
        for name, on_cut in (("pair", "restart"), ("strict", "error"))
    }
    router = stage.router(routes=routes, cache={"mode": "off"})
    assert stage.read(router, model="pair")[1].text == WHOLE
    assert isinstance(stage.read(router, model="strict"), UpstreamError)


def test_without_a_spare_the_same_deployment_is_asked_again(stage: Stage) -> None:
    stage.behave(CUT, GOOD)
    chunks, answer = stage.read(stage.router(**RESTART))
    assert (said(chunks)[1:], answer.text) == ((1, WHOLE), WHOLE)
    assert stage.simulator.received_by("a") == 2


def test_each_cut_is_told(stage: Stage) -> None:
    stage.behave(CUT)
    stage.behave(CUT, GOOD, name="b")
    chunks, answer = stage.read(stage.router(**RESTART), model="pair")
    assert (said(chunks)[1:], answer.text) == ((2, WHOLE), WHOLE)
    assert [attempt.deployment for attempt in answer.attempts] == ["a", "b", "b"]


def test_it_does_not_go_on_for_ever(stage: Stage) -> None:
    """As often as failures before the content would: here the spare once more."""
    for name in "ab":
        stage.behave(CUT, name=name)
    error = stage.read(stage.router(**RESTART), model="pair")
    assert isinstance(error, UpstreamError)
    assert [attempt.deployment for attempt in error.attempts] == ["a", "b", "b"]


def test_where_nobody_has_an_answer_the_error_is_raised_and_what_was_said_stands(stage: Stage) -> None:
    stage.behave(CUT)
    stage.behave(Behaviour(status=401), name="b")
    router = stage.router(**RESTART)
    error = stage.read(router, model="pair")
    assert isinstance(error, UpstreamError)
    assert [attempt.category for attempt in error.attempts] == ["stream_truncated", "authentication_error"]
    if stage.world == "sync":
        stream = router.router.stream("pair", {"messages": [{"role": "user", "content": "other"}]})
        stage.calls += 1
        chunks = []
        with pytest.raises(UpstreamError):
            chunks.extend(iter(stream))
        assert stream.answer.text
        assert HALF.startswith(stream.answer.text)


def test_what_another_would_not_answer_either_is_not_begun_anew(stage: Stage) -> None:
    told = '{"error": {"message": "filtered", "code": "content_filter"}}'
    stage.behave(Behaviour(text=HALF, chunks=5, error_event_after=3, error_json=told))
    error = stage.read(stage.router(**RESTART), model="pair")
    assert isinstance(error, UpstreamError)
    assert error.category.name == "content_filter"
    assert stage.simulator.received_by("b") == 0
