"""What the benchmarks with a live stack share: the stack, and applications in processes of their own."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools" / "stack"))

from livestack.places import missing
from livestack.stack import Stack

_SPAWN = multiprocessing.get_context("spawn")


@contextmanager
def own_stack() -> Iterator[Stack]:
    """Collector, Prometheus, VictoriaLogs and Jaeger on free ports. Ends the program when they are not built."""
    absent = missing()
    if absent is not None:
        raise SystemExit(absent)
    print("starting the Collector, Prometheus, VictoriaLogs and Jaeger", file=sys.stderr, flush=True)
    with tempfile.TemporaryDirectory(prefix="beastmode-bench-") as folder, Stack(Path(folder)) as stack:
        yield stack


@contextmanager
def stack_urls(file: Path | None) -> Iterator[dict[str, str]]:
    """The URLs of a stack that runs already (what `tools/stack up --ports-file` wrote), else of one of our own."""
    if file is not None:
        yield json.loads(file.read_text(encoding="utf-8"))
        return
    with own_stack() as stack:
        yield stack.urls()


class Application:
    """A process of its own that runs `main(pipe, *arguments)` with its own OTEL_* and BEASTMODE_* variables."""

    def __init__(self, main: Callable[..., None], *arguments: Any, environ: Mapping[str, str]) -> None:
        self.pipe, theirs = _SPAWN.Pipe()
        self._process = _SPAWN.Process(target=_begin, args=(main, theirs, dict(environ), arguments), daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, question: Any) -> Any:
        """Raises EOFError when the process has ended."""
        self.pipe.send(question)
        return self.pipe.recv()

    def __enter__(self) -> Application:
        return self

    def __exit__(self, *exc: object) -> None:
        self.pipe.close()  # its end: the process finishes
        self._process.join(30)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()


def _begin(main: Callable[..., None], pipe: Connection, environ: dict[str, str], arguments: tuple[Any, ...]) -> None:
    for name in [name for name in os.environ if name.startswith(("OTEL_", "BEASTMODE_"))]:
        del os.environ[name]
    os.environ.update(environ)
    try:
        main(pipe, *arguments)
    except (EOFError, KeyboardInterrupt):
        return


def percentile(values: list[float], share: float) -> float:
    """By nearest rank, of at least one value: a time that was really seen."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]
