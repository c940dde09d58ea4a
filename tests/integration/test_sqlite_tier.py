"""The SQLite tier with real files, processes, forks, locks and damage; what all tiers promise is in tests/contract."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from beastmode_otel.cache.tier import TierUnavailable
from beastmode_otel.cache.tiers.hits import EVERY, MOST
from beastmode_otel.cache.tiers.sqlite import file as sqlite_file
from beastmode_otel.cache.tiers.sqlite import schema as sqlite_schema
from beastmode_otel.cache.tiers.sqlite.errors import unavailable
from beastmode_otel.cache.tiers.sqlite.file import directory_lock
from beastmode_otel.cache.tiers.sqlite.tier import SQLiteTier
from beastmode_otel.errors import ConfigError
from beastmode_otel.runtime import WorkerPool
from contract.samples import CODEC, NOW, Clock, entry, key

TESTS = Path(__file__).parent.parent
WORKER = Path(__file__).with_name("sqlite_worker.py")
needs_fork = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
SOON = 2.0  # seconds: far more than a read that does not wait needs, far less than any lock here is held


class Home:
    """A path, the tiers over it, and what they told."""

    def __init__(self, directory: Path) -> None:
        self.directory, self.path = directory, directory / "cache.db"
        self.clock, self.pool, self.told = Clock(), WorkerPool(size=2), list[str]()
        self.tiers: list[SQLiteTier] = []

    def tier(self, **changes: Any) -> SQLiteTier:
        facts = {"codec": CODEC, "pool": self.pool, "clock": self.clock, "tell": self.told.append}
        made = SQLiteTier(self.path, **{**facts, **changes})
        self.tiers.append(made)
        return made

    def sql(self, statement: str, *parameters: Any) -> list[Any]:
        connection = sqlite3.connect(self.path, isolation_level=None)
        try:
            return connection.execute(statement, parameters).fetchall()
        finally:
            connection.close()

    def close(self) -> None:
        for one in self.tiers:
            one.close()
        self.pool.close()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    directory = tmp_path / "beastmode_otel"
    directory.mkdir(mode=0o700)
    made = Home(directory)
    yield made
    made.close()


def get(tier: SQLiteTier, of: Any = None) -> Any:
    return tier.ask(of or key()).take()


def mode(path: Path | str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def in_child(work: Callable[[], Any], *, user: int | None = None) -> int:
    """The exit status of a forked child: 0 if `work` returned something true, 1 if not, 2 if it raised."""
    pid = os.fork()
    if pid == 0:
        status = 2
        try:
            if user is not None and os.geteuid() == 0:
                os.setuid(user)
            status = 0 if work() else 1
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


# The path.


def test_the_file_and_its_directories_are_for_the_owner_only(home):
    old = os.umask(0)
    try:
        home.path = home.directory / "a" / "b" / "cache.db"
        home.tier().put(entry())
    finally:
        os.umask(old)
    assert (mode(home.directory / "a"), mode(home.directory / "a" / "b")) == (0o700, 0o700)
    assert [mode(f"{home.path}{suffix}") for suffix in ("", "-wal", "-shm")] == [0o600] * 3
    assert sorted(os.listdir(home.path.parent)) == ["cache.db", "cache.db-shm", "cache.db-wal"]


def test_home_and_symbolic_links_are_followed(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home.directory))
    home.path = "~/x/cache.db"
    tier = home.tier()
    assert tier.path == home.directory.resolve() / "x" / "cache.db"
    link = home.directory / "link.db"
    link.symlink_to(tier.path)
    home.path = link
    assert home.tier().path == tier.path


@pytest.mark.parametrize("name", ["", ":memory:", ".", "file/below"])
def test_a_path_that_cannot_be_a_file_is_refused_with_a_hint(home, name):
    (home.directory / "file").write_bytes(b"")
    home.path = home.directory / name if name in (".", "file/below") else name
    with pytest.raises(ConfigError) as refused:
        home.tier()
    assert refused.value.hints


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_directory_that_may_not_be_written_to_is_refused(home):
    os.chmod(home.directory, 0o555)

    def refused() -> bool:
        try:
            home.tier()
        except ConfigError:
            return True
        return False

    opened = open_to_all(home.directory.parent)
    try:
        assert in_child(refused, user=65534) == 0
    finally:
        opened()
        os.chmod(home.directory, 0o755)


def open_to_all(directory: Path) -> Callable[[], None]:
    """Let other users through the directories that pytest keeps to itself."""
    closed = [(one, mode(one)) for one in (directory, *directory.parents) if not mode(one) & 0o001]
    for one, before in closed:
        os.chmod(one, before | 0o011)

    def undo() -> None:
        for one, before in closed:
            os.chmod(one, before)

    return undo


# Read-only.


@pytest.mark.parametrize("directory", [0o777, 0o555], ids=["writable directory", "read-only directory"])
@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_read_only_file_is_read_and_writes_say_so_without_tripping_the_breaker(home, directory):
    first = home.tier()
    first.put(entry())
    first.close()
    os.chmod(home.path, 0o444)
    os.chmod(home.directory, directory)
    opened = open_to_all(home.directory.parent)

    def works() -> bool:
        pool = WorkerPool()
        tier = home.tier(pool=pool)
        assert get(tier) == entry()
        assert tier.stats().entries == 1
        tier.ping()
        for write in (lambda: tier.put(entry()), lambda: tier.delete(key()), lambda: tier.purge(NOW)):
            with pytest.raises(TierUnavailable) as refused:
                write()
            assert refused.value.healthy
            assert "READONLY" in refused.value.reason
        assert get(tier) == entry()
        tier.close()
        return True

    try:
        assert in_child(works, user=65534) == 0
    finally:
        opened()
        os.chmod(home.directory, 0o755)
        os.chmod(home.path, 0o600)


# Locks of others.


def test_a_writer_elsewhere_delays_no_read_and_a_write_for_a_bounded_time(home):
    tier = home.tier()
    tier.put(entry())
    other = sqlite3.connect(home.path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    start = time.monotonic()
    pending = tier.ask(key())
    assert pending.ready(0)
    assert pending.take() == entry()
    with pytest.raises(TierUnavailable) as refused:
        tier.put(entry())
    assert time.monotonic() - start < SOON
    assert not refused.value.healthy
    other.execute("ROLLBACK")
    other.close()
    tier.put(entry(text="after"))
    assert get(tier).text == "after"


@pytest.fixture
def held(home) -> Iterator[sqlite3.Connection]:
    """A database with an entry, held by another process (here another connection) that lets nobody read."""
    tier = home.tier()
    tier.put(entry())
    tier.close()
    other = sqlite3.connect(home.path, isolation_level=None, check_same_thread=False)
    other.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
    other.execute("UPDATE llm_cache SET hit_count = 1").fetchall()
    yield other
    other.close()


def test_a_read_that_would_wait_is_not_ready_and_does_not_wait(home, held):
    tier = home.tier()
    start = time.monotonic()
    waiting = [tier.ask(key()) for _ in range(50)]
    assert not any(pending.ready(0) for pending in waiting)
    assert time.monotonic() - start < SOON
    with pytest.raises(TierUnavailable) as refused:
        waiting[0].take()
    assert not refused.value.healthy
    assert time.monotonic() - start < 2 * SOON
    with pytest.raises(TierUnavailable):
        tier.ping()


def test_a_read_that_waits_on_the_pool_gets_its_answer_when_the_lock_goes(home, held):
    tier = home.tier()
    pending = tier.ask(key())
    assert not pending.ready(0.01)
    timer = threading.Timer(0.05, held.close)
    timer.start()
    assert home.pool.submit(pending.take).result(5) == entry()
    timer.join()
    assert tier.ask(key()).ready(0)


@pytest.mark.parametrize(
    ("code", "healthy"),
    [("IOERR", False), ("CANTOPEN", False), ("BUSY", False), ("FULL", True), ("READONLY", True), ("CONSTRAINT", True)],
)
def test_what_says_something_about_health(code, healthy):
    error = sqlite3.OperationalError("as SQLite says it")
    error.sqlite_errorcode, error.sqlite_errorname = getattr(sqlite3, f"SQLITE_{code}") | 1 << 8, f"SQLITE_{code}_X"
    told = unavailable(error)
    assert told.healthy is healthy
    assert code in told.reason


# Disk full.


def test_a_full_disk_costs_old_entries_and_reads_go_on(home, monkeypatch):
    monkeypatch.setattr(sqlite_file, "WRITER_PRAGMAS", (*sqlite_file.WRITER_PRAGMAS, "max_page_count = 60"))
    tier = home.tier()
    codec_noise = [os.urandom(3_000) for _ in range(200)]
    for n, noise in enumerate(codec_noise):
        tier.put(entry(key(n), body=noise, ttl=100 + n))
        assert get(tier, key(n)) is not None
    assert 0 < tier.stats().entries < 100
    with pytest.raises(TierUnavailable) as refused:
        tier.put(entry(key("huge"), body=os.urandom(1_000_000)))
    assert refused.value.healthy
    assert "FULL" in refused.value.reason
    assert get(tier, key(199)) is not None
    assert home.sql("PRAGMA integrity_check") == [("ok",)]


def test_the_file_stays_within_its_limit_and_keeps_what_is_used(home):
    most = 400_000
    tier = home.tier(max_bytes=most)
    for n in range(400):
        tier.put(entry(key(n), body=os.urandom(3_000), ttl=1000 + n))
        get(tier, key(0))
        if n % 20 == 0:
            tier.purge(NOW)  # brings the hits home
    assert get(tier, key(399)) is not None
    assert get(tier, key(0)) is not None, "the most used entry was evicted"
    assert get(tier, key(1)) is None
    tier.purge(NOW)
    tier.close()
    assert os.path.getsize(home.path) <= most * 1.1


def test_purge_gives_the_space_back(home):
    tier = home.tier()
    for n in range(300):
        tier.put(entry(key(n), body=os.urandom(5_000), ttl=10))
    home.clock.now += 20
    assert tier.purge(home.clock.now) == 300
    tier.close()
    assert os.path.getsize(home.path) < 100_000


# Hits.


def test_hits_are_counted_behind_the_reads(home, monkeypatch):
    tier = home.tier()
    tier.put(entry())
    for _ in range(7):
        get(tier)
    counted = "SELECT hit_count, last_accessed_at FROM llm_cache"
    assert home.sql(counted) == [(0, NOW)]
    home.clock.now += EVERY + 1
    get(tier)
    assert home.pool.drain(5)
    assert home.sql(counted) == [(8, NOW + EVERY + 1)]
    for _ in range(MOST):
        get(tier)
    assert home.pool.drain(5)
    assert home.sql(counted)[0][0] == 8 + MOST
    get(tier)
    tier.close()
    assert home.sql(counted)[0][0] == 9 + MOST


def test_a_new_answer_keeps_the_popularity_of_its_key(home):
    tier = home.tier()
    tier.put(entry())
    get(tier)
    tier.purge(NOW)
    tier.put(entry(age=-1))
    assert home.sql("SELECT hit_count FROM llm_cache") == [(1,)]


# The schema.


def test_the_columns_are_filled(home):
    tier = home.tier()
    tier.put(entry(tags=("a", "b")))
    columns = "model_requested, model_served, request_id, tags, v, input_tokens, output_tokens, cost_usd, namespace"
    assert home.sql(f"SELECT {columns} FROM llm_cache") == [
        ("fast", "gpt-4o-mini-2024-07-18", "req-1", '["a", "b"]', 1, 7, 11, 0.00123, "shop")
    ]
    assert home.sql("PRAGMA journal_mode") == [("wal",)]
    assert home.sql("PRAGMA auto_vacuum") == [(2,)]


def test_the_first_writer_waits_for_others_who_are_looking_at_the_new_file(home):
    tier = home.tier()
    other = sqlite3.connect(home.path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN")
    other.execute("SELECT * FROM sqlite_master").fetchall()  # a shared lock: no switch to WAL, and SQLite does not wait
    timer = threading.Timer(0.4, other.close)
    timer.start()
    tier.put(entry())
    timer.join()
    assert get(tier) == entry()
    assert home.sql("PRAGMA journal_mode") == [("wal",)]


def test_a_newer_schema_is_left_alone(home):
    tier = home.tier()
    tier.put(entry())
    tier.close()
    home.sql(f"PRAGMA user_version = {sqlite_schema.VERSION + 1}")
    before = home.path.read_bytes()
    tier = home.tier()
    for call in (lambda: get(tier), lambda: tier.put(entry()), tier.ping, tier.stats):
        with pytest.raises(TierUnavailable, match="newer beastmode_otel") as refused:
            call()
        assert not refused.value.healthy
    tier.close()
    assert home.path.read_bytes() == before
    assert os.listdir(home.directory) == ["cache.db"]


def test_the_database_of_another_application_is_left_alone(home):
    home.sql("CREATE TABLE theirs (x)")
    tier = home.tier()
    for call in (lambda: get(tier), lambda: tier.put(entry())):
        with pytest.raises(TierUnavailable, match="another application"):
            call()
    assert home.sql("SELECT name FROM sqlite_master") == [("theirs",)]


def test_an_older_schema_is_migrated_and_keeps_its_entries(home, monkeypatch):
    tier = home.tier()
    tier.put(entry())
    tier.close()
    step = ("ALTER TABLE llm_cache ADD COLUMN later TEXT",)
    monkeypatch.setattr(sqlite_schema, "MIGRATIONS", (*sqlite_schema.MIGRATIONS, step))
    monkeypatch.setattr(sqlite_schema, "VERSION", sqlite_schema.VERSION + 1)
    tier = home.tier()
    assert get(tier) is None  # not yet: a read migrates nothing
    assert home.pool.drain(5)
    assert get(tier) == entry()
    assert home.sql("PRAGMA user_version") == [(sqlite_schema.VERSION,)]


def test_a_migration_that_fails_changes_nothing(home, monkeypatch):
    tier = home.tier()
    tier.put(entry())
    tier.close()
    step = ("ALTER TABLE llm_cache ADD COLUMN later TEXT", "CREATE nonsense")
    with monkeypatch.context() as patched:
        patched.setattr(sqlite_schema, "MIGRATIONS", (*sqlite_schema.MIGRATIONS, step))
        patched.setattr(sqlite_schema, "VERSION", sqlite_schema.VERSION + 1)
        with pytest.raises(TierUnavailable, match="syntax error"):
            home.tier().put(entry())
    assert home.sql("PRAGMA user_version") == [(sqlite_schema.VERSION,)]
    assert get(home.tier()) == entry()


# Corruption.


def corrupt(path: Path, how: str) -> None:
    if how == "garbage":
        path.write_bytes(b"this was a database once " * 1_000)
        return
    with path.open("r+b") as file:
        if how == "schema":
            file.seek(100)  # behind the header
            file.write(b"\xff" * 200)
            return
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))  # all pages but the first


@pytest.mark.parametrize("how", ["garbage", "pages"])
@pytest.mark.parametrize("first", ["read", "write"])
def test_a_corrupt_file_is_set_aside_and_a_new_one_begun(home, how, first):
    tier = home.tier()
    for n in range(50):
        tier.put(entry(key(n)))
    tier.close()
    corrupt(home.path, how)
    tier = home.tier()
    if first == "read":
        with pytest.raises(TierUnavailable) as refused:
            get(tier, key(1))
        assert refused.value.healthy
        assert home.pool.drain(5)
        assert get(tier, key(1)) is None
    tier.put(entry(text="new"))
    assert get(tier).text == "new"
    aside = [name for name in os.listdir(home.directory) if ".corrupt-" in name and not name.endswith(("-wal", "-shm"))]
    assert len(aside) == 1
    assert len(home.told) == 1
    assert aside[0] in home.told[0]
    assert mode(home.path) == 0o600
    assert home.sql("PRAGMA integrity_check") == [("ok",)]


@pytest.mark.parametrize("what", ["text", "database"])
@pytest.mark.parametrize("first", ["read", "write"])
def test_a_file_that_never_was_the_caches_stays_where_it_is(home, what, first):
    home.path = home.directory / "theirs" / "notes"
    home.path.parent.mkdir()
    if what == "text":
        home.path.write_text("root:x:0:0:root:/root:/bin/bash\n" * 50)
    else:
        home.sql("PRAGMA user_version = 7")
        home.sql("CREATE TABLE theirs (x)")
        corrupt(home.path, "schema")
    before = home.path.read_bytes()
    tier = home.tier()
    for _ in range(2):
        with pytest.raises(TierUnavailable, match="choose another path") as refused:
            get(tier) if first == "read" else tier.put(entry())
        assert not refused.value.healthy
    home.pool.drain(5)
    tier.close()
    assert home.path.read_bytes() == before
    assert os.listdir(home.path.parent) == ["notes"]
    assert home.told == []


def test_tiers_that_find_the_same_file_corrupt_do_not_fight(home):
    tiers = [home.tier() for _ in range(8)]
    for n, tier in enumerate(tiers):
        tier.put(entry(key(n)))
        get(tier, key(n))
    home.sql("PRAGMA wal_checkpoint(TRUNCATE)")
    corrupt(home.path, "pages")
    threads = [threading.Thread(target=tier.put, args=(entry(key(n)),)) for n, tier in enumerate(tiers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(home.told) == 1
    for n in range(8):
        assert [get(tier, key(n)) == entry(key(n)) for tier in tiers] == [True] * 8
    assert home.sql("SELECT count(*) FROM llm_cache") == [(8,)]


def test_nobody_opens_a_file_that_is_being_replaced(home):
    home.tier().put(entry())
    tier = home.tier()
    with directory_lock(home.directory, alone=True, wait=0.0):
        pending = tier.ask(key())
        assert not pending.ready(0)
        with pytest.raises(TierUnavailable, match="replacing"):
            tier.put(entry())
    assert pending.take() == entry()


def test_only_the_last_corrupt_files_are_kept(home):
    for _ in range(5):
        corrupt(home.path, "garbage")
        tier = home.tier()
        tier.put(entry())
        tier.close()
    assert len(home.told) == 5
    assert len([name for name in os.listdir(home.directory) if ".corrupt-" in name]) == 3


def test_a_file_that_was_removed_is_made_again(home):
    tier = home.tier()
    tier.put(entry())
    get(tier)
    for suffix in ("", "-wal", "-shm"):
        os.unlink(f"{home.path}{suffix}")
    tier.put(entry(text="new"))
    assert get(tier).text == "new"
    assert mode(home.path) == 0o600
    assert home.told == []


# Processes.


@pytest.fixture
def start(home: Home) -> Iterator[Callable[[int, int], subprocess.Popen[str]]]:
    """Starts a worker: seed, operations. Whatever happens, none outlives the test."""
    started: list[subprocess.Popen[str]] = []

    def run(seed: int, operations: int) -> subprocess.Popen[str]:
        worker = subprocess.Popen(
            [sys.executable, str(WORKER), str(home.path), str(seed), str(operations)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), *sys.path])},
        )
        started.append(worker)
        return worker

    yield run
    for worker in started:
        with worker:
            worker.kill()


def go(workers: list[subprocess.Popen[str]]) -> None:
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()


def said(worker: subprocess.Popen[str]) -> list[str]:
    return worker.communicate(timeout=60)[0].splitlines()


def test_processes_share_a_file_and_one_that_is_killed_harms_nobody(home, start):
    workers = [start(seed, 2_000) for seed in range(4)]
    go(workers)
    until = time.monotonic() + 30
    while not home.path.exists() or home.path.stat().st_size < 200_000:
        assert time.monotonic() < until
        time.sleep(0.01)
    workers[0].send_signal(signal.SIGKILL)
    said(workers[0])
    assert workers[0].returncode == -signal.SIGKILL  # it was in the middle of it
    for worker in workers[1:]:
        *other, last, done = said(worker)
        assert (other, last.split()[0], done) == ([], "late", "done")
        assert int(last.split()[1]) < 20
    assert home.sql("PRAGMA integrity_check") == [("ok",)]
    tier = home.tier()
    tier.put(entry())
    assert get(tier) == entry()


@pytest.mark.parametrize("round_", range(3))
def test_processes_that_open_a_new_path_at_once_all_get_it(home, start, round_):
    workers = [start(seed, 50) for seed in range(4)]
    go(workers)
    for worker in workers:
        last, done = said(worker)
        assert done == "done"
        assert int(last.removeprefix("late ")) <= 5  # SQLite's waiting is not fair: 250 ms may go by on a busy machine
    assert home.sql("PRAGMA integrity_check") == [("ok",)]
    assert home.sql("PRAGMA journal_mode") == [("wal",)]


def test_processes_that_find_a_file_corrupt_at_once_replace_it_once(home, start):
    home.path.write_bytes(b"junk" * 5_000)
    workers = [start(seed, 200) for seed in range(4)]
    go(workers)
    outputs = [said(worker) for worker in workers]
    assert all(output[-1] == "done" for output in outputs), outputs
    told = [line for output in outputs for line in output if "set aside" in line]
    assert len(told) == 1, outputs
    assert home.sql("PRAGMA integrity_check") == [("ok",)]
    assert len([name for name in os.listdir(home.directory) if ".corrupt-" in name]) == 1


# Forks.


class Steps:
    """Parent and child take turns."""

    def __init__(self) -> None:
        self._parent, self._child = os.pipe(), os.pipe()

    def child_done(self) -> None:
        os.write(self._child[1], b".")
        os.read(self._parent[0], 1)

    def wait_for_child(self) -> None:
        os.read(self._child[0], 1)

    def parent_done(self) -> None:
        os.write(self._parent[1], b".")


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_of_a_fork_keeps_what_it_writes_when_the_parent_closes(home):
    tier = home.tier()
    tier.put(entry())
    get(tier)
    steps = Steps()

    def child() -> bool:
        tier.put(entry(key("child 1")))
        steps.child_done()  # the parent closes now: were its locks believed to be ours, our log would be deleted
        tier.put(entry(key("child 2")))
        return get(tier, key("child 1")) is not None and get(tier) is not None

    parent = threading.Thread(target=lambda: (steps.wait_for_child(), tier.close(), steps.parent_done()))
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            status = 0 if child() else 1
        finally:
            os._exit(status)
    parent.start()
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    parent.join()
    other = home.tier()
    assert get(other, key("child 1")) is not None
    assert get(other, key("child 2")) is not None
    assert home.sql("PRAGMA integrity_check") == [("ok",)]


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_no_connection_of_the_parent_is_open_in_a_child(home):
    tier = home.tier()
    tier.put(entry())
    get(tier)

    def files() -> list[str]:
        opened = (os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd"))
        return [name for name in opened if name.startswith(str(home.path))]

    assert files()
    assert in_child(lambda: files() == []) == 0
    assert get(tier) == entry()
    assert files()


@needs_fork
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_forks_in_the_middle_of_traffic(home):
    tier, stop, wrong = home.tier(), threading.Event(), list[BaseException]()

    def traffic(seed: int) -> None:
        n = 0
        while not stop.is_set():
            n += 1
            try:
                tier.put(entry(key((seed, n % 20))))
                assert get(tier, key((seed, n % 20))) is not None
            except BaseException as exc:
                wrong.append(exc)

    threads = [threading.Thread(target=traffic, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()

    def child() -> bool:
        for n in range(20):
            tier.put(entry(key(("child", n))))
        return get(tier, key(("child", 19))) is not None

    assert [in_child(child) for _ in range(10)] == [0] * 10
    stop.set()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert home.sql("PRAGMA integrity_check") == [("ok",)]
    assert get(tier, key(("child", 0))) is not None


# Leaving nothing behind.


def test_close_empties_the_log(home):
    tier = home.tier()
    tier.put(entry())
    get(tier)
    tier.close()
    assert os.listdir(home.directory) == ["cache.db"]


def test_threads_that_come_and_go_leave_few_connections(home):
    tier = home.tier()
    tier.put(entry())
    for _ in range(5):
        threads = [threading.Thread(target=get, args=(tier,)) for _ in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    opened = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
    # The log's: SQLite closes the database's own only with the last connection, but uses them again until then.
    assert opened.count(f"{home.path}-wal") <= 12  # the writer, and about 8 readers that wait to be lent


def test_a_reader_leaves_no_lock_behind(home):
    tier = home.tier()
    tier.put(entry())
    get(tier)
    assert home.sql("PRAGMA wal_checkpoint(TRUNCATE)") == [(0, 0, 0)]
