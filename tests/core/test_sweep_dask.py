"""Sweeps on a Dask cluster of real processes: the same rows, limits, deaths of workers and of the driver."""

import os
import signal
import sys
import threading
import time

import pytest

import sweep_cases
from sweep_cases import is_running, log_lines, wait_until

distributed = pytest.importorskip("distributed")

from srinr.phase_diagram import PhaseDiagram  # noqa: E402
from srinr.status import MissingExtraError  # noqa: E402
from srinr.sweep_process import WorkerStartError  # noqa: E402
from srinr.sweeps import phase_transition  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """The side log; its name must be known before the workers of the cluster start."""
    path = tmp_path_factory.mktemp("dask") / "log"
    os.environ["SWEEP_LOG"] = str(path)
    yield path
    del os.environ["SWEEP_LOG"]


@pytest.fixture(scope="module")
def client(log):
    """Two workers of one thread each, under nannies that restart them."""
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50
    )
    with cluster, distributed.Client(cluster, set_as_default=False) as connected:
        yield connected


@pytest.fixture(autouse=True)
def _clean(log):
    log.unlink(missing_ok=True)


def pids(log) -> list[int]:
    return [int(words[1]) for words in log_lines(log) if words[0] == "pid"]


def test_the_rows_are_those_of_local_workers(client, tmp_path):
    cells = {"a": [1, 2, 3]}
    by_dask = phase_transition(
        sweep_cases.quick, cells, n_trials=8, seed=3, store=tmp_path / "s.db", client=client
    )
    here = phase_transition(sweep_cases.quick, cells, n_trials=8, seed=3, n_workers=0)
    assert [row.returned for row in by_dask.rows] == [row.returned for row in here.rows]
    assert len({row.worker for row in by_dask.rows}) == 2, "both workers had a share"
    assert PhaseDiagram.load(tmp_path / "s.db").rows == by_dask.rows


def test_an_address_will_do_and_helpers_are_processes_of_their_own(client, log):
    inner = sweep_cases.not_importable()  # sent by value
    address = client.scheduler.address
    assert phase_transition(inner, {"a": [1]}, n_trials=2, client=address).rows[1].returned == 1.0
    figures = [
        r.figures for r in phase_transition(sweep_cases.about_itself, {"a": [1, 2]}, client=address).rows
    ]
    assert {f["threads"] for f in figures} == {"1 1 1 1"}
    assert not {f["pid"] for f in figures} & set(client.run(os.getpid).values())
    assert client.status == "running", "a client that was passed stays open"


def test_limits_and_crashes_cost_no_dask_worker(client, log):
    before = set(client.run(os.getpid).values())
    slow = phase_transition(sweep_cases.sleeper, {"a": [0, 100]}, n_trials=1, client=client, time_limit=1.0)
    assert [row.status.value for row in slow.rows] == ["done", "timed out"]
    assert wait_until(lambda: not any(map(is_running, pids(log))), 5)
    crashed = phase_transition(sweep_cases.dying, {"a": [0, 1]}, n_trials=1, client=client)
    assert [row.status.value for row in crashed.rows] == ["done", "failed"]
    failed = phase_transition(sweep_cases.raising, {"a": [0]}, n_trials=1, client=client)
    assert "bad luck" in failed.rows[0].message
    assert set(client.run(os.getpid).values()) == before


def test_a_killed_dask_worker_loses_nothing(client, log, tmp_path):
    def kill_one():
        wait_until(lambda: len(log_lines(log)) > 10)
        os.kill(min(client.run(os.getpid).values()), signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    diagram = phase_transition(
        sweep_cases.logged, {"a": [1, 2], "b": [1]}, n_trials=30, store=tmp_path / "s.db", client=client
    )
    killer.join()
    assert len(diagram.rows) == 60 and {row.status.value for row in diagram.rows} == {"done"}
    starts = [tuple(words[2:]) for words in log_lines(log) if words[0] == "start"]
    assert len(set(starts)) == 60 and len(starts) <= 64, (
        "only what was running, or not yet fetched, may start again"
    )
    assert wait_until(lambda: len(client.scheduler_info()["workers"]) == 2, 20), "the nanny starts another"


def test_ctrl_c_stops_the_running_trials(client, log, tmp_path):
    def interrupt():
        wait_until(lambda: len(pids(log)) == 2)
        os.kill(os.getpid(), signal.SIGINT)

    stopper = threading.Thread(target=interrupt)
    stopper.start()
    start = time.monotonic()
    diagram = phase_transition(
        sweep_cases.sleeper, {"a": [100]}, n_trials=9, store=tmp_path / "s.db", client=client
    )
    stopper.join()
    assert diagram.is_interrupted and diagram.n_missing == 9
    assert time.monotonic() - start < 60
    assert wait_until(lambda: not any(map(is_running, pids(log))), 10), "their processes are gone"


def test_a_killed_driver_leaves_nothing_running(client, log, tmp_path):
    options = {"store": tmp_path / "s.db", "n_trials": 4, "client": client.scheduler.address}
    driver = sweep_cases.start_driver("sleeper", {"a": [100]}, **options)
    try:
        assert wait_until(lambda: len(pids(log)) == 2)
    finally:
        driver.kill()
        driver.communicate()
    assert wait_until(lambda: not any(map(is_running, pids(log))), 30)
    assert len(pids(log)) == 2, "what was waiting was not started"


def test_trials_that_cannot_be_loaded(client, tmp_path, monkeypatch):
    (tmp_path / "only_driver.py").write_text("def trial(rng, a):\n    return 1.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    import only_driver

    with pytest.raises(WorkerStartError, match="only_driver"):
        phase_transition(only_driver.trial, {"a": [1]}, n_trials=1, client=client)


def test_no_scheduler_and_no_dask(monkeypatch):
    monkeypatch.setattr("srinr.sweep_dask._CONNECT_SECONDS", 0.5)
    with pytest.raises(WorkerStartError, match="start one with: dask scheduler"):
        phase_transition(sweep_cases.quick, {"a": [1]}, client="tcp://127.0.0.1:9")
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"srinr\[sweeps\]"):
        phase_transition(sweep_cases.quick, {"a": [1]}, client="tcp://127.0.0.1:9")
