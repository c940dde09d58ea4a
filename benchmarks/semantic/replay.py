"""What each step of the cache earns on a replayed trace, and what of it is wrong: exact, + tiers, + semantic.

    nice python benchmarks/semantic/replay.py [--servers] [--stream PATH [--shuffle] | --catalogue PATH] [--json]

Without a path two traces are made: `shop`, the customers of a shop, who ask the same in many words (intents.toml), and
`slots`, analysts and programmers, whose questions look alike and are not the same; see traces.py for both. PATH is a
file of JSON lines (.jsonl, .jsonl.gz) or a folder of them: as a stream in its order, or as intents to draw from.

Every request goes through a ModelRouter to a simulated provider, which answers with the question that it got: an
answer to a question with another label is a wrong hit. --processes of them take turns; each is replaced --lives times
a day for --days days and begins with an empty L1. L2 and L3 outlive them, and nothing expires within a trace.
Everything runs as fast as it can, one request at a time. A request gives its lookup --patience seconds, so that a busy
machine changes no figure. --servers: L2 in a Valkey and L3 in a Postgres instead of L3 in SQLite.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import traces
from traces import Asked

from beastmode_otel import ModelRouter
from beastmode_otel.cache.semantic.embedders import open_embedder
from beastmode_otel.cli.demo import servers
from beastmode_otel.simulator import Behaviour, Simulator

PROFILES = ("strict", "balanced", "loose")
TIERS = ("l1", "l2", "l3")
LONG = 30 * 86_400.0  # seconds: longer than any trace
WRONG_SHOWN = 3


@dataclass(slots=True)
class Ended:
    """How the requests of one trace were answered. times: seconds, by what answered. wrong_pairs: asked, answered."""

    by: Counter[str] = field(default_factory=Counter)
    verdicts: Counter[str] = field(default_factory=Counter)
    times: defaultdict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    wrong_pairs: list[tuple[str, str]] = field(default_factory=list)

    def figures(self, requests: int) -> dict[str, Any]:
        exact = sum(self.by[f"exact {tier}"] for tier in TIERS)
        semantic, wrong = self.by["semantic"], len(self.wrong_pairs)
        return {
            "requests": requests,
            "exact": exact / requests,
            "by_tier": {tier: self.by[f"exact {tier}"] / requests for tier in TIERS},
            "semantic": semantic / requests,
            "hits": (exact + semantic) / requests,
            "wrong": wrong,
            "wrong_per_request": wrong / requests,
            "wrong_per_semantic_hit": wrong / semantic if semantic else 0.0,
            "provider_calls": self.by["upstream"],
            "ms": {kind: 1e3 * statistics.median(times) for kind, times in sorted(self.times.items())},
            "verdicts": dict(self.verdicts.most_common()),
            "wrong_pairs": self.wrong_pairs,
        }


class Labels:
    """Which labels a text has: another people's stream may give it several."""

    def __init__(self, trace: Sequence[Asked]) -> None:
        self._of: defaultdict[str, set[str]] = defaultdict(set)
        for asked in trace:
            self._of[asked.question].add(asked.label)

    def right(self, asked: Asked, answer: str) -> bool:
        """Whether it answers this. An answer is the question that the provider got."""
        return answer == asked.question or asked.label in self._of.get(answer, ())


def run(trace: Sequence[Asked], cache: Mapping[str, Any], url: str, name: str, given: argparse.Namespace) -> Ended:
    config = {
        "namespace": name,
        "deployments": {"a": {"base_url": url, "model": "gpt-4o-mini", "provider": "openai", "api_key": "none"}},
        "routes": {"chat": {"deployments": ["a"]}},
        "cache": cache,
    }
    ended, labels = Ended(), Labels(trace)
    lives = max(1, given.days * given.lives)
    for life in range(lives):
        part = trace[life * len(trace) // lives : (life + 1) * len(trace) // lives]
        with contextlib.ExitStack() as alive:
            routers = [alive.enter_context(ModelRouter(config)) for _ in range(given.processes)]
            for number, asked in enumerate(part):
                _ask(routers[number % len(routers)], asked, ended, labels)
    return ended


def _ask(router: ModelRouter, asked: Asked, ended: Ended, labels: Labels) -> None:
    began = time.perf_counter()
    answer = router.route("chat", {"messages": [{"role": "user", "content": asked.question}], "max_tokens": 64})
    took = time.perf_counter() - began
    found = answer.cache
    by = "upstream" if found.tier is None else "semantic" if found.match == "semantic" else f"exact {found.tier}"
    ended.by[by] += 1
    ended.times[by].append(took)
    if found.verdict:
        ended.verdicts[f"{found.verdict} {found.guard or ''}".strip()] += 1
    if not labels.right(asked, answer.text):
        ended.wrong_pairs.append((asked.question, answer.text))


def arms(folder: Path, servers_of: Mapping[str, str], patience: float) -> dict[str, dict[str, Any]]:
    """The ways to cache, by name. All of them share the embedder, which is loaded once."""
    embedder = open_embedder()
    embedder.embed(["warm"])
    far: dict[str, Any] = {"l3": {"url": servers_of.get("l3", f"sqlite:///{folder / 'cache.db'}"), "ttl": LONG}}
    if "l2" in servers_of:
        far["l2"] = {"url": servers_of["l2"], "ttl": LONG}
    near: dict[str, Any] = {"l1": {"ttl": LONG}}
    told = {"exact, L1": {"mode": "on", **near, "l3": "off"}, "+ tiers": {"mode": "on", **near, **far}}
    for profile in PROFILES:
        semantic = {"profile": profile, "embedder": embedder, "seconds": patience}
        told[f"+ {profile}"] = {"mode": "semantic", **near, **far, "semantic": semantic}
    return told


def replay(trace: Sequence[Asked], name: str, url: str, given: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        ours: dict[str, str] = {}
        if given.servers:
            ours = {
                "l2": running.enter_context(servers.valkey()).url,
                "l3": running.enter_context(servers.postgres()).url,
            }
        told = {
            arm: run(trace, cache, url, f"{name} {number}", given).figures(len(trace))
            for number, (arm, cache) in enumerate(arms(Path(folder), ours, given.patience).items())
        }
    return {
        "requests": len(trace),
        "texts": len({asked.question for asked in trace}),
        "labels": len({asked.label for asked in trace}),
        "arms": told,
    }


# The table.


def report(name: str, told: dict[str, Any], given: argparse.Namespace) -> None:
    requests = told["requests"]
    print(
        f"\n{name}: {requests:,} requests, {told['texts']:,} different texts, {told['labels']:,} different answers. At "
        f"most {1 - told['texts'] / requests:.1%} can be exact hits, {1 - told['labels'] / requests:.1%} any hits.\n"
    )
    columns = list(told["arms"].values())
    print(f"| {'':26} | {' | '.join(f'{arm:>11}' for arm in told['arms'])} |")
    print(f"|---|{'--:|' * len(columns)}")
    for title, shown in _ROWS.items():
        print(f"| {title:26} | {' | '.join(f'{shown(column):>11}' for column in columns)} |")
    for arm, column in told["arms"].items():
        for asked, answered in column["wrong_pairs"][: given.wrong_shown]:
            print(f"  wrong with {arm}: {asked[:90]!r} got the answer to {answered[:90]!r}")


def _ms(column: dict[str, Any], kind: str) -> str:
    return f"{column['ms'][kind]:.1f} ms" if kind in column["ms"] else "-"


_ROWS = {
    "hits": lambda column: f"{column['hits']:.1%}",
    "of them exact": lambda column: f"{column['exact']:.1%}",
    "semantic": lambda column: f"{column['semantic']:.1%}",
    "wrong hits": lambda column: str(column["wrong"]),
    "of the requests": lambda column: f"{column['wrong_per_request']:.2%}",
    "of the semantic hits": lambda column: f"{column['wrong_per_semantic_hit']:.2%}",
    "calls of the provider": lambda column: f"{column['provider_calls']:,}",
    "saved": lambda column: f"{1 - column['provider_calls'] / column['requests']:.1%}",
    "an exact hit in L1": lambda column: _ms(column, "exact l1"),
    "an exact hit in L3": lambda column: _ms(column, "exact l3"),
    "a semantic hit": lambda column: _ms(column, "semantic"),
    "a miss (provider: 0 ms)": lambda column: _ms(column, "upstream"),
}


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=3_000, help="of each trace (default: 3000)")
    parser.add_argument("--zipf", type=float, default=1.0, help="exponent of the intents' popularity (default: 1.0)")
    parser.add_argument("--zipf-wording", type=float, default=0.7, help="exponent of the wordings' (default: 0.7)")
    parser.add_argument("--one-off", type=float, default=0.2, help="share of shop that is asked once (default: 0.2)")
    parser.add_argument("--manner", type=float, default=0.4, help="share in a manner of its own (default: 0.4)")
    parser.add_argument("--again", type=float, default=0.05, help="share of slots that is asked again (default: 0.05)")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--days", type=int, default=3)
    parser.add_argument("--lives", type=int, default=4, help="of each process, a day (default: 4)")
    parser.add_argument("--patience", type=float, default=10.0, help="seconds a lookup may take (default: 10)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=("shop", "slots"), help="one of our own traces")
    parser.add_argument("--stream", type=Path, metavar="PATH", help="labelled requests, in their order")
    parser.add_argument("--shuffle", action="store_true", help="the stream, in a random order")
    parser.add_argument("--catalogue", type=Path, metavar="PATH", help="labelled questions, to draw from by Zipf's law")
    parser.add_argument("--servers", action="store_true", help="L2 in a Valkey, L3 in a Postgres, of its own")
    parser.add_argument("--wrong-shown", type=int, default=WRONG_SHOWN, help="wrong hits cited an arm (default: 3)")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def chosen(given: argparse.Namespace) -> dict[str, list[Asked]]:
    if given.stream is not None:
        return {path.name: traces.stream(path, given) for path in traces.files(given.stream)}
    if given.catalogue is not None:
        return {path.name: traces.draw(traces.catalogue(path), given) for path in traces.files(given.catalogue)}
    own = {"shop": lambda: traces.draw(traces.intents(), given), "slots": lambda: traces.slots(given)}
    return {name: make() for name, make in own.items() if given.only in (None, name)}


def main() -> int:
    given = parsed()
    told = {}
    with Simulator({"a": Behaviour(echo=True)}) as provider:
        for name, trace in chosen(given).items():
            told[name] = replay(trace, name, provider.url("a"), given)
            if not given.json:
                report(name, told[name], given)
    if given.json:
        print(json.dumps(told))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
