"""The zero set in accepted cells as graphs, and the chains in which they continue from cell to cell.

In an accepted cell the zeros are a graph ``x_i = g(x_j)``. Sign changes on the two edges across axis i tell over which
intervals the graph lies inside. Graphs over the same axis that meet are chained: certified cells are much
smaller than what one quadrature rule can integrate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from srinr.rectified_planar_cells import ORIGIN, Cells
from srinr.rectified_planar_lines import isolate_roots, restrict, value

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]
Integers = NDArray[np.int64]

#: Most sign changes of one edge; more than a polynomial of the highest admitted frequency has.
MOST_ROOTS = 256
_SHORTEST_PIECE = 1e-15
#: Ends that are closer than this may be the same point.
_SAME = 1e-12


@dataclass(frozen=True, eq=False)
class Chains:
    """Pieces in the order of their chains.

    ``pieces`` (n, 4): start and end of the interval in ``x_j``, lower and upper bound of ``x_i``; ``axis`` (n,): i;
    ``rising`` (n,): whether tau grows along axis i; ``starts`` (n_chains + 1,): where chains begin.
    """

    pieces: Real
    axis: Integers
    rising: NDArray[np.bool_]
    starts: Integers


def find_chains(sides: tuple[Real, Real], cells: Cells, noise: float) -> Chains:
    """All graphs in the accepted cells, chained."""
    kept = cells.solved >= 0
    pieces, axis, rising = _all_pieces(
        sides[0], sides[1], cells.index[kept], cells.size[kept], cells.solved[kept], noise
    )
    by_start = np.lexsort((pieces[:, 0], axis))
    order, starts = _chain(pieces[by_start], axis[by_start], rising[by_start])
    order = by_start[order]
    return Chains(pieces[order], axis[order], rising[order], starts)


@njit(cache=True)
def _all_pieces(
    side0: Real, side1: Real, index: Integers, sizes: Real, solved: Integers, noise: float
) -> tuple[Real, Integers, NDArray[np.bool_]]:
    """The graphs of all cells, in any order."""
    most = 2 * index.shape[0] + 16
    pieces, axis, rising = np.empty((most, 4)), np.empty(most, np.int64), np.empty(most, np.bool_)
    count = 0
    cuts = np.empty(2 * MOST_ROOTS + 2)
    lows, highs = np.empty(2), np.empty(2)
    lines0 = np.empty((2, side0.shape[1]))
    lines1 = np.empty((2, side1.shape[1]))
    for c in range(index.shape[0]):
        for k in range(2):
            lows[k] = ORIGIN[k] + index[c, k] * sizes[c]
            highs[k] = ORIGIN[k] + (index[c, k] + 1) * sizes[c]
        i = solved[c]
        j = 1 - i
        other, lines = (side1, lines1) if i == 0 else (side0, lines0)
        restrict(other, lows[i], lines[0])
        restrict(other, highs[i], lines[1])
        n_cuts = _cuts(lines, lows[j], highs[j], noise, cuts)
        for part in range(n_cuts - 1):
            a, b = cuts[part], cuts[part + 1]
            up = value(lines[1], 0.5 * (a + b)) > 0.0
            if b - a <= _SHORTEST_PIECE or up == (value(lines[0], 0.5 * (a + b)) > 0.0):
                continue
            if count == len(axis):
                pieces, axis, rising = _longer(pieces, axis, rising)
            pieces[count, 0], pieces[count, 1] = a, b
            pieces[count, 2], pieces[count, 3] = lows[i], highs[i]
            axis[count], rising[count] = i, up
            count += 1
    return pieces[:count].copy(), axis[:count].copy(), rising[:count].copy()


@njit(cache=True)
def _longer(
    pieces: Real, axis: Integers, rising: NDArray[np.bool_]
) -> tuple[Real, Integers, NDArray[np.bool_]]:
    """Copies with room for twice as many."""
    n = len(axis)
    more, more_axis, more_rising = np.empty((2 * n, 4)), np.empty(2 * n, np.int64), np.empty(2 * n, np.bool_)
    more[:n], more_axis[:n], more_rising[:n] = pieces, axis, rising
    return more, more_axis, more_rising


@njit(cache=True)
def _cuts(lines: Real, start: float, end: float, noise: float, cuts: Real) -> int:
    """Interval ends between which the graph is inside the cell throughout or nowhere, sorted, into ``cuts``."""
    roots = np.empty(MOST_ROOTS)
    cuts[0] = start
    n = 1
    for edge in range(2):
        found = isolate_roots(lines[edge], start, end, noise, roots)
        for k in range(max(found, 0)):
            cuts[n] = roots[k]
            n += 1
    cuts[n] = end
    if n > 2:
        cuts[1:n].sort()
    return n + 1


@njit(cache=True)
def _chain(pieces: Real, axis: Integers, rising: NDArray[np.bool_]) -> tuple[Integers, Integers]:
    """Order of the pieces, sorted by axis and start, chain after chain; and where chains begin."""
    n = len(axis)
    following, is_first = np.full(n, -1), np.ones(n, np.bool_)
    bounds = np.array([0, np.searchsorted(axis, 1), n])
    for group in range(2):
        begin, end = bounds[group], bounds[group + 1]
        for k in range(begin, end):
            m = begin + np.searchsorted(pieces[begin:end, 0], pieces[k, 1] - _SAME)
            while m < end and pieces[m, 0] <= pieces[k, 1] + _SAME:
                meet = pieces[m, 2] <= pieces[k, 3] and pieces[k, 2] <= pieces[m, 3]
                if meet and m != k and is_first[m] and rising[m] == rising[k] and pieces[m, 1] > pieces[k, 1]:
                    following[k] = m
                    is_first[m] = False
                    break
                m += 1
    order, starts = np.empty(n, np.int64), np.empty(n + 1, np.int64)
    count, chains = 0, 0
    for k in range(n):
        if is_first[k]:
            starts[chains] = count
            chains += 1
            m = k
            while m >= 0:
                order[count] = m
                count += 1
                m = following[m]
    starts[chains] = count
    return order, starts[: chains + 1].copy()
