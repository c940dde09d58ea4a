"""Runs last: docs/clients.md says what the tests of this folder have seen. `tools/make_clients_table.py` writes it."""

from __future__ import annotations

import os

from sdk import page
from sdk.plan import APPS


def test_the_table_says_what_was_seen() -> None:
    """The whole table after a whole run; after a part of it the rows that were tried."""
    if os.environ.get("BEASTMODE_WRITE_CLIENTS"):
        assert page.complete(), "the tests that see the clients have not all passed: nothing is written"
        page.write()
    said = page.without_minor(page.committed()).splitlines()
    assert len(said) == 2 + len(page.ROWS)
    if page.complete():
        assert said == page.without_minor(page.table()).splitlines()
    for row, line in zip(page.ROWS, said[2:], strict=True):
        assert line.startswith(page.without_minor(f"| {page.tried(row.package)} | {row.client} | {row.calls} |"))


def test_every_call_of_the_apps_is_in_the_table() -> None:
    """But for those that only fail."""
    named = {kind for row in page.ROWS for kind in row.kinds}
    assert named == {name for kinds in APPS.values() for name, kind in kinds.items() if kind.ending != "refused"}
