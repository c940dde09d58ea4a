"""One load for all tests that look at dashboards: it takes most of a minute, so they share it."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from support.stack import Stack, eventually, number, program

LOAD: Final = Path(__file__).with_name("load.py")
SERVICE: Final = "dashboards-shared"
SECONDS: Final = 60.0
EDGE: Final = 4.0  # at either end rates rise and fall: they look at windows of 4 s


@dataclass(frozen=True)
class Loaded:
    """A load that is over. calls: see load.drive. began, ended: epoch seconds."""

    stack: Stack
    service: str
    calls: int
    began: float
    ended: float

    @property
    def steady(self) -> tuple[float, float]:
        """Without its edges."""
        return self.began + EDGE, self.ended - EDGE


@pytest.fixture(scope="session")
def loaded(stack: Stack) -> Loaded:
    """tests/stack/load.py was driven into the stack, and all of it can be asked for."""
    began = time.time()
    arguments = [str(LOAD), "--otlp", stack.otlp_http, "--seconds", str(SECONDS), "--service", SERVICE]
    with program(*arguments, environ={}) as running:
        out, errors = running.communicate(timeout=SECONDS + 240)
    ended = began + SECONDS
    assert running.returncode == 0, errors
    told = json.loads(out)
    started = f'sum(beastmode_requests_started_total{{service_name="{SERVICE}"}})'
    seen = eventually(lambda: number(stack.prometheus, started), lambda found: found == told["calls"])
    assert seen == told["calls"]
    return Loaded(stack, SERVICE, told["calls"], began, ended)
