"""What a cache key costs beside its floor: a sorted JSON encoding and a SHA-256, without any check.

    python benchmarks/key.py [--rounds N]

Ours gives digest and scope, tells 1 from true and accepts 1.0 for 1, refuses NaN, and keeps the bytes equal whichever
encoder is installed. `parts` adds the building of the KeyParts; `memo` is a request that came before, spelled the
same way. Compare ratios, not numbers, between machines.
"""

from __future__ import annotations

import argparse
import base64
import functools
import json
import random
from hashlib import sha256
from typing import Any

from harness import Side, Work, compete, table

MODEL = "gpt-4o-mini"
_WORDS = ("why", "does", "the", "short", "wave", "of", "light", "scatter", "more", "in", "air", "than", "dust?")
_TOOL = {
    "type": "function",
    "function": {
        "name": "lookup",
        "description": "Finds an order by its number.",
        "parameters": {
            "type": "object",
            "properties": {"number": {"type": "string"}, "limit": {"type": "integer", "minimum": 1}},
            "required": ["number"],
        },
    },
}


def chat(turns: int, length: int, **more: Any) -> dict[str, Any]:
    """A conversation of `turns` messages with about `length` characters each."""
    rng = random.Random(1)
    said = [" ".join(rng.choices(_WORDS, k=length // 5)) for _ in range(turns)]
    messages = [{"role": ("user", "assistant")[at % 2], "content": text} for at, text in enumerate(said)]
    system = {"role": "system", "content": "You answer in one paragraph, and say when you are not sure."}
    return {"model": MODEL, "messages": [system, *messages], "temperature": 0.2, "max_tokens": 300, **more}


def picture() -> dict[str, Any]:
    data = base64.b64encode(random.Random(1).randbytes(750_000)).decode()
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}
    request = chat(1, 200)
    request["messages"][1]["content"] = [{"type": "text", "text": "What is this?"}, image]
    return request


REQUESTS = {
    "1.5 kB": chat(3, 400),
    "5 kB, 4 tools": chat(9, 400, tools=[_TOOL] * 4),
    "100 kB": chat(41, 2400),
    "1 MB data URL": picture(),
}


def floor(size: str, encoder: str, _url: str) -> Work:
    body = REQUESTS[size]
    if encoder == "json":
        dumps = functools.partial(json.dumps, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return Work(once=lambda: sha256(dumps(body).encode()).digest())
    import orjson

    return Work(once=lambda: sha256(orjson.dumps(body, None, orjson.OPT_SORT_KEYS)).digest())


def ours(size: str, encoder: str, fresh: bool, _url: str, *, memo: bool = False) -> Work:
    from beastmode_otel.cache.canonical import accelerated, stdlib
    from beastmode_otel.cache.key import KeyMemo, KeyParts, KeyTarget, derive

    encode = stdlib if encoder == "json" else accelerated()
    if encode is None:
        raise ImportError("orjson is not installed")
    target = KeyTarget("openai", "https://api.openai.com/v1", MODEL)
    make = functools.partial(
        KeyParts,
        tenant="acme",
        namespace="shop",
        api="openai.chat",
        targets=(target,),
        requested=f"openai:{MODEL}",
        body=REQUESTS[size],
    )
    if fresh:
        return Work(once=lambda: derive(make(), encoder=encode))
    parts = make()
    if memo:
        keys = KeyMemo()
        return Work(once=lambda: keys.derive(parts))
    return Work(once=lambda: derive(parts, encoder=encode))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    for size, body in REQUESTS.items():
        length = len(json.dumps(body))
        for encoder in ("orjson", "json"):
            sides = [
                Side(name=f"{encoder} + sha256", make=functools.partial(floor, size, encoder)),
                Side(name=f"derive ({encoder})", make=functools.partial(ours, size, encoder, False)),
                Side(name=f"derive + parts ({encoder})", make=functools.partial(ours, size, encoder, True)),
                Side(name="memo", make=functools.partial(ours, size, encoder, False, memo=True)),
            ]
            count = max(20, 10_000_000 // (length + 1_000))
            table(f"{size} ({length:,} characters), {encoder}", compete(sides, "", rounds=rounds, count=count))


if __name__ == "__main__":
    main()
