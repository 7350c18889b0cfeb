"""Smooth pieces of plane curves: segments, Bezier pieces, B-spline pieces and elliptical arcs, as rows of numbers.

Every piece is a map ``r(t)``, t in [0, 1], stored as one row of 8 numbers:

- polynomial (kind 0): ``r = c_0 + c_1 t + c_2 t^2 + c_3 t^3``, row = (c_0, c_1, c_2, c_3);
- elliptical arc (kind 1): ``r = c + M (cos, sin)(theta_0 + t dtheta)``, row = (c, M by rows, theta_0, dtheta).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.phantoms.checks import checked_matrix, checked_vector

Array = NDArray[np.float64]

POLYNOMIAL, ARC = 0, 1

# Bernstein control points p_0 .. p_3 to power coefficients.
_CUBIC = np.array([[1, 0, 0, 0], [-3, 3, 0, 0], [3, -6, 3, 0], [-1, 3, -3, 1]], dtype=np.float64)
_QUADRATIC = np.array([[1, 0, 0], [-2, 2, 0], [1, -2, 1]], dtype=np.float64)
_POWERS = np.arange(4)


class Pieces(NamedTuple):
    """A batch of pieces: ``kind`` (n,) and ``rows`` (n, 8), as described at the top of this file."""

    kind: NDArray[np.int8]
    rows: Array

    def take(self, index: NDArray[np.generic] | slice) -> Pieces:
        """Select pieces."""
        return Pieces(self.kind[index], self.rows[index])

    @property
    def polynomials(self) -> Array:
        """Power coefficients, shape (n, 4, 2); meaningless for arcs."""
        return self.rows.reshape(-1, 4, 2)


@dataclass(frozen=True)
class Segment:
    """Straight piece from ``start`` to ``end``."""

    start: ArrayLike
    end: ArrayLike

    def pieces(self) -> Pieces:
        """The piece as a batch of one."""
        return bezier_pieces(
            np.stack([checked_vector(p, 2, "start, end") for p in (self.start, self.end)])[None]
        )


@dataclass(frozen=True)
class QuadraticBezier:
    """Parabolic piece from ``start`` to ``end`` with one control point."""

    start: ArrayLike
    control: ArrayLike
    end: ArrayLike

    def pieces(self) -> Pieces:
        """The piece as a batch of one."""
        points = (self.start, self.control, self.end)
        return bezier_pieces(np.stack([checked_vector(p, 2, "start, control, end") for p in points])[None])


@dataclass(frozen=True)
class CubicBezier:
    """Cubic piece from ``start`` to ``end`` with two control points."""

    start: ArrayLike
    control_1: ArrayLike
    control_2: ArrayLike
    end: ArrayLike

    def pieces(self) -> Pieces:
        """The piece as a batch of one."""
        points = (self.start, self.control_1, self.control_2, self.end)
        return bezier_pieces(np.stack([checked_vector(p, 2, "start, controls, end") for p in points])[None])


@dataclass(frozen=True)
class EllipticalArc:
    """Arc ``center + matrix (cos, sin)(theta)`` for theta from ``start_angle`` over ``sweep`` radians."""

    center: ArrayLike
    matrix: ArrayLike
    start_angle: float
    sweep: float

    def pieces(self) -> Pieces:
        """The piece as a batch of one."""
        center, matrix = checked_vector(self.center, 2, "center"), checked_matrix(self.matrix, 2)
        angles = checked_vector([self.start_angle, self.sweep], 2, "start_angle, sweep")
        if not 0 < abs(self.sweep) <= 2 * np.pi * (1 + 1e-15):
            raise ValueError(f"sweep must be non-zero and at most one turn (2 pi), got {self.sweep!r}")
        return Pieces(np.array([ARC], dtype=np.int8), np.concatenate([center, matrix.ravel(), angles])[None])


Piece = Segment | QuadraticBezier | CubicBezier | EllipticalArc


def bezier_pieces(control_points: Array) -> Pieces:
    """Bezier pieces of degree 1 to 3 from control points of shape (n, degree + 1, 2)."""
    n, count, _ = control_points.shape
    basis = {2: _QUADRATIC[:2, :2] * [[1, 1], [0.5, 0.5]], 3: _QUADRATIC, 4: _CUBIC}[count]
    coefficients = np.zeros((n, 4, 2))
    coefficients[:, :count] = np.einsum("mp,npa->nma", basis, control_points)
    return Pieces(np.zeros(n, dtype=np.int8), coefficients.reshape(n, 8))


def join(batches: list[Pieces]) -> Pieces:
    """Concatenate batches."""
    return Pieces(np.concatenate([b.kind for b in batches]), np.concatenate([b.rows for b in batches]))


def positions(pieces: Pieces, t: Array) -> Array:
    """Points ``r(t)``: parameters (n, q), or (q,) for all pieces; result (n, q, 2)."""
    return _evaluate(pieces, t, derivative=0)


def velocities(pieces: Pieces, t: Array) -> Array:
    """Derivatives ``r'(t)``, shapes as in :func:`positions`."""
    return _evaluate(pieces, t, derivative=1)


def _evaluate(pieces: Pieces, t: Array, derivative: int) -> Array:
    n = len(pieces.kind)
    t = np.broadcast_to(t, (n, np.shape(t)[-1]))
    c = pieces.polynomials[:, :, None, :]
    u = t[..., None]
    if derivative == 0:
        out = c[:, 0] + u * (c[:, 1] + u * (c[:, 2] + u * c[:, 3]))
    else:
        out = c[:, 1] + u * (2.0 * c[:, 2] + u * (3.0 * c[:, 3]))
    arcs = np.flatnonzero(pieces.kind == ARC)
    if len(arcs):
        center, matrix, start, sweep = arc_parts(pieces.take(arcs))
        theta = start[:, None] + t[arcs] * sweep[:, None]
        if derivative == 0:
            unit = np.stack([np.cos(theta), np.sin(theta)], axis=-1)
            out[arcs] = center[:, None] + np.einsum("nab,nqb->nqa", matrix, unit)
        else:
            unit = np.stack([-np.sin(theta), np.cos(theta)], axis=-1) * sweep[:, None, None]
            out[arcs] = np.einsum("nab,nqb->nqa", matrix, unit)
    return out


def arc_parts(pieces: Pieces) -> tuple[Array, Array, Array, Array]:
    """Centers (n, 2), matrices (n, 2, 2), start angles (n,) and sweeps (n,) of pieces that are all arcs."""
    rows = pieces.rows
    return rows[:, :2], rows[:, 2:6].reshape(-1, 2, 2), rows[:, 6], rows[:, 7]


def restricted(pieces: Pieces, start: Array, end: Array) -> Pieces:
    """The parts of the pieces between parameters ``start`` and ``end``, each (n,), as pieces of their own."""
    c = pieces.polynomials
    a, h = start[:, None], (end - start)[:, None]
    new = np.stack(
        [
            c[:, 0] + a * (c[:, 1] + a * (c[:, 2] + a * c[:, 3])),
            h * (c[:, 1] + a * (2.0 * c[:, 2] + 3.0 * a * c[:, 3])),
            h**2 * (c[:, 2] + 3.0 * a * c[:, 3]),
            h**3 * c[:, 3],
        ],
        axis=1,
    ).reshape(-1, 8)
    arcs = pieces.kind == ARC
    rows = pieces.rows[arcs].copy()
    rows[:, 6] += start[arcs] * rows[:, 7]
    rows[:, 7] *= (end - start)[arcs]
    new[arcs] = rows
    return Pieces(pieces.kind, new)


def reversed_pieces(pieces: Pieces) -> Pieces:
    """The same curve traveled backwards: last piece first, each from its end to its start."""
    flipped = restricted(pieces, np.ones(len(pieces.kind)), np.zeros(len(pieces.kind)))
    return flipped.take(slice(None, None, -1))


def transformed(pieces: Pieces, matrix: Array, shift: Array) -> Pieces:
    """Image of the pieces under ``x -> matrix x + shift``."""
    c = np.einsum("ab,nmb->nma", matrix, pieces.polynomials)
    c[:, 0] += shift
    new = c.reshape(-1, 8)
    arcs = np.flatnonzero(pieces.kind == ARC)
    if len(arcs):
        center, axes, start, sweep = arc_parts(pieces.take(arcs))
        moved = np.einsum("ab,nbc->nac", matrix, axes).reshape(-1, 4)
        new[arcs] = np.concatenate([center @ matrix.T + shift, moved, start[:, None], sweep[:, None]], axis=1)
    return Pieces(pieces.kind, new)


def signed_areas(pieces: Pieces, origin: Array) -> Array:
    """Area swept from ``origin`` by each piece, ``1/2 integral (r - origin) x dr``, in closed form, shape (n,)."""
    c = pieces.polynomials.copy()
    c[:, 0] -= origin
    cross = c[:, :, None, 0] * c[:, None, :, 1] - c[:, :, None, 1] * c[:, None, :, 0]
    # integral of t^m d(t^n) = n / (m + n)
    m, n = np.meshgrid(_POWERS, _POWERS, indexing="ij")
    weights = n / np.maximum(m + n, 1)
    areas = 0.5 * np.einsum("imn,mn->i", cross, weights)
    arcs = np.flatnonzero(pieces.kind == ARC)
    if len(arcs):
        part = pieces.take(arcs)
        center, matrix, _, sweep = arc_parts(part)
        ends = positions(part, np.array([0.0, 1.0]))
        chord = ends[:, 1] - ends[:, 0]
        offset = center - origin
        sector = (matrix[:, 0, 0] * matrix[:, 1, 1] - matrix[:, 0, 1] * matrix[:, 1, 0]) * sweep
        areas[arcs] = 0.5 * (offset[:, 0] * chord[:, 1] - offset[:, 1] * chord[:, 0] + sector)
    return areas


def stationary_parameters(pieces: Pieces, axis: int) -> Array:
    """Interior parameters where component ``axis`` of ``r'`` vanishes, shape (n, 3), sorted, NaN where fewer."""
    c = pieces.polynomials[:, :, axis]
    found = np.full((len(c), 3), np.nan)
    found[:, :2] = _quadratic_roots(3.0 * c[:, 3], 2.0 * c[:, 2], c[:, 1])
    arcs = np.flatnonzero(pieces.kind == ARC)
    if len(arcs):
        _, matrix, start, sweep = arc_parts(pieces.take(arcs))
        extreme = np.arctan2(matrix[:, axis, 1], matrix[:, axis, 0])
        # Angles extreme + m pi inside the sweep, counted from its start in the direction of travel.
        first = (np.sign(sweep) * (extreme - start)) % np.pi
        found[arcs] = (first[:, None] + np.pi * np.arange(3)) / np.abs(sweep)[:, None]
    found[~((found > 0.0) & (found < 1.0))] = np.nan
    return np.sort(found, axis=1)


def _quadratic_roots(a: Array, b: Array, c: Array) -> Array:
    """Real roots of ``a t^2 + b t + c``, shape (n, 2), NaN where absent, without cancellation."""
    with np.errstate(divide="ignore", invalid="ignore"):
        q = -0.5 * (b + np.copysign(np.sqrt(b * b - 4.0 * a * c), b))
        return np.stack([c / q, q / a], axis=1)


def hull_points(pieces: Pieces) -> Array:
    """Four points per piece whose convex hull contains it, shape (n, 4, 2): Bezier control points, mostly."""
    c = pieces.polynomials
    first = c[:, 0]
    hull = np.stack(
        [
            first,
            first + c[:, 1] / 3.0,
            first + (2.0 * c[:, 1] + c[:, 2]) / 3.0,
            first + c[:, 1] + c[:, 2] + c[:, 3],
        ],
        axis=1,
    )
    arcs = np.flatnonzero(pieces.kind == ARC)
    if len(arcs):
        part = pieces.take(arcs)
        center, matrix, start, sweep = arc_parts(part)
        ends = positions(part, np.array([0.0, 1.0]))
        tangent = np.einsum("nab,nb->na", matrix, np.stack([-np.sin(start), np.cos(start)], axis=-1))
        apex = ends[:, 0] + np.tan(sweep / 2.0)[:, None] * tangent
        wedge = np.stack([ends[:, 0], apex, apex, ends[:, 1]], axis=1)
        reach = np.linalg.norm(matrix, axis=2)[:, None] * np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
        hull[arcs] = np.where(np.abs(sweep)[:, None, None] < 0.9 * np.pi, wedge, center[:, None] + reach)
    return hull


def bounding_box(pieces: Pieces) -> Array:
    """Exact lower and upper corner of a batch, shape (2, 2)."""
    low, high = np.empty(2), np.empty(2)
    for axis in range(2):
        t = np.nan_to_num(stationary_parameters(pieces, axis), nan=0.0)
        ends = np.zeros((len(t), 1))
        values = positions(pieces, np.concatenate([ends, ends + 1.0, t], axis=1))[..., axis]
        low[axis], high[axis] = values.min(), values.max()
    return np.stack([low, high])
