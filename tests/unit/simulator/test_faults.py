"""Faults below the provider's own errors: broken connections, broken bodies, dead addresses."""

from __future__ import annotations

import socket

import pytest

from beastmode_otel.simulator import Behaviour


def meets(client, sim, stream=False, **knobs):
    sim.define("fault", Behaviour(**knobs))
    seen = client.chat(sim.url("fault"), stream=stream)
    assert sim.wait_idle()
    assert sim.received == 1
    return seen


def causes(error):
    while error is not None:
        yield type(error).__name__
        error = error.__cause__ or error.__context__


def test_reset(sim, client):
    seen = meets(client, sim, reset=True)
    assert isinstance(seen.error, client.lib.ReadError)
    assert "ConnectionResetError" in causes(seen.error)


def test_drop(sim, client):
    seen = meets(client, sim, drop=True)
    assert isinstance(seen.error, client.lib.RemoteProtocolError)
    assert "disconnected" in str(seen.error)


@pytest.mark.parametrize(("after", "deltas"), [(0, 0), (1, 1), (3, 3), (99, 5)])
def test_cut_stream(sim, client, after, deltas):
    seen = meets(client, sim, stream=True, cut_after=after)
    assert isinstance(seen.error, client.lib.RemoteProtocolError)
    assert seen.status == 200
    assert len(seen.events) == (deltas + 1 if after else 0)
    assert "[DONE]" not in seen.data


@pytest.mark.parametrize("status", [200, 500])
def test_cut_body(sim, client, status):
    seen = meets(client, sim, cut_after=1, status=status)
    assert isinstance(seen.error, client.lib.RemoteProtocolError)
    assert 0 < len(seen.body) < int(seen.headers["content-length"])


def test_stream_without_its_terminal_event(sim, client):
    seen = meets(client, sim, stream=True, done=False)
    assert seen.error is None
    assert seen.events[-1]["choices"][0]["finish_reason"] == "stop"
    assert "[DONE]" not in seen.data
    assert client.messages(sim.url("fault"), stream=True).events[-1]["type"] == "message_delta"


@pytest.mark.parametrize("after", [0, 2])
def test_error_event_inside_a_stream(sim, client, after):
    seen = meets(client, sim, stream=True, error_event_after=after)
    assert (seen.status, seen.error) == (200, None)
    assert seen.events[-1]["error"]["type"] == "server_error"
    assert len(seen.events) == (after + 2 if after else 1)
    seen = client.messages(sim.url("fault"), stream=True)
    assert seen.events[-1]["error"]["type"] == "overloaded_error"
    assert b"event: error\ndata: " in seen.body
    assert [event["type"] for event in seen.events].count("content_block_delta") == after


def test_broken_json(sim, client):
    seen = meets(client, sim, wrong_json=True)
    assert (seen.status, seen.headers["content-type"]) == (200, "application/json")
    with pytest.raises(ValueError):
        _ = seen.json
    with pytest.raises(ValueError):
        _ = client.chat(sim.url("fault"), stream=True).events


@pytest.mark.parametrize("stream", [False, True])
def test_web_page_and_empty_body(sim, one, stream):
    seen = meets(one, sim, stream=stream, html=True)
    assert (seen.status, seen.headers["content-type"]) == (200, "text/html; charset=utf-8")
    sim.define("empty", Behaviour(empty=True))
    seen = one.chat(sim.url("empty"), stream=stream)
    assert (seen.status, seen.body, seen.error) == (200, b"", None)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_encodings(sim, client, encoding, stream):
    if encoding in ("br", "zstd"):
        pytest.importorskip({"br": "brotli", "zstd": "zstandard"}[encoding])
    if encoding not in client.lib._decoders.SUPPORTED_DECODERS:
        pytest.skip(f"{client.lib.__name__} cannot decode {encoding} here")
    seen = meets(client, sim, stream=stream, encoding=encoding, chunk_delay=0.005)
    assert seen.headers["content-encoding"] == encoding
    assert seen.text.startswith("You said 13 characters.")
    assert len(seen.arrivals) >= (5 if stream else 1)  # each chunk could be decoded when it came


def test_an_encoded_body_can_be_cut(sim, one):
    seen = meets(one, sim, encoding="gzip", cut_after=0)
    assert isinstance(seen.error, one.lib.RemoteProtocolError)


def test_redirects(sim, one):
    seen = meets(one, sim, redirect_to="/b/ok/v1/chat/completions")
    assert (seen.status, seen.headers["location"]) == (307, "/b/ok/v1/chat/completions")
    followed = one.lib.post(f"{sim.url('fault')}/chat/completions", json={}, follow_redirects=True)
    assert (followed.status_code, sim.received_by("ok")) == (200, 1)


def test_redirect_loop(sim, one):
    sim.define("loop", Behaviour(redirect_to="self", status=308))
    with pytest.raises(one.lib.TooManyRedirects):
        one.lib.post(f"{sim.url('loop')}/chat/completions", json={}, follow_redirects=True)
    assert sim.received_by("loop") > 5


def test_no_content(sim, one):
    seen = meets(one, sim, status=204)
    assert (seen.status, seen.body, seen.error) == (204, b"", None)


def test_refused(sim, client):
    error = client.chat(sim.refused_url()).error
    assert isinstance(error, client.lib.ConnectError)
    assert "ConnectionRefusedError" in causes(error)


def test_dns_failure(sim, client):
    error = client.chat(sim.dns_failure_url()).error
    assert isinstance(error, client.lib.ConnectError)
    assert "gaierror" in causes(error)


def test_tls_to_a_plain_port(sim, client):
    error = client.chat(sim.tls_url()).error
    assert isinstance(error, client.lib.ConnectError)
    assert "SSLError" in causes(error)


def test_blackhole(sim, client):
    error = client.post(sim.blackhole_url(), timeout=0.1).error
    assert isinstance(error, client.lib.ConnectTimeout)


def test_silent(sim, client):
    error = client.post(sim.silent_url(), timeout=0.5).error
    assert isinstance(error, client.lib.ReadTimeout)


def test_dead_addresses_count_nothing(sim, one):
    for url in (sim.refused_url(), sim.tls_url(), sim.dns_failure_url()):
        one.chat(url)
    assert sim.wait_idle()
    assert sim.received == 0


def test_what_is_not_http_gets_a_400_and_counts_nothing(sim):
    with socket.create_connection((sim.host, sim.port)) as raw:
        raw.sendall(b"\x00\x01 nonsense\r\n\r\n")
        assert raw.recv(1000).startswith(b"HTTP/1.1 400")
    assert sim.wait_idle()
    assert (sim.received, sim.connections) == (0, 0)


def test_a_malformed_body_ends_its_request(sim):
    with socket.create_connection((sim.host, sim.port)) as raw:
        raw.sendall(b"POST /v1/x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n")
        assert raw.recv(1000).startswith(b"HTTP/1.1 400")
    assert sim.wait_idle()
    assert (sim.received, sim.in_flight, sim.connections) == (1, 0, 0)
