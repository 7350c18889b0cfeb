"""The convex program behind a gated refit: a group LASSO with unsquared Euclidean norms of the groups.

    min over v_1 .. v_P    strength sum_i |v_i|  +  1/2 |sum_i B_i v_i - y|^2

With the activation patterns of ReLU neurons held fixed, their samples are linear in their weights, and moving all
neurons together is this program. A splitting method (ADMM) with a cached factorization finds which groups are
zero; Newton steps on the others, alternating with exact block minimizations, take it to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

Vector = NDArray[np.float64]

#: Iterations of the splitting method before the Newton phase, and Newton steps of one phase.
_ADMM_STEPS = 60
_NEWTON_STEPS = 8


@dataclass(frozen=True, eq=False)
class GroupLassoResult:
    """Minimizer of a group LASSO.

    Attributes
    ----------
    groups : tuple of arrays, shapes (d_i,)
        The minimizing ``v_i``; groups that vanish are exactly zero.
    objective : float
        Value of the program.
    gap : float
        Duality gap, a proved bound on the distance of ``objective`` to the minimum.
    n_rounds : int
        Rounds of splitting, Newton and block steps.
    """

    groups: tuple[Vector, ...]
    objective: float
    gap: float
    n_rounds: int


def group_lasso(
    blocks: Sequence[Vector],
    data: Vector,
    strength: float,
    *,
    init: Sequence[Vector] | None = None,
    gap_tol: float = 1e-10,
    max_rounds: int = 10,
) -> GroupLassoResult:
    """Minimize ``strength sum_i |v_i| + 1/2 |sum_i B_i v_i - y|^2``.

    Parameters
    ----------
    blocks : sequence of arrays, shapes (m, d_i)
        The matrices ``B_i``; each may have its own number of columns.
    data : array, shape (m,)
        The vector y.
    strength : float
        Positive weight of the norms.
    init : sequence of arrays, shapes (d_i,), optional
        Warm start.
    gap_tol : float, default 1e-10
        Duality gap to reach, relative to the objective; below the rounding of ``|y|^2`` it is not asked for.
    max_rounds : int, default 10
        Limit; ``gap`` of the result says what was reached.

    Raises
    ------
    ValueError
        For a strength that is not positive, or shapes that do not match.

    Examples
    --------
    >>> result = group_lasso([np.eye(3)[:, :2], np.eye(3)[:, 2:]], np.array([3.0, 4.0, 0.5]), strength=1.0)
    >>> [group.round(6).tolist() for group in result.groups]
    [[2.4, 3.2], [0.0]]
    """
    program = _Program(blocks, data, strength)
    v = program.stack(init)
    best, gap = v, program.gap(v)
    rounding = 1e-15 * float(program.y @ program.y)
    for index in range(max_rounds):
        if gap <= gap_tol * program.value(best) + rounding:
            return program.result(best, gap, index)
        v = _admm(program, best)
        for _ in range(_NEWTON_STEPS):
            v = _block_sweep(program, _newton(program, v))
            new_gap = program.gap(v)
            if new_gap < gap:
                best, gap = v, new_gap
            if gap <= gap_tol * program.value(best) + rounding:
                break
    return program.result(best, gap, max_rounds)


class _Program:
    """One group LASSO: its matrices, value, gap, and factorizations."""

    def __init__(self, blocks: Sequence[Vector], data: Vector, strength: float) -> None:
        self.y = np.asarray(data, dtype=np.float64)
        if not (np.isfinite(strength) and strength > 0):
            raise ValueError(f"strength must be a positive number, got {strength!r}")
        if any(block.ndim != 2 or len(block) != len(self.y) for block in blocks):
            shapes = [block.shape for block in blocks]
            raise ValueError(f"blocks must have shape ({len(self.y)}, d_i) like data, got {shapes}")
        self.strength = float(strength)
        self.sizes = np.array([block.shape[1] for block in blocks], dtype=int)
        self.stops = np.cumsum(self.sizes)
        self.group = np.repeat(np.arange(len(blocks)), self.sizes)
        self.matrix = np.hstack([np.zeros((len(self.y), 0)), *blocks])
        self.correlation = self.matrix.T @ self.y
        self._eigen: dict[int, tuple[Vector, Vector]] = {}

    def stack(self, groups: Sequence[Vector] | None) -> Vector:
        if groups is None:
            return np.zeros(len(self.group))
        if [len(group) for group in groups] != self.sizes.tolist():
            raise ValueError(f"init must hold one vector a block, of lengths {self.sizes.tolist()}")
        return np.concatenate([np.zeros(0), *groups])

    def part(self, index: int) -> slice:
        return slice(self.stops[index] - self.sizes[index], self.stops[index])

    def norms(self, v: Vector) -> Vector:
        """Norms of the groups, (P,)."""
        return np.sqrt(np.bincount(self.group, weights=v**2, minlength=len(self.sizes)))

    def value(self, v: Vector) -> float:
        residual = self.matrix @ v - self.y
        return 0.5 * float(residual @ residual) + self.strength * float(self.norms(v).sum())

    def gap(self, v: Vector) -> float:
        """Duality gap with the residual, scaled to the best feasible multiple, as the dual vector."""
        residual = self.y - self.matrix @ v
        largest = float(self.norms(self.matrix.T @ residual).max(initial=0.0))
        energy = float(residual @ residual)
        scale = float(residual @ self.y) / energy if energy > 0 else 0.0
        limit = self.strength / largest if largest > 0 else np.inf
        dual = float(np.clip(scale, -limit, limit)) * residual
        return self.value(v) - float(dual @ self.y) + 0.5 * float(dual @ dual)

    def factor(self, penalty: float) -> Callable[[Vector], Vector]:
        """Solver of ``(B^T B + penalty I) x = c`` in the smaller of the two dimensions."""
        m, n = self.matrix.shape
        if n <= m:
            gram = self.matrix.T @ self.matrix
            gram[np.diag_indices(n)] += penalty
            small = scipy.linalg.cho_factor(gram, lower=True, overwrite_a=True)
            return lambda c: scipy.linalg.cho_solve(small, c)
        outer = self.matrix @ self.matrix.T
        outer[np.diag_indices(m)] += penalty
        large = scipy.linalg.cho_factor(outer, lower=True, overwrite_a=True)
        return lambda c: (c - self.matrix.T @ scipy.linalg.cho_solve(large, self.matrix @ c)) / penalty

    def eigen(self, index: int) -> tuple[Vector, Vector]:
        """Eigenvalues and vectors of ``B_i^T B_i``."""
        if index not in self._eigen:
            block = self.matrix[:, self.part(index)]
            values, vectors = np.linalg.eigh(block.T @ block)
            self._eigen[index] = (values.clip(min=0.0), vectors)
        return self._eigen[index]

    def result(self, v: Vector, gap: float, n_rounds: int) -> GroupLassoResult:
        groups = tuple(np.split(v, self.stops[:-1])) if len(self.sizes) else ()
        return GroupLassoResult(groups, self.value(v), max(gap, 0.0), n_rounds)


def _shrink(program: _Program, v: Vector, amount: float) -> Vector:
    norms = program.norms(v)
    factor = np.where(norms > amount, 1 - amount / np.where(norms > 0, norms, 1.0), 0.0)
    return v * factor[program.group]


def _admm(program: _Program, start: Vector) -> Vector:
    """Splitting ``x = z``, smooth part on x, norms on z; the penalty balances the two residuals."""
    if not len(start):
        return start
    penalty = 0.1 * float(np.sum(program.matrix**2)) / len(program.group)
    penalty = penalty if penalty > 0 else 1.0
    solve = program.factor(penalty)
    z = start
    u = (program.correlation - program.matrix.T @ (program.matrix @ start)) / penalty
    for step in range(_ADMM_STEPS):
        x = solve(program.correlation + penalty * (z - u))
        previous, z = z, _shrink(program, 1.6 * x - 0.6 * z + u, program.strength / penalty)
        u = u + 1.6 * x - 0.6 * previous - z
        if step % 10 == 9 and step < _ADMM_STEPS - 10:
            primal = float(np.linalg.norm(x - z))
            dual = penalty * float(np.linalg.norm(z - previous))
            scaled = penalty * float(np.linalg.norm(u))
            size = max(float(np.linalg.norm(x)), float(np.linalg.norm(z)))
            ratio = np.sqrt((primal * scaled) / (dual * size)) if dual * size > 0 else 1.0
            if not 0.5 < ratio < 2 and np.isfinite(ratio):
                change = float(np.clip(ratio, 1e-2, 1e2))
                penalty, u = penalty * change, u / change
                solve = program.factor(penalty)
    return z


def _newton(program: _Program, v: Vector) -> Vector:
    """A step of Newton's method on the nonzero groups, with backtracking."""
    norms = program.norms(v)
    active = norms[program.group] > 0
    if not active.any():
        return v
    columns, x, group = program.matrix[:, active], v[active], program.group[active]
    unit = x / norms[group]
    gradient = columns.T @ (columns @ x - program.y) + program.strength * unit
    hessian = columns.T @ columns
    same = group[:, None] == group[None, :]
    hessian += same * (np.eye(len(x)) - np.outer(unit, unit)) * (program.strength / norms[group])[:, None]
    # A multiple of rounding keeps the factorization defined where columns are dependent.
    hessian[np.diag_indices(len(x))] += 1e-13 * np.trace(hessian) / len(x)
    try:
        direction = -scipy.linalg.cho_solve(scipy.linalg.cho_factor(hessian, lower=True), gradient)
    except np.linalg.LinAlgError:
        return v
    value, step = program.value(v), 1.0
    while step > 1e-4:
        trial = v.copy()
        trial[active] += step * direction
        if program.value(trial) <= value:
            return trial
        step *= 0.5
    return v


def _block_sweep(program: _Program, v: Vector) -> Vector:
    """Minimize exactly over one group after the other; this is what sets groups to zero, and brings them back."""
    v = v.copy()
    residual = program.y - program.matrix @ v
    active = program.norms(v) > 0
    correlations = program.norms(program.matrix.T @ residual)
    # Groups at zero that would stay there need no visit.
    for index in np.flatnonzero(active | (correlations > program.strength)).tolist():
        part = program.part(index)
        block = program.matrix[:, part]
        values, vectors = program.eigen(index)
        c = vectors.T @ (block.T @ residual) + values * (vectors.T @ v[part])
        new = vectors @ _block_minimizer(values, c, program.strength)
        residual += block @ (v[part] - new)
        v[part] = new
    return v


def _block_minimizer(values: Vector, c: Vector, strength: float) -> Vector:
    """Minimizer of ``strength |x| + 1/2 x^T diag(values) x - c^T x``."""
    if np.linalg.norm(c) <= strength:
        return np.zeros_like(c)
    # The norm t of the minimizer solves |c / (values t + strength)| = 1; 1/|.| is concave and increasing in t, so
    # that Newton's method from zero approaches the root from one side.
    t = 0.0
    for _ in range(60):
        scaled = c / (values * t + strength)
        length = float(np.linalg.norm(scaled))
        slope = float(scaled**2 @ (values / (values * t + strength)))
        if slope <= 0:
            break
        change = length**2 * (1 - 1 / length) / slope
        t += change
        if abs(change) <= 1e-15 * t:
            break
    return c * t / (values * t + strength)
