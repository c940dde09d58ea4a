"""What a hit in L2 (Redis) and L3 (Postgres) costs beside the raw clients and other caches: CPU time of one request.

    nice python benchmarks/shared_tiers.py [--rounds N] [--no-peers]
    nice python benchmarks/shared_tiers.py --memory 200000      # instead: whether the process grows with its requests

A hit is a whole call: checks, key, L1 (emptied each time), the tier, decoding, promotion, telemetry. The raw clients
read a value of the size that an entry has, and do nothing with it. CPU time of the client's process; the server's is
counted for nobody. Peers need `pip install 'litellm[proxy]' 'cashews[redis]'`; without them they are left out.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import gc
import json
import os
import random
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from cache_hit import REQUEST
from harness import Side, Work, compete, start_server, table
from key import MODEL
from router import providers, whole

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

VALUE = os.urandom(900)  # as large as an entry of this answer, compressed
GOALS = "goals: L2 <= 1.5 x raw get without telemetry, <= 2.5 x with; L3 <= 2 x raw psycopg"


def raw_redis(where: str) -> Work:
    import redis

    client = redis.Redis.from_url(json.loads(where)["l2"])
    client.set("raw", VALUE)
    return Work(once=lambda: client.get("raw"))


def raw_redis_asyncio(where: str) -> Work:
    import redis.asyncio

    client = redis.asyncio.Redis.from_url(json.loads(where)["l2"])

    async def once() -> Any:
        return await client.get("raw")

    return Work(once=once)


def raw_psycopg(prepared: bool, where: str) -> Work:
    import psycopg

    connection = psycopg.connect(json.loads(where)["l3"], autocommit=True, prepare_threshold=5 if prepared else None)
    connection.execute("create temporary table raw (k bytea primary key, v bytea)")
    connection.execute("insert into raw values (%s, %s)", (b"k" * 32, VALUE))
    return Work(once=lambda: connection.execute("select v from raw where k = %s", (b"k" * 32,)).fetchone())


def psycopg_as_ours(where: str) -> Work:
    """What ours sends: tenant, timeout and a select under the policies, in one transaction of psycopg's pipeline. It
    reads the very entry that ours reads."""
    import psycopg

    import beastmode_otel

    given = json.loads(where)
    connection = psycopg.connect(given["l3"], autocommit=True, prepare_threshold=None)
    settings = "select set_config('beastmode.tenant', %s, true), set_config('statement_timeout', '1000', true)"
    select = "select payload from beastmode.llm_cache where tenant = %s and key = %s and expires_at > now()"
    with beastmode_otel.ModelRouter(_config(given, {"l3": {"url": given["l3"], "soft": 5.0, "hard": 5.0}})) as first:
        first.route(MODEL, REQUEST)
        first._parts.tiered.drain(10)
        tenant = first._parts.config.namespace
    with connection.transaction():
        connection.execute(settings, (tenant,))
        (key,) = connection.execute("select key from beastmode.llm_cache where tenant = %s", (tenant,)).fetchone()

    def once() -> Any:
        with connection.pipeline(), connection.transaction():
            connection.execute(settings, (tenant,))
            return connection.execute(select, (tenant, key)).fetchone()

    assert len(once()[0]) > 100
    return Work(once=once)


def _config(given: dict[str, Any], tiers: dict[str, Any]) -> dict[str, Any]:
    deployment = {"base_url": f"{given['http']}/v1", "model": MODEL, "provider": "openai", "api_key": "sk-local"}
    return {
        "deployments": {"main": deployment}, "routes": {MODEL: {"deployments": ["main"]}},
        "cache": {"mode": "on", **tiers},
    }  # fmt: skip


def ours(kind: str, tier: str, telemetry: bool, callers: int, where: str, prepare: bool = False) -> Work:
    """callers: at the same time; one `once` is all of them."""
    if not telemetry:
        os.environ["BEASTMODE_DISABLED"] = "1"
    import beastmode_otel

    given = json.loads(where)
    tiers: dict[str, Any] = {"l2": {"url": given["l2"], "soft": 5.0, "hard": 5.0}, "l3": "off"}
    if tier == "l3":
        tiers = {"l3": {"url": given["l3"], "soft": 5.0, "hard": 5.0, "prepare": prepare}}
    config = _config(given, tiers)
    sdk = providers(1.0) if telemetry else {}
    settle = sdk["tracer_provider"].force_flush if sdk else lambda: None
    with beastmode_otel.ModelRouter(config) as first:
        first.route(MODEL, REQUEST)
        first._parts.tiered.drain(10)
    router = getattr(beastmode_otel, kind)(config, **sdk)
    memory = router._parts.tiered.memory

    def ask() -> Any:
        memory.clear()
        return router.route(MODEL, REQUEST)

    if kind == "AsyncModelRouter":

        async def several() -> None:
            await asyncio.gather(*(ask() for _ in range(callers)))

        return Work(once=ask if callers == 1 else several, settle=settle) if callers > 1 else _one(ask, settle)
    assert ask().cache.tier == tier
    return Work(once=ask if callers == 1 else functools.partial(_crowd, ask, callers), settle=settle)


def _one(ask: Any, settle: Any) -> Work:
    async def once() -> Any:
        return await ask()

    return Work(once=once, settle=settle)


def _crowd(ask: Any, callers: int) -> None:
    threads = [threading.Thread(target=ask) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def cashews(where: str) -> Work:
    try:
        from cashews import cache
    except ImportError:
        raise ImportError("cashews is not installed: pip install 'cashews[redis]'") from None
    cache.setup(json.loads(where)["l2"])

    @cache(ttl="1h")
    async def ask(model: str, body: dict[str, Any]) -> bytes:
        return whole()

    async def once() -> Any:
        return await ask(MODEL, REQUEST)

    return Work(once=once)


def litellm(where: str) -> Work:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else the import fetches prices from the network
    try:
        import litellm
        from litellm.caching.caching import Cache
    except ImportError:
        raise ImportError("litellm is not installed: pip install 'litellm[proxy]'") from None
    given = json.loads(where)
    litellm.suppress_debug_info = True
    litellm.cache = Cache(type="redis", host="127.0.0.1", port=given["port"])
    parameters = {"model": f"openai/{MODEL}", "api_base": f"{given['http']}/v1", "api_key": "sk-local"}
    router = litellm.Router(model_list=[{"model_name": MODEL, "litellm_params": parameters}])

    async def once() -> Any:
        return await router.acompletion(**REQUEST, caching=True)

    return Work(once=once)


def _ours(name: str, kind: str, tier: str, telemetry: bool, callers: int = 1) -> Side:
    return Side(name=f"{tier}, {name}", make=functools.partial(ours, kind, tier, telemetry, callers))


BLOCKING, ASYNCIO = "ModelRouter", "AsyncModelRouter"
TABLES = {
    "Redis, blocking": (
        Side(name="raw redis-py get", make=raw_redis),
        _ours("telemetry off", BLOCKING, "l2", False), _ours("full telemetry", BLOCKING, "l2", True),
    ),
    "Redis, asyncio": (
        Side(name="raw redis-py get", make=raw_redis_asyncio),
        _ours("telemetry off", ASYNCIO, "l2", False), _ours("full telemetry", ASYNCIO, "l2", True),
    ),
    "Postgres, blocking": (
        Side(name="raw psycopg select", make=functools.partial(raw_psycopg, True)),
        Side(name="raw psycopg select, not prepared", make=functools.partial(raw_psycopg, False)),
        Side(name="psycopg with our policies", make=psycopg_as_ours),
        _ours("telemetry off", BLOCKING, "l3", False),
        Side(
            name="l3, telemetry off, prepare = true",
            make=functools.partial(ours, BLOCKING, "l3", False, 1, prepare=True),
        ),
        _ours("full telemetry", BLOCKING, "l3", True),
    ),
}  # fmt: skip
PEERS = (Side(name="litellm Router, Redis", make=litellm), Side(name="cashews, Redis", make=cashews))


def memory(where: str, requests: int) -> None:
    """Print the resident memory of a router over three tiers, telemetry on, at each tenth of the requests.

    Questions are 5,000, picked at random; L1 holds 1,000 of them, and L2 is emptied at each twentieth, so that all
    tiers go on answering.
    """
    import redis

    import beastmode_otel

    given, rng, served = json.loads(where), random.Random(7), Counter[str]()
    deployment = {"base_url": f"{given['http']}/v1", "model": MODEL, "provider": "openai", "api_key": "sk-local"}
    config = {
        "deployments": {"main": deployment}, "routes": {MODEL: {"deployments": ["main"]}},
        "cache": {"mode": "on", "l1": {"max_entries": 1_000}, "l2": {"url": given["l2"]}, "l3": {"url": given["l3"]}},
    }  # fmt: skip
    print(f"{'requests':>10} {'RSS MB':>8}  answered by", flush=True)
    with redis.Redis(port=given["port"]) as l2, beastmode_otel.ModelRouter(config, **providers(1.0)) as router:
        for number in range(1, requests + 1):
            question = {"role": "user", "content": f"question {rng.randrange(5_000)}"}
            answer = router.route(MODEL, {**REQUEST, "messages": [question]})
            served[answer.cache.tier or "provider"] += 1
            if number % (requests // 20) == 0:
                l2.flushdb()
            if number % (requests // 10) == 0:
                gc.collect()
                print(f"{number:10,} {_resident():8.1f}  {dict(sorted(served.items()))}", flush=True)


def _resident() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of 300 hits per side")
    parser.add_argument("--memory", type=int, metavar="N", help="memory over N requests instead")
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    from support.postgres import PostgresServer
    from support.redis_servers import RedisServer

    redis, postgres = RedisServer(), PostgresServer()
    where = json.dumps({
        "l2": redis.url, "port": redis.port, "l3": postgres.role(postgres.database(), "app"),
        "http": start_server(whole()),
    })  # fmt: skip
    if options.memory:
        memory(where, options.memory)
        return
    print(GOALS)
    for title, sides in TABLES.items():
        peers = PEERS if title == "Redis, asyncio" and not options.no_peers else ()
        table(f"{title}: CPU of a hit", compete((*sides, *peers), where, rounds=options.rounds, count=300))
    for callers in (16, 128):
        sides = tuple(_ours(f"{kind}", kind, "l2", True, callers) for kind in (BLOCKING, ASYNCIO))
        found = compete(sides, where, rounds=3, count=max(2, 256 // callers), warm_up=2)
        table(
            f"{callers} callers of the same question at once: CPU for each",
            {name: [taken / callers for taken in values] for name, values in found.items()},
        )


if __name__ == "__main__":
    main()
