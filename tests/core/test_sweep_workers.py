"""Sweeps in worker processes: order, resume, limits, crashes, and what is refused."""

import logging
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest

import sweep_cases
from srinr.phase_diagram import PhaseDiagram
from srinr.sweep_process import WorkerStartError, local_setup
from srinr.sweep_trials import Task, TrialStatus, trial_rng
from srinr.sweep_workers import Crew, threads_per_worker
from srinr.sweeps import TrialFailedError, phase_transition
from sweep_cases import children, finish, is_running, log_lines, start_driver, wait_until


@pytest.fixture
def log(tmp_path, monkeypatch):
    """The side log of the trials."""
    monkeypatch.setenv("SWEEP_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def workers_left() -> list[int]:
    """Workers of this process; helpers of other libraries do not count."""
    mine = [pid for pid in children(os.getpid()) if is_running(pid)]
    return [pid for pid in mine if b"sweep_process" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def test_results_do_not_depend_on_order_or_on_other_cells(tmp_path):
    def results(cells, **options):
        rows = phase_transition(sweep_cases.quick, cells, seed=3, **options).rows
        return {(row.cell["a"], row.trial): row.returned for row in rows}

    here = results({"a": [1, 2, 3]}, n_trials=4, n_workers=0)
    assert here == results([{"a": 3}, {"a": 2}, {"a": 1}], n_trials=4, n_workers=2)
    part = results({"a": [2]}, n_trials=2, n_workers=0, store=tmp_path / "s.db")
    assert part == {key: value for key, value in here.items() if key[0] == 2 and key[1] < 2}
    assert here == results({"a": [1, 2, 3]}, n_trials=4, n_workers=0, store=tmp_path / "s.db")
    assert here[2, 1] == trial_rng(3, {"a": 2}, 1).random() + 2
    assert len(set(here.values())) == 12
    assert not workers_left()


def test_resume_runs_nothing_twice_and_extends(tmp_path, log):
    store = tmp_path / "s.db"
    phase_transition(sweep_cases.logged, {"a": [1], "b": [1]}, n_trials=3, n_workers=0, store=store)
    phase_transition(sweep_cases.logged, {"a": [1], "b": [1, 2]}, n_trials=4, n_workers=2, store=store)
    diagram = phase_transition(sweep_cases.logged, {"a": [1], "b": [1]}, n_trials=2, n_workers=2, store=store)
    started = [tuple(words[2:]) for words in log_lines(log) if words[0] == "start"]
    assert sorted(started) == sorted(("1", str(b), str(i)) for b in (1, 2) for i in range(4))
    assert len(diagram.rows) == 2 and diagram.n_missing == 0, "the cells and trials asked for"
    assert len(PhaseDiagram.load(store).rows) == 8, "all that the store holds"


def test_first_trials_of_all_cells_come_first(tmp_path, log):
    phase_transition(sweep_cases.logged, {"a": [1, 2], "b": [1, 2]}, n_trials=2, n_workers=0)
    order = [words[-1] for words in log_lines(log) if words[0] == "start"]
    assert order == ["0"] * 4 + ["1"] * 4


def test_workers_share_the_cores_and_load_nothing_heavy(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr("srinr.sweep_workers.available_cores", lambda: 6)
    diagram = phase_transition(sweep_cases.about_itself, {"a": range(4)}, n_trials=2, n_workers=2)
    figures = [row.figures for row in diagram.rows]
    assert {f["threads"] for f in figures} == {"3 3 3 3"}
    assert {row.environment["threads"] for row in diagram.rows} == {3}
    assert not any(f["has_torch"] for f in figures)
    assert {f["pid"] == f["group"] for f in figures} == {True}
    assert os.getpid() not in {f["pid"] for f in figures}
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    assert (threads_per_worker(1), threads_per_worker(2), threads_per_worker(50)) == (2, 2, 1)


def test_time_limit_ends_the_trial_and_what_it_started(log):
    diagram = phase_transition(
        sweep_cases.sleeper, {"a": [0.0, 100.0]}, n_trials=2, n_workers=1, time_limit=0.7, progress=False
    )
    assert [row.status.value for row in diagram.rows] == ["done", "done", "timed out", "timed out"]
    slow = diagram.rows[2]
    assert "time limit of 0.7 s" in slow.message and slow.seconds >= 0.7 and slow.returned is None
    started = [int(words[1]) for words in log_lines(log) if words[0] == "pid"]
    assert len(started) == 4 and wait_until(lambda: not any(map(is_running, started)), 5)
    assert not workers_left()


def test_a_crash_is_tried_again_and_then_recorded(log):
    diagram = phase_transition(sweep_cases.dying, {"a": [0, 1, 2]}, n_trials=1, n_workers=2)
    assert [row.status.value for row in diagram.rows] == ["done", "failed", "done"]
    assert "died 4 times" in diagram.rows[1].message and "exit code 7" in diagram.rows[1].message
    assert log_lines(log).count(["start", "1"]) == 4 == diagram.rows[1].attempts
    assert log_lines(log).count(["start", "0"]) == 1, "trials of other workers are not touched"


def test_a_dead_workers_trial_is_given_out_again(log):
    (row,) = phase_transition(sweep_cases.dies_once, {"a": [1]}, n_trials=1, n_workers=1).rows
    assert row.status is TrialStatus.DONE and row.attempts == 2


def test_an_idle_helper_leaves_and_is_replaced():
    crew = Crew(replace(local_setup(sweep_cases.quick, 0, 1), idle_seconds=0.3), 1, None)
    found = []
    for trial in range(2):
        crew.submit([Task({"a": 1}, trial)])
        while len(found) == trial:
            found += crew.step()
        assert wait_until(lambda: not workers_left(), 10)
    crew.close()
    assert [row.status for row in found] == [TrialStatus.DONE] * 2
    assert found[0].worker != found[1].worker


def test_a_trial_that_hangs_up_is_a_failed_row():
    (row,) = phase_transition(sweep_cases.hanging_up, {"a": [1]}, n_trials=1, n_workers=1).rows
    assert row.status is TrialStatus.FAILED and "died 4 times" in row.message
    assert not workers_left()


def test_failures_are_rows(caplog):
    with caplog.at_level(logging.WARNING):
        diagram = phase_transition(sweep_cases.raising, {"a": range(5)}, n_trials=1, n_workers=2)
    assert [row.status.value for row in diagram.rows] == ["failed"] * 4 + ["done"]
    assert "RuntimeError: bad luck" in diagram.rows[0].message
    assert 'trial 0 of {"a":0} failed: RuntimeError: bad luck' in caplog.text
    counts = diagram.success(lambda error: error < 1)
    assert counts.n_trials.tolist() == [1] * 5 and counts.n_success.tolist() == [0] * 5


@pytest.mark.parametrize("n_workers", [0, 1])
def test_throw_raises_at_the_first_failure(tmp_path, n_workers):
    with pytest.raises(TrialFailedError, match="bad luck"):
        phase_transition(
            sweep_cases.raising,
            {"a": [4, 0, 1]},
            n_trials=1,
            n_workers=n_workers,
            store=tmp_path / "s",
            throw=True,
        )
    assert [row.status.value for row in PhaseDiagram.load(tmp_path / "s").rows] == ["done", "failed"]
    assert not workers_left()


def test_ctrl_c_keeps_what_is_finished(tmp_path, monkeypatch, log):
    options = {"store": tmp_path / "s.db", "n_trials": 100, "n_workers": 2}
    driver = start_driver("logged", {"a": [1, 2], "b": [1]}, **options)
    assert wait_until(lambda: len(log_lines(log)) > 20)
    workers = children(driver.pid)
    os.killpg(driver.pid, signal.SIGINT)
    result = finish(driver)
    rows = PhaseDiagram.load(tmp_path / "s.db").rows
    assert result == {"n_rows": len(rows), "is_interrupted": True}
    assert 8 <= len(rows) < 200
    assert len(workers) == 2 and wait_until(lambda: not any(map(is_running, workers)), 5)
    more = start_driver("logged", {"a": [1, 2], "b": [1]}, **options | {"n_trials": len(rows) // 2 + 2})
    assert finish(more)["is_interrupted"] is False
    ended = [tuple(words[2:]) for words in log_lines(log) if words[0] == "end"]
    assert len(ended) - len(set(ended)) <= 2, "a trial that was running when it was stopped may run again"


def test_workers_die_with_their_driver_in_the_middle_of_a_call_into_c(log):
    driver = start_driver("counting", {"a": [1, 2]}, n_trials=1, n_workers=2)
    assert wait_until(lambda: len(log_lines(log)) == 2)
    pids = [int(words[1]) for words in log_lines(log)]
    driver.kill()
    driver.communicate()
    assert wait_until(lambda: not any(map(is_running, pids)), 5)


def test_functions_of_the_main_script(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        textwrap.dedent("""
        import functools
        from srinr.sweeps import phase_transition

        def trial(rng, a, b):
            return float(a + b)

        if __name__ == "__main__":
            bound = functools.partial(trial, b=10)
            diagram = phase_transition(bound, {"a": [1, 2]}, n_trials=1, n_workers=1, store="s.db")
            print([row.returned for row in diagram.rows], [row.status.value for row in diagram.rows])
        """)
    )
    for _ in range(2):
        run = subprocess.run(
            [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60
        )
        assert run.stdout.strip() == "[11.0, 12.0] ['done', 'done']", run.stderr
    script.write_text(
        script.read_text().replace('if __name__ == "__main__":', "if True:").replace("s.db", "t.db")
    )
    run = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert run.returncode != 0 and "WorkerStartError" in run.stderr


def test_functions_that_workers_cannot_load(tmp_path, monkeypatch):
    inner = sweep_cases.not_importable()
    with pytest.raises(ValueError, match="top level of a module"):
        phase_transition(inner, {"a": [1]}, n_trials=1, n_workers=1)
    assert phase_transition(inner, {"a": [1]}, n_trials=1, n_workers=0).rows[0].returned == 1.0
    (tmp_path / "only_here.py").write_text("def trial(rng, a):\n    return 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    import only_here

    (tmp_path / "only_here.py").write_text("raise RuntimeError('broken since')\n")
    with pytest.raises(WorkerStartError, match="broken since"):
        phase_transition(only_here.trial, {"a": [1]}, n_trials=1, n_workers=1)
    assert not workers_left()


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"n_trials": 0}, ValueError, "n_trials must be at least 1"),
        ({"n_trials": 1.5}, TypeError, "n_trials must be an integer"),
        ({"seed": -1}, ValueError, "seed"),
        ({"n_workers": -1}, ValueError, "n_workers"),
        ({"time_limit": 0}, ValueError, "time_limit"),
        ({"time_limit": float("nan"), "n_workers": 1}, ValueError, "time_limit"),
        ({"time_limit": 1.0}, ValueError, "cannot be enforced"),
        ({"client": "tcp://127.0.0.1:1"}, ValueError, "not both"),
        ({"client": 3, "n_workers": None}, TypeError, "distributed.Client"),
        ({"cells": {"b": [1]}}, ValueError, "trial cannot be called"),
        ({"trial": "quick"}, TypeError, "must be a function"),
        ({"trial": lambda rng, a: a, "store": "s.db"}, ValueError, "lambda"),
    ],
)
def test_wrong_arguments(options, error, match, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arguments = {"trial": sweep_cases.quick, "cells": {"a": [1]}, "n_workers": 0} | options
    if "client" in options:
        pytest.importorskip("distributed")
    with pytest.raises(error, match=match):
        phase_transition(**arguments)
    assert not list(tmp_path.iterdir())


def test_remaining_time_is_shown(monkeypatch):
    from srinr import sweeps

    notes = []

    def shown(total, title, enabled):
        import contextlib

        assert (total, title, enabled) == (6, "trials", None)
        return contextlib.nullcontext(lambda completed, note: notes.append((completed, note)))

    monkeypatch.setattr(sweeps, "progress_bar", shown)
    phase_transition(sweep_cases.raising, {"a": [4, 0]}, n_trials=3, n_workers=0)
    assert [completed for completed, _ in notes] == list(range(7))
    assert notes[0] == (0, "") and notes[-1] == (6, "3 failed or timed out")
    assert notes[3][1].startswith("1 failed or timed out, about ") and notes[3][1].endswith(" left")
    assert [sweeps._duration(s) for s in (3.2, 89, 100, 5400, 8000)] == [
        "3 s",
        "89 s",
        "2 min",
        "1 h 30 min",
        "2 h 13 min",
    ]
