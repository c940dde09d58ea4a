"""Two calls share an answer only if nothing in them says that somebody else asks, or somebody else is asked."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from beastmode_otel.instrumentation.cache_request import wish_of_call
from beastmode_otel.instrumentation.context import Desk, build_desk

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
def desk() -> Iterator[Desk]:
    made = build_desk("hook", cache={"l3": {"url": "off"}})
    yield made
    made.close()


def key(desk: Desk, headers: dict[str, str], url: str = URL, body: Any = BODY) -> bytes | None:
    """The key of a call, None where the cache has no part in it."""
    request = httpx.Request("POST", url, json=body, headers=headers)
    seen = desk.recognise(request)
    assert seen is not None
    wish = wish_of_call(desk, seen, request, "on")
    return wish.key.digest if wish.key else None


def mean(headers: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name in TELLING}


HEADERS = st.dictionaries(st.sampled_from(TELLING + SILENT), VALUES, max_size=5)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=HEADERS, other=HEADERS)
def test_headers(desk: Desk, one: dict[str, str], other: dict[str, str]) -> None:
    """Equal keys exactly where all that is said about who asks is equal."""
    assert (key(desk, one) == key(desk, other)) is (mean(one) == mean(other))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.from_regex(r"x-[a-z]{3,12}", fullmatch=True), value=VALUES)
def test_headers_that_nobody_has_heard_of_keep_apart(desk: Desk, name: str, value: str) -> None:
    """They may be a login of a gateway's own."""
    assert (key(desk, {name: value}) == key(desk, {})) is (name in SILENT or name == "x-title")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(one=VALUES, other=VALUES)
def test_a_value_stays_in_its_header(desk: Desk, one: str, other: str) -> None:
    """The same text as another header's is another login; two headers are not one with a break in it."""
    swapped = key(desk, {"authorization": one, "x-api-key": other}) == key(
        desk, {"authorization": other, "x-api-key": one}
    )
    assert swapped is (one == other)
    assert key(desk, {"authorization": one}) != key(desk, {"x-api-key": one})
    assert key(desk, {"authorization": f"{one}{other}"}) != key(desk, {"authorization": one, "x-api-key": other})


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.from_regex(r"[A-Za-z_]{1,10}", fullmatch=True), value=st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True))
def test_cookies_pass_the_cache_by(desk: Desk, name: str, value: str) -> None:
    assert key(desk, {"cookie": f"{name}={value}"}) is None
    assert key(desk, {"cookie": f"__cf_bm={value}; {name}={value}"}) is None
    assert key(desk, {"cookie": f"__cf_bm={value}"}) == key(desk, {})


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


def test_places(desk: Desk) -> None:
    keys = [key(desk, {}, url) for url in PLACES]
    assert None not in keys
    assert len(set(keys)) == len(PLACES)
    assert key(desk, {}, URL.replace("llm.example", "LLM.example")) == keys[0]
    assert key(desk, {}, URL.replace("llm.example", "llm.example:443")) == keys[0]


def test_apis_and_bodies(desk: Desk) -> None:
    """One question put to two APIs, or with anything else in it, is two questions."""
    paths = ("/v1/chat/completions", "/v1/messages", "/api/chat")
    body = BODY | {"max_tokens": 5, "options": {}}
    keys = [key(desk, {}, f"http://llm.example{path}", body) for path in paths]
    for change in (
        {"model": "n"},
        {"temperature": 0},
        {"n": 2},
        {"messages": []},
        {"seed": 1},
        {"unknown": None, "x": 1},
    ):
        keys.append(key(desk, {}, body=BODY | change))
    keys.append(key(desk, {}))
    assert None not in keys
    assert len(set(keys)) == len(keys)
    assert key(desk, {}, body=BODY | {"user": "me", "metadata": {"a": "b"}}) == keys[-1]


def test_secret_makes_a_tenant_of_its_own(desk: Desk) -> None:
    """The digest of a key is not to be guessed by whoever reads the file."""
    other = build_desk("hook", cache={"l3": {"url": "off"}, "secret": "0123456789abcdef0123456789abcdef"})
    assert key(other, {"authorization": "Bearer k"}) != key(desk, {"authorization": "Bearer k"})
    other.close()


def test_body_that_is_not_at_hand(desk: Desk) -> None:
    """Generated while it is sent, compressed, or no JSON object."""
    for content in (iter([b"{}"]), b"no json", b"[]", b""):
        request = httpx.Request("POST", URL, content=content)
        seen = desk.recognise(request)
        assert seen is not None
        assert wish_of_call(desk, seen, request, "on").reason == "unreadable"
