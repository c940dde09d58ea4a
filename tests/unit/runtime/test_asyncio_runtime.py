"""AsyncioRuntime: work that outlives its caller, waiters that cannot harm it, limits that end only the waiting."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Coroutine
from typing import Any

import pytest

from beastmode_otel.runtime import AsyncioRuntime, Expired, Job, new_job

runtime = AsyncioRuntime()


def run(main: Coroutine[Any, Any, Any]) -> Any:
    """asyncio.run; whatever reaches the loop's exception handler, also at its collection, fails the test."""
    complaints: list[dict[str, Any]] = []

    async def heard() -> Any:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
        return await main

    try:
        return asyncio.run(heard())
    finally:
        gc.collect()
        assert complaints == []


class Work:
    """Work that begins, waits for `go`, and ends."""

    def __init__(self, fault: BaseException | None = None) -> None:
        self.begun, self.go, self.ended = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.fault = fault

    async def __call__(self) -> str:
        self.begun.set()
        await self.go.wait()
        self.ended.set()
        if self.fault is not None:
            raise self.fault
        return "done"


def test_lead_settles_the_job_with_the_result():
    async def main() -> None:
        job, work = new_job(), Work()
        work.go.set()
        await runtime.lead(job, work())
        assert job.result(0) == "done"

    run(main())


def test_an_exception_of_the_work_is_in_the_job_and_not_raised_by_lead():
    async def main() -> None:
        job, work = new_job(), Work(ValueError("broken"))
        work.go.set()
        await runtime.lead(job, work())
        assert str(job.exception(0)) == "broken"

    run(main())


def test_work_that_is_cancelled_from_inside_settles_the_job_and_reaches_the_leader():
    async def main() -> None:
        job, work = new_job(), Work(asyncio.CancelledError())
        work.go.set()
        with pytest.raises(asyncio.CancelledError):
            await runtime.lead(job, work())
        assert isinstance(job.exception(0), asyncio.CancelledError)

    run(main())


def test_work_survives_the_cancellation_of_its_caller():
    async def main() -> None:
        job, work = new_job(), Work()
        caller = asyncio.create_task(runtime.lead(job, work()))
        await work.begun.wait()
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller
        assert not job.done()
        work.go.set()
        assert await runtime.wait(job, 5)
        assert job.result(0) == "done"

    run(main())


def test_work_whose_caller_has_left_survives_a_garbage_collection():
    """The loop keeps only weak references to tasks; the runtime keeps the real one."""
    waits_for: list[weakref.ref[asyncio.Future[str]]] = []

    async def work() -> str:
        only_here = asyncio.get_running_loop().create_future()  # work and future hold each other, and nobody else does
        waits_for.append(weakref.ref(only_here))
        return await only_here

    async def main() -> None:
        job = new_job()
        caller = asyncio.create_task(runtime.lead(job, work()))
        while not waits_for:
            await asyncio.sleep(0)
        caller.cancel()
        await asyncio.wait({caller})
        del caller
        gc.collect()
        future = waits_for[0]()
        assert future is not None
        future.set_result("done")
        assert await runtime.wait(job, 5)
        assert job.result(0) == "done"

    run(main())


def test_a_failure_after_the_caller_and_every_waiter_have_left_is_never_complained_about():
    """No "Future exception was never retrieved", no "Task exception was never retrieved"."""

    async def main() -> None:
        job, work = new_job(), Work(ValueError("nobody is here to see this"))
        caller = asyncio.create_task(runtime.lead(job, work()))
        waiters = [asyncio.create_task(runtime.wait(job, None)) for _ in range(3)]
        await work.begun.wait()
        for task in (caller, *waiters):
            task.cancel()
        await asyncio.wait({caller, *waiters})
        work.go.set()
        await work.ended.wait()
        while not job.done():
            await asyncio.sleep(0)
        del caller, waiters, work, job
        gc.collect()

    run(main())


def test_a_waiters_cancel_does_not_reach_the_job():
    async def main() -> None:
        job, work = new_job(), Work()
        leader = asyncio.create_task(runtime.lead(job, work()))
        waiter = asyncio.create_task(runtime.wait(job, None))
        wrapped = asyncio.wrap_future(job)
        await work.begun.wait()
        waiter.cancel()
        wrapped.cancel()  # a plain future would be cancelled by this, for everybody
        await asyncio.wait({waiter})
        assert job.cancel() is False
        assert not job.cancelled()
        work.go.set()
        await leader
        assert job.result(0) == "done"

    run(main())


def test_waiting_gives_up_after_its_timeout_and_the_work_goes_on():
    async def main() -> None:
        job, work = new_job(), Work()
        leader = asyncio.create_task(runtime.lead(job, work()))
        await work.begun.wait()
        assert await runtime.wait(job, 0.01) is False
        assert not job.done()
        work.go.set()
        assert await runtime.wait(job, None) is True
        await leader

    run(main())


def test_waiting_for_a_settled_job_returns_at_once_and_raises_nothing():
    async def main() -> None:
        job = new_job()
        job.set_exception(ValueError("its owner's business"))
        assert await runtime.wait(job, 0) is True

    run(main())


def test_a_job_settled_by_a_thread_wakes_every_waiter():
    async def main() -> None:
        job, waiting = new_job(), threading.Event()
        thread = threading.Thread(target=lambda: (waiting.wait(5), job.set_result("from a thread")))
        thread.start()
        waiters = [asyncio.create_task(runtime.wait(job, 5)) for _ in range(5)]
        await asyncio.sleep(0)
        waiting.set()
        assert await asyncio.gather(*waiters) == [True] * 5
        thread.join()

    run(main())


@pytest.mark.parametrize("fault", [None, ValueError("too late")])
def test_a_job_settled_after_its_waiters_loop_was_closed_raises_nothing_anywhere(
    fault: Exception | None, caplog: pytest.LogCaptureFixture
):
    job: Job[str] = new_job()
    run(runtime.wait(job, 0.001))  # its loop is closed now, its callback is still on the job
    if fault is None:
        job.set_result("too late")
    else:
        job.set_exception(fault)
    gc.collect()
    assert caplog.records == []


def test_work_cut_off_by_the_end_of_asyncio_run_settles_its_job():
    """A blocking waiter on another thread would otherwise wait for ever."""
    job: Job[str] = new_job()

    async def main() -> asyncio.Task[None]:
        work = Work()
        leader = asyncio.create_task(runtime.lead(job, work()))
        await work.begun.wait()
        return leader

    run(main())
    assert isinstance(job.exception(0), asyncio.CancelledError)


def test_work_cut_off_before_its_first_step_settles_its_job_and_leaves_no_unawaited_coroutine():
    job: Job[str] = new_job()
    leaders: list[asyncio.Task[None]] = []

    async def work() -> None:
        raise AssertionError("not reached")

    async def main() -> None:
        leaders.append(asyncio.create_task(runtime.lead(job, work())))

    run(main())
    gc.collect()
    assert isinstance(job.exception(0), asyncio.CancelledError)


def test_may_wait_for_a_leader_on_my_own_loop_since_waiting_lets_it_go_on():
    async def main() -> None:
        job, work = new_job(), Work()
        leader = asyncio.create_task(runtime.lead(job, work()))
        await work.begun.wait()
        assert runtime.may_wait(job)
        work.go.set()
        await leader

    run(main())


def test_may_not_wait_for_a_blocking_leader_below_me_on_the_stack():
    """Blocking code leads a job, and its work runs an event loop: who waits there waits for itself."""
    job = new_job()

    async def main() -> bool:
        return runtime.may_wait(job)

    assert run(main()) is False
    job.set_result(None)
    assert run(main()) is True


def test_may_wait_for_a_blocking_leader_on_another_thread():
    made: list[Job[None]] = []
    thread = threading.Thread(target=lambda: made.append(new_job()))
    thread.start()
    thread.join()

    async def main() -> bool:
        return runtime.may_wait(made[0])

    assert run(main()) is True


def test_within_gives_the_result():
    async def main() -> None:
        work = Work()
        work.go.set()
        assert await runtime.within(5, work()) == "done"

    run(main())


def test_within_stops_the_work_when_its_time_is_up():
    async def main() -> None:
        work = Work()
        with pytest.raises(Expired):
            await runtime.within(0.01, work())
        assert work.begun.is_set()
        assert not work.ended.is_set()

    run(main())


def test_a_timeout_of_the_work_itself_is_not_mistaken_for_the_limit():
    async def main() -> None:
        work = Work(TimeoutError("the work's own"))
        work.go.set()
        with pytest.raises(TimeoutError, match="the work's own"):
            await runtime.within(5, work())

    run(main())


def test_a_cancellation_from_outside_passes_through_within():
    async def main() -> None:
        work = Work()
        task = asyncio.create_task(runtime.within(5, work()))
        await work.begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())


def test_sleep_lets_others_run():
    async def main() -> None:
        order: list[str] = []

        async def other() -> None:
            order.append("other")

        task = asyncio.create_task(other())
        await runtime.sleep(0.001)
        order.append("sleeper")
        await task
        assert order == ["other", "sleeper"]

    run(main())
