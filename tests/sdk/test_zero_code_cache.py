"""Real SDKs in apps that know nothing of us, with BEASTMODE_CACHE=on: the second identical call is answered without the
provider, and the app cannot tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from beastmode_otel.simulator import Simulator
from sdk import page
from sdk.digest import digest
from sdk.plan import APPS, Kind
from sdk.zero_code import Run, Span, run

ON = {"BEASTMODE_CACHE": "on", "ANTHROPIC_OPEN_TELEMETRY": "false"}


@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize("app", APPS)
def test_the_second_call_never_reaches_the_provider(app: str, world: str, simulator: Simulator, tmp_path: Path) -> None:
    """Twice in one process (the first tier), and once more in another (the third): each kind is asked for once."""
    first = run(app, world, simulator, tmp_path, times=2, **ON)
    kinds = APPS[app]
    for name, kind in kinds.items():
        one, other = (line for line in first.lines if line["kind"] == name)
        check_same(kind, one, other)
        check_seen(kind, spans_of(first, name, kinds))
        assert simulator.received_by(name) == sent(kind, times=2)
    assert first.total("beastmode.request.duration", beastmode__cache__tier="l1") == stored(kinds)

    later = run(app, world, simulator, tmp_path, **ON)
    for name, kind in kinds.items():
        (again,) = (line for line in later.lines if line["kind"] == name)
        check_same(kind, next(line for line in first.lines if line["kind"] == name), again)
        assert simulator.received_by(name) == sent(kind, times=3)
    assert later.total("beastmode.request.duration", beastmode__cache__tier="l3") == stored(kinds)
    assert later.total("beastmode.attempt.duration") == len(kinds) - stored(kinds)
    page.saw({name: "bypassed" if kind.bypass else "cached" for name, kind in kinds.items()}, world)


def stored(kinds: dict[str, Kind]) -> int:
    return sum(kind.ending != "refused" and not kind.bypass for kind in kinds.values())


def sent(kind: Kind, *, times: int) -> int:
    """What the provider gets: one request, a retry where it wants one; what is not cached comes each time."""
    if kind.bypass:
        return times
    return {"ok": 1, "retried": 2, "refused": times}[kind.ending]


def check_same(kind: Kind, one: dict[str, Any], other: dict[str, Any]) -> None:
    """The parsed object is the first one whole; a stream says the same, in as many events as it likes."""
    if kind.ending == "refused":
        assert one["error"] == other["error"]
        return
    if kind.bypass:
        return  # two answers
    if isinstance(one["said"], list):
        assert digest(other["said"]) == digest(one["said"])
        assert ids(other["said"]) == ids(one["said"])
    else:
        assert answer(other["said"]) == answer(one["said"])


def answer(said: dict[str, Any]) -> dict[str, Any]:
    """Without the headers of its response, which Google's SDK adds to it."""
    return {name: value for name, value in said.items() if name != "sdk_http_response"}


def ids(events: list[dict[str, Any]]) -> set[str]:
    """Those that name the answer: each event's own, of its response or of its message."""
    found = [event.get("data") if isinstance(event.get("data"), dict) else event for event in events]
    holders = [each.get("response") or each.get("message") or each for each in found]
    return {each["id"] for each in holders if each.get("id")}


def spans_of(seen: Run, name: str, kinds: dict[str, Kind]) -> list[Span]:
    """The spans of one kind: apps make their calls one after the other, each with so many requests."""
    requests = [span for span in seen.spans if "beastmode.cache.status" in span.attributes]
    place = 0
    for each, kind in kinds.items():
        count = 3 if kind.ending == "retried" else 2
        if each == name:
            return requests[place : place + count]
        place += count
    raise KeyError(name)


def check_seen(kind: Kind, requests: list[Span]) -> None:
    """The first is a miss, the second a hit, which is no usage and has no attempt."""
    if kind.ending == "refused":
        assert [span.attributes["beastmode.cache.status"] for span in requests] == ["miss", "miss"]
        return
    if kind.bypass:
        assert [span.attributes["beastmode.cache.status"] for span in requests] == ["bypass", "bypass"]
        assert {span.attributes["beastmode.cache.reason"] for span in requests} == {kind.bypass}
        return
    hit = requests[-1].attributes
    assert [span.attributes["beastmode.cache.status"] for span in requests[:-1]] == ["miss"] * (len(requests) - 1)
    assert (hit["beastmode.cache.status"], hit["beastmode.cache.tier"], hit["beastmode.cache.match"]) == (
        "hit",
        "l1",
        "exact",
    )
    assert (hit["beastmode.outcome"], hit["beastmode.attempts"]) == ("ok", 0)
    assert not any(key.startswith("gen_ai.usage") for key in hit)
