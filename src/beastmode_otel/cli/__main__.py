"""`python -m beastmode_otel.cli` is `beastmode-otel`."""

from __future__ import annotations

from beastmode_otel.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
