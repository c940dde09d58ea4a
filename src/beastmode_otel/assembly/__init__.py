"""Puts the parts of a router together: configuration, cache, engine, router, an HTTP edge, and telemetry."""

from beastmode_otel.assembly.parts import Parts, build_async, build_blocking

__all__ = ["Parts", "build_async", "build_blocking"]
