"""Write dashboards/json (a folder for each flavour of the logs) and collector/rules.yaml from dashboards/*.py.

`--check`: 1 when one is stale.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "src"), str(ROOT)]
warnings.filterwarnings("ignore", category=DeprecationWarning, module="grafana_foundation_sdk")

from dashboards.alerts import rules_yaml  # noqa: E402
from dashboards.cache import cache  # noqa: E402
from dashboards.errors import errors  # noqa: E402
from dashboards.flavours import FLAVOURS  # noqa: E402
from dashboards.models import models  # noqa: E402
from dashboards.overview import overview  # noqa: E402

FOLDER = ROOT / "dashboards" / "json"


def made() -> dict[Path, str]:
    """What each generated file has to hold."""
    texts = {}
    for flavour in FLAVOURS:
        for board in (overview(flavour), models(flavour), cache(flavour), errors(flavour)):
            texts[FOLDER / flavour.name / f"{board['uid']}.json"] = (
                json.dumps(board, indent=2, ensure_ascii=False) + "\n"
            )
    return texts | {ROOT / "collector" / "rules.yaml": rules_yaml()}


def main() -> int:
    wanted = made()
    known = {*FOLDER.rglob("*.json"), *(path for path in wanted if path.exists())}
    stale = sorted({path for path, text in wanted.items() if path not in known or path.read_text("utf-8") != text})
    orphans = sorted(known - set(wanted))
    if "--check" in sys.argv:
        for path in (*stale, *orphans):
            print(f"{path.relative_to(ROOT)} is stale: run `make dashboards`")
        return 1 if stale or orphans else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], encoding="utf-8")
        print(f"{path.relative_to(ROOT)} written")
    for path in orphans:
        path.unlink()
        print(f"{path.relative_to(ROOT)} removed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
