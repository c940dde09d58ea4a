"""The door without patches: the same telemetry, never twice, and a client that is otherwise as ever."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from beastmode_otel import (
    ConfigError,
    async_http_client,
    async_transport,
    http_client,
    instrument,
    transport,
    uninstrument,
)
from beastmode_otel.simulator import Behaviour, Simulator
from instrumentation.apps import COMBINATIONS, LIBRARIES, STREAMED, App, chat, make, transport_of
from instrumentation.servers import read_request, serving
from support.law import assert_law
from support.recorder import Recorder

MEMORY = {"l3": {"url": "off"}}


def door(library: str, world: str, recorder: Recorder, *, cache: Any = False, **options: Any) -> Any:
    """A client whose transport is ours, round the library's own."""
    kind = LIBRARIES[library]
    if world == "sync":
        return kind.Client(transport=transport(kind.HTTPTransport(), cache=cache, **recorder.providers), **options)
    inner = kind.AsyncHTTPTransport()
    return kind.AsyncClient(transport=async_transport(inner, cache=cache, **recorder.providers), **options)


@pytest.fixture
def through(kind: tuple[str, str], recorder: Recorder) -> Iterator[App]:
    app = make(*kind, client=door(*kind, recorder))
    yield app
    app.close()


def test_same_telemetry_with_its_own_label(through: App, simulator: Simulator, recorder: Recorder) -> None:
    simulator.define("said", Behaviour(input_tokens=11, output_tokens=7, encoding="gzip"))
    through.post(chat(simulator, "said"))
    through.pieces(through.open(chat(simulator, "said")))
    through.break_off(chat(simulator, "said"))
    with through.library.Client() if through.world == "sync" else make("httpx", "sync").client as other:
        other.post(chat(simulator))  # a client without our transport
    assert recorder.total("beastmode.llm.calls", beastmode__door="transport") == 3
    assert recorder.total("beastmode.tokens", beastmode__token__type="input", beastmode__token__source="provider") >= 22
    outcomes = [span.attributes["beastmode.outcome"] for span in recorder.spans()]
    assert outcomes == ["ok", "ok", "cancelled"]


@pytest.mark.parametrize("wrapped", [False, True])
def test_never_twice_with_the_hook(
    wrapped: bool, kind: tuple[str, str], simulator: Simulator, recorder: Recorder
) -> None:
    """Also where another transport stands round ours, and the cache is ours still."""
    library, world = LIBRARIES[kind[0]], kind[1]
    client = door(*kind, recorder, cache=MEMORY)
    if wrapped:
        client._transport = _Retrying.round(library, world, client._transport)
    app = make(*kind, client=client)
    instrument(**recorder.providers)
    try:
        answers = [app.post(chat(simulator)).headers.get("x-beastmode-cache") for _ in range(2)]
        streamed = app.open(chat(simulator), STREAMED)
        assert b"[DONE]" in b"".join(app.pieces(streamed))
        app.close()
    finally:
        uninstrument()
    assert answers == [None, "hit; tier=l1"]
    assert (
        recorder.total("beastmode.llm.calls") == recorder.total("beastmode.llm.calls", beastmode__door="transport") == 3
    )
    assert simulator.received == 1
    assert streamed.headers["x-beastmode-cache"] == "hit; tier=l1"


class _Retrying:
    """A transport of somebody's that tries again."""

    @staticmethod
    def round(library: Any, world: str, inner: Any) -> Any:
        def blocking(self: Any, request: Any) -> Any:
            return self.inner.handle_request(request)

        async def asynchronous(self: Any, request: Any) -> Any:
            return await self.inner.handle_async_request(request)

        async def aclose(self: Any) -> None:
            await self.inner.aclose()

        if world == "sync":
            methods = {"handle_request": blocking, "close": lambda self: self.inner.close()}
            made = type("Retrying", (library.BaseTransport,), methods)()
        else:
            methods = {"handle_async_request": asynchronous, "aclose": aclose}
            made = type("Retrying", (library.AsyncBaseTransport,), methods)()
        made.inner = inner
        return made


@pytest.mark.parametrize("world", ["sync", "async"])
def test_client_for_sdks(world: str, simulator: Simulator, recorder: Recorder) -> None:
    """httpx2's where it is installed, with the timeouts, limits and redirects of the SDKs, and all options."""
    make_client = http_client if world == "sync" else async_http_client
    app = make("httpx2", world, client=make_client(**recorder.providers, headers={"x-team": "blue"}))
    assert type(app.client).__module__.startswith("httpx2")
    assert (app.client.timeout.read, app.client.timeout.connect) == (600.0, 5.0)
    simulator.define("moved", Behaviour(redirect_to=chat(simulator)))
    assert app.post(chat(simulator, "moved")).status_code == 200
    assert simulator.requests[-1].headers["x-team"] == "blue"
    app.close()
    quick = make("httpx2", world, client=make_client(**recorder.providers, timeout=1.0))
    simulator.define("stuck", Behaviour(latency=20.0))
    with pytest.raises(LIBRARIES["httpx2"].ReadTimeout):
        quick.post(chat(simulator, "stuck"))
    quick.close()


@pytest.mark.parametrize("how", ["environment", "argument", "mounts", "no_proxy"])
@pytest.mark.parametrize("world", ["sync", "async"])
def test_proxies_are_used_as_ever(
    how: str, world: str, simulator: Simulator, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client that is given `transport=` ignores the environment; ours must not."""
    library = LIBRARIES["httpx2"]
    asked: list[bytes] = []

    def proxy(client: socket.socket) -> None:
        asked.append(read_request(client).partition(b"\r\n")[0])
        client.sendall(b"HTTP/1.1 503 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")

    with serving(proxy) as url:
        options: dict[str, Any] = {}
        if how in ("environment", "no_proxy"):
            monkeypatch.setenv("HTTP_PROXY", url)
            monkeypatch.delenv("NO_PROXY", raising=False)
            monkeypatch.delenv("no_proxy", raising=False)
        if how == "no_proxy":
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        if how == "argument":
            options["proxy"] = url
        if how == "mounts":
            kind = library.HTTPTransport if world == "sync" else library.AsyncHTTPTransport
            options["mounts"] = {"all://127.0.0.1": kind(proxy=url)}
        app = make(
            "httpx2",
            world,
            client=(http_client if world == "sync" else async_http_client)(**options, **recorder.providers),
        )
        status = app.post(chat(simulator)).status_code
        app.close()
    assert (status, len(asked), simulator.received) == ((200, 0, 1) if how == "no_proxy" else (503, 1, 0))
    assert recorder.total("beastmode.llm.calls", beastmode__door="transport") == 1


def test_what_is_no_transport() -> None:
    for make_transport, given in ((transport, object()), (async_transport, LIBRARIES["httpx"].HTTPTransport())):
        with pytest.raises(ConfigError, match="not a transport"):
            make_transport(given)
    with pytest.raises(TypeError, match="cash"):
        transport(LIBRARIES["httpx"].HTTPTransport(), cash=True)


@pytest.mark.parametrize("kind", COMBINATIONS, ids="-".join)
def test_cache_of_one_client(kind: tuple[str, str], simulator: Simulator, recorder: Recorder) -> None:
    """The client's own machinery runs for a hit, too: its hooks, its cookies, its count of bytes."""
    heard: list[int] = []

    def blocking(response: Any) -> None:
        heard.append(response.status_code)

    async def asynchronous(response: Any) -> None:
        heard.append(response.status_code)

    hook = blocking if kind[1] == "sync" else asynchronous
    app = make(
        *kind, client=door(*kind, recorder, cache=MEMORY, event_hooks={"response": [hook]}, auth=("me", "secret"))
    )
    first, second = app.post(chat(simulator)), app.post(chat(simulator))
    other = make(*kind, client=door(*kind, recorder, cache=MEMORY))
    other.post(chat(simulator))
    other.close()
    app.close()
    assert first.json() == second.json()
    assert (second.headers["x-beastmode-cache"], heard) == ("hit; tier=l1", [200, 200])
    assert second.elapsed.total_seconds() >= 0
    assert simulator.received == 2
    assert_law(recorder, simulator, calls=3)


def test_own_transport_inside(kind: tuple[str, str], recorder: Recorder) -> None:
    library, world = LIBRARIES[kind[0]], kind[1]
    calls: list[Any] = []

    def answer(request: Any) -> Any:
        calls.append(request)
        message = {"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop", "index": 0}
        return library.Response(200, json={"id": "1", "model": "m", "choices": [message]})

    inner = transport_of(library, world, answer)
    ours = (transport if world == "sync" else async_transport)(inner, cache=MEMORY, **recorder.providers)
    app = make(*kind, transport=ours)
    assert [app.post("http://llm.example/v1/chat/completions").json()["id"] for _ in range(3)] == ["1"] * 3
    app.close()
    assert len(calls) == 1
