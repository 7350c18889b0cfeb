"""Unit shapes with closed-form transforms, and the one affine rule that turns them into phantoms.

A unit shape supplies its indicator (or profile) ``u``, its transform and its volume. Translation, rotation,
scaling and amplitude are applied once, in :class:`AffineShape`: with ``f(x) = a u(M^-1 (x - c))``

    f^(k) = a |det M| exp(-2 pi i k.c) u^(M^T k).

Sizes mean: **semi-axes** for ellipses and ellipsoids, full **sides** for rectangles, **widths** for Gaussians
(the width of the box of equal height and equal integral). Angles are in radians.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import j1

from srinr.phantoms.checks import checked_amplitude, checked_matrix, checked_vector
from srinr.phantoms.geometry import rotation_matrix
from srinr.phantoms.kernels import Engine
from srinr.phantoms.phantom import Phantom

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

# Switch from series to closed form, in |kappa|: both are exact to rounding there.
_DISC_SERIES = 1e-2
_BALL_SERIES = 0.05
_BALL_TERMS = (1.0, -1.0 / 10, 1.0 / 280, -1.0 / 15120, 1.0 / 1330560, -1.0 / 172972800)
# exp(-pi r^2) = 1e-16: a Gaussian counts as zero beyond.
_GAUSSIAN_REACH = np.sqrt(16.0 * np.log(10.0) / np.pi)
# Rows evaluated at a time, which keeps the temporaries in cache.
_CHUNK = 2**15


class UnitShape(ABC):
    """A shape about the origin, in canonical size."""

    dim: int
    volume: float

    @abstractmethod
    def values(self, points: Array) -> Array:
        """Profile at points (n, d)."""

    @abstractmethod
    def transform(self, frequencies: Array) -> Array:
        """Fourier transform (real, since every unit shape is even) at frequencies (m, d)."""

    @abstractmethod
    def reach(self, matrix: Array) -> Array:
        """Half widths (d,) of the box around ``matrix`` times the shape."""


@dataclass(frozen=True)
class UnitBall(UnitShape):
    """The ball of radius 1 in 1, 2 or 3 dimensions."""

    dim: int

    @property
    def volume(self) -> float:  # type: ignore[override]
        return (2.0, np.pi, 4.0 * np.pi / 3.0)[self.dim - 1]

    def values(self, points: Array) -> Array:
        return (np.einsum("na,na->n", points, points) <= 1.0).astype(np.float64)

    def transform(self, frequencies: Array) -> Array:
        s = np.sqrt(np.einsum("ma,ma->m", frequencies, frequencies))
        return (_interval, _disc, _ball)[self.dim - 1](s)

    def reach(self, matrix: Array) -> Array:
        return np.linalg.norm(matrix, axis=1)


def _interval(s: Array) -> Array:
    return 2.0 * np.sinc(2.0 * s)


def _disc(s: Array) -> Array:
    """J_1(2 pi s) / s."""
    small = s < _DISC_SERIES
    safe = np.where(small, 1.0, s)
    q = (np.pi * np.where(small, s, 0.0)) ** 2
    series = np.pi * (1.0 - q / 2.0 + q**2 / 12.0 - q**3 / 144.0)
    return np.where(small, series, j1(2.0 * np.pi * safe) / safe)


def _ball(s: Array) -> Array:
    """(sin t - t cos t) / (2 pi^2 s^3) with t = 2 pi s, and its series where the difference cancels."""
    small = s < _BALL_SERIES
    safe = np.where(small, 1.0, s)
    t = 2.0 * np.pi * safe
    t2 = (2.0 * np.pi * np.where(small, s, 0.0)) ** 2
    series = np.zeros_like(s)
    for term in reversed(_BALL_TERMS):
        series = series * t2 + term
    return np.where(
        small, 4.0 * np.pi / 3.0 * series, (np.sin(t) - t * np.cos(t)) / (2.0 * np.pi**2 * safe**3)
    )


@dataclass(frozen=True)
class UnitBox(UnitShape):
    """The cube of side 1."""

    dim: int
    volume = 1.0

    def values(self, points: Array) -> Array:
        return (np.abs(points).max(axis=1) <= 0.5).astype(np.float64)

    def transform(self, frequencies: Array) -> Array:
        return np.prod(np.sinc(frequencies), axis=1)

    def reach(self, matrix: Array) -> Array:
        return np.abs(matrix).sum(axis=1) / 2.0


@dataclass(frozen=True)
class UnitGaussian(UnitShape):
    """``exp(-pi |u|^2)``: height 1, integral 1, its own transform."""

    dim: int
    volume = 1.0

    def values(self, points: Array) -> Array:
        return np.exp(-np.pi * np.einsum("na,na->n", points, points))

    def transform(self, frequencies: Array) -> Array:
        return self.values(frequencies)

    def reach(self, matrix: Array) -> Array:
        return _GAUSSIAN_REACH * np.linalg.norm(matrix, axis=1)


@dataclass(frozen=True, eq=False)
class AffineShape(Phantom):
    """``amplitude * shape(matrix^-1 (x - center))``; see the functions of this file for convenient makers."""

    shape: UnitShape
    matrix: Array
    center: Array
    amplitude: float = 1.0

    def __post_init__(self) -> None:
        center = np.asarray(self.center, dtype=np.float64)
        if center.ndim != 1 or not 1 <= len(center) <= 3:
            raise ValueError(f"center must be 1, 2 or 3 coordinates, got {self.center!r}")
        if self.shape.dim != len(center):
            raise ValueError(
                f"center has {len(center)} coordinates, the shape has dimension {self.shape.dim}"
            )
        object.__setattr__(self, "center", checked_vector(center, len(center), "center"))
        object.__setattr__(self, "matrix", checked_matrix(self.matrix, len(center)))
        object.__setattr__(self, "amplitude", checked_amplitude(self.amplitude))

    @property
    def dim(self) -> int:
        return len(self.center)

    @property
    def support(self) -> Array:
        reach = self.shape.reach(self.matrix)
        return np.stack([self.center - reach, self.center + reach])

    @property
    def _volume(self) -> float:
        return abs(float(np.linalg.det(self.matrix))) * self.shape.volume

    @property
    def amplitude_area(self) -> float:
        return abs(self.amplitude) * self._volume

    def unwrapped_image(self, points: Array) -> Array:
        # Small shapes touch few points: leave the others at zero without mapping them.
        low, high = self.support
        near = np.ones(len(points), dtype=bool)
        for axis, x in enumerate(points.T):
            near &= (x >= low[axis]) & (x <= high[axis])
        chosen = np.flatnonzero(near)
        out = np.zeros(len(points))
        mapped = (points[chosen] - self.center) @ np.linalg.inv(self.matrix).T
        out[chosen] = self.amplitude * self.shape.values(mapped)
        return out

    def transform(self, frequencies: Array, tol: float, engine: Engine | None) -> ComplexArray:
        scale = self.amplitude * abs(float(np.linalg.det(self.matrix)))
        out = np.empty(len(frequencies), dtype=np.complex128)
        for start in range(0, len(frequencies), _CHUNK):
            k = frequencies[start : start + _CHUNK]
            turns = k @ self.center
            phase = -2.0 * np.pi * (turns - np.rint(turns))
            values = scale * self.shape.transform(k @ self.matrix)
            part = out[start : start + _CHUNK]
            part.real = values * np.cos(phase)
            part.imag = values * np.sin(phase)
        return out

    def affine(self, matrix: ArrayLike, shift: ArrayLike) -> AffineShape:
        m, s = checked_matrix(matrix, self.dim), checked_vector(shift, self.dim, "shift")
        return replace(self, matrix=m @ self.matrix, center=m @ self.center + s)

    def __mul__(self, factor: object) -> Phantom:
        product = super().__mul__(factor)
        if product is NotImplemented:
            return NotImplemented
        return replace(self, amplitude=self.amplitude * float(factor))  # type: ignore[arg-type]

    __rmul__ = __mul__


def _sizes(sizes: ArrayLike, dim: int, name: str) -> Array:
    array = np.broadcast_to(np.asarray(sizes, dtype=np.float64), (dim,))
    if not (np.isfinite(array).all() and (array > 0).all()):
        raise ValueError(f"{name} must be positive and finite, got {sizes!r}")
    return array


def _oriented(sizes: Array, angle: float) -> Array:
    if angle and len(sizes) != 2:
        raise ValueError(f"angle is for 2-D shapes; use rotate() with a matrix in {len(sizes)}-D")
    return rotation_matrix(angle) @ np.diag(sizes) if angle else np.diag(sizes)


def ellipse(
    center: ArrayLike, semi_axes: ArrayLike, angle: float = 0.0, amplitude: float = 1.0
) -> AffineShape:
    """Ellipse: ``semi_axes[0]`` lies along axis 0, rotated towards axis 1 by ``angle`` radians.

    Examples
    --------
    >>> ellipse([0.5, 0.5], [0.3, 0.2]).image([[0.75, 0.5], [0.5, 0.75]]).tolist()
    [1.0, 0.0]
    """
    return AffineShape(
        UnitBall(2), _oriented(_sizes(semi_axes, 2, "semi_axes"), angle), np.asarray(center), amplitude
    )


def disc(center: ArrayLike = (0.5, 0.5), radius: float = 0.25, amplitude: float = 1.0) -> AffineShape:
    """Disc of the given radius."""
    return ellipse(center, [radius, radius], 0.0, amplitude)


def ellipsoid(
    center: ArrayLike, semi_axes: ArrayLike, rotation: ArrayLike | None = None, amplitude: float = 1.0
) -> AffineShape:
    """3-D ellipsoid with semi-axes along the axes, then turned by a rotation matrix (3, 3)."""
    sizes = np.diag(_sizes(semi_axes, 3, "semi_axes"))
    turn = np.eye(3) if rotation is None else checked_matrix(rotation, 3, "rotation")
    if not np.allclose(turn @ turn.T, np.eye(3), atol=1e-12):
        raise ValueError("rotation must be a 3 x 3 rotation matrix")
    return AffineShape(UnitBall(3), turn @ sizes, np.asarray(center), amplitude)


def rectangle(
    center: ArrayLike = (0.5, 0.5), sides: ArrayLike = (0.5, 0.25), angle: float = 0.0, amplitude: float = 1.0
) -> AffineShape:
    """Box with full side lengths ``sides`` (a rectangle in 2-D), turned by ``angle`` radians (2-D only)."""
    dim = np.size(center)
    return AffineShape(
        UnitBox(dim), _oriented(_sizes(sides, dim, "sides"), angle), np.asarray(center), amplitude
    )


def gaussian(
    center: ArrayLike = (0.5, 0.5), widths: ArrayLike = (0.2, 0.1), angle: float = 0.0, amplitude: float = 1.0
) -> AffineShape:
    """Gaussian ``amplitude * exp(-pi |u|^2)`` with ``u`` in units of ``widths`` (1-D, 2-D or 3-D).

    Its image is periodized, so integer coefficients are exact however wide it is; non-integer frequencies need
    it to fit the cell, i.e. widths below about 0.14 at the center (1e-16 of the height is left at the border).
    """
    dim = np.size(center)
    return AffineShape(
        UnitGaussian(dim), _oriented(_sizes(widths, dim, "widths"), angle), np.asarray(center), amplitude
    )
