"""The command in a careless shell: whatever its streams, signals and configuration are, one line and a status."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

COMMAND = str(Path(sys.executable).with_name("beastmode-otel"))
QUIET = {"OTEL_SDK_DISABLED": "true", "BEASTMODE_CACHE": "on"}
PATIENCE = 120  # seconds: not a measurement, what hangs hangs for ever
VERBS = {  # one of each way to print
    "--version": ["--version"],
    "--help": ["--help"],
    "doctor": ["doctor"],
    "cache stats --json": ["cache", "stats", "--json"],
    "collector": ["collector", "list"],
}
READS_CONFIG = {"doctor": ["doctor"], "cache stats": ["cache", "stats"]}


def environ(folder: Path, **more: str) -> dict[str, str]:
    l3 = f"sqlite:///{folder}/cache.db"
    return {**os.environ, **QUIET, "BEASTMODE_L3_URL": l3, "HOME": str(folder), **more}


def run(folder: Path, words: list[str], shell: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    """shell: redirections, written after the command."""
    command = ["sh", "-c", f'"$@" {shell}', "sh", COMMAND, *words]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, cwd=folder, env=environ(folder, **more), check=False,
        input='{"messages": []}',
    )  # fmt: skip


def is_tidy(errors: str) -> bool:
    return "Traceback" not in errors and "Exception ignored" not in errors


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("verb", VERBS)
def test_a_full_disk_behind_stdout(verb, tmp_path):
    done = run(tmp_path, VERBS[verb], "> /dev/full")
    assert is_tidy(done.stderr), done.stderr
    assert done.returncode in (1, 2)
    assert done.returncode == 2 or "No space left on device" in done.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_stdout_is_closed(verb, tmp_path):
    done = run(tmp_path, VERBS[verb], ">&-")
    assert is_tidy(done.stderr), done.stderr
    assert done.returncode in (1, 2)
    assert done.returncode == 2 or "Bad file descriptor" in done.stderr


@pytest.mark.parametrize("shell", ["2>&-", "<&-", "2>/dev/full", "<&- >&- 2>&-"])
@pytest.mark.parametrize("verb", ["doctor", "collector"])
def test_other_streams_are_closed_or_full(verb, shell, tmp_path):
    done = run(tmp_path, VERBS[verb], shell)
    assert is_tidy(done.stderr), done.stderr
    assert done.returncode in (0, 1)


@pytest.mark.parametrize("verb", VERBS)
def test_a_reader_that_has_seen_enough(verb, tmp_path):
    read, write = os.pipe()
    os.close(read)
    process = subprocess.Popen(
        [COMMAND, *VERBS[verb]], stdin=subprocess.DEVNULL, stdout=write, stderr=subprocess.PIPE, text=True,
        cwd=tmp_path, env=environ(tmp_path),
    )  # fmt: skip
    os.close(write)
    _, errors = process.communicate(timeout=PATIENCE)
    assert is_tidy(errors), errors
    assert process.returncode in (1, 2)


@pytest.mark.parametrize("after", [0.1, 0.4, 1.0])
@pytest.mark.parametrize(
    "words", [["demo", "--seconds", "60"], ["cache", "explain", "--model", "chat", "-"]], ids=["demo", "explain"]
)
def test_ctrl_c_at_any_moment(words, after, tmp_path):
    """During imports, while it runs, and while it ends."""
    environment = {**environ(tmp_path), "PYTHONNOUSERSITE": "1"}
    environment.pop("OTEL_SDK_DISABLED")  # without telemetry there is no demo
    process = subprocess.Popen(
        [COMMAND, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=tmp_path, env=environment,
    )  # fmt: skip
    _until_ours(process)
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert is_tidy(errors), errors
    assert process.returncode in (130, -signal.SIGINT)  # to a shell both are 130


def _until_ours(process: subprocess.Popen[str]) -> None:
    """Until a handler of SIGINT is ours: before, Python itself starts, which nobody can change."""
    status = Path(f"/proc/{process.pid}/status")
    bit = 1 << (signal.SIGINT - 1)
    until = time.monotonic() + PATIENCE
    while status.exists() and time.monotonic() < until:
        caught = next(line for line in status.read_text().splitlines() if line.startswith("SigCgt:"))
        maps = Path(f"/proc/{process.pid}/maps").read_text() if int(caught.split()[1], 16) & bit else ""
        if "_ssl" in maps or "_json" in maps or "_uuid" in maps:  # the package is being imported
            return
        time.sleep(0.002)


def fifo(path: Path) -> None:
    os.mkfifo(path)


def huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(4 * 1024**3)  # sparse


def loop(path: Path) -> None:
    path.symlink_to(path)


CONFIGS: Mapping[str, Callable[[Path], Any]] = {
    "a pipe": fifo,
    "a directory": Path.mkdir,
    "4 GB": huge,
    "nothing": lambda path: None,
    "a loop of links": loop,
    "a device without an end": lambda path: path.symlink_to("/dev/zero"),
    "no text": lambda path: path.write_bytes(b"\xff\xfe" * 1000),
}


@pytest.mark.parametrize("verb", READS_CONFIG)
@pytest.mark.parametrize("config", CONFIGS)
def test_a_configuration_that_is_none(config, verb, tmp_path):
    path = tmp_path / "odd.toml"
    CONFIGS[config](path)
    done = run(tmp_path, READS_CONFIG[verb], BEASTMODE_CONFIG=str(path))
    assert is_tidy(done.stderr), done.stderr
    told = done.stderr + done.stdout
    assert "odd.toml" in told.replace("\n", "").replace(" ", "")
    assert done.returncode == (1 if verb == "doctor" else 2)


def test_the_null_device_is_an_empty_configuration(tmp_path):
    done = run(tmp_path, ["cache", "stats"], BEASTMODE_CONFIG=os.devnull)
    assert (done.returncode, done.stderr) == (0, "")
