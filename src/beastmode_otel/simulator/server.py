"""The simulator: a local LLM provider over real sockets, on its own thread."""

from __future__ import annotations

import asyncio
import selectors
import socket
import threading
import time
from collections.abc import Collection, Coroutine, Mapping, Sequence
from typing import Any, Final, Self, TypeVar
from urllib.parse import quote

from beastmode_otel.errors import ConfigError
from beastmode_otel.simulator.behaviour import Behaviour
from beastmode_otel.simulator.counts import Counts, Received
from beastmode_otel.simulator.http import Connection
from beastmode_otel.simulator.receive import DEFAULT, PREFIX, Receiver
from beastmode_otel.simulator.script import Script, Step
from beastmode_otel.simulator.unreachable import DNS_FAILURE_URL, Unreachable

T = TypeVar("T")
_PATIENCE: Final = 10.0
_BACKLOG: Final = 2048
_POLL: Final = 0.002
_TURNS: Final = 5
_SPELLING: Final = ";=,:+%"  # what a spelled behaviour needs as it is; % because its values may be escaped already


class Simulator:
    """`with Simulator() as sim: OpenAI(base_url=sim.url("ok"))`.

    behaviours: by name, what `define` takes. host: an IPv4 address. port: 0 takes a free one, kept over a restart.
    keys: when given, requests without one of them (bearer, x-api-key, api-key, x-goog-api-key) get a 401 and use up no
        behaviour.
    history: how many requests are remembered. seed: of the latency ranges.

    - `received` counts requests whose head is complete, the moment it is, whether or not the client waits for more.
    - `stop` closes every connection, ends the thread and gives back every port; counts stay readable.
    - All methods may be called from any thread; they block, so use `asyncio.to_thread(sim.wait_idle)` in a coroutine
      whose loop the clients need.

    Raises ConfigError for bad behaviours, OSError if the port is taken.
    """

    def __init__(
        self,
        behaviours: Mapping[str, Step | Sequence[Step]] | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        keys: Collection[str] | None = None,
        history: int = 1000,
        seed: int = 0,
    ) -> None:
        self.host, self.port = host, port
        self._counts = Counts(history)
        self._scripts: dict[str, Script] = {}
        self._receiver = Receiver(
            scripts=self._scripts, counts=self._counts, keys=None if keys is None else frozenset(keys), seed=seed
        )
        self._unreachable = Unreachable(host)
        self._thread: _LoopThread | None = None
        self._server: asyncio.Server | None = None
        self.define(DEFAULT, Behaviour())
        for name, steps in (behaviours or {}).items():
            self.define(name, *(steps if isinstance(steps, Sequence) else [steps]))

    # Life.

    def start(self) -> Self:
        """Listen and serve. Returns itself; RuntimeError when it runs already."""
        if self._thread is not None:
            raise RuntimeError("the simulator is running already")
        listener = socket.create_server((self.host, self.port), backlog=_BACKLOG)
        self.port = listener.getsockname()[1]
        self._thread = _LoopThread(f"simulator-{self.port}")
        self._thread.run(self._listen(listener))
        return self

    def stop(self) -> None:
        """Close everything. Does nothing when it does not run."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.run(self._close())
            thread.stop()
        self._unreachable.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __repr__(self) -> str:
        state = "running" if self._thread else "stopped"
        return f"<Simulator http://{self.host}:{self.port} {state}, {self.received} received>"

    # Behaviours and addresses.

    def define(self, name: str, *steps: Step) -> None:
        """Give a name its behaviours, from its next request on: one per request, the last one repeats."""
        if not name or set(name) & set("=/"):
            raise ConfigError(f"Bad behaviour name {name!r}.", hints=("Use letters, digits, - and _.",))
        self._scripts[name] = Script.of(steps)

    def url(self, name: str = DEFAULT, path: str = "/v1") -> str:
        """The base URL under which this behaviour, defined or spelled (`status=429;times=1`), answers."""
        return f"http://{self.host}:{self.port}{PREFIX}{quote(name, safe=_SPELLING)}{path}"

    def refused_url(self) -> str:
        """Connecting is refused."""
        return self._url("http", self._unreachable.refused())

    def dns_failure_url(self) -> str:
        """The host name does not resolve."""
        return DNS_FAILURE_URL

    def tls_url(self) -> str:
        """https:// to the plain port: the TLS handshake fails."""
        return self._url("https", self.port)

    def blackhole_url(self) -> str:
        """Connecting hangs until the client's connect timeout (Linux)."""
        return self._url("http", self._unreachable.blackhole())

    def silent_url(self) -> str:
        """Connecting succeeds, nothing is ever read, answered or counted; for a counted one use a long latency."""
        return self._url("http", self._unreachable.silent())

    def _url(self, scheme: str, port: int) -> str:
        return f"{scheme}://{self.host}:{port}/v1"

    # Counts.

    @property
    def received(self) -> int:
        """Requests whose head was complete, since the start or the last reset."""
        return self._counts.received

    def received_by(self, name: str) -> int:
        """Those under this name; a spelled behaviour's name is its spelling."""
        return self._counts.by(name)

    @property
    def in_flight(self) -> int:
        """Requests received whose answer has not ended."""
        return self._counts.in_flight

    @property
    def connections(self) -> int:
        """Connections open now."""
        return len(self._receiver.connections)

    @property
    def requests(self) -> tuple[Received, ...]:
        """The last requests in the order in which their bodies ended."""
        return self._counts.requests()

    def reset_counts(self) -> None:
        """Start counting from zero. What is in flight stays in flight; scripts go on where they were."""
        self._counts.reset()

    def wait_idle(self, timeout: float = 5.0) -> bool:
        """Wait until nothing is in flight and everything that clients have sent is handled; False if that takes longer.

        Everything sent on this machine before the call is counted when it returns True.
        """
        until = time.monotonic() + timeout
        while not (self._thread is None or self._thread.run(self._quiet())):
            if time.monotonic() >= until:
                return False
            time.sleep(_POLL)
        return True

    # On the loop's thread.

    async def _listen(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: Connection(self._receiver), sock=listener, backlog=_BACKLOG)

    async def _close(self) -> None:
        if self._server is not None:
            self._server.close()
        while self._receiver.connections:
            for connection in tuple(self._receiver.connections):
                connection.transport.abort()
            await asyncio.sleep(0)

    async def _quiet(self) -> bool:
        if self._counts.in_flight or self._unread():
            return False
        # asyncio takes a few turns from accepting a connection to reading it, when it is in neither of our lists.
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        return self._counts.in_flight == 0 and not self._unread()

    def _unread(self) -> bool:
        """Whether the kernel holds anything that we have not read: a new connection, data, a client's goodbye."""
        open_now = [c.transport for c in self._receiver.connections if not c.transport.is_closing()]
        listeners = self._server.sockets if self._server else ()
        with selectors.DefaultSelector() as kernel:
            for source in (*listeners, *(t.get_extra_info("socket") for t in open_now)):
                kernel.register(source, selectors.EVENT_READ)
            return bool(kernel.select(0))


class _LoopThread:
    """An event loop on a thread of its own, from construction to `stop`."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T], timeout: float = _PATIENCE) -> T:
        """Run on the loop and wait here for the result. Not to be called from the loop's own thread."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout)

    def stop(self) -> None:
        """End every task, then the loop, then the thread."""
        self.run(_end_tasks())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()


async def _end_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
