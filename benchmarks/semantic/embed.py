"""What an embedding costs: time of a short text and of 2,000 characters, cold start, memory, CPU of other threads.

    nice python benchmarks/semantic/embed.py [--onnx FILE] [--folder DIR] [--texts DIR]

The default embedder, beside the same model in onnxruntime (--onnx, its file) and in sentence-transformers (--folder,
the model's), where these are installed. Each side in a process of its own. A cold start is from the interpreter's
first line to the first vector, the package's own import included; memory is what the process has more of after it than
an interpreter that has imported numpy.
--texts: a folder of .jsonl or .jsonl.gz files; the share of their strings that the default embedder refuses to read.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SHORT = "How can I cancel the order that I placed yesterday?"
LONG = ("The courier left the parcel with a neighbour whom we do not know, and nobody has answered since. " * 21)[:2000]
ROUNDS = 100
TEXTS = ("t", "a", "b", "text")  # members of a line
UNREAD = 0.05  # the bound, unless somebody configures another


def resident() -> float:
    """Megabytes."""
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS")) / 1024


def child(said: dict[str, Any]) -> dict[str, float]:
    """Measures one side, in this fresh process."""
    began = time.perf_counter()
    import numpy as np

    np.ones(3) @ np.ones(3)
    start, memory = time.perf_counter() - began, resident()
    began = time.perf_counter()
    from beastmode_otel.cache.semantic.embedders import open_embedder

    found = {"numpy ms": start * 1e3, "import ms": (time.perf_counter() - began) * 1e3}
    began = time.perf_counter()
    embedder = open_embedder(said)
    embedder.unread(SHORT)
    found["words ms"] = (time.perf_counter() - began) * 1e3
    began = time.perf_counter()
    embedder.embed([SHORT])
    found["model ms"] = (time.perf_counter() - began) * 1e3
    found["cold ms"] = sum(found.values())
    found["memory MB"] = resident() - memory
    for name, text, rounds in (("short", SHORT, ROUNDS), ("long", LONG, ROUNDS // 4)):
        process, thread, times = time.process_time(), time.thread_time(), []
        for _ in range(rounds):
            began = time.perf_counter()
            embedder.embed([text])
            times.append((time.perf_counter() - began) * 1e3)
        thread = time.thread_time() - thread
        found[f"{name} ms"], found[f"{name} p99 ms"] = statistics.median(times), sorted(times)[int(rounds * 0.99)]
        found[f"{name} CPU ms"] = thread / rounds * 1e3
        found[f"{name} others %"] = (time.process_time() - process - thread) / thread * 100
        began = time.perf_counter()
        for _ in range(ROUNDS):
            embedder.unread(text)
            embedder.tokens(text)
        found[f"{name} read us"] = (time.perf_counter() - began) / ROUNDS * 1e6
    began = time.perf_counter()
    embedder.embed([f"{SHORT} {number}" for number in range(256)])
    found["of many ms"] = (time.perf_counter() - began) / 256 * 1e3
    return found


def measured(said: dict[str, Any]) -> dict[str, float] | str:
    """What went wrong, where something did."""
    done = subprocess.run(
        [sys.executable, __file__, "--child", json.dumps(said)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        return done.stderr.strip().splitlines()[-1]
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def texts_of(file: Path) -> Iterator[str]:
    with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
        for line in lines:
            yield from (
                value for name, value in json.loads(line).items() if name in ("t", "a", "b", "text", "q1", "q2")
            )


def refusals(folder: Path) -> None:
    from beastmode_otel.cache.semantic.embedders import open_embedder

    embedder = open_embedder()
    print(f"\nrefused as not read (above {UNREAD:.0%}), and longer than {embedder.most_tokens} tokens")
    for file in sorted([*folder.glob("*.jsonl"), *folder.glob("*.jsonl.gz")]):
        texts = list(texts_of(file))
        refused = [text for text in texts if embedder.unread(text) > UNREAD]
        plain = [text for text in texts if text.isascii()]
        of_plain = sum(text.isascii() for text in refused)
        longer = sum(embedder.tokens(text) > (embedder.most_tokens or 0) for text in texts)
        print(
            f"  {file.name:32} {len(texts):6} texts  {len(refused) / len(texts):7.2%} refused  "
            f"({of_plain} of {len(plain)} in ASCII)  {longer / len(texts):7.2%} too long"
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--onnx", help="all-MiniLM-L6-v2 as an .onnx file")
    parser.add_argument("--folder", help="all-MiniLM-L6-v2 for sentence-transformers")
    parser.add_argument("--texts", type=Path, help="a folder of .jsonl files")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(child(json.loads(given.child))))
        return 0
    sides: dict[str, dict[str, Any]] = {"numpy, int8": {}}
    if given.onnx:
        sides["onnxruntime"] = {"kind": "onnx", "path": given.onnx}
    if given.folder:
        sides["sentence-transformers"] = {"kind": "sentence-transformers", "path": given.folder, "threshold": 0.95}
    results = {name: measured(said) for name, said in sides.items()}
    rows = next((list(found) for found in results.values() if not isinstance(found, str)), [])
    print(f"{'':18}" + "".join(f"{name:>24}" for name in results))
    for row in rows:
        cells = [f"{found[row]:.1f}" if not isinstance(found, str) else "-" for found in results.values()]
        print(f"{row:18}" + "".join(f"{cell:>24}" for cell in cells))
    for name, found in results.items():
        if isinstance(found, str):
            print(f"{name}: {found}")
    if given.texts:
        refusals(given.texts)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
