"""The same host is the same provider, of the same formats, key and prices, in every door."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx
import pytest

from beastmode_otel import ModelRouter, instrument, transport, uninstrument
from beastmode_otel.cli.demo.against import endpoint_from
from beastmode_otel.config import load
from beastmode_otel.providers import PROVIDERS, owner_of, provider_of, speaks
from beastmode_otel.simulator import Simulator
from beastmode_otel.wire import recognise
from support.recorder import Recorder

ASKED = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}
OPENAI = {
    "id": "1",
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 1_000_000, "completion_tokens": 1_000_000, "total_tokens": 2_000_000},
}
ANTHROPIC = {
    "id": "1",
    "type": "message",
    "role": "assistant",
    "content": [{"type": "text", "text": "Hi."}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 1_000_000, "output_tokens": 1_000_000},
}


class Row(NamedTuple):
    """usd: of a million tokens in and a million out; None where nobody knows. key: the first variable of its key."""

    url: str
    provider: str
    key: str | None
    model: str
    usd: float | None
    api: str = "openai.chat"


# What the convention, the providers' documentation and the price lists say; not what the table says.
REAL = (
    Row("https://api.openai.com/v1", "openai", "OPENAI_API_KEY", "gpt-4o-mini", 0.75),
    Row("https://eu.api.openai.com/v1", "openai", "OPENAI_API_KEY", "gpt-4o-mini", 0.75),
    Row("https://us.api.openai.com/v1", "openai", "OPENAI_API_KEY", "gpt-4o-mini", 0.75),
    Row(
        "https://api.anthropic.com/v1", "anthropic", "ANTHROPIC_API_KEY", "claude-haiku-4-5", 6.0, "anthropic.messages"
    ),
    Row("https://api.mistral.ai/v1", "mistral_ai", "MISTRAL_API_KEY", "codestral-2508", 1.2),
    Row("https://codestral.mistral.ai/v1", "mistral_ai", "MISTRAL_API_KEY", "codestral-2508", 1.2),
    Row("https://api.groq.com/openai/v1", "groq", "GROQ_API_KEY", "llama-3.3-70b-versatile", 1.38),
    Row("https://api.deepseek.com", "deepseek", "DEEPSEEK_API_KEY", "no-such-model", None),
    Row("https://api.x.ai/v1", "x_ai", "XAI_API_KEY", "no-such-model", None),
    Row("https://us-east-1.api.x.ai/v1", "x_ai", "XAI_API_KEY", "no-such-model", None),
    Row("https://api.perplexity.ai", "perplexity", "PERPLEXITY_API_KEY", "no-such-model", None),
    Row("https://api.cohere.ai/compatibility/v1", "cohere", "CO_API_KEY", "command-r-plus", 12.5),
    Row("https://api.cohere.com/compatibility/v1", "cohere", "CO_API_KEY", "command-r-plus", 12.5),
    Row(
        "https://generativelanguage.googleapis.com/v1beta/openai", "gcp.gemini", "GOOGLE_API_KEY", "gemini-2.5-flash",
        2.8,
    ),
    Row(
        "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/endpoints/openapi", "gcp.vertex_ai",
        None, "gemini-2.5-flash", 2.8,
    ),
    Row(
        "https://aiplatform.googleapis.com/v1/projects/p/locations/global/endpoints/openapi", "gcp.vertex_ai", None,
        "gemini-2.5-flash", 2.8,
    ),
    Row(
        "https://aiplatform.eu.rep.googleapis.com/v1/projects/p/locations/eu/endpoints/openapi", "gcp.vertex_ai", None,
        "gemini-2.5-flash", 2.8,
    ),
    Row(
        "https://mine.openai.azure.com/openai/deployments/d", "azure.ai.openai", "AZURE_OPENAI_API_KEY", "gpt-4o-mini",
        0.75,
    ),
    Row("https://mine.openai.azure.us/openai/v1", "azure.ai.openai", "AZURE_OPENAI_API_KEY", "gpt-4o-mini", 0.75),
    Row(
        "https://mine.cognitiveservices.azure.com/openai/v1", "azure.ai.openai", "AZURE_OPENAI_API_KEY", "gpt-4o-mini",
        0.75,
    ),
    Row("https://mine.services.ai.azure.com/openai/v1", "azure.ai.openai", "AZURE_INFERENCE_CREDENTIAL", "gpt-4o-mini",
        0.75),
    Row("https://mine.services.ai.azure.com/models", "azure.ai.inference", "AZURE_INFERENCE_CREDENTIAL", "gpt-4o-mini",
        0.75),
    Row(
        "https://mine.eastus2.models.ai.azure.com/v1", "azure.ai.inference", "AZURE_INFERENCE_CREDENTIAL",
        "no-such-model", None,
    ),
    Row(
        "https://bedrock-runtime.us-west-2.amazonaws.com/openai/v1", "aws.bedrock", "AWS_BEARER_TOKEN_BEDROCK",
        "openai.gpt-oss-120b-1:0", 0.75,
    ),
    Row(
        "https://bedrock-mantle.eu-central-1.api.aws/v1", "aws.bedrock", "AWS_BEARER_TOKEN_BEDROCK",
        "openai.gpt-oss-120b-1:0", 0.75,
    ),
    Row("https://eu-de.ml.cloud.ibm.com/ml/v1", "ibm.watsonx.ai", "WATSONX_APIKEY", "gpt-4o-mini", None),
    Row("https://api.moonshot.ai/v1", "moonshot_ai", "MOONSHOT_API_KEY", "kimi-k2-0905-preview", 3.1),
    Row("https://api.moonshot.cn/v1", "moonshot_ai", "MOONSHOT_API_KEY", "kimi-k2-0905-preview", 3.1),
    Row("https://api.z.ai/api/paas/v4", "zai", "ZAI_API_KEY", "glm-4.6", 2.8),
    Row("https://open.bigmodel.cn/api/paas/v4", "zhipuai", "ZHIPUAI_API_KEY", "no-such-model", None),
    Row("https://dashscope.aliyuncs.com/compatible-mode/v1", "dashscope", "DASHSCOPE_API_KEY", "qwen-plus", None),
    Row("https://dashscope-intl.aliyuncs.com/compatible-mode/v1", "dashscope", "DASHSCOPE_API_KEY", "qwen-plus", None),
    Row("https://dashscope-us.aliyuncs.com/compatible-mode/v1", "dashscope", "DASHSCOPE_API_KEY", "qwen-plus", None),
    Row(
        "https://ws-1.ap-southeast-1.maas.aliyuncs.com/compatible-mode/v1", "dashscope", "DASHSCOPE_API_KEY",
        "qwen-plus", None,
    ),
    Row("https://api.minimax.io/v1", "minimax", "MINIMAX_API_KEY", "no-such-model", None),
    Row("https://api.ai21.com/studio/v1", "ai21", "AI21_API_KEY", "gpt-4o-mini", None),
    Row("https://api.llama.com/compat/v1", "meta", "LLAMA_API_KEY", "no-such-model", None),
    Row("https://ollama.com/v1", "ollama", "OLLAMA_API_KEY", "gpt-oss:120b", None),
    Row("https://openrouter.ai/api/v1", "openrouter", "OPENROUTER_API_KEY", "openai/gpt-4o", 12.5),
    Row("https://api.together.xyz/v1", "together", "TOGETHER_API_KEY", "meta-llama/Llama-3.3-70B-Instruct-Turbo", 1.76),
    Row("https://api.together.ai/v1", "together", "TOGETHER_API_KEY", "meta-llama/Llama-3.3-70B-Instruct-Turbo", 1.76),
    Row("https://api.fireworks.ai/inference/v1", "fireworks", "FIREWORKS_API_KEY", "gpt-4o-mini", None),
    Row("https://api.cerebras.ai/v1", "cerebras", "CEREBRAS_API_KEY", "gpt-oss-120b", 1.1),
    Row("https://integrate.api.nvidia.com/v1", "nvidia", "NVIDIA_API_KEY", "openai/gpt-oss-120b", None),
    Row("https://api.sambanova.ai/v1", "sambanova", "SAMBANOVA_API_KEY", "gpt-oss-120b", None),
    Row("https://api.hyperbolic.xyz/v1", "hyperbolic", "HYPERBOLIC_API_KEY", "gpt-oss-120b", None),
    Row("https://api.tokenfactory.nebius.com/v1", "nebius", "NEBIUS_API_KEY", "openai/gpt-oss-120b", None),
    Row("https://api.studio.nebius.ai/v1", "nebius", "NEBIUS_API_KEY", "openai/gpt-oss-120b", None),
    Row("https://api.novita.ai/openai/v1", "novita", "NOVITA_API_KEY", "no-such-model", None),
    Row("https://api.deepinfra.com/v1/openai", "deepinfra", "DEEPINFRA_API_KEY", "gpt-4o-mini", None),
    Row("https://inference.baseten.co/v1", "baseten", "BASETEN_API_KEY", "no-such-model", None),
    Row("https://api.scaleway.ai/v1", "scaleway", "SCW_SECRET_KEY", "gpt-oss-120b", None),
    Row(
        "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1", "ovhcloud", "OVH_AI_ENDPOINTS_ACCESS_TOKEN",
        "no-such-model", None,
    ),
    Row("https://api.lambda.ai/v1", "lambda", "LAMBDA_API_KEY", "gpt-4o-mini", None),
    Row("https://api.featherless.ai/v1", "featherless", "FEATHERLESS_API_KEY", "gpt-4o-mini", None),
    Row("https://api.friendli.ai/serverless/v1", "friendli", "FRIENDLI_TOKEN", "gpt-4o-mini", None),
    Row("https://api.siliconflow.cn/v1", "siliconflow", "SILICONFLOW_API_KEY", "deepseek-chat", None),
    Row("https://inference.api.nscale.com/v1", "nscale", "NSCALE_SERVICE_TOKEN", "gpt-4o-mini", None),
    Row("https://models.github.ai/inference", "github_models", "GITHUB_TOKEN", "gpt-4o-mini", None),
    Row("https://models.inference.ai.azure.com", "github_models", "GITHUB_TOKEN", "gpt-4o-mini", None),
    Row("https://api.githubcopilot.com", "github_copilot", None, "no-such-model", None),
    Row("https://router.huggingface.co/v1", "huggingface", "HF_TOKEN", "openai/gpt-oss-120b", None),
    Row("https://router.huggingface.co/v1", "huggingface", "HF_TOKEN", "openai/gpt-oss-120b:cerebras", 1.1),
    Row("https://ai-gateway.vercel.sh/v1", "vercel_ai_gateway", "AI_GATEWAY_API_KEY", "openai/gpt-4o", None),
    Row("https://gateway.ai.cloudflare.com/v1/a/g/openai", "cloudflare_ai_gateway", None, "gpt-4o-mini", None),
    Row("https://api.portkey.ai/v1", "portkey", "PORTKEY_API_KEY", "gpt-4o-mini", None),
    Row("https://dbc-1.cloud.databricks.com/serving-endpoints", "databricks", "DATABRICKS_TOKEN", "no-such", None),
    # Nobody's: never the vendor of the format, and without a price.
    Row("https://gateway.corp.internal/v1", "custom", None, "gpt-4o-mini", None),
    Row("http://10.1.2.3:8000/v1", "custom", None, "gpt-4o-mini", None),
    Row("http://vllm:8000/v1", "custom", None, "deepseek-chat", None),
    Row("https://api.openai.com.evil.example/v1", "custom", None, "gpt-4o-mini", None),
    Row("http://localhost:8000/v1", "local", None, "gpt-4o-mini", None),
    Row("http://127.0.0.2:8000/v1", "local", None, "gpt-4o-mini", None),
    Row("http://[::1]:8000/v1", "local", None, "gpt-4o-mini", None),
    Row("http://host.docker.internal:11434/v1", "local", None, "gpt-4o-mini", None),
)  # fmt: skip


def answer(request: httpx.Request) -> httpx.Response:
    """The provider's part: each API answers at its path."""
    body = ANTHROPIC if request.url.path.endswith("/messages") else OPENAI
    return httpx.Response(200, json=body | {"model": json.loads(request.content)["model"]})


def path_of(row: Row) -> str:
    return "/messages" if row.api == "anthropic.messages" else "/chat/completions"


def seen(recorder: Recorder) -> tuple[Any, float | None]:
    """The provider of the one call that a door saw, and its cost."""
    (span,) = [each for each in recorder.spans() if "gen_ai.provider.name" in (each.attributes or {})]
    spent = recorder.points().get("beastmode.cost", [])
    assert {point.attributes["beastmode.provider"] for point in spent} <= {span.attributes["gen_ai.provider.name"]}
    return span.attributes["gen_ai.provider.name"], round(sum(point.value for point in spent), 6) if spent else None


@contextmanager
def recording() -> Iterator[Recorder]:
    recorder = Recorder()
    try:
        yield recorder
    finally:
        recorder.shutdown()


def by_router(row: Row, settings: dict[str, Any]) -> tuple[Any, float | None]:
    config = settings | {
        "deployments": {"d": {"base_url": row.url, "model": row.model} | settings.get("said", {})},
        "routes": {"r": {"deployments": ["d"]}},
    }
    config.pop("said", None)
    with recording() as recorder, httpx.Client(transport=httpx.MockTransport(answer)) as client:
        with ModelRouter(config, client=client, **recorder.providers) as router:
            router.route("r", ASKED)
        return seen(recorder)


def by_hook(row: Row) -> tuple[Any, float | None]:
    with recording() as recorder:
        instrument(**recorder.providers)
        try:
            with httpx.Client(transport=httpx.MockTransport(answer)) as client:
                client.post(row.url + path_of(row), json=ASKED | {"model": row.model})
        finally:
            uninstrument()
        return seen(recorder)


def by_transport(row: Row) -> tuple[Any, float | None]:
    with recording() as recorder:
        with httpx.Client(transport=transport(httpx.MockTransport(answer), **recorder.providers)) as client:
            client.post(row.url + path_of(row), json=ASKED | {"model": row.model})
        return seen(recorder)


@pytest.mark.parametrize("row", REAL, ids=lambda row: f"{httpx.URL(row.url).host} {row.model}")
def test_a_host_is_the_same_provider_at_the_same_price_in_every_door(row: Row) -> None:
    expected = (row.provider, row.usd)
    assert {"router": by_router(row, {}), "hook": by_hook(row), "transport": by_transport(row)} == {
        "router": expected,
        "hook": expected,
        "transport": expected,
    }


@pytest.mark.parametrize("row", REAL, ids=lambda row: f"{httpx.URL(row.url).host} {row.model}")
def test_a_host_has_the_same_formats_and_key_in_every_door(row: Row) -> None:
    url = httpx.URL(row.url)
    deployment = load({"deployments": {"d": {"base_url": row.url}}}, environ={}).deployments["d"]
    target = url.raw_path.rstrip(b"/") + path_of(row).encode()
    call = recognise(method="POST", host=url.host, target=target, port=url.port, body=json.dumps(ASKED).encode())
    assert call is not None
    assert (deployment.api, call.api) == (row.api, row.api)
    owner = owner_of(url.host)
    assert speaks(url.host, row.api) == (owner is not None)
    keys = owner.keys if owner else ()
    assert next(iter(keys), None) == row.key
    # The demo against a real endpoint takes the same key; to somebody whom nobody knows the format's author's.
    environ = {name: f"key of {name}" for name in (*keys, "OPENAI_API_KEY", "ANTHROPIC_API_KEY")}
    given = endpoint_from(url=row.url, model="m", kind="openai", key_env=None, cached=False, environ=environ)
    assert given.key_name == (row.key if owner or row.provider == "local" else "OPENAI_API_KEY")


def test_the_table_has_forty_real_hosts_and_more() -> None:
    assert len({httpx.URL(row.url).host for row in REAL if row.provider not in ("custom", "local")}) >= 60


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses", "/v1/messages", "/v1/embeddings"])
def test_the_simulators_host_is_local_for_every_api_that_it_plays(path: str, simulator: Simulator) -> None:
    url = httpx.URL(simulator.url())
    deployment = load({"deployments": {"d": {"base_url": str(url)}}}, environ={}).deployments["d"]
    body = json.dumps(ASKED | {"input": "hi"}).encode()
    call = recognise(method="POST", host=url.host, target=path.encode(), port=url.port, body=body)
    assert call is not None
    assert (deployment.provider, call.provider) == ("local", "local")


def test_ollamas_own_api_is_ollama_wherever_it_is() -> None:
    for host in ("127.0.0.1", "box", "ollama.com"):
        call = recognise(method="POST", host=host, target=b"/api/chat", port=11434, body=json.dumps(ASKED).encode())
        assert call is not None
        assert call.provider == "ollama"


@pytest.mark.parametrize("url", ["https://gateway.corp.internal/v1", "http://localhost:8000/v1"])
def test_what_the_configuration_says_of_a_host_holds_in_every_door(
    url: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Row(url, "openai", None, "gpt-4o-mini", 0.75)
    file = tmp_path / "beastmode.toml"
    file.write_text(f'[deployments.d]\nbase_url = "{url}"\nprovider = "openai"\n')
    monkeypatch.setenv("BEASTMODE_CONFIG", str(file))
    expected = ("openai", 0.75)
    found = (by_router(row, {"said": {"provider": "openai"}}), by_hook(row), by_transport(row))
    assert found == (expected, expected, expected)
    elsewhere = row._replace(url=url.replace("/v1", ":81/v1") if "corp" in url else "http://localhost:8001/v1")
    assert by_hook(elsewhere)[1] is None


@pytest.mark.parametrize("name", ["gpt-4o-mini", "custom/gpt-4o-mini"])
def test_a_private_host_is_priced_where_the_configuration_says_so(
    name: str, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Row("https://gateway.corp.internal/v1", "custom", None, "gpt-4o-mini", 3.0)
    file = tmp_path / "beastmode.toml"
    file.write_text(f'[prices."{name}"]\ninput = 1\noutput = 2\n')
    monkeypatch.setenv("BEASTMODE_CONFIG", str(file))
    found = (by_router(row, {"prices": {name: {"input": 1, "output": 2}}}), by_hook(row), by_transport(row))
    assert found == (("custom", 3.0),) * 3


def test_the_table_says_nothing_twice() -> None:
    names = [provider.name for provider in PROVIDERS]
    hosts = [host for provider in PROVIDERS for host in provider.hosts]
    assert len(names) == len(set(names))
    assert len(hosts) == len(set(hosts))
    for provider in PROVIDERS:
        assert provider.hosts
        assert provider.formats
        if provider.base_url:  # what a prefixed id asks is the provider's own host
            assert provider_of(httpx.URL(provider.base_url).host, api="openai.chat") == provider.name
            assert provider.keys


def test_every_provider_whose_key_is_set_is_known_by_prefix() -> None:
    asked = {provider.name: provider for provider in PROVIDERS if provider.base_url}
    config = load(environ={provider.keys[0]: "sk-1234567890" for provider in asked.values()})
    assert set(config.vendors) == set(asked)
    for name, deployment in config.vendors.items():
        assert (deployment.provider, deployment.base_url) == (name, asked[name].base_url)
        assert speaks(httpx.URL(deployment.base_url).host, deployment.api)
