"""A `send` that looks like an LLM call, through the door of its world."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, NamedTuple

from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from beastmode_otel.instrumentation.cached_send import cached_send
from beastmode_otel.instrumentation.context import DoorContext, asked_of
from beastmode_otel.instrumentation.observe import AppCall, send_watched
from beastmode_otel.router.upstream.mocks import DEPTH, inner_transports, is_own, leads_to_library, reaches_host
from beastmode_otel.runtime import run_sync, running_loop
from beastmode_otel.telemetry import is_ours
from beastmode_otel.wire import LLMCall

_HARMLESS: Final = ("openai.lib.azure",)  # only takes keys away, when it is redirected


class Below(NamedTuple):
    """What our patch stands on. send: takes client, request and options. is_library: the library's own function.

    leads_to_library: it is that, or a wrapper that says so; else it may be a mock, whose answers are not the host's.

    That one is asked for every response unread, so that its head is seen when it comes. A patch of somebody else is
    asked for what the app asked for: it may read the body.
    """

    send: Callable[..., Any]
    is_library: bool
    leads_to_library: bool


def has_own_door(client: Any, request: Any) -> bool:
    """Whether the request would pass one of our transports, perhaps inside other ones."""
    try:
        return _leads_to_door(client._transport_for_url(request.url), DEPTH)
    except Exception:  # noqa: BLE001  (a client of its own kind)
        return False


def is_plain(client: Any, request: Any, auth: Any) -> bool:
    """Whether all that decides who asks, and who answers, stands in the request now.

    auth: what the caller gave to `send`. Not so: an `auth` of the client, its request hooks, a name in the URL,
    a transport that may do what it likes, a Unix socket, a mock in the place of the library's own functions.
    """
    try:
        used = client._auth if type(auth).__name__ == "UseClientDefault" else auth
        hooks = client.event_hooks["request"]
        return (
            used is None
            and not request.url.userinfo
            and all(getattr(hook, "__module__", None) in _HARMLESS for hook in hooks)
            and is_own(transport := client._transport_for_url(request.url))
            and reaches_host(transport)
            and leads_to_library(client._send_single_request)
        )
    except Exception:  # noqa: BLE001  (a client of its own kind)
        return False


def default_encoding(client: Any) -> Any:
    return getattr(client, "_default_encoding", "utf-8")


def _leads_to_door(transport: Any, depth: int) -> bool:
    if hasattr(type(transport), "__beastmode_door__"):
        return True
    if depth == 0 or is_own(transport):
        return False
    return any(_leads_to_door(part, depth - 1) for part in inner_transports(transport))


def send_blocking(
    context: DoorContext, library: Any, client: Any, below: Below, request: Any, stream: bool,
    options: Mapping[str, Any],
) -> Any:  # fmt: skip
    seen = seen_by(context, client, request)
    if seen is None:
        return below.send(client, request, stream=stream, **options)
    unread = stream or below.is_library

    async def go() -> Any:
        return below.send(client, request, stream=unread, **options)

    async def read(response: Any) -> None:
        if not unread:
            return
        try:
            response.read()
        except BaseException:
            response.close()
            raise

    flow = context.blocking
    app = AppCall(
        context=context, seen=seen, request=request, library=library, is_async=False, go=go,
        read=None if stream else read, flow=flow, encoding=default_encoding(client),
        plain=flow is None
        or (below.leads_to_library and is_plain(client, request, options.get("auth", client._auth))),
    )  # fmt: skip
    return run_blocking(app)


async def send_async(
    context: DoorContext, library: Any, client: Any, below: Below, request: Any, stream: bool,
    options: Mapping[str, Any],
) -> Any:  # fmt: skip
    seen = seen_by(context, client, request)
    if seen is None:
        return await below.send(client, request, stream=stream, **options)
    unread = stream or below.is_library

    async def go() -> Any:
        return await below.send(client, request, stream=unread, **options)

    async def read(response: Any) -> None:
        if not unread:
            return
        try:
            await response.aread()
        except BaseException:
            await response.aclose()
            raise

    flow = context.asyncio if running_loop() is not None else None  # trio: watched, not cached
    app = AppCall(
        context=context, seen=seen, request=request, library=library, is_async=True, go=go,
        read=None if stream else read, flow=flow, encoding=default_encoding(client),
        plain=flow is None
        or (below.leads_to_library and is_plain(client, request, options.get("auth", client._auth))),
    )  # fmt: skip
    return await through(app)


def through(app: AppCall) -> Coroutine[Any, Any, Any]:
    """The call, through the cache where there is one: where there is none, nothing of it is run."""
    return send_watched(app) if app.flow is None else cached_send(app)


def run_blocking(app: AppCall) -> Any:
    """`through` on this thread. Raises what the app's own call raises, a StopIteration too."""
    try:
        return run_sync(through(app))
    except RuntimeError as exc:
        if isinstance(exc.__cause__, StopIteration):  # which no coroutine can raise
            raise exc.__cause__ from None
        raise


def seen_by(context: DoorContext, client: Any, request: Any) -> LLMCall | None:
    """None for what is not ours to see: our own calls, suppressed ones, and clients whose transport sees for itself."""
    if is_ours() or client.is_closed or has_own_door(client, request):
        return None
    return managed(context, request)


def managed(context: DoorContext, request: Any) -> LLMCall | None:
    """The LLM call that we are to see. One that we are not loses our header, too."""
    seen = context.recognise(request)
    if seen is not None and is_instrumentation_enabled():
        return seen
    asked_of(request)
    if seen is not None:
        context.observer.unmanaged()  # somebody wants it unobserved; that there is such a call is told
    return None
