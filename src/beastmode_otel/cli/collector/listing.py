"""`collector list`: each file, what it is for, and the environment it reads."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from beastmode_otel.cli.exits import OK
from beastmode_otel.cli.overlays import Variable, purpose, variables
from beastmode_otel.cli.shipped import files, shipped
from beastmode_otel.cli.terminal import Cell, Style, facts, style_of, wrapped

NAME: Final = "list"
HELP: Final = "List the files, what each is for, and which environment variables it needs."

Role = Literal["gateway", "backend", "option", "other"]
_TITLES: Final[dict[Role, str]] = {
    "gateway": "Always",
    "backend": "Backends: at least one",
    "option": "Options: any",
    "other": "Docker stack, and the Collector's own build",
}
_OPTIONS: Final = ("persist.yaml", "redact.yaml", "sampling.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One file. variables: those of the Collector (`${env:…}`); the Docker stack sets its own."""

    file: str
    role: Role
    purpose: str
    variables: tuple[Variable, ...]


def add(parser: argparse.ArgumentParser) -> None:
    """Nothing more."""


def run(given: argparse.Namespace) -> int:
    shown = [_shown(name, item.read_text("utf-8")) for name, item in files(shipped("collector"))]
    if given.json:
        print(json.dumps({"files": [_told(one) for one in shown]}))
        return OK
    for line in _lines(shown, style_of(sys.stdout, os.environ)):
        print(line)
    return OK


def role_of(file: str) -> Role:
    if file == "gateway.yaml":
        return "gateway"
    if file.startswith("backend-"):
        return "backend"
    return "option" if file in _OPTIONS else "other"


def _shown(file: str, text: str) -> Shown:
    return Shown(file=file, role=role_of(file), purpose=purpose(text), variables=variables(text))


def _told(one: Shown) -> dict[str, object]:
    return {
        "file": one.file,
        "role": one.role,
        "purpose": one.purpose,
        "needs": [variable.name for variable in one.variables if variable.default is None],
        "reads": {variable.name: variable.default for variable in one.variables if variable.default is not None},
    }


def _lines(shown: Iterable[Shown], style: Style) -> Iterator[str]:
    known = list(shown)
    for role, title in _TITLES.items():
        yield style.paint(title, "bold")
        for one in known:
            if one.role == role:
                yield f"  {one.file}"
                yield from wrapped(one.purpose, style, indent=4)
                yield from (f"  {line}" for line in facts(_variables(one), style))
        yield ""
    yield from wrapped(
        "The Collector gets gateway.yaml, then options and backends in any order, each with its own --config. "
        "beastmode-otel collector export DIR writes all of them out.",
        style,
        indent=0,
    )


def _variables(one: Shown) -> list[tuple[str, Cell | str]]:
    needs = [variable.name for variable in one.variables if variable.default is None]
    reads = [variable.name for variable in one.variables if variable.default is not None]
    rows: list[tuple[str, Cell | str]] = []
    if needs:
        rows.append(("needs", Cell(", ".join(needs), "warn")))
    if reads:
        rows.append(("reads", ", ".join(reads)))
    return rows
