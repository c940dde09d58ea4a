"""The file of the configured L3, as the command line opens it."""

from __future__ import annotations

import argparse
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from beastmode_otel.cache.envelope import Sealed
from beastmode_otel.cache.tier import TierUnavailable
from beastmode_otel.cache.tiers.sqlite.errors import edge
from beastmode_otel.cache.tiers.sqlite.file import NotReady, open_reader
from beastmode_otel.cache.tiers.sqlite.tier import SQLiteTier
from beastmode_otel.cli.exits import Failed
from beastmode_otel.config import Config, load
from beastmode_otel.runtime import ThreadLane

T = TypeVar("T")

_BUSY_MILLISECONDS: Final = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """path: where the file is, or would be."""

    config: Config
    path: Path
    tenant: str
    codec: Sealed

    def read(self, work: Callable[[sqlite3.Connection], T]) -> T | None:
        """`work` on a connection that cannot write: looking changes nothing, not even what is damaged.

        None when nothing was ever stored there. Raises Failed.
        """
        if not self.path.exists():
            return None
        try:
            with edge(), closing(self._reader()) as connection:
                connection.execute(f"PRAGMA busy_timeout = {_BUSY_MILLISECONDS}").fetchall()
                return work(connection)
        except TierUnavailable as ill:
            if isinstance(ill.__cause__, NotReady):
                return None
            raise _failed(self.path, ill) from ill

    def _reader(self) -> sqlite3.Connection:
        return open_reader(self.path)

    @contextmanager
    def tier(self) -> Iterator[SQLiteTier]:
        """The tier itself, for what writes. Raises Failed, and ConfigError when there can be no such file."""
        lane = ThreadLane()
        tier = SQLiteTier(
            self.path,
            codec=self.codec,
            lane=lane,
            stale=self.config.cache.stale_if_error,
            max_bytes=self.config.cache.l3.max_bytes,
            tell=_to_stderr,
        )
        try:
            yield tier
        except TierUnavailable as ill:
            raise _failed(self.path, ill) from ill
        finally:
            lane.close()
            tier.close()


def _to_stderr(text: str) -> None:
    print(f"beastmode-otel: {text}", file=sys.stderr)


def _failed(path: Path, ill: TierUnavailable) -> Failed:
    return Failed(f"{path}: {ill.reason}", *(() if ill.healthy else ("is it in use, corrupt, or not our file?",)))


def store_of(given: argparse.Namespace) -> Store:
    """The store that the options mean. Raises ConfigError, and Failed where there is none."""
    config = load(given.config)
    path = config.cache.l3.path
    if path is None:
        raise Failed("this configuration has no L3: cache.l3.url is off", "the other tiers have no file to look into")
    secret = config.cache.secret
    return Store(
        config=config,
        path=Path(path).expanduser().resolve(),
        tenant=getattr(given, "tenant", None) or config.namespace,
        codec=Sealed(secret.reveal().encode() if secret else None),
    )
