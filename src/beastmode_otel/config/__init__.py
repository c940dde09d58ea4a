"""Frozen settings from TOML, mappings and the environment; the only reader of os.environ besides telemetry's set-up."""

from beastmode_otel.config.load import load
from beastmode_otel.config.settings import (
    Breaker,
    Config,
    Deployment,
    LabelBounds,
    Retry,
    Route,
    Secret,
    Target,
    Timeouts,
)

__all__ = [
    "Breaker",
    "Config",
    "Deployment",
    "LabelBounds",
    "Retry",
    "Route",
    "Secret",
    "Target",
    "Timeouts",
    "load",
]
