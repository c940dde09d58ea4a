"""Processes that fork while a thread of theirs makes the first request: first_forks.py URL HOW_MANY DOOR.

Each has imported the package and nothing more, as a server that preloads its application has. Prints how many children
answered, failed, and hung.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections import Counter
from typing import Any

from beastmode_otel import AsyncModelRouter, ModelRouter

URL, MANY, DOOR = sys.argv[1], int(sys.argv[2]), sys.argv[3]
PATIENCE = 60  # seconds: a child that waits for an import lock waits for ever
CONFIG = {
    "deployments": {"main": {"base_url": URL, "model": "gpt-4o-mini"}},
    "routes": {"chat": {"deployments": ["main"]}},
}
BODY = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 16}


def ask(router: Any) -> None:
    if DOOR == "sync":
        assert router.route("chat", BODY).text == "fine"
        return

    async def once() -> None:
        assert (await router.route("chat", BODY)).text == "fine"
        await router.aclose()

    asyncio.run(once())


def parent(n: int) -> None:
    router = ModelRouter(CONFIG) if DOOR == "sync" else AsyncModelRouter(CONFIG)
    threading.Thread(target=ask, args=(router,), daemon=True).start()
    time.sleep(n % 20 * 0.001)  # at another moment of the request each time
    if os.fork() == 0:
        ask(router)
        os._exit(0)
    _, status = os.wait()
    os._exit(os.waitstatus_to_exitcode(status) & 0x7F)


def one(n: int) -> str:
    pid = os.fork()
    if pid == 0:
        os.setpgid(0, 0)
        parent(n)
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return "answered" if status == 0 else "failed"
        time.sleep(0.005)
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return "hung"


ended = Counter(one(n) for n in range(MANY))
print(ended["answered"], ended["failed"], ended["hung"])
