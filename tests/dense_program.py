"""Exact and slow reference for measure problems on small 1-D grids with three features.

On a grid a neuron is linear inside one activation pattern. The patterns are the cells of an arrangement of
planes, so the measure problem is a convex program with one vector in the closed cone of every pattern and sign
(the gated form of a two-layer ReLU network with cone constraints). Enumerated here from the intersections of
all pairs of planes, and solved by cvxpy; it shares no code with the solvers.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import combinations

import cvxpy as cp
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class DenseOptimum:
    """Minimum, a dual vector of the equality form, and the vectors ``v`` with their signs."""

    value: float
    dual: Vector
    vectors: Vector
    signs: Vector


def features_1d(n_grid: int) -> Vector:
    """``[sqrt2 sin 2 pi x, sqrt2 cos 2 pi x, 1]`` at ``x = i / n_grid``."""
    x = np.arange(n_grid) / n_grid
    root = np.sqrt(2.0)
    return np.stack([root * np.sin(2 * np.pi * x), root * np.cos(2 * np.pi * x), np.ones(n_grid)], axis=1)


def activation_patterns(features: Vector) -> NDArray[np.bool_]:
    """All sign patterns of ``features @ w`` (n_patterns, N), for three features in general position.

    Every cell of the arrangement of great circles has a vertex, and the four cells around the crossing of
    circles i and j differ in the signs of i and j only.
    """
    patterns = set()
    for i, j in combinations(range(len(features)), 2):
        vertex = np.cross(features[i], features[j])
        for pole in (vertex, -vertex):
            gates = features @ pole > 0
            for first in (False, True):
                for second in (False, True):
                    gates[i], gates[j] = first, second
                    patterns.add(gates.tobytes())
    return np.array([np.frombuffer(p, dtype=bool) for p in sorted(patterns)])


def real_transform(n_grid: int, cutoff: int) -> Vector:
    """Rows that take the pixels to an orthonormal real form of the coefficients up to ``cutoff``."""
    x = np.arange(n_grid) / n_grid
    k = np.arange(1, cutoff + 1)[:, None]
    root = np.sqrt(2.0)
    rows = [root * np.cos(2 * np.pi * k * x), root * np.sin(2 * np.pi * k * x), np.ones((1, n_grid))]
    return np.concatenate(rows) / n_grid


def dense_optimum(
    image: Vector, cutoff: int, *, strength: float = 0.0, rho: str = "standard"
) -> DenseOptimum:
    """Minimum over measures for the data ``F image``.

    Parameters
    ----------
    image : array, shape (N,)
        Pixels whose coefficients up to ``cutoff`` are the data.
    cutoff : int
        K.
    strength : float
        0 for the equality form, else the factor of the total variation.
    rho : {"standard", "fourier", "integral"}
        Weighting.
    """
    features, transform = features_1d(len(image)), real_transform(len(image), cutoff)
    data = transform @ image
    gates = activation_patterns(features)
    gates = gates[gates.any(axis=1)]
    jacobians = np.stack([transform @ (gate[:, None] * features) for gate in gates])
    cones = sparse.block_diag([(2.0 * gate - 1)[:, None] * features for gate in gates], format="csr")
    columns = jacobians.transpose(1, 0, 2).reshape(len(data), -1)
    plus, minus = (cp.Variable((len(gates), 3)) for _ in range(2))
    cost = sum(_cost(rho, v, jacobians) for v in (plus, minus))
    prediction = columns @ (cp.vec(plus, order="C") - cp.vec(minus, order="C"))
    limits = [cones @ cp.vec(v, order="C") >= 0 for v in (plus, minus)]
    if strength:
        problem = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(data - prediction) + strength * cost), limits)
    else:
        problem = cp.Problem(cp.Minimize(cost), [data - prediction == 0, *limits])
    with warnings.catch_warnings():
        # Cells of one or two pixels leave directions of no cost and no effect, which the backend calls inaccurate.
        warnings.filterwarnings("ignore", "Solution may be inaccurate", UserWarning)
        problem.solve(solver="CLARABEL", tol_gap_abs=1e-10, tol_gap_rel=1e-10, tol_feas=1e-10)
    assert problem.status in ("optimal", "optimal_inaccurate"), problem.status
    vectors = np.concatenate([plus.value, minus.value])
    signs = np.repeat([1.0, -1.0], len(gates))
    dual = np.zeros(0) if strength else np.asarray(problem.constraints[0].dual_value)
    return DenseOptimum(float(problem.value), dual, vectors, signs)


def _cost(rho: str, vectors: cp.Variable, jacobians: Vector) -> cp.Expression:
    if rho == "standard":
        return cp.sum(cp.norm(vectors, 2, axis=1))
    if rho == "integral":
        return cp.sum(cp.multiply(jacobians[:, -1, :], vectors))
    # |J v| from a triangular factor, three numbers instead of m.
    factor = np.stack([np.linalg.qr(jacobian)[1] for jacobian in jacobians])
    samples = sparse.block_diag(list(factor), format="csr") @ cp.vec(vectors, order="C")
    return cp.sum(cp.norm(cp.reshape(samples, (len(jacobians), -1), order="C"), 2, axis=1))
