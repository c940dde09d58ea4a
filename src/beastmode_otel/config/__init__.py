"""Frozen settings from TOML, mappings and the environment; the only reader of os.environ besides telemetry's set-up."""

from beastmode_otel.config.load import DoorSettings, door_settings, load
from beastmode_otel.config.settings import (
    Breaker,
    CacheSettings,
    Config,
    Deployment,
    LabelBounds,
    MemoryTier,
    Retry,
    Route,
    Secret,
    StoreTier,
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
