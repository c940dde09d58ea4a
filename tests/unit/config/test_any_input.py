"""Whatever it is given, the configuration is either read or refused with a ConfigError; it never falls over."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from beastmode_otel.config import Config, Deployment, Secret, load
from beastmode_otel.errors import ConfigError

KEYS = [
    "namespace", "timeouts", "retry", "breaker", "deployments", "routes", "labels", "prices", "bounds",
    "max_connections", "connect", "read", "total", "idle", "per_deployment", "base", "cap", "failures", "models",
    "providers", "main", "kind", "base_url", "model", "provider", "api_key", "headers", "query", "name", "order",
    "weight", "env", "default",
]  # fmt: skip
VALUES = ["main", "openai", "anthropic", "https://h/v1", "http://[", "https://u:p@h", "KEY", "\n", "é", "\ud800", ""]

keys = st.one_of(st.sampled_from(KEYS), st.text(max_size=5), st.integers(), st.none())
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.sampled_from(VALUES),
    st.text(max_size=8),
    st.binary(max_size=4),
    st.builds(Secret, st.text(max_size=8)),
    st.just(10**400),
)
junk = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=6), max_leaves=20
)
environs = st.dictionaries(
    st.sampled_from(["KEY", "OPENAI_API_KEY", "OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "BEASTMODE_DISABLED"]),
    st.one_of(st.sampled_from(VALUES), st.text(max_size=8)),
)


def read(values: Any, environ: dict[str, str]) -> None:
    with suppress(ConfigError):
        config = load(values, environ=environ)
        assert isinstance(config, Config)
        config.redactor()("a text")
        repr(config)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(keys, junk, max_size=6), environs)
def test_any_mapping(values: dict[Any, Any], environ: dict[str, str]):
    read(values, environ)


deployment = st.fixed_dictionaries(
    {"base_url": st.sampled_from(["https://h/v1", "http://localhost", "https://h:1/x?y"]) | junk},
    optional={
        "kind": st.sampled_from(["openai", "anthropic", "passthrough"]) | junk,
        "model": st.text(max_size=5) | junk,
        "api_key": st.text(max_size=8) | st.just({"env": "KEY"}) | junk,
        "headers": st.dictionaries(st.text(max_size=5), st.text(max_size=5) | junk, max_size=3) | junk,
        "query": st.dictionaries(st.text(max_size=5), st.text(max_size=5) | junk, max_size=3) | junk,
    },
)
target = st.sampled_from(["main", "spare"]) | st.fixed_dictionaries(
    {"name": st.sampled_from(["main", "spare"]) | junk},
    optional={"order": st.integers(0, 3) | junk, "weight": st.floats(0.1, 9) | junk},
)
nearly_right = st.fixed_dictionaries(
    {},
    optional={
        "namespace": st.text(max_size=5) | junk,
        "timeouts": st.dictionaries(st.sampled_from(["connect", "read", "total"]), st.floats() | junk),
        "retry": st.dictionaries(st.sampled_from(["base", "cap", "per_deployment"]), st.floats() | st.integers()),
        "bounds": st.dictionaries(st.sampled_from(["models", "deployments"]), st.integers() | junk),
        "labels": st.lists(st.text(max_size=3) | junk, max_size=10),
        "deployments": st.dictionaries(st.sampled_from(["main", "spare"]), deployment),
        "routes": st.dictionaries(
            st.text(max_size=5), st.fixed_dictionaries({"deployments": st.lists(target, max_size=3) | junk})
        ),
    },
)


@settings(max_examples=200, deadline=None)
@given(nearly_right, environs)
def test_any_mapping_that_is_nearly_right(values: dict[str, Any], environ: dict[str, str]):
    read(values, environ)


def test_the_search_meets_configurations_that_are_taken():
    """Otherwise the two tests above would prove little."""
    values = {
        "deployments": {"main": {"base_url": "https://h/v1"}},
        "routes": {"x": {"deployments": [{"name": "main", "order": 2, "weight": 0.5}]}},
    }
    config = load(values, environ={})
    assert isinstance(config.deployments["main"], Deployment)
    assert config.routes["x"].targets[0].order == 2
