"""Basis pursuit on a grid of directions that moves: conic programs on cones around atoms, by cvxpy."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.atom_search import AtomSearch, Peaks, ratios, search_atoms
from srinr.solvers.cone_program import Cones, ConeSolution, build_cones, solve_cones
from srinr.solvers.moved_atoms import merit, moved_atoms, reduced_models
from srinr.solvers.patterns import grid_features, neighbors_across, small_bumps
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.solution import SolverState, Tolerances
from srinr.status import Status

Vector = NDArray[np.float64]

#: Directions with ``|eta| / rho`` above this stay in the working set.
_NEAR = 1 - 1e-3
#: Most atoms that stay in the working set.
_MAX_KEPT = 300
#: Factor of the starts of the search that confirms the end.
_ESCALATION = 4
#: Barely active neurons make programs badly scaled; where the backend fails it is asked again without them.
_SCALE_LIMITS = (1e3, 30.0)
#: Below this radius no atom moves any more.
_MIN_RADIUS = 1e-9


@dataclass(frozen=True, eq=False)
class GridBasisPursuit:
    """Basis pursuit (or its penalized form) on finitely many atoms that move between programs.

    Each step solves one convex program. Around every atom of the working set, neurons are linearized:
    ``phi(v) = J(w) v`` for ``v`` in a circular cone around ``w``. On a grid the linearization is exact inside an
    activation pattern, and cones that few pixels cross are cut to it; the program is then a restriction of the
    measure problem, whose minimum falls from step to step. Atoms move to where their vectors point, patterns
    across a touched boundary and the peaks of the dual variable join, and the radius of the cones shrinks
    when the true objective does not follow the linearized one. ``radius=0`` keeps the bare atoms in place.

    Parameters
    ----------
    atoms : array, shape (Q, D), optional
        First working set; by default ``n_atoms`` random directions.
    n_atoms : int, optional
        Number of random directions; by default half the number of real samples, 40 at least.
    radius : float, default 0.3
        First slope of the cones.
    max_facets : int, default 64
        Pixels in reach up to which a cone is cut to the activation pattern.
    n_peaks : int, default 24
        Peaks of the dual variable that join in a step.
    backend : str, default "CLARABEL"
        Name of a conic solver in ``cvxpy.installed_solvers()``.
    search : AtomSearch
        Size of the search behind the bound.
    max_steps : int, default 60
        Step limit.

    Raises
    ------
    ValueError
        An option out of range, or a conic solver that is not installed.

    Notes
    -----
    For custom weightings the cost is linearized as well, so that only small cones are accurate. The modified
    weightings are served well on coarse 1-D grids only: in 2-D, cones hold too many pixels to be exact, and
    progress is slow. The bound is conditional on the search, as for every solver here. On coarse
    grids minimizers often lie on the boundary of patterns; there the program is exact, while smooth ascents stall.

    Examples
    --------
    >>> from srinr import DiscreteMeasure, NeuronDictionary
    >>> from srinr.solvers import MeasureProblem, solve
    >>> from srinr.solvers.grid_basis_pursuit import GridBasisPursuit
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1, n_grid=24)
    >>> teacher = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> solution = solve(MeasureProblem(dictionary, dictionary.sample(teacher)), GridBasisPursuit())
    >>> solution.status.name, bool(solution.objective <= 2.0 + 1e-6)
    ('CONVERGED', True)
    """

    atoms: Vector | None = None
    n_atoms: int | None = None
    radius: float = 0.3
    max_facets: int = 64
    n_peaks: int = 24
    backend: str = "CLARABEL"
    search: AtomSearch = field(default_factory=AtomSearch)
    max_steps: int = 60

    def __post_init__(self) -> None:
        for name, least in (("max_facets", 0), ("n_peaks", 1), ("max_steps", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} must be at least {least}, got {getattr(self, name)!r}")
        if self.n_atoms is not None and self.n_atoms < 1:
            raise ValueError(f"n_atoms must be at least 1, got {self.n_atoms!r}")
        if not (np.isfinite(self.radius) and self.radius >= 0):
            raise ValueError(f"radius must be a finite slope >= 0, got {self.radius!r}")
        if self.atoms is not None and (np.ndim(self.atoms) != 2 or not np.isfinite(self.atoms).all()):
            raise ValueError(f"atoms must be finite, of shape (Q, D); got shape {np.shape(self.atoms)}")
        _check_backend(self.backend)

    def start(
        self, problem: MeasureProblem, init: DiscreteMeasure | None, rng: np.random.Generator
    ) -> SolverState:
        """Random or given directions, and those of a warm start."""
        n_features = problem.dictionary.encoding.n_features
        working = (
            self._fresh(problem, rng) if self.atoms is None else np.asarray(self.atoms, dtype=np.float64)
        )
        if working.shape[1] != n_features:
            raise ValueError(f"atoms have {working.shape[1]} features, the dictionary {n_features}")
        if init is None:
            measure = DiscreteMeasure(np.zeros((0, n_features)), np.zeros(0))
        else:
            measure = init.normalized()
            working = np.concatenate([measure.atoms, working])
        return SolverState(measure, None, np.inf, working, level=self.radius)

    def step(
        self, problem: MeasureProblem, state: SolverState, tolerances: Tolerances, rng: np.random.Generator
    ) -> SolverState:
        """One conic program, moved atoms, one search."""
        cones, answer = self._program(problem, state, rng)
        if answer.status is not None:
            return self._failed(problem, state, answer, rng)
        penalty = 2 * float(np.linalg.norm(answer.dual))
        before = merit(problem, state.measure, penalty)
        candidates = reduced_models(problem, moved_atoms(cones, answer), bool(self.radius))
        merits = [merit(problem, measure, penalty) for measure in candidates]
        best = int(np.argmin(merits))
        slack = 0.1 * tolerances.gap_tol * abs(before)
        accepted = not state.n_steps or merits[best] < before
        improved = not state.n_steps or merits[best] < before - slack
        measure = candidates[best] if accepted else state.measure
        radius = state.level
        if improved:
            radius = min(self.radius, 2 * radius)
        elif answer.value < before - slack:
            radius *= 0.25  # the program promised more than the neurons give
        neighbors = neighbors_across(grid_features(problem.dictionary), measure.atoms, 0.1 * radius)
        peaks = self._peaks(problem, measure, neighbors, answer.dual, tolerances, rng)
        dual, max_ratio = _better_dual(problem, state, answer.dual, peaks.max_ratio)
        parts = [
            measure.atoms,
            *([] if accepted else [candidates[best].atoms[: self.n_peaks]]),
            neighbors,
            peaks.atoms[np.abs(peaks.ratios) > _NEAR][: self.n_peaks],
            _kept(problem, cones, answer.dual, self.n_peaks if improved else _MAX_KEPT),
        ]
        following = SolverState(
            measure, dual, max_ratio, np.concatenate(parts), radius, None, "", state.n_steps + 1,
            state.n_searches + 1,
        )  # fmt: skip
        return self._judged(problem, following, tolerances)

    def _peaks(
        self,
        problem: MeasureProblem,
        measure: DiscreteMeasure,
        neighbors: Vector,
        dual: Vector,
        tolerances: Tolerances,
        rng: np.random.Generator,
    ) -> Peaks:
        """Search; where that would end the run, search again with more starts before it does."""
        starts = np.concatenate([measure.atoms, neighbors, small_bumps(problem, dual, self.n_peaks)])
        peaks = search_atoms(
            problem.dictionary, problem.weighting, dual, rng, self.search, extra_starts=starts
        )
        objective = problem.objective(measure)
        if objective - problem.dual_bound(dual, peaks.max_ratio) > tolerances.gap_tol * abs(objective):
            return peaks
        larger = dataclasses.replace(self.search, n_starts=_ESCALATION * self.search.n_starts, keep=1.0)
        found = np.concatenate([starts, peaks.atoms])
        return search_atoms(problem.dictionary, problem.weighting, dual, rng, larger, extra_starts=found)

    def _failed(
        self, problem: MeasureProblem, state: SolverState, answer: ConeSolution, rng: np.random.Generator
    ) -> SolverState:
        """A failure at the first program ends the run; later, smaller cones and fresh atoms may do better."""
        state = dataclasses.replace(state, n_steps=state.n_steps + 1)
        hopeless = not self.radius or state.level < 1e-3 * self.radius
        if answer.status is Status.BACKEND_FAILED and state.measure.n_atoms and not hopeless:
            working = np.concatenate([state.measure.atoms, self._fresh(problem, rng)])
            return dataclasses.replace(state, level=0.25 * state.level, working_set=working)
        return dataclasses.replace(state, status=answer.status, message=_explain(answer))

    def _fresh(self, problem: MeasureProblem, rng: np.random.Generator) -> Vector:
        n_atoms = self.n_atoms or max(40, len(problem.data) // 2)
        drawn = rng.standard_normal((n_atoms, problem.dictionary.encoding.n_features))
        return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)

    def _program(
        self, problem: MeasureProblem, state: SolverState, rng: np.random.Generator
    ) -> tuple[Cones, ConeSolution]:
        """Solve on the working set; where small cones cannot meet the data, with fresh directions once more."""
        cones = build_cones(problem, state.working_set, state.level, self.max_facets)
        answer = solve_cones(problem, cones, self.backend)
        for limit in _SCALE_LIMITS:
            if answer.status is Status.BACKEND_FAILED:
                cones = cones.with_scales_below(limit)
                answer = solve_cones(problem, cones, self.backend)
        if answer.status is Status.INFEASIBLE and state.n_steps and self.radius:
            wider = np.concatenate([state.working_set, self._fresh(problem, rng)])
            cones = build_cones(problem, wider, max(state.level, self.radius), self.max_facets)
            answer = solve_cones(problem, cones, self.backend)
        return cones, answer

    def _judged(self, problem: MeasureProblem, state: SolverState, tolerances: Tolerances) -> SolverState:
        """The status, once gap and residual are small or the atoms cannot move."""
        assert state.dual_variable is not None
        objective = problem.objective(state.measure)
        bound = problem.dual_bound(state.dual_variable, state.max_ratio)
        residual = problem.relative_residual(state.measure)
        feasible = bool(problem.strength) or residual <= tolerances.feasibility_tol
        status = None
        if feasible and objective - bound <= tolerances.gap_tol * abs(objective):
            status = Status.CONVERGED
        elif self.radius and state.level < _MIN_RADIUS:
            status = Status.STALLED
        if status is None:
            return state
        details = f"relative gap {(objective - bound) / (objective or 1.0):.1e}, residual {residual:.1e}"
        return dataclasses.replace(state, status=status, message=f"{status.message}; {details}")


def _check_backend(name: str) -> None:
    import cvxpy as cp

    installed = cp.installed_solvers()
    if name not in installed:
        raise ValueError(f"backend must be a conic solver known to cvxpy, one of {installed}; got {name!r}")


def _explain(answer: ConeSolution) -> str:
    assert answer.status is not None
    if answer.status is Status.INFEASIBLE:
        return (
            "no combination of the atoms meets the samples; use more atoms (n_atoms) or wider cones (radius), "
            f"or the penalized form, strength > 0 ({answer.message})"
        )
    return f"{answer.status.message} ({answer.message})"


def _kept(problem: MeasureProblem, cones: Cones, dual: Vector, n_most: int) -> Vector:
    """Atoms of the last program that stay, highest first: without progress they cut the dual set further on."""
    heights = np.abs(ratios(problem.dictionary, problem.weighting, dual, cones.atoms))
    order = np.argsort(-heights)[:n_most]
    return cones.atoms[order if n_most == _MAX_KEPT else order[heights[order] > _NEAR]]


def _better_dual(
    problem: MeasureProblem, state: SolverState, dual: Vector, max_ratio: float
) -> tuple[Vector, float]:
    """Of the old and the new dual vector the one with the higher bound."""
    old = state.dual_variable
    if old is None or problem.dual_bound(dual, max_ratio) >= problem.dual_bound(old, state.max_ratio):
        return dual, max_ratio
    return old, state.max_ratio
