"""`cache warm`: filling the shared tiers before anybody asks."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from beastmode_otel.cache import TierUnavailable, Warmed, copy_up
from beastmode_otel.cache.tiers import open_l2
from beastmode_otel.cli.cache.output import add_tenant, progress_bar, say
from beastmode_otel.cli.cache.store import Store
from beastmode_otel.cli.exits import FAILED, OK, Failed
from beastmode_otel.cli.terminal import Style
from beastmode_otel.cli.units import counted, dollars, lasting, size
from beastmode_otel.client import ModelRouter
from beastmode_otel.engine import Prompt, read_prompts
from beastmode_otel.errors import RequestError, public_url
from beastmode_otel.runtime import WorkerPool

NAME: Final = "warm"
HELP: Final = "Fill the shared tiers: L2 with what L3 is asked for most, or all of them with the answers to prompts."

_SECONDS: Final = 60.0
_ENDS: Final = {
    "time": "the time was over (--seconds)",
    "bytes": "the room was used up (cache.warm.max_bytes)",
    "cost": "the money was spent, or the price of an answer is not known (--usd)",
    "failed": "too many failed one after another; the errors are in the telemetry of the requests",
}


def add(parser: argparse.ArgumentParser) -> None:
    prompts = "requests that the models answer: a request's body with a model id in each line; - for standard input"
    parser.add_argument("--prompts", metavar="FILE", help=prompts)
    parser.add_argument("--model", metavar="ID", help="the model id of prompts that name none")
    parser.add_argument("--usd", type=positive, metavar="N", help="with --prompts: what they may cost; inf: no limit")
    parser.add_argument("--concurrency", type=whole, default=8, metavar="N", help="with --prompts: at once (8)")
    parser.add_argument("--seconds", type=positive, default=_SECONDS, metavar="N", help="at most (60)")
    parser.add_argument("--entries", type=whole, metavar="N", help="from L3: at most (default: cache.warm.entries)")
    add_tenant(parser, "all, and with --prompts the configuration's namespace")


def positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not value > 0:
        raise argparse.ArgumentTypeError("must be a number above 0")
    return value


def whole(text: str) -> int:
    if not text.isascii() or not text.isdecimal() or len(text) > 9 or int(text) < 1:
        raise argparse.ArgumentTypeError("must be a whole number from 1")
    return int(text)


def run(given: argparse.Namespace, store: Store) -> int:
    if given.prompts is None:
        if given.model is not None or given.usd is not None:
            given.check("--model and --usd are for --prompts")
        warmed, where = _from_l3(given, store), "L2"
    else:
        if given.usd is None:
            given.check("prompts cost money: say with --usd how much they may")
        warmed, where = _with_prompts(given, store), "the cache"
    told = {
        "source": warmed.source, "warmed": warmed.warmed, "held": warmed.entries.get("held", 0),
        "expiring": warmed.entries.get("expiring", 0), "failed": warmed.entries.get("failed", 0),
        "bytes": warmed.size, "seconds": warmed.seconds, "ended": warmed.ended, "usd": warmed.spent,
    }  # fmt: skip
    say(given, told, lambda style: _lines(warmed, where, style))
    return FAILED if warmed.ended == "failed" else OK


def _from_l3(given: argparse.Namespace, store: Store) -> Warmed:
    cache = store.config.cache
    pool = WorkerPool("warm")
    ports = open_l2(cache, pool)
    if ports is None or "l3" not in store.tiers or given.tier is not None:
        raise Failed(
            "without --prompts it copies from L3 into L2, and one of both is not there",
            "a process fills its own L1 at its start: write at_start = true in [cache.warm]",
        )
    source, target = store.tiers["l3"], ports[0]
    most = cache.warm.entries if given.entries is None else given.entries
    settings = replace(cache.warm, seconds=given.seconds, entries=most, tenant=store.named or cache.warm.tenant)
    try:
        with progress_bar(given, most) as progress:
            return copy_up(
                source, target, settings, ttl=cache.l2.ttl, jitter=cache.jitter, backplane=store.backplane,
                progress=progress,
            )  # fmt: skip
    except TierUnavailable as ill:
        raise Failed(f"{source.location} into L2: {ill.reason}") from None
    finally:
        target.close()
        pool.close(0.0)


def _with_prompts(given: argparse.Namespace, store: Store) -> Warmed:
    prompts = _read(given)
    if given.tenant is not None:
        prompts = [replace(one, tenant=one.tenant or given.tenant) for one in prompts]
    try:
        with ModelRouter(given.config) as router, progress_bar(given, len(prompts)) as progress:
            return router.warm(
                prompts, usd=given.usd, seconds=given.seconds, concurrency=given.concurrency, progress=progress
            )
    except RequestError as exc:
        raise Failed(exc.message, *exc.hints) from None


def _read(given: argparse.Namespace) -> list[Prompt]:
    try:
        if given.prompts == "-":
            return read_prompts(sys.stdin, given.model)
        with open(given.prompts, "rb") as file:
            return read_prompts(file, given.model)
    except OSError as exc:
        raise Failed(f"{public_url(given.prompts)}: {exc.strerror}") from None
    except UnicodeDecodeError:
        raise Failed("standard input is no UTF-8") from None
    except RequestError as exc:
        raise Failed(exc.message, *exc.hints) from None


def _lines(warmed: Warmed, where: str, style: Style) -> Iterator[str]:
    entries = warmed.entries
    cost = f", {dollars(warmed.spent)} spent" if warmed.spent and warmed.spent != math.inf else ""
    brought = f"{counted(warmed.warmed, 'answer', 'answers')} brought into {where} ({size(warmed.size)})"
    yield f"{brought} in {lasting(warmed.seconds)}{cost}"
    said: list[tuple[Any, str]] = [
        (entries.get("held"), "were there already"),
        (entries.get("expiring"), "are about to expire and were left"),
        (entries.get("failed"), "were not answered, or may not be stored"),
    ]
    yield from (f"  {count:,} {what}" for count, what in said if count)
    if warmed.ended in _ENDS:
        yield style.paint(f"  it ended early: {_ENDS[warmed.ended]}", "warn")
