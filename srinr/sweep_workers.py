"""Trials in processes of this machine: a crew of workers that replaces the dead and stops the slow."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from multiprocessing.connection import wait

from srinr.sweep_process import Ready, Setup, WorkerProcess, WorkerStartError, local_setup
from srinr.sweep_trials import Row, Task, Trial, TrialStatus, environment, make_row, run_trial

#: How often a trial is given out again after its worker died.
MAX_RETRIES = 3
_MAX_FAILED_STARTS = 3
#: Longest time between two looks at the clock, at dead workers and at Ctrl-C.
TICK_SECONDS = 0.1


def available_cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_per_worker(n_workers: int) -> int:
    """An equal share of the cores, at least one; ``OMP_NUM_THREADS`` is respected as an upper limit."""
    share = max(1, available_cores() // max(1, n_workers))
    limit = os.environ.get("OMP_NUM_THREADS", "")
    return min(share, max(1, int(limit))) if limit.isdecimal() else share


class Crew:
    """Worker processes with a queue of tasks.

    Parameters
    ----------
    setup : Setup
        What every worker is told.
    n_workers : int
        Most processes at a time; they are started when there is work for them.
    time_limit : float, optional
        Seconds a trial may take. Its worker is killed then and another one started.
    """

    def __init__(self, setup: Setup, n_workers: int, time_limit: float | None) -> None:
        self._setup, self._n_workers, self._time_limit = setup, n_workers, time_limit
        self._queue: deque[Task] = deque()
        self._workers: list[WorkerProcess] = []
        self._starts: Counter[tuple[str, int]] = Counter()
        self._failed_starts = 0

    @property
    def has_work(self) -> bool:
        """Whether a task is waiting or running."""
        return bool(self._queue) or any(worker.task is not None for worker in self._workers)

    def submit(self, tasks: Iterable[Task]) -> None:
        """Append tasks to the queue."""
        self._queue.extend(tasks)
        self._assign()

    def step(self, timeout: float = TICK_SECONDS) -> list[Row]:
        """Wait for news at most ``timeout`` seconds; returns the rows of trials that have ended.

        Raises
        ------
        WorkerStartError
            Workers cannot load the trial function.
        """
        limit = [self._time_limit - self._elapsed(w) for w in self._workers if w.task and self._time_limit]
        wait([w.connection for w in self._workers], max(0.0, min([timeout, *limit])))
        rows = [row for worker in list(self._workers) if (row := self._look_after(worker)) is not None]
        self._assign()
        return rows

    def close(self) -> None:
        """Stop the running trials; no worker is left when this returns."""
        self._queue.clear()
        idle = [worker for worker in self._workers if worker.is_ready and worker.task is None]
        for worker in self._workers:
            if worker not in idle:
                worker.kill()
        for worker in idle:
            worker.dismiss()
        self._workers.clear()

    def _assign(self) -> None:
        for worker in self._workers:
            if self._queue and worker.is_ready and worker.task is None and not worker.has_died:
                task = self._queue.popleft()
                self._starts[task.key] += 1
                worker.give(task)
        starting = sum(not worker.is_ready for worker in self._workers)
        while len(self._workers) < self._n_workers and starting < len(self._queue):
            self._workers.append(WorkerProcess(self._setup))
            starting += 1

    def _look_after(self, worker: WorkerProcess) -> Row | None:
        """Take a message, or replace a worker that died or took too long."""
        died = worker.has_died  # asked before the message is: what it sent before it died still counts
        message = worker.receive()
        if isinstance(message, Ready):
            self._check_start(message)
            worker.is_ready = True
        elif message is not None:
            task, worker.task = worker.task, None
            return self._with_starts(message, task)
        elif died:
            return self._replace_dead(worker)
        elif worker.task is not None and self._time_limit and self._elapsed(worker) >= self._time_limit:
            return self._stop_slow(worker, worker.task)
        return None

    def _check_start(self, message: Ready) -> None:
        if message.problem:
            raise WorkerStartError(
                "a worker process cannot load the trial function; define it in a module that can be imported "
                f"there. It says:\n{message.problem}"
            )
        self._failed_starts = 0

    def _with_starts(self, row: Row, task: Task | None) -> Row:
        return row if task is None else replace(row, attempts=self._starts.pop(task.key))

    def _replace_dead(self, worker: WorkerProcess) -> Row | None:
        self._workers.remove(worker)
        task, name, end = worker.task, f"{worker.pid}", worker.kill()
        if not worker.is_ready:
            self._failed_starts += 1
            if self._failed_starts >= _MAX_FAILED_STARTS:
                raise WorkerStartError(
                    f"worker processes die while starting ({end}); their messages are on the standard error "
                    "stream. A script that starts a sweep needs the guard if __name__ == '__main__':"
                )
        if task is None:
            return None
        if self._starts[task.key] <= MAX_RETRIES:
            self._queue.appendleft(task)
            return None
        message = f"its worker died {self._starts[task.key]} times over it, at last by {end} (out of memory?)"
        return self._lost(worker, task, TrialStatus.FAILED, message, name)

    def _stop_slow(self, worker: WorkerProcess, task: Task) -> Row:
        self._workers.remove(worker)
        message = f"stopped after the time limit of {self._time_limit:g} s"
        row = self._lost(worker, task, TrialStatus.TIMED_OUT, message, f"{worker.pid}")
        worker.kill()
        return row

    def _lost(self, worker: WorkerProcess, task: Task, status: TrialStatus, message: str, pid: str) -> Row:
        return make_row(
            self._setup.seed, task, status, message=message, seconds=self._elapsed(worker), worker=pid,
            attempts=self._starts.pop(task.key), environment=environment(self._setup.threads),
        )  # fmt: skip

    @staticmethod
    def _elapsed(worker: WorkerProcess) -> float:
        return time.monotonic() - worker.started


def local_rows(
    trial: Trial,
    seed: int,
    tasks: list[Task],
    *,
    n_workers: int,
    time_limit: float | None,
    should_stop: Callable[[], bool],
) -> Iterator[Row]:
    """Run tasks in ``n_workers`` processes; yields rows as they end. Closing the generator ends the workers."""
    crew = Crew(local_setup(trial, seed, threads_per_worker(n_workers)), n_workers, time_limit)
    try:
        crew.submit(tasks)
        while crew.has_work and not should_stop():
            yield from crew.step()
    finally:
        crew.close()


def rows_in_this_process(
    trial: Trial, seed: int, tasks: list[Task], *, should_stop: Callable[[], bool]
) -> Iterator[Row]:
    """Run tasks one after the other in this process, for debugging; threads are left as they are."""
    for task in tasks:
        if should_stop():
            return
        yield run_trial(trial, seed, task, threads_per_worker(1))
