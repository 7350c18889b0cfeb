"""The store of a sweep: one SQLite file, one row per finished trial, written by one driver at a time.

Every row is a transaction of its own that has reached the disk when :meth:`SweepStore.add` returns (rollback
journal, ``synchronous = EXTRA``): neither ``kill -9`` nor a power cut takes back a finished trial. SQLite's
write-ahead log is not used: it needs shared memory, which network file systems lack. Only the driver opens the
file for writing (see :mod:`srinr.sweep_lock`); anybody may read it meanwhile (:func:`read_store`).
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import sqlite3
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from srinr._version import __version__
from srinr.status import FileFormatError, SrinrError, WriteError
from srinr.sweep_cells import Cell, cell_key
from srinr.sweep_lock import take_lock
from srinr.sweep_trials import Row, TrialStatus

_APPLICATION, _SCHEMA = 0x53524E52, 1  # "SRNR"
_MAGIC = b"SQLite format 3\x00"
_BUSY_SECONDS = 60.0
_TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE cells (id INTEGER PRIMARY KEY, cell TEXT NOT NULL UNIQUE, names TEXT NOT NULL,
    n_trials INTEGER NOT NULL);
CREATE TABLE trials (cell TEXT NOT NULL, trial INTEGER NOT NULL, status TEXT NOT NULL, returned TEXT NOT NULL,
    message TEXT NOT NULL, seconds REAL NOT NULL, attempts INTEGER NOT NULL, worker TEXT NOT NULL,
    entropy TEXT NOT NULL, environment TEXT NOT NULL, finished TEXT NOT NULL, PRIMARY KEY (cell, trial));
"""
_COLUMNS = (
    "cell", "trial", "status", "returned", "message", "seconds", "attempts", "worker", "entropy",
    "environment", "finished",
)  # fmt: skip


class StoreMismatchError(SrinrError, ValueError):
    """The store belongs to another trial function or seed."""


@dataclass(frozen=True)
class StoreContent:
    """What a store holds: planned cells with their numbers of trials, and the finished trials."""

    trial: str
    seed: int
    cells: tuple[tuple[Cell, int], ...]
    rows: tuple[Row, ...]


class SweepStore:
    """A store opened for writing; use it as a context manager.

    Parameters
    ----------
    path : path or None
        Created when missing; None keeps the rows in memory.
    trial : str
        Name of the trial function, see :func:`srinr.sweep_trials.trial_name`.
    seed : int
        Seed of the sweep.

    Raises
    ------
    StoreInUseError
        Another driver has it open.
    StoreMismatchError
        It was made by another trial function or with another seed.
    FileFormatError
        It is no store of a sweep, damaged, or of another version's schema.
    WriteError
        It cannot be created or written.
    """

    def __init__(self, path: str | os.PathLike[str] | None, trial: str, seed: int) -> None:
        self.path = None if path is None else Path(path)
        self._lock: sqlite3.Connection | None = None
        if self.path is not None:
            _check_header(self.path)
            self._lock = take_lock(self.path)
        try:
            with _translated(self.path, writing=True):
                self._db = _connect(":memory:" if self.path is None else str(self.path), writing=True)
                self._prepare(trial, seed)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> SweepStore:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and let other drivers in."""
        if hasattr(self, "_db"):
            self._db.close()
        if self._lock is not None:
            self._lock.close()

    def plan(self, cells: Sequence[Cell], n_trials: int) -> None:
        """Record which trials are wanted, so that a reader sees what is missing; plans only grow."""
        statement = (
            "INSERT INTO cells (cell, names, n_trials) VALUES (?, ?, ?) ON CONFLICT (cell) "
            "DO UPDATE SET n_trials = max(n_trials, excluded.n_trials)"
        )
        entries = [(cell_key(cell), json.dumps(list(cell)), n_trials) for cell in cells]
        with _translated(self.path, writing=True), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            found = self._db.execute("SELECT names FROM cells LIMIT 1").fetchone()
            if found and set(json.loads(found[0])) != set(cells[0]):
                raise StoreMismatchError(
                    f"{self.path} holds cells named by {json.loads(found[0])}, these are named by "
                    f"{list(cells[0])}; choose another store"
                )
            self._db.executemany(statement, entries)

    def add(self, row: Row) -> None:
        """Write one row; it is on the disk when this returns.

        Raises
        ------
        WriteError
            Full disk, or no permission; every row written before is safe.
        """
        marks = ", ".join("?" * len(_COLUMNS))
        values = (
            cell_key(row.cell), row.trial, row.status.value, json.dumps(row.returned), row.message, row.seconds,
            row.attempts, row.worker, row.entropy, json.dumps(row.environment), row.finished,
        )  # fmt: skip
        with _translated(self.path, writing=True), self._db:
            self._db.execute("BEGIN IMMEDIATE")
            self._db.execute(f"INSERT INTO trials ({', '.join(_COLUMNS)}) VALUES ({marks})", values)

    def content(self) -> StoreContent:
        """All that the store holds."""
        with _translated(self.path):
            return _content(self._db)

    def _prepare(self, trial: str, seed: int) -> None:
        if not self._db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            self._create(trial, seed)
        if self.path is not None:
            _check_schema(self._db, self.path)
        found = dict(self._db.execute("SELECT name, value FROM meta"))
        for name, given in (("trial", trial), ("seed", str(seed))):
            if found.get(name) != given:
                raise StoreMismatchError(
                    f"{self.path} holds a sweep with {name} {found.get(name)!r}, this one has {given!r}; choose "
                    "another store, or repeat what made this one"
                )
        driver = f"process {os.getpid()} on {socket.gethostname()}"
        with self._db:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('driver', ?)", (driver,))

    def _create(self, trial: str, seed: int) -> None:
        made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        entries = [("trial", trial), ("seed", str(seed)), ("created", made), ("srinr", __version__)]
        with self._db:
            self._db.execute("BEGIN EXCLUSIVE")
            for statement in _TABLES.split(";")[:-1]:
                self._db.execute(statement)
            self._db.executemany("INSERT INTO meta VALUES (?, ?)", entries)
            self._db.execute(f"PRAGMA application_id = {_APPLICATION}")
            self._db.execute(f"PRAGMA user_version = {_SCHEMA}")


def read_store(path: str | os.PathLike[str]) -> StoreContent:
    """Read a store, also while a sweep writes to it.

    Raises
    ------
    FileFormatError
        Missing, damaged, or no store of a sweep.
    """
    file = Path(path)
    if not file.is_file():
        raise FileFormatError(f"{file}: no such file; expected the store of a sweep")
    _check_header(file)
    with _translated(file), contextlib.closing(_connect(f"{file.absolute().as_uri()}?mode=rw")) as db:
        _check_schema(db, file)
        return _content(db)


def forget_trials(path: str | os.PathLike[str], status: TrialStatus) -> int:
    """Remove the rows of a status, so that the next start runs these trials again; returns their number.

    Raises
    ------
    StoreInUseError
        A sweep is running on the store.
    """
    content = read_store(path)
    with (
        SweepStore(path, content.trial, content.seed) as store,
        _translated(store.path, writing=True),
        store._db,
    ):
        return store._db.execute("DELETE FROM trials WHERE status = ?", (status.value,)).rowcount


def _connect(name: str, *, writing: bool = False) -> sqlite3.Connection:
    uri = name.startswith("file:")
    db = sqlite3.connect(name, timeout=_BUSY_SECONDS, isolation_level=None, uri=uri)
    try:
        if writing:
            db.execute("PRAGMA journal_mode = DELETE")
            db.execute("PRAGMA synchronous = EXTRA")
    except sqlite3.Error:
        db.close()
        raise
    return db


def _content(db: sqlite3.Connection) -> StoreContent:
    found = dict(db.execute("SELECT name, value FROM meta"))
    # One read transaction: a row that a running sweep adds meanwhile is seen by both queries or by none.
    db.execute("BEGIN")
    planned = db.execute("SELECT cell, names, n_trials FROM cells ORDER BY id").fetchall()
    records = db.execute(f"SELECT {', '.join(_COLUMNS)} FROM trials ORDER BY rowid").fetchall()
    db.execute("COMMIT")
    names = {cell: json.loads(order) for cell, order, _ in planned}
    cells = tuple((_cell(cell, names), n_trials) for cell, _, n_trials in planned)
    return StoreContent(found["trial"], int(found["seed"]), cells, tuple(_row(r, names) for r in records))


def _cell(text: str, names: dict[str, list[str]]) -> Cell:
    values = json.loads(text)
    return {name: values[name] for name in names.get(text, values)}


def _row(record: Sequence[object], names: dict[str, list[str]]) -> Row:
    entries = dict(zip(_COLUMNS, record, strict=True))
    entries["cell"] = _cell(str(entries["cell"]), names)
    entries["status"] = TrialStatus(entries["status"])
    for name in ("returned", "environment"):
        entries[name] = json.loads(str(entries[name]))
    return Row(**entries)  # type: ignore[arg-type]


def _check_header(path: Path) -> None:
    """Refuse other files before SQLite or a lock touches anything beside them."""
    wrong = f"{path}: not the store of a sweep; choose another name"
    if path.is_dir():
        raise FileFormatError(wrong)
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        with open(path, "rb") as stream:
            head = stream.read(100)
    except OSError as error:
        raise FileFormatError(f"{path}: cannot be read ({error.strerror})") from error
    # After a power cut the first page may wait in the journal: then SQLite, which plays it back, decides.
    if Path(f"{path}-journal").exists():
        return
    if not head.startswith(_MAGIC) or int.from_bytes(head[68:72], "big") != _APPLICATION:
        raise FileFormatError(wrong)


def _check_schema(db: sqlite3.Connection, path: Path) -> None:
    (application,), (schema,) = (
        db.execute(f"PRAGMA {n}").fetchone() for n in ("application_id", "user_version")
    )
    if application != _APPLICATION:
        raise FileFormatError(f"{path}: not the store of a sweep; choose another name")
    if schema != _SCHEMA:
        raise StoreMismatchError(
            f"{path}: its schema is version {schema}, this srinr ({__version__}) knows {_SCHEMA}; use the version "
            "of srinr that made it, or choose another store"
        )
    if (damage := db.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
        raise FileFormatError(f"{path}: the store is damaged ({damage})")


@contextlib.contextmanager
def _translated(path: Path | None, *, writing: bool = False) -> Iterator[None]:
    """Errors of SQLite as errors of this library."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if not writing:
            raise FileFormatError(f"{path}: the store cannot be read ({error})") from error
        raise WriteError(
            f"cannot write {path}: {error}; free space or check the folder, then start again: the trials stored "
            "before are kept and will not run again"
        ) from error
    except SrinrError:
        raise
    except (sqlite3.DatabaseError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise FileFormatError(f"{path}: the store is damaged ({error})") from error
