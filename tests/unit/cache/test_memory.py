"""L1: what it returns, what it keeps within its bounds, what it tells, in one thread and in many."""

from __future__ import annotations

import bisect
import hashlib
import itertools
import os
import random
import sys
import threading
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.eviction import MOST, FrequencySketch, Node, Queue, TinyLfu
from beastmode_otel.cache.memory import Memory
from beastmode_otel.cache.tier import Filter, TierStats

LEAST = 600  # bytes: what Entry.size counts for an entry without a body
NOW = 1_000_000.0


def digest_of(name: object) -> bytes:
    return hashlib.sha256(str(name).encode()).digest()


def key_of(name: object, *, tenant: str = "acme", model: str = "gpt", scope: object = "s") -> Key:
    return Key(digest=digest_of(name), scope=digest_of(scope), tenant=tenant, namespace="n", model=model)


def entry_of(
    key: Key,
    *,
    size: int = LEAST,
    at: float = NOW,
    ttl: float = 60.0,
    request_id: str = "r",
    tags: tuple[str, ...] = (),
) -> Entry:
    """`size` is what Entry.size says of it, without tags."""
    return Entry(
        key=key,
        request_id=request_id,
        api="openai.chat",
        provider="openai",
        deployment="main",
        model_served="gpt-1",
        created_at=at,
        expires_at=at + ttl,
        body=b"x" * (size - LEAST),
        text="",
        tags=tags,
    )


@pytest.mark.parametrize(("ahead", "found"), [(59.0, True), (61.0, False), (86_400.0, False)])
def test_what_a_clock_that_ran_ahead_has_stored_is_a_miss_and_is_replaced(ahead: float, found: bool) -> None:
    memory = Memory(stale=1_000_000.0)
    memory.put(entry_of(key_of("a"), at=NOW + ahead, ttl=1_000_000.0), NOW)
    assert (memory.get(key_of("a"), NOW) is not None) == found
    memory.put(entry_of(key_of("a"), request_id="now"), NOW)
    got = memory.get(key_of("a"), NOW)
    assert got is not None
    assert (got.request_id, got.fresh(NOW)) == ("now", True)


def queues_of(lfu: TinyLfu) -> list[Queue]:
    return [lfu._window, lfu._probation, lfu._protected]


def nodes_of(queue: Queue) -> Iterator[Node]:
    link = queue.after
    while isinstance(link, Node):
        assert link.after.before is link
        assert link.queue is queue
        yield link
        link = link.after
    assert link is queue


def assert_sound(memory: Memory) -> None:
    """The bounds hold, each entry is in exactly one queue, and what is counted is what is there."""
    lfu = memory._lfu
    queued = [node for queue in queues_of(lfu) for node in nodes_of(queue)]
    assert sorted(map(id, queued)) == sorted(map(id, lfu.nodes.values()))
    assert all(lfu.nodes[node.entry.key.digest] is node for node in queued)
    for queue in queues_of(lfu):
        assert (queue.count, queue.size) == (len(list(nodes_of(queue))), sum(n.entry.size for n in nodes_of(queue)))
    assert memory.size == sum(node.entry.size for node in queued) <= memory.max_bytes
    assert len(memory) == len(queued) <= memory.max_entries


# One entry.


def test_what_was_put_is_returned_itself():
    memory, entry = Memory(), entry_of(key_of(1))
    assert memory.get(entry.key, NOW) is None
    assert memory.put(entry, NOW)
    assert memory.get(replace(entry.key), NOW) is entry
    assert (len(memory), memory.size) == (1, LEAST)
    assert repr(memory) == "<Memory 1 of 10,000 entries, 0.0 of 64.0 MiB>"


def test_another_tenant_neither_gets_nor_deletes_nor_invalidates_it():
    memory, entry = Memory(), entry_of(key_of(1))
    memory.put(entry, NOW)
    stranger = replace(entry.key, tenant="other")
    assert memory.get(stranger, NOW) is None
    assert memory.delete(stranger) is False
    assert memory.invalidate(Filter(tenant="other"), NOW) == 0
    assert memory.invalidate(Filter(tenant="other", digest=entry.key.digest), NOW) == 0
    assert memory.get(entry.key, NOW) is entry


@pytest.mark.parametrize("stale", [0.0, 30.0])
def test_it_is_returned_until_its_time_and_the_stale_limit_have_passed(stale: float):
    told: list[str] = []
    memory, entry = Memory(stale=stale, on_evict=told.append), entry_of(key_of(1), ttl=60)
    memory.put(entry, NOW)
    assert memory.get(entry.key, NOW + 60 + stale - 0.001) is entry
    assert (len(memory), told) == (1, [])
    assert memory.get(entry.key, NOW + 60 + stale) is None
    assert (len(memory), memory.size, told) == (0, 0, ["expired"])
    assert memory.get(entry.key, NOW) is None, "it is gone, not hidden"


def test_what_is_stale_is_returned_as_not_fresh():
    memory, entry = Memory(stale=30), entry_of(key_of(1), ttl=60)
    memory.put(entry, NOW)
    found = memory.get(entry.key, NOW + 70)
    assert found is not None
    assert not found.fresh(NOW + 70)


def test_a_larger_one_is_refused_and_what_it_would_have_replaced_is_gone():
    told: list[str] = []
    memory, key = Memory(max_bytes=5_000, on_evict=told.append), key_of(1)
    assert memory.put(entry_of(key, size=5_000), NOW)
    assert memory.put(entry_of(key, size=5_001), NOW) is False
    assert memory.get(key, NOW) is None
    assert told == ["replaced", "rejected"]


def test_one_that_has_expired_is_refused():
    memory = Memory(stale=10)
    assert memory.put(entry_of(key_of(1), at=NOW - 70, ttl=60), NOW) is False
    assert memory.put(entry_of(key_of(2), at=NOW - 69, ttl=60), NOW) is True


def test_a_replacement_is_what_is_found_and_what_counts():
    told: list[str] = []
    memory, key = Memory(on_evict=told.append), key_of(1)
    memory.put(entry_of(key, size=5_000), NOW)
    newer = entry_of(key, size=700)
    assert memory.put(newer, NOW)
    assert memory.get(key, NOW) is newer
    assert (len(memory), memory.size, told) == (1, 700, ["replaced"])


def test_a_deleted_one_is_gone():
    told: list[str] = []
    memory, entry = Memory(on_evict=told.append), entry_of(key_of(1))
    memory.put(entry, NOW)
    assert memory.delete(entry.key) is True
    assert memory.delete(entry.key) is False
    assert (memory.get(entry.key, NOW), memory.size, told) == (None, 0, ["invalidated"])


@pytest.mark.parametrize("bounds", [{"max_bytes": 0}, {"max_entries": 0}])
def test_a_cache_without_room_is_refused(bounds: dict[str, int]):
    with pytest.raises(ValueError, match="a cache needs room"):
        Memory(**bounds)


def test_bounds_beyond_any_memory_cost_nothing():
    assert Memory(max_bytes=1 << 60, max_entries=1 << 60).put(entry_of(key_of(1)), NOW)


# Many.

FILTERS = {
    "tenant": (Filter(tenant="acme"), {"plain", "gpt-5", "tagged", "scoped", "asked", "old"}),
    "digest": (Filter(tenant="acme", digest=digest_of("plain")), {"plain"}),
    "request_id": (Filter(tenant="acme", request_id="req_1"), {"asked"}),
    "model": (Filter(tenant="acme", model="gpt-5"), {"gpt-5"}),
    "tag": (Filter(tenant="acme", tag="b"), {"tagged"}),
    "scope": (Filter(tenant="acme", scope=digest_of("another")), {"scoped"}),
    "older_than": (Filter(tenant="acme", older_than=100), {"old"}),
    "two at once": (Filter(tenant="acme", tag="b", model="gpt-5"), set()),
    "digest and age": (Filter(tenant="acme", digest=digest_of("old"), older_than=200), set()),
}


def various() -> dict[str, Entry]:
    return {
        "plain": entry_of(key_of("plain")),
        "gpt-5": entry_of(key_of("gpt-5", model="gpt-5")),
        "tagged": entry_of(key_of("tagged"), tags=("a", "b")),
        "scoped": entry_of(key_of("scoped", scope="another")),
        "asked": entry_of(key_of("asked"), request_id="req_1"),
        "old": entry_of(key_of("old"), at=NOW - 101, ttl=1_000),
        "theirs": entry_of(key_of("theirs", tenant="other", model="gpt-5"), request_id="req_1", tags=("b",)),
    }


@pytest.mark.parametrize("which", FILTERS)
def test_a_filter_removes_all_that_match_and_nothing_else(which: str):
    memory, entries, (filtered, expected) = Memory(), various(), FILTERS[which]
    for entry in entries.values():
        memory.put(entry, NOW)
    assert memory.invalidate(filtered, NOW) == len(expected)
    gone = {name for name, entry in entries.items() if memory.get(entry.key, NOW) is None}
    assert gone == expected == {name for name, entry in entries.items() if filtered.matches(entry, NOW)}
    assert memory.evictions["invalidated"] == len(expected)
    assert_sound(memory)


def test_invalidation_of_many_happens_in_slices_and_is_complete():
    memory, holds = Memory(), Counter[str]()
    for n in range(1_000):
        memory.put(entry_of(key_of(n), tags=("even",) if n % 2 == 0 else ()), NOW)

    class CountedLock:
        def __enter__(self) -> None:
            holds["lock"] += 1

        def __exit__(self, *_: object) -> None: ...

    memory._lock = CountedLock()  # type: ignore[assignment]
    assert memory.invalidate(Filter(tenant="acme", tag="even"), NOW) == 500
    assert (holds["lock"], len(memory)) == (1 + 4, 500), "a snapshot, and 256 entries at a time"
    assert_sound(memory)


def test_purge_removes_what_no_one_may_have_any_more():
    memory = Memory(stale=10)
    for n in range(600):
        memory.put(entry_of(key_of(n), ttl=60 if n < 400 else 100), NOW)
    assert memory.purge(NOW + 69) == 0
    assert memory.purge(NOW + 70) == 400
    assert (len(memory), memory.evictions["expired"]) == (200, 400)
    assert_sound(memory)


def test_clear_removes_everything_and_the_cache_goes_on():
    memory = Memory(max_entries=50)
    for n in range(100):
        memory.put(entry_of(key_of(n)), NOW)
    memory.clear()
    assert (len(memory), memory.size, memory.evictions["invalidated"]) == (0, 0, 50)
    assert memory.put(entry_of(key_of(1)), NOW)
    assert_sound(memory)


def test_stats_tell_entries_bytes_and_the_age_of_the_oldest():
    memory = Memory()
    assert memory.stats(NOW) == TierStats(entries=0, size=0)
    memory.put(entry_of(key_of(1), size=1_000, at=NOW - 7), NOW)
    memory.put(entry_of(key_of(2), size=2_000), NOW)
    assert memory.stats(NOW) == TierStats(entries=2, size=3_000, oldest=7)


# Bounds and reasons.


def test_entries_are_bounded_and_each_that_left_is_told_once():
    told: list[str] = []
    memory = Memory(max_entries=100, on_evict=told.append)
    for n in range(1_000):
        assert memory.put(entry_of(key_of(n)), NOW)
        assert memory.get(key_of(n), NOW) is not None, "what was just put is found"
        assert len(memory) <= 100
    assert len(memory) == 100
    assert len(told) == 900
    assert Counter(told) == {reason: count for reason, count in memory.evictions.items() if count}
    assert_sound(memory)


def test_bytes_are_bounded_whatever_the_sizes():
    memory, random_ = Memory(max_bytes=100_000), random.Random(1)
    for n in range(2_000):
        size = random_.choice([600, 900, 5_000, 50_000, 99_000, 100_000])
        assert memory.put(entry_of(key_of(n), size=size), NOW)
        assert memory.get(key_of(n), NOW) is not None
        assert memory.size <= 100_000
    assert_sound(memory)


def full(told: list[str]) -> Memory:
    """0 to 9; the window has room for one, so that 9 is in it and the others have passed."""
    memory = Memory(max_entries=10, on_evict=told.append)
    for n in range(10):
        memory.put(entry_of(key_of(n)), NOW)
    assert told == []
    return memory


def test_who_is_wanted_no_more_than_others_is_rejected_when_its_time_in_the_window_is_over():
    told: list[str] = []
    memory = full(told)
    memory.put(entry_of(key_of("new")), NOW)
    assert told == ["rejected"]
    assert memory.get(key_of(9), NOW) is None
    assert memory.get(key_of(0), NOW) is not None


def test_who_is_wanted_more_takes_the_place_of_the_one_that_waited_longest():
    told: list[str] = []
    memory = full(told)
    memory.get(key_of(9), NOW)
    memory.put(entry_of(key_of("new")), NOW)
    assert told == ["size"]
    assert memory.get(key_of(0), NOW) is None
    assert memory.get(key_of(9), NOW) is not None


def test_the_expired_leave_first_and_are_told_as_expired():
    told: list[str] = []
    memory = Memory(max_entries=10, on_evict=told.append)
    for n in range(10):
        memory.put(entry_of(key_of(n), ttl=10 if n == 0 else 60), NOW)
        memory.get(key_of(0), NOW)
    memory.put(entry_of(key_of("new")), NOW + 10)
    assert told == ["expired"]
    assert memory.get(key_of(9), NOW + 10) is not None
    assert_sound(memory)


def test_one_that_expired_in_the_window_is_told_as_expired_and_takes_nobodys_place():
    told: list[str] = []
    memory = full(told)
    memory.delete(key_of(9))
    memory.put(entry_of(key_of("short"), ttl=10), NOW)
    for _ in range(5):
        memory.get(key_of("short"), NOW)
    del told[:]
    memory.put(entry_of(key_of("new")), NOW + 10)
    assert told == ["expired"]
    assert memory.get(key_of(0), NOW + 10) is not None


def test_who_won_against_one_is_not_the_first_to_be_asked_again():
    memory = full([])
    memory.put(entry_of(key_of("unwanted")), NOW)  # 9 lost against 0
    memory.get(key_of("unwanted"), NOW)
    memory.put(entry_of(key_of("new")), NOW)  # "unwanted" is wanted after all: 1 is asked, not 0
    assert [n for n in range(9) if memory.get(key_of(n), NOW) is None] == [1]


def test_who_was_hit_since_the_last_look_has_another_chance():
    told: list[str] = []
    memory = full(told)
    memory.get(key_of(0), NOW)
    for _ in range(9):
        memory.get(key_of(9), NOW)
    memory.put(entry_of(key_of("new")), NOW)
    assert [n for n in range(10) if memory.get(key_of(n), NOW) is None] == [1]


def test_who_left_is_known_again_by_its_count_which_fades():
    lfu = TinyLfu(1 << 30, 10, seed=1)
    key = key_of("once popular")
    lfu.put(entry_of(key), NOW)
    lfu.nodes[key.digest].hits = 9
    lfu.drop(lfu.nodes[key.digest], "invalidated")
    lfu.put(entry_of(key), NOW)
    assert lfu.nodes[key.digest].hits == 9 + 1
    lfu.drop(lfu.nodes[key.digest], "invalidated")
    for n in range(100):
        lfu.put(entry_of(key_of(n)), NOW)
    lfu.put(entry_of(key), NOW)
    assert lfu.nodes[key.digest].hits == 5 + 1


def test_who_has_left_cannot_be_dropped_in_the_place_of_its_successor():
    lfu, key = TinyLfu(1 << 30, 10), key_of(1)
    lfu.put(entry_of(key), NOW)
    left = lfu.nodes[key.digest]
    lfu.put(entry_of(key), NOW)
    assert lfu.drop(left, "expired") is False
    assert lfu.nodes[key.digest] is not left
    assert lfu.evictions["expired"] == 0


def test_room_is_made_also_when_the_window_is_not_over_its_quota():
    told: list[str] = []
    memory = Memory(max_bytes=100_000, on_evict=told.append)  # 2,000 of them for the window
    for n in range(52):
        memory.put(entry_of(key_of(n), size=1_900), NOW)
    memory.put(entry_of(key_of("a"), size=600), NOW)
    assert (told, memory.size) == ([], 99_400)
    memory.put(entry_of(key_of("b"), size=1_300), NOW)
    assert (told, memory.size) == (["size"], 98_800)
    assert memory.get(key_of("a"), NOW) is not None
    assert memory.get(key_of("b"), NOW) is not None


def test_every_put_is_here_or_was_told():
    memory, random_, puts = Memory(max_bytes=40_000, max_entries=30, stale=5), random.Random(2), 0
    for step in range(5_000):
        now, name = NOW + step, random_.randrange(60)
        if memory.get(key_of(name), now) is None or random_.random() < 0.1:
            memory.put(entry_of(key_of(name), at=now, size=random_.choice([600, 3_000, 41_000]), ttl=200), now)
            puts += 1
        if random_.random() < 0.05:
            memory.delete(key_of(random_.randrange(60)))
    assert puts == len(memory) + sum(memory.evictions.values())
    assert all(memory.evictions.values()), "each reason occurred"
    assert_sound(memory)


def test_an_observer_may_use_the_cache():
    seen: list[int] = []
    memory = Memory(max_entries=2, on_evict=lambda _: seen.append(memory.stats(NOW).entries))
    for n in range(5):
        memory.put(entry_of(key_of(n)), NOW)
    assert seen == [2, 2, 2]


# Any sequence of operations, beside a dict.

NAMES = st.integers(0, 11)
TENANTS = st.sampled_from(["acme", "other"])
TAGS = st.sampled_from([(), ("a",), ("a", "b")])
WHICH = st.builds(
    Filter,
    tenant=TENANTS,
    digest=st.none() | NAMES.map(lambda name: digest_of((name, "acme"))),
    request_id=st.none() | st.sampled_from(["r0", "r1"]),
    model=st.none() | st.sampled_from(["m0", "m1"]),
    tag=st.none() | st.sampled_from(["a", "b"]),
    scope=st.none() | st.sampled_from([digest_of(0), digest_of(1)]),
    older_than=st.none() | st.integers(0, 20),
)


class BesideADict(RuleBasedStateMachine):
    """The cache may have lost anything, except what was just put; what it has is what the dict has."""

    @initialize(stale=st.sampled_from([0.0, 7.0]), entries=st.integers(1, 9), size=st.integers(1_000, 9_000))
    def start(self, stale: float, entries: int, size: int) -> None:
        self.told: list[str] = []
        self.memory = Memory(max_bytes=size, max_entries=entries, stale=stale, on_evict=self.told.append)
        self.model: dict[Key, Entry] = {}
        self.stale, self.now, self.puts = stale, NOW, 0

    def alive(self, entry: Entry) -> bool:
        return self.now < entry.expires_at + self.stale

    @staticmethod
    def key(name: int, tenant: str) -> Key:
        return key_of((name, tenant), tenant=tenant, model=f"m{name % 2}", scope=name // 6)

    @rule(name=NAMES, tenant=TENANTS, extra=st.integers(0, 3_000), ttl=st.integers(0, 30), tags=TAGS)
    def put(self, name: int, tenant: str, extra: int, ttl: int, tags: tuple[str, ...]) -> None:
        key, request_id = self.key(name, tenant), f"r{extra % 2}"
        entry = entry_of(key, size=LEAST + extra, at=self.now, ttl=ttl, request_id=request_id, tags=tags)
        taken = self.memory.put(entry, self.now)
        self.puts += 1
        assert taken == (entry.size <= self.memory.max_bytes and self.alive(entry))
        assert self.memory.get(key, self.now) is (entry if taken else None)
        self.model[key] = entry
        if not taken:
            del self.model[key]

    @rule(name=NAMES, tenant=TENANTS)
    def get(self, name: int, tenant: str) -> None:
        key = self.key(name, tenant)
        found = self.memory.get(key, self.now)
        assert found is None or (found is self.model[key] and self.alive(found))

    @rule(name=NAMES)
    def get_with_the_digest_of_another_tenant(self, name: int) -> None:
        assert self.memory.get(replace(self.key(name, "acme"), tenant="other"), self.now) is None

    @rule(name=NAMES, tenant=TENANTS)
    def delete(self, name: int, tenant: str) -> None:
        key = self.key(name, tenant)
        deleted = self.memory.delete(key)
        assert not deleted or key in self.model
        assert self.memory.get(key, self.now) is None
        self.model.pop(key, None)

    @rule(which=WHICH)
    def invalidate(self, which: Filter) -> None:
        before = len(self.memory)
        removed = self.memory.invalidate(which, self.now)
        assert len(self.memory) == before - removed
        self.model = {key: entry for key, entry in self.model.items() if not which.matches(entry, self.now)}

    @rule()
    def purge(self) -> None:
        self.memory.purge(self.now)
        assert all(self.alive(node.entry) for node in self.memory._nodes.values())

    @rule()
    def clear(self) -> None:
        self.memory.clear()
        assert len(self.memory) == 0
        self.model = {}

    @rule(seconds=st.integers(1, 20))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def sound(self) -> None:
        if not hasattr(self, "memory"):
            return
        assert_sound(self.memory)
        assert all(self.model[node.entry.key] is node.entry for node in self.memory._nodes.values())
        assert self.puts == len(self.memory) + len(self.told)


TestAnySequence = BesideADict.TestCase
TestAnySequence.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


# Threads and forks.


@pytest.fixture
def hurried() -> Iterator[None]:
    """Threads change places in the middle of everything."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def run_all(works: list[Callable[[], None]]) -> None:
    errors: list[BaseException] = []

    def guarded(work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as exc:
            errors.append(exc)

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    if errors:
        raise errors[0]


@pytest.mark.usefixtures("hurried")
def test_a_storm_of_threads_leaves_it_sound():
    told: list[str] = []
    memory = Memory(max_bytes=60_000, max_entries=60, stale=3, on_evict=told.append)
    puts = [0] * 8

    def storm(seed: int) -> None:
        random_ = random.Random(seed)
        for step in range(3_000):
            now, key = NOW + step / 30, key_of(random_.randrange(150), tenant=random_.choice(["acme", "other"]))
            action = random_.random()
            if action < 0.6:
                found = memory.get(key, now)
                assert found is None or (found.key == key and found.expires_at + 3 > now)
            elif action < 0.95:
                memory.put(entry_of(key, at=now, ttl=20, size=random_.choice([600, 1_000, 5_000])), now)
                puts[seed] += 1
            elif action < 0.98:
                memory.delete(key)
            elif action < 0.99:
                memory.invalidate(Filter(tenant="other"), now)
            else:
                memory.purge(now)

    run_all([lambda seed=seed: storm(seed) for seed in range(8)])  # type: ignore[misc]
    assert_sound(memory)
    assert sum(puts) == len(memory) + sum(memory.evictions.values())
    assert Counter(told) == {reason: count for reason, count in memory.evictions.items() if count}


@pytest.mark.usefixtures("hurried")
def test_what_was_deleted_stays_deleted_for_those_who_ask_later():
    memory = Memory(max_entries=50)

    def own(name: str) -> None:
        for n in range(500):
            entry = entry_of(key_of((name, n)))
            memory.put(entry, NOW)
            memory.delete(entry.key)
            assert memory.get(entry.key, NOW) is None

    run_all([lambda name=name: own(name) for name in "abcdefgh"])  # type: ignore[misc]
    assert len(memory) == 0
    assert_sound(memory)


def in_a_child(check: Callable[[], bool]) -> bool:
    pid = os.fork()
    if pid == 0:
        os._exit(7 if check() else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_keeps_the_entries():
    memory, entry = Memory(), entry_of(key_of(1))
    memory.put(entry, NOW)
    assert in_a_child(lambda: memory.get(entry.key, NOW) == entry and memory.put(entry_of(key_of(2)), NOW))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_child_of_a_process_that_was_changing_it_starts_empty_and_unlocked():
    memory, entry = Memory(), entry_of(key_of(1))
    memory.put(entry, NOW)
    with memory._lock:
        assert in_a_child(lambda: len(memory) == 0 and memory.put(entry, NOW) and memory.get(entry.key, NOW) is entry)
    assert memory.get(entry.key, NOW) is entry


# Whom it keeps.


def zipf(requests: int, *, keys: int = 20_000, once: float = 0.3, seed: int = 1) -> list[int]:
    """Zipf 0.9, and a share of keys that are asked for once: the trace of facts.md."""
    random_ = random.Random(seed)
    weights = list(itertools.accumulate((rank + 1) ** -0.9 for rank in range(keys)))
    new = itertools.count(keys)
    return [
        next(new) if random_.random() < once else bisect.bisect(weights, random_.random() * weights[-1])
        for _ in range(requests)
    ]


def hits_of_lru(trace: list[int], capacity: int) -> float:
    kept: OrderedDict[int, None] = OrderedDict()
    hits = 0
    for name in trace:
        hits += name in kept
        kept[name] = None
        kept.move_to_end(name)
        if len(kept) > capacity:
            kept.popitem(last=False)
    return hits / len(trace)


def hits_of(memory: Memory, trace: list[int]) -> float:
    keys = {name: key_of(name) for name in set(trace)}
    hits = 0
    for name in trace:
        if memory.get(keys[name], NOW) is not None:
            hits += 1
        else:
            memory.put(entry_of(keys[name]), NOW)
    return hits / len(trace)


def test_on_a_zipf_trace_it_hits_far_more_often_than_an_lru():
    trace = zipf(60_000)
    assert hits_of_lru(trace, 1_000) == pytest.approx(0.29, abs=0.01)
    assert hits_of(Memory(max_entries=1_000), trace) >= 0.37


def test_bounded_by_bytes_alone_it_hits_as_often():
    assert hits_of(Memory(max_bytes=1_000 * LEAST), zipf(60_000)) >= 0.37


def test_a_scan_sweeps_out_almost_nothing():
    memory = Memory(max_entries=1_000)
    hits_of(memory, [n % 900 for n in range(3_600)])
    hits_of(memory, list(range(10_000, 15_000)))
    assert sum(memory.get(key_of(n), NOW) is not None for n in range(900)) >= 850


def test_what_nobody_wants_any_more_makes_room_for_what_is_wanted_now():
    memory = Memory(max_entries=500)
    hits_of(memory, zipf(20_000, keys=1_000))
    later = [name + 1_000_000 for name in zipf(20_000, keys=1_000, seed=2)]
    hits_of(memory, later[:10_000])
    assert hits_of(memory, later[10_000:]) >= hits_of_lru(later[10_000:], 500)


# The sketch.


def test_a_sketch_remembers_the_most_it_was_told_up_to_its_limit():
    sketch = FrequencySketch(100, seed=1)
    assert sketch.estimate(b"a") == 0
    sketch.remember(b"a", 5)
    sketch.remember(b"a", 3)
    assert sketch.estimate(b"a") == 5
    sketch.remember(b"a", 1_000)
    assert sketch.estimate(b"a") == MOST
    sketch.halve()
    assert sketch.estimate(b"a") == MOST >> 1


def test_a_sketch_seldom_takes_one_key_for_another():
    sketch = FrequencySketch(1_000)
    for n in range(1_000):
        sketch.remember(digest_of(n), 1)
    assert all(sketch.estimate(digest_of(n)) == 1 for n in range(1_000))
    assert sum(sketch.estimate(digest_of(n)) for n in range(1_000, 3_000)) < 100


def test_two_sketches_do_not_share_their_collisions():
    one, other = FrequencySketch(1_000), FrequencySketch(1_000)
    assert [one._places(digest_of(n)) for n in range(5)] != [other._places(digest_of(n)) for n in range(5)]
