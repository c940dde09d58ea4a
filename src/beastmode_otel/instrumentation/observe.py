"""One call through somebody else's client, written once for sync and async: watched on its way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from opentelemetry import trace

from beastmode_otel.attempts.progress import follow, leave
from beastmode_otel.engine.cache_flow import CacheFlow
from beastmode_otel.engine.ending import Ending, new_request_id
from beastmode_otel.instrumentation.call import WireCall
from beastmode_otel.instrumentation.context import DoorContext, asked_of
from beastmode_otel.instrumentation.tee import tees
from beastmode_otel.observer import RequestFacts
from beastmode_otel.record import record
from beastmode_otel.wire import LLMCall


class Before(Protocol):
    """What else is done with a call before the app makes it."""

    def __call__(self, call: WireCall) -> None: ...


@record(frozen=True, slots=True, kw_only=True)
class AppCall:
    """The app's own HTTP call. go: makes it, up to the response's head. read: reads its body; None: the app does.

    library: httpx or httpx2. flow: None where nothing is cached. plain: who asks and who answers stands in the
    request; otherwise nothing is cached either. encoding: the client's `default_encoding`.
    """

    context: DoorContext
    seen: LLMCall
    request: Any
    library: Any
    is_async: bool
    go: Callable[[], Awaitable[Any]]
    read: Callable[[Any], Awaitable[Any]] | None
    flow: CacheFlow | None = None
    plain: bool = True
    encoding: Any = "utf-8"


def begin(app: AppCall) -> Ending | None:
    """The request begins. None when that failed: the call goes on unseen."""
    context, seen = app.context, app.seen
    try:
        if context.streams.open or context.streams.orphans:
            context.streams.sweep()
        facts = RequestFacts(
            model=seen.model or seen.api, door=context.door, stream=seen.stream, one_span=True, operation=seen.operation
        )
        return Ending(context.observer.request(facts), request_id=new_request_id() if app.flow else "")
    except Exception as exc:  # noqa: BLE001
        context.fault("begin", exc)
        context.observer.unmanaged()
        return None


async def send_watched(app: AppCall) -> Any:
    """The call where nothing is cached. Raises what it raises."""
    asked_of(app.request)  # our header, if any: no provider shall see it
    return await observe(app, begin(app))


async def observe(app: AppCall, ending: Ending | None, before: Before | None = None) -> Any:
    """Make the call, watched if its request has begun. Raises what it raises."""
    call = None if ending is None else _watched(app, ending, before)
    if call is None:
        return await _plain(app)
    try:
        with call.scope.active():
            _hook(app, app.context.hooks.request, app.request)
            response = await app.go()
            _tell(app, call, call.head, response)
            _hook(app, app.context.hooks.response, response)
            if _is_replaced(app, call):  # a stored answer is given instead: nobody will read this body
                await response.aclose() if app.is_async else response.close()
                return response
            if app.read is not None:
                await app.read(response)
    except BaseException as exc:
        _tell(app, call, call.raised, exc)
        raise
    finally:
        leave(app.request)
    _tell(app, call, _body, app, call, response)
    return response


def _watched(app: AppCall, ending: Ending, before: Before | None) -> WireCall | None:
    try:
        call = WireCall(app.context, app.seen, app.request, ending)
        follow(app.request, call.trail, is_async=app.is_async)
        if before is not None:
            before(call)
    except Exception as exc:  # noqa: BLE001
        ending.finish("abandoned")
        app.context.fault("call", exc)
        return None
    return call


async def _plain(app: AppCall) -> Any:
    response = await app.go()
    if app.read is not None:
        await app.read(response)
    return response


def _body(app: AppCall, call: WireCall, response: Any) -> None:
    if app.read is None and not response.is_closed:
        call.stands_in = None  # from here on the app has the answer
        response.stream = tees(app.library)[app.is_async](response.stream, call, app.context)
    elif hasattr(response, "_content"):
        call.whole(response.content)
    else:
        call.unread()


def _is_replaced(app: AppCall, call: WireCall) -> bool:
    try:
        return call.is_replaced()
    except Exception as exc:  # noqa: BLE001
        app.context.fault("stale", exc)
        return False


def _hook(app: AppCall, hook: Any, about: Any) -> None:
    if hook is not None:
        try:
            hook(trace.get_current_span(), about)
        except Exception as exc:  # noqa: BLE001  (the team's own, and no reason to fail a call)
            app.context.fault("hook", exc)


def _tell(app: AppCall, call: WireCall, what: Callable[..., None], *about: Any) -> None:
    try:
        what(*about)
    except Exception as exc:  # noqa: BLE001  (an app's call goes on whatever we make of it)
        try:
            app.context.fault(what.__name__, exc)
        finally:
            call.lost()
