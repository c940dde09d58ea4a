"""An application under a steady load, in a process of its own: how long requests took, how they ended, its memory."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

THREADS = 4
BAD_ONE_IN = 20  # requests
_PAGE = 4096


@dataclass
class Load:
    """`rate` requests a second by THREADS callers; one in twenty goes to a provider that fails. phase: of `waits`."""

    router: Any
    rate: float
    phase: str = "before"
    waits: dict[str, list[float]] = field(default_factory=dict)
    memory: dict[str, int] = field(default_factory=dict)
    ended: Counter[str] = field(default_factory=Counter)
    surprises: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self.waits[self.phase] = []
        self.threads = [threading.Thread(target=self._call, args=(number,)) for number in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def enter(self, phase: str) -> None:
        self.memory[self.phase] = _resident()
        self.waits[phase] = []
        self.phase = phase

    def stop(self) -> dict[str, Any]:
        self.over.set()
        for thread in self.threads:
            thread.join()
        self.memory[self.phase] = _resident()
        return {
            "waits": self.waits, "memory": self.memory, "ended": dict(self.ended), "surprises": self.surprises[:10],
        }  # fmt: skip

    def _call(self, number: int) -> None:
        done, due = number, time.monotonic() + number / self.rate
        while not self.over.wait(max(0.0, due - time.monotonic())):
            self._one("bad" if done % BAD_ONE_IN == 0 else "good")
            done, due = done + THREADS, max(due + THREADS / self.rate, time.monotonic())

    def _one(self, model: str) -> None:
        from beastmode_otel import BeastModeError

        start, problem = time.perf_counter(), None
        try:
            self.router.route(model, {"messages": [{"role": "user", "content": "hello"}]})
        except BeastModeError as exc:
            problem = exc
        self.waits[self.phase].append(time.perf_counter() - start)
        with _counting:
            self.ended["ok" if problem is None else "error"] += 1
        if (problem is not None) != (model == "bad"):
            self.surprises.append(f"{model}: {problem!r}")


_counting = threading.Lock()


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def application(pipe: Connection, service: str, providers: Mapping[str, str], rate: float) -> None:
    """Says when it is running. Questions: a phase's name, `stop` (answered with what happened), `flush` (answered with
    whether everything is exported, and how many batches were given up, by signal)."""
    from beastmode_otel import ModelRouter, configure

    telemetry = configure(service_name=service, live=True)
    config = {
        "retry": {"per_deployment": 0},
        "breaker": {"failures": 1_000_000},
        "deployments": {name: {"base_url": url, "model": "gpt-4o-mini"} for name, url in providers.items()},
        "routes": {name: {"deployments": [name]} for name in providers},
    }
    with ModelRouter(config) as router:
        load = Load(router, rate)
        load.start()
        pipe.send("running")
        try:
            _serve(pipe, load, telemetry)
        finally:
            load.over.set()


def _serve(pipe: Connection, load: Load, telemetry: Any) -> None:
    while True:
        question = pipe.recv()
        if question == "stop":
            pipe.send(load.stop())
        elif question == "flush":
            pipe.send((telemetry.force_flush(60), {each.signal: each.failed for each in telemetry.results}))
        else:
            pipe.send(load.enter(question))
