"""Time: latency, first token, chunk delay, trickles that no read timeout catches."""

from __future__ import annotations

import random
import socket

import pytest

from beastmode_otel.simulator import Behaviour, Simulator


def paced(client, sim, stream=False, timeout=5.0, **knobs):
    sim.define("paced", Behaviour(**knobs))
    payload = {"messages": [{"role": "user", "content": "hi"}], "stream": stream}
    return client.post(f"{sim.url('paced')}/chat/completions", payload, timeout=timeout)


def test_latency(sim, client):
    assert paced(client, sim, latency=0.1).seconds >= 0.1


def test_latency_beyond_the_read_timeout(sim, client):
    seen = paced(client, sim, latency=30, timeout=0.5)
    assert isinstance(seen.error, client.lib.ReadTimeout)
    assert sim.wait_idle(10)  # the wait ends with the client
    assert sim.received == 1


def test_latency_range_is_drawn_from_the_seed(one):
    draw = random.Random(3)
    with Simulator({"jitter": Behaviour(latency=(0.001, 0.05))}, seed=3) as own:
        for _ in range(5):
            assert one.chat(own.url("jitter")).seconds >= draw.uniform(0.001, 0.05)


def test_first_token_and_chunk_delay(sim, client):
    seen = paced(client, sim, stream=True, first_token=0.2, chunk_delay=0.1)
    assert seen.seconds >= 0.6
    assert seen.arrivals[-1] - seen.arrivals[0] >= 0.2  # half of it: the client may have come late to the first


def test_streams_do_not_wait_for_acknowledgements(sim, one):
    """With Nagle's algorithm on, each stream on a connection in use takes 40 ms longer than it should."""
    with one.lib.Client() as client:
        client.post(f"{sim.url()}/chat/completions", json={"stream": True})
        (connection,) = sim._receiver.connections
        kernel = connection.transport.get_extra_info("socket")
        assert kernel.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0


def test_trickled_body_outlives_the_read_timeout(sim, client):
    seen = paced(client, sim, trickle=0.05, trickle_for=1.5, timeout=1.0)
    assert seen.error is None
    assert seen.seconds > 1.0
    assert len(seen.arrivals) > 5
    assert seen.json["object"] == "chat.completion"


def test_trickled_byte_by_byte(sim, one):
    seen = paced(one, sim, trickle=0.002, text="x", usage=False)
    assert len(seen.arrivals) > 0.5 * len(seen.body)


def test_comments_before_the_first_event(sim, client):
    seen = paced(client, sim, stream=True, trickle=0.05, trickle_for=1.5, timeout=1.0)
    assert seen.error is None
    assert seen.body.startswith(b": keep-alive\n\n: keep-alive\n\n")
    assert seen.data[-1] == "[DONE]"


def test_comments_for_ever_end_with_the_client(sim, one):
    sim.define("paced", Behaviour(trickle=0.01))
    with one.lib.stream("POST", f"{sim.url('paced')}/chat/completions", json={"stream": True}) as response:
        lines = response.iter_raw()
        assert [next(lines) for _ in range(5)]
        assert sim.in_flight == 1
    assert sim.wait_idle(10)


@pytest.mark.parametrize("after", [0, 2])
def test_a_stream_stops_with_its_client(sim, one, after, capfd):
    sim.define("long", Behaviour(chunks=10_000, big=50_000, chunk_delay=0.01))
    with one.lib.stream("POST", f"{sim.url('long')}/chat/completions", json={"stream": True}) as response:
        lines = response.iter_lines()
        for _ in range(after):
            next(lines)
    assert sim.wait_idle(10)
    assert (sim.received, sim.in_flight, sim.connections) == (1, 0, 0)
    assert capfd.readouterr() == ("", "")


def test_a_slow_reader_is_waited_for(sim, one):
    """A stream larger than every buffer does not pile up in the simulator, and arrives whole."""
    sim.define("flood", Behaviour(big=20_000_000, chunks=200))
    with one.lib.stream("POST", f"{sim.url('flood')}/chat/completions", json={"stream": True}) as response:
        assert not sim.wait_idle(0.1)
        assert sum(map(len, response.iter_raw())) > 20_000_000
    assert sim.wait_idle()
