"""Two calls share an answer only if nothing in them says that somebody else asks, or somebody else is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beastmode_otel.engine.cache_request import Options
from beastmode_otel.instrumentation.build import build_context
from beastmode_otel.instrumentation.cache_request import cache_request_of_call
from beastmode_otel.instrumentation.context import DoorContext

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
URL = "https://llm.example/v1/chat/completions"
# Who asks; what the message, its tracing and the SDK add says nothing about that.
TELLING = (
    *("authorization", "x-api-key", "api-key", "x-goog-api-key", "openai-organization", "openai-project"),
    *("x-user", "x-tenant-id", "ocp-apim-subscription-key", "cf-aig-authorization", "helicone-auth", "host"),
    *("accept-language", "anthropic-beta", "anthropic-version", "openai-beta"),
)
SILENT = (
    *("user-agent", "x-stainless-retry-count", "x-stainless-lang", "traceparent", "baggage", "x-request-id"),
    *("idempotency-key", "accept", "accept-encoding", "connection", "x-correlation-id"),
)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12)


@pytest.fixture(scope="module")
def context() -> Iterator[DoorContext]:
    made = build_context("hook", cache={"l3": {"url": "off"}})
    yield made
    made.close()


def key(context: DoorContext, headers: dict[str, str], url: str = URL, body: Any = BODY) -> bytes | None:
    """The key of a call, None where the cache has no part in it."""
    request = httpx.Request("POST", url, json=body, headers=headers)
    seen = context.recognise(request)
    assert seen is not None
    wanted = cache_request_of_call(context, seen, request, Options(use="on"))
    return wanted.key.digest if wanted.key else None


def mean(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in TELLING}


HEADERS = st.dictionaries(st.sampled_from(TELLING + SILENT), VALUES, max_size=5)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=HEADERS, other=HEADERS)
def test_headers(context: DoorContext, one: dict[str, str], other: dict[str, str]) -> None:
    """Equal keys exactly where all that is said about who asks is equal."""
    assert (key(context, one) == key(context, other)) is (mean(one) == mean(other))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.from_regex(r"x-[a-z]{3,12}", fullmatch=True), value=VALUES)
def test_headers_that_nobody_has_heard_of_keep_apart(context: DoorContext, name: str, value: str) -> None:
    """They may be a login of a gateway's own."""
    assert (key(context, {name: value}) == key(context, {})) is (name in SILENT or name == "x-title")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=VALUES, other=VALUES)
def test_a_value_stays_in_its_header(context: DoorContext, one: str, other: str) -> None:
    """The same text as another header's is another login; two headers are not one with a break in it."""
    swapped = key(context, {"authorization": one, "x-api-key": other}) == key(
        context, {"authorization": other, "x-api-key": one}
    )
    assert swapped is (one == other)
    assert key(context, {"authorization": one}) != key(context, {"x-api-key": one})
    assert key(context, {"authorization": f"{one}{other}"}) != key(context, {"authorization": one, "x-api-key": other})


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.from_regex(r"[A-Za-z_]{1,10}", fullmatch=True), value=st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True))
def test_cookies_pass_the_cache_by(context: DoorContext, name: str, value: str) -> None:
    assert key(context, {"cookie": f"{name}={value}"}) is None
    assert key(context, {"cookie": f"__cf_bm={value}; {name}={value}"}) is None
    assert key(context, {"cookie": f"__cf_bm={value}"}) == key(context, {})


PLACES = [
    URL,
    "http://llm.example/v1/chat/completions",
    "https://llm.example:8443/v1/chat/completions",
    "https://other.example/v1/chat/completions",
    "https://llm.example/v2/chat/completions",
    "https://llm.example/eu%2Fv1/chat/completions",
    "https://llm.example/eu/v1/chat/completions",
    f"{URL}/",
    f"{URL}?api-version=1",
    f"{URL}?api-version=2",
    f"{URL}?api-version=2/",
    "https://llm.example/openai/deployments/a/chat/completions",
    "https://llm.example/openai/deployments/b/chat/completions",
]


def test_places(context: DoorContext) -> None:
    keys = [key(context, {}, url) for url in PLACES]
    assert None not in keys
    assert len(set(keys)) == len(PLACES)
    assert key(context, {}, URL.replace("llm.example", "LLM.example")) == keys[0]
    assert key(context, {}, URL.replace("llm.example", "llm.example:443")) == keys[0]


def test_apis_and_bodies(context: DoorContext) -> None:
    """One question put to two APIs, or with anything else in it, is two questions."""
    paths = ("/v1/chat/completions", "/v1/messages", "/api/chat")
    body = BODY | {"max_tokens": 5, "options": {}}
    keys = [key(context, {}, f"http://llm.example{path}", body) for path in paths]
    for change in (
        {"model": "n"},
        {"temperature": 0},
        {"n": 2},
        {"messages": []},
        {"seed": 1},
        {"unknown": None, "x": 1},
    ):
        keys.append(key(context, {}, body=BODY | change))
    keys.append(key(context, {}))
    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert key(context, {}, body=BODY | {"user": "me", "metadata": {"a": "b"}}) == keys[-1]


def test_secret_makes_a_tenant_of_its_own(context: DoorContext) -> None:
    """The digest of a key is not to be guessed by whoever reads the file."""
    other = build_context("hook", cache={"l3": {"url": "off"}, "secret": "0123456789abcdef0123456789abcdef"})
    assert key(other, {"authorization": "Bearer k"}) != key(context, {"authorization": "Bearer k"})
    other.close()


def test_body_that_is_not_at_hand(context: DoorContext) -> None:
    """Generated while it is sent, compressed, or no JSON object."""
    for content in (iter([b"{}"]), b"no json", b"[]", b""):
        request = httpx.Request("POST", URL, content=content)
        seen = context.recognise(request)
        assert seen is not None
        assert cache_request_of_call(context, seen, request, Options(use="on")).reason == "unreadable"
