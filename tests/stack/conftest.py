"""One running stack for all tests of this folder; when a test fails, what its programs printed meanwhile is shown."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.loaded import loaded
from support.stack import Stack, log_sizes, logs_since, running_stack

__all__ = ["loaded"]  # a fixture

_SIZES = pytest.StashKey[dict[str, int]]()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Shared: a test that stops a program starts it again, and asks only for its own service."""
    with running_stack(tmp_path_factory.mktemp("stack")) as running:
        yield running


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    stack = getattr(item, "funcargs", {}).get("stack")
    if isinstance(stack, Stack):
        if call.when == "setup":
            item.stash[_SIZES] = log_sizes(stack)
        if report.failed:
            report.sections.extend(logs_since(stack, item.stash.get(_SIZES, {})))
    return report
