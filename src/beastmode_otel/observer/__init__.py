"""The narrow door to telemetry: what the engine tells, in facts and outcomes, without naming an attribute.

Core code opens a scope and finishes it with an outcome, a plain value. `telemetry/` implements these protocols with
OpenTelemetry; `NullObserver` is the default; `Guarded` makes sure that telemetry never breaks a request.
"""

from beastmode_otel.observer.facts import (
    CACHE_OFF,
    AttemptFacts,
    AttemptOutcome,
    CacheFacts,
    CacheStatus,
    CostSource,
    DeploymentState,
    LeaseResult,
    LookupResult,
    OutcomeKind,
    RequestFacts,
    RequestOutcome,
    Saving,
    TierName,
    WriteResult,
)
from beastmode_otel.observer.guarded import Guarded
from beastmode_otel.observer.ports import (
    NULL_SCOPE,
    AttemptScope,
    LookupScope,
    NullObserver,
    NullScope,
    Observer,
    RequestScope,
    TierScope,
)

__all__ = [
    "CACHE_OFF",
    "NULL_SCOPE",
    "AttemptFacts",
    "AttemptOutcome",
    "AttemptScope",
    "CacheFacts",
    "CacheStatus",
    "CostSource",
    "DeploymentState",
    "Guarded",
    "LeaseResult",
    "LookupResult",
    "LookupScope",
    "NullObserver",
    "NullScope",
    "Observer",
    "OutcomeKind",
    "RequestFacts",
    "RequestOutcome",
    "RequestScope",
    "Saving",
    "TierName",
    "TierScope",
    "WriteResult",
]
