"""What the doctor finds at a real server behind cache.l2."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from beastmode_otel.cache import StoreFacts
from beastmode_otel.doctor import shared_tier
from beastmode_otel.doctor.catalog import Finding
from beastmode_otel.doctor.examine import outside
from support.redis_servers import REDIS, VALKEY, RedisServer, black_hole, free_port

QUIET = {"OTEL_SDK_DISABLED": "true", "BEASTMODE_CACHE": "on", "BEASTMODE_SECRET": "s3cret-s3cret"}


@pytest.fixture(params=[VALKEY, REDIS])
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    one = RedisServer(request.param)
    one.tell("CONFIG", "SET", "maxmemory", "100mb")
    one.tell("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    yield one
    one.close()


def look(url: str, **more: str) -> dict[str, Finding]:
    found = outside({**QUIET, "BEASTMODE_L2_URL": url, **more})
    return {finding.code: finding for finding in found if finding.code.startswith("l2_")}


def test_a_server_that_fits(server: RedisServer) -> None:
    found = look(server.url)
    assert list(found) == ["l2_answers"]
    assert f"127.0.0.1:{server.port}" in found["l2_answers"].detail
    assert ("Valkey 9." in found["l2_answers"].detail) == ("valkey" in server._program)


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ((("maxmemory", "0"),), "l2_unbounded"),
        ((("maxmemory-policy", "noeviction"),), "l2_noeviction"),
    ],
)
def test_its_memory(server: RedisServer, settings: tuple[tuple[str, str], ...], code: str) -> None:
    for name, value in settings:
        server.tell("CONFIG", "SET", name, value)
    found = look(server.url)
    assert list(found) == ["l2_answers", code]
    assert "allkeys-lru" in found[code].hint


def test_a_replica(server: RedisServer) -> None:
    server.tell("REPLICAOF", "127.0.0.1", str(free_port()))
    server.tell("CONFIG", "SET", "replica-serve-stale-data", "yes")
    found = look(server.url)
    assert found["l2_read_only"].severity == "problem"


def test_a_user_who_may_not_ask(server: RedisServer) -> None:
    server.tell("ACL", "SETUSER", "cache", "on", ">word-word", "~*", "+@all", "-info")
    assert list(look(f"redis://cache:word-word@127.0.0.1:{server.port}")) == ["l2_answers", "l2_unexamined"]


def test_no_signature(server: RedisServer) -> None:
    assert list(look(server.url, BEASTMODE_SECRET="")) == ["l2_answers", "l2_unsigned"]


def test_nobody_there_and_a_wrong_password(server: RedisServer) -> None:
    server.tell("CONFIG", "SET", "requirepass", "right-horse")
    for url in (f"redis://127.0.0.1:{free_port()}", f"redis://:wr0ng-b4ttery@127.0.0.1:{server.port}"):
        found = look(url)
        assert list(found) == ["l2_unreachable"]
        assert "wr0ng" not in found["l2_unreachable"].detail
    assert "login was refused" in found["l2_unreachable"].detail


def test_a_black_hole_is_left_after_some_seconds() -> None:
    with black_hole() as port:
        began = time.monotonic()
        assert list(look(f"redis://127.0.0.1:{port}")) == ["l2_unreachable"]
        assert time.monotonic() - began < 10


def test_a_clock_that_runs_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = StoreFacts(
        where="h:1", product="Redis", version=(6, 0, 9), seconds=0.001, skew=-90.0, read_only=False, limit=1, used=0,
        policy="allkeys-lfu",
    )  # fmt: skip
    monkeypatch.setattr(shared_tier, "examine_l2", lambda settings: [facts])
    found = look("redis://h:1")
    assert list(found) == ["l2_answers", "l2_old", "l2_clock"]
    assert found["l2_clock"].detail == "h:1 is 90 s behind"


def test_nothing_is_looked_at_where_there_is_no_l2() -> None:
    assert look("off") == {}
    assert look("redis://127.0.0.1:1", BEASTMODE_CACHE="off") == {}
