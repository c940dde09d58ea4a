"""run_sync drives a coroutine whose ports all block: on this thread, in this context, straight through."""

from __future__ import annotations

import asyncio
import contextvars
import sys
import threading

import pytest

from beastmode_otel.runtime import BlockingRuntime, new_job, run_sync

current: contextvars.ContextVar[str] = contextvars.ContextVar("current", default="nothing")


def test_the_value_of_the_coroutine_is_returned():
    async def inner() -> int:
        return 41

    async def outer() -> int:
        return await inner() + 1

    assert run_sync(outer()) == 42


def test_an_exception_arrives_as_it_is():
    fault = ValueError("as it is")

    async def work() -> None:
        raise fault

    with pytest.raises(ValueError) as caught:
        run_sync(work())
    assert caught.value is fault


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, GeneratorExit])
def test_what_is_no_exception_arrives_too(kind: type[BaseException]):
    async def work() -> None:
        raise kind

    with pytest.raises(kind):
        run_sync(work())


def test_it_runs_on_the_callers_thread():
    async def work() -> int:
        return threading.get_ident()

    assert run_sync(work()) == threading.get_ident()


def test_context_variables_are_seen_and_what_is_set_stays():
    token = current.set("the caller's")

    async def work() -> str:
        seen = current.get()
        current.set("the work's")
        return seen

    assert run_sync(work()) == "the caller's"
    assert current.get() == "the work's"
    current.reset(token)


def test_something_that_suspends_is_an_error_and_the_coroutine_is_closed():
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            ended.append("closed")

    with pytest.raises(RuntimeError, match="asynchronous client or tier"):
        run_sync(work())
    assert ended == ["closed"]


def test_a_coroutine_that_clings_to_life_is_an_error_all_the_same():
    async def work() -> None:
        try:
            await asyncio.sleep(0)
        finally:
            await asyncio.sleep(0)

    with pytest.raises(RuntimeError):
        run_sync(work())


def test_it_works_inside_a_running_loop_and_leaves_that_loop_alone():
    async def work() -> str:
        await BlockingRuntime().sleep(0)
        return "done"

    async def main() -> tuple[str, asyncio.AbstractEventLoop]:
        return run_sync(work()), asyncio.get_running_loop()

    result, _ = asyncio.run(main())
    assert result == "done"


def test_runs_nest_and_deep_awaits_cost_no_suspension():
    async def deep(depth: int) -> int:
        return 0 if depth == 0 else 1 + await deep(depth - 1)

    async def outer() -> int:
        return run_sync(deep(50)) + await deep(50)

    assert run_sync(outer()) == 100


def test_the_frames_that_it_adds_are_one():
    async def depth() -> int:
        frame, count = sys._getframe(), 0
        while frame.f_back is not None:
            frame, count = frame.f_back, count + 1
        return count

    def here() -> int:
        frame, count = sys._getframe(), 0
        while frame.f_back is not None:
            frame, count = frame.f_back, count + 1
        return count

    assert run_sync(depth()) == here() + 1


def test_a_whole_conversation_with_the_blocking_runtime_never_suspends():
    async def work() -> str:
        job, runtime = new_job(), BlockingRuntime()

        async def load() -> str:
            await runtime.sleep(0)
            return "loaded"

        await runtime.lead(job, runtime.within(1.0, load()))
        assert await runtime.wait(job, None)
        return job.result()

    assert run_sync(work()) == "loaded"
