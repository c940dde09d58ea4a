"""What the doors for other people's clients work with: one context for the process's hook, one for each transport."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from beastmode_otel.cache import KeyMemo
from beastmode_otel.config import is_ttl
from beastmode_otel.config.settings import Config, Place, Ttl
from beastmode_otel.engine.cache_request import Options
from beastmode_otel.engine.stream import OpenStreams
from beastmode_otel.errors import Redactor, raised_by_signal
from beastmode_otel.observer import Observer
from beastmode_otel.prices import PriceBook
from beastmode_otel.runtime import in_child
from beastmode_otel.wire import LLMCall, Recogniser

if TYPE_CHECKING:
    from beastmode_otel.engine.cache_flow import CacheFlow

HEADER: Final = "x-beastmode-cache"
_SAID: Final = "beastmode.cache"  # kept with the request, which may be sent again, or elsewhere by a redirect
Use = Literal["on", "off", "refresh"]
_USES: Final = get_args(Use)
_SAID_NOTHING: Final = Options()
_here: ContextVar[Options] = ContextVar("beastmode-cache", default=_SAID_NOTHING)


@contextmanager
def cache_control(
    use: Use | None = None, *, ttl: Ttl = None, max_age: float | None = None, no_store: bool | None = None
) -> Iterator[None]:
    """What the calls inside mean by the cache: `off` passes it by, `refresh` asks again and replaces what is stored.

    ttl: seconds for which their answers may be served, or a function of the Answer. max_age: seconds; an older stored
    answer is a miss, and replaced. no_store: asked as usual, but what is answered is not stored. What is not said stays
    as it is outside of the block.
    Holds for this thread or task and the tasks that it starts. Raises ValueError for anything else.
    """
    said: dict[str, Any] = {"use": use, "ttl": ttl, "max_age": max_age, "no_store": no_store}
    said = {name: value for name, value in said.items() if value is not None}
    if use is not None and use not in _USES:
        raise ValueError(f"cache_control({use!r}): use on, off or refresh")
    if not is_options(said):
        raise ValueError(f"cache_control: {said}: times are seconds, ttl above 0; no_store is True or False")
    token = _here.set(replace(_here.get(), **said))
    try:
        yield
    finally:
        _here.reset(token)


def asked_of(request: Any) -> Options:
    """What this request says. The header is ours: it is taken off, so that no provider sees it. Never raises.

    A header outranks the block of code, in what it says. One that nobody understands counts as `off`: it was meant to
    say something.
    """
    try:
        if HEADER in request.headers:
            request.extensions[_SAID] = _read(request.headers.pop(HEADER))
        here, said = _here.get(), request.extensions.get(_SAID)
        return replace(here, **said) if said else here
    except Exception:  # noqa: BLE001  (a request of its own kind)
        return _OFF


_OFF: Final = Options(use="off")
_DIRECTIVE: Final = re.compile(r"(ttl|max-age)=([0-9]{1,12}(?:\.[0-9]{1,6})?)")


def _read(header: str) -> dict[str, Any]:
    """`refresh`, `max-age=60, no-store`, … as fields of Options."""
    said: dict[str, Any] = {}
    for part in header.lower().split(","):
        directive = part.strip()
        timed = _DIRECTIVE.fullmatch(directive)
        if directive in _USES:
            said["use"] = directive
        elif directive == "no-store":
            said["no_store"] = True
        elif timed is not None:
            said[timed[1].replace("-", "_")] = float(timed[2])
        else:
            return {"use": "off"}
    return said if is_options(said) else {"use": "off"}


def is_options(said: Mapping[str, Any]) -> bool:
    """Whether the times of a call can be meant: ttl above 0 or a function, max_age from 0, no_store a switch."""
    ttl, max_age, no_store = said.get("ttl"), said.get("max_age"), said.get("no_store", False)
    aged = max_age is None or (isinstance(max_age, int | float) and not isinstance(max_age, bool) and max_age >= 0)
    return (ttl is None or is_ttl(ttl)) and aged and isinstance(no_store, bool)


class OpenCalls(OpenStreams[Any]):
    """Those of this process: what was open at a fork is the parent's, and its end is told there only."""

    def __init__(self) -> None:
        super().__init__(time.monotonic)
        in_child(self._forget)

    def _forget(self) -> None:
        for call, _ in self.open.values():
            call.done = True
        self.open.clear()
        self.orphans.clear()


Door = Literal["hook", "transport"]
Hook = Callable[[Any, Any], None]
_log: Final = logging.getLogger("beastmode_otel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What the team adds to spans: request(span, request), response(span, response)."""

    request: Hook | None = None
    response: Hook | None = None


@dataclass(slots=True, kw_only=True)
class DoorContext:
    """door: the label. blocking, asyncio: the cache flow of such clients, None where the cache is off. obedience:
    whether a no-store counts, by host and port, where the configuration says it."""

    door: Door
    config: Config
    observer: Observer
    prices: PriceBook
    redact: Redactor
    hooks: Hooks
    excluded: re.Pattern[str] | None
    recogniser: Recogniser = field(default_factory=Recogniser)
    streams: OpenCalls = field(default_factory=OpenCalls)
    blocking: CacheFlow | None = None
    asyncio: CacheFlow | None = None
    obedience: Mapping[Place, bool] = field(default_factory=dict)
    keys: KeyMemo = field(default_factory=KeyMemo)
    told: set[str] = field(default_factory=set)
    closed: bool = False

    def recognise(self, request: Any) -> LLMCall | None:
        """The LLM call that an httpx or httpx2 request is; None for all others. Never raises."""
        try:
            url = request.url
            target = url.raw_path
            endpoint = self.recogniser.find(request.method, target)
            if endpoint is None or (self.excluded is not None and self.excluded.search(str(url))):
                return None
            return self.recogniser.read(
                endpoint, host=url.host, target=target, port=url.port, headers=request.headers, body=_content(request)
            )
        except Exception as exc:  # noqa: BLE001  (an app's call goes on whatever we make of it)
            self.fault("recognise", exc)
            return None

    def fault(self, where: str, exc: Exception) -> None:
        """A fault of ours, which the app must not feel: told once for each kind.

        Raises `exc` itself where the handler of a signal has raised it into our work: that is the app's to get.
        """
        if raised_by_signal(exc) is not None:
            raise exc
        kind = f"{where}: {type(exc).__name__}"
        if kind not in self.told:
            self.told.add(kind)
            _log.warning("an LLM call could not be observed (%s)", kind, exc_info=exc)

    def close(self) -> None:
        """End the streams that are still open, write what is under way to the tiers. Blocks. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self.streams.finish_all()
        for flow in (self.blocking, self.asyncio):
            if flow is not None:
                flow.close()


def host_of(url: Any) -> str:
    """As a deployment's name: the host, with its port where that is not the scheme's."""
    return url.host if url.port is None else f"{url.host}:{url.port}"


def _content(request: Any) -> bytes | None:
    """The body, if it is in memory already: one that is streamed is the provider's alone."""
    content = getattr(request, "_content", None)
    return content if isinstance(content, bytes) and len(content) <= MAX_REQUEST else None


MAX_REQUEST: Final = 16 * 1024 * 1024
