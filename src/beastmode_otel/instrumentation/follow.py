"""How far a request came: httpcore tells whoever asks by the request's `trace` extension."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from beastmode_otel.router.http import Trail

_TRACE: Final = "trace"
_THEIRS: Final = "__beastmode_theirs__"


def follow(request: Any, trail: Trail, *, is_async: bool) -> None:
    """Tell `trail` until the request's head is written, and whoever had asked before us as before.

    A cancelled call has no response that would say whether the provider has got it.
    """
    theirs = request.extensions.get(_TRACE)
    theirs = getattr(theirs, _THEIRS, theirs)  # ours of the try before, which never came to sending

    def told(event: str, info: Mapping[str, Any]) -> None:
        trail.note(event, info)
        if trail.sent and request.extensions.get(_TRACE) is ours:  # the events that follow cost a microsecond each
            _put_back(request, theirs)

    def blocking(event: str, info: Mapping[str, Any]) -> None:
        told(event, info)
        if theirs is not None:
            theirs(event, info)

    async def asynchronous(event: str, info: Mapping[str, Any]) -> None:
        told(event, info)
        if theirs is not None:
            await theirs(event, info)

    ours: Any = asynchronous if is_async else blocking
    setattr(ours, _THEIRS, theirs)
    request.extensions[_TRACE] = ours


def _put_back(request: Any, theirs: Any) -> None:
    if theirs is None:
        del request.extensions[_TRACE]
    else:
        request.extensions[_TRACE] = theirs
