"""The matcher of a configured cache: its embedder, threshold, verifier and index."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import Final

from beastmode_otel.cache.semantic.embedders import Post, open_embedder
from beastmode_otel.cache.semantic.index import Index
from beastmode_otel.cache.semantic.match import Matcher, MatchSettings
from beastmode_otel.cache.semantic.ports import Embedder
from beastmode_otel.cache.semantic.records import Records
from beastmode_otel.cache.semantic.resilient_embedder import ResilientEmbedder
from beastmode_otel.cache.semantic.verifiers import open_verifier
from beastmode_otel.cache.tiered import Tiered
from beastmode_otel.config.settings import CacheSettings, SemanticProfile, SemanticSettings
from beastmode_otel.errors import ConfigError
from beastmode_otel.observer import Observer
from beastmode_otel.runtime import Runtime

_log: Final = logging.getLogger("beastmode_otel")
# How far below the embedder's own threshold: an embedder's similarities are its own, so no number fits them all.
_BELOW: Final[Mapping[SemanticProfile, float]] = {"strict": 0.0, "balanced": 0.02, "loose": 0.05}


def open_matcher(
    settings: CacheSettings, tiered: Tiered, runtime: Runtime, observer: Observer, post: Post | None = None
) -> Matcher | None:
    """None where the default embedder is not installed, which the log says. post: how endpoints of embeddings are
    asked. Raises ConfigError for one that was asked for and cannot be had, and for a verifier that is none."""
    asked = settings.semantic
    embedder = _open(asked, observer, post)
    if embedder is None:
        return None
    threshold = threshold_of(asked, embedder.embedder)
    observer.matching(settings.mode, threshold)
    index = Index(asked.max_bytes)
    tiered.on_forget = index.invalidate
    return Matcher(
        embedder,
        index,
        MatchSettings(
            threshold=threshold,
            max_temperature=asked.max_temperature,
            off=frozenset(asked.off),
            serves=settings.mode == "semantic",
            agreement=asked.agreement,
            sample=asked.sample,
            seconds=asked.seconds,
            verifier=open_verifier(asked.verifier),
            verifier_seconds=asked.verifier_seconds,
        ),
        tiered=tiered,
        runtime=runtime,
        observer=observer,
        records=None if asked.records is None else Records(asked.records),
    )


def threshold_of(asked: SemanticSettings, embedder: Embedder) -> float:
    """The similarity from which a match is one, where no route says another."""
    return embedder.threshold - _BELOW[asked.profile] if asked.threshold is None else asked.threshold


def _open(asked: SemanticSettings, observer: Observer, post: Post | None) -> ResilientEmbedder | None:
    try:
        embedder = open_embedder(asked.embedder, post)
    except ConfigError as none:
        if asked.embedder is not None:
            raise
        _say_once(f"semantic matching is off, exact matches go on: {none.message} ({'; '.join(none.hints)})")
        return None
    made = ResilientEmbedder(embedder, max_tokens=asked.max_tokens, unread=asked.unread, observer=observer)
    if asked.embedder is None:  # the model is loaded before the first request needs it; nothing is told of that
        made.later(functools.partial(embedder.embed, ["warm"]))
    return made


@functools.cache
def _say_once(text: str) -> None:
    _log.warning("%s", text)
