"""Which embedder a configuration means."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final, Literal, get_args

from beastmode_otel.config import Secret
from beastmode_otel.errors import ConfigError
from beastmode_otel.errors.redact import shown

EmbedderKind = Literal["minilm", "onnx", "model2vec", "sentence-transformers", "endpoint"]
KINDS: Final[tuple[str, ...]] = get_args(EmbedderKind)
_WHERE: Final = "cache.semantic.embedder"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbedderSpec:
    """path: the model's folder, or the file of an onnx model. url, model, api_key, key_header, timeout (seconds): of an
    endpoint. name: stored beside every vector; empty: made of the model. threshold: needed for every model but MiniLM,
    whose own is known. languages: ISO 639-1; None: all are read. most_tokens: above which a text is not matched.
    """

    kind: EmbedderKind = "minilm"
    path: str | None = None
    url: str | None = None
    model: str | None = None
    api_key: Secret | None = None
    key_header: str = "authorization"
    timeout: float = 5.0
    name: str = ""
    dimensions: int | None = None
    threshold: float | None = None
    languages: frozenset[str] | None = None
    most_tokens: int | None = None

    def needed_threshold(self) -> float:
        """Raises ConfigError."""
        if self.threshold is None:
            raise wrong(
                "threshold is missing, and belongs to a model: nobody knows this one's",
                "find it with beastmode-otel cache calibrate, and write threshold = 0.95 or what it says",
            )
        return self.threshold

    def needed_path(self, *, folder: bool) -> Path:
        """Raises ConfigError: nothing is ever downloaded."""
        path = Path(self.path or "").expanduser()
        if self.path and (path.is_dir() if folder else path.is_file()):
            return path
        what = "the model's folder" if folder else "the model's file, which ends in .onnx"
        said = f"is {shown(self.path)}, where there is none" if self.path else "is missing"
        raise wrong(f"path {said}", f"write {what}; nothing is downloaded")


def read_spec(said: Mapping[str, Any]) -> EmbedderSpec:
    """From a table of the configuration, in which the key is a Secret already. Raises ConfigError."""
    known = [field.name for field in fields(EmbedderSpec)]
    for name in said:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            raise wrong(f"no setting is named {shown(name)}", f"did you mean {near[0]}?" if near else ", ".join(known))
    kind = said.get("kind", "endpoint" if said.get("url") else "minilm")
    if kind not in KINDS:
        raise wrong(f"kind is {shown(kind)}", f"one of {', '.join(KINDS)}")
    threshold, languages = said.get("threshold"), said.get("languages")
    return EmbedderSpec(
        kind=kind,
        **{name: _text(said, name) for name in ("path", "url", "model") if said.get(name) is not None},
        api_key=_key(said.get("api_key")),
        key_header=_text(said, "key_header", "authorization"),
        timeout=_number(said, "timeout", 5.0, most=600.0),
        name=_text(said, "name", ""),
        dimensions=_whole(said, "dimensions"),
        threshold=None if threshold is None else _number(said, "threshold", 0.0, most=1.0),
        languages=None if languages is None else _languages(languages),
        most_tokens=_whole(said, "most_tokens"),
    )


def wrong(problem: str, hint: str) -> ConfigError:
    return ConfigError(f"{_WHERE}: {problem}", hints=(hint,))


def _text(said: Mapping[str, Any], name: str, usual: str = "") -> str:
    value = said.get(name, usual)
    if isinstance(value, str):
        return value
    raise wrong(f"{name} is {shown(value)}", f'{name} = "…"')


def _key(value: Any) -> Secret | None:
    if value is None or isinstance(value, Secret):
        return value
    raise wrong("api_key is written out", 'name an environment variable: api_key = { env = "NAME" }')


def _number(said: Mapping[str, Any], name: str, usual: float, *, most: float) -> float:
    value = said.get(name, usual)
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= most and math.isfinite(value):
        return float(value)
    raise wrong(f"{name} is {value!r:.40}", f"a number above 0, and at most {most:g}")


def _whole(said: Mapping[str, Any], name: str) -> int | None:
    value = said.get(name)
    if value is None or (isinstance(value, int) and not isinstance(value, bool) and value > 0):
        return value
    raise wrong(f"{name} is {value!r:.40}", "a whole number above 0")


def _languages(value: Any) -> frozenset[str]:
    if isinstance(value, list | tuple | set | frozenset) and value:
        codes = [each for each in value if isinstance(each, str) and len(each) == 2 and each.islower()]
        if len(codes) == len(value):
            return frozenset(codes)
    raise wrong(f"languages is {value!r:.40}", 'two letters each: languages = ["en", "de"]')
