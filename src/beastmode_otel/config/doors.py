"""The settings of the doors for other people's clients: the router's, but without a cache by default."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from beastmode_otel.config.cache_settings import CacheSettings
from beastmode_otel.config.load import load
from beastmode_otel.config.parse import parse
from beastmode_otel.config.read import Source
from beastmode_otel.config.settings import Config
from beastmode_otel.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    """excluded: regular expressions of URLs that are left alone, with commas between them."""

    config: Config
    excluded: str


def door_settings(
    cache: Any = None, excluded_urls: str | None = None, *, environ: Mapping[str, str] | None = None
) -> DoorSettings:
    """Argument over environment over file; a cache only where an argument or BEASTMODE_CACHE asks for it.

    cache: None, True, False, a mode, or a mapping like `[cache]`. Raises ConfigError.
    """
    environ = os.environ if environ is None else environ
    config = load(None, environ=environ, prefixes=False)
    excluded = environ.get("BEASTMODE_EXCLUDED_URLS", "") if excluded_urls is None else excluded_urls
    return DoorSettings(config=replace(config, cache=_cache(config.cache, cache, environ)), excluded=excluded)


def _cache(configured: CacheSettings, asked: Any, environ: Mapping[str, str]) -> CacheSettings:
    if asked is None:
        return configured if environ.get("BEASTMODE_CACHE") else replace(configured, mode="off")
    if isinstance(asked, bool):
        return replace(configured, mode="on" if asked else "off")
    if isinstance(asked, str):
        return replace(configured, mode=_parsed({"mode": asked}, environ).mode)
    if isinstance(asked, Mapping):
        return _parsed({"mode": "on"} | dict(asked), environ)
    raise ConfigError(f"cache must be a mode, a mapping like [cache], True or False, not {type(asked).__name__}")


def _parsed(cache: Mapping[str, Any], environ: Mapping[str, str]) -> CacheSettings:
    return parse({"cache": cache}, Source(environ=environ, prefixes=False)).cache
