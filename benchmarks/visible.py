"""From record to visible at the query API: an application, a Collector, Prometheus, VictoriaLogs, all real, all here.

    make stack-build && python benchmarks/visible.py [--moments N]

One moment: a request fails in a ModelRouter (`configure(live=True)`, a simulated provider), at a random time within
the export interval. From the instant at which `route()` raises, until the answer of a query that counts it has arrived:
in Prometheus the request's metric, asked every 250 ms as a dashboard does and without a pause, in VictoriaLogs its
record. One request before them is not counted.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from live import Application, percentile, stack_urls
from livestack.ask import get

REFRESH = 0.25  # seconds, of the dashboards
NO_PAUSE = 0.01  # seconds between an answer and the next question: a pause that nobody sees
PATIENCE = 30.0  # seconds until a moment counts as never seen
SERVICE = "visible"


def application(pipe: Connection, run: str) -> None:
    """Each question is answered with the instant at which route() had raised."""
    from beastmode_otel import BeastModeError, ModelRouter, configure
    from beastmode_otel.simulator import Behaviour, Simulator
    from beastmode_otel.telemetry.setup import LIVE

    telemetry = configure(service_name=SERVICE, resource={"service.namespace": run}, live=True)
    with Simulator({"down": Behaviour(status=500)}) as provider:
        config = {
            "retry": {"per_deployment": 0},
            "deployments": {"down": {"base_url": provider.url("down"), "model": "gpt-4o-mini"}},
            "routes": {"chat": {"deployments": ["down"]}},
            "breaker": {"failures": 1_000_000},
        }
        with ModelRouter(config) as router:
            pipe.send(LIVE["OTEL_METRIC_EXPORT_INTERVAL"] / 1000)
            try:
                while pipe.recv():
                    try:
                        router.route("chat", {"messages": [{"role": "user", "content": "hello"}]})
                    except BeastModeError:
                        pipe.send(time.monotonic())  # one clock for all processes of the machine
            finally:
                telemetry.shutdown()


@dataclass
class Watcher:
    """Asks again and again, and notes when each count was first seen. every: seconds from question to question."""

    name: str
    look: Callable[[], float]
    every: float | None
    seen: list[float] = field(default_factory=list)
    problem: Exception | None = None

    def start(self, over: threading.Event) -> threading.Thread:
        thread = threading.Thread(target=self._run, args=(over,), daemon=True)
        thread.start()
        return thread

    def _run(self, over: threading.Event) -> None:
        due = time.monotonic() + random.random() * (self.every or 0)
        while not over.is_set():
            try:
                count = self.look()
            except (OSError, LookupError) as exc:
                self.problem = exc
                return
            now = time.monotonic()
            self.seen.extend([now] * (int(count) - len(self.seen)))
            due = now + NO_PAUSE if self.every is None else _next(due, self.every)
            over.wait(max(0.0, due - time.monotonic()))

    def wait_for(self, count: int) -> float:
        """When `count` was first seen; infinity when it was not, in time."""
        until = time.monotonic() + PATIENCE
        while len(self.seen) < count and time.monotonic() < until:
            if self.problem is not None:
                raise SystemExit(f"{self.name}: {self.problem}")
            time.sleep(0.005)
        return self.seen[count - 1] if len(self.seen) >= count else math.inf


def _next(due: float, every: float) -> float:
    """A clock that ticks on, whatever an answer took."""
    while due <= time.monotonic():
        due += every
    return due


def watchers(urls: dict[str, str], run: str) -> list[Watcher]:
    metric = f'sum(beastmode_request_duration_seconds_count{{service_name="{SERVICE}",service_namespace="{run}"}})'
    log = f'{{service.name="{SERVICE}"}} service.namespace:="{run}" | stats count() as records'

    def metrics() -> float:
        return _value(get(urls["prometheus"], "/api/v1/query", query=metric))

    def logs() -> float:
        return _value(get(urls["victorialogs"], "/select/logsql/stats_query", query=log))

    return [
        Watcher("metrics, refresh 250 ms", metrics, REFRESH),
        Watcher("metrics, asked without pause", metrics, None),
        Watcher("logs, asked without pause", logs, None),
    ]


def _value(found: dict[str, Any]) -> float:
    return float(found["result"][0]["value"][1]) if found["result"] else 0.0


def measure(urls: dict[str, str], moments: int) -> tuple[float, dict[str, list[float]]]:
    """The export interval, and seconds from record to visible of each moment, by watcher."""
    run, over = f"run-{random.getrandbits(48):x}", threading.Event()
    asked = watchers(urls, run)
    waits: dict[str, list[float]] = {watcher.name: [] for watcher in asked}
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": urls["otlp_http"], "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    with Application(application, run, environ=environ) as app:
        interval: float = app.pipe.recv()
        threads = [watcher.start(over) for watcher in asked]
        app.ask(True)  # not counted: the first of everything takes longer
        for watcher in asked:
            watcher.wait_for(1)
        for number in range(2, moments + 2):
            time.sleep(random.random() * 2 * interval)
            recorded = app.ask(True)
            for watcher in asked:
                waits[watcher.name].append(watcher.wait_for(number) - recorded)
            if sys.stderr.isatty():
                print(f"\r{number - 1} of {moments}", end="", file=sys.stderr, flush=True)
        over.set()
        for thread in threads:
            thread.join()
    return interval, waits


def report(interval: float, waits: dict[str, list[float]]) -> None:
    moments = len(next(iter(waits.values())))
    print(f"From record to visible at the query API: {moments} random moments, metrics exported every {interval:g} s")
    print(f"{'seconds':32} {'p50':>6} {'p95':>6} {'max':>6} {'never':>6}")
    for name, values in waits.items():
        p50, p95 = percentile(values, 0.5), percentile(values, 0.95)
        print(f"{name:32} {p50:6.2f} {p95:6.2f} {max(values):6.2f} {sum(map(math.isinf, values)):6}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--moments", type=int, default=60, help="requests to follow (default: 60)")
    parser.add_argument("--stack", type=Path, metavar="F", help="use the stack whose --ports-file this is")
    parser.add_argument("--json", action="store_true", help="print every wait instead of a table")
    given = parser.parse_args()
    with stack_urls(given.stack) as urls:
        interval, waits = measure(urls, given.moments)
    if given.json:
        seen = {name: [value if math.isfinite(value) else None for value in values] for name, values in waits.items()}
        print(json.dumps({"export_interval": interval, "waits": seen}))
    else:
        report(interval, waits)
    return 0 if all(math.isfinite(value) for values in waits.values() for value in values) else 1


if __name__ == "__main__":
    raise SystemExit(main())
