"""What both faces of the engine share."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from beastmode_otel.config import Config, Timeouts
from beastmode_otel.engine import Answer, StreamCore, answer_of

ConfigLike = Config | Mapping[str, Any] | str | os.PathLike[str] | None
Timeout = float | Mapping[str, float] | Timeouts | None


def answer_so_far(core: StreamCore | None) -> Answer:
    """Everything that a stream has brought."""
    if core is None:
        raise RuntimeError("the stream is not open yet: await it, or enter it with `async with`")
    return answer_of(core.model, core.ending, core.source)


def orphan(core: StreamCore | None) -> None:
    """For finalizers: an append and nothing else (see OpenStreams)."""
    if core is not None:
        core.orphan()
