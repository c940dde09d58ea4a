"""The router as users meet it: ModelRouter for threads, AsyncModelRouter for asyncio. Thin faces of the engine."""

from beastmode_otel.client.asynchronous import AsyncAnswerStream, AsyncModelRouter
from beastmode_otel.client.blocking import AnswerStream, ModelRouter

__all__ = ["AnswerStream", "AsyncAnswerStream", "AsyncModelRouter", "ModelRouter"]
