"""Build the programs from Go modules that are pinned here, sums and all. What is there at the right version stays."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from livestack.places import BIN, CONFIG, MODULES, TOOLS

# -s -w: no debug symbols, a third of the size. remove_all_sd: no cloud's service discovery in Prometheus.
_GO_BUILD: Final = ("go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w")
_BUILDER: Final = "go.opentelemetry.io/collector/cmd/builder"
_MANIFEST: Final = CONFIG / "builder.yaml"
_MODULE: Final = re.compile(r"gomod:\s*([^\s#}]+) (v[^\s#}]+)")
_WORK: Final = TOOLS / "build"


class Unbuildable(Exception):
    """What stands in the way, and what to do about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """name: what --only takes. makes: programs. inputs: the files that decide what comes out."""

    name: str
    makes: tuple[str, ...]
    inputs: tuple[Path, ...]
    make: Callable[[Path], None]

    @property
    def stamp(self) -> Path:
        return BIN / f".{self.name}.stamp"

    def digest(self) -> str:
        """Of the inputs and of how Go is called."""
        found = hashlib.sha256(repr(_GO_BUILD).encode())
        for path in self.inputs:
            found.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        return found.hexdigest()

    def is_fresh(self) -> bool:
        there = all((BIN / name).exists() for name in self.makes) and self.stamp.exists()
        return there and self.stamp.read_text(encoding="utf-8").strip() == self.digest()


def _module_files(*names: str) -> tuple[Path, ...]:
    return tuple(
        path for name in names for path in sorted((MODULES / name).iterdir()) if path.suffix in (".mod", ".sum", ".go")
    )


def _packages(module: str, *packages: str, flags: Sequence[str] = ()) -> Callable[[Path], None]:
    def make(into: Path) -> None:
        _run(*_GO_BUILD, *flags, "-o", f"{into}/", *packages, cwd=MODULES / module)

    return make


def _collector(into: Path) -> None:
    """The builder writes the main program; its modules are those of our go.mod and go.sum, not the newest that fit."""
    source = _generated(tidy=False)
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(MODULES / "otelcol" / name, source / name)
    _check_manifest((source / "go.mod").read_text(encoding="utf-8"))
    _run(*_GO_BUILD, "-o", str(into / "otelcol"), ".", cwd=source)


def _generated(*, tidy: bool) -> Path:
    """The folder with the Collector's main program. tidy: look up its modules, for a new go.mod."""
    builder, folder = _WORK / "builder", _WORK / "collector"
    _run(*_GO_BUILD, "-o", str(builder), _BUILDER, cwd=MODULES / "builder")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    skip = () if tidy else ("--skip-get-modules",)
    _run(str(builder), "--config", str(_MANIFEST), "--skip-compilation", *skip, cwd=folder, quiet=not tidy)
    return folder / "_build"


def _check_manifest(go_mod: str) -> None:
    """Otherwise a part that was added to the manifest, or moved to another version, would be built as it was."""
    wanted = _MODULE.findall(_MANIFEST.read_text(encoding="utf-8"))
    stale = [f"{module} {version}" for module, version in wanted if f"{module} {version}\n" not in go_mod]
    if stale:
        raise Unbuildable(
            f"collector/builder.yaml has what tools/stack/otelcol/go.mod has not: {', '.join(stale)}. "
            "Run: python tools/stack lock"
        )


RECIPES: Final = (
    Recipe(
        name="otelcol",
        makes=("otelcol",),
        inputs=(*_module_files("builder", "otelcol"), _MANIFEST),
        make=_collector,
    ),
    Recipe(
        name="prometheus",
        makes=("prometheus", "promtool"),
        inputs=_module_files("prometheus"),
        make=_packages(
            "prometheus",
            "github.com/prometheus/prometheus/cmd/prometheus",
            "github.com/prometheus/prometheus/cmd/promtool",
            flags=("-tags=remove_all_sd",),
        ),
    ),
    Recipe(
        name="victorialogs",
        makes=("victoria-logs",),
        inputs=_module_files("victorialogs"),
        make=_packages("victorialogs", "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs"),
    ),
    Recipe(
        name="jaeger",
        makes=("jaeger",),
        inputs=_module_files("jaeger"),
        make=_packages("jaeger", "github.com/jaegertracing/jaeger/cmd/jaeger"),
    ),
)


def build(only: Sequence[str] = ()) -> None:
    """Build what is absent or was built from other inputs. only: recipes by name. Raises Unbuildable."""
    with _one_at_a_time():
        for recipe in RECIPES:
            if not only or recipe.name in only:
                _build(recipe)


def _build(recipe: Recipe) -> None:
    if recipe.is_fresh():
        print(f"{recipe.name}: there already", flush=True)
        return
    print(f"{recipe.name}: building (minutes, the first time)", flush=True)
    start, digest, into = time.monotonic(), recipe.digest(), _WORK / "out" / recipe.name
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    recipe.make(into)
    BIN.mkdir(parents=True, exist_ok=True)
    for name in recipe.makes:
        os.replace(into / name, BIN / name)  # at once: one that runs goes on with the old file
    recipe.stamp.write_text(digest + "\n", encoding="utf-8")
    print(f"{recipe.name}: built in {time.monotonic() - start:.0f} s", flush=True)


def lock() -> None:
    """Write go.mod and go.sum anew: after a change of a version here, or of collector/builder.yaml."""
    with _one_at_a_time():
        for module in ("builder", "prometheus", "victorialogs", "jaeger"):
            _run("go", "mod", "tidy", cwd=MODULES / module)
        source = _generated(tidy=True)
        for name in ("go.mod", "go.sum"):
            shutil.copyfile(source / name, MODULES / "otelcol" / name)


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    _WORK.mkdir(parents=True, exist_ok=True)
    with (_WORK / "lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _run(*command: str, cwd: Path, quiet: bool = False) -> None:
    program = _go() if command[0] == "go" else command[0]
    path = f"{Path(_go()).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    # Without cgo the programs need no C compiler to be built and no shared library to run.
    environ = {**os.environ, "PATH": path, "CGO_ENABLED": "0"}
    done = subprocess.run(
        [program, *command[1:]], cwd=cwd, env=environ, capture_output=quiet, text=True, errors="replace", check=False
    )
    if done.returncode:
        raise Unbuildable(f"{command[0]} failed with status {done.returncode} in {cwd}\n{done.stderr or ''}".strip())


def _go() -> str:
    found = shutil.which("go") or shutil.which("go", path="/usr/local/go/bin")
    if found is None:
        raise Unbuildable(
            "Go is not installed: it builds the Collector, Prometheus, VictoriaLogs and Jaeger of the live stack. "
            "Install Go 1.26 or newer (https://go.dev/doc/install), or let an older one (1.21+) fetch its successor."
        )
    return found
