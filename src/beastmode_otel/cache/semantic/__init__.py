"""Semantic matching: answers to questions that mean the same. Opt-in, and only where everything else of a request is
equal (`Key.scope`). Needs numpy, so that it is imported where it is configured."""

from beastmode_otel.cache.semantic.build import open_matcher
from beastmode_otel.cache.semantic.embedders import Post, open_embedder
from beastmode_otel.cache.semantic.match import Matcher, MatchSettings, Similar, Sought
from beastmode_otel.cache.semantic.ports import Embedder, EmbedderFailed, Judgement, Vectors, Verifier
from beastmode_otel.cache.semantic.resilient_embedder import ResilientEmbedder
from beastmode_otel.cache.semantic.verifiers import CrossEncoder, Judge

__all__ = [
    "CrossEncoder",
    "Embedder",
    "EmbedderFailed",
    "Judge",
    "Judgement",
    "MatchSettings",
    "Matcher",
    "Post",
    "ResilientEmbedder",
    "Similar",
    "Sought",
    "Vectors",
    "Verifier",
    "open_embedder",
    "open_matcher",
]
