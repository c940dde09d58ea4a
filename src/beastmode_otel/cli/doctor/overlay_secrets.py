"""Whether the environment has what a Collector overlay reads from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from beastmode_otel.cli.exits import Failed
from beastmode_otel.cli.overlays import needed_environment
from beastmode_otel.cli.shipped import shipped
from beastmode_otel.doctor.catalog import Finding, found


def secret_findings(overlays: Sequence[str], environ: Mapping[str, str]) -> list[Finding]:
    """overlays: names of those in the wheel, or paths. Raises Failed for one that is not there."""
    return [
        found("secret_missing", f"{overlay} needs {name}")
        for overlay in overlays
        for name in needed_environment(_text(overlay))
        if not environ.get(name)
    ]


def _text(overlay: str) -> str:
    path = Path(overlay)
    place = path if path.suffix else shipped("collector").joinpath(f"{overlay}.yaml")
    try:
        return place.read_text(encoding="utf-8")
    except OSError as exc:
        raise Failed(f"{overlay}: no such overlay ({exc.strerror})", _available()) from exc


def _available() -> str:
    names = sorted(each.name for each in shipped("collector").iterdir() if each.name.startswith("backend-"))
    return f"there are {', '.join(name.removesuffix('.yaml') for name in names)}; or give the path of a .yaml file"
