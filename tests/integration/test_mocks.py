"""What a mock answers is not stored under the real host, and nothing stored is given in a mock's place: in the router
with its own client and with one that was passed in, and in the transport."""

from __future__ import annotations

import asyncio
import functools
import sys
import unittest.mock
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import httpx2
import pytest
import respx
from pytest_httpx import HTTPXMock

from beastmode_otel import async_transport, transport
from beastmode_otel.router.upstream.library import library
from beastmode_otel.router.upstream.mocks import asks_the_host
from beastmode_otel.simulator import Simulator
from support.drivers import DRIVERS, QUESTION
from support.recorder import Recorder

HOST = "http://provider.test/v1"
LIBRARIES = {"httpx": httpx, "httpx2": httpx2}
ANSWER = {
    "id": "x",
    "object": "chat.completion",
    "model": "mocked",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "mocked"}}],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}


@pytest.fixture(params=DRIVERS)
def world(request: Any) -> str:
    return str(request.param)


@pytest.fixture
def httpx_alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As where httpx2 is not installed: respx and pytest-httpx know httpx only."""
    monkeypatch.setitem(sys.modules, "httpx2", None)
    library.cache_clear()
    yield
    library.cache_clear()


def settings(url: str = HOST) -> dict[str, Any]:
    return {
        "cache": {"mode": "on", "l3": "off"},
        "deployments": {"main": {"base_url": url, "model": "m"}},
        "routes": {"chat": {"deployments": ["main"]}},
    }


def answers(driver: Any, count: int = 2) -> list[tuple[str, str, str | None]]:
    """Text, status and reason of the cache of identical requests: whole, then streams."""
    found = []
    for _ in range(count):
        answer = driver.act("route", "chat", QUESTION)
        assert not isinstance(answer, BaseException), answer
        found.append((answer.text, answer.cache.status, answer.cache.reason))
    return found


def close(driver: Any, client: Any) -> None:
    """The client on its own loop, and before the router."""
    if client is not None:
        driver._runner.run(client.aclose()) if driver.world == "async" else client.close()
    driver.close()


BYPASSED = [("mocked", "bypass", "unreadable")] * 2


@pytest.fixture(params=["own", "passed in"])
def driver(request: Any, world: str, recorder: Recorder, httpx_alone: None, simulator: Simulator) -> Iterator[Any]:
    """A router whose HTTP library is httpx."""
    client = None if request.param == "own" else (httpx.Client() if world == "sync" else httpx.AsyncClient())
    made = DRIVERS[world](simulator, settings(), client=client, **recorder.providers)
    yield made
    close(made, client)


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
def test_respx(driver: Any, using: str) -> None:
    with respx.mock(using=using) as mock:
        asked = mock.post(f"{HOST}/chat/completions").respond(json=ANSWER)
        assert answers(driver) == BYPASSED
        assert asked.call_count == 2


def test_pytest_httpx(driver: Any, httpx_mock: HTTPXMock) -> None:
    httpx_mock.add_response(url=f"{HOST}/chat/completions", json=ANSWER, is_reusable=True)
    assert answers(driver) == BYPASSED
    assert len(httpx_mock.get_requests()) == 2


@pytest.mark.parametrize("client", ["own", "passed in"])
def test_real_answers_before_and_after_a_mock(
    client: str, world: str, recorder: Recorder, httpx_alone: None, simulator: Simulator
) -> None:
    """The mock is asked although the real answer is stored, and leaves nothing behind."""
    given = None if client == "own" else (httpx.Client() if world == "sync" else httpx.AsyncClient())
    driver = DRIVERS[world](simulator, settings(simulator.url("ok")), client=given, **recorder.providers)
    (text, status, _), (again, hit, _) = answers(driver)
    assert (status, again, hit) == ("miss", text, "hit")
    with respx.mock as mock:
        mock.post(f"{simulator.url('ok')}/chat/completions").respond(json=ANSWER)
        assert answers(driver) == BYPASSED
    assert answers(driver) == [(text, "hit", None)] * 2
    assert simulator.received == 1
    close(driver, given)


@pytest.mark.parametrize("using", ["httpcore", "httpx"])
@pytest.mark.parametrize("first", ["mocked", "real"])
def test_mock_of_a_proxys_pool_comes_and_goes(first: str, using: str) -> None:
    """It is put into a class that only inherits what is mocked, and taken out again."""
    with httpx.Client(proxy="http://proxy.test:3128") as client:
        for _ in range(2):
            if first == "real":
                assert asks_the_host(client, HOST)
            with respx.mock(using=using):
                assert not asks_the_host(client, HOST)
            first = "real"
        assert asks_the_host(client, HOST)


Make = Callable[[Any, bool, list[Any]], Any]


def _handler(library: Any, later: bool, asked: list[Any]) -> Any:
    def answer(request: Any) -> Any:
        asked.append(request)
        return library.Response(200, json=ANSWER)

    return answer


def _mock_transport(library: Any, later: bool, asked: list[Any]) -> Any:
    return library.MockTransport(_handler(library, later, asked))


def _app(library: Any, later: bool, asked: list[Any]) -> Any:
    """An application in the process, as test clients of web frameworks ask it."""
    body = httpx.Response(200, json=ANSWER).content
    head = [("content-type", "application/json")]

    def wsgi(environ: Any, start: Any) -> list[bytes]:
        asked.append(environ)
        start("200 OK", head)
        return [body]

    async def asgi(scope: Any, receive: Any, send: Any) -> None:
        asked.append(scope)
        raw = [(name.encode(), value.encode()) for name, value in head]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    return library.ASGITransport(asgi) if later else library.WSGITransport(wsgi)


def _fake(library: Any, later: bool, asked: list[Any]) -> Any:
    """A transport of the app's that answers by itself."""
    answer = _handler(library, later, asked)

    class Fake(library.AsyncBaseTransport if later else library.BaseTransport):  # type: ignore[misc]
        def handle_request(self, request: Any) -> Any:
            return answer(request)

        async def handle_async_request(self, request: Any) -> Any:
            return answer(request)

    return Fake()


class Wrapper:
    """A transport round another, as those that retry, log or count."""

    def __init__(self, inner: Any, asked: list[Any]) -> None:
        self.inner, self.asked = inner, asked

    def handle_request(self, request: Any) -> Any:
        return self.inner.handle_request(request)

    async def handle_async_request(self, request: Any) -> Any:
        return await self.inner.handle_async_request(request)

    def close(self) -> None:
        self.inner.close()

    async def aclose(self) -> None:
        await self.inner.aclose()


def wrapper(library: Any, later: bool, inner: Any) -> Any:
    base = library.AsyncBaseTransport if later else library.BaseTransport
    return type("Wrapper", (Wrapper, base), {})(inner, [])


def _wrapped_mock(library: Any, later: bool, asked: list[Any]) -> Any:
    return wrapper(library, later, _mock_transport(library, later, asked))


MOCKS: dict[str, Make] = {
    "MockTransport": _mock_transport, "application": _app, "fake": _fake, "wrapped": _wrapped_mock,
}  # fmt: skip


@pytest.mark.parametrize("how", MOCKS)
@pytest.mark.parametrize("place", ["transport", "mount"])
@pytest.mark.parametrize("name", LIBRARIES)
@pytest.mark.parametrize("tenant", [None, "acme"])
def test_client_that_answers_by_itself(
    tenant: str | None, name: str, place: str, how: str, world: str, recorder: Recorder, simulator: Simulator
) -> None:
    kind, asked = LIBRARIES[name], []
    mock = MOCKS[how](kind, world == "async", asked)
    options = {"transport": mock} if place == "transport" else {"mounts": {"all://provider.test": mock}}
    client = (kind.Client if world == "sync" else kind.AsyncClient)(**options)
    driver = DRIVERS[world](simulator, settings(), client=client, tenant=tenant, **recorder.providers)
    assert answers(driver) == BYPASSED
    assert len(asked) == 2
    close(driver, client)


@pytest.mark.parametrize("how", ["elsewhere mounted", "wrapped", "subclass", "subclass of the client"])
@pytest.mark.parametrize("name", LIBRARIES)
def test_client_that_asks_the_host_is_cached(
    name: str, how: str, world: str, recorder: Recorder, simulator: Simulator
) -> None:
    """A mock for other hosts, a transport round the library's own, and subclasses that add to it."""
    kind, later = LIBRARIES[name], world == "async"
    own: Any = kind.AsyncHTTPTransport if later else kind.HTTPTransport
    made: Any = kind.AsyncClient if later else kind.Client

    class Logging(own):
        def handle_request(self, request: Any) -> Any:
            return super().handle_request(request)

        async def handle_async_request(self, request: Any) -> Any:
            return await super().handle_async_request(request)

    class Sub(made):
        def send(self, *args: Any, **options: Any) -> Any:
            return super().send(*args, **options)

    clients: dict[str, Callable[[], Any]] = {
        "elsewhere mounted": lambda: made(mounts={"all://provider.test": _mock_transport(kind, later, [])}),
        "wrapped": lambda: made(transport=wrapper(kind, later, own())),
        "subclass": lambda: made(transport=Logging()),
        "subclass of the client": Sub,
    }
    client = clients[how]()
    driver = DRIVERS[world](simulator, settings(simulator.url("ok")), client=client, **recorder.providers)
    assert [status for _, status, _ in answers(driver)] == ["miss", "hit"]
    assert simulator.received == 1
    close(driver, client)


@pytest.mark.parametrize("how", ["class", "instance"])
def test_send_of_unittest_mock(how: str, world: str, recorder: Recorder, simulator: Simulator) -> None:
    """`mock.patch` in the place of `send`, of the class or of one client."""
    made = httpx.Client if world == "sync" else httpx.AsyncClient
    client = made()
    response = functools.partial(httpx.Response, 200, json=ANSWER)
    mock = (unittest.mock.Mock if world == "sync" else unittest.mock.AsyncMock)(
        side_effect=lambda request, **_: response(request=request)
    )
    driver = DRIVERS[world](simulator, settings(), client=client, **recorder.providers)
    with unittest.mock.patch.object(made if how == "class" else client, "send", mock):
        assert answers(driver) == BYPASSED
    assert mock.call_count == 2
    close(driver, client)


@pytest.mark.parametrize("how", ["MockTransport", "application", "wrapped", "real"])
@pytest.mark.parametrize("name", LIBRARIES)
def test_transport_round_a_mock(name: str, how: str, world: str, recorder: Recorder, simulator: Simulator) -> None:
    """Our door before it stores nothing either; before a wrapper of the library's own it does. (A transport of another
    kind, which the app has put behind our door itself, counts as real: tests/instrumentation/test_transport.py.)"""
    kind, later, asked = LIBRARIES[name], world == "async", []
    own: Any = kind.AsyncHTTPTransport if later else kind.HTTPTransport
    inner = wrapper(kind, later, own()) if how == "real" else MOCKS[how](kind, later, asked)
    door = (async_transport if later else transport)(inner, cache={"l3": "off"}, **recorder.providers)
    url = f"{simulator.url('ok') if how == 'real' else HOST}/chat/completions"

    async def tasks() -> list[int]:
        async with kind.AsyncClient(transport=door) as client:
            return [(await client.post(url, json={"model": "m", **QUESTION})).status_code for _ in range(2)]

    def blocking() -> list[int]:
        with kind.Client(transport=door) as client:
            return [client.post(url, json={"model": "m", **QUESTION}).status_code for _ in range(2)]

    assert (asyncio.run(tasks()) if later else blocking()) == [200, 200]
    assert (simulator.received, len(asked)) == ((1, 0) if how == "real" else (0, 2))
