"""A `send` that looks like an LLM call, through the door of its world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from beastmode_otel.instrumentation.cached import travel
from beastmode_otel.instrumentation.desk import Desk
from beastmode_otel.instrumentation.exchange import Trip
from beastmode_otel.runtime import run_sync, running_loop
from beastmode_otel.telemetry import is_ours
from beastmode_otel.wire import LLMCall


def pass_blocking(
    desk: Desk, library: Any, client: Any, original: Callable[..., Any], request: Any, stream: bool,
    options: Mapping[str, Any],
) -> Any:  # fmt: skip
    seen = _seen(desk, client, request)
    if seen is None:
        return original(client, request, stream=stream, **options)

    async def go() -> Any:
        return original(client, request, stream=True, **options)

    async def read(response: Any) -> None:
        try:
            response.read()
        except BaseException:
            response.close()
            raise

    trip = Trip(
        desk=desk, seen=seen, request=request, library=library, is_async=False, go=go, read=None if stream else read,
        caching=desk.blocking,
    )  # fmt: skip
    return run_sync(travel(trip))


async def pass_async(
    desk: Desk, library: Any, client: Any, original: Callable[..., Any], request: Any, stream: bool,
    options: Mapping[str, Any],
) -> Any:  # fmt: skip
    seen = _seen(desk, client, request)
    if seen is None:
        return await original(client, request, stream=stream, **options)

    async def go() -> Any:
        return await original(client, request, stream=True, **options)

    async def read(response: Any) -> None:
        try:
            await response.aread()
        except BaseException:
            await response.aclose()
            raise

    trip = Trip(
        desk=desk, seen=seen, request=request, library=library, is_async=True, go=go, read=None if stream else read,
        caching=desk.asyncio if running_loop() is not None else None,  # trio: watched, not cached
    )  # fmt: skip
    return await travel(trip)


def _seen(desk: Desk, client: Any, request: Any) -> LLMCall | None:
    """None for what is not ours to see: our own calls, suppressed ones, and clients whose transport sees for itself."""
    if is_ours() or not is_instrumentation_enabled() or has_own_door(client, request):
        return None
    return desk.recognise(request)


def has_own_door(client: Any, request: Any) -> bool:
    """Whether the request would pass one of our transports."""
    try:
        return hasattr(client._transport_for_url(request.url), "__beastmode_door__")
    except Exception:  # noqa: BLE001  (a client of its own kind)
        return False
