"""What the router is asked to do, and what it works with."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

from beastmode_otel.config import Config, Route, Timeouts
from beastmode_otel.errors import Redactor
from beastmode_otel.observer import Observer
from beastmode_otel.prices import PriceBook
from beastmode_otel.record import record
from beastmode_otel.router.health import Health
from beastmode_otel.router.http import Http
from beastmode_otel.runtime import Runtime


@record(frozen=True, slots=True, kw_only=True)
class Services:
    """What every attempt needs. clock: monotonic seconds."""

    config: Config
    http: Http
    runtime: Runtime
    observer: Observer
    health: Health
    prices: PriceBook
    redact: Redactor
    rng: random.Random
    clock: Callable[[], float]


@record(frozen=True, slots=True, kw_only=True)
class Call:
    """One request for the router. deadline: when its total timeout is over, on the services' clock."""

    model_id: str
    route: Route
    body: Mapping[str, Any]
    stream: bool
    timeouts: Timeouts
    deadline: float

    @property
    def include_usage(self) -> bool:
        """Whether the caller asked for OpenAI's extra event with usage."""
        options = self.body.get("stream_options")
        return isinstance(options, dict) and options.get("include_usage") is True
