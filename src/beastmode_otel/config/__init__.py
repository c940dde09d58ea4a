"""Frozen settings from TOML, mappings and the environment; the only reader of os.environ besides telemetry's set-up."""

from beastmode_otel.config.cache_settings import CacheSettings, MemoryTier, StoreTier
from beastmode_otel.config.doors import DoorSettings, door_settings
from beastmode_otel.config.load import load
from beastmode_otel.config.secret import Secret
from beastmode_otel.config.settings import (
    Breaker,
    Config,
    Deployment,
    LabelBounds,
    Retry,
    Route,
    Target,
    Timeouts,
)

__all__ = [
    "Breaker",
    "CacheSettings",
    "Config",
    "Deployment",
    "DoorSettings",
    "LabelBounds",
    "MemoryTier",
    "Retry",
    "Route",
    "Secret",
    "StoreTier",
    "Target",
    "Timeouts",
    "door_settings",
    "load",
]
