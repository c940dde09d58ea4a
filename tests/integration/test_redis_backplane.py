"""What one process invalidates, the others serve no more: real processes, a real server."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from beastmode_otel.cache.memory import Memory
from beastmode_otel.cache.resilient_tier import ResilientTier, TierTimes
from beastmode_otel.cache.tier import Filter, TierUnavailable
from beastmode_otel.cache.tiered import Tiered
from beastmode_otel.cache.tiers.redis import backplane
from beastmode_otel.cache.tiers.redis.backplane import RedisBackplane
from beastmode_otel.cache.tiers.redis.tier import RedisTier
from beastmode_otel.config.redis_url import read_redis_url
from beastmode_otel.observer import NULL_SCOPE, NullObserver
from beastmode_otel.runtime import BlockingRuntime, WorkerPool, run_sync
from contract.samples import CODEC, entry, key
from support.crowd import wait_until
from support.redis_servers import RedisServer

TESTS = Path(__file__).parent.parent


class Worker:
    def __init__(self, url: str, prefix: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(TESTS / "integration" / "redis_worker.py"), url, prefix],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(TESTS)},
        )  # fmt: skip

    def send(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def ask(self, line: str) -> str:
        self.send(line)
        return self.answer()

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


@pytest.fixture
def server() -> Iterator[RedisServer]:
    made = RedisServer()
    yield made
    made.close()


def test_eight_processes_hear_of_an_invalidation_within_a_tenth_of_a_second(server: RedisServer) -> None:
    workers = [Worker(server.url, "shop") for _ in range(8)]
    took = []
    try:
        assert workers[0].ask("put kept other") == "ok"
        for number in range(6):  # the best of them counts: the machine may be busy with something else
            assert workers[0].ask(f"put a{number} t{number}") == "ok"
            for worker in workers[1:]:
                assert worker.ask("get kept") in ("l1", "l2")
                assert worker.ask(f"get a{number}") == "l2"
            assert [worker.ask(f"get a{number}") for worker in workers] == ["l1"] * 8
            for worker in workers[1:]:
                worker.send(f"wait a{number}")
            time.sleep(0.1)
            assert workers[0].ask(f"drop t{number}") == "1"
            done = time.time()
            took.append(max(float(worker.answer()) for worker in workers[1:]) - done)
            assert [worker.ask(f"get a{number}") for worker in workers] == ["miss"] * 8
            assert [worker.ask("get kept") for worker in workers] == ["l1"] * 8
        assert min(took) < 0.1
    finally:
        for worker in workers:
            worker.close()


class Process:
    """What one process has, several of which can be in this one."""

    def __init__(self, server: RedisServer, prefix: str = "shop") -> None:
        url, self.pool = read_redis_url(server.url), WorkerPool("l2")
        self.backplane = RedisBackplane(url, prefix, 0.25)
        self.tier = RedisTier(url, codec=CODEC, pool=self.pool, prefix=prefix)
        self.tiered = Tiered(Memory(), l1_ttl=1000.0, observer=NullObserver(), backplane=self.backplane)
        self.tiered.tiers = [
            ResilientTier(
                "l2", self.tier, TierTimes(ttl=1000.0, soft=20.0), pool=self.pool, runtime=BlockingRuntime(),
                observer=NullObserver(), late=self.tiered.late,
            )
        ]  # fmt: skip

    def put(self, name: object, **changes: object) -> None:
        now = time.time()
        jobs = self.tiered.store(
            entry(key(name), created_at=now, expires_at=now + 600, **changes), asked=time.monotonic()
        )
        for job in jobs or ():
            job.result(10)

    def has(self, name: object) -> bool:
        return self.tiered.lookup_l1(key(name)) is not None

    def read(self, name: object) -> bool:
        return run_sync(self.tiered.lookup_tiers(key(name), NULL_SCOPE)) is not None


@pytest.fixture
def process(server: RedisServer) -> Iterator[Callable[[], Process]]:
    made: list[Process] = []

    def make() -> Process:
        one = Process(server)
        made.append(one)
        one.tiered.lookup_l1(key())
        numbers = len(made)
        wait_until(lambda: f":{numbers}".encode() in server.tell("PUBSUB", "NUMSUB", "shop:1:invalidations"))
        return one

    yield make
    for one in made:
        one.tiered.close()


def test_its_own_word_is_not_heard_again(process: Callable[[], Process]) -> None:
    one, other = process(), process()
    other.put(2)
    one.tiered.invalidate(Filter(tenant="acme", model="fast"))
    one.put(1)
    wait_until(lambda: not other.has(2))
    time.sleep(0.1)
    assert one.has(1)


def test_an_answer_that_was_under_way_is_not_stored_after_another_process_invalidated_it(
    process: Callable[[], Process],
) -> None:
    one, other = process(), process()
    asked, now = time.monotonic(), time.time()
    one.tiered.invalidate(Filter(tenant="acme", tag="docs"))
    wait_until(lambda: other.tiered._invalidations._recent)
    late = entry(key(1), created_at=now, expires_at=now + 600)
    assert other.tiered.store(late, asked=asked) is None
    assert other.pool.drain(10)
    assert not other.has(1)
    assert not one.read(1)


def test_after_a_gap_what_was_there_before_is_gone(
    server: RedisServer, process: Callable[[], Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backplane, "LONGEST_PAUSE", 0.1)
    one = process()
    one.put(1)
    server.kill()
    time.sleep(0.3)
    assert one.has(1)  # nobody can have told anything
    server.start()
    wait_until(lambda: not one.has(1))
    wait_until(lambda: b":1" in server.tell("PUBSUB", "NUMSUB", "shop:1:invalidations"))
    one.tiered.tiers[0].breaker.succeeded()
    one.put(2)
    time.sleep(0.3)
    assert one.has(2)


def test_what_was_told_just_before_a_process_had_subscribed_is_not_missed(
    server: RedisServer, process: Callable[[], Process], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first lookup has found an entry, and another process removes it before this one listens."""
    one, go = process(), threading.Event()
    one.put(1)
    late = Process(server)
    subscribed = late.backplane._subscribed
    monkeypatch.setattr(late.backplane, "_subscribed", lambda: (go.wait(10), subscribed())[1])
    late.tiered.lookup_l1(key(1))
    assert late.read(1)
    assert late.has(1)
    one.tiered.invalidate(Filter(tenant="acme"))
    go.set()
    wait_until(lambda: not late.has(1))
    late.tiered.close()


def test_a_process_that_missed_nothing_keeps_what_it_has(server: RedisServer, process: Callable[[], Process]) -> None:
    one = process()
    one.put(1)
    other = Process(server)
    other.tiered.lookup_l1(key(1))
    assert other.read(1)
    wait_until(lambda: b":2" in server.tell("PUBSUB", "NUMSUB", "shop:1:invalidations"))
    time.sleep(0.2)
    assert other.has(1)
    other.tiered.close()


def test_an_invalidation_that_cannot_be_told_says_so(server: RedisServer, process: Callable[[], Process]) -> None:
    one = process()
    one.put(1)
    server.kill()
    with pytest.raises(TierUnavailable):
        one.tiered.invalidate(Filter(tenant="acme"))
    assert not one.has(1)


def test_what_is_no_message_of_ours_is_ignored(server: RedisServer, process: Callable[[], Process]) -> None:
    one = process()
    one.put(1)
    for junk in ("", "x", "[]", "{}", '{"v":1,"from":"x","tenant":7}', '{"v":1,"from":"x","tenant":"acme","digest":1}'):
        server.tell("PUBLISH", "shop:1:invalidations", junk)
    time.sleep(0.2)
    assert one.has(1)
    server.tell("PUBLISH", "shop:1:invalidations", '{"v":2,"from":"x","tenant":"acme","new":"member"}')
    wait_until(lambda: not one.has(1))


def test_its_thread_ends_with_the_last_cache(process: Callable[[], Process]) -> None:
    one = process()
    assert one.backplane.listening
    one.tiered.close()
    wait_until(lambda: not one.backplane.listening)


def test_a_child_after_fork_listens_by_itself_and_trusts_nothing_it_brought_along(
    process: Callable[[], Process],
) -> None:
    one = process()
    one.put(1)
    assert one.has(1)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            until = time.monotonic() + 10
            while one.has(1) and time.monotonic() < until:
                time.sleep(0.01)
            if not one.has(1) and one.read(1) and one.has(1):
                parts = one.tiered.invalidate(Filter(tenant="acme"))
                code = 0 if parts == 1 else 2
        finally:
            os._exit(code)
    assert os.waitpid(child, 0)[1] == 0
    wait_until(lambda: not one.has(1))  # the parent has heard its child
