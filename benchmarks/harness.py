"""What the benchmarks share: a constant server, sides in processes of their own, alternating rounds, a table.

CPU time, not wall time: the machine may be busy. A side is alone in its process, so that its threads, its garbage and
its background tasks are counted for it and for nobody else; the server's work is counted for nobody. The sides take
turns, A B C, A B C, and are compared round by round, so that what the machine does meanwhile hits them alike.
"""

from __future__ import annotations

import asyncio
import gc
import inspect
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any

_SPAWN = multiprocessing.get_context("spawn")
_SETTLE = 0.1  # seconds for background tasks of an asyncio side to finish, inside the measured time


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """once: one request, a function or a coroutine function. settle: finishes what it leaves to the background."""

    once: Callable[[], Any]
    settle: Callable[[], Any] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One competitor. make: builds its work for a server's address, in its own process; may raise ImportError."""

    name: str
    make: Callable[[str], Work]


# The server: the same bytes for each request.


class _Constant(asyncio.Protocol):
    """Keep-alive HTTP/1.1 without pipelining. A body that asks for a stream gets `events`, `pause` seconds apart."""

    def __init__(self, whole: bytes, events: Sequence[bytes], headers: bytes, pause: float) -> None:
        self._whole, self._events, self._headers, self._pause = whole, events, headers, pause
        self._pending = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._pending += data
        head, end, body = self._pending.partition(b"\r\n\r\n")
        if not end or len(body) < _content_length(head):
            return
        self._pending = b""
        if b'"stream":true' in body.replace(b" ", b""):
            self._streaming = asyncio.create_task(self._stream())
        else:
            self._head(b"application/json", b"content-length: %d" % len(self._whole), self._whole)

    def _head(self, kind: bytes, framing: bytes, body: bytes = b"") -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: %s\r\n%s\r\n%s\r\n" % (kind, framing, self._headers)
        self._transport.write(head + body)

    async def _stream(self) -> None:
        self._head(b"text/event-stream", b"transfer-encoding: chunked")
        for event in self._events:
            await asyncio.sleep(self._pause)  # a token at a time: each one wakes its reader
            self._transport.write(b"%x\r\n%s\r\n" % (len(event), event))
        self._transport.write(b"0\r\n\r\n")


def _content_length(head: bytes) -> int:
    values = [line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    return int(values[0]) if values else 0


def _serve(pipe: Connection, *what: Any) -> None:
    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: _Constant(*what), "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


def start_server(
    whole: bytes, events: Sequence[bytes] = (), *, headers: Mapping[str, str] | None = None, pause: float = 0.001
) -> str:
    """The address of a constant server in another process, which ends with this one."""
    ours, theirs = _SPAWN.Pipe()
    lines = "".join(f"{name}: {value}\r\n" for name, value in (headers or {}).items()).encode()
    _SPAWN.Process(target=_serve, args=(theirs, whole, events, lines, pause), daemon=True).start()
    return f"http://127.0.0.1:{ours.recv()}"


# The sides.


def _compete(side: Side, url: str, warm_up: int, pipe: Connection) -> None:
    try:
        work = side.make(url)
        with asyncio.Runner() as runner:
            _repeat(runner, work, warm_up)
            pipe.send(None)
            while True:
                count = pipe.recv()
                gc.collect()
                start = time.process_time()
                _repeat(runner, work, count)
                pipe.send((time.process_time() - start) / count)
    except EOFError:
        return
    except Exception as exc:
        pipe.send(str(exc) if isinstance(exc, ImportError) else f"{type(exc).__name__}: {exc}")


def _repeat(runner: asyncio.Runner, work: Work, count: int) -> None:
    async def repeat() -> None:
        for _ in range(count):
            await work.once()
        await asyncio.sleep(_SETTLE)

    if inspect.iscoroutinefunction(work.once):
        runner.run(repeat())
    else:
        for _ in range(count):
            work.once()
    work.settle()


def compete(sides: Iterable[Side], url: str, *, rounds: int, count: int, warm_up: int = 20) -> dict[str, list[float]]:
    """CPU seconds per request of each side, by round. A side that cannot run is named with its reason and left out."""
    pipes: dict[str, Connection] = {}
    for side in sides:
        ours, theirs = _SPAWN.Pipe()
        _SPAWN.Process(target=_compete, args=(side, url, warm_up, theirs), daemon=True).start()
        problem = ours.recv()
        if problem is None:
            pipes[side.name] = ours
        else:
            print(f"  {side.name}: left out: {problem}", flush=True)
    seconds: dict[str, list[float]] = {name: [] for name in pipes}
    for _ in range(rounds):
        for name, pipe in pipes.items():
            pipe.send(count)
            seconds[name].append(pipe.recv())
    for pipe in pipes.values():
        pipe.close()
    return seconds


def import_times(statements: Mapping[str, str], *, rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each statement in a fresh interpreter, by round. One that fails is named and left out."""
    seconds: dict[str, list[float]] = {name: [] for name in statements}
    for _ in range(rounds):
        for name in list(seconds):
            script = f"import time\nstart = time.process_time()\n{statements[name]}\nprint(time.process_time() - start)"
            done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
            if done.returncode == 0:
                seconds[name].append(float(done.stdout.split()[-1]))
            else:
                print(f"  {name}: left out: {done.stderr.strip().splitlines()[-1]}", flush=True)
                del seconds[name]
    return seconds


def table(title: str, seconds: Mapping[str, list[float]], *, unit: float = 1e-6, head: str = "µs") -> None:
    """Print medians and minimums; the first side is the floor: ratios and differences are taken round by round."""
    if not seconds:
        return
    floor = next(iter(seconds.values()))
    print(f"\n{title}\n{'':40} {'median ' + head:>11} {'min ' + head:>9} {'× floor':>9} {'over floor':>11}")
    for name, values in seconds.items():
        ratio = statistics.median(value / base for value, base in zip(values, floor, strict=True))
        more = statistics.median(value - base for value, base in zip(values, floor, strict=True)) / unit
        middle, least = statistics.median(values) / unit, min(values) / unit
        extra = "" if values is floor else f"{more:+,.1f}" if unit * abs(more) < 1e-4 else f"{more:+,.0f}"
        print(f"{name:40} {middle:11,.1f} {least:9,.1f} {ratio:9.2f} {extra:>11}", flush=True)
