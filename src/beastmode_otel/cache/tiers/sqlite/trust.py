"""Who else may write to the file of the SQLite tier: without a secret, whatever stands there is believed."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

_BESIDE: Final = ("", "-wal", "-shm")  # what SQLite reads answers from
_ROOT: Final = 0


def distrust(path: Path) -> str | None:
    """Why entries without a signature cannot be believed there; None where only this user, or root, may write.

    A folder that all may write to counts with the sticky bit too: another user can put a log beside a new file. The
    file system tells no owner on Windows, where this is not looked at.
    """
    if not hasattr(os, "geteuid"):
        return None
    for suffix in _BESIDE:
        try:
            found = os.stat(f"{path}{suffix}")
        except OSError:
            continue
        if found.st_uid not in (os.geteuid(), _ROOT):
            return f"{path}{suffix} belongs to another user ({found.st_uid})"
        if stat.S_ISREG(found.st_mode) and found.st_mode & stat.S_IWOTH:
            return f"{path}{suffix} may be written by every user"
    try:
        folder = os.stat(path.parent)
    except OSError:
        return None
    return f"every user may write to the folder of {path}" if folder.st_mode & stat.S_IWOTH else None


def remedy(path: Path) -> str:
    """What to do about it."""
    return (
        f"set cache.secret (BEASTMODE_SECRET), which signs entries, or give this user a file and a folder of its own: "
        f"chmod go-w {path.parent}"
    )
