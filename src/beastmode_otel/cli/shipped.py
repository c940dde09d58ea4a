"""The files that come with the package beside its code: Collector configurations, dashboards."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Final

from beastmode_otel.cli.exits import Failed

# kind -> where it stands in a source tree; in the wheel it is beastmode_otel/_shipped/{kind} (pyproject.toml).
_SOURCES: Final = {"collector": "collector", "dashboards": "dashboards/json"}
_SOURCE_TREE: Final = Path(__file__).resolve().parents[3]


def shipped(kind: str) -> Traversable:
    """The folder of that kind ("collector", "dashboards"). Raises Failed where the installation lacks it."""
    packaged = resources.files("beastmode_otel").joinpath("_shipped", kind)
    if packaged.is_dir():
        return packaged
    source = _SOURCE_TREE / _SOURCES[kind]
    if source.is_dir():
        return source
    raise Failed(f"this installation has no {kind} files", "install beastmode-otel anew from its wheel")


def files(folder: Traversable, above: str = "") -> Iterator[tuple[str, Traversable]]:
    """Every file below the folder, sorted, with its path relative to it (always with slashes)."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from files(item, f"{above}{item.name}/")
        elif not item.name.startswith("."):
            yield f"{above}{item.name}", item
