"""The zero-code door: `send` of the clients of httpx and httpx2, patched in place and restored exactly."""

from __future__ import annotations

import atexit
import functools
import importlib
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Final, NamedTuple

import wrapt
from opentelemetry._logs import LoggerProvider
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from beastmode_otel.config import Ttl
from beastmode_otel.instrumentation.build import build_context
from beastmode_otel.instrumentation.context import DoorContext, Hook, Hooks
from beastmode_otel.instrumentation.send import Below, send_async, send_blocking
from beastmode_otel.router.upstream.mocks import leads_to_library

LIBRARIES: Final = ("httpx", "httpx2")
_LAYERS: Final = 32
_log = logging.getLogger("beastmode_otel")


class _Patch(NamedTuple):
    original: Any
    ours: Any


_context: DoorContext | None = None
_waiting: set[str] = set()
# By class, so that one class under two names (httpx2.alias_httpx()) is patched once.
_patches: dict[type, _Patch] = {}


def install(context: DoorContext) -> None:
    """Patch what is loaded now, and what will be loaded later when it is."""
    global _context
    _context = context
    for name in LIBRARIES:
        if name in sys.modules:
            _patch(importlib.import_module(name))  # waits for another thread that is importing it
        elif name not in _waiting:
            _waiting.add(name)
            wrapt.register_post_import_hook(_loaded, name)


def remove() -> DoorContext | None:
    """Restore the originals; the context that was at work.

    A patch that somebody has wrapped since stays under theirs, and is inert: to take it out would take theirs out.
    """
    global _context
    context, _context = _context, None
    for client, patch in list(_patches.items()):
        if client.__dict__.get("send") is patch.ours:
            client.send = patch.original  # type: ignore[attr-defined]
            del _patches[client]
    return context


def is_installed() -> bool:
    return _context is not None


def _loaded(library: Any) -> None:
    if _context is not None:
        _patch(library)


def _patch(library: Any) -> None:
    """Never raises: the program, or its import of the library, goes on without what cannot be patched."""
    for name, make in (("Client", _blocking), ("AsyncClient", _asynchronous)):
        try:
            client = _class_with_send(getattr(library, name))
            original = client.__dict__["send"]
            known = _patches.get(client)
            if known is None or not _stands_on(original, known.ours):
                ours: Any = functools.wraps(original)(make(_below(original), library))
                client.send = ours  # type: ignore[attr-defined]
                _patches[client] = _Patch(original, ours)
        except Exception as exc:  # noqa: BLE001  (whatever somebody has put in the class's place)
            _log.warning("LLM calls through %s.%s are not seen: it cannot be patched: %r", library.__name__, name, exc)


def _class_with_send(named: Any) -> type:
    """The library's own class, whoever has put a subclass, a partial or a wrapper under its name."""
    for _ in range(_LAYERS):
        if isinstance(named, type) and type(named) is type:
            break
        named = getattr(named, "func", None) or getattr(named, "__wrapped__", named)
    lineage: tuple[type, ...] = named.__mro__
    return next(kind for kind in reversed(lineage) if "send" in kind.__dict__)


def _stands_on(send: Any, ours: Any) -> bool:
    """Whether `send` is our patch, or a wrapper over it that says so."""
    for _ in range(_LAYERS):
        if send is ours:
            return True
        send = getattr(send, "__wrapped__", None) or getattr(send, "func", None)
    return False


def _below(original: Any) -> Below:
    """What stands below our patch. What is no plain function is bound as Python does it where a class has it: the
    wrapper of an agent (wrapt's, say) tells its instance from that, and a callable without `__get__` gets none."""
    leads = leads_to_library(original)
    if type(original) is FunctionType:
        return Below(original, leads and not hasattr(original, "__wrapped__"), leads)

    def send(self: Any, request: Any, **options: Any) -> Any:
        bind = getattr(type(original), "__get__", None)
        bound = original if bind is None else bind(original, self, type(self))
        return bound(request, **options)

    return Below(send, False, leads)


def _is_llm(context: DoorContext, request: Any) -> bool:
    """The fast part, for every request of the program. Never raises: what is no request is for the library to say."""
    try:
        return request.method == "POST" and context.recogniser.find("POST", request.url.raw_path) is not None
    except Exception:  # noqa: BLE001
        return False


def _blocking(below: Below, library: Any) -> Callable[..., Any]:
    original = below.send

    def send(self: Any, request: Any, *, stream: bool = False, **options: Any) -> Any:
        context = _context
        if context is None or not _is_llm(context, request):
            return original(self, request, stream=stream, **options)
        return send_blocking(context, library, self, below, request, stream, options)

    return send


def _asynchronous(below: Below, library: Any) -> Callable[..., Any]:
    original = below.send

    async def send(self: Any, request: Any, *, stream: bool = False, **options: Any) -> Any:
        context = _context
        if context is None or not _is_llm(context, request):
            return await original(self, request, stream=stream, **options)
        return await send_async(context, library, self, below, request, stream, options)

    return send


# What the public door does with it.

_lock = threading.Lock()


def instrument(
    *,
    cache: Any = None,
    ttl: Ttl = None,
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    logger_provider: LoggerProvider | None = None,
    request_hook: Hook | None = None,
    response_hook: Hook | None = None,
    excluded_urls: str | None = None,
    paths: Mapping[str, str] | None = None,
) -> None:
    """See every LLM call that this process makes through httpx or httpx2, whatever SDK makes it.

    cache: as the router's: "on", "off", a mapping like `[cache]`; None: as configured. Providers that are None
    are the global ones. request_hook(span, request), response_hook(span, response): add what you like to spans.
    excluded_urls: regular expressions with commas between them; None for BEASTMODE_EXCLUDED_URLS. paths: more paths
    and the wire format that each speaks, `{"/llm/*/ask": "openai.chat"}`. ttl: seconds for which answers may be served,
    or a function that is given the Answer and returns them, or None for not storing it. A second call changes nothing.
    Raises ConfigError.
    """
    with _lock:
        if is_installed():
            return
        context = build_context(
            "hook",
            cache=cache,
            ttl=ttl,
            providers=(tracer_provider, meter_provider, logger_provider),
            hooks=Hooks(request=request_hook, response=response_hook),
            excluded_urls=excluded_urls,
            paths=paths,
        )
        install(context)
        atexit.register(uninstrument)  # streams that are still open end, too


def uninstrument() -> None:
    """Restore httpx and httpx2 as they were. Streams that are open end as cancelled. Idempotent."""
    with _lock:
        context = remove()
        atexit.unregister(uninstrument)
    if context is not None:
        context.close()
