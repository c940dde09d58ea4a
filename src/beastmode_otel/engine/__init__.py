"""One request from door to answer: the only room that knows both cache and router."""

from beastmode_otel.engine.answer import Access, AccessRule, Answer, Question
from beastmode_otel.engine.cache_flow import Caching, Loaded
from beastmode_otel.engine.cache_request import CacheUse
from beastmode_otel.engine.caching_streams import StreamCaching
from beastmode_otel.engine.engine import Engine, answer_of
from beastmode_otel.engine.stream import OpenStreams, StreamCore

__all__ = [
    "Access",
    "AccessRule",
    "Answer",
    "CacheUse",
    "Caching",
    "Engine",
    "Loaded",
    "OpenStreams",
    "Question",
    "StreamCaching",
    "StreamCore",
    "answer_of",
]
