"""`dashboards export`: the files, for provisioning or for importing by hand."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Final

from beastmode_otel.cli.dashboards.boards import add_choices, boards
from beastmode_otel.cli.exits import OK, Failed

NAME: Final = "export"
HELP: Final = "Write the dashboards to a folder, as JSON that Grafana imports or provisions. Files there are replaced."


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", type=Path, metavar="DIR", help="where to; made when it is not there")
    add_choices(parser)


def run(given: argparse.Namespace) -> int:
    written = []
    for board in boards(given.logs):
        path = given.folder / board.file
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(board.refreshed(given.refresh).text(), encoding="utf-8")
        except OSError as exc:
            raise Failed(f"{path} cannot be written: {exc.strerror}") from exc
        written.append(str(path))
        if not given.json:
            print(path)
    if given.json:
        print(json.dumps({"written": written}))
    return OK
