"""The cache's own misfortunes, and its file that several processes share: the app has its answer in any case."""

from __future__ import annotations

import logging
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel import instrument, uninstrument
from beastmode_otel.cache.entry import Entry
from beastmode_otel.cache.memory import Memory
from beastmode_otel.instrumentation import hook
from beastmode_otel.simulator import Behaviour, Simulator
from instrumentation.apps import QUESTION, STREAMED, chat, make
from support.law import assert_law
from support.recorder import Recorder

MARK = "x-beastmode-cache"
PROGRAM = """
import sys
import {library}
import beastmode_otel
beastmode_otel.instrument(cache={{"l3": {{"url": sys.argv[1], "soft": 20.0}}}})
with {library}.Client() as client:
    response = client.post(sys.argv[2], json={{"model": "m", "messages": []}}, headers={{"authorization": sys.argv[3]}})
print(response.headers.get("x-beastmode-cache"), response.json()["choices"][0]["message"]["content"])
"""


def url_of(path: Path) -> dict[str, Any]:
    """A file that is waited for, also on a busy machine."""
    return {"l3": {"url": f"sqlite:///{path}", "soft": 20.0}}


def test_processes_share_what_they_bought(simulator: Simulator, tmp_path: Path) -> None:
    """Whatever library they use; with the same key only. What is owed is written when the program ends."""
    simulator.define("said", Behaviour(text="once"))

    def run(library: str, key: str) -> str:
        program = PROGRAM.format(library=library)
        where = f"sqlite:///{tmp_path}/cache.db"
        done = subprocess.run(
            [sys.executable, "-c", program, where, chat(simulator, "said"), key],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.strip()

    assert run("httpx", "Bearer a") == "None once"
    assert run("httpx2", "Bearer a") == "hit; tier=l3 once"
    assert run("httpx2", "Bearer b") == "None once"
    assert simulator.received == 2
    raw = (tmp_path / "cache.db").read_bytes()
    assert b"Bearer" not in raw


@pytest.mark.parametrize("stream", [False, True])
def test_entry_that_is_damaged_is_a_miss(
    stream: bool, kind: tuple[str, str], simulator: Simulator, recorder: Recorder, tmp_path: Path
) -> None:
    file, body = tmp_path / "cache.db", STREAMED if stream else QUESTION
    for damage in (None, "update llm_cache set payload = x'00ff00ff'"):
        if damage is not None:
            with sqlite3.connect(file) as connection:
                assert connection.execute(damage).rowcount == 1
            connection.close()
        instrument(cache=url_of(file), **recorder.providers)
        app = make(*kind)
        try:
            response = app.open(chat(simulator), body)
            app.pieces(response)
        finally:
            app.close()
            uninstrument()
        assert (response.status_code, response.headers.get(MARK)) == (200, None)
    assert simulator.received == 2
    assert_law(recorder, simulator, calls=2)


def test_file_that_is_no_database(
    kind: tuple[str, str], simulator: Simulator, recorder: Recorder, tmp_path: Path
) -> None:
    (tmp_path / "cache.db").write_bytes(b"certainly no database" * 100)
    instrument(cache=url_of(tmp_path / "cache.db"), **recorder.providers)
    app = make(*kind)
    try:
        assert [app.post(chat(simulator)).status_code for _ in range(2)] == [200, 200]
    finally:
        app.close()
        uninstrument()
    assert_law(recorder, simulator, calls=2)


class IllMemory(Memory):
    """L1 with a fault of ours in one of its methods."""

    ill = ""

    def get(self, *args: Any) -> Any:
        if self.ill == "get":
            raise ZeroDivisionError
        return super().get(*args)

    def put(self, entry: Entry, now: float) -> None:
        if self.ill == "put":
            raise ZeroDivisionError
        super().put(replace(entry, body=b"no json") if self.ill == "body" else entry, now)


@pytest.mark.parametrize("ill", ["get", "put"])
@pytest.mark.parametrize("stream", [False, True])
def test_fault_of_the_cache_is_a_plain_call(
    ill: str, stream: bool, kind: tuple[str, str], simulator: Simulator, cached: Recorder, caplog: Any
) -> None:
    """Told once in the log, and the app's answer is the provider's."""
    _put_in(ill)
    app = make(*kind)
    with caplog.at_level(logging.WARNING, "beastmode_otel"):
        for _ in range(2):
            response = app.open(chat(simulator), STREAMED if stream else QUESTION)
            assert app.pieces(response)
            assert response.headers.get(MARK) is None
    app.close()
    assert len([record for record in caplog.records if "could not be observed" in record.message]) == 1
    assert_law(cached, simulator, calls=2)


def _put_in(ill: str) -> None:
    context = hook._context
    assert context is not None
    assert context.blocking is not None
    assert context.asyncio is not None
    memory = IllMemory(1 << 20, 100)
    memory.ill = ill
    context.blocking.tiered.memory = context.asyncio.tiered.memory = memory


def test_entry_that_cannot_be_replayed_is_bought_anew(
    kind: tuple[str, str], simulator: Simulator, cached: Recorder
) -> None:
    """Its bytes are sound, and not what they should be: another version of ours may have written them."""
    _put_in("body")
    app = make(*kind)
    for _ in range(2):
        response = app.open(chat(simulator), STREAMED)
        assert b"chatcmpl" in b"".join(app.pieces(response))
        assert response.headers.get(MARK) is None
    app.close()
    assert cached.total("beastmode.request.duration", beastmode__cache__status="miss") == 2
    assert_law(cached, simulator, calls=2)
