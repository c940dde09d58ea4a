"""Whether something was recorded before a fork: a child begins with its parent's counts and exports them again."""

from __future__ import annotations

import os
from dataclasses import dataclass

from beastmode_otel.telemetry.instruments import all_instruments


@dataclass(slots=True)
class Forks:
    """after_recording: forks of this process after its first request. inherited: this process is such a child.

    Harmless where `configure()` made the meter provider: the child then begins at zero.
    """

    after_recording: int = 0
    inherited: bool = False

    def before(self) -> None:
        self.after_recording += any(own.started.snapshot() for own in all_instruments())

    def in_child(self) -> None:
        self.inherited, self.after_recording = self.inherited or self.after_recording > 0, 0


FORKS = Forks()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=FORKS.before, after_in_child=FORKS.in_child)
