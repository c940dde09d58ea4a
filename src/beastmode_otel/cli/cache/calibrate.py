"""`cache calibrate`: the similarity from which a similar question may be answered, from labelled texts."""

from __future__ import annotations

import argparse
import gzip
import json
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from beastmode_otel.cli.cache.output import progress_bar, say
from beastmode_otel.cli.exits import FAILED, OK, Failed
from beastmode_otel.cli.terminal import Cell, Column, Style, table
from beastmode_otel.cli.units import counted, percent
from beastmode_otel.config import load
from beastmode_otel.errors import public_url
from beastmode_otel.router.upstream import PlainPost
from beastmode_otel.telemetry.suppress import unseen

if TYPE_CHECKING:
    from beastmode_otel.cache.semantic import Calibration, CalibrationPoint
    from beastmode_otel.config import Config

NAME: Final = "calibrate"
HELP: Final = "Find the threshold of semantic matching that keeps wrong answers within a budget."

_GRID: Final = tuple(round(0.80 + 0.01 * step, 2) for step in range(20))
_BUDGET: Final = 0.001


def add(parser: argparse.ArgumentParser) -> None:
    pairs = (
        'JSON lines (.gz too): {"question": …, "candidate": …, "same": true}, or {"question": …, "group": …} as they '
        "came: a group's questions share an answer"
    )
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--pairs", metavar="FILE", help=pairs)
    what.add_argument("--records", metavar="FILE", help="what cache.semantic.records has written, of shadow or samples")
    parser.add_argument("--budget", type=share, default=_BUDGET, metavar="N", help="wrong answers per request (0.001)")
    parser.add_argument("--thresholds", type=share, nargs="+", metavar="N", help="to try (default: 0.80 to 0.99)")


def share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value <= 1.0:
        raise argparse.ArgumentTypeError("must be a number above 0 and at most 1")
    return value


def run(given: argparse.Namespace) -> int:
    config = load(given.config, prefixes=False)
    from beastmode_otel.cache import semantic

    thresholds = tuple(sorted(set(given.thresholds or _GRID)))
    try:
        if given.records is not None:
            found = semantic.summed(semantic.read_records(_lines_of(given.records), thresholds), budget=given.budget)
        else:
            found = _replayed(given, config, thresholds)
    except semantic.NotLabelled as exc:
        raise Failed(
            f"{public_url(given.pairs or given.records)}: {exc}", "docs/semantic.md#calibrate says what to write"
        ) from None
    say(given, _told(found), lambda style: _lines(found, style))
    return OK if found.likely is not None else FAILED


def _replayed(given: argparse.Namespace, config: Config, thresholds: Sequence[float]) -> Calibration:
    from beastmode_otel.cache import semantic

    asked = semantic.read_labels(_lines_of(given.pairs))
    settings = config.cache.semantic
    embedder = semantic.open_embedder(settings.embedder, PlainPost(unseen))
    try:
        with progress_bar(given, len(asked)) as progress:
            return semantic.calibrate(
                asked, embedder, thresholds, budget=given.budget, off=frozenset(settings.off), unread=settings.unread,
                max_tokens=settings.max_tokens, progress=progress,
            )  # fmt: skip
    except semantic.EmbedderFailed as exc:
        raise Failed(f"the embedder {embedder.name} failed: {exc}") from None
    finally:
        embedder.close()


def _lines_of(path: str) -> Iterator[dict[str, Any]]:
    number, shown = 0, public_url(path)
    try:
        with gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                told = json.loads(line)
                if not isinstance(told, dict):
                    raise Failed(f"{shown}: line {number} is no JSON object")
                yield told
    except OSError as exc:
        raise Failed(f"{shown}: {exc.strerror or 'cannot be read'}") from None
    except (ValueError, RecursionError, EOFError, zlib.error):  # whose text would quote the line
        raise Failed(f"{shown}: line {number} is no JSON") from None


def _told(found: Calibration) -> dict[str, Any]:
    return {
        "requests": found.requests,
        "possible": found.possible,
        "exact": found.exact,
        "unread": found.unread,
        "budget": found.budget,
        "threshold": found.sure if found.sure is not None else found.likely,
        "sure": found.sure is not None,
        "area": found.area,
        "curve": [_point(point) for point in found.points],
    }


def _point(point: CalibrationPoint) -> dict[str, Any]:
    right = point.hits - point.wrong
    shares = {
        "hits": (point.hits, point.share(point.hits)),
        "wrong": (point.wrong, point.wrong_share),
        "valid": (right, point.share(right)),
    }
    told: dict[str, Any] = {
        "threshold": point.threshold,
        "precision": point.precision,
        "precision_interval": list(point.precision_interval),
        "judged": point.judged,
    }
    for name, (count, (ratio, low, high)) in shares.items():
        told |= {name: count, f"{name}_per_request": ratio, f"{name}_interval": [low, high]}
    return told


def _lines(found: Calibration, style: Style) -> Iterator[str]:
    unread = f", {found.unread:,} of them not to be read by the embedder" if found.unread else ""
    possible = f"; {found.possible:,} have a right answer among the others" if found.possible else ""
    yield f"{counted(found.requests, 'labelled request')}{unread}{possible}"
    if found.exact:
        yield f"  {found.exact:,} more repeat an earlier one word for word: the cache answers them without this"
    yield ""
    rows = []
    for point in found.points:
        chosen = point.threshold in (found.sure, found.likely)
        fine = point.wrong_share[2] <= found.budget
        rows.append(
            [
                Cell(f"{point.threshold:.2f}", "bold" if chosen else None),
                Cell(_interval(point.share(point.hits))),
                Cell(_interval(point.share(point.hits - point.wrong))),
                Cell(_interval(point.wrong_share), "good" if fine else None),
                Cell(_precision(point)),
            ]
        )
    titles = ("threshold", "hits", "right", "wrong", "precision")
    yield from table([Column(title=title) for title in titles], rows, style)
    yield ""
    if found.area is not None:
        yield f"area under precision against hits: {found.area:.4f} of 1"
    yield from _advice(found, style)


def _interval(share: tuple[float, float, float]) -> str:
    ratio, low, high = share
    return f"{ratio:.1%} ({low:.1%}-{high:.1%})" if ratio > 0.01 else f"{ratio:.2%} ({low:.2%}-{high:.2%})"


def _precision(point: CalibrationPoint) -> str:
    low, high = point.precision_interval
    return f"{percent(point.precision)} ({low:.1%}-{high:.1%})" if point.hits else "-"


def _advice(found: Calibration, style: Style) -> Iterator[str]:
    if found.sure is not None:
        yield style.paint(f"[cache.semantic] threshold = {found.sure:g}", "good")
        yield f"  From there at most {found.budget:.2%} of the requests get a wrong answer, with 95 % confidence."
    elif found.likely is not None:
        yield style.paint(f"[cache.semantic] threshold = {found.likely:g}", "warn")
        yield f"  By what was counted. With so few requests the true share may be above {found.budget:.2%}: label more."
    else:
        yield style.paint(f"No threshold keeps wrong answers below {found.budget:.2%} of the requests.", "bad")
        yield "  Stay in shadow, name a verifier, or another embedder: docs/semantic.md."
