"""Names and spelled behaviours in URLs, as clients use them."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beastmode_otel.errors import ConfigError
from beastmode_otel.simulator import Behaviour, Simulator, mix
from beastmode_otel.simulator.reply import decide
from beastmode_otel.simulator.request import read_json, read_request


def test_sequences(sim, client):
    sim.define("flaky", Behaviour(status=500), Behaviour())
    assert [client.chat(sim.url("flaky")).status for _ in range(3)] == [500, 200, 200]
    sim.define("flaky", Behaviour(status=503))
    assert client.chat(sim.url("flaky")).status == 503
    assert sim.received_by("flaky") == 4


def test_behaviours_from_the_start(one):
    behaviours = {
        "down": Behaviour(status=503),
        "flaky": [Behaviour(status=500), Behaviour()],
        "mix": mix({Behaviour(): 1}),
    }
    with Simulator(behaviours) as own:
        assert [one.chat(own.url(name)).status for name in ("down", "flaky", "flaky", "mix")] == [503, 500, 200, 200]


def test_unknown_names(sim, client):
    name = f"nobody-{client.lib.__name__}-{client.is_async}"  # the four clients share a simulator
    seen = client.chat(sim.url(name))
    assert (seen.status, seen.json["error"]["code"]) == (404, "unknown_behaviour")
    assert sim.received_by(name) == 1
    sim.define(name, Behaviour())
    assert client.chat(sim.url(name)).status == 200


@pytest.mark.parametrize("name", ["", "a/b", "a=b"])
def test_names_that_cannot_be_addressed(sim, name):
    with pytest.raises(ConfigError):
        sim.define(name, Behaviour())


def test_names_are_escaped_in_urls(sim, one):
    sim.define("two words?", Behaviour(status=503))
    assert one.chat(sim.url("two words?")).status == 503
    assert sim.received_by("two words?") == 1


def test_spelled_behaviours_count_by_their_spelling(one):
    with Simulator() as own:
        first, second = "status=429;retry_after=0.1;times=1", "status=429;times=1"
        assert [one.chat(own.url(first)).status for _ in range(2)] == [429, 200]
        assert [one.chat(own.url(second)).status for _ in range(2)] == [429, 200]
        assert (own.received_by(first), own.received_by(second), own.received) == (2, 2, 4)


def test_spelled_by_hand(sim, client):
    seen = client.post(f"http://{sim.host}:{sim.port}/b/status=529;should_retry=true/v1/messages")
    assert (seen.status, seen.headers["x-should-retry"]) == (529, "true")


def test_bad_spelling_is_a_400(sim, client):
    seen = client.chat(sim.url("statsu=500"))
    assert (seen.status, seen.json["error"]["code"]) == (400, "bad_behaviour")
    assert "did you mean status?" in seen.json["error"]["message"]
    assert client.messages(sim.url("status=x")).json["type"] == "error"


def test_absolute_targets(sim, one):
    """What a client sends that takes the simulator for its proxy."""
    url = urlsplit(sim.url("status=418"))
    with one.lib.Client(proxy=f"http://{url.netloc}") as client:
        assert client.post(f"http://elsewhere.invalid{url.path}/chat/completions", json={}).status_code == 418


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["messages", "content", "role", "text", "tools", "function", "name", "model", "system"]),
            inner,
        )
    ),
    max_leaves=12,
)


@given(JSON, st.booleans(), st.sampled_from(["/chat/completions", "/messages", "/x"]))
def test_any_request_gets_an_answer(value, stream, path):
    body = {**value, "stream": stream} if isinstance(value, dict) else value
    for behaviour in (Behaviour(), Behaviour(echo=True), Behaviour(tool_calls=True), Behaviour(status=500)):
        reply = decide(read_request("POST", path, body), behaviour, number=1, now=0.0)
        assert isinstance(reply.body, bytes) is not (stream and isinstance(value, dict) and behaviour.status == 200)
        if isinstance(reply.body, bytes):
            json.loads(reply.body)


@given(st.binary())
def test_any_body_is_read(raw):
    read_json(raw)
    read_json(b"[" * 100_000)
