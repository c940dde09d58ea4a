"""A provider that repeats the key in its ids, codes and names: nothing that comes out shows it, in either door."""

from __future__ import annotations

import asyncio
import json
import logging
import pickle
from collections.abc import Callable
from typing import Any, Final

import httpx2
import pytest

from beastmode_otel import UpstreamError, instrument, uninstrument
from beastmode_otel.simulator import Behaviour, Simulator
from support.drivers import DRIVERS, QUESTION
from support.planted import everything_of
from support.recorder import Recorder

KEYS: Final = ("0123456789abcdef0123456789abcdef", "sk-PLANTED-0123456789", "Pl4nted/S3cr3tly+9=", "tok en")
HEADERS: Final = ("x-request-id", "request-id", "apim-request-id", "cf-ray", "x-ms-request-id")
KEY: Final = KEYS[0]  # of no shape that would give it away


def failing(key: str, header: str) -> Behaviour:
    error = {"message": f"bad {key}", "type": key, "code": key, "param": key}
    return Behaviour(status=400, error_json=json.dumps({"error": error, "request_id": key}), headers={header: key})


@pytest.fixture(params=DRIVERS)
def world(request: Any) -> str:
    return str(request.param)


@pytest.mark.parametrize("action", ["route", "read"])
@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("key", KEYS[:3])
def test_the_router(
    key: str, header: str, action: str, world: str, simulator: Simulator, recorder: Recorder, caplog: Any
) -> None:
    caplog.set_level(logging.DEBUG, "beastmode_otel")
    simulator.define("it", failing(key, header))
    main = {"kind": "openai", "base_url": simulator.url("it"), "model": "m", "api_key": key}
    config = {"deployments": {"main": main}, "routes": {"chat": {"deployments": ["main"]}}}
    driver = DRIVERS[world](simulator, config, **recorder.providers)
    error = driver.act(action, "chat", QUESTION)
    driver.close()
    assert isinstance(error, UpstreamError)
    again = pickle.loads(pickle.dumps(error))
    told = [everything_of(error), everything_of(again), error.request_id or "", caplog.text, recorder.exported_text()]
    assert ("[redacted]" in str(error.request_id)) is (header == "x-request-id")  # the simulator's own is always there
    assert not [text for text in told if key in text]


def ask(world: str, url: str, headers: dict[str, str], body: dict[str, Any]) -> Any:
    async def later() -> Any:
        async with httpx2.AsyncClient() as client:
            return await client.post(url, headers=headers, json=body)

    if world == "async":
        return asyncio.run(later())
    with httpx2.Client() as client:
        return client.post(url, headers=headers, json=body)


LOGINS: Final[dict[str, Callable[[str], dict[str, str]]]] = {
    "bearer": lambda key: {"authorization": f"Bearer {key}"},
    "x-api-key": lambda key: {"x-api-key": key},
    "api-key": lambda key: {"api-key": key},
    "query": lambda key: {},
}


@pytest.mark.parametrize("login", LOGINS)
@pytest.mark.parametrize("header", HEADERS)
def test_the_hook(login: str, header: str, world: str, simulator: Simulator, recorder: Recorder, caplog: Any) -> None:
    """The key is the application's own: no configuration of ours knows it."""
    caplog.set_level(logging.DEBUG, "beastmode_otel")
    simulator.define("it", failing(KEY, header))
    url = f"{simulator.url('it')}/chat/completions{f'?key={KEY}' if login == 'query' else ''}"
    instrument(**recorder.providers)
    try:
        response = ask(world, url, LOGINS[login](KEY), {**QUESTION, "model": "m"})
    finally:
        uninstrument()
    assert KEY in response.headers[header]  # the application gets what came
    assert recorder.spans()
    assert KEY not in recorder.exported_text()
    assert KEY not in caplog.text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("door", ["router", "hook"])
def test_names_of_an_answer(door: str, stream: bool, world: str, recorder: Recorder) -> None:
    """Its id, its model and its finish reason stand in spans and metrics."""
    choice = {"index": 0, "finish_reason": KEY}
    whole = {"id": f"id-{KEY}", "model": KEY, "object": "chat.completion"}
    answer = {**whole, "choices": [{**choice, "message": {"role": "assistant", "content": "yes"}}]}
    chunk = {**whole, "object": "chat.completion.chunk", "choices": [{**choice, "delta": {"content": "yes"}}]}
    events = f"data: {json.dumps(chunk)}\n\ndata: [DONE]\n\n"

    def reply(request: Any) -> httpx2.Response:
        if stream:
            return httpx2.Response(200, text=events, headers={"content-type": "text/event-stream"})
        return httpx2.Response(200, json=answer)

    transport = httpx2.MockTransport(reply)
    client: Any = httpx2.Client(transport=transport) if world == "sync" else httpx2.AsyncClient(transport=transport)
    if door == "router":
        main = {"kind": "openai", "base_url": "http://h/v1", "model": "m", "api_key": KEY}
        config = {"deployments": {"main": main}, "routes": {"chat": {"deployments": ["main"]}}}
        driver = DRIVERS[world](None, config, client=client, **recorder.providers)  # type: ignore[arg-type]
        driver.act("read" if stream else "route", "chat", QUESTION)
        driver.close()
    else:
        instrument(**recorder.providers)
        try:
            sent = client.post(
                "http://h/v1/chat/completions",
                headers={"authorization": f"Bearer {KEY}"},
                json={**QUESTION, "model": "m", "stream": stream},
            )
            if world == "async":
                asyncio.run(awaited(sent))
        finally:
            uninstrument()
    names = [span.attributes.get("gen_ai.response.id") for span in recorder.spans() if span.attributes]
    assert "id-[redacted]" in names
    assert KEY not in recorder.exported_text()


async def awaited(sent: Any) -> Any:
    return await sent
