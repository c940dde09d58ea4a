"""The model's float32 weights to the int8 arrays that cache/semantic/embedders/bert.py reads."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

LAYERS = 6
POSITIONS = 256  # of the 512 of the model, which was trained on no more


def read_safetensors(content: bytes) -> dict[str, NDArray[Any]]:
    """The float32 tensors of a file in the format safetensors."""
    (size,) = struct.unpack_from("<Q", content)
    header = json.loads(content[8 : 8 + size])
    tensors = {}
    for name, told in header.items():
        if told.get("dtype") == "F32":
            start, end = told["data_offsets"]
            flat = np.frombuffer(content, "<f4", (end - start) // 4, 8 + size + start)
            tensors[name] = flat.reshape(told["shape"])
    return tensors


def quantised(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Each row of a matrix as int8, times a scale of its own; vectors and positions stay float32."""
    arrays: dict[str, NDArray[Any]] = {}

    def put(name: str, matrix: NDArray[Any]) -> None:
        scale = np.abs(matrix).max(axis=1) / np.float32(127)
        scale[scale == 0] = 1
        arrays[name] = np.rint(matrix / scale[:, None]).astype(np.int8)
        arrays[f"{name}.scale"] = scale

    def put_norm(name: str, source: str) -> None:
        for part in ("weight", "bias"):
            arrays[f"{name}.{part}"] = tensors[f"{source}.{part}"]

    put("words", tensors["embeddings.word_embeddings.weight"])
    # A sentence is all of the first type: its embedding is the same for every token.
    kinds = tensors["embeddings.token_type_embeddings.weight"]
    arrays["positions"] = tensors["embeddings.position_embeddings.weight"][:POSITIONS] + kinds[0]
    put_norm("norm", "embeddings.LayerNorm")
    for number in range(LAYERS):
        source = f"encoder.layer.{number}"
        attend = [f"{source}.attention.self.{part}" for part in ("query", "key", "value")]
        linears = {
            "attend": attend,
            "out": [f"{source}.attention.output.dense"],
            "up": [f"{source}.intermediate.dense"],
            "down": [f"{source}.output.dense"],
        }
        for name, sources in linears.items():
            put(f"{number}.{name}", np.concatenate([tensors[f"{each}.weight"] for each in sources]))
            arrays[f"{number}.{name}.bias"] = np.concatenate([tensors[f"{each}.bias"] for each in sources])
        put_norm(f"{number}.attended", f"{source}.attention.output.LayerNorm")
        put_norm(f"{number}.done", f"{source}.output.LayerNorm")
    return arrays


def digest(arrays: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 of names, types, shapes and contents: the same whatever wrote the file that holds them."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(np.ascontiguousarray(array).tobytes())
    return total.hexdigest()
