"""Values that nobody changes, at the price of plain objects.

A frozen dataclass sets each field through `object.__setattr__`, three times the time of an assignment, and one request
makes about ten of them. `record` is a frozen dataclass for type checkers, ours and the user's, and a plain one with a
hash when it runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:
    from dataclasses import dataclass

    def record(*, frozen: bool, **options: Any) -> Any:
        """`dataclass`, to be written with all that type checkers shall see: `@record(frozen=True, slots=True, …)`."""
        return dataclass(**options, unsafe_hash=frozen)


__all__ = ["record"]
