"""The order of trying: by `order`, within one order drawn by weight."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from beastmode_otel.config import Deployment, Target
from beastmode_otel.router.attempt_sequence import ordered

DRAWS = 20_000


def target(name: str, *, order: int = 1, weight: float = 1.0) -> Target:
    deployment = Deployment(name=name, kind="openai", base_url="https://h/v1")
    return Target(deployment=deployment, order=order, weight=weight)


def names(targets: list[Target]) -> list[str]:
    return [each.deployment.name for each in targets]


def shares(targets: tuple[Target, ...], place: int = 0) -> dict[str, float]:
    rng = random.Random(7)
    counted = Counter(names(ordered(targets, rng))[place] for _ in range(DRAWS))
    return {name: count / DRAWS for name, count in counted.items()}


@pytest.mark.parametrize(
    "weights",
    [(1, 1), (1, 3), (1, 2, 7), (0.5, 0.25, 0.25), (0.001, 0.001), (0.0001, 0.0003), (1e9, 3e9), (0.01, 99.99)],
    ids=str,
)
def test_the_first_is_drawn_in_proportion_to_its_weight(weights: tuple[float, ...]):
    found = shares(tuple(target(str(place), weight=weight) for place, weight in enumerate(weights)))
    for place, weight in enumerate(weights):
        assert found.get(str(place), 0.0) == pytest.approx(weight / sum(weights), abs=0.015)


def test_the_second_is_drawn_by_weight_among_those_that_are_left():
    found = shares((target("a", weight=1), target("b", weight=2), target("c", weight=1)), place=1)
    # P(b second) = P(a first) * 2/3 + P(c first) * 2/3
    assert found["b"] == pytest.approx(1 / 3, abs=0.015)
    assert found["a"] == pytest.approx(1 / 3, abs=0.015)


def test_a_lower_order_always_goes_first_whatever_the_weights():
    rng = random.Random(7)
    targets = (target("last", order=3, weight=1000), target("middle", order=2), target("first", order=0, weight=0.001))
    for _ in range(100):
        assert names(ordered(targets, rng)) == ["first", "middle", "last"]


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.floats(min_value=5e-324, max_value=1e15, exclude_min=False)),
        min_size=1,
        max_size=8,
    ),
    st.randoms(use_true_random=False),
)
def test_every_target_is_there_once_and_orders_never_mix(spec: list[tuple[int, float]], rng: random.Random):
    targets = tuple(target(str(place), order=order, weight=weight) for place, (order, weight) in enumerate(spec))
    found = ordered(targets, rng)
    assert sorted(names(found)) == sorted(names(list(targets)))
    orders = [each.order for each in found]
    assert orders == sorted(orders)


def test_the_same_seed_gives_the_same_order():
    targets = tuple(target(str(place)) for place in range(10))
    assert names(ordered(targets, random.Random(1))) == names(ordered(targets, random.Random(1)))
