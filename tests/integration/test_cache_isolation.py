"""Two routers share an answer only where both send the same: headers and credentials count, in memory and on disk."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import httpx
import httpx2
import pytest

from beastmode_otel.config import load
from beastmode_otel.engine.cache_request import Options, cache_request_of
from beastmode_otel.router import resolve
from beastmode_otel.simulator import Behaviour, Simulator
from support.drivers import DRIVERS, QUESTION

LIBRARIES = {"httpx": httpx, "httpx2": httpx2}
KEY = "sk-PLANTED-0123456789"


def config(simulator: Simulator, file: Path, *, name: str = "main", **deployment: Any) -> dict[str, Any]:
    main = {"kind": "openai", "base_url": simulator.url("ok"), "model": "m", "api_key": KEY, **deployment}
    return {
        "cache": {"mode": "on", "write_mode": "sync", "l3": {"url": f"sqlite:///{file}", "soft": 5}},
        "deployments": {name: main},
        "routes": {"chat": {"deployments": [{"name": name}]}},
    }


def ask(
    world: str, simulator: Simulator, settings: Any, *, client: Any = None, action: str = "route", **call: Any
) -> str:
    """How the cache ended, in a router of its own: what it has from others comes from L3."""
    driver: Any = DRIVERS[world](simulator, settings, client=client)
    got = driver.act(action, "chat", copy.deepcopy(QUESTION), **call)
    if client is not None:
        client.close() if world == "sync" else driver._runner.run(client.aclose())
    driver.close()
    if isinstance(got, BaseException):
        raise got
    return (got if action == "route" else got[1]).cache.status


@pytest.fixture(params=DRIVERS)
def world(request: Any) -> str:
    return str(request.param)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "beastmode_otel" / "cache.db"


APART = {
    "persona": ({"headers": {"x-persona": "pirate"}}, {"headers": {"x-persona": "lawyer"}}),
    "a header more": ({}, {"headers": {"x-persona": "pirate"}}),
    "organisation": ({"headers": {"OpenAI-Organization": "a"}}, {"headers": {"openai-organization": "b"}}),
    "language": ({"headers": {"accept-language": "de"}}, {"headers": {"accept-language": "fr"}}),
    "key": ({"api_key": "sk-one-11111111"}, {"api_key": "sk-two-22222222"}),
    "no key": ({}, {"api_key": None}),
    "secret header": ({"headers": {"x-team": {"env": "ONE"}}}, {"headers": {"x-team": {"env": "TWO"}}}),
    "login by header": ({"headers": {"Authorization": "Bearer a"}}, {"headers": {"authorization": "Bearer b"}}),
    "cookie": ({"headers": {"cookie": "session=1"}}, {"headers": {"cookie": "session=2"}}),
    "query": ({"query": {"api-version": "1"}}, {"query": {"api-version": "2"}}),
    "anthropic's key": (
        {"kind": "anthropic", "api_key": "sk-one-11111111"},
        {"kind": "anthropic", "api_key": "sk-two-22222222"},
    ),
}
TOGETHER = {
    "the same": ({"headers": {"x-persona": "pirate"}}, {"headers": {"X-Persona": "pirate"}}),
    "user agent": ({"headers": {"user-agent": "a"}}, {"headers": {"User-Agent": "b"}}),
    "tracing": ({"headers": {"x-request-id": "1"}}, {"headers": {"traceparent": "2"}}),
    "the connection's cookie": ({"headers": {"cookie": "__cf_bm=1"}}, {"headers": {"cookie": "_cfuvid=2"}}),
}
LOGINS = ("key", "no key", "secret header", "login by header", "cookie", "anthropic's key")


def without_none(deployment: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in deployment.items() if value is not None}


@pytest.fixture(autouse=True)
def _two_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONE", "planted-one-111")
    monkeypatch.setenv("TWO", "planted-two-222")


def settings_of(simulator: Simulator, file: Path, deployment: dict[str, Any]) -> dict[str, Any]:
    made = config(simulator, file, **deployment)
    made["deployments"]["main"] = without_none(made["deployments"]["main"])
    return made


@pytest.mark.parametrize("action", ["route", "read"])
@pytest.mark.parametrize("case", APART)
def test_what_is_sent_keeps_apart(world: str, case: str, action: str, simulator: Simulator, file: Path) -> None:
    one, other = (settings_of(simulator, file, each) for each in APART[case])
    assert ask(world, simulator, one, action=action) == "miss"
    assert ask(world, simulator, one, action=action) == "hit"
    assert ask(world, simulator, other, action=action) == "miss"
    assert ask(world, simulator, one, action=action) == "hit"


@pytest.mark.parametrize("case", TOGETHER)
def test_what_never_matters_does_not(world: str, case: str, simulator: Simulator, file: Path) -> None:
    one, other = (settings_of(simulator, file, each) for each in TOGETHER[case])
    assert ask(world, simulator, one) == "miss"
    assert ask(world, simulator, other) == "hit"


@pytest.mark.parametrize("case", LOGINS)
def test_a_tenant_that_was_named_outlives_its_login(world: str, case: str, simulator: Simulator, file: Path) -> None:
    one, other = (settings_of(simulator, file, each) for each in APART[case])
    assert ask(world, simulator, one, tenant="acme") == "miss"
    assert ask(world, simulator, other, tenant="acme") == "hit"
    assert ask(world, simulator, other, tenant="other") == "miss"


def test_every_deployment_that_may_answer_counts(world: str, simulator: Simulator, file: Path) -> None:
    """Not only the one that stands first."""
    simulator.define("twin", Behaviour())
    asked = []
    for persona in ("pirate", "lawyer"):
        made = config(simulator, file)
        made["deployments"]["twin"] = {
            **made["deployments"]["main"],
            "base_url": simulator.url("twin"),
            "headers": {"x-persona": persona},
        }
        made["routes"]["chat"]["deployments"].append({"name": "twin"})
        asked.append(ask(world, simulator, made))
    assert asked == ["miss", "miss"]


@pytest.mark.parametrize("library", LIBRARIES)
def test_what_a_client_of_ones_own_adds_counts(world: str, library: str, simulator: Simulator, file: Path) -> None:
    def asked(**options: Any) -> str:
        client = getattr(LIBRARIES[library], "Client" if world == "sync" else "AsyncClient")(**options)
        return ask(world, simulator, config(simulator, file), client=client)

    assert asked(headers={"x-persona": "pirate"}) == "miss"
    assert asked(headers={"x-persona": "pirate", "user-agent": "other"}) == "hit"
    assert asked(headers={"x-persona": "lawyer"}) == "miss"
    assert asked(params={"persona": "lawyer"}) == "miss"
    assert asked() == "miss"
    assert asked(headers={"authorization": "Bearer overwritten"}) == "hit"  # the deployment's own goes out
    assert asked(auth=("me", "password")) == "bypass"


def test_no_digest_tells_the_key(simulator: Simulator, file: Path) -> None:
    """What a key is made of shows neither the credential nor a digest of it alone, and depends on the secret."""
    made = []
    for secret in (None, "a secret of thirty-two characters!", "another one of thirty-two charac"):
        settings = config(simulator, file)
        if secret:
            settings["cache"]["secret"] = secret
        loaded = load(settings)
        asked = cache_request_of(
            loaded, resolve(loaded, "chat"), model_id="chat", body=QUESTION, tenant=None, options=Options()
        )
        assert KEY not in repr(asked)
        assert asked.key is not None
        made.append(asked.key.digest)
    assert len(set(made)) == 3
