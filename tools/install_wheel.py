"""Build the wheel and install it into the running interpreter's environment, so that tests see what users get."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STAMP = Path(sys.prefix) / ".wheel"


def fingerprint() -> str:
    """Changes when anything that goes into the wheel does."""
    digest = hashlib.sha256()
    folders = [ROOT / "src", ROOT / "collector", ROOT / "dashboards" / "json"]
    files = [ROOT / "pyproject.toml", ROOT / "README.md", ROOT / "LICENSE"]
    files += [file for folder in folders for file in sorted(folder.rglob("*"))]
    for file in files:
        if file.is_file() and "__pycache__" not in file.parts:
            digest.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def main() -> int:
    now = fingerprint()
    if STAMP.exists() and STAMP.read_text() == now:
        return 0
    print("building and installing the wheel", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, str(ROOT)]
        built = subprocess.run(build, capture_output=True, text=True, check=False)
        if built.returncode:
            print(built.stdout + built.stderr)
            return built.returncode
        wheel = next(Path(folder).glob("*.whl"))
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--force-reinstall", "--no-deps", str(wheel)], check=True)
    STAMP.write_text(now)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
