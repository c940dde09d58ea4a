"""What looks like an answer and is none, and answers that do not look like one: the router and the hook say the same."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from beastmode_otel import AsyncModelRouter, BeastModeError, ModelRouter
from instrumentation.apps import QUESTION
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
def provider(body: str, kind: str) -> Iterator[str]:
    head = (
        f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {len(body.encode())}\r\nconnection: close\r\n\r\n"
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
            opened = await router.stream("m", question)
            return [chunk async for chunk in opened]

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
        "deployments": {
            name: {"kind": "openai", "provider": "openai", "base_url": url, "model": "gpt-4o-mini"}
            for name, url in zip(names, urls, strict=True)
        },
        "routes": {"m": {"deployments": names}},
    }


NO_ANSWERS = [
    pytest.param(f"error: {json.dumps(ERROR)}\n\n{DONE}", SSE, "server_error", id="error field"),
    pytest.param(f"error: {json.dumps(ERROR)}\n{DONE}", SSE, "server_error", id="error field and data in one event"),
    pytest.param(
        f"{json.dumps({'error': ERROR})}\n\n{DONE}".join((": hi\n\n", "")), SSE, "server_error", id="bare JSON"
    ),
    pytest.param(DONE, SSE, "empty_answer", id="done alone"),
    pytest.param(f": keep-alive\n\n{DONE}", SSE, "empty_answer", id="done after a comment"),
    pytest.param(event(**EMPTY) + DONE, SSE, "empty_answer", id="no choices, streamed"),
    pytest.param(event(choices=[], usage=USAGE) + DONE, SSE, "empty_answer", id="usage alone"),
    pytest.param(piece("") + DONE, SSE, "empty_answer", id="an empty delta"),
    pytest.param(json.dumps(EMPTY), JSON, "empty_answer", id="no choices, whole"),
    pytest.param(piece(finish="null"), SSE, "stream_truncated", id="null and the cut"),
]


@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize(("body", "kind", "category"), NO_ANSWERS)
def test_the_router_makes_an_error_of_it_and_asks_the_spare(
    world: str, body: str, kind: str, category: str, recorder: Recorder
) -> None:
    with provider(body, kind) as bad, provider(GOOD, SSE) as good:
        alone = ask(world, routes(bad) | {"retry": {"attempts": 1}}, stream=True, recorder=recorder)
        assert isinstance(alone, BeastModeError), alone
        assert (alone.category.name, alone.attempts[0].category) == (category, category)
        told = ask(world, routes(bad, good) | {"retry": {"attempts": 1}}, stream=True, recorder=recorder)
        assert "".join(chunk.text for chunk in told) == "Hello"
