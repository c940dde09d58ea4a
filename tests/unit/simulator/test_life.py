"""Starting, stopping, leaving nothing behind; running alone."""

from __future__ import annotations

import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import httpx
import pytest

from beastmode_otel.simulator import Behaviour, Simulator
from support.crowd import wait_until


def open_files() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
def test_nothing_is_left_behind(one):
    threads, files = threading.enumerate(), open_files()
    for _ in range(5):
        with Simulator({"slow": Behaviour(latency=60), "endless": Behaviour(trickle=0.01)}) as own:
            waiting = [socket.create_connection((own.host, own.port)) for _ in range(10)]
            for name, client in zip(["slow", "endless"] * 5, waiting, strict=True):
                body = b'{"stream":true}'
                head = f"POST /b/{name}/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
                client.sendall(head.encode() + body)
            own.refused_url(), own.blackhole_url(), own.silent_url()
            assert one.chat(own.url()).status == 200
            wait_until(lambda own=own: own.received == 11)
            assert not own.wait_idle(0.02)
            assert (own.received, own.in_flight) == (11, 10)
        assert (own.in_flight, own.connections, own.received) == (0, 0, 11)
        for client in waiting:
            client.close()
    assert set(threading.enumerate()) <= set(threads)
    assert open_files() <= files


def test_stop_is_idempotent_and_start_keeps_the_port(one):
    own = Simulator()
    own.stop()
    url = own.start().url()
    with pytest.raises(RuntimeError):
        own.start()
    own.stop()
    own.stop()
    assert isinstance(one.chat(url).error, httpx.ConnectError)
    assert own.wait_idle()
    with own:
        assert own.url() == url
        assert one.chat(url).status == 200
    assert own.received == 1


def test_a_taken_port_is_an_error():
    threads = threading.active_count()
    with Simulator() as first, pytest.raises(OSError):
        Simulator(port=first.port).start()
    assert threading.active_count() == threads


def test_two_simulators_are_independent(one):
    with Simulator() as first, Simulator() as second:
        one.chat(first.url())
        assert (first.received, second.received) == (1, 0)


def test_repr(sim):
    assert repr(sim) == f"<Simulator http://127.0.0.1:{sim.port} running, 0 received>"


def test_as_a_program(one):
    command = [sys.executable, "-m", "beastmode_otel.simulator", "--port", "0", "--key", "k"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as program:
        url = program.stdout.readline().strip()
        assert one.post(f"{url}/chat/completions", headers={"authorization": "Bearer k"}).status == 200
        assert one.chat(url).status == 401
        program.send_signal(signal.SIGTERM)
        assert program.wait(10) == 0


def test_a_fault_of_our_own_is_told_and_ends_the_request(sim, one, monkeypatch, caplog):
    def broken(*_args, **_kwargs):
        raise RuntimeError("our own fault")

    monkeypatch.setattr("beastmode_otel.simulator.receive.decide", broken)
    assert isinstance(one.chat(sim.url()).error, httpx.HTTPError)
    assert sim.wait_idle()
    assert sim.in_flight == 0
    assert "our own fault" in caplog.text
