"""A process of its own that uses the SQLite tier: `python sqlite_worker.py PATH SEED OPERATIONS`.

Says "ready" and waits for a line; then prints each trouble on a line, and "done" at the end.
"""

from __future__ import annotations

import random
import sys

from beastmode_otel.cache.tier import Filter, TierUnavailable
from beastmode_otel.cache.tiers.sqlite.tier import SQLiteTier
from beastmode_otel.runtime import WorkerPool
from contract.samples import CODEC, NOW, Clock, entry, key


def one(tier: SQLiteTier, rng: random.Random) -> None:
    name, dice = rng.randrange(300), rng.random()
    of = key(name, tenant=rng.choice(("acme", "other")))
    if dice < 0.5:
        found = tier.ask(of).take()
        if found is not None and found.text != str(name):
            print(f"wrong answer: {found}")
    elif dice < 0.9:
        body = rng.randbytes(rng.randrange(4_000))
        tier.put(entry(of, text=str(name), body=body, ttl=rng.uniform(-50, 100), tags=(str(name),)))
    elif dice < 0.95:
        tier.delete(of)
    elif dice < 0.98:
        tier.invalidate(Filter(tenant=of.tenant, tag=str(name)), NOW)
    else:
        tier.purge(NOW)


def main(path: str, seed: str, operations: str) -> None:
    tier = SQLiteTier(path, codec=CODEC, pool=WorkerPool(), clock=Clock(), tell=print)
    rng = random.Random(int(seed))
    print("ready", flush=True)
    sys.stdin.readline()
    late = 0
    for _ in range(int(operations)):
        try:
            one(tier, rng)
        except TierUnavailable as exc:
            late += 1
            if "SQLITE_BUSY" not in exc.reason:
                print(f"unavailable: {exc.reason}", flush=True)
    print(f"damaged {tier.damaged}" if tier.damaged else f"late {late}", flush=True)
    tier.close()
    print("done", flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
