"""Which HTTP requests are LLM calls: all of them, and nothing that only looks like one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from beastmode_otel.errors import ConfigError
from beastmode_otel.providers import owner_of, provider_of
from beastmode_otel.wire import FORMATS, Recogniser, recognise

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
INPUT = {"model": "m", "input": "hi"}
PROMPT = {"model": "m", "prompt": "hi"}
OLLAMA = {**CHAT, "options": {}}


def seen(url: str, body: Any = None, *, method: str = "POST", port: int | None = None, **headers: str) -> Any:
    host, slash, path = url.partition("/")
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return recognise(method=method, host=host, target=(slash + path).encode(), port=port, headers=told, body=raw)


CALLS = [
    ("api.openai.com/v1/chat/completions", CHAT, "openai.chat", "openai", "chat", "m"),
    ("api.openai.com/v1/responses", INPUT, "openai.responses", "openai", "chat", "m"),
    ("eu.api.openai.com/v1/embeddings", INPUT, "openai.embeddings", "openai", "embeddings", "m"),
    ("api.openai.com/v1/completions", PROMPT, "openai.completions", "openai", "text_completion", "m"),
    ("api.anthropic.com/v1/messages", CHAT, "anthropic.messages", "anthropic", "chat", "m"),
    ("api.mistral.ai/v1/chat/completions", CHAT, "openai.chat", "mistral_ai", "chat", "m"),
    ("api.mistral.ai/v1/fim/completions", PROMPT, "mistral.fim", "mistral_ai", "text_completion", "m"),
    ("api.mistral.ai/v1/agents/completions", {**CHAT, "model": None}, "openai.chat", "mistral_ai", "chat", None),
    ("codestral.mistral.ai/v1/fim/completions", PROMPT, "mistral.fim", "mistral_ai", "text_completion", "m"),
    ("api.groq.com/openai/v1/chat/completions", CHAT, "openai.chat", "groq", "chat", "m"),
    ("api.groq.com/openai/v1/responses", INPUT, "openai.responses", "groq", "chat", "m"),
    ("api.deepseek.com/chat/completions", CHAT, "openai.chat", "deepseek", "chat", "m"),
    ("api.deepseek.com/beta/completions", PROMPT, "openai.completions", "deepseek", "text_completion", "m"),
    ("api.deepseek.com/anthropic/v1/messages", CHAT, "anthropic.messages", "deepseek", "chat", "m"),
    ("api.x.ai/v1/chat/completions", CHAT, "openai.chat", "x_ai", "chat", "m"),
    ("api.perplexity.ai/chat/completions", CHAT, "openai.chat", "perplexity", "chat", "m"),
    ("api.cohere.ai/compatibility/v1/chat/completions", CHAT, "openai.chat", "cohere", "chat", "m"),
    ("api.cohere.com/v2/chat", CHAT, "cohere.chat", "cohere", "chat", "m"),
    ("api.cohere.com/v2/embed", {"model": "m", "texts": []}, "cohere.embed", "cohere", "embeddings", "m"),
    ("api.cohere.com/v1/chat", {"model": "m", "message": "hi"}, "unknown", "cohere", "chat", "m"),
    ("api.cohere.com/v1/embed", {"model": "m", "texts": []}, "unknown", "cohere", "embeddings", "m"),
    (
        "a.openai.azure.com/openai/deployments/my%20gpt/chat/completions?api-version=1",
        {"messages": []},
        "openai.chat",
        "azure.ai.openai",
        "chat",
        "my gpt",
    ),
    ("a.openai.azure.com/openai/deployments/e/embeddings", {"input": "x"}, "openai.embeddings", "azure.ai.openai",
     "embeddings", "e"),
    ("a.openai.azure.com/openai/v1/responses", INPUT, "openai.responses", "azure.ai.openai", "chat", "m"),
    ("a.openai.azure.com/openai/responses?api-version=1", INPUT, "openai.responses", "azure.ai.openai", "chat", "m"),
    ("a.services.ai.azure.com/models/chat/completions", CHAT, "openai.chat", "azure.ai.inference", "chat", "m"),
    ("a.services.ai.azure.com/models/chat/completions", {"messages": []}, "openai.chat", "azure.ai.inference", "chat",
     None),
    ("a.services.ai.azure.com/models/embeddings", INPUT, "openai.embeddings", "azure.ai.inference", "embeddings", "m"),
    ("a.services.ai.azure.com/openai/v1/responses", INPUT, "openai.responses", "azure.ai.openai", "chat", "m"),
    ("generativelanguage.googleapis.com/v1beta/openai/chat/completions", CHAT, "openai.chat", "gcp.gemini", "chat",
     "m"),
    ("generativelanguage.googleapis.com/v1beta/openai/embeddings", INPUT, "openai.embeddings", "gcp.gemini",
     "embeddings", "m"),
    ("generativelanguage.googleapis.com/v1beta/models/gemini-3:generateContent", {"contents": []},
     "gemini.generate_content", "gcp.gemini", "generate_content", "gemini-3"),
    ("generativelanguage.googleapis.com/v1beta/models/e-1:embedContent", {}, "gemini.embeddings", "gcp.gemini",
     "embeddings", "e-1"),
    ("generativelanguage.googleapis.com/v1beta/models/e%2F1:batchEmbedContents", {}, "gemini.embeddings", "gcp.gemini",
     "embeddings", "e/1"),
    ("us-east1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/google/models/g-3:streamGenerateContent",
     {"contents": []}, "gemini.generate_content", "gcp.vertex_ai", "generate_content", "g-3"),
    (
        "europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/anthropic/models/claude@2:rawPredict",
        CHAT | {"model": None},
        "anthropic.messages",
        "gcp.vertex_ai",
        "chat",
        "claude@2",
    ),
    ("bedrock-runtime.us-west-2.amazonaws.com/openai/v1/chat/completions", CHAT, "openai.chat", "aws.bedrock", "chat",
     "m"),
    ("openrouter.ai/api/v1/chat/completions", CHAT, "openai.chat", "openrouter", "chat", "m"),
    ("localhost/v1/chat/completions", CHAT, "openai.chat", "local", "chat", "m"),
    ("127.0.0.1/v1/completions", {"prompt": [1, 2]}, "openai.completions", "local", "text_completion", None),
    ("vllm/v1/chat/completions/", CHAT, "openai.chat", "custom", "chat", "m"),
    ("gateway/v1/a/b/openai/responses", INPUT, "openai.responses", "custom", "chat", "m"),
    ("gateway/llm/v1/messages", CHAT, "anthropic.messages", "custom", "chat", "m"),
    ("box/api/chat", OLLAMA, "ollama.chat", "ollama", "chat", "m"),
    ("box/ollama/api/generate", {**PROMPT, "keep_alive": 5}, "ollama.generate", "ollama", "text_completion", "m"),
    ("my-ollama.internal/api/embed", INPUT, "ollama.embed", "ollama", "embeddings", "m"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "body", "api", "provider", "operation", "model"), CALLS)
def test_a_call_is_recognised(url: str, body: Any, api: str, provider: str, operation: str, model: str | None) -> None:
    call = seen(url, body)
    assert (call.api, call.provider, call.operation, call.model) == (api, provider, operation, model)
    assert (call.format.api, call.ask.operation, call.ask.model, call.body) == (api, operation, model, body)


LOOK_ALIKES = [
    *("api.openai.com/v1/chat/completions-stats", "api.openai.com/v1/models", "api.openai.com/v1/files"),
    *("api.openai.com/v1/responses/resp_1/cancel", "api.openai.com/v1/responses/compact"),
    *("api.openai.com/v1/responses/input_tokens", "api.openai.com/v1/chat/completions/chatcmpl_1"),
    *("api.openai.com/v1/threads/t/messages", "api.openai.com/v1/threads/t/runs", "api.openai.com/v1/batches"),
    *("api.openai.com/v1/audio/speech", "api.openai.com/v1/audio/transcriptions", "api.openai.com/v1/moderations"),
    *("api.openai.com/v1/images/generations", "api.openai.com/v1/organization/usage/completions"),
    *("api.anthropic.com/v1/messages/batches", "api.anthropic.com/v1/messages/count_tokens"),
    *("api.mistral.ai/v1/conversations", "api.mistral.ai/v1/ocr", "api.mistral.ai/v1/audio/transcriptions"),
    *("localhost/api/tags", "localhost/api/pull", "localhost/api/show", "localhost/chat", "localhost/", "localhost"),
    *("shop.example/api/v2/chat", "shop.example/v2/embed", "shop.example/completions", "shop.example/responses"),
    *("x/v1beta/models/gemini:countTokens", "x/v1beta/models/:generateContent", "x/books/a:generateContent"),
    *("x/publishers/google/models/gemini:rawPredict", "x/v1/models/a:predict", "x/xchat/completions"),
    *("shop.example/models/embeddings", "x/v1/vx/completions/stats", "x/vendor/completions"),
]  # fmt: skip


@pytest.mark.parametrize("url", LOOK_ALIKES)
def test_a_look_alike_is_none(url: str) -> None:
    for body in (None, CHAT | INPUT | PROMPT | OLLAMA):
        assert seen(url, body) is None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS", "post", ""])
def test_only_a_post_is_a_call(method: str) -> None:
    assert seen("api.openai.com/v1/chat/completions", CHAT, method=method) is None
    assert seen("api.openai.com/v1/responses", INPUT, method=method) is None


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("whatsapp.example/v1/messages", {"to": "49", "type": "text"}),
        ("survey.example/v1/responses", {"answers": [1], "model": "m"}),
        ("search.example/v1/embeddings", {"texts": ["a"]}),
        ("search.example/v1/completions", {"query": "a"}),
        ("app.example/api/chat", CHAT),  # many applications have a chat of their own there
        ("app.example/api/generate", PROMPT),
        ("app.example/v1/messages", None),
        ("app.example/v1/messages", b"\x1f\x8b"),
        ("app.example/v1/messages", []),
    ],
)
def test_another_services_path_is_none_unless_something_speaks_for_it(url: str, body: Any) -> None:
    assert seen(url, body) is None


@pytest.mark.parametrize("headers", [{"x_stainless_lang": "python"}, {"user_agent": "Anthropic/Python 2.12.0"},
                                     {"anthropic_version": "2023-06-01"}])  # fmt: skip
def test_an_sdk_speaks_for_its_call_even_without_a_body(headers: dict[str, str]) -> None:
    call = seen("gateway.internal/v1/messages", None, **headers)
    assert (call.api, call.model, call.body, call.stream) == ("anthropic.messages", None, None, False)


def test_ollamas_port_name_and_sdk_speak_for_it() -> None:
    assert seen("box/api/chat", CHAT, port=11434).api == "ollama.chat"
    assert seen("my-ollama/api/chat", CHAT).api == "ollama.chat"
    assert seen("box/api/embeddings", PROMPT, user_agent="ollama-python/0.6.3 (x86_64 linux)").api == "ollama.embed"
    assert seen("box/api/chat", CHAT, port=8080) is None


@pytest.mark.parametrize("headers", [{"x_fern_sdk_name": "cohere"}, {"user_agent": "cohere/7.3.1"}])
def test_coheres_sdk_speaks_for_it_at_a_gateway(headers: dict[str, str]) -> None:
    """A body of that shape, or another vendor's host, does not."""
    assert seen("gateway.internal/v2/chat", CHAT, **headers).api == "cohere.chat"
    assert seen("gateway.internal/v2/chat", CHAT) is None
    assert seen("api.openai.com/v2/chat", CHAT) is None


def test_a_call_at_a_path_of_its_own_needs_no_body() -> None:
    call = seen("anything.example/v1/chat/completions")
    assert (call.api, call.provider, call.model, call.stream, call.body) == ("openai.chat", "custom", None, False, None)


def test_streams_are_told_by_the_body_or_by_the_path() -> None:
    assert seen("a/v1/chat/completions", {**CHAT, "stream": True}).stream
    assert not seen("a/v1/chat/completions", CHAT).stream
    assert seen("a/api/chat", OLLAMA).stream
    assert not seen("a/api/chat", {**OLLAMA, "stream": False}).stream
    assert not seen("a/api/chat", None, port=11434).stream  # nobody knows
    assert not seen("a/v1/embeddings", {**INPUT, "stream": True}).stream
    call = seen("x/v1beta/models/gemini:streamGenerateContent?alt=sse", {})
    assert (call.stream, call.ask.stream) == (True, True)
    assert not seen("x/v1beta/models/gemini:streamGenerateContent?key=k", {}).stream  # one array, no events


def test_the_model_in_the_body_outranks_the_path() -> None:
    call = seen("a.openai.azure.com/openai/deployments/d/chat/completions", CHAT)
    assert call.model == "m"


def test_a_compressed_body_is_not_read() -> None:
    assert seen("a/v1/chat/completions", CHAT, content_encoding="gzip").body is None


# More paths.


def test_more_paths_can_be_named_and_outrank_the_built_in_ones() -> None:
    named = Recogniser({"/llm/{model}/ask": "openai.chat", "/llm/{model}:ask": "openai.chat"})
    for target in (b"/x/llm/my%20gpt/ask", b"/llm/my%20gpt:ask"):
        found = recognise(method="POST", host="a", target=target, by=named)
        assert found is not None
        assert found.model == "my gpt"
    by = Recogniser({"/llm/*/ask": "openai.chat", "/v1/audio/speech": "unknown", "/fim/completions": "openai.chat"})

    def api(path: str) -> str | None:
        call = recognise(method="POST", host="a", target=path.encode(), by=by)
        return None if call is None else call.api

    assert api("/llm/eu/ask?x=1") == "openai.chat"
    assert api("/gateway/llm/eu/ask") == "openai.chat"
    assert api("/llm/ask") is None
    assert api("/v1/audio/speech") == "unknown"
    assert api("/v1/fim/completions") == "openai.chat"
    assert api("/v1/chat/completions") == "openai.chat"
    assert api("/v1/models") is None
    anything = Recogniser({"/agents/*": "anthropic.messages"})
    assert recognise(method="POST", host="a", target=b"/agents/bob", by=anything) is not None
    assert recognise(method="POST", host="a", target=b"/people/bob", by=anything) is None


def test_of_two_patterns_the_longer_says_more() -> None:
    by = Recogniser({"/ask": "openai.chat", "/llm/ask": "unknown", "/a/*": "ollama.chat", "/*/b": "ollama.generate"})
    calls = [recognise(method="POST", host="a", target=path, by=by) for path in (b"/x/ask", b"/x/llm/ask", b"/y/b")]
    assert [call.api for call in calls if call] == ["openai.chat", "unknown", "ollama.generate"]


@pytest.mark.parametrize("pattern", ["", "/", "llm", "/a b", "/a?x=1", "http://a/b", "/a//b"])
def test_what_is_no_path_is_refused(pattern: str) -> None:
    with pytest.raises(ConfigError, match="is no path"):
        Recogniser({pattern: "openai.chat"})


def test_an_api_without_a_format_is_refused_and_the_others_are_named() -> None:
    with pytest.raises(ConfigError) as caught:
        Recogniser({"/a": "openai"})
    assert all(api in str(caught.value.hints) for api in FORMATS)


# Providers.


@pytest.mark.parametrize(
    ("host", "provider"),
    [
        ("API.OpenAI.com.", "openai"),
        ("api.openai.com.evil.example", None),
        ("notapi.openai.com", None),
        ("x.openai.azure.com", "azure.ai.openai"),
        ("bedrock-runtime.evil.example.amazonaws.com", None),
        ("bedrock-mantle.us-east-1.api.aws.evil.example", None),
        ("", None),
    ],
)
def test_a_host_is_its_own_and_no_other(host: str, provider: str | None) -> None:
    owner = owner_of(host)
    assert (owner and owner.name) == provider
    assert provider_of(host, api="openai.chat") == (provider or "custom")


# Nothing raises.


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(st.binary(max_size=60), st.sampled_from([url.partition("/")[2].encode() for url, *_ in CALLS])),
    st.text(max_size=20),
    st.one_of(st.none(), st.binary(max_size=40), st.sampled_from([json.dumps(body).encode() for _, body, *_ in CALLS])),
    st.one_of(st.none(), st.integers(0, 65535)),
    st.dictionaries(st.sampled_from(["user-agent", "content-encoding", "x-stainless-lang"]), st.text(max_size=9)),
)
def test_no_request_raises(
    path: bytes, host: str, body: bytes | None, port: int | None, headers: dict[str, str]
) -> None:
    for by in (Recogniser(), Recogniser({"/*": "unknown"})):
        call = recognise(method="POST", host=host, target=b"/" + path, port=port, headers=headers, body=body, by=by)
        assert call is None or call.api in FORMATS
