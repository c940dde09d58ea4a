"""Chat completions as others than OpenAI speak them: their last events, their usage, their ways to fail."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beastmode_otel.wire import Chunk, ProviderError, Usage, categorise, format_named

from . import payloads as p

CHAT, FIM = format_named("openai.chat"), format_named("mistral.fim")
COUNTS = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
USAGE = Usage(input_tokens=3, output_tokens=4)


def read(*events: Any, form: Any = CHAT, done: bool = True) -> tuple[list[Chunk], Any]:
    reader = form.reader()
    return [*reader.feed(p.sse(*events, done=done)), *reader.end()], reader


# Groq.


def test_groqs_usage_stands_at_the_top_of_the_assembled_answer() -> None:
    chunks, reader = read(
        p.chunk({"role": "assistant", "content": ""}, x_groq={"id": "req_1"}),
        p.chunk({"content": "a"}),
        p.chunk({}, finish="stop", x_groq={"id": "req_1", "usage": COUNTS}),
    )
    assert (reader.finished, reader.reply().usage) == (True, USAGE)
    assert (reader.reply().body["usage"], reader.reply().body["x_groq"]) == (COUNTS, {"id": "req_1"})
    assert not any(chunk.usage_only for chunk in chunks)


def test_groqs_own_last_chunk_of_usage_wins() -> None:
    last = {**p.USAGE_CHUNK, "usage": {**COUNTS, "completion_tokens": 5}}
    chunks, reader = read(p.chunk({"content": "a"}, finish="stop", x_groq={"id": "r", "usage": COUNTS}), last)
    assert reader.reply().usage == Usage(input_tokens=3, output_tokens=5)
    assert [chunk.usage_only for chunk in chunks] == [False, True, False]


def test_groqs_reason_to_stop_early_is_an_error() -> None:
    chunks, reader = read(p.chunk({"content": "a"}), p.chunk({}, x_groq={"id": "r", "error": "over capacity"}))
    assert chunks[1].error == reader.error == ProviderError(message="over capacity")


# Mistral.


def test_mistrals_usage_comes_with_its_last_choice() -> None:
    chunks, reader = read(p.chunk({"content": "a"}), p.chunk({"content": ""}, finish="model_length", usage=COUNTS))
    assert (reader.finished, reader.reply().usage) == (True, USAGE)
    assert reader.reply().finish_reasons == ("model_length",)
    assert not any(chunk.usage_only for chunk in chunks)


def test_mistrals_reason_error_is_an_error_whole_and_as_a_stream() -> None:
    assert read(p.chunk({"content": "a"}, finish="error"))[1].error == ProviderError()
    body = p.completion({"role": "assistant", "content": "a"}, finish="error")
    reply = CHAT.read_response(json.dumps(body).encode())
    assert reply.error is not None
    assert categorise(reply.error).name == "server_error"


def thought(text: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}]}


def test_mistrals_thinking_comes_in_parts_and_its_answer_as_text() -> None:
    chunks, reader = read(
        p.chunk({"role": "assistant", "content": ""}),
        p.chunk({"content": [thought("Hm")]}),
        p.chunk({"content": [thought(", well")]}),
        p.chunk({"content": "4"}),
        p.chunk({"content": "2"}),
        p.chunk({"content": ""}, finish="stop"),
    )
    [message] = [choice["message"] for choice in reader.reply().body["choices"]]
    assert message["content"] == [thought("Hm, well"), {"type": "text", "text": "42"}]
    assert "".join(chunk.text for chunk in chunks) == reader.reply().text == "42"
    assert [chunk.content for chunk in chunks] == [False, True, True, True, True, False, False]


def test_text_before_parts_is_not_lost() -> None:
    text = {"type": "text", "text": "b"}
    _, reader = read(p.chunk({"content": "a"}), p.chunk({"content": [text, text]}), p.chunk({"content": "c"}))
    assert reader.reply().body["choices"][0]["message"]["content"] == [
        {"type": "text", "text": "ab"},
        {"type": "text", "text": "bc"},
    ]
    assert reader.reply().text == "abbc"


def test_fill_in_the_middle_is_a_completion_that_answers_like_a_chat() -> None:
    ask = FIM.read_request({"model": "codestral", "prompt": "def f(", "suffix": "return 1", "random_seed": 7})
    assert (ask.api, ask.operation, ask.seed) == ("mistral.fim", "text_completion", 7)
    _, reader = read(p.chunk({"content": "x"}), p.chunk({}, finish="stop", usage=COUNTS), form=FIM)
    assert (reader.finished, reader.reply().text, reader.reply().usage) == (True, "x", USAGE)


# Azure, vLLM, OpenRouter.


def test_azures_filter_results_are_kept_and_its_end_is_seen() -> None:
    opening = {"choices": [], "created": 0, "id": "", "model": "", "object": "", "prompt_filter_results": [{}]}
    choice = {**p.chunk({"content": "a"}, finish="stop")["choices"][0], "content_filter_results": {"hate": {}}}
    chunks, reader = read(opening, {**p.OPENAI_TOP, "choices": [choice]})
    assert (reader.finished, chunks[-1].terminal) == (True, True)
    assert reader.reply().body["choices"][0]["content_filter_results"] == {"hate": {}}


def test_vllms_running_usage_ends_with_the_last() -> None:
    running = [{**COUNTS, "completion_tokens": made} for made in (1, 2, 4)]
    events = [p.chunk({"content": "a"}, usage=usage) for usage in running]
    chunks, reader = read(*events, p.chunk({}, finish="stop", usage=COUNTS))
    assert reader.reply().usage == USAGE
    assert not any(chunk.usage_only for chunk in chunks)


@pytest.mark.parametrize("place", ["top", "choice"])
def test_openrouters_error_in_the_middle_is_an_error(place: str) -> None:
    error = {"code": 502, "message": "Provider disconnected"}
    last = p.chunk({"content": ""}, finish="error", provider="X")
    target = last if place == "top" else last["choices"][0]
    target["error"] = error
    _, reader = read(p.chunk({"content": "a"}), last, done=False)
    assert reader.error == ProviderError(code="502", message="Provider disconnected")
    assert categorise(reader.error).name == "bad_gateway"
