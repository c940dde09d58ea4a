"""Receives requests: finds the behaviour each one addresses, counts it, and has it answered."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import unquote, urlsplit

import h11

from beastmode_otel.errors import ConfigError
from beastmode_otel.simulator.behaviour import Behaviour
from beastmode_otel.simulator.counts import Counts, Received
from beastmode_otel.simulator.http import Connection, ServedRequest
from beastmode_otel.simulator.perform import perform
from beastmode_otel.simulator.reply import PlannedResponse, decide, refuse
from beastmode_otel.simulator.request import read_json, read_request
from beastmode_otel.simulator.script import Script, is_spelled, parse

PREFIX: Final = "/b/"
DEFAULT: Final = "ok"
_HEALTHY: Final = Behaviour()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why no behaviour was found."""

    status: int
    code: str
    message: str


_BAD_KEY: Final = Refusal(status=401, code="invalid_api_key", message="Incorrect API key provided.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a request when its head is complete. path: below the behaviour's part, without query."""

    number: int
    target: str
    path: str
    name: str
    headers: dict[str, str]
    choice: Behaviour | Refusal


class Receiver:
    """The handler behind all connections. Everything but `scripts` and `counts` belongs to the loop's thread."""

    def __init__(self, *, scripts: dict[str, Script], counts: Counts, keys: frozenset[str] | None, seed: int) -> None:
        self._scripts = scripts
        self._counts = counts
        self._keys = keys
        self._draw = random.Random(seed)
        self._spelled: dict[str, Script | Refusal] = {}
        self._number = 0
        self.connections: set[Connection] = set()

    def opened(self, connection: Connection) -> None:
        self.connections.add(connection)

    def closed(self, connection: Connection) -> None:
        self.connections.discard(connection)

    def begin(self, head: h11.Request) -> ServedRequest:
        target = head.target.decode("ascii")
        raw, path = _split(target)
        name = unquote(raw)
        self._counts.head(name)
        self._number += 1
        headers = {key.decode("ascii"): value.decode("latin-1") for key, value in head.headers}
        choice = self._choose(raw, name) if self._admits(headers) else _BAD_KEY
        facts = Facts(number=self._number, target=target, path=path, name=name, headers=headers, choice=choice)
        return ServedRequest(head, facts)

    def body(self, served: ServedRequest) -> None:
        facts: Facts = served.facts
        raw = bytes(served.body)
        served.content = read_json(raw) if served.complete else raw
        received = Received(
            method=served.method,
            path=facts.target,
            headers=facts.headers,
            body=served.content,
            behaviour=facts.name,
            at=served.at,
        )
        self._counts.body(received)

    async def answer(self, served: ServedRequest, connection: Connection) -> None:
        behaviour, reply = _decide(served)
        if served.method == "HEAD":
            reply = replace(reply, body=b"")
        await perform(reply, behaviour, connection, self._draw)

    def end(self, served: ServedRequest) -> None:
        self._counts.end()

    def _admits(self, headers: dict[str, str]) -> bool:
        if self._keys is None:
            return True
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        given = {headers.get(name) for name in ("x-api-key", "api-key", "x-goog-api-key")}
        given.add(bearer if scheme.lower() == "bearer" else None)
        return not self._keys.isdisjoint(given)

    def _choose(self, raw: str, name: str) -> Behaviour | Refusal:
        script: Script | Refusal | None = self._scripts.get(name)
        if script is None and is_spelled(raw):
            script = self._spelled.get(raw) or self._spelled.setdefault(raw, _read(raw))
        return script.next() if isinstance(script, Script) else script or _unknown(name)


def _split(target: str) -> tuple[str, str]:
    """The behaviour's name as it stands in the URL, and the path below it."""
    path = urlsplit(target).path if target.startswith("http") else target.partition("?")[0]
    if not path.startswith(PREFIX):
        return DEFAULT, path
    name, _, rest = path.removeprefix(PREFIX).partition("/")
    return name, f"/{rest}"


def _unknown(name: str) -> Refusal:
    message = f"The simulator has no behaviour {name!r}: define it, or spell one as key=value."
    return Refusal(status=404, code="unknown_behaviour", message=message)


def _read(spelled: str) -> Script | Refusal:
    try:
        return parse(spelled)
    except ConfigError as exc:
        return Refusal(status=400, code="bad_behaviour", message=str(exc))


def _decide(served: ServedRequest) -> tuple[Behaviour, PlannedResponse]:
    facts: Facts = served.facts
    ask = read_request(served.method, facts.path, served.content, facts.target)
    why = facts.choice
    if isinstance(why, Refusal):
        return _HEALTHY, refuse(ask, status=why.status, number=facts.number, code=why.code, message=why.message)
    return why, decide(ask, why, number=facts.number, now=served.at)
