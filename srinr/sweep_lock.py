"""One driver at a time: a lock beside the store of a sweep.

The lock is held on ``<store>.lock``, a file without content that stays; the operating system unlocks it when its
owner dies, however it dies. On a network file system this needs working POSIX locks (NFS 4, or NFS 3 with its
lock daemon): without them, take care to start one driver only.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from srinr.status import FileFormatError, SrinrError, WriteError


class StoreInUseError(SrinrError):
    """Another sweep is writing to the store."""


def take_lock(path: Path) -> sqlite3.Connection:
    """Hold an exclusive lock until the connection is closed or the process ends."""
    # A database of its own: SQLite knows the locks of every platform, and readers of the store stay free.
    lock: sqlite3.Connection | None = None
    try:
        lock = sqlite3.connect(f"{path}.lock", timeout=0.0, isolation_level=None)
        lock.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        if lock is not None:
            lock.close()
        if not isinstance(error, sqlite3.OperationalError):
            raise FileFormatError(f"{path}.lock: not the lock of a store ({error}); remove it") from error
        if "locked" in str(error):
            raise StoreInUseError(
                f"{path}: another sweep is running on this store; wait for it, stop it, or choose another store"
            ) from error
        raise WriteError(f"cannot write {path}.lock: {error}; check the folder") from error
    return lock
