"""A vendor's variable means in the router what it means in the vendor's own SDK: both ask, what came is compared."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import anthropic
import groq
import httpx
import httpx2
import openai
import pytest

from beastmode_otel import AsyncModelRouter, ModelRouter
from beastmode_otel.config import load
from beastmode_otel.errors import ConfigError
from beastmode_otel.providers import PROVIDERS

MESSAGES: Final = [{"role": "user", "content": "x"}]
HEADERS: Final = (
    *("authorization", "x-api-key", "api-key", "openai-organization", "openai-project"),
    *("x-team", "x-place", "anthropic-beta"),
)
Came = tuple[str, str, dict[str, str]]  # method, address, the headers above


def seen(request: Any) -> Came:
    return (
        request.method,
        str(request.url),
        {name: request.headers[name] for name in HEADERS if name in request.headers},
    )


def listening(library: Any, came: list[Came]) -> Any:
    def answer(request: Any) -> Any:
        came.append(seen(request))
        return library.Response(400, json={"error": {"message": "enough was seen"}})

    return library.MockTransport(answer)


def ask_openai(came: list[Came], kind: Any = openai.OpenAI) -> None:
    client = kind(http_client=httpx2.Client(transport=listening(httpx2, came)), max_retries=0)
    client.chat.completions.create(model="m", messages=MESSAGES)


def ask_azure(came: list[Came]) -> None:
    ask_openai(came, openai.AzureOpenAI)


def ask_anthropic(came: list[Came]) -> None:
    client = anthropic.Anthropic(http_client=httpx2.Client(transport=listening(httpx2, came)), max_retries=0)
    client.messages.create(model="m", max_tokens=5, messages=MESSAGES)


def ask_groq(came: list[Came]) -> None:
    client = groq.Groq(http_client=httpx.Client(transport=listening(httpx, came)), max_retries=0)
    client.chat.completions.create(model="m", messages=MESSAGES)


SDKS: Final[dict[str, Callable[[list[Came]], None]]] = {
    "openai": ask_openai,
    "anthropic": ask_anthropic,
    "groq": ask_groq,
    "azure.ai.openai": ask_azure,
}
KEYS: Final = {
    "openai": {"OPENAI_API_KEY": "sk-1"},
    "anthropic": {"ANTHROPIC_API_KEY": "sk-1"},
    "groq": {"GROQ_API_KEY": "gsk-1"},
    "azure.ai.openai": {"AZURE_OPENAI_API_KEY": "k-1", "OPENAI_API_VERSION": "2024-10-21"},
}
ADDRESS: Final = {each.name: each.address for each in PROVIDERS if each.name in SDKS}
# Spelled as people spell them.
SPELLED: Final = (
    *("http://gw:1", "http://gw:1/", "http://gw:1/v1", "http://gw:1/v1/", "http://gw:1/team/v1", "http://gw:1/team/"),
    *("HTTPS://GW:1/V1", "http://[::1]:1/v1", "http://gw:1/v2beta", "http://gw:1/v1/messages"),
)
OTHERS: Final[list[tuple[str, dict[str, str]]]] = [
    ("openai", {"OPENAI_ORG_ID": "org-1"}),
    ("openai", {"OPENAI_ORG_ID": "org-1", "OPENAI_PROJECT_ID": "proj-1", "OPENAI_BASE_URL": "http://gw:1/v1"}),
    ("openai", {"OPENAI_ORG_ID": "", "OPENAI_PROJECT_ID": ""}),
    ("openai", {"OPENAI_ORGANIZATION": "org-1", "OPENAI_API_BASE": "http://old:1"}),  # of SDKs that are gone
    ("openai", {"OPENAI_CUSTOM_HEADERS": "x-team: a\nno header\nX-Place: b:c\nOpenAI-Organization: org-2"}),
    ("openai", {"OPENAI_CUSTOM_HEADERS": "Authorization: Bearer other-one"}),
    ("anthropic", {"ANTHROPIC_API_KEY": "", "ANTHROPIC_AUTH_TOKEN": "token-1"}),
    ("anthropic", {"ANTHROPIC_AUTH_TOKEN": "token-1"}),
    ("anthropic", {"ANTHROPIC_CUSTOM_HEADERS": "anthropic-beta: some\nx-api-key: other-one"}),
    ("groq", {"GROQ_CUSTOM_HEADERS": "x-team: a"}),
    ("azure.ai.openai", {"AZURE_OPENAI_ENDPOINT": "http://gw:1", "AZURE_OPENAI_AD_TOKEN": "ad-1"}),
    (
        "azure.ai.openai",
        {"AZURE_OPENAI_ENDPOINT": "http://gw:1/", "OPENAI_API_VERSION": "preview", "OPENAI_ORG_ID": "o"},
    ),
]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for each in PROVIDERS:
        for name in (*each.keys, each.bearer, each.address, each.more_headers, *dict(each.headers), *dict(each.query)):
            monkeypatch.delenv(name, raising=False)


def set_all(monkeypatch: pytest.MonkeyPatch, variables: Mapping[str, str]) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def by_sdk(provider: str) -> Came:
    came: list[Came] = []
    with pytest.raises((openai.BadRequestError, anthropic.BadRequestError, groq.BadRequestError)):
        SDKS[provider](came)
    return came[0]


def by_router(provider: str, world: str, model: str = "m", config: Any = None) -> Came:
    came: list[Came] = []
    body = {"messages": MESSAGES, "max_tokens": 5}

    async def ask() -> None:
        async with AsyncModelRouter(config, client=httpx2.AsyncClient(transport=listening(httpx2, came))) as router:
            await router.route(f"{provider}:{model}" if config is None else model, body)

    def block() -> None:
        with ModelRouter(config, client=httpx2.Client(transport=listening(httpx2, came))) as router:
            router.route(f"{provider}:{model}" if config is None else model, body)

    with pytest.raises(Exception, match="enough was seen"):
        asyncio.run(ask()) if world == "async" else block()
    return came[0]


@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize("url", SPELLED)
@pytest.mark.parametrize("provider", SDKS)
def test_the_address(provider: str, url: str, world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {**KEYS[provider], ADDRESS[provider]: url})
    assert by_router(provider, world) == by_sdk(provider)


@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize("provider", [name for name in SDKS if name != "azure.ai.openai"])
def test_no_address(provider: str, world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, KEYS[provider])
    assert by_router(provider, world) == by_sdk(provider)


@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize(("provider", "variables"), OTHERS)
def test_keys_and_headers(
    provider: str, variables: dict[str, str], world: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = {} if "ANTHROPIC_AUTH_TOKEN" in variables and "ANTHROPIC_API_KEY" not in variables else KEYS[provider]
    set_all(monkeypatch, {**key, **variables})
    assert by_router(provider, world) == by_sdk(provider)


@pytest.mark.parametrize("world", ["sync", "async"])
def test_the_key_goes_before_the_token(world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {"ANTHROPIC_API_KEY": "sk-1", "ANTHROPIC_AUTH_TOKEN": "token-1"})
    assert by_router("anthropic", world) == by_sdk("anthropic")


@pytest.mark.parametrize("blank", ["", " ", "\t\n"])
@pytest.mark.parametrize("provider", [name for name in SDKS if name != "azure.ai.openai"])
def test_a_blank_address_counts_as_unset(provider: str, blank: str) -> None:
    """The SDKs make a request without a host of it, which nobody answers."""
    vendor = load(environ={**KEYS[provider], ADDRESS[provider]: blank}).vendors[provider]
    assert vendor.base_url == load(environ=KEYS[provider]).vendors[provider].base_url


@pytest.mark.parametrize("provider", SDKS)
def test_white_space_round_an_address_is_taken_off(provider: str) -> None:
    """It comes out of files and secret stores; the SDKs cannot ask anybody then."""
    spaced = load(environ={**KEYS[provider], ADDRESS[provider]: " http://gw:1/v1 \n"}).vendors[provider]
    assert spaced == load(environ={**KEYS[provider], ADDRESS[provider]: "http://gw:1/v1"}).vendors[provider]


@pytest.mark.parametrize("lacking", ["AZURE_OPENAI_API_KEY", "OPENAI_API_VERSION", "AZURE_OPENAI_ENDPOINT"])
def test_azure_needs_all_three(lacking: str) -> None:
    environ = {**KEYS["azure.ai.openai"], "AZURE_OPENAI_ENDPOINT": "http://gw:1", lacking: ""}
    assert "azure.ai.openai" not in load(environ=environ).vendors


@pytest.mark.parametrize("world", ["sync", "async"])
def test_a_model_with_a_slash_stays_one_part_of_azures_address(world: str, monkeypatch: pytest.MonkeyPatch) -> None:
    set_all(monkeypatch, {**KEYS["azure.ai.openai"], "AZURE_OPENAI_ENDPOINT": "http://gw:1"})
    _, address, _ = by_router("azure.ai.openai", world, model="a/b c")
    assert address == "http://gw:1/openai/deployments/a%2Fb%20c/chat/completions?api-version=2024-10-21"


@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize(
    "url", ["http://gw:1", "http://gw:1/", "http://gw:1/v1", "http://gw:1/v1/", " http://gw:1/v1 "]
)
def test_anthropics_base_url_of_a_deployment_works_in_each_spelling(url: str, world: str) -> None:
    deployment = {"kind": "anthropic", "base_url": url, "api_key": "sk-1", "model": "m"}
    config = {"deployments": {"main": deployment}, "routes": {"chat": {"deployments": ["main"]}}}
    came = by_router("anthropic", world, "chat", config)
    assert came == ("POST", "http://gw:1/v1/messages", {"x-api-key": "sk-1"})


@pytest.mark.parametrize("name", ["authorization", "X-Key"])
def test_the_header_of_a_key_may_be_another(name: str) -> None:
    deployment = {"kind": "anthropic", "base_url": "http://gw:1", "api_key": "sk-1", "key_header": name}
    config = {"deployments": {"main": deployment}, "routes": {"chat": {"deployments": ["main"]}}}
    _, _, headers = by_router("anthropic", "sync", "chat", config)
    assert headers == ({"authorization": "Bearer sk-1"} if name == "authorization" else {})


def test_a_header_that_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="key_header: is no header"):
        load({"deployments": {"main": {"base_url": "http://gw:1", "key_header": "a b"}}}, environ={})
