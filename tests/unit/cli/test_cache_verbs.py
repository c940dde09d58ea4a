"""Every `beastmode-otel cache` verb on a tier that is no file: the verbs know the inspectable port and nothing else."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel.cache.entry import Entry
from beastmode_otel.cache.tier import InspectableTier
from beastmode_otel.cli import cache
from beastmode_otel.cli.cache.store import Store
from beastmode_otel.cli.exits import Failed
from beastmode_otel.config import load
from contract.samples import CODEC, entry, key
from contract.socket_tier import Row
from contract.socket_tier import Store as Rows
from contract.store_inspection import StoreInspection

CONFIG = {
    "namespace": "shop",
    "deployments": {"main": {"base_url": "http://127.0.0.1:9/v1", "model": "gpt-4o-mini", "provider": "openai"}},
    "routes": {"chat": {"deployments": ["main"]}},
}
REQUEST = {"messages": [{"role": "user", "content": "why?"}]}


class TierInMemory:
    """A tier of rows in memory, and the command line over it."""

    def __init__(self, capsys: pytest.CaptureFixture[str], config: Any = CONFIG) -> None:
        self.rows, self._capsys = Rows(), capsys
        self.tier = StoreInspection(self.rows, CODEC)
        port: InspectableTier = self.tier
        self._store = Store(config=load(config), tiers={"l3": port}, tenant="shop")

    def put(self, *, hits: int = 0, **facts: Any) -> Entry:
        now = time.time()
        one = entry(**{"of": key(tenant="shop"), "created_at": now - 60, "expires_at": now + 1000} | facts)
        self.rows.rows[one.key.tenant, one.key.digest] = Row(one, CODEC.encode(one), now - 5, hits)
        return one

    def run(self, verb: str, *arguments: str) -> str:
        parser = argparse.ArgumentParser()
        cache.add(parser)
        given = parser.parse_args([verb, *arguments])
        assert given.part(given, self._store) == 0
        return self._capsys.readouterr().out

    def told(self, verb: str, *arguments: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(verb, "--json", *arguments))
        assert found.get("path", "memory://rows") == "memory://rows"
        return found


@pytest.fixture
def store(capsys: pytest.CaptureFixture[str]) -> TierInMemory:
    return TierInMemory(capsys)


def stats(store: TierInMemory, _: Path) -> None:
    assert store.told("stats") == {"tier": "l3", "path": "memory://rows", "exists": False, "entries": 0}
    store.put(hits=4)
    store.put(of=key(2, tenant="guest", model="slow"))
    store.rows.rows["guest", key(2).digest].payload = b"junk"
    found = store.told("stats")
    assert (found["schema"], found["entries"], found["tenants"], found["exists"]) == (7, 2, 2, True)
    assert (found["damaged_by_reason"], found["damaged"]) == ({"malformed": 1}, 1)
    assert [(one["model"], one["hits"]) for one in found["models"]] == [("fast", 4), ("slow", 0)]
    assert "memory://rows" in store.run("stats", "--tenant", "shop")


def get(store: TierInMemory, _: Path) -> None:
    one = store.put(hits=4)
    found = store.told("get", one.request_id, "--show-content")
    assert (found["key"], found["hits"], found["text"]) == (one.key.digest.hex(), 4, one.text)
    assert "4 from L3, last 5 s ago" in store.run("get", one.key.digest.hex()[:8])
    with pytest.raises(Failed, match="is no entry of tenant 'shop' in memory://rows"):
        store.run("get", "nonsense")
    store.rows.rows["shop", one.key.digest].payload = b"junk"
    with pytest.raises(Failed, match="cannot be read here: malformed"):
        store.run("get", one.request_id)


def invalidate(store: TierInMemory, _: Path) -> None:
    store.put()
    store.put(of=key(2, tenant="shop"), tags=("faq",))
    assert store.told("invalidate", "--tag", "faq")["removed"] == 1
    assert "1 entry of tenant 'shop' removed from memory://rows" in store.run("invalidate", "--older-than", "30s")
    assert not store.rows.rows


def flush(store: TierInMemory, _: Path) -> None:
    store.put()
    store.put(of=key(2, tenant="guest"))
    with pytest.raises(SystemExit):
        store.run("flush")
    assert store.told("flush", "--yes") == {"removed": 2, "tenants": 2, "path": "memory://rows"}
    assert not store.rows.rows


def purge(store: TierInMemory, _: Path) -> None:
    store.put()
    store.put(of=key(2, tenant="shop"), expires_at=time.time() - 1)
    assert store.told("purge")["removed"] == 1
    assert "0 expired entries removed from memory://rows" in store.run("purge")


def explain(store: TierInMemory, directory: Path) -> None:
    file = directory / "request.json"
    file.write_text(json.dumps(REQUEST))
    asked = [str(file), "--model", "chat"]
    first = store.told("explain", *asked)
    assert (first["l3"]["result"], "nothing was ever stored" in first["why"][-1]) == ("miss", True)
    of = key(tenant="shop", model="chat")
    near = type(of)(
        digest=bytes.fromhex(first["digest"]), scope=bytes.fromhex(first["scope"]), tenant="shop", namespace="shop",
        model="chat",
    )  # fmt: skip
    store.put(of=key(2, tenant="shop", model="chat"))
    assert "all of another scope" in store.told("explain", *asked)["why"][-1]
    store.put(of=near)
    assert store.told("explain", *asked)["l3"]["result"] == "hit"
    assert "memory://rows" in store.run("explain", *asked)
    store.put(of=near, expires_at=time.time() - 1)
    assert store.told("explain", *asked)["l3"]["result"] == "expired"
    store.rows.rows["shop", near.digest].payload = b"junk"
    assert store.told("explain", *asked)["l3"]["result"] == "damaged"


def migrate(store: TierInMemory, _: Path) -> None:
    assert store.told("migrate") == {"path": "memory://rows", "applied": [], "needed": False}
    assert "memory://rows is brought up to date whenever it is opened" in store.run("migrate", "--dry-run")


@pytest.mark.parametrize("obeyed", [None, True, False])
def test_explain_says_when_nothing_can_be_stored(
    obeyed: bool | None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A provider that says no-store with every answer, and is obeyed."""
    said: dict[str, Any] = {} if obeyed is None else {"obey_cache_control": obeyed}
    main = CONFIG["deployments"]["main"] | {"provider": "groq"}  # type: ignore[index]
    store = TierInMemory(capsys, {**CONFIG, "deployments": {"main": main | said}})
    file = tmp_path / "request.json"
    file.write_text(json.dumps(REQUEST))
    told = store.told("explain", str(file), "--model", "chat")["why"]
    assert any("obey_cache_control" in line and line.startswith("main ") for line in told) == (obeyed is True)


def warm(store: TierInMemory, _: Path) -> None:
    with pytest.raises(Failed, match="copies from L3 into L2"):  # no L2 is here; with both: test_cli_warm.py
        store.run("warm")


VERBS: dict[str, Callable[[TierInMemory, Path], None]] = {
    "stats": stats, "get": get, "invalidate": invalidate, "flush": flush, "purge": purge, "explain": explain,
    "migrate": migrate, "warm": warm,
}  # fmt: skip


@pytest.mark.parametrize("verb", [part.NAME for part in cache.PARTS])
def test_a_verb_works_on_the_port(verb: str, store: TierInMemory, tmp_path: Path) -> None:
    VERBS[verb](store, tmp_path)


def test_a_tier_that_is_down_says_why(store: TierInMemory) -> None:
    store.tier.down = "refused"
    with pytest.raises(Failed, match="memory://rows: refused"):
        store.run("stats")


def test_no_verb_knows_what_stands_behind_the_port() -> None:
    """Raw SQL and file names belong to the tier."""
    for file in Path(cache.__file__).parent.glob("*.py"):
        source = file.read_text().lower()
        assert not any(word in source for word in ("sqlite", "select ", "payload", "path.exists")), file.name
