"""One stage of an augmented Lagrangian by Levenberg-Marquardt: with weight decay it is a nonlinear least-squares problem.

Twice the stage's objective is the squared length of ``[sqrt(mu) (r + lambda / mu); a; rho(w_1); ...; rho(w_P)]``. For
standard weight decay the last part is linear, for modified weight decay I it is the stacked samples ``phi(w_i)``, for II
the means of the neurons; other weightings contribute the square of their gradient.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.problem import MeasureProblem
from srinr.weightings import (
    FourierWeighting,
    StandardWeighting,
    weights,
    weights_and_gradients,
)

Vector = NDArray[np.float64]

#: Neurons whose size ``|a| |w|`` is smaller, relative to the largest, are dropped after a stage.
_DROP = 1e-4
_MAX_DAMPING = 1e12


@dataclass(frozen=True)
class LevenbergMarquardtSteps:
    """Levenberg-Marquardt as the inner method of :class:`AugmentedLagrangian`, in double precision.

    Parameters
    ----------
    n_steps : int, default 10
        Of a stage.
    damping : float, default 1
        At the start of a stage, relative to the weight decay's own curvature 1.

    Raises
    ------
    ValueError
        For an option that is not positive.
    """

    n_steps: int = 10
    damping: float = 1.0

    def __post_init__(self) -> None:
        if self.n_steps < 1 or not self.damping > 0:
            raise ValueError(
                f"n_steps must be at least 1 and damping positive, got {self.n_steps} and {self.damping}"
            )


def least_squares_stage(
    problem: MeasureProblem,
    student: DiscreteMeasure,
    multipliers: Vector,
    penalty: float,
    options: LevenbergMarquardtSteps,
) -> DiscreteMeasure:
    """Minimize ``1/2 sum (a^2 + rho(w)^2) + <lambda, r> + mu / 2 |r|^2`` from a student; never higher than its start.

    Parameters
    ----------
    problem : MeasureProblem
        Equality form.
    student : DiscreteMeasure
        Neurons with free sizes of ``a`` and ``w``.
    multipliers : array, shape (m,)
        lambda.
    penalty : float
        mu.
    options : LevenbergMarquardtSteps
        Number of steps and damping.
    """
    a, w = np.array(student.amplitudes), np.array(student.atoms)
    value = _objective(problem, a, w, multipliers, penalty)
    damping = options.damping
    for _ in range(options.n_steps):
        gradient, curvature = _normal_equations(problem, a, w, multipliers, penalty)
        accepted = False
        while damping <= _MAX_DAMPING:
            shifted = curvature.copy()
            shifted[np.diag_indices(len(shifted))] += damping
            step = scipy.linalg.cho_solve(
                scipy.linalg.cho_factor(shifted, lower=True, overwrite_a=True), gradient
            )
            new_a, new_w = a - step[: len(a)], w - step[len(a) :].reshape(w.shape)
            new = _objective(problem, new_a, new_w, multipliers, penalty)
            if new < value:
                accepted = True
                break
            damping = 5 * max(damping, 1e-3)
        if not accepted:
            break
        a, w, value, damping = new_a, new_w, new, max(damping / 5, 1e-12)
    sizes = np.abs(a) * np.linalg.norm(w, axis=1)
    keep = sizes > _DROP * sizes.max(initial=0.0)
    return DiscreteMeasure(w[keep], a[keep]) if keep.any() else DiscreteMeasure(w, a)


def _objective(problem: MeasureProblem, a: Vector, w: Vector, multipliers: Vector, penalty: float) -> float:
    residual = a @ problem.dictionary.coefficients(w) - problem.data
    rho = weights(problem.weighting, problem.dictionary, w)
    decay = 0.5 * float(a @ a + rho @ rho)
    return decay + float(multipliers @ residual) + 0.5 * penalty * float(residual @ residual)


def _normal_equations(
    problem: MeasureProblem, a: Vector, w: Vector, multipliers: Vector, penalty: float
) -> tuple[Vector, Vector]:
    """Gradient and Gauss-Newton curvature, amplitudes first, shapes (n,) and (n, n) with n = P (D + 1)."""
    n, n_features = w.shape
    m = len(problem.data)
    rows = np.empty((n * (n_features + 1), m))
    rows[:n] = problem.dictionary.coefficients(w)
    jacobians = rows[n:].reshape(n, n_features, m)
    jacobians[:] = problem.dictionary.jacobians(w).transpose(0, 2, 1)
    rho, slopes = weights_and_gradients(problem.weighting, problem.dictionary, w)
    decay = np.zeros((n, n_features, n_features))
    for i in range(n):
        if isinstance(problem.weighting, StandardWeighting):
            decay[i] = np.eye(n_features)
        elif isinstance(problem.weighting, FourierWeighting):
            decay[i] = jacobians[i] @ jacobians[i].T
        else:
            decay[i] = np.outer(slopes[i], slopes[i])
        jacobians[i] *= a[i]
    residual = a @ rows[:n] - problem.data
    gradient = rows @ (multipliers + penalty * residual)
    gradient[:n] += a
    gradient[n:] += (rho[:, None] * slopes).ravel()
    curvature = penalty * (rows @ rows.T)
    curvature[np.arange(n), np.arange(n)] += 1.0
    for i in range(n):
        block = slice(n + i * n_features, n + (i + 1) * n_features)
        curvature[block, block] += decay[i]
    return gradient, curvature
