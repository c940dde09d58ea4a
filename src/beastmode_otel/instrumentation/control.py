"""What one call of an app says about the cache: by a header, or for a block of code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, Literal, get_args

HEADER: Final = "x-beastmode-cache"
Use = Literal["on", "off", "refresh"]
_here: ContextVar[Use] = ContextVar("beastmode-cache", default="on")


@contextmanager
def cache_control(use: Use) -> Iterator[None]:
    """What the calls inside mean by the cache: `off` passes it by, `refresh` asks again and replaces what is stored.

    Holds for this thread or task and the tasks that it starts. Raises ValueError for anything else.
    """
    if use not in get_args(Use):
        raise ValueError(f"cache_control({use!r}): use on, off or refresh")
    token = _here.set(use)
    try:
        yield
    finally:
        _here.reset(token)


def asked_of(request: Any) -> Use:
    """What this request says. The header is ours: it is taken off, so that no provider sees it."""
    said = request.headers.pop(HEADER, None) if HEADER in request.headers else None
    if said is not None and said.strip().lower() in get_args(Use):
        use: Use = said.strip().lower()
        return use
    return _here.get()
