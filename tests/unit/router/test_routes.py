"""From a model id to a route: configured, prefixed, or an error that helps."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beastmode_otel.config import Config, Deployment, Route, Secret, Target, load
from beastmode_otel.errors import RequestError
from beastmode_otel.router.router import resolve

MAIN = Deployment(name="main", kind="openai", base_url="https://h/v1", model="gpt-4o-mini")
KEYS = {"OPENAI_API_KEY": "sk-proj-1234567890", "ANTHROPIC_API_KEY": "sk-ant-1234567890"}


def config(*names: str, environ: dict[str, str] = KEYS) -> Config:
    routes = {name: {"deployments": ["main"]} for name in names}
    return load({"deployments": {"main": MAIN}, "routes": routes}, environ=environ)


def refused(settings: Config, model_id: str) -> RequestError:
    with pytest.raises(RequestError) as caught:
        resolve(settings, model_id)
    assert caught.value.context.model == model_id
    return caught.value


def test_a_configured_route_is_found_by_its_name():
    route = resolve(config("custom:chat", "other"), "custom:chat")
    assert (route.name, [target.deployment for target in route.targets]) == ("custom:chat", [MAIN])


def test_a_configured_route_wins_over_the_vendor_that_its_prefix_names():
    assert resolve(config("openai:gpt-4o"), "openai:gpt-4o").targets[0].deployment is MAIN


@pytest.mark.parametrize(
    ("model_id", "model"),
    [("openai:gpt-4o-mini", "gpt-4o-mini"), ("openai:ft:gpt-4o:org::id", "ft:gpt-4o:org::id"), ("anthropic:c", "c")],
)
def test_a_prefixed_id_needs_no_route(model_id: str, model: str):
    prefix = model_id.partition(":")[0]
    route = resolve(config(), model_id)
    (target,) = route.targets
    assert route.name == f"{prefix}:*"  # one name for all of them: a label must not grow with what callers ask for
    assert (target.deployment.name, target.deployment.model, target.deployment.kind) == (prefix, model, prefix)
    assert target.deployment.api_key == Secret(KEYS[f"{prefix.upper()}_API_KEY"])


@pytest.mark.parametrize("prefix", ["openai", "anthropic"])
def test_a_prefix_without_its_key_says_which_variable_to_set(prefix: str):
    error = refused(config(environ={}), f"{prefix}:some-model")
    assert error.category.name == "no_deployment"
    assert error.deployment == prefix
    assert f"export {prefix.upper()}_API_KEY" in str(error)


def test_any_provider_with_an_address_of_its_own_is_a_prefix_once_its_key_is_set():
    settings = config(environ={"GROQ_API_KEY": "gsk-1234567890", "CO_API_KEY": "co-1234567890"})
    groq, cohere = (resolve(settings, f"{name}:m").targets[0].deployment for name in ("groq", "cohere"))
    assert (groq.base_url, groq.provider) == ("https://api.groq.com/openai/v1", "groq")
    assert groq.api_key == Secret("gsk-1234567890")
    assert (cohere.kind, cohere.provider, cohere.model) == ("openai", "cohere", "m")
    error = refused(settings, "openrouter:m")
    assert (error.category.name, error.deployment) == ("no_deployment", "openrouter")
    assert "export OPENROUTER_API_KEY" in str(error)
    assert "export CO_API_KEY or COHERE_API_KEY" in str(refused(config(), "cohere:m"))


def test_a_broken_key_of_a_provider_that_nobody_asks_stops_nothing():
    assert set(config(environ={"GROQ_API_KEY": "a\nb"}).vendors) == {"openai", "anthropic"}


def test_a_gateway_of_the_teams_own_needs_no_key():
    settings = config(environ={"OPENAI_BASE_URL": "http://localhost:11434/v1"})
    assert resolve(settings, "openai:llama3").targets[0].deployment.base_url == "http://localhost:11434/v1"


def test_an_unknown_name_lists_the_nearest_routes_and_the_prefixes():
    error = refused(config("fast-chat", "slow-chat", "embeddings"), "fastchat")
    assert error.category.name == "unknown_model"
    assert error.hints[0].startswith("did you mean: fast-chat")
    assert "embeddings" not in error.hints[0]
    assert error.hints[1] == "use a prefixed id: openai:fastchat or anthropic:fastchat"


def test_a_name_near_to_nothing_lists_what_is_configured():
    error = refused(config("b", "a", "c", "d", "e", "f"), "something else:x")
    assert error.hints == ("configured routes: a, b, c, d, e",)


def test_without_any_route_it_says_how_to_make_one():
    assert 'add [routes."NAME"] to beastmode.toml' in str(refused(config(), "chat"))


@pytest.mark.parametrize("model_id", ["openai", "openai:", ":gpt-4o", ":", "OPENAI:gpt-4o", "mistral:x", " openai:x"])
def test_what_is_almost_a_prefixed_id_is_unknown(model_id: str):
    assert refused(config(), model_id).category.name == "unknown_model"


def test_a_giant_of_a_name_does_not_make_a_giant_of_a_message():
    assert len(refused(config("chat"), "x" * 100_000).message) < 200


def test_a_route_without_deployments_is_told():
    settings = Config(routes={"chat": Route(name="chat", targets=())})
    assert refused(settings, "chat").category.name == "no_deployment"


@given(st.text(max_size=40))
def test_any_junk_is_a_route_or_a_request_error(model_id: str):
    with suppress(RequestError):
        assert all(isinstance(target, Target) for target in resolve(config("chat"), model_id).targets)


def test_a_model_id_of_any_length_makes_short_hints():
    assert max(map(len, refused(config("chat"), "x" * 5000).hints)) < 300
