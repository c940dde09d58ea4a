"""Make the virtual environment that the Makefile works in: the package's dependencies and the development tools.

Runs on any Python 3.11 or newer, with nothing installed. Usage: bootstrap.py VENV
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
GROUPS = ("test", "lint", "dashboards")


def main() -> int:
    if sys.version_info < (3, 11):
        print(
            f"beastmode-otel needs Python 3.11 or newer; this is {sys.version.split()[0]}. Try: make PYTHON=python3.12"
        )
        return 1
    target = Path(sys.argv[1])
    if not (target / "bin" / "python").exists():
        print(f"making a virtual environment in {target}", flush=True)
        venv.create(target, with_pip=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wanted = [*project["project"]["dependencies"], *project["build-system"]["requires"], "build"]
    for group in GROUPS:
        wanted += project["dependency-groups"][group]
    print(f"installing {len(wanted)} requirements", flush=True)
    pip = [str(target / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return subprocess.call([*pip, *wanted])


if __name__ == "__main__":
    raise SystemExit(main())
