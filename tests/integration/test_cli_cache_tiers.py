"""`beastmode-otel cache …` on an L2 and an L3 at once, filled by a router."""

from __future__ import annotations

import itertools
import json
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel import ModelRouter
from beastmode_otel.cli import main
from beastmode_otel.simulator import Behaviour, Simulator
from support.redis_servers import VALKEY, RedisServer, free_port, shared

_PREFIXES = itertools.count()
Run = Callable[..., tuple[int, str, str]]


class Shop:
    """A configuration with both tiers, and a provider."""

    def __init__(self, directory: Path, simulator: Simulator) -> None:
        simulator.define("ok", Behaviour(text="an answer", input_tokens=300, output_tokens=80))
        self.simulator, self.path = simulator, directory / "cache.db"
        self.file, self.prefix = directory / "beastmode.toml", f"cli-{os.getpid()}-{next(_PREFIXES)}"
        self.request = directory / "request.json"
        self.request.write_text(json.dumps(body(0)))
        self.configure(shared(VALKEY).url)

    def configure(self, l2: str) -> None:
        """l2: its URL."""
        self.l2 = l2
        self.file.write_text(
            f"""
            namespace = "shop"
            [cache]
            mode = "on"
            jitter = 0
            l2 = {{ url = "{l2}", prefix = "{self.prefix}", soft = 20.0, hard = 20.0 }}
            l3 = {{ url = "sqlite:///{self.path}", soft = 20.0 }}
            [deployments.main]
            base_url = "{self.simulator.url("ok")}"
            model = "gpt-4o-mini"
            provider = "openai"
            [routes."custom:chat"]
            deployments = ["main"]
            """
        )

    def router(self) -> ModelRouter:
        return ModelRouter(str(self.file))

    def fill(self, count: int = 3, **options: Any) -> list[str]:
        """The request ids of what was stored."""
        with self.router() as router:
            return [router.route("custom:chat", body(number), **options).request_id for number in range(count)]

    @property
    def l3_alone(self) -> Path:
        """A configuration without the L2."""
        file = self.file.with_name("l3.toml")
        lines = self.file.read_text().splitlines()
        file.write_text("\n".join(line for line in lines if not line.strip().startswith("l2")))
        return file


def body(number: int) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"question {number}"}]}


@pytest.fixture
def shop(tmp_path: Path, simulator: Simulator) -> Shop:
    return Shop(tmp_path, simulator)


@pytest.fixture
def run(shop: Shop, capsys: pytest.CaptureFixture[str]) -> Run:
    def cache(verb: str, *arguments: str, config: Path | None = None) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(["cache", verb, "--config", str(config or shop.file), *arguments])
        return (status, *capsys.readouterr())

    return cache


@pytest.fixture
def told(run: Run) -> Callable[..., dict[str, Any]]:
    def of(verb: str, *arguments: str, **more: Any) -> dict[str, Any]:
        status, out, err = run(verb, "--json", *arguments, **more)
        assert (status, err, out.count("\n")) == (0, "", 1)
        found: dict[str, Any] = json.loads(out)
        return found

    return of


Told = Callable[..., dict[str, Any]]


def by_tier(told: dict[str, Any]) -> dict[str, Any]:
    return {one["tier"]: one for one in told["tiers"]}


class TestLooking:
    def test_stats_are_by_tier(self, shop: Shop, told: Told, run: Run) -> None:
        shop.fill(3)
        shop.fill(1, tenant="guest")
        with shop.router() as router:
            router.route("custom:chat", body(0))  # a hit of L2, which no other tier sees
        tiers = by_tier(told("stats"))
        assert list(tiers) == ["l2", "l3"]
        assert [(one["entries"], one["tenants"], one["damaged"]) for one in tiers.values()] == [(4, 2, 0), (4, 2, 0)]
        assert (tiers["l2"]["path"], tiers["l3"]["path"]) == (shop.l2, str(shop.path))
        (second,), (third,) = tiers["l2"]["models"], tiers["l3"]["models"]
        assert (second["hits"], second["saved_tokens"], second["saved_usd"]) == (None, None, None)
        assert third["hits"] == 0
        assert second["usd"] == third["usd"] > 0
        assert (second["input_tokens"], second["output_tokens"]) == (300, 80)
        lines = run("stats")[1].splitlines()
        assert [line.split()[:2] for line in lines if line.startswith("  L")][:2] == [["L2", "4"], ["L3", "4"]]
        assert next(line.split() for line in lines if line.startswith("  custom:chat"))[1:4] == ["L2", "4", "-"]

    def test_one_tier_alone_is_told_as_ever(self, shop: Shop, told: Told) -> None:
        shop.fill(2)
        for tier, where in (("l2", shop.l2), ("l3", str(shop.path))):
            stats = told("stats", "--tier", tier)
            assert (stats["tier"], stats["path"], stats["entries"]) == (tier, where, 2)
        assert told("stats", config=shop.l3_alone)["tier"] == "l3"

    def test_before_anything_was_stored(self, told: Told, run: Run) -> None:
        assert [(one["exists"], one["entries"]) for one in told("stats")["tiers"]] == [(False, 0), (False, 0)]
        assert run("stats")[1].count("There is nothing in it") == 2

    def test_get_shows_what_each_of_them_has(self, shop: Shop, told: Told, run: Run) -> None:
        (request,) = shop.fill(1)
        entry = told("get", request)
        assert (entry["request_id"], entry["hits"]) == (request, 0)
        lives = {one["tier"]: one["remaining_seconds"] for one in entry["tiers"]}
        assert lives == {"l2": pytest.approx(7200, abs=60), "l3": pytest.approx(86_400, abs=60)}
        assert entry["remaining_seconds"] == lives["l2"]  # which is the one that is served
        out = run("get", entry["key"][:12])[1]
        assert "L2 counts none; 0 from L3" in out
        assert re.search("L2: fresh for [12] h.*; L3: fresh for (1 d|23 h)", out)
        assert told("get", request, "--tier", "l3")["remaining_seconds"] == pytest.approx(86_400, abs=60)

    def test_explain_asks_both(self, shop: Shop, told: Told, run: Run) -> None:
        ids = shop.fill(1)
        asked = [str(shop.request), "--model", "custom:chat"]
        found = told("explain", *asked)
        assert [(found[tier]["result"], found[tier]["request_id"]) for tier in ("l2", "l3")] == [("hit", ids[0])] * 2
        told("invalidate", "--all-of-tenant", "--tier", "l2")
        shop.fill(0)
        found = told("explain", *asked)
        assert (found["l2"]["result"], found["l3"]["result"]) == ("miss", "hit")
        assert [line[:4] for line in found["why"]] == ["L2: ", "L3: "]
        assert "\nL2\n" in run("explain", *asked)[1]
        assert "l2" not in told("explain", *asked, "--tier", "l3")

    def test_looking_changes_nothing(self, shop: Shop, run: Run) -> None:
        (request,) = shop.fill(1)
        before = lying(shop)
        for verb in (["stats"], ["get", request], ["explain", str(shop.request), "--model", "custom:chat"]):
            assert run(*verb)[0] == 0
        assert lying(shop) == before

    def test_text_is_narrow(self, shop: Shop, run: Run) -> None:
        (request,) = shop.fill(1)
        for verb in (
            ["stats"], ["get", request], ["explain", str(shop.request), "--model", "custom:chat"],
            ["invalidate", "--older-than", "24h"], ["purge"],
        ):  # fmt: skip
            out = run(*verb)[1].replace(str(shop.path.parent), "/tmp")
            assert max(map(len, out.splitlines())) <= 80, out


def lying(shop: Shop) -> dict[str, bytes]:
    """Everything that the server has of this shop."""
    import redis

    with redis.Redis(port=shared(VALKEY).port) as client:
        return {name: client.dump(name) for name in client.scan_iter(f"{shop.prefix}:*", count=1000)}


class TestRemoving:
    @pytest.fixture
    def running(self, shop: Shop) -> Iterator[ModelRouter]:
        """A process that has an answer in its L1, and listens."""
        with shop.router() as router:
            router.route("custom:chat", body(0), tags=["faq"])
            time.sleep(0.5)  # until it has subscribed
            yield router

    @pytest.mark.parametrize(
        ("verb", "text"),
        [
            (["invalidate", "--tag", "faq"], "1 entry of tenant 'shop' removed from "),
            (["invalidate", "--all-of-tenant"], "1 entry of tenant 'shop' removed from "),
            (["flush", "--yes"], "1 entry of 1 tenant removed from "),
        ],
    )
    def test_it_is_gone_from_both_and_from_running_processes(
        self, shop: Shop, run: Run, running: ModelRouter, verb: list[str], text: str
    ) -> None:
        eventually(lambda: len(lying(shop)) >= 3)
        status, out, err = run(*verb)
        assert (status, err) == (0, "")
        assert [line.startswith(text) for line in out.splitlines()[:2]] == [True, True]
        assert "it is gone from their L1, too" in out
        eventually(lambda: running.route("custom:chat", body(0)).cache.status != "hit")
        assert shop.simulator.received == 2

    def test_of_one_tier_alone_nobody_is_told(self, shop: Shop, run: Run, running: ModelRouter) -> None:
        eventually(lambda: len(lying(shop)) >= 3)
        out = run("invalidate", "--all-of-tenant", "--tier", "l2")[1]
        assert out.startswith("1 entry of tenant 'shop' removed from ")
        assert "Only L2 was asked." in out
        time.sleep(0.5)
        assert running.route("custom:chat", body(0)).cache.status == "hit"
        assert shop.simulator.received == 1

    def test_the_count_is_that_of_the_tier_that_had_the_most(self, shop: Shop, told: Told) -> None:
        shop.fill(3)
        told("invalidate", "--all-of-tenant", "--tier", "l2")
        found = told("invalidate", "--all-of-tenant")
        assert (found["removed"], found["told"]) == (3, True)
        assert [(one["tier"], one["removed"]) for one in found["tiers"]] == [("l2", 0), ("l3", 3)]

    def test_purge_sees_to_both(self, shop: Shop, told: Told) -> None:
        shop.fill(1, ttl=6)
        shop.fill(3)
        time.sleep(6.1)
        assert {tier: one["expired"] for tier, one in by_tier(told("stats")).items()}["l3"] == 1
        assert {one["tier"] for one in told("purge")["tiers"]} == {"l2", "l3"}
        assert {one["expired"] for one in told("stats")["tiers"]} == {0}


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


class TestOneThatIsIll:
    @pytest.fixture(autouse=True)
    def _l2_is_dead(self, shop: Shop) -> None:
        shop.fill(2)
        shop.configure(f"redis://user:secret-word@127.0.0.1:{free_port()}/0")

    def test_the_other_is_shown_and_the_status_is_1(self, shop: Shop, run: Run) -> None:
        status, out, err = run("stats", "--json")
        tiers = by_tier(json.loads(out))
        assert (status, tiers["l3"]["entries"]) == (1, 2)
        assert "cannot be reached" in tiers["l2"]["error"]
        assert "cannot be reached" in err
        assert "secret-word" not in out + err

    def test_it_is_removed_where_it_can_be(self, run: Run) -> None:
        status, out, err = run("invalidate", "--all-of-tenant")
        assert (status, out.startswith("2 entries of tenant 'shop' removed from ")) == (1, True)
        assert "may still answer from its L1" in " ".join(out.split())
        assert "cannot be reached" in err

    def test_alone_it_is_a_failure(self, run: Run) -> None:
        for verb in (["stats"], ["purge"], ["flush", "--yes"], ["get", "abcdef"]):
            status, out, err = run(*verb, "--tier", "l2")
            assert (status, out, "cannot be reached" in err) == (1, "", True), verb

    def test_what_is_not_found_may_be_there(self, run: Run) -> None:
        status, _, err = run("get", "abcdef")
        assert (status, "did not answer" in err) == (1, True)


def test_a_tier_that_is_not_configured(shop: Shop, run: Run) -> None:
    assert run("stats", "--tier", "l2", config=shop.l3_alone)[0] == 1
    assert "no L2: cache.l2.url is not set" in run("stats", "--tier", "l2", config=shop.l3_alone)[2]
    assert run("stats", "--tier", "l1")[0] == 2


def test_a_server_that_has_been_emptied_has_nothing(shop: Shop, run: Run, told: Told) -> None:
    server = RedisServer()
    shop.configure(server.url)
    shop.fill(2)
    server.tell("FLUSHALL")
    assert by_tier(told("stats"))["l2"] == {"tier": "l2", "path": server.url, "exists": False, "entries": 0}
    assert run("purge")[0] == 0
    server.close()
