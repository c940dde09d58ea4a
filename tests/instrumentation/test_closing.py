"""The end of the instrumentation, by code or with the process: what is owed is written, what is open is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from beastmode_otel import instrument, transport, uninstrument
from beastmode_otel.simulator import Behaviour, Simulator
from instrumentation.apps import LIBRARIES, QUESTION, Blocking, chat, make
from support.law import assert_law
from support.recorder import Recorder


def test_open_streams_end_as_cancelled(kind: tuple[str, str], simulator: Simulator, recorder: Recorder) -> None:
    """And their readers read on, as if nothing had happened."""
    simulator.define("slow", Behaviour(chunks=4, chunk_delay=0.2))
    app = make(*kind)
    instrument(**recorder.providers)
    held = app.open(chat(simulator, "slow"))
    first = app.some(held, 1)
    whole = app.open(chat(simulator), QUESTION)
    uninstrument()
    assert [span.attributes["beastmode.outcome"] for span in recorder.spans()] == ["cancelled"] * 2
    while b"[DONE]" not in (piece := app.some_more(held)):
        first.append(piece)
    assert len(app.pieces(whole, "read")[0]) > 0
    app.close_response(held)
    app.close()
    assert_law(recorder, simulator, calls=2)


def test_writes_are_flushed(kind: tuple[str, str], simulator: Simulator, recorder: Recorder, tmp_path: Path) -> None:
    """What was bought before is found by whoever comes next, at once."""
    cache = {"l3": {"url": f"sqlite:///{tmp_path}/cache.db", "soft": 20.0}}
    marks: list[Any] = []
    for _ in range(2):
        instrument(cache=cache, **recorder.providers)
        app = make(*kind)
        for number in range(20):
            marks.append(app.post(chat(simulator), QUESTION | {"seed": number}).headers.get("x-beastmode-cache"))
        uninstrument()
        app.close()
    assert marks == [None] * 20 + ["hit; tier=l3"] * 20
    assert simulator.received == 20


def test_closed_transport_flushes(simulator: Simulator, tmp_path: Path) -> None:
    cache = {"l3": {"url": f"sqlite:///{tmp_path}/cache.db", "soft": 20.0}}
    found = []
    for _ in range(2):
        library = LIBRARIES["httpx"]
        app = Blocking(library, transport=transport(library.HTTPTransport(), cache=cache))
        found.append(app.post(chat(simulator)).headers.get("x-beastmode-cache"))
        app.close()
        app.close()
    assert found == [None, "hit; tier=l3"]


PROGRAM = """
import sys, httpx
import beastmode_otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
provider = TracerProvider()
beastmode_otel.instrument(tracer_provider=provider)
said = ConsoleSpanExporter(formatter=lambda span: span.attributes["beastmode.outcome"] + "\\n")
provider.add_span_processor(SimpleSpanProcessor(said))
client = httpx.Client()
held = client.send(client.build_request("POST", sys.argv[1], json={"model": "m", "messages": [], "stream": True}),
                   stream=True)
"""


def test_stream_that_is_open_when_the_process_ends(simulator: Simulator) -> None:
    """Told before the providers shut down, if those were made before."""
    program = PROGRAM
    done = subprocess.run(
        [sys.executable, "-c", program, chat(simulator)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "cancelled")
