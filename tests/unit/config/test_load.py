"""Where the configuration comes from: argument over BEASTMODE_CONFIG over ./beastmode.toml over the defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from beastmode_otel.config import Config, Secret, door_settings, load
from beastmode_otel.errors import ConfigError

# The example of the design, without what later steps bring ([cache], reference_model).
EXAMPLE = """
namespace = "shop"
timeouts = { connect = 5, read = 60, first_token = 30, total = 120 }   # seconds
[deployments.main]
kind = "openai"                      # anthropic, passthrough
base_url = "https://api.openai.com/v1"
model = "gpt-4o-mini"
api_key = { env = "OPENAI_API_KEY" }
[routes."custom:chat"]               # openai:X and anthropic:X need no route
deployments = [{ name = "main", order = 1, weight = 1 }]
"""
KEY = {"OPENAI_API_KEY": "sk-proj-1234567890"}


@pytest.fixture(autouse=True)
def _empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def named(path: Path, namespace: str) -> str:
    path.write_text(f'namespace = "{namespace}"\n', "utf-8")
    return str(path)


def test_the_example_of_the_design_loads():
    Path("beastmode.toml").write_text(EXAMPLE, "utf-8")
    config = load(environ=KEY)
    assert config.namespace == "shop"
    assert (config.timeouts.read, config.timeouts.total) == (60.0, 120.0)
    main = config.deployments["main"]
    assert (main.kind, main.model, main.provider) == ("openai", "gpt-4o-mini", "openai")
    assert main.api_key == Secret("sk-proj-1234567890")
    (target,) = config.routes["custom:chat"].targets
    assert (target.deployment, target.order, target.weight) == (main, 1, 1.0)
    assert config.routes["custom:chat"].kind == "openai"


def test_the_argument_wins_over_the_environment_over_the_file_here_over_the_defaults(tmp_path: Path):
    assert load(environ={}).namespace == "default"
    named(Path("beastmode.toml"), "here")
    assert load(environ={}).namespace == "here"
    environ = {"BEASTMODE_CONFIG": named(tmp_path / "named.toml", "environment")}
    assert load(environ=environ).namespace == "environment"
    given = named(tmp_path / "given.toml", "argument")
    assert load(given, environ=environ).namespace == "argument"
    assert load(Path(given), environ=environ).namespace == "argument"
    assert load({"namespace": "mapping"}, environ=environ).namespace == "mapping"


def test_a_config_is_taken_as_it_is():
    config = Config(namespace="mine")
    assert load(config, environ={"BEASTMODE_CONFIG": "/not/looked/at"}) is config


def test_os_environ_is_the_default(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("BEASTMODE_CONFIG", named(tmp_path / "other.toml", "from os.environ"))
    assert load().namespace == "from os.environ"


def test_an_empty_variable_counts_as_unset():
    assert load(environ={"BEASTMODE_CONFIG": ""}).namespace == "default"


def test_a_tilde_is_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    named(tmp_path / "mine.toml", "at home")
    assert load("~/mine.toml", environ={}).namespace == "at home"


@pytest.mark.parametrize("path", ["missing.toml", ".", "~nobody-has-this-name/x.toml", "a\0b"])
def test_a_file_that_cannot_be_read_is_named(path: str):
    with pytest.raises(ConfigError) as caught:
        load(path, environ={})
    assert path.split("/")[0] in str(caught.value)


def test_a_missing_file_of_the_environment_is_an_error_and_not_skipped():
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        load(environ={"BEASTMODE_CONFIG": "nowhere.toml"})


@pytest.mark.parametrize("content", [b"namespace = ", b"\xff\xfe", b'a = "x"\na = "y"'])
def test_a_broken_file_is_named_and_its_text_is_not_shown(content: bytes):
    secret = b'\n[deployments.main]\napi_key = "sk-proj-very-secret"\n'
    Path("broken.toml").write_bytes(content + secret)
    with pytest.raises(ConfigError, match=r"broken\.toml: is not valid TOML") as caught:
        load("broken.toml", environ={})
    assert "very-secret" not in str(caught.value)


@pytest.mark.parametrize("junk", [7, 1.5, ["x"], object(), b"path"])
def test_what_is_no_configuration_at_all_is_refused(junk: object):
    with pytest.raises(ConfigError, match="must be a Config, a mapping or a path"):
        load(junk, environ={})  # type: ignore[arg-type]


def test_errors_in_a_file_name_the_file():
    Path("beastmode.toml").write_text("namespac = 1\n", "utf-8")
    with pytest.raises(
        ConfigError, match=r"^beastmode\.toml: namespac: is not a setting\n  hint: did you mean namespace"
    ):
        load(environ={})


def test_without_any_configuration_only_the_vendors_are_known():
    config = load(environ={})
    assert (dict(config.routes), dict(config.deployments)) == ({}, {})
    assert set(config.vendors) == {"openai", "anthropic"}


def test_the_vendors_read_the_variables_that_their_sdks_read():
    environ = {
        "OPENAI_API_KEY": "sk-proj-1234567890\n",
        "OPENAI_BASE_URL": "http://localhost:8000/v1/\n",
        "ANTHROPIC_API_KEY": "sk-ant-1234567890",
    }
    vendors = load(environ=environ).vendors
    assert vendors["openai"].api_key == Secret("sk-proj-1234567890")
    assert vendors["openai"].base_url == "http://localhost:8000/v1"
    assert vendors["openai"].provider == "local"
    assert vendors["anthropic"].api_key == Secret("sk-ant-1234567890")
    assert (vendors["anthropic"].kind, vendors["anthropic"].base_url) == ("anthropic", "https://api.anthropic.com/v1")


def test_vendors_without_a_key_are_there_without_one():
    vendors = load(environ={"OPENAI_API_KEY": "", "OPENAI_BASE_URL": ""}).vendors
    assert vendors["openai"].api_key is None
    assert vendors["openai"].base_url == "https://api.openai.com/v1"


def test_a_broken_variable_of_a_vendor_is_named():
    with pytest.raises(ConfigError, match=r"environment OPENAI_\*.base_url"):
        load(environ={"OPENAI_BASE_URL": "localhost:8000"})


@pytest.mark.parametrize(("said", "off"), [("1", True), (" True ", True), ("on", True), ("0", False), ("", False)])
def test_beastmode_disabled_turns_it_off(said: str, off: bool):
    assert load(environ={"BEASTMODE_DISABLED": said}).disabled is off
    assert load({"namespace": "x"}, environ={"BEASTMODE_DISABLED": said}).disabled is off


def test_values_may_come_from_the_environment_with_a_default():
    values = {"namespace": {"env": "NAMESPACE", "default": "fallback"}}
    assert load(values, environ={"NAMESPACE": "shop"}).namespace == "shop"
    assert load(values, environ={}).namespace == "fallback"


def test_a_file_that_cannot_be_read_is_told_with_where_its_path_comes_from():
    with pytest.raises(ConfigError) as caught:
        load(environ={"BEASTMODE_CONFIG": "nowhere.toml"})
    assert caught.value.message == "nowhere.toml: cannot be read (No such file or directory)"
    assert "BEASTMODE_CONFIG" in caught.value.hints[0]


def test_a_name_without_quotes_is_told_how_to_write_it():
    Path("beastmode.toml").write_text('[routes.custom:chat]\ndeployments = ["main"]\n', "utf-8")
    with pytest.raises(ConfigError) as caught:
        load(environ={})
    assert '[routes."custom:chat"]' in caught.value.hints[0]


@pytest.mark.parametrize(
    "environ", [{"OPENAI_BASE_URL": "https://user:pass@gateway/v1"}, {"OPENAI_API_KEY": " "}, {"OPENAI_BASE_URL": "gw"}]
)
def test_the_doors_do_not_mind_what_only_prefixed_ids_would_use(environ, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    environ |= {"ANTHROPIC_API_KEY": "sk-ant-not-a-real-key"}
    with pytest.raises(ConfigError):
        load(None, environ=environ)
    config = door_settings("on", environ=environ).config
    assert (set(config.vendors), config.cache.mode) == ({"anthropic"}, "on")
    assert "sk-ant-not-a-real-key" not in config.redactor()("key sk-ant-not-a-real-key")


def test_a_null_is_as_nothing_where_a_text_may_stand() -> None:
    config = load({"deployments": {"main": {"base_url": "https://h/v1", "kind": None, "provider": None}}}, environ={})
    assert config.deployments["main"].kind == "openai"
