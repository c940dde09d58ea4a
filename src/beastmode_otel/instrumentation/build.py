"""What a door works with, from its settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from beastmode_otel.assembly import Providers, build_cache, observer_of
from beastmode_otel.config import Ttl, door_settings, with_ttl
from beastmode_otel.errors import ConfigError
from beastmode_otel.instrumentation.context import Door, DoorContext, Hooks
from beastmode_otel.prices import PriceBook, price_from_config
from beastmode_otel.router.upstream import warm
from beastmode_otel.runtime import AsyncioRuntime, BlockingRuntime, gc_guard
from beastmode_otel.wire import Recogniser


def build_context(
    door: Door,
    *,
    cache: Any = None,
    ttl: Ttl = None,
    providers: Providers = (None, None, None),
    hooks: Hooks | None = None,
    excluded_urls: str | None = None,
    paths: Mapping[str, str] | None = None,
) -> DoorContext:
    """A context. cache: as the router's, see `config.load`. Raises ConfigError."""
    gc_guard.watch()
    settings = door_settings(cache, excluded_urls)
    config = replace(settings.config, cache=with_ttl(settings.config.cache, ttl))
    redact = config.redactor()
    observer = observer_of(config, redact, providers)
    blocking = build_cache(config.cache, BlockingRuntime(), observer)
    tasks = build_cache(config.cache, AsyncioRuntime(), observer, beside=blocking)
    prices = PriceBook(
        {name: price_from_config(price, where=f"prices.{name}") for name, price in config.prices.items()}
    )
    prices.load()
    warm()
    context = DoorContext(
        door=door,
        config=config,
        observer=observer,
        prices=prices,
        redact=redact,
        hooks=hooks or Hooks(),
        excluded=_pattern(settings.excluded),
        obedience=config.said_obedience(),
        recogniser=Recogniser(paths or {}, config.said_providers()),
        blocking=blocking,
        asyncio=tasks,
    )
    observer.before_collect(context.streams.sweep)
    return context


def _pattern(excluded: str) -> re.Pattern[str] | None:
    """OpenTelemetry's form: regular expressions with commas between them."""
    parts = [part.strip() for part in excluded.split(",") if part.strip()]
    try:
        return re.compile("|".join(f"(?:{part})" for part in parts)) if parts else None
    except re.error as exc:
        hint = "write regular expressions with commas between them"
        raise ConfigError(f"excluded_urls: {exc}", hints=(hint,)) from None
