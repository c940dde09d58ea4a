"""A model router whose every request, attempt and error is visible in your own Grafana, through OpenTelemetry."""

from beastmode_otel.client import AnswerStream, AsyncAnswerStream, AsyncModelRouter, ModelRouter, RouteOptions
from beastmode_otel.config.settings import Config
from beastmode_otel.doctor import Finding, diagnose
from beastmode_otel.engine import AccessRequest, Answer
from beastmode_otel.errors import AccessDenied, BeastModeError, ConfigError, RequestError, UpstreamError
from beastmode_otel.instrumentation import (
    async_http_client,
    async_transport,
    cache_control,
    http_client,
    instrument,
    transport,
    uninstrument,
)
from beastmode_otel.telemetry import Telemetry, configure
from beastmode_otel.version import VERSION as __version__

__all__ = [
    "AccessDenied",
    "AccessRequest",
    "Answer",
    "AnswerStream",
    "AsyncAnswerStream",
    "AsyncModelRouter",
    "BeastModeError",
    "Config",
    "ConfigError",
    "Finding",
    "ModelRouter",
    "RequestError",
    "RouteOptions",
    "Telemetry",
    "UpstreamError",
    "__version__",
    "async_http_client",
    "async_transport",
    "cache_control",
    "configure",
    "diagnose",
    "http_client",
    "instrument",
    "transport",
    "uninstrument",
]
