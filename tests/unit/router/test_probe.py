"""A breaker's probe that never becomes an attempt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from beastmode_otel import BeastModeError, ModelRouter, UpstreamError
from beastmode_otel.simulator import Behaviour, Simulator


class Interrupted(Mapping[str, object]):
    """A body at whose reading Ctrl-C strikes."""

    def __getitem__(self, key: str) -> object:
        raise KeyError(key)

    def __iter__(self) -> Iterator[str]:
        raise KeyboardInterrupt

    def __len__(self) -> int:
        return 1


def test_an_interrupt_before_the_probe_is_sent_gives_its_place_back():
    with Simulator() as sim:
        sim.define("a", Behaviour(status=500), Behaviour(text="Hello"))
        config = {
            "deployments": {"a": {"base_url": sim.url("a"), "model": "m"}},
            "routes": {"chat": {"deployments": ["a"]}},
            "breaker": {"failures": 1, "cooldown": 0},
            "retry": {"per_deployment": 0},
            "cache": {"mode": "off"},
        }
        with ModelRouter(config) as router:
            with pytest.raises(UpstreamError):
                router.route("chat", {"messages": []})
            with pytest.raises(KeyboardInterrupt):
                router.route("chat", Interrupted())
            assert router.route("chat", {"messages": []}).text == "Hello"


def test_the_hint_of_an_open_breaker_is_the_same_each_time():
    with Simulator() as sim:
        sim.define("a", Behaviour(status=500))
        config = {
            "deployments": {"a": {"base_url": sim.url("a"), "model": "m"}},
            "routes": {"chat": {"deployments": ["a"]}},
            "breaker": {"failures": 1, "cooldown": 60},
            "retry": {"per_deployment": 0},
            "cache": {"mode": "off"},
        }
        errors = []
        with ModelRouter(config) as router:
            for _ in range(3):
                with pytest.raises(BeastModeError) as caught:
                    router.route("chat", {"messages": []})
                errors.append(caught.value)
        _, second, third = errors
        assert (second.category.name, third.category.name) == ("circuit_open", "circuit_open")
        assert second.hints == third.hints
        assert third.retry_after is not None  # the number that moves stands where machines read it
