"""What turns questions into vectors. Imported when semantic matching is asked for, with what the configured one needs.

A new kind is a function in `local.py` or a module beside it, its name in `spec.KINDS`, and a line in `open_embedder`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Final

from beastmode_otel.cache.semantic.embedders.checked import Checked, NotVectors, SawNothing, unreadable
from beastmode_otel.cache.semantic.embedders.endpoint import Endpoint, Post
from beastmode_otel.cache.semantic.embedders.minilm import MiniLM
from beastmode_otel.cache.semantic.embedders.spec import KINDS, EmbedderSpec, read_spec, wrong
from beastmode_otel.cache.semantic.ports import Embedder
from beastmode_otel.errors.redact import shown

__all__ = ["Checked", "EmbedderSpec", "MiniLM", "NotVectors", "Post", "SawNothing", "open_embedder", "unreadable"]

_HINT: Final = 'embedder = "package.module:name" names an embedder, or what makes it'


def open_embedder(said: Any = None, post: Post | None = None) -> Checked:
    """said: None for the default; a kind by its name; a table, or an EmbedderSpec; an embedder of the team's own, what
    makes it, or where that is, as "package.module:name". post: how endpoints are asked.

    Raises ConfigError, which says what to install or to write.
    """
    if isinstance(said, Checked):
        return said
    if said is None or isinstance(said, EmbedderSpec | Mapping) or said in KINDS:
        return Checked(_of_spec(_spec(said), post))
    return Checked(_own(said))


def _spec(said: Any) -> EmbedderSpec:
    if isinstance(said, EmbedderSpec):
        return said
    return read_spec({"kind": said} if isinstance(said, str) else said or {})


def _of_spec(spec: EmbedderSpec, post: Post | None) -> Embedder:
    if spec.kind == "endpoint":
        if post is None:
            raise wrong("an endpoint cannot be asked from here", "name a model on this machine")
        return Endpoint(spec, post)
    if spec.kind == "minilm":
        if spec != EmbedderSpec():
            raise wrong("minilm has no settings", "its threshold is cache.semantic.threshold; name a kind for others")
        return MiniLM()
    from beastmode_otel.cache.semantic.embedders import local

    if spec.kind == "onnx":
        return local.OnnxMiniLM(spec)
    return local.model2vec(spec) if spec.kind == "model2vec" else local.sentence_transformers(spec)


def _own(said: Any) -> Embedder:
    made: Any = said
    try:
        if isinstance(said, str):
            module, _, name = said.partition(":")
            made = getattr(importlib.import_module(module), name)
        if isinstance(made, type) or not hasattr(made, "embed"):
            made = made()
    except Exception as exc:
        raise wrong(f"{shown(said) if isinstance(said, str) else 'what was given'} cannot be made: "
                    f"{type(exc).__name__}: {exc}", _HINT) from exc  # fmt: skip
    embedder: Embedder = made
    return embedder
