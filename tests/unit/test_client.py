"""The faces of the engine: the options of a call are written once, and are those of a question."""

from __future__ import annotations

import inspect
from dataclasses import fields

import pytest

from beastmode_otel import AsyncModelRouter, ModelRouter, RouteOptions
from beastmode_otel.engine import Question

CALLS = [getattr(face, name) for face in (ModelRouter, AsyncModelRouter) for name in ("route", "stream")]


def test_the_options_are_the_optional_fields_of_a_question():
    own = {"model_id", "body", "stream", "user_id"}
    assert set(RouteOptions.__annotations__) == {field.name for field in fields(Question)} - own
    assert RouteOptions.__required_keys__ == frozenset()


def test_every_option_is_explained():
    assert [name for name in RouteOptions.__annotations__ if f"{name}:" not in (RouteOptions.__doc__ or "")] == []


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__qualname__)
def test_every_call_takes_them(call: object):
    kinds = {each.name: each.kind.name for each in inspect.signature(call).parameters.values()}  # type: ignore[arg-type]
    assert list(kinds) == ["self", "model_id", "request", "user_id", "options"]
    assert kinds["options"] == "VAR_KEYWORD"


def test_an_unknown_option_is_refused_before_anything_happens():
    with ModelRouter({"cache": {"mode": "off"}}) as router, pytest.raises(TypeError, match="tll"):
        router.route("openai:gpt-4o-mini", {"messages": []}, tll=3)  # type: ignore[call-arg]
