"""Keys come from the environment, are cleaned, and are never shown: not in a repr, an error or a pickle."""

from __future__ import annotations

import copy
import pickle
import traceback
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel.config import Config, Deployment, Route, Secret, Target, load
from beastmode_otel.errors import ConfigError

KEY = "sk-proj-planted-1234567890"
ODD = "wJalrXUtnFEMI/K7MDENG"


def values(**deployment: Any) -> dict[str, Any]:
    return {"deployments": {"main": {"base_url": "https://h/v1", **deployment}}}


def from_file(tmp_path: Path, line: str, environ: dict[str, str] | None = None) -> Config:
    path = tmp_path / "some.toml"
    path.write_text(f'[deployments.main]\nbase_url = "https://h/v1"\n{line}\n', "utf-8")
    return load(path, environ=environ or {})


def key_of(config: Config) -> str:
    key = config.deployments["main"].api_key
    assert key is not None
    return key.reveal()


def everything_shown(error: BaseException) -> str:
    return f"{error} {error!r} {''.join(traceback.format_exception(error))} {vars(error)}"


def test_a_key_comes_from_the_environment(tmp_path: Path):
    assert key_of(load(values(api_key={"env": "KEY"}), environ={"KEY": KEY})) == KEY
    assert key_of(from_file(tmp_path, 'api_key = { env = "KEY" }', {"KEY": KEY})) == KEY


def test_a_missing_key_is_named():
    with pytest.raises(ConfigError, match=r"deployments\.main\.api_key: the environment variable KEY is not set"):
        load(values(api_key={"env": "KEY"}), environ={})


def test_a_local_server_that_wants_any_key_gets_one_by_default(tmp_path: Path):
    line = 'api_key = { env = "KEY", default = "EMPTY" }'
    assert key_of(from_file(tmp_path, line)) == "EMPTY"
    assert key_of(from_file(tmp_path, line, {"KEY": KEY})) == KEY


def test_a_key_written_out_in_a_file_is_refused_and_not_shown(tmp_path: Path):
    with pytest.raises(ConfigError) as caught:
        from_file(tmp_path, f'api_key = "{KEY}"')
    assert "deployments.main.api_key: is written out in a file" in str(caught.value)
    assert 'api_key = { env = "NAME" }' in str(caught.value)
    assert KEY not in everything_shown(caught.value)


@pytest.mark.parametrize("header", ["Authorization", "api-key", "X-API-Key"])
def test_a_header_that_carries_a_key_is_treated_like_a_key(tmp_path: Path, header: str):
    with pytest.raises(ConfigError) as caught:
        from_file(tmp_path, f'headers = {{ "{header}" = "{KEY}" }}')
    assert f"deployments.main.headers.{header}: is written out in a file" in str(caught.value)
    assert KEY not in everything_shown(caught.value)
    config = load(values(headers={header: KEY}), environ={})
    assert config.deployments["main"].headers == {header.lower(): Secret(KEY)}
    assert KEY not in repr(config)


def test_a_key_written_out_in_python_is_allowed():
    assert key_of(load(values(api_key=KEY), environ={})) == KEY
    assert key_of(load(values(api_key=Secret(KEY)), environ={})) == KEY


@pytest.mark.parametrize("tail", ["\n", "\r\n", " ", "\t\n"])
def test_a_line_end_behind_a_key_is_dropped(tail: str):
    assert key_of(load(values(api_key={"env": "KEY"}), environ={"KEY": KEY + tail})) == KEY
    assert key_of(load(values(api_key=KEY + tail), environ={})) == KEY


@pytest.mark.parametrize(
    "broken", [f"{KEY}\n{ODD}", f"{KEY}\r{ODD}", f"{KEY}\0", f"{KEY}”", f"ä{KEY}", "", " \n", f"\x1b{KEY}"]
)
@pytest.mark.parametrize("way", ["environment", "python", "header"])
def test_a_key_that_no_header_can_carry_is_refused_and_shown_nowhere(broken: str, way: str):
    settings = {
        "environment": values(api_key={"env": "KEY"}),
        "python": values(api_key=broken),
        "header": values(headers={"x-custom": {"env": "KEY"}}),
    }[way]
    with pytest.raises(ConfigError) as caught:
        load(settings, environ={"KEY": broken})
    shown = everything_shown(caught.value)
    assert KEY not in shown
    assert ODD not in shown
    assert "deployments.main." in shown


@pytest.mark.parametrize("junk", [7, True, ["x"], object()])
def test_a_key_of_another_type_is_refused(junk: Any):
    with pytest.raises(ConfigError, match="must be a reference such as"):
        load(values(api_key=junk), environ={})


def test_headers_are_lower_case_and_secret_ones_are_marked():
    environ = {"TEAM_KEY": f"{ODD}\n"}
    headers = {"X-Team": "shop", "Api-Key": {"env": "TEAM_KEY"}, "X-Other": Secret("other-secret")}
    deployment = load(values(headers=headers), environ=environ).deployments["main"]
    assert deployment.headers == {"x-team": "shop", "api-key": Secret(ODD), "x-other": Secret("other-secret")}


def test_a_secret_shows_nothing():
    secret = Secret(KEY)
    assert KEY not in f"{secret} {secret!r} {[secret]} {{'x': {secret!r}}}"
    assert secret.reveal() == KEY


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_secret_is_never_pickled_nor_copied_deeply(protocol: int):
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(Secret(KEY), protocol)
    with pytest.raises(TypeError):
        pickle.dumps(Config(deployments={"main": deployment()}), protocol)
    with pytest.raises(TypeError):
        copy.deepcopy(Secret(KEY))


def test_secrets_are_compared_by_value():
    assert Secret(KEY) == Secret(KEY)
    assert Secret(KEY) != Secret(ODD)
    assert Secret(KEY) != KEY
    assert len({Secret(KEY), Secret(KEY)}) == 1


def deployment() -> Deployment:
    return Deployment(
        name="main",
        kind="openai",
        base_url="https://h/v1",
        api_key=Secret(KEY),
        headers={"authorization": Secret(f"Token {ODD}"), "x-team": "shop-team"},
    )


def test_no_repr_of_the_settings_shows_a_key():
    shown = repr(Config(deployments={"main": deployment()}, vendors={"openai": replace(deployment(), name="openai")}))
    assert KEY not in shown
    assert ODD not in shown
    assert "Secret(***)" in shown


def test_the_redactor_knows_every_secret_and_of_a_bearer_header_the_key_alone():
    vendor = replace(deployment(), name="openai", api_key=Secret("vendor-key-123"), headers={})
    redact = Config(deployments={"main": deployment()}, vendors={"openai": vendor}).redactor()
    shown = redact(f"{KEY} | Token {ODD} | {ODD} | vendor-key-123 | shop-team")
    assert shown == "[redacted] | [redacted] | [redacted] | [redacted] | shop-team"


def test_the_redactor_knows_the_keys_of_deployments_that_stand_in_routes_only():
    target = Target(
        deployment=Deployment(name="x", kind="openai", base_url="https://h", api_key=Secret("only-in-a-route"))
    )
    config = load({"routes": {"chat": Route(name="chat", targets=(target,))}}, environ={})
    assert config.redactor()("the key only-in-a-route is wrong") == "the key [redacted] is wrong"
