"""The one loop around every solver over measures: limits, interruption, history, the best iterate."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from srinr.interruption import DeferredInterrupt
from srinr.measures import DiscreteMeasure
from srinr.progress import progress_bar
from srinr.solvers.atom_search import AtomSearch, search_atoms
from srinr.solvers.default_solver import default_solver
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.solution import Record, Solution, SolverFailure, SolverState, Tolerances
from srinr.status import Status

#: Search that has the last word on the dual bound.
_CONFIRMATION = AtomSearch(n_starts=1024, n_steps=80)

Callback = Callable[[SolverState], bool | None]


class Solver(Protocol):
    """How a measure is looked for. A solver sees the problem, never where its data came from."""

    @property
    def max_steps(self) -> int:
        """Step limit of one call."""
        ...

    def start(
        self, problem: MeasureProblem, init: DiscreteMeasure | None, rng: np.random.Generator
    ) -> SolverState:
        """State before the first step, from a measure when one is given."""
        ...

    def step(
        self, problem: MeasureProblem, state: SolverState, tolerances: Tolerances, rng: np.random.Generator
    ) -> SolverState:
        """One step; a status in the returned state ends the run."""
        ...


def solve(
    problem: MeasureProblem,
    solver: Solver | None = None,
    *,
    init: DiscreteMeasure | SolverState | None = None,
    tolerances: Tolerances | None = None,
    time_limit: float | None = None,
    callback: Callback | None = None,
    throw: bool = False,
    progress: bool | None = None,
    seed: int = 0,
) -> Solution:
    """Solve one problem; an outcome short of the tolerances is a status, not an error.

    Parameters
    ----------
    problem : MeasureProblem
        What to solve.
    solver : Solver, optional
        By default what :func:`default_solver` says; see there for the others.
    init : DiscreteMeasure or SolverState, optional
        Warm start, or the state of an earlier run to go on from.
    tolerances : Tolerances, optional
        Requested accuracies.
    time_limit : float, optional
        Seconds; checked after every step.
    callback : callable, optional
        Called with the state after every step; returning True stops.
    throw : bool, default False
        Raise :class:`SolverFailure` (which holds the solution) unless the status is a success.
    progress : bool, optional
        Progress bar; by default on a terminal only.
    seed : int, default 0
        Of all random searches.

    Returns
    -------
    Solution
        With the best iterate: feasible and cheapest, or closest to the data.

    Examples
    --------
    >>> from srinr import DiscreteMeasure, NeuronDictionary
    >>> from srinr.solvers import DualExchange, MeasureProblem, solve
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1)
    >>> teacher = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> solution = solve(MeasureProblem(dictionary, dictionary.sample(teacher)), DualExchange())
    >>> solution.status.name, round(solution.objective, 6)
    ('CONVERGED', 2.0)
    """
    solver = solver or default_solver(problem)
    wanted = tolerances or Tolerances()
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"time_limit must be positive seconds, got {time_limit!r}")
    rng = np.random.default_rng(seed)
    start = time.perf_counter()
    checked = _checked_init(problem, init)
    state = checked if isinstance(checked, SolverState) else solver.start(problem, checked, rng)
    state = dataclasses.replace(state, status=None, message="")
    if not problem.data.any():
        state = _zero_state(problem, state)
    keeper = _Keeper(problem, wanted, start)
    keeper.look(state)
    first = state.n_steps
    with DeferredInterrupt() as interrupt, progress_bar(solver.max_steps, "solve", progress) as report:
        while state.status is None:
            state = solver.step(problem, state, wanted, rng)
            record = keeper.look(state)
            report(
                state.n_steps - first,
                f"objective {record.objective:.6g}, residual {record.relative_residual:.1e}",
            )
            stop = callback is not None and bool(callback(state))
            if state.status is None:
                state = _limits(state, solver.max_steps - (state.n_steps - first), start, time_limit,
                                interrupt.requested or stop)  # fmt: skip
    solution = keeper.solution(state, rng)
    if throw and not solution.status.is_success:
        raise SolverFailure(solution)
    return solution


def solve_batch(
    problems: Iterable[MeasureProblem],
    solver: Solver,
    *,
    init: Sequence[DiscreteMeasure | SolverState | None] | None = None,
    tolerances: Tolerances | None = None,
    time_limit: float | None = None,
    progress: bool | None = None,
    seed: int = 0,
) -> list[Solution]:
    """Solve several problems; each has its own status, and none disturbs the others.

    Parameters
    ----------
    problems : iterable of MeasureProblem
        What to solve.
    solver : Solver
        As in :func:`solve`.
    init : sequence, optional
        One warm start (or None) a problem.
    time_limit : float, optional
        Seconds for each problem.
    tolerances, progress, seed
        As in :func:`solve`; every problem starts from the same seed.
    """
    listed = list(problems)
    starts = [None] * len(listed) if init is None else list(init)
    if len(starts) != len(listed):
        raise ValueError(
            f"init must hold one start a problem: {len(listed)} problems, got {len(starts)} starts"
        )
    solutions = []
    with progress_bar(len(listed), "solve", progress) as report:
        for problem, start in zip(listed, starts, strict=True):
            solutions.append(
                solve(problem, solver, init=start, tolerances=tolerances, time_limit=time_limit,
                      progress=False, seed=seed)
            )  # fmt: skip
            report(len(solutions), solutions[-1].status.name)
            if solutions[-1].status is Status.USER_STOP:
                raise KeyboardInterrupt
    return solutions


def _checked_init(
    problem: MeasureProblem, init: DiscreteMeasure | SolverState | None
) -> DiscreteMeasure | SolverState | None:
    if init is None:
        return None
    if not isinstance(init, DiscreteMeasure | SolverState):
        raise TypeError(f"init must be a DiscreteMeasure or a SolverState, got {type(init).__name__}")
    wanted = problem.dictionary.encoding.n_features
    measure = init.measure if isinstance(init, SolverState) else init
    if measure.atoms.shape[1] != wanted:
        raise ValueError(f"init has atoms of {measure.atoms.shape[1]} features, the problem has {wanted}")
    dual = init.dual_variable if isinstance(init, SolverState) else None
    if dual is not None and dual.shape != problem.data.shape:
        raise ValueError(
            f"init has a dual vector of shape {dual.shape}, the problem {len(problem.data)} real samples; "
            "go on from a state of the same problem, or start from its measure"
        )
    return init


def _zero_state(problem: MeasureProblem, state: SolverState) -> SolverState:
    n_features = problem.dictionary.encoding.n_features
    return dataclasses.replace(
        state,
        measure=DiscreteMeasure(np.zeros((0, n_features)), np.zeros(0)),
        dual_variable=np.zeros_like(problem.data),
        max_ratio=0.0,
        status=Status.CONVERGED,
        message="the data are zero, and so is the minimizer",
    )


def _limits(
    state: SolverState, steps_left: int, start: float, time_limit: float | None, stop: bool
) -> SolverState:
    if stop:
        status = Status.USER_STOP
    elif steps_left <= 0:
        status = Status.MAX_STEPS
    elif time_limit is not None and time.perf_counter() - start > time_limit:
        status = Status.TIME_LIMIT
    else:
        return state
    return dataclasses.replace(state, status=status, message=status.message)


class _Keeper:
    """The history, the best iterate and the best bound of one run."""

    def __init__(self, problem: MeasureProblem, tolerances: Tolerances, start: float) -> None:
        self._problem, self._tolerances, self._start = problem, tolerances, start
        self._history: list[Record] = []
        self._best: tuple[tuple[bool, float], DiscreteMeasure, Record] | None = None
        self._bound = -np.inf
        self._dual: NDArray[np.float64] | None = None

    def look(self, state: SolverState) -> Record:
        problem = self._problem
        bound = -np.inf
        if state.dual_variable is not None and np.isfinite(state.max_ratio):
            bound = problem.dual_bound(state.dual_variable, state.max_ratio)
            if bound > self._bound:
                self._bound, self._dual = bound, state.dual_variable / max(1.0, state.max_ratio)
        objective, residual = problem.objective(state.measure), problem.relative_residual(state.measure)
        record = Record(
            state.n_steps,
            time.perf_counter() - self._start,
            objective,
            bound,
            residual,
            state.measure.n_atoms,
        )
        self._history.append(record)
        key = (False, objective) if problem.strength else self._tolerances.rank(objective, residual)
        if self._best is None or key <= self._best[0]:
            self._best = (key, state.measure, record)
        return record

    def solution(self, state: SolverState, rng: np.random.Generator) -> Solution:
        """The best iterate, with its bound after one more, larger search: a missed peak would inflate it."""
        assert self._best is not None and state.status is not None
        _, measure, record = self._best
        # Who asks for any exact fit does not wait for a bound.
        unbounded = not np.isfinite(self._tolerances.gap_tol)
        enough = record.objective - self._tolerances.gap_tol * abs(record.objective)
        bound, dual = (-np.inf, self._dual) if unbounded else self._confirmed(state, measure, enough, rng)
        status, message = state.status, state.message or state.status.message
        if status is Status.CONVERGED and bound < enough:
            status = Status.CONVERGED_INACCURATE
            message = f"a larger search widened the gap to {record.objective - bound:.2e}; {status.message}"
        return Solution(
            self._problem, measure, status, message, record.objective, bound, record.relative_residual, dual,
            state, self._tolerances, tuple(self._history), time.perf_counter() - self._start,
        )  # fmt: skip

    def _confirmed(
        self, state: SolverState, measure: DiscreteMeasure, enough: float, rng: np.random.Generator
    ) -> tuple[float, NDArray[np.float64] | None]:
        problem = self._problem
        # The last one belongs to the last measure: where it closes the gap, the two go together.
        duals = [d for d in (state.dual_variable, self._dual) if d is not None and np.isfinite(d).all()]
        best: tuple[float, NDArray[np.float64] | None] = (-np.inf, None)
        extra = np.concatenate([measure.normalized().atoms, state.working_set])
        for dual in duals if problem.data.any() else []:
            peaks = search_atoms(
                problem.dictionary, problem.weighting, dual, rng, _CONFIRMATION, extra_starts=extra
            )
            bound = problem.dual_bound(dual, peaks.max_ratio)
            if bound > best[0]:
                best = bound, dual / max(1.0, peaks.max_ratio)
            if bound >= enough:
                break
        return best if problem.data.any() else (0.0, state.dual_variable)
