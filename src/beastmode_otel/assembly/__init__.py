"""Puts the parts of a router together: configuration, cache, engine, router, an HTTP edge, and telemetry."""

from beastmode_otel.assembly.caches import build_caches
from beastmode_otel.assembly.parts import ConfigLike, Parts, Providers, build_async, build_blocking, observer_of

__all__ = ["ConfigLike", "Parts", "Providers", "build_async", "build_blocking", "build_caches", "observer_of"]
