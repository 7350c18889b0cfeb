"""Measured spectra beside predicted support, and the ceiling that a periodic input sets to the fit.

A network on the axis-aligned pair of frequency f0 reads a 1/f0-periodic input and is 1/f0-periodic itself, whatever
its activation. Source: section 3 of Yüce et al., "A Structured Dictionary Perspective on Implicit Neural
Representations", CVPR 2022; the ceiling follows by projecting onto periodic images.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.analysis.harmonic_support import feasible_grid, periodic_grid, reachable_bins
from srinr.analysis.integer_vectors import harmonic_radius, is_finite
from srinr.domain import ContinuousImage, Grid
from srinr.encodings.fourier_features import FourierFeatures
from srinr.inr import INR
from srinr.metrics import psnr
from srinr.networks.polynomial import PolynomialMLP

#: Beyond, powers of ten leave the floating-point range.
_MAX_DECIBELS = 6000.0


@dataclass(frozen=True, eq=False)
class Spectrum:
    """DFT of an image on a periodic grid.

    Parameters
    ----------
    coefficients : complex array, shape ``grid.shape``
        ``1/n_points`` times the DFT (aliased Fourier coefficients), centered: ``index - n // 2`` is the frequency in
        cycles per field of view. A sine of amplitude 1 has modulus 1/2 (-6.02 dB) in its two bins, a constant 1
        has modulus 1 in bin 0; the sum of squares is the mean square of the image.

    Examples
    --------
    >>> spectrum = Spectrum(np.array([0.0, 0.5j, 0.0, -0.5j]))
    >>> spectrum.energy, spectrum.decibels(floor=-100.0).round(2).tolist()
    (0.5, [-100.0, -6.02, -100.0, -6.02])
    """

    coefficients: NDArray[np.complex128]

    @property
    def modulus(self) -> NDArray[np.float64]:
        """``|coefficients|``: half the amplitude of an isolated real sinusoid."""
        return np.asarray(np.abs(self.coefficients))

    @property
    def energy(self) -> float:
        """Mean square of the image (Parseval)."""
        return float((self.modulus**2).sum())

    def decibels(self, *, reference: float = 1.0, floor: float = -400.0) -> NDArray[np.float64]:
        """``20 log10(modulus / reference)``, never below ``floor``; reference 1/2 puts a sine of amplitude 1 at 0 dB."""
        if not is_finite(reference) or reference <= 0:
            raise ValueError(f"reference must be a modulus above 0, got {reference!r}")
        if not is_finite(floor) or abs(floor) > _MAX_DECIBELS:
            raise ValueError(
                f"floor must be a number of decibels between -{_MAX_DECIBELS:g} and {_MAX_DECIBELS:g}, got {floor!r}"
            )
        return 20.0 * np.log10(np.maximum(self.modulus / reference, 10.0 ** (floor / 20.0)))

    def energy_outside(self, support: ArrayLike) -> float:
        """Share of the energy in bins where ``support`` is False; 0 for the zero image.

        Parameters
        ----------
        support : array of bool, shape ``grid.shape``
            Centered, e.g. from ``reachable_bins`` or :func:`predicted_support`.
        """
        mask = np.asarray(support)
        if mask.dtype != bool or mask.shape != self.coefficients.shape:
            raise ValueError(
                f"support must be a boolean array of shape {self.coefficients.shape}, got {mask.dtype} {mask.shape}"
            )
        total = self.energy
        return float((self.modulus[~mask] ** 2).sum()) / total if total > 0 else 0.0


def measured_spectrum(image: ContinuousImage | ArrayLike, grid: Grid) -> Spectrum:
    """Spectrum of an image on a periodic grid.

    Parameters
    ----------
    image : ContinuousImage or array, shape ``grid.shape``
        An INR, a phantom, sinusoids, or pixel values; real or complex.
    grid : Grid
        End point excluded: with end points, periodic images leak into every bin.

    Raises
    ------
    ValueError
        For a grid with end points, pixel values of another shape, or an image to be evaluated at more than
        ``MAX_GRID_POINTS`` points (before it is).

    Examples
    --------
    >>> x = Grid(8, dim=1).axes[0]
    >>> measured_spectrum(np.sin(2 * np.pi * x), Grid(8, dim=1)).modulus.round(12).tolist()
    [0.0, 0.0, 0.0, 0.5, 0.0, 0.5, 0.0, 0.0]
    """
    periodic_grid(grid)
    if isinstance(image, ContinuousImage):
        feasible_grid(grid)
        values = np.asarray(grid.rasterize(image))
    else:
        values = np.asarray(image)
        if values.dtype.kind not in "iufc" or values.shape != grid.shape:
            raise ValueError(
                f"image must have method image(points) or be numbers of shape {grid.shape}, "
                f"got {values.dtype} {values.shape}"
            )
    if not np.isfinite(values).all():
        raise ValueError("image contains NaN or infinite values on the grid")
    return Spectrum(np.fft.fftshift(np.fft.fftn(values, norm="forward")).astype(np.complex128))


def predicted_support(inr: INR, grid: Grid) -> NDArray[np.bool_]:
    """DFT bins that an INR on Fourier features of whole frequencies can reach on a periodic grid.

    ``PolynomialMLP`` reaches the harmonics within ``degree^(depth - 1)`` (Theorem 1); any other network on these
    features can reach every integer combination of the frequencies. Aliasing is included.

    Returns
    -------
    array of bool, shape ``grid.shape``
        Centered.

    Raises
    ------
    TypeError
        For an encoding without frequencies.
    ValueError
        For a grid with end points, or frequencies that are not whole cycles per field of view.

    Examples
    --------
    >>> from srinr import MLP
    >>> inr = INR(FourierFeatures([[2.0]]), MLP(3, width=4, depth=3))
    >>> predicted_support(inr, Grid(8, dim=1)).tolist()
    [True, False, True, False, True, False, True, False]
    """
    if not isinstance(inr, INR) or not isinstance(inr.encoding, FourierFeatures):
        raise TypeError("inr: expected an INR on FourierFeatures; other encodings have no frequencies")
    radius = None
    if isinstance(inr.network, PolynomialMLP):
        radius = harmonic_radius(inr.network.degree, inr.network.depth)
    return reachable_bins(grid, inr.encoding.frequencies, radius=radius)


def periodic_best_fit(image: ArrayLike, repeats: Sequence[int]) -> NDArray[np.float64]:
    """The nearest image, in least squares, among those whose input repeats within the field of view.

    The mean over the shifts that the network cannot tell apart. For ``f0 = 1`` on [-1, 1)^2, where the input repeats
    twice along both axes, these are the four shifts by (0 or N/2, 0 or N/2).

    Parameters
    ----------
    image : array, shape (N_1, ..., N_d) or (N_1, ..., N_d, channels)
        Real pixel values on a periodic grid.
    repeats : sequence of int, length d
        Periods of the input per field of view and axis: ``f0`` times the length of the domain. Along an axis of N
        points, ``gcd(repeats, N)`` points share one input.

    Returns
    -------
    array of float64, same shape

    Raises
    ------
    ValueError
        For complex values (take real and imaginary part one by one), NaN, or repeats that do not fit the axes.

    Examples
    --------
    >>> periodic_best_fit([1.0, 2.0, 3.0, 4.0], [2]).tolist()
    [2.0, 3.0, 2.0, 3.0]
    """
    given = np.asarray(image)
    if given.dtype.kind not in "biuf":
        raise ValueError(
            f"image must be real pixel values, got {given.dtype}; take real and imaginary part one by one"
        )
    values = given.astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("image contains NaN or infinite values")
    try:
        d = len(repeats)
    except TypeError as error:
        raise ValueError(
            f"repeats must be a sequence with one whole number per axis, e.g. (2, 2), got {repeats!r}"
        ) from error
    if d < 1 or values.ndim not in (d, d + 1) or 0 in values.shape:
        raise ValueError(
            f"image must have {d} axes (one per entry of repeats) or one more for channels, got shape {values.shape}"
        )
    for axis, count in enumerate(repeats):
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
            raise ValueError(
                f"repeats must be whole numbers of at least 1 (f0 times the length of the domain), got {repeats!r}"
            )
        n = values.shape[axis]
        copies = math.gcd(int(count), n)
        head, tail = values.shape[:axis], values.shape[axis + 1 :]
        split = values.reshape(*head, copies, n // copies, *tail)
        mean = split.mean(axis=axis, keepdims=True)
        values = np.broadcast_to(mean, split.shape).reshape(values.shape)
    return np.array(values)


def psnr_ceiling(image: ArrayLike, repeats: Sequence[int], *, data_range: float = 1.0) -> float:
    """Best PSNR, in dB, that any network on a repeating input can reach on all pixels.

    The mean square error is at least the energy of the DFT bins that are not multiples of ``gcd(repeats, N)`` along
    every axis, and :func:`periodic_best_fit` attains it.

    Parameters
    ----------
    image : array, shape (N_1, ..., N_d) or (N_1, ..., N_d, channels)
        Real pixel values; the error is averaged over pixels and channels.
    repeats : sequence of int, length d
        Periods of the input per field of view and axis; (2, 2) for ``f0 = 1`` on [-1, 1)^2.
    data_range : float, default 1.0
        The peak: 1 for images in [0, 1].

    Returns
    -------
    float
        Infinity when the image repeats itself.

    Examples
    --------
    >>> round(psnr_ceiling([0.0, 0.0, 1.0, 1.0], [2]), 4)  # mean square error 1/4
    6.0206
    """
    return psnr(periodic_best_fit(image, repeats), np.asarray(image, dtype=np.float64), data_range=data_range)
