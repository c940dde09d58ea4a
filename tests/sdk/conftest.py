"""What the tests of this folder share: everything they export is kept, and looked at by those that come last."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sdk.zero_code import EXPORTED

LAST = ("test_leaks.py", "test_clients_page.py")


@pytest.fixture(autouse=True)
def _kept(request: pytest.FixtureRequest) -> Iterator[None]:
    recorder = request.getfixturevalue("recorder") if "recorder" in request.fixturenames else None
    yield
    if recorder is not None:
        EXPORTED.append(recorder.exported_text().encode())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They look at what the others have done."""
    items.sort(key=lambda item: item.path.parent.name == "sdk" and item.path.name in LAST)
