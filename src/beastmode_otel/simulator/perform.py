"""Carries out a reply on a connection, at the pace and with the faults of its behaviour."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterator

import h11

from beastmode_otel.simulator.answers import StreamEvents
from beastmode_otel.simulator.behaviour import Behaviour
from beastmode_otel.simulator.compress import Compressor, compress, compressor
from beastmode_otel.simulator.http import Connection, response_head
from beastmode_otel.simulator.reply import PlannedResponse

_KEEP_ALIVE = b": keep-alive\n\n"
_KEEP_LINE_ALIVE = b" "  # JSON lines have no comments


async def perform(reply: PlannedResponse, behaviour: Behaviour, connection: Connection, draw: random.Random) -> None:
    """Wait, then answer or fail. Returns when all is written; the connection may be closed by then."""
    await _pause(_latency(behaviour, draw))
    if behaviour.reset:
        connection.reset()
    elif behaviour.drop:
        connection.close()
    elif isinstance(reply.body, StreamEvents):
        await _stream(reply, reply.body, behaviour, connection)
    else:
        await _whole(reply, compress(reply.body, behaviour.encoding), behaviour, connection)


def _latency(behaviour: Behaviour, draw: random.Random) -> float:
    latency = behaviour.latency
    return draw.uniform(*latency) if isinstance(latency, tuple) else latency


async def _pause(seconds: float) -> None:
    if seconds > 0:
        await asyncio.sleep(seconds)


def _head(reply: PlannedResponse, behaviour: Behaviour, length: int | None) -> h11.Response:
    headers = [(name.encode("ascii"), value.encode("ascii")) for name, value in reply.headers]
    if reply.content_type is not None and not any(name.lower() == b"content-type" for name, _ in headers):
        headers.append((b"content-type", reply.content_type.encode("ascii")))
    if behaviour.encoding is not None and length != 0:
        headers.append((b"content-encoding", behaviour.encoding.encode("ascii")))
    if length is not None:
        headers.append((b"content-length", str(length).encode("ascii")))
    return response_head(reply.status, headers)


async def _whole(reply: PlannedResponse, body: bytes, behaviour: Behaviour, connection: Connection) -> None:
    head = _head(reply, behaviour, len(body))
    if reply.cut:
        await connection.send(head, h11.Data(data=body[: len(body) // 2]))
        connection.close()
        return
    if behaviour.trickle is None:
        await connection.send(head, h11.Data(data=body), h11.EndOfMessage())
        return
    await connection.send(head)
    for part in _drops(body, behaviour):
        await _pause(behaviour.trickle)
        await connection.send(h11.Data(data=part))
    await connection.send(h11.EndOfMessage())


def _drops(body: bytes, behaviour: Behaviour) -> Iterator[bytes]:
    """The body byte by byte, or in as many parts as fit into the time that it may take."""
    step = 1
    if behaviour.trickle_for is not None and behaviour.trickle:
        step = max(1, -(-len(body) // max(1, int(behaviour.trickle_for / behaviour.trickle))))
    return (body[start : start + step] for start in range(0, len(body), step))


async def _stream(reply: PlannedResponse, events: StreamEvents, behaviour: Behaviour, connection: Connection) -> None:
    into = compressor(behaviour.encoding)
    await connection.send(_head(reply, behaviour, None))
    await _comments(behaviour, _KEEP_LINE_ALIVE if events.lines else _KEEP_ALIVE, into, connection)
    await _pause(behaviour.first_token)
    for event in events.opening:
        await connection.send(_data(into, event))
    for index, event in enumerate(events.deltas):
        await _pause(behaviour.chunk_delay if index else 0.0)
        await connection.send(_data(into, event))
    for event in events.closing:
        await connection.send(_data(into, event))
    if reply.cut:
        connection.close()
    else:
        await connection.send(h11.Data(data=into.end()), h11.EndOfMessage())


async def _comments(behaviour: Behaviour, comment: bytes, into: Compressor, connection: Connection) -> None:
    if behaviour.trickle is None:
        return
    until = None if behaviour.trickle_for is None else time.monotonic() + behaviour.trickle_for
    while until is None or time.monotonic() < until:
        await connection.send(_data(into, comment))
        await _pause(behaviour.trickle)


def _data(into: Compressor, event: bytes) -> h11.Data:
    return h11.Data(data=into.add(event))
