"""`mode = "semantic"` or `"shadow"`, `[cache.semantic]`, and what a route says of it."""

from __future__ import annotations

import math
from typing import Any

import pytest

from beastmode_otel.config import Config, SemanticSettings, load
from beastmode_otel.errors import ConfigError
from beastmode_otel.semconv import GUARD
from support.embedders import NGrams


def cache(environ: dict[str, str] | None = None, **said: Any) -> Any:
    return load({"cache": said}, environ=environ or {}).cache


def semantic(**said: Any) -> SemanticSettings:
    found: SemanticSettings = cache(semantic=said).semantic
    return found


def yes(question: str, candidate: str) -> str:
    return "yes"


@pytest.mark.parametrize(
    ("said", "environ", "mode"),
    [
        ({}, {}, "on"),
        ({"mode": "semantic"}, {}, "semantic"),
        ({"mode": "shadow"}, {}, "shadow"),
        ({"semantic": {}}, {}, "semantic"),  # who says what it is like wants it
        ({"semantic": "loose"}, {}, "semantic"),
        ({"mode": "on", "semantic": "loose"}, {}, "on"),
        ({"mode": "shadow", "semantic": {"profile": "loose"}}, {}, "shadow"),
        ({}, {"BEASTMODE_CACHE": "semantic"}, "semantic"),
        ({}, {"BEASTMODE_CACHE": "shadow"}, "shadow"),
        ({"semantic": {}}, {"BEASTMODE_CACHE": "on"}, "on"),
        ({"mode": "shadow"}, {"BEASTMODE_CACHE": "semantic"}, "shadow"),  # a program outranks the environment
    ],
)
def test_the_mode(said: dict[str, Any], environ: dict[str, str], mode: str) -> None:
    found = cache(environ, **said)
    assert found.mode == mode
    assert found.matches_similar is (mode in ("semantic", "shadow"))


@pytest.mark.parametrize("asked", ["semantic", "shadow", {"mode": "shadow"}, {"semantic": {"threshold": 0.97}}])
def test_the_argument_of_every_door(asked: Any) -> None:
    found = load(None, cache=asked, environ={"BEASTMODE_CACHE": "off"}).cache
    assert found.mode == (asked if isinstance(asked, str) else asked.get("mode", "semantic"))
    assert load(None, cache="semantic", environ={}).cache.said_by == "cache="


def test_what_holds_when_nobody_says_anything() -> None:
    found = semantic()
    assert (found.profile, found.threshold, found.off) == ("strict", None, ())
    assert (found.max_temperature, found.max_tokens, found.unread) == (1.0, 256, 0.05)
    assert (found.embedder, found.verifier, found.verifier_seconds) == (None, None, 1.0)


def test_everything_said() -> None:
    embedder = NGrams()
    rules = list(GUARD.values[:2])
    found = semantic(
        profile="balanced", threshold=0.97, off=rules, max_temperature=0.5, max_tokens=64, unread=0.1,
        embedder=embedder, seconds=1, verifier=yes, verifier_seconds=2, sample=0.01, agreement=0.8, max_bytes=2**20,
    )  # fmt: skip
    assert found == SemanticSettings(
        profile="balanced", threshold=0.97, off=tuple(rules), max_temperature=0.5, max_tokens=64, unread=0.1,
        embedder=embedder, seconds=1.0, verifier=yes, verifier_seconds=2.0, sample=0.01, agreement=0.8, max_bytes=2**20,
    )  # fmt: skip


@pytest.mark.parametrize(("said", "meant"), [(0.97, 0.97), (1, 1.0), ("off", math.inf), (None, None)])
def test_a_route_has_its_own_threshold(said: Any, meant: float | None) -> None:
    route = {"deployments": ["main"]} | ({} if said is None else {"semantic_threshold": said})
    config = load({"deployments": {"main": {"base_url": "https://a.test"}}, "routes": {"chat": route}}, environ={})
    assert config.routes["chat"].semantic_threshold == meant


@pytest.mark.parametrize(
    ("said", "where", "hint"),
    [
        ({"mode": "semantik"}, "cache.mode", "did you mean semantic?"),
        ({"semantic": "lose"}, "cache.semantic.profile", "did you mean loose?"),
        ({"semantic": {"treshold": 0.9}}, "cache.semantic.treshold", "did you mean threshold?"),
        ({"semantic": {"threshold": 95}}, "cache.semantic.threshold", "at most 1"),
        ({"semantic": {"threshold": 0}}, "cache.semantic.threshold", "above 0"),
        ({"semantic": {"threshold": "high"}}, "cache.semantic.threshold", ""),
        ({"semantic": {"off": "numbers"}}, "cache.semantic.off", "list the rules"),
        ({"semantic": {"off": ["number"]}}, "cache.semantic.off", "did you mean numbers?"),
        ({"semantic": {"off": ["zzz"]}}, "cache.semantic.off", "rules are"),
        ({"semantic": {"max_tokens": 0}}, "cache.semantic.max_tokens", ""),
        ({"semantic": {"seconds": 0}}, "cache.semantic.seconds", "above 0"),
        ({"semantic": {"sample": 2}}, "cache.semantic.sample", "from 0 to 1"),
        ({"semantic": {"unread": 2}}, "cache.semantic.unread", "from 0 to 1"),
        ({"semantic": {"max_temperature": -1}}, "cache.semantic.max_temperature", ""),
        ({"semantic": {"verifier": "judge"}}, "cache.semantic.verifier", "package.module:name"),
        ({"semantic": {"verifier": 3}}, "cache.semantic.verifier", "package.module:name"),
        ({"semantic": {"embedder": 3}}, "cache.semantic.embedder", "package.module:name"),
        ({"semantic": 0.95}, "cache.semantic", ""),
    ],
)
def test_what_cannot_be_meant(said: dict[str, Any], where: str, hint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        cache(**said)
    assert f"{where}: " in caught.value.message
    assert hint in "; ".join(caught.value.hints)


@pytest.mark.parametrize("said", [1.5, 0, -1, "of", True])
def test_no_threshold_of_a_route(said: Any) -> None:
    route = {"deployments": ["main"], "semantic_threshold": said}
    with pytest.raises(ConfigError, match="semantic_threshold"):
        load({"deployments": {"main": {"base_url": "https://a.test"}}, "routes": {"chat": route}}, environ={})


def test_a_key_of_an_embedder_is_a_secret() -> None:
    said = {"url": "https://e.test/v1/embeddings", "model": "m", "api_key": {"env": "E_KEY"}}
    found = cache({"E_KEY": "sk-PLANTED-0123456789"}, semantic={"embedder": said})
    assert found.semantic.embedder["api_key"].reveal() == "sk-PLANTED-0123456789"
    assert "PLANTED" not in repr(found)
    assert "PLANTED" not in Config(cache=found).redactor()("the key sk-PLANTED-0123456789 is wrong")
