"""Children that are forked while their parent's metrics are being collected or exported: none hangs, all is counted."""

from __future__ import annotations

import subprocess
import sys

import pytest

from beastmode_otel.simulator import Behaviour, Simulator

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork on Windows")

PROGRAM = """
import os, sys, threading, time
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter, MetricExportResult, PeriodicExportingMetricReader
from beastmode_otel import ModelRouter

busy, moment, parent = threading.Event(), sys.argv[2], os.getpid()

class Slow(MetricExporter):
    def export(self, data, timeout_millis=0, **more):
        if os.getpid() == parent and moment == "export":
            busy.set()
            time.sleep(0.7)
        self.names = [m.name for r in data.resource_metrics for s in r.scope_metrics for m in s.metrics]
        return MetricExportResult.SUCCESS
    def shutdown(self, timeout_millis=0, **more): ...
    def force_flush(self, timeout_millis=0): return True

def callback(options):
    if os.getpid() == parent and moment != "export":
        busy.set()
        time.sleep(0.7 if moment == "collect" else 30)
    return []

exporter = Slow()
provider = MeterProvider([PeriodicExportingMetricReader(exporter, export_interval_millis=100)])
metrics.set_meter_provider(provider)
router = ModelRouter({
    "deployments": {"main": {"base_url": sys.argv[1], "model": "m"}}, "routes": {"chat": {"deployments": ["main"]}},
})
ask = lambda: router.route("chat", {"messages": [{"role": "user", "content": "hello"}]})
ask()
provider.get_meter("theirs").create_observable_gauge("theirs", [callback])
busy.wait(20)
began = time.monotonic()
child = os.fork()
if child == 0:
    ask()
    provider.force_flush()
    os._exit(0 if "beastmode.requests.started" in exporter.names else 3)
forked, until = time.monotonic() - began, time.monotonic() + 25
while True:
    done, status = os.waitpid(child, os.WNOHANG)
    if done or time.monotonic() > until:
        break
    time.sleep(0.01)
if not done:
    os.kill(child, 9)
print("child", status if done else "hangs", "fork", "slow" if forked > 10 else "soon", flush=True)
os._exit(0)
"""


@pytest.mark.parametrize("moment", ["export", "collect", "hang"])
def test_a_child_of_a_busy_moment(moment: str) -> None:
    """hang: a callback of the application's own does not return; a fork does not wait for it for long."""
    with Simulator({"a": Behaviour()}) as provider:
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, provider.url("a"), moment],
            capture_output=True, text=True, timeout=100, check=False,
        )  # fmt: skip
    assert done.stdout.split("\n")[0] == "child 0 fork soon", done.stderr
