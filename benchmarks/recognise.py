"""What it costs to ask of each HTTP request whether it is an LLM call, beside its floor.

    python benchmarks/recognise.py [--rounds N]

The floor is one comparison of the method and one look-up of the path's last segment in a set: no question about a path
can cost less. `find` is what a hook asks of every request of a program; `recognise` also reads the body, which only a
request at the right path comes to: its floor is `json.loads`. Compare ratios, not numbers, between machines.
"""

from __future__ import annotations

import argparse
import functools
import json
from typing import Any

from harness import Side, Work, compete, table

LAST = frozenset({b"completions", b"responses", b"messages", b"embeddings", b"chat", b"generate", b"embed"})
REQUESTS = {
    "GET": ("GET", b"/v1/users/17"),
    "POST, another path": ("POST", b"/api/v2/orders/17/items?expand=lines"),
    "POST, a look-alike": ("POST", b"/v1/organization/usage/completions"),
    "POST, chat completions": ("POST", b"/v1/chat/completions"),
    "POST, Azure": ("POST", b"/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21"),
}
_REPEAT = 100  # of the question itself, so that the harness's own loop does not count


def _often(ask: Any) -> Work:
    def once() -> None:
        for _ in range(_REPEAT):
            ask()

    return Work(once=once)


def floor(method: str, target: bytes, _url: str) -> Work:
    def ask() -> bool:
        return method == "POST" and target.partition(b"?")[0].rpartition(b"/")[2] in LAST

    return _often(ask)


def find(method: str, target: bytes, extra: bool, _url: str) -> Work:
    from beastmode_otel.wire import Recogniser

    recogniser = Recogniser({"/llm/*/ask": "openai.chat"} if extra else {})
    return _often(lambda: recogniser.find(method, target))


def _body(length: int) -> bytes:
    messages = [{"role": "user", "content": "why is the sky blue? " * (length // 20)}]
    return json.dumps({"model": "gpt-4o-mini", "messages": messages, "temperature": 0.2}).encode()


def parse(length: int, _url: str) -> Work:
    body = _body(length)
    return _often(lambda: json.loads(body))


def whole(length: int, _url: str) -> Work:
    from beastmode_otel.wire import recognise

    body, target = _body(length), b"/v1/chat/completions"
    return _often(lambda: recognise(method="POST", host="api.openai.com", target=target, body=body))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    unit = 1e-6 * _REPEAT
    for name, (method, target) in REQUESTS.items():
        sides = [
            Side(name="method and set", make=functools.partial(floor, method, target)),
            Side(name="find", make=functools.partial(find, method, target, False)),
            Side(name="find, with a path of one's own", make=functools.partial(find, method, target, True)),
        ]
        table(f"{name}: {target.decode()}", compete(sides, "", rounds=rounds, count=2000), unit=unit)
    for length in (1_500, 100_000):
        sides = [
            Side(name="json.loads", make=functools.partial(parse, length)),
            Side(name="recognise", make=functools.partial(whole, length)),
        ]
        table(f"chat completions, {length:,} characters", compete(sides, "", rounds=rounds, count=50), unit=unit)


if __name__ == "__main__":
    main()
