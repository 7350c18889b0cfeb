"""Constraints of the dual program: where they start, and how violated ones are found."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srinr.solvers.atom_search import AtomSearch, Peaks, refined, search_atoms
from srinr.solvers.kinks import snapped
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.signed_rows import SignedRows, signed_rows, with_atoms
from srinr.solvers.solution import SolverState, Tolerances
from srinr.weightings import weights

Vector = NDArray[np.float64]

#: Loosest tolerance with which violations are looked for.
_LOOSEST = 1e-3
#: Peaks within this part of the highest are climbed on in double precision.
_REFINE = 0.99
_MAX_NEW = 100


def rows_of(problem: MeasureProblem, state: SolverState) -> SignedRows:
    """Constraints at the directions of a state, on the side to which its dual vector (or the data) leans."""
    dual = state.dual_variable
    leaning = problem.data if dual is None or not dual.any() else dual
    signs = np.where(_ratios(problem, leaning, state.working_set) < 0, -1.0, 1.0)
    return signed_rows(problem, state.working_set, signs)


def with_violated(
    rows: SignedRows, problem: MeasureProblem, peaks: Peaks, tolerances: Tolerances
) -> SignedRows:
    """The constraints and the highest peaks that violate theirs."""
    allowed = 1.0 + 0.1 * min(tolerances.gap_tol, _LOOSEST)
    violated = np.flatnonzero(np.abs(peaks.ratios) > allowed)[:_MAX_NEW]
    signs = np.where(peaks.ratios[violated] < 0, -1.0, 1.0)
    return with_atoms(rows, problem, peaks.atoms[violated], signs)


def dual_peaks(
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
