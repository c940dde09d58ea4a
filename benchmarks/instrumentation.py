"""What instrumenting an app that uses OpenAI's SDK costs, beside others who do it: CPU time, all sides in one run.

    python benchmarks/instrumentation.py [--rounds N] [--only calls|streams|others] [--memory]

The floor is the SDK without instrumentation. Each side has an OpenTelemetry SDK as in production (batch processors, a
periodic metric reader) whose exporters throw everything away, and keeps content capture off. Per chunk is the
difference between a stream of 101 events and one of 11, divided by 90: what begins and ends a call is not in it.
Over sockets, waking for each event costs more than all that is compared, and scatters by more; with --memory the
client's transport answers at once, which leaves the SDK's own work and the instrumentation's.
The peers need `pip install openai httpx2 opentelemetry-instrumentation-genai-openai` and OpenLLMetry's
`opentelemetry-instrumentation-openai`; those that are absent are named and left out. Compare ratios, not numbers,
between machines.
"""

from __future__ import annotations

import argparse
import functools
import gc
import json
import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from harness import Side, Work, compete, start_server, table
from router import HEADERS, KEY, REQUEST, events, whole

SHORT = 10
FLOOR, OURS, GENAI, OPENLLMETRY = "openai SDK alone", "beastmode_otel", "genai-openai", "OpenLLMetry"
BY_HAND = "our telemetry of a call by hand"
Instrument = Callable[[Mapping[str, Any]], Any]


# The ways to instrument.


def nothing(providers: Mapping[str, Any]) -> None: ...


def ours(providers: Mapping[str, Any]) -> None:
    import beastmode_otel

    beastmode_otel.instrument(**providers)


def genai_openai(providers: Mapping[str, Any]) -> None:
    try:
        from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
    except ImportError:
        raise ImportError("pip install opentelemetry-instrumentation-genai-openai") from None
    OpenAIInstrumentor().instrument(**providers)


def openllmetry(providers: Mapping[str, Any]) -> None:
    os.environ["TRACELOOP_TRACE_CONTENT"] = "false"  # as it is with the others by themselves
    try:
        from opentelemetry.instrumentation.openai import OpenAIInstrumentor
    except ImportError:
        raise ImportError("pip install opentelemetry-instrumentation-openai") from None
    OpenAIInstrumentor().instrument(**providers)


def by_hand(providers: Mapping[str, Any]) -> None:
    """What we tell of a whole answer, with nothing but what it takes: the JSON of both bodies, one span of 22
    attributes, five histogram records. No stream, failure, check, price or limit; counts are free."""
    import httpx2
    from opentelemetry.trace import SpanKind, set_span_in_context

    tracer = providers["tracer_provider"].get_tracer("by hand")
    meter = providers["meter_provider"].get_meter("by hand")
    names = ("beastmode.request.duration", "beastmode.attempt.duration", "gen_ai.client.operation.duration")
    requests, attempts, operations = (meter.create_histogram(name, "s") for name in names)
    tokens = meter.create_histogram("gen_ai.client.token.usage", "{token}")
    told = {"beastmode.outcome": "ok", "beastmode.cache.status": "off", "beastmode.attempts": 1}

    def began(request: Any) -> tuple[Any, float, dict[str, Any]]:
        asked = json.loads(request.content)
        place = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "openai",
            "gen_ai.request.model": asked["model"],
            "server.address": request.url.host,
            "server.port": request.url.port or 80,
        }
        more = {"beastmode.model": asked["model"], "beastmode.deployment": request.url.host, "beastmode.attempt": 1}
        span = tracer.start_span(f"chat {asked['model']}", None, SpanKind.CLIENT, {**place, **more})
        return span, time.perf_counter(), place

    def ended(response: Any, span: Any, start: float, place: dict[str, Any]) -> None:
        said, context, lasted = json.loads(response.content), set_span_in_context(span), time.perf_counter() - start
        usage, labels = said["usage"], {**place, "gen_ai.response.model": said["model"]}
        span.set_attributes(
            {
                **told,
                "gen_ai.response.model": said["model"],
                "gen_ai.response.id": said["id"],
                "gen_ai.response.finish_reasons": (said["choices"][0]["finish_reason"],),
                "gen_ai.usage.input_tokens": usage["prompt_tokens"],
                "gen_ai.usage.output_tokens": usage["completion_tokens"],
                "beastmode.attempt.sent": True,
                "http.response.status_code": response.status_code,
                "beastmode.cost": 0.0001,
            }
        )
        requests.record(lasted, {"beastmode.model": place["gen_ai.request.model"], **told}, context)
        attempts.record(lasted, {"beastmode.deployment": place["server.address"], "beastmode.outcome": "ok"}, context)
        operations.record(lasted, labels, context)
        tokens.record(usage["prompt_tokens"], {**labels, "gen_ai.token.type": "input"}, context)
        tokens.record(usage["completion_tokens"], {**labels, "gen_ai.token.type": "output"}, context)
        span.end()

    send, asend = httpx2.Client.send, httpx2.AsyncClient.send

    def blocking(self: Any, request: Any, **options: Any) -> Any:
        facts = began(request)
        response = send(self, request, **options)
        ended(response, *facts)
        return response

    async def asynchronous(self: Any, request: Any, **options: Any) -> Any:
        facts = began(request)
        response = await asend(self, request, **options)
        ended(response, *facts)
        return response

    httpx2.Client.send, httpx2.AsyncClient.send = blocking, asynchronous  # type: ignore[assignment]


WAYS: dict[str, Instrument] = {FLOOR: nothing, OURS: ours, GENAI: genai_openai, OPENLLMETRY: openllmetry}
OF_WHOLE = {BY_HAND: by_hand}  # cannot read streams


class Discard:
    """A span, metric or log exporter that counts what comes and throws it away."""

    _preferred_temporality = _preferred_aggregation = None  # asked of metric exporters

    def __init__(self, success: Any) -> None:
        self.seen, self._success = 0, success

    def export(self, batch: Any, **_: Any) -> Any:
        self.seen += len(batch) if isinstance(batch, Sequence) else 1
        return self._success

    def shutdown(self, *_: Any, **__: Any) -> None: ...

    def force_flush(self, *_: Any, **__: Any) -> bool:
        return True


def production() -> tuple[dict[str, Any], Discard]:
    """Providers as in production, and what their spans end in."""
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor, LogRecordExportResult
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricExportResult, PeriodicExportingMetricReader
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

    spans, tracers, loggers = Discard(SpanExportResult.SUCCESS), TracerProvider(), LoggerProvider()
    tracers.add_span_processor(BatchSpanProcessor(spans))
    loggers.add_log_record_processor(BatchLogRecordProcessor(Discard(LogRecordExportResult.SUCCESS)))
    reader = PeriodicExportingMetricReader(Discard(MetricExportResult.SUCCESS))
    meters = MeterProvider([reader])
    return {"tracer_provider": tracers, "meter_provider": meters, "logger_provider": loggers}, spans


def _settling(way: str, providers: Mapping[str, Any], spans: Discard) -> Callable[[], None]:
    def settle() -> None:
        providers["tracer_provider"].force_flush()
        if (spans.seen == 0) != (way == FLOOR):
            raise RuntimeError(f"{way}: {spans.seen} spans")

    return settle


# The app.


def app(url: str, *, way: str, stream: bool = False, is_async: bool = False) -> Work:
    """url: of a server, or `memory:N` for a transport that answers at once, streams with N events."""
    try:
        import openai
    except ImportError:
        raise ImportError("pip install openai") from None
    providers, spans = production()
    (WAYS | OF_WHOLE)[way](providers)
    make = openai.AsyncOpenAI if is_async else openai.OpenAI
    place: dict[str, Any] = {"base_url": f"{url}/v1"}
    if url.startswith("memory:"):
        place = {"base_url": "http://127.0.0.1/v1", "http_client": at_once(int(url[7:]), is_async=is_async)}
    create = make(**place, api_key=KEY, max_retries=0).chat.completions.create
    more: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    ask = functools.partial(create, **REQUEST, **more)
    once = (_async_once if is_async else _once)(ask, stream)
    return Work(once=once, settle=_settling(way, providers, spans))


def at_once(count: int, *, is_async: bool) -> Any:
    """A client whose answers are there: an event at a time, as from a socket, `count` of them."""
    import httpx2

    class Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
        def __init__(self, pieces: Sequence[bytes]) -> None:
            self._pieces = pieces

        def __iter__(self) -> Any:
            yield from self._pieces

        async def __aiter__(self) -> Any:
            for piece in self._pieces:
                yield piece

    shown = cut(count)

    def answer(request: Any) -> Any:
        streams = b'"stream":true' in request.content.replace(b" ", b"")
        kind = "text/event-stream" if streams else "application/json"
        pieces = Pieces(shown if streams else [whole()])
        return httpx2.Response(200, headers=HEADERS | {"content-type": kind}, stream=pieces)

    class Transport(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
        def handle_request(self, request: Any) -> Any:
            return answer(request)

        async def handle_async_request(self, request: Any) -> Any:
            return answer(request)

    client = httpx2.AsyncClient if is_async else httpx2.Client
    return client(transport=Transport())


def cut(count: int) -> list[bytes]:
    """The beginning and the end of a stream: `count` events."""
    shown = list(events())
    return [*shown[: count - 4], *shown[-4:]]


def _once(ask: Any, stream: bool) -> Any:
    def once() -> None:
        if stream:
            assert sum(1 for _ in ask()) >= SHORT
        else:
            assert ask().usage.total_tokens

    return once


def _async_once(ask: Any, stream: bool) -> Any:
    async def once() -> None:
        if stream:
            assert sum([1 async for _ in await ask()]) >= SHORT
        else:
            assert (await ask()).usage.total_tokens

    return once


def _sides(ways: Iterable[str] = WAYS, **options: Any) -> list[Side]:
    return [Side(name=way, make=functools.partial(app, way=way, **options)) for way in ways]


def _overheads(title: str, seconds: Mapping[str, list[float]], goal: float) -> None:
    """Ours over each other's: what is above the floor, round by round."""
    if FLOOR not in seconds or OURS not in seconds:
        return
    above = {
        name: [value - floor for value, floor in zip(values, seconds[FLOOR], strict=True)]
        for name, values in seconds.items()
    }
    for name in (GENAI, OPENLLMETRY, BY_HAND):
        if name in above:
            rounds = statistics.median(mine / its for mine, its in zip(above[OURS], above[name], strict=True))
            middles = statistics.median(above[OURS]) / statistics.median(above[name])
            aim = f" (goal {goal})" if name == GENAI else ""
            print(f"  {title}: ours / {name}: {rounds:.2f} by rounds, {middles:.2f} of medians{aim}", flush=True)


def calls(rounds: int, *, is_async: bool, memory: bool) -> None:
    url = "memory:11" if memory else start_server(whole(), headers=HEADERS)
    world = "asyncio" if is_async else "sync"
    seconds = compete(_sides((*WAYS, *OF_WHOLE), is_async=is_async), url, rounds=rounds, count=100)
    table(f"One call, {world}: CPU ({rounds} rounds of 100)", seconds)
    _overheads(f"overhead per call, {world}", seconds, 0.35)


def streams(rounds: int, *, is_async: bool, memory: bool) -> None:
    shown, short = events(), cut(11)
    world, several = "asyncio" if is_async else "sync", 8
    seconds = {}
    for name, of in (("long", shown), ("short", short)):
        url = f"memory:{len(of)}" if memory else start_server(whole(), of, headers=HEADERS)
        seconds[name] = compete(_sides(stream=True, is_async=is_async), url, rounds=rounds, count=several, warm_up=3)
    table(f"A stream of {len(shown)} events, {world}: CPU ({rounds} rounds of {several})", seconds["long"])
    _overheads(f"overhead per stream, {world}", seconds["long"], 0.15)
    apart = len(shown) - len(short)
    per_chunk = {
        name: [(long - brief) / apart for long, brief in zip(values, seconds["short"][name], strict=True)]
        for name, values in seconds["long"].items()
    }
    table(f"One chunk of a stream, {world}: CPU", per_chunk)
    _overheads(f"overhead per chunk, {world}", per_chunk, 0.15)


# What is no LLM call: the same client and request, through the patch and past it, by turns in one process.


def others(rounds: int) -> None:
    try:
        import httpx2
    except ImportError:
        print("  what is no LLM call: left out: pip install httpx2")
        return
    plain = httpx2.Client.send
    ours(production()[0])
    print(f"\nA request that is no LLM call, at a transport that answers at once: CPU ({rounds} rounds of 1,000)")
    client = httpx2.Client(transport=httpx2.MockTransport(lambda request: httpx2.Response(200, content=b"ok")))
    for method, path in (("GET", "/v1/users/17"), ("POST", "/api/v2/orders/17/items?expand=lines")):
        request = client.build_request(method, f"http://127.0.0.1{path}")
        ways = (functools.partial(plain, client, request), functools.partial(client.send, request))
        more = [_cpu(ways[1]) - _cpu(ways[0]) for _ in range(rounds)]
        least = min(_cpu(ways[1]) for _ in range(5)) - min(_cpu(ways[0]) for _ in range(5))
        print(f"  {method} {path}: {1e6 * statistics.median(more):+.2f} µs (of minimums {1e6 * least:+.2f}; goal 3)")


def _cpu(ask: Callable[[], Any]) -> float:
    gc.collect()
    gc.disable()
    start = time.process_time()
    for _ in range(1000):
        ask()
    done = time.process_time() - start
    gc.enable()
    return done / 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="rounds per side")
    parser.add_argument("--only", choices=("calls", "streams", "others"), help="one part")
    parser.add_argument("--memory", action="store_true", help="no sockets: a transport that answers at once")
    options = parser.parse_args()
    wanted = {options.only} if options.only else {"calls", "streams", "others"}
    for is_async in (False, True):
        if "calls" in wanted:
            calls(options.rounds, is_async=is_async, memory=options.memory)
        if "streams" in wanted:
            streams(options.rounds, is_async=is_async, memory=options.memory)
    if "others" in wanted:
        others(options.rounds)


if __name__ == "__main__":
    main()
