"""A `send` that looks like an LLM call, through the door of its world."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from beastmode_otel.instrumentation.cached import travel
from beastmode_otel.instrumentation.clients import default_encoding, has_own_door, is_plain
from beastmode_otel.instrumentation.control import asked_of
from beastmode_otel.instrumentation.desk import Desk
from beastmode_otel.instrumentation.exchange import Trip
from beastmode_otel.runtime import run_sync, running_loop
from beastmode_otel.telemetry import is_ours
from beastmode_otel.wire import LLMCall


def pass_blocking(
    desk: Desk, library: Any, client: Any, original: Callable[..., Any], request: Any, stream: bool,
    options: Mapping[str, Any],
) -> Any:  # fmt: skip
    seen = seen_by(desk, client, request)
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

    caching = desk.blocking
    trip = Trip(
        desk=desk, seen=seen, request=request, library=library, is_async=False, go=go, read=None if stream else read,
        caching=caching, encoding=default_encoding(client),
        plain=caching is None or is_plain(client, request, options.get("auth", client._auth)),
    )  # fmt: skip
    return run_blocking(trip)


async def pass_async(
    desk: Desk, library: Any, client: Any, original: Callable[..., Any], request: Any, stream: bool,
    options: Mapping[str, Any],
) -> Any:  # fmt: skip
    seen = seen_by(desk, client, request)
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

    caching = desk.asyncio if running_loop() is not None else None  # trio: watched, not cached
    trip = Trip(
        desk=desk, seen=seen, request=request, library=library, is_async=True, go=go, read=None if stream else read,
        caching=caching, encoding=default_encoding(client),
        plain=caching is None or is_plain(client, request, options.get("auth", client._auth)),
    )  # fmt: skip
    return await travel(trip)


def run_blocking(trip: Trip) -> Any:
    """`travel` on this thread. Raises what the app's own call raises, a StopIteration too."""
    try:
        return run_sync(travel(trip))
    except RuntimeError as exc:
        if isinstance(exc.__cause__, StopIteration):  # which no coroutine can raise
            raise exc.__cause__ from None
        raise


def seen_by(desk: Desk, client: Any, request: Any) -> LLMCall | None:
    """None for what is not ours to see: our own calls, suppressed ones, and clients whose transport sees for itself."""
    if is_ours() or client.is_closed or has_own_door(client, request):
        return None
    return managed(desk, request)


def managed(desk: Desk, request: Any) -> LLMCall | None:
    """The LLM call that we are to see. One that we are not loses our header, too."""
    seen = desk.recognise(request)
    if seen is not None and is_instrumentation_enabled():
        return seen
    asked_of(request)
    if seen is not None:
        desk.observer.unmanaged()  # somebody wants it unobserved; that there is such a call is told
    return None
