"""What can be told of the SQLite file without changing it, for the doctor."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from beastmode_otel.cache.tier import FileFacts, TierUnavailable
from beastmode_otel.cache.tiers.sqlite import repair
from beastmode_otel.cache.tiers.sqlite import schema as sql
from beastmode_otel.cache.tiers.sqlite.errors import is_busy
from beastmode_otel.cache.tiers.sqlite.file import NotReady, is_ours, located, obstacles, open_reader
from beastmode_otel.cache.tiers.sqlite.trust import distrust

_KEPT_ASIDE = ".corrupt-"


def examine(path: str | os.PathLike[str], *, signed: bool) -> FileFacts:
    """Reads at most the beginning of the file. Raises ConfigError where no such path can be."""
    whole = located(path)
    problem, mends = _problem(whole)
    return FileFacts(
        where=str(whole),
        problem=problem,
        mends_itself=mends,
        distrusted=None if signed else distrust(whole),
        aside=_aside(whole),
    )


def _problem(path: Path) -> tuple[str | None, bool]:
    """What is wrong, and whether the next process that writes will mend it."""
    if not path.exists():
        folder = next((one for one in path.parents if one.exists()), path.parent)
        may = folder.is_dir() and os.access(folder, os.W_OK)
        return (None, False) if may else (f"{path} cannot be made: {folder} may not be written to", False)
    if not path.is_file():
        return f"{path} is not a file", False
    if not os.access(path, os.R_OK):
        return f"{path} may not be read by this user", False
    if os.access(path, os.W_OK) and not os.access(path.parent, os.W_OK):
        return f"the folder of {path} may not be written to, and SQLite keeps its log there", False
    blocked = obstacles(path)
    if blocked:
        return f"{blocked[0]} is no file, and SQLite's log belongs there", True
    try:
        with closing(open_reader(path)) as reader:
            reader.execute(sql.PROBE).fetchall()
    except NotReady:
        return _lost(path)
    except TierUnavailable as ill:
        return ill.reason, False
    except sqlite3.Error as exc:
        return (None, False) if is_busy(exc) else (f"{path}: {exc}", is_ours(path))
    return None, False


def _lost(path: Path) -> tuple[str | None, bool]:
    """A new file lacks nothing, nor does one of an older release; one that has lost a table does."""
    try:
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0)) as reader:
            version, _, tables = reader.execute(sql.STATE).fetchone()
            found = repair.present(reader)
    except sqlite3.Error as exc:
        return f"{path}: {exc}", is_ours(path)
    if not version and not tables:
        return None, False
    of = repair.version_of(found, version)
    if of is None:
        return f"{path}: its tables are not as any release made them", True
    gone = repair.missing(found, of)
    if gone:
        return f"{path} has lost {', '.join(gone)}", True
    return (None, False) if of == version else (f"{path} says version {version}, its tables are of version {of}", True)


def _aside(path: Path) -> tuple[str, ...]:
    """The files that were found corrupt and set aside, the oldest first."""
    try:
        names = os.listdir(path.parent)
    except OSError:
        return ()
    return tuple(sorted(name for name in names if name.startswith(f"{path.name}{_KEPT_ASIDE}") and name.endswith("Z")))
