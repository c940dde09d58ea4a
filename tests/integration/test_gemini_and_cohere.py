"""Gemini's and Cohere's own formats as deployments of the router: whole and streamed, blocking and not, cached."""

from __future__ import annotations

from typing import Any, Final

import pytest

from beastmode_otel import UpstreamError
from beastmode_otel.config import Deployment, Secret, load
from beastmode_otel.router.http_request import headers_of, url_of
from beastmode_otel.simulator import Behaviour, Simulator
from support.drivers import DRIVERS
from support.recorder import Recorder

ASKED: Final[dict[str, dict[str, Any]]] = {
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "why?"}]}], "generationConfig": {"maxOutputTokens": 9}},
    "cohere": {"messages": [{"role": "user", "content": "why?"}], "max_tokens": 9},
}
APIS: Final = {"gemini": "gemini.generate_content", "cohere": "cohere.chat"}
SAID: Final = Behaviour(text="Because it is so.", input_tokens=11, output_tokens=5)


@pytest.fixture(params=DRIVERS)
def world(request: Any) -> str:
    return str(request.param)


def config(simulator: Simulator, kind: str, cache: str = "off") -> dict[str, Any]:
    made = {
        name: {"kind": kind, "base_url": simulator.url(name), "model": "m", "api_key": "key-of-a-test"}
        for name in ("first", "spare")
    }
    both = [{"name": name, "order": order} for order, name in enumerate(made, 1)]
    return {
        "cache": {"mode": cache, "l3": {"url": "off"}},
        "retry": {"per_deployment": 0},
        "deployments": made,
        "routes": {"chat": {"deployments": both}},
    }


def answer_of(result: Any) -> Any:
    assert not isinstance(result, BaseException), result
    return result[1] if isinstance(result, tuple) else result


@pytest.mark.parametrize("action", ["route", "read"])
@pytest.mark.parametrize("kind", ASKED)
def test_it_answers(kind: str, action: str, world: str, simulator: Simulator, recorder: Recorder) -> None:
    simulator.define("first", SAID)
    driver = DRIVERS[world](simulator, config(simulator, kind), **recorder.providers)
    answer = answer_of(driver.act(action, "chat", ASKED[kind]))
    driver.close()
    assert answer.text == SAID.text
    assert (answer.usage.input_tokens, answer.usage.output_tokens, answer.usage.estimated) == (11, 5, False)
    assert answer.deployment == "first"
    [chat] = [span for span in recorder.spans() if span.attributes and "gen_ai.request.model" in span.attributes]
    assert chat.attributes is not None
    assert chat.attributes["gen_ai.request.model"] == "m"
    assert chat.attributes["gen_ai.usage.output_tokens"] == 5


@pytest.mark.parametrize("action", ["route", "read"])
@pytest.mark.parametrize("kind", ASKED)
def test_the_spare_is_asked_when_it_fails(kind: str, action: str, world: str, simulator: Simulator) -> None:
    simulator.define("first", Behaviour(status=429))
    simulator.define("spare", SAID)
    driver = DRIVERS[world](simulator, config(simulator, kind))
    answer = answer_of(driver.act(action, "chat", ASKED[kind]))
    driver.close()
    assert (answer.deployment, answer.text) == ("spare", SAID.text)
    assert [one.category for one in answer.attempts] == ["rate_limited", None]


@pytest.mark.parametrize("kind", ASKED)
def test_a_stream_that_is_cut_is_an_error(kind: str, world: str, simulator: Simulator) -> None:
    simulator.define("first", Behaviour(text=SAID.text, cut_after=2))
    driver = DRIVERS[world](simulator, config(simulator, kind))
    error = driver.act("read", "chat", ASKED[kind])
    driver.close()
    assert isinstance(error, UpstreamError)
    assert error.category.name == "stream_truncated"


@pytest.mark.parametrize(
    ("first", "then"), [("route", "read"), ("read", "route"), ("route", "route"), ("read", "read")]
)
@pytest.mark.parametrize("kind", ASKED)
def test_a_stored_answer_serves_both(kind: str, first: str, then: str, world: str, simulator: Simulator) -> None:
    simulator.define("first", SAID)
    driver = DRIVERS[world](simulator, config(simulator, kind, cache="on"), tenant=f"{kind}{first}{then}{world}")
    miss = answer_of(driver.act(first, "chat", ASKED[kind]))
    hit = answer_of(driver.act(then, "chat", ASKED[kind]))
    driver.close()
    assert (miss.cache.status, hit.cache.status) == ("miss", "hit")
    assert (hit.text, hit.usage) == (miss.text, miss.usage)
    assert simulator.received == 1


ADDRESSES: Final = [
    ("gemini", "https://generativelanguage.googleapis.com", "/v1beta/models/m:generateContent"),
    ("gemini", "https://generativelanguage.googleapis.com/", "/v1beta/models/m:generateContent"),
    ("gemini", "https://generativelanguage.googleapis.com/v1beta", "/v1beta/models/m:generateContent"),
    ("gemini", "https://generativelanguage.googleapis.com/v1", "/v1/models/m:generateContent"),
    (
        "gemini",
        "https://eu-aiplatform.googleapis.com/v1/publishers/google",
        "/v1/publishers/google/models/m:generateContent",
    ),
    ("cohere", "https://api.cohere.com", "/v2/chat"),
    ("cohere", "https://api.cohere.com/", "/v2/chat"),
    ("cohere", "https://api.cohere.com/v2", "/v2/chat"),
    ("cohere", "https://api.cohere.com/v2/", "/v2/chat"),
]


@pytest.mark.parametrize(("kind", "base_url", "path"), ADDRESSES)
def test_the_address_in_each_spelling(kind: str, base_url: str, path: str) -> None:
    """The kind follows from the host, where nobody says it."""
    made = load({"deployments": {"main": {"base_url": base_url, "model": "m"}}}, environ={}).deployments["main"]
    assert (made.kind, made.api) == (kind, APIS[kind])
    host = base_url.partition("://")[2].partition("/")[0]
    assert url_of(made) == f"https://{host}{path}"


@pytest.mark.parametrize(
    "base_url",
    [
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "https://api.cohere.ai/compatibility/v1",
        "https://eu-aiplatform.googleapis.com/v1/projects/p/locations/eu/endpoints/openapi",
    ],
)
def test_their_openai_compatible_addresses_stay_openais(base_url: str) -> None:
    made = load({"deployments": {"main": {"base_url": base_url, "model": "m"}}}, environ={}).deployments["main"]
    assert (made.kind, url_of(made)) == ("openai", f"{base_url}/chat/completions")


def test_the_header_of_the_key() -> None:
    sent = {
        kind: headers_of(
            Deployment(name="a", kind=kind, base_url="https://h", model="m", api_key=Secret("k")), stream=False
        )
        for kind in ("gemini", "cohere")
    }
    assert sent["gemini"]["x-goog-api-key"] == "k"
    assert sent["cohere"]["authorization"] == "Bearer k"
