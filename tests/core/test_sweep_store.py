"""The store: what it refuses, what survives, and who may write."""

import math
import sqlite3
from pathlib import Path

import pytest

from srinr.phase_diagram import PhaseDiagram
from srinr.status import FileFormatError, SrinrError, WriteError
from srinr.sweep_lock import StoreInUseError
from srinr.sweep_store import (
    StoreMismatchError,
    SweepStore,
    forget_trials,
    read_store,
)
from srinr.sweep_trials import Row, TrialStatus
from srinr.sweeps import phase_transition
from sweep_cases import children, finish, quick, start_driver, wait_until


def sweep(path, **options):
    return phase_transition(
        quick, {"a": [1, 2]}, **({"n_trials": 2, "n_workers": 0, "store": path} | options)
    )


@pytest.fixture
def store(tmp_path) -> Path:
    """A small finished store."""
    path = tmp_path / "sweep.db"
    sweep(path)
    return path


def test_rows_come_back_as_they_were(tmp_path):
    rows = [
        Row({"a": 1, "b": "x"}, 0, TrialStatus.DONE, {"e": 1e-300, "t": "\u00e9\n", "n": None, "ok": True}, entropy="ff"),
        Row({"a": 1, "b": "x"}, 1, TrialStatus.DONE, math.inf, seconds=0.25, attempts=2, worker="h:1"),
        Row({"a": 2, "b": None}, 0, TrialStatus.FAILED, None, "why", environment={"numpy": "2", "threads": 1}),
        Row({"a": 2, "b": None}, 1, TrialStatus.TIMED_OUT, finished="2026-01-01T00:00:00Z"),
    ]  # fmt: skip
    with SweepStore(tmp_path / "s.db", "m.f", 7) as store:
        store.plan([{"a": 1, "b": "x"}, {"a": 2, "b": None}], 2)
        for row in rows:
            store.add(row)
        assert store.content().rows == tuple(rows)
    content = read_store(tmp_path / "s.db")
    assert content.rows == tuple(rows)
    assert (content.trial, content.seed) == ("m.f", 7)
    assert content.cells == (({"a": 1, "b": "x"}, 2), ({"a": 2, "b": None}, 2))
    assert list(content.rows[0].cell) == ["a", "b"]


def test_every_row_is_durable_and_in_one_file(tmp_path):
    with SweepStore(tmp_path / "s.db", "m.f", 0) as store:
        assert store._db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert store._db.execute("PRAGMA synchronous").fetchone() == (3,)
        store.plan([{"a": 1}], 1)
        store.add(Row({"a": 1}, 0, TrialStatus.DONE, 1.0))
        assert len(read_store(tmp_path / "s.db").rows) == 1, "committed, and readable while the driver has it"
        with pytest.raises(FileFormatError, match="UNIQUE"):
            store.add(Row({"a": 1.0}, 0, TrialStatus.DONE, 2.0))
    assert {file.name for file in tmp_path.iterdir()} == {"s.db", "s.db.lock"}


def foreign_database(path: Path) -> None:
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE trials (x)")
    db.close()


FOREIGN = {
    "text": lambda path: path.write_text("a,b\n1,2\n" * 100),
    "short": lambda path: path.write_bytes(b"SQLite format 3\x00"),
    "database": foreign_database,
    "folder": lambda path: path.mkdir(),
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_foreign_files_are_refused_and_left_alone(tmp_path, kind):
    path = tmp_path / "other.db"
    FOREIGN[kind](path)
    before = path.read_bytes() if path.is_file() else b""
    for use in (sweep, PhaseDiagram.load, lambda p: forget_trials(p, TrialStatus.FAILED)):
        with pytest.raises(FileFormatError, match="other.db"):
            use(path)
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert [file.name for file in tmp_path.iterdir()] == ["other.db"]


def test_damaged_stores_are_refused(tmp_path):
    path = tmp_path / "s.db"
    with SweepStore(path, "sweep_cases.quick", 0) as store:
        store.plan([{"a": a} for a in range(50)], 1)
        for a in range(50):
            store.add(Row({"a": a}, 0, TrialStatus.DONE, {"text": "x" * 1000}))
    whole = path.read_bytes()
    damaged = {
        "cut": whole[: len(whole) // 2],
        "zeros": whole[:4096] + bytes(len(whole) // 2) + whole[4096 + len(whole) // 2 :],
        "page": whole[:-5000] + bytes(range(200)) * 10 + whole[-3000:],
    }
    for kind, content in damaged.items():
        path.write_bytes(content)
        for use in (sweep, PhaseDiagram.load):
            with pytest.raises(FileFormatError, match="s.db"):
                use(path)
                pytest.fail(f"{kind} was not noticed")
    path.write_bytes(whole)
    assert len(PhaseDiagram.load(path).rows) == 50
    with pytest.raises(FileFormatError, match="no such file"):
        PhaseDiagram.load(tmp_path / "none.db")


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE trials SET returned = '{'",
        "UPDATE trials SET status = 'maybe'",
        "UPDATE cells SET cell = '[]' WHERE id = 1",
        "DELETE FROM meta WHERE name = 'seed'",
        "DROP TABLE cells",
    ],
)
def test_entries_that_make_no_sense_are_refused(store, change):
    with sqlite3.connect(store) as db:
        db.execute(change)
    db.close()
    with pytest.raises(FileFormatError, match="sweep.db"):
        PhaseDiagram.load(store)


def test_other_sweeps_are_refused(store):
    before = read_store(store)
    with pytest.raises(StoreMismatchError, match="seed '0', this one has '1'"):
        sweep(store, seed=1)
    with pytest.raises(StoreMismatchError, match="sweep_cases.quick"), SweepStore(store, "other.trial", 0):
        pytest.fail("opened")
    with (
        pytest.raises(StoreMismatchError, match="named by"),
        SweepStore(store, "sweep_cases.quick", 0) as opened,
    ):
        opened.plan([{"b": 1}], 1)
    assert read_store(store) == before
    with sqlite3.connect(store) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    for use in (sweep, PhaseDiagram.load):
        with pytest.raises(StoreMismatchError, match="schema is version 99"):
            use(store)


def test_an_empty_file_is_a_new_store(tmp_path):
    path = tmp_path / "s.db"
    path.touch()  # a driver killed between creating the file and its tables leaves this
    assert len(sweep(path).rows) == 4


def test_folders_that_cannot_be_written(tmp_path):
    with pytest.raises(WriteError, match="check the folder"):
        sweep(tmp_path / "none" / "s.db")


def test_failed_trials_can_be_forgotten(tmp_path):
    path = tmp_path / "s.db"
    with SweepStore(path, "sweep_cases.quick", 0) as store:
        store.plan([{"a": 1}, {"a": 2}], 1)
        store.add(Row({"a": 1}, 0, TrialStatus.FAILED, message="a bug, now repaired"))
        store.add(Row({"a": 2}, 0, TrialStatus.DONE, 5.0))
    assert len(sweep(path, n_trials=1).success(bool).n_failed.nonzero()[0]) == 1, "failed rows are rows"
    assert forget_trials(path, TrialStatus.FAILED) == 1
    diagram = sweep(path, n_trials=1)
    assert [row.status for row in diagram.rows] == [TrialStatus.DONE] * 2
    assert diagram.rows[1].returned == 5.0, "the other row was kept"


def test_two_drivers_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "s.db"
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "log"))
    with SweepStore(path, "sweep_cases.quick", 0):
        with pytest.raises(StoreInUseError, match="another sweep is running"):
            sweep(path)
        second = finish(start_driver("quick", {"a": [1, 2]}, store=path, n_workers=0))
        assert second["error"] == "StoreInUseError"
    first = start_driver("sleeper", {"a": [100]}, store=tmp_path / "t.db", n_trials=1, n_workers=1)
    try:
        assert wait_until(lambda: (tmp_path / "log").exists())
        with (
            pytest.raises(StoreInUseError, match="t.db"),
            SweepStore(tmp_path / "t.db", "sweep_cases.sleeper", 0),
        ):
            pytest.fail("opened")
        assert len(PhaseDiagram.load(tmp_path / "t.db").rows) == 0, "readers are let in"
        workers = children(first.pid)
    finally:
        first.kill()
        first.communicate()
    with SweepStore(tmp_path / "t.db", "sweep_cases.sleeper", 0) as store:
        assert store.content().rows == (), "the lock dies with its owner"
    assert workers


def test_a_full_disk_loses_nothing(tmp_path):
    path = tmp_path / "s.db"
    cells, options = {"a": list(range(40))}, {"store": path, "n_trials": 1, "n_workers": 0}
    first = finish(start_driver("large", cells, limit_bytes=100_000, **options))
    assert first["error"] == "WriteError", first
    assert "the trials stored before are kept" in first["message"]
    kept = PhaseDiagram.load(path).rows
    assert 10 <= len(kept) < 40
    second = finish(start_driver("large", cells, **options))
    assert second == {"n_rows": 40, "is_interrupted": False}
    assert PhaseDiagram.load(path).rows[: len(kept)] == kept, "what was stored is as it was"


def test_a_full_disk_with_worker_processes(tmp_path):
    options = {"store": tmp_path / "s.db", "n_trials": 1, "n_workers": 2}
    result = finish(start_driver("large", {"a": list(range(40))}, limit_bytes=60_000, **options))
    assert result["error"] == "WriteError", result
    assert 5 <= len(PhaseDiagram.load(tmp_path / "s.db").rows) < 40


def test_the_errors_are_errors_of_the_library():
    for kind in (StoreInUseError, StoreMismatchError):
        assert issubclass(kind, SrinrError)
    assert issubclass(StoreMismatchError, ValueError)
