"""The doors for other people's clients: the hook on httpx and httpx2, the transport, and the entry point."""

from beastmode_otel.instrumentation.context import cache_control
from beastmode_otel.instrumentation.hook import instrument, uninstrument
from beastmode_otel.instrumentation.transport import async_http_client, async_transport, http_client, transport

__all__ = [
    "async_http_client",
    "async_transport",
    "cache_control",
    "http_client",
    "instrument",
    "transport",
    "uninstrument",
]
