"""Models of this machine, behind stand-ins for the libraries that run them: they have what ours calls of the real ones
(onnxruntime 1.32, model2vec 0.10, sentence-transformers 6.2), with which this was tried by hand."""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beastmode_otel.cache.semantic.embedders import open_embedder
from beastmode_otel.errors import ConfigError

WORDS = {"[UNK]": 0, "how": 1, "do": 2, "i": 3, "cancel": 4}


def ids_of(text: str) -> list[int]:
    return [WORDS.get(word, 0) for word in text.lower().split()]


def encode(texts: Sequence[str], **_: Any) -> Any:
    return np.array([[1.0, len(text), 0.0, 0.0] for text in texts])


class Model2Vec(types.ModuleType):
    def __init__(self) -> None:
        super().__init__("model2vec")
        self.loaded: list[str] = []
        self.StaticModel = types.SimpleNamespace(from_pretrained=self.load)

    def load(self, path: str) -> Any:
        if not (Path(path) / "model.safetensors").exists():
            raise FileNotFoundError(path)
        self.loaded.append(path)

        def tokenized(text: str, *, add_special_tokens: bool) -> Any:
            assert not add_special_tokens
            return types.SimpleNamespace(ids=ids_of(text))

        return types.SimpleNamespace(
            encode=encode, tokenizer=types.SimpleNamespace(encode=tokenized), unk_token_id=WORDS["[UNK]"]
        )


class SentenceTransformers(types.ModuleType):
    def __init__(self) -> None:
        super().__init__("sentence_transformers")

    def SentenceTransformer(self, path: str, *, local_files_only: bool) -> Any:
        assert local_files_only, "nothing is downloaded"

        class Tokenizer:
            unk_token_id = WORDS["[UNK]"]

            def __call__(self, text: str, *, add_special_tokens: bool, truncation: bool) -> dict[str, list[int]]:
                assert add_special_tokens
                assert not truncation
                return {"input_ids": [101, *ids_of(text), 102]}

        return types.SimpleNamespace(encode=encode, tokenizer=Tokenizer(), max_seq_length=128)


class OnnxRuntime(types.ModuleType):
    """The file says which outputs the model has: of tokens, or of the whole text."""

    def __init__(self) -> None:
        super().__init__("onnxruntime")
        self.options: Any = None

    def SessionOptions(self) -> Any:
        return types.SimpleNamespace(intra_op_num_threads=0, inter_op_num_threads=0)

    def InferenceSession(self, path: str, options: Any, *, providers: list[str]) -> Any:
        content = Path(path).read_bytes()
        if content == b"junk":
            raise RuntimeError("Protobuf parsing failed")
        self.options = options
        names = ["input_ids", "attention_mask"] + ["token_type_ids"] * (content == b"tokens")

        def run(_: None, given: dict[str, Any]) -> list[Any]:
            assert sorted(given) == sorted(names)
            ids = given["input_ids"]
            assert (ids.dtype, ids.ndim, ids[0, 0], ids[0, -1]) == (np.int64, 2, 101, 102)
            tokens = np.repeat(ids[..., None], 384, axis=2).astype(np.float32)
            return [tokens if content == b"tokens" else tokens.mean(axis=1)]

        inputs = [types.SimpleNamespace(name=name) for name in names]
        return types.SimpleNamespace(run=run, get_inputs=lambda: inputs)


@pytest.fixture
def library(request: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    made = request.param()
    monkeypatch.setitem(sys.modules, made.__name__, made)
    return made


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    model = tmp_path / "potion"
    model.mkdir()
    (model / "model.safetensors").write_bytes(b"weights")
    return model


@pytest.mark.parametrize(
    ("library", "kind", "most", "tokens"),
    [(Model2Vec, "model2vec", 512, 4), (SentenceTransformers, "sentence-transformers", 128, 6)],
    indirect=["library"],
)
def test_a_model_in_a_folder(library: Any, folder: Path, kind: str, most: int, tokens: int) -> None:
    embedder = open_embedder({"kind": kind, "path": str(folder), "threshold": 0.8, "languages": ["en"]})
    assert (embedder.dimensions, embedder.threshold, embedder.most_tokens) == (4, 0.8, most)
    assert embedder.embed(["abc", ""]).tolist() == [pytest.approx([0.1**0.5, 0.9**0.5, 0, 0]), [1.0, 0, 0, 0]]
    assert embedder.tokens("how do i cancel") == tokens
    assert embedder.unread("how do i cancel") == 0.0
    assert embedder.unread("how do i unsubscribe") == pytest.approx(1 / tokens)
    assert embedder.unread("wie kann ich das ändern") == 1.0
    assert embedder.tokens("x" * 30_000) > most


@pytest.mark.parametrize("library", [Model2Vec], indirect=True)
def test_other_weights_have_another_name(library: Any, folder: Path) -> None:
    said = {"kind": "model2vec", "path": str(folder), "threshold": 0.8}
    first = open_embedder(said).name
    assert first.startswith("potion-")
    assert open_embedder(said).name == first
    (folder / "model.safetensors").write_bytes(b"Weights")
    assert open_embedder(said).name != first
    assert open_embedder({**said, "name": "ours/2"}).name == "ours/2"


@pytest.mark.parametrize("library", [Model2Vec], indirect=True)
def test_a_model_that_cannot_be_loaded_is_a_mistake_of_the_configuration(library: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be loaded \(FileNotFoundError\)"):
        open_embedder({"kind": "model2vec", "path": str(tmp_path), "threshold": 0.8})


@pytest.mark.parametrize("library", [Model2Vec], indirect=True)
def test_its_threshold_must_be_written(library: Any, folder: Path) -> None:
    with pytest.raises(ConfigError, match="threshold is missing"):
        open_embedder({"kind": "model2vec", "path": str(folder)})


@pytest.mark.parametrize("library", [OnnxRuntime], indirect=True)
@pytest.mark.parametrize("content", [b"tokens", b"pooled"])
def test_minilm_from_an_onnx_file(library: Any, tmp_path: Path, content: bytes) -> None:
    pytest.importorskip("beastmode_otel_minilm", reason="make semantic installs it")
    model = tmp_path / "model.onnx"
    model.write_bytes(content)
    embedder = open_embedder({"kind": "onnx", "path": str(model)})
    assert library.options.intra_op_num_threads == library.options.inter_op_num_threads == 1
    assert embedder.name.startswith("all-MiniLM-L6-v2/onnx-")
    assert (embedder.threshold, embedder.languages, embedder.most_tokens) == (0.95, {"en"}, 256)
    assert np.abs(embedder.embed(["how do I", "cancel"]) - 384**-0.5).max() < 1e-6
    assert embedder.unread("ฉันจะ") == 1.0


@pytest.mark.parametrize("library", [OnnxRuntime], indirect=True)
def test_a_file_that_is_no_onnx_model_is_a_mistake_of_the_configuration(library: Any, tmp_path: Path) -> None:
    pytest.importorskip("beastmode_otel_minilm", reason="make semantic installs it")
    (tmp_path / "model.onnx").write_bytes(b"junk")
    with pytest.raises(ConfigError, match=r"onnxruntime cannot read the model \(RuntimeError\)"):
        open_embedder({"kind": "onnx", "path": str(tmp_path / "model.onnx")})
