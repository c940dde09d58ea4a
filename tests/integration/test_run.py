"""`beastmode-otel run`: the program under opentelemetry-instrument, with defaults and nothing overridden."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import beastmode_otel
from beastmode_otel.cli.run import prepared
from support.otlp_sink import OtlpSink, attribute

SOURCE = str(Path(beastmode_otel.__file__).parents[1])
PATIENCE = 60.0
# Other people's instrumentations, which the test environment has too, import their SDKs: two seconds for each program.
OTHERS_OFF = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "openai,anthropic"}
SHOW = (
    "import json, os; print(json.dumps({k: v for k, v in os.environ.items() if k.startswith(('OTEL_', 'BEASTMODE_'))}))"
)


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "BEASTMODE_"))}
    return {**kept, "PYTHONPATH": SOURCE, "NO_PROXY": "*", **OTHERS_OFF, **more}


def run(*words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "beastmode_otel.cli", "run", *words],
        env=environment(**more),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def variables(*words: str, **more: str) -> dict[str, str]:
    """Those that the program gets."""
    done = run(*words, "--", sys.executable, "-c", SHOW, **more)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    assert found.items() >= OTHERS_OFF.items()
    return {name: value for name, value in found.items() if name not in OTHERS_OFF}


def test_what_is_unset_gets_a_default() -> None:
    with OtlpSink() as sink:
        assert variables(OTEL_EXPORTER_OTLP_ENDPOINT=sink.url) == {
            "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url,
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_METRICS_EXPORTER": "otlp",
            "OTEL_LOGS_EXPORTER": "otlp",
        }


def test_live_adds_its_intervals() -> None:
    with OtlpSink() as sink:
        told = variables("--live", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
        assert variables(OTEL_EXPORTER_OTLP_ENDPOINT=sink.url, BEASTMODE_LIVE="1") == told
    assert told["OTEL_METRIC_EXPORT_INTERVAL"] == "500"
    assert (told["OTEL_BSP_SCHEDULE_DELAY"], told["OTEL_BLRP_SCHEDULE_DELAY"]) == ("200", "200")
    assert told["BEASTMODE_LIVE"] == "1"


def test_a_users_own_settings_are_never_changed() -> None:
    own = {
        "OTEL_TRACES_EXPORTER": "console",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_METRIC_EXPORT_INTERVAL": "30000",
        "OTEL_BSP_SCHEDULE_DELAY": "3000",
        "OTEL_BLRP_SCHEDULE_DELAY": "4000",
        "BEASTMODE_LIVE": "0",
    }
    assert variables("--live", **own) == own


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {"": "http/protobuf"}),
        ({"": "http://c:4318"}, {"": "http/protobuf"}),
        ({"": "http://c:4317"}, {"": "grpc"}),
        ({"": "http://c:4318", "TRACES_": "http://t:4317"},
         {"TRACES_": "grpc", "METRICS_": "http/protobuf", "LOGS_": "http/protobuf"}),
    ],
)  # fmt: skip
def test_the_protocol_follows_the_port(given: dict[str, str], expected: dict[str, str]) -> None:
    """opentelemetry-distro would take gRPC for all of them."""
    environ = {f"OTEL_EXPORTER_OTLP_{signal}ENDPOINT": url for signal, url in given.items()}
    told = prepared(environ, live=False)
    found = {name: value for name, value in told.items() if name.endswith("PROTOCOL")}
    assert found == {f"OTEL_EXPORTER_OTLP_{signal}PROTOCOL": value for signal, value in expected.items()}


def test_an_empty_variable_is_unset() -> None:
    """As the specification says."""
    assert prepared({"OTEL_TRACES_EXPORTER": ""}, live=False)["OTEL_TRACES_EXPORTER"] == "otlp"


PROGRAM = """
import beastmode_otel
from beastmode_otel.simulator import Simulator
telemetry = beastmode_otel.configure()
with Simulator() as simulator:
    deployments = {"a": {"base_url": simulator.url("ok"), "model": "m"}}
    config = {"deployments": deployments, "routes": {"chat": {"deployments": ["a"]}}}
    with beastmode_otel.ModelRouter(config) as router:
        router.route("chat", {"messages": []})
        try:
            router.route("nonsense", {})
        except beastmode_otel.RequestError:
            pass
print(telemetry.owned)
"""


def test_all_three_signals_leave_without_a_line_of_set_up(tmp_path: Path) -> None:
    """The SDK is the distro's; a configure() in the program finds nothing left to do."""
    with OtlpSink() as sink:
        done = run("--", sys.executable, "-c", PROGRAM, OTEL_EXPORTER_OTLP_ENDPOINT=sink.url)
    assert (done.returncode, done.stdout) == (0, "()\n"), done.stderr
    assert {path for path, _ in sink.received} == {"/v1/traces", "/v1/metrics", "/v1/logs"}
    assert "route chat" in [span.name for span in sink.spans()]
    assert sum(sink.counts("beastmode.requests.started").values()) == 2
    assert [record.event_name for record in sink.logs()] == ["beastmode.request.failed"]
    resource = next(data for path, data in sink.received if path == "/v1/traces").resource_spans[0].resource
    assert attribute(resource, "telemetry.auto.version")


def test_arguments_input_output_and_exit_status_are_the_commands() -> None:
    script = "import sys; print(sys.argv[1:]); print(sys.stdin.read()); sys.exit(9)"
    done = subprocess.run(
        [sys.executable, "-m", "beastmode_otel.cli", "run", "--", sys.executable, "-c", script, "--live", "--", "-x"],
        env=environment(OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none"),
        input="in", capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (9, "['--live', '--', '-x']\nin\n", "")


def test_signals_are_the_commands() -> None:
    """It takes our place: the process that was started is the one that gets the signal."""
    script = "import os, time; print(os.getpid(), flush=True); time.sleep(60)"
    process: subprocess.Popen[str] = subprocess.Popen(
        [sys.executable, "-m", "beastmode_otel.cli", "run", "--", sys.executable, "-c", script],
        env=environment(OTEL_TRACES_EXPORTER="none", OTEL_METRICS_EXPORTER="none", OTEL_LOGS_EXPORTER="none"),
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        assert int(process.stdout.readline()) == process.pid
        process.terminate()
        assert process.wait(timeout=PATIENCE) == -signal.SIGTERM


def test_a_command_that_is_not_there() -> None:
    done = run("--", "no-such-command-here")
    assert (done.returncode, done.stdout) == (127, "")
    assert "no-such-command-here: command not found" in done.stderr


def test_no_command() -> None:
    done = run("--live")
    assert done.returncode == 2
    assert "beastmode-otel run -- python app.py" in done.stderr


@pytest.mark.parametrize(
    ("given", "spoken"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}),
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "pigeon"}, {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}),
        (
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL": "http/json"},
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
        ),
    ],
)
def test_protocol_that_python_does_not_speak(given: dict[str, str], spoken: dict[str, str]) -> None:
    """A whole cluster may have it set: the program runs, with one that its SDK knows, and one line says so."""
    done = run("--", sys.executable, "-c", SHOW, **given, OTEL_SDK_DISABLED="true")
    assert done.returncode == 0, done.stderr
    told = [line for line in done.stderr.splitlines() if line.startswith("beastmode-otel: ")]
    assert [": ignored, " in line for line in told] == [True]
    found = json.loads(done.stdout)
    assert {name: value for name, value in found.items() if name.endswith("PROTOCOL")} == spoken


def test_without_a_distro_the_error_names_the_extra(tmp_path: Path) -> None:
    """Without one, opentelemetry-instrument runs and nothing is exported: said before, not found out later."""
    script = """
import importlib.metadata, sys
whole = importlib.metadata.entry_points
importlib.metadata.entry_points = lambda **asked: () if asked.get("group") == "opentelemetry_distro" else whole(**asked)
from beastmode_otel.cli import main
raise SystemExit(main(["run", "--", sys.executable, "-c", ""]))
"""
    done: Any = subprocess.run(
        [sys.executable, "-c", script], env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert done.returncode == 1
    assert "pip install 'beastmode-otel[auto]'" in done.stderr
