"""Quadratic programs over non-negative variables, by an active-set method (after Lawson and Hanson, chapter 23)."""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def nonnegative_quadratic(gram: Vector, linear: Vector, start: Vector | None = None) -> Vector:
    """Minimize ``1/2 c^T G c - b^T c`` over ``c >= 0``.

    Sizes of given atoms in a LASSO are such a program. Nearly equal columns, which defeat first-order methods, do
    no harm here.

    Parameters
    ----------
    gram : array, shape (n, n)
        Positive semidefinite G.
    linear : array, shape (n,)
        b.
    start : array, shape (n,), optional
        Non-negative warm start.

    Examples
    --------
    >>> nonnegative_quadratic(np.eye(2), np.array([1.0, -1.0])).round(9).tolist()
    [1.0, 0.0]
    """
    n = len(linear)
    c = np.zeros(n) if start is None else np.array(start, dtype=np.float64)
    tolerance = 1e-13 * float(np.abs(linear).max(initial=0.0))
    ridge = 1e-14 * float(np.max(np.diag(gram), initial=0.0)) or 1.0
    blocked = np.zeros(n, dtype=bool)
    c = _descend(gram, linear, c, c > 0, ridge)
    for _ in range(3 * n):
        slope = linear - gram @ c
        slope[(c > 0) | blocked] = -np.inf
        index = int(np.argmax(slope)) if n else 0
        if not n or slope[index] <= tolerance:
            break
        free = c > 0
        free[index] = True
        new = _descend(gram, linear, c, free, ridge)
        # Rounding can refuse a variable that the slope invites; it is not asked again before another one moved.
        if new[index] <= 0:
            blocked[index] = True
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
        step = float(np.min(here[blocking] / (here[blocking] - goal[blocking])))
        moved = here + step * (goal - here)
        stopped = blocking & (moved <= 1e-14 * np.abs(moved).max(initial=0.0))
        if not stopped.any():
            stopped = blocking & (moved == moved[blocking].min())
        c[index] = np.where(stopped, 0.0, moved.clip(min=0.0))
        free[index[stopped]] = False
    return c


def _solve(matrix: Vector, right: Vector, ridge: float) -> Vector:
    while True:
        try:
            shifted = matrix + ridge * np.eye(len(matrix))
            return scipy.linalg.cho_solve(scipy.linalg.cho_factor(shifted, lower=True), right)
        except np.linalg.LinAlgError:
            ridge *= 10
