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

from srinr.solvers.nonnegative import nonnegative_quadratic

Vector = NDArray[np.float64]

#: Relative size of the minimum below which the inequalities count as contradictory.
_CONTRADICTION = 1e-10
#: Slope below which a constraint stays out: its violation is this over the slack.
_TOLERANCE = 1e-12
#: Constraints that enter at a time.
_ENTER = 20


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
    # 1 + 2 value is never below the slack at the minimum, and falls.
    enough = 0.5 * (max(min_slack, _CONTRADICTION) - 1.0)
    # Rows of very different size: of a contradiction among small ones, rounding of the large would hide the proof.
    unit = np.sqrt(np.diag(matrix))
    unit[unit == 0] = 1.0
    scaled = nonnegative_quadratic(
        matrix / np.outer(unit, unit), -bounds / unit, None if start is None else start * unit,
        tolerance=_TOLERANCE, n_enter=_ENTER, stop_below=enough,
    )  # fmt: skip
    u = scaled / unit
    gradient = matrix @ u + bounds
    slack = min(1.0 + float(bounds @ u), 1.0 + float(u @ (gradient + bounds)))
    if slack < _CONTRADICTION:
        return LeastDistance(u / max(-float(bounds @ u), 1e-300), False, u, slack, np.inf)
    violation = float(np.maximum(-gradient, 0).max()) / slack
    return LeastDistance(u / slack, True, u, slack, violation)
