"""The router as users meet it: ModelRouter for threads, AsyncModelRouter for asyncio. Thin faces of the engine."""

from beastmode_otel.client.asynchronous import AsyncAnswerStream, AsyncModelRouter
from beastmode_otel.client.blocking import AnswerStream, ModelRouter
from beastmode_otel.client.face import RouteOptions

__all__ = ["AnswerStream", "AsyncAnswerStream", "AsyncModelRouter", "ModelRouter", "RouteOptions"]
