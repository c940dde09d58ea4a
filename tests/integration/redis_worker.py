"""A process with a cache of its own, for test_redis_backplane: does what stands on its input, a line at a time.

put NAME TAG | get NAME | drop TAG | wait NAME      ("wait" until L1 has it no more; says for how long)
"""

from __future__ import annotations

import sys
import time

from beastmode_otel.assembly import build_cache
from beastmode_otel.cache.tier import Filter
from beastmode_otel.config import load
from beastmode_otel.observer import NULL_SCOPE, NullObserver
from beastmode_otel.runtime import BlockingRuntime, run_sync
from contract.samples import entry, key


def main() -> None:
    settings = load({"cache": {"mode": "on", "l2": {"url": sys.argv[1], "prefix": sys.argv[2]}, "l3": {"url": "off"}}})
    flow = build_cache(settings.cache, BlockingRuntime(), NullObserver())
    assert flow is not None
    tiered = flow.tiered
    for line in sys.stdin:
        verb, *words = line.split()
        now = time.time()
        if verb == "put":
            one = entry(key(words[0]), created_at=now, expires_at=now + 600, tags=(words[1],), text=words[0])
            for job in tiered.store(one, asked=time.monotonic()) or ():
                job.result(10)
            said = "ok"
        elif verb == "get":
            if tiered.lookup_l1(key(words[0])) is not None:
                said = "l1"
            else:
                found = run_sync(tiered.lookup_tiers(key(words[0]), NULL_SCOPE))
                said = found.tier if found else "miss"
        elif verb == "drop":
            said = str(tiered.invalidate(Filter(tenant="acme", tag=words[0])))
        else:
            until = time.monotonic() + 10
            while tiered.lookup_l1(key(words[0])) is not None and time.monotonic() < until:
                time.sleep(0.001)
            said = str(time.time())
        print(said, flush=True)


main()
