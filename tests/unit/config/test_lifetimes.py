"""What may be said of lifetimes, where, and what counts when several say something."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel import (
    AsyncModelRouter,
    ModelRouter,
    async_http_client,
    async_transport,
    http_client,
    instrument,
    transport,
    uninstrument,
)
from beastmode_otel.cache.storable import OK
from beastmode_otel.config import CacheSettings, load
from beastmode_otel.engine.cache_request import Options, wanted_of
from beastmode_otel.errors import ConfigError
from beastmode_otel.instrumentation import hook
from contract.samples import key

MAIN = {"base_url": "https://api.example.com/v1"}
NO_SPANS = [0, -1, math.nan, -math.inf, 10**400, True, "60", []]


def answered(_: Any) -> float:
    return 60.0


def with_cache(**said: Any) -> dict[str, Any]:
    return {"cache": said}


def with_route(**said: Any) -> dict[str, Any]:
    return {"deployments": {"main": MAIN}, "routes": {"chat": {"deployments": ["main"], **said}}}


def with_deployment(**said: Any) -> dict[str, Any]:
    return {"deployments": {"main": MAIN | said}}


def test_what_holds_when_nobody_says_anything() -> None:
    config = load(with_route(), environ={})
    assert (config.cache.ttl, config.cache.jitter, config.cache.obey_cache_control) == (None, 0.1, None)
    assert (config.routes["chat"].ttl, config.deployments["main"].obey_cache_control) == (None, None)


@pytest.mark.parametrize("ttl", [0.5, 600, math.inf, answered])
def test_a_ttl_is_seconds_or_a_function(ttl: Any) -> None:
    assert load(with_cache(ttl=ttl), environ={}).cache.ttl == ttl
    assert load(with_route(ttl=ttl), environ={}).routes["chat"].ttl == ttl


@pytest.mark.parametrize("ttl", NO_SPANS)
@pytest.mark.parametrize(("where", "path"), [(with_cache, "cache.ttl"), (with_route, 'routes."chat".ttl')])
def test_nothing_else_is_a_ttl(where: Any, path: str, ttl: Any) -> None:
    with pytest.raises(ConfigError, match="seconds above 0, or a function") as caught:
        load(where(ttl=ttl), environ={})
    assert path in str(caught.value)


@pytest.mark.parametrize("jitter", [1, 1.5, -0.1, math.nan, "0.1", True])
def test_jitter_is_a_part(jitter: Any) -> None:
    """All of a lifetime would be none."""
    with pytest.raises(ConfigError, match=r"cache\.jitter"):
        load(with_cache(jitter=jitter), environ={})


@pytest.mark.parametrize("jitter", [0, 0.1, 0.99])
def test_jitter(jitter: float) -> None:
    assert load(with_cache(jitter=jitter), environ={}).cache.jitter == jitter


@pytest.mark.parametrize("where", [with_cache, with_deployment])
def test_obeying_is_a_switch(where: Any) -> None:
    with pytest.raises(ConfigError, match=r"obey_cache_control.*\n.*true or false"):
        load(where(obey_cache_control="no"), environ={})


def test_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "beastmode.toml"
    file.write_text(
        """
[cache]
ttl = 600
jitter = 0
obey_cache_control = false
[deployments.main]
base_url = "https://api.example.com/v1"
obey_cache_control = true
[routes.chat]
deployments = ["main"]
ttl = 60
"""
    )
    config = load(file, environ={})
    assert (config.cache.ttl, config.cache.jitter, config.cache.obey_cache_control) == (600, 0.0, False)
    assert (config.routes["chat"].ttl, config.deployments["main"].obey_cache_control) == (60, True)


# Who is obeyed.


@pytest.mark.parametrize(
    ("deployment", "cache", "provider", "obeyed"),
    [
        (None, None, "openai", True),
        (None, None, "custom", True),
        (None, None, "groq", False),  # it says so of every answer
        (None, None, "cohere", False),
        (None, True, "groq", True),
        (None, False, "openai", False),
        (True, False, "groq", True),  # the nearer word counts
        (False, True, "openai", False),
    ],
)
def test_who_is_obeyed(deployment: bool | None, cache: bool | None, provider: str, obeyed: bool) -> None:
    assert CacheSettings(obey_cache_control=cache).obeys(deployment, provider) is obeyed


def test_of_a_host_that_deployments_do_not_agree_about_nothing_is_said() -> None:
    values = {
        "one": {"base_url": "https://one.example.com/v1", "obey_cache_control": False},
        "two": {"base_url": "https://two.example.com:8443/v1", "obey_cache_control": True},
        "too": {"base_url": "https://two.example.com:8443/v2", "obey_cache_control": False},
        "port": {"base_url": "https://one.example.com:443/v2", "obey_cache_control": False},
    }
    assert load({"deployments": values}, environ={}).said_obedience() == {("one.example.com", None): False}


# What counts.

OTHER = answered


@pytest.mark.parametrize(
    ("call", "route", "cache", "seconds", "function"),
    [
        (None, None, None, 86_400, None),
        (600, 60, 30, 600, None),
        (None, 60, 30, 60, None),
        (None, None, 30, 30, None),
        (1e9, None, None, 86_400, None),  # no tier keeps it for longer
        (answered, 60, 30, 60, answered),  # 60: where the function fails
        (answered, None, None, 86_400, answered),
        (600, answered, 30, 600, None),
        (None, answered, 30, 30, answered),
        (None, None, answered, 86_400, answered),
    ],
)
def test_the_nearest_word_counts(call: Any, route: Any, cache: Any, seconds: float, function: Any) -> None:
    wanted = wanted_of(CacheSettings(ttl=cache), Options(ttl=call), key=key(), targets=(), asked=OK, ttl=route)
    assert (wanted.ttl, wanted.ttl_of) == (seconds, function)


# The doors' own argument.


def routers(ttl: Any) -> list[Any]:
    made = [ModelRouter(with_cache(mode="off", ttl=1), ttl=ttl), AsyncModelRouter(with_cache(mode="off"), ttl=ttl)]
    return [router._parts.config for router in made]


def doors(ttl: Any) -> list[Any]:
    import httpx

    made: list[Any] = [
        transport(httpx.HTTPTransport(), cache="off", ttl=ttl),
        async_transport(httpx.AsyncHTTPTransport(), cache="off", ttl=ttl),
        http_client(cache="off", ttl=ttl)._transport,
        async_http_client(cache="off", ttl=ttl)._transport,
    ]
    return [door._context.config for door in made]


def hooks(ttl: Any) -> list[Any]:
    instrument(cache="off", ttl=ttl)
    assert hook._context is not None
    config = hook._context.config
    uninstrument()
    return [config]


@pytest.mark.parametrize("make", [routers, doors, hooks])
@pytest.mark.parametrize("ttl", [600, answered])
def test_every_door_takes_a_ttl(make: Any, ttl: Any) -> None:
    """What a program says outranks what is configured."""
    assert {config.cache.ttl for config in make(ttl)} == {ttl}


@pytest.mark.parametrize("make", [routers, doors, hooks])
@pytest.mark.parametrize("ttl", [0, "60", math.nan])
def test_every_door_refuses_what_is_none(make: Any, ttl: Any) -> None:
    with pytest.raises(ConfigError, match=r"ttl is .*\n.*seconds above 0, or a function"):
        make(ttl)
