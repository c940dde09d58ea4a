"""Semantic matching: answers to questions that mean the same. Opt-in, and only where everything else of a request is
equal (`Key.scope`). Needs numpy, so that it is imported where it is configured."""

from beastmode_otel.cache.semantic.build import open_matcher
from beastmode_otel.cache.semantic.calibration import (
    Calibration,
    CalibrationPoint,
    NotLabelled,
    calibrate,
    read_labels,
    read_records,
    summed,
)
from beastmode_otel.cache.semantic.embedders import Post, open_embedder
from beastmode_otel.cache.semantic.explain import ExplainedCandidate, ExplainedMatch, explain_match
from beastmode_otel.cache.semantic.match import Matcher, MatchSettings, Similar, Sought
from beastmode_otel.cache.semantic.ports import Embedder, EmbedderFailed, Judgement, Vectors, Verifier
from beastmode_otel.cache.semantic.resilient_embedder import ResilientEmbedder
from beastmode_otel.cache.semantic.verifiers import CrossEncoder, Judge

__all__ = [
    "Calibration",
    "CalibrationPoint",
    "CrossEncoder",
    "Embedder",
    "EmbedderFailed",
    "ExplainedCandidate",
    "ExplainedMatch",
    "Judge",
    "Judgement",
    "MatchSettings",
    "Matcher",
    "NotLabelled",
    "Post",
    "ResilientEmbedder",
    "Similar",
    "Sought",
    "Vectors",
    "Verifier",
    "calibrate",
    "explain_match",
    "open_embedder",
    "open_matcher",
    "read_labels",
    "read_records",
    "summed",
]
