"""A call of an app's own client as the cache flow's upstream: a hit answers as the provider would."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

from beastmode_otel.cache import Entry, FlightResult
from beastmode_otel.engine.cache_flow import CacheFlow, may_serve_stale
from beastmode_otel.engine.cache_request import CacheRequest, Options
from beastmode_otel.engine.ending import Ending
from beastmode_otel.engine.entries import StoredAnswer
from beastmode_otel.engine.ports import AnswerStore, CacheResult
from beastmode_otel.errors import AttemptRecord
from beastmode_otel.instrumentation.cache_request import cache_request_of_call, gets_usage_unasked
from beastmode_otel.instrumentation.call import WireCall
from beastmode_otel.instrumentation.context import HEADER, asked_of
from beastmode_otel.instrumentation.observe import AppCall, begin, observe
from beastmode_otel.observer import CacheFacts
from beastmode_otel.runtime.gc_guard import is_collecting
from beastmode_otel.wire import MEDIA_TYPES, LLMCall, format_named, stream_bytes, whole_bytes

_HTTP: Final = {"http_version": b"HTTP/1.1"}
_JSON: Final = "application/json"
_PATIENCE: Final = 600.0  # seconds: SDKs give up by themselves long before


async def cached_send(app: AppCall) -> Any:
    """The response, from the cache or by the app's own call. Raises what that raises."""
    options, flow = asked_of(app.request), app.flow
    ending = begin(app)
    if ending is None or flow is None:
        return await observe(app, ending)
    try:
        wanted = _cache_request(app, options, ending)
        if wanted is None or wanted.key is None:
            return await observe(app, ending)
        return await flow.answer(wanted, wanted.key, ending, AppUpstream(app, ending, flow, wanted))
    except BaseException as exc:
        _raised(app, ending, exc)
        raise


def _cache_request(app: AppCall, options: Options, ending: Ending) -> CacheRequest | None:
    try:
        wanted = cache_request_of_call(app.context, app.seen, app.request, options, plain=app.plain)
    except Exception as exc:  # noqa: BLE001  (a cache that cannot be asked is none)
        app.context.fault("cache request", exc)
        return None
    if wanted.key is None:
        ending.cache = CacheFacts(status="bypass", reason=wanted.reason)
    return wanted


class AppUpstream:
    """ports.Upstream over the app's own call.

    - Whole answers that are read before they are handed over are shared with whoever asks the same; keys hold the
      tenant, so that only those share who hold the same credential. A body that is handed over as it comes (a stream,
      any body behind the transport) is one reader's own.
    - What goes wrong is the leader's alone: an SDK's exceptions and error responses belong to the call that got them.
    - An expired answer stands in up to the moment when the response is handed over.
    """

    detached = False
    callers_account = True

    def __init__(self, app: AppCall, ending: Ending, flow: CacheFlow, wanted: CacheRequest) -> None:
        self._app, self._ending, self._wanted = app, ending, wanted
        self.flights = None if app.seen.stream or app.read is None else flow.answers
        self._spare: Any = None
        self._stood_in: tuple[AttemptRecord, ...] | None = None

    @property
    def patience(self) -> float:
        """As long as it would wait for a call of its own."""
        timeouts = self._app.request.extensions.get("timeout")
        read = timeouts.get("read") if isinstance(timeouts, Mapping) else None
        return min(read, _PATIENCE) if isinstance(read, int | float) else _PATIENCE

    def under_way(self) -> None:
        return None

    async def fetch(self, store: AnswerStore, expired: CacheResult | None) -> CacheResult:
        made: list[WireCall] = []
        landed: list[CacheResult] = []
        answered = self._wanted.targets[0]
        if expired is not None:
            self._spare = self._response(expired)  # what cannot be replayed cannot stand in

        def keep(call: WireCall) -> None:
            landed.append(store.put(call, answered=answered))
            call.owed = store.written

        def before(call: WireCall) -> None:
            made.append(call)
            call.kept = keep
            if self._spare is not None:
                call.stands_in = functools.partial(may_serve_stale, callers_account=self.callers_account)

        try:
            response = await observe(self._app, self._ending, before)
        except Exception as exc:
            if made and made[0].stood_in is not None:
                self._stood_in = made[0].records
                raise made[0].stood_in from exc
            raise
        if made and made[0].stood_in is not None:
            self._stood_in = made[0].records
            raise made[0].stood_in
        if not landed:  # a body that the app is still to read, or nothing that is an answer
            return CacheResult(delivery=response)
        made[0].owed = None
        await store.written()
        result = landed[0]
        return CacheResult(entry=None if result.reason else result.entry, delivery=response, reason=result.reason)

    def give(self, result: CacheResult, *, collapsed: bool) -> Any:
        """A stored answer as a response, with which the request ends."""
        if result.delivery is not None and not collapsed:
            return result.delivery
        if result.entry is None:
            return None
        response = self._response(result) if self._stood_in is None else self._spare
        if response is not None:
            self._ending.delivery = StoredAnswer(result.entry, records=self._stood_in or ())
            self._ending.ok()
        return response

    def _response(self, result: CacheResult) -> Any:
        app, entry = self._app, result.entry
        said = f"{'stale' if result.stale else 'hit'}; tier={result.tier or 'flight'}"
        if result.match == "semantic" and entry is not None:
            said += f"; match=semantic; similarity={result.similarity:.4f}; entry={entry.request_id}"
        try:
            return None if entry is None else response_of(
                app.library, app.request, app.seen, entry,
                said=said, read=app.read is not None, encoding=app.encoding,
            )  # fmt: skip
        except Exception as exc:  # noqa: BLE001  (what cannot be given as a response is no answer)
            app.context.fault("replay", exc)
            return None

    def missed(self, flight: FlightResult[CacheResult]) -> bool:
        return True

    def fault(self, where: str, exc: Exception) -> None:
        self._app.context.fault(where, exc)


class _Left:
    """A request whose coroutine the garbage collector has closed: told when nothing can be locked."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending

    def abandon(self) -> None:
        self._ending.finish("abandoned")


def _raised(app: AppCall, ending: Ending, exc: BaseException) -> None:
    if is_collecting():
        app.context.streams.orphan(_Left(ending))
        return
    try:
        ending.raised(exc)
    except Exception as fault:  # noqa: BLE001
        app.context.fault("ending", fault)


# A stored answer as the HTTP response that the provider would have given.


def response_of(
    library: Any, request: Any, seen: LLMCall, entry: Entry, *, said: str, read: bool, encoding: Any = "utf-8"
) -> Any:
    """A response of httpx or httpx2. said: our header's value. read: its body is in memory, as `send` leaves it.

    encoding: the client's `default_encoding`.
    """
    content, kind = _body(seen, entry, unasked=gets_usage_unasked(seen, request))
    headers = {"content-type": kind, HEADER: said, format_named(entry.api).request_id_header: entry.request_id}
    if kind == _JSON:
        headers["content-length"] = str(len(content))
    body = {"content": content} if read else {"stream": library.ByteStream(content)}
    response = library.Response(
        200, headers=headers, request=request, extensions=dict(_HTTP), default_encoding=encoding, **body
    )
    response.elapsed = timedelta()
    return response


def _body(seen: LLMCall, entry: Entry, *, unasked: bool) -> tuple[bytes, str]:
    form = format_named(entry.api)
    if not seen.stream or form.framing is None:
        return _text(entry.body), _JSON
    chunks = form.replay(json.loads(entry.body), include_usage=seen.ask.include_usage, unasked=unasked)
    return b"".join(stream_bytes(chunks, form.framing)), MEDIA_TYPES[form.framing]


def _text(body: bytes) -> bytes:
    """A stored body as UTF-8: half of a surrogate pair, which JSON may hold, is escaped."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return whole_bytes(json.loads(body.decode("utf-8", "surrogatepass"))) or body
    return body
