"""A model router whose every request, attempt and error is visible in your own Grafana, through OpenTelemetry."""

from beastmode_otel.client import AnswerStream, AsyncAnswerStream, AsyncModelRouter, ModelRouter
from beastmode_otel.config import Config
from beastmode_otel.engine import Access, Answer
from beastmode_otel.errors import AccessDenied, BeastModeError, ConfigError, RequestError, UpstreamError
from beastmode_otel.telemetry import Telemetry, configure
from beastmode_otel.version import VERSION as __version__

__all__ = [
    "Access",
    "AccessDenied",
    "Answer",
    "AnswerStream",
    "AsyncAnswerStream",
    "AsyncModelRouter",
    "BeastModeError",
    "Config",
    "ConfigError",
    "ModelRouter",
    "RequestError",
    "Telemetry",
    "UpstreamError",
    "__version__",
    "configure",
]
