"""A redirect carries no key and no prompt to another origin: not the router's, and nothing of ours the hook's."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import httpx2
import pytest

from beastmode_otel import UpstreamError, instrument, uninstrument
from beastmode_otel.simulator import Behaviour, Simulator
from support.drivers import DRIVERS, QUESTION
from support.recorder import Recorder

KEY = "sk-PLANTED-0123456789"
LIBRARIES = {"httpx": httpx, "httpx2": httpx2}
STATUSES = (301, 302, 303, 307, 308)


@pytest.fixture
def elsewhere() -> Iterator[Simulator]:
    with Simulator() as running:
        yield running


@pytest.fixture(params=DRIVERS)
def world(request: Any) -> str:
    return str(request.param)


def config(simulator: Simulator) -> dict[str, Any]:
    """A first deployment that the tests redirect, and a spare that answers."""
    names = ("first", "spare")
    made = {name: {"kind": "openai", "base_url": simulator.url(name), "model": "m", "api_key": KEY} for name in names}
    both = [{"name": name, "order": order} for order, name in enumerate(names, 1)]
    return {"deployments": made, "routes": {"both": {"deployments": both}, "alone": {"deployments": both[:1]}}}


def ask(world: str, simulator: Simulator, action: str, model: str, **options: Any) -> Any:
    driver = DRIVERS[world](simulator, config(simulator), **options)
    try:
        return driver.act(action, model, copy.deepcopy(QUESTION))
    finally:
        driver.close()


def client_of(library: str, world: str, **options: Any) -> Any:
    return getattr(LIBRARIES[library], "Client" if world == "sync" else "AsyncClient")(**options)


@pytest.mark.parametrize("action", ["route", "read"])
@pytest.mark.parametrize("status", STATUSES)
def test_another_origin_gets_nothing(
    world: str, status: int, action: str, simulator: Simulator, elsewhere: Simulator
) -> None:
    target = f"{elsewhere.url('ok')}/chat/completions?token=PLANTED"
    simulator.define("first", Behaviour(redirect_to=target, status=status))
    error = ask(world, simulator, action, "alone")
    assert isinstance(error, UpstreamError)
    assert (error.category.name, error.status_code) == ("redirect_loop", status)
    assert [attempt.outcome for attempt in error.attempts] == ["error"]
    origin = elsewhere.url("ok").partition("/b/")[0]
    assert origin in error.hints[0]
    assert "PLANTED" not in str(error)
    assert elsewhere.received == 0


def test_the_spare_is_asked_instead(world: str, simulator: Simulator, elsewhere: Simulator) -> None:
    simulator.define("first", Behaviour(redirect_to=f"{elsewhere.url('ok')}/chat/completions"))
    simulator.define("spare", Behaviour())
    answer = ask(world, simulator, "route", "both")
    assert answer.deployment == "spare"
    assert [(one.category, one.status) for one in answer.attempts] == [("redirect_loop", 307), (None, 200)]
    assert elsewhere.received == 0


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("follows", [True, False])
def test_a_client_that_a_user_passes_in(
    world: str, library: str, follows: bool, simulator: Simulator, elsewhere: Simulator
) -> None:
    simulator.define("first", Behaviour(redirect_to=f"{elsewhere.url('ok')}/chat/completions"))
    client = client_of(library, world, follow_redirects=follows)
    error = ask(world, simulator, "route", "alone", client=client)
    assert error.category.name == "redirect_loop"
    assert elsewhere.received == 0


@pytest.mark.parametrize(
    "target",
    ["//127.0.0.1:{port}/x", "https://{host}/x", "http://{host}.example.invalid/", "HTTP://key@127.0.0.1:{port}/"],
)
def test_what_is_another_origin(world: str, target: str, simulator: Simulator, elsewhere: Simulator) -> None:
    """Another port, scheme or host; a name in front of it changes nothing."""
    host = simulator.url("ok").partition("//")[2].partition("/")[0]
    port = elsewhere.url("ok").partition("//")[2].partition("/")[0].rpartition(":")[2]
    simulator.define("first", Behaviour(redirect_to=target.format(host=host, port=port)))
    error = ask(world, simulator, "route", "alone")
    assert error.category.name == "redirect_loop"
    assert "key@" not in str(error)
    assert (simulator.received, elsewhere.received) == (1, 0)


@pytest.mark.parametrize("action", ["route", "read"])
@pytest.mark.parametrize("status", [307, 308])
def test_the_same_origin_is_followed(world: str, status: int, action: str, simulator: Simulator) -> None:
    simulator.define("first", Behaviour(redirect_to="/b/ok/v1/chat/completions", status=status))
    got = ask(world, simulator, action, "alone")
    assert (got if action == "route" else got[1]).text
    sent = simulator.requests
    assert [request.headers.get("authorization") for request in sent] == [f"Bearer {KEY}"] * 2
    assert sent[0].body == sent[1].body


def test_over_the_same_origin_to_another(world: str, simulator: Simulator, elsewhere: Simulator) -> None:
    simulator.define("first", Behaviour(redirect_to="/b/hop/v1/chat/completions"))
    simulator.define("hop", Behaviour(redirect_to=f"{elsewhere.url('ok')}/chat/completions"))
    error = ask(world, simulator, "route", "alone")
    assert error.category.name == "redirect_loop"
    assert (simulator.received, elsewhere.received) == (2, 0)


def test_in_circles(world: str, simulator: Simulator) -> None:
    simulator.define("first", Behaviour(redirect_to="self"))
    error = ask(world, simulator, "route", "alone")
    assert error.category.name == "redirect_loop"
    assert simulator.received == 21


def test_a_client_that_follows_none(world: str, simulator: Simulator) -> None:
    simulator.define("first", Behaviour(redirect_to="/b/ok/v1/chat/completions"))
    error = ask(world, simulator, "route", "alone", client=client_of("httpx2", world))
    assert "follow_redirects=True" in error.hints[0]
    assert simulator.received == 1


# The hook: what travels is the client's affair, and nothing of ours is among it.


@pytest.mark.parametrize("cache", ["off", "on"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_hook_adds_nothing_to_a_redirect(
    world: str, library: str, cache: str, simulator: Simulator, elsewhere: Simulator, recorder: Recorder
) -> None:
    simulator.define("first", Behaviour(redirect_to=f"{elsewhere.url('ok')}/chat/completions"))
    plain = _received(library, world, simulator, elsewhere)
    instrument(cache={"l3": {"url": "off"}} if cache == "on" else None, **recorder.providers)
    try:
        hooked = _received(library, world, simulator, elsewhere, {"x-beastmode-cache": "refresh"})
    finally:
        uninstrument()
    assert hooked == plain
    assert "authorization" not in hooked  # httpx takes it away, and x-api-key not: neither is ours to change
    assert hooked["x-api-key"] == KEY


def _received(
    library: str, world: str, simulator: Simulator, elsewhere: Simulator, more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The headers that the other origin has got."""
    headers = {"authorization": f"Bearer {KEY}", "x-api-key": KEY, **(more or {})}
    url, body = f"{simulator.url('first')}/chat/completions", {"model": "gpt-4o-mini", **QUESTION}
    before = elsewhere.received
    if world == "sync":
        with client_of(library, world, follow_redirects=True) as client:
            assert client.post(url, json=body, headers=headers).status_code == 200
    else:

        async def post() -> None:
            async with client_of(library, world, follow_redirects=True) as client:
                assert (await client.post(url, json=body, headers=headers)).status_code == 200

        asyncio.run(post())
    assert elsewhere.received == before + 1
    return dict(elsewhere.requests[-1].headers)
