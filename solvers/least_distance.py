"""Least distance under linear inequalities, in the small space of their multipliers.

    minimize |z|  subject to  R z <= d      (rows R of a working set)

is a non-negative least-squares problem in the multipliers (Lawson and Hanson, chapter 23),

    minimize 1/2 |R^T u|^2 + 1/2 (1 + <d, u>)^2   over u >= 0,     z = -R^T u / (1 + <d, u>),

that needs only the Gram matrix of the rows. Its minimum is zero exactly when the inequalities contradict each
other, and ``u`` then says how (Farkas): a non-negative combination of the rows that vanishes with ``<d, u> < 0``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]

#: Relative size of the minimum below which the inequalities count as contradictory.
_CONTRADICTION = 1e-10
#: Constraints may be violated by this much, in the unit of the bounds.
_TOLERANCE = 1e-9
_RIDGE = 1e-13
#: Variables that enter at a time.
_ENTER = 20
_MAX_ITERATIONS = 1000


@dataclass(frozen=True, eq=False)
class LeastDistance:
    """Outcome of :func:`least_distance`.

    Attributes
    ----------
    multipliers : array, shape (n,)
        ``lambda >= 0`` with ``z = -R^T lambda`` when feasible; else the Farkas combination with ``<d, u> = -1``.
    feasible : bool
        Whether the inequalities can be met (to the accuracy of the arithmetic).
    raw : array, shape (n,)
        The non-negative least-squares solution: start of the next solve.
    slack : float
        The minimum, ``1 / (1 + |z|^2)``: towards 0 the inequalities contradict each other more and more nearly.
    violation : float
        Largest violation left, in the unit of ``d``; infinite when infeasible.
    """

    multipliers: Vector
    feasible: bool
    raw: Vector
    slack: float
    violation: float


def least_distance(
    gram: Vector, bounds: Vector, start: Vector | None = None, *, min_slack: float = 0.0
) -> LeastDistance:
    """Solve the least-distance program with Gram matrix ``R R^T`` and bounds ``d``.

    Parameters
    ----------
    gram : array, shape (n, n)
        Inner products of the rows.
    bounds : array, shape (n,)
        The bounds d.
    start : array, shape (n,), optional
        ``raw`` of an earlier solve with fewer rows (zeros appended) or other bounds.
    min_slack : float, default 0
        Stop as soon as the slack is known to be smaller: such a distance is of no use.

    Examples
    --------
    >>> result = least_distance(np.array([[1.0]]), np.array([-2.0]))   # minimize |z| with z <= -2
    >>> result.feasible, result.multipliers.round(9).tolist()
    (True, [2.0])
    >>> least_distance(np.array([[1.0, -1.0], [-1.0, 1.0]]), np.array([-2.0, 1.0])).feasible
    False
    """
    if (bounds >= 0).all():
        zero = np.zeros(len(bounds))
        return LeastDistance(zero, True, zero, 1.0, 0.0)
    matrix = gram + np.outer(bounds, bounds)
    first = np.zeros(len(bounds)) if start is None else start
    u, gradient = nonnegative_quadratic(matrix, bounds, first, max(min_slack, _CONTRADICTION))
    # The two agree at the minimum; before it, the second bounds the slack.
    slack = min(1.0 + float(bounds @ u), 1.0 + float(u @ (gradient + bounds)))
    if slack < _CONTRADICTION:
        return LeastDistance(u / max(-float(bounds @ u), 1e-300), False, u, slack, np.inf)
    violation = float(np.maximum(-gradient, 0).max()) / slack
    return LeastDistance(u / slack, True, u, slack, violation)


def nonnegative_quadratic(
    matrix: Vector, linear: Vector, start: Vector, min_slack: float
) -> tuple[Vector, Vector]:
    """Minimize ``1/2 u^T H u + <c, u>`` over ``u >= 0`` by an active-set method from a warm start.

    Lawson and Hanson's method on the Gram matrix, adding several variables at a time: along the segment to the
    minimum over the positive variables the value falls, and a variable that would turn negative leaves. Ends early
    when ``1 + 2 value``, which bounds the slack at the minimum, falls below ``min_slack``.

    Returns
    -------
    u, gradient : arrays, shape (n,)
        The gradient is ``H u + c``: non-negative up to the tolerance, and zero where ``u > 0``.
    """
    u = np.maximum(start, 0.0)
    positive = u > 0
    gradient = linear
    ridge = _RIDGE * float(np.trace(matrix)) / len(linear)
    for _ in range(_MAX_ITERATIONS):
        u, positive = _minimum_over(matrix, linear, u, positive, ridge)
        gradient = matrix @ u + linear
        # Twice the value plus one: never below the slack at the minimum, and falling.
        if 1.0 + float(u @ (gradient + linear)) < min_slack:
            break
        tolerance = _TOLERANCE * max(1.0 + float(linear @ u), _CONTRADICTION)
        entering = np.flatnonzero((gradient < -tolerance) & ~positive)
        if not len(entering):
            break
        positive[entering[np.argsort(gradient[entering], kind="stable")[:_ENTER]]] = True
    return u, gradient


def _minimum_over(
    matrix: Vector, linear: Vector, u: Vector, positive: NDArray[np.bool_], ridge: float
) -> tuple[Vector, NDArray[np.bool_]]:
    """Minimum over the variables marked, those that would turn negative removed on the way."""
    u, positive = u.copy(), positive.copy()
    while positive.any():
        index = np.flatnonzero(positive)
        block = matrix[np.ix_(index, index)]
        block[np.diag_indices(len(index))] += ridge
        target = np.linalg.solve(block, -linear[index])
        falling = target <= 0
        if not falling.any():
            u[index] = target
            break
        current = u[index]
        length = float((current[falling] / (current[falling] - target[falling])).min())
        new = current + length * (target - current)
        leaving = falling & (new <= 1e-14 * max(1.0, float(new.max())))
        new[leaving] = 0.0
        u[index] = new
        positive[index[leaving]] = False
    return u, positive
