"""The zero-code door: `send` of the clients of httpx and httpx2, patched in place and restored exactly."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any, Final

import wrapt

from beastmode_otel.instrumentation.desk import Desk
from beastmode_otel.instrumentation.passing import pass_async, pass_blocking

_MARK: Final = "__beastmode_original__"
LIBRARIES: Final = ("httpx", "httpx2")
_desk: Desk | None = None
_waiting: set[str] = set()


def install(desk: Desk) -> None:
    """Patch what is loaded now, and what will be loaded later when it is."""
    global _desk
    _desk = desk
    for name in LIBRARIES:
        if name in sys.modules:
            _patch(sys.modules[name])
        elif name not in _waiting:
            _waiting.add(name)
            wrapt.register_post_import_hook(_loaded, name)


def remove() -> Desk | None:
    """Restore the originals; the desk that was at work. A patch that somebody has wrapped since stays, and is inert."""
    global _desk
    desk, _desk = _desk, None
    for name in LIBRARIES:
        if name in sys.modules:
            _restore(sys.modules[name])
    return desk


def is_installed() -> bool:
    return _desk is not None


def _loaded(library: Any) -> None:
    if _desk is not None:
        _patch(library)


def _patch(library: Any) -> None:
    for client, make in ((library.Client, _blocking), (library.AsyncClient, _asynchronous)):
        original = client.__dict__["send"]
        if not hasattr(original, _MARK):  # the same class under two names: httpx2.alias_httpx()
            patched = functools.wraps(original)(make(original, library))
            setattr(patched, _MARK, original)
            client.send = patched


def _restore(library: Any) -> None:
    for client in (library.Client, library.AsyncClient):
        original = getattr(client.__dict__["send"], _MARK, None)
        if original is not None:
            client.send = original


def _blocking(original: Callable[..., Any], library: Any) -> Callable[..., Any]:
    def send(self: Any, request: Any, *, stream: bool = False, **options: Any) -> Any:
        desk = _desk
        if desk is None or desk.recogniser.find(request.method, request.url.raw_path) is None:
            return original(self, request, stream=stream, **options)
        return pass_blocking(desk, library, self, original, request, stream, options)

    return send


def _asynchronous(original: Callable[..., Any], library: Any) -> Callable[..., Any]:
    async def send(self: Any, request: Any, *, stream: bool = False, **options: Any) -> Any:
        desk = _desk
        if desk is None or desk.recogniser.find(request.method, request.url.raw_path) is None:
            return await original(self, request, stream=stream, **options)
        return await pass_async(desk, library, self, original, request, stream, options)

    return send
