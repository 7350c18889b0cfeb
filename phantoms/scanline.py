"""Point evaluation of regions bounded by smooth pieces: winding numbers from exact crossings with scan lines.

Pieces are cut where ``x_0`` is stationary. A line ``x_0 = X`` then meets every monotone part at most once, at
a root that is computed on the curve itself (closed form for quadratics and arcs, safeguarded Newton for
cubics). A point lies inside as many boundaries as the signed crossings below it say. Neighboring parts share
the very same end values and intervals are half open, so that no line slips through a joint.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srinr.phantoms.pieces import (
    ARC,
    Pieces,
    arc_parts,
    hull_points,
    positions,
    restricted,
    stationary_parameters,
    velocities,
)

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

# (part, line) pairs solved at a time: bounds the memory.
_CHUNK = 2**21
# Amplitudes are added as integers in this fixed point, so that what is outside of everything is exactly 0.
_FIXED_POINT = 2.0**50


@dataclass(frozen=True)
class ScanTable:
    """Monotone parts of closed contours: piece, parameters, ``x_0`` at both ends, bounds of ``x_1``, amplitude."""

    pieces: Pieces
    piece: IntArray
    start: Array
    end: Array
    x_start: Array
    x_end: Array
    y_low: Array
    y_high: Array
    amplitude: Array

    @property
    def rising(self) -> NDArray[np.bool_]:
        """Whether ``x_0`` increases along the part."""
        return self.x_end > self.x_start


def scan_table(pieces: Pieces, next_piece: IntArray, amplitudes: Array) -> ScanTable:
    """Cut pieces into monotone parts.

    Parameters
    ----------
    pieces : Pieces
        All pieces of all contours, n of them.
    next_piece : array of int, shape (n,)
        The piece that starts where each piece ends.
    amplitudes : array, shape (n,)
        Amplitude of the region that each piece bounds, counterclockwise.
    """
    stationary = stationary_parameters(pieces, axis=0)
    inner = positions(pieces, np.nan_to_num(stationary))[..., 0]
    first = positions(pieces, np.zeros(1))[:, 0, 0]
    zero = np.zeros((len(first), 1))
    # NaN slots are pushed to the end of the piece, where they make parts of zero length.
    t = np.concatenate([zero, np.where(np.isnan(stationary), 1.0, stationary), zero + 1.0], axis=1)
    last = first[next_piece][:, None]
    x = np.concatenate([first[:, None], np.where(np.isnan(stationary), last, inner), last], axis=1)
    piece, part = np.nonzero(x[:, :-1] != x[:, 1:])
    t_start, t_end = t[piece, part], t[piece, part + 1]
    hull = hull_points(restricted(pieces.take(piece), t_start, t_end))[..., 1]
    return ScanTable(
        pieces,
        piece,
        t_start,
        t_end,
        x[piece, part],
        x[piece, part + 1],
        hull.min(axis=1),
        hull.max(axis=1),
        amplitudes[piece],
    )


def winding_image(table: ScanTable, points: Array) -> Array:
    """Sum of the amplitudes of the regions around each point, shapes (n, 2) to (n,)."""
    lines, line_of_point = np.unique(points[:, 0], return_inverse=True)
    scale = max(float(np.abs(table.amplitude).max(initial=0.0)), 1e-300)
    steps = np.rint(np.where(table.rising, 1.0, -1.0) * table.amplitude * (_FIXED_POINT / scale)).astype(
        np.int64
    )
    low = np.searchsorted(lines, np.minimum(table.x_start, table.x_end), side="left")
    high = np.searchsorted(lines, np.maximum(table.x_start, table.x_end), side="left")
    out = np.zeros(len(points), dtype=np.int64)
    order = np.argsort(line_of_point, kind="stable")
    begin = np.searchsorted(line_of_point[order], np.arange(len(lines) + 1))
    for first, last in _line_chunks(low, high, len(lines)):
        part, line = _pairs(np.clip(low, first, last), np.clip(high, first, last))
        chosen = order[begin[first] : begin[last]]
        if len(chosen) == last - first:
            out[chosen] = _levels_one_by_one(table, part, line - first, steps, points[chosen])
        else:
            heights = _crossings(table, part, lines[line])
            out[chosen] = _levels(line, heights, steps[part], line_of_point[chosen], points[chosen, 1])
    return np.asarray(out * (scale / _FIXED_POINT), dtype=np.float64)


def _line_chunks(low: IntArray, high: IntArray, n_lines: int) -> list[tuple[int, int]]:
    """Ranges of lines with about ``_CHUNK`` crossings each."""
    change = np.bincount(low, minlength=n_lines + 1) - np.bincount(high, minlength=n_lines + 1)
    crossings = np.cumsum(np.cumsum(change[:n_lines]))
    block = crossings // _CHUNK
    cuts = [0, *(np.flatnonzero(np.diff(block)) + 1).tolist(), n_lines]
    return list(itertools.pairwise(cuts))


def _pairs(low: IntArray, high: IntArray) -> tuple[IntArray, IntArray]:
    """All (part, line) with ``low[part] <= line < high[part]``."""
    counts = high - low
    part = np.repeat(np.arange(len(low)), counts)
    offset = np.arange(len(part)) - np.repeat(np.cumsum(counts) - counts, counts)
    return part, low[part] + offset


def _levels(line: IntArray, heights: Array, steps: IntArray, point_line: IntArray, y: Array) -> IntArray:
    """Sum of the steps at or below each point, within its line."""
    # Crossings come before points of the same height: a point on the boundary counts as above it.
    order = np.lexsort((np.concatenate([heights, y]), np.concatenate([line, point_line])))
    running = np.cumsum(np.concatenate([steps, np.zeros(len(y), dtype=np.int64)])[order])
    levels = np.empty_like(running)
    levels[order] = running
    return levels[len(line) :]


def _levels_one_by_one(
    table: ScanTable, part: IntArray, line: IntArray, steps: IntArray, points: Array
) -> IntArray:
    """Levels when every line carries one point: only parts level with the point need a root."""
    y = points[line, 1]
    below = table.y_high[part] <= y
    level = np.flatnonzero(~below & (table.y_low[part] <= y))
    below[level] = _crossings(table, part[level], points[line[level], 0]) <= y[level]
    levels = np.zeros(len(points), dtype=np.int64)
    np.add.at(levels, line[below], steps[part[below]])
    return levels


def _crossings(table: ScanTable, part: IntArray, x: Array) -> Array:
    """Heights ``x_1`` at which the parts meet the lines ``x_0 = x``."""
    piece = table.piece[part]
    pieces = table.pieces.take(piece)
    start, end = table.start[part], table.end[part]
    sign = np.where(table.rising[part], 1.0, -1.0)
    t = _quadratic_parameter(pieces.polynomials[:, :3, 0], x, sign)
    cubic = np.flatnonzero((pieces.kind != ARC) & (pieces.rows[:, 6] != 0.0))
    arcs = np.flatnonzero(pieces.kind == ARC)
    if len(cubic):
        t[cubic] = _newton(pieces.take(cubic), x[cubic], sign[cubic], start[cubic], end[cubic])
    if len(arcs):
        t[arcs] = _arc_parameter(pieces.take(arcs), x[arcs], start[arcs], end[arcs])
    t = np.clip(np.where(np.isnan(t), start, t), start, end)
    return positions(pieces, t[:, None])[:, 0, 1]


def _quadratic_parameter(c: Array, x: Array, sign: Array) -> Array:
    """Root of ``c_0 + c_1 t + c_2 t^2 = x`` at which the derivative has the given sign."""
    c0, c1, c2 = c.T
    root = np.sqrt(np.maximum(c1 * c1 - 4.0 * c2 * (c0 - x), 0.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(
            c1 * sign >= 0.0, 2.0 * (x - c0) / (c1 + sign * root), (sign * root - c1) / (2.0 * c2)
        )


def _arc_parameter(pieces: Pieces, x: Array, start: Array, end: Array) -> Array:
    center, matrix, angle, sweep = arc_parts(pieces)
    cosine, sine = matrix[:, 0].T
    reach = np.hypot(cosine, sine)
    with np.errstate(divide="ignore", invalid="ignore"):
        opening = np.arccos(np.clip((x - center[:, 0]) / reach, -1.0, 1.0))
    middle = angle + 0.5 * (start + end) * sweep
    extreme = np.arctan2(sine, cosine)
    # Of the two angles of a full ellipse take the one on this monotone part: nearest to its middle.
    turns = (np.stack([extreme + opening, extreme - opening]) - middle) / (2.0 * np.pi)
    turns -= np.rint(turns)
    nearest = np.where(np.abs(turns[0]) < np.abs(turns[1]), turns[0], turns[1])
    return (middle + 2.0 * np.pi * nearest - angle) / sweep


def _newton(pieces: Pieces, x: Array, sign: Array, start: Array, end: Array) -> Array:
    """Root of ``x_0(t) = x`` on a monotone interval: Newton steps, bisection where they leave the bracket."""
    low, high = start.copy(), end.copy()
    t = 0.5 * (low + high)
    active = np.arange(len(t))
    for _ in range(60):
        part = pieces.take(active)
        now = t[active, None]
        residual = sign[active] * (positions(part, now)[:, 0, 0] - x[active])
        slope = sign[active] * velocities(part, now)[:, 0, 0]
        high[active] = np.where(residual > 0.0, t[active], high[active])
        low[active] = np.where(residual <= 0.0, t[active], low[active])
        with np.errstate(divide="ignore", invalid="ignore"):
            step = t[active] - residual / slope
        inside = (step > low[active]) & (step < high[active])
        new = np.where(inside, step, 0.5 * (low[active] + high[active]))
        done = np.abs(new - t[active]) <= 4e-16
        t[active] = new
        active = active[~done]
        if not len(active):
            break
    return t
