"""Write the table of docs/clients.md: run the tests that try the clients, and keep what they have seen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TESTS = ("test_zero_code.py", "test_zero_code_cache.py", "test_clients_page.py")


def main() -> int:
    command = [sys.executable, "-m", "pytest", "-q", *(f"tests/sdk/{name}" for name in TESTS)]
    environment = os.environ | {"BEASTMODE_WRITE_CLIENTS": "1", "PYTHONPATH": str(ROOT / "src")}
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
