"""The frozen settings of a router: what a configuration means after it was read and checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar
from urllib.parse import unquote, urlsplit

from beastmode_otel.config.postgres_url import PostgresUrl, read_postgres_url
from beastmode_otel.config.redis_url import RedisUrl
from beastmode_otel.errors import ConfigError, Redactor, public_url
from beastmode_otel.errors.urls import MASK, is_secret_name, login_in, secrets_in_url, without_login
from beastmode_otel.providers import forbids_storing, provider_of


class Secret:
    """Its repr, str and pickle carry no trace of the value."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __reduce__(self) -> Any:
        raise TypeError("a Secret is not pickled: configure each process from its environment")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)


def _public_repr(settings: Any, **instead: object) -> str:
    """A dataclass's own repr, with these fields as people may see them."""
    named = [each.name for each in fields(settings) if each.repr]
    shown = (f"{name}={instead.get(name, getattr(settings, name))!r}" for name in named)
    return f"{type(settings).__name__}({', '.join(shown)})"


# Seconds; or a function that is given the Answer and returns seconds, or None for what is not to be stored.
Ttl = float | Callable[[Any], float | None] | None
CacheMode = Literal["off", "on", "semantic", "shadow"]
SaidBy = Literal["nobody", "a Config", "[cache]", "BEASTMODE_CACHE", "cache="]
WriteMode = Literal["background", "sync"]
DEFAULT_L3 = "sqlite:///~/.cache/beastmode_otel/cache.db"
OFF = "off"
ASK_FOR_CACHE = (
    'a [cache] table in the configuration (an empty one will do), cache="on" at the router, the transport or '
    "instrument(), or BEASTMODE_CACHE=on"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryTier:
    """L1. ttl: seconds."""

    ttl: float = 3600.0
    max_bytes: int = 64 * 1024 * 1024
    max_entries: int = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WarmSettings:
    """How L1 is filled from a slower tier before anybody asks. at_start: in the background, when the cache is made.

    every: seconds after which it is done again; None: never. seconds, entries, max_bytes: the most that one run may
    take. half_life: seconds in which a hit of the past loses half of its weight. tenant: whose entries; None: of all
    that the store shows us.
    """

    at_start: bool = False
    every: float | None = None
    seconds: float = 2.0
    entries: int = 1_000
    max_bytes: int = 32 * 1024 * 1024
    half_life: float = 6 * 3600.0
    tenant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreTier:
    """A slower tier. url: where; "off" for none. ttl: seconds. soft: seconds that a request waits for it. hard: seconds
    after which a command to a server is given up.

    max_bytes: of what is stored, about. prepare: whether sessions of Postgres keep plans. given: somebody
    asked for this very url, so that it must work; the default may be left out where it cannot.
    """

    url: str = DEFAULT_L3
    ttl: float = 86_400.0
    soft: float = 0.15
    hard: float = 1.0
    max_bytes: int = 1024 * 1024 * 1024
    prepare: bool = False
    given: bool = False

    def __repr__(self) -> str:
        return _public_repr(self, url=public_url(self.url))

    @property
    def path(self) -> str | None:
        """The file of a sqlite URL; None for any other, and when the tier is off."""
        return unquote(urlsplit(self.url).path)[1:] or None if self.url.startswith("sqlite:") else None

    @property
    def server(self) -> PostgresUrl | None:
        """The server of a postgresql URL; None for any other."""
        return read_postgres_url(self.url) if self.url.strip().startswith("postgres") else None


OwnLevel = Literal["l2", "l3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTier:
    """A tier of the team's own. tier: what makes it (docs/own-tier.md), or where that is, as "package.module:name".

    level: between memory and L3, or in the place of L3. ttl, soft: as in StoreTier.
    """

    tier: str | Callable[..., Any]
    level: OwnLevel = "l2"
    ttl: float = 7_200.0
    soft: float = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedTier:
    """L2. url: where; None for none. ttl: seconds. soft: seconds that a request waits for it. hard: seconds after which
    a command is given up. prefix: all its keys begin with it.
    """

    url: RedisUrl | None = None
    ttl: float = 7_200.0
    soft: float = 0.05
    hard: float = 0.25
    prefix: str = "beastmode"


SemanticProfile = Literal["strict", "balanced", "loose"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SemanticSettings:
    """What semantic matching is like, in the modes semantic and shadow.

    profile: how much below the embedder's own threshold a similarity may be; threshold: the similarity itself, over the
    profile. off: rules that are not asked, by name. max_temperature: of requests; hotter ones ask for variety.
    max_tokens: longer questions are not matched. unread: the share of a question that the embedder may not know.
    embedder: what turns questions into vectors (docs/embedders.md); None: the default one. seconds: what a request
    gives to its lookup, tiers included; None: what it does without similar questions, too. verifier: the second look at
    the best candidate, or where that is, as "package.module:name"; verifier_seconds: what a request waits for it.
    sample: the part of the hits for which the provider is asked all the same. agreement: from which similarity of two
    answers these comparisons, and those of shadow, count them as agreeing. max_bytes: of vectors in memory. records: a
    file that gets a line of numbers for each search and judgement, for `beastmode-otel cache calibrate`.
    """

    profile: SemanticProfile = "strict"
    threshold: float | None = None
    off: tuple[str, ...] = ()
    max_temperature: float = 1.0
    max_tokens: int = 256
    unread: float = 0.05
    embedder: Any = field(default=None, repr=False)
    seconds: float | None = None
    verifier: str | Callable[..., Any] | Mapping[str, Any] | None = None
    verifier_seconds: float = 1.0
    sample: float = 0.0
    agreement: float = 0.9
    max_bytes: int = 256 * 1024 * 1024
    records: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheSettings:
    """What a cache is like: to write one is to ask for it, as `[cache]` is; a Config without one has none.

    mode: off; on (exact matches); semantic (exact, then similar); shadow (exact, and what semantic would have done is
    told, not served). said_by: who said so. ttl: seconds that answers live, or a function of the answer;
    None: as long as the longest tier keeps them, which is the most in any case. jitter: the part of a lifetime by which
    it is shortened at most. obey_cache_control: whether an answer that says no-store is not stored; None: unless its
    provider says so of every answer. stale_if_error: seconds for which an expired entry may still
    answer when every deployment failed. write_mode: sync writes the slower tiers before the answer is returned. lease:
    among processes that share a tier, one asks upstream for a key; lease_seconds: what one that dies costs the others.
    warm: what L1 gets before anybody asks. max_body: bytes of a stored answer. secret: signs what is stored outside of
    the process.
    """

    mode: CacheMode = "on"
    ttl: Ttl = None
    jitter: float = 0.1
    obey_cache_control: bool | None = None
    l1: MemoryTier = MemoryTier()
    l2: SharedTier = SharedTier()
    l3: StoreTier = StoreTier()
    own: OwnTier | None = None
    semantic: SemanticSettings = SemanticSettings()
    stale_if_error: float = 0.0
    write_mode: WriteMode = "background"
    lease: bool = False
    lease_seconds: float = 5.0
    warm: WarmSettings = WarmSettings()
    max_body: int = 1024 * 1024
    secret: Secret | None = None
    said_by: SaidBy = field(default="a Config", compare=False)

    @property
    def longest_ttl(self) -> float:
        """Seconds for which some tier keeps an answer."""
        return max(self.l1.ttl, self.l2.ttl, self.l3.ttl, self.own.ttl if self.own else 0.0)

    @property
    def matches_similar(self) -> bool:
        return self.mode in ("semantic", "shadow")

    def obeys(self, said: bool | None, provider: str) -> bool:
        """Whether an answer's no-store counts. said: what its deployment's obey_cache_control says."""
        for one in (said, self.obey_cache_control):
            if one is not None:
                return one
        return not forbids_storing(provider)


NO_CACHE = CacheSettings(mode="off", said_by="nobody")

ProviderKind = Literal["openai", "anthropic", "gemini", "cohere", "passthrough"]
_VERSIONED: re.Pattern[str] = re.compile(r"/v[0-9]+$")
_APIS: Mapping[str, str] = {
    "openai": "openai.chat",
    "anthropic": "anthropic.messages",
    "gemini": "gemini.generate_content",
    "cohere": "cohere.chat",
    "passthrough": "unknown",
}


def _settled(kind: ProviderKind, url: str) -> str:
    """A base URL in the one of its spellings to which the API's path is added: people write it with and without the
    version, and so do the SDKs."""
    if kind == "anthropic" and not _VERSIONED.search(url):
        return f"{url.rstrip('/')}/v1"
    if kind == "gemini" and urlsplit(url).path in ("", "/"):
        return f"{url.rstrip('/')}/v1beta"
    return _VERSIONED.sub("", url) if kind == "cohere" else url


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds. first_token and read hold for each attempt, total for the request with all its attempts.

    first_token_fallback: in the place of first_token while another deployment can answer; None: a third of it.
    In the synchronous world total is looked at between chunks: at worst it is exceeded by `read`.
    """

    connect: float = 5.0
    read: float = 60.0
    write: float = 30.0
    pool: float = 10.0
    first_token: float = 30.0
    total: float = 120.0
    idle: float = 600.0  # an open stream that nobody reads for so long is abandoned
    first_token_fallback: float | None = None

    def first_token_of(self, *, spare: bool) -> float:
        """The limit of an attempt. spare: whether another deployment can answer."""
        if not spare:
            return self.first_token
        own = self.first_token_fallback
        return self.first_token / 3 if own is None else min(own, self.first_token)


OnCut = Literal["error", "restart"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """How often and how long. Waits are drawn between 0 and min(cap, base * 2**n) seconds (full jitter).

    per_deployment: tries of one deployment after its first. max_wait: a provider that asks for a longer wait is left
    for the next deployment, or its error is raised. patience: how long a request waits, in all, for deployments that
    ask it to wait (Retry-After) although another could answer at once. on_cut: what becomes of a stream that fails
    after content: an error, or another deployment's answer from its start, after a chunk that says so (Chunk.void).
    """

    per_deployment: int = 2
    base: float = 0.5
    cap: float = 8.0
    max_wait: float = 60.0
    patience: float = 0.0
    on_cut: OnCut = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Breaker:
    """After `failures` health errors in a row a deployment is asked only by one probe each `cooldown` seconds (and up
    to a tenth more, drawn), however long that goes on: it is back that soon after an outage of any length.

    max_cooldown: the longest wait that a provider's Retry-After beside a health error may put in the place of cooldown.
    """

    failures: int = 5
    cooldown: float = 10.0
    max_cooldown: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """A callable target: endpoint, model and key.

    model: the name sent to the vendor; None takes what stands after the prefix of the model id, or the request's own.
    provider: the `gen_ai.provider.name`; empty takes that of the host, see providers.py. base_url: Anthropic's with or
    without /v1, Gemini's with /v1beta or the host alone, Cohere's with or without /v2; `{model}` in it stands for the
    model. key_header: the header in which the key goes; empty: as the API has it; in `authorization` it is a bearer's.
    headers, query: sent with each request; secret values are Secret. obey_cache_control: as in CacheSettings, which
    None leaves it to.
    """

    name: str
    kind: ProviderKind
    base_url: str
    model: str | None = None
    provider: str = ""
    api_key: Secret | None = None
    key_header: str = ""
    headers: Mapping[str, str | Secret] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    obey_cache_control: bool | None = None

    def __post_init__(self) -> None:
        url, login = without_login(self.base_url)
        if url is None:
            raise ConfigError(
                f"the deployment {self.name!r}: base_url is not a full address",
                hints=(
                    "it begins with http:// or https:// and names a host; a password in it must be percent-encoded",
                ),
            )
        object.__setattr__(self, "base_url", _settled(self.kind, url))
        if login:
            object.__setattr__(self, "headers", {**self.headers, "authorization": Secret(f"Basic {login}")})
        if not self.provider:
            object.__setattr__(self, "provider", self.provider_by_host)

    def __repr__(self) -> str:
        headers = {name: value if isinstance(value, Secret) else MASK for name, value in self.headers.items()}
        query = {name: MASK if is_secret_name(name) else public_url(value) for name, value in self.query.items()}
        return _public_repr(self, base_url=public_url(self.base_url), headers=headers, query=query)

    @property
    def provider_by_host(self) -> str:
        """The provider where nobody says another."""
        parts = urlsplit(self.base_url)
        return provider_of(parts.hostname or "", api=self.api, path=parts.path)

    @property
    def api(self) -> str:
        """The wire format of its kind."""
        return _APIS[self.kind]

    def secrets(self) -> list[str]:
        """What must never be shown; of `Bearer KEY` also the key alone."""
        found = [value.reveal() for value in (self.api_key, *self.headers.values()) if isinstance(value, Secret)]
        found += [value for held in (self.headers, self.query) for value in _secret_texts(held)]
        found += [value.rpartition(" ")[2] for value in found]
        logins = [login for value in found for login in login_in(value)]
        return [*found, *logins, *secrets_in_url(self.base_url)]


_LEAST: int = 12  # characters of a plain text that counts as a key by its name: shorter ones are words


def _secret_texts(named: Mapping[str, str | Secret]) -> list[str]:
    """Values that are written as plain text, and are keys by their names."""
    texts = ((name, value) for name, value in named.items() if isinstance(value, str))
    return [value for name, value in texts if is_secret_name(name) and len(value) >= _LEAST]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A deployment's place in a route: lower `order` first; within one order drawn by `weight`."""

    deployment: Deployment
    order: int = 1
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A public model id and the deployments that serve it, all of one provider kind.

    reference_model: what the team would have called without a router; the difference in price is saved by routing.
    on_cut: over that of Retry; None: that one.
    ttl: seconds that its answers live in the cache, or a function of the answer.
    semantic_threshold: over that of the cache; above 1: never similar, only the same.
    first: the targets that the caller means, which are those of the lowest order; later ones are fallbacks.
    """

    name: str
    targets: tuple[Target, ...]
    reference_model: str | None = None
    on_cut: OnCut | None = None
    ttl: Ttl = None
    semantic_threshold: float | None = None
    first: tuple[Target, ...] = field(init=False, repr=False, compare=False)  # each request needs it

    def __post_init__(self) -> None:
        order = min((target.order for target in self.targets), default=0)
        object.__setattr__(self, "first", tuple(target for target in self.targets if target.order == order))

    @property
    def kind(self) -> ProviderKind:
        return self.targets[0].deployment.kind


Place = tuple[str, int | None]
S = TypeVar("S")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelBounds:
    """How many values a metric label may take before the rest becomes `_OTHER`."""

    models: int = 25
    deployments: int = 20
    providers: int = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Everything a router is built from. Make one with `beastmode_otel.config.load`, or directly from these classes.

    out: deployments that are asked for nothing, since a variable that they need is not set, and what is said of it.
    hidden: what no text may show besides: the passwords of proxies and exporters in the environment.
    """

    namespace: str = "default"
    timeouts: Timeouts = Timeouts()
    retry: Retry = Retry()
    breaker: Breaker = Breaker()
    deployments: Mapping[str, Deployment] = field(default_factory=dict)
    out: Mapping[str, str] = field(default_factory=dict)
    routes: Mapping[str, Route] = field(default_factory=dict)
    vendors: Mapping[str, Deployment] = field(default_factory=dict)  # what openai:X means without a route, by prefix
    labels: tuple[str, ...] = ()
    prices: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # by model, in USD; see prices.py
    bounds: LabelBounds = LabelBounds()
    cache: CacheSettings = NO_CACHE
    max_connections: int = 1000
    disabled: bool = False
    hidden: tuple[Secret, ...] = field(default=(), repr=False, compare=False)

    def redactor(self) -> Redactor:
        """Knows every secret of this configuration."""
        cache = self.cache
        found = [secret for deployment in self._every_deployment() for secret in deployment.secrets()]
        embedder = cache.semantic.embedder
        key = embedder.get("api_key") if isinstance(embedder, Mapping) else getattr(embedder, "api_key", None)
        found += [secret.reveal() for secret in (cache.secret, key, *self.hidden) if isinstance(secret, Secret)]
        shared = () if cache.l2.url is None else cache.l2.url.secrets
        return Redactor([*found, *shared, *secrets_in_url(cache.l3.url)])

    def said_providers(self) -> dict[Place, str]:
        """What `provider = …` says of a host and port (None: the scheme's own), for those who meet only the host.

        Only where the deployments there agree, and where it is not what the host says by itself.
        """
        return self._said_of_places(lambda one: None if one.provider == one.provider_by_host else one.provider)

    def said_obedience(self) -> dict[Place, bool]:
        """What `obey_cache_control = …` says of a host and port, where the deployments there agree."""
        return self._said_of_places(lambda one: one.obey_cache_control)

    def _said_of_places(self, say: Callable[[Deployment], S | None]) -> dict[Place, S]:
        said: dict[Place, set[S | None]] = {}
        for deployment in self._every_deployment():
            parts = urlsplit(deployment.base_url)
            port = None if parts.port == {"http": 80, "https": 443}.get(parts.scheme) else parts.port
            said.setdefault((parts.hostname or "", port), set()).add(say(deployment))
        return {place: one for place, (one, *others) in said.items() if one is not None and not others}

    def _every_deployment(self) -> tuple[Deployment, ...]:
        # Routes may hold deployments of their own: Python code can put them there.
        routed = (target.deployment for route in self.routes.values() for target in route.targets)
        return (*self.deployments.values(), *self.vendors.values(), *routed)
