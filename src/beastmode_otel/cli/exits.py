"""Exit statuses, and what leads to one."""

from __future__ import annotations

from typing import Final

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_EXECUTABLE: Final = 126  # these two as shells and env(1) report them
NOT_FOUND: Final = 127
INTERRUPTED: Final = 130  # 128 + SIGINT, as shells report it


class Failed(Exception):
    """The command could not do what it was asked for: it exits with FAILED. Not one of the errors of a request."""

    def __init__(self, message: str, *hints: str) -> None:
        super().__init__("\n".join([message, *(f"  hint: {hint}" for hint in hints)]))
