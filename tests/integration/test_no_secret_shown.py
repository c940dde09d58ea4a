"""A password or a key in any setting that takes a URL, headers or a key: nothing that comes out shows it."""

from __future__ import annotations

import asyncio
import logging
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, Final, get_args, get_type_hints

import pytest

import beastmode_otel
from beastmode_otel import AsyncModelRouter, BeastModeError, ConfigError, ModelRouter, diagnose
from beastmode_otel.cli import main
from beastmode_otel.config import (
    CacheSettings,
    Config,
    Deployment,
    Route,
    Secret,
    Target,
    door_settings,
    load,
)
from beastmode_otel.providers import PROVIDERS
from support.drivers import QUESTION
from support.planted import SPELLED, assert_hidden, everything_of, urls
from support.recorder import Recorder

Capture = pytest.CaptureFixture[str]
Row = Callable[[str], tuple[dict[str, Any], dict[str, str]]]  # a text → what a file says, and the environment


def deployment(**settings: Any) -> dict[str, Any]:
    made = {"base_url": "http://127.0.0.1:1", **settings}
    return {"deployments": {"main": made}, "routes": {"chat": {"deployments": ["main"]}}}


def cache(**settings: Any) -> dict[str, Any]:
    return {"cache": {"mode": "on", **settings}}


TIERS: Final = {
    name: kind.__name__
    for name, kind in get_type_hints(CacheSettings).items()
    if is_dataclass(kind) and "url" in {field.name for field in fields(kind)}
    for name, kind in get_type_hints(CacheSettings).items()
    if is_dataclass(kind) and "url" in {field.name for field in fields(kind)}
}
SIGNALS: Final = ("", "TRACES_", "METRICS_", "LOGS_")
VENDORS: Final = sorted(
    {
        name
        for each in PROVIDERS
        for text in each
        for name in re.findall(r"\b[A-Z0-9_]+_(?:URL|HEADERS|ENDPOINT)\b", str(text))
    }
)
VARIABLES: Final = (
    *("BEASTMODE_CONFIG", "BEASTMODE_CACHE", "BEASTMODE_SECRET", "BEASTMODE_EXCLUDED_URLS"),
    *(f"BEASTMODE_{tier.upper()}_URL" for tier in TIERS),
    *(f"OTEL_EXPORTER_OTLP_{signal}{what}" for signal in SIGNALS for what in ("ENDPOINT", "HEADERS", "PROTOCOL")),
    *(f"OTEL_{signal}EXPORTER" for signal in SIGNALS[1:]),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"),
    *VENDORS,
)
# Of a file or a mapping. `Class.field`: which field of the settings it is.
SETTINGS: Final[dict[str, Row]] = {
    "Deployment.base_url": lambda text: (deployment(base_url=text), {}),
    "Deployment.api_key": lambda text: (deployment(api_key=text), {}),
    "Deployment.api_key by name": lambda text: (deployment(api_key={"env": text}), {}),
    "Deployment.key_header": lambda text: (deployment(key_header=text), {}),
    "Deployment.headers": lambda text: (deployment(headers={"authorization": text, "x-session-token": text}), {}),
    "Deployment.query": lambda text: (deployment(query={"key": text, "sig": text}), {}),
    "Deployment.kind": lambda text: (deployment(kind=text), {}),
    "CacheSettings.secret": lambda text: (cache(secret=text), {}),
    "CacheSettings.mode": lambda text: (cache(mode=text), {}),
    "CacheSettings.write_mode": lambda text: (cache(write_mode=text), {}),
    **{
        f"{kind}.url of {tier}": lambda text, tier=tier: (cache(**{tier: {"url": text}}), {})
        for tier, kind in TIERS.items()
    },
}
ROWS: Final[dict[str, Row]] = {**SETTINGS, **{name: (lambda text, name=name: ({}, {name: text})) for name in VARIABLES}}
KEYED: Final = re.compile(r"headers|query|secret|api_key$")  # where a key is all that is written
SCHEMES: Final = dict.fromkeys(ROWS, "http") | {
    name: "redis" for name in ROWS if ".url of " in name or name.startswith("BEASTMODE_L")
}


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("BEASTMODE_CACHE", raising=False)


def texts(name: str, *, some: bool = False) -> Iterator[str]:
    """some: enough where each takes its time."""
    for spelled in ("/", "@ quoted") if some else SPELLED:
        found = list(urls(SCHEMES[name], spelled))
        yield from (found[0], found[2]) if some else found
        named = name.endswith("CUSTOM_HEADERS") and ":" in SPELLED[spelled]  # the name of a header is no secret
        if KEYED.search(name.lower()) and not named:
            yield SPELLED[spelled]
            yield f"authorization=Bearer%20{SPELLED[spelled]},{SPELLED[spelled]}"


def test_every_setting_that_may_hold_a_secret_has_a_row() -> None:
    """Found in the settings' own classes and in the package's own text, so that a new one is asked for here."""
    may = re.compile(r"url|uri|dsn|endpoint|header|query|key|secret|token|password|proxy")
    held = {f"{kind.__name__}.{field}" for kind in reached(Config) for field in names_of(kind) if may.search(field)}
    assert held == {name.partition(" ")[0] for name in SETTINGS if may.search(name.partition(".")[2])}
    files = Path(beastmode_otel.__file__).parent.rglob("*.py")
    named = {name for file in files for name in re.findall(r"\bBEASTMODE_[A-Z0-9_]+\b", file.read_text("utf-8"))}
    said = {name for name in named if may.search(name.lower())}
    assert said - {"BEASTMODE_CACHE_KEY"} <= set(VARIABLES)


def reached(kind: type) -> set[type]:
    """The dataclasses within a dataclass's fields."""
    found, todo = set[type](), [kind]
    while todo:
        one = todo.pop()
        if is_dataclass(one) and one not in found:
            found.add(one)
            todo += get_type_hints(one).values()
        todo += [part for part in get_args(one) if isinstance(part, type) or get_args(part)]
    return found


def names_of(kind: Any) -> list[str]:
    """Those that can hold a text."""
    numbers = {"int", "float", "bool", "None"}
    return [field.name for field in fields(kind) if not set(re.findall(r"\w+", str(field.type))) <= numbers]


@pytest.mark.parametrize("name", ROWS)
def test_nothing_that_configuration_says_shows_it(name: str, tmp_path: Path) -> None:
    """Errors with all that hangs on them, and the settings themselves, from a mapping and from a file."""
    for text in texts(name):
        values, environ = ROWS[name](text)
        for config in (values, written(tmp_path, values)):
            for read in (load, reading_doors):
                shown = shown_by(lambda read=read, config=config, environ=environ: read(config, environ=environ))
                assert_hidden(shown, f"{name} = {text!r}")


def reading_doors(config: Any, *, environ: dict[str, str]) -> Any:
    return door_settings(config.get("cache") if isinstance(config, dict) else None, environ=environ)


def written(folder: Path, values: dict[str, Any]) -> Path:
    """As a TOML file."""
    lines = []

    def table(path: str, held: dict[str, Any]) -> None:
        lines.append(f"[{path}]" if path else "")
        plain = {key: value for key, value in held.items() if not isinstance(value, dict) or "env" in value}
        lines.extend(f"{key} = {toml(value)}" for key, value in plain.items())
        for key, value in held.items():
            if key not in plain:
                table(f"{path}.{key}" if path else key, value)

    table("", values)
    path = folder / "some.toml"
    path.write_text("\n".join(lines), "utf-8")
    return path


def toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(held)}" for key, held in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    text = "".join(char if char.isprintable() and char not in '"\\' else f"\\u{ord(char):04x}" for char in value)
    return f'"{text}"'


def shown_by(read: Callable[[], Any]) -> str:
    try:
        found = read()
    except ConfigError as exc:
        return f"{everything_of(exc)}\n{everything_of(pickle.loads(pickle.dumps(exc)))}"
    return f"{found!r} {found}"


@pytest.mark.parametrize("broken", [b"\xff\xfe", b"namespace = ", b'a = "x"\na = "y"', b"[routes.a:b]\n"])
def test_a_file_that_cannot_be_read_stays_unseen(broken: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.toml"
    for spelled in SPELLED:
        url = next(urls("http", spelled)).encode()
        path.write_bytes(b'[deployments.main]\nbase_url = "' + url + b'"\n' + broken)
        with pytest.raises(ConfigError) as caught:
            load(path, environ={})
        assert_hidden(everything_of(caught.value))


@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize("name", ROWS)
def test_nothing_that_a_router_says_shows_it(
    name: str, world: str, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Errors, their pickles, the logs at DEBUG, the telemetry."""
    caplog.set_level(logging.DEBUG)
    for text in texts(name, some=True):
        values, environ = ROWS[name](text)
        with monkeypatch.context() as patched:
            for variable, value in environ.items():
                set_variable(patched, variable, value)
            error = raised_by(world, {**deployment(), **values, "retry": {"per_deployment": 0}}, recorder)
        assert_hidden(
            f"{everything_of(error)}\n{everything_of(pickle.loads(pickle.dumps(error)))}", f"{name} = {text!r}"
        )
        assert_hidden(said_in(caplog), f"the log, {name} = {text!r}")
    assert_hidden(recorder.exported_text(), name)


def set_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    try:
        monkeypatch.setenv(name, value)
    except ValueError:  # no variable can hold it
        pytest.fail(f"{name} cannot be {value!r}")


def raised_by(world: str, config: Any, recorder: Recorder) -> BaseException:
    """Nothing listens where it asks."""

    async def ask() -> None:
        async with AsyncModelRouter(config, **recorder.providers) as router:
            await router.route("chat", QUESTION)

    try:
        if world == "async":
            asyncio.run(ask())
        else:
            with ModelRouter(config, **recorder.providers) as router:
                router.route("chat", QUESTION)
    except BeastModeError as exc:
        return exc
    raise AssertionError("it was answered")


def said_in(caplog: pytest.LogCaptureFixture) -> str:
    found = [f"{record.getMessage()} {record.args!r} {record.exc_text or ''}" for record in caplog.records]
    return "\n".join([*found, caplog.text])


@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize("spelled", SPELLED)
def test_a_login_that_python_code_puts_into_an_address(
    spelled: str, world: str, recorder: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    """The configuration refuses it, a Deployment does not: it is sent, as the HTTP library would, and shown nowhere."""
    caplog.set_level(logging.DEBUG)
    url = f"http://user:{SPELLED[spelled]}@127.0.0.1:1"
    try:
        made = Deployment(name="main", kind="openai", base_url=url, model="m")
    except ConfigError as exc:  # one that ends the host's part
        assert set(spelled) & set("/#?")
        assert_hidden(everything_of(exc))
        return
    config = Config(routes={"chat": Route(name="chat", targets=(Target(deployment=made),))})
    assert_hidden(f"{config!r} {made!r} {config.redactor()(url)}")
    assert_hidden(everything_of(raised_by(world, config, recorder)))
    assert_hidden(said_in(caplog))
    assert_hidden(recorder.exported_text())


COMMANDS: Final[dict[str, list[str]]] = {
    "stats": ["cache", "stats"],
    "stats as JSON": ["cache", "stats", "--json"],
    "doctor": ["doctor"],
    "doctor as JSON": ["doctor", "--json"],
    "push": ["dashboards", "push", "--url", "http://127.0.0.1:1", "--token", "glsa_not-a-real-token"],
}


PROXIES: Final = re.compile(r"(?i).*_proxy")  # through one, the doctor exports and waits


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ROWS)
def test_no_command_shows_it(
    name: str, command: str, capfd: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    slow = PROXIES.fullmatch(name) and command.startswith("doctor")
    for text in list(texts(name, some=True))[: 1 if slow else None]:
        values, environ = ROWS[name](text)
        written(tmp_path, values).rename(tmp_path / "beastmode.toml")
        with monkeypatch.context() as patched:
            for variable, value in environ.items():
                set_variable(patched, variable, value)
            main(COMMANDS[command])
        told = capfd.readouterr()
        assert_hidden(told.out + told.err, f"{command}, {name} = {text!r}")


@pytest.mark.parametrize(
    "words",
    [
        ["dashboards", "push", "--token", "glsa_not-a-real-token", "--url"],
        ["demo", "--model", "m", "--against"],
        ["demo", "--model", "m", "--against", "http://127.0.0.1:1", "--seconds", "1", "--key-env"],
        ["cache", "stats", "--config"],
        ["cache", "warm", "--usd", "1", "--prompts"],
        ["cache", "calibrate", "--pairs"],
        ["cache", "calibrate", "--records"],
        ["doctor", "--overlay"],
    ],
)
def test_no_option_is_repeated_with_it(words: list[str], capfd: Any) -> None:
    for spelled in SPELLED:
        for text in urls("http", spelled):
            main([*words, text])
            told = capfd.readouterr()
            assert_hidden(told.out + told.err, f"{words} {text!r}")


def test_the_doctor_called_from_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", next(urls("http", "/")))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", f"authorization=Basic%20{SPELLED['']}")
    assert_hidden(repr(diagnose()))


PROGRAM: Final = """
import logging
logging.basicConfig(level=logging.DEBUG)
import beastmode_otel
telemetry = beastmode_otel.configure()
with beastmode_otel.ModelRouter({"deployments": {"main": {"base_url": "http://127.0.0.1:1"}}}) as router:
    try:
        router.route("openai:m", {"messages": []})
    except beastmode_otel.BeastModeError as exc:
        print(exc)
telemetry.force_flush(2)
"""


@pytest.mark.parametrize("variable", ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS", "HTTP_PROXY"])
def test_a_program_that_exports_shows_it_nowhere(variable: str) -> None:
    """The SDK's own exporters complain in the log of a program that has called configure()."""
    for spelled in ("/", "@ quoted")[: 1 if PROXIES.fullmatch(variable) else None]:
        url = next(urls("http", spelled))
        for text in (url, SPELLED[spelled] if variable.endswith("HEADERS") else f"{url}?token={SPELLED['']}"):
            ran = subprocess.run(
                [sys.executable, "-c", PROGRAM],
                env={**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", variable: text},
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert_hidden(ran.stdout + ran.stderr, f"{variable} = {text!r}")


def test_secrets_in_settings_cannot_be_pickled() -> None:
    config = load(deployment(api_key=SPELLED[""]), environ={})
    assert isinstance(config.deployments["main"].api_key, Secret)
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(config)
