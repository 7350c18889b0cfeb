"""Linear algebra on boxes of planar Fourier coefficients: convolution, products with features, derivatives of neurons."""

from __future__ import annotations

import math

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

Complex = NDArray[np.complex128]


def planar_feature_products(
    modulated: ArrayLike, frequencies: NDArray[np.int64], *, constant: bool = True
) -> Complex:
    """From products with waves to products with features.

    Parameters
    ----------
    modulated : array, shape (..., 2 L + 1, 2 L + 1)
        Values ``s_l`` of some linear functional at the waves ``exp(2 pi i l.x)``, centered box.
    frequencies : array of integers, shape (n, 2)
        Frequencies of the features, within the box.
    constant : bool, default True
        Whether the constant feature is the last one.

    Returns
    -------
    array of complex128, shape (..., D)
        Its values at ``sqrt2 sin(2 pi f_j.x)``, then ``sqrt2 cos(2 pi f_j.x)``, and 1.

    Examples
    --------
    >>> planar_feature_products(np.ones((3, 3)), np.array([[0, 1]])).real.round(6).tolist()
    [0.0, 1.414214, 1.0]
    """
    s, f = np.asarray(modulated, dtype=np.complex128), np.asarray(frequencies)
    limit = s.shape[-1] // 2
    if s.ndim < 2 or s.shape[-2:] != (2 * limit + 1, 2 * limit + 1) or np.abs(f).max(initial=0) > limit:
        raise ValueError(
            f"modulated must end in two equal odd axes that hold the frequencies up to {np.abs(f).max(initial=0)}, "
            f"got {s.shape}"
        )
    above, below = s[..., limit + f[:, 0], limit + f[:, 1]], s[..., limit - f[:, 0], limit - f[:, 1]]
    parts = [(above - below) / (1j * math.sqrt(2.0)), (above + below) / math.sqrt(2.0)]
    if constant:
        parts.append(s[..., limit, limit, None])
    return np.concatenate(parts, axis=-1)


def planar_jacobian(
    indicator: Complex,
    frequencies: NDArray[np.int64],
    sampled: NDArray[np.int64],
    *,
    constant: bool = True,
) -> Complex:
    """Derivatives of a neuron's coefficients in the weights of its features.

    Parameters
    ----------
    indicator : array, shape (2 L + 1, 2 L + 1)
        Coefficients of the neuron's indicator on a centered box, L at least the sum of the limits of both sets of
        frequencies.
    frequencies : array of integers, shape (n, 2)
        Of the features.
    sampled : array of integers, shape (m, 2)
        Of the coefficients.
    constant : bool, default True
        Whether the constant feature is the last one.

    Returns
    -------
    array of complex128, shape (m, D)

    Examples
    --------
    >>> from srinr.rectified_planar import planar_indicator_coefficients
    >>> cosine = np.zeros((3, 1)); cosine[[0, 2]] = 0.5
    >>> h = planar_indicator_coefficients(cosine, cutoff=2).values
    >>> (planar_jacobian(h, np.array([[1, 0]]), np.array([[0, 0]])).real.round(6) + 0.0).tolist()
    [[0.0, 0.450158, 0.5]]
    """
    limit = int(np.abs(frequencies).max(initial=0))
    center = len(indicator) // 2
    if limit + int(np.abs(sampled).max(initial=0)) > center:
        raise ValueError(f"the indicator is known up to {center}, which is too low for these frequencies")
    shifts = np.arange(-limit, limit + 1)
    first = center + sampled[:, 0, None, None] - shifts[:, None]
    second = center + sampled[:, 1, None, None] - shifts
    return planar_feature_products(indicator[first, second], frequencies, constant=constant)


def convolve_boxes(values: Complex, other: Complex, keep: int) -> Complex:
    """``sum_j other_j values_{k-j}`` for ``|k|_inf <= keep``, where all values needed are in the box.

    Parameters
    ----------
    values, other : array, shape (..., odd, odd)
        Centered boxes; that of ``values`` reaches at least as far as ``keep`` plus that of ``other``.
    keep : int
        Limit of the result.

    Examples
    --------
    >>> convolve_boxes(np.ones((3, 3)), np.array([[2.0]]), 1).real.round(6).tolist()[0]
    [2.0, 2.0, 2.0]
    """
    limits = [n // 2 for n in values.shape[-2:]]
    reach = [n // 2 for n in other.shape[-2:]]
    if any(keep + b > a for a, b in zip(limits, reach, strict=True)):
        raise ValueError(
            f"a box up to {limits} cannot be convolved with one up to {reach} and kept up to {keep}"
        )
    # What wraps around falls outside the part that is kept.
    sides = [scipy.fft.next_fast_len(n) for n in values.shape[-2:]]
    product = scipy.fft.ifft2(scipy.fft.fft2(values, sides) * scipy.fft.fft2(other, sides))
    first, second = (np.arange(-keep, keep + 1) + a + b for a, b in zip(limits, reach, strict=True))
    return product[..., (first % sides[0])[:, None], second % sides[1]]
