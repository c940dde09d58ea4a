"""What every tier promises to blocking callers (`cache/tier.py`), as tests for anybody's tier."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from beastmode_otel.cache import Entry, EnvelopeCodec, Filter, Key, TierUnavailable
from beastmode_otel.testing.samples import CODEC, NOW, entry, key
from beastmode_otel.testing.stand import Stand
from beastmode_otel.wire import Usage

NEWER: Final = b'{"v":999999,"something":"new"}'  # as a release to come may write it


def get(tier: Any, of: Key) -> Any:
    """The answer, as a request gets it or, if it has to wait, as the pool does."""
    return tier.ask(of).take()


def two(tier: Any) -> tuple[Entry, Entry]:
    """`a`, which each filter of a test matches, and `b`, which none does."""
    a = entry(key("a", scope="sa", model="ma"), age=50, request_id="ra", tags=("t1", "t2"))
    b = entry(key("b", scope="sb", model="mb"), age=10, request_id="rb", tags=("t11", "1t1"))
    tier.put(a)
    tier.put(b)
    return a, b


def damage(stored: bytes) -> bytes:
    """One bit of it is another."""
    middle = len(stored) // 2
    return stored[:middle] + bytes([stored[middle] ^ 1]) + stored[middle + 1 :]


class BlockingTierContract:
    """Make a class of your own from it, whose fixture `stand` is a Stand of your tier; pytest does the rest.

    class TestMyTier(BlockingTierContract):
        @pytest.fixture
        def stand(self, tmp_path):
            made = MyStand(tmp_path)
            yield made
            made.close()
    """

    @pytest.fixture
    def stand(self, tmp_path: Path) -> Any:
        raise NotImplementedError("define a fixture `stand` in your class: a beastmode_otel.testing.Stand of your tier")

    @pytest.fixture
    def tier(self, stand: Stand) -> Any:
        return stand.tier()

    # Round trips.

    def test_an_empty_tier_answers_everything(self, tier: Any) -> None:
        assert get(tier, key()) is None
        assert tier.stats().entries == 0
        assert tier.stats().oldest is None
        assert list(tier.scan(None, 10)) == []
        assert tier.purge(NOW) == 0
        assert tier.invalidate(Filter(tenant="acme"), NOW) == 0
        tier.delete(key())
        tier.ping()
        assert tier.damaged == 0

    @pytest.mark.parametrize(("ahead", "found"), [(59.0, True), (61.0, False), (86_400.0, False)])
    def test_what_a_clock_that_ran_ahead_has_stored_is_a_miss_and_is_replaced(
        self, tier: Any, ahead: float, found: bool
    ) -> None:
        tier.put(entry(age=-ahead, request_id="later"))
        assert (get(tier, key()) is not None) == found
        assert len(list(tier.scan(None, 10))) == found
        tier.put(entry(request_id="now"))
        assert get(tier, key()).request_id == ("later" if found else "now")

    def test_what_was_put_comes_back_whole(self, tier: Any) -> None:
        one = entry(
            body=bytes(range(256)) * 40,
            text="héllo 👋 \x00 " + "long " * 2_000,
            tags=("a", "ünï", "with,comma", '"quoted"'),
            usage=Usage(input_tokens=1, output_tokens=2, cached_input_tokens=1, reasoning_tokens=0, estimated=True),
            question="what is\x00 a 👋?",
            vector=bytes(range(256)) * 6,
            embedder="minilm 1",
        )
        tier.put(one)
        pending = tier.ask(one.key)
        assert pending.ready(1.0)
        assert pending.take() == one
        assert pending.take() == one

    def test_facts_that_are_not_known_stay_unknown(self, tier: Any) -> None:
        one = entry(usage=None, cost=None, finish_reason=None, tags=(), body=b"", text="")
        tier.put(one)
        assert get(tier, one.key) == one

    def test_two_tiers_over_one_store_share_it(self, stand: Stand) -> None:
        one, other = stand.tier(), stand.tier()
        one.put(entry())
        assert get(other, key()) == entry()
        other.delete(key())
        assert get(one, key()) is None

    def test_delete_removes_that_entry_only(self, tier: Any) -> None:
        tier.put(entry(key(1)))
        tier.put(entry(key(2)))
        tier.delete(key(1))
        assert get(tier, key(1)) is None
        assert get(tier, key(2)) is not None

    # Time.

    @pytest.mark.parametrize("stale", [0.0, 60.0])
    def test_an_entry_is_returned_until_its_expiry_and_the_stale_limit(self, stand: Stand, stale: float) -> None:
        tier = stand.tier(stale=stale)
        tier.put(entry(ttl=100))
        for moment, there in ((99.9, True), (100 + stale - 0.1, True), (100 + stale, False), (1e6, False)):
            stand.clock.now = NOW + moment
            assert (get(tier, key()) is not None) is there, moment

    def test_a_stale_entry_is_not_fresh(self, stand: Stand) -> None:
        tier = stand.tier(stale=60)
        tier.put(entry(ttl=100))
        stand.clock.now = NOW + 130
        assert not get(tier, key()).fresh(stand.clock.now)

    def test_purge_deletes_only_what_nobody_may_have_any_more(self, stand: Stand) -> None:
        tier = stand.tier(stale=60)
        for ttl in (10, 50, 100, 200):
            tier.put(entry(key(ttl), ttl=ttl))
        stand.clock.now = NOW + 110
        assert tier.purge(NOW + 110) == 2
        assert get(tier, key(100)) is not None
        assert get(tier, key(200)) is not None
        assert tier.stats().entries == 2

    def test_the_newest_answer_wins_whatever_the_order_of_writes(self, tier: Any) -> None:
        old, new = entry(age=20, text="old"), entry(age=10, text="new")
        tier.put(new)
        tier.put(old)
        assert get(tier, key()) == new
        newer = entry(age=10, text="of the same moment")
        tier.put(newer)
        assert get(tier, key()) == newer
        assert tier.stats().entries == 1

    # Tenants.

    def test_tenants_never_meet(self, tier: Any) -> None:
        ours, theirs = key(tenant="acme"), key(tenant="evil")
        tier.put(entry(ours, text="ours"))
        assert get(tier, theirs) is None
        tier.delete(theirs)
        assert tier.invalidate(Filter(tenant="evil"), NOW) == 0
        assert tier.invalidate(Filter(tenant="evil", digest=ours.digest), NOW) == 0
        assert list(tier.scan("evil", 10)) == []
        assert get(tier, ours).text == "ours"
        assert tier.damaged == 0  # not even looked at

    def test_one_digest_has_an_answer_per_tenant(self, tier: Any) -> None:
        for tenant in ("acme", "evil"):
            tier.put(entry(key(tenant=tenant), text=f"{tenant}'s"))
        tier.delete(key(tenant="evil"))
        assert get(tier, key(tenant="acme")).text == "acme's"
        assert get(tier, key(tenant="evil")) is None
        assert tier.damaged == 0

    # Invalidation.

    @pytest.mark.parametrize(
        "which",
        [
            {"digest": key("a").digest},
            {"request_id": "ra"},
            {"model": "ma"},
            {"tag": "t1"},
            {"tag": "t2"},
            {"scope": key(scope="sa").scope},
            {"older_than": 30.0},
            {"model": "ma", "tag": "t2", "older_than": 49.0},
        ],
        ids=lambda which: "+".join(which),
    )
    def test_invalidate_removes_what_matches(self, tier: Any, which: dict[str, Any]) -> None:
        a, b = two(tier)
        assert tier.invalidate(Filter(tenant="evil", **which), NOW) == 0
        assert tier.invalidate(Filter(tenant="acme", **which), NOW) == 1
        assert tier.invalidate(Filter(tenant="acme", **which), NOW) == 0
        assert get(tier, a.key) is None
        assert get(tier, b.key) == b

    @pytest.mark.parametrize(
        "which",
        [
            {"tag": "t"},
            {"tag": "%"},
            {"older_than": 50.0},
            {"model": "ma", "tag": "t11"},
            {"digest": b""},
            {"request_id": "' OR 1=1 --"},
        ],
        ids=str,
    )
    def test_invalidate_leaves_what_does_not_match_all_of_it(self, tier: Any, which: dict[str, Any]) -> None:
        two(tier)
        assert tier.invalidate(Filter(tenant="acme", **which), NOW) == 0
        assert tier.stats().entries == 2

    def test_a_whole_tenant_can_be_invalidated(self, tier: Any) -> None:
        for n in range(1_100):  # more than a batch
            tier.put(entry(key(n)))
        tier.put(entry(key(tenant="other")))
        assert tier.invalidate(Filter(tenant="acme"), NOW) == 1_100
        assert tier.stats().entries == 1

    # Damage.

    @pytest.mark.parametrize("how", [damage, lambda _: b"", lambda stored: stored[:-1], lambda _: b"\x80\x04K."])
    def test_damage_is_a_miss_counted_and_deleted(self, stand: Stand, tier: Any, how: Callable[[bytes], bytes]) -> None:
        tier.put(entry())
        stand.spoil(key(), how(CODEC.encode(entry())))
        assert get(tier, key()) is None
        assert tier.damaged == 1
        assert stand.pool.drain(10)
        assert tier.stats().entries == 0

    def test_another_entry_under_this_key_is_damage(self, stand: Stand, tier: Any) -> None:
        tier.put(entry())
        stand.spoil(key(), CODEC.encode(entry(key(tenant="evil"), text="not yours")))
        assert get(tier, key()) is None
        assert tier.damaged == 1

    def test_what_was_not_signed_with_our_secret_is_damage(self, stand: Stand) -> None:
        stand.tier(codec=EnvelopeCodec(b"somebody else's")).put(entry())
        tier = stand.tier()
        assert get(tier, key()) is None
        assert tier.damaged == 1

    def test_what_another_release_wrote_is_a_miss_and_stays(self, stand: Stand, tier: Any) -> None:
        tier.put(entry())
        stand.spoil(key(), NEWER)
        assert get(tier, key()) is None
        assert tier.damaged == 1
        assert stand.pool.drain(10)
        assert tier.stats().entries == 1

    def test_a_late_deletion_of_damage_does_not_hit_what_replaced_it(self, stand: Stand, tier: Any) -> None:
        stand.pool.close()
        hold = threading.Event()
        for _ in range(2):
            stand.pool.submit(hold.wait)
        tier.put(entry())
        stand.spoil(key(), b"junk")
        assert get(tier, key()) is None
        tier.put(entry(text="fresh"))
        hold.set()
        assert stand.pool.drain(10)
        assert get(tier, key()).text == "fresh"

    # Looking at all of it.

    def test_scan_is_newest_first_and_bounded(self, stand: Stand) -> None:
        tier = stand.tier()
        for n in range(130):  # several pages
            tier.put(entry(key(n, tenant=("acme", "other")[n % 2]), age=n % 50, text=str(n), ttl=1000))
        ours = list(tier.scan("acme", 1_000))
        assert len(ours) == 65
        assert {one.key.tenant for one in ours} == {"acme"}
        everything = list(tier.scan(None, 1_000))
        assert sorted(int(one.text) for one in everything) == list(range(130))
        for found in (ours, everything):
            assert [one.created_at for one in found] == sorted((one.created_at for one in found), reverse=True)
        assert list(tier.scan(None, 70)) == everything[:70]
        assert list(tier.scan(None, 0)) == []

    def test_scan_leaves_out_what_is_damaged_or_expired(self, stand: Stand) -> None:
        tier = stand.tier()
        for n in range(3):
            tier.put(entry(key(n), ttl=(100, 100, 5)[n]))
        stand.spoil(key(0), b"junk")
        stand.clock.now = NOW + 6
        assert [one.key for one in tier.scan("acme", 10)] == [key(1)]
        assert tier.damaged == 1

    def test_stats_count_entries_bytes_and_age(self, stand: Stand) -> None:
        tier = stand.tier()
        tier.put(entry(key(1), age=30))
        before = tier.stats()
        for n in range(2, 30):
            tier.put(entry(key(n), age=10, body=random.Random(n).randbytes(10_000)))
        after = tier.stats()
        assert (before.entries, after.entries) == (1, 29)
        assert before.oldest == after.oldest == 30.0
        assert after.size - before.size > 250_000

    # Trouble.

    @pytest.mark.parametrize(
        "odd",
        [
            {"of": key(tenant="\ud800")},
            {"of": key(tenant="")},
            {"usage": Usage(input_tokens=2**70)},
            {"cost": float("nan")},
            {"created_at": float("nan")},
            {"request_id": "\ud800"},
            {"tags": ("\ud800",)},
        ],
        ids=lambda odd: str(list(odd)),
    )
    def test_odd_values_are_stored_or_refused_and_say_nothing_about_health(
        self, tier: Any, odd: dict[str, Any]
    ) -> None:
        one, refusals = entry(**odd), list[TierUnavailable]()
        calls: list[Callable[[], Any]] = [lambda: tier.put(one), lambda: get(tier, one.key)]
        for call in calls:
            try:
                call()
            except TierUnavailable as refused:
                refusals.append(refused)
        assert all(refused.healthy for refused in refusals)
        tier.put(entry(key("next")))
        assert get(tier, key("next")) is not None

    def test_after_close_everything_is_unavailable_and_close_is_idempotent(self, tier: Any) -> None:
        tier.put(entry())
        tier.close()
        tier.close()
        late = [
            lambda: get(tier, key()),
            lambda: tier.put(entry()),
            lambda: tier.delete(key()),
            lambda: tier.invalidate(Filter(tenant="acme"), NOW),
            lambda: tier.purge(NOW),
            tier.stats,
            lambda: list(tier.scan(None, 1)),
            tier.ping,
        ]
        for call in late:
            with pytest.raises(TierUnavailable) as refused:
                call()
            assert refused.value.healthy

    def test_many_threads_at_once(self, stand: Stand) -> None:
        tier, wrong = stand.tier(), list[object]()
        start = threading.Barrier(24)

        def work(seed: int) -> None:
            rng = random.Random(seed)
            start.wait()
            for _ in range(60):
                name = rng.randrange(20)
                try:
                    found = get(tier, key(name))
                    if found is not None and found.text != str(name):
                        wrong.append(found)
                    if rng.random() < 0.3:
                        tier.put(entry(key(name), text=str(name)))
                    elif rng.random() < 0.1:
                        tier.delete(key(name))
                except BaseException as exc:
                    wrong.append(exc)

        threads = [threading.Thread(target=work, args=(seed,)) for seed in range(24)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert tier.damaged == 0

    # A model.

    @pytest.mark.parametrize("seed", range(25))
    def test_it_behaves_like_a_dictionary(self, stand: Stand, seed: int) -> None:
        rng, tier, model = random.Random(seed), stand.tier(stale=7.0), dict[Key, Entry]()
        for _ in range(25):
            step(rng, stand, tier, model)
            for of in (key(name, tenant=tenant) for name in range(4) for tenant in TENANTS):
                expected = model.get(of)
                if expected is not None and stand.clock.now >= expected.expires_at + 7.0:
                    expected = None
                assert get(tier, of) == expected


TENANTS: Final = ("acme", "other")


def step(rng: random.Random, stand: Stand, tier: Any, model: dict[Key, Entry]) -> None:
    """Something is done to the tier, and to the dictionary that says what it should have become."""
    now, name, tenant = stand.clock.now, rng.randrange(4), rng.choice(TENANTS)
    of, what = key(name, tenant=tenant), rng.choice(("put", "put", "delete", "tag", "wait", "purge"))
    if what == "put":
        age, ttl = rng.randrange(41), rng.randrange(5, 61)
        one = entry(of, created_at=now - age, expires_at=now - age + ttl, tags=(str(name),), text=f"{age}")
        tier.put(one)
        if of not in model or model[of].created_at <= one.created_at:
            model[of] = one
    elif what == "delete":
        tier.delete(of)
        model.pop(of, None)
    elif what == "tag":
        tier.invalidate(Filter(tenant=tenant, tag=str(name)), now)
        model.pop(of, None)
    elif what == "wait":
        stand.clock.now += rng.randrange(1, 31)
    else:
        tier.purge(now)
        for gone in [each for each, one in model.items() if now >= one.expires_at + 7.0]:
            del model[gone]
