"""L2 on a real cluster of three nodes and behind real Sentinels, by URL alone."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator

import pytest
import redis

from beastmode_otel.cache.entry import Entry
from beastmode_otel.cache.tier import Filter, TierUnavailable
from beastmode_otel.cache.tiers.redis.backplane import RedisBackplane
from beastmode_otel.cache.tiers.redis.inspect import RedisInspection
from beastmode_otel.cache.tiers.redis.layout import Layout, slot_of
from beastmode_otel.cache.tiers.redis.tier import RedisTier
from beastmode_otel.config.redis_url import read_redis_url
from beastmode_otel.runtime import WorkerPool
from contract.samples import CODEC, entry, key
from support.crowd import wait_until
from support.redis_clusters import RedisCluster, RedisSentinels
from support.redis_servers import REDIS, VALKEY

KINDS = (VALKEY, REDIS)


@pytest.fixture(params=KINDS)
def cluster(request: pytest.FixtureRequest) -> Iterator[RedisCluster]:
    made = RedisCluster(request.param)
    yield made
    made.close()


@pytest.fixture
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool("l2")
    yield made
    made.close()


def tier_of(url: str, pool: WorkerPool, hard: float = 5.0) -> RedisTier:
    return RedisTier(read_redis_url(url), codec=CODEC, pool=pool, prefix="shop", hard=hard)


def fresh(name: object) -> Entry:
    now = time.time()
    return entry(key(name), created_at=now, expires_at=now + 600, text=str(name))


async def _read(tier: RedisTier, names: range) -> list[str | None]:
    found = await asyncio.gather(*(tier.get(key(name)) for name in names))
    await tier.aclose()
    return [one and one.text for one in found]


def test_a_cluster_is_used_whole(cluster: RedisCluster, pool: WorkerPool) -> None:
    """One tenant's entries lie on all nodes, are read both ways, counted, scanned and invalidated."""
    tier = tier_of(cluster.url, pool)
    for name in range(300):
        tier.put(fresh(name))
    expected = [str(name) for name in range(300)]
    assert [tier.ask(key(name)).take().text for name in range(300)] == expected
    assert asyncio.run(_read(tier, range(300))) == expected
    assert tier.stats().entries == 300
    assert len(list(tier.scan("acme", 1000))) == 300
    look = RedisInspection(read_redis_url(cluster.url), codec=CODEC, prefix="shop")
    now = time.time()
    assert (look.totals(None, now).entries, look.totals_by_model("acme")[0].entries) == (300, 300)
    assert [one.entry.text for one in look.scan_by_frequency(None, 3, half_life=1.0, now=now)] == ["299", "298", "297"]
    assert look.peek(key(5)).entry.text == look.named("acme", key(5).digest.hex()[:16])[0].entry.text == "5"
    look.close()
    held = []
    for node in cluster.nodes:
        with redis.Redis(port=node.port) as client:
            held.append(client.dbsize())
    assert min(held) > 40
    assert tier.invalidate(Filter(tenant="acme", digest=key(7).digest), time.time()) == 1
    assert tier.invalidate(Filter(tenant="acme", tag="docs"), time.time()) == 299
    assert tier.stats().entries == 0
    tier.ping()
    tier.close()


def test_a_slot_that_moved_is_followed_both_ways(cluster: RedisCluster, pool: WorkerPool) -> None:
    tier = tier_of(cluster.url, pool)
    tier.put(fresh(1))
    slot = Layout("shop").place(key(1)).slot
    tier.ask(key(1)).take()
    for node in cluster.nodes:
        with redis.Redis(port=node.port) as client:
            if client.dbsize() and slot_of_any(client, slot):
                client.flushall()
    cluster.move(slot, to=(slot * 3 // 16384 + 1) % 3)
    assert tier.ask(key(1)).take() is None
    tier.put(fresh(1))
    assert asyncio.run(_read(tier, range(1, 2))) == ["1"]
    assert tier.ask(key(1)).take().text == "1"
    tier.close()


def slot_of_any(client: redis.Redis, slot: int) -> bool:
    return any(slot_of(name) == slot for name in client.scan_iter())


def test_a_node_that_dies_takes_its_slots_along_and_no_others(cluster: RedisCluster, pool: WorkerPool) -> None:
    """What is on the others is still answered."""
    tier = tier_of(cluster.url, pool, hard=1.0)
    for name in range(60):
        tier.put(fresh(name))
    cluster.nodes[1].kill()
    ends: Counter[str] = Counter()
    for _ in range(2):
        for name in range(60):
            try:
                ends["hit" if tier.ask(key(name)).take() else "miss"] += 1
            except TierUnavailable as refused:
                ends["ill" if not refused.healthy else "refused"] += 1
    assert ends["hit"] >= 40
    assert ends["ill"] >= 20
    assert ends["refused"] == 0
    tier.ping()
    tier.close()


def test_a_cluster_passes_invalidations_on_between_its_nodes(cluster: RedisCluster) -> None:
    """Whoever listens at one node hears what was published at another."""

    class Hearer:
        def __init__(self) -> None:
            self.heard: list[Filter] = []

        def hear(self, which: Filter) -> None:
            self.heard.append(which)

        def missed(self) -> None: ...

    url, one, other = read_redis_url(cluster.url), Hearer(), Hearer()
    planes = [RedisBackplane(url, "shop", 5.0) for _ in range(2)]
    planes[0].join(one)
    planes[1].join(other)
    planes[1].listen()
    channel = Layout("shop").channel.decode()
    wait_until(lambda: any(b":1" in node.tell("PUBSUB", "NUMSUB", channel) for node in cluster.nodes))

    def heard() -> bool:
        """Told again and again: in a cluster that has just been formed some nodes do not know each other yet."""
        planes[0].publish(Filter(tenant="acme", tag="t"), one)
        return bool(other.heard)

    wait_until(heard, 30.0)
    assert other.heard[0] == Filter(tenant="acme", tag="t")
    assert one.heard == []
    planes[1].leave(other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_failover_of_the_sentinels_is_followed(kind: str, pool: WorkerPool) -> None:
    sentinels = RedisSentinels(kind)
    try:
        tier = tier_of(sentinels.url, pool, hard=1.0)
        tier.put(fresh(1))
        assert tier.ask(key(1)).take().text == "1"
        assert asyncio.run(_read(tier, range(1, 2))) == ["1"]
        assert tier.server == ("127.0.0.1", sentinels.primary.port)
        with redis.Redis(port=sentinels.replica.port) as client:
            wait_until(lambda: client.dbsize() >= 3)
        sentinels.primary.kill()
        with pytest.raises(TierUnavailable) as refused:
            tier.put(fresh(2))
        assert not refused.value.healthy
        sentinels.wait_for_failover()

        def works() -> bool:
            try:
                tier.put(fresh(2))
            except TierUnavailable:
                return False
            return True

        wait_until(works, 30)
        assert tier.server == ("127.0.0.1", sentinels.replica.port)
        assert tier.ask(key(1)).take().text == "1"  # the replica had it
        assert asyncio.run(_read(tier, range(1, 3))) == ["1", "2"]
        tier.close()
    finally:
        sentinels.close()


def test_a_service_that_no_sentinel_knows_says_so(pool: WorkerPool) -> None:
    sentinels = RedisSentinels()
    try:
        tier = tier_of(sentinels.url.replace("/shop/", "/nosuch/"), pool)
        with pytest.raises(TierUnavailable, match="nosuch"):
            tier.ping()
    finally:
        sentinels.close()
