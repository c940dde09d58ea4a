"""A provider that fails in one of sixteen ways, chosen by the name of the model that is asked for.

A raw server over asyncio: what it has to do to a connection (reset it, leave it silent, end it in the middle) no
framework lets it. The faults are those that failoverbench publishes; code and words are our own.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Self

ANSWER: Final = (
    "A lighthouse keeper writes one line each evening, and after forty years the book holds storms and calm, ships "
    "that came home late, birds that struck the glass, a wedding on the rocks, two wars seen from far away, the price "
    "of oil, and at its end a plain sentence: the lamp was lit tonight as always, nobody was lost."
)
WORDS: Final = tuple(ANSWER.split())
CUT_AFTER: Final = 40  # words
STALL_AFTER: Final = 20
BROKEN_AFTER: Final = 10
SPARE, SPARE_WITHOUT_PREFILL = "spare", "spare-without-prefill"


@dataclass(frozen=True, kw_only=True)
class Pace:
    """The times of one profile, in seconds.

    word: between two words. down: how long the outage lasts that begins with its scenario; every: between its
    requests; cooldown: of the breaker. scale: what the other times of a router and of the bounds are multiplied by.
    """

    retry_after: float
    slow: float
    stall: float
    silence: float
    down: float
    every: float
    word: float
    scale: float = 1.0
    cooldown: float = 10.0


FULL: Final = Pace(retry_after=2.0, slow=20.0, stall=30.0, silence=120.0, down=60.0, every=4.0, word=0.015)
# A tenth of it, the outage a twentieth: what takes minutes is over in seconds, in the same proportions.
FAST: Final = Pace(
    retry_after=0.2, slow=2.0, stall=3.0, silence=12.0, down=3.0, every=0.2, word=0.0, scale=0.1, cooldown=0.5
)


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """One request as the wall saw it. at: seconds since the start of its scenario. status: None for no answer."""

    at: float
    status: int | None


class Exchange:
    """One request and what is made of it. number: of this model's requests, from 1."""

    def __init__(
        self, body: Mapping[str, Any], number: int, pace: Pace, reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter, since: float,
    ) -> None:  # fmt: skip
        self.body, self.number, self.pace, self.since = body, number, pace, since
        self._reader, self._writer = reader, writer
        self.status: int | None = None
        self.goes_on = True  # whether the connection takes another request

    async def error(
        self, status: int, message: str, *, kind: str, code: str | None = None, param: str | None = None,
        retry_after: float | None = None,
    ) -> None:  # fmt: skip
        said = {"error": {"message": message, "type": kind, "param": param, "code": code}}
        more = {} if retry_after is None else {"retry-after": f"{retry_after:g}"}
        await self._whole(status, said, more)

    async def answer(
        self, *, first_after: float = 0.0, cut: bool = False, stall: bool = False, broken: bool = False,
        done: bool = True,
    ) -> None:  # fmt: skip
        if not self.body.get("stream"):
            message = {"role": "assistant", "content": ANSWER}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            await self._whole(200, {**self._head("chat.completion"), "choices": [choice], "usage": self._usage()})
            return
        await self._begin()
        await asyncio.sleep(first_after)
        await self._delta({"role": "assistant", "content": ""})
        for place, word in enumerate(WORDS):
            if (cut and place == CUT_AFTER) or (stall and place == STALL_AFTER):
                await asyncio.sleep(self.pace.stall if stall else 0.0)
                self.close()
                return
            if broken and place == BROKEN_AFTER:
                await self._event(b'{"object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content":')
            await self._delta({"content": f" {word}" if place else word})
            await asyncio.sleep(self.pace.word)
        await self._delta({}, "stop")
        if self.body.get("stream_options", {}).get("include_usage"):
            usage = {**self._head("chat.completion.chunk"), "choices": [], "usage": self._usage()}
            await self._event(json.dumps(usage).encode())
        if done:
            await self._event(b"[DONE]")
        await self._send(b"0\r\n\r\n")

    async def silence(self) -> None:
        """Nothing, for so long, or until the client goes."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._reader.read(1), self.pace.silence)
        self.close()

    def reset(self) -> None:
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self) -> None:
        self.goes_on = False
        self._writer.close()

    def prefills(self) -> bool:
        messages = self.body.get("messages") or [{}]
        return messages[-1].get("role") == "assistant"

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": f"wall-{self.number}", "object": kind, "created": int(time.time()), "model": self.body["model"]}

    def _usage(self) -> dict[str, int]:
        return {"prompt_tokens": 9, "completion_tokens": len(WORDS), "total_tokens": 9 + len(WORDS)}

    async def _whole(self, status: int, said: Any, more: Mapping[str, str] | None = None) -> None:
        self.status = status
        data = json.dumps(said).encode()
        lines = [f"HTTP/1.1 {status} x", "content-type: application/json", f"content-length: {len(data)}"]
        lines += [f"{name}: {value}" for name, value in (more or {}).items()]
        await self._send("\r\n".join([*lines, "", ""]).encode() + data)

    async def _begin(self) -> None:
        self.status = 200
        await self._send(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
        )

    async def _delta(self, delta: Mapping[str, Any], finish: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        await self._event(json.dumps({**self._head("chat.completion.chunk"), "choices": [choice]}).encode())

    async def _event(self, data: bytes) -> None:
        event = b"data: " + data + b"\n\n"
        await self._send(f"{len(event):x}\r\n".encode() + event + b"\r\n")

    async def _send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()


Fault = Callable[[Exchange], Awaitable[None]]


async def _rate_limited_once(one: Exchange) -> None:
    if one.number > 1:
        await one.answer()
        return
    wait = one.pace.retry_after
    await one.error(
        429, f"Too fast: try again in {wait:g} seconds.", kind="rate_limit_error", code="rate_limit_exceeded",
        retry_after=wait,
    )  # fmt: skip


async def _rate_limited(one: Exchange) -> None:
    await one.error(429, "Too fast.", kind="rate_limit_error", code="rate_limit_exceeded")


async def _failed_once(one: Exchange) -> None:
    if one.number > 1:
        await one.answer()
        return
    await one.error(500, "Something went wrong here.", kind="server_error")


async def _overloaded(one: Exchange) -> None:
    await one.error(503, "All engines are overloaded.", kind="server_error", code="overloaded")


async def _reset_once(one: Exchange) -> None:
    if one.number > 1:
        await one.answer()
        return
    one.reset()


async def _too_long(one: Exchange) -> None:
    await one.error(
        400, "This model takes 8192 tokens; the messages have 9631.", kind="invalid_request_error",
        code="context_length_exceeded", param="messages",
    )  # fmt: skip


async def _filtered(one: Exchange) -> None:
    await one.error(
        400, "The safety system rejects this request.", kind="invalid_request_error", code="content_policy_violation"
    )


async def _without_prefill(one: Exchange) -> None:
    if not one.prefills():
        await one.answer()
        return
    await one.error(400, "No prefill here.", kind="invalid_request_error", code="invalid_prefill", param="messages")


async def _down_for_a_while(one: Exchange) -> None:
    if one.since >= one.pace.down:
        await one.answer()
    elif one.pace.scale == 1.0:
        await _overloaded(one)
    else:  # a deployment that says it is overloaded rests for 5 s, which no setting scales
        await one.error(503, "Not available.", kind="server_error")


FAULTS: Final[Mapping[str, Fault]] = {
    "S01": _rate_limited_once,
    "S02": _rate_limited,
    "S03": _failed_once,
    "S04": _overloaded,
    "S05": _reset_once,
    "S06": Exchange.silence,
    "S07": lambda one: one.answer(first_after=one.pace.slow),
    "S08": lambda one: one.answer(cut=True),
    "S09": lambda one: one.answer(stall=True),
    "S10": lambda one: one.answer(broken=True),
    "S11": lambda one: one.answer(done=False),
    "S12": _too_long,
    "S13": _filtered,
    "S14": lambda one: one.answer(cut=True),
    "S15": _down_for_a_while,
    "S16": _overloaded,
    SPARE: Exchange.answer,
    SPARE_WITHOUT_PREFILL: _without_prefill,
}


class FaultWall:
    """`with FaultWall(pace) as wall:` a server on its own thread; the model's name, up to a dot, is the fault.

    tls: the server's side of it, for the host `localhost`; None for plain HTTP.
    """

    def __init__(self, pace: Pace, tls: ssl.SSLContext | None = None) -> None:
        self.pace, self._tls = pace, tls
        self._lock = threading.Lock()
        self._attempts: dict[str, list[Attempt]] = {}
        self._began: dict[str, float] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/v1" if self._tls is None else f"https://localhost:{self._port}/v1"

    def begin(self, *models: str) -> None:
        """A scenario begins now: its models have had no requests yet."""
        with self._lock:
            for model in models:
                self._attempts[model], self._began[model] = [], time.monotonic()

    def attempts(self, model: str) -> list[Attempt]:
        with self._lock:
            return list(self._attempts.get(model, ()))

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._one(reader, writer):
                pass
        writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        length = next(int(line[15:]) for line in head.split("\r\n") if line.startswith("content-length:"))
        body = json.loads(await reader.readexactly(length))
        model, now = body["model"], time.monotonic()
        with self._lock:
            seen = self._attempts.setdefault(model, [])
            since = now - self._began.setdefault(model, now)
            seen.append(Attempt(at=since, status=None))
            number = len(seen)
        one = Exchange(body, number, self.pace, reader, writer, since)
        try:
            await FAULTS[model.partition(".")[0]](one)
        finally:
            with self._lock:
                if len(seen) >= number:
                    seen[number - 1] = replace(seen[number - 1], status=one.status)
        return one.goes_on
