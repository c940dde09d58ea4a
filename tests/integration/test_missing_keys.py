"""A variable of a deployment is not set: that deployment is out, which is said; whoever does not need it works."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from beastmode_otel import AsyncModelRouter, ModelRouter, instrument, uninstrument
from beastmode_otel.cli import main
from beastmode_otel.doctor.settings import settings_findings
from beastmode_otel.errors import ConfigError
from beastmode_otel.simulator import Simulator
from support.drivers import QUESTION
from support.recorder import Recorder

MISSING = {
    "api_key": 'api_key = { env = "SPARE_KEY" }',
    "header": 'headers = { x-api-key = { env = "SPARE_KEY" } }',
    "base_url": "",
    "model": 'model = { env = "SPARE_KEY" }',
}
CONFIG = """
[cache.l3]
url = "sqlite:///{folder}/cache.db"
[deployments.main]
base_url = "{url}"
api_key = {{ env = "MAIN_KEY" }}
[deployments.spare]
base_url = {spare}
{setting}
[routes.chat]
deployments = [{{ name = "main", order = {main_order} }}, {{ name = "spare", order = {spare_order} }}]
[routes.other]
deployments = ["main"]
"""


@pytest.fixture(params=MISSING)
def config(
    request: Any, simulator: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Any]]:
    """What the file of the test is made of; both orders of main and spare are asked for by `written`."""
    monkeypatch.setenv("MAIN_KEY", "sk-main")
    monkeypatch.delenv("SPARE_KEY", raising=False)
    url = simulator.url("ok")
    spare = '{ env = "SPARE_KEY" }' if request.param == "base_url" else f'"{url}"'
    yield {"folder": tmp_path, "url": url, "spare": spare, "setting": MISSING[request.param]}
    uninstrument()


def written(config: dict[str, Any], *, spare_first: bool = False) -> str:
    path = config["folder"] / "beastmode.toml"
    path.write_text(CONFIG.format(**config, main_order=2 if spare_first else 1, spare_order=1 if spare_first else 2))
    return str(path)


def told(text: str) -> bool:
    return "spare" in text and "the environment variable SPARE_KEY is not set" in text


@pytest.mark.parametrize("spare_first", [False, True])
@pytest.mark.parametrize("world", ["sync", "async"])
def test_router_starts_without_it(
    world: str, spare_first: bool, config: dict[str, Any], simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    """The deployment is never asked, whichever place it has; one line says so at the start."""
    path = written(config, spare_first=spare_first)
    if world == "sync":
        with ModelRouter(path) as router:
            summary = repr(router)
            answers = [router.route("chat", QUESTION, cache="off") for _ in range(3)]
    else:

        async def ask() -> list[Any]:
            async with AsyncModelRouter(path) as router:
                return [repr(router), *[await router.route("chat", QUESTION, cache="off") for _ in range(3)]]

        summary, *answers = asyncio.run(ask())
    assert {answer.deployment for answer in answers} == {"main"}
    assert "2 deployments, 1 of them out" in summary
    assert [told(record.getMessage()) for record in caplog.records if record.name == "beastmode_otel"] == [True]
    assert simulator.received == 3


def test_key_that_is_there_is_used(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("SPARE_KEY", config["url"])  # an address too, for base_url
    with ModelRouter(written(config, spare_first=True)) as router:
        assert router.route("chat", QUESTION, cache="off").deployment == "spare"
    assert caplog.records == []


@pytest.mark.parametrize("variable", ["MAIN_KEY", "SPARE_KEY"])
def test_router_with_a_route_that_nobody_serves_does_not_start(
    variable: str, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the route `other` main is the only one; and none is left when both lack theirs."""
    monkeypatch.delenv("MAIN_KEY")
    if variable == "MAIN_KEY":
        monkeypatch.setenv("SPARE_KEY", config["url"])
    with pytest.raises(ConfigError, match="the environment variable MAIN_KEY is not set"):
        ModelRouter(written(config))


@pytest.mark.parametrize("keys", ["one", "none"])
def test_whoever_asks_no_provider_needs_no_key(
    keys: str,
    config: dict[str, Any],
    recorder: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The hook sees the application's calls, and the cache's verbs look into its file."""
    if keys == "none":
        monkeypatch.delenv("MAIN_KEY")
    path = written(config)
    monkeypatch.setenv("BEASTMODE_CONFIG", path)
    instrument(cache="off", **recorder.providers)  # nothing is stored for the verb to find
    with httpx.Client() as client:
        assert client.post(f"{config['url']}/chat/completions", json={"model": "m", **QUESTION}).status_code == 200
    assert recorder.total("beastmode.llm.calls") == 1
    assert main(["cache", "stats", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["exists"] is False


def test_doctor_tells_it(config: dict[str, Any]) -> None:
    environ = {"MAIN_KEY": "sk-main", "BEASTMODE_CONFIG": written(config)}
    finding, cache = settings_findings(environ)
    assert cache.code == "cache_on"
    assert (finding.code, finding.severity) == ("deployment_out", "warning")
    assert told(finding.detail)
