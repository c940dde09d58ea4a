"""`beastmode-otel cache warm`: from a real SQLite file into a real Valkey, and with prompts."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel import ModelRouter
from beastmode_otel.cache import copy_up
from beastmode_otel.cache.tiers import backplane_of, inspect_l2, inspected, open_l2
from beastmode_otel.cli import main
from beastmode_otel.config import load
from beastmode_otel.runtime import WorkerPool
from beastmode_otel.simulator import Behaviour, Simulator
from support.redis_servers import VALKEY, free_port, shared

Run = Callable[..., tuple[int, str, str]]


class Shop:
    def __init__(self, folder: Path, simulator: Simulator) -> None:
        simulator.define("ok", Behaviour(text="an answer", input_tokens=300, output_tokens=80))
        self.folder, self.simulator = folder, simulator
        self.config = self.write("both.toml", shared(VALKEY).url)

    def write(self, name: str, l2: str) -> Path:
        file = self.folder / name
        file.write_text(
            f"""
            namespace = "shop"
            [cache]
            mode = "on"
            jitter = 0
            l2 = {{ url = "{l2}", prefix = "{self.folder.name[:50]}", soft = 20.0, hard = 20.0 }}
            l3 = {{ url = "sqlite:///{self.folder / "cache.db"}", soft = 20.0 }}
            [deployments.main]
            base_url = "{self.simulator.url("ok")}"
            model = "gpt-4o-mini"
            provider = "openai"
            [routes.chat]
            deployments = ["main"]
            """
        )
        return file

    @property
    def l3_alone(self) -> Path:
        file = self.folder / "l3.toml"
        lines = self.config.read_text().splitlines()
        file.write_text("\n".join(line for line in lines if not line.strip().startswith("l2")))
        return file

    def prompts(self, *lines: Any) -> str:
        file = self.folder / "prompts.jsonl"
        file.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))
        return str(file)


def body(number: int, **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"a PLANTED question {number}"}], **more}


@pytest.fixture
def shop(tmp_path: Path, simulator: Simulator) -> Shop:
    return Shop(tmp_path, simulator)


@pytest.fixture
def run(shop: Shop, capsys: pytest.CaptureFixture[str]) -> Run:
    def warm(*arguments: str, config: Path | None = None) -> tuple[int, str, str]:
        capsys.readouterr()
        try:
            status = main(["cache", "warm", "--config", str(config or shop.config), *arguments])
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        return (status, *capsys.readouterr())

    return warm


def test_l2_gets_what_l3_is_asked_for_most(shop: Shop, run: Run) -> None:
    for numbers in ((0, 1, 2), (2, 1), (2,)):
        with ModelRouter(str(shop.l3_alone)) as router:
            for number in numbers:
                router.route("chat", body(number))
    paid = shop.simulator.received
    status, out, err = run("--json", "--entries", "2")
    told = json.loads(out)
    assert (status, err) == (0, "")
    assert (told["source"], told["warmed"], told["held"], told["failed"], told["ended"]) == ("l3", 2, 0, 0, "done")
    assert told["bytes"] > 0
    with ModelRouter(str(shop.config)) as router:
        assert [router.route("chat", body(number)).cache.tier for number in (2, 1, 0)] == ["l2", "l2", "l3"]
    status, out, _ = run()
    assert (status, shop.simulator.received) == (0, paid)
    assert "0 answers brought into L2" in out
    assert "3 were there already" in out


def test_copies_do_not_all_expire_at_once(shop: Shop, run: Run) -> None:
    """As after a flushed Redis: all of them are written in one moment."""
    shop.config.write_text(shop.config.read_text().replace("jitter = 0", "jitter = 0.5"))
    with ModelRouter(str(shop.l3_alone)) as router:
        for number in range(20):
            router.route("chat", body(number))
    assert run()[0] == 0
    store = inspect_l2(load(str(shop.config), prefixes=False).cache)
    assert store is not None
    with closing(store):
        ends = [one.expires_at for one in store.scan_by_frequency("shop", 100, half_life=1.0, now=time.time())]
    assert len(ends) == 20
    assert max(ends) - min(ends) > 600.0  # of 3,600 possible


def test_what_is_invalidated_meanwhile_does_not_stay(shop: Shop) -> None:
    """It was read from L3 before, and would be written to L2 after the invalidation has been there."""
    with ModelRouter(str(shop.l3_alone)) as router:
        for number in range(20):
            router.route("chat", body(number), tags=["odd"] if number % 2 else [])
    settings, pool = load(str(shop.config), prefixes=False).cache, WorkerPool("test")
    (source,), ports = inspected(settings, ("l3",)).values(), open_l2(settings, pool)
    assert ports is not None
    with closing(source), closing(ports[0]) as target, ModelRouter(str(shop.config)) as other:
        gone = []

        def progress(number: int) -> None:
            if number == 5:
                gone.append(other.invalidate(tag="odd"))

        done = copy_up(source, target, settings.warm, ttl=60.0, backplane=backplane_of(settings), progress=progress)
        kept = [entry for entry in target.scan("shop", 100) if "odd" not in entry.tags]
        assert gone == [10]
        assert [entry for entry in target.scan("shop", 100) if "odd" in entry.tags] == []
        assert len(kept) == 10
        assert done.entries["held"] > 0
    pool.close()


def test_prompts_fill_every_tier(shop: Shop, run: Run) -> None:
    prompts = shop.prompts(*(body(number, model="chat") for number in range(3)), "", body(9))
    status, out, err = run("--prompts", prompts, "--model", "chat", "--usd", "1")
    assert (status, err) == (0, "")
    assert "4 answers brought into the cache" in out
    assert "spent" in out
    assert "PLANTED" not in out
    with ModelRouter(str(shop.l3_alone)) as router:
        assert router.route("chat", body(9), cache="only").cache.tier == "l3"


def test_prompts_for_a_tenant_and_from_standard_input(shop: Shop, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(body(0, model="chat")) + "\n"))
    status, out, _ = run("--prompts", "-", "--usd", "inf", "--tenant", "acme", "--json")
    assert (status, json.loads(out)["warmed"]) == (0, 1)
    with ModelRouter(str(shop.config)) as router:
        assert router.route("chat", body(0), tenant="acme", cache="only").text == "an answer"


def test_a_budget_ends_it_and_is_named(shop: Shop, run: Run) -> None:
    prompts = shop.prompts(*(body(number, model="chat") for number in range(9)))
    status, out, _ = run("--prompts", prompts, "--usd", "0.0000001", "--concurrency", "1")
    assert status == 0
    assert "1 answer brought" in out
    assert "--usd" in out


def test_a_provider_that_refuses_is_a_failure(shop: Shop, run: Run) -> None:
    shop.simulator.define("ok", Behaviour(status=401))
    prompts = shop.prompts(*(body(number, model="chat") for number in range(9)))
    status, out, err = run("--prompts", prompts, "--usd", "1", "--concurrency", "1")
    assert status == 1
    assert "0 answers" in out
    assert "PLANTED" not in out + err


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["--prompts", "FILE"], 2, "--usd"),
        (["--usd", "1"], 2, "--prompts"),
        (["--prompts", "FILE", "--usd", "0"], 2, "above 0"),
        (["--prompts", "FILE", "--usd", "nan"], 2, "above 0"),
        (["--prompts", "FILE", "--usd", "1", "--concurrency", "0"], 2, "whole number"),
        (["--seconds", "-1"], 2, "above 0"),
        (["--entries", "1.5"], 2, "whole number"),
        (["--prompts", "/nowhere/at-all", "--usd", "1"], 1, "/nowhere/at-all"),
        (["--prompts", "FILE", "--usd", "1"], 1, "line 2 of the prompts is no JSON"),
    ],
)
def test_wrong_words(arguments: list[str], status: int, said: str, shop: Shop, run: Run) -> None:
    file = shop.prompts(body(0, model="chat"), "{PLANTED")
    found, out, err = run(*(file if one == "FILE" else one for one in arguments))
    assert found == status
    assert said in err
    assert "PLANTED" not in out + err
    assert shop.simulator.received == 0


def test_without_an_l2_it_says_what_to_do(shop: Shop, run: Run) -> None:
    status, _, err = run(config=shop.l3_alone)
    assert status == 1
    assert "at_start = true" in err


def test_an_l2_that_is_dead_is_one_line(shop: Shop, run: Run) -> None:
    with ModelRouter(str(shop.l3_alone)) as router:
        router.route("chat", body(0))
    status, out, err = run(config=shop.write("dead.toml", f"redis://127.0.0.1:{free_port()}"))
    assert (status, out) == (1, "")
    assert "into L2" in err
    assert "Traceback" not in err
