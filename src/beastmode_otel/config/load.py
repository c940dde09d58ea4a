"""Finding and reading the configuration: argument over environment over `./beastmode.toml` over built-in defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from beastmode_otel.config.files import read_file
from beastmode_otel.config.parse import parse
from beastmode_otel.config.settings import NO_CACHE, CacheSettings, Config
from beastmode_otel.config.table import Source
from beastmode_otel.errors import ConfigError, Redactor, public_url

DEFAULT_FILE = "beastmode.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    """The settings of a door for other people's clients, which are the router's.

    excluded: regular expressions of URLs that are left alone, with commas between them."""

    config: Config
    excluded: str = field(repr=False)


def load(
    config: Config | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    *,
    cache: Any = None,
    environ: Mapping[str, str] | None = None,
    prefixes: bool = True,
) -> Config:
    """The configuration of a router.

    config: a Config, a mapping shaped like the TOML file, or the path of such a file. None: the file that
    BEASTMODE_CONFIG names, else ./beastmode.toml, else only prefixed model ids (openai:X, groq:X, …) are known.
    cache: what the program says of the cache in one word, over all of these: "on", "semantic", "shadow", "off", True,
    False, or a mapping in the place of `[cache]`. None: what they say; where nobody says anything there is no cache.
    prefixes: whether requests will be made; else it does not matter what is wrong with the vendors' own variables, nor
    that no deployment of a route has its key. One that lacks its key is `out`, and its route works with the others.
    Raises ConfigError that names the setting and what to do.
    """
    environ = os.environ if environ is None else environ
    loaded = _loaded(config, environ, prefixes)
    settings = _cache(loaded.cache, cache, environ)
    return loaded if settings is loaded.cache else replace(loaded, cache=settings)


def _loaded(config: Any, environ: Mapping[str, str], prefixes: bool) -> Config:
    if isinstance(config, Config):
        return config
    if isinstance(config, Mapping):
        return parse(config, Source(environ=environ, prefixes=prefixes))
    path = _path(config, environ)
    if path is None:
        return parse({}, Source(environ=environ, prefixes=prefixes))
    return parse(_read(path), Source(environ=environ, prefixes=prefixes, file=True, name=public_url(str(path))))


def _path(config: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Path | None:
    if config is not None and not isinstance(config, str | os.PathLike):
        raise ConfigError(f"config must be a Config, a mapping or a path, not {type(config).__name__}")
    named = config or environ.get("BEASTMODE_CONFIG")
    if named:
        return Path(named)
    default = Path(DEFAULT_FILE)
    return default if default.is_file() else None


def _read(path: Path) -> dict[str, Any]:
    # Outside of `except`: these exceptions hold the path and the whole file, and would hang on as cause or context.
    try:
        return tomllib.loads(read_file(path.expanduser()).decode("utf-8").replace("\r\n", "\n"))
    except (OSError, RuntimeError) as exc:  # RuntimeError: ~somebody without a home
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        problem = f"cannot be read ({reason or type(exc).__name__})"
        hint = "it is the path that was passed, or that BEASTMODE_CONFIG names: correct it, or unset the variable"
    except UnicodeDecodeError as exc:
        problem, hint = f"is not valid TOML: byte {exc.start} is not UTF-8", "save it as UTF-8"
    except ValueError as exc:
        problem = f"is not valid TOML: {exc}"
        hint = 'names with a colon, a dot or a blank need quotes: [routes."custom:chat"]'
    raise ConfigError(Redactor(shapes=False)(f"{public_url(str(path))}: {problem}"), hints=(hint,))


def door_settings(
    cache: Any = None, excluded_urls: str | None = None, *, environ: Mapping[str, str] | None = None
) -> DoorSettings:
    """Argument over environment over file. cache: as in `load`. Raises ConfigError."""
    environ = os.environ if environ is None else environ
    config = load(None, cache=cache, environ=environ, prefixes=False)
    excluded = environ.get("BEASTMODE_EXCLUDED_URLS", "") if excluded_urls is None else excluded_urls
    return DoorSettings(config=config, excluded=excluded)


def _cache(configured: CacheSettings, asked: Any, environ: Mapping[str, str]) -> CacheSettings:
    """`configured` itself where there is nothing to add."""
    if configured.said_by == "nobody" and (asked or environ.get("BEASTMODE_CACHE")):
        here = parse({}, Source(environ=environ, prefixes=False)).cache  # which a Config may not have seen
        untouched = configured == NO_CACHE
        configured = here if untouched else replace(configured, mode=here.mode, said_by=here.said_by)
    if asked is None:
        return configured
    if isinstance(asked, bool):
        asked = "on" if asked else "off"
    if not isinstance(asked, str | Mapping):
        raise ConfigError(
            f"cache must be a word or a mapping, not {type(asked).__name__}",
            hints=('write "on", "semantic", "shadow", "off", True, False, or a mapping like [cache]',),
        )
    usual = "semantic" if "semantic" in asked else "on"
    said = {"mode": asked} if isinstance(asked, str) else {"mode": usual} | dict(asked)
    parsed = parse({"cache": said}, Source(environ=environ, prefixes=False)).cache
    settings = replace(configured, mode=parsed.mode) if isinstance(asked, str) else parsed
    return replace(settings, said_by="cache=")
