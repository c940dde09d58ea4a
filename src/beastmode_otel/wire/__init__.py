"""LLM wire formats, pure: what a request asks, what a response or stream says. Nothing in this room ever raises."""

from beastmode_otel.providers import provider_at, provider_of
from beastmode_otel.wire.body_reader import BodyReader, is_stream
from beastmode_otel.wire.categorise import categorise, never_fits
from beastmode_otel.wire.content_encoding import ContentDecoder
from beastmode_otel.wire.facts import Ask, Chunk, Reply
from beastmode_otel.wire.formats.openai_chat import with_usage
from beastmode_otel.wire.formats.openai_choices import usage_inside
from beastmode_otel.wire.formats.registry import FORMATS, UNKNOWN, Format, StreamReader, format_for_path, format_named
from beastmode_otel.wire.framing import MEDIA_TYPES, Framing, sse_bytes, stream_bytes, whole_bytes
from beastmode_otel.wire.provider_error import ProviderError, error_in, identifier, read_error
from beastmode_otel.wire.rate_limits import read_limits, retry_after, should_retry
from beastmode_otel.wire.recognise import LLMCall, Recogniser, recognise
from beastmode_otel.wire.sse import Event, SSEDecoder
from beastmode_otel.wire.transport_errors import Fault, classify
from beastmode_otel.wire.usage import Usage, estimate
from beastmode_otel.wire.user_text import prompt_text

__all__ = [
    "FORMATS",
    "MEDIA_TYPES",
    "UNKNOWN",
    "Ask",
    "BodyReader",
    "Chunk",
    "ContentDecoder",
    "Event",
    "Fault",
    "Format",
    "Framing",
    "LLMCall",
    "ProviderError",
    "Recogniser",
    "Reply",
    "SSEDecoder",
    "StreamReader",
    "Usage",
    "categorise",
    "classify",
    "error_in",
    "estimate",
    "format_for_path",
    "format_named",
    "identifier",
    "is_stream",
    "never_fits",
    "prompt_text",
    "provider_at",
    "provider_of",
    "read_error",
    "read_limits",
    "recognise",
    "retry_after",
    "should_retry",
    "sse_bytes",
    "stream_bytes",
    "usage_inside",
    "whole_bytes",
    "with_usage",
]
