"""What exporting live costs: CPU of an application that does nothing but export, in percent of one core.

    python benchmarks/live_cost.py [--seconds N] [--series N]

Each side is a process of its own with `configure()` and N series, half counters and half histograms with our bounds;
all sides run at the same time, against a receiver in another process that answers at once. CPU time of the whole
process over N seconds; take at least twice the default interval of 60 s. The first line is a process that sleeps.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection

_SPAWN = multiprocessing.get_context("spawn")
EXPONENTIAL = {"OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION": "base2_exponential_bucket_histogram"}
# Its name, the share of the series it has, BEASTMODE_LIVE (None: no SDK at all), more environment.
SIDES: tuple[tuple[str, float, str | None, Mapping[str, str]], ...] = (
    ("no SDK", 0, None, {}),
    ("default: metrics every 60 s", 1, "0", {}),
    ("live: every 0.5 s", 1, "1", {}),
    ("live, five times the series", 5, "1", {}),
    ("live, exponential histograms", 1, "1", EXPONENTIAL),
)


def serve(pipe: Connection) -> None:
    """Takes everything."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    pipe.send(server.server_port)
    server.serve_forever()


def export(pipe: Connection, port: int, series: int, live: str | None, environ: Mapping[str, str]) -> None:
    """One side: records once, then only exports. Sends percent of one core."""
    os.environ.update(environ, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}", BEASTMODE_LIVE=live or "0")
    os.environ.pop("OTEL_METRIC_EXPORT_INTERVAL", None)
    if live is not None:
        record(series)
    pipe.send(None)
    seconds = pipe.recv()
    start, used = time.monotonic(), time.process_time()
    time.sleep(seconds)
    pipe.send((time.process_time() - used) / (time.monotonic() - start) * 100)
    os._exit(0)


def record(series: int) -> None:
    from opentelemetry import metrics

    import beastmode_otel
    from beastmode_otel import semconv

    beastmode_otel.configure(service_name="live-cost")
    meter = metrics.get_meter("live-cost")
    requests = meter.create_counter("requests")
    durations = meter.create_histogram(
        "durations", "s", explicit_bucket_boundaries_advisory=list(semconv.REQUEST_DURATION.buckets)
    )
    for number in range(series // 2):
        labels = {"model": f"m{number % 20}", "outcome": "ok", "number": number}
        requests.add(1, labels)
        for exponent in range(10):
            durations.record(0.01 * 2**exponent, labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--series", type=int, default=200)
    options = parser.parse_args()
    ours, theirs = _SPAWN.Pipe()
    server = _SPAWN.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    pipes = {}
    for name, share, live, environ in SIDES:
        series = int(options.series * share)
        mine, yours = _SPAWN.Pipe()
        _SPAWN.Process(target=export, args=(yours, port, series, live, environ), daemon=True).start()
        mine.recv()
        pipes[name] = mine, series
    for pipe, _ in pipes.values():
        pipe.send(options.seconds)
    print(f"{'':34} {'series':>7} {'% of a core':>12}")
    for name, (pipe, series) in pipes.items():
        print(f"{name:34} {series:7,} {pipe.recv():12.2f}", flush=True)
    server.terminate()


if __name__ == "__main__":
    main()
