"""What looks like an answer and is none, and answers that look like none: router and hook say the same."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from beastmode_otel import AsyncModelRouter, BeastModeError, ModelRouter
from instrumentation.apps import QUESTION, STREAMED, App
from instrumentation.servers import read_request, serving
from support.recorder import Recorder

SSE, JSON = "text/event-stream", "application/json"
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}


def event(**data: Any) -> str:
    return f"data: {json.dumps(data)}\n\n"


def piece(content: str | None = None, finish: str | None = None) -> str:
    delta = {} if content is None else {"content": content}
    return event(id="c", model="m", choices=[{"index": 0, "delta": delta, "finish_reason": finish}])


DONE = "data: [DONE]\n\n"
GOOD = piece("Hel") + piece("lo") + piece(finish="stop") + event(choices=[], usage=USAGE) + DONE
ERROR = {"message": "the slot is gone", "type": "server_error", "code": 500}
EMPTY = {"id": "c", "object": "chat.completion", "model": "m", "choices": []}


@contextmanager
def provider(body: str, media: str) -> Iterator[str]:
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ncontent-length: {len(body.encode())}\r\nconnection: close\r\n\r\n"
    )

    def serve(connection: socket.socket) -> None:
        read_request(connection)
        connection.sendall(head.encode() + body.encode())

    with serving(serve) as url:
        yield f"{url}/v1"


def ask(world: str, config: Any, *, stream: bool, recorder: Recorder) -> Any:
    """An Answer, the text of a stream with it, or the error."""
    question = {"messages": QUESTION["messages"]}

    async def there() -> Any:
        async with AsyncModelRouter(config, **recorder.providers) as router:
            if not stream:
                return await router.route("m", question)
            return [chunk async for chunk in router.stream("m", question)]

    def here() -> Any:
        with ModelRouter(config, **recorder.providers) as router:
            return list(router.stream("m", question)) if stream else router.route("m", question)

    try:
        return asyncio.run(there()) if world == "async" else here()
    except BeastModeError as error:
        return error


def routes(*urls: str) -> dict[str, Any]:
    names = [f"d{place}" for place in range(len(urls))]
    return {
        "cache": {"l3": {"url": "off"}},
        "retry": {"per_deployment": 0},
        "deployments": {
            name: {"kind": "openai", "provider": "openai", "base_url": url, "model": "gpt-4o-mini", "api_key": "sk-x"}
            for name, url in zip(names, urls, strict=True)
        },
        "routes": {"m": {"deployments": names}},
    }


NO_ANSWERS = [
    pytest.param(f"error: {json.dumps(ERROR)}\n\n{DONE}", SSE, "server_error", id="error field"),
    pytest.param(f"error: {json.dumps(ERROR)}\n{DONE}", SSE, "server_error", id="error field and data in one event"),
    pytest.param(f": hi\n\n{json.dumps({'error': ERROR})}\n\n{DONE}", SSE, "server_error", id="bare JSON"),
    pytest.param(DONE, SSE, "empty_answer", id="done alone"),
    pytest.param(f": keep-alive\n\n{DONE}", SSE, "empty_answer", id="done after a comment"),
    pytest.param(event(**EMPTY) + DONE, SSE, "empty_answer", id="no choices, streamed"),
    pytest.param(event(choices=[], usage=USAGE) + DONE, SSE, "empty_answer", id="usage alone"),
    pytest.param(piece("") + DONE, SSE, "empty_answer", id="an empty delta"),
    pytest.param(json.dumps(EMPTY), JSON, "empty_answer", id="no choices, whole"),
    pytest.param(piece(finish="null"), SSE, "stream_truncated", id="null and the cut"),
    pytest.param("data: error: rate limit exceeded\n\n" + DONE, SSE, "rate_limited", id="words where JSON should be"),
    pytest.param('event: error\ndata: {"message": "overloaded"}\n\n', SSE, "overloaded", id="one word"),
    pytest.param(event(code="InvalidApiKey", message="Invalid API-key provided."), SSE, "authentication_error",
                 id="code and message, streamed"),
    pytest.param(json.dumps({"code": "InvalidApiKey", "message": "Invalid API-key provided."}), JSON,
                 "authentication_error", id="code and message"),
    pytest.param(json.dumps({"success": False, "errors": [{"code": 3040, "message": "Out of capacity"}]}), JSON,
                 "overloaded", id="a list of errors"),
    pytest.param(json.dumps({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}), JSON,
                 "quota_exhausted", id="a status beside the answer that is missing"),
    pytest.param(event(detail="Not authenticated"), SSE, "authentication_error", id="detail"),
    pytest.param(json.dumps({"status": "error", "message": "Too many requests"}), JSON, "rate_limited", id="status"),
]  # fmt: skip


@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize(("body", "media", "category"), NO_ANSWERS)
def test_the_router_makes_an_error_of_it_and_asks_the_spare(
    world: str, body: str, media: str, category: str, recorder: Recorder
) -> None:
    with provider(body, media) as bad, provider(GOOD, SSE) as good:
        alone = ask(world, routes(bad), stream=True, recorder=recorder)
        assert isinstance(alone, BeastModeError), alone
        assert (alone.category.name, alone.attempts[0].category) == (category, category)
        told = ask(world, routes(bad, good), stream=True, recorder=recorder)
        assert "".join(chunk.text for chunk in told) == "Hello"


@pytest.mark.parametrize(("body", "media", "category"), NO_ANSWERS)
def test_the_hook_tells_the_same_and_the_app_gets_every_byte(
    body: str, media: str, category: str, hooked: Recorder, app: App
) -> None:
    with provider(body, media) as url:
        response = app.open(f"{url}/chat/completions", STREAMED)
        assert b"".join(app.pieces(response)) == body.encode()
    assert hooked.total("beastmode.request.duration", beastmode__outcome="error") == 1
    assert hooked.total("beastmode.errors", error__type=category) == 1
    assert hooked.total("beastmode.cost") == 0
    assert hooked.total("beastmode.tokens", beastmode__token__source="estimated") == 0


NO_ERROR = {"message": "", "type": "", "code": ""}
SHAPES = [
    pytest.param(event(choices=[], error=NO_ERROR) + GOOD, SSE, True, id="an error that says nothing"),
    pytest.param(event(choices=[], error={"code": 0, "message": "success"}) + GOOD, SSE, True, id="success as error"),
    pytest.param(event(choices=[], base_resp={"status_code": 0, "status_msg": ""}) + GOOD, SSE, True, id="status"),
    pytest.param(GOOD, JSON, True, id="SSE as JSON"),
    pytest.param("\ufeff\r\n" + GOOD, JSON, True, id="SSE as JSON, after a BOM"),
    pytest.param(": keep-alive\n\n" + GOOD, JSON, True, id="SSE as JSON, after a comment"),
    pytest.param(GOOD, SSE, False, id="SSE, not asked for"),
    pytest.param(GOOD, JSON, False, id="SSE as JSON, not asked for"),
    pytest.param(GOOD, "text/plain", False, id="SSE as text, not asked for"),
]
WHOLE = json.dumps(
    {
        "id": "c",
        "object": "chat.completion",
        "model": "m",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}],
        "usage": USAGE,
    }
)
SHAPES += [
    pytest.param(WHOLE, SSE, True, id="JSON as SSE"),
    pytest.param(f" \n\n{WHOLE}", SSE, False, id="JSON as SSE after blanks, not asked for"),
    pytest.param(WHOLE, "text/plain", True, id="JSON as text"),
]


@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize(("body", "media", "stream"), SHAPES)
def test_the_shape_of_a_body_decides_in_the_router(
    world: str, body: str, media: str, stream: bool, recorder: Recorder
) -> None:
    with provider(body, media) as url:
        told = ask(world, routes(url), stream=stream, recorder=recorder)
    assert not isinstance(told, BeastModeError), told
    text = "".join(chunk.text for chunk in told) if stream else told.text
    assert text == "Hello"
    assert recorder.total("beastmode.request.duration", beastmode__outcome="ok") == 1
    assert token_counts(recorder) == (7, 5)


@pytest.mark.parametrize(("body", "media", "stream"), SHAPES)
def test_the_shape_of_a_body_decides_in_the_hook(
    body: str, media: str, stream: bool, hooked: Recorder, app: App
) -> None:
    with provider(body, media) as url:
        response = app.open(f"{url}/chat/completions", STREAMED if stream else QUESTION)
        assert b"".join(app.pieces(response)) == body.encode()
    assert hooked.total("beastmode.request.duration", beastmode__outcome="ok") == 1
    assert token_counts(hooked) == (7, 5)


def token_counts(recorder: Recorder) -> tuple[float, float]:
    found = {}
    for point in recorder.points()["gen_ai.client.token.usage"]:
        found[point.attributes["gen_ai.token.type"]] = point.sum
    return found["input"], found["output"]


QUEUED = {"id": "r", "object": "response", "status": "queued", "background": True, "model": "gpt-4o-mini", "output": []}


@pytest.mark.parametrize("status", ["queued", "in_progress"])
@pytest.mark.parametrize("usage", [None, {"input_tokens": 7, "output_tokens": 0}])
def test_a_receipt_is_delivered_and_counts_as_no_answer(status: str, usage: Any, hooked: Recorder, app: App) -> None:
    body = json.dumps(QUEUED | {"status": status, "usage": usage})
    with provider(body, JSON) as url:
        response = app.post(f"{url}/responses", {"model": "gpt-4o-mini", "input": "hi", "background": True})
    assert response.json()["status"] == status
    assert hooked.total("beastmode.request.duration", beastmode__outcome="ok") == 1
    assert hooked.total("beastmode.cost") == 0
    assert "gen_ai.client.token.usage" not in hooked.points()


def test_a_deferred_completion_is_a_receipt(hooked: Recorder, app: App) -> None:
    """xAI's: fetched later, by its number."""
    with provider('{"request_id": "r"}', JSON) as url:
        app.post(f"{url}/chat/completions", QUESTION | {"deferred": True})
    assert hooked.total("beastmode.request.duration", beastmode__outcome="ok") == 1
    assert "gen_ai.client.token.usage" not in hooked.points()


@pytest.mark.parametrize("world", ["sync", "async"])
def test_the_router_delivers_a_receipt_too(world: str, recorder: Recorder) -> None:
    with provider(json.dumps(QUEUED), JSON) as url:
        config = routes(url)
        config["deployments"]["d0"] |= {"kind": "passthrough", "base_url": f"{url}/responses"}
        told = ask(world, config, stream=False, recorder=recorder)
    assert (told.text, told.usage, told.cost) == ("", None, None)
