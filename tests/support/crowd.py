"""Many callers at once, in both worlds: requests that are begun, waited for, and cancelled one by one."""

from __future__ import annotations

import asyncio
import ctypes
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Protocol

from beastmode_otel import AsyncModelRouter
from beastmode_otel.simulator import Simulator
from support.drivers import QUESTION, AsyncDriver, Result, SyncDriver

PATIENCE = 20.0


class Caller(Protocol):
    """One request that was begun."""

    def result(self) -> Result | BaseException: ...
    def cancel(self) -> None: ...


class Crowd(Protocol):
    """A driver whose requests can be begun."""

    world: str
    router: Any

    def begin(self, action: str, model: Any = "chat", **options: Any) -> Caller: ...
    def act(self, action: str, model: Any, **options: Any) -> Result | BaseException: ...
    def call(self, name: str, **options: Any) -> Any: ...
    def close(self) -> None: ...


class _Thread:
    def __init__(self, work: Callable[[], Any]) -> None:
        self._work = work
        self._found: Any = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._found = self._work()
        except BaseException as exc:  # the test looks at it
            self._found = exc

    def result(self) -> Any:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "a caller was lost"
        return self._found

    def cancel(self) -> None:
        """As by Ctrl-C; seen when the thread next runs Python code: for a thread that is waiting for the network."""
        if not self._thread.is_alive():
            return
        ident = ctypes.c_ulong(self._thread.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ident, ctypes.py_object(KeyboardInterrupt))


class SyncCrowd(SyncDriver):
    """Each caller is a thread."""

    def begin(self, action: str, model: Any = "chat", request: Any = QUESTION, **options: Any) -> Caller:
        return _Thread(lambda: getattr(self, action)(model, request, **options))

    def call(self, name: str, **options: Any) -> Any:
        return getattr(self.router, name)(**options)


class Task:
    """A caller that is a task."""

    def __init__(self, loop: asyncio.AbstractEventLoop, future: Future[Any]) -> None:
        self._loop, self._future = loop, future

    def result(self) -> Any:
        try:
            return self._future.result(PATIENCE)
        except TimeoutError as exc:
            raise AssertionError("a caller was lost") from exc

    def cancel(self) -> None:
        self._loop.call_soon_threadsafe(self.task.cancel)

    task: asyncio.Task[Any]


class AsyncCrowd(AsyncDriver):
    """Each caller is a task of one loop, which runs in a thread of its own."""

    def __init__(self, simulator: Simulator, config: Mapping[str, Any], **options: Any) -> None:
        self._simulator = simulator
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()
        self.router = AsyncModelRouter(config, **options)

    def begin(self, action: str, model: Any = "chat", request: Any = QUESTION, **options: Any) -> Caller:
        return self._begin(lambda: getattr(self, action)(model, request, **options))

    def _begin(self, work: Callable[[], Any]) -> Task:
        found: Future[Any] = Future()
        caller = Task(self.loop, found)
        made = threading.Event()

        async def run() -> None:
            try:
                found.set_result(await work())
            except BaseException as exc:  # the test looks at it
                found.set_result(exc)

        def make() -> None:
            caller.task = self.loop.create_task(run())
            made.set()

        self.loop.call_soon_threadsafe(make)
        made.wait(PATIENCE)
        return caller

    def act(self, action: str, model: Any, request: Any = QUESTION, **options: Any) -> Result | BaseException:
        return self.begin(action, model, request, **options).result()

    def call(self, name: str, **options: Any) -> Any:
        found = self._begin(lambda: getattr(self.router, name)(**options)).result()
        if isinstance(found, BaseException):
            raise found
        return found

    def close(self) -> None:
        if self._thread.is_alive():
            left = self._begin(self._closed).result()
            self.loop.call_soon_threadsafe(self.loop.stop)
            self._thread.join(PATIENCE)
            self.loop.close()
            assert left == 0, "tasks were left behind"

    async def _closed(self) -> int:
        await self.router.aclose()
        for _ in range(5):
            await asyncio.sleep(0)
        return len(asyncio.all_tasks()) - 1


CROWDS: dict[str, type[SyncCrowd] | type[AsyncCrowd]] = {"sync": SyncCrowd, "async": AsyncCrowd}


def wait_until(condition: Callable[[], Any], seconds: float = 10.0) -> None:
    """Until `condition` holds; an AssertionError when it does not come true."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.002)
