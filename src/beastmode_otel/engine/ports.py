"""The engine's ports: what an answer is made of, where chunks come from, and a door's way to the provider."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

from beastmode_otel.errors import AttemptRecord
from beastmode_otel.observer import OutcomeKind, Saving, TierName
from beastmode_otel.record import record

if TYPE_CHECKING:
    from beastmode_otel.cache import Entry, FlightResult, KeyTarget, SingleFlight
    from beastmode_otel.wire import Chunk, Reply, Usage


class Delivery(Protocol):
    """What an answer is made of. Right at any time, also before the end."""

    @property
    def records(self) -> tuple[AttemptRecord, ...]: ...
    @property
    def begun(self) -> int:
        """How many attempts there are, the open one included."""

    @property
    def deployment(self) -> str | None: ...
    @property
    def reply(self) -> Reply | None: ...
    @property
    def usage(self) -> Usage | None: ...
    @property
    def cost(self) -> float | None: ...
    @property
    def saving(self) -> Saving | None:
        """What it did not have to cost."""

    def finish(self, kind: OutcomeKind) -> None:
        """The request has ended so. Synchronous, idempotent."""


class ChunkSource(Delivery, Protocol):
    """A stream of chunks for one reader: from a route, from the cache, or from another caller's stream."""

    @property
    def complete(self) -> bool:
        """Whether the reader has been given everything up to the terminal event."""

    async def next(self) -> Chunk | None:
        """The next chunk; None after the last. Raises what ended the stream early."""

    async def release(self) -> None:
        """Give back what it holds."""

    def discard(self) -> None:
        """`release` for those who cannot wait."""


@record(frozen=True, slots=True, kw_only=True)
class CacheResult:
    """What the cache flow found for a request, whichever door it came through.

    entry: the answer as an entry; None while a stream that was just opened goes on, and for an answer that is its
    asker's alone. tier: where the entry was; None for an answer from upstream. match, similarity: how the entry was
    found (similarity: None for an exact match). stale: it has expired, and stands in for a provider that failed.
    delivery: what the door's own `fetch` brought. reason: why the answer was not stored; None when it was, or may be.
    """

    entry: Entry | None = None
    tier: TierName | None = None
    match: Literal["exact", "semantic"] = "exact"
    similarity: float | None = None
    stale: bool = False
    delivery: Any = None
    reason: str | None = None


class StorableReply(Delivery, Protocol):
    """An answer that has landed, as the cache stores it. headers: the response's. api: its wire format. answer_cost:
    what it alone has cost, whatever the request did besides."""

    @property
    def answer_cost(self) -> float | None: ...

    @property
    def api(self) -> str: ...
    @property
    def provider(self) -> str: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def obey_cache_control(self) -> bool | None:
        """What its deployment says of a no-store in `headers`; None: nothing."""


class AnswerStore(Protocol):
    """Where the answer of one request goes when it has landed. The request's facts tell why one was not stored."""

    async def keep(self, reply: StorableReply, *, answered: KeyTarget) -> CacheResult:
        """Store it if it may be; an entry in any case. answered: by whom. write_mode "sync": waits for the writes."""

    def put(self, reply: StorableReply, *, answered: KeyTarget) -> CacheResult:
        """`keep` for those who cannot wait: the writes are under way."""

    async def written(self) -> None:
        """Wait for the writes of `put` if write_mode is "sync"."""


A_co = TypeVar("A_co", covariant=True)


class Upstream(Protocol[A_co]):
    """One door's way to the provider, for one request; the cache flow drives it. Nothing is sent before `fetch`."""

    @property
    def flights(self) -> SingleFlight[CacheResult] | None:
        """Whom this request may join. None: its answer is one caller's own."""

    @property
    def detached(self) -> bool:
        """Whether a flight goes on when its leader is cancelled; otherwise a waiter leads anew."""

    @property
    def patience(self) -> float:
        """Seconds for which this caller waits for another's flight."""

    @property
    def callers_account(self) -> bool:
        """Whether key and address are the caller's: then what is wrong with those is the caller's own making."""

    def under_way(self) -> CacheResult | None:
        """Another caller's stream, already going on and now entered."""

    async def fetch(self, store: AnswerStore, expired: CacheResult | None) -> CacheResult:
        """Ask the provider; what may be stored goes through `store`.

        expired: stands in for the answer if this raises a BeastModeError for which `may_serve_stale` holds.
        """

    def give(self, result: CacheResult, *, collapsed: bool) -> A_co | None:
        """This caller's answer: its own fetch's, a stored entry, or (collapsed) what another caller's fetch brought.

        The request's delivery is set. None: it cannot be had from that.
        """

    def missed(self, flight: FlightResult[CacheResult]) -> bool:
        """Another caller's flight brought nothing for this one. Raises what this caller is told.

        True: it asks by itself. False: it looks again for somebody to join.
        """

    def fault(self, where: str, exc: Exception) -> None:
        """The cache itself failed. Raises it, or notes it: then the flow goes on as after a miss."""
