"""Which embedder a setting means, what each says when it cannot be had, and that none of them gets past the check."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from beastmode_otel.cache.semantic.embedders import (
    Checked,
    EmbedderSpec,
    NotVectors,
    SawNothing,
    open_embedder,
)
from beastmode_otel.cache.semantic.ports import EmbedderFailed
from beastmode_otel.config import Secret
from beastmode_otel.errors import ConfigError

SECRET = "sk-not-to-be-seen-0123456789"


class Scripted:
    """An embedder of a team's own, which answers as it is told."""

    name, dimensions, threshold, languages, most_tokens = "scripted/1", 3, 0.9, None, None

    def __init__(self, embed: Callable[[Sequence[str]], Any] | None = None) -> None:
        self.embed = embed or (lambda texts: [[3.0, 4.0, 0.0]] * len(texts))
        self.share: Any = 0.0
        self.count: Any = 1

    def unread(self, text: str) -> Any:
        return self.share

    def tokens(self, text: str) -> Any:
        return self.count

    def close(self) -> None: ...


def scripted() -> Scripted:
    return Scripted()


OWN = f"{__name__}:scripted"


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, __name__, sys.modules.get(__name__) or types.ModuleType(__name__))
    monkeypatch.setattr(sys.modules[__name__], "scripted", scripted, raising=False)


@pytest.mark.parametrize("said", [OWN, scripted, Scripted, Scripted()], ids=["place", "function", "class", "object"])
def test_an_embedder_of_the_teams_own(said: Any) -> None:
    embedder = open_embedder(said)
    assert (embedder.name, embedder.dimensions, embedder.threshold) == ("scripted/1", 3, 0.9)
    assert embedder.embed(["x", "y"]).tolist() == [pytest.approx([0.6, 0.8, 0.0])] * 2
    assert open_embedder(embedder) is embedder


@pytest.mark.parametrize("said", [None, "minilm", {}, {"kind": "minilm"}, EmbedderSpec()])
def test_the_default_one(said: Any) -> None:
    pytest.importorskip("beastmode_otel_minilm", reason="make semantic installs it")
    embedder = open_embedder(said)
    assert (embedder.name, embedder.most_tokens) == ("all-MiniLM-L6-v2/int8-1", 256)
    assert embedder.embed([]).shape == (0, 384)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("miniLM", ["cannot be made", "package.module:name"]),
        ("no.such.module:thing", ["no.such.module", "ModuleNotFoundError"]),
        (42, ["cannot be made"]),
        (object, ["object is no embedder", "embed, unread, tokens, close, name, dimensions, threshold"]),
        ({"kind": "glove"}, ["kind is 'glove'", "minilm, onnx, model2vec, sentence-transformers, endpoint"]),
        ({"treshold": 1}, ["'treshold'", "did you mean threshold?"]),
        ({"kind": "minilm", "threshold": 0.9}, ["minilm has no settings", "cache.semantic.threshold"]),
        ({"kind": "onnx"}, ["path is missing", "nothing is downloaded"]),
        ({"kind": "onnx", "path": "/no/such.onnx"}, ["'/no/such.onnx'", "ends in .onnx"]),
        ({"kind": "model2vec", "path": "/no/such"}, ["'/no/such'", "folder"]),
        ({"url": "http://x/v1", "dimensions": 3}, ["threshold is missing", "calibrate"]),
        ({"url": "http://x/v1", "threshold": 0.9}, ["dimensions is missing"]),
        ({"url": "ftp://x", "threshold": 0.9, "dimensions": 3}, ["is not a full address"]),
        ({"url": f"http://me:{SECRET}@x", "threshold": 0.9, "dimensions": 3}, ["is not a full address", "api_key"]),
        ({"url": "http://x", "api_key": SECRET}, ["api_key is written out", "env"]),
        ({"kind": "onnx", "languages": "english"}, ["languages is 'english'", '["en", "de"]']),
        ({"kind": "onnx", "threshold": 1.5}, ["threshold is 1.5", "at most 1"]),
        ({"kind": "onnx", "dimensions": True}, ["dimensions is True", "whole number"]),
        ({"kind": "onnx", "path": 3}, ["path is a value of type int"]),
    ],
)
def test_what_cannot_be_meant_says_what_to_write(said: Any, words: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        open_embedder(said, post=Answers([]))
    assert [word for word in words if word not in str(raised.value)] == []
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "package"),
    [("onnx", "onnxruntime"), ("model2vec", "model2vec"), ("sentence-transformers", "sentence-transformers")],
)
def test_a_library_that_is_missing_is_named(
    kind: str, package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package.replace("-", "_"), None)
    model = tmp_path / "model.onnx"
    model.write_bytes(b"x")
    with pytest.raises(ConfigError, match=f"pip install {package}"):
        open_embedder({"kind": kind, "path": str(model if kind == "onnx" else tmp_path)})


def test_without_a_way_to_ask_an_endpoint_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="an endpoint cannot be asked from here"):
        open_embedder({"url": "http://x", "threshold": 0.9, "dimensions": 3})


# The check.

NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    "answer",
    [
        [[NAN, 1.0, 1.0]],
        [[INF, 1.0, 1.0]],
        [[3e38, 3e38, 3e38]],
        [[1.0, 1.0]],
        [[1.0, 1.0, 1.0, 1.0]],
        [[1.0, 1.0, 1.0]] * 2,
        [],
        [1.0, 1.0, 1.0],
        [[1.0, 1.0], [1.0]],
        [["a", "b", "c"]],
        None,
        "text",
        [[None, None, 1.0]],
        np.array([[1j, 1j, 1j]]),
    ],
    ids=repr,
)
def test_what_are_no_vectors_are_a_failure(answer: Any) -> None:
    with pytest.raises(NotVectors, match="scripted/1"):
        Checked(Scripted(lambda _: answer)).embed(["x"])


def test_a_vector_of_zeros_is_a_failure_of_this_text_alone() -> None:
    embedder = Checked(Scripted(lambda texts: [[float(len(text)), 0.0, 0.0] for text in texts]))
    with pytest.raises(SawNothing, match="zeros") as raised:
        embedder.embed(["x", ""])
    assert not isinstance(raised.value, NotVectors)
    assert embedder.embed(["x"]).tolist() == [[1.0, 0.0, 0.0]]


@pytest.mark.parametrize("error", [ValueError(SECRET), MemoryError(SECRET), KeyError("q"), EmbedderFailed("told")])
def test_whatever_it_raises_is_a_failure_without_a_word_of_it(error: Exception) -> None:
    def fail(_: object) -> Any:
        raise error

    with pytest.raises(EmbedderFailed) as raised:
        Checked(Scripted(fail)).embed(["a question"])
    said = f"{raised.value} {raised.value.__cause__} {raised.value.__context__}"
    assert SECRET not in said
    assert "question" not in said


@pytest.mark.parametrize("value", [-0.1, 1.1, NAN, "0.5", None, INF])
def test_a_share_that_is_none_is_a_failure(value: Any) -> None:
    inner = Scripted()
    inner.share = value
    with pytest.raises(EmbedderFailed):
        Checked(inner).unread("x")
    inner.count = value if value != 1.1 else -1
    with pytest.raises(EmbedderFailed):
        Checked(inner).tokens("x")


def test_an_interruption_is_no_failure_of_the_embedder() -> None:
    def stop(_: object) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Checked(Scripted(stop)).embed(["x"])


# Endpoints.


class Answers:
    """A `Post` that keeps what it was asked, and answers from a list."""

    def __init__(self, answers: Sequence[Any]) -> None:
        self.answers, self.asked, self.closed = list(answers), list[tuple[str, Mapping[str, str], Any, float]](), 0

    def __call__(self, url: str, headers: Mapping[str, str], body: bytes, seconds: float) -> tuple[int, bytes]:
        self.asked.append((url, headers, json.loads(body), seconds))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        status, said = answer if isinstance(answer, tuple) else (200, answer)
        return status, said if isinstance(said, bytes) else json.dumps(said).encode()

    def close(self) -> None:
        self.closed += 1


ENDPOINT = {"url": "https://api.example.com/v1", "model": "small-3", "dimensions": 2, "threshold": 0.8}


def rows(*vectors: list[float]) -> dict[str, Any]:
    return {"data": [{"index": place, "embedding": vector} for place, vector in enumerate(vectors)]}


def test_an_endpoint_is_asked_as_openai_is() -> None:
    said = rows([0.0, 2.0], [3.0, 4.0])
    said["data"].reverse()  # servers may
    post = Answers([said])
    embedder = open_embedder({**ENDPOINT, "api_key": Secret(SECRET), "languages": ["en", "de"]}, post)
    assert embedder.embed(["a", "b"]).tolist() == [[0.0, 1.0], pytest.approx([0.6, 0.8])]
    [(url, headers, body, seconds)] = post.asked
    assert (url, body, seconds) == (
        "https://api.example.com/v1/embeddings", {"input": ["a", "b"], "model": "small-3"}, 5.0,
    )  # fmt: skip
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert (embedder.name, embedder.threshold) == ("small-3@api.example.com", 0.8)
    assert embedder.unread("Wie kann ich das ändern?") == 0.0
    assert embedder.unread("Comment puis-je le changer ?") == 1.0
    embedder.close()
    assert post.closed == 1


def test_an_endpoint_of_azures_kind() -> None:
    post = Answers([rows([1.0, 0.0])])
    url = "https://x.example.com/openai/deployments/d/embeddings?api-version=1"
    open_embedder({**ENDPOINT, "url": url, "api_key": Secret(SECRET), "key_header": "api-key"}, post).embed(["a"])
    assert post.asked[0][0] == url
    assert post.asked[0][1]["api-key"] == SECRET


def test_many_texts_are_several_requests() -> None:
    post = Answers([rows(*[[1.0, 0.0]] * 64), rows([0.0, 1.0])])
    found = open_embedder(ENDPOINT, post).embed([str(number) for number in range(65)])
    assert (found[0].tolist(), found[64].tolist(), len(post.asked)) == ([1.0, 0.0], [0.0, 1.0], 2)


class ConnectTimeout(Exception):
    """As the libraries name it."""


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, {"error": f"bad key {SECRET} for: my question"}), "api.example.com: status 401"),
        ((302, b""), "status 302"),
        ((500, b"my question"), "status 500"),
        (b"my question", "holds no 1 embeddings"),
        ({"data": []}, "holds no 1 embeddings"),
        ({"data": None}, "holds no 1 embeddings"),
        ([], "holds no 1 embeddings"),
        ({"data": [{"index": 0}]}, "holds no 1 embeddings"),
        ({"data": [{"index": 5, "embedding": [1, 2]}]}, "holds no 1 embeddings"),
        ({"data": [{"index": 0, "embedding": "AAAA"}]}, "holds no 1 embeddings"),
        ({"data": ["my question"]}, "holds no 1 embeddings"),
        (rows([1.0, 2.0, 3.0]), r"\(1, 3\) in the place of \(1, 2\)"),
        (ConnectTimeout(f"{SECRET}: my question"), "api.example.com: "),
        (ConnectionRefusedError(SECRET), "api.example.com: connection_refused"),
    ],
)
def test_an_endpoint_that_fails_says_so_without_a_key_or_a_text(answer: Any, words: str) -> None:
    embedder = open_embedder({**ENDPOINT, "api_key": Secret(SECRET)}, Answers([answer]))
    with pytest.raises(EmbedderFailed, match=words) as raised:
        embedder.embed(["my question"])
    said = f"{raised.value} {raised.value.__cause__} {raised.value.__context__}"
    assert SECRET not in said
    assert "question" not in said


def test_the_tokens_of_an_endpoint_are_an_estimate() -> None:
    embedder = open_embedder(ENDPOINT, Answers([]))
    assert [embedder.tokens(text) for text in ("", "four", "how are you", "如何取消")] == [0, 1, 3, 4]
