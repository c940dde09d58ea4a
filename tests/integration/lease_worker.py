"""A process with callers that ask the same at the same time; run by test_leases.py.

Arguments: JSON of world, action, callers, config. Says `ready`, begins at a line on stdin, prints how every call ended.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections import Counter
from typing import Any

from beastmode_otel import AsyncModelRouter, ModelRouter
from beastmode_otel.cache import tiered

tiered.LOOKUP_SECONDS = 20.0  # who has waited for an answer shall find it, however busy the machine is
QUESTION = {"messages": [{"role": "user", "content": "one for all"}], "max_tokens": 64}


def blocking(config: dict[str, Any], action: str, callers: int) -> Counter[str]:
    ended: list[str] = []  # a Counter loses some of what several threads count at once
    with ModelRouter(config) as router:

        def call() -> None:
            if action == "route":
                ended.append(router.route("chat", QUESTION).text)
            else:
                with router.stream("chat", QUESTION) as stream:
                    ended.append("".join(chunk.text for chunk in stream))

        threads = [threading.Thread(target=call) for _ in range(callers)]
        begin()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return Counter(ended)


async def asynchronous(config: dict[str, Any], action: str, callers: int) -> Counter[str]:
    ended: Counter[str] = Counter()
    async with AsyncModelRouter(config) as router:

        async def call() -> None:
            if action == "route":
                ended[(await router.route("chat", QUESTION)).text] += 1
            else:
                async with router.stream("chat", QUESTION) as stream:
                    ended["".join([chunk.text async for chunk in stream])] += 1

        begin()
        await asyncio.gather(*(call() for _ in range(callers)))
    return ended


def begin() -> None:
    print("ready", flush=True)
    sys.stdin.readline()


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    asked = given["config"], given["action"], given["callers"]
    began = time.monotonic()
    result = blocking(*asked) if given["world"] == "blocking" else asyncio.run(asynchronous(*asked))
    print(json.dumps({"ended": result, "seconds": time.monotonic() - began}), flush=True)
