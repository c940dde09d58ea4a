"""An app's own call that a provider refuses: the hook names the error as the router does, and changes nothing of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beastmode_otel.simulator import Behaviour, Simulator
from instrumentation.apps import App, chat, make
from support.error_drawers import CASES, STREAMED
from support.law import assert_law
from support.recorder import Recorder


def categories(hooked: Recorder) -> list[Any]:
    return [(span.attributes or {}).get("error.type") for span in hooked.spans()]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_a_refusal_has_its_category(
    name: str, streamed: bool, app: App, simulator: Simulator, hooked: Recorder
) -> None:
    case = CASES[name]
    body = json.dumps(case.body)
    simulator.define("bad", Behaviour(status=case.status, error_json=body))
    response = app.open(chat(simulator, "bad")) if streamed else app.post(chat(simulator, "bad"))
    seen = b"".join(app.pieces(response)) if streamed else response.content
    assert (response.status_code, seen.decode()) == (case.status, body)
    assert categories(hooked) == [case.category]
    assert_law(hooked, simulator, calls=1)


@pytest.mark.parametrize("name", STREAMED)
def test_an_error_event_has_the_same_category(name: str, app: App, simulator: Simulator, hooked: Recorder) -> None:
    case = STREAMED[name]
    simulator.define("bad", Behaviour(error_event_after=1, error_json=json.dumps(case.body)))
    app.pieces(app.open(chat(simulator, "bad")))
    assert categories(hooked) == [case.category]
    assert_law(hooked, simulator, calls=1)


def test_a_plain_bad_parameter_is_one(kind: tuple[str, str], simulator: Simulator, hooked: Recorder) -> None:
    body = {"error": {"message": "max_tokens must be ≤ 4096: the limit of this key's model", "type": "x", "code": None}}
    simulator.define("bad", Behaviour(status=400, error_json=json.dumps(body)))
    app = make(*kind)
    assert app.post(chat(simulator, "bad")).status_code == 400
    app.close()
    assert categories(hooked) == ["invalid_request"]
