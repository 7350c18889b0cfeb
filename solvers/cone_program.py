"""The convex program on a finite set of cones of directions, by an external conic solver through cvxpy.

Around an atom ``w`` neurons are linearized, ``phi(v) = J(w) v``; ``v`` stays in a circular cone around ``w`` and,
where the pixels in reach are few, in the activation pattern of ``w``, inside which the linearization is exact.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from srinr.solvers.patterns import grid_features, pattern_facets
from srinr.solvers.problem import MeasureProblem
from srinr.status import Status
from srinr.weightings import (
    FourierWeighting,
    StandardWeighting,
    weights_and_gradients,
)

Vector = NDArray[np.float64]

#: Cones at least this wide (slope) are left out of the program: the pattern alone limits the direction.
_WIDE = 1e3
#: Neurons whose samples are smaller, relative to their length, count as dead: they spoil the program's scaling.
_DEAD = 1e-6


@dataclass(frozen=True, eq=False)
class Cones:
    """Cones of directions around atoms, each scaled so that the atom costs 1.

    Attributes
    ----------
    atoms : array, shape (Q, D)
        Unit directions.
    scales : array, shape (Q,)
        ``1 / rho``.
    jacobians : array, shape (Q, m, D)
        Of ``phi`` at the atoms.
    gradients : array, shape (Q, D)
        Of ``rho`` at the atoms.
    facets : tuple of arrays (n_rows, D), or None
        ``facets[j] @ v >= 0`` keeps ``v`` in the pattern of atom j; None where pixels in reach are too many.
    radius : float
        Slope ``|v - <v, w> w| / <v, w>`` of the circular cones; 0 for bare atoms.
    """

    atoms: Vector
    scales: Vector
    jacobians: Vector
    gradients: Vector
    facets: tuple[Vector | None, ...]
    radius: float

    @property
    def exact(self) -> bool:
        """Whether the linearization holds in all cones."""
        return self.radius == 0 or all(rows is not None for rows in self.facets)

    def with_scales_below(self, limit: float) -> Cones:
        """Without the atoms whose weight is so small that they spoil the scaling of a program."""
        keep = np.flatnonzero(self.scales < limit)
        facets = tuple(self.facets[index] for index in keep)
        parts = (self.atoms[keep], self.scales[keep], self.jacobians[keep], self.gradients[keep])
        return Cones(*parts, facets, self.radius)


def build_cones(problem: MeasureProblem, atoms: Vector, radius: float, max_facets: int) -> Cones:
    """Cones around atoms (Q, D); dead atoms and repeated activation patterns are dropped."""
    unit = atoms / np.maximum(np.linalg.norm(atoms, axis=1, keepdims=True), np.finfo(float).tiny)
    rho, gradients = weights_and_gradients(problem.weighting, problem.dictionary, unit)
    alive = np.linalg.norm(problem.dictionary.coefficients(unit), axis=1) > _DEAD
    seen: dict[bytes, list[int]] = {}
    kept, jacobians = [], []
    for index in np.flatnonzero(alive & (rho > _DEAD)):
        jacobian = problem.dictionary.jacobian(unit[index])
        same_pattern = seen.setdefault(jacobian.tobytes(), [])
        distances = np.linalg.norm(unit[same_pattern] - unit[index], axis=1)
        # Each of the two stays well inside the other's cone, so that one cone does for both.
        if not np.any(distances <= max(0.5 * radius, 1e-12)):
            same_pattern.append(int(index))
            kept.append(int(index))
            jacobians.append(jacobian)
    features = grid_features(problem.dictionary)
    facets = tuple(pattern_facets(features, unit[index], radius, max_facets) for index in kept)
    shape = (len(kept), len(problem.data), unit.shape[1])
    return Cones(unit[kept], 1 / rho[kept], np.reshape(jacobians, shape), gradients[kept], facets, radius)


@dataclass(frozen=True, eq=False)
class ConeSolution:
    """What the conic solver returned: vectors (2Q, D) of both signs, dual vector and minimum; or a status.

    The first Q vectors count positively, the others negatively.
    """

    vectors: Vector
    dual: Vector
    value: float
    status: Status | None
    message: str


def solve_cones(problem: MeasureProblem, cones: Cones, backend: str) -> ConeSolution:
    """Solve the program on the cones; failures are a status."""
    import cvxpy as cp

    q, n_features = cones.atoms.shape
    scale = float(np.linalg.norm(problem.data)) or 1.0
    v = cp.Variable((2 * q, n_features))
    jacobians = cones.jacobians * cones.scales[:, None, None]
    columns = jacobians.transpose(1, 0, 2).reshape(len(problem.data), -1)
    prediction = np.concatenate([columns, -columns], axis=1) @ cp.vec(v, order="C")
    cost, constraints = _cost(cp, problem, cones, v)
    constraints += _limits(cp, cones, v)
    rest = problem.data / scale - prediction
    if problem.strength:
        # The dual vector is the residual; a variable of its own gives it as accurately as the solver can.
        z = cp.Variable(len(problem.data))
        objective = 0.5 * cp.sum_squares(z) + problem.strength / scale * cost
        equality = rest - z == 0
    else:
        objective, equality = cost, rest == 0
    program = cp.Problem(cp.Minimize(objective), [equality, *constraints])
    status, message = _run(cp, program, backend)
    if status is not None:
        return ConeSolution(np.zeros((0, n_features)), np.zeros(0), np.nan, status, message)
    vectors = np.asarray(v.value) * scale * np.concatenate([cones.scales, cones.scales])[:, None]
    dual, value = np.asarray(equality.dual_value, dtype=np.float64), float(program.value)
    if problem.strength:
        return ConeSolution(vectors, dual * scale / problem.strength, value * scale**2, None, message)
    return ConeSolution(vectors, dual, value * scale, None, message)


def _run(cp: Any, program: Any, backend: str) -> tuple[Status | None, str]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the status says it, and every answer is evaluated afresh
            program.solve(solver=backend)
    except (cp.error.SolverError, ArithmeticError, ValueError) as error:
        return Status.BACKEND_FAILED, f"{backend}: {error}"
    if program.status in ("infeasible", "infeasible_inaccurate"):
        return Status.INFEASIBLE, f"{backend}: {program.status}"
    values = [variable.value for variable in program.variables()]
    if program.status not in ("optimal", "optimal_inaccurate") or any(
        value is None or not np.isfinite(value).all() for value in values
    ):
        return Status.BACKEND_FAILED, f"{backend}: {program.status}"
    return None, program.status


def _cost(cp: Any, problem: MeasureProblem, cones: Cones, v: Any) -> tuple[Any, list[Any]]:
    """Weighted total variation of the vectors: exact inside a pattern for the three published weightings."""
    weighting, scales = problem.weighting, cones.scales
    if isinstance(weighting, StandardWeighting):
        lengths = cp.Variable(v.shape[0])
        return cp.sum(lengths), [cp.SOC(lengths, v, axis=1)]
    if isinstance(weighting, FourierWeighting):
        factors = [np.linalg.qr(j * s)[1] for j, s in zip(cones.jacobians, scales, strict=True)]
        samples = sparse.block_diag([*factors, *factors], format="csr") @ cp.vec(v, order="C")
        rows = cp.reshape(samples, (v.shape[0], factors[0].shape[0]), order="C")
        lengths = cp.Variable(v.shape[0])
        return cp.sum(lengths), [cp.SOC(lengths, rows, axis=1)]
    slopes = cones.gradients * scales[:, None]
    linear = cp.sum(cp.multiply(np.concatenate([slopes, slopes]), v), axis=1)
    # Linear inside a pattern (modified II), else a first-order model; outside it might turn negative.
    return cp.sum(linear), [linear >= 0]


def _limits(cp: Any, cones: Cones, v: Any) -> list[Any]:
    """Circular cones around the atoms, and the pattern's facets."""
    axes = np.concatenate([cones.atoms, cones.atoms])
    along = cp.sum(cp.multiply(axes, v), axis=1)
    if cones.radius == 0:
        bare = cp.multiply(axes, cp.reshape(along, (len(axes), 1), order="C") @ np.ones((1, axes.shape[1])))
        return [along >= 0, v == bare]
    limits = []
    if cones.radius < _WIDE:
        limits.append(cp.SOC(np.hypot(1.0, cones.radius) * along, v, axis=1))
    rows = _facet_matrix(cones)
    if rows.shape[0]:
        limits.append(rows @ cp.vec(v, order="C") >= 0)
    return limits


def _facet_matrix(cones: Cones) -> sparse.csr_matrix:
    """Facets of all cones, of both signs, as one sparse matrix on the stacked vectors."""
    n_features = cones.atoms.shape[1]
    empty = np.zeros((0, n_features))
    blocks: Sequence[Vector] = [empty if rows is None else rows for rows in cones.facets]
    stacked = np.concatenate([*blocks, *blocks])
    owner = np.repeat(np.arange(2 * len(blocks)), [len(rows) for rows in [*blocks, *blocks]])
    columns = owner[:, None] * n_features + np.arange(n_features)
    pointers = np.arange(len(stacked) + 1) * n_features
    shape = (len(stacked), 2 * len(blocks) * n_features)
    return sparse.csr_matrix((stacked.ravel(), columns.ravel(), pointers), shape=shape)
