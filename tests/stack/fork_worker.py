"""A server that loads its application, uses it, and then forks four workers, as gunicorn --preload does.

fork_worker.py PROVIDER REQUESTS_OF_THE_PARENT,REQUESTS_OF_EACH_WORKER,…
Set up as docs/setup.md says: configure() once, before the fork. Prints the instances' ids and what each has done.
"""

from __future__ import annotations

import os
import sys

from opentelemetry import metrics

from beastmode_otel import ModelRouter, configure

PROVIDER, REQUESTS = sys.argv[1], [int(count) for count in sys.argv[2].split(",")]
telemetry = configure(service_name="forked", live=True)
router = ModelRouter(
    {
        "deployments": {"main": {"base_url": PROVIDER, "model": "gpt-4o-mini"}},
        "routes": {"chat": {"deployments": ["main"]}},
    }
)


def work(count: int) -> None:
    for _ in range(count):
        router.route("chat", {"messages": [{"role": "user", "content": "hello"}]})


def report(count: int) -> None:
    resource = metrics.get_meter_provider()._sdk_config.resource  # type: ignore[attr-defined]
    flushed = telemetry.force_flush(120)
    os.write(1, f"{resource.attributes['service.instance.id']} {count} {flushed}\n".encode())  # at once: five write


work(REQUESTS[0])
telemetry.force_flush(120)  # exporters have open connections when the workers are forked
children = []
for wanted in REQUESTS[1:]:
    child = os.fork()
    if child == 0:
        work(wanted)
        report(wanted)
        telemetry.shutdown()
        os._exit(0)
    children.append(child)
work(REQUESTS[0])
for child in children:
    assert os.waitpid(child, 0)[1] == 0
report(2 * REQUESTS[0])
