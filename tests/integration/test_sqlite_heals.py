"""Whatever is done to the file of the embedded store: it is healed, set aside, or left alone, and somebody is told."""

from __future__ import annotations

import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel import AsyncModelRouter, ConfigError, ModelRouter
from beastmode_otel.cache import TierUnavailable
from beastmode_otel.cache.tiers.sqlite import schema
from beastmode_otel.cache.tiers.sqlite.tier import SQLiteTier
from beastmode_otel.doctor.examine import outside
from beastmode_otel.runtime import WorkerPool
from beastmode_otel.simulator import Behaviour, Simulator
from contract.samples import CODEC, Clock, entry, key
from support.drivers import QUESTION

ROUNDS = 12  # of one request each: a tier that heals does it behind the first ones


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as made:
        made.define("main", Behaviour(text="fine"))
        yield made


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Not in a folder of our name: there everything would be ours."""
    folder = tmp_path / "shop"
    folder.mkdir(mode=0o700)
    return folder / "cache.db"


@pytest.fixture
def tier(path: Path) -> Iterator[Callable[..., SQLiteTier]]:
    pool, made = WorkerPool("heal", size=2), list[SQLiteTier]()

    def make(told: list[str] | None = None, **more: Any) -> SQLiteTier:
        heard = [] if told is None else told
        made.append(
            SQLiteTier(path, codec=CODEC, pool=pool, clock=Clock(), tell=heard.append, tell_ill=heard.append, **more)
        )
        return made[-1]

    yield make
    for one in made:
        one.close()
    pool.close()


def full(tier: Callable[..., SQLiteTier], path: Path) -> None:
    one = tier()
    for n in range(60):
        one.put(entry(key(n)))
    one.close()
    assert path.stat().st_size > 4 * 4096


def run(path: Path, *statements: str) -> list[Any]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return [connection.execute(statement).fetchall() for statement in statements][-1]
    finally:
        connection.close()


def cut(share: float) -> Callable[[Path], None]:
    return lambda path: os.truncate(path, int(path.stat().st_size * share))


def overwrite(at: int, data: bytes) -> Callable[[Path], None]:
    def harm(path: Path) -> None:
        with path.open("r+b") as file:
            file.seek(at)
            file.write(data)

    return harm


def sql(*statements: str) -> Callable[[Path], None]:
    return lambda path: run(path, *statements)


def log_is(suffix: str, make: Callable[[Path], Any]) -> Callable[[Path], None]:
    def harm(path: Path) -> None:
        place = Path(f"{path}{suffix}")
        place.unlink(missing_ok=True)
        make(place)

    return harm


HARM = {
    "half a file": cut(0.5),
    "one page and a bit": lambda path: os.truncate(path, 5000),
    "the header alone": lambda path: os.truncate(path, 100),
    "fifty bytes": lambda path: os.truncate(path, 50),
    "only zeros": lambda path: path.write_bytes(bytes(20_000)),
    "pages of 0xff": overwrite(4096, b"\xff" * 12_000),
    "pages of zeros": overwrite(4096, bytes(12_000)),
    "the first page behind the header": overwrite(100, b"\xff" * 400),
    "table dropped": sql("DROP TABLE llm_cache"),
    "lease table dropped": sql("DROP TABLE llm_lease"),
    "both tables dropped": sql("DROP TABLE llm_cache", "DROP TABLE llm_lease"),
    "table renamed": sql("ALTER TABLE llm_cache RENAME TO old_cache"),
    "column renamed": sql("ALTER TABLE llm_cache RENAME COLUMN payload TO body"),
    "column dropped": sql("ALTER TABLE llm_cache DROP COLUMN hit_count"),
    "column required": sql("ALTER TABLE llm_cache ADD COLUMN more TEXT NOT NULL DEFAULT 'x'"),
    "indexes dropped": sql("DROP INDEX llm_cache_expiry", "DROP INDEX llm_cache_age"),
    "table is a view": sql("DROP TABLE llm_cache", "CREATE VIEW llm_cache AS SELECT 1 AS payload"),
    "table without its key": sql("DROP TABLE llm_lease", "CREATE TABLE llm_lease (tenant, key, token, ends_at, done)"),
    "trigger ignores": sql(
        "CREATE TRIGGER no BEFORE INSERT ON llm_cache BEGIN SELECT RAISE(IGNORE); END",
    ),
    "version 0": sql("PRAGMA user_version = 0"),
    "version 1": sql("PRAGMA user_version = 1"),
    "version 0 and a table gone": sql("PRAGMA user_version = 0", "DROP TABLE llm_cache"),
    "-wal is a directory": log_is("-wal", Path.mkdir),
    "-shm is a directory": log_is("-shm", Path.mkdir),
    "-journal is a directory": log_is("-journal", Path.mkdir),
    "-wal is a full directory": log_is("-wal", lambda place: (place / "more").mkdir(parents=True)),
    "-wal is a pipe": log_is("-wal", os.mkfifo),
    "-wal leads nowhere": log_is("-wal", lambda place: place.symlink_to("nowhere/at/all")),
}
SILENT = {  # nothing is lost, and so there is nothing to tell
    "one byte": lambda path: os.truncate(path, 1),  # to SQLite as good as none
    "zero bytes": lambda path: os.truncate(path, 0),
    "no file": Path.unlink,
}
LEFT = {  # it may be anything, or in use: it stays where it is
    "text": lambda path: path.write_text("root:x:0:0:root:/root:/bin/bash\n" * 50),
    "somebody's database": lambda path: (path.unlink(), run(path, "CREATE TABLE theirs (x)")),
    "a version of the future": sql(f"PRAGMA user_version = {schema.VERSION + 1}"),
    "a far future": sql("PRAGMA user_version = 2000000000"),
    "another application's id": sql("PRAGMA application_id = 7"),
    "a directory": lambda path: (path.unlink(), path.mkdir()),
}
WHEN = ("before", "while open, a read first", "while open, a write first")


def config(simulator: Simulator, path: Path, **cache: Any) -> dict[str, Any]:
    return {
        "deployments": {"main": {"base_url": simulator.url("main"), "model": "gpt-4o-mini"}},
        "routes": {"chat": {"deployments": ["main"]}},
        "cache": {"mode": "on", "l3": {"url": f"sqlite:///{path}", "soft": 2.0, "hard": 5.0}, **cache},
    }


def warnings(caplog: pytest.LogCaptureFixture, path: Path) -> list[str]:
    return [one.getMessage() for one in caplog.records if str(path) in one.getMessage()]


@pytest.mark.parametrize("when", WHEN)
@pytest.mark.parametrize("harm", [*HARM, *SILENT])
def test_it_heals_and_says_so_once(harm, when, path, tier):
    full(tier, path)
    told: list[str] = []
    one = tier(told)
    if when != "before":
        one.put(entry(key(1)))
        assert one.ask(key(1)).take() is not None
        run(path, "PRAGMA wal_checkpoint(TRUNCATE)")
    {**HARM, **SILENT}[harm](path)
    for n in range(100, 100 + ROUNDS):
        for step in (lambda: one.ask(key(1)).take(), lambda n=n: one.put(entry(key(n)))):
            try:
                step() if "write" not in when or n > 100 else one.put(entry(key(n)))
            except TierUnavailable:
                pass  # a miss, to whoever asks
        assert one._pool.drain(5)
    last = key(100 + ROUNDS - 1)
    assert one.ask(last).take() == entry(last)
    later = tier(told)  # what does not show while it is open is for who comes later
    later.put(entry(key(7)))
    assert later.ask(key(7)).take() == entry(key(7))
    assert run(path, "PRAGMA integrity_check") == [("ok",)]
    assert {finding.code for finding in outside(environ(path))} & {"l3_file_damaged", "l3_file_unusable"} == set()
    assert len(told) <= 1, told
    if harm in HARM and when == "before":
        assert len(told) == 1


@pytest.mark.parametrize("harm", LEFT)
def test_what_may_be_somebody_elses_is_left_alone_and_told_once(harm, path, tier, simulator, caplog):
    full(tier, path)
    caplog.set_level(logging.WARNING)
    router = ModelRouter(config(simulator, path))
    LEFT[harm](path)
    before = None if path.is_dir() else path.read_bytes()
    for n in range(ROUNDS):
        assert router.route("chat", {**QUESTION, "seed": n}).text == "fine"
    router.close()
    assert path.is_dir() if before is None else path.read_bytes() == before
    assert len(warnings(caplog, path)) == 1
    codes = {finding.code: finding for finding in outside(environ(path))}
    assert codes["l3_file_unusable"].hint


def environ(path: Path, **more: str) -> dict[str, str]:
    quiet = {"OTEL_SDK_DISABLED": "true", "BEASTMODE_CACHE": "on"}
    return {**quiet, "BEASTMODE_L3_URL": f"sqlite:///{path}", **more}


def test_requests_never_fail(path, tier, simulator, caplog):
    """Whatever is done to the file between two requests."""
    caplog.set_level(logging.WARNING)
    router = ModelRouter(config(simulator, path))
    for n, harm in enumerate([*HARM.values(), *SILENT.values()]):
        for m in range(3):
            assert router.route("chat", {**QUESTION, "seed": 100 * n + m}).text == "fine"
        for suffix in ("", "-wal", "-shm", "-journal"):
            place = Path(f"{path}{suffix}")
            if place.is_dir() and not place.is_symlink():
                shutil.rmtree(place)
        try:
            harm(path)
        except (sqlite3.Error, OSError):
            continue  # the harm before it was not mended yet: it stands
    assert router.route("chat", QUESTION).text == "fine"
    router.close()


# Who may write to it.


def loosen_file(path: Path) -> None:
    path.touch()
    path.chmod(0o666)


def loosen_folder(path: Path) -> None:
    path.parent.chmod(0o777)


def loosen_sticky(path: Path) -> None:
    path.parent.chmod(0o1777)


def give_away(path: Path) -> None:
    path.touch(0o600)
    os.chown(path, 65534, -1)


def foreign_log(path: Path) -> None:
    path.touch(0o600)
    Path(f"{path}-wal").touch(0o600)
    os.chown(f"{path}-wal", 65534, -1)


LOOSE = [loosen_file, loosen_folder, loosen_sticky]
if getattr(os, "geteuid", lambda: -1)() == 0:
    LOOSE += [give_away, foreign_log]


@pytest.mark.parametrize("kind", [ModelRouter, AsyncModelRouter])
@pytest.mark.parametrize("loose", LOOSE)
def test_what_others_may_write_to_is_refused_without_a_secret(loose, kind, path, simulator):
    loose(path)
    with pytest.raises(ConfigError) as refused:
        kind(config(simulator, path))
    assert "BEASTMODE_SECRET" in str(refused.value)
    found = {finding.code: finding for finding in outside(environ(path))}
    assert "BEASTMODE_SECRET" in found["l3_file_open"].hint
    assert "l3_file_open" not in {one.code for one in outside(environ(path, BEASTMODE_SECRET="s3cret-s3cret"))}


@pytest.mark.parametrize("loose", LOOSE)
def test_with_a_secret_it_is_used(loose, path, simulator):
    loose(path)
    router = ModelRouter(config(simulator, path, secret="s3cret-s3cret"))
    assert router.route("chat", QUESTION).text == "fine"
    router.close()
    assert path.stat().st_size > 0


def test_a_file_that_others_may_write_to_later_is_left_and_told_once(path, simulator, caplog):
    caplog.set_level(logging.WARNING)
    router = ModelRouter(config(simulator, path))
    path.unlink()
    loosen_file(path)
    for n in range(ROUNDS):
        assert router.route("chat", {**QUESTION, "seed": n}).text == "fine"
    router.close()
    assert path.stat().st_size == 0
    assert len(warnings(caplog, path)) == 1
