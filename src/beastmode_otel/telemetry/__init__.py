"""The observer's OpenTelemetry implementation, and the set-up of an SDK for programs that have none."""

from beastmode_otel.telemetry.instruments import FORKS
from beastmode_otel.telemetry.observer import OtelObserver, otel_observer
from beastmode_otel.telemetry.setup import Telemetry, configure
from beastmode_otel.telemetry.suppress import is_ours

__all__ = ["FORKS", "OtelObserver", "Telemetry", "configure", "is_ours", "otel_observer"]
