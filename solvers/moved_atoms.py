"""What becomes of the atoms after a program on cones: they move, merge, and meet the samples exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.cone_program import Cones, ConeSolution
from srinr.solvers.problem import MeasureProblem

Vector = NDArray[np.float64]

#: Vectors whose samples are smaller, relative to the largest, count as zero.
_ZERO = 1e-8
#: Reduced models that are tried after a program: cosine above which atoms merge, smallest relative size.
_REDUCTIONS = ((0.9999, 0.0), (0.98, 0.0), (0.9, 0.02), (0.8, 0.1))


def moved_atoms(cones: Cones, answer: ConeSolution) -> DiscreteMeasure:
    """The atoms where their vectors point; vectors of one pattern and sign are one atom there."""
    q = len(cones.atoms)
    samples = np.einsum("qmd,sqd->sqm", cones.jacobians, answer.vectors.reshape(2, q, -1)).reshape(2 * q, -1)
    sizes = np.linalg.norm(samples, axis=1)
    active = np.flatnonzero(sizes > _ZERO * sizes.max(initial=0.0))
    merged: dict[tuple[bytes, float], Vector] = {}
    for index in active:
        vector, sign = answer.vectors[index], 1.0 if index < q else -1.0
        exact = cones.facets[index % q] is not None
        key = ((cones.jacobians if exact else cones.atoms)[index % q].tobytes(), sign)
        merged[key] = merged.get(key, 0.0) + vector
    vectors = np.array(list(merged.values())).reshape(-1, cones.atoms.shape[1])
    signs = np.array([sign for _, sign in merged])
    return DiscreteMeasure(vectors, signs).normalized()


def reduced_models(problem: MeasureProblem, moved: DiscreteMeasure, may_move: bool) -> list[DiscreteMeasure]:
    """Moved atoms, and the same with close atoms merged and small ones left out, each corrected."""
    if not may_move or not moved.n_atoms:
        return [moved]
    found = [moved]
    for cosine, smallest in _REDUCTIONS:
        merged = _merged(moved, cosine, smallest)
        if merged.n_atoms < found[-1].n_atoms:
            found.append(merged)
    return found if problem.strength else [_corrected(problem, measure) for measure in found]


def _merged(measure: DiscreteMeasure, cosine: float, smallest: float) -> DiscreteMeasure:
    """Sum atoms of one sign that are close to a larger one; then drop those below ``smallest`` of the largest."""
    mass = np.abs(measure.amplitudes)
    close = (measure.atoms @ measure.atoms.T > cosine) & (
        np.sign(measure.amplitudes)[:, None] == np.sign(measure.amplitudes)
    )
    left = np.ones(len(mass), dtype=bool)
    vectors, signs = [], []
    for index in np.argsort(-mass):
        if left[index]:
            members = close[index] & left
            left &= ~members
            vectors.append(mass[members] @ measure.atoms[members])
            signs.append(np.sign(measure.amplitudes[index]))
    sizes = np.linalg.norm(vectors, axis=1)
    keep = sizes >= smallest * sizes.max()
    return DiscreteMeasure(np.array(vectors)[keep], np.array(signs)[keep]).normalized()


def _corrected(problem: MeasureProblem, measure: DiscreteMeasure, n_steps: int = 6) -> DiscreteMeasure:
    """Least-norm Newton steps onto the equality constraint, relative to the size of each atom."""
    best, residual = measure, problem.residual(measure)
    goal = 1e-15 * float(np.linalg.norm(problem.data))
    for _ in range(n_steps):
        if np.linalg.norm(residual) <= goal:
            break
        columns = [
            amplitude * problem.dictionary.jacobian(atom)
            for atom, amplitude in zip(best.atoms, best.amplitudes, strict=True)
        ]
        step = np.linalg.lstsq(np.concatenate(columns, axis=1), -residual, rcond=1e-10)[0]
        vectors = np.abs(best.amplitudes)[:, None] * (best.atoms + step.reshape(best.atoms.shape))
        trial = DiscreteMeasure(vectors, np.sign(best.amplitudes)).normalized()
        remaining = problem.residual(trial)
        if not np.linalg.norm(remaining) < np.linalg.norm(residual):
            break
        best, residual = trial, remaining
    return best


def merit(problem: MeasureProblem, measure: DiscreteMeasure, penalty: float) -> float:
    """The objective with an exact penalty of the residual, to compare iterates that are not quite feasible."""
    if problem.strength:
        return problem.objective(measure)
    return problem.objective(measure) + penalty * float(np.linalg.norm(problem.residual(measure)))
