"""Errors that the provider tells: statuses, the shapes of their bodies, the headers that go with them."""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime

import pytest

from beastmode_otel.simulator import Behaviour, Simulator

MESSAGE = "boom"


def told(one, sim, **knobs):
    sim.define("error", Behaviour(**knobs))
    return one.chat(sim.url("error"))


@pytest.mark.parametrize(
    ("status", "code"), [(401, "invalid_api_key"), (404, "model_not_found"), (429, "rate_limit_exceeded"), (500, None)]
)
def test_openai_defaults(sim, client, status, code):
    seen = told(client, sim, status=status)
    assert seen.status == status
    assert set(seen.json["error"]) == {"message", "type", "param", "code"}
    assert seen.json["error"]["code"] == code


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, "authentication_error"), (404, "not_found_error"), (429, "rate_limit_error"), (529, "overloaded_error")],
)
def test_anthropic_defaults(sim, client, status, kind):
    sim.define("error", Behaviour(status=status))
    seen = client.messages(sim.url("error"), stream=True)
    assert (seen.status, seen.json["type"], seen.json["error"]["type"]) == (status, "error", kind)
    assert seen.json["request_id"] == seen.headers["request-id"]


SHAPES = {
    "openai": {"error": {"message": MESSAGE, "type": "requests", "param": None, "code": "rate_limit_exceeded"}},
    "azure": {"error": {"code": "429", "message": MESSAGE}},
    "azure_gateway": {"statusCode": 429, "message": MESSAGE},
    "vllm": {"error": {"message": MESSAGE, "type": "TooManyRequestsError", "param": None, "code": 429}},
    "vllm_flat": {"object": "error", "message": MESSAGE, "type": "TooManyRequestsError", "param": None, "code": 429},
    "ollama": {"error": MESSAGE},
    "gemini": {"error": {"code": 429, "message": MESSAGE, "status": "RESOURCE_EXHAUSTED"}},
    "cohere": {"message": MESSAGE},
    "fastapi": {"detail": MESSAGE},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_json_shapes(sim, one, shape):
    assert told(one, sim, status=429, error_shape=shape, error_message=MESSAGE).json == SHAPES[shape]


def test_anthropic_shape_for_an_openai_path(sim, one):
    seen = told(one, sim, status=429, error_shape="anthropic", error_message=MESSAGE)
    assert seen.json["error"] == {"type": "rate_limit_error", "message": MESSAGE}


@pytest.mark.parametrize(
    ("shape", "media", "part"), [("html", "text/html", b"<html>"), ("text", "text/plain", b"boom"), ("empty", "", b"")]
)
def test_other_shapes(sim, one, shape, media, part):
    seen = told(one, sim, status=502, error_shape=shape, error_message=MESSAGE)
    assert seen.headers["content-type"].startswith(media)
    assert part in seen.body
    assert bool(seen.body) == (shape != "empty")


def test_codes_bring_their_message_and_type(sim, one):
    error = told(one, sim, status=429, error_code="insufficient_quota").json["error"]
    assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
    assert "quota" in error["message"]
    error = told(one, sim, status=400, error_code="context_length_exceeded").json["error"]
    assert (error["param"], "maximum context length" in error["message"]) == ("messages", True)


def test_azure_content_filter_has_an_inner_error(sim, one):
    error = told(one, sim, status=400, error_shape="azure", error_code="content_filter").json["error"]
    assert error["innererror"]["code"] == "ResponsibleAIPolicyViolation"


def test_overrides(sim, one):
    error = told(one, sim, status=418, error_type="teapot", error_code="short", error_message="stout").json["error"]
    assert (error["type"], error["code"], error["message"]) == ("teapot", "short", "stout")


def test_a_whole_body_is_told_as_it_is_given(sim, one):
    body = '{"detail": [ {"msg": "no"} ]}'
    seen = told(one, sim, status=418, error_json=body, error_message=MESSAGE)
    assert (seen.status, seen.body.decode()) == (418, body)


def test_a_whole_body_is_an_error_events_data(sim, client):
    sim.define("error", Behaviour(error_event_after=0, error_json='{"error": {"code": 1113}}'))
    seen = client.chat(sim.url("error"), stream=True)
    assert b'data: {"error": {"code": 1113}}\n\n' in seen.body


def test_unknown_statuses_have_a_body_too(sim, one):
    assert told(one, sim, status=599, error_shape="vllm").json["error"]["code"] == 599


def test_retry_headers(sim, client):
    seen = told(client, sim, status=429, retry_after="1.5", retry_after_ms="1500", should_retry=False)
    names = ("retry-after", "retry-after-ms", "x-should-retry")
    assert [seen.headers[name] for name in names] == ["1.5", "1500", "false"]


def test_retry_after_as_a_date(sim, one):
    date = parsedate_to_datetime(told(one, sim, status=503, retry_after="date+2").headers["retry-after"])
    assert 1 < date.timestamp() - time.time() <= 3


def test_rate_limit_headers(sim, one):
    sim.define("limits", Behaviour(rate_limit_headers=True))
    first, second = (int(one.chat(sim.url("limits")).headers["x-ratelimit-remaining-requests"]) for _ in range(2))
    assert second == first - 1
    headers = one.messages(sim.url("limits")).headers
    assert int(headers["anthropic-ratelimit-tokens-remaining"]) > 0
    assert headers["anthropic-ratelimit-requests-reset"].endswith("Z")
    empty = told(one, sim, status=429, rate_limit_headers=True).headers
    assert empty["x-ratelimit-remaining-tokens"] == "0"


def test_extra_headers(sim, one):
    seen = told(one, sim, headers={"x-a": "1", "Content-Type": "application/problem+json"})
    assert (seen.headers["x-a"], seen.headers["content-type"]) == ("1", "application/problem+json")


@pytest.mark.parametrize("header", [{"authorization": "Bearer right"}, {"x-api-key": "right"}, {"api-key": "right"}])
def test_keys(client, header):
    with Simulator(keys={"right"}) as locked:
        url = f"{locked.url()}/chat/completions"
        assert client.post(url, headers=header).status == 200
        assert client.post(url).json["error"]["code"] == "invalid_api_key"
        wrong = client.post(f"{locked.url()}/messages", headers={"x-api-key": "wrong"})
        assert (wrong.status, wrong.json["error"]["type"]) == (401, "authentication_error")
        assert locked.received == 3


def test_a_refused_key_uses_up_no_behaviour(one):
    with Simulator({"flaky": [Behaviour(status=500), Behaviour()]}, keys={"right"}) as locked:
        url = f"{locked.url('flaky')}/chat/completions"
        statuses = [one.post(url, headers={"api-key": key}).status for key in ("wrong", "right", "right")]
        assert statuses == [401, 500, 200]
