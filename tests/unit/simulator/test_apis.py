"""The other APIs that the simulator speaks, as clients see them: responses, embeddings, Ollama, dialects of chat."""

from __future__ import annotations

import base64
import json
import struct

import pytest

from beastmode_otel.simulator import Behaviour

ASK = {"model": "m", "messages": [{"role": "user", "content": "a secret wish"}], "input": "a secret wish"}
ASK |= {"prompt": "a secret wish"}
STREAM = {"stream": True}
WITH_USAGE = {"stream": True, "stream_options": {"include_usage": True}}
GEMINI = "/v1beta/models/g%20m"
PATHS = (
    *("/v1/responses", "/v1/completions", "/v1/embeddings", "/api/chat", "/api/generate", "/api/embed"),
    *(f"{GEMINI}:generateContent", f"{GEMINI}:batchEmbedContents", "/v2/chat", "/v2/embed"),
)


def ask(client, sim, path, name="ok", **more):
    return client.post(sim.url(name, "") + path, ASK | more)


def lines(seen):
    return [json.loads(line) for line in seen.body.splitlines()]


def test_responses(sim, client):
    whole, stream = ask(client, sim, "/v1/responses").json, ask(client, sim, "/v1/responses", **STREAM)
    assert (whole["object"], whole["status"], whole["model"]) == ("response", "completed", "m")
    said = whole["output"][0]["content"][0]["text"]
    assert said.startswith("You said")
    assert "".join(event["delta"] for event in stream.events if event["type"] == "response.output_text.delta") == said
    assert [event["sequence_number"] for event in stream.events] == [*range(len(stream.events))]
    assert stream.events[0]["response"]["status"] == "in_progress"
    assert stream.events[-1]["response"]["usage"] == whole["usage"]
    assert b"event: response.completed\ndata: " in stream.body
    assert "[DONE]" not in stream.data


@pytest.mark.parametrize(
    ("reason", "status", "why"),
    [("length", "incomplete", "max_output_tokens"), ("content_filter", "incomplete", "content_filter")],
)
def test_responses_that_are_not_complete(sim, one, reason, status, why):
    sim.define("half", Behaviour(finish_reason=reason))
    whole, stream = (ask(one, sim, "/v1/responses", "half", stream=stream) for stream in (False, True))
    assert (whole.json["status"], whole.json["incomplete_details"]) == (status, {"reason": why})
    assert stream.events[-1]["type"] == "response.incomplete"


def test_responses_call_functions(sim, one):
    sim.define("tools", Behaviour(tool_calls=True))
    tools = {"tools": [{"type": "function", "name": "find"}]}
    [call] = ask(one, sim, "/v1/responses", "tools", **tools).json["output"]
    assert (call["type"], call["name"], call["arguments"]) == ("function_call", "find", '{"city":"Paris"}')
    events = ask(one, sim, "/v1/responses", "tools", **tools, **STREAM).events
    deltas = [event["delta"] for event in events if event["type"] == "response.function_call_arguments.delta"]
    assert "".join(deltas) == call["arguments"]
    assert events[-1]["response"]["output"][0]["arguments"] == call["arguments"]


def test_completions(sim, client):
    whole, stream = (ask(client, sim, "/v1/completions", **more) for more in ({}, WITH_USAGE))
    assert whole.json["object"] == "text_completion"
    *chunks, usage = stream.events
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == whole.json["choices"][0]["text"]
    assert (usage["choices"], usage["usage"]) == ([], whole.json["usage"])
    assert stream.data[-1] == "[DONE]"
    assert all("usage" not in chunk for chunk in ask(client, sim, "/v1/completions", **STREAM).events)


def test_embeddings(sim, client):
    floats = ask(client, sim, "/v1/embeddings", input=["a", "b", "a"], dimensions=8).json
    first, second, third = (item["embedding"] for item in floats["data"])
    assert first == third != second
    assert len(first) == 8
    assert sum(value * value for value in first) == pytest.approx(1)
    packed = ask(client, sim, "/v1/embeddings", input=["a"], dimensions=8, encoding_format="base64").json
    raw = base64.b64decode(packed["data"][0]["embedding"])
    assert [*struct.unpack("<8f", raw)] == first
    assert floats["usage"]["prompt_tokens"] == floats["usage"]["total_tokens"] > 0


@pytest.mark.parametrize(("given", "count"), [("a", 1), ([1, 2, 3], 1), ([[1], [2]], 2), ([], 1), (5, 1)])
def test_as_many_embeddings_as_inputs(sim, one, given, count):
    seen = ask(one, sim, "/v1/embeddings", input=given, dimensions=10**9, stream=True)
    assert len(seen.json["data"]) == count
    assert len(seen.json["data"][0]["embedding"]) == 32


@pytest.mark.parametrize(("path", "read"), [
    ("/api/chat", lambda line: line["message"]["content"]),
    ("/api/generate", lambda line: line["response"]),
])  # fmt: skip
def test_ollama_streams_unless_it_is_told_not_to(sim, client, path, read):
    whole, stream = ask(client, sim, path, stream=False), ask(client, sim, path)
    assert (whole.headers["content-type"], whole.json["done"]) == ("application/json", True)
    assert stream.headers["content-type"] == "application/x-ndjson"
    *deltas, last = lines(stream)
    assert "".join(map(read, deltas)) == read(whole.json)
    assert not any(line["done"] for line in deltas)
    assert (last["done"], last["done_reason"]) == (True, "stop")
    assert last["eval_count"] == whole.json["eval_count"] > 0


def test_ollama_calls_functions_whole(sim, one):
    sim.define("tools", Behaviour(tool_calls=True))
    first, last = lines(ask(one, sim, "/api/chat", "tools"))
    assert first["message"]["tool_calls"][0]["function"]["arguments"] == {"city": "Paris"}
    assert last["done"]


def test_ollama_embeds(sim, one):
    seen = ask(one, sim, "/api/embed", input=["a", "b"]).json
    assert [len(vector) for vector in seen["embeddings"]] == [32, 32]
    assert seen["prompt_eval_count"] > 0
    old = ask(one, sim, "/api/embeddings", prompt="a").json
    assert old == {"embedding": seen["embeddings"][0]}


def test_azures_path_names_the_model_and_opens_with_the_filters_results(sim, client):
    path = "/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"
    body = {"messages": ASK["messages"]}
    whole = client.post(sim.url("ok", "") + path, body).json
    assert (whole["model"], whole["choices"][0]["content_filter_results"]["hate"]["filtered"]) == ("gpt-4o", False)
    first, *_ = client.post(sim.url("ok", "") + path, body | STREAM).events
    assert (first["id"], first["choices"]) == ("", [])
    assert first["prompt_filter_results"][0]["prompt_index"] == 0


def test_groq_tells_usage_in_its_last_choice(sim, client):
    sim.define("groq", Behaviour(dialect="groq"))
    whole = ask(client, sim, "/openai/v1/chat/completions", "groq").json
    first, *_, last = ask(client, sim, "/openai/v1/chat/completions", "groq", **STREAM).events
    assert first["x_groq"] == whole["x_groq"] | {"id": first["x_groq"]["id"]}
    assert last["choices"][0]["finish_reason"] == "stop"
    assert last["x_groq"]["usage"] == whole["usage"]
    *_, extra = ask(client, sim, "/openai/v1/chat/completions", "groq", **WITH_USAGE).events
    assert (extra["choices"], extra["usage"]) == ([], whole["usage"])


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/fim/completions"])
def test_mistral_tells_usage_with_its_last_choice_asked_or_not(sim, client, path):
    sim.define("mistral", Behaviour(dialect="mistral"))
    whole = ask(client, sim, path, "mistral").json
    assert whole["object"] == "chat.completion"
    for options in (STREAM, WITH_USAGE):
        *_, last = ask(client, sim, path, "mistral", **options).events
        assert (last["choices"][0]["finish_reason"], last["usage"]) == ("stop", whole["usage"])


CONTENTS = {"contents": [{"parts": [{"text": "a secret wish"}]}]}


def texts(chunk):
    return "".join(part["text"] for part in chunk["candidates"][0]["content"]["parts"])


def test_gemini(sim, client):
    """The path names the model and says whether it streams; without alt=sse the events are one array."""
    whole = ask(client, sim, f"{GEMINI}:generateContent", **CONTENTS).json
    assert (whole["modelVersion"], whole["candidates"][0]["finishReason"]) == ("g m", "STOP")
    stream = ask(client, sim, f"{GEMINI}:streamGenerateContent?alt=sse", **CONTENTS)
    assert stream.headers["content-type"].startswith("text/event-stream")
    array = ask(client, sim, f"{GEMINI}:streamGenerateContent", **CONTENTS)
    assert array.headers["content-type"] == "application/json"
    for chunks in (stream.events, array.json):
        assert "".join(map(texts, chunks)) == texts(whole)
        assert chunks[-1]["usageMetadata"] == whole["usageMetadata"]
        assert [chunk["candidates"][0].get("finishReason") for chunk in chunks] == [None] * 5 + ["STOP"]


def test_gemini_counts_thoughts_beside_the_candidates(sim, one):
    sim.define("think", Behaviour(input_tokens=20, cached_tokens=5, output_tokens=50, reasoning_tokens=30))
    counts = ask(one, sim, f"{GEMINI}:generateContent", "think", **CONTENTS).json["usageMetadata"]
    assert counts == {"promptTokenCount": 20, "cachedContentTokenCount": 5, "candidatesTokenCount": 20,
                      "thoughtsTokenCount": 30, "totalTokenCount": 70}  # fmt: skip


def test_gemini_calls_functions_whole(sim, one):
    sim.define("tools", Behaviour(tool_calls=True))
    tools = {"tools": [{"functionDeclarations": [{"name": "find"}]}], **CONTENTS}
    for path in (f"{GEMINI}:generateContent", f"{GEMINI}:streamGenerateContent"):
        said = ask(one, sim, path, "tools", **tools).json
        first = said[0] if isinstance(said, list) else said
        part = first["candidates"][0]["content"]["parts"][0]
        assert part == {"functionCall": {"name": "find", "args": {"city": "Paris"}}}


def test_gemini_embeds(sim, one):
    single = ask(one, sim, f"{GEMINI}:embedContent", content={"parts": [{"text": "a"}]}, outputDimensionality=8).json
    assert len(single["embedding"]["values"]) == 8
    requests = [{"content": {"parts": [{"text": text}]}} for text in ("a", "b")]
    several = ask(one, sim, f"{GEMINI}:batchEmbedContents", requests=requests, outputDimensionality=8).json
    assert [len(each["values"]) for each in several["embeddings"]] == [8, 8]
    assert several["embeddings"][0] == single["embedding"]


def test_cohere(sim, client):
    whole, stream = ask(client, sim, "/v2/chat").json, ask(client, sim, "/v2/chat", **STREAM)
    said = whole["message"]["content"][0]["text"]
    assert (whole["finish_reason"], said[:8]) == ("COMPLETE", "You said")
    deltas = [event for event in stream.events if event["type"] == "content-delta"]
    assert "".join(event["delta"]["message"]["content"]["text"] for event in deltas) == said
    last = stream.events[-1]
    assert (last["type"], last["delta"]["usage"]) == ("message-end", whole["usage"])
    assert whole["usage"]["tokens"]["input_tokens"] > whole["usage"]["billed_units"]["input_tokens"]
    assert b"event: message-end\ndata: " in stream.body


def test_cohere_calls_functions(sim, one):
    sim.define("tools", Behaviour(tool_calls=True))
    [call] = ask(one, sim, "/v2/chat", "tools").json["message"]["tool_calls"]
    events = ask(one, sim, "/v2/chat", "tools", **STREAM).events
    grown = [event["delta"]["message"]["tool_calls"] for event in events if event["type"] == "tool-call-delta"]
    assert (
        "".join(each["function"]["arguments"] for each in grown) == call["function"]["arguments"] == '{"city":"Paris"}'
    )


def test_cohere_embeds(sim, one):
    seen = ask(one, sim, "/v2/embed", texts=["a", "b", "a"]).json
    first, second, third = seen["embeddings"]["float"]
    assert first == third != second
    assert seen["meta"]["billed_units"]["input_tokens"] > 0


# The same faults everywhere.


@pytest.mark.parametrize("path", PATHS)
def test_errors_have_the_shape_of_their_api(sim, one, path):
    sim.define("error", Behaviour(status=429, retry_after="1", error_message="boom"))
    seen = ask(one, sim, path, "error")
    assert (seen.status, seen.headers["retry-after"]) == (429, "1")
    error = seen.json if path.startswith("/v2/") else seen.json["error"]
    assert (error if path.startswith("/api/") else error["message"]) == "boom"


@pytest.mark.parametrize("path", PATHS)
def test_a_body_that_is_no_object_is_refused(sim, one, path):
    assert one.post(sim.url("ok", "") + path, b"[]").status == 400


STREAMS = [path for path in PATHS if "embed" not in path.lower() and not path.startswith(GEMINI)]
STREAMS.append(f"{GEMINI}:streamGenerateContent?alt=sse")


@pytest.mark.parametrize("path", STREAMS)
def test_a_stream_can_be_cut_and_can_lack_its_end(sim, client, path):
    sim.define("cut", Behaviour(cut_after=2))
    assert isinstance(ask(client, sim, path, "cut", **STREAM).error, client.lib.RemoteProtocolError)
    sim.define("endless", Behaviour(done=False))
    seen = ask(client, sim, path, "endless", **STREAM)
    assert seen.error is None
    ends = (b"[DONE]", b"response.completed", b'"done":true', b"finishReason", b"message-end")
    assert not any(mark in seen.body for mark in ends)


def test_error_events_have_the_form_of_their_api(sim, one):
    sim.define("late", Behaviour(error_event_after=1, error_message="boom"))
    last = ask(one, sim, "/v1/responses", "late", **STREAM).events[-1]
    assert (last["type"], last["message"]) == ("error", "boom")
    assert ask(one, sim, "/v1/completions", "late", **STREAM).events[-1]["error"]["message"] == "boom"
    assert lines(ask(one, sim, "/api/chat", "late"))[-1] == {"error": "boom"}
    gemini = ask(one, sim, f"{GEMINI}:streamGenerateContent?alt=sse", "late", **CONTENTS).events[-1]
    assert gemini["error"] == {"code": 500, "message": "boom", "status": "INTERNAL"}
    cohere = ask(one, sim, "/v2/chat", "late", **STREAM).events[-1]
    assert (cohere["type"], cohere["delta"]) == ("message-end", {"finish_reason": "ERROR", "error": "boom"})


@pytest.mark.parametrize("path", STREAMS)
def test_broken_json_in_a_stream(sim, one, path):
    sim.define("broken", Behaviour(wrong_json=True))
    seen = ask(one, sim, path, "broken", **STREAM)
    with pytest.raises(ValueError):
        _ = lines(seen) if path.startswith("/api/") else seen.events


def test_a_trickling_stream_of_lines_is_kept_alive_by_blanks(sim, one):
    sim.define("slow", Behaviour(trickle=0.01, trickle_for=0.03))
    seen = ask(one, sim, "/api/chat", "slow")
    assert seen.body.startswith(b" ")
    assert lines(seen)[-1]["done"]


def test_usage_can_be_left_out_everywhere(sim, one):
    sim.define("dark", Behaviour(usage=False))
    for path in PATHS:
        for stream in (False, True):
            body = ask(one, sim, path, "dark", stream=stream).body
            assert b"_tokens" not in body.replace(b"max_output_tokens", b"")
            assert b"eval_count" not in body
            assert b"usageMetadata" not in body


def test_mistral_streams_a_tool_call_whole(sim, one):
    """Its SDK refuses a delta of a call without the function's name."""
    sim.define("tools", Behaviour(dialect="mistral", tool_calls=True))
    events = ask(one, sim, "/v1/chat/completions", "tools", **STREAM).events
    [call] = [call for event in events for call in event["choices"][0]["delta"].get("tool_calls", [])]
    assert call["function"] == {"name": "get_weather", "arguments": '{"city":"Paris"}'}
