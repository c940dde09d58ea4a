"""Whatever an app's client is made of goes on working, and runs exactly once."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from beastmode_otel.simulator import Behaviour, Simulator
from beastmode_otel.simulator.behaviour import Encoding
from instrumentation.apps import LIBRARIES, QUESTION, STREAMED, App, chat, make, transport_of
from instrumentation.servers import read_request, serving
from support.law import assert_law
from support.recorder import Recorder


def hooks_of(world: str, told: list[str]) -> dict[str, list[Any]]:
    """Event hooks that tell who was called."""

    def blocking(about: Any) -> None:
        told.append(type(about).__name__)

    async def asynchronous(about: Any) -> None:
        told.append(type(about).__name__)

    hook = blocking if world == "sync" else asynchronous
    return {"request": [hook], "response": [hook]}


def test_event_hooks_and_auth_run_once(kind: tuple[str, str], simulator: Simulator, hooked: Recorder) -> None:
    told: list[str] = []

    def auth(request: Any) -> Any:
        told.append("auth")
        request.headers["authorization"] = "Bearer later"
        return request

    app = make(*kind, event_hooks=hooks_of(kind[1], told), auth=auth)
    app.post(chat(simulator))
    app.pieces(app.open(chat(simulator)))
    app.close()
    assert told == ["auth", "Request", "Response"] * 2
    assert [request.headers["authorization"] for request in simulator.requests] == ["Bearer later"] * 2
    assert_law(hooked, simulator, calls=2)


def test_auth_flow_of_several_requests_is_one_call(
    kind: tuple[str, str], simulator: Simulator, hooked: Recorder
) -> None:
    """Digest: the library sends twice within one `send`, as the app sees it."""
    library, _ = kind
    realm = {"www-authenticate": 'Digest realm="r", nonce="n", qop="auth", algorithm=MD5'}
    simulator.define("digest", Behaviour(status=401, headers=realm), Behaviour())
    app = make(*kind, auth=LIBRARIES[library].DigestAuth("me", "secret"))
    response = app.post(chat(simulator, "digest"))
    app.close()
    assert (response.status_code, len(response.history)) == (200, 1)
    (span,) = hooked.spans()
    assert span.attributes["beastmode.outcome"] == "ok"
    assert "secret" not in hooked.exported_text()


@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_response_hook_that_raises_for_status(
    kind: tuple[str, str], encoding: Encoding | None, simulator: Simulator, hooked: Recorder
) -> None:
    """A common habit: the call is the provider's error, not an unknown one."""
    library, world = kind

    def blocking(response: Any) -> None:
        response.read()
        response.raise_for_status()

    async def asynchronous(response: Any) -> None:
        await response.aread()
        response.raise_for_status()

    simulator.define("limited", Behaviour(status=429, error_code="insufficient_quota", encoding=encoding))
    app = make(*kind, event_hooks={"response": [blocking if world == "sync" else asynchronous]})
    with pytest.raises(LIBRARIES[library].HTTPStatusError) as raised:
        app.post(chat(simulator, "limited"))
    app.close()
    (span,) = hooked.spans()
    assert (span.attributes["error.type"], span.attributes["http.response.status_code"]) == ("quota_exhausted", 429)
    assert any("quota_exhausted" in note for note in raised.value.__notes__)
    assert_law(hooked, simulator, calls=1)


def test_response_hook_that_keeps_the_body_to_itself(
    kind: tuple[str, str], simulator: Simulator, hooked: Recorder
) -> None:
    """It read the raw bytes and closed the response: nobody can tell any more what was in it; the call still ends."""

    def blocking(response: Any) -> None:
        for _ in response.iter_raw():
            pass

    async def asynchronous(response: Any) -> None:
        async for _ in response.aiter_raw():
            pass

    app = make(*kind, event_hooks={"response": [blocking if kind[1] == "sync" else asynchronous]})
    assert app.open(chat(simulator)).is_stream_consumed
    app.close()
    assert_law(hooked, simulator, calls=1)


def test_redirects_are_one_call(kind: tuple[str, str], simulator: Simulator, hooked: Recorder) -> None:
    """Followed inside one `send`; where the client does not follow, the answer is what it is: no answer."""
    simulator.define("moved", Behaviour(redirect_to=chat(simulator)))
    app = make(*kind, follow_redirects=True)
    assert app.post(chat(simulator, "moved"), headers={"x-beastmode-cache": "off"}).status_code == 200
    assert app.post(chat(simulator, "moved"), follow_redirects=False).status_code == 307
    app.close()
    assert [span.attributes["beastmode.outcome"] for span in hooked.spans()] == ["ok", "error"]
    assert simulator.received == 3
    assert all("x-beastmode-cache" not in request.headers for request in simulator.requests)


def test_redirect_loop(kind: tuple[str, str], simulator: Simulator, hooked: Recorder) -> None:
    simulator.define("round", Behaviour(redirect_to="self"))
    app = make(*kind, follow_redirects=True, max_redirects=3)
    with pytest.raises(LIBRARIES[kind[0]].TooManyRedirects):
        app.post(chat(simulator, "round"))
    app.close()
    (span,) = hooked.spans()
    assert span.attributes["error.type"] == "redirect_loop"


def test_cookies_come_and_go(app: App, simulator: Simulator, hooked: Recorder) -> None:
    simulator.define("sets", Behaviour(headers={"set-cookie": "seen=1; path=/"}), Behaviour())
    app.post(chat(simulator, "sets"))
    app.post(chat(simulator, "sets"))
    assert [request.headers.get("cookie") for request in simulator.requests] == [None, "seen=1"]


def test_real_proxy_and_mounts(kind: tuple[str, str], simulator: Simulator, hooked: Recorder) -> None:
    """Through a proxy for one host, straight to another; seen once each."""
    library, world = kind
    seen: list[bytes] = []

    def proxy(client: socket.socket) -> None:
        asked = read_request(client)
        seen.append(asked.partition(b"\r\n")[0])
        with socket.create_connection(("127.0.0.1", simulator.port)) as onward:
            path = seen[-1].split(b" ")[1].split(b"/", 3)[3]
            rest = asked.partition(b"\r\n")[2]
            onward.sendall(b"POST /%b HTTP/1.1\r\nconnection: close\r\n%b" % (path, rest))
            while data := onward.recv(65536):
                client.sendall(data)

    with serving(proxy) as url:
        made = getattr(LIBRARIES[library], "HTTPTransport" if world == "sync" else "AsyncHTTPTransport")(proxy=url)
        app = make(*kind, mounts={"http://llm.example": made}, trust_env=False)
        assert app.post("http://llm.example/v1/chat/completions").status_code == 200
        assert b"[DONE]" in b"".join(app.pieces(app.open("http://llm.example/v1/chat/completions")))
        assert app.post(chat(simulator)).status_code == 200
        app.close()
    assert [line.split(b" ")[1] for line in seen] == [b"http://llm.example/v1/chat/completions"] * 2
    assert [span.attributes["server.address"] for span in hooked.spans()] == ["llm.example"] * 2 + ["127.0.0.1"]
    assert_law(hooked, simulator, calls=3)


ANSWER = {"model": "m", "choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}


@pytest.mark.parametrize("stream", [False, True])
def test_own_transport_with_the_body_in_memory(stream: bool, kind: tuple[str, str], hooked: Recorder) -> None:
    """As tests of applications have them."""
    library, world = LIBRARIES[kind[0]], kind[1]
    sse = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

    def answer(request: Any) -> Any:
        if stream:
            return library.Response(200, content=sse, headers={"content-type": "text/event-stream"})
        return library.Response(200, json=ANSWER)

    app = make(*kind, transport=transport_of(library, world, answer))
    response = app.post("http://llm.example/v1/chat/completions", STREAMED if stream else QUESTION)
    opened = app.open("http://llm.example/v1/chat/completions", STREAMED if stream else QUESTION)
    assert b"".join(app.pieces(opened)) == response.content == (sse if stream else response.content)
    app.close()
    assert [span.attributes["beastmode.outcome"] for span in hooked.spans()] == ["ok", "ok"]


def test_what_a_transport_raises_reaches_the_app(kind: tuple[str, str], hooked: Recorder) -> None:
    """As it is, also what no coroutine may raise."""
    library, world = LIBRARIES[kind[0]], kind[1]
    for error in (StopIteration("no more"), MemoryError(), KeyError("k"), SystemExit(3)):

        def fail(request: Any, error: BaseException = error) -> Any:
            raise error

        app = make(*kind, transport=transport_of(library, world, fail))
        expected = RuntimeError if isinstance(error, StopIteration) and world == "async" else type(error)
        with pytest.raises(expected) as raised:
            app.post("http://llm.example/v1/chat/completions")
        assert raised.value is error or expected is RuntimeError
        app.close()
    assert [s.attributes["beastmode.outcome"] for s in hooked.spans()] == ["error"] * 3 + ["cancelled"]


def test_closed_client_is_no_call(kind: tuple[str, str], simulator: Simulator, hooked: Recorder) -> None:
    app = make(*kind)
    if kind[1] == "sync":
        app.client.close()
    else:
        app.run(app.client.aclose)
    with pytest.raises(RuntimeError, match="closed"):
        app.post(chat(simulator))
    app.close()
    assert hooked.spans() == []


def test_the_apps_own_trace_extension(kind: tuple[str, str], simulator: Simulator, hooked: Recorder) -> None:
    """Whoever follows a request by httpcore's `trace` hears all of it, in order, on each sending."""
    heard: list[str] = []

    def blocking(event: str, info: Any) -> None:
        heard.append(event)

    async def asynchronous(event: str, info: Any) -> None:
        heard.append(event)

    app = make(*kind)
    trace = blocking if kind[1] == "sync" else asynchronous
    request = app.client.build_request("POST", chat(simulator), json=QUESTION, extensions={"trace": trace})
    app.run(lambda: app.client.send(request))
    first = list(heard)
    heard.clear()
    app.run(lambda: app.client.send(request))
    app.close()
    assert request.extensions["trace"] is trace
    assert first[0].endswith("connect_tcp.started")
    assert first[-1].endswith("response_closed.complete")
    assert [event for event in first if "connect" not in event] == [event for event in heard if "connect" not in event]
