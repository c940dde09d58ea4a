"""The cache is asked for in one word, the same word at every door; where nobody asks there is nothing of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

import beastmode_otel
from beastmode_otel import ConfigError, async_transport, instrument, transport, uninstrument
from beastmode_otel.cli import main
from beastmode_otel.config import CacheSettings, Config, Deployment, Route, Target, load
from beastmode_otel.doctor.settings import settings_findings
from beastmode_otel.simulator import Simulator
from instrumentation.apps import Blocking, Tasks
from support.drivers import DRIVERS, QUESTION
from support.recorder import Recorder

SOURCE = str(Path(beastmode_otel.__file__).parents[1])
DOORS = [f"{kind}-{world}" for kind in ("router", "transport", "hook") for world in ("sync", "async")]
BODY = {"model": "m", **QUESTION}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home, and a working directory of its own without a configuration."""
    for name in ("home", "work"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "home"


def statuses(door: str, simulator: Simulator, recorder: Recorder, **options: Any) -> list[str]:
    """How the cache ended for two identical requests, as their spans say. options: `cache`, or none."""
    kind, world = door.split("-")
    if kind == "router":
        router = DRIVERS[world](simulator, options.pop("config", None), **options, **recorder.providers)
        answers = [router.act("route", "openai:m", QUESTION) for _ in range(2)]
        router.close()
        assert [getattr(answer, "text", answer) for answer in answers] == [answers[0].text] * 2
    else:
        _through_an_app(kind, world, f"{simulator.url('ok')}/chat/completions", options | recorder.providers)
    return [str(span.attributes["beastmode.cache.status"]) for span in recorder.spans() if span.parent is None]


def _through_an_app(kind: str, world: str, url: str, options: dict[str, Any]) -> None:
    more: dict[str, Any] = {}
    if kind == "hook":
        instrument(**options)
    else:
        door, inner = (
            (transport, httpx.HTTPTransport) if world == "sync" else (async_transport, httpx.AsyncHTTPTransport)
        )
        more["transport"] = door(inner(), **options)
    try:
        app = (Blocking if world == "sync" else Tasks)(httpx, **more)
        for _ in range(2):
            assert app.post(url, BODY).status_code == 200
        app.close()
    finally:
        uninstrument()


def written(text: str | None) -> None:
    if text is not None:
        Path("beastmode.toml").write_text(text)


ON, OFF = ["miss", "hit"], ["off", "off"]
# What is written in ./beastmode.toml, what BEASTMODE_CACHE says, what is passed in; and what it means.
SAID = [
    (None, None, {}, OFF),
    ('namespace = "shop"', None, {}, OFF),
    (None, None, {"cache": None}, OFF),
    (None, None, {"cache": "off"}, OFF),
    (None, "off", {}, OFF),
    ("[cache]", None, {}, ON),
    ("[cache.l1]\nttl = 60", None, {}, ON),
    ('[cache]\nmode = "on"', None, {}, ON),
    ('cache = "on"', None, {}, ON),
    ('cache = "off"', None, {}, OFF),
    ('[cache]\nmode = "off"', None, {}, OFF),
    (None, "on", {}, ON),
    ("[cache]", "off", {}, OFF),
    ('[cache]\nmode = "on"', "off", {}, OFF),
    ('[cache]\nmode = "off"', "on", {}, ON),
    (None, None, {"cache": "on"}, ON),
    (None, None, {"cache": True}, ON),
    (None, None, {"cache": {}}, ON),
    (None, None, {"cache": {"l1": {"ttl": 60}}}, ON),
    (None, "off", {"cache": "on"}, ON),
    (None, "off", {"cache": {}}, ON),
    ('[cache]\nmode = "off"', "off", {"cache": "on"}, ON),
    ("[cache]", "on", {"cache": "off"}, OFF),
    ("[cache]", "on", {"cache": False}, OFF),
    ("[cache]", "on", {"cache": {"mode": "off"}}, OFF),
]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("file", "variable", "options", "expected"), SAID, ids=lambda said: json.dumps(said)[:40])
def test_one_word_at_every_door(
    file: str | None, variable: str | None, options: dict[str, Any], expected: list[str], door: str,
    simulator: Simulator, recorder: Recorder, home: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The argument wins over the variable, that over the file, and a `[cache]` without a mode asks for it."""
    written(file)
    monkeypatch.setenv("OPENAI_BASE_URL", simulator.url("ok"))
    if variable is not None:
        monkeypatch.setenv("BEASTMODE_CACHE", variable)
    assert statuses(door, simulator, recorder, **options) == expected
    assert simulator.received == (1 if expected is ON else 2)
    files = {path.name for path in home.rglob("*") if path.is_file()}
    assert ("cache.db" in files) == (expected is ON), files


def deployed(simulator: Simulator, **more: Any) -> dict[str, Any]:
    main = {"base_url": simulator.url("ok"), "model": "m"}
    return {"deployments": {"main": main}, "routes": {"openai:m": {"deployments": ["main"]}}, **more}


# What a program says in a mapping wins over the environment, word by word: an empty table says no word.
MAPPED = [
    ({}, None, OFF),
    ({}, "on", ON),
    ({"cache": {}}, None, ON),
    ({"cache": "on"}, None, ON),
    ({"cache": {}}, "off", OFF),
    ({"cache": {"mode": "on"}}, "off", ON),
    ({"cache": "on"}, "off", ON),
    ({"cache": {"mode": "off"}}, "on", OFF),
]


@pytest.mark.parametrize("door", DOORS[:2])
@pytest.mark.parametrize(("said", "variable", "expected"), MAPPED, ids=lambda said: json.dumps(said))
def test_mapping(
    said: dict[str, Any], variable: str | None, expected: list[str], door: str, simulator: Simulator,
    recorder: Recorder, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if variable is not None:
        monkeypatch.setenv("BEASTMODE_CACHE", variable)
    assert statuses(door, simulator, recorder, config=deployed(simulator, **said)) == expected


# A Config that says nothing of the cache is like a file that says nothing.
MADE = [
    ({}, None, {}, OFF),
    ({}, "on", {}, ON),
    ({}, None, {"cache": "on"}, ON),
    ({"cache": CacheSettings()}, None, {}, ON),
    ({"cache": CacheSettings()}, "off", {}, ON),
    ({"cache": CacheSettings(mode="off")}, "on", {}, OFF),
    ({"cache": CacheSettings()}, None, {"cache": "off"}, OFF),
]


@pytest.mark.parametrize("door", DOORS[:2])
@pytest.mark.parametrize(("made", "variable", "options", "expected"), MADE)
def test_config(
    made: dict[str, Any], variable: str | None, options: dict[str, Any], expected: list[str], door: str,
    simulator: Simulator, recorder: Recorder, home: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    if variable is not None:
        monkeypatch.setenv("BEASTMODE_CACHE", variable)
    main = Deployment(name="main", kind="openai", base_url=simulator.url("ok"), model="m")
    route = Route(name="openai:m", targets=(Target(deployment=main),))
    config = Config(deployments={"main": main}, routes={"openai:m": route}, **made)
    assert statuses(door, simulator, recorder, config=config, **options) == expected


@pytest.mark.parametrize("url_first", [False, True])
@pytest.mark.parametrize("world", DRIVERS)
def test_variable_reaches_a_config_with_its_own_l3(
    world: str, url_first: bool, simulator: Simulator, recorder: Recorder, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever loads the configuration before the variable is set has it from the variable all the same."""
    if url_first:
        monkeypatch.setenv("BEASTMODE_L3_URL", f"sqlite:///{home}/elsewhere.db")
    config = load(deployed(simulator))
    monkeypatch.setenv("BEASTMODE_CACHE", "on")
    monkeypatch.setenv("BEASTMODE_L3_URL", f"sqlite:///{home}/elsewhere.db")
    assert statuses(f"router-{world}", simulator, recorder, config=config) == ON
    assert (home / "elsewhere.db").exists()


WORDS_THERE_ARE = 'write "on", "semantic", "shadow", "off", True, False, or a mapping like [cache]'
BAD = [
    ({"cache": "yes"}, {}, None, "cache.mode: is 'yes'", "use one of off, on"),
    ({"cache": ""}, {}, None, "cache.mode: must be a non-empty string", None),
    ({"cache": 1}, {}, None, "cache must be a word or a mapping, not int", WORDS_THERE_ARE),
    ({"cache": ["on"]}, {}, None, "cache must be a word or a mapping, not list", WORDS_THERE_ARE),
    ({"cache": {"modus": "on"}}, {}, None, "cache.modus: is not a setting", "did you mean mode?"),
    ({}, {"BEASTMODE_CACHE": "please"}, None, "environment.BEASTMODE_CACHE: is 'please'", "use one of off, on"),
    ({}, {}, 'cache = "maybe"', "cache.mode: is 'maybe'", "use one of off, on"),
    ({}, {}, "cache = 1", "cache: must be a table, not int", None),
]  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("options", "environ", "file", "problem", "hint"), BAD)
def test_word_that_nobody_knows(
    options: dict[str, Any], environ: dict[str, str], file: str | None, problem: str, hint: str | None, door: str,
    simulator: Simulator, recorder: Recorder, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """The same ConfigError everywhere, with what to write."""
    written(file)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        statuses(door, simulator, recorder, **options)
    assert problem in caught.value.message
    assert hint is None or hint in "; ".join(caught.value.hints)


L3_OFF = ['[cache]\nl3 = "off"', '[cache.l3]\nurl = "off"', '[cache]\nl3 = { url = "off" }']


@pytest.mark.parametrize("text", L3_OFF)
@pytest.mark.parametrize("door", DOORS)
def test_l3_off(
    text: str, door: str, simulator: Simulator, recorder: Recorder, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One meaning: memory only, however it is written."""
    written(text)
    monkeypatch.setenv("OPENAI_BASE_URL", simulator.url("ok"))
    assert statuses(door, simulator, recorder) == ON
    assert list(home.rglob("*")) == []


def test_l3_in_one_word(tmp_path: Path) -> None:
    """Any of its URLs may stand there, and a mapping takes the same words as a file."""
    url = f"sqlite:///{tmp_path}/one.db"
    for said in (url, {"url": url}):
        l3 = load({"cache": {"l3": said}}, environ={}).cache.l3
        assert (l3.url, l3.given) == (url, True)
    assert load({"cache": {"l3": "off"}}, environ={}).cache.l3.path is None
    with pytest.raises(ConfigError, match=r"cache\.l3\.url: is 'of'") as caught:
        load({"cache": {"l3": "of"}}, environ={})
    assert "or off" in caught.value.hints[0]
    with pytest.raises(ConfigError, match=r"cache\.l3: must be a table, not bool"):
        load({"cache": {"l3": False}}, environ={})


def test_who_said_so() -> None:
    def by(config: Any = None, cache: Any = None, **environ: str) -> tuple[str, str]:
        settings = load(config or {}, cache=cache, environ=environ).cache
        return settings.mode, settings.said_by

    assert by() == ("off", "nobody")
    assert by({"cache": {}}) == ("on", "[cache]")
    assert by({"cache": {}}, BEASTMODE_CACHE="off") == ("off", "BEASTMODE_CACHE")
    assert by({"cache": {}}, "off", BEASTMODE_CACHE="on") == ("off", "cache=")
    assert by(Config(cache=CacheSettings())) == ("on", "a Config")


@pytest.mark.parametrize("world", DRIVERS)
def test_only_without_a_cache(world: str, simulator: Simulator) -> None:
    """The call wants an answer from the cache and nowhere else: it is told that there is none, and how to have one."""
    router = DRIVERS[world](simulator, deployed(simulator))
    error: Any = router.act("route", "openai:m", QUESTION, cache="only")
    router.close()
    assert error.category.name == "cache_miss"
    assert "there is no cache" in error.message
    assert 'cache="on"' in error.hints[0]
    assert simulator.received == 0


PROGRAM = """
import asyncio, json, os, sys, threading
url, door, world = sys.argv[1:]
import beastmode_otel
body = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
config = {"deployments": {"a": {"base_url": url, "model": "m"}}, "routes": {"chat": {"deployments": ["a"]}}}
during = set()
def note():
    during.update(thread.name for thread in threading.enumerate())
def blocking():
    if door == "router":
        with beastmode_otel.ModelRouter(config) as router:
            for _ in range(2): router.route("chat", body)
            note()
        return
    import httpx
    made = {"transport": beastmode_otel.transport(httpx.HTTPTransport())} if door == "transport" else {}
    with httpx.Client(**made) as client:
        for _ in range(2): client.post(url + "/chat/completions", json=body)
        note()
async def tasks():
    if door == "router":
        async with beastmode_otel.AsyncModelRouter(config) as router:
            for _ in range(2): await router.route("chat", body)
            note()
        return
    import httpx
    made = {"transport": beastmode_otel.async_transport(httpx.AsyncHTTPTransport())} if door == "transport" else {}
    async with httpx.AsyncClient(**made) as client:
        for _ in range(2): await client.post(url + "/chat/completions", json=body)
        note()
if door == "hook":
    beastmode_otel.instrument()
blocking() if world == "sync" else asyncio.run(tasks())
loaded = [name for name in sys.modules if "sqlite" in name]
print(json.dumps({"loaded": loaded, "threads": sorted(during)}))
"""


@pytest.mark.parametrize("door", DOORS)
def test_nothing_of_it_is_there_unless_asked_for(door: str, simulator: Simulator, tmp_path: Path) -> None:
    """No file, no thread, no import of sqlite; and the same program with the word has all three."""
    seen = {}
    for word in ("", "on"):
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "BEASTMODE_"))}
        home = tmp_path / f"home of {word}"
        home.mkdir()
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, simulator.url("ok"), *door.split("-")],
            env={**kept, "PYTHONPATH": SOURCE, "NO_PROXY": "*", "HOME": str(home), "BEASTMODE_CACHE": word},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        seen[word] = json.loads(done.stdout) | {"files": [path.name for path in home.rglob("*") if path.is_file()]}
    assert simulator.received == 3
    assert (seen[""]["loaded"], seen[""]["files"]) == ([], [])
    assert not [name for name in seen[""]["threads"] if "l3" in name]
    assert "sqlite3" in seen["on"]["loaded"]
    assert "cache.db" in seen["on"]["files"]
    assert [name for name in seen["on"]["threads"] if "l3" in name]


VERBS: list[list[str]] = [["stats"], ["purge"], ["invalidate", "--all-of-tenant"], ["flush", "--yes"]]


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_cache_verbs_without_a_cache(verb: list[str], capsys: pytest.CaptureFixture[str], home: Path) -> None:
    """One line says that there is none and how to have one; what was stored before can be seen and removed."""
    assert main(["cache", *verb, "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)
    (line,) = err.splitlines()
    assert line.startswith("beastmode-otel: the cache is off here (nobody asks for it); to have it: ")
    assert all(way in line for way in ("[cache]", 'cache="on"', "BEASTMODE_CACHE=on"))
    written("[cache]")
    assert main(["cache", *verb, "--json"]) == 0
    assert capsys.readouterr().err == ""


WORDS: list[tuple[str | None, dict[str, str], str, str]] = [
    (None, {}, "cache_off", "nobody asks for it"),
    ("[cache]", {}, "cache_on", "[cache] asks for it; L3: sqlite:///~/.cache/beastmode_otel/cache.db"),
    ('[cache]\nl3 = "off"', {}, "cache_on", "[cache] asks for it; L3: off"),
    ("[cache]", {"BEASTMODE_CACHE": "off"}, "cache_off", "BEASTMODE_CACHE says so"),
    (None, {"BEASTMODE_CACHE": "on", "BEASTMODE_L3_URL": "off"}, "cache_on", "BEASTMODE_CACHE asks for it; L3: off"),
    (
        '[cache]\nl2 = "redis://host:6380/1"',
        {},
        "cache_on",
        "[cache] asks for it; L2: redis://host:6380/1; L3: sqlite:///~/.cache/beastmode_otel/cache.db",
    ),
    (
        '[cache]\nl3 = "off"',
        {"BEASTMODE_L2_URL": "rediss+cluster://me:secret-word@a:1,b:2"},
        "cache_on",
        "[cache] asks for it; L2: rediss+cluster://a:1,b:2; L3: off",
    ),
    (
        "[cache]",
        {"BEASTMODE_L2_URL": "redis://:secret-word@host", "BEASTMODE_L3_URL": "postgresql://me:secret-word@host/app"},
        "cache_on",
        "[cache] asks for it; L2: redis://host:6379/0; L3: postgresql://host:5432/app",
    ),
    (
        '[cache]\nl3 = "off"\nown = { tier = "shop.tiers:Tier", level = "l3" }',
        {},
        "cache_on",
        "[cache] asks for it; L3: shop.tiers:Tier, of your own",
    ),
    (
        '[cache]\nown = { tier = "shop.tiers:Tier" }',
        {},
        "cache_on",
        "[cache] asks for it; L2: shop.tiers:Tier, of your own; L3: sqlite:///~/.cache/beastmode_otel/cache.db",
    ),
]


@pytest.mark.parametrize(("file", "environ", "code", "detail"), WORDS)
def test_the_doctor_says_whether_and_who(file: str | None, environ: dict[str, str], code: str, detail: str) -> None:
    written(file)
    told = {finding.code: finding for finding in settings_findings(environ)}
    assert told[code].detail == detail
    assert len({"cache_on", "cache_off"} & told.keys()) == 1
    assert told["settings_fit"].severity == "ok"
