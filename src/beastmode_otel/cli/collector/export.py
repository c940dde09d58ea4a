"""`collector export`: the whole folder, ready for a Collector or for Docker, without overwriting anybody's work."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from beastmode_otel.cli.exits import OK, Failed
from beastmode_otel.cli.shipped import files, shipped

NAME: Final = "export"
HELP: Final = "Write the Collector configurations, the Docker stack and its dashboards into a folder."

COMPOSE: Final = "compose.yaml"
_STACKS: Final = (COMPOSE, "compose-apache.yaml")
_IN_TREE: Final = "source: ../dashboards/json/"
_EXPORTED: Final = "source: ./dashboards/"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", type=Path, help="made if it is not there")
    parser.add_argument("--force", action="store_true", help="overwrite files that differ")


def run(given: argparse.Namespace) -> int:
    contents = dict(exported())
    same, differing = _compared(given.folder, contents)
    if differing and not given.force:
        raise Failed(
            f"{given.folder} has other versions of {', '.join(differing)}: nothing was written",
            "export into another folder and compare, or give --force to overwrite them",
        )
    written = [file for file in contents if file not in same]
    _write(given.folder, {file: contents[file] for file in written})
    if given.json:
        print(
            json.dumps({"folder": str(given.folder), "written": written, "unchanged": same, "overwritten": differing})
        )
        return OK
    print(f"{given.folder}: {len(written)} files written, {len(same)} unchanged")
    print(f"  the view:       docker compose -f {given.folder / COMPOSE} up -d --wait")
    print(f"  a Collector:    otelcol-contrib --config {given.folder / 'gateway.yaml'} --config ...")
    print(f"  which overlays: {given.folder / 'README.md'}")
    return OK


def exported() -> Iterator[tuple[str, bytes]]:
    """Each file's path and content. Only the Docker stacks differ from the source tree: dashboards stand beside."""
    for file, item in files(shipped("collector")):
        content = item.read_bytes()
        yield file, _beside(file, content) if file in _STACKS else content
    for file, item in files(shipped("dashboards")):
        if file.endswith(".json"):
            yield f"dashboards/{file}", item.read_bytes()


def _beside(file: str, stack: bytes) -> bytes:
    text = stack.decode("utf-8")
    if text.count(_IN_TREE) != 1:
        raise Failed(f"the shipped {file} mounts its dashboards in an unknown way", "install beastmode-otel anew")
    return text.replace(_IN_TREE, _EXPORTED).encode("utf-8")


def _compared(folder: Path, contents: dict[str, bytes]) -> tuple[list[str], list[str]]:
    """Files that are there as they should be, and those that are there with another content."""
    if folder.exists() and not folder.is_dir():
        raise Failed(f"{folder} is not a folder", "name another one")
    there = [file for file in contents if (folder / file).exists()]
    same = [file for file in there if (folder / file).is_file() and (folder / file).read_bytes() == contents[file]]
    return same, [file for file in there if file not in same]


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for file, content in contents.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_bytes(content)
    except OSError as exc:
        raise Failed(f"cannot write into {folder}: {exc.strerror or exc}", "name a folder that you may write") from None
