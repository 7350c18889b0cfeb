"""Quadratic programs over non-negative variables, by an active-set method (after Lawson and Hanson, chapter 23)."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def nonnegative_quadratic(
    gram: Vector,
    linear: Vector,
    start: Vector | None = None,
    *,
    tolerance: float | None = None,
    n_enter: int = 1,
    stop_below: float = -np.inf,
) -> Vector:
    """Minimize ``1/2 c^T G c - b^T c`` over ``c >= 0``.

    Along the segment to the minimum over the positive variables the value falls; a variable that would turn
    negative leaves. Nearly equal columns, which defeat first-order methods, do no harm here.

    Parameters
    ----------
    gram : array, shape (n, n)
        Positive semidefinite G.
    linear : array, shape (n,)
        b.
    start : array, shape (n,), optional
        Non-negative warm start.
    tolerance : float, optional
        Slope below which a variable at zero stays there; by default 1e-13 of the largest entry of b.
    n_enter : int, default 1
        Variables that may enter at a time.
    stop_below : float
        End early once the value is smaller.

    Examples
    --------
    >>> nonnegative_quadratic(np.eye(2), np.array([1.0, -1.0])).round(9).tolist()
    [1.0, 0.0]
    """
    n = len(linear)
    c = np.zeros(n) if start is None else np.array(start, dtype=np.float64)
    if not n:
        return c
    allowed = 1e-13 * float(np.abs(linear).max()) if tolerance is None else tolerance
    ridge = 1e-14 * float(np.max(np.diag(gram))) or 1.0
    blocked = np.zeros(n, dtype=bool)
    c = _descend(gram, linear, c, c > 0, ridge)
    for _ in range(3 * n):
        slope = linear - gram @ c
        if -0.5 * float(c @ (slope + linear)) < stop_below:
            break
        slope[(c > 0) | blocked] = -np.inf
        entering = np.argsort(-slope, kind="stable")[:n_enter]
        entering = entering[slope[entering] > allowed]
        if not len(entering):
            break
        free = c > 0
        free[entering] = True
        new = _descend(gram, linear, c, free, ridge)
        # Rounding can refuse all that the slope invites; they are not asked again before another one moved.
        if (new[entering] <= 0).all():
            blocked[entering] = True
        else:
            blocked[:] = False
        c = new
    return c


def _descend(gram: Vector, linear: Vector, c: Vector, free: NDArray[np.bool_], ridge: float) -> Vector:
    """Minimize over the free variables; those that reach zero on the way are fixed there."""
    c, free = c.copy(), free.copy()
    while free.any():
        index = np.flatnonzero(free)
        goal = _solve(gram[np.ix_(index, index)], linear[index], ridge)
        here = c[index]
        blocking = goal <= 0
        if not blocking.any():
            c[index] = goal
            break
        fall = here[blocking] - goal[blocking]
        # With repeated columns a variable at zero may have its goal at zero exactly: it blocks at once.
        step = float(np.divide(here[blocking], fall, out=np.zeros_like(fall), where=fall > 0).min())
        moved = here + step * (goal - here)
        stopped = blocking & (moved <= 1e-14 * np.abs(moved).max(initial=0.0))
        if not stopped.any():
            stopped = blocking & (moved == moved[blocking].min())
        c[index] = np.where(stopped, 0.0, moved.clip(min=0.0))
        free[index[stopped]] = False
    return c


def _solve(matrix: Vector, right: Vector, ridge: float) -> Vector:
    while True:
        shifted = matrix.copy()
        shifted[np.diag_indices(len(matrix))] += ridge
        try:
            factor = scipy.linalg.cho_factor(shifted, lower=True, overwrite_a=True, check_finite=False)
            return scipy.linalg.cho_solve(factor, right, check_finite=False)
        except np.linalg.LinAlgError:
            ridge *= 10
