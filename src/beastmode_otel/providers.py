"""One table of providers: whose API answers at a host, what it speaks, where its key stands.

Everybody who meets a host asks here, so that it is the same provider in every door: the configuration of the router,
the recogniser of the doors for other people's clients, prices, the command line. `gen_ai.provider.name` has the values
of OpenTelemetry's GenAI convention where it lists one, else the name in the price snapshot, else a plain one.

Sources: the providers' own documentation, and the addresses in genai-prices 0.2.3 (MIT, Pydantic Services Inc.).
"""

from __future__ import annotations

import functools
import re
from types import MappingProxyType
from typing import Final, NamedTuple

LOCAL: Final = "local"
"""This machine: whatever runs there is not the vendor whose format it speaks, and not at that vendor's price."""
CUSTOM: Final = "custom"
"""A host in nobody's table: a team's own server or gateway. What it costs only the team can say."""

_BOTH: Final = ("openai", "anthropic")


class Provider(NamedTuple):
    """A vendor, or a gateway that sells what others make.

    name: `gen_ai.provider.name`. hosts: `*` stands for a part of one label, `**` for one label or more. base_url: what
    `name:model` asks when no route is configured; empty where it depends on a region, a resource or an account.
    keys: the variables in which its own SDK or documentation puts the key, the first that is set counts; none where it
    wants no plain key. formats: the families of wire formats that it speaks (`openai` of `openai.chat`), best first.
    forbids_storing: it says `cache-control: no-store` with every answer, which then says nothing about this one
    (docs/decisions.md has the evidence).

    What else its own SDK reads from the environment, so that a variable means here what it means there. address: the
    variable that moves its address; rest: what the SDK puts behind that, up to where base_url ends. bearer: a variable
    that goes before the keys. key_headers: the headers in which the keys go, where it is not that of the format.
    headers, query: variables, and the header or the parameter that they fill; the latter must be set. more_headers: a
    variable with lines `name: value`.
    """

    name: str
    hosts: tuple[str, ...]
    base_url: str = ""
    keys: tuple[str, ...] = ()
    formats: tuple[str, ...] = ("openai",)
    forbids_storing: bool = False
    address: str = ""
    rest: str = ""
    bearer: str = ""
    key_headers: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    more_headers: str = ""


_OPENAI_HEADERS: Final = (("OPENAI_ORG_ID", "openai-organization"), ("OPENAI_PROJECT_ID", "openai-project"))

PROVIDERS: Final[tuple[Provider, ...]] = (
    # Those that the convention names.
    Provider(
        "openai",
        ("api.openai.com", "*.api.openai.com"),  # eu., us.
        "https://api.openai.com/v1",
        ("OPENAI_API_KEY",),
        address="OPENAI_BASE_URL",
        headers=_OPENAI_HEADERS,
        more_headers="OPENAI_CUSTOM_HEADERS",
    ),
    Provider(
        "anthropic",
        ("api.anthropic.com",),
        "https://api.anthropic.com/v1",
        ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"),
        ("anthropic", "openai"),
        address="ANTHROPIC_BASE_URL",
        rest="/v1",
        key_headers=(("ANTHROPIC_API_KEY", "authorization"), ("ANTHROPIC_AUTH_TOKEN", "authorization")),
        more_headers="ANTHROPIC_CUSTOM_HEADERS",
    ),
    Provider(
        "mistral_ai",
        ("api.mistral.ai", "codestral.mistral.ai"),
        "https://api.mistral.ai/v1",
        ("MISTRAL_API_KEY",),
        ("openai", "mistral"),
    ),
    Provider(
        "groq",
        ("api.groq.com",),
        "https://api.groq.com/openai/v1",
        ("GROQ_API_KEY",),
        address="GROQ_BASE_URL",
        rest="/openai/v1",
        more_headers="GROQ_CUSTOM_HEADERS",
        forbids_storing=True,
    ),
    Provider("deepseek", ("api.deepseek.com",), "https://api.deepseek.com", ("DEEPSEEK_API_KEY",), _BOTH),
    Provider("x_ai", ("api.x.ai", "*.api.x.ai"), "https://api.x.ai/v1", ("XAI_API_KEY",), _BOTH),
    Provider("perplexity", ("api.perplexity.ai",), "https://api.perplexity.ai", ("PERPLEXITY_API_KEY", "PPLX_API_KEY")),
    Provider(
        "cohere",
        ("api.cohere.com", "api.cohere.ai"),
        "https://api.cohere.ai/compatibility/v1",
        ("CO_API_KEY", "COHERE_API_KEY"),
        ("cohere", "openai"),
        address="CO_API_URL",
        rest="/compatibility/v1",
        forbids_storing=True,
    ),
    Provider(
        "gcp.gemini",
        ("generativelanguage.googleapis.com",),
        "https://generativelanguage.googleapis.com/v1beta/openai",
        ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        ("gemini", "openai"),
        address="GOOGLE_GEMINI_BASE_URL",
        rest="/v1beta/openai",
    ),
    Provider(
        "gcp.vertex_ai",
        ("aiplatform.googleapis.com", "*-aiplatform.googleapis.com", "aiplatform.*.rep.googleapis.com"),
        formats=("gemini", "openai", "anthropic"),
    ),
    Provider(
        "azure.ai.openai",
        ("*.openai.azure.com", "*.openai.azure.us", "*.openai.azure.cn", "*.cognitiveservices.azure.com"),
        keys=("AZURE_OPENAI_API_KEY",),
        bearer="AZURE_OPENAI_AD_TOKEN",
        address="AZURE_OPENAI_ENDPOINT",
        rest="/openai/deployments/{model}",
        key_headers=(("AZURE_OPENAI_API_KEY", "api-key"),),
        headers=_OPENAI_HEADERS,
        query=(("OPENAI_API_VERSION", "api-version"),),
        more_headers="OPENAI_CUSTOM_HEADERS",
    ),
    Provider(
        "azure.ai.inference",
        ("*.services.ai.azure.com", "**.models.ai.azure.com"),
        keys=("AZURE_INFERENCE_CREDENTIAL", "AZURE_AI_API_KEY"),
        formats=_BOTH,
    ),
    Provider(
        "aws.bedrock",
        (
            *("bedrock-runtime.*.amazonaws.com", "bedrock-runtime-fips.*.amazonaws.com"),
            *("bedrock-runtime.*.amazonaws.com.cn", "*.bedrock-runtime.*.vpce.amazonaws.com"),
            *("bedrock-runtime.*.api.aws", "bedrock-runtime-fips.*.api.aws"),
            *("bedrock-mantle.*.api.aws", "*.bedrock-mantle.*.vpce.amazonaws.com"),
        ),
        keys=("AWS_BEARER_TOKEN_BEDROCK",),
        formats=_BOTH,
    ),
    Provider("ibm.watsonx.ai", ("*.ml.cloud.ibm.com",), keys=("WATSONX_APIKEY", "WATSONX_API_KEY")),
    # Other vendors of models.
    Provider(
        "moonshot_ai",
        ("api.moonshot.ai", "api.moonshot.cn"),
        "https://api.moonshot.ai/v1",
        ("MOONSHOT_API_KEY",),
        _BOTH,
    ),
    Provider("zai", ("api.z.ai",), "https://api.z.ai/api/paas/v4", ("ZAI_API_KEY",), _BOTH),
    Provider("zhipuai", ("open.bigmodel.cn",), "https://open.bigmodel.cn/api/paas/v4", ("ZHIPUAI_API_KEY",), _BOTH),
    Provider(
        "dashscope",
        (
            *("dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com", "dashscope-us.aliyuncs.com"),
            *("*.dashscope.aliyuncs.com", "*.*.maas.aliyuncs.com"),
        ),
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        ("DASHSCOPE_API_KEY",),
        _BOTH,
    ),
    Provider(
        "minimax",
        ("api.minimax.io", "api.minimax.chat", "api.minimaxi.com", "api.minimaxi.chat"),
        "https://api.minimax.io/v1",
        ("MINIMAX_API_KEY",),
        _BOTH,
    ),
    Provider("ai21", ("api.ai21.com",), "https://api.ai21.com/studio/v1", ("AI21_API_KEY",)),
    Provider(
        "meta",
        ("api.llama.com", "llama-api.meta.com", "api.meta.ai"),
        "https://api.llama.com/compat/v1",
        ("LLAMA_API_KEY",),
    ),
    Provider("voyageai", ("api.voyageai.com",), "https://api.voyageai.com/v1", ("VOYAGE_API_KEY",)),
    Provider("jina", ("api.jina.ai", "deepsearch.jina.ai"), "https://api.jina.ai/v1", ("JINA_API_KEY",)),
    Provider("upstage", ("api.upstage.ai",), "https://api.upstage.ai/v1", ("UPSTAGE_API_KEY",)),
    Provider("writer", ("api.writer.com",), "https://api.writer.com/v1", ("WRITER_API_KEY",)),
    Provider("reka", ("api.reka.ai",), "https://api.reka.ai/v1", ("REKA_API_KEY",)),
    Provider("inception", ("api.inceptionlabs.ai",), "https://api.inceptionlabs.ai/v1", ("INCEPTION_API_KEY",)),
    Provider("arcee", ("api.arcee.ai",), "https://api.arcee.ai/api/v1", ("ARCEE_API_KEY",)),
    Provider("stepfun", ("api.stepfun.com", "api.stepfun.ai"), "https://api.stepfun.com/v1", ("STEP_API_KEY",)),
    Provider(
        "volcengine",
        ("ark.*.volces.com", "ark.*.bytepluses.com"),
        "https://ark.cn-beijing.volces.com/api/v3",
        ("ARK_API_KEY",),
    ),
    Provider(
        "hunyuan",
        ("api.hunyuan.cloud.tencent.com",),
        "https://api.hunyuan.cloud.tencent.com/v1",
        ("HUNYUAN_API_KEY",),
    ),
    Provider("qianfan", ("qianfan.baidubce.com",), "https://qianfan.baidubce.com/v2", ("QIANFAN_API_KEY",)),
    Provider("ollama", ("ollama.com",), "https://ollama.com/v1", ("OLLAMA_API_KEY",), ("ollama", *_BOTH)),
    # Those who serve the models of others, at prices of their own.
    Provider(
        "openrouter",
        ("openrouter.ai", "*.openrouter.ai"),
        "https://openrouter.ai/api/v1",
        ("OPENROUTER_API_KEY",),
        _BOTH,
    ),
    Provider("together", ("api.together.xyz", "api.together.ai"), "https://api.together.xyz/v1", ("TOGETHER_API_KEY",)),
    Provider(
        "fireworks", ("api.fireworks.ai",), "https://api.fireworks.ai/inference/v1", ("FIREWORKS_API_KEY",), _BOTH
    ),
    Provider("cerebras", ("api.cerebras.ai",), "https://api.cerebras.ai/v1", ("CEREBRAS_API_KEY",)),
    Provider(
        "nvidia",
        ("integrate.api.nvidia.com", "ai.api.nvidia.com"),
        "https://integrate.api.nvidia.com/v1",
        ("NVIDIA_API_KEY",),
    ),
    Provider("sambanova", ("api.sambanova.ai",), "https://api.sambanova.ai/v1", ("SAMBANOVA_API_KEY",)),
    Provider("hyperbolic", ("api.hyperbolic.xyz",), "https://api.hyperbolic.xyz/v1", ("HYPERBOLIC_API_KEY",)),
    Provider(
        "nebius",
        (
            *("api.tokenfactory.nebius.com", "api.tokenfactory.*.nebius.com"),
            *("api.studio.nebius.com", "api.studio.nebius.ai"),
        ),
        "https://api.tokenfactory.nebius.com/v1",
        ("NEBIUS_API_KEY",),
    ),
    Provider("novita", ("api.novita.ai",), "https://api.novita.ai/openai/v1", ("NOVITA_API_KEY",), _BOTH),
    Provider(
        "deepinfra",
        ("api.deepinfra.com",),
        "https://api.deepinfra.com/v1/openai",
        ("DEEPINFRA_API_KEY", "DEEPINFRA_TOKEN"),
        _BOTH,
    ),
    Provider(
        "baseten",
        ("inference.baseten.co", "*.api.baseten.co"),
        "https://inference.baseten.co/v1",
        ("BASETEN_API_KEY",),
    ),
    Provider("scaleway", ("api.scaleway.ai",), "https://api.scaleway.ai/v1", ("SCW_SECRET_KEY",)),
    Provider(
        "ovhcloud",
        ("*.endpoints.kepler.ai.cloud.ovh.net",),
        "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
        ("OVH_AI_ENDPOINTS_ACCESS_TOKEN",),
    ),
    Provider("lambda", ("api.lambda.ai", "api.lambdalabs.com"), "https://api.lambda.ai/v1", ("LAMBDA_API_KEY",)),
    Provider("featherless", ("api.featherless.ai",), "https://api.featherless.ai/v1", ("FEATHERLESS_API_KEY",)),
    Provider("friendli", ("api.friendli.ai",), "https://api.friendli.ai/serverless/v1", ("FRIENDLI_TOKEN",)),
    Provider(
        "siliconflow",
        ("api.siliconflow.com", "api.siliconflow.cn"),
        "https://api.siliconflow.com/v1",
        ("SILICONFLOW_API_KEY",),
    ),
    Provider("nscale", ("inference.api.nscale.com",), "https://inference.api.nscale.com/v1", ("NSCALE_SERVICE_TOKEN",)),
    Provider("chutes", ("llm.chutes.ai",), "https://llm.chutes.ai/v1", ("CHUTES_API_KEY",)),
    Provider("parasail", ("api.parasail.io",), "https://api.parasail.io/v1", ("PARASAIL_API_KEY",)),
    Provider("wandb", ("api.inference.wandb.ai",), "https://api.inference.wandb.ai/v1", ("WANDB_API_KEY",)),
    Provider("venice", ("api.venice.ai",), "https://api.venice.ai/api/v1", ("VENICE_API_KEY",)),
    Provider("digitalocean", ("inference.do-ai.run",), "https://inference.do-ai.run/v1", ("MODEL_ACCESS_KEY",)),
    Provider("heroku", ("*.inference.heroku.com",), "https://us.inference.heroku.com/v1", ("INFERENCE_KEY",)),
    Provider("avian", ("api.avian.io",), "https://api.avian.io/v1", ("AVIAN_API_KEY",)),
    Provider("doubleword", ("api.doubleword.ai",), "https://api.doubleword.ai/v1", ("DOUBLEWORD_API_KEY",)),
    Provider(
        "quicksilverpro", ("api.quicksilverpro.io",), "https://api.quicksilverpro.io/v1", ("QUICKSILVERPRO_API_KEY",)
    ),
    Provider("modal", ("**.modal.run", "**.modal.direct")),
    Provider("replicate", ("api.replicate.com", "openai-proxy.replicate.com"), keys=("REPLICATE_API_TOKEN",)),
    Provider(
        "databricks",
        ("**.cloud.databricks.com", "**.gcp.databricks.com", "**.azuredatabricks.net"),
        keys=("DATABRICKS_TOKEN",),
        formats=_BOTH,
    ),
    Provider("snowflake", ("**.snowflakecomputing.com",), formats=_BOTH),
    Provider(
        "github_models",
        ("models.github.ai", "models.inference.ai.azure.com"),
        "https://models.github.ai/inference",
        ("GITHUB_TOKEN",),
    ),
    Provider("github_copilot", ("api.githubcopilot.com", "api.*.githubcopilot.com"), formats=_BOTH),
    Provider(
        "huggingface",
        ("router.huggingface.co", "api-inference.huggingface.co", "**.endpoints.huggingface.cloud"),
        "https://router.huggingface.co/v1",
        ("HF_TOKEN",),
    ),
    # Gateways that pass the bill of the vendor on, add to it or take a fee: only their customer knows which.
    Provider(
        "vercel_ai_gateway",
        ("ai-gateway.vercel.sh",),
        "https://ai-gateway.vercel.sh/v1",
        ("AI_GATEWAY_API_KEY",),
        _BOTH,
    ),
    Provider("cloudflare_ai_gateway", ("gateway.ai.cloudflare.com",), formats=_BOTH),
    Provider("cloudflare", ("api.cloudflare.com",), keys=("CLOUDFLARE_API_TOKEN",)),  # Workers AI
    Provider("portkey", ("api.portkey.ai",), "https://api.portkey.ai/v1", ("PORTKEY_API_KEY",), _BOTH),
    Provider(
        "helicone",
        ("ai-gateway.helicone.ai", "oai.helicone.ai", "anthropic.helicone.ai", "gateway.helicone.ai"),
        "https://ai-gateway.helicone.ai",
        ("HELICONE_API_KEY",),
        _BOTH,
    ),
    Provider("requesty", ("router.requesty.ai",), "https://router.requesty.ai/v1", ("REQUESTY_API_KEY",), _BOTH),
    Provider("poe", ("api.poe.com",), "https://api.poe.com/v1", ("POE_API_KEY",)),
)

BY_NAME: Final = MappingProxyType({provider.name: provider for provider in PROVIDERS})
_EXACT: Final = MappingProxyType({host: each for each in PROVIDERS for host in each.hosts if "*" not in host})


def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"**": "[a-z0-9.-]+", "*": "[a-z0-9-]+"}
    return re.compile("".join(parts.get(part) or re.escape(part) for part in re.split(r"(\*\*?)", pattern)))


_PATTERNS: Final = tuple((_compiled(host), each) for each in PROVIDERS for host in each.hosts if "*" in host)
_LOOPBACK: Final = frozenset({"localhost", "::1", "0.0.0.0", "host.docker.internal", "host.containers.internal"})  # noqa: S104  (compared only)


@functools.lru_cache(maxsize=512)
def owner_of(host: str) -> Provider | None:
    """The provider whose own host this is; None when it is nobody's that we know."""
    host = host.lower().rstrip(".")
    exact = _EXACT.get(host)
    if exact is not None:
        return exact
    return next((provider for pattern, provider in _PATTERNS if pattern.fullmatch(host)), None)


def forbids_storing(name: str) -> bool:
    """Whether this provider says `cache-control: no-store` with every answer."""
    provider = BY_NAME.get(name)
    return provider is not None and provider.forbids_storing


def is_local(host: str) -> bool:
    """Whether this machine is meant, from inside a container too."""
    host = host.lower().rstrip(".")
    return host in _LOOPBACK or host.startswith("127.") or host.endswith(".localhost")


def speaks(host: str, api: str) -> bool:
    """Whether it is the host of a provider that speaks this wire format."""
    owner = owner_of(host)
    return owner is not None and (api == "unknown" or api.partition(".")[0] in owner.formats)


def provider_of(host: str, *, api: str, path: str = "") -> str:
    """The `gen_ai.provider.name` of a call. api: its wire format. path: of its URL, or the beginning of it.

    A host that nobody knows is never the author of the format that it speaks: `local` on this machine, else `custom`.
    Ollama's own API is `ollama` wherever it is.
    """
    owner = owner_of(host)
    if owner is not None:
        # One resource of Azure has both doors.
        inside = owner.name == "azure.ai.inference" and "/openai/" in f"{path}/"
        return "azure.ai.openai" if inside else owner.name
    if api.startswith("ollama."):
        return "ollama"
    return LOCAL if is_local(host) else CUSTOM
