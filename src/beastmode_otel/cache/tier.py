"""The ports of the cache: what a tier promises. Every tier runs the same contract suites (tests/contract)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from beastmode_otel.cache.entry import Entry, Key


class Damage(Protocol):
    """Why bytes are not an entry. foreign: they may be one to another release, so they are not ours to delete."""

    @property
    def reason(self) -> str: ...
    @property
    def foreign(self) -> bool: ...


class Codec(Protocol):
    """Bytes say themselves which version and compression they are."""

    def encode(self, entry: Entry) -> bytes: ...

    def decode(self, data: bytes, key: Key | None) -> Entry | Damage:
        """The entry of exactly this key (tenant and digest); of whatever key for None. Never raises."""


class TierUnavailable(Exception):
    """The tier cannot answer now; only the tiered cache catches it, counts it and goes on.

    healthy: False when it says something about the tier's health (its breaker counts it), True for a fault of the data
    or of this one call.
    """

    def __init__(self, reason: str, *, healthy: bool = False) -> None:
        super().__init__(reason)
        self.reason, self.healthy = reason, healthy


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which entries to invalidate: all that match every field that is not None. tenant is never None: no filter crosses
    tenants. older_than: seconds since creation."""

    tenant: str
    digest: bytes | None = None
    request_id: str | None = None
    model: str | None = None
    tag: str | None = None
    scope: bytes | None = None
    older_than: float | None = None

    def matches(self, entry: Entry, now: float) -> bool:
        """Whether it covers `entry`: the reference for every tier."""
        key = entry.key
        return (
            self.tenant == key.tenant
            and (self.digest is None or self.digest == key.digest)
            and (self.request_id is None or self.request_id == entry.request_id)
            and (self.model is None or self.model == key.model)
            and (self.tag is None or self.tag in entry.tags)
            and (self.scope is None or self.scope == key.scope)
            and (self.older_than is None or entry.age(now) > self.older_than)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TierStats:
    """entries, size in bytes; oldest: age in seconds of the oldest entry, None when empty."""

    entries: int
    size: int
    oldest: float | None = None


# Requests and background work.


class Pending(Protocol):
    """A question already sent."""

    def ready(self, timeout: float) -> bool:
        """Whether `take` will return without waiting, after at most `timeout` seconds."""

    def take(self) -> Entry | None:
        """The answer; waits for it. A late one may be taken on the pool, and still promotes. Raises TierUnavailable."""

    def drop(self) -> None:
        """Nobody is going to take it: what it holds is free. Never waits, never raises."""


class BlockingTier(Protocol):
    """The reads of blocking callers, and every background write, delete and probe, asyncio's too.

    - Thread-safe. Anything that goes wrong is TierUnavailable, nothing else is ever raised.
    - What cannot be decoded, or fails its checksum or signature, is a miss: counted in `damaged` and deleted; unless
      it is `foreign` (a newer release's, or in a compression that is not installed here), then it stays for others.
    - An entry of another tenant is never returned, deleted or counted.
    - `ask` returns expired entries too while they are within the stale limit that the tier was made with: whether an
      expired entry may be served is the caller's decision (`Entry.fresh`). Never one of a clock that ran ahead
      (`Entry.ahead`), which a `put` replaces though it is older.
    """

    name: str
    damaged: int
    system: str
    """Its `db.system.name`."""

    @property
    def server(self) -> tuple[str, int] | None:
        """Address and port, for spans; None for a file of this machine, and where it is not known yet."""

    def ask(self, key: Key) -> Pending: ...
    def put(self, entry: Entry) -> None: ...
    def delete(self, key: Key) -> None: ...
    def invalidate(self, which: Filter, now: float) -> int: ...
    def purge(self, now: float) -> int: ...
    def stats(self) -> TierStats: ...
    def scan(self, tenant: str | None, limit: int) -> Iterator[Entry]: ...
    def ping(self) -> None: ...
    def close(self) -> None: ...


class ScopedTier(Protocol):
    """What a BlockingTier has besides, if it can tell which entries share a scope: semantic matching finds there what
    other processes have stored, and what this one had before it was started again."""

    def in_scope(self, key: Key, limit: int) -> Iterator[Entry]:
        """Those with a vector of the tenant and scope of `key`, the newest first; others may be among them. Counts no
        hit. Raises TierUnavailable."""


class VectorTier(Protocol):
    """What a ScopedTier has besides, if it can find in a scope what is near, however large that is."""

    def nearest(self, key: Key, vector: bytes, embedder: str, limit: int, seconds: float) -> list[Entry]:
        """Of the tenant and scope of `key`, those whose vectors (float32) of that embedder are nearest to `vector`, the
        nearest first. Counts no hit, takes no longer than `seconds`. None where the store cannot tell, or is ill:
        nobody depends on it, so it raises nothing."""


class AsyncTier(Protocol):
    """The foreground reads of asyncio callers, for tiers behind a socket; often the same object as the BlockingTier.

    - What it returns, counts and deletes is as with BlockingTier; anything that goes wrong is TierUnavailable.
    - Runs on the caller's loop and never blocks it. Several loops may use it, also at once and one after another:
      a connection belongs to the loop that made it, and is forgotten when that has ended.
    - A command ends by the tier's own (hard) timeout. Whoever stops waiting before does not cancel it; one that is
      cancelled all the same, as at the end of `asyncio.run`, harms no other.
    """

    async def get(self, key: Key) -> Entry | None: ...

    async def aclose(self) -> None:
        """Close what is open on this loop. Idempotent; a later `get` opens anew."""


# Looking into a tier: the command line, and warming.


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEntry:
    """An entry as it lies there. Times are UTC seconds since the epoch; size: stored bytes.

    entry: or why it cannot be read here. hits: those that this tier answered. hits, accessed_at: None where it does not
    tell.
    """

    key: Key
    entry: Entry | Damage
    created_at: float
    expires_at: float
    accessed_at: float | None
    hits: int | None
    size: int

    def score(self, now: float, half_life: float) -> float:
        """How often it was asked for, halved with each `half_life` seconds since the last time; 0 if nobody knows."""
        if not self.hits or self.accessed_at is None:
            return 0.0
        return float(self.hits * 2.0 ** (-max(0.0, now - self.accessed_at) / half_life))


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """expired: of the entries, those that nobody is answered with any more. oldest: when it was made.

    size: bytes in use, of all tenants.
    """

    entries: int = 0
    expired: int = 0
    tenants: int = 0
    oldest: float | None = None
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelTotals:
    """input_tokens, output_tokens, usd: what one hit saves, on average; None where nobody knows.

    saved_tokens, saved_usd: what the hits have saved so far. They, and hits, are None where the tier counts none.
    """

    model: str
    entries: int
    hits: int | None
    input_tokens: float | None
    output_tokens: float | None
    usd: float | None
    saved_tokens: int | None
    saved_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantTotals:
    """hits: None where the tier counts none."""

    tenant: str
    entries: int
    hits: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreFacts:
    """What a shared store says of itself; None where it does not tell. seconds: a round trip. skew: seconds that its
    clock is ahead of ours. limit, used: bytes of memory; 0: no limit. policy: what it does when that is reached.
    """

    where: str
    product: str | None
    version: tuple[int, ...] | None
    seconds: float
    skew: float | None
    read_only: bool | None
    limit: int | None
    used: int
    policy: str | None


MOST_OF_A_SCOPE: Final = 2000  # entries, the newest, that a process reads of one scope


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseFacts:
    """What a database says of itself and of whoever logs in. seconds: a round trip. skew: seconds that its clock is
    ahead of ours. problem: why its schema cannot be used. role: who logs in; exempt: whom its policies do not hold for,
    and why. guarded: whether each of our tables is under forced policies. tenants: whom the role is admitted to, "" for
    all of them; None: that cannot be asked. vectors: whether large scopes can be searched there. largest_scope: how
    many of the entries that expire last share one scope; None: that could not be told in time.
    """

    where: str
    version: int
    seconds: float
    skew: float
    read_only: bool
    problem: str | None
    role: str
    exempt: str | None
    guarded: bool
    tenants: tuple[str, ...] | None
    vectors: bool = False
    largest_scope: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """What can be told of a tier in a file. problem: why it cannot be used as it is; mends_itself: whether the next
    process that writes sees to it. distrusted: who else may write to it, where nothing is signed. aside: names of the
    files beside it that were found corrupt."""

    where: str
    problem: str | None
    mends_itself: bool
    distrusted: str | None
    aside: tuple[str, ...]


def may_be_key(handle: str) -> bool:
    """Whether it can be a key, or its first digits: enough of them not to name many."""
    return 6 <= len(handle) <= 64 and all(char in "0123456789abcdefABCDEF" for char in handle)


class InspectableTier(Protocol):
    """A store as people and warming see it: looking counts no hit, deletes no damage and makes nothing.

    - Anything that goes wrong is TierUnavailable. A store that nothing was ever written to is an empty one.
    - tenant: one's entries only; where it may be None, those of all.
    - location: what people know it by, without a password.
    - Where it does not count hits, `hits` is None everywhere, and nothing is known to have been saved.
    """

    location: str

    def version(self) -> int | None:
        """Of its schema; None: nothing was ever stored there."""

    def peek(self, key: Key) -> StoredEntry | None:
        """Also when it has expired, as long as it lies there."""

    def named(self, tenant: str, handle: str) -> list[StoredEntry]:
        """What a request id, or a key or its first digits (`may_be_key`), names; two at most of the same beginning."""

    def scan_by_frequency(
        self, tenant: str | None, limit: int, *, half_life: float, now: float
    ) -> Iterator[StoredEntry]:
        """Fresh entries that can be read here, by falling `StoredEntry.score`, the newest first among equals."""

    def totals(self, tenant: str | None, now: float) -> Totals: ...

    def totals_by_model(self, tenant: str | None) -> list[ModelTotals]:
        """The model with the most entries first. A hit saves what the model's entries cost on average; those whose
        price nobody knows say nothing about it."""

    def totals_by_tenant(self) -> list[TenantTotals]:
        """By name."""

    def damage(self, tenant: str | None) -> Mapping[str, int]:
        """How many entries cannot be read here, by reason. Reads everything."""

    def related(self, key: Key) -> tuple[int, int]:
        """Of the same tenant and model, without it: how many entries in its scope, and in others."""

    def invalidate(self, which: Filter, now: float) -> int:
        """As BlockingTier's."""

    def purge(self, now: float) -> int:
        """As BlockingTier's: some of what has expired beyond the stale limit; 0 when nothing of it is left."""

    def close(self) -> None: ...


class Hearer(Protocol):
    """Who is told what other caches have invalidated."""

    def hear(self, which: Filter) -> None: ...

    def missed(self) -> None:
        """Something may have been told that was not heard."""


class Backplane(Protocol):
    """Tells the caches of other processes what was invalidated here, and hears it from them. Thread-safe.

    - join: `hearer` hears what anybody else publishes, in other caches of this process too, as long as it lives.
    - listen: begins, if nobody listens in this process yet. Never waits. listening: whether that was done.
    - publish: to everybody but `by`. Raises TierUnavailable when it cannot be told to others.
    """

    listening: bool

    def join(self, hearer: Hearer) -> None: ...
    def leave(self, hearer: Hearer) -> None: ...
    def listen(self) -> None: ...
    def publish(self, which: Filter, by: Hearer | None = None) -> None: ...


class Migrator(Protocol):
    """Brings a store's schema to this release's, by command: no request ever does it.

    - Anything that goes wrong is TierUnavailable. location: without a password.
    - afterwards: what is left to do by hand when it has made a schema.
    """

    location: str
    afterwards: str

    def version(self) -> int:
        """Of the store's schema; 0: there is none."""

    def script(self, *, anew: bool = False, vectors: bool = False) -> str:
        """What `apply` would do now, to be read, or to be given to somebody who may do it. Empty: nothing.

        anew: what it would do to an empty store, which is not asked. vectors: what a `VectorTier` needs, too.
        """

    def apply(self, *, vectors: bool = False) -> list[str]:
        """The names of the migrations that it has applied, all of them or none. Processes that come at once wait for
        each other: the second finds nothing to do."""


# Answers that tiers hand out, for questions that needed no waiting and for those that would have.


class Answered:
    """The answer is there already."""

    __slots__ = ("_entry",)

    def __init__(self, entry: Entry | None) -> None:
        self._entry = entry

    def ready(self, timeout: float) -> bool:
        return True

    def take(self) -> Entry | None:
        return self._entry

    def drop(self) -> None: ...


class Refused:
    """It is known already that there will be no answer."""

    __slots__ = ("_why",)

    def __init__(self, why: TierUnavailable) -> None:
        self._why = why

    def ready(self, timeout: float) -> bool:
        return True

    def take(self) -> Entry | None:
        raise self._why

    def drop(self) -> None: ...


class Later:
    """Nothing is under way until `take`, which waits: for the pool. So it is never ready, and `ready` never waits."""

    __slots__ = ("_find",)

    def __init__(self, find: Callable[[], Entry | None]) -> None:
        self._find = find

    def ready(self, timeout: float) -> bool:
        return False

    def take(self) -> Entry | None:
        return self._find()

    def drop(self) -> None: ...
