"""How `make test` spreads the suite over workers of pytest-xdist: which tests may not be parted, and who begins.

A file's tests stay together and in order, so that what a module shares is made once; so do the groups below, which
share more than a file. A run without `-n` is not touched. tests/conftest.py registers this module as a plugin.
"""

from __future__ import annotations

from typing import Any, Final

import pytest
from xdist.scheduler import LoadScopeScheduling

# By where a test's file is. These are the longest; one that began last would let the other workers wait for it.
GROUPS: Final = {
    "tests/stack/": "stack",  # one Collector, Prometheus and log store for all of them
    "tests/sdk/": "sdk",  # those that come last look at what the others have seen
    "tests/others/test_zero_code.py": "sdk",  # and at what these exported
}


class ByFile(LoadScopeScheduling):
    """What `--dist loadfile` names, with groups."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::", 1)[0]
        return _group(file) or file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a worker: the groups, then the files as they were. Within each nothing changes places."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not _group(item.nodeid))


def _group(nodeid: str) -> str:
    return next((group for start, group in GROUPS.items() if nodeid.startswith(start)), "")
