"""What both faces of the engine share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from beastmode_otel.config.settings import Timeouts, Ttl
from beastmode_otel.engine import Answer, CacheUse, StreamCore, answer_of
from beastmode_otel.errors import RequestError


class RouteOptions(TypedDict, total=False):
    """The keywords of `route` and `stream`; what is left out has engine.Question's default.

    tenant: whom the request is for, the router's own if None. labels: the configured allow-list's values;
    others are not counted, which the log says once.
    timeout: total seconds, or a mapping such as {"total": 60, "read": 20}.
    cache: on (the default); off (neither asked nor filled); refresh (only filled); only (nobody else is asked).
    ttl: seconds for which the answer may be served, or a function that is given the Answer and returns them, or None
    for not storing it. max_age: seconds; a stored answer that is older is a miss for this call, and replaced.
    no_store: asked as usual, but the answer is not stored. tags: names to invalidate it by.
    """

    tenant: str | None
    labels: Mapping[str, str] | None
    timeout: float | Mapping[str, float] | Timeouts | None
    cache: CacheUse
    ttl: Ttl
    max_age: float | None
    no_store: bool
    tags: Sequence[str]


def askers(concurrency: int) -> int:
    """How many ask at once. Raises RequestError for what is no number of them."""
    if not isinstance(concurrency, int) or isinstance(concurrency, bool) or concurrency < 1:
        raise RequestError(f"concurrency is {concurrency!r:.40}", hints=("pass a whole number from 1",))
    return concurrency


def answer_so_far(core: StreamCore | None) -> Answer:
    """Everything that a stream has brought."""
    if core is None:
        raise RuntimeError("the stream is not open yet: await it, or enter it with `async with`")
    return answer_of(core.model, core.ending, core.source)


def orphan(core: StreamCore | None) -> None:
    """For finalizers: an append and nothing else (see OpenStreams)."""
    if core is not None:
        core.orphan()
