"""What our router costs beside a bare HTTP client, and beside litellm's Router: CPU time for one request.

    python benchmarks/router.py [--rounds N]

The floor is httpx2's client with the same body, the response through json.loads. The peers need `pip install litellm`;
without it they are left out. Compare ratios, not numbers, between machines.
"""

from __future__ import annotations

import argparse
import functools
import json
import logging
import os
from typing import Any

from harness import Side, Work, compete, import_times, start_server, table

CHUNKS = 100
MODEL = "gpt-4o-mini"
KEY = "sk-local"
REQUEST = {
    "model": MODEL,
    "messages": [
        {"role": "system", "content": "You answer in one paragraph, without lists, and you say when you are not sure."},
        {"role": "user", "content": "Why is the sky blue at noon, and red in the evening? " * 8},
    ],
    "temperature": 0.2,
    "max_tokens": 300,
}
_TEXT = "Because short waves are scattered more than long ones by air. " * 12
_USAGE = {
    "prompt_tokens": 120,
    "completion_tokens": 160,
    "total_tokens": 280,
    "prompt_tokens_details": {"cached_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0},
}
_SHARED = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": "gpt-4o-mini-2024-07-18"}

HEADERS = {  # as many as OpenAI sends
    "date": "Mon, 23 Nov 2026 10:00:00 GMT",
    "connection": "keep-alive",
    "access-control-expose-headers": "X-Request-ID",
    "openai-organization": "user-abc",
    "openai-processing-ms": "812",
    "openai-version": "2020-10-01",
    "x-envoy-upstream-service-time": "830",
    "x-ratelimit-limit-requests": "10000",
    "x-ratelimit-limit-tokens": "2000000",
    "x-ratelimit-remaining-requests": "9999",
    "x-ratelimit-remaining-tokens": "1999000",
    "x-ratelimit-reset-requests": "6ms",
    "x-ratelimit-reset-tokens": "1ms",
    "x-request-id": "req_1",
    "strict-transport-security": "max-age=31536000",
    "cf-cache-status": "DYNAMIC",
    "x-content-type-options": "nosniff",
    "server": "cloudflare",
    "cf-ray": "8e5-AMS",
    "alt-svc": 'h3=":443"',
}


def whole() -> bytes:
    message = {"role": "assistant", "content": _TEXT, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return json.dumps({**_SHARED, "object": "chat.completion", "choices": [choice], "usage": _USAGE}).encode()


def events() -> list[bytes]:
    deltas = [{"role": "assistant", "content": ""}, *({"content": f" word{n}"} for n in range(CHUNKS - 3)), {}]
    choices = [[{"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}] for delta in deltas]
    head = {**_SHARED, "object": "chat.completion.chunk"}
    chunks = [*({**head, "choices": choice} for choice in choices), {**head, "choices": [], "usage": _USAGE}]
    return [b"data: %s\n\n" % json.dumps(chunk).encode() for chunk in chunks] + [b"data: [DONE]\n\n"]


# The floor.

_HEADERS = {"content-type": "application/json", "authorization": f"Bearer {KEY}"}


def bare_sync(url: str) -> Work:
    import httpx2

    client = httpx2.Client()

    def once() -> Any:
        body = json.dumps(REQUEST).encode()
        return json.loads(client.post(f"{url}/v1/chat/completions", headers=_HEADERS, content=body).content)

    return Work(once=once)


def bare_async(url: str) -> Work:
    import httpx2

    client = httpx2.AsyncClient()

    async def once() -> Any:
        body = json.dumps(REQUEST).encode()
        response = await client.post(f"{url}/v1/chat/completions", headers=_HEADERS, content=body)
        return json.loads(response.content)

    return Work(once=once)


def bare_stream(url: str) -> Work:
    import httpx2

    client = httpx2.AsyncClient()

    async def once() -> None:
        body = json.dumps(REQUEST | {"stream": True}).encode()
        seen, rest = 0, b""
        async with client.stream("POST", f"{url}/v1/chat/completions", headers=_HEADERS, content=body) as response:
            async for data in response.aiter_bytes():
                *done, rest = (rest + data).split(b"\n\n")
                for event in done:
                    if event != b"data: [DONE]":
                        json.loads(event[6:])
                    seen += 1
        assert seen == CHUNKS + 1

    return Work(once=once)


# Ours.


def providers(ratio: float) -> dict[str, Any]:
    """An SDK as in production, up to the exporters, which throw everything away."""
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, InMemoryLogRecordExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    tracers = TracerProvider(sampler=ParentBased(TraceIdRatioBased(ratio)))
    tracers.add_span_processor(BatchSpanProcessor(discard()))
    loggers = LoggerProvider()
    loggers.add_log_record_processor(BatchLogRecordProcessor(InMemoryLogRecordExporter()))
    return {
        "tracer_provider": tracers,
        "meter_provider": MeterProvider([InMemoryMetricReader()]),
        "logger_provider": loggers,
    }


def discard() -> Any:
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Discard(SpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            return SpanExportResult.SUCCESS

    return Discard()


def _router(kind: str, url: str, ratio: float | None) -> tuple[Any, Any]:
    """A router, and what flushes its spans. ratio: of the traces that are sampled; None: telemetry is off."""
    if ratio is None:
        os.environ["BEASTMODE_DISABLED"] = "1"
    import beastmode_otel

    deployment = {"base_url": f"{url}/v1", "model": MODEL, "provider": "openai", "api_key": KEY}
    config = {
        "deployments": {"main": deployment},
        "routes": {MODEL: {"deployments": ["main"]}},
        "cache": {"mode": "off"},
    }
    sdk = {} if ratio is None else providers(ratio)
    router = getattr(beastmode_otel, kind)(config, **sdk)
    return router, sdk["tracer_provider"].force_flush if sdk else lambda: None


def ours_sync(url: str, *, ratio: float | None) -> Work:
    router, flush = _router("ModelRouter", url, ratio)
    return Work(once=lambda: router.route(MODEL, REQUEST), settle=flush)


def ours_async(url: str, *, ratio: float | None) -> Work:
    router, flush = _router("AsyncModelRouter", url, ratio)

    async def once() -> Any:
        return await router.route(MODEL, REQUEST)

    return Work(once=once, settle=flush)


def ours_stream(url: str, *, ratio: float | None) -> Work:
    router, flush = _router("AsyncModelRouter", url, ratio)

    async def once() -> None:
        seen = 0
        async with router.stream(MODEL, REQUEST) as stream:
            async for _ in stream:
                seen += 1
        # The caller did not ask for the usage event, and [DONE] holds nothing: neither is shown.
        assert seen == CHUNKS - 1

    return Work(once=once, settle=flush)


# The peers.


def openai_sdk(url: str, *, stream: bool = False) -> Work:
    try:
        import openai
    except ImportError:
        raise ImportError("openai is not installed: pip install openai") from None
    client = openai.AsyncOpenAI(base_url=f"{url}/v1", api_key=KEY, max_retries=0)
    return Work(once=_asking(client.chat.completions.create, stream))


def litellm_router(url: str, *, stream: bool = False, otel: bool = False) -> Work:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else the import fetches prices from the network
    try:
        import litellm
    except ImportError:
        raise ImportError("litellm is not installed: pip install litellm") from None
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    litellm.suppress_debug_info = True
    logging.getLogger("LiteLLM").setLevel(logging.ERROR)
    flush: Any = lambda: None  # noqa: E731
    if otel:
        from litellm.integrations.opentelemetry import OpenTelemetry

        tracers = TracerProvider()
        tracers.add_span_processor(BatchSpanProcessor(discard()))
        litellm.callbacks = [OpenTelemetry(tracer_provider=tracers)]
        flush = tracers.force_flush
    parameters = {"model": f"openai/{MODEL}", "api_base": f"{url}/v1", "api_key": KEY}
    router = litellm.Router(model_list=[{"model_name": MODEL, "litellm_params": parameters}])
    return Work(once=_asking(router.acompletion, stream), settle=flush)


def _asking(create: Any, stream: bool) -> Any:
    async def once() -> Any:
        return await create(**REQUEST)

    async def once_streamed() -> None:
        seen = 0
        async for _ in await create(**REQUEST, stream=True, stream_options={"include_usage": True}):
            seen += 1
        assert seen >= CHUNKS - 2, seen

    return once_streamed if stream else once


def _variants(make: Any) -> list[Side]:
    states = (("telemetry off", None), ("full telemetry", 1.0), ("10 % of traces sampled", 0.1))
    return [Side(name=f"beastmode_otel, {name}", make=functools.partial(make, ratio=ratio)) for name, ratio in states]


def _peers(**options: Any) -> list[Side]:
    return [
        Side(name="openai SDK", make=functools.partial(openai_sdk, **options)),
        Side(name="litellm Router", make=functools.partial(litellm_router, **options)),
        Side(name="litellm Router, its OTel callback", make=functools.partial(litellm_router, otel=True, **options)),
    ]


_SDK = "".join(
    f"import opentelemetry.{name}\n"
    for name in ("sdk.trace.export", "sdk.metrics.export", "sdk._logs.export", "sdk.resources")
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds of 100 requests per side")
    parser.add_argument("--only", choices=("sync", "async", "stream", "import"), help="one table")
    options = parser.parse_args()
    url, rounds = start_server(whole(), events(), headers=HEADERS), options.rounds
    wanted = {options.only} if options.only else {"sync", "async", "stream", "import"}
    if "sync" in wanted:
        sides = [Side(name="bare httpx2 client", make=bare_sync), *_variants(ours_sync)]
        table(f"One request, sync: CPU ({rounds} rounds of 100)", compete(sides, url, rounds=rounds, count=100))
    if "async" in wanted:
        sides = [Side(name="bare httpx2 client", make=bare_async), *_variants(ours_async), *_peers()]
        table(f"One request, asyncio: CPU ({rounds} rounds of 100)", compete(sides, url, rounds=rounds, count=100))
    if "stream" in wanted:
        sides = [Side(name="bare httpx2 client", make=bare_stream), *_variants(ours_stream), *_peers(stream=True)]
        rounds = max(3, rounds // 3)
        seconds = compete(sides, url, rounds=rounds, count=8, warm_up=3)
        per_chunk = {name: [value / CHUNKS for value in values] for name, values in seconds.items()}
        table(f"A stream of {CHUNKS} chunks, asyncio: CPU per chunk ({rounds} rounds of 8 streams)", per_chunk)
    if "import" in wanted:
        statements = {"OpenTelemetry SDK": _SDK, "beastmode_otel": "import beastmode_otel"}
        table("Import: CPU of a fresh process (7 rounds)", import_times(statements, rounds=7), unit=1e-3, head="ms")


if __name__ == "__main__":
    main()
