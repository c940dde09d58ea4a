"""`cache explain`: the key of a request, whether the cache has a part in it, and what the tiers say, and why."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NoReturn

from beastmode_otel.cache.explain import explain_key
from beastmode_otel.cli.cache import nearest
from beastmode_otel.cli.cache.cache_request import KeyedRequest, keyed_request
from beastmode_otel.cli.cache.lookup import Lookup, look_up, why_not
from beastmode_otel.cli.cache.output import add_tenant, name, note, say
from beastmode_otel.cli.cache.store import Answer, Store
from beastmode_otel.cli.exits import OK, Failed
from beastmode_otel.cli.terminal import Cell, Style, Tone, facts, wrapped
from beastmode_otel.cli.units import lasting

NAME: Final = "explain"
HELP: Final = "Say what the key of a request is made of, and whether and why a tier has its answer. Shows no prompt."
_TONES: Final[Mapping[str, Tone]] = {"hit": "good", "expired": "warn", "damaged": "bad"}
_LAST: Final = ("digest", "scope")


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("request", metavar="REQUEST.json", help="the body that route() is given; - reads stdin")
    parser.add_argument("--model", type=name, required=True, metavar="ID", help="the model id that route() is given")
    add_tenant(parser)
    parser.add_argument("--show-content", action="store_true", help="print the stored questions of candidates too")


def run(given: argparse.Namespace, store: Store) -> int:
    body = _body(given)
    asked = keyed_request(store, given.model, body)
    parts = explain_key(asked.parts) if asked.parts is not None else []
    if asked.key is not None and ("digest", asked.key.digest.hex()) not in parts:
        raise Failed("the engine's key is another one: this is a bug of beastmode-otel cache explain")
    now = time.time()
    found = store.each(lambda tier: look_up(store, tier, asked, now))
    why = [*why_not(store, asked), *_each_why(found)]
    similar = nearest.search(store, asked, now)
    told, shows = _told(asked, parts, found, why), bool(given.show_content)
    if similar is not None:
        told["similar"] = nearest.told(similar, show_content=shows)

    def lines(style: Style) -> Iterator[str]:
        yield from _lines(asked, parts, found, why, style)
        if similar is not None:
            yield from nearest.lines(similar, style, show_content=shows)

    say(given, told, lines)
    return OK


def _body(given: argparse.Namespace) -> Mapping[str, Any]:
    """Of the file, or wrong usage."""

    def refuse(problem: str) -> NoReturn:
        given.check(f"{given.request}: {problem}")
        raise AssertionError  # argparse has left

    try:
        raw = sys.stdin.buffer.read() if given.request == "-" else Path(given.request).read_bytes()
        body = json.loads(raw)
    except OSError as exc:
        refuse(f"cannot be read ({exc.strerror})")
    except (ValueError, RecursionError):  # whose text would quote the prompt
        refuse("is not JSON")
    if not isinstance(body, dict):
        refuse('is no JSON object, such as {"messages": [{"role": "user", "content": "…"}]}')
    return body


def _each_why(found: list[Answer[Lookup]]) -> list[str]:
    """What they say alike, once; else with the tier's name, where there are several."""
    told = [why for one in found for why in one.value.why]
    if len(found) == 1 or len({one.value.why for one in found}) == 1:
        return list(dict.fromkeys(told))
    return [why if told.count(why) == len(found) else f"{one.name}: {why}" for one in found for why in one.value.why]


def _told(
    asked: KeyedRequest, parts: list[tuple[str, str]], found: list[Answer[Lookup]], why: list[str]
) -> dict[str, Any]:
    key = asked.key
    return {
        "model": asked.model,
        "route": asked.route,
        "deployments": list(asked.deployments),
        "fallbacks": list(asked.fallbacks),
        "tenant": asked.tenant,
        "may_lookup": {"ok": key is not None, "reason": asked.reason},
        "parts": [{"name": part, "value": value} for part, value in parts],
        "digest": None if key is None else key.digest.hex(),
        "scope": None if key is None else key.scope.hex(),
        **{
            one.tier: {
                "result": one.value.result,
                "age_seconds": one.value.age,
                "remaining_seconds": one.value.remaining,
                "request_id": one.value.request_id,
            }
            for one in found
        },
        "why": why,
    }


def _lines(
    asked: KeyedRequest, parts: list[tuple[str, str]], found: list[Answer[Lookup]], why: list[str], style: Style
) -> Iterator[str]:
    yield style.paint("REQUEST", "bold")
    meant = [("model", asked.model), ("route", asked.route), ("asked first", ", ".join(asked.deployments))]
    if asked.fallbacks:
        meant.append(("fallbacks", f"{', '.join(asked.fallbacks)} (other models' answers are not stored)"))
    verdict = Cell("yes", "good") if asked.key is not None else Cell(f"no: {asked.reason}", "warn")
    yield from facts([*meant, ("may look up", verdict)], style)
    if parts:
        yield from ("", style.paint("KEY", "bold"))
        yield from facts([part for part in parts if part[0] not in _LAST], style)
        yield from note("Twelve hex digits stand for what may hold a prompt: equal digits, equal content.", style)
        yield ""
        yield from facts([part for part in parts if part[0] in _LAST], style)
    for one in found:
        yield from ("", style.paint(one.name, "bold"))
        yield from facts(_rows(one), style)
    yield from ("", style.paint("WHY", "bold"))
    for reason in why:
        yield from wrapped(reason, style, indent=2)
    if asked.key is not None:
        only = " and ".join(one.name for one in found)
        verb = "were" if len(found) > 1 else "was"
        told = f"Only {only} {verb} asked: a running process may have it in its L1, which this command cannot see."
        yield from note(told, style)


def _rows(one: Answer[Lookup]) -> list[tuple[str, Cell | str]]:
    found = one.value
    rows: list[tuple[str, Cell | str]] = [("path", one.location)]
    rows.append(("says", Cell(found.result.replace("_", " "), _TONES.get(found.result))))
    if found.age is not None:
        rows.append(("age", lasting(found.age)))
    if found.remaining is not None:
        rows.append(("fresh for", lasting(found.remaining)))
    if found.request_id is not None:
        rows.append(("stored by", f"request {found.request_id}"))
    return rows
