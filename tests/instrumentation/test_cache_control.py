"""What one call of an app's own client says about lifetimes: in its header, or by the block of code it stands in."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from beastmode_otel import cache_control
from beastmode_otel.engine.cache_request import Options
from beastmode_otel.instrumentation.context import HEADER, asked_of


def request(said: str | None = None) -> httpx.Request:
    return httpx.Request("POST", "http://127.0.0.1", headers={} if said is None else {HEADER: said.encode()})


READ = {
    "on": Options(),
    "refresh": Options(use="refresh"),
    "max-age=60": Options(max_age=60),
    "Max-Age=0": Options(max_age=0),
    "no-store": Options(no_store=True),
    "ttl=0.5": Options(ttl=0.5),
    " refresh ,no-store,  ttl=600": Options(use="refresh", no_store=True, ttl=600),
    "off, max-age=5": Options(use="off", max_age=5),
}


@pytest.mark.parametrize("said", READ)
def test_the_header(said: str) -> None:
    """It is taken off, and remembered for a request that is sent again."""
    one = request(said)
    assert [asked_of(one), asked_of(one)] == [READ[said]] * 2
    assert HEADER not in one.headers


@pytest.mark.parametrize(
    "said",
    ["", "no", "max-age", "max-age=", "max-age=-1", "max-age=soon", "ttl=0", "ttl=nan", "no-store=1", "on;ttl=5",
     "max-age=1e400", "ttl=" + "9" * 400, "max-age=\u0663"],
)  # fmt: skip
def test_what_nobody_understands_counts_as_off(said: str) -> None:
    """It was meant to say something; certainly not a stored answer."""
    assert asked_of(request(said)).use == "off"


def fixed(_: Any) -> float:
    return 60.0


def test_blocks_within_each_other() -> None:
    """Each says what it says, and leaves the rest as it is outside; a header outranks them in what it says."""
    with cache_control(ttl=fixed, max_age=30):
        with cache_control("refresh", no_store=True):
            assert asked_of(request()) == Options(use="refresh", ttl=fixed, max_age=30, no_store=True)
            with cache_control(no_store=False):
                assert asked_of(request()) == Options(use="refresh", ttl=fixed, max_age=30)
            said = asked_of(request("on, max-age=5"))
            assert said == Options(use="on", ttl=fixed, max_age=5, no_store=True)
        assert asked_of(request()) == Options(ttl=fixed, max_age=30)
    assert asked_of(request()) == Options()


@pytest.mark.parametrize(
    "said",
    [{"ttl": 0}, {"ttl": "60"}, {"ttl": float("nan")}, {"max_age": -1}, {"max_age": True}, {"max_age": "5"},
     {"no_store": 1}, {"max_age": float("nan")}],
    ids=str,
)  # fmt: skip
def test_a_block_refuses_what_cannot_be_meant(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="cache_control"), cache_control(**said):
        pass
