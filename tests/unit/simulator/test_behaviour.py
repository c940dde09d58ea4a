"""Behaviours as data: what is refused, how they are spelled, in which order they come."""

from __future__ import annotations

import importlib.util
from itertools import islice

import pytest

from beastmode_otel.errors import ConfigError
from beastmode_otel.simulator import Behaviour, Mix, mix
from beastmode_otel.simulator.behaviour import KINDS
from beastmode_otel.simulator.script import Script, parse


@pytest.mark.parametrize(
    "knobs",
    [
        {"status": 99},
        {"status": "500"},
        {"status": True},
        {"latency": -1},
        {"latency": (2, 1)},
        {"latency": float("nan")},
        {"chunks": 0},
        {"trickle": 0},
        {"trickle_for": 1},
        {"encoding": "lzma"},
        {"error_shape": "odd"},
        {"finish_reason": None, "usage": None},
        {"retry_after": 3},
        {"retry_after": "date+soon"},
        {"redirect_to": "a\nb"},
        {"headers": {"a b": "c"}},
        {"headers": {"a": "line\n"}},
        {"headers": {"Content-Length": "3"}},
        {"reset": True, "drop": True},
        {"html": True, "empty": True},
        {"cut_after": 0, "error_event_after": 0},
        {"input_tokens": 1, "cached_tokens": 2},
        {"output_tokens": 1, "reasoning_tokens": 2},
    ],
    ids=str,
)
def test_bad_values_are_refused_by_name(knobs):
    with pytest.raises(ConfigError) as refused:
        Behaviour(**knobs)
    assert any(name in str(refused.value).lower() for name in [*knobs, *map(str.lower, knobs.get("headers", ()))])


def test_missing_compression_library_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="pip install brotli"):
        Behaviour(encoding="br")


def test_repr_shows_what_differs():
    assert repr(Behaviour()) == "Behaviour()"
    assert repr(Behaviour(status=500, drop=True)) == "Behaviour(status=500, drop=True)"


def test_behaviours_can_be_hashed_with_headers():
    assert len({Behaviour(headers={"a": "b"}), Behaviour(headers=(("a", "b"),)), Behaviour()}) == 2


def series(script: Script, count: int) -> list[int]:
    return [script.next().status for _ in range(count)]


def test_last_step_repeats():
    assert series(Script.of([Behaviour(status=500), Behaviour(status=429), Behaviour()]), 5) == [
        500,
        429,
        200,
        200,
        200,
    ]


def test_mix_draws_by_weight_and_seed():
    each = mix({Behaviour(): 0.9, Behaviour(status=500): 0.1}, seed=7)
    drawn = series(Script.of([each]), 1000)
    assert 60 < drawn.count(500) < 140
    assert drawn == series(Script.of([each]), 1000)
    assert drawn == [b.status for b in islice(each.series(), 1000)]


def test_mix_inside_a_sequence():
    only = Mix({Behaviour(status=503): 1})
    assert series(Script.of([only, Behaviour()]), 3) == [503, 200, 200]
    assert series(Script.of([Behaviour(), only]), 3) == [200, 503, 503]


@pytest.mark.parametrize("weights", [{}, {Behaviour(): 0}, {Behaviour(): -1, Behaviour(status=500): 2}])
def test_bad_mixes(weights):
    with pytest.raises(ConfigError):
        mix(weights)


@pytest.mark.parametrize("steps", [[], ["500"], [Behaviour(), None]])
def test_bad_scripts(steps):
    with pytest.raises(ConfigError):
        Script.of(steps)


@pytest.mark.parametrize(
    ("spelled", "meant"),
    [
        ("status=429;retry_after=0.1", Behaviour(status=429, retry_after="0.1")),
        ("latency=0.1,0.2", Behaviour(latency=(0.1, 0.2))),
        ("latency=1;", Behaviour(latency=1.0)),
        ("drop=true", Behaviour(drop=True)),
        ("drop=no;usage=0", Behaviour(usage=False)),
        ("headers=x-a:1,x-b:a:b", Behaviour(headers={"x-a": "1", "x-b": "a:b"})),
        ("error_shape=azure;status=400", Behaviour(error_shape="azure", status=400)),
        ("text=a%3Bb%2Fc%20d", Behaviour(text="a;b/c d")),
        ("retry_after=date+2", Behaviour(retry_after="date+2")),
    ],
)
def test_spelling(spelled, meant):
    assert parse(spelled).next() == meant


def test_times():
    assert series(parse("status=500;times=2"), 4) == [500, 500, 200, 200]
    assert series(parse("times=0;status=500"), 1) == [200]


@pytest.mark.parametrize(
    ("spelled", "part"),
    [
        ("status=abc", "status=abc"),
        ("status=42", "status=42"),
        ("statsu=500", "did you mean status"),
        ("status=500;status=501", "given twice"),
        ("a=1", "unknown key"),
        ("status=500;nonsense", "not key=value"),
        ("times=-1", "times=-1"),
        ("drop=maybe", "true or false"),
        ("headers=x", "name:value"),
        ("latency=1,2,3", "latency"),
    ],
)
def test_bad_spelling_says_where(spelled, part):
    with pytest.raises(ConfigError, match=part):
        parse(spelled)


def test_every_knob_has_a_kind():
    assert set(KINDS) == set(Behaviour.__dataclass_fields__)
