"""What a caller asks and gets."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from beastmode_otel.config.settings import Timeouts
from beastmode_otel.errors import AttemptRecord
from beastmode_otel.observer import CACHE_OFF, CacheFacts
from beastmode_otel.record import record
from beastmode_otel.wire import Usage


@record(frozen=True, slots=True, kw_only=True)
class AccessRequest:
    """What an access rule decides about. user_id and tenant are as the caller gave them."""

    model: str
    user_id: str | None
    tenant: str | None
    labels: Mapping[str, str]


AccessRule = Callable[[AccessRequest], "bool | str"]  # True allows; False or a reason refuses


@record(frozen=True, slots=True, kw_only=True)
class Question:
    """One request as it comes through a door, unchecked. timeout: total seconds, or a mapping of Timeouts fields."""

    model_id: Any
    body: Any
    stream: bool
    user_id: str | None = None
    tenant: str | None = None
    labels: Mapping[str, str] | None = None
    timeout: float | Mapping[str, float] | Timeouts | None = None
    cache: Any = "on"
    ttl: Any = None
    max_age: Any = None
    no_store: Any = False
    tags: Any = ()


@record(frozen=True, slots=True, kw_only=True)
class Answer:
    """A whole answer, of a stream too once it was read to its end.

    text: the assistant's text. body: the provider's JSON (a stream's is put together in the same shape); of a stored
    answer a fresh copy each time.
    usage: tokens, None when nobody counted them. cost: USD, None when the price is not known; with that of what broke
    off and was begun anew (on_cut).
    model: the id that was asked for. deployment: who answered. attempts: every try of this request. request_id: ours,
    for support and for the cache. cache: what the cache did.
    """

    text: str
    source: Any = field(repr=False)
    usage: Usage | None
    cost: float | None
    model: str
    deployment: str | None
    attempts: tuple[AttemptRecord, ...]
    request_id: str
    cache: CacheFacts = CACHE_OFF

    @property
    def body(self) -> Any:
        return json.loads(self.source) if isinstance(self.source, bytes) else self.source
