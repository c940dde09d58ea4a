"""What the inspectable port promises (cache/tier.py), tier by tier."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel.cache.tier import Filter, InspectableTier, TierUnavailable, Totals
from beastmode_otel.wire import Usage
from contract.samples import CODEC, NOW, entry, key
from contract.stands import INSPECTABLE_STANDS

HOUR = 3600.0


@pytest.fixture(params=INSPECTABLE_STANDS)
def stand(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    made = INSPECTABLE_STANDS[request.param](tmp_path)
    yield made
    made.close()


@pytest.fixture
def look(stand: Any) -> Iterator[InspectableTier]:
    made = stand.inspection()
    yield made
    made.close()


def hit(stand: Any, tier: Any, of: Any, times: int, at: float) -> None:
    stand.clock.now = at
    for _ in range(times):
        assert tier.ask(of).take() is not None
    tier.purge(NOW)  # which writes the counts


def counted(stand: Any, number: float) -> float | None:
    """What a tier says of hits: the number, or that it does not count them."""
    return number if stand.counts_hits else None


def scan(look: InspectableTier, tenant: str | None = "acme", limit: int = 100, **more: Any) -> list[Any]:
    return list(look.scan_by_frequency(tenant, limit, **{"half_life": HOUR, "now": NOW} | more))


def test_a_store_that_nothing_was_written_to_is_an_empty_one(look: InspectableTier) -> None:
    assert look.version() is None
    assert look.peek(key()) is None
    assert look.named("acme", "req-1") == look.named("acme", key().digest.hex()) == []
    assert scan(look) == scan(look, None) == []
    assert look.totals(None, NOW) == Totals()
    assert look.totals_by_model(None) == look.totals_by_tenant() == []
    assert dict(look.damage(None)) == {}
    assert look.related(key()) == (0, 0)
    assert look.invalidate(Filter(tenant="acme"), NOW) == look.purge(NOW) == 0


def test_peek_shows_an_entry_and_what_lies_round_it(stand: Any, look: InspectableTier) -> None:
    tier, one = stand.tier(), entry(age=30, ttl=HOUR)
    tier.put(one)
    hit(stand, tier, key(), 3, NOW + 5)
    found = look.peek(key())
    assert found is not None
    assert (found.key, found.entry) == (key(), one)
    assert (found.hits, found.accessed_at) == (counted(stand, 3), counted(stand, NOW + 5))
    assert (found.created_at, found.expires_at) == (one.created_at, one.expires_at)
    assert found.size == len(CODEC.encode(one))
    assert isinstance(look.version(), int)


def test_looking_counts_no_hit_and_deletes_no_damage(stand: Any, look: InspectableTier) -> None:
    tier = stand.tier()
    for number in range(2):
        tier.put(entry(key(number)))
    stand.spoil(key(1), b"junk")
    for _ in range(3):
        assert look.peek(key(0)).hits == counted(stand, 0)
        assert look.peek(key(1)).entry.reason == "malformed"
        assert len(scan(look)) == 1
        assert dict(look.damage("acme")) == {"malformed": 1}
    assert stand.pool.drain(10)
    assert look.totals(None, NOW).entries == 2


def test_tenants_never_meet(stand: Any, look: InspectableTier) -> None:
    tier = stand.tier()
    tier.put(entry(key(tenant="acme")))
    other = key(tenant="other")
    assert look.peek(other) is None
    assert look.named("other", "req-1") == look.named("other", key().digest.hex()) == []
    assert scan(look, "other") == look.totals_by_model("other") == []
    assert look.totals("other", NOW).entries == 0
    assert look.related(key("q2", tenant="other")) == (0, 0)
    assert dict(look.damage("other")) == {}
    assert look.invalidate(Filter(tenant="other"), NOW) == 0


def test_what_has_expired_is_seen_as_long_as_it_lies_there(stand: Any) -> None:
    tier, look = stand.tier(stale=60), stand.inspection(stale=60)
    tier.put(entry(ttl=100))
    assert not look.peek(key()).entry.fresh(NOW + 110)
    assert (look.totals(None, NOW + 110).expired, look.totals(None, NOW + 90).expired) == (1, 0)
    assert scan(look, now=NOW + 110) == []
    assert look.purge(NOW + 110) == 0
    assert look.purge(NOW + 160) == 1
    assert look.peek(key()) is None
    look.close()


def test_named_by_request_id_key_and_its_first_digits(stand: Any, look: InspectableTier) -> None:
    tier = stand.tier()
    for number in range(20):
        tier.put(entry(key(number), request_id=f"req-{number}"))
    digest = key(7).digest.hex()
    for handle in ("req-7", digest, digest.upper(), digest[:12], digest[:6]):
        assert [one.key for one in look.named("acme", handle)] == [key(7)], handle
    for handle in ("req-77", digest[:5], "%", "", "not hex at all", digest + "00"):
        assert look.named("acme", handle) == [], handle


def test_a_beginning_that_several_share_names_two_of_them(stand: Any, look: InspectableTier) -> None:
    tier = stand.tier()
    twins = [key(f"twin {number}", scope="s") for number in range(3)]
    for number, one in enumerate(twins):
        alike = type(one)(digest=b"same" + one.digest[4:], scope=one.scope, tenant="acme", namespace="n", model="m")
        tier.put(entry(alike, request_id=f"r{number}"))
    assert len(look.named("acme", b"same".hex())) == 2


def test_scan_is_by_hits_that_fade_with_the_time_since_the_last(stand: Any, look: InspectableTier) -> None:
    tier = stand.tier()
    for number in range(6):
        tier.put(entry(key(number), age=10 * HOUR - number, ttl=100 * HOUR))
    hit(stand, tier, key(0), 8, NOW - 4 * HOUR)  # 8 / 16
    hit(stand, tier, key(1), 3, NOW - 1 * HOUR)  # 3 / 2
    hit(stand, tier, key(2), 1, NOW)  # 1
    found = scan(look)
    if not stand.counts_hits:
        assert [one.key for one in found] == [key(5), key(4), key(3), key(2), key(1), key(0)]
        assert {(one.hits, one.score(NOW, HOUR)) for one in found} == {(None, 0.0)}
        return
    assert [one.key for one in found] == [key(1), key(2), key(0), key(5), key(4), key(3)]
    assert [one.hits for one in found] == [3, 1, 8, 0, 0, 0]
    assert [one.score(NOW, HOUR) for one in found[:3]] == pytest.approx([1.5, 1.0, 0.5])
    slowly = scan(look, half_life=100 * HOUR)
    assert [one.key for one in slowly[:3]] == [key(0), key(1), key(2)]


def test_scan_is_bounded_and_leaves_out_what_is_of_no_use(stand: Any, look: InspectableTier) -> None:
    tier = stand.tier()
    for number in range(130):  # several pages
        tier.put(entry(key(number, tenant=("acme", "other")[number % 2]), ttl=1000, age=number))
    tier.put(entry(key("old"), age=50, ttl=20))
    stand.spoil(key(0, tenant="acme"), b"junk")
    ours, everything = scan(look, limit=1000), scan(look, None, limit=1000)
    assert (len(ours), len(everything)) == (64, 129)
    assert {one.key.tenant for one in ours} == {"acme"}
    assert [one.key for one in scan(look, limit=60)] == [one.key for one in ours[:60]]
    assert scan(look, limit=0) == []
    assert all(one.entry.key == one.key for one in everything)


def test_totals(stand: Any, look: InspectableTier) -> None:
    tier = stand.tier()
    tier.put(entry(key(1), age=30, ttl=100))
    tier.put(entry(key(2), age=10, ttl=5))
    tier.put(entry(key(3, tenant="other"), age=50, ttl=100))
    ours, everything = look.totals("acme", NOW), look.totals(None, NOW)
    assert (ours.entries, ours.expired, ours.tenants, ours.oldest) == (2, 1, 1, NOW - 30)
    assert (everything.entries, everything.expired, everything.tenants, everything.oldest) == (3, 1, 2, NOW - 50)
    assert ours.size == everything.size > 300


def test_totals_by_model_say_what_hits_save(stand: Any, look: InspectableTier) -> None:
    tier = stand.tier()
    tier.put(entry(key(1, model="big"), usage=Usage(input_tokens=10, output_tokens=2), cost=0.1))
    tier.put(entry(key(2, model="big"), usage=Usage(input_tokens=30, output_tokens=4), cost=None))
    tier.put(entry(key(3, model="big"), usage=None, cost=0.3))
    tier.put(entry(key(4, model="unknown"), usage=None, cost=None))
    tier.put(entry(key(5, model="big", tenant="other")))
    hit(stand, tier, key(1, model="big"), 2, NOW)
    hit(stand, tier, key(2, model="big"), 3, NOW)
    hit(stand, tier, key(4, model="unknown"), 1, NOW)
    big, unknown = look.totals_by_model("acme")
    assert (big.model, big.entries, big.hits) == ("big", 3, counted(stand, 5))
    assert (big.input_tokens, big.output_tokens, big.saved_tokens) == (20, 3, counted(stand, 2 * 12 + 3 * 34))
    assert (big.usd, big.saved_usd) == (pytest.approx(0.2), pytest.approx(0.2) if stand.counts_hits else None)
    assert (unknown.input_tokens, unknown.output_tokens, unknown.usd) == (None, None, None)
    assert (unknown.hits, unknown.saved_tokens, unknown.saved_usd) == tuple(counted(stand, n) for n in (1, 0, 0))
    assert [(one.model, one.entries) for one in look.totals_by_model(None)] == [("big", 4), ("unknown", 1)]


def test_totals_by_tenant(stand: Any, look: InspectableTier) -> None:
    tier = stand.tier()
    for number, tenant in enumerate(("zoo", "acme", "acme")):
        tier.put(entry(key(number, tenant=tenant)))
    hit(stand, tier, key(1), 2, NOW)
    found = [(one.tenant, one.entries, one.hits) for one in look.totals_by_tenant()]
    assert found == [("acme", 2, counted(stand, 2)), ("zoo", 1, counted(stand, 0))]


def test_damage_by_reason(stand: Any, look: InspectableTier) -> None:
    tier = stand.tier()
    for number in range(4):
        tier.put(entry(key(number, tenant=("acme", "other")[number == 3])))
    stand.spoil(key(0), b"junk")
    stand.spoil(key(1), b"")
    stand.spoil(key(2), b'{"v":99,"something":"new"}')
    assert dict(look.damage("acme")) == {"malformed": 2, "version": 1}
    assert dict(look.damage(None)) == {"malformed": 2, "version": 1}
    assert dict(look.damage("other")) == {}


def test_related_are_the_others_of_its_tenant_and_model(stand: Any, look: InspectableTier) -> None:
    tier = stand.tier()
    tier.put(entry(key(1, scope="near")))
    tier.put(entry(key(2, scope="near")))
    tier.put(entry(key(3, scope="far")))
    tier.put(entry(key(4, scope="near", model="other")))
    tier.put(entry(key(5, scope="near", tenant="other")))
    assert look.related(key(1, scope="near")) == (1, 1)
    assert look.related(key(9, scope="near")) == (2, 1)


def test_invalidate_and_purge_remove(stand: Any, look: InspectableTier) -> None:
    tier = stand.tier()
    for number in range(4):
        tier.put(entry(key(number), tags=(str(number),), ttl=(5, 100, 100, 100)[number]))
    assert look.invalidate(Filter(tenant="acme", tag="1"), NOW) == 1
    assert look.purge(NOW + 10) == 1
    assert look.purge(NOW + 10) == 0
    assert [tier.ask(key(number)).take() is None for number in range(4)] == [True, True, False, False]


def test_what_was_invalidated_is_seen_nowhere(stand: Any, look: InspectableTier) -> None:
    tier = stand.tier()
    for number in range(3):
        tier.put(entry(key(number), request_id=f"req-{number}"))
    assert look.invalidate(Filter(tenant="acme"), NOW) == 3
    assert look.peek(key(0)) is None
    assert look.named("acme", "req-1") == look.named("acme", key(1).digest.hex()) == scan(look, None) == []
    assert (look.totals(None, NOW).entries, look.totals_by_tenant(), look.totals_by_model(None)) == (0, [], [])
    assert (dict(look.damage(None)), look.related(key(9))) == ({}, (0, 0))


def test_an_entry_with_many_tags_is_seen_as_any_other(stand: Any, look: InspectableTier) -> None:
    tags = tuple(f"a tag of some length, number {number}" for number in range(100))
    stand.tier().put(entry(key(1), request_id="req-1", tags=tags))
    assert [one.entry.tags for one in look.named("acme", "req-1")] == [tags]
    assert [(one.model, one.entries) for one in look.totals_by_model("acme")] == [(key(1).model, 1)]
    assert look.related(key(2)) == (1, 0)
    assert look.invalidate(Filter(tenant="acme", tag=tags[-1]), NOW) == 1


def test_after_close_everything_is_unavailable(stand: Any, look: InspectableTier) -> None:
    stand.tier().put(entry())
    look.close()
    look.close()
    for call in (
        look.version, lambda: look.peek(key()), lambda: look.named("acme", "r"), lambda: scan(look),
        lambda: look.totals(None, NOW), lambda: look.totals_by_model(None), look.totals_by_tenant,
        lambda: look.damage(None), lambda: look.related(key()), lambda: look.invalidate(Filter(tenant="acme"), NOW),
        lambda: look.purge(NOW),
    ):  # fmt: skip
        with pytest.raises(TierUnavailable) as refused:
            call()
        assert refused.value.healthy
