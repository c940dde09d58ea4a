"""Frozen settings from TOML, mappings and the environment; the only reader of os.environ besides telemetry's set-up."""

from beastmode_otel.config.load import DoorSettings, door_settings, load
from beastmode_otel.config.parse_cache import is_ttl, with_ttl
from beastmode_otel.config.settings import (
    Breaker,
    CacheSettings,
    Config,
    Deployment,
    LabelBounds,
    MemoryTier,
    OwnTier,
    Retry,
    Route,
    Secret,
    SemanticSettings,
    StoreTier,
    Target,
    Timeouts,
    Ttl,
)

__all__ = [
    "Breaker",
    "CacheSettings",
    "Config",
    "Deployment",
    "DoorSettings",
    "LabelBounds",
    "MemoryTier",
    "OwnTier",
    "Retry",
    "Route",
    "Secret",
    "SemanticSettings",
    "StoreTier",
    "Target",
    "Timeouts",
    "Ttl",
    "door_settings",
    "is_ttl",
    "load",
    "with_ttl",
]
