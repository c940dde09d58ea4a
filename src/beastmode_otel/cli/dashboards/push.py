"""`dashboards push`: into a Grafana, by its HTTP API."""

from __future__ import annotations

import argparse
import json
import os
from typing import Final

from beastmode_otel.cli.dashboards.boards import add_choices, boards
from beastmode_otel.cli.dashboards.grafana import Grafana
from beastmode_otel.cli.exits import OK
from beastmode_otel.config import Secret

NAME: Final = "push"
HELP: Final = "Push the dashboards to a Grafana. Needs a service account token with the role Editor."
VARIABLE: Final = "GRAFANA_TOKEN"


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", required=True, help="of the Grafana, such as http://localhost:3000")
    parser.add_argument(
        "--token", help=f"a service account token (default: the variable {VARIABLE}, which other users cannot see)"
    )
    parser.add_argument(
        "--folder", metavar="UID", help="the uid of a folder (default: none); it is in the folder's URL"
    )
    parser.add_argument("--overwrite", action="store_true", help="replace dashboards that were changed there")
    add_choices(parser)


def run(given: argparse.Namespace) -> int:
    token = (given.token or os.environ.get(VARIABLE, "")).strip()
    if not token:
        given.check(f"no token: set {VARIABLE}, or give --token")
    if not token.isascii() or not token.isprintable() or " " in token:
        given.check("the token has characters that no token of Grafana has")
    pushed = []
    with Grafana(given.url, Secret(token)) as grafana:
        for board in boards(given.logs):
            url = grafana.push(board.refreshed(given.refresh), folder=given.folder, overwrite=given.overwrite)
            pushed.append({"uid": board.uid, "url": url})
            if not given.json:
                print(url)
    if given.json:
        print(json.dumps({"pushed": pushed}))
    return OK
