"""Finding and reading the configuration: argument over environment over `./beastmode.toml` over built-in defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from beastmode_otel.config.parse import parse
from beastmode_otel.config.read import Source
from beastmode_otel.config.settings import Config
from beastmode_otel.errors import ConfigError

DEFAULT_FILE = "beastmode.toml"


def load(
    config: Config | Mapping[str, Any] | str | os.PathLike[str] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    prefixes: bool = True,
) -> Config:
    """The configuration of a router.

    config: a Config, a mapping shaped like the TOML file, or the path of such a file. None: the file that
    BEASTMODE_CONFIG names, else ./beastmode.toml, else only prefixed model ids (openai:X, anthropic:X) are known.
    prefixes: whether prefixed ids will be used; else what is wrong with the vendors' own variables does not matter.
    Raises ConfigError that names the setting and what to do.
    """
    environ = os.environ if environ is None else environ
    if isinstance(config, Config):
        return config
    if isinstance(config, Mapping):
        return parse(config, Source(environ=environ, prefixes=prefixes))
    path = _path(config, environ)
    if path is None:
        return parse({}, Source(environ=environ, prefixes=prefixes))
    return parse(_read(path), Source(environ=environ, prefixes=prefixes, file=True, name=str(path)))


def _path(config: str | os.PathLike[str] | None, environ: Mapping[str, str]) -> Path | None:
    if config is not None and not isinstance(config, str | os.PathLike):
        raise ConfigError(f"config must be a Config, a mapping or a path, not {type(config).__name__}")
    named = config or environ.get("BEASTMODE_CONFIG")
    if named:
        return Path(named)
    default = Path(DEFAULT_FILE)
    return default if default.is_file() else None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.expanduser().read_text(encoding="utf-8"))
    except (OSError, RuntimeError) as exc:  # RuntimeError: ~somebody without a home
        reason = exc.strerror if isinstance(exc, OSError) else str(exc)
        hint = "it is the path that was passed, or that BEASTMODE_CONFIG names: correct it, or unset the variable"
        raise ConfigError(f"{path}: cannot be read ({reason or type(exc).__name__})", hints=(hint,)) from exc
    except ValueError as exc:  # neither TOML nor UTF-8
        hint = 'names with a colon, a dot or a blank need quotes: [routes."custom:chat"]; files are UTF-8'
        raise ConfigError(f"{path}: is not valid TOML: {exc}", hints=(hint,)) from exc
