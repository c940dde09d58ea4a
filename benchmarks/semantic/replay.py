"""A trace through the whole router: exact only, with tiers, with semantic matching; hits and wrong hits side by side.

    nice python benchmarks/semantic/replay.py [--requests 3000] [--servers] [--stream FILE] [--json]

Two traces, both made here:
- repetitive: a support desk. `--intents` things that people want, drawn by Zipf's law (`--zipf`), each said in one of
  about fifty ways, of which some are far more common than others; `--one-off` of the requests are asked once and never
  again. What an answer may be shared by is the intent: a hit with another one's answer is wrong.
- slots: reports on a city and a month. Every request has the same words but for these, and no two may share an answer
  unless they are the same: semantic matching must not help here, and must not harm.
--stream reads one of other people's: JSON lines with `question` and `group` (or `t` and `g`), as they came.

Each is played to a ModelRouter that is made anew `--lives` times, with an empty L1, as by deployments; the provider
echoes the question, so that each answer says what it is the answer to. --servers: Valkey and Postgres in the place of
a file.
"""

from __future__ import annotations

import argparse
import bisect
import contextlib
import gzip
import itertools
import json
import random
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from beastmode_otel import ModelRouter
from beastmode_otel.cli.demo import servers
from beastmode_otel.simulator import Behaviour, Simulator

# What people want of a shop: how the deed is called, and its thing. Two that differ in either must not share an answer.
DEEDS: Final = (
    ("cancel", "call off"), ("change", "update", "edit"), ("delete", "remove", "get rid of"), ("find", "locate"),
    ("download", "save"), ("renew", "extend"), ("share", "send to a friend"), ("pay for", "settle"),
    ("track", "follow"), ("archive",), ("print",), ("export",),
)  # fmt: skip
THINGS: Final = (
    ("my order", "an order of mine"), ("my subscription",), ("my invoice", "the invoice"), ("my delivery address",),
    ("my gift card",), ("my profile picture",), ("my wish list",), ("my return label",), ("my loyalty points",),
    ("my warranty",), ("my saved card",), ("my newsletter",),
)  # fmt: skip
FRAMES: Final = (
    "How do I {}?", "How can I {}?", "how do i {}", "What is the way to {}?", "Can you tell me how to {}?",
    "I would like to {}. How does that work?", "Please explain how to {}.", "How would I {}?", "how to {}",
    "Could you help me {}?", "What do I have to do to {}?", "Is there a way to {}?", "hi, how can i {} please?",
)  # fmt: skip
CITIES: Final = ("Lisbon", "Oslo", "Prague", "Vienna", "Dublin", "Athens", "Warsaw", "Madrid", "Helsinki", "Porto")
MONTHS: Final = ("January", "March", "April", "June", "July", "August", "October", "November", "December")
ONE_OFF: Final = (
    "Why does the {} of part {} look {} after {} days?", "My {} number {} came {} with {} scratches, what now?",
    "Does the {} model {} fit a {} door of {} centimetres?",
)  # fmt: skip
WORDS: Final = ("kettle", "lamp", "chair", "printer", "bicycle", "tent", "blender", "heater", "drill", "monitor")
HOW: Final = ("yellow", "bent", "too small", "wet", "open", "broken", "dusty", "empty")
Request = tuple[str, str]  # what is asked, and the group of those that may share its answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One way to cache. semantic: its settings, None for exact matches alone."""

    name: str
    tiers: bool = True
    semantic: dict[str, Any] | None = None


ARMS: Final = (
    Arm(name="exact, L1 alone", tiers=False),
    Arm(name="exact, all tiers"),
    Arm(name="semantic, strict", semantic={"profile": "strict"}),
    Arm(name="semantic, balanced", semantic={"profile": "balanced"}),
    Arm(name="semantic, loose", semantic={"profile": "loose"}),
)


@dataclass(slots=True)
class Ended:
    """How requests were answered. took: milliseconds of semantic hits."""

    by: Counter[str] = field(default_factory=Counter)
    took: list[float] = field(default_factory=list)


# The traces.


def repetitive(given: argparse.Namespace) -> list[Request]:
    rng = random.Random(given.seed)
    intents = list(itertools.product(range(len(DEEDS)), range(len(THINGS))))
    rng.shuffle(intents)
    intents = intents[: given.intents]
    steps = list(itertools.accumulate(1.0 / rank**given.zipf for rank in range(1, len(intents) + 1)))
    found = []
    for number in range(given.requests):
        if rng.random() < given.one_off:
            text = rng.choice(ONE_OFF).format(rng.choice(WORDS), 1000 + number, rng.choice(HOW), rng.randint(2, 99))
            found.append((text, f"once {number}"))
            continue
        deed, thing = intents[bisect.bisect(steps, rng.uniform(0.0, steps[-1]))]
        ways = list(itertools.product(FRAMES, DEEDS[deed], THINGS[thing]))
        frame, verb, noun = ways[min(int(rng.expovariate(1.0 / 12.0)), len(ways) - 1)]
        found.append((frame.format(f"{verb} {noun}"), f"{deed} {thing}"))
    return found


def slots(given: argparse.Namespace) -> list[Request]:
    rng = random.Random(given.seed)
    found = []
    for _ in range(given.requests // 3):
        when = f"{rng.choice(MONTHS)} {rng.randint(2015, 2026)}"
        text = f"Summarise the sales of our shop in {rng.choice(CITIES)} for {when}."
        found.append((text, text))
    return found


def stream(path: Path) -> list[Request]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    rows = [json.loads(line) for line in data.decode().split("\n") if line.strip()]
    return [
        (row.get("question", row.get("t")), str(row.get("group", row.get("g", f"alone {number}"))))
        for number, row in enumerate(rows)
    ]


# Playing them.


def play(arm: Arm, trace: Sequence[Request], url: str, tiers: dict[str, Any], lives: int) -> Ended:
    cache: dict[str, Any] = {"mode": "on", "l3": {"url": "off"}}
    if arm.tiers:
        cache |= tiers
    if arm.semantic is not None:
        cache |= {"mode": "semantic", "semantic": {"seconds": 5.0, **arm.semantic}}
    config = {
        "namespace": arm.name,  # arms must not share a store
        "deployments": {"a": {"base_url": url, "model": "gpt-4o-mini", "provider": "openai", "api_key": "none"}},
        "routes": {"chat": {"deployments": ["a"]}},
        "cache": cache,
    }
    groups, ended = dict(trace), Ended()
    each = -(-len(trace) // lives)
    for start in range(0, len(trace), each):
        with ModelRouter(config) as router:
            for text, group in trace[start : start + each]:
                began = time.perf_counter()
                answer = router.route("chat", {"messages": [{"role": "user", "content": text}], "max_tokens": 64})
                match = answer.cache.match or "upstream"
                ended.by[match] += 1
                if match == "semantic":
                    ended.took.append(1e3 * (time.perf_counter() - began))
                ended.by["wrong"] += match != "upstream" and answered(answer.text, groups) != group
    return ended


def answered(text: str, groups: dict[str, str]) -> str | None:
    """Whose question the provider has echoed."""
    return groups.get(text, next((group for asked, group in groups.items() if asked in text), None))


def possible(trace: Sequence[Request]) -> float:
    """The share of requests whose answer somebody has asked for before."""
    return 1.0 - len({group for _, group in trace}) / len(trace)


def report(name: str, trace: Sequence[Request], results: dict[str, Ended]) -> None:
    texts = len({text for text, _ in trace})
    print(f"\n{name}: {len(trace):,} requests, {texts:,} different texts; at most {possible(trace):.1%} can be hits")
    print(f"  {'':20} {'hits':>7} {'exact':>7} {'semantic':>9} {'wrong':>6} {'of requests':>12} {'a semantic hit':>15}")
    for arm, ended in results.items():
        total = ended.by["exact"] + ended.by["semantic"] + ended.by["upstream"]
        hits = ended.by["exact"] + ended.by["semantic"]
        took = f"{statistics.median(ended.took):.1f} ms" if ended.took else "-"
        print(
            f"  {arm:20} {hits / total:7.1%} {ended.by['exact'] / total:7.1%} {ended.by['semantic'] / total:9.1%} "
            f"{ended.by['wrong']:6} {ended.by['wrong'] / total:12.2%} {took:>15}"
        )


def replay(trace: Sequence[Request], given: argparse.Namespace, arms: Sequence[Arm] = ARMS) -> dict[str, Ended]:
    results = {}
    with Simulator({"a": Behaviour(echo=True)}) as provider, contextlib.ExitStack() as running:
        if given.servers:
            l2, l3 = (running.enter_context(server()).url for server in (servers.valkey, servers.postgres))
            tiers: dict[str, Any] = {"l2": {"url": l2, "soft": 1.0, "hard": 2.0}, "l3": {"url": l3, "soft": 1.0}}
        else:
            folder = running.enter_context(tempfile.TemporaryDirectory())
            tiers = {"l3": {"url": f"sqlite:///{Path(folder) / 'cache.db'}", "soft": 1.0}}
        for arm in arms:
            results[arm.name] = play(arm, trace, provider.url("a"), tiers, given.lives)
    return results


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=3_000)
    parser.add_argument("--intents", type=int, default=100)
    parser.add_argument("--zipf", type=float, default=0.9)
    parser.add_argument("--one-off", type=float, default=0.3)
    parser.add_argument("--lives", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--servers", action="store_true")
    parser.add_argument("--stream", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def main() -> int:
    given = parsed()
    traces = {"repetitive": repetitive(given), "slots": slots(given)}
    if given.stream is not None:
        traces = {given.stream.name: stream(given.stream)[: given.requests]}
    told = {}
    for name, trace in traces.items():
        results = replay(trace, given)
        told[name] = {arm: dict(ended.by) for arm, ended in results.items()}
        if not given.json:
            report(name, trace, results)
    if given.json:
        print(json.dumps(told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
