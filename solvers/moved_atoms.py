"""What becomes of the atoms after a program on cones: they move, merge, and meet the samples exactly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.cone_program import Cones, ConeSolution
from srinr.solvers.merge import merge_atoms, prune
from srinr.solvers.polish import polish
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
        merged = prune(merge_atoms(moved, cosine), smallest)
        if merged.n_atoms < found[-1].n_atoms:
            found.append(merged)
    return (
        found
        if problem.strength
        else [polish(problem, measure, max_steps=6)[0].normalized() for measure in found]
    )


def merit(problem: MeasureProblem, measure: DiscreteMeasure, penalty: float) -> float:
    """The objective with an exact penalty of the residual, to compare iterates that are not quite feasible."""
    if problem.strength:
        return problem.objective(measure)
    return problem.objective(measure) + penalty * float(np.linalg.norm(problem.residual(measure)))
