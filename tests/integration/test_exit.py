"""The end of a program that has nobody to tell, in the zero-code door: quick, one line, and nothing lost that is heard.

Real processes. The bound of eight seconds holds on a busy machine; without us each takes ten and more.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import beastmode_otel
from beastmode_otel.simulator.unreachable import Unreachable
from beastmode_otel.telemetry.at_exit import unreachable
from support.otlp_sink import OtlpSink

SOURCE = str(Path(beastmode_otel.__file__).parents[1])
INSTRUMENT = str(Path(sys.executable).with_name("opentelemetry-instrument"))
DOORS = {"run": [sys.executable, "-m", "beastmode_otel.cli", "run", "--"], "opentelemetry-instrument": [INSTRUMENT]}
SPAN = """
from opentelemetry import metrics, trace
with trace.get_tracer("app").start_as_current_span("work"):
    metrics.get_meter("app").create_counter("worked").add(1)
"""


@pytest.fixture
def dead() -> Iterator[Unreachable]:
    nowhere = Unreachable("127.0.0.1")
    yield nowhere
    nowhere.close()


def end_of(door: str, script: str = SPAN, **more: str) -> tuple[float, subprocess.CompletedProcess[str]]:
    """Seconds that the program's end takes: from its last line of code until the process is gone."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "BEASTMODE_"))}
    off = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "openai,anthropic"}
    with subprocess.Popen(
        [*DOORS[door], sys.executable, "-c", script + "\nprint('done', flush=True)"],
        env={**kept, "PYTHONPATH": SOURCE, "NO_PROXY": "*", **off, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,  # what `readline` had read ahead, `communicate` would not find
    ) as process:
        assert process.stdout is not None
        said = b""
        while b"done" not in said:
            said += process.stdout.readline()
        began = time.monotonic()
        out, err = process.communicate(timeout=60)
    done = subprocess.CompletedProcess(process.args, process.returncode, (said + out).decode(), err.decode())
    return time.monotonic() - began, done


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize("endpoint", ["unset", "refused", "blackhole"])
def test_nobody_listens(door: str, protocol: str, endpoint: str, dead: Unreachable) -> None:
    """One line that names the doctor, in place of ten seconds and more of retries."""
    more = {"OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    if endpoint != "unset":
        port = dead.refused() if endpoint == "refused" else dead.blackhole()
        more["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{port}"
    seconds, done = end_of(door, **more)
    assert done.returncode == 0
    assert seconds < 8
    (line,) = done.stderr.splitlines()
    assert "telemetry of this process is not exported: nothing listens at " in line
    assert ("OTEL_EXPORTER_OTLP_ENDPOINT is not set" in line) == (endpoint == "unset")
    assert "beastmode-otel doctor" in line


def test_the_line_is_seen_beside_the_handler_of_the_sdk() -> None:
    """Which only exports what the program logs, to where nobody listens."""
    _, done = end_of("run", OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED="true")
    assert done.stderr.count("run `beastmode-otel doctor`") == 1


@pytest.mark.parametrize("named", ["otlp,console", "console,otlp"])
def test_another_exporter_has_its_time(named: str) -> None:
    _, done = end_of("run", OTEL_TRACES_EXPORTER=named, OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none")
    assert '"name": "work"' in done.stdout


LATE = """
import time
from opentelemetry import trace
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
class Slow(SpanExporter):
    def export(self, spans):
        time.sleep(3)
        print("kept", [span.name for span in spans], flush=True)
        return SpanExportResult.SUCCESS
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(Slow()))
"""


def test_a_processor_of_the_apps_own_has_its_time() -> None:
    """It stands behind the dead one, which took ten seconds before it came to it."""
    _, done = end_of("run", LATE + SPAN)
    assert "kept ['work']" in done.stdout


class Slow(OtlpSink):
    def _post(self, handler: object) -> None:
        time.sleep(3)
        super()._post(handler)  # type: ignore[arg-type]


def test_an_endpoint_that_is_slow_gets_everything(dead: Unreachable) -> None:
    """Also where that of another signal is dead."""
    with Slow() as sink:
        _, done = end_of("run", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
        assert {path for path, _ in sink.received} == {"/v1/traces", "/v1/metrics"}
        assert done.stderr == ""
        sink.received.clear()
        traces = f"http://127.0.0.1:{dead.refused()}/v1/traces"
        _, done = end_of("run", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, OTEL_EXPORTER_OTLP_TRACES_ENDPOINT=traces)
        assert [path for path, _ in sink.received] == ["/v1/metrics"]
        assert str(dead.refused()) in done.stderr


def test_places(dead: Unreachable) -> None:
    """All are looked at at the same time; one that is slow takes nothing from the others."""
    with OtlpSink() as sink:
        refused, hole = ("127.0.0.1", dead.refused()), ("127.0.0.1", dead.blackhole())
        alive, nowhere = ("127.0.0.1", sink.port), ("nothing.invalid", 4318)
        began = time.monotonic()
        assert unreachable([hole, refused, alive, nowhere, ("localhost", sink.port)]) == {refused, hole, nowhere}
        assert time.monotonic() - began < 2.5
        assert unreachable([alive]) == set()
