"""One call through somebody else's client, written once for both worlds: from the cache, or watched on its way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from opentelemetry import trace

from beastmode_otel.attempts.progress import follow, leave
from beastmode_otel.engine.cache_flow import Caching
from beastmode_otel.engine.ending import Ending, new_request_id
from beastmode_otel.instrumentation.call import WireCall
from beastmode_otel.instrumentation.context import Desk
from beastmode_otel.instrumentation.tee import tees
from beastmode_otel.observer import RequestFacts
from beastmode_otel.record import record
from beastmode_otel.wire import LLMCall


class Before(Protocol):
    """What else is done with a call before the app makes it."""

    def __call__(self, call: WireCall) -> None: ...


@record(frozen=True, slots=True, kw_only=True)
class Trip:
    """The app's own HTTP call. go: makes it, up to the response's head. read: reads its body; None: the app does.

    library: httpx or httpx2. caching: None where nothing is cached. plain: who asks and who answers stands in the
    request; otherwise nothing is cached either. encoding: the client's `default_encoding`.
    """

    desk: Desk
    seen: LLMCall
    request: Any
    library: Any
    is_async: bool
    go: Callable[[], Awaitable[Any]]
    read: Callable[[Any], Awaitable[Any]] | None
    caching: Caching | None = None
    plain: bool = True
    encoding: Any = "utf-8"


def begin(trip: Trip) -> Ending | None:
    """The request begins. None when that failed: the call goes on unseen."""
    desk, seen = trip.desk, trip.seen
    try:
        desk.streams.sweep()
        facts = RequestFacts(
            model=seen.model or seen.api, door=desk.door, stream=seen.stream, one_span=True, operation=seen.operation
        )
        return Ending(desk.observer.request(facts), request_id=new_request_id() if trip.caching else "")
    except Exception as exc:  # noqa: BLE001
        desk.fault("begin", exc)
        desk.observer.unmanaged()
        return None


async def observe(trip: Trip, ending: Ending | None, before: Before | None = None) -> Any:
    """Make the call, watched if its request has begun. Raises what it raises."""
    call = None if ending is None else _watched(trip, ending, before)
    if call is None:
        return await _plain(trip)
    try:
        with call.scope.active():
            response = await trip.go()
            _tell(trip, call, call.head, response)
            _hook(trip, trip.desk.hooks.response, response)
            if trip.read is not None:
                await trip.read(response)
    except BaseException as exc:
        _tell(trip, call, call.raised, exc)
        raise
    finally:
        leave(trip.request)
    _tell(trip, call, _body, trip, call, response)
    return response


def _watched(trip: Trip, ending: Ending, before: Before | None) -> WireCall | None:
    try:
        call = WireCall(trip.desk, trip.seen, trip.request, ending)
        follow(trip.request, call.trail, is_async=trip.is_async)
        if before is not None:
            before(call)
    except Exception as exc:  # noqa: BLE001
        trip.desk.fault("call", exc)
        ending.finish("abandoned")
        return None
    hook = trip.desk.hooks.request
    if hook is not None:
        with call.scope.active():
            _hook(trip, hook, trip.request)
    return call


async def _plain(trip: Trip) -> Any:
    response = await trip.go()
    if trip.read is not None:
        await trip.read(response)
    return response


def _body(trip: Trip, call: WireCall, response: Any) -> None:
    if trip.read is None and not response.is_closed:
        response.stream = tees(trip.library)[trip.is_async](response.stream, call, trip.desk)
    elif hasattr(response, "_content"):
        call.whole(response.content)
    else:
        call.unread()


def _hook(trip: Trip, hook: Any, about: Any) -> None:
    if hook is not None:
        try:
            hook(trace.get_current_span(), about)
        except Exception as exc:  # noqa: BLE001  (the team's own, and no reason to fail a call)
            trip.desk.fault("hook", exc)


def _tell(trip: Trip, call: WireCall, what: Callable[..., None], *about: Any) -> None:
    try:
        what(*about)
    except Exception as exc:  # noqa: BLE001  (an app's call goes on whatever we make of it)
        trip.desk.fault(what.__name__, exc)
        call.lost()
