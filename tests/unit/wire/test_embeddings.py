"""Embeddings, OpenAI's and Ollama's."""

from __future__ import annotations

import json
from typing import Any

import pytest

from beastmode_otel.wire import FORMATS, Usage, categorise

from . import more_payloads as m


def whole(api: str, body: Any) -> Any:
    return FORMATS[api].read_response(json.dumps(body).encode())


def test_a_request_is_read_into_facts() -> None:
    body = {"model": "text-embedding-3-small", "input": ["a"], "encoding_format": "base64", "dimensions": 256}
    ask = FORMATS["openai.embeddings"].read_request({**body, "stream": True})
    assert (ask.operation, ask.model, ask.stream) == ("embeddings", "text-embedding-3-small", False)
    assert (ask.encoding_formats, ask.dimensions) == (("base64",), 256)
    assert FORMATS["ollama.embed"].read_request({"model": "all-minilm"}).stream is False


OLD = {"embedding": [0.1, 0.2]}
PACKED = {**m.EMBEDDINGS, "data": [{"object": "embedding", "index": 0, "embedding": "AACAPw=="}]}


@pytest.mark.parametrize(
    ("api", "body", "model", "usage"),
    [
        ("openai.embeddings", m.EMBEDDINGS, "text-embedding-3-small", Usage(input_tokens=8)),
        ("openai.embeddings", PACKED, "text-embedding-3-small", Usage(input_tokens=8)),
        ("ollama.embed", m.OLLAMA_EMBED, "all-minilm", Usage(input_tokens=8)),
        ("ollama.embed", OLD, None, None),
    ],
)
def test_an_answer_is_whole_when_every_vector_is_there(api: str, body: Any, model: str | None, usage: Any) -> None:
    reply = whole(api, body)
    assert (reply.parsed, reply.empty, reply.whole, reply.finish_reasons) == (True, False, True, ())
    assert (reply.model, reply.usage, reply.body, reply.text) == (model, usage, body, "")


@pytest.mark.parametrize(
    ("api", "body"),
    [
        ("openai.embeddings", {**m.EMBEDDINGS, "data": []}),
        ("openai.embeddings", {**m.EMBEDDINGS, "data": [*m.EMBEDDINGS["data"], {"embedding": []}]}),
        ("openai.embeddings", {**m.EMBEDDINGS, "data": [None]}),
        ("ollama.embed", {"embeddings": []}),
        ("ollama.embed", {"embedding": []}),
    ],
)
def test_a_missing_vector_is_no_whole_answer(api: str, body: Any) -> None:
    reply = whole(api, body)
    assert (reply.parsed, reply.empty, reply.whole) == (True, True, False)


@pytest.mark.parametrize("api", ["openai.embeddings", "ollama.embed"])
def test_an_error_body_is_an_error_and_another_shape_is_not_parsed(api: str) -> None:
    reply = whole(api, {"error": {"message": "model not found", "type": "invalid_request_error", "code": None}})
    assert (reply.whole, categorise(reply.error).name) == (False, "model_not_found")
    for other in ([], "x", {"data": 5}, {"choices": []}):
        assert not whole(api, other).parsed
