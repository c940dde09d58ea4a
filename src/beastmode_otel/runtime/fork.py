"""What a forked child must forget: threads that did not come along, locks that nobody will release, shared sockets."""

from __future__ import annotations

import os
import weakref
from collections.abc import Callable


def in_child(forget: Callable[[], None]) -> None:
    """Call the bound method `forget` in every child forked from now on, as long as its object lives."""
    if not hasattr(os, "register_at_fork"):
        return
    reference = weakref.WeakMethod(forget)

    def run() -> None:
        method = reference()
        if method is not None:
            method()

    os.register_at_fork(after_in_child=run)
