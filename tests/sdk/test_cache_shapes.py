"""One answer in both shapes: what was asked for whole answers a stream of the same question, and the reverse, through
the real SDKs; and nothing that an SDK's user would miss is lost on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import beastmode_otel
from beastmode_otel.simulator import Behaviour, Simulator
from sdk.adapters import SDKS, Sdk
from sdk.digest import digest
from sdk.plan import ANSWER, FACTS
from support.recorder import Recorder

COUNTS = (
    ("prompt_tokens", "completion_tokens"),
    ("input_tokens", "output_tokens"),
    ("prompt_token_count", "candidates_token_count"),
    ("tokens", "billed_units"),
)
ORDERS = {"whole, then stream": ("whole", "stream"), "stream, then whole": ("stream", "whole")}


@pytest.fixture(autouse=True)
def _hooked(recorder: Recorder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("ANTHROPIC_OPEN_TELEMETRY", "false")
    monkeypatch.setenv("HOME", str(tmp_path))
    beastmode_otel.instrument(cache=True, **recorder.providers)
    yield
    beastmode_otel.uninstrument()


def ask(sdk: Sdk, world: str, url: str, shapes: tuple[str, ...]) -> list[Any]:
    """The dumps of what one client gets: an object for a whole answer, a list of events for a stream."""
    if world == "sync":
        with sdk.blocking(url, 0, 20.0) as client:
            return [_dump(getattr(sdk, shape)(client, "")) for shape in shapes]
    return asyncio.run(_ask(sdk, url, shapes))


async def _ask(sdk: Sdk, url: str, shapes: tuple[str, ...]) -> list[Any]:
    async with sdk.asynchronous(url, 0, 20.0) as client:
        found = []
        for shape in shapes:
            result = await getattr(sdk, shape)(client, "_async")
            found.append(_dump(result if shape == "whole" else [event async for event in result]))
        return found


def _dump(result: Any) -> Any:
    if hasattr(result, "model_dump"):
        return result.model_dump(mode="json")
    return [event.model_dump(mode="json") for event in result]


def words(dump: Any) -> tuple[str, int, int]:
    """The answer, and the tokens in and out, of either shape."""
    if isinstance(dump, list):
        text, _, usage = digest(dump)
    else:
        usage = dump.get("usage") or dump["usage_metadata"]
        text = ANSWER if ANSWER in str(dump) else ""
    return text, *next((usage[read], usage[made]) for read, made in COUNTS if read in usage)


@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize("name", SDKS)
@pytest.mark.parametrize("order", ORDERS)
def test_either_shape_answers_the_other(
    order: str, name: str, world: str, simulator: Simulator, recorder: Recorder
) -> None:
    """The provider is asked once; text and usage are the same. Groq's streams tell usage where nobody asked for it."""
    sdk = SDKS[name]
    simulator.define("it", Behaviour(**FACTS, dialect=sdk.dialect))
    first, second = ask(sdk, world, simulator.url("it", path=sdk.v1), ORDERS[order])
    assert words(first)[0] == ANSWER
    assert words(second) == words(first)
    hits = recorder.total("beastmode.request.duration", beastmode__cache__status="hit")
    assert (simulator.received, hits) == ((1, 1) if name != "groq" else (2, 0))


@pytest.mark.parametrize("world", ["sync", "async"])
@pytest.mark.parametrize("name", ["openai", "groq"])
def test_a_stream_without_usage_never_answers_who_reads_it(name: str, world: str, simulator: Simulator) -> None:
    """`response.usage.total_tokens` is in every app: an answer that has none must not reach it."""
    sdk = SDKS[name]
    simulator.define("it", Behaviour(**FACTS, usage=True))

    def bare(client: Any, _: str) -> Any:
        return client.chat.completions.create(
            model=sdk.model, messages=[{"role": "user", "content": "PLANTED"}], stream=True
        )

    def whole(client: Any, _: str) -> Any:
        return client.chat.completions.create(model=sdk.model, messages=[{"role": "user", "content": "PLANTED"}])

    plain = Sdk(model=sdk.model, blocking=sdk.blocking, asynchronous=sdk.asynchronous, whole=whole, stream=bare)
    url = simulator.url("it", path=sdk.v1)
    _, answer, events, again = ask(plain, world, url, ("stream", "whole", "stream", "whole"))
    assert answer["usage"]["total_tokens"] == 150
    assert again == answer
    assert digest(events) == (ANSWER, ("stop",), {})
    assert simulator.received == 2
