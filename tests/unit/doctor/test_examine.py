"""Many looks within one time limit."""

from __future__ import annotations

import threading
import time

from beastmode_otel.doctor.examine import ENDPOINTS, PROBES, at_once
from beastmode_otel.doctor.probe import SECONDS


def test_what_hangs_is_left_out_and_waited_for_no_longer() -> None:
    never = threading.Event()
    start = time.monotonic()
    done = at_once({"good": lambda: 1, "hanging": never.wait, "other": lambda: 2}, 0.2)
    assert time.monotonic() - start < 10, "not a measurement: it would hang for ever"
    never.set()
    assert done == {"good": 1, "other": 2}


def test_the_limits_keep_the_promise() -> None:
    """Less than 15 seconds for everything; and a probe's own limit is within that of all probes."""
    assert ENDPOINTS + PROBES < 15 - 1
    assert SECONDS < PROBES
