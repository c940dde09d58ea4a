"""The closed set of error categories: what went wrong, what to do about it, and what the router may do next.

A category's name is the value of `error.type` on every metric, span and log record. Providers and libraries invent
new error codes all the time; they are mapped to one of these names at the edge, and anything that fits none of them
is `_OTHER`. The set is closed so that a metric label can never grow with what a provider says.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One kind of failure.

    name: the value of `error.type`.
    hint: one sentence for a person that says what to do.
    retries: how often the same deployment may be tried again: None is the route's own limit, 0 never.
    fallback: whether another deployment may succeed where this one failed.
    trips: whether the failure says that the deployment is unhealthy, and so counts towards its breaker.
    rest: seconds for which the deployment is tried last after this error when it gave no Retry-After of its own.
    proves_nothing: whether nobody knows after it if the deployment answers: ours, or the request may not have left.
    phase: whether the time for one phase of a request was over, which is cut to what is left of its other limits.
    silent: whether the deployment took the request and said nothing: another one is asked before it is asked again.
    cut: whether a connection ended too early; in the middle of a stream, that is a truncated stream.
    refused: whether the deployment answered, and what it says is that this very request is wrong: nothing has failed,
        so no older answer is better than this one.
    callers_own: whether a limit that one caller has set ended it, and says nothing to others who wait for the same.
    all_rest: whether nobody was asked because every deployment rests.
    """

    name: str
    hint: str
    retries: int | None = 0
    fallback: bool = True
    trips: bool = False
    rest: float = 0.0
    proves_nothing: bool = False
    phase: bool = False
    silent: bool = False
    cut: bool = False
    refused: bool = False
    callers_own: bool = False
    all_rest: bool = False


_TABLE: Final = (
    # The way to the provider.
    Category(
        name="dns_error",
        hint="The host name does not resolve: check the host in base_url, your VPN and your resolver.",
        trips=True,
    ),
    Category(
        name="connection_refused",
        hint="Nothing listens there: is the server up on that host and port (Ollama 11434, vLLM 8000)? "
        "A dead proxy looks the same: check HTTP_PROXY and HTTPS_PROXY.",
        retries=None,
        trips=True,
    ),
    Category(
        name="connection_failed",
        hint="No connection could be made: check the route to the host, the firewall and the proxy settings.",
        retries=None,
        trips=True,
    ),
    Category(
        name="tls_cert_invalid",
        hint="The server's certificate is not trusted: set SSL_CERT_FILE to your corporate CA, check the host name.",
        trips=True,
    ),
    Category(
        name="tls_handshake",
        hint="The TLS handshake failed: if the port speaks plain HTTP, use http:// in base_url.",
        trips=True,
    ),
    Category(
        name="connect_timeout",
        hint="No connection in time: check the firewall and the region, or raise timeouts.connect.",
        retries=None,
        trips=True,
        phase=True,
    ),
    Category(
        name="read_timeout",
        hint="The provider went quiet: raise timeouts.read, stream the answer, or lower max_tokens. "
        "It may bill for this call all the same.",
        retries=1,
        trips=True,
        phase=True,
        silent=True,
    ),
    Category(
        name="write_timeout",
        hint="The request could not be sent in time: check the size of the request and the uplink.",
        retries=None,
        trips=True,
    ),
    Category(
        name="pool_timeout",
        hint="No free connection in the client's pool: raise max_connections, or close streams that are not read. "
        "The provider is not at fault.",
        retries=None,
        proves_nothing=True,
    ),
    Category(
        name="first_token_timeout",
        hint="No first token in time: raise timeouts.first_token (and first_token_fallback, which holds while another "
        "deployment can answer), or route to a less loaded deployment.",
        trips=True,
        silent=True,
    ),
    Category(
        name="total_timeout",
        hint="The request used up timeouts.total over all attempts: raise it, or lower max_tokens.",
        fallback=False,
        proves_nothing=True,
        callers_own=True,
    ),
    Category(
        name="connection_reset",
        hint="The connection was dropped without an answer: a stale keep-alive, a load balancer's idle limit, "
        "or a port that wants https://.",
        retries=None,
        trips=True,
        cut=True,
    ),
    Category(
        name="protocol_error",
        hint="What came back is not complete HTTP: wrong port, or a proxy that cut the body.",
        retries=None,
        trips=True,
        cut=True,
    ),
    Category(
        name="invalid_header",
        hint="A header holds a character that HTTP forbids: look for a newline or blank at the end of the API key.",
        proves_nothing=True,
    ),
    Category(
        name="invalid_url",
        hint="base_url must be a full address that begins with http:// or https://.",
        proves_nothing=True,
    ),
    Category(
        name="decoding_error",
        hint="The body could not be decompressed: a proxy or gateway rewrote it.",
        retries=1,
    ),
    Category(
        name="redirect_loop",
        hint="The endpoint redirects in circles, or to another origin, which gets neither key nor prompt: "
        "check base_url.",
    ),
    # What the provider said.
    Category(
        name="invalid_response",
        hint="The answer is not the JSON of this API: base_url may point at a web page. OpenAI's SDK wants /v1 at its "
        "end, Anthropic's adds it.",
    ),
    Category(
        name="invalid_request",
        hint="The provider rejects the request: fix the parameter that it names.",
        fallback=False,
        refused=True,
    ),
    Category(
        name="context_length_exceeded",
        hint="The prompt is longer than the model's context: shorten it, or add a deployment with a larger context.",
        refused=True,
    ),
    Category(
        name="content_filter",
        hint="The provider's content policy rejected the request: rephrase it.",
        fallback=False,
        refused=True,
    ),
    Category(
        name="authentication_error",
        hint="The API key is not accepted: check the environment variable it comes from, "
        "and that it belongs to this provider.",
    ),
    Category(
        name="quota_exhausted",
        hint="The account is out of credit or quota: this is billing, not rate; waiting will not help.",
        rest=60.0,
    ),
    Category(
        name="permission_denied",
        hint="The key is valid but may not use this model: enable it for the project or the region.",
    ),
    Category(
        name="model_not_found",
        hint="The provider does not know the model: check its name (Ollama: pull it; Azure: the deployment's name).",
    ),
    Category(
        name="endpoint_not_found",
        hint="The path does not exist there: check base_url. OpenAI's SDK wants /v1 at its end, Anthropic's adds it.",
    ),
    Category(
        name="not_supported",
        hint="This deployment cannot do what was asked: route the call to a model and server that can.",
    ),
    Category(name="request_timeout", hint="The provider gave up waiting (408): try again.", retries=None),
    Category(name="conflict", hint="The provider reports a conflict (409): try again.", retries=None),
    Category(name="too_early", hint="The provider wants the request again (425).", retries=None),
    Category(
        name="payload_too_large",
        hint="The request body is too large for the provider: shorten it, or send files by reference.",
        fallback=False,
        refused=True,
    ),
    Category(
        name="unprocessable",
        hint="The provider understands the request but not its content (422): check types and required fields.",
        fallback=False,
        refused=True,
    ),
    Category(
        name="rate_limited",
        hint="The rate limit is reached: wait as Retry-After says, add a deployment, or ask for a higher limit.",
        retries=None,
        rest=1.0,
    ),
    Category(
        name="server_error",
        hint="The provider failed (5xx): see its status page; a fallback deployment keeps you going.",
        retries=None,
        trips=True,
    ),
    Category(
        name="bad_gateway",
        hint="A gateway before the provider failed (502): try again, or fall back.",
        retries=None,
        trips=True,
    ),
    Category(
        name="unavailable",
        hint="The provider is unavailable (503): try again, or fall back.",
        retries=None,
        trips=True,
    ),
    Category(
        name="gateway_timeout",
        hint="A gateway gave up waiting for the provider (504): stream the answer, or lower max_tokens.",
        retries=None,
        trips=True,
    ),
    Category(
        name="overloaded",
        hint="The provider is overloaded: back off, or fall back. A local model may still be loading.",
        retries=None,
        trips=True,
        rest=5.0,
    ),
    Category(
        name="stream_truncated",
        hint="The stream ended before its last event: what you received is not the whole answer.",
        retries=None,
        trips=True,
    ),
    Category(
        name="empty_answer",
        hint="The provider answered with nothing, and no reason why: a gateway's fault more often than the model's.",
        retries=1,
    ),
    # What the router itself decided.
    Category(
        name="circuit_open",
        hint="Every deployment of the route rests after repeated failures: see the last errors, or wait.",
        fallback=False,
        all_rest=True,
    ),
    Category(
        name="no_deployment",
        hint="The route has no deployment that can take this request: add one.",
        fallback=False,
    ),
    Category(
        name="unknown_model",
        hint="No route has this name: configure it, or use a prefixed id such as openai:gpt-4o-mini.",
        fallback=False,
    ),
    Category(
        name="access_denied",
        hint="The access rule refuses this model for this caller: see the rule passed as access=.",
        fallback=False,
    ),
    Category(
        name="budget_exceeded", hint="The budget is used up: raise it, or wait for its next period.", fallback=False
    ),
    Category(
        name="local_rate_limited",
        hint="The router's own rate limit is reached: slow down, or raise it.",
        fallback=False,
    ),
    Category(
        name="cache_miss",
        hint="The answer is not in the cache, and cache='only' asks nobody else: pass cache='on', or warm it.",
        fallback=False,
    ),
    Category(
        name="_OTHER",
        hint="An error of no known kind: see the original error.",
        proves_nothing=True,
    ),
)

CATEGORIES: Final = MappingProxyType({category.name: category for category in _TABLE})
OTHER: Final = CATEGORIES["_OTHER"]


def category(name: str) -> Category:
    """The category of that name; `_OTHER` for a name outside the closed set."""
    return CATEGORIES.get(name, OTHER)
