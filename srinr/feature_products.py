"""Samples of the products ``gamma_j g`` of images with all features, from the spectra of the images alone.

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
    >>> (products(np.ones((1, 8))).round(12) + 0.0).tolist()  # the samples of the features themselves
    [[[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]]
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

    def __call__(self, images: Vector) -> Vector:
        """Products of images (P, n_points) with all features, shape (P, D, n_real)."""
        n_frequencies, n = self._lower.shape
        out = np.empty((len(images), 2 * n_frequencies + self._constant, self._n_kept + n))
        spectra = self._spectra(images)
        _gather_products(spectra, self._lower, self._upper, self._scale, self._n_kept, out)
        if self._constant:
            _gather(spectra, self._own, self._scale, self._n_kept, out[:, -1])
        return out

    def samples(self, images: Vector) -> Vector:
        """Samples of images (P, n_points) themselves, shape (P, n_real)."""
        out = np.empty((len(images), self._n_kept + len(self._own)))
        _gather(self._spectra(images), self._own, self._scale, self._n_kept, out)
        return out

    def _spectra(self, images: Vector) -> NDArray[np.complex128]:
        axes = tuple(range(1, len(self._shape) + 1))
        spectra = scipy.fft.fftn(images.reshape(-1, *self._shape), axes=axes, norm="forward")
        return np.asarray(spectra.reshape(len(images), -1))


def _flat(frequencies: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Positions of frequencies (..., d) in the flat spectrum of a grid."""
    wrapped = np.moveaxis(frequencies % np.array(shape), -1, 0)
    return np.asarray(np.ravel_multi_index(tuple(wrapped), shape), dtype=np.int64)


@njit(cache=True)
def _gather(
    spectra: NDArray[np.complex128], own: NDArray[np.int64], scale: Vector, n_kept: int, out: Vector
) -> None:
    """Write the samples of each image into its row."""
    for p in range(len(spectra)):
        for i in range(n_kept):
            value = spectra[p, own[i]]
            out[p, i] = scale[i] * value.real
            out[p, n_kept + i] = scale[i] * value.imag
        for i in range(n_kept, len(own)):
            out[p, n_kept + i] = spectra[p, own[i]].real


@njit(cache=True)
def _gather_products(
    spectra: NDArray[np.complex128],
    lower: NDArray[np.int64],
    upper: NDArray[np.int64],
    scale: Vector,
    n_kept: int,
    out: Vector,
) -> None:
    """Write the products with the sines and cosines, ``(a - b) / (i sqrt 2)`` and ``(a + b) / sqrt 2``."""
    n_frequencies, n = lower.shape
    half = np.sqrt(0.5)
    for p in range(len(spectra)):
        spectrum = spectra[p]
        for j in range(n_frequencies):
            sine, cosine = out[p, j], out[p, n_frequencies + j]
            for i in range(n_kept):
                a, b = spectrum[lower[j, i]], spectrum[upper[j, i]]
                factor = half * scale[i]
                sine[i] = factor * (a.imag - b.imag)
                sine[n_kept + i] = -factor * (a.real - b.real)
                cosine[i] = factor * (a.real + b.real)
                cosine[n_kept + i] = factor * (a.imag + b.imag)
            for i in range(n_kept, n):
                a, b = spectrum[lower[j, i]], spectrum[upper[j, i]]
                sine[n_kept + i] = half * (a.imag - b.imag)
                cosine[n_kept + i] = half * (a.real + b.real)
