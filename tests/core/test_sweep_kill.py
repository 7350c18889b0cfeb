"""Killing workers and the driver at random times: nothing stored is lost, nothing stored runs again."""

import contextlib
import functools
import os
import random
import signal
import time

import pytest

from srinr.phase_diagram import PhaseDiagram
from srinr.status import FileFormatError
from srinr.sweep_trials import TrialStatus, trial_rng
from sweep_cases import children, finish, is_running, log_lines, start_driver, wait_until

N_KILLS, N_WORKERS = 20, 2
CELLS = {"a": [1, 2, 3], "b": [0.5, "x"]}


def stored(store) -> dict:
    """Rows by cell and trial; none when the driver was killed before it had made the store."""
    try:
        return {(str(r.cell["a"]), str(r.cell["b"]), str(r.trial)): r for r in PhaseDiagram.load(store).rows}
    except FileFormatError:
        assert not store.exists() or store.stat().st_size == 0
        return {}


def kill_mid_sweep(driver, pause: random.Random, at_once: bool, under_way) -> list[int]:
    """Kill a worker, then the driver, at random times, perhaps after a condition holds; the workers that were seen."""
    assert at_once or wait_until(under_way, 60), "the sweep did not get under way"
    time.sleep(pause.uniform(0.0, 0.7))
    workers = children(driver.pid)
    if workers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pause.choice(workers), signal.SIGKILL)
        time.sleep(pause.uniform(0.0, 0.5))
    workers += children(driver.pid)
    assert driver.poll() is None, "the sweep ended before it was killed"
    driver.kill()
    driver.communicate()
    return workers


def has_ended_one(log, n_before: int) -> bool:
    """Whether the lines after the first ``n_before`` tell of the end of a trial."""
    lines = log_lines(log) if log.exists() else []
    return any(words[0] == "end" for words in lines[n_before:])


def check_log(lines, before: list[dict], n_workers: int) -> None:
    """``before[i]``: what was stored when run ``i`` of the driver started."""
    for run, known in enumerate(before):
        mine = [words for words in lines if words[1] == str(run)]
        again = {tuple(w[2:]) for w in mine if w[0] == "start"} & set(known)
        assert not again, f"run {run} started trials that were stored: {again}"
        if run + 1 < len(before):
            unsaved = {tuple(w[2:]) for w in mine if w[0] == "end"} - set(before[run + 1])
            assert len(unsaved) <= 2 * n_workers, f"run {run} had finished {unsaved} and not stored them"
        assert set(known) <= set(before[-1]), "a stored row disappeared"
        assert all(before[-1][key] == row for key, row in known.items()), "a stored row changed"


def test_killed_twenty_times(tmp_path, monkeypatch):
    store, log = tmp_path / "s.db", tmp_path / "log"
    monkeypatch.setenv("SWEEP_LOG", str(log))
    pause, before, seen = random.Random(1), [], []
    for run in range(N_KILLS):
        before.append(stored(store))
        options = {"store": store, "n_trials": 1000, "n_workers": N_WORKERS}
        driver = start_driver("logged", CELLS, env={"SWEEP_RUN": str(run)}, **options)
        n_lines = len(log_lines(log)) if log.exists() else 0
        # Every other run is killed at any time from its start, the others once a trial of theirs has ended: on a
        # busy machine starting takes longer than any fixed pause.
        workers = kill_mid_sweep(driver, pause, run % 2 == 0, functools.partial(has_ended_one, log, n_lines))
        assert wait_until(lambda pids=workers: not any(map(is_running, pids)), 5), "orphans"
        seen += workers
    before.append(stored(store))
    n_trials = 1 + max(int(index) for _, _, index in before[-1])
    options = {"store": store, "n_trials": n_trials, "n_workers": N_WORKERS}
    last = finish(start_driver("logged", CELLS, env={"SWEEP_RUN": str(N_KILLS)}, **options))
    assert last == {"n_rows": 6 * n_trials, "is_interrupted": False}
    before.append(stored(store))
    rows = before[-1]
    assert len(rows) == 6 * n_trials
    assert all(row.status is TrialStatus.DONE for row in rows.values())
    for row in rows.values():
        rng = trial_rng(0, row.cell, row.trial)
        rng.random()
        assert row.figures["value"] == rng.random()
    lines = log_lines(log)
    check_log(lines, before, N_WORKERS)
    # The test has really interrupted work, and resumed it.
    assert len(seen) > N_KILLS and len(before[N_KILLS // 2]) > 0
    assert len([w for w in lines if w[0] == "start"]) > len(rows)


def test_the_check_notices_what_it_should():
    row, other = object(), object()
    first, second = ("1", "x", "0"), ("1", "x", "1")
    good = [["start", "0", *first], ["end", "0", *first], ["start", "1", *second]]
    check_log(good, [{}, {first: row}, {first: row, second: row}], 1)
    with pytest.raises(AssertionError, match="started trials that were stored"):
        check_log([*good, ["start", "1", *first]], [{}, {first: row}, {first: row}], 1)
    with pytest.raises(AssertionError, match="disappeared"):
        check_log(good, [{}, {first: row}, {second: row}], 1)
    with pytest.raises(AssertionError, match="changed"):
        check_log(good, [{}, {first: row}, {first: other}], 1)
    ended = [["end", "0", "1", "x", str(i)] for i in range(9)]
    with pytest.raises(AssertionError, match="not stored them"):
        check_log(ended, [{}, {first: row}, {first: row}], 1)
