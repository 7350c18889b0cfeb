"""Sliding Frank-Wolfe: insert the neurons that the residual correlates with most, and refit all by convex programs.

On a decreasing path of penalty strengths (levels), each step searches for atoms that violate the dual constraint,
inserts a few, and lets all atoms move, grow, shrink, vanish and merge (:func:`srinr.solvers.gated.gated_refit`).
A level is left only when it is nearly solved: leaving earlier multiplies the atoms. For data without noise a small
exact model is looked for on the way, long before the path ends.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.atom_search import AtomSearch, Peaks, search_atoms
from srinr.solvers.closing import closing_dual, closing_options
from srinr.solvers.dual_exchange import DualExchange
from srinr.solvers.exchange import CertifyOptions
from srinr.solvers.gated import gated_refit, penalized_objective
from srinr.solvers.kinks import snapped
from srinr.solvers.merge import balanced, from_balanced, merge_atoms, prune
from srinr.solvers.polish import polish
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.reduced import Polish, reduced_model
from srinr.solvers.solution import SolverState, Tolerances
from srinr.status import Status

Vector = NDArray[np.float64]

#: Length of a new atom before its first refit.
_SEED_SIZE = 1e-6
#: New atoms of one step keep this distance from each other: absolute cosine.
_DISTINCT = 0.9
#: Relative residual from which on the atoms of the path are fitted to the data without being reduced.
_NEARLY_FEASIBLE = 1e-2
#: Excess of ``|eta| / rho`` over 1 with which a level counts as solved.
_SOLVED = 1e-3
#: A gap this much larger than asked for still counts as an inaccurate success.
_INACCURATE = 1e3
#: Relative residual from which on the gap is closed by the exchange, and its steps.
_HAND_OVER, _EXCHANGE_STEPS = 1e-5, 100
#: Part of the data's norm below which a level is rounding.
_LAST_LEVEL = 1e-9


@dataclass(frozen=True)
class SlidingFrankWolfe:
    """Solver along a path of strengths, with insertion, convex refits and reduced exact models.

    Parameters
    ----------
    max_steps : int, default 200
        Limit of one call of :func:`srinr.solvers.solve`.
    search : AtomSearch
        Of the violated constraints, at every step.
    n_insert : int, default 6
        Atoms inserted in one step at most, mutually distant.
    factor : float, default 0.6
        From one level to the next.
    initial : float, default 0.1
        First level, relative to the smallest strength for which zero is the minimizer.
    lower_at : float, default 1.3
        Largest ``|eta| / rho`` with which a level is left.
    n_rounds : int, default 2
        Gated programs of one step.
    models : Polish
        Reduced exact models (equality form).
    try_below : float, default 0.06
        Relative residual from which on they are tried, at every second step.
    closing : CertifyOptions
        Exchange on the dual that closes the gap of an exact model.
    closing_seconds : float, default 60
        Its time limit.

    Raises
    ------
    ValueError
        For options outside their ranges.

    Examples
    --------
    >>> from srinr import NeuronDictionary
    >>> from srinr.solvers import solve
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1)
    >>> teacher = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> solution = solve(MeasureProblem(dictionary, dictionary.sample(teacher)), SlidingFrankWolfe())
    >>> solution.measure.n_atoms, solution.relative_residual < 1e-12
    (1, True)
    """

    max_steps: int = 200
    search: AtomSearch = field(default_factory=lambda: AtomSearch(128, 40))
    n_insert: int = 6
    factor: float = 0.6
    initial: float = 0.1
    lower_at: float = 1.3
    n_rounds: int = 2
    models: Polish = field(default_factory=Polish)
    try_below: float = 0.06
    closing: CertifyOptions = field(default_factory=closing_options)
    closing_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.max_steps < 1 or self.n_insert < 1 or self.n_rounds < 1:
            raise ValueError(
                "max_steps, n_insert and n_rounds must be at least 1, got "
                f"{self.max_steps}, {self.n_insert}, {self.n_rounds}"
            )
        if not 0 < self.factor < 1 or not 0 < self.initial <= 1:
            raise ValueError(f"need 0 < factor < 1 and 0 < initial <= 1, got {self.factor}, {self.initial}")
        if not self.lower_at >= 1:
            raise ValueError(f"lower_at must be at least 1, got {self.lower_at!r}")

    def start(
        self, problem: MeasureProblem, init: DiscreteMeasure | None, rng: np.random.Generator
    ) -> SolverState:
        """First level and merged atoms; a warm start of the penalized form begins at its own strength."""
        n_features = problem.dictionary.encoding.n_features
        nothing = np.zeros((0, n_features))
        measure = DiscreteMeasure(nothing, np.zeros(0)) if init is None else merge_atoms(init, 0.9999)
        if measure.n_atoms and problem.strength:
            level = problem.strength
        else:
            peaks = self._search(problem, problem.data, nothing, rng)
            level = max(problem.strength, self.initial * peaks.max_ratio)
        if measure.n_atoms and not problem.strength:
            # A start that nearly fits the data belongs near the end of the path.
            level *= min(1.0, max(problem.relative_residual(measure), 1e-4))
        return SolverState(measure, None, np.inf, nothing, level=level, n_searches=1)

    def step(
        self, problem: MeasureProblem, state: SolverState, tolerances: Tolerances, rng: np.random.Generator
    ) -> SolverState:
        """Search, perhaps finish or lower the level, insert, refit."""
        state = dataclasses.replace(state, n_steps=state.n_steps + 1)
        untested = not problem.strength and not len(state.working_set)
        if untested and problem.relative_residual(state.measure) <= tolerances.feasibility_tol:
            return self._close(problem, state, tolerances, rng)
        residual = problem.data - problem.predict(state.measure)
        if not np.isfinite(residual).all() or not np.isfinite(state.level) or state.level <= 0:
            return _ended(state, Status.NONFINITE, f"residual or level {state.level} is not a finite number")
        q = residual / state.level
        peaks = self._search(problem, q, state.measure.atoms, rng)
        state = dataclasses.replace(
            state, dual_variable=q, max_ratio=peaks.max_ratio, n_searches=state.n_searches + 1
        )
        finished = self._finish(problem, state, tolerances)
        if finished is not None:
            return finished
        if self._may_hand_over(problem, state):
            state = self._handed_over(problem, state, tolerances, rng)
            if state.status is not None:
                return state
        return self._advance(problem, self._lowered(problem, state), residual, peaks, q)

    def _search(
        self, problem: MeasureProblem, dual: Vector, atoms: Vector, rng: np.random.Generator
    ) -> Peaks:
        extra = np.concatenate([atoms, -atoms])
        return search_atoms(problem.dictionary, problem.weighting, dual, rng, self.search, extra_starts=extra)

    def _finish(
        self, problem: MeasureProblem, state: SolverState, tolerances: Tolerances
    ) -> SolverState | None:
        """End of the penalized form by its gap, an exact model in the equality form, or None."""
        assert state.dual_variable is not None
        if problem.strength:
            if state.level > problem.strength:
                return None
            closed = _relative_gap(problem, state) <= tolerances.gap_tol
            return _judged(problem, state, tolerances) if closed else None
        if not state.measure.n_atoms:
            return None
        relative = problem.relative_residual(state.measure)
        if relative < _NEARLY_FEASIBLE and state.max_ratio < self.lower_at:
            for keep_kinks in (True, False):
                start = prune(state.measure, 1e-7)
                measure, fitted = polish(problem, start, max_steps=15, keep_kinks=keep_kinks)
                exact = dataclasses.replace(state, measure=measure)
                if (
                    fitted <= tolerances.feasibility_tol
                    and _relative_gap(problem, exact) <= tolerances.gap_tol
                ):
                    return _judged(problem, exact, tolerances)
        untried = not len(state.working_set) and state.n_steps % 2 == 0
        if untried and relative < self.try_below:
            model = reduced_model(problem, state.measure, self.models)
            if model is not None:
                return dataclasses.replace(state, measure=model)
        return None

    def _may_hand_over(self, problem: MeasureProblem, state: SolverState) -> bool:
        """Near the end of the path, once: the atoms are those of a minimizer, but the dual vector may not be."""
        return (
            not problem.strength
            and "handed_over" not in state.arrays
            and state.max_ratio < self.lower_at
            and problem.relative_residual(state.measure) < _HAND_OVER
        )

    def _handed_over(
        self, problem: MeasureProblem, state: SolverState, tolerances: Tolerances, rng: np.random.Generator
    ) -> SolverState:
        """Let proximal steps on the dual, with the atoms as constraints, close the gap; else go on as before."""
        exchange = DualExchange(
            search=self.search, models=self.models, closing=self.closing, closing_seconds=self.closing_seconds
        )
        other = exchange.start(problem, state.measure, rng)
        for _ in range(_EXCHANGE_STEPS):
            other = exchange.step(problem, other, tolerances, rng)
            if other.status is not None:
                break
        state = dataclasses.replace(
            state, n_searches=state.n_searches + other.n_searches, arrays={"handed_over": np.ones(1)}
        )
        if other.status is not Status.CONVERGED:
            return state
        state = dataclasses.replace(
            state, measure=other.measure, dual_variable=other.dual_variable, max_ratio=other.max_ratio
        )
        return _judged(problem, state, tolerances)

    def _lowered(self, problem: MeasureProblem, state: SolverState) -> SolverState:
        # Near the end of the path each level is solved, so that the atoms reach their kinks.
        near = problem.relative_residual(state.measure) < 0.1 * _NEARLY_FEASIBLE
        limit = min(self.lower_at, 1.0 + _SOLVED) if near else self.lower_at
        if state.max_ratio > limit or not state.measure.n_atoms:
            return state
        return dataclasses.replace(state, level=max(problem.strength, self.factor * state.level))

    def _advance(
        self, problem: MeasureProblem, state: SolverState, residual: Vector, peaks: Peaks, q: Vector
    ) -> SolverState:
        """Insert violators and refit, at the level of the state."""
        if state.level < _LAST_LEVEL * float(np.linalg.norm(problem.data)):
            return _ended(state, Status.STALLED, "the path of strengths reached rounding with the gap open")
        vectors, signs = balanced(state.measure)
        before = penalized_objective(problem, vectors, signs, state.level)
        signed = peaks.ratios * float(np.linalg.norm(residual) / (np.linalg.norm(q) * state.level))
        new = self._insertions(peaks.atoms, signed)
        kinds = np.sign(signed[new])
        atoms = snapped(problem.dictionary, residual, peaks.atoms[new], kinds)
        size = _SEED_SIZE * max(1.0, float(np.abs(state.measure.amplitudes).max(initial=0.0)))
        vectors, signs = np.concatenate([vectors, size * atoms]), np.concatenate([signs, kinds])
        vectors, signs, value = gated_refit(problem, vectors, signs, state.level, n_rounds=self.n_rounds)
        if not before - value > 1e-14 * before and state.max_ratio <= 1 + _SOLVED:
            return self._stuck(problem, state)
        return dataclasses.replace(state, measure=from_balanced(vectors, signs))

    def _stuck(self, problem: MeasureProblem, state: SolverState) -> SolverState:
        """Nothing improves at this level: the end in the penalized form, the next level in the other."""
        if state.level > problem.strength:
            return dataclasses.replace(state, level=max(problem.strength, self.factor * state.level))
        return _ended(state, Status.STALLED, "no insertion or refit lowers the objective any more")

    def _close(
        self, problem: MeasureProblem, state: SolverState, tolerances: Tolerances, rng: np.random.Generator
    ) -> SolverState:
        """Bound the minimum for an exactly feasible measure, by exchange on the dual from its support."""
        measure = state.measure
        closed = closing_dual(problem, measure, self.closing, self.closing_seconds, rng)
        if closed is not None:
            peaks = self._search(problem, closed.dual, measure.atoms, rng)
            state = dataclasses.replace(
                state, dual_variable=closed.dual, max_ratio=max(peaks.max_ratio, closed.max_ratio),
                n_searches=state.n_searches + closed.n_searches,
            )  # fmt: skip
            return _judged(problem, state, tolerances)
        # The path goes on from here; the exact model is kept by the caller, and none is looked for again.
        return dataclasses.replace(
            state, dual_variable=None, max_ratio=np.inf, working_set=np.array(measure.atoms)
        )

    def _insertions(self, atoms: Vector, ratios: Vector) -> list[int]:
        """Highest violations, mutually distant."""
        chosen: list[int] = []
        for index in np.flatnonzero(np.abs(ratios) > 1):
            if len(chosen) < self.n_insert and np.all(np.abs(atoms[chosen] @ atoms[index]) < _DISTINCT):
                chosen.append(int(index))
        return chosen


def _relative_gap(problem: MeasureProblem, state: SolverState) -> float:
    """Gap between the objective and the bound of the state's dual vector, relative to the objective."""
    if state.dual_variable is None or not np.isfinite(state.max_ratio):
        return np.inf
    objective = problem.objective(state.measure)
    gap = objective - problem.dual_bound(state.dual_variable, state.max_ratio)
    return gap / objective if objective > 0 else gap


def _judged(problem: MeasureProblem, state: SolverState, tolerances: Tolerances) -> SolverState:
    gap = _relative_gap(problem, state)
    message = f"relative gap {gap:.1e}, asked for {tolerances.gap_tol:.1e}"
    if gap <= tolerances.gap_tol:
        return _ended(state, Status.CONVERGED, message)
    if gap <= _INACCURATE * tolerances.gap_tol:
        return _ended(state, Status.CONVERGED_INACCURATE, message)
    return _ended(state, Status.STALLED, f"the gap stays open: {message}")


def _ended(state: SolverState, status: Status, message: str) -> SolverState:
    return dataclasses.replace(state, status=status, message=message)
