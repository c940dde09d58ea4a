"""A similar question is answered from the cache: through every door, in both worlds, whole and as a stream; and what
is told of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beastmode_otel import ConfigError, ModelRouter, RequestError
from beastmode_otel.cache import tiered
from beastmode_otel.cache.semantic import build, hydration
from beastmode_otel.cache.semantic.embedders import minilm
from beastmode_otel.simulator import Simulator
from support.crowd import wait_until
from support.embedders import Failing, Hanging, Mad, NGrams, Slow
from support.recorder import Recorder
from telemetry.cache_doors import DOORS, AppStage, make_stage
from telemetry.cache_stage import Stage, l3_entries, labels, tiered_of
from telemetry.matrix import GOOD
from telemetry.test_cache_lifetimes import age
from telemetry.test_cache_matrix import STREAM

FIRST = "How do I cancel my order on the web site?"
SIMILAR = "How do I cancel my order on the website?"
NUMBER = "How do I cancel my order 7 on the web site?"
OTHER = "What is the capital of France?"


@pytest.fixture(params=DOORS)
def stage(
    request: Any, simulator: Simulator, recorder: Recorder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    made = make_stage(request.param, simulator, recorder, tmp_path, monkeypatch)
    yield made
    made.close()


def semantic(embedder: Any = None, *, mode: str = "semantic", **more: Any) -> dict[str, Any]:
    said = {"embedder": embedder or NGrams(), "threshold": 0.8, **more}
    return {"mode": mode, "semantic": said}


def ask(stage: Stage, front: Any, text: str | Mapping[str, Any], stream: bool = False, **options: Any) -> Any:
    body = {"messages": [{"role": "user", "content": text}], "max_tokens": 64} if isinstance(text, str) else text
    result = stage.act(front, "read" if stream else "route", request=body, **options)
    return result[1] if isinstance(result, tuple) else result


def say(stage: Stage, text: str) -> None:
    """What the provider answers from now on."""
    stage.behave(replace(GOOD, text=text))


def verdicts(stage: Stage) -> dict[tuple[str, str | None], float]:
    """Requests by verdict and rule."""
    found = stage.recorder.metrics().get("beastmode.cache.semantic.verdicts", {})
    return {
        (dict(labels)["beastmode.cache.semantic.verdict"], dict(labels).get("beastmode.cache.guard")): value
        for labels, value in found.items()
    }


def routes(stage: Stage) -> list[dict[str, Any]]:
    """The attributes of the requests' spans."""
    return [dict(span.attributes) for span in stage.recorder.spans() if span.parent is None]


@STREAM
def test_a_similar_question_has_the_same_answer(stage: Stage, stream: bool) -> None:
    front = stage.router(semantic())
    say(stage, "Press cancel.")
    first = ask(stage, front, FIRST, stream)
    assert (first.text, first.cache.status) == ("Press cancel.", "miss")
    say(stage, "News")
    found = ask(stage, front, SIMILAR, stream)
    assert (found.text, found.cache.status, found.cache.tier, found.cache.match) == (
        "Press cancel.", "hit", "l1", "semantic",
    )  # fmt: skip
    assert 0.8 <= found.cache.similarity < 1.0
    again = ask(stage, front, FIRST, stream)
    assert (again.text, again.cache.match, again.cache.similarity) == ("Press cancel.", "exact", None)
    assert ask(stage, front, NUMBER, stream).text == "News"
    assert ask(stage, front, OTHER, stream).text == "News"
    assert verdicts(stage) == {
        ("no_candidate", None): 1,
        ("served", None): 1,
        ("guard_reject", "numbers"): 1,
        ("below_threshold", None): 1,
    }
    if not isinstance(stage, AppStage):
        assert found.cache.matched == first.request_id
        assert found.cost == 0.0


@STREAM
def test_a_question_is_embedded_once_and_only_after_every_exact_miss(stage: Stage, stream: bool) -> None:
    made = NGrams()
    front = stage.router(semantic(made))
    ask(stage, front, FIRST, stream)
    ask(stage, front, FIRST, stream)  # L1
    stage.settle(front)
    tiered_of(front).memory.clear()
    ask(stage, front, FIRST, stream)  # L3
    ask(stage, front, FIRST, stream, cache="off")
    ask(stage, front, SIMILAR, stream)
    ask(stage, front, OTHER, stream, cache="refresh")
    assert made.asked == [FIRST, SIMILAR, OTHER]


@pytest.mark.parametrize(("mode", "marked"), [("on", False), ("semantic", True), ("shadow", True)])
def test_the_question_is_stored_only_where_similar_ones_count(mode: str, marked: bool, stage: Stage) -> None:
    made = NGrams()
    front = stage.router(semantic(made, mode=mode))
    ask(stage, front, FIRST)
    ask(stage, front, said(text=[IMAGE]))
    plain, entry = sorted(l3_entries(front), key=lambda one: one.question or "")
    assert (plain.question, plain.vector, plain.embedder) == (None, None, None)
    assert (entry.question, entry.embedder) == ((FIRST, made.name) if marked else (None, None))
    assert (entry.vector is not None) is marked
    if entry.vector is not None:
        assert np.frombuffer(entry.vector, "<f4") == pytest.approx(NGrams().embed([FIRST])[0])


# From L3: after a start, and of other processes.


@STREAM
def test_a_process_that_was_started_again_knows_what_it_knew(stage: Stage, stream: bool) -> None:
    front = stage.router(semantic())
    say(stage, "Press cancel.")
    ask(stage, front, FIRST)
    ask(stage, front, FIRST, tenant="another")
    stage.settle(front)
    again = stage.router(semantic())
    say(stage, "News")
    found = ask(stage, again, SIMILAR, stream)
    assert (found.text, found.cache.tier, found.cache.match) == ("Press cancel.", "l3", "semantic")
    assert ask(stage, again, NUMBER, stream).text == "News"


@pytest.mark.parametrize("stage", [door for door in DOORS if not door.startswith("hook")], indirect=True)
def test_what_others_store_is_known_after_a_while(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a scope that was read before; what one process stores by itself it knows at once."""
    one, other = stage.router(semantic()), stage.router(semantic())
    assert ask(stage, one, OTHER).cache.status == "miss"
    ask(stage, other, FIRST)
    stage.settle(other)
    assert ask(stage, one, SIMILAR, no_store=True).cache.status == "miss"
    monkeypatch.setattr(hydration, "AGAIN_SECONDS", 0.0)
    assert ask(stage, one, SIMILAR, no_store=True).cache.match == "semantic"


def test_vectors_of_another_embedder_are_not_compared(stage: Stage) -> None:
    class Newer(NGrams):
        name = "ngrams-256 2"

    front = stage.router(semantic())
    ask(stage, front, FIRST)
    stage.settle(front)
    again = stage.router(semantic(Newer()))
    assert ask(stage, again, SIMILAR).cache.status == "miss"
    assert ask(stage, again, FIRST).cache.match == "exact"


def test_what_was_stored_before_is_found_by_its_own_key_only(stage: Stage) -> None:
    front = stage.router()
    ask(stage, front, FIRST)
    stage.settle(front)
    again = stage.router(semantic())
    assert ask(stage, again, SIMILAR).cache.status == "miss"
    assert ask(stage, again, FIRST).cache.match == "exact"


@pytest.mark.parametrize("stage", [door for door in DOORS if not door.startswith("hook")], indirect=True)
def test_a_question_whose_answer_is_gone_does_not_stand_in_the_way(stage: Stage) -> None:
    """More of them than are looked at for one request: they are dropped as they are found to be gone."""
    front = stage.router({**semantic(), "l3": {"url": "off"}})
    for number in range(1, 7):
        ask(stage, front, SIMILAR + "?" * number, cache="refresh")
    tiered_of(front).memory.clear()
    ask(stage, front, FIRST, cache="refresh")
    asked = [ask(stage, front, SIMILAR, no_store=True).cache for _ in range(2)]
    assert [one.status for one in asked] == ["miss", "hit"]


# Where it was, and what is told.


@STREAM
def test_the_candidate_is_fetched_from_a_slower_tier(stage: Stage, stream: bool) -> None:
    """L1 has lost it: the entry comes from L3 by its own key, and is promoted."""
    front = stage.router(semantic())
    say(stage, "Press cancel.")
    ask(stage, front, FIRST)
    stage.settle(front)
    tiered_of(front).memory.clear()
    found = ask(stage, front, SIMILAR, stream)
    assert (found.text, found.cache.tier, found.cache.match) == ("Press cancel.", "l3", "semantic")
    assert ask(stage, front, SIMILAR, stream).cache.tier == "l1"
    spans = {span.name: dict(span.attributes) for span in stage.recorder.spans() if span.parent is not None}
    match = spans["cache.match"]
    assert match["beastmode.cache.semantic.verdict"] == "served"
    assert match["beastmode.cache.tier"] in ("l1", "l3")
    lookups = stage.recorder.metrics()["beastmode.cache.lookup.duration"]
    assert lookups[labels(cache__tier="l3", cache__result="hit", cache__match="semantic")] == 1


def test_everything_that_is_told_of_a_semantic_hit(stage: Stage) -> None:
    front = stage.router(semantic())
    first = ask(stage, front, FIRST)
    found = ask(stage, front, SIMILAR)
    stage.settle(front)
    measured = stage.recorder.metrics()
    route = routes(stage)[-1]
    assert route["beastmode.cache.status"] == "hit"
    assert route["beastmode.cache.match"] == "semantic"
    assert route["beastmode.cache.semantic.verdict"] == "served"
    assert route["beastmode.cache.similarity"] == pytest.approx(found.cache.similarity, abs=1e-4)
    assert len(route["beastmode.cache.matched"]) == 32
    if not isinstance(stage, AppStage):
        assert route["beastmode.cache.matched"] == first.request_id
    ended = {key: count for key, count in measured["beastmode.request.duration"].items() if count}
    said = {dict(key).get("beastmode.cache.match"): count for key, count in ended.items()}
    assert said == {None: 1, "semantic": 1}
    verdict = {"beastmode.cache.semantic.verdict": "served"}.items()
    assert measured["beastmode.cache.similarity"] == {frozenset(verdict): 1}
    assert measured["beastmode.cache.embed.duration"] == {frozenset({"beastmode.cache.embed.result": "ok"}.items()): 2}
    threshold = {"beastmode.cache.mode": "semantic"}.items()
    assert measured["beastmode.cache.semantic.threshold"] == {frozenset(threshold): 0.8}
    assert sum(measured["beastmode.tokens.saved"].values()) > 0
    assert stage.simulator.received == 1


def test_the_span_of_a_refusal_names_the_rule(stage: Stage) -> None:
    front = stage.router(semantic())
    ask(stage, front, FIRST)
    ask(stage, front, NUMBER)
    route = routes(stage)[-1]
    assert (route["beastmode.cache.status"], route.get("beastmode.cache.match")) == ("miss", None)
    assert route["beastmode.cache.semantic.verdict"] == "guard_reject"
    assert route["beastmode.cache.guard"] == "numbers"
    assert 0.8 <= route["beastmode.cache.similarity"] < 1


# What keeps apart.

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
OTHER_IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,BBBB"}}
WORDS, SIMILAR_WORDS = {"type": "text", "text": FIRST}, {"type": "text", "text": SIMILAR}
CALL = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}


def said(*before: Any, text: Any = FIRST, **more: Any) -> dict[str, Any]:
    return {"messages": [*before, {"role": "user", "content": text}], "max_tokens": 64, **more}


def called(result: str) -> dict[str, Any]:
    """The user's question is the same; what the tool said is not."""
    return {
        "messages": [
            {"role": "user", "content": FIRST},
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": result},
        ]
    }


def system(text: str) -> dict[str, str]:
    return {"role": "system", "content": text}


APART = {
    "images": (said(text=[IMAGE]), said(text=[OTHER_IMAGE])),
    "images with words": (said(text=[WORDS, IMAGE]), said(text=[SIMILAR_WORDS, OTHER_IMAGE])),
    "the same image with other words": (said(text=[WORDS, IMAGE]), said(text=[SIMILAR_WORDS, IMAGE])),
    "images before": (
        said({"role": "user", "content": [IMAGE]}, {"role": "assistant", "content": "A cat."}),
        said({"role": "user", "content": [OTHER_IMAGE]}, {"role": "assistant", "content": "A cat."}, text=SIMILAR),
    ),
    "tool results": (called("Rain"), called("Rain.")),
    "system prompts": (said(system("Be kind.")), said(system("Be kind!"), text=SIMILAR)),
    "no system prompt": (said(system("Be kind.")), said(text=SIMILAR)),
    "turns before": (
        said({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}),
        said({"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello!"}, text=SIMILAR),
    ),
    "tools": (said(tools=[{"type": "function", "function": {"name": "a"}}]), said(text=SIMILAR)),
    "limits": (said(), said(text=SIMILAR) | {"max_tokens": 65}),
    "seeds": (said(seed=1), said(seed=2, text=SIMILAR)),
    "temperatures": (said(temperature=0.1), said(temperature=0.2, text=SIMILAR)),
}  # fmt: skip


@pytest.mark.parametrize("what", APART)
def test_these_never_match(what: str, stage: Stage) -> None:
    one, other = APART[what]
    front = stage.router(semantic(threshold=0.01))
    ask(stage, front, one)
    assert ask(stage, front, other).cache.status == "miss"
    assert stage.simulator.received == 2
    assert {verdict for verdict, _ in verdicts(stage)} <= {"not_text", "no_candidate"}


def test_tenants_never_match(stage: Stage) -> None:
    front = stage.router(semantic(threshold=0.01))
    ask(stage, front, FIRST, tenant="one")
    assert ask(stage, front, SIMILAR, tenant="two").cache.status == "miss"
    assert ask(stage, front, SIMILAR, tenant="one").cache.match == "semantic"


@pytest.mark.parametrize(("temperature", "status"), [(1.0, "hit"), (1.01, "miss")])
def test_hot_requests_ask_for_variety(temperature: float, status: str, stage: Stage) -> None:
    front = stage.router(semantic())
    ask(stage, front, said(temperature=temperature))
    assert ask(stage, front, said(temperature=temperature, text=SIMILAR)).cache.status == status
    assert {verdict for verdict, _ in verdicts(stage)} == (
        {"temperature"} if status == "miss" else {"no_candidate", "served"}
    )


# What a call says holds for similar answers too.


@STREAM
def test_what_a_call_asks_for(stage: Stage, stream: bool) -> None:
    front = stage.router(semantic())
    say(stage, "Press cancel.")
    ask(stage, front, FIRST)
    say(stage, "News")
    assert ask(stage, front, SIMILAR, stream, no_store=True).text == "Press cancel."
    assert ask(stage, front, SIMILAR, stream, cache="off").text == "News"
    age(front, 100)
    assert ask(stage, front, SIMILAR, stream, max_age=101).text == "Press cancel."
    assert ask(stage, front, SIMILAR + "!", stream, max_age=99, no_store=True).text == "News"
    assert ask(stage, front, SIMILAR, stream).text == "Press cancel."
    assert ask(stage, front, SIMILAR, stream, cache="refresh").text == "News"
    found = ask(stage, front, SIMILAR, stream)
    assert (found.text, found.cache.match) == ("News", "exact")


def test_what_was_refreshed_is_found_by_its_question(stage: Stage) -> None:
    front = stage.router(semantic())
    say(stage, "Old")
    ask(stage, front, FIRST)
    say(stage, "New")
    ask(stage, front, FIRST, cache="refresh")
    assert ask(stage, front, SIMILAR).text == "New"


def test_what_was_not_stored_is_not_found(stage: Stage) -> None:
    front = stage.router(semantic())
    ask(stage, front, FIRST, no_store=True)
    assert ask(stage, front, SIMILAR).cache.status == "miss"
    assert set(verdicts(stage)) == {("no_candidate", None)}


def test_only_takes_a_similar_answer(simulator: Simulator, recorder: Recorder, tmp_path: Path) -> None:
    for world in ("sync", "async"):
        stage = Stage(world, simulator, recorder, tmp_path / world)
        stage.folder.mkdir()
        front = stage.router(semantic())
        ask(stage, front, FIRST)
        assert ask(stage, front, SIMILAR, cache="only").cache.match == "semantic"
        assert ask(stage, front, OTHER, cache="only").category.name == "cache_miss"
        stage.close()


def test_what_was_invalidated_is_not_found(simulator: Simulator, recorder: Recorder, tmp_path: Path) -> None:
    stage = Stage("sync", simulator, recorder, tmp_path)
    front = stage.router(semantic())
    first = ask(stage, front, FIRST, tags=["faq"])
    assert ask(stage, front, SIMILAR).cache.match == "semantic"
    front.call("invalidate", tag="faq")
    assert ask(stage, front, SIMILAR).cache.status == "miss"
    assert stage.simulator.received == 2
    assert first.cache.status == "miss"
    stage.close()


@STREAM
def test_those_who_ask_the_same_at_once_have_one_match(stage: Stage, stream: bool) -> None:
    front = stage.router(semantic(Slow()))
    ask(stage, front, FIRST)
    stage.settle(front)
    callers = [
        stage.begin(front, "read" if stream else "route", request=said(text=SIMILAR)) for _ in range(4)
    ]  # fmt: skip
    found = [caller.result() for caller in callers]
    answers = [one[1] if isinstance(one, tuple) else one for one in found]
    assert {(answer.cache.status, answer.cache.match) for answer in answers} == {("hit", "semantic")}
    assert stage.simulator.received == 1


# A route's own threshold.


@pytest.mark.parametrize(("threshold", "status"), [(0.8, "hit"), (0.999, "miss"), ("off", "miss")])
def test_a_route_has_its_own_threshold(
    threshold: Any, status: str, simulator: Simulator, recorder: Recorder, tmp_path: Path
) -> None:
    stage = Stage("sync", simulator, recorder, tmp_path)
    routes = {"chat": {"deployments": ["a"], "semantic_threshold": threshold}}
    front = stage.router(semantic(threshold=0.5), routes=routes)
    ask(stage, front, FIRST)
    assert ask(stage, front, SIMILAR).cache.status == status
    stage.close()


# Shadow.


@STREAM
@pytest.mark.parametrize(
    ("fresh", "judged"), [("Press cancel.", "agree"), ("Press cancel!", "agree"), ("No.", "disagree")]
)
def test_shadow_serves_nothing_and_tells_all(fresh: str, judged: str, stage: Stage, stream: bool) -> None:
    front = stage.router(semantic(mode="shadow"))
    say(stage, "Press cancel.")
    ask(stage, front, FIRST, stream)
    say(stage, fresh)
    found = ask(stage, front, SIMILAR, stream)
    assert (found.text, found.cache.status, found.cache.match) == (fresh, "miss", None)
    assert verdicts(stage) == {("no_candidate", None): 1, ("shadow", None): 1}
    wait_until(lambda: stage.recorder.metrics().get("beastmode.cache.judgements"))
    said_by = {"beastmode.cache.judgement": judged, "beastmode.cache.judgement.source": "shadow"}.items()
    assert stage.recorder.metrics()["beastmode.cache.judgements"] == {frozenset(said_by): 1}
    assert routes(stage)[-1]["beastmode.cache.similarity"] >= 0.8
    again = ask(stage, front, SIMILAR, stream)
    assert (again.text, again.cache.match) == (fresh, "exact")


# An embedder that is ill.


@STREAM
def test_one_that_hangs_costs_the_lookups_time_and_no_more(
    stage: Stage, stream: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    embedder = Hanging()
    if stage.world == "sync":
        monkeypatch.setattr(tiered, "LOOKUP_SECONDS", 0.2)
    front = stage.router(semantic(embedder, **({} if stage.world == "sync" else {"seconds": 0.2})) | {"l3": "off"})
    for number in range(8):
        began = time.monotonic()
        assert ask(stage, front, f"question {number}?", stream).cache.status == "miss"
        assert time.monotonic() - began < 10.0
    assert {verdict for verdict, _ in verdicts(stage)} == {"timeout"}
    embedder.let_go.set()


@pytest.mark.parametrize(
    "embedder",
    [lambda: Failing(), lambda: Mad(lambda rows: rows * np.nan), lambda: Mad(lambda rows: rows[:, :7])],
    ids=["fails", "nan", "dimensions"],
)
def test_one_that_fails_leaves_the_very_same_questions(embedder: Any, stage: Stage, caplog: Any) -> None:
    caplog.set_level(logging.WARNING, "beastmode_otel")
    made = embedder()
    front = stage.router(semantic(made))
    for text in (FIRST, SIMILAR, OTHER):
        assert ask(stage, front, text).cache.status == "miss"
    for text in (FIRST, SIMILAR, OTHER):
        assert ask(stage, front, text).cache.match == "exact"
    told = verdicts(stage)
    assert told[("embedder_failed", None)] == 1
    assert told[("embedder_off", None)] >= 1
    assert sum("semantic matching is off" in line for line in caplog.messages) == 1
    assert stage.simulator.received == 3


# The second look.


@pytest.mark.parametrize(
    ("said_by_judge", "status"),
    [("yes", "hit"), ("no", "miss"), ("unknown", "miss"), (True, "miss"), (None, "miss"), (ValueError(), "miss")],
)
def test_only_a_plain_yes_of_the_verifier_is_one(said_by_judge: Any, status: str, stage: Stage) -> None:
    heard: list[tuple[str, str]] = []

    def judge(question: str, candidate: str) -> Any:
        heard.append((question, candidate))
        if isinstance(said_by_judge, Exception):
            raise said_by_judge
        return said_by_judge

    front = stage.router(semantic(verifier=judge))
    ask(stage, front, FIRST)
    ask(stage, front, OTHER)
    ask(stage, front, NUMBER)
    assert heard == []  # only of the best candidate that has passed everything else
    assert ask(stage, front, SIMILAR).cache.status == status
    assert heard == [(SIMILAR, FIRST)]
    assert (("verifier_reject", None) in verdicts(stage)) is (status == "miss")


def test_a_verifier_that_hangs_costs_its_time(stage: Stage) -> None:
    let_go = threading.Event()
    front = stage.router(semantic(verifier=lambda question, candidate: let_go.wait(20), verifier_seconds=0.1))
    ask(stage, front, FIRST)
    began = time.monotonic()
    assert ask(stage, front, SIMILAR).cache.status == "miss"
    assert time.monotonic() - began < 10.0  # it hangs for 20 s
    let_go.set()


# Measuring afterwards.


@STREAM
def test_a_sample_of_the_hits_is_asked_again(stage: Stage, stream: bool) -> None:
    front = stage.router(semantic(sample=1))
    say(stage, "Press cancel.")
    ask(stage, front, FIRST, stream)
    say(stage, "No.")
    found = ask(stage, front, SIMILAR, stream)
    assert (found.text, found.cache.status) == ("No.", "miss")
    wait_until(lambda: stage.recorder.metrics().get("beastmode.cache.judgements"))
    said_by = {"beastmode.cache.judgement": "disagree", "beastmode.cache.judgement.source": "sample"}.items()
    assert stage.recorder.metrics()["beastmode.cache.judgements"] == {frozenset(said_by): 1}


@STREAM
def test_who_was_asked_again_in_vain_gets_the_similar_answer(stage: Stage, stream: bool) -> None:
    """The sample harms nobody: where the provider fails, the hit serves as it would have without."""
    front = stage.router(semantic(sample=1))
    say(stage, "Press cancel.")
    ask(stage, front, FIRST)
    stage.behave(replace(GOOD, status=500))
    found = ask(stage, front, SIMILAR, stream)
    assert (found.text, found.cache.status, found.cache.match) == ("Press cancel.", "hit", "semantic")


def test_nothing_is_sampled_where_nobody_else_may_be_asked(
    simulator: Simulator, recorder: Recorder, tmp_path: Path
) -> None:
    stage = Stage("sync", simulator, recorder, tmp_path)
    front = stage.router(semantic(sample=1))
    ask(stage, front, FIRST)
    assert ask(stage, front, SIMILAR, cache="only").cache.match == "semantic"
    stage.close()


@pytest.mark.parametrize("world", ["sync", "async"])
def test_a_wrong_answer_is_reported_once_and_not_given_again(
    world: str, simulator: Simulator, recorder: Recorder, tmp_path: Path
) -> None:
    stage = Stage(world, simulator, recorder, tmp_path)
    front = stage.router(semantic())
    say(stage, "Press cancel.")
    ask(stage, front, FIRST)
    say(stage, "No.")
    wrong = ask(stage, front, SIMILAR, no_store=True)
    assert wrong.cache.match == "semantic"
    front.call("report_false_hit", request_id=wrong.request_id)
    assert ask(stage, front, SIMILAR).text == "No."
    assert ask(stage, front, FIRST + "!").cache.match == "semantic"  # another question may have it
    said_by = {"beastmode.cache.judgement": "disagree", "beastmode.cache.judgement.source": "feedback"}.items()
    assert recorder.metrics()["beastmode.cache.judgements"] == {frozenset(said_by): 1}
    for request_id in (wrong.request_id, "nobody"):
        with pytest.raises(RequestError, match="no answer to a similar question"):
            front.call("report_false_hit", request_id=request_id)
    stage.close()


# Without an embedder.


def test_without_its_weights_only_the_very_same_questions_are_answered(
    stage: Stage, caplog: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said once for the process, with what to do; nothing else changes."""
    monkeypatch.setattr(minilm, "PACKAGE", "no_such_package")
    build._say_once.cache_clear()
    caplog.set_level(logging.WARNING, "beastmode_otel")
    stage.router({"mode": "shadow"})
    front = stage.router({"mode": "semantic"})
    ask(stage, front, FIRST)
    assert ask(stage, front, SIMILAR).cache.status == "miss"
    assert ask(stage, front, SIMILAR).cache.match == "exact"
    assert verdicts(stage) == {}
    (line,) = [line for line in caplog.messages if "semantic" in line]
    assert line.startswith("semantic matching is off, exact matches go on: ")
    assert "pip install 'beastmode-otel[semantic]'" in line


@pytest.mark.parametrize(
    ("said_of_it", "problem"),
    [
        ({"embedder": "no_such_module:make"}, "cannot be made"),
        ({"embedder": "math:pi"}, "cannot be made"),
        ({"embedder": lambda: object()}, "is no embedder: it has no embed, unread"),
        ({"embedder": NGrams(), "verifier": "math:pi"}, "is no callable"),
        ({"embedder": NGrams(), "verifier": "math:nothing"}, "cannot be imported"),
    ],
)
def test_what_was_asked_for_and_cannot_be_had_is_an_error(said_of_it: Any, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem):
        ModelRouter(cache={"semantic": said_of_it})


def test_what_makes_an_embedder_is_called() -> None:
    for said_of_it in (NGrams, "support.embedders:NGrams"):
        with ModelRouter(cache={"semantic": {"embedder": said_of_it}, "l3": "off"}) as router:
            assert router._parts.flow is not None
            assert router._parts.flow.matcher is not None
            assert router._parts.flow.matcher.embedder.name == "ngrams-256 1"


@pytest.mark.parametrize(("profile", "threshold"), [("strict", 0.8), ("balanced", 0.78), ("loose", 0.75)])
def test_a_profile_is_below_the_embedders_own_threshold(profile: str, threshold: float) -> None:
    with ModelRouter(cache={"semantic": {"embedder": NGrams(), "profile": profile}, "l3": "off"}) as router:
        assert router._parts.flow is not None
        assert router._parts.flow.matcher is not None
        assert router._parts.flow.matcher.settings.threshold == pytest.approx(threshold)
