"""What a hit in memory costs beside its telemetry alone, and beside other caches: CPU time for one request.

    python benchmarks/cache_hit.py [--rounds N]

A hit is a whole call: checks, key of a 1.5 kB request, lookup, answer, telemetry. Two floors: one span of 15 attributes
and one histogram record; and by hand, our telemetry of a hit with every fact known beforehand. The SDK is one as in
production, up to exporters that throw everything away. The peers need `pip install 'litellm[proxy]' langchain-core
gptcache cashews`; without them they are left out. LangChain keeps parsed objects, GPTCache's key ignores the model and
every parameter, and only litellm's last line has telemetry. Compare ratios, not numbers, between machines.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness import Side, Work, compete, start_server
from key import MODEL, chat
from router import discard, providers, whole

REQUEST = chat(3, 400)
FLOOR, BY_HAND = "1 span of 15 attributes, 1 histogram", "our telemetry by hand"


# The floors.


def floor(_url: str) -> Work:
    sdk = providers(1.0)
    tracer = sdk["tracer_provider"].get_tracer("floor")
    histogram = sdk["meter_provider"].get_meter("floor").create_histogram("duration", "s")
    attributes = {f"attribute.{n}": f"value {n}" for n in range(15)}
    labels = {f"label.{n}": f"value {n}" for n in range(6)}

    def once() -> None:
        tracer.start_span("hit", attributes=attributes).end()
        histogram.record(0.001, labels)

    return Work(once=once, settle=sdk["tracer_provider"].force_flush)


def by_hand(_url: str) -> Work:
    """The span complete with its true start, both histograms with its context, and the counts as plain numbers."""
    from opentelemetry.context import get_current
    from opentelemetry.trace import SpanKind, set_span_in_context

    sdk = providers(1.0)
    tracer = sdk["tracer_provider"].get_tracer("by hand")
    meter = sdk["meter_provider"].get_meter("by hand")
    requests = meter.create_histogram("beastmode.request.duration", "s")
    lookups = meter.create_histogram("beastmode.cache.lookup.duration", "s")
    sums: dict[Any, float] = {}
    active: dict[int, float] = {}
    tickets, lock = itertools.count(), threading.Lock()

    def add(amount: float, *labels: str) -> None:
        with lock:
            sums[labels] = sums.get(labels, 0) + amount

    def once() -> None:
        began, started, parent = time.time_ns(), time.perf_counter(), get_current()
        ticket = next(tickets)
        active[ticket] = started
        add(1, "started", MODEL, "router", "false")
        add(1, "calls", "router")
        attributes = {
            "beastmode.model": MODEL,
            "beastmode.stream": False,
            "beastmode.outcome": "ok",
            "beastmode.cache.status": "hit",
            "beastmode.cache.tier": "l1",
            "beastmode.cache.match": "exact",
            "beastmode.cache.age": 1.5,
            "beastmode.cache.key": "0123456789ab",
            "beastmode.cost.saved": 0.0001,
            "beastmode.route": MODEL,
            "beastmode.deployment": "main",
            "beastmode.attempts": 0,
            "beastmode.cost": 0.0,
        }
        span = tracer.start_span(f"route {MODEL}", parent, SpanKind.INTERNAL, attributes, start_time=began)
        context = set_span_in_context(span, parent)
        requests.record(
            time.perf_counter() - started,
            {
                "beastmode.model": MODEL,
                "beastmode.outcome": "ok",
                "beastmode.cache.status": "hit",
                "beastmode.cache.tier": "l1",
                "beastmode.cache.match": "exact",
            },
            context,
        )
        lookups.record(
            0.000_002,
            {"beastmode.cache.tier": "l1", "beastmode.cache.result": "hit", "beastmode.cache.match": "exact"},
            context,
        )
        add(0.0001, "cost", MODEL, "openai", "saved", "local", "cache")
        add(120, "tokens", MODEL, "input")
        add(160, "tokens", MODEL, "output")
        span.end()
        active.pop(ticket, None)

    return Work(once=once, settle=sdk["tracer_provider"].force_flush)


def apart(url: str) -> Work:
    """The route without telemetry, then the telemetry by hand: what a hit takes with nothing between the two."""
    told, hit = by_hand(url), ours("ModelRouter", None, False, url)

    def once() -> None:
        hit.once()
        told.once()

    return Work(once=once, settle=told.settle)


def dictionary(_url: str) -> Work:
    """What a cache cannot do without: no checks, no bound, no time to live, no tenants, no telemetry."""
    import orjson

    stored: dict[bytes, Any] = {}

    def key() -> bytes:
        return sha256(orjson.dumps(REQUEST, None, orjson.OPT_SORT_KEYS)).digest()

    stored[key()] = whole()
    return Work(once=lambda: stored[key()])


# Ours.


def ours(kind: str, ratio: float | None, stream: bool, url: str) -> Work:
    """ratio: of the traces that are sampled; None: telemetry is off."""
    if ratio is None:
        os.environ["BEASTMODE_DISABLED"] = "1"
    import beastmode_otel

    deployment = {"base_url": f"{url}/v1", "model": MODEL, "provider": "openai", "api_key": "sk-local"}
    config = {
        "deployments": {"main": deployment},
        "routes": {MODEL: {"deployments": ["main"]}},
        "cache": {"mode": "on", "l3": "off"},
    }
    sdk = {} if ratio is None else providers(ratio)
    router = getattr(beastmode_otel, kind)(config, **sdk)
    settle = sdk["tracer_provider"].force_flush if sdk else lambda: None
    return Work(once=_ASKERS[kind, stream](router), settle=settle)


def _route(router: Any) -> Any:
    router.route(MODEL, REQUEST)
    assert router.route(MODEL, REQUEST).cache.tier == "l1"
    return lambda: router.route(MODEL, REQUEST)


def _route_async(router: Any) -> Any:
    async def once() -> Any:
        return await router.route(MODEL, REQUEST)

    return once


def _stream(router: Any) -> Any:
    router.route(MODEL, REQUEST)

    def once() -> None:
        with router.stream(MODEL, REQUEST) as stream:
            for _ in stream:
                pass

    return once


_ASKERS = {("ModelRouter", False): _route, ("AsyncModelRouter", False): _route_async, ("ModelRouter", True): _stream}


# The peers.


def litellm_cache(otel: bool, url: str) -> Work:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else the import fetches prices from the network
    try:
        import litellm
        from litellm.caching.caching import Cache
    except ImportError:
        raise ImportError("litellm is not installed: pip install litellm") from None
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    litellm.suppress_debug_info = True
    litellm.cache = Cache(type="local")
    settle: Any = lambda: None  # noqa: E731
    if otel:
        from litellm.integrations.opentelemetry import OpenTelemetry

        tracers = TracerProvider()
        tracers.add_span_processor(BatchSpanProcessor(discard()))
        litellm.callbacks = [OpenTelemetry(tracer_provider=tracers)]
        settle = tracers.force_flush
    parameters = {"model": f"openai/{MODEL}", "api_base": f"{url}/v1", "api_key": "sk-local"}
    router = litellm.Router(model_list=[{"model_name": MODEL, "litellm_params": parameters}])

    async def once() -> Any:
        return await router.acompletion(**REQUEST, caching=True)

    return Work(once=once, settle=settle)


def langchain(_url: str) -> Work:
    try:
        from langchain_core.caches import InMemoryCache
        from langchain_core.language_models.fake_chat_models import FakeListChatModel
        from langchain_core.messages import convert_to_messages
    except ImportError:
        raise ImportError("langchain-core is not installed: pip install langchain-core") from None
    model = FakeListChatModel(responses=[_text(), "not from the cache"], cache=InMemoryCache())
    messages = convert_to_messages(REQUEST["messages"])
    model.invoke(messages)
    assert model.invoke(messages).content == _text()
    return Work(once=lambda: model.invoke(messages))


def gptcache(_url: str) -> Work:
    try:
        from gptcache import Cache
        from gptcache.adapter.api import get, put
        from gptcache.manager import get_data_manager
        from gptcache.processor.pre import get_prompt
    except ImportError:
        raise ImportError("gptcache is not installed: pip install gptcache") from None
    cache = Cache()
    folder = tempfile.mkdtemp()
    cache.init(pre_embedding_func=get_prompt, data_manager=get_data_manager(data_path=str(Path(folder) / "map")))
    prompt = "\n".join(message["content"] for message in REQUEST["messages"])
    put(prompt, _text(), cache_obj=cache)
    assert get(prompt, cache_obj=cache) == _text()
    return Work(once=lambda: get(prompt, cache_obj=cache))


def cashews(_url: str) -> Work:
    try:
        from cashews import cache
    except ImportError:
        raise ImportError("cashews is not installed: pip install cashews") from None
    cache.setup("mem://")

    @cache(ttl="1h")
    async def ask(model: str, body: dict[str, Any]) -> bytes:
        return whole()

    async def once() -> Any:
        return await ask(MODEL, REQUEST)

    return Work(once=once)


def _text() -> str:
    text: str = json.loads(whole())["choices"][0]["message"]["content"]
    return text


# The table.


def _ours(name: str, ratio: float | None = 1.0, kind: str = "ModelRouter", stream: bool = False) -> Side:
    return Side(name=f"beastmode_otel, {name}", make=functools.partial(ours, kind, ratio, stream))


SIDES = (
    Side(name=FLOOR, make=floor),
    Side(name=BY_HAND, make=by_hand),
    _ours("full telemetry"),
    _ours("full telemetry, asyncio", kind="AsyncModelRouter"),
    _ours("full telemetry, stream", stream=True),
    _ours("10 % of traces sampled", 0.1),
    _ours("telemetry off", None),
    Side(name="telemetry off, and by hand after it", make=apart),
    Side(name="dict, orjson + sha256", make=dictionary),
)
PEERS = (
    Side(name="litellm Router, memory", make=functools.partial(litellm_cache, False)),
    Side(name="litellm Router, memory, its OTel callback", make=functools.partial(litellm_cache, True)),
    Side(name="LangChain InMemoryCache", make=langchain),
    Side(name="GPTCache, exact match in a dict", make=gptcache),
    Side(name="cashews, memory", make=cashews),
)


def show(title: str, seconds: Mapping[str, list[float]]) -> None:
    """Medians and minimums; × each floor: the median of the rounds' ratios."""
    print(f"\n{title}\n{'':42} {'median µs':>10} {'min µs':>8} {'× floor':>8} {'× by hand':>9}")
    for name, values in seconds.items():
        ratios = [
            statistics.median(value / base for value, base in zip(values, seconds[of], strict=True))
            for of in (FLOOR, BY_HAND)
        ]
        middle, least = statistics.median(values) * 1e6, min(values) * 1e6
        print(f"{name:42} {middle:10,.1f} {least:8,.1f} {ratios[0]:8.2f} {ratios[1]:9.2f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds of 1,000 hits per side")
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    url, rounds = start_server(whole()), options.rounds
    length = len(json.dumps(REQUEST))
    seconds = compete(SIDES, url, rounds=rounds, count=1_000, warm_up=200)
    show(f"One hit in memory, a request of {length:,} characters: CPU ({rounds} rounds of 1,000)", seconds)
    if not options.no_peers:
        rounds = max(3, rounds // 3)
        seconds = compete((*SIDES[:3], *PEERS), url, rounds=rounds, count=200)
        show(f"The same beside other caches: CPU ({rounds} rounds of 200)", seconds)


if __name__ == "__main__":
    main()
