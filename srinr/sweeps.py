"""Phase transitions: a trial function over cells and repetitions; seeded, parallel, and safe to stop anywhere."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from srinr.interruption import DeferredInterrupt
from srinr.phase_diagram import PhaseDiagram, phase_diagram
from srinr.progress import progress_bar
from srinr.status import SrinrError
from srinr.sweep_cells import Cell, cell_key, expand_cells
from srinr.sweep_dask import dask_rows
from srinr.sweep_store import SweepStore
from srinr.sweep_trials import Row, Task, Trial, TrialStatus, check_trial, trial_name
from srinr.sweep_workers import available_cores, local_rows, rows_in_this_process

if TYPE_CHECKING:
    from distributed import Client

_LOG = logging.getLogger(__name__)
_LOG_SECONDS = 60.0


class TrialFailedError(SrinrError):
    """A trial failed or ran out of time, and ``throw=True`` was asked for; its row is stored."""


def phase_transition(
    trial: Trial,
    cells: Mapping[str, Iterable[Any]] | Sequence[Cell],
    *,
    n_trials: int = 10,
    seed: int = 0,
    store: str | os.PathLike[str] | None = None,
    n_workers: int | None = None,
    client: Client | str | None = None,
    time_limit: float | None = None,
    progress: bool = True,
    throw: bool = False,
) -> PhaseDiagram:
    """Run a trial function ``n_trials`` times in every cell.

    Every finished trial is a row of the store, on the disk before the next one is handed out. Stop the sweep
    in any way (Ctrl-C, ``kill -9``, power cut, full disk) and call the same again: finished trials are not
    repeated. More cells or more trials can be added later; a trial's random numbers depend on the seed, the
    values of its cell and its index only. The first trial of every cell runs before the second of any.

    Parameters
    ----------
    trial : callable
        ``trial(rng, **cell)`` returns a number, or a mapping of names to numbers, strings, bools or None: raw
        figures, to which thresholds are applied afterwards. ``rng`` is a :class:`numpy.random.Generator`. If
        it has an argument ``trial_index``, it receives that, too. For worker processes it must be importable:
        defined by ``def`` in a module or in a script with the guard ``if __name__ == "__main__":``
        (``functools.partial`` with named settings is fine).
    cells : mapping or sequence
        Names with their values (all combinations, the last varying fastest), or a sequence of mappings.
        Values are finite numbers, strings, bools or None.
    n_trials : int, default 10
        Trials per cell.
    seed : int, default 0
        Seed of the sweep.
    store : path, optional
        SQLite file, created when missing. Without it the rows are kept in memory.
    n_workers : int, optional
        Worker processes on this machine; by default one per core, each with its share of the cores as its
        number of threads (``OMP_NUM_THREADS`` is an upper limit). 0 runs the trials in this process, for
        debugging; Ctrl-C then waits for the end of the trial.
    client : distributed.Client or str, optional
        Run on a Dask cluster instead: a client, or the address of a scheduler. Start one by ``dask scheduler``
        and, on every machine, ``dask worker ADDRESS --nworkers N --nthreads 1``. Only this process writes to
        the store. Needs the extra ``sweeps``.
    time_limit : float, optional
        Seconds a trial may take; then its process is killed and the trial recorded as timed out.
    progress : bool, default True
        Show a bar with the remaining time, on a terminal only.
    throw : bool, default False
        Raise at the first trial that fails, instead of recording it and going on.

    Returns
    -------
    PhaseDiagram
        Of the cells asked for. After Ctrl-C it holds what was finished, and ``is_interrupted`` is True; a
        second Ctrl-C raises ``KeyboardInterrupt``.

    Raises
    ------
    ValueError, TypeError
        Arguments that do not fit; a trial that cannot be called with the names of a cell.
    StoreInUseError, StoreMismatchError, FileFormatError, WriteError
        The store is in use, belongs to another trial function or seed, is damaged, or cannot be written.
    WorkerStartError
        Workers cannot load the trial function, or the cluster cannot be reached.
    TrialFailedError
        With ``throw=True``.

    Examples
    --------
    >>> def trial(rng, n, radius):
    ...     return {"inside": float((rng.uniform(-1, 1, (n, 2)) ** 2).sum(axis=1).max() < radius**2)}
    >>> diagram = phase_transition(trial, {"n": [1, 4], "radius": [0.5, 1.5]}, n_trials=5, n_workers=0)
    >>> diagram.success(lambda figures: figures["inside"] > 0.5).n_success
    array([[1, 5],
           [0, 5]])
    """
    planned = expand_cells(cells)
    check_trial(trial, planned[0])
    _check_counts(n_trials, seed, n_workers, time_limit)
    if client is not None and n_workers is not None:
        raise ValueError("pass n_workers (processes of this machine) or client (a Dask cluster), not both")
    name = trial_name(trial) if store is not None else ""
    with SweepStore(store, name, int(seed)) as rows, DeferredInterrupt() as interrupt:
        rows.plan(planned, int(n_trials))
        tasks, stored = _open_tasks(planned, int(n_trials), rows.content().rows)

        def stop() -> bool:
            return interrupt.requested

        source = _source(trial, int(seed), tasks, n_workers, client, time_limit, stop)
        _run(source, rows, tasks, stored, progress, throw)
        wanted = {cell_key(cell) for cell in planned}
        found = [r for r in rows.content().rows if r.trial < n_trials and cell_key(r.cell) in wanted]
        if interrupt.requested and (n_open := len(planned) * n_trials - len(found)):
            _LOG.warning("sweep interrupted with %d trials open; the same call resumes it", n_open)
        return phase_diagram(planned, int(n_trials), found, is_interrupted=interrupt.requested)


def _check_counts(n_trials: int, seed: int, n_workers: int | None, time_limit: float | None) -> None:
    for name, value, least in (("n_trials", n_trials, 1), ("seed", seed, 0), ("n_workers", n_workers, 0)):
        if name == "n_workers" and value is None:
            continue
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise TypeError(f"{name} must be an integer, got {value!r}")
        if int(value) < least:  # type: ignore[arg-type]
            raise ValueError(f"{name} must be at least {least}, got {value}")
    if time_limit is not None and not 0 < time_limit < float("inf"):
        raise ValueError(f"time_limit must be a positive number of seconds, or None, got {time_limit!r}")
    if time_limit is not None and n_workers == 0:
        raise ValueError("time_limit cannot be enforced in this process (n_workers=0): use worker processes")


def _open_tasks(cells: Sequence[Cell], n_trials: int, stored: Sequence[Row]) -> tuple[list[Task], list[Row]]:
    """Tasks without a row, and the rows of the others."""
    rows = {(cell_key(row.cell), row.trial): row for row in stored}
    names = [cell_key(cell) for cell in cells]
    tasks = [Task(c, index, name) for index in range(n_trials) for c, name in zip(cells, names, strict=True)]
    found = [rows[task.key] for task in tasks if task.key in rows]
    return [task for task in tasks if task.key not in rows], found


def _source(
    trial: Trial,
    seed: int,
    tasks: list[Task],
    n_workers: int | None,
    client: Client | str | None,
    time_limit: float | None,
    stop: Callable[[], bool],
) -> Iterator[Row]:
    if not tasks:
        return iter(())
    if client is not None:
        return dask_rows(client, trial, seed, tasks, time_limit=time_limit, should_stop=stop)
    if n_workers == 0:
        return rows_in_this_process(trial, seed, tasks, should_stop=stop)
    count = min(int(n_workers or available_cores()), len(tasks))
    return local_rows(trial, seed, tasks, n_workers=count, time_limit=time_limit, should_stop=stop)


def _run(
    source: Iterator[Row],
    store: SweepStore,
    tasks: Sequence[Task],
    stored: Sequence[Row],
    progress: bool,
    throw: bool,
) -> None:
    """Store rows as they come."""
    clock = _Clock(tasks, stored)
    with contextlib.ExitStack() as stack:
        report = stack.enter_context(
            progress_bar(len(tasks) + len(stored), "trials", None if progress else False)
        )
        if isinstance(source, Generator):
            stack.callback(source.close)
        report(clock.n_done, clock.note())
        for row in source:
            store.add(row)
            clock.count(row)
            report(clock.n_done, clock.note())
            if row.status is not TrialStatus.DONE:
                _LOG.warning(
                    "trial %d of %s %s: %s",
                    row.trial,
                    cell_key(row.cell),
                    row.status.value,
                    _last_line(row.message),
                )
                if throw:
                    raise TrialFailedError(
                        f"trial {row.trial} of the cell {cell_key(row.cell)} {row.status.value}:\n{row.message}"
                    )


def _last_line(message: str) -> str:
    return message.strip().rpartition("\n")[2]


class _Clock:
    """Remaining time from the times of trials of the same cell; cells differ in cost by orders of magnitude."""

    def __init__(self, tasks: Sequence[Task], stored: Sequence[Row]) -> None:
        self.n_done, self.n_failed = len(stored), sum(row.status is not TrialStatus.DONE for row in stored)
        self._open = Counter(task.name for task in tasks)
        self._seconds: dict[str, list[float]] = defaultdict(list)
        for row in stored:
            self._seconds[cell_key(row.cell)].append(row.seconds)
        self._start = self._logged = time.monotonic()
        self._worked = 0.0

    def count(self, row: Row) -> None:
        """Take a row into account; now and then the log says where the sweep is."""
        key = cell_key(row.cell)
        self._open -= Counter([key])
        self._seconds[key].append(row.seconds)
        self._worked += row.seconds
        self.n_done += 1
        self.n_failed += row.status is not TrialStatus.DONE
        if time.monotonic() - self._logged > _LOG_SECONDS:
            self._logged = time.monotonic()
            _LOG.info("%d trials done, %d open; %s", self.n_done, self._open.total(), self.note())

    def note(self) -> str:
        """Failures and the remaining time, in words."""
        failed = f"{self.n_failed} failed or timed out" if self.n_failed else ""
        left = self._left()
        about = "" if left is None else f"about {_duration(left)} left"
        return ", ".join(text for text in (failed, about) if text)

    def _left(self) -> float | None:
        if not self._worked or not self._open:
            return None
        means = {key: sum(times) / len(times) for key, times in self._seconds.items()}
        overall = sum(means.values()) / len(means)
        work = sum(n * means.get(key, overall) for key, n in self._open.items())
        return work * (time.monotonic() - self._start) / self._worked


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
