"""Closed contours of smooth pieces, and piecewise constant phantoms bounded by them.

With ``a x b = a_0 b_1 - a_1 b_0``, a region Omega with counterclockwise boundary r has

    f^(k) = i / (2 pi |k|^2) * integral exp(-2 pi i k.r) (k x dr)                        edge form, k != 0
    f^(k) = exp(-2 pi i k.r0) * integral phi(2 pi i k.(r - r0)) ((r - r0) x dr)           regular form, any k

with ``phi(u) = (1 - (1 + u) exp(-u)) / u^2``. The edge form is a plain sum of exponentials over quadrature
nodes, hence fast, but loses digits like eps / |k|; the regular form takes over for ``|k| < 1/2``.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.phantoms.checks import checked_matrix, checked_rows, checked_vector
from srinr.phantoms.geometry import hermitian_from_half
from srinr.phantoms.kernels import Engine, box_sums, scattered_sums
from srinr.phantoms.phantom import Phantom
from srinr.phantoms.pieces import (
    EllipticalArc,
    Piece,
    Pieces,
    bezier_pieces,
    bounding_box,
    join,
    positions,
    reversed_pieces,
    signed_areas,
    transformed,
)
from srinr.phantoms.quadrature import Nodes, gauss_nodes, ray_primitive
from srinr.phantoms.scanline import ScanTable, scan_table, winding_image
from srinr.phantoms.simplicity import find_self_contact

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

# Below this |k| the regular form is used.
_REGULAR = 0.5
# Ends of consecutive pieces may differ by this much, in fields of view.
_GAP = 1e-9


@dataclass(frozen=True, eq=False)
class Contour:
    """A simple closed curve made of smooth pieces, oriented counterclockwise.

    Make one with :meth:`from_pieces`, :func:`polygon_contour`, :func:`quadratic_spline`,
    :func:`cubic_spline` or :func:`ellipse_contour`.

    Raises
    ------
    ValueError
        When consecutive pieces do not join, the enclosed area is zero, or the curve meets itself.
    """

    pieces: Pieces
    area: float

    @classmethod
    def from_pieces(cls, pieces: Sequence[Piece] | Pieces, *, check_simple: bool = True) -> Contour:
        """Build a contour from pieces in order of travel, in either direction.

        Parameters
        ----------
        pieces : sequence of Segment, QuadraticBezier, CubicBezier, EllipticalArc; or Pieces
            Each starts where the one before ends, the first where the last ends.
        check_simple : bool, default True
            Refuse curves that meet themselves; switch off only for curves known to be simple.

        Examples
        --------
        >>> from srinr.phantoms import QuadraticBezier
        >>> lens = Contour.from_pieces([QuadraticBezier([0.2, 0.5], [0.5, 0.2], [0.8, 0.5]),
        ...                             QuadraticBezier([0.8, 0.5], [0.5, 0.8], [0.2, 0.5])])
        >>> round(lens.area, 12)
        0.12
        """
        batch = pieces if isinstance(pieces, Pieces) else join([piece.pieces() for piece in pieces])
        _check_closed(batch)
        origin = positions(batch.take(slice(0, 1)), np.zeros(1))[0, 0]
        area = float(signed_areas(batch, origin).sum())
        extent = np.ptp(bounding_box(batch), axis=0)
        if not np.isfinite(area) or abs(area) <= 1e-14 * float(extent @ extent):
            raise ValueError("the contour encloses no area; check the order of its points")
        if check_simple and (contact := find_self_contact(batch)) is not None:
            raise ValueError(
                f"the contour is not simple: pieces {contact[0]} and {contact[1]} of {len(batch.kind)} cross or "
                "touch; split it into simple contours"
            )
        return cls(batch if area > 0 else reversed_pieces(batch), abs(area))

    @property
    def bounding_box(self) -> Array:
        """Lower and upper corner, shape (2, 2)."""
        return bounding_box(self.pieces)

    def transformed(self, matrix: ArrayLike, shift: ArrayLike) -> Contour:
        """Image under ``x -> matrix x + shift``."""
        m, s = checked_matrix(matrix, 2), checked_vector(shift, 2, "shift")
        determinant = float(np.linalg.det(m))
        moved = transformed(self.pieces, m, s)
        return Contour(moved if determinant > 0 else reversed_pieces(moved), self.area * abs(determinant))


def _check_closed(pieces: Pieces) -> None:
    if not np.isfinite(pieces.rows).all():
        raise ValueError("the pieces of a contour contain NaN or infinite entries")
    ends = positions(pieces, np.array([0.0, 1.0]))
    gaps = np.abs(np.roll(ends[:, 0], -1, axis=0) - ends[:, 1]).max(axis=1)
    if gaps.max() > _GAP:
        i = int(gaps.argmax())
        raise ValueError(
            f"the contour is not closed: piece {i} ends at {ends[i, 1].tolist()}, the next one starts "
            f"{gaps[i]:.3g} away; every piece must start where the one before ends"
        )


def polygon_contour(vertices: ArrayLike, *, check_simple: bool = True) -> Contour:
    """Closed polygon through ``vertices`` (n, 2), n >= 3."""
    v = _checked_controls(vertices, "vertices")
    ends = np.stack([v, np.roll(v, -1, axis=0)], axis=1)
    return Contour.from_pieces(bezier_pieces(ends), check_simple=check_simple)


def quadratic_spline(controls: ArrayLike, *, check_simple: bool = True) -> Contour:
    """Closed uniform quadratic B-spline with control points (n, 2), n >= 3.

    Examples
    --------
    >>> round(quadratic_spline([[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]).area, 12)
    0.3
    """
    c = _checked_controls(controls, "controls")
    before, after = np.roll(c, 1, axis=0), np.roll(c, -1, axis=0)
    points = np.stack([(before + c) / 2, c, (c + after) / 2], axis=1)
    return Contour.from_pieces(bezier_pieces(points), check_simple=check_simple)


def cubic_spline(controls: ArrayLike, *, check_simple: bool = True) -> Contour:
    """Closed uniform cubic B-spline with control points (n, 2), n >= 3."""
    c0 = _checked_controls(controls, "controls")
    before, c1, c2 = np.roll(c0, 1, axis=0), np.roll(c0, -1, axis=0), np.roll(c0, -2, axis=0)
    points = np.stack(
        [(before + 4 * c0 + c1) / 6, (2 * c0 + c1) / 3, (c0 + 2 * c1) / 3, (c0 + 4 * c1 + c2) / 6], axis=1
    )
    return Contour.from_pieces(bezier_pieces(points), check_simple=check_simple)


def ellipse_contour(center: ArrayLike, matrix: ArrayLike) -> Contour:
    """Ellipse ``center + matrix (cos, sin)``; columns of ``matrix`` (2, 2) are conjugate half axes."""
    return Contour.from_pieces([EllipticalArc(center, matrix, 0.0, 2 * np.pi)], check_simple=False)


def _checked_controls(points: ArrayLike, name: str) -> Array:
    c = checked_rows(points, 2, name)
    if len(c) < 3:
        raise ValueError(f"{name} must be at least 3 points, got {len(c)}")
    return c


@dataclass(frozen=True, eq=False)
class ContourPhantom(Phantom):
    """Piecewise constant image: a sum of ``amplitude * indicator`` over regions bounded by contours.

    Amplitudes add where regions overlap: a hole is a contour with the opposite amplitude.

    Parameters
    ----------
    contours : sequence of Contour
    amplitudes : array, shape (number of contours,)

    Examples
    --------
    >>> blob = ContourPhantom([quadratic_spline([[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]])], [2.0])
    >>> blob.image([[0.5, 0.5], [0.05, 0.5]]).tolist()
    [2.0, 0.0]
    >>> blob.fourier_coefficients([[0, 0]]).real.round(12).tolist()
    [0.6]
    """

    contours: tuple[Contour, ...]
    amplitudes: Array

    # A coefficient of a box comes from a matrix product or an FFT.
    box_advantage = 8.0

    def __init__(self, contours: Sequence[Contour], amplitudes: ArrayLike) -> None:
        values = checked_vector(amplitudes, len(contours), "amplitudes")
        if not len(contours):
            raise ValueError("a ContourPhantom needs at least one contour")
        object.__setattr__(self, "contours", tuple(contours))
        object.__setattr__(self, "amplitudes", values)

    @property
    def dim(self) -> int:
        return 2

    @functools.cached_property
    def support(self) -> Array:
        boxes = np.stack([contour.bounding_box for contour in self.contours])
        return np.stack([boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)])

    @functools.cached_property
    def amplitude_area(self) -> float:
        return float(np.abs(self.amplitudes) @ np.array([contour.area for contour in self.contours]))

    @functools.cached_property
    def integral(self) -> float:
        """Integral of the image, in closed form."""
        return float(self.amplitudes @ np.array([contour.area for contour in self.contours]))

    @functools.cached_property
    def pieces(self) -> Pieces:
        """All pieces of all contours."""
        return join([contour.pieces for contour in self.contours])

    @functools.cached_property
    def piece_amplitudes(self) -> Array:
        """Amplitude of the region that each piece bounds."""
        return np.repeat(self.amplitudes, self._counts)

    @property
    def _counts(self) -> NDArray[np.int64]:
        return np.array([len(contour.pieces.kind) for contour in self.contours])

    @functools.cached_property
    def _scan_table(self) -> ScanTable:
        counts = self._counts
        following = np.arange(counts.sum()) + 1
        following[np.cumsum(counts) - 1] = np.cumsum(counts) - counts
        return scan_table(self.pieces, following, self.piece_amplitudes)

    def unwrapped_image(self, points: Array) -> Array:
        return winding_image(self._scan_table, points)

    def affine(self, matrix: ArrayLike, shift: ArrayLike) -> Phantom:
        return ContourPhantom(
            [contour.transformed(matrix, shift) for contour in self.contours], self.amplitudes
        )

    def nodes(self, kappa: float, tol: float = 1e-12) -> Nodes:
        """Quadrature nodes that serve all frequencies ``1/2 <= |k| <= kappa`` to ``tol`` times ``amplitude_area``.

        Their field ``bound`` is the proved bound of the boundary integral; divided by ``2 pi |k|`` it bounds
        the error of the coefficient.
        """
        return gauss_nodes(self.pieces, self.piece_amplitudes, kappa, tol * self.amplitude_area)

    def lowpass_box(self, cutoff: int, tol: float, engine: Engine | None) -> ComplexArray:
        points, strengths, _ = self.nodes(np.sqrt(2.0) * cutoff, tol)
        sums = box_sums(points, strengths, cutoff, engine, self._sum_tolerance(strengths, tol))
        k0 = np.arange(cutoff + 1.0)[:, None]
        k1 = np.arange(-cutoff, cutoff + 1.0)[None, :]
        half = _edge_form(k0, k1, sums)
        half[0, cutoff] = self.integral
        return hermitian_from_half(half)

    def transform(self, frequencies: Array, tol: float, engine: Engine | None) -> ComplexArray:
        norms = np.linalg.norm(frequencies, axis=1)
        near = norms < _REGULAR
        out = np.empty(len(frequencies), dtype=np.complex128)
        if near.any():
            out[near] = self._near_zero(frequencies[near], tol)
        if not near.all():
            k = frequencies[~near]
            points, strengths, _ = self.nodes(float(norms.max()), tol)
            sums = scattered_sums(points, strengths, k, engine, self._sum_tolerance(strengths, tol))
            out[~near] = _edge_form(k[:, 0], k[:, 1], sums)
        return out

    def _sum_tolerance(self, strengths: Array, tol: float) -> float:
        """Accuracy the sums need relative to their strengths, for |k| >= 1/2."""
        return np.pi * tol * self.amplitude_area / max(float(np.abs(strengths).sum()), 1e-300)

    def _near_zero(self, frequencies: Array, tol: float) -> ComplexArray:
        origin = self.support.mean(axis=0)
        points, strengths, _ = self.nodes(2.0 * _REGULAR, 1e-3 * tol)
        offset = points - origin
        swept = offset[:, 0] * strengths[1] - offset[:, 1] * strengths[0]
        out = np.empty(len(frequencies), dtype=np.complex128)
        chunk = max(1, 2**20 // max(len(points), 1))
        for start in range(0, len(frequencies), chunk):
            k = frequencies[start : start + chunk]
            out[start : start + chunk] = ray_primitive(2j * np.pi * (k @ offset.T)) @ swept
        return out * np.exp(-2j * np.pi * (frequencies @ origin))


def _edge_form(k0: Array, k1: Array, sums: ComplexArray) -> ComplexArray:
    norm2 = k0 * k0 + k1 * k1
    return 1j / (2.0 * np.pi * np.where(norm2 == 0.0, 1.0, norm2)) * (k0 * sums[1] - k1 * sums[0])
