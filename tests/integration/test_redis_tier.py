"""L2 against real servers in real trouble: what is slow, dead, full, read-only, restarted, and who may log in."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from beastmode_otel.cache.entry import Entry
from beastmode_otel.cache.tier import Filter, TierUnavailable
from beastmode_otel.cache.tiers.redis.layout import Layout
from beastmode_otel.cache.tiers.redis.tier import RedisTier
from beastmode_otel.config.redis_url import read_redis_url
from beastmode_otel.runtime import WorkerPool
from contract.samples import CODEC, entry, key
from support.redis_servers import REDIS, VALKEY, RedisServer, black_hole, free_port
from support.relay import Relay

HARD = 0.25
KINDS = (VALKEY, REDIS)
Make = Callable[..., RedisTier]


@pytest.fixture
def make() -> Iterator[Make]:
    made: list[tuple[RedisTier, WorkerPool]] = []

    def tier(url: str, *, hard: float = 20.0, **options: Any) -> RedisTier:
        pool = WorkerPool("l2", size=2)
        one = RedisTier(read_redis_url(url), codec=CODEC, pool=pool, hard=hard, **options)
        made.append((one, pool))
        return one

    yield tier
    for one, pool in made:
        pool.close()
        one.close()


@pytest.fixture(params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    one = RedisServer(request.param)
    yield one
    one.close()


def fresh(name: object = "q", ttl: float = 600.0, **changes: Any) -> Entry:
    now = time.time()
    tenant = changes.pop("tenant", "acme")
    return entry(key(name, tenant=tenant), created_at=now, expires_at=now + ttl, **changes)


def both_ways(tier: RedisTier, name: object = "q") -> list[Entry | None]:
    async def read() -> Entry | None:
        try:
            return await tier.get(key(name))
        finally:
            await tier.aclose()

    return [tier.ask(key(name)).take(), asyncio.run(read())]


def refusals(tier: RedisTier) -> list[TierUnavailable]:
    """Of a read each way, and a write."""

    async def read() -> None:
        try:
            await tier.get(key())
        finally:
            await tier.aclose()

    refused = []
    for call in (lambda: tier.ask(key()).take(), lambda: asyncio.run(read()), lambda: tier.put(fresh())):
        with pytest.raises(TierUnavailable) as caught:
            call()
        refused.append(caught.value)
    return refused


# How long trouble takes.


def test_a_dead_port_costs_next_to_nothing(make: Make) -> None:
    tier = make(f"redis://127.0.0.1:{free_port()}", hard=HARD)
    refusals(tier)
    began = time.monotonic()
    told = [one for _ in range(10) for one in refusals(tier)]
    assert (time.monotonic() - began) / len(told) < 0.5  # 1 ms, and a neighbour's share
    assert not any(one.healthy for one in told)
    assert "cannot be reached" in told[0].reason


def test_a_black_hole_costs_the_hard_timeout(make: Make) -> None:
    with black_hole() as port:
        tier = make(f"redis://127.0.0.1:{port}", hard=HARD)
        began = time.monotonic()
        told = refusals(tier)
        assert 0.6 < time.monotonic() - began < 10.0
        assert not any(one.healthy for one in told)
        assert "no answer in time" in told[0].reason


def test_a_stopped_server_costs_the_hard_timeout(make: Make, server: RedisServer) -> None:
    tier = make(server.url, hard=HARD)
    tier.put(fresh())
    server.suspend()
    try:
        began = time.monotonic()
        told = refusals(tier)
        assert 0.6 < time.monotonic() - began < 10.0
        assert not any(one.healthy for one in told)
    finally:
        server.resume()
    assert both_ways(tier)[0] is not None


def test_asking_a_server_that_hangs_takes_no_time(make: Make, server: RedisServer) -> None:
    tier = make(server.url)
    tier.put(fresh())
    server.suspend()
    try:
        began = time.monotonic()
        pending = tier.ask(key())
        assert not pending.ready(0.05)
        assert 0.04 < time.monotonic() - began < 8.0
    finally:
        server.resume()
    assert pending.ready(10.0)
    assert pending.take() is not None


def test_asking_never_connects(make: Make) -> None:
    with black_hole() as port:
        began = time.monotonic()
        assert not make(f"redis://127.0.0.1:{port}").ask(key()).ready(10.0)
        assert time.monotonic() - began < 8.0


# What the server says.


def test_a_wrong_password_says_what_to_write_and_shows_none(make: Make, server: RedisServer) -> None:
    server.tell("CONFIG", "SET", "requirepass", "right-horse")
    for url in (f"redis://:wr0ng-b4ttery@127.0.0.1:{server.port}", f"redis://127.0.0.1:{server.port}"):
        told = refusals(make(url))
        assert not any(one.healthy for one in told)
        assert all("cache.l2.url" in one.reason for one in told)
        assert not any("wr0ng" in one.reason or "right" in one.reason for one in told)
    good = make(f"redis://:right-horse@127.0.0.1:{server.port}")
    good.put(fresh())
    assert all(both_ways(good))


def test_a_user_and_a_database_of_its_own(make: Make, server: RedisServer) -> None:
    server.tell("ACL", "SETUSER", "cache", "on", ">p@ss/w#rd", "~shop:*", "&shop:*", "+@all", "-@dangerous")
    tier = make(f"redis://cache:p%40ss%2Fw%23rd@127.0.0.1:{server.port}/3", prefix="shop")
    tier.put(fresh())
    assert all(both_ways(tier))
    assert tier.invalidate(Filter(tenant="acme", tag="docs"), time.time()) == 1
    assert tier.stats().entries == tier.purge(time.time()) == 0
    with redis.Redis(port=server.port, db=3) as client:
        assert all(name.startswith(b"shop:1:") for name in client.scan_iter())
    other = make(f"redis://cache:p%40ss%2Fw%23rd@127.0.0.1:{server.port}", prefix="elsewhere")
    with pytest.raises(TierUnavailable, match="its user may not do this") as refused:
        other.put(fresh())
    assert refused.value.healthy


def test_out_of_memory_is_healthy_and_reads_go_on(make: Make, server: RedisServer) -> None:
    tier = make(server.url)
    tier.put(fresh())
    server.tell("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(TierUnavailable, match="allkeys-lru") as refused:
        tier.put(fresh(2))
    assert refused.value.healthy
    assert all(both_ways(tier))


def test_a_read_only_replica_is_healthy_and_reads_go_on(make: Make, server: RedisServer) -> None:
    tier = make(server.url)
    tier.put(fresh())
    replica = RedisServer(VALKEY if "valkey" in server._program else REDIS)
    try:
        replica.tell("REPLICAOF", "127.0.0.1", str(server.port))
        with redis.Redis(port=replica.port) as client:
            until = time.monotonic() + 20
            while client.dbsize() < 3 and time.monotonic() < until:
                time.sleep(0.05)
        there = make(replica.url)
        assert all(both_ways(there))
        with pytest.raises(TierUnavailable, match="read-only replica") as refused:
            there.put(fresh(2))
        assert refused.value.healthy
    finally:
        replica.close()


def test_a_restarted_server_is_found_again_without_an_error(make: Make, server: RedisServer) -> None:
    tier = make(server.url)

    async def main() -> None:
        tier.put(fresh())
        assert await tier.get(key()) is not None
        server.kill()
        server.start()
        assert await tier.get(key()) is None  # not on the connection that the old one closed
        assert tier.ask(key()).take() is None
        tier.put(fresh(text="again"))  # whose script the new one does not know
        assert (await tier.get(key())).text == "again"
        await tier.aclose()

    asyncio.run(main())


def test_after_flushall_everything_is_a_miss_and_works(make: Make, server: RedisServer) -> None:
    tier = make(server.url)
    tier.put(fresh(1))
    server.tell("FLUSHALL")
    assert both_ways(tier, 1) == [None, None]
    tier.put(fresh(1))
    assert all(both_ways(tier, 1))
    assert tier.stats().entries == 1


def test_what_lies_there_as_another_type_is_healthy_trouble(make: Make, server: RedisServer) -> None:
    tier = make(server.url, prefix="shop")
    with redis.Redis(port=server.port) as client:
        client.sadd(Layout("shop").place(key()).entry(key().digest), "x")
    with pytest.raises(TierUnavailable) as refused:
        tier.ask(key()).take()
    assert refused.value.healthy


@pytest.mark.parametrize("junk", [b"", b"x", b"\xff" * 400, b'{"v":1,"sum":"' + b"0" * 500])
def test_bytes_that_are_no_entry_are_a_miss_counted_and_deleted(make: Make, server: RedisServer, junk: bytes) -> None:
    tier = make(server.url, prefix="shop")
    tier.put(fresh())
    name = Layout("shop").place(key()).entry(key().digest)
    with redis.Redis(port=server.port) as client:
        client.set(name, junk)
        assert tier.ask(key()).take() is None
        assert tier.damaged == 1
        assert tier._pool.drain(10)
        assert not client.exists(name)
    assert tier.stats().entries == 0


# What may be found.


def test_the_server_expires_entries_and_their_index(make: Make, server: RedisServer) -> None:
    tier = make(server.url)
    tier.put(fresh(ttl=90.0))
    with redis.Redis(port=server.port) as client:
        lives = {name: client.pttl(name) for name in client.scan_iter() if not name.endswith(b":tenants")}
    assert len(lives) == 2
    assert all(80_000 < left <= 90_000 for left in lives.values())


def test_an_evicted_index_takes_its_entries_along(make: Make, server: RedisServer) -> None:
    """What an invalidation could not find must not be served after it."""
    tier = make(server.url, prefix="shop")
    tier.put(fresh(1))
    with redis.Redis(port=server.port) as client:
        client.delete(Layout("shop").place(key(1)).index)
    assert both_ways(tier, 1) == [None, None]
    tier.put(fresh(1, text="new"))
    assert all(found.text == "new" for found in both_ways(tier, 1) if found)
    assert all(both_ways(tier, 1))


def test_a_flushed_tenant_is_gone_at_once_however_much_it_had(make: Make, server: RedisServer) -> None:
    tier = make(server.url)
    for number in range(300):
        tier.put(fresh(number))
    tier.put(fresh("other", tenant="other"))
    commands = _commands(server)
    assert tier.invalidate(Filter(tenant="acme"), time.time()) == 300
    assert _commands(server) - commands <= 2 * 16 + 4
    assert not any(tier.ask(key(number)).take() for number in range(300))
    assert tier.ask(key("other", tenant="other")).take() is not None


def _commands(server: RedisServer) -> int:
    with redis.Redis(port=server.port) as client:
        return int(client.info("stats")["total_commands_processed"])


def test_a_read_and_a_write_are_one_round_trip_each(make: Make, server: RedisServer) -> None:
    relay = Relay(server.port)
    try:
        tier = make(f"redis://127.0.0.1:{relay.port}")
        tier.put(fresh(1))
        tier.ask(key(1)).take()
        before = relay.messages
        tier.put(fresh(1))
        assert relay.messages == before + 1
        assert tier.ask(key(1)).take() is not None
        assert relay.messages == before + 2
    finally:
        relay.close()


def test_two_tenants_never_see_each_other(make: Make, server: RedisServer) -> None:
    one, other = make(server.url), make(server.url)
    for tenant in ("acme", "evil"):
        one.put(fresh(tenant=tenant, text=tenant))
    for tenant in ("acme", "evil"):
        assert other.ask(key(tenant=tenant)).take().text == tenant
    assert one.invalidate(Filter(tenant="evil", digest=key().digest), time.time()) == 1
    assert other.ask(key(tenant="evil")).take() is None
    assert [found.text for found in other.scan(None, 10)] == ["acme"]
    with redis.Redis(port=server.port) as client:  # nor what somebody copies over by hand
        layout = Layout("beastmode")
        ours, theirs = key(tenant="acme"), key(tenant="evil")
        value = client.get(layout.place(ours).entry(ours.digest))
        client.set(layout.place(theirs).entry(theirs.digest), value)
    assert other.ask(key(tenant="evil")).take() is None


# Connections.


def test_fifty_cancelled_reads_leave_no_cross_talk(make: Make, server: RedisServer) -> None:
    tier = make(server.url)
    for number in range(50):
        tier.put(fresh(number, text=str(number)))

    async def main() -> None:
        for _ in range(10):
            reads = [asyncio.create_task(tier.get(key(number))) for number in range(50)]
            await asyncio.sleep(0.001)
            for one in reads[::2]:
                one.cancel()
            await asyncio.gather(*reads, return_exceptions=True)
            found = await asyncio.gather(*(tier.get(key(number)) for number in range(50)))
            assert [one.text for one in found] == [str(number) for number in range(50)]
        await tier.aclose()

    asyncio.run(main())


def test_a_child_after_fork_has_connections_of_its_own(make: Make, server: RedisServer) -> None:
    tier = make(server.url)
    for number in range(20):
        tier.put(fresh(number, text=str(number)))
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if all(tier.ask(key(number)).take().text == str(number) for number in range(20)):
                tier.put(fresh("child"))
                code = 0
        finally:
            os._exit(code)
    for _ in range(20):
        for number in range(20):
            assert tier.ask(key(number)).take().text == str(number)
    assert os.waitpid(child, 0)[1] == 0
    assert tier.ask(key("child")).take() is not None


def test_loops_of_several_threads_and_one_after_another_leave_nothing_open(make: Make, server: RedisServer) -> None:
    tier, found = make(server.url), []
    tier.put(fresh(text="there"))

    async def read() -> None:
        found.extend(await asyncio.gather(*(tier.get(key()) for _ in range(10))))

    for _ in range(3):
        threads = [threading.Thread(target=lambda: asyncio.run(read())) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [one.text for one in found] == ["there"] * 90
    until = time.monotonic() + 10
    while _clients(server) > 3 and time.monotonic() < until:  # asyncio.run has ended without a word to the tier
        time.sleep(0.02)
    assert _clients(server) <= 3


def _clients(server: RedisServer) -> int:
    with redis.Redis(port=server.port) as client:
        return int(client.info("clients")["connected_clients"])


def test_over_a_unix_socket(make: Make, tmp_path: Path) -> None:
    place = tmp_path / "redis.sock"
    server = RedisServer(VALKEY, "--unixsocket", str(place))
    try:
        tier = make(f"unix://{place}?db=2")
        tier.put(fresh())
        assert all(both_ways(tier))
    finally:
        server.close()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority of our own, and a server's certificate for 127.0.0.1."""
    place = tmp_path_factory.mktemp("tls")

    def openssl(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=place, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=authority",
            "-keyout", "ca.key", "-out", "ca.crt")  # fmt: skip
    openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "csr")
    (place / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", "server.crt")  # fmt: skip
    return place


def test_tls_with_an_authority_of_its_own(make: Make, certificates: Path) -> None:
    port = free_port()
    server = RedisServer(
        REDIS, "--tls-port", str(port), "--tls-cert-file", str(certificates / "server.crt"),
        "--tls-key-file", str(certificates / "server.key"), "--tls-ca-cert-file", str(certificates / "ca.crt"),
        "--tls-auth-clients", "no", port=0,
    )  # fmt: skip
    try:
        _wait_for(port)
        good = make(f"rediss://127.0.0.1:{port}/0?ssl_ca_certs={certificates / 'ca.crt'}")
        good.put(fresh(body=b"x" * 100_000))
        assert all(both_ways(good))
        untrusted = refusals(make(f"rediss://127.0.0.1:{port}/0"))
        assert not any(one.healthy for one in untrusted)
        assert all("CERTIFICATE_VERIFY_FAILED" in one.reason for one in untrusted)
        assert all(both_ways(make(f"rediss://127.0.0.1:{port}/0?ssl_cert_reqs=none")))
    finally:
        server.close()


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.01)
