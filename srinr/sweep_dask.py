"""Trials on a Dask cluster (``dask scheduler``, ``dask worker ADDRESS --nworkers N --nthreads 1``).

A Dask worker does not run the trial itself: it keeps one helper process per thread, the same kind of process
that :mod:`srinr.sweep_workers` uses. Only a process can be stopped at a time limit (Dask cannot stop a running
task), and a crash costs the helper, not the Dask worker with its other tasks. The helper has the number of
threads of the Dask worker's ``OMP_NUM_THREADS`` (1 unless set otherwise), ends with the Dask worker, and leaves
by itself when it has had nothing to do for a while.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from srinr.status import MissingExtraError, SrinrError
from srinr.sweep_process import Setup, WorkerStartError
from srinr.sweep_trials import Row, Task, Trial, TrialStatus, environment, make_row
from srinr.sweep_workers import TICK_SECONDS, Crew

if TYPE_CHECKING:
    from distributed import Client, Future

_LOG = logging.getLogger(__name__)
#: Tasks handed to the scheduler ahead of the workers, per thread of the cluster.
_AHEAD = 2
_CONNECT_SECONDS = 30
_IDLE_SECONDS = 60.0
_LOOK_SECONDS = 2.0


@dataclass(frozen=True)
class _Job:
    """What is the same for all trials of a sweep."""

    name: str
    trial: bytes
    seed: int
    time_limit: float | None


def dask_rows(
    client: Client | str,
    trial: Trial,
    seed: int,
    tasks: list[Task],
    *,
    time_limit: float | None,
    should_stop: Callable[[], bool],
) -> Iterator[Row]:
    """Run tasks on a cluster; yields rows as they end.

    A trial whose Dask worker dies is given out again by the scheduler, as often as its setting
    ``distributed.scheduler.allowed-failures`` says (3); then it is a failed row.

    Raises
    ------
    MissingExtraError
        Dask is not installed.
    WorkerStartError
        The scheduler cannot be reached, or is lost, or its workers cannot load the trial function.
    """
    _import_distributed()
    import cloudpickle

    job = _Job(uuid.uuid4().hex, cloudpickle.dumps(trial), seed, time_limit)
    with _connected(client) as connected:
        flight = _Flight(connected, job)
        try:
            waiting = iter(tasks)
            flight.fill(waiting)
            while flight.futures and not should_stop():
                row = flight.next_row()
                flight.fill(waiting)
                if row is not None:
                    yield row
        finally:
            flight.cancel()


class _Flight:
    """The tasks that the scheduler knows of: a few per thread, so that a huge sweep does not flood it."""

    def __init__(self, client: Client, job: _Job) -> None:
        self._client, self._job = client, job
        self.futures: dict[str, tuple[Future, Task]] = {}
        self._ended: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._room, self._looked = 0, -_LOOK_SECONDS

    def fill(self, waiting: Iterator[Task]) -> None:
        """Submit as many tasks as there is room for."""
        if time.monotonic() - self._looked >= _LOOK_SECONDS:
            threads = sum(self._client.nthreads().values())
            if not threads:
                _LOG.warning(
                    "the Dask cluster has no worker; start one with: dask worker ADDRESS --nthreads 1"
                )
            self._room, self._looked = max(1, _AHEAD * threads), time.monotonic()
        while len(self.futures) < self._room and (task := next(waiting, None)) is not None:
            key = f"trial-{self._job.name}-{uuid.uuid4().hex}"
            self._watch(self._client.submit(_run_with_helper, self._job, task, key=key, pure=False), task)

    def _watch(self, future: Future, task: Task) -> None:
        self.futures[str(future.key)] = (future, task)
        future.add_done_callback(lambda ended: self._ended.put(str(ended.key)))

    def next_row(self) -> Row | None:
        """The row of the next trial that ends, or None after a short while."""
        try:
            future, task = self.futures.pop(self._ended.get(timeout=TICK_SECONDS))
        except queue.Empty:
            return None
        status = future.status
        if status not in ("finished", "error", "cancelled"):
            self._watch(future, task)  # its worker died with the result: the scheduler gives it out again
            return None
        error: BaseException | None = None
        with contextlib.suppress(CancelledError, OSError, TimeoutError):
            if status == "finished":
                result: Row = future.result()
                return result
            error = future.exception()
        if error is None:
            raise WorkerStartError(
                "the connection to the Dask scheduler was lost; the trials stored before are kept: start again"
            )
        if type(error).__name__ == "KilledWorker":
            message = f"its Dask worker died over it again and again (out of memory?): {error}"
            return make_row(
                self._job.seed, task, TrialStatus.FAILED, message=message, environment=environment(1)
            )
        raise WorkerStartError(f"a Dask worker cannot run trials: {error}") from error

    def cancel(self) -> None:
        """Take back what has not ended; helpers stop the trials that are running."""
        if self.futures:
            with contextlib.suppress(Exception):  # the scheduler may be gone, which stops them as well
                self._client.cancel([future for future, _ in self.futures.values()], force=True)


class _Helpers(threading.local):
    """The helper process of this thread of a Dask worker, and the sweep it serves."""

    name: str = ""
    crew: Crew | None = None


_HELPERS = _Helpers()


def _run_with_helper(job: _Job, task: Task) -> Row:
    """Runs in a thread of a Dask worker."""
    crew = _helper(job)
    is_cancelled = _cancellation()
    rows: list[Row] = []
    try:
        crew.submit([task])
        while not rows:
            rows = crew.step()
            if is_cancelled():
                raise SrinrError("the trial was cancelled")
    except BaseException:
        crew.close()
        raise
    return rows[0]


def _helper(job: _Job) -> Crew:
    if _HELPERS.crew is None or _HELPERS.name != job.name:
        if _HELPERS.crew is not None:
            _HELPERS.crew.close()
        limit = os.environ.get("OMP_NUM_THREADS", "")
        threads = max(1, int(limit)) if limit.isdecimal() else 1
        setup = Setup(job.trial, job.seed, threads, {}, _IDLE_SECONDS)
        _HELPERS.name, _HELPERS.crew = job.name, Crew(setup, 1, job.time_limit)
    return _HELPERS.crew


def _cancellation() -> Callable[[], bool]:
    """Whether the scheduler has taken back the task that this thread runs (the driver stopped, or died)."""
    from distributed import get_worker

    worker: Any = get_worker()
    key = worker.get_current_task()

    def is_cancelled() -> bool:
        state = worker.state.tasks.get(key)
        return state is None or state.state == "cancelled"

    return is_cancelled


@contextlib.contextmanager
def _connected(client: Client | str) -> Iterator[Client]:
    """A client for an address; a given client is left open."""
    distributed = _import_distributed()
    if isinstance(client, distributed.Client):
        if client.asynchronous:
            raise ValueError("client must be a synchronous distributed.Client, got an asynchronous one")
        yield client
        return
    if not isinstance(client, str):
        raise TypeError(f"client must be a distributed.Client or an address, got {type(client).__name__}")
    try:
        opened = distributed.Client(client, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise WorkerStartError(
            f"no Dask scheduler answers at {client} ({error}); start one with: dask scheduler"
        ) from error
    try:
        yield opened
    finally:
        opened.close()


def _import_distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise MissingExtraError(
            'client needs dask and distributed, which are not installed: pip install "srinr[sweeps]"'
        ) from error
    return distributed
