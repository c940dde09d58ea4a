"""What the libraries import at their first request, imported before: when a router or a door is made.

An import at the first request holds locks that a child of a fork in the middle of it waits for for ever, needs free
descriptors, and costs the first caller its time.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from beastmode_otel.router.upstream.library import library, options

# By name, as they are not ours: what is not installed is not needed, nor what another release calls otherwise.
_ON_LOOPS: Final = ("anyio", "anyio.lowlevel", "anyio.streams.tls", "anyio._backends._asyncio")
_ON_TRIO: Final = ("anyio._backends._trio",)


def _plain() -> dict[str, Any]:
    """Without proxies: a variable that names a broken one is told by the request that meets it, not shown here."""
    return {**options(1), "trust_env": False}


@functools.cache
def preload() -> None:
    """For our own blocking clients. Raises ImportError where there is no HTTP library."""
    library().Client(**_plain()).close()  # the library imports its transports, and what they need, for the first one
    warm()


@functools.cache
def preload_async() -> None:
    """For our own clients on event loops. Raises ImportError where there is no HTTP library."""
    library().AsyncClient(**_plain())  # has nothing open yet, and so nothing to close
    warm()
    warm_loops()


def warm() -> None:
    """What every connection needs, whoever makes it. Never raises."""
    with suppress(LookupError, UnicodeError):
        "localhost".encode("idna")  # as the name of each host


def warm_loops() -> None:
    """What connections on an event loop need. Never raises."""
    _imported((*_ON_LOOPS, *(_ON_TRIO if "trio" in sys.modules else ())))


def _imported(names: Iterable[str]) -> None:
    for name in names:
        with suppress(Exception):
            importlib.import_module(name)
