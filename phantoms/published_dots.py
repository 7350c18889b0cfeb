"""The DOT image of the published super-resolution experiments, for replication only.

    f(x) = (1 / 2.0345) sum_i a_i relu( S(2 pi s_i (x_0 - c_i0)) S(2 pi s_i (x_1 - c_i1)) - b_i )

with ``S(z) = sin(pi z) / (pi z)``. That S already contains pi, so the lobes are neither periodic nor
trigonometric polynomials: no INR with integer frequencies realizes this image exactly. The published data are
the FFT of a raster whose coordinates include both end points, not Fourier coefficients. Hence this is a
:class:`~srinr.domain.ContinuousImage` but not a phantom; :func:`srinr.phantoms.dots` is the exact counterpart.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.domain import Grid, lowpass_frequencies
from srinr.phantoms.checks import checked_rows
from srinr.samples import FourierSamples

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PublishedDots:
    """Rectified products of sinc lobes on the closed square [0, 1]^2; made by :func:`published_dots`."""

    centers: Array
    scales: Array
    offsets: Array
    amplitudes: Array

    def image(self, points: ArrayLike) -> Array:
        """Values at points (n, 2) of [0, 1]^2, which are not taken modulo 1."""
        x = checked_rows(points, 2, "points")
        out = np.zeros(len(x))
        for center, scale, b, a in zip(self.centers, self.scales, self.offsets, self.amplitudes, strict=True):
            t = 2.0 * np.pi * scale * (x - center)
            # sinc is below b outside |t| < 1.
            near = np.flatnonzero((np.abs(t) < 1.0).all(axis=1))
            out[near] += a * np.maximum(np.sinc(t[near, 0]) * np.sinc(t[near, 1]) - b, 0.0)
        return out


@functools.cache
def published_dots() -> PublishedDots:
    """The 50 lobes of the published image.

    The numbers were drawn once with the published seeds and are stored with the package, so that neither torch
    nor a particular version of SciPy is needed.

    References
    ----------
    M. Najaf, G. Ongie, "Towards a Sampling Theory for Implicit Neural Representations", arXiv:2405.18410; code
    github.com/gregongie/super_inrs.

    Examples
    --------
    >>> image = published_dots()
    >>> image.centers.shape
    (50, 2)
    """
    table = json.loads(
        files("srinr.phantoms").joinpath("data/published_dots.json").read_text(encoding="utf-8")
    )
    rows = np.array(table["dots"])
    rows.setflags(write=False)
    return PublishedDots(rows[:, :2], rows[:, 2], rows[:, 3], rows[:, 4] / table["divisor"])


def published_raster(n: int = 1024) -> Array:
    """Raster on ``linspace(0, 1, n)`` per axis, both end points included, as in the published experiments."""
    return np.asarray(Grid(n, dim=2, endpoint=True).rasterize(published_dots()), dtype=np.float64)


def published_samples(cutoff: int = 32, n: int = 1024) -> FourierSamples:
    """Low-pass data as published: FFT of the raster divided by its number of pixels, cut at ``|k|_inf <= cutoff``.

    These are not the Fourier coefficients of the image: the closed grid displaces the samples by up to a
    pixel.
    """
    if not 0 <= cutoff < n / 2:
        raise ValueError(f"cutoff must lie in 0 .. {(n - 1) // 2} for a raster of {n} points, got {cutoff}")
    spectrum = np.fft.fft2(published_raster(n)) / n**2
    k = lowpass_frequencies(cutoff, 2)
    return FourierSamples(k, spectrum[k[:, 0], k[:, 1]])
