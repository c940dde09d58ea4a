"""`dashboards list`: what there is."""

from __future__ import annotations

import argparse
import json
from typing import Final

from beastmode_otel.cli.dashboards.boards import boards
from beastmode_otel.cli.exits import OK

NAME: Final = "list"
HELP: Final = "List the dashboards."


def add(parser: argparse.ArgumentParser) -> None:
    """No options of its own."""


def run(given: argparse.Namespace) -> int:
    found = boards()
    if given.json:
        told = [{"uid": one.uid, "title": one.title, "about": one.about, "file": one.file} for one in found]
        print(json.dumps({"dashboards": told}))
        return OK
    width = max(len(one.uid) for one in found)
    for one in found:
        print(f"{one.uid.ljust(width)}  {one.about}")
    return OK
