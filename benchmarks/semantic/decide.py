"""What semantic matching serves, and what of it is wrong, on labelled texts: the default embedder with our rules.

    nice python benchmarks/semantic/decide.py DIR [--texts 2000] [--thresholds 0.90 0.93 0.95 0.97 0.99] [--seed 1]

DIR holds .jsonl or .jsonl.gz files. What a line is follows from its members:
- `a`, `b`, `y`: a pair; y = 0: the two must not share an answer. Told: of both kinds, how many are served.
- `t`, `g`: a request, and the group of those that may share its answer. A file is replayed as a stream in random order,
  each text once, --texts of them at most; what is not served by an earlier one is stored. Nothing is an exact hit.
- `t` alone: as before, and no two may share an answer.

Each threshold with rules and template check, with one of them alone, and with neither. A question that the embedder
cannot read, or that is longer than it sees, is refused before it is matched, as in the cache.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from beastmode_otel.cache.semantic.decision import TEMPLATE, decide
from beastmode_otel.cache.semantic.embedders import open_embedder, unreadable
from beastmode_otel.cache.semantic.match import CANDIDATES
from beastmode_otel.cache.semantic.rules import RULES
from beastmode_otel.config.settings import SemanticSettings

BATCH = 64
CHECKS: dict[str, frozenset[str]] = {  # by what is switched off
    "rules + template": frozenset(),
    "rules": frozenset({TEMPLATE}),
    "template": frozenset(RULES),
    "neither": frozenset({*RULES, TEMPLATE}),
}


class Vectors:
    """The default embedder, which reads each text once."""

    def __init__(self) -> None:
        self._embedder, self._known = open_embedder(), dict[str, Any]()
        self.dimensions = self._embedder.dimensions

    def read(self, texts: Sequence[str]) -> Any:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        for start in range(0, len(new), BATCH):
            batch = new[start : start + BATCH]
            self._known.update(zip(batch, self._embedder.embed(batch), strict=True))
        return np.stack([self._known[text] for text in texts])

    def matchable(self, text: str) -> bool:
        bounds = SemanticSettings()  # the cache's, unless somebody configures others
        return unreadable(self._embedder, text, max_tokens=bounds.max_tokens, unread=bounds.unread) is None


@dataclass(slots=True)
class Told:
    """of: requests or pairs. refused: not matched at all. by: what the checks refused, by name."""

    of: int = 0
    refused: int = 0
    served: int = 0
    wrong: int = 0
    by: dict[str, int] = field(default_factory=dict)

    def serves(self, question: str, candidate: str, threshold: float, off: frozenset[str], vectors: Vectors) -> bool:
        found = decide(question, candidate, threshold=threshold, off=off, embed=vectors.read)
        if found.verdict != "served":
            name = found.guard or found.verdict
            self.by[name] = self.by.get(name, 0) + 1
        return found.verdict == "served"


def lines(path: Path) -> list[dict[str, Any]]:
    data = path.read_bytes()
    if path.suffix == ".gz":
        data = gzip.decompress(data)
    return [json.loads(line) for line in data.decode().split("\n") if line.strip()]


def of_pairs(rows: list[dict[str, Any]], threshold: float, off: frozenset[str], vectors: Vectors) -> tuple[Told, Told]:
    """Of those that may share an answer, and of those that must not."""
    same, different = Told(), Told()
    for row in rows:
        told = same if row["y"] else different
        told.of += 1
        if not (vectors.matchable(row["a"]) and vectors.matchable(row["b"])):
            told.refused += 1
            continue
        one, other = vectors.read([row["a"], row["b"]])
        if float(one @ other) >= threshold and told.serves(row["a"], row["b"], threshold, off, vectors):
            told.served += 1
    different.wrong = different.served
    return same, different


def of_stream(rows: list[dict[str, Any]], threshold: float, off: frozenset[str], vectors: Vectors) -> Told:
    told, stored = Told(of=len(rows)), list[dict[str, Any]]()
    matrix = np.zeros((len(rows), vectors.dimensions), np.float32)
    for row in rows:
        if not vectors.matchable(row["t"]):
            told.refused += 1
            continue
        [vector] = vectors.read([row["t"]])
        for at, similarity in nearest(matrix[: len(stored)], vector):
            if similarity < threshold:
                continue
            if told.serves(row["t"], stored[at]["t"], threshold, off, vectors):
                told.served += 1
                told.wrong += row.get("g") is None or row["g"] != stored[at]["g"]
                break
        else:
            matrix[len(stored)] = vector
            stored.append(row)
    return told


def nearest(matrix: Any, vector: Any) -> Iterator[tuple[int, float]]:
    cosines = matrix @ vector
    for at in np.argsort(-cosines)[:CANDIDATES]:
        yield int(at), float(cosines[at])


def report(path: Path, given: argparse.Namespace, vectors: Vectors) -> None:
    rows = lines(path)
    print(f"\n{path.name}")
    if "y" in rows[0]:
        print(f"  {'':18} threshold   same: served      different: served (wrong)")
        for threshold in given.thresholds:
            for name, off in CHECKS.items():
                same, different = of_pairs(rows, threshold, off, vectors)
                print(
                    f"  {name:18} {threshold:9.2f} {same.served:7} of {same.of:<5} {different.served:11} of "
                    f"{different.of:<5} {ratio(different.served, different.of):>7}"
                )
        return
    random.Random(given.seed).shuffle(rows)
    rows = list({row["t"]: row for row in rows}.values())[: given.texts]
    print(f"  {len(rows):,} requests, each text once")
    print(f"  {'':18} threshold    hits  of requests   wrong  of requests  of hits   refused unread or too long")
    for threshold in given.thresholds:
        for name, off in CHECKS.items():
            told = of_stream(rows, threshold, off, vectors)
            most = sorted(told.by.items(), key=lambda item: -item[1])[:4]
            print(
                f"  {name:18} {threshold:9.2f} {told.served:7} {ratio(told.served, told.of):>12} {told.wrong:7} "
                f"{ratio(told.wrong, told.of):>12} {ratio(told.wrong, told.served):>8} {told.refused:9}   "
                f"{', '.join(f'{rule} {count}' for rule, count in most)}"
            )


def ratio(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "-"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--texts", type=int, default=2_000, help="of each stream at most (default: 2000)")
    parser.add_argument("--thresholds", type=float, nargs="+", default=[0.90, 0.93, 0.95, 0.97, 0.99])
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    paths = sorted(path for path in given.folder.iterdir() if path.name.endswith((".jsonl", ".jsonl.gz")))
    if not paths:
        parser.error(f"no .jsonl and no .jsonl.gz file is in {given.folder}")
    vectors = Vectors()
    for path in paths:
        report(path, given, vectors)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
