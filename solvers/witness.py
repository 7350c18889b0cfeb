"""A feasible measure that is strictly cheaper than a given one: the proof of a refutation.

A contradiction among dual constraints is a direction of descent among measures: new neurons appear, the atoms move,
the samples stay, and to first order the total variation falls. Followed for a finite step and corrected back to the
data, it is a measure that anyone can check.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.certificate import Witness
from srinr.solvers.polish import stacked_jacobian
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.support import SupportEquations

Vector = NDArray[np.float64]

#: A witness must meet the data to this relative accuracy ...
_FEASIBLE = 1e-13
#: ... and save more than this part of the total variation, and more than the residual could explain.
_SAVING = 1e-9
_SAVING_PER_RESIDUAL = 1e4
_N_STEPS = 40
_N_CORRECTIONS = 8


def find_witness(
    problem: MeasureProblem,
    measure: DiscreteMeasure,
    equations: SupportEquations,
    atoms: Vector,
    amplitudes: Vector,
) -> Witness | None:
    """Follow a direction of descent to a strictly cheaper feasible measure.

    Parameters
    ----------
    problem, measure, equations
        The measure under question (unit atoms) and the equations at its support.
    atoms, amplitudes : arrays, shapes (n, D) and (n,)
        New neurons and their rates, from a contradiction among dual constraints; none when the equations at the
        support already contradict each other.

    Returns
    -------
    Witness or None
        The cheapest found along the direction; None when no step is feasible and cheaper.
    """
    balanced = np.abs(measure.amplitudes)[:, None] * measure.atoms
    motion = _motion(problem, measure, equations, atoms, amplitudes)
    norms = np.linalg.norm(balanced, axis=1)
    largest = float((np.linalg.norm(motion, axis=1) / norms).max())
    step = 1.0 / max(largest, float(np.abs(amplitudes).sum()) / norms.sum(), 1e-300)
    reference = problem.total_variation(measure)
    best: Witness | None = None
    for _ in range(_N_STEPS):
        moved = _measure(balanced + step * motion, equations.signs, atoms, step * amplitudes)
        candidate = _corrected(problem, moved, len(balanced))
        found = None if candidate is None else _checked(problem, candidate, reference)
        if found is not None and (best is None or found.total_variation < best.total_variation):
            best = found
        elif best is not None:
            break  # shorter steps save less from here on
        step /= 2.0
    return best


def cheaper(problem: MeasureProblem, candidate: DiscreteMeasure, measure: DiscreteMeasure) -> Witness | None:
    """A measure as a witness against another, when it is feasible and strictly cheaper."""
    return _checked(problem, candidate, problem.total_variation(measure))


def _motion(
    problem: MeasureProblem,
    measure: DiscreteMeasure,
    equations: SupportEquations,
    atoms: Vector,
    amplitudes: Vector,
) -> Vector:
    """Rates of the balanced atoms ``v_i``, shape (s, D), that keep the samples to first order.

    ``sum_i sign_i J_i dv_i = - sum_c amplitude_c phi_c``. Without new neurons: down the gradient of the cost in
    the null space, ``dv = -(targets - their part that the equations can meet)``.
    """
    n_atoms, n_features = measure.atoms.shape
    signs = np.repeat(equations.signs, n_features)
    columns = equations.jacobians * signs
    if len(amplitudes):
        change = -amplitudes @ problem.dictionary.coefficients(atoms)
        motion: Vector = np.linalg.lstsq(columns, change, rcond=1e-11)[0].astype(np.float64)
    else:
        unmet = equations.targets - equations.jacobians.T @ equations.center
        motion = -unmet * signs
    return motion.reshape(n_atoms, n_features)


def _measure(balanced: Vector, signs: Vector, atoms: Vector, amplitudes: Vector) -> DiscreteMeasure:
    return DiscreteMeasure(np.concatenate([balanced, atoms]), np.concatenate([signs, amplitudes]))


def _corrected(problem: MeasureProblem, moved: DiscreteMeasure, n_moved: int) -> DiscreteMeasure | None:
    """Least-norm Newton corrections back to the data: atoms move freely, new neurons change their amplitude."""
    dictionary, scale = problem.dictionary, float(np.linalg.norm(problem.data)) or 1.0
    atoms, amplitudes = moved.atoms.copy(), moved.amplitudes.copy()
    for _ in range(_N_CORRECTIONS):
        current = DiscreteMeasure(atoms, amplitudes)
        residual = problem.residual(current)
        if float(np.linalg.norm(residual)) <= 1e-15 * scale:
            return current
        new = slice(n_moved, None)
        moves = stacked_jacobian(dictionary, atoms[:n_moved], amplitudes[:n_moved])
        # Relative changes of the new amplitudes: none changes sign.
        sizes = (dictionary.coefficients(atoms[new]) * amplitudes[new, None]).T
        change = np.linalg.lstsq(np.concatenate([moves, sizes], axis=1), -residual, rcond=1e-12)[0]
        if not np.isfinite(change).all():
            return None
        atoms[:n_moved] += change[: atoms[:n_moved].size].reshape(n_moved, -1)
        amplitudes[new] *= 1.0 + np.clip(change[atoms[:n_moved].size :], -0.9, 9.0)
    return DiscreteMeasure(atoms, amplitudes)


def _checked(problem: MeasureProblem, candidate: DiscreteMeasure, reference: float) -> Witness | None:
    residual = problem.relative_residual(candidate)
    cost = problem.total_variation(candidate)
    saving = (reference - cost) / (reference or 1.0)
    if not (residual <= _FEASIBLE and saving > max(_SAVING, _SAVING_PER_RESIDUAL * residual)):
        return None
    return Witness(candidate.normalized(), cost, reference, residual)
