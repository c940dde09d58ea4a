"""The HTTP request that comes of a call: address, headers, body, time limits."""

from __future__ import annotations

import json
import socket
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beastmode_otel.config import Deployment, Route, Secret, Target, Timeouts
from beastmode_otel.router.http_request import (
    Call,
    body_of,
    encode,
    endpoint_of,
    headers_of,
    host_of,
    http_request,
    url_of,
    wire_format,
)

KEY = "sk-proj-planted-1234567890"
BODY: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}], "x_unknown": {"deep": [1, None]}, "top_k": 3}


def deployment(kind: str = "openai", **changes: Any) -> Deployment:
    given: dict[str, Any] = {"name": "main", "kind": kind, "base_url": "https://h:8443/v1", "api_key": Secret(KEY)}
    return Deployment(**{**given, **changes})


AZURE = deployment(
    base_url="https://mine.openai.azure.com/openai/deployments/gpt",
    api_key=None,
    headers={"api-key": Secret(KEY)},
    query={"api-version": "2024-10-21"},
)


def call(body: Any = BODY, *, stream: bool = False, **timeouts: float) -> Call:
    route = Route(name="chat", targets=(Target(deployment=deployment()),))
    return Call(model_id="chat", route=route, body=body, stream=stream, timeouts=Timeouts(**timeouts), deadline=1000.0)


# Addresses.


@pytest.mark.parametrize(
    ("target", "url"),
    [
        (deployment(), "https://h:8443/v1/chat/completions"),
        (deployment("anthropic"), "https://h:8443/v1/messages"),
        (deployment("passthrough", base_url="https://h/any/thing"), "https://h/any/thing"),
        (
            AZURE,
            "https://mine.openai.azure.com/openai/deployments/gpt/chat/completions?api-version=2024-10-21",
        ),
        (deployment("passthrough", query={"a": "1 2", "b": "&"}), "https://h:8443/v1?a=1+2&b=%26"),
    ],
)
def test_the_address_of_each_kind(target: Deployment, url: str):
    assert url_of(target) == url


@pytest.mark.parametrize("target", [AZURE, deployment("passthrough", query={"key": KEY}), deployment()])
def test_the_endpoint_shows_neither_query_nor_key(target: Deployment):
    shown = endpoint_of(target)
    assert "?" not in shown
    assert KEY not in shown
    assert url_of(target).startswith(shown)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://api.example.com/v1", ("api.example.com", 443)),
        ("http://localhost/v1", ("localhost", 80)),
        ("http://127.0.0.1:11434", ("127.0.0.1", 11434)),
        ("http://[::1]:8000/v1", ("::1", 8000)),
    ],
)
def test_host_and_port(url: str, host: tuple[str, int]):
    assert host_of(deployment(base_url=url)) == host


@pytest.mark.parametrize(
    ("kind", "api"), [("openai", "openai.chat"), ("anthropic", "anthropic.messages"), ("passthrough", "unknown")]
)
def test_each_kind_speaks_its_wire_format(kind: str, api: str):
    assert wire_format(deployment(kind)).api == api


# Headers.


@pytest.mark.parametrize("stream", [False, True])
def test_headers_of_each_kind(stream: bool):
    plain = {
        "content-type": "application/json",
        "accept": "text/event-stream" if stream else "application/json",
    }
    bearer = {"authorization": f"Bearer {KEY}"}
    assert headers_of(deployment(), stream=stream) == plain | bearer
    assert headers_of(deployment("passthrough"), stream=stream) == plain | bearer
    assert headers_of(deployment("anthropic"), stream=stream) == plain | {
        "x-api-key": KEY,
        "anthropic-version": "2023-06-01",
    }
    assert headers_of(AZURE, stream=stream) == plain | {"api-key": KEY}


@pytest.mark.parametrize("kind", ["openai", "anthropic", "passthrough"])
def test_without_a_key_there_is_no_key_header(kind: str):
    headers = headers_of(deployment(kind, api_key=None), stream=False)
    assert not {"authorization", "x-api-key"} & set(headers)


def test_configured_headers_win_and_secret_ones_are_revealed():
    headers = {"authorization": Secret("Token t"), "anthropic-version": "2099-01-01", "x-team": "shop"}
    found = headers_of(deployment("anthropic", headers=headers), stream=False)
    assert (found["authorization"], found["anthropic-version"], found["x-team"]) == ("Token t", "2099-01-01", "shop")


def test_the_callers_trace_context_is_not_sent_to_third_parties():
    assert not {"traceparent", "tracestate", "baggage"} & set(headers_of(deployment(), stream=True))


# Bodies.


@pytest.mark.parametrize("kind", ["openai", "anthropic", "passthrough"])
@pytest.mark.parametrize("stream", [False, True])
def test_unknown_members_are_kept_and_the_callers_mapping_is_not_touched(kind: str, stream: bool):
    body = MappingProxyType(BODY)
    before = json.dumps(BODY)
    found = body_of(call(body, stream=stream), deployment(kind, model="gpt-4o-mini"))
    assert {name: found[name] for name in BODY} == BODY
    assert json.dumps(BODY) == before
    assert found["model"] == "gpt-4o-mini"


def test_the_deployments_model_replaces_the_callers():
    asked = {**BODY, "model": "the route's name"}
    assert body_of(call(asked), deployment(model="gpt-4o-mini"))["model"] == "gpt-4o-mini"
    assert body_of(call(asked), deployment(model=None))["model"] == "the route's name"
    assert "model" not in body_of(call(BODY), deployment(model=None))


def test_a_stream_says_so_and_openai_is_asked_for_usage():
    assert body_of(call(stream=True), deployment())["stream_options"] == {"include_usage": True}
    for kind in ("openai", "anthropic", "passthrough"):
        assert body_of(call(stream=True), deployment(kind))["stream"] is True
        assert "stream" not in body_of(call(), deployment(kind))
    for kind in ("anthropic", "passthrough"):
        assert "stream_options" not in body_of(call(stream=True), deployment(kind))


def test_other_stream_options_are_kept():
    asked = {**BODY, "stream_options": {"include_obfuscation": False}}
    found = body_of(call(asked, stream=True), deployment())["stream_options"]
    assert found == {"include_obfuscation": False, "include_usage": True}
    assert asked["stream_options"] == {"include_obfuscation": False}


# JSON.


def test_text_is_sent_as_it_is_and_nothing_is_padded():
    assert encode({"a": "ä中😀", "b": [1, 2.5, None, True]}) == '{"a":"ä中😀","b":[1,2.5,null,true]}'.encode()


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), -float("inf"), b"bytes", "\ud800", {1, 2}, object(), 1j, {("a",): 1}],
    ids=["nan", "inf", "-inf", "bytes", "surrogate", "set", "object", "complex", "tuple key"],
)
def test_what_json_cannot_say_is_refused(value: Any):
    for body in ({"x": value}, {"x": [{"y": value}]}):
        with pytest.raises((TypeError, ValueError)):
            encode(body)


def test_a_body_that_holds_itself_is_refused():
    body: dict[str, Any] = {}
    body["self"] = body
    with pytest.raises(ValueError):
        encode(body)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=5), json_values, max_size=4))
def test_what_json_can_say_comes_back(body: dict[str, Any]):
    assert json.loads(encode(body)) == body


# The request.


def test_no_phase_may_last_longer_than_what_is_left():
    one = http_request(call(connect=5, read=60, write=30, pool=10), deployment(), BODY, left=20.0, first=7.0)
    assert one.timeouts == {"connect": 5, "read": 20.0, "write": 7.0, "pool": 7.0}
    assert one.head == 7.0
    assert (one.url, one.body) == (url_of(deployment()), encode(BODY))
    assert (one.trail.heard, one.trail.sent) == (False, False)


def test_the_repr_of_a_request_shows_no_key_and_no_prompt():
    shown = repr(http_request(call(), deployment(), {"messages": "the prompt"}, left=20.0, first=7.0))
    assert KEY not in shown
    assert "the prompt" not in shown


@pytest.mark.parametrize("endless", [float("inf"), 1e15])
def test_a_phase_without_end_is_one_that_a_socket_takes(endless: float):
    phases = {"connect": endless, "read": endless, "write": endless, "pool": endless}
    timeouts = http_request(call(**phases), deployment(), BODY, left=endless, first=endless).timeouts
    assert set(timeouts) == set(phases)
    with socket.socket() as taker:
        for seconds in timeouts.values():
            taker.settimeout(seconds)  # OverflowError for what it cannot hold
