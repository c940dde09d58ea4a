"""One request from door to answer: the only room that knows both cache and router."""

from beastmode_otel.engine.answer import Access, AccessRule, Answer, CacheInfo, Question
from beastmode_otel.engine.engine import Engine, answer_of
from beastmode_otel.engine.stream import OpenStreams, StreamCore

__all__ = [
    "Access",
    "AccessRule",
    "Answer",
    "CacheInfo",
    "Engine",
    "OpenStreams",
    "Question",
    "StreamCore",
    "answer_of",
]
