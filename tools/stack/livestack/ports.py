"""Ports that stay ours: a program that was stopped finds its own free when it starts again."""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack
from typing import Final

# Below the range that systems hand out to outgoing connections, one of which might otherwise take a port of ours
# while its program is down.
_FROM, _TO = 20_000, 32_000
_TRIES: Final = 1_000


def free_ports(count: int) -> list[int]:
    """Different loopback ports that nobody listens on. Raises OSError when there are none."""
    found: list[int] = []
    with ExitStack() as held:
        for port in random.sample(range(_FROM, _TO), _TRIES):
            if len(found) == count:
                return found
            trial = held.enter_context(socket.socket())
            try:
                trial.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    raise OSError(f"no {count} free ports between {_FROM} and {_TO}")
