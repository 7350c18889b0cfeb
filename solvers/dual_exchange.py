"""Exchange on the dual without a known support: solve with the constraints found so far, search, add, repeat."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
import scipy.optimize
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.atom_search import AtomSearch, Peaks, refined, search_atoms
from srinr.solvers.closing import closing_dual, closing_options
from srinr.solvers.exchange import CertifyOptions
from srinr.solvers.kinks import snapped
from srinr.solvers.least_distance import least_distance
from srinr.solvers.polish import Polish, reduced_model
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.solution import SolverState, Tolerances
from srinr.status import Status
from srinr.weightings import weights

Vector = NDArray[np.float64]

#: A constraint this far from active for a step is dropped.
_SLACK = 0.3
#: Peaks within this part of the highest are climbed on in double precision.
_REFINE = 0.99
_MAX_NEW = 60
#: Relative residual from which on exact models of few atoms are tried.
_TRY_BELOW = 0.06
_TRY_EVERY = 4
#: Relative gap of an exact model from which on closing it by exchange is worth the time.
_WORTH_CLOSING = 0.05
#: Largest ratio with which a proximal step may grow.
_POOR = 1.02
#: Longest proximal step, in norms of the dual vector: shorter ones creep along nearly flat directions.
_LONGEST = 1e4


@dataclass(frozen=True)
class DualExchange:
    """Semi-infinite dual program by exchange.

    The penalized form is a least-distance program: the feasible dual vector closest to ``y / strength``. The
    equality form, maximize ``<q, y>``, is solved by proximal steps, each the feasible vector closest to
    ``q + step y``; the multipliers of a step are the amplitudes, its length is the residual. Once the residual is
    small, clusters of atoms are merged and polished to an exact model, whose gap is then closed.

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
    search: AtomSearch = field(default_factory=lambda: AtomSearch(256, 60))
    step_length: float = 1.0
    models: Polish = field(default_factory=Polish)
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
        return SolverState(measure, np.zeros_like(problem.data), np.inf, unit, level=self.step_length)

    def step(
        self, problem: MeasureProblem, state: SolverState, tolerances: Tolerances, rng: np.random.Generator
    ) -> SolverState:
        """Solve with the constraints found, search for violations, perhaps finish."""
        assert state.dual_variable is not None
        scale = float(np.linalg.norm(problem.data))
        length = 1.0 / problem.strength if problem.strength else state.level / scale
        start = problem.data * length + (0.0 if problem.strength else state.dual_variable)
        dual, measure, active = _inner(problem, start, state.working_set, length)
        peaks = _peaks(problem, dual, self.search, state.working_set[active], rng)
        new = peaks.atoms[np.abs(peaks.ratios) > 1.0 + 0.1 * tolerances.gap_tol][:_MAX_NEW]
        near = np.abs(_ratios(problem, dual, state.working_set)) > 1.0 - _SLACK
        state = dataclasses.replace(
            state, measure=measure, dual_variable=dual, max_ratio=peaks.max_ratio,
            level=_next_length(state.level, dual, peaks.max_ratio),
            working_set=np.concatenate([state.working_set[near | active], new]),
            n_steps=state.n_steps + 1, n_searches=state.n_searches + 1,
        )  # fmt: skip
        return self._finished(problem, state, tolerances, rng)

    def _finished(
        self, problem: MeasureProblem, state: SolverState, tolerances: Tolerances, rng: np.random.Generator
    ) -> SolverState:
        """The state with a status when the gap is closed, perhaps by an exact model."""
        if problem.strength:
            return self._confirmed(problem, state, state.measure, tolerances, rng)
        residual = problem.relative_residual(state.measure)
        if residual > _TRY_BELOW or state.n_steps % _TRY_EVERY:
            return state
        combined = cheapest_combination(problem, state.working_set)
        if combined is not None and problem.relative_residual(combined) <= tolerances.feasibility_tol:
            state = self._confirmed(problem, state, combined, tolerances, rng)
        return state if state.status is not None else self._closed(problem, state, tolerances, rng)

    def _confirmed(
        self,
        problem: MeasureProblem,
        state: SolverState,
        measure: DiscreteMeasure,
        tolerances: Tolerances,
        rng: np.random.Generator,
    ) -> SolverState:
        """Converged when a search of four times the size leaves the gap closed; else what it found is added."""
        dual = state.dual_variable
        assert dual is not None
        # Half of it, for what the searches of all rounds leave unseen.
        wanted = 0.5 * tolerances.gap_tol * problem.objective(measure)
        bound = problem.dual_bound(dual, state.max_ratio)
        if problem.objective(measure) - bound > wanted:
            return state
        larger = dataclasses.replace(self.search, n_starts=4 * self.search.n_starts)
        peaks = _peaks(problem, dual, larger, state.working_set, rng)
        ratio = max(peaks.max_ratio, state.max_ratio)
        state = dataclasses.replace(state, max_ratio=ratio, n_searches=state.n_searches + 1)
        if problem.objective(measure) - problem.dual_bound(dual, ratio) <= wanted:
            return dataclasses.replace(state, measure=measure, status=Status.CONVERGED)
        new = peaks.atoms[np.abs(peaks.ratios) > 1.0 + 0.1 * tolerances.gap_tol][:_MAX_NEW]
        return dataclasses.replace(state, working_set=np.concatenate([state.working_set, new]))

    def _closed(
        self, problem: MeasureProblem, state: SolverState, tolerances: Tolerances, rng: np.random.Generator
    ) -> SolverState:
        """Merge and polish to an exact model of few atoms, and close its gap by an exchange from its support."""
        assert state.dual_variable is not None
        model = reduced_model(problem, state.measure, self.models)
        if model is None or problem.relative_residual(model) > tolerances.feasibility_tol:
            return state
        bound = problem.dual_bound(state.dual_variable, state.max_ratio)
        if problem.objective(model) - bound > _WORTH_CLOSING * abs(bound):
            return state
        closed = closing_dual(problem, model, self.closing, self.closing_seconds, rng)
        if closed is None:
            return state
        gap = problem.objective(model) - problem.dual_bound(closed.dual, closed.max_ratio)
        if gap > tolerances.gap_tol * problem.objective(model):
            return state
        return dataclasses.replace(
            state, measure=model, dual_variable=closed.dual, max_ratio=closed.max_ratio,
            n_searches=state.n_searches + closed.n_searches, status=Status.CONVERGED,
        )  # fmt: skip


def cheapest_combination(problem: MeasureProblem, atoms: Vector) -> DiscreteMeasure | None:
    """Exactly feasible measure of least total variation on given atoms: a linear program (HiGHS).

    Returns
    -------
    DiscreteMeasure or None
        None when no combination of the atoms meets the data.
    """
    if not len(atoms):
        return None
    rows = problem.dictionary.coefficients(atoms)
    rho = weights(problem.weighting, problem.dictionary, atoms)
    columns = (rows / rho[:, None]).T
    result = scipy.optimize.linprog(
        np.ones(2 * len(atoms)), A_eq=np.hstack([columns, -columns]), b_eq=problem.data, method="highs-ds"
    )
    if result.status != 0:
        return None
    positive, negative = np.split(result.x, 2)
    amplitudes = positive - negative
    used = amplitudes != 0
    # The program meets the data to 1e-7; its basis meets them to rounding.
    exact = np.linalg.lstsq(columns[:, used], problem.data, rcond=None)[0]
    return DiscreteMeasure(atoms[used], exact / rho[used])


def _next_length(length: float, dual: Vector, max_ratio: float) -> float:
    """Longer proximal steps where the constraints found describe the dual well."""
    if max_ratio > _POOR:
        return length
    return min(1.5 * length, _LONGEST * max(1.0, float(np.linalg.norm(dual))))


def _inner(
    problem: MeasureProblem, start: Vector, atoms: Vector, length: float
) -> tuple[Vector, DiscreteMeasure, NDArray[np.bool_]]:
    """Feasible dual vector closest to ``start``, the measure of its multipliers, and the atoms it uses."""
    rho = weights(problem.weighting, problem.dictionary, atoms)
    rows = problem.dictionary.coefficients(atoms) / rho[:, None]
    gram, values = rows @ rows.T, rows @ start
    # Long steps end far from their start: in units of the step the program is well scaled.
    unit = length * float(np.linalg.norm(problem.data))
    bounds = np.concatenate([1.0 - values, 1.0 + values]) / unit
    program = least_distance(np.block([[gram, -gram], [-gram, gram]]), bounds)
    positive, negative = np.split(program.multipliers * unit, 2)
    signed = positive - negative
    active = signed != 0
    dual = start - rows[active].T @ signed[active]
    return dual, DiscreteMeasure(atoms[active], signed[active] / (length * rho[active])), active


def _peaks(
    problem: MeasureProblem, dual: Vector, search: AtomSearch, starts: Vector, rng: np.random.Generator
) -> Peaks:
    """Peaks of a search, those next to kinks of the grid brought onto them, where smooth steps do not arrive."""
    peaks = search_atoms(problem.dictionary, problem.weighting, dual, rng, search, extra_starts=starts)
    near = np.abs(peaks.ratios) > _REFINE * peaks.max_ratio
    high = refined(problem.dictionary, problem.weighting, dual, Peaks(peaks.atoms[near], peaks.ratios[near]))
    peaks = Peaks(
        np.concatenate([high.atoms, peaks.atoms[~near]]), np.concatenate([high.ratios, peaks.ratios[~near]])
    )
    moved = snapped(problem.dictionary, dual, peaks.atoms, np.sign(peaks.ratios))
    moved /= np.linalg.norm(moved, axis=1, keepdims=True)
    ratios = _ratios(problem, dual, moved)
    higher = np.abs(ratios) > np.abs(peaks.ratios)
    return Peaks(np.where(higher[:, None], moved, peaks.atoms), np.where(higher, ratios, peaks.ratios))


def _ratios(problem: MeasureProblem, dual: Vector, atoms: Vector) -> Vector:
    rho = weights(problem.weighting, problem.dictionary, atoms)
    return (problem.dictionary.coefficients(atoms) @ dual) / rho
