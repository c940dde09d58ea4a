"""One request from door to answer: the only room that knows both cache and router."""

from beastmode_otel.engine.answer import AccessRequest, AccessRule, Answer, Question
from beastmode_otel.engine.cache_flow import CacheFlow
from beastmode_otel.engine.cache_request import CacheUse
from beastmode_otel.engine.engine import Engine, answer_of
from beastmode_otel.engine.ports import CacheResult
from beastmode_otel.engine.stream import OpenStreams, StreamCore
from beastmode_otel.engine.warming import Prompt, PromptRun, read_prompts

__all__ = [
    "AccessRequest",
    "AccessRule",
    "Answer",
    "CacheFlow",
    "CacheResult",
    "CacheUse",
    "Engine",
    "OpenStreams",
    "Prompt",
    "PromptRun",
    "Question",
    "StreamCore",
    "answer_of",
    "read_prompts",
]
