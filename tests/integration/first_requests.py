"""A process that makes a router, or puts a door in place, and then counts what its first requests import and open.

first_requests.py DOOR GOOD_URL BAD_URL FOLDER [exhausted]: sync, async, hook. Prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from beastmode_otel import AsyncModelRouter, ModelRouter, UpstreamError, instrument

DOOR, GOOD, BAD, FOLDER, *REST = sys.argv[1:]
CACHE = {"mode": "on", "l3": {"url": f"sqlite:///{FOLDER}/cache.db"}}
CONFIG = {
    "deployments": {
        "good": {"base_url": GOOD, "model": "gpt-4o-mini"},
        "bad": {"base_url": BAD, "model": "gpt-4o-mini"},
    },
    "routes": {
        "chat": {"deployments": ["good"]},
        "retry": {"deployments": ["bad", "good"]},
        "error": {"deployments": ["bad"]},
    },
    "cache": CACHE,
}
OURS = os.path.dirname(__import__("beastmode_otel").__file__)
opened: list[str] = []
texts: list[str] = []


def body(n: int) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 16, "seed": n}


def watch() -> set[str]:
    def hear(event: str, arguments: Any) -> None:
        if event == "open" and isinstance(arguments[0], str) and arguments[0].startswith(OURS):
            opened.append(arguments[0])

    sys.addaudithook(hear)
    return set(sys.modules)


def exhaust() -> list[int]:
    """No descriptor is free but the one that a connection to the provider needs."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    held = []
    try:
        while True:
            held.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        os.close(held.pop())
    return held


def blocking() -> set[str]:
    router = ModelRouter(CONFIG)
    before = watch()
    held = exhaust() if REST else []
    texts.append(router.route("chat", body(1)).text)
    for one in held:
        os.close(one)
    if not REST:
        texts.append(router.route("chat", body(1)).text)
        with router.stream("chat", body(2)) as stream:
            texts.append("".join(chunk.text for chunk in stream))
        texts.append(router.route("retry", body(3)).text)
        try:
            router.route("error", body(4))
        except UpstreamError as error:
            texts.append(str(error.category))
    return set(sys.modules) - before


async def asynchronous() -> set[str]:
    router = AsyncModelRouter(CONFIG)
    before = watch()
    held = exhaust() if REST else []
    texts.append((await router.route("chat", body(1))).text)
    for one in held:
        os.close(one)
    if not REST:
        texts.append((await router.route("chat", body(1))).text)
        async with await router.stream("chat", body(2)) as stream:
            texts.append("".join([chunk.text async for chunk in stream]))
        texts.append((await router.route("retry", body(3))).text)
        try:
            await router.route("error", body(4))
        except UpstreamError as error:
            texts.append(str(error.category))
    new = set(sys.modules) - before
    await router.aclose()
    return new


def hook() -> set[str]:
    import httpx2

    with httpx2.Client() as client:
        instrument(cache=CACHE)
        before = watch()
        held = exhaust() if REST else []
        for n in (1, 1) if not REST else (1,):
            found = client.post(f"{GOOD}/chat/completions", json={**body(n), "model": "gpt-4o-mini"}).json()
            texts.append(found["choices"][0]["message"]["content"])
        for one in held:
            os.close(one)
        if not REST:
            streamed = {**body(2), "model": "gpt-4o-mini", "stream": True}
            with client.stream("POST", f"{GOOD}/chat/completions", json=streamed) as answer:
                texts.append("fine" if b"[DONE]" in answer.read() else "cut")
            texts.append("fine")
            texts.append(str(client.post(f"{BAD}/chat/completions", json={**body(4), "model": "x"}).status_code))
        return set(sys.modules) - before


RUN: dict[str, Callable[[], set[str] | Awaitable[set[str]]]] = {
    "sync": blocking,
    "async": lambda: asyncio.run(asynchronous()),
    "hook": hook,
}
new = RUN[DOOR]()
print(json.dumps({"imported": sorted(new), "opened": opened, "texts": texts}))  # type: ignore[arg-type]
