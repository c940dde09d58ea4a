"""Which deployment comes first."""

from __future__ import annotations

import random

from beastmode_otel.config import Target


def ordered(targets: tuple[Target, ...], rng: random.Random) -> list[Target]:
    """Targets in the order of trying: by `order`, within one order drawn by weight without replacement."""
    # The first of several exponential clocks of rates w rings with probability w / sum (Efraimidis and Spirakis, 2006).
    return sorted(targets, key=lambda target: (target.order, rng.expovariate(target.weight)))
