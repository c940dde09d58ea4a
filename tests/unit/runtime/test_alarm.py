"""Alarms: each rings once at its time unless it was cancelled, and the thread is there only while it is needed."""

from __future__ import annotations

import os
import threading
import time

from beastmode_otel.runtime import Alarms
from support.crowd import wait_until


def threads() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "beastmode-alarm"}


def test_they_ring_in_the_order_of_their_times():
    alarms, rung = Alarms(), []
    for seconds in (0.15, 0.05, 0.1):
        alarms.after(seconds, lambda seconds=seconds: rung.append(seconds))
    wait_until(lambda: len(rung) == 3)
    assert rung == [0.05, 0.1, 0.15]


def test_one_that_is_cancelled_does_not_ring():
    alarms, rung = Alarms(), []
    early, late = (alarms.after(seconds, lambda: rung.append(1)) for seconds in (0.05, 0.1))
    early.cancel()
    early.cancel()
    wait_until(lambda: bool(rung))
    assert rung == [1]
    late.cancel()


def test_one_that_raises_does_not_keep_the_others_from_ringing():
    alarms, rung = Alarms(), []
    alarms.after(0.01, lambda: 1 / 0)
    alarms.after(0.02, lambda: rung.append(1))
    wait_until(lambda: bool(rung))


def test_the_thread_ends_when_no_alarm_is_set_and_comes_back():
    before = threads()
    alarms, rung = Alarms(), []
    for _ in range(2):
        alarms.after(60.0, lambda: rung.append(0)).cancel()
        alarms.after(0.01, lambda: rung.append(1))
        assert len(threads() - before) == 1
        wait_until(lambda: not threads() - before)
    assert rung == [1, 1]


def test_one_that_is_cancelled_keeps_neither_the_thread_nor_itself():
    before, alarms = threads(), Alarms()
    alarm = alarms.after(60.0, lambda: None)
    time.sleep(0.05)  # the thread waits for it
    alarm.cancel()
    wait_until(lambda: not threads() - before)


def test_of_many_threads_each_gets_its_own():
    alarms, rung = Alarms(), []

    def some() -> None:
        kept = [alarms.after(0.05, lambda: rung.append(threading.get_ident())) for _ in range(50)]
        for alarm in kept[::2]:
            alarm.cancel()

    crowd = [threading.Thread(target=some) for _ in range(8)]
    for one in crowd:
        one.start()
    for one in crowd:
        one.join()
    wait_until(lambda: len(rung) >= 200)
    time.sleep(0.05)
    assert len(rung) == 200


def test_a_child_after_fork_has_none_and_can_set_some():
    alarms = Alarms()
    alarms.after(60.0, lambda: None)
    ours, theirs = os.pipe()
    child = os.fork()
    if not child:
        alarms.after(0.01, lambda: os.write(theirs, b"rung"))
        time.sleep(5.0)
        os._exit(0)
    try:
        assert os.read(ours, 4) == b"rung"
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
