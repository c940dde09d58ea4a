"""The response cache: what a request's key is, where its answer lies, and how long.

Other rooms enter here, and by three doors that not every process needs: `cache.tiers`, which imports the tier that is
configured, `cache.semantic`, which needs numpy, and `cache.explain`, for people.
"""

from beastmode_otel.cache.canonical import NotCanonical
from beastmode_otel.cache.entry import Entry, Key
from beastmode_otel.cache.envelope import EnvelopeCodec
from beastmode_otel.cache.key import (
    OUTPUT_HEADERS,
    KeyMemo,
    KeyParts,
    KeyTarget,
    counted_headers,
    credential_tenant,
    derive,
    has_login_cookie,
)
from beastmode_otel.cache.lease import ALONE, Lease, Leases, LeaseStore, Turn
from beastmode_otel.cache.memory import Memory
from beastmode_otel.cache.question import Wording, wording_of
from beastmode_otel.cache.resilient_tier import ResilientTier, TierTimes
from beastmode_otel.cache.single_flight import FlightResult, SingleFlight, own_copy
from beastmode_otel.cache.storable import NOT_CANONICAL, Verdict, may_lookup, may_store
from beastmode_otel.cache.tier import (
    MOST_OF_A_SCOPE,
    Answered,
    AsyncTier,
    Backplane,
    BlockingTier,
    Codec,
    Damage,
    DatabaseFacts,
    FileFacts,
    Filter,
    InspectableTier,
    Later,
    Migrator,
    ModelTotals,
    Pending,
    Refused,
    StoredEntry,
    StoreFacts,
    TenantTotals,
    TierStats,
    TierUnavailable,
    Totals,
)
from beastmode_otel.cache.tiered import Tiered, TierHit
from beastmode_otel.cache.warming import FirstTouches, Warmed, Warmer, copy_up

__all__ = [
    "ALONE",
    "MOST_OF_A_SCOPE",
    "NOT_CANONICAL",
    "OUTPUT_HEADERS",
    "Answered",
    "AsyncTier",
    "Backplane",
    "BlockingTier",
    "Codec",
    "Damage",
    "DatabaseFacts",
    "Entry",
    "EnvelopeCodec",
    "FileFacts",
    "Filter",
    "FirstTouches",
    "FlightResult",
    "InspectableTier",
    "Key",
    "KeyMemo",
    "KeyParts",
    "KeyTarget",
    "Later",
    "Lease",
    "LeaseStore",
    "Leases",
    "Memory",
    "Migrator",
    "ModelTotals",
    "NotCanonical",
    "Pending",
    "Refused",
    "ResilientTier",
    "SingleFlight",
    "StoreFacts",
    "StoredEntry",
    "TenantTotals",
    "TierHit",
    "TierStats",
    "TierTimes",
    "TierUnavailable",
    "Tiered",
    "Totals",
    "Turn",
    "Verdict",
    "Warmed",
    "Warmer",
    "Wording",
    "copy_up",
    "counted_headers",
    "credential_tenant",
    "derive",
    "has_login_cookie",
    "may_lookup",
    "may_store",
    "own_copy",
    "wording_of",
]
