"""BlockingRuntime: the same promises kept by blocking the caller's thread, and the deadlock that may_wait avoids."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from beastmode_otel.runtime import AsyncioRuntime, BlockingRuntime, Job, WorkerPool, new_job, run_sync

runtime = BlockingRuntime()


def in_thread(work: Callable[[], Any]) -> Any:
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(work()))
    thread.start()
    thread.join(5)
    return found[0]


async def value(result: Any) -> Any:
    return result


async def raising(fault: BaseException) -> None:
    raise fault


def test_lead_runs_the_work_on_this_thread_and_settles_the_job():
    async def where() -> int:
        return threading.get_ident()

    job = new_job()
    run_sync(runtime.lead(job, where()))
    assert job.result(0) == threading.get_ident()


def test_an_exception_of_the_work_is_in_the_job_and_not_raised_by_lead():
    job, fault = new_job(), ValueError("broken")
    run_sync(runtime.lead(job, raising(fault)))
    assert job.exception(0) is fault


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception_is_raised_and_in_the_job_so_that_a_waiter_can_take_over(kind: type[BaseException]):
    job = new_job()
    with pytest.raises(kind):
        run_sync(runtime.lead(job, raising(kind())))
    assert isinstance(job.exception(0), kind)


def test_waiting_ends_when_another_thread_settles_the_job_and_raises_nothing():
    job = new_job()
    assert run_sync(runtime.wait(job, 0)) is False
    thread = threading.Thread(target=lambda: job.set_exception(ValueError("its owner's business")))
    thread.start()
    assert run_sync(runtime.wait(job, None)) is True
    thread.join()


def test_waiting_gives_up_after_its_timeout_and_the_work_goes_on():
    go = threading.Event()
    pool = WorkerPool(size=1)
    job = pool.submit(lambda: go.wait(5))
    assert run_sync(runtime.wait(job, 0.01)) is False
    go.set()
    assert run_sync(runtime.wait(job, 5)) is True
    assert job.result(0) is True
    pool.close()


def test_a_timeout_that_the_work_raised_is_not_mistaken_for_the_waiters():
    job = new_job()
    job.set_exception(TimeoutError("the work's own"))
    assert run_sync(runtime.wait(job, 0)) is True


def test_a_waiters_cancel_cannot_reach_a_job():
    job = new_job()
    assert job.cancel() is False
    job.set_result("still works")
    assert job.result(0) == "still works"


def test_may_not_wait_for_a_leader_below_me_on_my_own_thread():
    assert runtime.may_wait(new_job()) is False


def test_may_wait_for_a_leader_on_another_thread():
    assert runtime.may_wait(in_thread(new_job)) is True
    mine = new_job()
    assert in_thread(lambda: runtime.may_wait(mine)) is True


def test_may_not_wait_for_a_task_of_the_loop_that_runs_on_my_own_thread():
    """Synchronous code inside a coroutine: blocking here stops the very loop that the leader needs."""

    async def main() -> None:
        job, go = new_job(), asyncio.Event()
        leader = asyncio.create_task(AsyncioRuntime().lead(job, go.wait()))
        await asyncio.sleep(0)
        assert runtime.may_wait(job) is False
        assert await asyncio.to_thread(runtime.may_wait, job) is True  # off the loop, nothing is blocked
        go.set()
        await leader
        assert runtime.may_wait(job) is True

    asyncio.run(main())


def test_a_thread_may_wait_for_an_asyncio_leader_and_gets_its_result():
    async def main() -> str:
        job, go = new_job(), asyncio.Event()

        async def work() -> str:
            await go.wait()
            return "led on the loop"

        def waiter() -> str:
            loop.call_soon_threadsafe(go.set)
            assert run_sync(runtime.wait(job, 5))
            return job.result(0)

        loop = asyncio.get_running_loop()
        leader = asyncio.create_task(AsyncioRuntime().lead(job, work()))
        found = await asyncio.to_thread(waiter)
        await leader
        return found

    assert asyncio.run(main()) == "led on the loop"


def test_an_asyncio_task_may_wait_for_a_blocking_leader_on_another_thread():
    led, go = threading.Event(), threading.Event()
    made: list[Job[str]] = []

    def leader() -> None:
        job = new_job()
        made.append(job)
        led.set()
        go.wait(5)
        run_sync(runtime.lead(job, value("led by a thread")))

    async def main() -> str:
        await asyncio.to_thread(led.wait, 5)
        waits = AsyncioRuntime()
        assert waits.may_wait(made[0])
        go.set()
        assert await waits.wait(made[0], 5)
        return made[0].result(0)

    thread = threading.Thread(target=leader)
    thread.start()
    assert asyncio.run(main()) == "led by a thread"
    thread.join()


def test_may_wait_for_work_that_i_gave_to_a_pool_but_not_from_inside_it():
    pool, go = WorkerPool(size=1), threading.Event()
    inside: list[bool] = []
    given: list[Job[bool]] = []

    def work() -> bool:
        go.wait(5)
        inside.append(runtime.may_wait(given[0]))
        return True

    given.append(pool.submit(work))
    assert runtime.may_wait(given[0]) is True
    go.set()
    assert run_sync(runtime.wait(given[0], 5))
    assert inside == [False]
    pool.close()


def test_within_cannot_interrupt_blocking_work_and_gives_its_result():
    assert run_sync(runtime.within(0.0, value("took as long as it took"))) == "took as long as it took"
    with pytest.raises(ValueError, match="broken"):
        run_sync(runtime.within(5, raising(ValueError("broken"))))


def test_sleep_blocks_this_thread():
    started = time.monotonic()
    run_sync(runtime.sleep(0.02))
    assert time.monotonic() - started >= 0.02
