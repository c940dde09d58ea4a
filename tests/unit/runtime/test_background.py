"""The pool: bounded background threads that finish what they took, in this process and at its exit."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import beastmode_otel
from beastmode_otel.runtime import PoolFull, WorkerPool

INSTALLED = Path(beastmode_otel.__file__).parents[1]  # also where the tests run against a wheel
current: contextvars.ContextVar[str] = contextvars.ContextVar("current", default="nothing")


class Gate:
    """A job that says when it has begun and ends when it is told to."""

    def __init__(self) -> None:
        self.begun, self.open = threading.Event(), threading.Event()

    def __call__(self) -> str:
        self.begun.set()
        assert self.open.wait(10)
        return "through"


def never_opened() -> None:
    raise AssertionError("not reached")


def pool_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "beastmode-background"]


@pytest.fixture
def pool() -> Iterator[Callable[..., WorkerPool]]:
    """Makes pools; all of their threads have ended after the test."""
    before, made = set(pool_threads()), []

    def make(**options: float) -> WorkerPool:
        made.append(WorkerPool(**options))
        return made[-1]

    yield make
    for each in made:
        assert each.close()
    assert set(pool_threads()) <= before


def script(source: str) -> str:
    """What a script of its own process prints; it must exit cleanly and say nothing on stderr."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", source],
        env={"PYTHONPATH": str(INSTALLED)},
        capture_output=True,
        timeout=20,
    )
    assert (done.returncode, done.stderr.decode()) == (0, "")
    return done.stdout.decode()


def test_the_job_carries_the_result(pool: Callable[..., WorkerPool]):
    assert pool().submit(lambda: threading.current_thread().name).result(5) == "beastmode-background"


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_the_job_carries_what_the_work_raises_and_the_thread_lives_on(
    pool: Callable[..., WorkerPool], kind: type[BaseException]
):
    one = pool(size=1)

    def fail() -> None:
        raise kind("broken")

    assert isinstance(one.submit(fail).exception(5), kind)
    assert one.submit(lambda: "still here").result(5) == "still here"


def test_the_context_of_the_caller_comes_along_and_nothing_comes_back(pool: Callable[..., WorkerPool]):
    def work() -> str:
        seen = current.get()
        current.set("the work's")
        return seen

    token = current.set("the caller's")
    job = pool(size=1).submit(work)
    current.reset(token)
    assert job.result(5) == "the caller's"
    assert current.get() == "nothing"


def test_no_thread_is_started_before_there_is_work(pool: Callable[..., WorkerPool]):
    before = len(pool_threads())
    one = pool()
    assert len(pool_threads()) == before
    one.submit(lambda: None).result(5)
    assert len(pool_threads()) == before + 1


def test_as_many_jobs_run_at_once_as_the_pool_is_wide_and_no_more(pool: Callable[..., WorkerPool]):
    one, gates = pool(size=3), [Gate() for _ in range(4)]
    jobs = [one.submit(gate) for gate in gates]
    assert all(gate.begun.wait(5) for gate in gates[:3])
    assert not gates[3].begun.wait(0.02)
    for gate in gates:
        gate.open.set()
    assert [job.result(5) for job in jobs] == ["through"] * 4


def test_two_jobs_that_need_each_other_both_run_although_one_thread_was_idle(pool: Callable[..., WorkerPool]):
    one = pool(size=2)
    for _ in range(50):
        meeting = threading.Barrier(2)
        jobs = [one.submit(lambda meeting=meeting: meeting.wait(5)) for _ in range(2)]
        assert {job.result(5) for job in jobs} == {0, 1}


def test_a_full_pool_refuses_at_once_and_counts(pool: Callable[..., WorkerPool]):
    one, gate = pool(size=1, backlog=2), Gate()
    one.submit(gate)
    assert gate.begun.wait(5)
    waiting = [one.submit(lambda: "done") for _ in range(2)]
    for _ in range(3):
        with pytest.raises(PoolFull):
            one.submit(never_opened)
    assert one.rejected == 3
    gate.open.set()
    assert [job.result(5) for job in waiting] == ["done", "done"]
    assert one.submit(lambda: "room again").result(5) == "room again"


def test_drain_waits_for_all_that_was_taken(pool: Callable[..., WorkerPool]):
    one, done = pool(size=2), []
    for number in range(100):
        one.submit(lambda number=number: done.append(number))
    assert one.drain(5) is True
    assert sorted(done) == list(range(100))


def test_drain_gives_up_after_its_timeout(pool: Callable[..., WorkerPool]):
    one, gate = pool(size=1), Gate()
    one.submit(gate)
    assert one.drain(0.01) is False
    gate.open.set()
    assert one.drain(5) is True


def test_drain_of_an_unused_pool_is_done_at_once(pool: Callable[..., WorkerPool]):
    assert pool().drain(0) is True


def test_close_finishes_the_work_and_ends_the_threads(pool: Callable[..., WorkerPool]):
    before, one, done = set(pool_threads()), pool(size=4), []
    for number in range(20):
        one.submit(lambda number=number: done.append(number))
    assert one.close() is True
    assert len(done) == 20
    assert set(pool_threads()) == before


def test_a_closed_pool_can_be_used_again(pool: Callable[..., WorkerPool]):
    one = pool(size=1)
    for _ in range(3):
        assert one.submit(lambda: "works").result(5) == "works"
        assert one.close() is True


def test_close_keeps_to_its_timeout_also_with_a_full_backlog_and_the_rest_is_still_done(
    pool: Callable[..., WorkerPool],
):
    one, gate = pool(size=1, backlog=1), Gate()
    one.submit(gate)
    assert gate.begun.wait(5)
    behind = one.submit(lambda: "done after all")
    closing = threading.Thread(target=lambda: one.close(0.01))
    closing.start()
    closing.join(5)
    assert not closing.is_alive()
    assert one.submit(lambda: "a new thread").result(5) == "a new thread"
    gate.open.set()
    assert behind.result(5) == "done after all"


def test_a_job_may_submit_and_close_the_pool_it_runs_on(pool: Callable[..., WorkerPool]):
    one = pool(size=1)

    def work() -> bool:
        one.submit(lambda: None)
        return one.close(0.01)  # it waits for itself: not drained, and no deadlock

    assert one.submit(work).result(5) is False


def test_an_idle_pool_keeps_no_object_of_its_last_job_alive(pool: Callable[..., WorkerPool]):
    class Held:
        pass

    one, held = pool(size=1), Held()
    let_go = threading.Event()
    weakref.finalize(held, let_go.set)
    job = one.submit(lambda held=held: None)
    job.result(5)
    del held, job
    gc.collect()
    assert let_go.wait(5)


def test_concurrent_submitters_lose_nothing(pool: Callable[..., WorkerPool]):
    one, done, start = pool(size=4, backlog=10_000), [], threading.Barrier(8)

    def submitter(name: int) -> None:
        start.wait(5)
        for number in range(200):
            one.submit(lambda number=number: done.append((name, number)))

    threads = [threading.Thread(target=submitter, args=(name,)) for name in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert one.drain(10)
    assert len(done) == 1600


def test_close_racing_with_submit_strands_no_job(pool: Callable[..., WorkerPool]):
    one, jobs, stop = pool(size=2), [], threading.Event()

    def closer() -> None:
        while not stop.is_set():
            one.close()

    thread = threading.Thread(target=closer)
    thread.start()
    for _ in range(300):
        jobs.append(one.submit(lambda: "done"))
    stop.set()
    thread.join(5)
    assert [job.result(5) for job in jobs] == ["done"] * 300


def test_work_pending_when_asyncio_run_ends_is_still_done(pool: Callable[..., WorkerPool]):
    one, gate, done = pool(size=1), Gate(), []

    async def main() -> None:
        one.submit(gate)
        one.submit(lambda: done.append("written"))

    asyncio.run(main())
    assert done == []
    gate.open.set()
    assert one.drain(5)
    assert done == ["written"]


def test_the_pool_is_drained_when_the_interpreter_exits():
    printed = script(
        """
import asyncio, threading, time
from beastmode_otel.runtime import WorkerPool
pool, over = WorkerPool(size=1), threading.Event()
async def main():
    for n in range(3):
        pool.submit(lambda n=n: (over.wait(), time.sleep(0.02), print("written", n, flush=True)))
asyncio.run(main())
print("main is over", flush=True)
over.set()
"""
    )
    assert printed.splitlines() == ["main is over", "written 0", "written 1", "written 2"]


def test_exit_waits_no_longer_than_the_limit_for_work_that_hangs():
    assert "over" in script(
        """
import threading
from beastmode_otel.runtime import WorkerPool
pool = WorkerPool(size=1, at_exit=0.05)
pool.submit(lambda: threading.Event().wait())
print("over", flush=True)
"""
    )


def test_work_submitted_by_an_exit_handler_is_done_too():
    assert script(
        """
import atexit
from beastmode_otel.runtime import WorkerPool
pool = WorkerPool(size=1)
atexit.register(lambda: pool.submit(lambda: print("late but done", flush=True)))
"""
    ).splitlines() == ["late but done"]


def test_a_queue_of_which_only_the_outside_is_known_is_enough():
    """gevent replaces `queue.Queue` by one without `unfinished_tasks` and `all_tasks_done`."""
    printed = script(
        """
import queue
class Patched:
    def __init__(self, maxsize=0):
        inner = queue.SimpleQueue()
        self.put, self.get, self.get_nowait, self.qsize = inner.put, inner.get, inner.get_nowait, inner.qsize
    def task_done(self): pass
queue.Queue = Patched
from beastmode_otel.runtime import WorkerPool
pools = [WorkerPool(str(number)) for number in range(2)]
assert pools[0].submit(lambda: "done").result(5) == "done"
assert pools[0].close() is True
for pool in pools:
    pool.submit(lambda: print("at exit", flush=True))
"""
    )
    assert printed.splitlines() == ["at exit"] * 2


def test_pools_share_the_time_that_exit_may_take():
    """One that hangs costs it once, and the work of the others is done meanwhile, whatever the order."""
    began = time.monotonic()
    printed = script(
        """
import threading, time
from beastmode_otel.runtime import WorkerPool
pools = [WorkerPool(str(number), size=1, at_exit=1.5) for number in range(5)]
for number, pool in enumerate(pools):
    hang, write = threading.Event().wait, lambda: (time.sleep(0.2), print("written", flush=True))
    pool.submit(write if number == 2 else hang)
"""
    )
    assert printed.splitlines() == ["written"]
    assert time.monotonic() - began < 5 * 1.5


needs_fork = pytest.mark.skipif(sys.platform == "win32", reason="there is no fork")


@needs_fork
def test_a_forked_child_starts_empty_works_and_leaves_the_parents_work_to_the_parent():
    printed = script(
        """
import os, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of fork with threads, which is the point here
from beastmode_otel.runtime import WorkerPool
pool, begun, go = WorkerPool(size=1), threading.Event(), threading.Event()
pool.submit(lambda: (begun.set(), go.wait(10)))
parent = os.getpid()
pool.submit(lambda: print("the parent's work, by", "the parent" if os.getpid() == parent else "a child", flush=True))
begun.wait(10)
child = os.fork()
if child == 0:
    assert pool.drain(0) is True, "the child has inherited work"
    assert pool.submit(lambda: threading.current_thread().name).result(5) == "beastmode-background"
    assert pool.close() is True
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
go.set()
assert pool.close() is True
"""
    )
    assert printed.splitlines() == ["the parent's work, by the parent"]


@needs_fork
def test_a_child_forked_while_the_pools_lock_is_held_is_not_stuck():
    script(
        """
import os, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
from beastmode_otel.runtime import WorkerPool
pool, stop = WorkerPool(size=2, backlog=100_000), threading.Event()
def busy():
    while not stop.is_set():
        pool.submit(lambda: None).result(5)
threads = [threading.Thread(target=busy) for _ in range(2)]
for thread in threads: thread.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        os._exit(0 if pool.submit(lambda: 7).result(5) == 7 else 1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads: thread.join()
assert pool.close()
"""
    )
