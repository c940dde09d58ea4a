"""`beastmode-otel cache …` on a real file, filled by a router."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import beastmode_otel
from beastmode_otel import ModelRouter
from beastmode_otel.cache.entry import Entry
from beastmode_otel.cache.envelope import EnvelopeCodec
from beastmode_otel.cache.tiers.sqlite.schema import VERSION
from beastmode_otel.cli import main
from beastmode_otel.simulator import Behaviour, Simulator

SOURCE = str(Path(beastmode_otel.__file__).parents[1])
PLANTED = "the PLANTED prompt"
ANSWER = "the PLANTED answer"
CONFIG = """
namespace = "shop"

[cache]
mode = "on"
stale_if_error = {stale}
jitter = 0
{secret}

[cache.l3]
url = "sqlite:///{file}"
soft = 20.0  # waited for, also on a busy machine

[deployments.main]
base_url = "{url}"
model = "gpt-4o-mini"
provider = "openai"

[deployments.spare]
base_url = "{url}"
model = "gpt-4o"
provider = "openai"

[deployments.raw]
kind = "passthrough"
base_url = "{url}"

[routes."custom:chat"]
deployments = [{{ name = "main", order = 1 }}, {{ name = "spare", order = 2 }}]

[routes."custom:other"]
deployments = [{{ name = "spare" }}]

[routes."custom:raw"]
deployments = [{{ name = "raw" }}]
"""


def body(number: int) -> dict[str, Any]:
    return {
        "messages": [
            {"role": "system", "content": "PLANTED instructions"},
            {"role": "user", "content": f"{PLANTED} {number}"},
        ],
        "temperature": 0.5,
    }


class Shop:
    """A configuration, a provider, and the command line on them. path: of the L3 file."""

    def __init__(self, directory: Path, simulator: Simulator) -> None:
        self.directory, self.simulator = directory, simulator
        self.path = directory / "cache.db"
        self.config = directory / "beastmode.toml"
        self.configure()

    def configure(self, *, stale: float = 0.0, secret: str = "", file: Path | None = None) -> None:
        text = CONFIG.format(file=file or self.path, url=self.simulator.url("ok"), stale=stale, secret=secret)
        self.config.write_text(text)

    def fill(self, model: str = "custom:chat", count: int = 3, **options: Any) -> list[str]:
        """The request ids of what was stored."""
        with ModelRouter(str(self.config)) as router:
            return [router.route(model, body(number), **options).request_id for number in range(count)]

    def ask(self, number: int = 0, **more: Any) -> str:
        """The path of a request."""
        file = self.directory / "request.json"
        file.write_text(json.dumps({**body(number), **more}))
        return str(file)


@pytest.fixture
def shop(tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Shop:
    simulator.define("ok", Behaviour(text=ANSWER, input_tokens=300, output_tokens=80))
    return Shop(tmp_path, simulator)


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(shop: Shop, capsys: pytest.CaptureFixture[str]) -> Run:
    def cache(verb: str, *arguments: str) -> tuple[int, str, str]:
        capsys.readouterr()
        status = main(["cache", verb, "--config", str(shop.config), *arguments])
        return (status, *capsys.readouterr())

    return cache


@pytest.fixture
def told(run: Run) -> Callable[..., dict[str, Any]]:
    def of(verb: str, *arguments: str) -> dict[str, Any]:
        status, out, err = run(verb, "--json", *arguments)
        assert (status, err, out.count("\n")) == (0, "", 1)
        found: dict[str, Any] = json.loads(out)
        return found

    return of


Told = Callable[..., dict[str, Any]]


class TestStats:
    def test_entries_hits_and_what_they_save(self, shop: Shop, told: Told) -> None:
        shop.fill(count=3)
        shop.fill(count=2)  # another process's L1 is empty: both are hits of L3
        shop.fill("custom:other", count=1, tenant="guest")
        stats = told("stats")
        assert (stats["entries"], stats["expired"], stats["tenants"], stats["damaged"]) == (4, 0, 2, 0)
        assert (stats["path"], stats["schema"], stats["exists"]) == (str(shop.path), VERSION, True)
        assert stats["size_bytes"] > 1000
        assert 0 <= stats["oldest_seconds"] < 60
        chat, other = stats["models"]
        assert (chat["model"], chat["entries"], chat["hits"]) == ("custom:chat", 3, 2)
        assert (chat["input_tokens"], chat["output_tokens"], chat["saved_tokens"]) == (300, 80, 760)
        assert chat["usd"] > 0
        assert chat["saved_usd"] == pytest.approx(2 * chat["usd"], abs=1e-5)
        assert (other["model"], other["hits"], other["saved_usd"]) == ("custom:other", 0, 0)
        assert [model["model"] for model in told("stats", "--tenant", "guest")["models"]] == ["custom:other"]

    def test_before_anything_was_stored_no_file_is_made(self, shop: Shop, run: Run) -> None:
        assert run("stats", "--json")[:2] == (
            0, json.dumps({"tier": "l3", "path": str(shop.path), "exists": False, "entries": 0}) + "\n",
        )  # fmt: skip
        for verb in (["stats"], ["invalidate", "--all-of-tenant"], ["flush", "--yes"], ["purge"]):
            assert run(*verb)[0] == 0
        assert not shop.path.exists()

    def test_what_is_damaged_is_counted_and_left_alone(self, shop: Shop, told: Told) -> None:
        shop.fill(count=3)
        with sqlite3.connect(shop.path) as db:
            ((payload,),) = db.execute("SELECT payload FROM llm_cache WHERE id = 1").fetchall()
            other = payload.replace(b"PLANTED answer", b"planted answer")
            db.execute("UPDATE llm_cache SET payload = ? WHERE id = 1", (other,))
        db.close()
        for _ in range(2):
            assert (told("stats")["damaged"], told("stats")["damaged_by_reason"]) == (1, {"checksum": 1})
        shop.configure(secret='secret = { env = "NOT_SET", default = "another secret" }')
        assert told("stats")["damaged_by_reason"] == {"checksum": 1, "signature": 2}
        assert told("stats")["entries"] == 3


class TestGet:
    def test_by_request_id_key_and_the_beginning_of_a_key(self, shop: Shop, told: Told) -> None:
        ids = shop.fill(count=2, tags=("faq", "v2"))
        entry = told("get", ids[1])
        assert entry["request_id"] == ids[1]
        assert (entry["model"], entry["model_served"], entry["deployment"]) == ("custom:chat", "gpt-4o-mini", "main")
        assert (entry["tenant"], entry["namespace"], entry["tags"]) == ("shop", "shop", ["faq", "v2"])
        assert (entry["finish_reason"], entry["usage"]["input_tokens"], entry["hits"]) == ("stop", 300, 0)
        assert entry["cost_usd"] > 0
        assert entry["fresh"] is True
        assert 0 <= entry["age_seconds"] < 60
        assert entry["remaining_seconds"] == pytest.approx(86_400, abs=60)
        assert told("get", entry["key"])["request_id"] == ids[1]
        assert told("get", entry["key"][:12])["request_id"] == ids[1]

    def test_the_text_only_on_demand_and_without_escape_codes(self, shop: Shop, run: Run) -> None:
        shop.simulator.define("ok", Behaviour(text=f"{ANSWER}\n\x1b[31mred"))
        (request,) = shop.fill(count=1)
        assert "PLANTED" not in "".join(run("get", request)[1:])
        assert "PLANTED" not in "".join(run("get", "--json", request)[1:])
        out = run("get", request, "--show-content")[1]
        assert out.endswith(f"TEXT\n{ANSWER}\n [31mred\n")
        assert json.loads(run("get", request, "--show-content", "--json")[1])["text"] == f"{ANSWER}\n\x1b[31mred"

    def test_what_is_not_there_is_a_failure(self, shop: Shop, run: Run) -> None:
        (request,) = shop.fill(count=1)
        for arguments in (["nonsense"], ["ab" * 32], [request, "--tenant", "guest"]):
            status, out, err = run("get", *arguments)
            assert (status, out) == (1, "")
            assert "is no entry of tenant" in err

    def test_reading_counts_no_hit(self, shop: Shop, told: Told) -> None:
        (request,) = shop.fill(count=1)
        for _ in range(3):
            assert told("get", request)["hits"] == 0


class TestInvalidate:
    @pytest.mark.parametrize(
        ("arguments", "removed"),
        [
            (["--model", "custom:chat"], 3),
            (["--model", "custom:cat"], 0),
            (["--tag", "faq"], 3),
            (["--tag", "fa"], 0),
            (["--older-than", "1h"], 0),
            (["--older-than", "0.001"], 4),
            (["--model", "custom:chat", "--older-than", "24h"], 0),
            (["--all-of-tenant"], 4),
            (["--all-of-tenant", "--tenant", "guest"], 1),
            (["--model", "custom:chat", "--tenant", "guest"], 1),
            (["--all-of-tenant", "--tenant", "nobody"], 0),
        ],
    )
    def test_what_matches_goes(self, shop: Shop, told: Told, arguments: list[str], removed: int) -> None:
        shop.fill(count=3, tags=("faq",))
        shop.fill("custom:other", count=1)
        shop.fill(count=1, tenant="guest")
        time.sleep(0.01)
        assert told("invalidate", *arguments)["removed"] == removed
        assert told("stats")["entries"] == 5 - removed

    def test_one_entry_by_its_handles(self, shop: Shop, told: Told, run: Run) -> None:
        ids = shop.fill(count=3)
        entry = told("get", ids[0])
        assert run("invalidate", "--key", entry["key"])[1].startswith("1 entry of tenant 'shop' removed")
        assert told("invalidate", "--request-id", ids[1])["removed"] == 1
        assert told("invalidate", "--scope", entry["scope"])["removed"] == 1
        assert told("stats")["entries"] == 0

    def test_it_says_what_it_cannot_reach(self, shop: Shop, run: Run) -> None:
        shop.fill(count=1)
        out = run("invalidate", "--all-of-tenant")[1]
        assert "may still answer from its L1, for at most 1 h" in out.replace("\n  ", " ")

    def test_a_router_asks_again_afterwards(self, shop: Shop, told: Told) -> None:
        shop.fill(count=1)
        shop.fill(count=1)
        assert shop.simulator.received == 1
        told("invalidate", "--model", "custom:chat")
        shop.fill(count=1)
        assert shop.simulator.received == 2


class TestFlushAndPurge:
    def test_flush_wants_to_be_sure(self, shop: Shop, told: Told, run: Run) -> None:
        shop.fill(count=2)
        shop.fill(count=1, tenant="guest")
        status, out, err = run("flush")
        assert (status, out) == (2, "")
        assert "everything of 2 tenants" in err
        assert told("stats")["entries"] == 3
        assert told("flush", "--yes") == {"removed": 3, "tenants": 2, "path": str(shop.path)}
        assert told("stats")["entries"] == 0

    def test_purge_takes_only_what_has_expired(self, shop: Shop, told: Told) -> None:
        shop.fill(count=3)
        assert told("purge")["removed"] == 0
        expire(shop, 2)
        assert told("stats")["expired"] == 2
        assert told("purge")["removed"] == 2
        assert (told("stats")["entries"], told("stats")["expired"]) == (1, 0)

    def test_purge_keeps_what_may_serve_stale(self, shop: Shop, told: Told) -> None:
        shop.configure(stale=3600)
        shop.fill(count=2)
        expire(shop, 2)
        assert told("purge")["removed"] == 0


def expire(shop: Shop, count: int) -> None:
    """As if the first entries had been written long ago: their column and their envelope say so."""
    past, codec = time.time() - 60, EnvelopeCodec(None)
    with sqlite3.connect(shop.path) as db:
        for row, payload in db.execute("SELECT id, payload FROM llm_cache WHERE id <= ?", (count,)).fetchall():
            entry = codec.decode(payload, None)
            assert isinstance(entry, Entry)
            again = codec.encode(replace(entry, expires_at=past))
            db.execute("UPDATE llm_cache SET expires_at = ?, payload = ? WHERE id = ?", (past, again, row))
    db.close()


class TestExplain:
    def test_a_hit(self, shop: Shop, told: Told) -> None:
        ids = shop.fill(count=2)
        found = told("explain", shop.ask(1, stream=True, user="somebody"), "--model", "custom:chat")
        assert found["may_lookup"] == {"ok": True, "reason": "ok"}
        assert (found["route"], found["deployments"], found["fallbacks"]) == ("custom:chat", ["main"], ["spare"])
        assert (found["l3"]["result"], found["l3"]["request_id"]) == ("hit", ids[1])
        assert found["l3"]["remaining_seconds"] == pytest.approx(86_400, abs=60)
        assert found["digest"] == told("get", ids[1])["key"]
        assert found["scope"] == told("get", ids[1])["scope"]
        parts = {part["name"]: part["value"] for part in found["parts"]}
        assert (parts["temperature"], parts["ignored"], parts["namespace"]) == ("0.5", "stream, user", "shop")
        assert parts["target"] == f"openai gpt-4o-mini {shop.simulator.url('ok')}"

    @pytest.mark.parametrize(
        ("more", "why"),
        [
            ({}, "2 stored answers differ from it in the last user text only"),
            ({"temperature": 0.6}, "2 stored answers of custom:chat, all of another scope"),
        ],
    )
    def test_a_miss_and_what_is_near(self, shop: Shop, told: Told, more: dict[str, Any], why: str) -> None:
        shop.fill(count=2)
        found = told("explain", shop.ask(7, **more), "--model", "custom:chat")
        assert found["l3"]["result"] == "miss"
        assert why in found["why"][0]

    def test_another_tenant_misses(self, shop: Shop, told: Told) -> None:
        shop.fill(count=1)
        found = told("explain", shop.ask(0), "--model", "custom:chat", "--tenant", "guest")
        assert found["l3"]["result"] == "miss"
        assert "Nothing of custom:chat is stored for tenant 'guest'. 1 other tenant has" in found["why"][0]

    def test_before_anything_was_stored(self, shop: Shop, told: Told) -> None:
        found = told("explain", shop.ask(0), "--model", "custom:chat")
        assert (found["l3"]["result"], "nothing was ever stored" in found["why"][0]) == ("miss", True)
        assert not shop.path.exists()

    @pytest.mark.parametrize(
        ("stale", "what"), [(0, "next purge removes it"), (3600, "only when every deployment fails")]
    )
    def test_an_expired_entry(self, shop: Shop, told: Told, stale: float, what: str) -> None:
        shop.configure(stale=stale)
        shop.fill(count=1)
        expire(shop, 1)
        found = told("explain", shop.ask(0), "--model", "custom:chat")
        assert (found["l3"]["result"], found["l3"]["remaining_seconds"]) == ("expired", None)
        assert "expired 1 m ago" in found["why"][0]
        assert what in found["why"][1]

    @pytest.mark.parametrize(
        ("model", "more", "reason"),
        [("custom:chat", {"store": True}, "stateful"), ("custom:raw", {}, "unknown_api")],
    )
    def test_what_the_cache_has_no_part_in(
        self, shop: Shop, told: Told, model: str, more: dict[str, Any], reason: str
    ) -> None:
        found = told("explain", shop.ask(0, **more), "--model", model)
        assert found["may_lookup"] == {"ok": False, "reason": reason}
        assert (found["digest"], found["parts"], found["l3"]["result"]) == (None, [], "not_asked")

    def test_no_prompt_on_screen_in_any_case(self, shop: Shop, run: Run, tmp_path: Path) -> None:
        shop.fill(count=1)
        broken = tmp_path / "broken.json"
        broken.write_text('{"messages": "PLANTED')
        outputs = [
            run("explain", shop.ask(0), "--model", "custom:chat"),
            run("explain", shop.ask(5), "--model", "custom:chat", "--json"),
            run("explain", shop.ask(5), "--model", "custom:nobody"),
            run("explain", shop.ask(5, store=True), "--model", "custom:chat"),
            run("explain", str(broken), "--model", "custom:chat"),
        ]
        assert [status for status, *_ in outputs] == [0, 0, 1, 0, 2]
        assert "PLANTED" not in "".join(out + err for _, out, err in outputs)

    def test_from_stdin(self, shop: Shop, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
        shop.fill(count=1)
        raw = io.BytesIO(json.dumps(body(0)).encode())
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw))
        assert told("explain", "-", "--model", "custom:chat")["l3"]["result"] == "hit"


class TestFailures:
    def test_no_l3(self, shop: Shop, run: Run) -> None:
        shop.config.write_text('[cache.l3]\nurl = "off"\n')
        status, out, err = run("stats")
        assert (status, out) == (1, "")
        assert "has no L3" in err

    def test_a_file_of_somebody_else(self, shop: Shop, run: Run) -> None:
        with sqlite3.connect(shop.path) as db:
            db.execute("CREATE TABLE precious (a)")
        db.close()
        for verb in (["stats"], ["get", "x"], ["purge"], ["invalidate", "--all-of-tenant"], ["flush", "--yes"]):
            status, _, err = run(*verb)
            assert status == 1
            assert "another application" in err

    def test_a_file_that_is_no_database(self, shop: Shop, run: Run) -> None:
        shop.path.write_bytes(b"nonsense" * 1000)
        status, out, err = run("stats")
        assert (status, out) == (1, "")
        assert str(shop.path) in err
        assert shop.path.read_bytes() == b"nonsense" * 1000  # looking changes nothing

    def test_a_configuration_that_is_not_there_is_wrong_usage(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["cache", "stats", "--config", "/nowhere/beastmode.toml"]) == 2
        assert "cannot be read" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["nonsense"],
            ["get"],
            ["get", " "],
            ["stats", "--tenant", ""],
            ["invalidate"],
            ["invalidate", "--tenant", "t"],
            ["invalidate", "--key", "abc"],
            ["invalidate", "--older-than", "soon"],
            ["invalidate", "--older-than", "0"],
            ["invalidate", "--model", "m", "--all-of-tenant"],
            ["flush"],
            ["explain", "-"],
            ["explain", "/nowhere/request.json", "--model", "m"],
        ],
    )
    def test_wrong_usage(
        self, arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("BEASTMODE_L3_URL", f"sqlite:///{tmp_path / 'cache.db'}")
        assert main(["cache", *arguments]) == 2
        out, err = capsys.readouterr()
        assert (out, bool(err)) == ("", True)


class TestAsPeopleRunIt:
    def test_text_is_plain_and_narrow(self, shop: Shop) -> None:
        (request, _) = shop.fill(count=2)
        shop.fill(count=2)
        unwanted = ("OTEL_", "BEASTMODE_", "OPENAI_", "ANTHROPIC_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
        for arguments in (
            ["stats"], ["get", request], ["explain", shop.ask(0), "--model", "custom:chat"],
            ["explain", shop.ask(9), "--model", "custom:chat"], ["invalidate", "--older-than", "24h"], ["purge"],
        ):  # fmt: skip
            command = [sys.executable, "-W", "error", "-m", "beastmode_otel.cli", "cache", *arguments]
            done = subprocess.run(
                [*command, "--config", str(shop.config)], env={**kept, "PYTHONPATH": SOURCE}, capture_output=True,
                text=True, timeout=30, check=False,
            )  # fmt: skip
            assert (done.returncode, done.stderr) == (0, "")
            assert "\x1b" not in done.stdout
            assert max(map(len, done.stdout.replace(str(shop.directory), "/tmp").splitlines())) <= 80
            assert "PLANTED" not in done.stdout
