"""Puts the parts of a router together: configuration, cache, engine, router, an HTTP edge, and telemetry."""

from beastmode_otel.assembly.caches import build_cache
from beastmode_otel.assembly.parts import Providers, RouterParts, build_async, build_blocking, observer_of

__all__ = ["Providers", "RouterParts", "build_async", "build_blocking", "build_cache", "observer_of"]
