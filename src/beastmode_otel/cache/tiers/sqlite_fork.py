"""Round a fork: SQLite's connections must be closed before it, not only forgotten by the child.

A process remembers per file which locks it holds. A child inherits the memory but not the locks: its own new connection
would believe that it holds the parent's, and when the parent closes, SQLite deletes the log under the child's feet:
what the child wrote is lost (reproduced, tests/integration/test_sqlite_tier.py; https://www.sqlite.org/howtocorrupt.html
2.6). With no connection open at the moment of the fork there is nothing to inherit.
"""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable
from typing import Protocol

from beastmode_otel.runtime import in_child


class Forkable(Protocol):
    def before_fork(self) -> None: ...
    def after_fork_in_parent(self) -> None: ...
    def after_fork_in_child(self) -> None: ...


def round_forks(one: Forkable) -> None:
    """Tell `one` of every fork of this process from now on, as long as it lives."""
    if not hasattr(os, "register_at_fork"):
        return
    os.register_at_fork(before=_weakly(one.before_fork), after_in_parent=_weakly(one.after_fork_in_parent))
    in_child(one.after_fork_in_child)


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    reference = weakref.WeakMethod(method)

    def run() -> None:
        alive = reference()
        if alive is not None:
            alive()

    return run
