"""Cells that were given up around (nearly) singular points: straight boundaries between the zeros on their edges.

Where a polynomial and its gradient almost vanish together, smaller cells would not help: positions of zeros are known
to the rounding error of the polynomial divided by its gradient. In such a cell the boundary of the positive set is
drawn straight between the sign changes on the edges, through the saddle point if there is one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from srinr.rectified_planar_cells import ORIGIN, Cells, jets_at
from srinr.rectified_planar_lines import isolate_roots, restrict, value

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]

#: Most sign changes around one cell; with more the cell is left empty and its area is the error.
_MOST_CROSSINGS = 64
#: A saddle value below this part of what the curvature makes of the cell is a crossing.
_CROSSING = 0.05
#: Factor on estimated errors.
_SAFETY = 4.0
_GAUSS = (0.5 - 0.5 / np.sqrt(3.0), 0.5 + 0.5 / np.sqrt(3.0))


@dataclass(frozen=True, eq=False)
class SingularParts:
    """Nodes (n, 2), weights (n, 2), and an estimate of the area on the wrong side of the straight boundaries."""

    points: Real
    weights: Real
    error: float


def singular_parts(sides: tuple[Real, Real], cells: Cells, noise: float) -> SingularParts:
    """Boundaries in the cells that were given up."""
    lost = np.flatnonzero(cells.solved < 0)
    if not len(lost):
        return SingularParts(np.zeros((0, 2)), np.zeros((0, 2)), 0.0)
    size = cells.size[lost]
    low = np.array(ORIGIN) + cells.index[lost] * size[:, None]
    high = np.array(ORIGIN) + (cells.index[lost] + 1) * size[:, None]
    critical, error = _critical_points(sides[1], 0.5 * (low + high), size, cells.third)
    nodes = _straight(sides[0], sides[1], low, high, critical, noise)
    return SingularParts(nodes[:, :2], nodes[:, 2:], min(_SAFETY * float(error.sum()), cells.lost_area))


def _critical_points(side: Real, centers: Real, size: Real, third: float) -> tuple[Real, Real]:
    """The saddle through which the boundary goes, NaN where there is none (n, 2); and estimated errors (n,)."""
    _, g1, g2, h11, h12, h22 = jets_at(side, centers)
    determinant = h11 * h22 - h12 * h12
    safe = np.where(determinant == 0, 1.0, determinant)
    step = np.stack([-(h22 * g1 - h12 * g2) / safe, -(h11 * g2 - h12 * g1) / safe], axis=1)
    points = centers + np.where((np.abs(step) < 4 * size[:, None]) & (determinant != 0)[:, None], step, 0.0)
    values = np.abs(jets_at(side, points)[0])
    curvature = np.sqrt(np.abs(determinant))
    near = (np.abs(points - centers) < 4 * size[:, None]).all(axis=1) & (determinant != 0)
    inside = (np.abs(points - centers) <= 0.5 * size[:, None]).all(axis=1) & (determinant < 0)
    crossing = inside & (values < _CROSSING * curvature * size**2)
    # Next to a critical point: the gap or oval there, and the bend of the curves. Elsewhere: the bend alone.
    curvature, slope = np.maximum(curvature, 1e-300), np.maximum(np.hypot(g1, g2), 1e-300)
    gap = values / curvature
    gap = gap * (1.0 + np.log1p(size**2 / np.maximum(gap, 1e-300)))
    bend = np.where(near, third / curvature, (np.abs(h11) + 2 * np.abs(h12) + np.abs(h22)) / slope) * size**3
    return np.where(crossing[:, None], points, np.nan), np.minimum(np.where(near, gap, 0.0) + bend, size**2)


@njit(cache=True)
def _straight(side0: Real, side1: Real, low: Real, high: Real, critical: Real, noise: float) -> Real:
    """Points and weights (n, 4) of the boundaries in all cells."""
    store = np.empty((256, 4))
    count = 0
    crossings = np.empty((_MOST_CROSSINGS, 3))
    line1 = np.empty(side1.shape[1])
    for c in range(low.shape[0]):
        n = _walk(side0, side1, low[c], high[c], noise, crossings)
        if n < 2:
            continue
        while count + 4 * n > len(store):
            longer = np.empty((2 * len(store), 4))
            longer[:count] = store[:count]
            store = longer
        # Two curves that do not cross have the mean of their ends between them.
        restrict(side1, crossings[:n, 0].mean(), line1)
        joined = value(line1, crossings[:n, 1].mean()) > 0.0
        through = n == 4 and critical[c, 0] == critical[c, 0]
        first = 0 if crossings[0, 2] > 0.0 else 1  # where the polynomial becomes positive
        for k in range(first, first + n, 2):
            # The edge is positive from a to b; the boundary returns from b to a, or to where the next part begins.
            b = crossings[(k + 1) % n]
            a = crossings[(k + 2) % n] if joined and not through else crossings[k % n]
            if through:
                count = _segment(b[0], b[1], critical[c, 0], critical[c, 1], store, count)
                count = _segment(critical[c, 0], critical[c, 1], a[0], a[1], store, count)
            else:
                count = _segment(b[0], b[1], a[0], a[1], store, count)
    return store[:count].copy()


@njit(cache=True)
def _segment(x: float, y: float, to_x: float, to_y: float, store: Real, count: int) -> int:
    """Two nodes on a segment with the set to its left."""
    for s in _GAUSS:
        store[count, 0], store[count, 1] = x + s * (to_x - x), y + s * (to_y - y)
        store[count, 2], store[count, 3] = 0.5 * (to_y - y), -0.5 * (to_x - x)
        count += 1
    return count


@njit(cache=True)
def _walk(side0: Real, side1: Real, low: Real, high: Real, noise: float, crossings: Real) -> int:
    """Sign changes around a cell, counterclockwise: positions, and 1 where the polynomial becomes positive."""
    roots = np.empty(_MOST_CROSSINGS)
    count = 0
    first, current = False, False
    for edge in range(4):
        along = edge % 2  # edges below and above vary x_1, those right and left x_2
        at = low[1] if edge == 0 else high[0] if edge == 1 else high[1] if edge == 2 else low[0]
        side = side0 if along == 0 else side1
        line = np.empty(side.shape[1])
        restrict(side, at, line)
        found = isolate_roots(line, low[along], high[along], noise, roots)
        if found < 0 or count + found + 2 > len(crossings):
            return 0
        forward = edge < 2
        for part in range(found + 1):
            # parts of the edge in the direction of the walk
            k = part if forward else found - part
            start = roots[k - 1] if k > 0 else low[along]
            end = roots[k] if k < found else high[along]
            positive = value(line, 0.5 * (start + end)) > 0.0
            if edge == 0 and part == 0:
                first = positive
            elif positive != current:
                where = start if forward else end
                count = _cross(along, where, at, positive, crossings, count)
            current = positive
    if current != first:
        count = _cross(0, low[0], low[1], first, crossings, count)
    return count


@njit(cache=True)
def _cross(along: int, where: float, at: float, positive: bool, crossings: Real, count: int) -> int:
    crossings[count, along], crossings[count, 1 - along] = where, at
    crossings[count, 2] = 1.0 if positive else -1.0
    return count + 1
