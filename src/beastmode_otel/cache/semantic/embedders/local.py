"""Models on this machine, in the libraries that run them: imported when one is configured, never downloaded."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from beastmode_otel.cache.semantic.embedders.languages import foreign
from beastmode_otel.cache.semantic.embedders.minilm import MiniLM
from beastmode_otel.cache.semantic.embedders.spec import EmbedderSpec, wrong
from beastmode_otel.cache.semantic.ports import Vectors

_EDGE: Final = 65_536  # bytes of each end of a file of weights that its fingerprint is made of
_WEIGHTS: Final = (".safetensors", ".bin", ".onnx", ".npz", ".npy", ".pt")
_LONG: Final = 20_000  # characters, above which nobody counts tokens


class OnnxMiniLM(MiniLM):
    """all-MiniLM-L6-v2 from an .onnx file, by onnxruntime on one thread; its tokens are made here.

    Its vectors are near those of int8, and yet other ones: they are never compared with each other.
    """

    def __init__(self, spec: EmbedderSpec) -> None:
        """Raises ConfigError."""
        super().__init__()
        path = spec.needed_path(folder=False)
        runtime = _library("onnxruntime", "onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        try:
            self._session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        except Exception as exc:  # noqa: BLE001  (whatever the library raises, it cannot)
            kind = type(exc).__name__
        else:
            kind = ""
        if kind:
            raise wrong(f"onnxruntime cannot read the model ({kind})", "is it the .onnx file of all-MiniLM-L6-v2?")
        self._inputs = {each.name for each in self._session.get_inputs()}
        self.name = spec.name or f"all-MiniLM-L6-v2/onnx-{fingerprint(path)}"
        self.threshold = self.threshold if spec.threshold is None else spec.threshold

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One after the other: a batch would be as long as its longest."""
        return np.stack([self._one(text) for text in texts])

    def _one(self, text: str) -> Vectors:
        ids = np.array([self.ids(text)], dtype=np.int64)
        given = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        outputs = self._session.run(None, {name: given[name] for name in self._inputs})
        tokens: Vectors = outputs[0][0]
        return tokens.mean(axis=0) if tokens.ndim == 2 else tokens  # some files have the pooling in them


class Local:
    """A model whose library makes the vectors. The model is loaded when it is made: before the first request."""

    def __init__(
        self,
        spec: EmbedderSpec,
        path: Path,
        encode: Callable[[list[str]], Any],
        ids: Callable[[str], Sequence[int]],
        *,
        unknown: int | None,
        most_tokens: int | None,
    ) -> None:
        """ids: a text's tokens. unknown: the token of what the vocabulary lacks. Raises ConfigError."""
        self.threshold = spec.needed_threshold()
        self._encode, self._ids, self._unknown = encode, ids, unknown
        self.name = spec.name or f"{spec.model or path.name}-{fingerprint(path)}"
        self.dimensions = spec.dimensions or len(np.asarray(encode(["dimensions"]))[0])
        self.languages = spec.languages
        self.most_tokens = spec.most_tokens or most_tokens

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.asarray(self._encode(list(texts)), dtype=np.float32)

    def unread(self, text: str) -> float:
        ids = list(self._ids(text[:_LONG]))
        unknown = ids.count(self._unknown) / len(ids) if ids and self._unknown is not None else 0.0
        return max(unknown, foreign(text, self.languages))

    def tokens(self, text: str) -> int:
        return len(text) if len(text) > _LONG else len(self._ids(text))

    def close(self) -> None:
        """Nothing: the library keeps no connection."""


def model2vec(spec: EmbedderSpec) -> Local:
    """Raises ConfigError."""
    path = spec.needed_path(folder=True)
    library = _library("model2vec", "model2vec")
    model = _loaded(path, lambda: library.StaticModel.from_pretrained(str(path)))

    def ids(text: str) -> Sequence[int]:
        found: Sequence[int] = model.tokenizer.encode(text, add_special_tokens=False).ids
        return found

    unknown = getattr(model, "unk_token_id", None)
    return Local(spec, path, model.encode, ids, unknown=unknown, most_tokens=512)


def sentence_transformers(spec: EmbedderSpec) -> Local:
    """Raises ConfigError."""
    path = spec.needed_path(folder=True)
    library = _library("sentence_transformers", "sentence-transformers")
    model = _loaded(path, lambda: library.SentenceTransformer(str(path), local_files_only=True))

    def ids(text: str) -> Sequence[int]:
        found: Sequence[int] = model.tokenizer(text, add_special_tokens=True, truncation=False)["input_ids"]
        return found

    def encode(texts: list[str]) -> Any:
        return model.encode(texts, show_progress_bar=False, convert_to_numpy=True)

    unknown = getattr(model.tokenizer, "unk_token_id", None)
    return Local(spec, path, encode, ids, unknown=unknown, most_tokens=model.max_seq_length)


def fingerprint(path: Path) -> str:
    """Eight digits that change with the weights: vectors of others are not comparable, whatever a folder is called."""
    files = [path] if path.is_file() else sorted(each for each in path.rglob("*") if each.suffix in _WEIGHTS)
    total = hashlib.sha256()
    for file in files:
        size = file.stat().st_size
        total.update(f"{file.name} {size}\n".encode())
        with file.open("rb") as opened:
            total.update(opened.read(_EDGE))
            opened.seek(max(0, size - _EDGE))
            total.update(opened.read(_EDGE))
    return total.hexdigest()[:8]


def _library(module: str, package: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise wrong(f"{package} is not installed", f"pip install {package}") from None


def _loaded(path: Path, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except Exception as exc:  # noqa: BLE001  (as above)
        kind = type(exc).__name__
    raise wrong(f"the model in {str(path)!r} cannot be loaded ({kind})", "is the folder complete? nothing is fetched")
