"""The cache in front of an app's own call: what a hit is, and what is never one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from beastmode_otel import cache_control, instrument, uninstrument
from beastmode_otel.simulator import Behaviour, Simulator
from instrumentation.apps import COMBINATIONS, LIBRARIES, QUESTION, READS, STREAMED, App, chat, make
from instrumentation.servers import Gate, serving
from support.law import assert_law
from support.recorder import Recorder

MARK = "x-beastmode-cache"
GOOD = Behaviour(text="All is well.", input_tokens=11, output_tokens=7)


@pytest.fixture
def provider(simulator: Simulator) -> str:
    """The address of a healthy chat."""
    simulator.define("good", GOOD)
    return chat(simulator, "good")


def content(app: App, response: Any) -> bytes:
    return b"".join(app.pieces(response))


def test_hit_is_a_response_as_any_other(app: App, provider: str, simulator: Simulator, cached: Recorder) -> None:
    """Whatever way the app reads it; the facts of the cache stand on the span, and what was saved is counted."""
    first = app.post(provider)
    assert MARK not in first.headers
    second = app.post(provider)
    assert second.json() == first.json()
    assert (second.status_code, second.is_closed, second.headers[MARK]) == (200, True, "hit; tier=l1")
    assert second.request.url == first.request.url
    assert second.elapsed.total_seconds() == 0
    assert second.raise_for_status() is second
    for how in READS:
        opened = app.open(provider, QUESTION)
        pieces = app.pieces(opened, how)
        said = b"".join(pieces) if isinstance(pieces[0], bytes) else "".join(pieces).encode()
        assert json.loads(said) == first.json()
        assert opened.is_closed
    assert simulator.received == 1
    span = cached.spans()[1]
    facts = {"status": "hit", "tier": "l1", "match": "exact"}
    assert {key: span.attributes[f"beastmode.cache.{key}"] for key in facts} == facts
    assert cached.total("beastmode.tokens", beastmode__token__type="input") == 11  # bought once
    assert cached.total("beastmode.tokens.saved", beastmode__token__type="input") == 11 * 6
    assert_law(cached, simulator, calls=7)


def test_stream_and_whole_share(app: App, provider: str, simulator: Simulator, cached: Recorder) -> None:
    bought = content(app, app.open(provider))
    replayed = content(app, app.open(provider))
    assert said_by(replayed) == said_by(bought)
    assert replayed.endswith(b"data: [DONE]\n\n")
    whole = app.post(provider).json()
    assert whole["choices"][0]["message"]["content"] == said_by(bought) == "All is well."
    assert whole["usage"]["completion_tokens"] == 7
    unread = app.open(provider)
    assert not unread.is_closed
    app.close_response(unread)  # nothing hangs on its reading
    assert simulator.received == 1
    assert_law(cached, simulator, calls=4)


def said_by(stream: bytes) -> str:
    events = [line[6:] for line in stream.split(b"\n") if line.startswith(b"data: {")]
    choices = [choice for event in events for choice in json.loads(event)["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def test_one_entry_for_all_libraries(provider: str, simulator: Simulator, cached: Recorder) -> None:
    """What one library bought answers the same call of the other, in the other world."""
    apps = [make(*kind) for kind in COMBINATIONS]
    agents = [{"user-agent": f"sdk/{number}", "x-stainless-lang": "python"} for number in range(4)]
    answers = [app.post(provider, headers=head) for app, head in zip(apps, agents, strict=True)]
    for app in apps:
        app.close()
    assert [answer.headers.get(MARK) for answer in answers] == [None] + ["hit; tier=l1"] * 3
    assert [type(answer).__module__ for answer in answers] == [library for library, _ in COMBINATIONS]
    assert simulator.received == 1


def test_opt_out_by_header(app: App, provider: str, simulator: Simulator, cached: Recorder) -> None:
    """It is ours: the provider never sees it. A request that is sent again still means what it said."""
    simulator.define("good", *(Behaviour(text=f"answer {number}") for number in range(9)))

    def ask(said: str | None) -> tuple[str, str | None]:
        response = app.post(provider, headers={} if said is None else {"X-Beastmode-Cache": said})
        return response.json()["choices"][0]["message"]["content"], response.headers.get(MARK)

    assert ask(None) == ("answer 0", None)
    assert ask("off") == ("answer 1", None)
    assert ask(None) == ("answer 0", "hit; tier=l1")
    assert ask("Refresh ") == ("answer 2", None)
    assert ask(None) == ("answer 2", "hit; tier=l1")
    assert ask("on") == ("answer 2", "hit; tier=l1")
    assert ask("nonsense") == ("answer 3", None)  # meant something; certainly not a stored answer
    request = app.client.build_request("POST", provider, json=QUESTION, headers={MARK: "off"})
    for expected in ("answer 4", "answer 5"):
        response = app.run(lambda: app.client.send(request))
        assert response.json()["choices"][0]["message"]["content"] == expected
    assert all(MARK not in request.headers for request in simulator.requests)
    assert cached.total("beastmode.request.duration", beastmode__cache__status="bypass") == 4


def test_opt_out_for_a_block(app: App, provider: str, simulator: Simulator, cached: Recorder) -> None:
    app.post(provider)
    with cache_control("off"):
        assert MARK not in app.post(provider).headers
        with cache_control("on"):
            assert MARK in app.post(provider).headers
        assert MARK in app.post(provider, headers={MARK: "on"}).headers  # the call itself knows best
    with cache_control("refresh"):
        assert MARK not in app.post(provider).headers
    assert MARK in app.post(provider).headers
    with pytest.raises(ValueError, match="use on, off or refresh"), cache_control("no"):  # type: ignore[arg-type]
        pass
    assert simulator.received == 3


NEVER = {
    "error": Behaviour(status=500),
    "not found": Behaviour(status=404),
    "cut by length": Behaviour(finish_reason="length"),
    "filtered": Behaviour(finish_reason="content_filter"),
    "no-store": Behaviour(headers={"cache-control": "private, no-store"}),
    "no JSON": Behaviour(wrong_json=True),
    "a page": Behaviour(html=True),
    "empty": Behaviour(empty=True),
}
NEVER_STREAMED = NEVER | {
    "cut": Behaviour(cut_after=2),
    "an error inside": Behaviour(error_event_after=2),
    "no last event": Behaviour(done=False, finish_reason="length"),
}


@pytest.mark.parametrize("what", NEVER_STREAMED)
@pytest.mark.parametrize("stream", [False, True])
def test_never_stored(what: str, stream: bool, app: App, simulator: Simulator, cached: Recorder) -> None:
    if not stream and what not in NEVER:
        return  # a fault that only streams have
    simulator.define("bad", NEVER_STREAMED[what], GOOD)
    for number in range(3):
        try:
            response = app.open(chat(simulator, "bad"), STREAMED if stream else QUESTION)
            content(app, response)
        except app.library.HTTPError:
            continue
        assert (MARK in response.headers) is (number == 2)
    assert simulator.received == 2


@pytest.mark.parametrize(
    "asks",
    [
        {"store": True},
        {"previous_response_id": "resp_1"},
        {"tools": [{"type": "web_search"}]},
        {"web_search_options": {}},
    ],
)
def test_stateful_calls_are_bypassed(
    asks: dict[str, Any], app: App, provider: str, simulator: Simulator, cached: Recorder
) -> None:
    for _ in range(2):
        assert MARK not in app.post(provider, QUESTION | asks).headers
    assert simulator.received == 2
    assert {span.attributes["beastmode.cache.status"] for span in cached.spans()} == {"bypass"}


def test_left_stream_is_not_stored(app: App, provider: str, simulator: Simulator, cached: Recorder) -> None:
    """Only what came to its last event is an answer."""
    app.break_off(provider)
    assert MARK not in app.post(provider).headers
    assert simulator.received == 2


def hidden_logins(library: Any, world: str) -> Iterator[dict[str, Any]]:
    """Clients whose login is added on the way, where the hook cannot see it."""

    def signed(request: Any) -> Any:
        request.headers["authorization"] = "Bearer added"
        return request

    async def asynchronous(request: Any) -> None:
        signed(request)

    yield {"auth": ("me", "secret")}
    yield {"auth": signed}
    yield {"event_hooks": {"request": [signed if world == "sync" else asynchronous]}}
    yield {"transport": _Signing.of(library, world)}
    yield {"cookies": {"session": "mine"}}


class _Signing:
    @staticmethod
    def of(library: Any, world: str) -> Any:
        """A transport that signs requests."""
        base = library.HTTPTransport if world == "sync" else library.AsyncHTTPTransport

        class Signing(base):  # type: ignore[misc, valid-type]
            pass

        return Signing()


def test_login_that_cannot_be_seen(
    kind: tuple[str, str], provider: str, simulator: Simulator, cached: Recorder
) -> None:
    """Whose an answer is must stand in the request, or it is nobody's."""
    many = list(hidden_logins(LIBRARIES[kind[0]], kind[1]))
    for options in many:
        app = make(*kind, **options)
        for _ in range(2):
            assert MARK not in app.post(provider).headers
        app.close()
    app = make(*kind)
    for _ in range(2):
        assert MARK not in app.post(provider.replace("http://", "http://me:secret@")).headers
        assert MARK not in app.run(lambda: app.client.post(provider, json=QUESTION, auth=("me", "s"))).headers
    app.close()
    assert simulator.received == 2 * len(many) + 4
    assert {span.attributes["beastmode.cache.reason"] for span in cached.spans()} == {"unreadable"}


@pytest.mark.parametrize("library", LIBRARIES)
def test_unix_socket_is_a_place_of_its_own(library: str, cached: Recorder, tmp_path: Any) -> None:
    """Two servers behind two sockets have one URL."""
    gate = Gate([], b"HTTP/1.1 500 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
    with serving(gate.serve, unix=f"{tmp_path}/one.sock") as url:
        app = make(library, "sync", transport=LIBRARIES[library].HTTPTransport(uds=f"{tmp_path}/one.sock"))
        assert app.post(f"{url}/v1/chat/completions").status_code == 500
        app.close()
    (span,) = cached.spans()
    assert span.attributes["beastmode.cache.reason"] == "unreadable"


def test_cookies_of_a_cdn_do_no_harm(app: App, simulator: Simulator, cached: Recorder) -> None:
    """Vendors' CDNs set them with every answer, and an SDK's client sends them back."""
    cookies = (("set-cookie", "__cf_bm=abc; path=/"), ("set-cookie", "_cfuvid=def; path=/"))
    simulator.define("cdn", Behaviour(headers=cookies))
    first = app.post(chat(simulator, "cdn"))
    assert len(app.client.cookies) == 2
    assert MARK not in first.headers
    assert MARK in app.post(chat(simulator, "cdn")).headers


def test_off_by_default(app: App, provider: str, simulator: Simulator, hooked: Recorder) -> None:
    for _ in range(2):
        assert MARK not in app.post(provider).headers
    assert simulator.received == 2
    assert {span.attributes["beastmode.cache.status"] for span in hooked.spans()} == {"off"}


def test_on_by_environment(
    kind: tuple[str, str], provider: str, simulator: Simulator, recorder: Recorder, monkeypatch: Any
) -> None:
    monkeypatch.setenv("BEASTMODE_CACHE", "on")
    monkeypatch.setenv("BEASTMODE_L3_URL", "off")
    instrument(**recorder.providers)
    app = make(*kind)
    try:
        app.post(provider)
        assert MARK in app.post(provider).headers
    finally:
        app.close()
        uninstrument()
