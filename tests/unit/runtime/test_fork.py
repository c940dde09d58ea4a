"""in_child: what must be forgotten is forgotten in each child, as long as its object lives."""

from __future__ import annotations

import gc
import os
import weakref

import pytest

from beastmode_otel.runtime import in_child

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # 3.12 warns when other tests left threads behind
]


class Remembers:
    def __init__(self) -> None:
        self.memories = ["the parent's"]
        in_child(self.forget)

    def forget(self) -> None:
        self.memories = []


def status_of(child: object) -> int:
    pid = os.fork()
    if pid == 0:
        os._exit(3 if child() else 0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_the_child_forgets_and_the_parent_does_not():
    one = Remembers()
    assert status_of(lambda: one.memories == []) == 3
    assert one.memories == ["the parent's"]


def test_it_keeps_nothing_alive_and_a_dead_object_harms_no_fork():
    one = Remembers()
    gone = weakref.ref(one)
    del one
    gc.collect()
    assert gone() is None
    assert status_of(lambda: True) == 3
