"""What a provider's own words make the router do: ask the spare, wait, leave the breaker alone, or give up."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from beastmode_otel import UpstreamError
from beastmode_otel.simulator import Behaviour, Simulator
from support.drivers import DRIVERS, Driver
from support.error_drawers import CASES, QUOTA, STREAMED, TPM, Case, google, openai
from support.recorder import Recorder


@pytest.fixture(params=DRIVERS)
def world(request: pytest.FixtureRequest) -> Any:
    return DRIVERS[request.param]


def driver_of(world: Any, simulator: Simulator, recorder: Recorder, *, failures: int = 1000) -> Driver:
    names = ("a", "b")
    config = {
        "deployments": {name: {"base_url": simulator.url(name), "model": "m"} for name in names},
        "routes": {"chat": {"deployments": [{"name": "a", "order": 1}, {"name": "b", "order": 2}]}},
        "retry": {"base": 0.001},
        "breaker": {"failures": failures},
        "cache": {"mode": "off"},
    }
    return world(simulator, config, **recorder.providers)


def categories(recorder: Recorder) -> list[str]:
    spans = [span for span in recorder.spans() if "beastmode.deployment" in (span.attributes or {})]
    return [str(span.attributes["error.type"]) for span in spans if "error.type" in span.attributes]


def check_spare(case: Case, driver: Driver, action: str, simulator: Simulator, recorder: Recorder) -> None:
    asked: list[int] = []
    for _ in range(2):
        result = driver.act(action, "chat")
        assert not isinstance(result, BaseException), result
        asked.append(simulator.received_by("a"))
    driver.close()
    second = 0 if case.rests else case.tries
    assert asked == [case.tries, case.tries + second]
    assert simulator.received_by("b") == 2
    assert set(categories(recorder)) == {case.category}


@pytest.mark.parametrize("action", ["route", "read"])
@pytest.mark.parametrize("name", CASES)
def test_the_spare_is_asked_as_the_error_deserves(
    name: str, action: str, world: Any, simulator: Simulator, recorder: Recorder
) -> None:
    case = CASES[name]
    simulator.define("a", Behaviour(status=case.status, error_json=json.dumps(case.body)))
    simulator.define("b", Behaviour(text="from the spare"))
    check_spare(case, driver_of(world, simulator, recorder), action, simulator, recorder)


@pytest.mark.parametrize("name", STREAMED)
def test_the_same_error_as_the_first_event_of_a_stream(
    name: str, world: Any, simulator: Simulator, recorder: Recorder
) -> None:
    case = STREAMED[name]
    simulator.define("a", Behaviour(error_event_after=0, error_json=json.dumps(case.body)))
    simulator.define("b", Behaviour(text="from the spare"))
    check_spare(case, driver_of(world, simulator, recorder), "read", simulator, recorder)


@pytest.mark.parametrize("name", CASES)
def test_the_breaker_opens_for_a_sick_deployment_alone(
    name: str, world: Any, simulator: Simulator, recorder: Recorder
) -> None:
    """Two prompts that are too long must not close a deployment for everybody (llama.cpp#19774)."""
    case = CASES[name]
    simulator.define("a", Behaviour(status=case.status, error_json=json.dumps(case.body)))
    simulator.define("b", Behaviour(text="from the spare"))
    driver = driver_of(world, simulator, recorder, failures=2)
    for _ in range(3):
        driver.act("route", "chat")
    state = recorder.total("beastmode.deployment.state", beastmode__deployment="a")
    driver.close()
    assert (state != 0) is case.trips


@pytest.mark.parametrize(
    "message",
    ["max_tokens must be ≤ 4096", "Invalid key 'foo' in response_format", "image exceeds 5 MB limit"],
)
@pytest.mark.parametrize("action", ["route", "read"])
def test_a_plain_bad_parameter_asks_nobody_else(
    message: str, action: str, world: Any, simulator: Simulator, recorder: Recorder
) -> None:
    simulator.define("a", Behaviour(status=400, error_json=json.dumps(openai(message))))
    simulator.define("b", Behaviour(text="from the spare"))
    driver = driver_of(world, simulator, recorder)
    error = driver.act(action, "chat")
    driver.close()
    assert isinstance(error, UpstreamError)
    assert error.category.name == "invalid_request"
    assert (simulator.received_by("a"), simulator.received_by("b")) == (1, 0)


@pytest.mark.parametrize(
    "body",
    [
        google(429, QUOTA, "RESOURCE_EXHAUSTED", [{"retryDelay": "0.4s"}]),
        openai("Rate limit reached for requests. Please try again in 400ms.", code="rate_limit_exceeded"),
        {"detail": "Request was throttled. Your rate limit resets in ~0.4s.", "retry_after": 0.4},
    ],
)
@pytest.mark.parametrize("event", [False, True])
def test_who_is_alone_waits_as_long_as_the_body_asks(
    event: bool, body: Any, world: Any, simulator: Simulator, recorder: Recorder
) -> None:
    told = json.dumps(body if "error" in body or not event else {"error": body})
    first = Behaviour(error_event_after=0, error_json=told) if event else Behaviour(status=429, error_json=told)
    simulator.define("a", first, Behaviour(text="later"))
    config = {
        "deployments": {"a": {"base_url": simulator.url("a"), "model": "m"}},
        "routes": {"chat": {"deployments": ["a"]}},
        "retry": {"base": 0.001},
        "cache": {"mode": "off"},
    }
    driver = world(simulator, config, **recorder.providers)
    began = time.monotonic()
    result = driver.act("read", "chat")
    lasted = time.monotonic() - began
    driver.close()
    assert not isinstance(result, BaseException), result
    assert simulator.received_by("a") == 2
    assert lasted >= 0.4


@pytest.mark.parametrize("status", [413, 429])
def test_a_request_that_no_minute_can_hold_is_not_sent_again(
    status: int, world: Any, simulator: Simulator, recorder: Recorder
) -> None:
    body = openai(TPM, type="tokens", code="rate_limit_exceeded")
    simulator.define("a", Behaviour(status=status, error_json=json.dumps(body)))
    simulator.define("b", Behaviour(status=status, error_json=json.dumps(body)))
    driver = driver_of(world, simulator, recorder)
    error = driver.act("route", "chat")
    driver.close()
    assert isinstance(error, UpstreamError)
    assert (error.category.name, error.retry_after) == ("rate_limited", None)
    assert (simulator.received_by("a"), simulator.received_by("b")) == (1, 1)
