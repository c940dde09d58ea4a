"""Embeddings as OpenAI and Ollama send them: the same text always gets the same unit vector."""

from __future__ import annotations

import base64
import math
import random
import struct
from typing import Any, Final

from beastmode_otel.simulator.answers import ScriptedAnswer, dumps
from beastmode_otel.simulator.request import ClientRequest

_DIMENSIONS: Final = 32


def openai(answer: ScriptedAnswer, ask: ClientRequest) -> bytes:
    """A list of embeddings, each a list of numbers or, when asked for, base64 of little-endian 32-bit floats."""
    data = [
        {"object": "embedding", "index": index, "embedding": _packed(vector) if ask.base64 else vector}
        for index, vector in enumerate(vectors(ask))
    ]
    whole: dict[str, Any] = {
        "object": "list",
        "data": data,
        "model": answer.model,
        "id": f"embd-sim{answer.number:08d}",
    }
    if answer.usage:
        whole["usage"] = {"prompt_tokens": answer.usage.input, "total_tokens": answer.usage.input}
    return dumps(whole)


def ollama(answer: ScriptedAnswer, ask: ClientRequest) -> bytes:
    """Ollama's, or the single vector of its old endpoint."""
    if ask.api == "ollama_embedding":
        return dumps({"embedding": vectors(ask)[0]})
    whole = {
        "model": answer.model,
        "embeddings": vectors(ask),
        "total_duration": 14_143_917,
        "load_duration": 1_019_500,
    }
    return dumps(whole | ({"prompt_eval_count": answer.usage.input} if answer.usage else {}))


def vectors(ask: ClientRequest) -> list[list[float]]:
    """One for each text."""
    return [_vector(f"{ask.model}\0{text}", ask.dimensions or _DIMENSIONS) for text in ask.inputs]


def _vector(seed: str, dimensions: int) -> list[float]:
    draw = random.Random(seed.encode("utf-8", "backslashreplace"))
    values = [draw.gauss(0.0, 1.0) for _ in range(dimensions)]
    length = math.sqrt(sum(value * value for value in values)) or 1.0
    # As 32-bit floats, so that both encodings give the same numbers.
    return list(struct.unpack(f"<{dimensions}f", struct.pack(f"<{dimensions}f", *(value / length for value in values))))


def _packed(vector: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")
