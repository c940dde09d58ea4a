"""Counts are exact: whatever clients do, and the moment it is true."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import httpx
import httpx2
import pytest

from beastmode_otel.simulator import Behaviour, Simulator
from support.crowd import wait_until

HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n"


def raw(sim: Simulator) -> socket.socket:
    return socket.create_connection((sim.host, sim.port))


@pytest.mark.parametrize("rude", [False, True], ids=["closed", "reset"])
def test_clients_that_leave_at_once_are_counted(sim, rude):
    for _ in range(200):
        with raw(sim) as client:
            client.sendall(HEAD)
            if rude:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert sim.wait_idle()
    assert (sim.received, sim.in_flight, sim.connections) == (200, 0, 0)


def test_half_a_head_is_not_a_request(sim):
    with raw(sim) as client:
        client.sendall(HEAD[:-2])
        assert sim.wait_idle()
        assert (sim.received, sim.connections) == (0, 1)
        client.sendall(HEAD[-2:])
        wait_until(lambda: sim.in_flight == 1)
        assert not sim.wait_idle(0.05)
        assert (sim.received, sim.in_flight) == (1, 1)
    assert sim.wait_idle()
    assert sim.requests[-1].body == b""


def test_requests_remember_what_was_sent(sim, client):
    client.post(f"{sim.url('status=500')}/chat/completions?x=1", {"messages": []}, headers={"X-Mine": "Yes"})
    got = sim.requests[-1]
    assert (got.method, got.path) == ("POST", "/b/status=500/v1/chat/completions?x=1")
    assert (got.headers["x-mine"], got.body, got.behaviour) == ("Yes", {"messages": []}, "status=500")


def test_history_is_bounded(one):
    with Simulator(history=2) as own:
        for text in "abc":
            one.post(f"{own.url()}/x", {"input": text})
        assert [request.body["input"] for request in own.requests] == ["b", "c"]
        assert own.received == 3


def test_reset_keeps_what_is_in_flight(sim):
    sim.define("slow", Behaviour(latency=30))
    with raw(sim) as client:
        client.sendall(HEAD.replace(b"/v1", b"/b/slow/v1") + b"{}")
        wait_until(lambda: sim.in_flight == 1)
        assert not sim.wait_idle(0.05)
        sim.reset_counts()
        assert (sim.received, sim.received_by("slow"), sim.requests, sim.in_flight) == (0, 0, (), 1)
    assert sim.wait_idle()
    assert sim.in_flight == 0


def told_of(index: int) -> bytes:
    return json.dumps({"messages": [{"role": "user", "content": str(index)}], "stream": index % 2 == 0}).encode()


async def with_random_cancels(one: Callable[[int], Awaitable[bytes]], count: int) -> tuple[int, int]:
    """So many at once, half of them cancelled at some moment; how many were answered and how many cancelled."""
    draw = random.Random(11)
    tasks = [asyncio.ensure_future(one(index)) for index in range(count)]
    for task in tasks:
        if draw.random() < 0.5:
            asyncio.get_running_loop().call_later(draw.uniform(0, 0.4), task.cancel)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    answered = [result for result in results if isinstance(result, bytes) and result]
    cancelled = [result for result in results if isinstance(result, asyncio.CancelledError)]
    assert len(answered) + len(cancelled) == count, results
    return len(answered), len(cancelled)


@pytest.fixture
def busy(sim) -> str:
    sim.define("busy", Behaviour(latency=(0, 0.05), chunk_delay=0.005), Behaviour(latency=(0, 0.1), chunk_delay=0.01))
    return f"{sim.url('busy')}/chat/completions"


def test_500_at_once_with_cancels_are_received_exactly_as_sent(sim, busy, capfd):
    """A client of our own knows exactly what it put on the wire."""
    heads = 0

    async def one(index: int) -> bytes:
        nonlocal heads
        reader, writer = await asyncio.open_connection(sim.host, sim.port)
        try:
            body = told_of(index)
            head = f"POST {urlsplit(busy).path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n"
            writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode())
            heads += 1
            await asyncio.sleep(0.001 * (index % 3))
            writer.write(body)
            return await reader.read()
        finally:
            writer.close()

    _, cancelled = asyncio.run(with_random_cancels(one, 500))
    assert sim.wait_idle()
    assert cancelled > 50
    assert sim.received == sim.received_by("busy") == len(sim.requests) == heads
    assert (sim.in_flight, sim.connections) == (0, 0)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("lib", [httpx, httpx2], ids=lambda lib: lib.__name__)
def test_200_at_once_with_cancels_through_httpx(sim, busy, lib, capfd):
    """httpx cannot say whether a request was sent that is cancelled while it is: the truth lies in between."""
    trace: Counter[str] = Counter()

    async def count(event: str, info: dict) -> None:
        trace[event] += 1

    async def all_of_them() -> None:
        limits = lib.Limits(max_connections=None)
        async with lib.AsyncClient(limits=limits, timeout=20) as client:

            async def one(index: int) -> bytes:
                return (await client.post(busy, content=told_of(index), extensions={"trace": count})).content

            await with_random_cancels(one, 200)  # the work of httpx's pool grows with the square

    asyncio.run(all_of_them())
    assert sim.wait_idle()
    assert sim.received == sim.received_by("busy") == len(sim.requests)
    sent = "http11.send_request_headers"
    assert trace[f"{sent}.complete"] <= sim.received <= trace[f"{sent}.started"]
    assert (sim.in_flight, sim.connections) == (0, 0)
    assert capfd.readouterr().err == ""


def test_500_requests_from_threads(sim):
    def work() -> None:
        with httpx.Client() as client:
            for _ in range(50):
                client.post(f"{sim.url()}/chat/completions", json={})

    threads = [threading.Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sim.wait_idle()
    assert (sim.received, sim.in_flight, sim.connections) == (500, 0, 0)
