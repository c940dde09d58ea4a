"""Every error of the configuration says where, and what to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from beastmode_otel.config import Deployment, LabelBounds, Route, Timeouts, load
from beastmode_otel.errors import ConfigError
from beastmode_otel.semconv import METRICS

MAIN = {"base_url": "https://api.example.com/v1"}


def with_main(**changes: Any) -> dict[str, Any]:
    return {"deployments": {"main": {**MAIN, **changes}}}


def with_route(*targets: Any, **more: Any) -> dict[str, Any]:
    return {"deployments": {"main": MAIN}, "routes": {"chat": {"deployments": list(targets), **more}}}


def refused(values: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        load(values, environ={})
    return str(caught.value)


def test_the_least_that_works():
    config = load(with_route("main"), environ={})
    assert config.deployments["main"] == Deployment(name="main", kind="openai", base_url=MAIN["base_url"])
    assert [target.deployment.name for target in config.routes["chat"].targets] == ["main"]


# Names of settings.


@pytest.mark.parametrize(
    ("values", "path", "near"),
    [
        ({"timeout": {}}, "timeout", "timeouts"),
        ({"timeouts": {"red": 1}}, "timeouts.red", "read"),
        ({"retry": {"per_deploymnt": 1}}, "retry.per_deploymnt", "per_deployment"),
        ({"breaker": {"cooldwn": 1}}, "breaker.cooldwn", "cooldown"),
        ({"bounds": {"model": 1}}, "bounds.model", "models"),
        (with_main(baseurl="x"), "deployments.main.baseurl", "base_url"),
        (with_main(api_kee="x"), "deployments.main.api_kee", "api_key"),
        (with_route("main", deploymets=[]), 'routes."chat".deploymets', "deployments"),
        (with_route({"name": "main", "wieght": 2}), 'routes."chat".deployments.wieght', "weight"),
    ],
)
def test_an_unknown_key_is_named_with_the_nearest_known_one(values: Any, path: str, near: str):
    assert refused(values) == f"configuration: {path}: is not a setting\n  hint: did you mean {near}?"


def test_an_unknown_key_that_is_near_to_nothing_lists_what_is_known():
    text = refused({"retry": {"zzz": 1}})
    assert text.endswith("hint: known here: base, cap, max_wait, on_cut, patience, per_deployment")


# Types.


@pytest.mark.parametrize("junk", [None, 7, "text", [], True])
@pytest.mark.parametrize("table", ["timeouts", "retry", "breaker", "bounds", "deployments", "routes", "prices"])
def test_a_table_must_be_a_table(table: str, junk: Any):
    assert refused({table: junk}).startswith(f"configuration: {table}: must be a table, not {type(junk).__name__}")


@pytest.mark.parametrize("junk", ["5", None, True, [], {}])
@pytest.mark.parametrize("path", ["timeouts.read", "retry.cap", "breaker.failures", "bounds.models", "max_connections"])
def test_a_number_must_be_a_number(path: str, junk: Any):
    assert refused(nested(path, junk)).startswith(f"configuration: {path}: must be a number")


@pytest.mark.parametrize("junk", [float("nan"), float("inf"), -float("inf"), 10**400, -(10**400)])
@pytest.mark.parametrize("path", ["timeouts.read", "retry.per_deployment", "bounds.models", "max_connections"])
def test_a_number_must_be_finite(path: str, junk: float):
    assert refused(nested(path, junk)) == f"configuration: {path}: must be a finite number"


@pytest.mark.parametrize("path", ["retry.per_deployment", "breaker.failures", "bounds.deployments", "max_connections"])
def test_a_count_must_be_whole(path: str):
    assert "must be a whole number" in refused(nested(path, 1.5))


@pytest.mark.parametrize("path", ["retry.base", "retry.max_wait", "breaker.cooldown", "bounds.providers"])
def test_a_number_must_not_be_negative(path: str):
    assert refused(nested(path, -1)) == f"configuration: {path}: is -1\n  hint: use a number from 0"


@pytest.mark.parametrize("name", [*Timeouts.__dataclass_fields__])
@pytest.mark.parametrize("seconds", [0, -0.1])
def test_a_timeout_must_be_above_zero(name: str, seconds: float):
    assert refused({"timeouts": {name: seconds}}).startswith(f"configuration: timeouts.{name}: ")


def test_the_first_token_of_those_with_a_spare_follows_first_token_unless_it_is_said():
    tables: list[dict[str, Any]] = [{"first_token": 60}, {"first_token_fallback": 5}]
    given = [load({"timeouts": table}, environ={}).timeouts for table in tables]
    assert [timeouts.first_token_of(spare=True) for timeouts in given] == [20.0, 5.0]
    assert [timeouts.first_token_of(spare=False) for timeouts in given] == [60.0, 30.0]


@pytest.mark.parametrize("table", ["retry", "route"])
def test_what_a_cut_stream_becomes_is_one_of_two(table: str):
    def given(value: Any) -> dict[str, Any]:
        return {"retry": {"on_cut": value}} if table == "retry" else with_route("main", on_cut=value)

    assert "on_cut: is 'again'\n  hint: use one of error, restart" in refused(given("again"))
    config = load(given("restart"), environ={})
    assert (config.retry.on_cut if table == "retry" else config.routes["chat"].on_cut) == "restart"
    assert load(with_route("main"), environ={}).routes["chat"].on_cut is None


def test_zero_retries_is_a_setting():
    assert load({"retry": {"per_deployment": 0}}, environ={}).retry.per_deployment == 0


@pytest.mark.parametrize("junk", ["", 7, [], False])
@pytest.mark.parametrize("path", ["namespace", "deployments.main.model", "deployments.main.provider"])
def test_a_text_must_not_be_empty(path: str, junk: Any):
    values = nested(path, junk)
    if path != "namespace":
        values = with_main(**values["deployments"]["main"])
    assert refused(values) == f"configuration: {path}: must be a non-empty string"


def nested(path: str, value: Any) -> dict[str, Any]:
    for name in reversed(path.split(".")):
        value = {name: value}
    return value


# References to the environment.


def test_a_missing_variable_is_named_with_what_to_do():
    assert refused(with_main(model={"env": "MODEL"})) == (
        "configuration: deployments.main.model: the environment variable MODEL is not set\n  hint: export MODEL=…"
    )


@pytest.mark.parametrize("reference", [{}, {"env": 7}, {"evn": "X"}, {"env": "X", "more": 1}, {"default": "x"}])
def test_a_reference_has_one_shape(reference: Any):
    for name in ("model", "api_key"):
        text = refused(with_main(**{name: reference}))
        assert text == f'configuration: deployments.main.{name}: is not a reference; write {{ env = "NAME" }}'


# Addresses.


@pytest.mark.parametrize(
    "url",
    ["api.example.com/v1", "localhost:8000", "ftp://host/v1", "http://", "https:///v1", "http://[::1", "http://h:99999",
     "http://h:x/v1", "https://api.example.com /v1", "https://api.exa\nmple.com", "/v1", "://"],
)  # fmt: skip
def test_a_base_url_must_be_a_full_address(url: str):
    text = refused(with_main(base_url=url))
    assert text.startswith("configuration: deployments.main.base_url: is not a full address")
    assert "http:// or https://" in text


@pytest.mark.parametrize("userinfo", ["user:hunter22", "user", ":hunter22"])
def test_a_base_url_must_not_hold_credentials_and_they_are_not_shown(userinfo: str):
    text = refused(with_main(base_url=f"https://{userinfo}@api.example.com/v1"))
    assert text.startswith("configuration: deployments.main.base_url: holds credentials")
    assert "hunter22" not in text
    assert "api_key" in text


@pytest.mark.parametrize("tail", ["?api-version=1", "?", "#top"])
def test_a_base_url_must_not_hold_a_query_because_a_path_follows_it(tail: str):
    text = refused(with_main(base_url=f"https://api.example.com/v1{tail}"))
    assert text.startswith("configuration: deployments.main.base_url: holds a query")
    assert "query = " in text


def test_a_missing_base_url_is_named():
    assert refused({"deployments": {"main": {}}}) == (
        'configuration: deployments.main.base_url: is missing\n  hint: write base_url = "…" there'
    )


@pytest.mark.parametrize("url", ["https://h/v1/", " https://h/v1\n", "https://h/v1//"])
def test_slashes_and_blanks_at_the_end_of_a_base_url_are_dropped(url: str):
    assert load(with_main(base_url=url), environ={}).deployments["main"].base_url == "https://h/v1"


@pytest.mark.parametrize(
    ("url", "kind", "provider"),
    [
        ("https://api.openai.com/v1", "openai", "openai"),
        ("https://api.mistral.ai/v1", "openai", "mistral_ai"),
        ("https://api.groq.com/openai/v1", "openai", "groq"),
        ("https://mine.openai.azure.com/openai/deployments/x", "openai", "azure.ai.openai"),
        ("https://api.anthropic.com/v1", "anthropic", "anthropic"),
        ("http://localhost:11434/v1", "openai", "local"),
        ("http://127.0.0.2:8000/v1", "openai", "local"),
        ("http://[::1]:8000/v1", "openai", "local"),
        ("https://gateway.corp/v1", "anthropic", "custom"),
        ("https://gateway.corp/v1", "openai", "custom"),
        ("https://gateway.corp/anything", "passthrough", "custom"),
    ],
)
def test_the_provider_is_told_from_the_host_unless_it_is_said(url: str, kind: str, provider: str):
    assert load(with_main(base_url=url, kind=kind), environ={}).deployments["main"].provider == provider
    said = load(with_main(base_url=url, kind=kind, provider="said"), environ={})
    assert said.deployments["main"].provider == "said"


def test_an_unknown_kind_lists_the_known_ones():
    text = refused(with_main(kind="azure"))
    kinds = "openai, anthropic, gemini, cohere, passthrough"
    assert text == f"configuration: deployments.main.kind: is 'azure'\n  hint: use one of {kinds}"


@pytest.mark.parametrize("value", [{"env": "X"}, None, ["x"]])
def test_a_query_holds_plain_values_only(value: Any):
    text = refused(with_main(query={"key": value}))
    assert text.startswith("configuration: deployments.main.query.key: must be a string or a number")
    assert "headers" in text


def test_numbers_in_a_query_are_written_out():
    query = {"api-version": "2024-10-21", "n": 1}
    assert load(with_main(query=query), environ={}).deployments["main"].query == {"api-version": "2024-10-21", "n": "1"}


# Routes.


@pytest.mark.parametrize("junk", [[], None, "main", 7])
def test_a_route_must_list_deployments(junk: Any):
    text = refused({"deployments": {"main": MAIN}, "routes": {"chat": {"deployments": junk}}})
    assert text.startswith('configuration: routes."chat".deployments: must list at least one deployment')
    assert 'deployments = [{ name = "main" }]' in text


def test_an_unknown_deployment_in_a_route_is_named_with_those_there_are():
    text = refused(with_route("mian"))
    assert text == (
        "configuration: routes.\"chat\".deployments.name: there is no deployment 'mian'\n  hint: configured: main"
    )
    nothing = refused({"routes": {"chat": {"deployments": ["main"]}}})
    assert nothing.endswith("hint: configured: none")


def test_a_route_must_not_mix_kinds():
    values = {
        "deployments": {"one": MAIN, "two": {**MAIN, "kind": "anthropic"}},
        "routes": {"chat": {"deployments": ["one", "two"]}},
    }
    text = refused(values)
    assert text.startswith('configuration: routes."chat": mixes deployments of kinds anthropic, openai')
    assert "make one route for each kind" in text


@pytest.mark.parametrize("weight", [0, 0.0, -1])
def test_a_weight_must_be_above_zero(weight: float):
    text = refused(with_route({"name": "main", "weight": weight}))
    assert text.startswith(f'configuration: routes."chat".deployments.weight: is {weight}')
    assert "above 0" in text


@pytest.mark.parametrize("order", [-1, 1.5, "first"])
def test_an_order_must_be_a_whole_number(order: Any):
    assert 'routes."chat".deployments.order: ' in refused(with_route({"name": "main", "order": order}))


@pytest.mark.parametrize("name", ["", 7, None])
def test_names_must_be_names(name: Any):
    for table in ("deployments", "routes"):
        assert "must be a non-empty string" in refused({table: {name: {}}})


def test_values_of_the_settings_classes_are_taken_as_they_are():
    one = Deployment(name="main", kind="openai", base_url="https://h/v1")
    config = load({"deployments": {"main": one}, "routes": {"chat": {"deployments": ["main"]}}}, environ={})
    assert config.deployments["main"] is one
    route = config.routes["chat"]
    assert isinstance(route, Route)
    assert load({"deployments": {"main": one}, "routes": {"chat": route}}, environ={}).routes["chat"] is route


# Labels and their bounds.


def test_at_most_eight_labels():
    names = [f"label{number}" for number in range(9)]
    assert load({"labels": names[:8]}, environ={}).labels == tuple(names[:8])
    text = refused({"labels": names})
    assert text.startswith("configuration: labels: has 9 names")
    assert "at most 8" in text


@pytest.mark.parametrize("junk", ["team", [""], [7], None, {"team": 1}])
def test_labels_must_be_a_list_of_names(junk: Any):
    assert refused({"labels": junk}).startswith("configuration: labels: must be a list of names")


@pytest.mark.parametrize("name", ["models", "deployments", "providers"])
def test_bounds_up_to_what_every_instrument_can_hold_are_taken_and_not_one_more(name: str):
    most = max(limit for limit in range(2000) if all(each.sets_within({name: limit}) < 2000 for each in METRICS))
    assert most > getattr(LabelBounds(), name)
    assert load({"bounds": {name: most}}, environ={}).bounds == replace(LabelBounds(), **{name: most})
    text = refused({"bounds": {name: most + 1}})
    full = next(each for each in METRICS if each.sets_within({name: most + 1}) >= 2000)
    sets = full.sets_within({name: most + 1})
    assert text.startswith(f"configuration: bounds: {full.name} could have {sets} series; ")
    assert "lower one of models, deployments, providers" in text


def test_bounds_that_fit_one_by_one_but_not_together_are_refused():
    for bounds in ({"models": 29}, {"providers": 14}):
        assert load({"bounds": bounds}, environ={})
    assert "beastmode.cost could have " in refused({"bounds": {"models": 29, "providers": 14}})


# Found by a sceptical user: each of these was a traceback, an error of the first request, or silence.


@pytest.mark.parametrize(
    ("price", "problem"), [(3, "must be a table"), ("abc", "must be a table"), ([], "must be a table")]
)
def test_a_price_must_be_a_table(price: Any, problem: str):
    assert refused({"prices": {"m": price}}).startswith(f'configuration: prices."m": {problem}')


def test_a_wrong_price_is_named_when_the_configuration_is_read():
    assert 'prices."m".inptu: is not a setting' in refused({"prices": {"m": {"input": 1, "inptu": 3}}})
    assert 'prices."m".input: is missing' in refused({"prices": {"m": {"output": 3}}})
    price = {"input": 1, "output": 2, "cached_input": 0.5, "cache_write": 3, "per_request": 0.1}
    assert load({"prices": {"m": price}}, environ={}).prices == {"m": price}


def test_a_dotted_name_without_quotes_is_told_what_toml_makes_of_it():
    assert "needs quotes" in refused({"prices": {"gpt-4": {"1": {"input": 1}}}})
    assert "needs quotes" in refused({"deployments": {"gpt-4": {"1": MAIN}}})


@pytest.mark.parametrize("name", ["max_bytes", "max_entries", "ttl"])
def test_a_memory_tier_without_room_is_refused(name: str):
    assert refused({"cache": {"l1": {name: 0}}}).startswith(f"configuration: cache.l1.{name}: is 0")


@pytest.mark.parametrize("name", ["bad name", "x:y", "ü", "Content-Length", "host"])
def test_a_header_that_cannot_be_set_is_refused(name: str):
    assert f"headers.{name}: is no header that can be set" in refused(with_main(headers={name: "v"}))


@pytest.mark.parametrize("value", ["v\n", "ü", "a\x00b"])
def test_a_header_with_a_character_that_http_forbids_is_refused(value: str):
    assert "no HTTP header may carry" in refused(with_main(headers={"x-team": value}))


# What was meant, before what follows from it.


FULL = with_route("main")
SAID = [
    ({"deployment": {"main": MAIN}, "routes": FULL["routes"]}, "deployment", "deployments"),
    ({**FULL, "deployment": {"spare": MAIN}}, "deployment", "deployments"),
    ({"Deployments": {"main": MAIN}, "routes": FULL["routes"]}, "Deployments", "deployments"),
    ({"deployments": {"main": MAIN}, "route": FULL["routes"]}, "route", "routes"),
    ({"deployments": {"main": MAIN}, "models": FULL["routes"]}, "models", "routes"),
    ({"retries": {}}, "retries", "retry"),
    ({"Cache": {}}, "Cache", "cache"),
    ({"max-connections": 5}, "max-connections", "max_connections"),
    ({"deployments": {"main": {"baseurl": "https://h/v1"}}}, "deployments.main.baseurl", "base_url"),
    ({"deployments": {"main": {"base-url": "https://h/v1"}}}, "deployments.main.base-url", "base_url"),
    ({"deployments": {"main": {"BASE_URL": "https://h/v1"}}}, "deployments.main.BASE_URL", "base_url"),
    ({"deployments": {"main": {"url": "https://h/v1"}}}, "deployments.main.url", "base_url"),
    ({"deployments": {"main": {"api_base": "https://h/v1"}}}, "deployments.main.api_base", "base_url"),
    (with_main(key="x"), "deployments.main.key", "api_key"),
    (with_main(header={}), "deployments.main.header", "headers"),
    ({"deployments": {"main": MAIN}, "routes": {"chat": {"deployment": ["main"]}}}, 'routes."chat".deployment',
     "deployments"),
    ({"deployments": {"main": MAIN}, "routes": {"chat": {"targets": ["main"]}}}, 'routes."chat".targets',
     "deployments"),
    (with_route({"nmae": "main"}), 'routes."chat".deployments.nmae', "name"),
    ({"prices": {"m": {"inptu": 1, "output": 2}}}, 'prices."m".inptu', "input"),
    ({"cache": {"L3": "off"}}, "cache.L3", "l3"),
    ({"cache": {"l3": {"uri": "off"}}}, "cache.l3.uri", "url"),
    ({"cache": {"l1": {"max-bytes": 5}}}, "cache.l1.max-bytes", "max_bytes"),
    ({"timeouts": {"First_Token": 5}}, "timeouts.First_Token", "first_token"),
]  # fmt: skip


@pytest.mark.parametrize(("values", "path", "meant"), SAID, ids=[path for _, path, _ in SAID])
def test_a_misspelled_key_is_told_before_what_follows_from_it(values: Any, path: str, meant: str):
    """Not that its value is missing, nor that there is no such deployment."""
    assert refused(values) == f"configuration: {path}: is not a setting\n  hint: did you mean {meant}?"


def test_what_is_missing_is_told_with_what_nobody_knows():
    text = refused({"deployments": {"main": {"wohin": "https://h/v1"}}})
    assert text.startswith("configuration: deployments.main.base_url: is missing")
    assert text.endswith("hint: not a setting here: wohin")


@pytest.mark.parametrize("port", ["0", "65536", "99999", "-1"])
@pytest.mark.parametrize("host", ["h", "[::1]", "api.example.com"])
@pytest.mark.parametrize("rest", ["", "/v1"])
def test_a_port_that_cannot_be(host: str, port: str, rest: str):
    assert refused(with_main(base_url=f"http://{host}:{port}{rest}")) == (
        f"configuration: deployments.main.base_url: is not a full address: port {port} is not between 1 and 65535\n"
        "  hint: it is http:// or https://, a host and, if need be, a port"
    )


def test_a_port_that_may_be_a_password_is_not_shown():
    text = refused(with_main(base_url="http://user:PLANTED-pass/v1"))
    assert "its port is not between 1 and 65535" in text
    assert "PLANTED" not in text


@pytest.mark.parametrize("port", ["1", "80", "65535", ""])
def test_a_port_that_can_be(port: str):
    load(with_main(base_url=f"http://h:{port}/v1"), environ={})
