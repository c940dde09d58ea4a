"""A healthy provider, as clients see it: OpenAI's and Anthropic's answers and streams, and everything else."""

from __future__ import annotations

import socket

import pytest

from beastmode_otel.simulator import Behaviour

STREAM = {"stream": True}
WITH_USAGE = {"stream": True, "stream_options": {"include_usage": True}}


def test_openai_answer(sim, client):
    seen = client.chat(sim.url())
    assert (seen.status, seen.headers["content-type"]) == (200, "application/json")
    assert seen.json["object"] == "chat.completion"
    assert seen.json["model"] == "gpt-4o-mini"
    assert seen.json["choices"][0]["finish_reason"] == "stop"
    assert seen.json["choices"][0]["message"]["role"] == "assistant"
    assert seen.text.startswith("You said 13 characters.")
    usage = seen.json["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert seen.headers["x-request-id"].startswith("req_")


def test_openai_stream(sim, client):
    seen = client.chat(sim.url(), **STREAM)
    assert seen.headers["content-type"].startswith("text/event-stream")
    assert seen.data[-1] == "[DONE]"
    assert seen.text == client.chat(sim.url()).text
    assert len(seen.events) == 1 + 5 + 1
    assert seen.events[-1]["choices"][0]["finish_reason"] == "stop"
    assert not any("usage" in event for event in seen.events)


def test_openai_stream_reports_usage_only_when_asked(sim, one):
    *chunks, last = one.chat(sim.url(), **WITH_USAGE).events
    assert all(chunk["usage"] is None for chunk in chunks)
    assert last["choices"] == []
    assert last["usage"] == one.chat(sim.url()).json["usage"]


def test_anthropic_answer(sim, client):
    seen = client.messages(sim.url())
    assert (seen.json["type"], seen.json["role"], seen.json["stop_reason"]) == ("message", "assistant", "end_turn")
    assert seen.text.startswith("You said 13 characters.")
    assert seen.json["usage"]["input_tokens"] == 4
    assert seen.headers["request-id"].startswith("req_")


def test_anthropic_stream(sim, client):
    seen = client.messages(sim.url(), **STREAM)
    names = [event["type"] for event in seen.events]
    deltas = ["content_block_delta"] * 5
    opening = ["message_start", "content_block_start", "ping"]
    assert names == [*opening, *deltas, "content_block_stop", "message_delta", "message_stop"]
    assert seen.text == client.messages(sim.url()).text
    assert seen.events[-2]["usage"]["output_tokens"] > 1
    assert b"event: message_stop\ndata: " in seen.body


def test_anthropic_path_needs_no_v1(sim, one):
    assert one.post(f"{sim.url(path='')}/messages").json["type"] == "message"


def test_plain_path(sim, client):
    seen = client.post(f"{sim.url()}/anything/else?x=1", {"prompt": "hi"})
    assert seen.json["path"] == "/v1/anything/else"
    assert seen.json["output"].startswith("You said 2 characters.")
    stream = client.post(f"{sim.url()}/anything/else", {"prompt": "hi", "stream": True})
    assert "".join(event["output"] for event in stream.events) == seen.json["output"]


def test_plain_path_takes_any_bytes(sim, one):
    assert one.post(f"{sim.url()}/speech", b"\x00\xff").status == 200
    assert sim.requests[-1].body == b"\x00\xff"


def test_models(sim, client):
    seen = client.post(f"{sim.url()}/models", method="GET")
    assert seen.json["object"] == "list"
    assert {model["id"] for model in seen.json["data"]} >= {"gpt-4o-mini"}


def test_other_gets_are_not_found(sim, one):
    assert one.post(f"{sim.url()}/nothing", method="GET").json["error"]["code"] == "unknown_url"


def test_head_has_no_body(sim, one):
    seen = one.post(f"{sim.url()}/models", method="HEAD")
    assert (seen.status, seen.body) == (200, b"")


def test_plain_v1_path_is_ok(sim, one):
    assert one.chat(sim.url().replace("/b/ok", "")).status == 200
    assert sim.received_by("ok") == 1


def test_answers_do_not_repeat_the_prompt(sim, one):
    seen = one.chat(sim.url())
    assert "secret" not in seen.text
    assert seen.text == one.chat(sim.url()).text
    assert seen.text != one.post(f"{sim.url()}/chat/completions", {"messages": [{"content": "a secret whim"}]}).text


def test_echo(sim, client):
    sim.define("echo", Behaviour(echo=True))
    sim.define("echo-error", Behaviour(echo=True, status=400))
    assert client.chat(sim.url("echo")).text == "a secret wish"
    assert client.messages(sim.url("echo"), **STREAM).text == "a secret wish"
    assert "a secret wish" in client.chat(sim.url("echo-error")).json["error"]["message"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("reason", "anthropic"), [("length", "max_tokens"), ("content_filter", "refusal")])
def test_finish_reasons(sim, one, reason, anthropic, stream):
    sim.define("ends", Behaviour(finish_reason=reason))
    told = one.chat(sim.url("ends"), stream=stream)
    assert (told.events[-1] if stream else told.json)["choices"][0]["finish_reason"] == reason
    told = one.messages(sim.url("ends"), stream=stream)
    assert (told.events[-2]["delta"] if stream else told.json)["stop_reason"] == anthropic


def test_tool_calls_openai(sim, one):
    sim.define("tools", Behaviour(tool_calls=True))
    tools = [{"type": "function", "function": {"name": "find"}}]
    choice = one.chat(sim.url("tools"), tools=tools).json["choices"][0]
    call = choice["message"]["tool_calls"][0]
    assert (choice["finish_reason"], call["function"]["name"]) == ("tool_calls", "find")
    deltas = [e["choices"][0]["delta"] for e in one.chat(sim.url("tools"), tools=tools, **STREAM).events]
    parts = [delta["tool_calls"][0]["function"] for delta in deltas if "tool_calls" in delta]
    assert parts[0]["name"] == "find"
    assert "".join(part["arguments"] for part in parts) == call["function"]["arguments"] == '{"city":"Paris"}'


def test_tool_calls_anthropic(sim, one):
    sim.define("tools", Behaviour(tool_calls=True))
    whole = one.messages(sim.url("tools"), tools=[{"name": "find"}]).json
    assert whole["stop_reason"] == "tool_use"
    assert (whole["content"][0]["name"], whole["content"][0]["input"]) == ("find", {"city": "Paris"})
    events = one.messages(sim.url("tools"), **STREAM).events
    parts = [e["delta"]["partial_json"] for e in events if e["type"] == "content_block_delta"]
    assert "".join(parts) == '{"city":"Paris"}'


def test_usage_has_cached_tokens_inside_for_openai_and_outside_for_anthropic(sim, one):
    sim.define("u", Behaviour(input_tokens=100, output_tokens=50, cached_tokens=80, reasoning_tokens=30))
    usage = one.chat(sim.url("u")).json["usage"]
    assert (usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]) == (100, 80)
    assert (usage["completion_tokens"], usage["completion_tokens_details"]["reasoning_tokens"]) == (50, 30)
    usage = one.messages(sim.url("u")).json["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["output_tokens"]) == (20, 80, 50)
    start, *_ = one.messages(sim.url("u"), **STREAM).events
    assert start["message"]["usage"]["input_tokens"] == 20


def test_usage_can_be_left_out(sim, one):
    sim.define("dark", Behaviour(usage=False))
    for seen in (one.chat(sim.url("dark")), one.messages(sim.url("dark")), one.messages(sim.url("dark"), **STREAM)):
        assert b"usage" not in seen.body
    assert "usage" not in one.chat(sim.url("dark"), **WITH_USAGE).events[-1]


def test_big_answers_and_chunks(sim, client):
    sim.define("big", Behaviour(text="start", big=300_000, chunks=1000))
    seen = client.chat(sim.url("big"), **STREAM)
    assert (len(seen.text), len(seen.events)) == (300_000, 1002)
    assert client.chat(sim.url("big")).text == seen.text
    assert seen.text.startswith("start")


def test_unicode_text_survives(sim, one):
    text = "für 你好 🎉 \ud83d"
    sim.define("words", Behaviour(text=text, chunks=3))
    assert one.chat(sim.url("words")).text == text
    assert one.chat(sim.url("words"), **STREAM).text == text


def test_a_body_that_is_not_json_is_refused(sim, one):
    assert one.post(f"{sim.url()}/chat/completions", b"{").json["error"]["code"] == "invalid_json"
    assert one.post(f"{sim.url()}/messages", b"[]").json["type"] == "error"


def test_keep_alive_and_pipelining(sim):
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"
    with socket.create_connection((sim.host, sim.port)) as raw:
        raw.sendall(head * 3)
        answer = b""
        while answer.count(b'"object":"chat.completion"') < 3:
            answer += raw.recv(65536)
    assert answer.count(b"HTTP/1.1 200") == 3
    assert sim.wait_idle()
    assert sim.received == 3


def test_a_client_that_waits_for_100_continue_gets_it(sim):
    head = b"POST /v1/x HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n"
    with socket.create_connection((sim.host, sim.port)) as raw:
        raw.sendall(head)
        assert raw.recv(1000).startswith(b"HTTP/1.1 100")
        raw.sendall(b"{}")
        assert raw.recv(1000).startswith(b"HTTP/1.1 200")
