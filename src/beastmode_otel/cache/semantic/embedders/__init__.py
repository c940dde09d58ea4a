"""What turns questions into vectors. Nothing here is imported before semantic matching is asked for."""

from beastmode_otel.cache.semantic.embedders.minilm import MiniLM

__all__ = ["MiniLM"]
