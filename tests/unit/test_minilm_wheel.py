"""tools/minilm: what is fetched is what was pinned, and what is built from it is what is installed."""

from __future__ import annotations

import importlib
import json
import struct
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest

TOOL = Path(__file__).parents[2] / "tools" / "minilm"


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(TOOL))
    return importlib.import_module("build_wheel")


@pytest.fixture
def quantise(build: Any) -> Any:
    return importlib.import_module("quantise")


def test_files_that_are_not_the_pinned_ones_are_refused(build: Any, tmp_path: Path) -> None:
    for name in build.SOURCES:
        (tmp_path / name).write_bytes(b"others")
    with pytest.raises(build.Failed, match=r"model\.safetensors, vocab\.txt differs from the pinned digest"):
        build.sources(tmp_path)


def test_a_folder_without_them_is_refused(build: Any, tmp_path: Path) -> None:
    with pytest.raises(build.Failed, match="FileNotFoundError"):
        build.sources(tmp_path)


@pytest.mark.parametrize(("option", "code"), [([], 1), (["--optional"], 0)])
def test_where_it_cannot_be_made_that_is_said(tmp_path: Path, option: list[str], code: int) -> None:
    """In an interpreter that has the wheel's requirements, and not the wheel."""
    script = f"""
import sys
sys.path.insert(0, {str(TOOL)!r})
import build_wheel
build_wheel.installed = lambda: False
build_wheel.RESULT = "of another version"
sys.argv = ["build_wheel.py", "--from", {str(tmp_path)!r}, *{option!r}]
raise SystemExit(build_wheel.main())
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout.startswith("semantic matching stays off")
    assert "make semantic" in done.stdout
    assert "FileNotFoundError" in done.stdout


def test_what_is_installed_is_what_was_pinned(build: Any, quantise: Any) -> None:
    folder = files(pytest.importorskip("beastmode_otel_minilm", reason="make semantic installs it"))
    assert build.installed()
    with folder.joinpath("arrays.npz").open("rb") as file, np.load(file) as arrays:
        assert quantise.digest(dict(arrays)) == build.RESULT
    told = json.loads(folder.joinpath("digests.json").read_text("utf-8"))
    assert told == {**build.SOURCES, "arrays": build.RESULT}


def test_rounding_is_by_row_and_at_most_half_a_step(quantise: Any) -> None:
    draw = np.random.default_rng(1)
    sizes = np.logspace(-3, 3, 20)[:, None]
    tensors = {
        "embeddings.word_embeddings.weight": (draw.normal(size=(20, 8)) * sizes).astype(np.float32),
        "embeddings.token_type_embeddings.weight": draw.normal(size=(2, 8)).astype(np.float32),
        "embeddings.position_embeddings.weight": draw.normal(size=(300, 8)).astype(np.float32),
    }  # fmt: skip
    for name in ("embeddings.LayerNorm", *(
        f"encoder.layer.{number}.{part}" for number in range(6) for part in (
            "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense",
            "intermediate.dense", "output.dense", "attention.output.LayerNorm", "output.LayerNorm",
        )
    )):  # fmt: skip
        tensors[f"{name}.weight"] = draw.normal(size=(8, 8)).astype(np.float32)
        tensors[f"{name}.bias"] = draw.normal(size=8).astype(np.float32)
    tensors["embeddings.word_embeddings.weight"][3] = 0
    arrays = quantise.quantised(tensors)
    words, scale = arrays["words"], arrays["words.scale"]
    assert words.dtype == np.int8
    error = np.abs(words * scale[:, None] - tensors["embeddings.word_embeddings.weight"])
    assert (error <= scale[:, None] * 0.501).all()
    assert len(arrays["positions"]) == 256
    assert arrays["5.attend"].shape == (24, 8)
    again = {name: arrays[name].copy() for name in reversed(arrays)}
    assert quantise.digest(again) == quantise.digest(arrays)
    again["words"][0, 0] += 1
    assert quantise.digest(again) != quantise.digest(arrays)


def test_a_file_of_tensors_is_read(quantise: Any) -> None:
    values = np.arange(6, dtype="<f4")
    header = json.dumps(
        {
            "__metadata__": {"format": "pt"},
            "positions": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]},
            "w": {"dtype": "F32", "shape": [2, 3], "data_offsets": [8, 32]},
        }
    ).encode()
    content = struct.pack("<Q", len(header)) + header + bytes(8) + values.tobytes()
    tensors = quantise.read_safetensors(content)
    assert list(tensors) == ["w"]
    assert tensors["w"].tolist() == [[0, 1, 2], [3, 4, 5]]
