"""Waiting: the only room that knows asyncio from blocking threads.

Orchestration is written once, as `async def`, and never touches an event loop: whatever can wait stands behind a
port of this room. Async callers await it; sync callers drive the same coroutine with `run_sync`.
"""

from beastmode_otel.runtime.alarm import Alarm, Alarms
from beastmode_otel.runtime.background import PoolFull, WorkerPool
from beastmode_otel.runtime.fork import in_child
from beastmode_otel.runtime.ports import Expired, Job, Runtime, Stream, new_job, running_loop
from beastmode_otel.runtime.runtimes import AsyncioRuntime, BlockingRuntime, lead_here, run_sync

__all__ = [
    "Alarm",
    "Alarms",
    "AsyncioRuntime",
    "BlockingRuntime",
    "Expired",
    "Job",
    "PoolFull",
    "Runtime",
    "Stream",
    "WorkerPool",
    "in_child",
    "lead_here",
    "new_job",
    "run_sync",
    "running_loop",
]
