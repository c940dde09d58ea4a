"""What one call of an app says about the cache: by a header, or for a block of code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Literal, get_args

HEADER: Final = "x-beastmode-cache"
_SAID: Final = "beastmode.cache"  # kept with the request, which may be sent again, or elsewhere by a redirect
Use = Literal["on", "off", "refresh"]
_USES: Final = get_args(Use)
_here: ContextVar[Use] = ContextVar("beastmode-cache", default="on")


@contextmanager
def cache_control(use: Use) -> Iterator[None]:
    """What the calls inside mean by the cache: `off` passes it by, `refresh` asks again and replaces what is stored.

    Holds for this thread or task and the tasks that it starts. Raises ValueError for anything else.
    """
    if use not in _USES:
        raise ValueError(f"cache_control({use!r}): use on, off or refresh")
    token = _here.set(use)
    try:
        yield
    finally:
        _here.reset(token)


def asked_of(request: Any) -> Use:
    """What this request says. The header is ours: it is taken off, so that no provider sees it. Never raises.

    A header outranks the block of code. A value that nobody knows counts as `off`: it was meant to say something.
    """
    try:
        if HEADER in request.headers:
            said = request.headers.pop(HEADER).strip().lower()
            request.extensions[_SAID] = said if said in _USES else "off"
        use: Use = request.extensions.get(_SAID) or _here.get()
        return use
    except Exception:  # noqa: BLE001  (a request of its own kind)
        return "off"
