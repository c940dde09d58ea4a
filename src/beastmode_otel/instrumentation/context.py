"""What the doors for other people's clients work with: one desk for the process's hook, one for each transport."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from beastmode_otel.assembly import Providers, build_caches, observer_of
from beastmode_otel.cache.key_memo import Keys
from beastmode_otel.config import Config, door_settings
from beastmode_otel.engine import OpenStreams
from beastmode_otel.engine.cache_flow import Caching
from beastmode_otel.errors import ConfigError, Redactor
from beastmode_otel.observer import Observer
from beastmode_otel.prices import PriceBook, price_from_config
from beastmode_otel.runtime import AsyncioRuntime, BlockingRuntime, ThreadLane, in_child
from beastmode_otel.runtime import gc_guard as collecting
from beastmode_otel.wire import LLMCall, Recogniser


class OpenCalls(OpenStreams[Any]):
    """Those of this process: what was open at a fork is the parent's, and its end is told there only."""

    def __init__(self) -> None:
        super().__init__(time.monotonic)
        in_child(self._forget)

    def _forget(self) -> None:
        for call, _ in self._open.values():
            call.done = True
        self._open.clear()
        self._orphans.clear()


Door = Literal["hook", "transport"]
Hook = Callable[[Any, Any], None]
_log: Final = logging.getLogger("beastmode_otel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What the team adds to spans: request(span, request), response(span, response)."""

    request: Hook | None = None
    response: Hook | None = None


@dataclass(slots=True, kw_only=True)
class Desk:
    """door: the label. whole: the cache of blocking and of asyncio clients, None where it is off."""

    door: Door
    config: Config
    observer: Observer
    prices: PriceBook
    redact: Redactor
    hooks: Hooks
    excluded: re.Pattern[str] | None
    lane: ThreadLane
    recogniser: Recogniser = field(default_factory=Recogniser)
    streams: OpenCalls = field(default_factory=OpenCalls)
    blocking: Caching | None = None
    asyncio: Caching | None = None
    keys: Keys = field(default_factory=Keys)
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
        """A fault of ours, which the app must not feel: told once for each kind."""
        kind = f"{where}: {type(exc).__name__}"
        if kind not in self.told:
            self.told.add(kind)
            _log.warning("an LLM call could not be observed (%s)", kind, exc_info=exc)

    def close(self) -> None:
        """End the streams that are still open, write what is owed to the tiers. Blocks. Idempotent."""
        if self.closed:
            return
        self.closed = True
        self.streams.finish_all()
        self.lane.close()
        tiered = {id(part.tiered): part.tiered for part in (self.blocking, self.asyncio) if part is not None}
        for one in tiered.values():
            one.close()


def _content(request: Any) -> bytes | None:
    """The body, if it is in memory already: one that is streamed is the provider's alone."""
    content = getattr(request, "_content", None)
    return content if isinstance(content, bytes) and len(content) <= MAX_REQUEST else None


MAX_REQUEST: Final = 16 * 1024 * 1024


def build_desk(
    door: Door,
    *,
    cache: Any = None,
    providers: Providers = (None, None, None),
    hooks: Hooks | None = None,
    excluded_urls: str | None = None,
    paths: Mapping[str, str] | None = None,
) -> Desk:
    """A desk. cache: None for BEASTMODE_CACHE (default off), a mode, or a `[cache]` mapping. Raises ConfigError."""
    collecting.watch()
    settings = door_settings(cache, excluded_urls)
    config = settings.config
    redact = config.redactor()
    lane, observer = ThreadLane(), observer_of(config, redact, providers)
    blocking = build_caches(config.cache, lane, BlockingRuntime(), observer)
    tasks = build_caches(config.cache, lane, AsyncioRuntime(), observer, beside=blocking)
    prices = {name: price_from_config(price, where=f"prices.{name}") for name, price in config.prices.items()}
    desk = Desk(
        door=door,
        config=config,
        observer=observer,
        prices=PriceBook(prices),
        redact=redact,
        hooks=hooks or Hooks(),
        excluded=_pattern(settings.excluded),
        lane=lane,
        recogniser=Recogniser(paths or {}, config.said_providers()),
        blocking=None if blocking is None else blocking.whole,
        asyncio=None if tasks is None else tasks.whole,
    )
    observer.before_collect(desk.streams.sweep)
    return desk


def _pattern(excluded: str) -> re.Pattern[str] | None:
    """OpenTelemetry's form: regular expressions with commas between them."""
    parts = [part.strip() for part in excluded.split(",") if part.strip()]
    try:
        return re.compile("|".join(f"(?:{part})" for part in parts)) if parts else None
    except re.error as exc:
        hint = "write regular expressions with commas between them"
        raise ConfigError(f"excluded_urls: {exc}", hints=(hint,)) from None
