"""LLM wire formats, pure: what a request asks, what a response or stream says. Nothing in this room ever raises."""

from beastmode_otel.wire.billing import billing_of
from beastmode_otel.wire.body_reader import BodyReader, is_stream
from beastmode_otel.wire.categorise import categorise, never_fits
from beastmode_otel.wire.content_encoding import ContentDecoder
from beastmode_otel.wire.facts import Ask, Billing, Chunk, ProviderError, Reply, Usage, estimate
from beastmode_otel.wire.formats.base import Format
from beastmode_otel.wire.formats.registry import FORMATS, UNKNOWN, format_for_path, format_named
from beastmode_otel.wire.framing import MEDIA_TYPES, Framing, sse_bytes, stream_bytes, whole_bytes
from beastmode_otel.wire.model_text import generated_text, prompt_text
from beastmode_otel.wire.provider_error import error_in, identifier, read_error
from beastmode_otel.wire.rate_limits import read_limits, retry_after, should_retry
from beastmode_otel.wire.reader import StreamReader
from beastmode_otel.wire.recognise import LLMCall, Recogniser, recognise
from beastmode_otel.wire.sse import Event, SSEDecoder
from beastmode_otel.wire.transport_errors import TransportFault, classify
from beastmode_otel.wire.user_text import Cut

__all__ = [
    "FORMATS",
    "MEDIA_TYPES",
    "UNKNOWN",
    "Ask",
    "Billing",
    "BodyReader",
    "Chunk",
    "ContentDecoder",
    "Cut",
    "Event",
    "Format",
    "Framing",
    "LLMCall",
    "ProviderError",
    "Recogniser",
    "Reply",
    "SSEDecoder",
    "StreamReader",
    "TransportFault",
    "Usage",
    "billing_of",
    "categorise",
    "classify",
    "error_in",
    "estimate",
    "format_for_path",
    "format_named",
    "generated_text",
    "identifier",
    "is_stream",
    "never_fits",
    "prompt_text",
    "read_error",
    "read_limits",
    "recognise",
    "retry_after",
    "should_retry",
    "sse_bytes",
    "stream_bytes",
    "whole_bytes",
]
