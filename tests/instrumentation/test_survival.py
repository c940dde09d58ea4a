"""The app survives us: whatever is wrong with telemetry or configuration, its calls go on."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

from beastmode_otel import instrument, uninstrument
from beastmode_otel.instrumentation.instrumentor import BeastModeInstrumentor
from beastmode_otel.simulator import Simulator
from instrumentation.apps import LIBRARIES, QUESTION, STREAMED, App, Blocking, chat, make
from livestack.ports import free_ports
from support.law import assert_law
from support.recorder import Recorder


def works(app: App, simulator: Simulator) -> None:
    """Whole, streamed, broken off."""
    assert app.post(chat(simulator)).json()["choices"]
    assert b"[DONE]" in b"".join(app.pieces(app.open(chat(simulator))))
    app.break_off(chat(simulator))


class Raising(SpanProcessor):
    """Fails where it is told to."""

    def __init__(self, where: str) -> None:
        self._where = where

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        if self._where == "start":
            raise ZeroDivisionError

    def on_end(self, span: Any) -> None:
        if self._where == "end":
            raise ZeroDivisionError


class RaisingExporter(SpanExporter):
    def export(self, spans: Any) -> Any:
        raise ZeroDivisionError


class RaisingMeters(MeterProvider):
    """A provider whose instruments fail."""

    def get_meter(self, *args: Any, **kwargs: Any) -> Any:
        meter = super().get_meter(*args, **kwargs)
        made = meter.create_histogram

        def create_histogram(*args: Any, **kwargs: Any) -> Any:
            histogram = made(*args, **kwargs)

            def record(*_: Any, **__: Any) -> None:
                raise ZeroDivisionError

            histogram.record = record
            return histogram

        meter.create_histogram = create_histogram  # type: ignore[method-assign]
        return meter


@pytest.mark.parametrize("where", ["start", "end", "export", "record"])
@pytest.mark.parametrize("cache", [None, {"l3": {"url": "off"}}])
def test_faults_of_telemetry(where: str, cache: Any, kind: tuple[str, str], simulator: Simulator) -> None:
    tracers = TracerProvider()
    failing = SimpleSpanProcessor(RaisingExporter()) if where == "export" else Raising(where)
    tracers.add_span_processor(failing)
    meters = (RaisingMeters if where == "record" else MeterProvider)([InMemoryMetricReader()])
    instrument(cache=cache, tracer_provider=tracers, meter_provider=meters)
    app = make(*kind)
    try:
        works(app, simulator)
        works(app, simulator)
    finally:
        app.close()
        uninstrument()
        meters.shutdown()
    assert simulator.received == (6 if cache is None else 1)


PROGRAM = """
import sys, httpx
response = httpx.post(sys.argv[1], json={"model": "m", "messages": []})
print(response.status_code, len(response.json()["choices"]))
"""


def run(simulator: Simulator, program: str = PROGRAM, **environment: str) -> subprocess.CompletedProcess[str]:
    """A program under `opentelemetry-instrument`, as it is."""
    command = [os.path.join(os.path.dirname(sys.executable), "opentelemetry-instrument"), sys.executable, "-c", program]
    quiet = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", "OTEL_LOGS_EXPORTER": "none"}
    quiet["OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"] = "openai,anthropic"  # those of others import their SDKs: seconds
    environ = {**os.environ, **quiet, **environment}
    return subprocess.run(
        [*command, chat(simulator)], capture_output=True, text=True, timeout=120, env=environ, check=False
    )


def test_collector_that_is_down(simulator: Simulator) -> None:
    gone = f"http://127.0.0.1:{free_ports(1)[0]}"
    otlp = {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_ENDPOINT": gone}
    quick = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_TIMEOUT": "1"}
    done = run(simulator, **otlp, **quick)
    assert (done.returncode, done.stdout.strip()) == (0, "200 1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[cache", "beastmode.toml"),
        ("[cache]\nmax_body = 'big'\n", "max_body"),
        ("timeouts = { idle = 'soon' }\n", "idle"),
    ],
)
def test_broken_configuration(text: str, said: str, simulator: Simulator, tmp_path: Any) -> None:
    """One clear line of what is wrong; the app runs, unobserved."""
    config = tmp_path / "beastmode.toml"
    config.write_text(text)
    done = run(simulator, BEASTMODE_CONFIG=str(config))
    assert (done.returncode, done.stdout.strip()) == (0, "200 1")
    assert done.stderr.count("LLM calls are not observed") == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_instrumentor(simulator: Simulator, recorder: Recorder, caplog: Any, monkeypatch: Any) -> None:
    """By code, with our options among others; what is wrong is told and not raised."""
    instrumentor = BeastModeInstrumentor()
    instrumentor.instrument(**recorder.providers, skip_dep_check=True, something="else")
    app = make("httpx", "sync")
    app.post(chat(simulator))
    instrumentor.uninstrument()
    app.post(chat(simulator))
    app.close()
    assert len(recorder.spans()) == 1
    monkeypatch.setenv("BEASTMODE_CONFIG", "/nowhere/at/all.toml")
    with caplog.at_level(logging.ERROR, "beastmode_otel"):
        instrumentor.instrument()
    instrumentor.uninstrument()
    (said,) = [record for record in caplog.records if record.name == "beastmode_otel"]
    assert "/nowhere/at/all.toml" in said.getMessage()
    assert said.exc_info is None


FORK = """
import gc, os, sys, httpx
import beastmode_otel
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

def total(reader, name):
    data = reader.get_metrics_data()
    found = [point for resource in (data.resource_metrics if data else ()) for scope in resource.scope_metrics
             for metric in scope.metrics if metric.name == name for point in metric.data.data_points]
    return sum(getattr(point, "value", getattr(point, "count", 0)) for point in found)

where, when = sys.argv[1:3]
reader = InMemoryMetricReader()
provider = MeterProvider([reader])
beastmode_otel.instrument(meter_provider=provider, cache={"l3": {"url": "off"}})
body = {"model": "m", "messages": [], "stream": True}
client = httpx.Client()
before = 0
if when == "after":
    client.post(where, json=body)
    held = client.send(client.build_request("POST", where, json=dict(body, seed=1)), stream=True)
    before = 1  # one has ended, one is open
child = os.fork()
if child == 0:
    client = httpx.Client()
if when == "after" and child == 0:
    del held
    gc.collect()
assert len(client.post(where, json=dict(body, seed=2)).text) > 0
ended = total(reader, "beastmode.request.duration")
open_now = total(reader, "beastmode.requests.active")
expected = (before + 1, (1 if child else 0) if when == "after" else 0)
if (ended, open_now) != expected:
    print("child" if child == 0 else "parent", (ended, open_now), expected, file=sys.stderr)
    os._exit(3)
if child == 0:
    beastmode_otel.uninstrument()
    os._exit(0)
_, status = os.waitpid(child, 0)
if when == "after":
    held.close()
beastmode_otel.uninstrument()
print(status, total(reader, "beastmode.requests.active"))
"""


@pytest.mark.parametrize("when", ["before", "after"])
def test_fork(when: str, simulator: Simulator) -> None:
    """Before the first call or after it: both go on; what is open at the fork is the parent's alone."""
    done = subprocess.run(
        [sys.executable, "-c", FORK, chat(simulator), when], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "0 0", "")


def test_threads_of_one_client(simulator: Simulator, hooked: Recorder) -> None:
    for library in LIBRARIES.values():
        app = Blocking(library)
        threads = [threading.Thread(target=works, args=(app, simulator)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        app.close()
    assert_law(hooked, simulator, calls=48)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_loop_for_each_call(library: str, simulator: Simulator, cached: Recorder) -> None:
    """As scripts and task queues do; the cache outlives the loops."""

    async def one(number: int) -> str | None:
        async with LIBRARIES[library].AsyncClient() as client:
            body = QUESTION | {"seed": number % 5}
            responses = await asyncio.gather(*(client.post(chat(simulator), json=body) for _ in range(2)))
            return responses[0].headers.get("x-beastmode-cache")

    found = [asyncio.run(one(number)) for number in range(30)]
    assert found[:5] == [None] * 5
    assert set(found[5:]) == {"hit; tier=l1"}
    assert simulator.received == 5
    assert_law(cached, simulator, calls=60)


@pytest.mark.parametrize("library", LIBRARIES)
def test_trio(library: str, simulator: Simulator, cached: Recorder) -> None:
    """Seen, and not cached; cancelled as trio cancels."""
    import trio

    from beastmode_otel.simulator import Behaviour

    simulator.define("slow", Behaviour(latency=20.0))
    got: list[Any] = []

    async def main() -> None:
        async with LIBRARIES[library].AsyncClient() as client:
            for _ in range(2):
                got.append((await client.post(chat(simulator), json=QUESTION)).headers.get("x-beastmode-cache"))
            async with client.stream("POST", chat(simulator), json=STREAMED) as response:
                got.append(b"".join([piece async for piece in response.aiter_bytes()])[-14:])
            async with client.stream("POST", chat(simulator), json=STREAMED):
                pass
            with trio.move_on_after(0.2):
                await client.post(chat(simulator, "slow"), json=QUESTION)

    trio.run(main)
    assert got == [None, None, b"data: [DONE]\n\n"]
    outcomes = [span.attributes["beastmode.outcome"] for span in cached.spans()]
    assert outcomes == ["ok", "ok", "ok", "cancelled", "cancelled"]
    assert_law(cached, simulator, calls=5)
