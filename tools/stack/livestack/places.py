"""Where things are."""

from __future__ import annotations

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[3]
MODULES: Final = ROOT / "tools" / "stack"  # go.mod and go.sum of each
CONFIG: Final = ROOT / "collector"
TOOLS: Final = ROOT / ".tools"  # ignored by git
BIN: Final = TOOLS / "bin"

PROGRAMS: Final = ("otelcol", "prometheus", "promtool", "victoria-logs", "jaeger")


def missing() -> str | None:
    """What to say when a program is not built yet; None when all are there."""
    absent = [name for name in PROGRAMS if not (BIN / name).exists()]
    return f"{', '.join(absent)} not built: run `make stack-build` (needs Go)" if absent else None
