"""Keys, entries, a clock that is moved, and the codec that the tiers under test are made with."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from beastmode_otel.cache import Entry, EnvelopeCodec, Key
from beastmode_otel.wire import Usage

NOW: Final = 1_700_000_000.0


class Clock:
    """Stands still until it is moved."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


CODEC: Final = EnvelopeCodec(b"s3cret")


def key(name: object = "q", *, tenant: str = "acme", scope: str = "s", model: str = "fast") -> Key:
    return Key(
        digest=hashlib.sha256(str(name).encode()).digest(),
        scope=hashlib.sha256(scope.encode()).digest(),
        tenant=tenant,
        namespace="shop",
        model=model,
    )


def entry(of: Key | None = None, *, age: float = 0.0, ttl: float = 100.0, **changes: Any) -> Entry:
    """Made `age` seconds before NOW, to live for `ttl` seconds from then."""
    facts: dict[str, Any] = {
        "key": of or key(),
        "request_id": "req-1",
        "api": "openai.chat",
        "provider": "openai",
        "deployment": "main",
        "model_served": "gpt-4o-mini-2024-07-18",
        "created_at": NOW - age,
        "expires_at": NOW - age + ttl,
        "body": b'{"id": "chatcmpl-1"}',
        "text": "because",
        "finish_reason": "stop",
        "usage": Usage(input_tokens=7, output_tokens=11),
        "cost": 0.00123,
        "tags": ("docs",),
    }
    return Entry(**{**facts, **changes})
