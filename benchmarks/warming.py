"""What warming is worth: the first requests of a process, cold and warmed, side by side.

    python benchmarks/warming.py [--runs 30] [--touches 30] [--questions 60] [--latency 0.3] [--servers]

Each run is a process of its own that begins with an empty L1, and asks `--touches` questions, drawn by Zipf's law from
`--questions`, one after the other, of a provider that takes `--latency` seconds. What is told: the first request of the
process, and the first request of each key (the first touches), with a 95 % interval of the ratio to the cold arm by
bootstrap over runs. Arms run in turns, so that what else the machine does hits them alike.

- stored, cold:   L3 holds what an earlier process was asked (`--known` of the questions); L1 is empty
- stored, warmed: the same, and `[cache.warm] at_start` has run
- nothing stored: L3 is empty
- prompts:        L3 was filled by `cache warm --prompts` with the `--known` most frequent questions
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from beastmode_otel import ModelRouter
from beastmode_otel.cli.demo import servers
from beastmode_otel.simulator import Behaviour, Simulator

RESAMPLES = 2000


def body(question: int) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"question {question}"}]}


def configuration(l3: dict[str, Any], provider: str, *, warmed: bool = False) -> dict[str, Any]:
    return {
        "deployments": {"a": {"base_url": provider, "model": "gpt-4o-mini", "provider": "openai"}},
        "routes": {"chat": {"deployments": ["a"]}},
        "cache": {"mode": "on", "l3": l3, "warm": {"at_start": warmed, "seconds": 10.0}},
    }


def asked(given: argparse.Namespace, seed: int) -> list[int]:
    """By falling frequency: 0 is the most frequent one."""
    steps = list(itertools.accumulate(1.0 / rank for rank in range(1, given.questions + 1)))
    return random.Random(seed).choices(range(given.questions), cum_weights=steps, k=given.touches)


def child(life: dict[str, Any]) -> list[tuple[int, float]]:
    """A process: each question with its seconds, in order."""
    with ModelRouter(life["config"]) as router:
        time.sleep(life["pause"])  # as between a process's start and its first request
        found = []
        for question in life["asked"]:
            began = time.perf_counter()
            router.route("chat", body(question), no_store=True)  # nothing that a run buys may help the next
            found.append((question, time.perf_counter() - began))
        return found


def run(config: dict[str, Any], given: argparse.Namespace, seed: int) -> tuple[float, float]:
    """Milliseconds: of the first request, and of the first touches, on average."""
    life = {"config": config, "asked": asked(given, seed), "pause": 0.5}
    done = subprocess.run(
        [sys.executable, "-P", __file__, "--child"], input=json.dumps(life), capture_output=True, text=True, check=True
    )
    told = json.loads(done.stdout)
    first = dict(reversed([(question, seconds) for question, seconds in told]))
    return 1e3 * told[0][1], 1e3 * statistics.fmean(first.values())


def interval(warm: list[float], cold: list[float]) -> tuple[float, float, float]:
    """The ratio of the means, and where it lies with 95 %."""
    rng = random.Random(1)
    ratios = sorted(
        statistics.fmean(rng.choices(warm, k=len(warm))) / statistics.fmean(rng.choices(cold, k=len(cold)))
        for _ in range(RESAMPLES)
    )
    whole = statistics.fmean(warm) / statistics.fmean(cold)
    return whole, ratios[int(0.025 * RESAMPLES)], ratios[int(0.975 * RESAMPLES) - 1]


def fill(config: dict[str, Any], known: int) -> None:
    """As an earlier process left it."""
    with ModelRouter(config) as router:
        for question in range(known):
            router.route("chat", body(question))


def fill_by_prompts(config: dict[str, Any], known: int) -> None:
    with ModelRouter(config) as router:
        router.warm([{"model": "chat", **body(question)} for question in range(known)], usd=1.0)


def measure(given: argparse.Namespace, provider: str, l3: dict[str, Any], prompted: dict[str, Any]) -> dict[str, Any]:
    fill(configuration(l3, provider), given.known)
    fill_by_prompts(configuration(prompted, provider), given.known)
    results: dict[str, list[tuple[float, float]]] = {}
    for seed in range(given.runs):
        arms = {
            "stored, cold": configuration(l3, provider),
            "stored, warmed": configuration(l3, provider, warmed=True),
            "nothing stored": configuration({"url": "off"}, provider),
            "prompts": configuration(prompted, provider, warmed=True),
        }
        for name, config in arms.items():
            results.setdefault(name, []).append(run(config, given, seed))
    return results


def report(results: dict[str, Any], given: argparse.Namespace, where: str) -> None:
    each = f"{given.runs} processes an arm, {given.touches} requests each"
    print(f"\n{where}: {each}, the model takes {given.latency * 1e3:.0f} ms")
    print(f"{'arm':<16}{'first request':>16}{'first touches':>16}   of the cold arm (95 %)")
    pairs = {"stored, warmed": "stored, cold", "prompts": "nothing stored"}
    for name, runs in results.items():
        first, touches = ([one[at] for one in runs] for at in (0, 1))
        line = f"{name:<16}{statistics.fmean(first):>13.1f} ms{statistics.fmean(touches):>13.1f} ms"
        if name in pairs:
            cold = results[pairs[name]]
            told = [interval([one[at] for one in runs], [one[at] for one in cold]) for at in (0, 1)]
            line += "   " + ", ".join(f"{ratio:.2f} ({low:.2f} to {high:.2f})" for ratio, low, high in told)
        print(line)


def main() -> int:
    if sys.argv[1:] == ["--child"]:
        print(json.dumps(child(json.load(sys.stdin))))
        return 0
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--touches", type=int, default=30)
    parser.add_argument("--questions", type=int, default=60)
    parser.add_argument("--known", type=int, default=30)
    parser.add_argument("--latency", type=float, default=0.3)
    parser.add_argument("--servers", action="store_true", help="L3 in a real Postgres too")
    given = parser.parse_args()
    behaviour = Behaviour(text="an answer", latency=given.latency, input_tokens=300, output_tokens=80)
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulator({"a": behaviour}) as provider,
        contextlib.ExitStack() as running,
    ):
        files = [{"url": f"sqlite:///{Path(folder) / name}.db"} for name in ("stored", "prompted")]
        report(measure(given, provider.url("a"), *files), given, "L3 in SQLite")
        if given.servers:
            urls = [{"url": running.enter_context(servers.postgres()).url} for _ in range(2)]
            report(measure(given, provider.url("a"), *urls), given, "L3 in Postgres")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
