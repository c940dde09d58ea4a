"""Hints on exceptions that are not ours, as PEP 678 notes: what an SDK raises stays what it is."""

from __future__ import annotations

from typing import Final

from beastmode_otel.errors import BeastModeError

_PREFIX: Final = "beastmode_otel: "


def note(exc: BaseException, error: BeastModeError) -> None:
    """Add what to do about it, once."""
    if any(said.startswith(_PREFIX) for said in getattr(exc, "__notes__", ())):
        return
    for hint in (f"{error.category.name} at {error.endpoint}", *error.hints):
        exc.add_note(_PREFIX + hint)
