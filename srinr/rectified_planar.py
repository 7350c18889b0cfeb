"""Exact Fourier coefficients of rectified trigonometric polynomials in two dimensions.

For a neuron over planar integer features, ``max(tau, 0)`` with ``tau(x) = sum_k c_k exp(2 pi i k.x)`` real, everything
follows from the coefficients ``h_k`` of the indicator of ``{tau > 0}``, as in one dimension: those of the neuron are
``sum_j c_j h_{k-j}``, and its derivative in a feature is that feature times the indicator.

The indicator's coefficients are integrals along the zero set. The torus is cut into square cells until Taylor bounds
prove that a cell holds no zero or that its zeros are a graph, so no component is missed (up to rounding);
Gauss-Legendre rules on chains of such graphs converge spectrally; the sums over nodes are matrix products. Close to
singular points (``tau`` and its gradient vanish together) cells become too small to go on: their area bounds what
giving them up can cost.

The error of a result is estimated, not proved: every coefficient is known from either component of the boundary's
normal, and the two must agree; the area of the set is known from cuts in either direction.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.rectified_planar_cells import ORIGIN, find_cells
from srinr.rectified_planar_chains import find_chains
from srinr.rectified_planar_lines import NOISE, two_sides
from srinr.rectified_planar_nodes import boundary_nodes, line_measure
from srinr.rectified_planar_products import convolve_boxes
from srinr.rectified_planar_singular import singular_parts
from srinr.rectified_planar_sums import boundary_coefficients

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]

#: Highest frequency of a polynomial: beyond it, cells are too many to be useful.
MAX_FREQUENCY = 32
#: Highest cutoff of the result.
MAX_CUTOFF = 1024
#: Coefficients below this part of the largest are rounding errors.
_NEGLIGIBLE = 1e-17
#: Measured: errors stay below this multiple of the largest disagreement on the sampled frequencies.
_SAFETY = 12.0
#: Measured: the true error of all rules together is far below the estimate for one of them.
_RULE_TOLERANCE = 10.0
_ROUNDING = 4e-16
_ATTEMPTS = 2


@dataclass(frozen=True, eq=False)
class PlanarIndicator:
    """Fourier coefficients of the indicator of ``{tau > 0}``.

    Parameters
    ----------
    values : array of complex128, shape (2 K + 1, 2 K + 1)
        Centered box.
    error : float
        Estimate of the largest absolute error of a coefficient.
    lost_error : float
        Its part that comes from cells around (nearly) singular points; 0 for almost every polynomial.
    lost_area : float
        Area of those cells, which bounds ``lost_error``.
    lost_integral : float
        Integral of a bound of ``|tau| / |tau|_2`` over that area.
    n_nodes : int
        Quadrature nodes.
    tolerance : float
        What was asked for.
    """

    values: Complex
    error: float
    lost_error: float
    lost_area: float
    lost_integral: float
    n_nodes: int
    tolerance: float

    @property
    def cutoff(self) -> int:
        """Highest frequency K."""
        return len(self.values) // 2

    @property
    def converged(self) -> bool:
        """Whether the estimated error is within the tolerance."""
        return self.error <= self.tolerance


@dataclass(frozen=True, eq=False)
class PlanarRectified:
    """Fourier coefficients of ``max(tau, 0)``.

    Parameters
    ----------
    values : array of complex128, shape (2 K + 1, 2 K + 1)
        Centered box.
    error : float
        Estimate of the largest absolute error of a coefficient.
    tolerance : float
        What was asked for, times the L2 norm of the polynomial.
    indicator : PlanarIndicator
        Those of the indicator up to ``K + K0``, from which derivatives follow.
    """

    values: Complex
    error: float
    tolerance: float
    indicator: PlanarIndicator

    @property
    def converged(self) -> bool:
        """Whether the estimated error is within the tolerance."""
        return self.error <= self.tolerance


def planar_indicator_coefficients(
    coefficients: ArrayLike, cutoff: int, *, tolerance: float = 1e-12
) -> PlanarIndicator:
    """Fourier coefficients of the indicator of ``{tau > 0}`` on the two-dimensional torus.

    Parameters
    ----------
    coefficients : array, shape (2 A + 1, 2 B + 1)
        Hermitian coefficients of ``tau``, ``k = 0`` in the middle; ``A, B <= 32``.
    cutoff : int
        Highest frequency K of the result, in the max-norm.
    tolerance : float, default 1e-12
        Absolute error aimed at. A result that misses it says so in ``error`` and ``converged``.

    Raises
    ------
    ValueError
        Coefficients of the wrong shape, NaN, not Hermitian or of too high a frequency; a negative cutoff or
        tolerance.

    Examples
    --------
    The cosine ``cos 2 pi x_1`` is positive on half of the torus:

    >>> cosine = np.zeros((3, 1)); cosine[[0, 2]] = 0.5
    >>> result = planar_indicator_coefficients(cosine, cutoff=1)
    >>> (result.values.real[:, 1].round(6) + 0.0).tolist(), result.converged
    ([0.31831, 0.5, 0.31831], True)
    """
    c, k = _checked(coefficients), _checked_cutoff(cutoff)
    return _indicator(c, k, _checked_tolerance(tolerance))


def rectified_coefficients_planar(
    coefficients: ArrayLike, cutoff: int, *, tolerance: float = 1e-12
) -> PlanarRectified:
    """Fourier coefficients of ``max(tau, 0)`` on the two-dimensional torus.

    Parameters
    ----------
    coefficients, cutoff
        As in :func:`planar_indicator_coefficients`.
    tolerance : float, default 1e-12
        Absolute error aimed at, relative to the L2 norm of ``tau`` (which is ``|w|`` for a neuron).

    Raises
    ------
    ValueError
        As in :func:`planar_indicator_coefficients`.

    Examples
    --------
    The rectified cosine has mean ``1 / pi`` and first coefficient 1/4:

    >>> cosine = np.zeros((3, 1)); cosine[[0, 2]] = 0.5
    >>> rectified_coefficients_planar(cosine, cutoff=1).values.real[:, 1].round(6).tolist()
    [0.25, 0.31831, 0.25]
    """
    c, k, tol = _checked(coefficients), _checked_cutoff(cutoff), _checked_tolerance(tolerance)
    scale = float(np.abs(c).max(initial=0.0))
    size = scale * float(np.linalg.norm(c / scale)) if scale else 0.0  # squares might underflow
    total = float(np.abs(c).sum())
    limit = max(c.shape) // 2
    indicator = _indicator(c, k + limit, 0.5 * tol * size / total if total else tol)
    values = convolve_boxes(indicator.values, c, k)
    error = (indicator.error - indicator.lost_error) * total + indicator.lost_integral * size
    return PlanarRectified(values, error, tol * size, indicator)


def _indicator(c: Complex, cutoff: int, tolerance: float) -> PlanarIndicator:
    """The work, for checked arguments."""
    box = 2 * cutoff + 1
    size = float(np.abs(c).max(initial=0.0))
    if size == 0.0:
        return PlanarIndicator(np.zeros((box, box), dtype=np.complex128), 0.0, 0.0, 0.0, 0.0, 0, tolerance)
    c = _trimmed(c / size)
    c /= np.linalg.norm(c)
    sides, noise = two_sides(c), NOISE * float(np.abs(c).sum())
    cells = find_cells(sides, 0.1 * math.sqrt(tolerance), noise)
    chains, lost = find_chains(sides, cells, noise), singular_parts(sides, cells, noise)
    for attempt in range(_ATTEMPTS):
        aim = _RULE_TOLERANCE * max(tolerance, 1e-16) * 1e-4**attempt
        points, weights = boundary_nodes(sides, chains, float(cutoff), aim)
        points = np.concatenate([points, lost.points])
        weights = np.concatenate([weights, lost.weights])
        sums = boundary_coefficients(points, weights, cutoff)
        area, doubt = _area(sides, cells.n_first, points, weights, noise)
        error = max(_SAFETY * sums.mismatch, doubt, _ROUNDING * min(1, len(points)))
        if error <= tolerance:
            break
    sums.values[cutoff, cutoff] = area
    return PlanarIndicator(
        sums.values,
        error + lost.error,
        lost.error,
        cells.lost_area,
        cells.lost_integral,
        len(points),
        tolerance,
    )


def _area(
    sides: tuple[Real, Real], n_cells: int, points: Real, weights: Real, noise: float
) -> tuple[float, float]:
    """Area of ``{tau > 0}``, and by how much the cuts in both directions disagree.

    On the torus cut open along the line ``x_j = o`` it is the boundary integral of ``(x_j - o) n_j``, plus the length
    of the set on that line. The steeper the polynomial where it changes sign there, the better.
    """
    areas, slopes = [], []
    for axis in range(2):
        at = ORIGIN[axis]
        length, slope = line_measure(sides[1 - axis], at, ORIGIN[1 - axis], n_cells, noise)
        areas.append(float((points[:, axis] - at) @ weights[:, axis]) + length)
        slopes.append(slope)
    return min(max(areas[int(slopes[1] > slopes[0])], 0.0), 1.0), abs(areas[0] - areas[1])


def _trimmed(c: Complex) -> Complex:
    """Without frequencies at the rim whose coefficients are rounding errors."""
    relevant = np.abs(c) > _NEGLIGIBLE
    parts = []
    for axis in range(2):
        center = c.shape[axis] // 2
        used = np.flatnonzero(relevant.any(axis=1 - axis))
        reach = int(np.abs(used - center).max(initial=0))
        parts.append(slice(center - reach, center + reach + 1))
    return np.array(c[parts[0], parts[1]])


def _checked(coefficients: ArrayLike) -> Complex:
    """Hermitian coefficients of one polynomial."""
    c = np.asarray(coefficients, dtype=np.complex128)
    if c.ndim != 2 or c.shape[0] % 2 == 0 or c.shape[1] % 2 == 0:
        raise ValueError(
            f"coefficients must have shape (2 A + 1, 2 B + 1), k = 0 in the middle; got {c.shape}"
        )
    if max(c.shape) // 2 > MAX_FREQUENCY:
        raise ValueError(
            f"coefficients reach frequency {max(c.shape) // 2}, more than {MAX_FREQUENCY}; use a fine grid instead"
        )
    if not np.isfinite(c).all():
        raise ValueError("coefficients contain NaN or infinite entries")
    scale = np.abs(c).max(initial=0.0)
    if np.abs(c - c[::-1, ::-1].conj()).max(initial=0.0) > 1e-9 * scale:
        raise ValueError("coefficients are not Hermitian: c(-k) must be the conjugate of c(k)")
    return c


def _checked_cutoff(cutoff: int) -> int:
    if int(cutoff) != cutoff or not 0 <= cutoff <= MAX_CUTOFF:
        raise ValueError(
            f"cutoff must be an integer from 0 to {MAX_CUTOFF} (cycles per field of view), got {cutoff!r}"
        )
    return int(cutoff)


def _checked_tolerance(tolerance: float) -> float:
    if not 0.0 < tolerance < math.inf:
        raise ValueError(f"tolerance must be positive and finite, got {tolerance!r}")
    return float(tolerance)
