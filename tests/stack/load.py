"""Real traffic with faults, through real routers against the simulator, so that every panel has something to show.

    python tests/stack/load.py --otlp http://127.0.0.1:4318 --seconds 60

Beside the demo's load (streams, repeats, cancellations, errors of many kinds, retries, fallbacks, open breakers, own
labels) it brings about what a cache lives through: a store that another process holds, entries that are pushed out,
run out and are invalidated, questions that are nearly the same. And it has one span processor that raises, as other
people's code may.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import sqlite3
import tempfile
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from beastmode_otel.cache.semantic import EmbedderFailed
from beastmode_otel.cli.demo.caller import Caller
from beastmode_otel.cli.demo.stage import Stage, simulated_stage
from beastmode_otel.client import AsyncModelRouter
from beastmode_otel.config import load
from beastmode_otel.simulator import Behaviour, Simulator

SERVICE: Final = "beastmode-load"
EXPORT_MILLIS: Final = 500.0
BATCH_MILLIS: Final = 200.0
HELD_SECONDS: Final = 3.0  # that another process holds the store's lock: writes fail meanwhile
GONE_SECONDS: Final = 2.0  # that the store's volume is away: everything fails, its breaker opens and rests for 5 s


class Faulty(SpanProcessor):
    """Somebody else's processor with a bug: it raises for the spans of one model."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if span.name == "route custom:observed":
            raise RuntimeError("a bug in somebody else's span processor")


@dataclass(frozen=True, slots=True)
class Told:
    """Providers that export to one OTLP endpoint, often."""

    tracer: TracerProvider
    meter: MeterProvider
    logger: LoggerProvider

    def flush(self) -> bool:
        done = [one.force_flush() for one in (self.tracer, self.meter, self.logger)]
        return all(done)

    def shutdown(self) -> None:
        for one in (self.tracer, self.meter, self.logger):
            one.shutdown()


def told(otlp: str, service: str = SERVICE) -> Told:
    """otlp: the base URL of an OTLP/HTTP receiver."""
    resource = Resource.create({"service.name": service})
    tracer = TracerProvider(resource=resource, shutdown_on_exit=False)
    tracer.add_span_processor(Faulty())
    spans = BatchSpanProcessor(OTLPSpanExporter(f"{otlp}/v1/traces"), schedule_delay_millis=BATCH_MILLIS)
    tracer.add_span_processor(spans)
    logger = LoggerProvider(resource=resource, shutdown_on_exit=False)
    records = BatchLogRecordProcessor(OTLPLogExporter(f"{otlp}/v1/logs"), schedule_delay_millis=BATCH_MILLIS)
    logger.add_log_record_processor(records)
    reader = PeriodicExportingMetricReader(
        OTLPMetricExporter(f"{otlp}/v1/metrics"), export_interval_millis=EXPORT_MILLIS
    )
    return Told(tracer=tracer, meter=MeterProvider([reader], resource=resource, shutdown_on_exit=False), logger=logger)


# The demo's load.


async def demo(stage: Stage, to: Told, seconds: float) -> int:
    """How many calls it made."""
    async with contextlib.AsyncExitStack() as stack:
        routers = [await stack.enter_async_context(_of(stage, to)) for _ in range(stage.instances)]
        caller = Caller(routers)
        await stage.load.send(caller, seconds, asyncio.Event())
        return caller.calls


@contextlib.asynccontextmanager
async def _of(stage: Stage, to: Told) -> AsyncIterator[AsyncModelRouter]:
    client = stage.client() if stage.client else None
    try:
        async with AsyncModelRouter(stage.config, client=client, access=stage.access, **_providers(to)) as router:
            yield router
    finally:
        if client is not None:
            await client.aclose()


def _providers(to: Told) -> dict[str, Any]:
    return {"tracer_provider": to.tracer, "meter_provider": to.meter, "logger_provider": to.logger}


class Words:
    """An embedder: hashed words, so that one other word in ten is a similar question. It fails when it reads `ill`."""

    name, dimensions, threshold, most_tokens = "words-128 1", 128, 0.8, 256
    languages: frozenset[str] | None = None

    def embed(self, texts: Sequence[str]) -> Any:
        rows = np.zeros((len(texts), self.dimensions), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in text.lower().split():
                row[zlib.crc32(word.encode()) % self.dimensions] += 1.0
            if "ill" in text.split():
                raise EmbedderFailed("ill")
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    def unread(self, text: str) -> float:
        return 0.0 if text.isascii() else 1.0

    def tokens(self, text: str) -> int:
        return len(text.split())

    def close(self) -> None: ...


# What happens to caches.


def _configuration(simulator: Simulator, store: Path, **cache: Any) -> dict[str, Any]:
    return {
        "namespace": "load",
        "deployments": {"shelf": {"base_url": simulator.url("shelf"), "model": "gpt-4o-mini", "provider": "openai"}},
        "routes": {
            "custom:shelf": {"deployments": ["shelf"], "reference_model": "gpt-4o"},
            "custom:observed": {"deployments": ["shelf"]},
        },
        "cache": {"mode": "on", "lease": True, "l3": {"url": f"sqlite:///{store}"}, **cache},
    }


@contextlib.contextmanager
def _held(store: Path) -> Iterator[None]:
    """The store's write lock, as another process takes it. Lets go at the end."""
    other = sqlite3.connect(store, timeout=5, isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")
    finally:
        other.close()


@contextlib.contextmanager
def _gone(store: Path) -> Iterator[None]:
    """The store's folder is away, as with a volume that is not mounted, and something else is in its place."""
    volume, away = store.parent, store.parent.with_name("away")
    volume.rename(away)
    volume.write_text("not a folder", encoding="utf-8")
    try:
        yield
    finally:
        volume.unlink()
        away.rename(volume)


def similar(mode: str) -> dict[str, Any]:
    return {"mode": mode, "semantic": {"embedder": Words(), "threshold": 0.8}}


class Incidents:
    """Small routers on one store, and what becomes of their entries."""

    def __init__(self, simulator: Simulator, folder: Path, to: Told) -> None:
        self._usual = Behaviour(text="An answer.", latency=(0.02, 0.06), input_tokens=80, output_tokens=40)
        simulator.define("shelf", self._usual)
        self._simulator, self._store, self._to = simulator, folder / "volume" / "shelf.db", to
        self._store.parent.mkdir()
        self._asked = self.calls = 0

    async def repeat(self, seconds: float) -> None:
        """Each of them, again and again, until the seconds are over."""
        until = asyncio.get_running_loop().time() + seconds
        async with (
            self._router() as router, self._router(l1={"max_entries": 4}) as small,
            self._router(**similar("semantic")) as semantic, self._router(**similar("shadow")) as shadow,
        ):  # fmt: skip
            while asyncio.get_running_loop().time() < until:
                await self.fill(small)
                await self.share(router)
                await self.warm(small)
                await self.invalidate(router)
                await self.promote(router, small)
                await self.warm(small)
                await self.observe(router)
                await self.match(semantic)
                await self.warm(small)
                await self.match(shadow)
                await self.warm(small)
                await self.hold(router)
                await self.lose(router)

    def _router(self, **cache: Any) -> AsyncModelRouter:
        config = load(_configuration(self._simulator, self._store, **cache), environ={})
        return AsyncModelRouter(config, **_providers(self._to))

    async def _ask(
        self, router: AsyncModelRouter, text: str, model: str = "custom:shelf", temperature: float = 1.0, **wish: Any
    ) -> Any:
        self.calls += 1
        body = {"messages": [{"role": "user", "content": text}], "temperature": temperature}
        return await router.route(model, body, **wish)

    def _new(self, count: int) -> list[str]:
        first, self._asked = self._asked, self._asked + count
        return [f"question {number}" for number in range(first, self._asked)]

    async def fill(self, small: AsyncModelRouter) -> None:
        """More than fits, and what expires at once."""
        for text in self._new(12):
            await self._ask(small, text)
        for text in self._new(2) * 2:
            await self._ask(small, text, ttl=0.3)
            await asyncio.sleep(0.2)

    async def share(self, router: AsyncModelRouter) -> None:
        """Many ask the same at once."""
        [text] = self._new(1)
        await asyncio.gather(*(self._ask(router, text) for _ in range(6)))

    async def invalidate(self, router: AsyncModelRouter) -> None:
        first, second = self._new(2)
        await self._ask(router, first, tags=["faq"])
        answer = await self._ask(router, second)
        await router.invalidate(tag="faq")
        await router.invalidate(request_id=answer.request_id)

    async def promote(self, router: AsyncModelRouter, small: AsyncModelRouter) -> None:
        """What one process stored, another finds in the store."""
        for text in self._new(5):
            await self._ask(router, text)
            await asyncio.sleep(0.1)
            await self._ask(small, text)

    async def warm(self, small: AsyncModelRouter) -> None:
        """A young process: what the store holds is in its memory before it is asked for."""
        await small.warm()
        async with self._router() as young:
            await young.warm()
            for text in self._new(2):
                await self._ask(young, text)

    async def observe(self, router: AsyncModelRouter) -> None:
        """Requests whose telemetry fails."""
        for text in self._new(2):
            await self._ask(router, text, "custom:observed")

    async def match(self, router: AsyncModelRouter) -> None:
        """A question in other words, one that the provider answers otherwise by now, one with another number, one that
        is another, some that nobody can compare, and one at which the embedder fails."""
        name = self._new(1)[0].replace(" ", "-")
        for asked in (
            f"how do I cancel the order {name}", f"how can I cancel the order {name}",
            f"how do I cancel the order {name} 7", f"something else about {name}", "ยกเลิกคำสั่งซื้อ", "word " * 300,
        ):  # fmt: skip
            await self._ask(router, asked)
        self._simulator.define("shelf", Behaviour(text=f"No: {name} is under way.", input_tokens=80, output_tokens=40))
        await self._ask(router, f"how may I cancel the order {name}")
        await self._ask(router, f"how will I cancel the order {name}", temperature=1.5)
        self._simulator.define("shelf", self._usual)
        async with self._router(**similar("semantic")) as other:
            await self._ask(other, f"ill {name}")

    async def hold(self, router: AsyncModelRouter) -> None:
        """Somebody holds the store's lock for a while: reads go on, writes wait or fail."""
        with _held(self._store):
            await self._go_on(router, HELD_SECONDS)

    async def lose(self, router: AsyncModelRouter) -> None:
        """The store is away: requests go on, its breaker opens; later a probe finds that it is back."""
        with _gone(self._store):
            await self._go_on(router, GONE_SECONDS)
        await self._go_on(router, 1.0)

    async def _go_on(self, router: AsyncModelRouter, seconds: float) -> None:
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            await self._ask(router, *self._new(1))
            await asyncio.sleep(0.1)


def drive(otlp: str, seconds: float, seed: int = 1, service: str = SERVICE) -> dict[str, int]:
    """Send the load, tell it to `otlp`, and wait until all of it is exported.

    calls: how many requests routers got, those included whose spans are lost, for which the load sees to.
    """
    return asyncio.run(_drive(otlp, seconds, seed, service))


async def _drive(otlp: str, seconds: float, seed: int, service: str) -> dict[str, int]:
    to = told(otlp, service)
    try:
        with tempfile.TemporaryDirectory() as folder, simulated_stage(seed) as stage, Simulator(seed=seed) as simulator:
            incidents = Incidents(simulator, Path(folder), to)
            calls, _ = await asyncio.gather(demo(stage, to, seconds), incidents.repeat(seconds))
        if not to.flush():
            raise RuntimeError(f"not everything was exported to {otlp}")
        return {"calls": calls + incidents.calls}
    finally:
        to.shutdown()


def main() -> int:
    parser = argparse.ArgumentParser(description="Real traffic with faults, for every panel of the dashboards.")
    parser.add_argument("--otlp", required=True, metavar="URL", help="base URL of an OTLP/HTTP receiver")
    parser.add_argument("--seconds", type=float, default=60.0, metavar="N")
    parser.add_argument("--seed", type=int, default=1, metavar="N")
    parser.add_argument("--service", default=SERVICE, metavar="NAME", help="service.name of the telemetry")
    given = parser.parse_args()
    logging.getLogger("beastmode_otel").setLevel(logging.ERROR)  # the bug in the processor is meant
    print(json.dumps(drive(given.otlp.rstrip("/"), given.seconds, given.seed, given.service)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
