"""A BERT encoder in plain numpy, for sentence embeddings: token ids in, one vector of length 1 out.

Every product is cut into blocks that are too small for the BLAS to share among threads, so that an embedding costs the
thread that asks for it and no other: numpy's own threads would fight with the application's, and their number cannot be
set for one thread alone. Measured (docs/decisions.md): the blocks take as long as BLAS held to one thread, and numpy
multiplies them in one call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from beastmode_otel.cache.semantic.ports import Vectors

Floats: TypeAlias = NDArray[np.float32]

_ALONE: Final = 262_144  # multiplications that OpenBLAS still does in the calling thread
_ROWS, _INNER, _COLUMNS = 10, 384, 64  # of a block: 245,760
_AT_ONCE: Final = 1024  # tokens of several texts
_GELU_ROWS: Final = 16  # they stay in the processor's cache through the whole formula
_EPSILON: Final = np.float32(1e-12)


class Linear(NamedTuple):
    """weight: (inner blocks, column blocks, inner, columns). bias: (columns of all blocks,)."""

    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        """(tokens, inputs) to (tokens, outputs)."""
        total = self._part(x, 0)
        for block in range(1, len(self.weight)):
            total += self._part(x, block)
        total += self.bias
        return total

    def _part(self, x: Floats, block: int) -> Floats:
        weight = self.weight[block]
        blocks, inner, columns = weight.shape
        x = x[:, block * inner : (block + 1) * inner]
        out = np.empty((len(x), blocks * columns), np.float32)
        whole = len(x) // _ROWS
        cut = whole * _ROWS
        if whole:
            rows = x[:cut].reshape(whole, 1, _ROWS, inner)
            np.matmul(rows, weight, out=out[:cut].reshape(whole, _ROWS, blocks, columns).transpose(0, 2, 1, 3))
        if cut < len(x):
            np.matmul(x[cut:], weight, out=out[cut:].reshape(-1, blocks, columns).transpose(1, 0, 2))
        return out


class Norm(NamedTuple):
    weight: Floats
    bias: Floats

    def __call__(self, x: Floats) -> Floats:
        """In place."""
        x -= x.mean(axis=1, keepdims=True)
        variance = np.einsum("ij,ij->i", x, x)[:, None] / np.float32(x.shape[1])
        x /= np.sqrt(variance + _EPSILON)
        x *= self.weight
        x += self.bias
        return x


class Layer(NamedTuple):
    """attend: to queries, keys and values, beside each other; the queries are divided by the root of a head's width."""

    attend: Linear
    out: Linear
    attended: Norm
    up: Linear
    down: Linear
    done: Norm


class Encoder:
    """Thread-safe: nothing changes after it is made."""

    def __init__(self, arrays: Mapping[str, NDArray[Any]], *, layers: int, heads: int) -> None:
        """arrays: as tools/minilm/quantise.py writes them. Raises KeyError or ValueError for others."""
        self._words, self._scales = arrays["words"], arrays["words.scale"]
        self._positions: Floats = arrays["positions"]
        self._heads = heads
        self.dimensions = int(self._words.shape[1])
        self.most_tokens = len(self._positions)
        self._norm = Norm(arrays["norm.weight"], arrays["norm.bias"])
        self._layers = [_layer(arrays, f"{number}.", heads) for number in range(layers)]

    def __call__(self, texts: Sequence[Sequence[int]]) -> Vectors:
        """texts: token ids, with those that begin and end a sequence; none empty, none above `most_tokens`."""
        vectors = np.empty((len(texts), self.dimensions), np.float32)
        start = 0
        while start < len(texts):
            end, tokens = start + 1, len(texts[start])
            while end < len(texts) and tokens + len(texts[end]) <= _AT_ONCE:
                tokens += len(texts[end])
                end += 1
            vectors[start:end] = self._several(texts[start:end])
            start = end
        return vectors

    def _several(self, texts: Sequence[Sequence[int]]) -> Vectors:
        """One after the other in one matrix: only attention needs to know where a text ends."""
        ids = np.concatenate([np.asarray(text) for text in texts])
        ends = np.cumsum([len(text) for text in texts])
        spans = [slice(end - len(text), end) for text, end in zip(texts, ends, strict=True)]
        x = self._words[ids] * self._scales[ids, None]
        for span in spans:
            x[span] += self._positions[: span.stop - span.start]
        x = self._norm(x)
        for layer in self._layers:
            mixed = layer.attend(x)
            context = np.concatenate([_attention(mixed[span], self._heads) for span in spans])
            x = layer.attended(layer.out(context) + x)
            x = layer.done(layer.down(_gelu(layer.up(x))) + x)
        means: Floats = np.stack([x[span].mean(axis=0) for span in spans])
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        return means


def _attention(mixed: Floats, heads: int) -> Floats:
    """One text's (tokens, 3 * dimensions) to (tokens, dimensions)."""
    tokens, width = len(mixed), mixed.shape[1] // 3
    queries, keys, values = mixed.reshape(tokens, 3, heads, width // heads).transpose(1, 2, 0, 3)
    keys = np.ascontiguousarray(keys.transpose(0, 2, 1))
    out = np.empty((tokens, width), np.float32)
    context = out.reshape(tokens, heads, width // heads).transpose(1, 0, 2)
    rows = max(1, _ALONE // (tokens * (width // heads)))
    for start in range(0, tokens, rows):
        weights = queries[:, start : start + rows] @ keys
        weights -= weights.max(axis=2, keepdims=True)
        np.exp(weights, out=weights)
        part = context[:, start : start + rows]
        np.matmul(weights, values, out=part)
        part /= weights.sum(axis=2, keepdims=True)  # there is less of it than of the weights
    return out


def _gelu(x: Floats) -> Floats:
    """In place. x * Phi(x), with erf from Abramowitz and Stegun, 7.1.26, whose error is that of float32."""
    for start in range(0, len(x), _GELU_ROWS):
        rows = x[start : start + _GELU_ROWS]
        size = np.abs(rows)
        z = size * np.float32(0.5**0.5)
        t = np.reciprocal(z * np.float32(0.3275911) + np.float32(1))
        rest = t * np.float32(1.061405429)
        for factor in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
            rest += np.float32(factor)
            rest *= t
        z *= -z
        rest *= np.exp(z, out=z)  # 1 - erf
        rest *= size
        rest *= np.float32(0.5)
        np.subtract(np.maximum(rows, 0, out=rows), rest, out=rows)
    return x


def _layer(arrays: Mapping[str, NDArray[Any]], prefix: str, heads: int) -> Layer:
    def linear(name: str) -> Linear:
        name = prefix + name
        weight: Floats = arrays[name] * arrays[f"{name}.scale"][:, None]
        return Linear(_blocks(weight), arrays[f"{name}.bias"].copy())

    def norm(name: str) -> Norm:
        return Norm(arrays[f"{prefix}{name}.weight"], arrays[f"{prefix}{name}.bias"])

    attend, width = linear("attend"), len(arrays[f"{prefix}attend"]) // 3
    root = np.float32((width / heads) ** 0.5)
    attend.weight[:, : width // _COLUMNS] /= root
    attend.bias[:width] /= root
    return Layer(attend, linear("out"), norm("attended"), linear("up"), linear("down"), norm("done"))


def _blocks(weight: Floats) -> Floats:
    """(outputs, inputs), as the model has it, to `Linear.weight`."""
    outputs, inputs = weight.shape
    cut = weight.T.reshape(inputs // _INNER, _INNER, outputs // _COLUMNS, _COLUMNS)
    return np.ascontiguousarray(cut.transpose(0, 2, 1, 3))
