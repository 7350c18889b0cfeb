"""Exchange on the dual without a known support: solve with the constraints found so far, search, add, repeat."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.atom_search import AtomSearch
from srinr.solvers.cheapest_combination import cheapest_combination
from srinr.solvers.closing import closing_dual, closing_options
from srinr.solvers.dual_constraints import dual_peaks, rows_of, with_violated
from srinr.solvers.exchange import CertifyOptions
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.reduced import Polish, ReducedFits
from srinr.solvers.signed_rows import measure_of, projected, scaled, with_atoms
from srinr.solvers.small_models import later_fits, opening_fits, overdetermined
from srinr.solvers.solution import SolverState, Tolerances
from srinr.status import Status

Vector = NDArray[np.float64]

#: Earlier directions that searches start from again.
_MAX_STARTS = 150
#: Entries of the matrix up to which the linear program over the working set is solved.
_LARGEST_PROGRAM = 200_000
#: Relative gap of an exact model from which on closing it by exchange is worth the time.
_WORTH_CLOSING = 0.05

#: Largest ``|eta| / rho`` with which a proximal step is made, and with which the next one is longer.
_STEP_BELOW = 1.05
_GROW_BELOW = 1.02
_GROWTH = 1.5
#: Longest proximal step, in norms of the dual vector: shorter ones creep along nearly flat directions.
_LONGEST = 1e4
#: Size, over that of a step's, and number of the searches that must find nothing at the end: narrow peaks escape one.
_LARGER, _CONFIRMATIONS = 4, 3
#: Factor of the first step of a warm start.
_WARM = 100.0


@dataclass(frozen=True)
class DualExchange:
    """Semi-infinite dual program by exchange.

    The penalized form is a least-distance program: the feasible dual vector closest to ``y / strength``. The
    equality form, maximize ``<q, y>``, is solved by proximal steps, each the feasible vector closest to
    ``q + step y``; the multipliers of a step are the amplitudes, its length is the residual. Once the residual is
    small, models of few merged atoms are fitted to the data. One that is exact ends the search, once its gap is
    closed; the atoms of the others become constraints, from which the next steps take what helps.

    Parameters
    ----------
    max_steps : int, default 300
        One search each.
    search : AtomSearch
        Size of the searches.
    step_length : float, default 1
        Of a proximal step ``q + step_length y / |y|``.
    models : Polish
        Exact models of few atoms (equality form).
    closing : CertifyOptions
        Exchange on the dual that closes the gap of an exact model.
    closing_seconds : float, default 60
        Its time limit.

    Examples
    --------
    >>> from srinr import NeuronDictionary
    >>> from srinr.solvers import MeasureProblem, solve
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1)
    >>> teacher = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> solution = solve(MeasureProblem(dictionary, dictionary.sample(teacher)), DualExchange())
    >>> solution.status.name, solution.measure.n_atoms
    ('CONVERGED', 1)
    """

    max_steps: int = 300
    search: AtomSearch = field(default_factory=lambda: AtomSearch(256, 25))
    step_length: float = 1.0
    models: Polish = field(
        default_factory=lambda: Polish(
            max_steps=100, max_atoms=18, thresholds=(0.35, 0.2, 0.12, 0.07), fall=0.9
        )
    )
    closing: CertifyOptions = field(default_factory=closing_options)
    closing_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.max_steps < 1:
            raise ValueError(f"max_steps must be at least 1, got {self.max_steps}")
        if not (np.isfinite(self.step_length) and self.step_length > 0):
            raise ValueError(f"step_length must be a positive number, got {self.step_length!r}")

    def start(
        self, problem: MeasureProblem, init: DiscreteMeasure | None, rng: np.random.Generator
    ) -> SolverState:
        """Constraints at the atoms of a warm start, or at random directions."""
        n_features = problem.dictionary.encoding.n_features
        atoms = rng.standard_normal((2 * n_features, n_features)) if init is None else init.normalized().atoms
        measure = DiscreteMeasure(atoms[:0], np.zeros(0)) if init is None else init.normalized()
        unit = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
        # Near a minimizer long steps are safe.
        level = self.step_length if init is None else _WARM * self.step_length
        return SolverState(measure, np.zeros_like(problem.data), np.inf, unit, level=level)

    def step(
        self, problem: MeasureProblem, state: SolverState, tolerances: Tolerances, rng: np.random.Generator
    ) -> SolverState:
        """Solve with the constraints found, search for violations, perhaps finish."""
        fits = None if np.isfinite(tolerances.gap_tol) else opening_fits(problem, state, rng, self.models)
        if fits is not None and fits.exact is not None and overdetermined(problem, fits.exact):
            return dataclasses.replace(
                state, measure=fits.exact, n_steps=state.n_steps + 1, status=Status.CONVERGED
            )
        state = self.advanced(problem, state, tolerances, rng)
        return self._finished(problem, state, fits, tolerances, rng)

    def advanced(
        self, problem: MeasureProblem, state: SolverState, tolerances: Tolerances, rng: np.random.Generator
    ) -> SolverState:
        """Solve with the constraints found and search for violations."""
        rows = state.rows if state.rows is not None else rows_of(problem, state)
        length = self._length(problem, state.level)
        center = state.arrays.get("center", np.zeros_like(problem.data))
        rows, dual = projected(rows, problem.data * length + (0.0 if problem.strength else center))
        measure = measure_of(rows, length)
        starts = np.concatenate([measure.atoms, rows.atoms[rows.idle == 0][-_MAX_STARTS:]])
        peaks = dual_peaks(problem, dual, self.search, starts, rng)
        rows = with_violated(rows, problem, peaks, tolerances)
        ratio = peaks.max_ratio
        level = state.level if problem.strength else _next_level(state.level, dual, ratio)
        return dataclasses.replace(
            state, measure=measure, dual_variable=dual, max_ratio=ratio, level=level,
            # A step from a dual vector that is far from feasible would lead astray: its cuts come first.
            arrays={"center": dual if ratio < _STEP_BELOW else center},
            rows=scaled(rows, level / state.level), working_set=rows.atoms,
            n_steps=state.n_steps + 1, n_searches=state.n_searches + 1,
        )  # fmt: skip

    def _length(self, problem: MeasureProblem, level: float) -> float:
        """Of the step along the data: fixed by the strength in the penalized form."""
        return 1.0 / problem.strength if problem.strength else level / float(np.linalg.norm(problem.data))

    def _finished(
        self,
        problem: MeasureProblem,
        state: SolverState,
        fits: ReducedFits | None,
        tolerances: Tolerances,
        rng: np.random.Generator,
    ) -> SolverState:
        """The state with a status when the gap is closed, perhaps by an exact model."""
        if problem.strength:
            return self._confirmed(problem, state, state.measure, tolerances, rng)
        fits = fits or later_fits(problem, state, rng, self.models)
        if fits is None:
            return state
        combined = None
        bounded = np.isfinite(tolerances.gap_tol)
        if bounded and state.working_set.shape[0] * len(problem.data) <= _LARGEST_PROGRAM:
            combined = cheapest_combination(problem, state.working_set)
        if combined is not None and problem.relative_residual(combined) <= tolerances.feasibility_tol:
            state = self._confirmed(problem, state, combined, tolerances, rng)
        return state if state.status is not None else self._closed(problem, state, fits, tolerances, rng)

    def _confirmed(
        self,
        problem: MeasureProblem,
        state: SolverState,
        measure: DiscreteMeasure,
        tolerances: Tolerances,
        rng: np.random.Generator,
    ) -> SolverState:
        """Converged when large searches in a row leave the gap closed; else what one found is added."""
        dual = state.dual_variable
        assert dual is not None
        # Half of it, for what the searches of all rounds leave unseen.
        wanted = 0.5 * tolerances.gap_tol * problem.objective(measure)
        bound = problem.dual_bound(dual, state.max_ratio)
        if problem.objective(measure) - bound > wanted:
            return state
        larger = dataclasses.replace(self.search, n_starts=_LARGER * self.search.n_starts)
        for _ in range(_CONFIRMATIONS):
            peaks = dual_peaks(problem, dual, larger, state.working_set, rng)
            ratio = max(peaks.max_ratio, state.max_ratio)
            state = dataclasses.replace(state, max_ratio=ratio, n_searches=state.n_searches + 1)
            if problem.objective(measure) - problem.dual_bound(dual, ratio) > wanted:
                assert state.rows is not None
                rows = with_violated(state.rows, problem, peaks, tolerances)
                return dataclasses.replace(state, rows=rows, working_set=rows.atoms)
        return dataclasses.replace(state, measure=measure, status=Status.CONVERGED)

    def _closed(
        self,
        problem: MeasureProblem,
        state: SolverState,
        fits: ReducedFits,
        tolerances: Tolerances,
        rng: np.random.Generator,
    ) -> SolverState:
        """An exact model of few atoms whose gap is closed by an exchange from its support; or fits as constraints."""
        model = fits.exact
        if model is None or problem.relative_residual(model) > tolerances.feasibility_tol:
            state = with_fits(problem, state, fits.others)
            # Without a gap to close, feasible steps end the search: what they minimize is hardly lowered any more.
            feasible = problem.relative_residual(state.measure) <= tolerances.feasibility_tol
            done = feasible and not np.isfinite(tolerances.gap_tol)
            return dataclasses.replace(state, status=Status.CONVERGED if done else None)
        if not np.isfinite(tolerances.gap_tol) and overdetermined(problem, model):
            return dataclasses.replace(state, measure=model, status=Status.CONVERGED)
        # The caller keeps the best feasible iterate, whatever becomes of its gap.
        state = dataclasses.replace(state, measure=model)
        assert state.dual_variable is not None
        bound = problem.dual_bound(state.dual_variable, state.max_ratio)
        if problem.objective(model) - bound > _WORTH_CLOSING * abs(bound):
            return state
        closed = closing_dual(problem, model, self.closing, self.closing_seconds, rng)
        if closed is None:
            return state
        gap = problem.objective(model) - problem.dual_bound(closed.dual, closed.max_ratio)
        if gap > min(tolerances.gap_tol, _WORTH_CLOSING) * problem.objective(model):
            return state
        return dataclasses.replace(
            state, measure=model, dual_variable=closed.dual, max_ratio=closed.max_ratio,
            n_searches=state.n_searches + closed.n_searches, status=Status.CONVERGED,
        )  # fmt: skip


def with_fits(problem: MeasureProblem, state: SolverState, fits: Iterable[DiscreteMeasure]) -> SolverState:
    """The state with the atoms of fits that stopped short among its constraints."""
    rows = state.rows
    assert rows is not None
    for fit in fits:
        rows = with_atoms(rows, problem, fit.atoms, np.sign(fit.amplitudes))
    return dataclasses.replace(state, rows=rows, working_set=rows.atoms)


def _next_level(level: float, dual: Vector, ratio: float) -> float:
    """Longer proximal steps where the constraints found describe the dual well."""
    if ratio > _GROW_BELOW:
        return level
    return min(_GROWTH * level, _LONGEST * max(1.0, float(np.linalg.norm(dual))))
