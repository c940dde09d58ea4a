"""The key of a request: which requests are the same question, and which differ in nothing but what the user said last.

digest = SHA-256(head "\\n" body "\\n" place "\\n" texts), scope = SHA-256(head "\\n" body "\\n" place "\\n")
    head    canonical JSON of [schema, tenant, namespace, API, targets, headers]
    body    canonical JSON of the request without null members and those that its format ignores, null where the last
            user text stood
    place   where that was; texts: what stood there, each as its UTF-8 length, ":" and its UTF-8 bytes

Canonical JSON holds no line break, so nothing in one piece can be taken for the next.
"""

from __future__ import annotations

import functools
import hmac
import marshal
import re
from collections.abc import Mapping
from dataclasses import field, replace
from hashlib import sha256
from typing import Any, Final, NamedTuple

from beastmode_otel.cache.canonical import BEST, Encoder, canonical, utf8
from beastmode_otel.cache.entry import Key
from beastmode_otel.record import record
from beastmode_otel.wire import Cut, format_named

SCHEMA: Final = 1  # part of each digest: a change of the encoding forgets every stored answer, and must raise it

OUTPUT_HEADERS: Final = frozenset({"anthropic-beta", "anthropic-version", "openai-beta"})
# What is about the message, its tracing or the SDK that wrote it: never part of a key. Whatever else is sent may be a
# login, or change what is answered, and keeps apart.
NEVER_MATTERS: Final = frozenset(
    {
        *(
            "accept",
            "accept-encoding",
            "cache-control",
            "connection",
            "content-length",
            "content-type",
            "date",
            "expect",
        ),
        *("keep-alive", "pragma", "te", "transfer-encoding", "user-agent", "idempotency-key"),
        *("traceparent", "tracestate", "baggage", "b3", "sentry-trace", "x-amzn-trace-id", "x-cloud-trace-context"),
        *("x-request-id", "x-correlation-id", "x-client-request-id", "request-id"),
        *("anthropic-dangerous-direct-browser-access", "http-referer", "referer", "x-title"),
        *("x-goog-api-client", "x-server-timeout"),
    }
)
_BEGINNINGS: Final = ("x-stainless-", "x-fern-", "x-b3-", "x-datadog-")
# Cookies by which a CDN or a load balancer recognises a connection; providers set them with every answer.
_CONNECTION_COOKIE: Final = re.compile(
    r"__cf_bm|_cfuvid|__cflb|__cfruid|cf_clearance|AWSALB\w*|ARRAffinity\w*", re.IGNORECASE
)
_TENANT: Final = b"beastmode_otel tenant 1\n"
_NO_HEADERS: Final[tuple[tuple[str, str], ...]] = ()


class KeyTarget(NamedTuple):
    """Who may answer. model: the vendor's name for it. base_url: without keys; with what selects an API version."""

    provider: str
    base_url: str
    model: str


@record(frozen=True, slots=True, kw_only=True)
class KeyParts:
    """What a key is made of.

    tenant: never empty. targets: the deployments of the route's first order, in any order. headers: may hold any; only
    OUTPUT_HEADERS count. requested: the route's name, not part of the digest.
    """

    tenant: str
    namespace: str
    api: str
    targets: tuple[KeyTarget, ...]
    requested: str
    body: Mapping[str, Any] = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def derive(parts: KeyParts, *, encoder: Encoder = BEST) -> Key:
    """The key of a request; the same whichever encoder is installed.

    Raises ValueError for an empty tenant and for no targets, NotCanonical for what JSON cannot say.
    """
    return derive_cut(parts, cut_of(parts), encoder)


def derive_cut(parts: KeyParts, cut: Cut, encoder: Encoder = BEST) -> Key:
    """`derive`, of what `cut_of` has said."""
    hasher = sha256(b"%b%b\n%b\n" % (head(parts), canonical(cut.body, encoder=encoder), cut.place.encode()))
    scope = hasher.digest()
    for text in cut.texts:
        raw = utf8(text)
        hasher.update(b"%d:%b" % (len(raw), raw))
    if not cut.texts:
        hasher.update(b"\n")  # a digest is never a scope
    return Key(
        digest=hasher.digest(),
        scope=scope,
        tenant=parts.tenant,
        namespace=parts.namespace,
        model=parts.requested,
    )


def credential_tenant(credential: str, secret: bytes | None = None) -> str:
    """The tenant of whoever holds `credential`: its SHA-256 under a domain prefix, keyed with `secret` if there is one.

    Processes with the same secret agree. Raises ValueError for an empty credential: nobody in particular is no tenant.
    """
    if not credential:
        raise ValueError("an empty credential names no tenant")
    message = _TENANT + credential.encode("utf-8", "surrogatepass")
    return hmac.digest(secret, message, "sha256").hex() if secret else sha256(message).hexdigest()


def counted_headers(headers: Mapping[str, str], *, host: str = "") -> list[tuple[str, str]]:
    """The headers that may say who asks, or change what is answered, sorted: all but those that never matter.

    Names in lower case. host: that of the URL, which the header of this name usually repeats.
    """
    return sorted((name, value) for name, value in headers.items() if _counts(name, value, host))


def _counts(name: str, value: str, host: str) -> bool:
    if name in NEVER_MATTERS or name.startswith(_BEGINNINGS):
        return False
    if name == "cookie":
        return has_login_cookie(value)
    return not (name == "host" and value.lower() == host.lower())


def has_login_cookie(value: str) -> bool:
    """Whether a cookie header says more than which connection it is."""
    names = [cookie.partition("=")[0].strip() for cookie in value.split(";")]
    return any(name and not _CONNECTION_COOKIE.fullmatch(name) for name in names)


def members(parts: KeyParts) -> dict[str, Any]:
    """The members of a request that count. A null at the top is the same as nothing; deeper ones may mean something."""
    ignored = format_named(parts.api).ignored
    return {name: value for name, value in parts.body.items() if value is not None and name not in ignored}


def cut_of(parts: KeyParts) -> Cut:
    """Those members, and cut out of them what the user said last."""
    return format_named(parts.api).last_user_text(members(parts))


def output_headers(headers: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The headers that change answers, with lower-case names, sorted."""
    counted = ((name.lower(), value.strip()) for name, value in headers.items())
    return tuple(sorted((name, value) for name, value in counted if name in OUTPUT_HEADERS))


def head(parts: KeyParts) -> bytes:
    """The line of the key that all requests of a tenant to a route share."""
    headers = output_headers(parts.headers) if parts.headers else _NO_HEADERS
    return _head(parts.tenant, parts.namespace, parts.api, parts.targets, headers)


@functools.lru_cache(maxsize=1024)
def _head(
    tenant: str, namespace: str, api: str, targets: tuple[KeyTarget, ...], headers: tuple[tuple[str, str], ...]
) -> bytes:
    if not tenant:
        raise ValueError("an empty tenant: nothing is cached for nobody")
    if not targets:
        raise ValueError("no target: nobody could have answered")
    where = sorted({(provider, endpoint(base_url), model) for provider, base_url, model in targets})
    return canonical([SCHEMA, tenant, namespace, api, where, headers]) + b"\n"


def endpoint(base_url: str) -> str:
    """A base URL without slashes at its end and with its host in lower case; nothing else is the same address."""
    scheme, mark, rest = base_url.rstrip("/").partition("://")
    host, slash, path = rest.partition("/")
    user, at, name = host.rpartition("@")
    return f"{scheme}{mark}{user}{at}{name.lower()}{slash}{path}" if mark else base_url.rstrip("/")


# Keys of requests that came before, spelled the same way: found for a third of what deriving them costs.

LONGEST: Final = 256 * 1024  # bytes of a snapshot: beyond, hashing is nearly all of either
_FORMAT: Final = 2  # of marshal: later ones write references, which depend on who else holds a value


class KeyMemo:
    """Derives keys, and remembers between `most` and twice as many: about 400 bytes each, no texts. Thread-safe.

    After a request that was too long to remember the next one's length is looked at first: a snapshot of a megabyte
    costs thrice what deriving its key does, and a look at every request a quarter of what a short one takes in all.
    """

    def __init__(self, most: int = 2048) -> None:
        self._most = most
        # Two generations: what the older one is asked for moves to the younger, the rest goes with it. No lock.
        self._young: dict[bytes, Key] = {}
        self._old: dict[bytes, Key] = {}
        self._long = False

    def derive(self, parts: KeyParts) -> Key:
        """key.derive, with the best encoder."""
        if self._long and _is_long(parts.body):
            return derive(parts)
        try:
            seen = marshal.dumps(members(parts), _FORMAT)
        except ValueError:  # a Mapping, a subclass, a circle: only `derive` knows
            return derive(parts)
        self._long = len(seen) > LONGEST
        if self._long:
            return derive(parts)
        digest = sha256(b"%b%b" % (head(parts), seen)).digest()
        key = self._young.get(digest)
        if key is not None and key.model == parts.requested:
            return key
        return self._again(parts, seen, digest)

    def _again(self, parts: KeyParts, seen: bytes, digest: bytes) -> Key:
        key = self._old.get(digest)
        if key is None or key.model != parts.requested:
            # Of the snapshot, not of the request: another thread may have changed that in the meantime.
            snapshot = marshal.loads(seen)  # noqa: S302  (our own bytes, never stored)
            if not _is_json(snapshot):
                return derive(parts)
            key = derive(replace(parts, body=snapshot))
        if len(self._young) >= self._most:
            self._old, self._young = self._young, {}
        self._young[digest] = key
        return key


def _is_long(body: Mapping[str, Any]) -> bool:
    """Whether its texts alone are longer than what is remembered. A circle is."""
    left, waiting = LONGEST, [list(body.values())]
    while waiting:
        for value in waiting.pop():
            kind = type(value)
            if kind is str:
                left -= len(value)
            elif kind is dict or kind is list:
                left -= 8
                waiting.append(list(value.values()) if kind is dict else list(value))
            if left < 0:
                return True
    return False


def _is_json(snapshot: object) -> bool:
    """False for what marshal writes as something else, such as numpy's numbers as bytes."""
    try:
        BEST(snapshot)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
