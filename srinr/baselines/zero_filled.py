"""Zero filling: coefficients that were not sampled are taken to be zero; every plot's reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.domain import Grid
from srinr.samples import FourierSamples
from srinr.trigonometric import TrigonometricPolynomial


def zero_filled(samples: FourierSamples, *, real: bool = False) -> TrigonometricPolynomial:
    """The image ``sum over the sampled k of values exp(2 pi i k.x)``: of least norm among those that fit.

    Parameters
    ----------
    samples : FourierSamples
        Distinct integer frequencies, values of shape (m,).
    real : bool, default False
        Return a real image. The samples must then contain k and -k alike, with conjugate values (up to
        rounding, or eight standard deviations of the stated noise).

    Returns
    -------
    TrigonometricPolynomial
        A continuous image, to be evaluated at points or on any grid.

    Raises
    ------
    ValueError
        Non-integer or repeated frequencies (the plain sum is not the scale of the image then), coil data, or
        ``real`` for samples without Hermitian symmetry.

    Examples
    --------
    >>> samples = FourierSamples([[-1], [0], [1]], [0.25, 1.0, 0.25])
    >>> zero_filled(samples, real=True).image(np.array([[0.0], [0.5]])).tolist()
    [1.5, 0.5]
    """
    _check_integer(samples)
    if samples.values.ndim != 1:
        raise ValueError(
            f"values must have shape (m,), got {samples.values.shape}; use root_sum_of_squares or "
            "zero_filled_sense for coil data"
        )
    if real:
        _check_hermitian(samples)
    return TrigonometricPolynomial(samples.frequencies, samples.values, real=real)


@dataclass(frozen=True)
class RootSumOfSquares:
    """The continuous image ``sqrt(sum over coils |f_c(x)|^2)``; made by :func:`root_sum_of_squares`."""

    coils: tuple[TrigonometricPolynomial, ...]

    def image(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at points of shape (n, d), shape (n,)."""
        return np.sqrt(sum(np.abs(coil.image(points)) ** 2 for coil in self.coils))

    def on_grid(self, grid: Grid) -> NDArray[np.float64]:
        """Values on a grid."""
        return np.sqrt(sum(np.abs(coil.on_grid(grid)) ** 2 for coil in self.coils))


def root_sum_of_squares(samples: FourierSamples) -> RootSumOfSquares:
    """Zero-filled image of each coil, combined as the root of the sum of squares.

    Parameters
    ----------
    samples : FourierSamples
        Distinct integer frequencies, values of shape (n_coils, m).

    Returns
    -------
    RootSumOfSquares
        A continuous, real image; noise adds a positive bias where the signal is low.

    Examples
    --------
    >>> image = root_sum_of_squares(FourierSamples([[0]], [[3.0], [4j]]))
    >>> image.image(np.array([[0.5]])).tolist()
    [5.0]
    """
    _check_integer(samples)
    _check_coils(samples)
    return RootSumOfSquares(tuple(TrigonometricPolynomial(samples.frequencies, y) for y in samples.values))


def zero_filled_sense(samples: FourierSamples, maps: ArrayLike) -> NDArray[np.complex128]:
    """Zero-filled coil images combined with sensitivities, ``sum_c conj(s_c) f_c / sum_c |s_c|^2``.

    Parameters
    ----------
    samples : FourierSamples
        Distinct integer frequencies, values of shape (n_coils, m).
    maps : array, shape (n_coils, *shape)
        Sensitivities on a grid. Where all are zero the image is zero.

    Returns
    -------
    complex array, shape ``shape``
        The matched-filter combination; for full sampling the least-squares image.

    Examples
    --------
    >>> zero_filled_sense(FourierSamples([[0]], [[3.0], [4.0]]), [[0.6, 0.6], [0.8, 0.8]]).real.tolist()
    [5.0, 5.0]
    """
    _check_integer(samples)
    _check_coils(samples)
    s = np.asarray(maps).astype(np.complex128)
    if s.ndim != samples.dim + 1 or len(s) != len(samples.values):
        raise ValueError(
            f"maps must have shape ({len(samples.values)}, *shape) with {samples.dim} spatial axes, "
            f"got {s.shape}"
        )
    grid = Grid(s.shape[1:])
    combined = np.zeros(grid.shape, dtype=np.complex128)
    for sensitivity, y in zip(s, samples.values, strict=True):
        combined += sensitivity.conj() * TrigonometricPolynomial(samples.frequencies, y).on_grid(grid)
    weight = (np.abs(s) ** 2).sum(axis=0)
    return np.divide(combined, weight, out=np.zeros_like(combined), where=weight > 0)


def _check_integer(samples: FourierSamples) -> None:
    if not samples.is_integer:
        raise ValueError(
            "zero filling needs integer frequencies (cycles per field of view); for other trajectories the "
            "plain sum is not on the image's scale, fit the image instead, e.g. by cg_sense"
        )


def _check_coils(samples: FourierSamples) -> None:
    if samples.values.ndim != 2:
        raise ValueError(f"values must have shape (n_coils, m), got {samples.values.shape}")


def _check_hermitian(samples: FourierSamples) -> None:
    """Raise unless -k is sampled with every k and the values are conjugate."""
    k, y = samples.frequencies, samples.values
    order, mirrored = np.lexsort(k.T), np.lexsort(-k.T)
    if not np.array_equal(k[order], -k[mirrored]):
        raise ValueError(
            "a real image needs samples at k and -k alike; add the conjugate values at -k, or use real=False"
        )
    mismatch = float(np.abs(y[order] - y[mirrored].conj()).max())
    tolerance = 1e-9 * float(np.abs(y).max()) + 8 * np.sqrt(2) * samples.noise_std
    if mismatch > tolerance:
        raise ValueError(
            f"the samples are not those of a real image: values at k and -k differ from conjugates by up to "
            f"{mismatch:.3g} (allowed: {tolerance:.3g}); use real=False"
        )
