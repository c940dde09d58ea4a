"""Who has raised an exception that came out of a call: the HTTP library and the system below it, or somebody else.

A signal's handler raises wherever the main thread happens to be: Celery's soft time limit, RQ's, `signal.alarm`. So do
event hooks and `auth` of a client that a team has passed in. What they raise is no answer about a deployment.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from types import CodeType, TracebackType
from typing import Any, Final

from beastmode_otel.errors.tree import BeastModeError

_HTTP: Final = frozenset(
    {
        *("httpx", "httpx2", "httpx_aiohttp", "httpcore", "httpcore2", "h11", "h2", "hpack", "hyperframe"),
        *("aiohttp", "anyio", "trio", "sniffio", "socksio", "idna", "certifi", "truststore"),
        *("zlib", "brotli", "brotlicffi", "zstandard"),
    }
)
# Where these raise something built in (a closed client, a bad header, a foreign event loop), they mean it.
_BELOW: Final = _HTTP | {"asyncio", "encodings", "socket", "ssl", "selectors", "http", "urllib"}
_MOST_CAUSES: Final = 32


def somebody_elses(exc: Exception) -> Exception | None:
    """What to raise in its place where `exc` is no failure of a try: itself, or what a library has wrapped.

    No memory, or no room on the stack, is about this process. None for errors of the HTTP libraries and of the system
    (OSError: sockets, TLS, DNS), and for ours. The system's errors are somebody else's too when a signal's handler
    raises them, as `TimeoutError` is often used.
    """
    by_signal = raised_by_signal(exc)
    if by_signal is not None:
        return by_signal
    if isinstance(exc, MemoryError | RecursionError):  # of this process, wherever it was raised: no spare will help
        return exc
    if isinstance(exc, BeastModeError | OSError) or any(_root(kind.__module__) in _HTTP for kind in type(exc).__mro__):
        return None
    return None if type(exc).__module__ == "builtins" and _raised_in(exc.__traceback__) in _BELOW else exc


def raised_by_signal(exc: Exception) -> Exception | None:
    """`exc`, or what it was raised from, if the handler of a signal raised that."""
    if threading.current_thread() is not threading.main_thread():
        return None
    codes: set[CodeType] | None = None
    for link in _causes(exc):
        if codes is None:
            codes = set(_handlers())
        trace = link.__traceback__
        while trace is not None and codes:
            if trace.tb_frame.f_code in codes:
                return link
            trace = trace.tb_next
    return None


def _causes(exc: Exception) -> Iterator[Exception]:
    """As libraries map exceptions: by `raise … from`, or httpcore's `ReadTimeout(exc)`, whose cause it takes away.

    Never by a context, which may be anything that was being handled before the call.
    """
    link: Any = exc
    for _ in range(_MOST_CAUSES):
        if not isinstance(link, Exception):
            return
        yield link
        link = link.__cause__ or next(iter(link.args), None)


def _handlers() -> Iterator[CodeType]:
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        if callable(handler):
            handler = getattr(handler, "func", handler)  # of a functools.partial
            code = getattr(handler, "__code__", None) or getattr(type(handler).__call__, "__code__", None)
            if isinstance(code, CodeType):
                yield code


def _raised_in(trace: TracebackType | None) -> str:
    """The package of the innermost frame."""
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else _root(str(trace.tb_frame.f_globals.get("__name__", "")))


def _root(module: str) -> str:
    return module.partition(".")[0]
