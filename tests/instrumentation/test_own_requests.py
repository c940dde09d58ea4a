"""Our own request for an embedding: over real HTTP, and seen by no instrumentation."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator

import httpx
import pytest

from beastmode_otel.cache.semantic.embedders import open_embedder
from beastmode_otel.cache.semantic.ports import EmbedderFailed
from beastmode_otel.config import Secret
from beastmode_otel.router.upstream import PlainPost
from beastmode_otel.simulator import Simulator
from beastmode_otel.telemetry.suppress import unseen
from support.recorder import Recorder

DIMENSIONS = 32


@pytest.fixture
def post() -> Iterator[PlainPost]:
    made = PlainPost(unseen)
    yield made
    made.close()


def said(url: str) -> dict[str, object]:
    return {
        "url": url, "model": "sim", "dimensions": DIMENSIONS, "threshold": 0.9, "timeout": 5.0,
        "api_key": Secret("sk-of-nobody-0123456789"),
    }  # fmt: skip


def test_an_embedding_is_asked_for_without_a_span_or_a_count(hooked: Recorder, post: PlainPost) -> None:
    with Simulator() as sim:
        embedder = open_embedder(said(sim.url()), post)
        vectors = embedder.embed(["how do I cancel", "my order"])
        assert vectors.shape == (2, DIMENSIONS)
        assert hooked.spans() == []
        assert hooked.total("beastmode.llm.calls") == 0
        httpx.post(f"{sim.url()}/embeddings", json={"model": "sim", "input": "x"})
        assert hooked.total("beastmode.llm.calls") == 1  # of anybody else's it is


def test_an_endpoint_that_is_gone_is_a_failure(post: PlainPost) -> None:
    with Simulator() as sim:
        embedder = open_embedder(said(sim.url()), post)
    with pytest.raises(EmbedderFailed, match="connection_refused"):
        embedder.embed(["x"])


def test_a_closed_one_can_be_used_again_and_a_child_has_its_own(post: PlainPost) -> None:
    with Simulator() as sim:
        embedder = open_embedder(said(sim.url()), post)
        before = embedder.embed(["x"])
        embedder.close()
        assert (embedder.embed(["x"]) == before).all()
        parents = post._client
        with warnings.catch_warnings(action="ignore"):  # that there are threads, which is the case that counts
            child = os.fork()
        if not child:
            code = 1
            try:
                code = 0 if post._client is None and (embedder.embed(["x"]) == before).all() else 2
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert post._client is parents
