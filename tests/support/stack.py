"""The real programs for tests: `stack` of tests/stack/conftest.py, and how to look into them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from livestack.ask import eventually, get, logsql, logsql_stats, number, promql, trace
from livestack.places import missing
from livestack.stack import Stack, environment

__all__ = [
    "Stack", "environment", "eventually", "get", "logsql", "logsql_stats", "number", "program", "promql",
    "running_stack", "trace",
]  # fmt: skip


@contextmanager
def running_stack(folder: Path) -> Iterator[Stack]:
    """The stack, from here to the end of the block. Skips the test when its programs are not built."""
    absent = missing()
    if absent is not None:
        pytest.skip(absent)
    with Stack(folder) as stack:
        yield stack


def program(*arguments: str, environ: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """A Python program whose output is read by the caller: providers of OpenTelemetry are global to a process."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "BEASTMODE_"))}
    return subprocess.Popen(
        [sys.executable, *arguments],
        env={**kept, **(environ or {})},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def log_sizes(stack: Stack) -> dict[str, int]:
    return {name: server.log.stat().st_size for name, server in stack.servers.items() if server.log.exists()}


def logs_since(stack: Stack, sizes: Mapping[str, int]) -> list[tuple[str, str]]:
    """Heading and text of what each program printed since the sizes were taken."""
    found: list[tuple[str, Any]] = [
        (name, server.tail(40, since=sizes.get(name, 0))) for name, server in stack.servers.items()
    ]
    return [(f"output of {name}", text) for name, text in found if text]
