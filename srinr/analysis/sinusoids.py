"""Finite sums of sinusoids: evaluation, arithmetic, DFT bins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.analysis.harmonic_support import FREQUENCY_TOLERANCE, exact_frequencies, periodic_grid
from srinr.analysis.sinusoid_bank import SinusoidBank
from srinr.domain import Grid


@dataclass(frozen=True, eq=False)
class Sinusoids:
    """The real image ``offset + sum_j amplitudes_j cos(2 pi k_j.x + phases_j)``.

    A sum that is given is kept as it is; :meth:`merged` and the arithmetic make it one-sided, with distinct
    frequencies and amplitudes of at least 0.

    Parameters
    ----------
    frequencies : array, shape (n, d)
        k in cycles per field of view, any real numbers; n may be 0.
    amplitudes, phases : arrays, shape (n,)
        Phases in rad.
    offset : float, default 0

    Raises
    ------
    ValueError
        For shapes that do not match, NaN or infinite numbers.

    Examples
    --------
    The square of a cosine:

    >>> squared = Sinusoids([[1.0]], [1.0], [0.0]) ** 2
    >>> squared.offset, squared.frequencies.tolist(), squared.amplitudes.tolist()
    (0.5, [[2.0]], [0.5])
    """

    frequencies: NDArray[np.float64]
    amplitudes: NDArray[np.float64]
    phases: NDArray[np.float64]
    offset: float = 0.0

    def __init__(
        self, frequencies: ArrayLike, amplitudes: ArrayLike, phases: ArrayLike, offset: float = 0.0
    ) -> None:
        if any(np.iscomplexobj(v) for v in (frequencies, amplitudes, phases, offset)):
            raise ValueError(
                "frequencies, amplitudes, phases and offset must be real; from_exponentials takes coefficients"
            )
        k, a, phi = (np.array(v, dtype=np.float64) for v in (frequencies, amplitudes, phases))
        if k.ndim != 2 or k.shape[1] < 1 or a.shape != (len(k),) or phi.shape != (len(k),):
            raise ValueError(
                "frequencies must have shape (n, d), amplitudes and phases (n,), "
                f"got {k.shape}, {a.shape}, {phi.shape}"
            )
        if not all(np.isfinite(v).all() for v in (k, a, phi)) or not math.isfinite(offset):
            raise ValueError("frequencies, amplitudes, phases or offset contain NaN or infinite entries")
        for name, value in (("frequencies", k), ("amplitudes", a), ("phases", phi)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)
        object.__setattr__(self, "offset", float(offset))

    @classmethod
    def from_exponentials(cls, frequencies: ArrayLike, coefficients: ArrayLike) -> Sinusoids:
        """The real part of ``sum_j c_j exp(2 pi i k_j.x)``, merged; complex ``coefficients`` (n,).

        Examples
        --------
        >>> Sinusoids.from_exponentials([[1], [-1], [0]], [-0.5j, 0.5j, 3.0])  # 3 + sin(2 pi x)
        Sinusoids(1 frequencies, dim=1, offset=3)
        """
        c = np.asarray(coefficients, dtype=np.complex128)
        return _first(SinusoidBank(frequencies, c[None], [0.0]))

    @property
    def dim(self) -> int:
        """Dimension d of the domain."""
        return int(self.frequencies.shape[1])

    def __len__(self) -> int:
        """Number of sinusoids, without the offset."""
        return len(self.frequencies)

    def exponentials(self) -> tuple[NDArray[np.float64], NDArray[np.complex128]]:
        """Two-sided form: frequencies (2 n + 1, d) and Fourier coefficients c with ``f = sum c exp(2 pi i k.x)``."""
        half = 0.5 * self.amplitudes * np.exp(1j * self.phases)
        k = np.concatenate([self.frequencies, 0.0 - self.frequencies, np.zeros((1, self.dim))])
        return k, np.concatenate([half, half.conj(), [self.offset]])

    def image(self, points: ArrayLike) -> NDArray[np.float64]:
        """Values (n,) at points (n, d) in fields of view."""
        return self._bank().values(points)[0]

    def on_grid(self, grid: Grid) -> NDArray[np.float64]:
        """Values on a grid, shape ``grid.shape``; by one FFT for whole frequencies on a periodic grid."""
        whole = np.abs(self.frequencies - np.rint(self.frequencies)).max(initial=0.0) == 0
        if whole and not grid.endpoint and grid.dim == self.dim:
            return np.asarray(np.fft.ifftn(np.fft.ifftshift(self.dft_bins(grid)), norm="forward").real)
        return self.image(grid.points).reshape(grid.shape)

    def dft_bins(self, grid: Grid) -> NDArray[np.complex128]:
        """``1/n_points`` times the DFT on a periodic grid, exact and centered, shape ``grid.shape``.

        Frequencies beyond the grid's fold back (aliasing). An isolated sine of amplitude 1 has modulus 1/2 in two
        bins. The order is that of ``srinr.domain.grid_frequencies``.

        Raises
        ------
        ValueError
            For frequencies that are not whole cycles per field of view (they leak into every bin), or of 2^53 and
            more, of which rounding hides the bin.
        """
        periodic_grid(grid)
        if grid.dim != self.dim:
            raise ValueError(f"the image lives in dimension {self.dim}, the grid has shape {grid.shape}")
        k, c = self.exponentials()
        exact_frequencies("frequencies", k)
        whole = np.rint(k)
        if np.abs(k - whole).max() > 1e-9:
            raise ValueError(
                "dft_bins needs whole frequencies (cycles per field of view); others leak into every bin: "
                "rasterize the image and measure its spectrum"
            )
        bins = np.zeros(grid.shape, dtype=np.complex128)
        np.add.at(bins, tuple((whole.astype(np.int64) % np.array(grid.shape)).T), c)
        return np.fft.fftshift(bins)

    def merged(self, tolerance: float = FREQUENCY_TOLERANCE) -> Sinusoids:
        """The same image, one-sided, equal frequencies added up, zero coefficients dropped."""
        return _first(self._bank(tolerance))

    def pruned(self, threshold: float) -> Sinusoids:
        """Without the sinusoids of amplitude up to ``threshold``; moves a value by their sum of amplitudes at most."""
        if not threshold >= 0:
            raise ValueError(f"threshold must be an amplitude >= 0, got {threshold!r}")
        keep = np.abs(self.amplitudes) > threshold
        return Sinusoids(self.frequencies[keep], self.amplitudes[keep], self.phases[keep], self.offset)

    def __add__(self, other: Sinusoids | float) -> Sinusoids:
        return linear_combination([1.0, 1.0], [self, self._lift(other)])

    __radd__ = __add__

    def __sub__(self, other: Sinusoids | float) -> Sinusoids:
        return linear_combination([1.0, -1.0], [self, self._lift(other)])

    def __neg__(self) -> Sinusoids:
        return self * -1.0

    def __mul__(self, other: Sinusoids | float) -> Sinusoids:
        return _first(self._bank().product(self._lift(other)._bank()))

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> Sinusoids:
        if not isinstance(exponent, int) or exponent < 0:
            raise ValueError(f"exponent must be an integer >= 0, got {exponent!r}")
        return _first(self._bank().polynomial([0.0] * exponent + [1.0]))

    def __repr__(self) -> str:
        return f"Sinusoids({len(self)} frequencies, dim={self.dim}, offset={self.offset:g})"

    def _lift(self, other: Any) -> Sinusoids:
        if isinstance(other, Sinusoids):
            return other
        if isinstance(other, int | float | np.integer | np.floating):
            return Sinusoids(np.empty((0, self.dim)), [], [], float(other))
        raise TypeError(f"expected Sinusoids or a real number, got {type(other).__name__}")

    def _bank(self, tolerance: float = FREQUENCY_TOLERANCE) -> SinusoidBank:
        c = self.amplitudes * np.exp(1j * self.phases)
        return SinusoidBank(self.frequencies, c[None], [self.offset], tolerance)


def bank_images(bank: SinusoidBank) -> tuple[Sinusoids, ...]:
    """The images of a bank, each without the frequencies whose coefficient is zero.

    Examples
    --------
    >>> bank_images(SinusoidBank([[1.0], [2.0]], [[1.0, 0.0], [0.5, 0.5]], [0.0, 3.0]))
    (Sinusoids(1 frequencies, dim=1, offset=0), Sinusoids(2 frequencies, dim=1, offset=3))
    """
    images = []
    for c, offset in zip(bank.coefficients, bank.offsets, strict=True):
        keep = c != 0
        images.append(Sinusoids(bank.frequencies[keep], np.abs(c[keep]), np.angle(c[keep]), float(offset)))
    return tuple(images)


def _first(bank: SinusoidBank) -> Sinusoids:
    return bank_images(bank)[0]


def linear_combination(
    weights: ArrayLike, images: Sequence[Sinusoids], *, tolerance: float = FREQUENCY_TOLERANCE
) -> Sinusoids:
    """``sum_i weights_i images_i``, merged.

    Parameters
    ----------
    weights : array, shape (n,)
        Real.
    images : sequence of Sinusoids
        At least one, of one dimension.
    tolerance : float
        Frequencies closer than this along every axis are one.

    Examples
    --------
    >>> wave = Sinusoids([[1.0]], [1.0], [0.3])
    >>> len(linear_combination([2.0, -2.0], [wave, wave]))
    0
    """
    w = np.asarray(weights, dtype=np.float64)
    if not images or w.shape != (len(images),):
        raise ValueError(f"weights must have shape ({len(images)},) for {len(images)} images, got {w.shape}")
    if len({image.dim for image in images}) != 1:
        raise ValueError(f"images must live in one dimension, got {sorted({image.dim for image in images})}")
    c = [a * image.amplitudes * np.exp(1j * image.phases) for a, image in zip(w, images, strict=True)]
    k = np.concatenate([image.frequencies for image in images])
    return _first(
        SinusoidBank(k, np.concatenate(c)[None], [w @ [image.offset for image in images]], tolerance)
    )
