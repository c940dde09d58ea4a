"""The example service under real servers with several workers: what arrives by OTLP is what was asked, exactly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

import httpx
import pytest

import beastmode_otel
from beastmode_otel import semconv
from beastmode_otel.simulator import Behaviour, Simulator
from livestack.ports import free_ports
from support.otlp_sink import OtlpSink, attribute

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "fastapi_app"
SOURCE = str(Path(beastmode_otel.__file__).parents[1])
PATIENCE = 90.0
WORKERS = 4
ASK = {"messages": [{"role": "user", "content": "hi"}]}
GUNICORN = ["gunicorn", "app:app", "-c", "gunicorn_conf.py"]
ASGI_WORKER = [*GUNICORN, "-k", "asgi"]  # gunicorn's own
UVICORN = ["uvicorn", "app:app", "--workers", str(WORKERS)]
SERVERS = pytest.mark.parametrize(
    "server", [GUNICORN, ASGI_WORKER, UVICORN], ids=["gunicorn", "gunicorn-asgi", "uvicorn"]
)


def environment(simulator: Simulator, sink: OtlpSink, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "BEASTMODE_"))}
    return {
        **kept,
        "PYTHONPATH": SOURCE,
        "NO_PROXY": "*",
        "OPENAI_BASE_URL": simulator.url("ok"),
        "OPENAI_API_KEY": "EMPTY",
        "OTEL_EXPORTER_OTLP_ENDPOINT": sink.url,
        **more,
    }


@contextmanager
def serving(
    server: Sequence[str], environ: dict[str, str], folder: Path = EXAMPLE, probe: str = "/openapi.json"
) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The service's URL and the server's first process. Killed with all its workers if it has not ended by itself."""
    [port] = free_ports(1)
    where = ["--bind", f"127.0.0.1:{port}"] if server[0] == "gunicorn" else ["--port", str(port)]
    command = [sys.executable, "-m", *server, *where]
    process = subprocess.Popen(command, cwd=folder, env=environ, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_until_up(f"{url}{probe}", process)
        yield url, process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=PATIENCE)


def _wait_until_up(url: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert process.poll() is None, "the server has ended"
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the server did not come up")


def workers_seen(sink: OtlpSink) -> set[str]:
    return set(sink.counts("beastmode.requests.started"))


def drive(url: str, count: int) -> Counter[str]:
    """`count` requests of each kind, from several threads, each on a connection of its own: all workers get some."""
    seen: SimpleQueue[str] = SimpleQueue()

    def some(path: str) -> None:
        for _ in range(count // 4):
            with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
                answer = client.post(f"{url}{path}", json=ASK)
                whole = "[DONE]" in answer.text if path.endswith("stream") else bool(answer.json().get("text"))
                seen.put(f"{path} {answer.status_code} {whole}")

    paths = ("/chat", "/chat/blocking", "/chat/stream")
    threads = [threading.Thread(target=some, args=(path,)) for path in paths for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    return Counter(seen.get() for _ in range(seen.qsize()))


@SERVERS
def test_counts_are_exact_after_a_graceful_shutdown(server: Sequence[str]) -> None:
    """Nothing lost, nothing twice: requests asked = requests the provider got = counted by metrics = spans."""
    count = 40
    with Simulator() as simulator, OtlpSink() as sink:
        with serving(server, environment(simulator, sink)) as (url, process):
            answers = drive(url, count)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE) in (0, -signal.SIGTERM)
        expected = 3 * count
        assert answers == {f"{path} 200 True": count for path in ("/chat", "/chat/blocking", "/chat/stream")}
        assert simulator.received == expected
        assert sum(sink.counts("beastmode.requests.started").values()) == expected
        assert sum(sink.counts("beastmode.request.duration").values()) == expected
        assert sum(sink.counts("beastmode.attempt.duration").values()) == expected
        spans = sink.spans(semconv.SCOPE)
        assert Counter(span.name.partition(" ")[0] for span in spans) == {"route": expected, "chat": expected}
        assert len({span.span_id for span in spans}) == 2 * expected
        assert sum(sink.counts("beastmode.requests.active").values()) == 0
        assert len(workers_seen(sink)) > 1, "one worker got everything: this proves nothing"


@SERVERS
def test_requests_in_flight_at_the_shutdown_are_finished_and_counted(server: Sequence[str]) -> None:
    """SIGTERM while the provider is still thinking: the clients get their answers, the backend gets the counts."""
    in_flight = 8
    with Simulator({"slow": Behaviour(latency=1.5)}) as simulator, OtlpSink() as sink:
        slow = {"OPENAI_BASE_URL": simulator.url("slow")}
        with serving(server, environment(simulator, sink, **slow)) as (url, process):
            statuses: SimpleQueue[int] = SimpleQueue()

            def one() -> None:
                with httpx.Client(trust_env=False, timeout=PATIENCE) as client:
                    statuses.put(client.post(f"{url}/chat", json=ASK).status_code)

            threads = [threading.Thread(target=one) for _ in range(in_flight)]
            for thread in threads:
                thread.start()
            until = time.monotonic() + PATIENCE
            while simulator.received < in_flight and time.monotonic() < until:
                time.sleep(0.01)
            process.send_signal(signal.SIGTERM)
            for thread in threads:
                thread.join(PATIENCE)
            process.wait(timeout=PATIENCE)
        assert [statuses.get() for _ in range(statuses.qsize())] == [200] * in_flight
        assert sum(sink.counts("beastmode.requests.started").values()) == in_flight
        assert sum(sink.counts("beastmode.request.duration").values()) == in_flight
        assert len([span for span in sink.spans() if span.name.startswith("route")]) == in_flight


WSGI_APP = """
from beastmode_otel import ModelRouter, configure

router = ModelRouter()  # before the fork, with preload: it has neither thread nor socket until its first request

def app(environ, start_response):
    text = "up"
    if environ["PATH_INFO"] == "/chat":
        text = router.route("openai:m", {"messages": [{"role": "user", "content": "hi"}]}).text
    start_response("200 OK", [("content-type", "text/plain")])
    return [text.encode()]
"""
WSGI_CONF = """
workers = 4
preload_app = True

def post_fork(server, worker):
    from beastmode_otel import configure
    configure(service_name="wsgi")
"""


@pytest.mark.parametrize("worker", ["sync", "gthread"])
def test_wsgi_workers_need_only_the_hook(worker: str, tmp_path: Path) -> None:
    """gunicorn's own workers end by themselves, so that the SDK's export at exit runs."""
    (tmp_path / "wsgi.py").write_text(WSGI_APP)
    (tmp_path / "conf.py").write_text(WSGI_CONF)
    server = ["gunicorn", "wsgi:app", "-c", "conf.py", "-k", worker]
    with Simulator() as simulator, OtlpSink() as sink:
        with serving(server, environment(simulator, sink), tmp_path, "/up") as (url, process):
            for _ in range(40):
                assert httpx.get(f"{url}/chat", trust_env=False, timeout=PATIENCE).status_code == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE) == 0
        assert simulator.received == 40
        assert sum(sink.counts("beastmode.requests.started").values()) == 40
        assert Counter(span.name.partition(" ")[0] for span in sink.spans(semconv.SCOPE)) == {"route": 40, "chat": 40}


def test_a_client_that_hangs_up_is_a_cancelled_request() -> None:
    with (
        Simulator({"long": Behaviour(text="word " * 400, chunks=400, chunk_delay=0.05)}) as simulator,
        OtlpSink() as sink,
    ):
        long = {"OPENAI_BASE_URL": simulator.url("long")}
        with serving(UVICORN, environment(simulator, sink, **long)) as (url, process):
            patient = httpx.Client(trust_env=False, timeout=PATIENCE)
            with patient as client, client.stream("POST", f"{url}/chat/stream", json=ASK) as response:
                assert next(response.iter_lines()).startswith("data: ")
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=PATIENCE)
        routes = [span for span in sink.spans() if span.name.startswith("route")]
        assert [attribute(span, "beastmode.outcome") for span in routes] == ["cancelled"]


def test_an_error_before_the_first_token_is_a_status(tmp_path: Path) -> None:
    with Simulator() as simulator, OtlpSink() as sink:
        wrong = {"OPENAI_BASE_URL": simulator.url("status=401")}
        with serving(UVICORN, environment(simulator, sink, **wrong)) as (url, process):
            for path in ("/chat", "/chat/blocking", "/chat/stream"):
                answer = httpx.post(f"{url}{path}", json=ASK, trust_env=False, timeout=PATIENCE)
                assert (answer.status_code, answer.json()) == (502, {"error": "authentication_error"})
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=PATIENCE)
        assert [record.event_name for record in sink.logs()] == ["beastmode.request.failed"] * 3
        assert sum(sink.counts("beastmode.errors").values()) == 3


def test_the_doctor_sees_into_the_workers(capfd: pytest.CaptureFixture[str]) -> None:
    """Workers that a signal ends have reported; a fixed id beside several of them is found, before and in fact."""
    fixed = {"OTEL_RESOURCE_ATTRIBUTES": "service.instance.id=one"}
    doctor = ["beastmode_otel.cli", "doctor", "--json", "--", sys.executable, "-m", *UVICORN]
    with (
        Simulator() as simulator,
        OtlpSink() as sink,
        serving(doctor, environment(simulator, sink, **fixed)) as (url, process),
    ):
        drive(url, 8)
        time.sleep(3.0)  # more than the half second between the workers' reports
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE) in (1, 128 + signal.SIGTERM)
    said = capfd.readouterr().err
    findings = json.loads(said[said.index("\n{\n") :])["findings"]
    shared = [finding["detail"] for finding in findings if finding["code"] == "instance_id_shared"]
    assert shared == [
        "'one' in OTEL_RESOURCE_ATTRIBUTES, and 4 workers (--workers)",
        "'one' was seen in 4 processes",
    ]
