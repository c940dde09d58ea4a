"""How a program that `beastmode-otel doctor -- CMD` runs reports from inside.

The doctor names a private directory in the environment. Every process that imports beastmode_otel writes a file there:
twice a second and at its end, because servers end their workers by signals, after which nothing runs at exit.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

VARIABLE: Final = "BEASTMODE_DOCTOR_REPORT"
_PASSED: Final = ("OTEL_", "BEASTMODE_LIVE", "BEASTMODE_DISABLED")
_EVERY: Final = 0.5  # seconds


def report_if_asked(environ: Mapping[str, str]) -> None:
    """Costs one look-up in the environment when nobody asked."""
    folder = environ.get(VARIABLE)
    if folder and os.path.isdir(folder):
        _ReportWriter(Path(folder)).begin()


class _ReportWriter:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def begin(self) -> None:
        # Now, in the importing thread: an import from the background could meet a half-imported package.
        from beastmode_otel.doctor.process import process_findings

        self._examine = process_findings
        atexit.register(self.write)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._watch)
        self._watch()

    def _watch(self) -> None:
        self._lock, self._gone = threading.Lock(), threading.Event()
        threading.Thread(target=self._keep_writing, name="beastmode-doctor", daemon=True).start()

    def _keep_writing(self) -> None:
        while not self._gone.wait(_EVERY):
            self.write()

    def write(self) -> None:
        """Never raises: the doctor's directory may be gone before the program."""
        with self._lock, contextlib.suppress(OSError):
            written = self._folder / f"{os.getpid()}.part"
            handle = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with open(handle, "w", encoding="utf-8") as file:
                json.dump(self._report(), file)
            written.replace(written.with_suffix(".json"))

    def _report(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "instance": _instance(),
            # What the program itself has set, as from a .env file, decides where it exports to.
            "environ": {name: value for name, value in os.environ.items() if name.startswith(_PASSED)},
            "findings": [asdict(finding) for finding in self._examine(os.environ)],
        }


def _instance() -> str | None:
    from opentelemetry import trace

    resource = getattr(trace.get_tracer_provider(), "resource", None)
    value = resource.attributes.get("service.instance.id") if resource is not None else None
    return str(value) if value else None
