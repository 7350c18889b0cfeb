"""Samples of the products ``gamma_j g`` of an image with all features, from the spectrum of the image alone.

With integer frequencies a product with a sine or cosine is a sum of two shifted spectra: one FFT and a gathering
instead of one transform for each feature. On a grid this is exact, shifts wrap around.
"""

from __future__ import annotations

import numpy as np
import scipy.fft
from numba import njit
from numpy.typing import NDArray

from srinr.encodings.fourier_features import FourierFeatures
from srinr.real_samples import RealSamples

Vector = NDArray[np.float64]


class FeatureProducts:
    """Real vectors of the samples of ``gamma_j g`` for images ``g`` on a grid.

    Parameters
    ----------
    encoding : FourierFeatures
        With integer frequencies.
    real_samples : RealSamples
        Frequencies sampled.
    shape : tuple of int
        Of the grid.

    Raises
    ------
    ValueError
        For frequencies that are not integers.

    Examples
    --------
    >>> encoding = FourierFeatures.lattice(1, 1)
    >>> products = FeatureProducts(encoding, RealSamples([[-1], [0], [1]]), (8,))
    >>> (products(np.ones(8)).round(12) + 0.0).tolist()  # the samples of the features themselves
    [[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """

    def __init__(self, encoding: FourierFeatures, real_samples: RealSamples, shape: tuple[int, ...]) -> None:
        if not encoding.is_integer:
            raise ValueError("products from shifted spectra need integer frequencies of the features")
        shifts = np.rint(encoding.frequencies).astype(np.int64)
        kept, zero, self._scale = real_samples.components()
        self._shape, self._constant = shape, encoding.constant
        # The real samples in the order of RealSamples: kept frequencies, then k = 0.
        k = real_samples.frequencies[np.concatenate([kept, zero])]
        self._n_kept = len(kept)
        self._lower = _flat(k[None] - shifts[:, None], shape)
        self._upper = _flat(k[None] + shifts[:, None], shape)
        self._own = _flat(k, shape)

    def __call__(self, image: Vector) -> Vector:
        """Products of one image, flat or of the grid's shape, with all features: shape (D, n_real)."""
        spectrum = np.ravel(scipy.fft.fftn(image.reshape(self._shape), norm="forward"))
        n_frequencies, n_kept = len(self._lower), self._n_kept
        n_zero = len(self._own) - n_kept
        out = np.empty((2 * n_frequencies + self._constant, 2 * n_kept + n_zero))
        _gather(spectrum, self._lower, self._upper, self._scale, n_kept, out)
        if self._constant:
            own = spectrum[self._own]
            out[-1, :n_kept] = self._scale * own.real[:n_kept]
            out[-1, n_kept : 2 * n_kept] = self._scale * own.imag[:n_kept]
            out[-1, 2 * n_kept :] = own.real[n_kept:]
        return out


def _flat(frequencies: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Positions of frequencies (..., d) in the flat spectrum of a grid."""
    wrapped = np.moveaxis(frequencies % np.array(shape), -1, 0)
    return np.asarray(np.ravel_multi_index(tuple(wrapped), shape), dtype=np.int64)


@njit(cache=True)
def _gather(
    spectrum: NDArray[np.complex128],
    lower: NDArray[np.int64],
    upper: NDArray[np.int64],
    scale: Vector,
    n_kept: int,
    out: Vector,
) -> None:
    """Write the products with the sines and cosines, ``(a - b) / (i sqrt 2)`` and ``(a + b) / sqrt 2``."""
    n_frequencies, n = lower.shape
    half = np.sqrt(0.5)
    for j in range(n_frequencies):
        for i in range(n_kept):
            a, b = spectrum[lower[j, i]], spectrum[upper[j, i]]
            factor = half * scale[i]
            out[j, i] = factor * (a.imag - b.imag)
            out[j, n_kept + i] = -factor * (a.real - b.real)
            out[n_frequencies + j, i] = factor * (a.real + b.real)
            out[n_frequencies + j, n_kept + i] = factor * (a.imag + b.imag)
        for i in range(n_kept, n):
            a, b = spectrum[lower[j, i]], spectrum[upper[j, i]]
            out[j, n_kept + i] = half * (a.imag - b.imag)
            out[n_frequencies + j, n_kept + i] = half * (a.real + b.real)
