"""What an application notices when the Collector, Prometheus or its OTLP backend is away, and what is lost.

    make stack-build && python benchmarks/outages.py [--outage SECONDS]

Two applications under the same load at the same time: the control exports to a backend that always takes everything;
the other one's backend breaks and comes back. Compared during the outage: latency, errors, memory. Afterwards: whether
the counters at Prometheus say what the application did, and how many spans and log records were lost, by the SDK's own
count (OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from beastmode_otel.simulator import Behaviour, Simulator
from gate import Gate
from live import Application, own_stack, percentile
from livestack.ask import eventually, promql
from livestack.sink import Sink
from livestack.stack import Stack
from outages_load import application

LATENCY = 0.005  # seconds, of the simulated provider
DELIVERED = "delivered"
PATIENCE = 90.0  # seconds for the counters to be right after the outage


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    name: str
    service: str
    endpoint: str
    begin: Callable[[], None]
    end: Callable[[], None]


def outages(stack: Stack, gate: Gate) -> list[Outage]:
    def shut(closed: bool) -> Callable[[], None]:
        return lambda: setattr(gate, "shut", closed)

    return [
        Outage(
            name="Collector killed", service="outage-collector", endpoint=stack.otlp_http,
            begin=lambda: stack.kill("otelcol"), end=lambda: stack.start("otelcol"),
        ),
        Outage(
            name="Prometheus stopped", service="outage-prometheus", endpoint=stack.otlp_http,
            begin=lambda: stack.stop("prometheus"), end=lambda: stack.start("prometheus"),
        ),
        Outage(
            name="backend answers 503", service="outage-refused", endpoint=gate.url, begin=shut(True), end=shut(False),
        ),
    ]  # fmt: skip


def environ(endpoint: str, queue: int | None) -> dict[str, str]:
    found = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_PYTHON_SDK_INTERNAL_METRICS_ENABLED": "true",
    }
    if queue is not None:
        found |= {f"OTEL_{kind}_MAX_QUEUE_SIZE": str(queue) for kind in ("BSP", "BLRP")}
        found |= {f"OTEL_{kind}_MAX_EXPORT_BATCH_SIZE": str(queue) for kind in ("BSP", "BLRP")}
    return found


def measure(stack: Stack, outage: Outage, provider: Simulator, given: argparse.Namespace) -> dict[str, Any]:
    providers = {"good": provider.url("good"), "bad": provider.url("bad")}

    def app(service: str, endpoint: str) -> Application:
        load = (service, providers, given.rate)
        return Application(application, *load, environ=environ(endpoint, given.queue))

    with Sink() as sink, app(outage.service, outage.endpoint) as subject, app("control", sink.url) as control:
        both = (subject, control)
        for each in both:
            each.pipe.recv()  # it is running: to start takes seconds on a busy machine
        time.sleep(given.around)
        _enter(both, "during")
        outage.begin()
        time.sleep(given.outage)
        outage.end()
        _enter(both, "after")
        time.sleep(given.around)
        found = {name: each.ask("stop") for name, each in (("subject", subject), ("control", control))}
        flushed, given_up = [subject.ask("flush") for _ in range(2)][-1]  # the second carries the counts of the first
        counters = recovered(stack, outage.service, found["subject"]["ended"])
        fates, ended = settled_fate(stack, outage.service, failed=found["subject"]["ended"]["error"])
        return {
            "flushed": flushed, "given_up": given_up, "counters": counters, "fate": fates, "spans_ended": ended, **found
        }  # fmt: skip


def _enter(applications: tuple[Application, ...], phase: str) -> None:
    for each in applications:
        each.ask(phase)


def recovered(stack: Stack, service: str, ended: dict[str, int]) -> dict[str, dict[str, float]]:
    """The counters at Prometheus, once they are right or patience is over: what is there, and what should be."""
    wanted = {
        "started": sum(ended.values()), "ok": ended["ok"], "error": ended["error"], "errors": ended["error"],
    }  # fmt: skip
    label = f'service_name="{service}"'
    queries = {
        "started": f"sum(beastmode_requests_started_total{{{label}}})",
        "ok": f'sum(beastmode_request_duration_seconds_count{{{label},beastmode_outcome="ok"}})',
        "error": f'sum(beastmode_request_duration_seconds_count{{{label},beastmode_outcome="error"}})',
        "errors": f"sum(beastmode_errors_total{{{label}}})",
    }

    def look() -> dict[str, float]:
        return {name: sum(promql(stack.prometheus, query).values()) for name, query in queries.items()}

    return {"found": eventually(look, lambda found: found == wanted, PATIENCE), "wanted": wanted}


def fate(stack: Stack, service: str) -> dict[str, dict[str, float]]:
    """What became of spans and log records, by the SDK's own counters: delivered, or the cause of the loss."""
    label = f'service_name="{service}"'
    return {
        f"{name}s": {
            **_by_cause(stack, f"otel_sdk_exporter_{name}_exported_total{{{label}}}"),
            **_by_cause(stack, f'otel_sdk_processor_{name}_processed_total{{{label},error_type!=""}}'),
        }
        for name in ("span", "log")
    }


def _by_cause(stack: Stack, selector: str) -> dict[str, float]:
    found = promql(stack.prometheus, f"sum by (error_type) ({selector})")
    return {dict(labels).get("error_type", DELIVERED): count for labels, count in found.items()}


def settled_fate(stack: Stack, service: str, *, failed: int) -> tuple[dict[str, dict[str, float]], float]:
    """Once everything has its fate; and how many spans were ended, one for each request and each attempt.

    failed: requests, each of which has one log record. Logs are waited for too: their exporter may come back seconds
    after that of the spans, and the count of what it delivered is one export later still.
    """
    ended = "beastmode_(request|attempt)_duration_seconds_count"
    query = f'sum({{__name__=~"{ended}",service_name="{service}"}})'

    def look() -> tuple[dict[str, dict[str, float]], float]:
        return fate(stack, service), sum(promql(stack.prometheus, query).values())

    def settled(found: tuple[dict[str, dict[str, float]], float]) -> bool:
        fates, spans = found
        return sum(fates["spans"].values()) == spans and sum(fates["logs"].values()) == failed

    return eventually(look, settled, 20)


def report(results: dict[str, Any], seconds: float) -> None:
    for name, result in results.items():
        print(f"\n{name} for {seconds:g} s")
        print(f"{'during the outage':30} {'calls':>8} {'ms p50':>8} {'p95':>8} {'p99':>8} {'wrong':>6} {'MiB more':>9}")
        for side, label in (("subject", "with the outage"), ("control", "without, at the same time")):
            _row(label, result[side])
        counters = result["counters"]
        verdict = "as the application counted" if counters["found"] == counters["wanted"] else f"WRONG: {counters}"
        print(f"afterwards, counters at Prometheus: {verdict}")
        for signal, fate in result["fate"].items():
            said = ", ".join(f"{cause} {count:,.0f}" for cause, count in sorted(fate.items()))
            print(f"{signal} by the SDK's count: {said}")
        if "passed" in result:  # the SDK counts a batch that was refused to the end as exported
            print(f"that came through: {', '.join(f'{what} {count:,}' for what, count in result['passed'].items())}")
        print(f"batches given up, by our exporters' count: {result['given_up']}")


def _row(label: str, side: dict[str, Any]) -> None:
    waits = [1000 * wait for wait in side["waits"]["during"]]
    p50, p95, p99 = (percentile(waits, share) for share in (0.5, 0.95, 0.99))
    more = (side["memory"]["during"] - side["memory"]["before"]) / 2**20
    print(f"{label:30} {len(waits):8} {p50:8.1f} {p95:8.1f} {p99:8.1f} {len(side['surprises']):6} {more:9.1f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outage", type=float, default=30.0, metavar="S", help="seconds (default: 30)")
    parser.add_argument("--around", type=float, default=8.0, metavar="S", help="seconds before and after (default: 8)")
    parser.add_argument("--rate", type=float, default=60.0, help="requests a second of each application (default: 60)")
    parser.add_argument("--queue", type=int, help="OTEL_BSP_MAX_QUEUE_SIZE and the logs' (default: the SDK's, 2048)")
    parser.add_argument("--json", action="store_true", help="print everything instead of a table")
    given = parser.parse_args()
    results: dict[str, Any] = {}
    good, bad = Behaviour(latency=LATENCY), Behaviour(latency=LATENCY, status=500)
    with Simulator({"good": good, "bad": bad}) as provider, own_stack() as stack, Gate(stack.otlp_http) as gate:
        for outage in outages(stack, gate):
            print(f"{outage.name}, {given.outage:g} s", file=sys.stderr, flush=True)
            results[outage.name] = measure(stack, outage, provider, given)
        results["backend answers 503"]["passed"] = dict(gate.passed)
    if given.json:
        print(json.dumps(results))
    else:
        report(results, given.outage)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
