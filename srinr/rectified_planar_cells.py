"""Square cells of the torus in which the zero set of a trigonometric polynomial is empty or a graph.

Taylor bounds decide: a cell holds no zero, or one partial derivative varies by less than a given part of itself,
so that the zeros in the cell form a graph over the other coordinate. Other cells are cut into four. What is left
at the smallest size surrounds (nearly) singular points; its area bounds the error that giving it up causes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from srinr.rectified_planar_lines import TURN, derivative

Real = NDArray[np.float64]

#: Corner of the first cell: no simple fraction, so that zeros in special position miss the edges of cells.
ORIGIN = (0.0217326895365599, 0.0371843215407293)
#: A derivative may vary by this part of its value at the center within an accepted cell.
_VARIATION = 0.65
#: Cells of the first grid per cycle of the highest frequency, and at least.
_CELLS_PER_CYCLE = 4
_FEWEST_CELLS = 8
#: More undecided cells of one size than this and the first cells are not cut further: the zero set is degenerate
#: along a curve.
_MOST_UNDECIDED = 2000

EMPTY, ALONG_SECOND, ALONG_FIRST, UNDECIDED = 0, 1, 2, 3


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells that matter: ``index`` (n, 2) times ``size`` (n,) plus the origin is the lower corner.

    ``solved`` (n,) is the axis along which zeros are solved for, or -1 for cells that were given up;
    ``bound`` (n,) bounds ``|tau|`` in those, and is 0 elsewhere. ``n_first`` is the number of cells per axis at first;
    ``third`` bounds the third derivatives.
    """

    index: NDArray[np.int64]
    size: Real
    solved: NDArray[np.int64]
    bound: Real
    n_first: int
    third: float

    @property
    def lost_area(self) -> float:
        """Area of the cells that were given up."""
        return float((self.size[self.solved < 0] ** 2).sum())

    @property
    def lost_integral(self) -> float:
        """Bound on the integral of ``|tau|`` over the cells that were given up."""
        return float((self.size**2 * self.bound).sum())


def find_cells(sides: tuple[Real, Real], smallest: float, noise: float) -> Cells:
    """Cut the torus until every cell is decided, or smaller than ``smallest`` or than rounding makes useful."""
    limits = (len(sides[1]) // 2, len(sides[0]) // 2)
    n = max(_FEWEST_CELLS, _CELLS_PER_CYCLE * max(limits))
    jets = _jets_on_grid(sides[1], n)
    inflation = math.prod(1.0 / math.cos(math.pi * limit / n) for limit in limits)
    thirds = inflation * np.abs(jets[6:]).reshape(4, -1).max(axis=1)
    # Next to a singular point zeros are known up to noise / (curvature * size), and straight boundaries err by
    # third / curvature * size^3.
    smallest = max(smallest, (noise / float(thirds.max())) ** 0.25) if thirds.any() else 1.0
    states, bounds = _classify(jets[:6].reshape(6, -1), 0.5 / n, thirds, noise)
    index = np.stack(np.divmod(np.arange(n * n), n), axis=1)
    size, kept = 1.0 / n, []
    while True:
        graph = (states == ALONG_FIRST) | (states == ALONG_SECOND)
        kept.append((index[graph], np.full(graph.sum(), size), states[graph] - 1, np.zeros(graph.sum())))
        index, bounds = index[states == UNDECIDED], bounds[states == UNDECIDED]
        if not len(index) or size <= smallest or len(index) > _MOST_UNDECIDED + n * n:
            break
        index = (2 * index[:, None, :] + np.array([[0, 0], [0, 1], [1, 0], [1, 1]])).reshape(-1, 2)
        size /= 2
        jets = jets_at(sides[1], np.array(ORIGIN) + (index + 0.5) * size)
        states, bounds = _classify(jets, 0.5 * size, thirds, noise)
    kept.append((index, np.full(len(index), size), np.full(len(index), -1), bounds))
    parts = [np.concatenate(part) for part in zip(*kept, strict=True)]
    return Cells(parts[0], parts[1], parts[2], parts[3], n, float(thirds.max()))


def _jets_on_grid(side: Real, n: int) -> Real:
    """All partial derivatives up to order three at the centers of n x n cells, shape (10, n, n)."""
    q = np.arange(side.shape[1] // 2)
    centers = (np.arange(n) + 0.5) / n
    columns = np.exp(1j * TURN * np.outer(q, centers + ORIGIN[1]))
    half = [derivative(side, centers + ORIGIN[0], order) for order in range(4)]
    out = np.empty((10, n, n))
    for slot, (one, two) in enumerate(_ORDERS):
        left = half[one] * (1j * TURN * q) ** two
        out[slot] = left.real @ columns.real - left.imag @ columns.imag
    return out


_ORDERS = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2), (3, 0), (2, 1), (1, 2), (0, 3))


@njit(cache=True)
def jets_at(side: Real, points: Real) -> Real:
    """Partial derivatives up to order two at points (n, 2), shape (6, n)."""
    limit, n = side.shape[0] // 2, side.shape[1] // 2
    out = np.empty((6, points.shape[0]))
    line, first, second = np.empty(2 * n), np.empty(2 * n), np.empty(2 * n)
    for i in range(points.shape[0]):
        z = np.exp(1j * TURN * (points[i, 0] - np.floor(points[i, 0])))
        power = 1.0 + 0.0j
        line[:] = side[0]
        first[:] = 0.0
        second[:] = 0.0
        for p in range(1, limit + 1):
            power *= z
            c, s, w = power.real, power.imag, TURN * p
            for r in range(2 * n):
                even = c * side[p, r] + s * side[limit + p, r]
                line[r] += even
                first[r] += w * (c * side[limit + p, r] - s * side[p, r])
                second[r] -= w * w * even
        z = np.exp(1j * TURN * (points[i, 1] - np.floor(points[i, 1])))
        wave = 1.0 + 0.0j
        t0, t1, t2, t11, t12, t22 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        for q in range(n):
            w = TURN * q
            b = complex(line[q], line[n + q]) * wave
            b1 = complex(first[q], first[n + q]) * wave
            t0 += b.real
            t1 += b1.real
            t2 -= w * b.imag
            t11 += second[q] * wave.real - second[n + q] * wave.imag
            t12 -= w * b1.imag
            t22 -= w * w * b.real
            wave *= z
        out[0, i], out[1, i], out[2, i] = t0, t1, t2
        out[3, i], out[4, i], out[5, i] = t11, t12, t22
    return out


@njit(cache=True)
def _classify(jets: Real, r: float, thirds: Real, noise: float) -> tuple[NDArray[np.int64], Real]:
    """State of every cell of half-width r, and a bound of ``|tau|`` in it."""
    n = jets.shape[1]
    states = np.empty(n, dtype=np.int64)
    bounds = np.empty(n)
    m30, m21, m12, m03 = thirds
    rest = r * r * r / 6.0 * (m30 + 3.0 * m21 + 3.0 * m12 + m03)
    rest1 = 0.5 * r * r * (m30 + 2.0 * m21 + m12)
    rest2 = 0.5 * r * r * (m21 + 2.0 * m12 + m03)
    for i in range(n):
        f, f1, f2 = abs(jets[0, i]), abs(jets[1, i]), abs(jets[2, i])
        f11, f12, f22 = abs(jets[3, i]), abs(jets[4, i]), abs(jets[5, i])
        reach = r * (f1 + f2) + 0.5 * r * r * (f11 + 2.0 * f12 + f22) + rest
        bounds[i] = f + reach
        if f > reach + noise:
            states[i] = EMPTY
        elif f1 >= f2 and r * (f11 + f12) + rest1 < _VARIATION * f1:
            states[i] = ALONG_SECOND
        elif f2 >= f1 and r * (f12 + f22) + rest2 < _VARIATION * f2:
            states[i] = ALONG_FIRST
        else:
            states[i] = UNDECIDED
    return states, bounds
