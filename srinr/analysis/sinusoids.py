"""Finite sums of sinusoids, one or many at a time: evaluation, products, powers, DFT bins."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.analysis.harmonic_support import (
    FREQUENCY_TOLERANCE,
    MAX_TERMS,
    merge_frequencies,
    one_side,
    periodic_grid,
)
from srinr.domain import Grid

#: Complex entries of the largest temporary array of an evaluation (64 MB).
_CHUNK_ENTRIES = 2**22


@dataclass(frozen=True, eq=False)
class SinusoidBank:
    """Real images ``f_p(x) = offset_p + Re sum_j c_pj exp(2 pi i k_j.x)`` that share their frequencies.

    The frequencies are made one-sided and merged on construction; frequency 0 goes to the offsets.

    Parameters
    ----------
    frequencies : array, shape (n, d)
        k in cycles per field of view, any real numbers.
    coefficients : complex array, shape (P, n)
        ``A exp(i phi)`` stands for ``A cos(2 pi k.x + phi)``.
    offsets : array, shape (P,)
    tolerance : float
        Frequencies closer than this along every axis are one.

    Raises
    ------
    ValueError
        For shapes that do not match, NaN or infinite numbers.

    Examples
    --------
    >>> bank = SinusoidBank([[1.0], [-1.0]], [[0.5, 0.5]], [2.0])
    >>> bank.frequencies.tolist(), bank.coefficients.real.tolist(), bank.values(np.array([[0.5]])).tolist()
    ([[1.0]], [[1.0]], [[1.0]])
    """

    frequencies: NDArray[np.float64]
    coefficients: NDArray[np.complex128]
    offsets: NDArray[np.float64]

    def __init__(
        self,
        frequencies: ArrayLike,
        coefficients: ArrayLike,
        offsets: ArrayLike,
        tolerance: float = FREQUENCY_TOLERANCE,
    ) -> None:
        c = np.asarray(coefficients, dtype=np.complex128)
        o = np.array(offsets, dtype=np.float64)
        k = np.asarray(frequencies, dtype=np.float64)
        if c.ndim != 2 or c.shape[1] != len(k) or o.shape != c.shape[:1]:
            raise ValueError(
                f"for frequencies {k.shape}, coefficients must have shape (P, {len(k)}) and offsets (P,), "
                f"got {c.shape} and {o.shape}"
            )
        if not (np.isfinite(c).all() and np.isfinite(o).all()):
            raise ValueError("coefficients or offsets contain NaN or infinite entries")
        self._set(*_merged_rows(k, c, o, tolerance))

    def _set(self, k: NDArray[np.float64], c: NDArray[np.complex128], o: NDArray[np.float64]) -> None:
        for name, value in (("frequencies", k), ("coefficients", c), ("offsets", o)):
            value.setflags(write=False)
            object.__setattr__(self, name, value)

    @classmethod
    def _of_merged(
        cls, k: NDArray[np.float64], c: NDArray[np.complex128], o: NDArray[np.float64]
    ) -> SinusoidBank:
        bank = object.__new__(cls)
        bank._set(k, c, o)
        return bank

    @property
    def dim(self) -> int:
        """Dimension d of the domain."""
        return int(self.frequencies.shape[1])

    def __len__(self) -> int:
        """Number P of images."""
        return len(self.coefficients)

    def __getitem__(self, index: int) -> Sinusoids:
        """One image, without the frequencies whose coefficient is zero."""
        c = self.coefficients[index]
        keep = c != 0
        return Sinusoids(
            self.frequencies[keep], np.abs(c[keep]), np.angle(c[keep]), float(self.offsets[index])
        )

    def values(self, points: ArrayLike) -> NDArray[np.float64]:
        """Values at points (n, d) in fields of view, shape (P, n)."""
        x = np.asarray(points, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise ValueError(f"points must have shape (n, {self.dim}), got {x.shape}")
        out = np.empty((len(self), len(x)))
        step = max(1, _CHUNK_ENTRIES // max(1, len(self.frequencies)))
        for part in (slice(start, start + step) for start in range(0, len(x), step)):
            wave = np.exp(2j * math.pi * (self.frequencies @ x[part].T))
            out[:, part] = (self.coefficients @ wave).real + self.offsets[:, None]
        return out

    def linear(self, weight: ArrayLike, bias: ArrayLike | None = None) -> SinusoidBank:
        """A linear layer: ``weight @ f + bias`` with weight (Q, P) and bias (Q,)."""
        w = np.asarray(weight, dtype=np.float64)
        if w.ndim != 2 or w.shape[1] != len(self):
            raise ValueError(f"weight must have shape (Q, {len(self)}), got {w.shape}")
        b = np.zeros(len(w)) if bias is None else np.asarray(bias, dtype=np.float64)
        if b.shape != (len(w),):
            raise ValueError(f"bias must have shape ({len(w)},), got {b.shape}")
        return SinusoidBank._of_merged(self.frequencies, w @ self.coefficients, w @ self.offsets + b)

    def product(
        self, other: SinusoidBank, *, tolerance: float = FREQUENCY_TOLERANCE, max_terms: int = MAX_TERMS
    ) -> SinusoidBank:
        """Image by image product; n and m frequencies make up to ``2 n m + n + m``.

        Raises
        ------
        ValueError
            When that is more than ``max_terms``, before anything is formed.
        """
        n, m = len(self.frequencies), len(other.frequencies)
        if len(self) != len(other) or self.dim != other.dim:
            raise ValueError(
                f"a product needs banks of one size, got {len(self)} images in dimension {self.dim} "
                f"and {len(other)} in dimension {other.dim}"
            )
        if 2 * n * m + n + m > max_terms:
            raise ValueError(
                f"a product of {n} and {m} frequencies makes {2 * n * m + n + m} terms, max_terms={max_terms}; "
                "expand a smaller network, prune, or raise max_terms"
            )
        a, b = self.frequencies[:, None], other.frequencies[None]
        k = np.concatenate(
            [
                self.frequencies,
                other.frequencies,
                (a + b).reshape(-1, self.dim),
                (a - b).reshape(-1, self.dim),
            ]
        )
        rows = (
            # Re(u) Re(v) = Re(u v) / 2 + Re(u conj(v)) / 2
            np.concatenate(
                [vo * u, uo * v, 0.5 * np.outer(u, v).ravel(), 0.5 * np.outer(u, v.conj()).ravel()]
            )
            for u, v, uo, vo in zip(
                self.coefficients, other.coefficients, self.offsets, other.offsets, strict=True
            )
        )
        return SinusoidBank._of_merged(*_merged_rows(k, rows, self.offsets * other.offsets, tolerance))

    def polynomial(
        self,
        coefficients: ArrayLike,
        *,
        tolerance: float = FREQUENCY_TOLERANCE,
        max_terms: int = MAX_TERMS,
    ) -> SinusoidBank:
        """``sum_i a_i f^i`` of each image, by Horner's rule; ``coefficients`` a from degree 0 upwards."""
        a = np.asarray(coefficients, dtype=np.float64)
        if a.ndim != 1 or len(a) < 1:
            raise ValueError(f"coefficients must be a_0, a_1, ..., got shape {a.shape}")
        result = SinusoidBank(np.empty((0, self.dim)), np.empty((len(self), 0)), np.full(len(self), a[-1]))
        for constant in a[-2::-1]:
            raised = result.product(self, tolerance=tolerance, max_terms=max_terms)
            result = SinusoidBank._of_merged(
                raised.frequencies, raised.coefficients, raised.offsets + constant
            )
        return result

    def pruned(self, threshold: float) -> SinusoidBank:
        """Without the frequencies whose coefficients are all of modulus ``threshold`` or less."""
        keep = np.abs(self.coefficients).max(axis=0, initial=0.0) > threshold
        return SinusoidBank._of_merged(self.frequencies[keep], self.coefficients[:, keep], self.offsets)


def _merged_rows(
    frequencies: NDArray[np.float64],
    rows: Iterable[NDArray[np.complex128]],
    offsets: NDArray[np.float64],
    tolerance: float,
) -> tuple[NDArray[np.float64], NDArray[np.complex128], NDArray[np.float64]]:
    """One-sided distinct frequencies, coefficients and offsets; one row at a time: products have many terms."""
    k, turned = one_side(frequencies, tolerance)
    unique, inverse = merge_frequencies(k, tolerance)
    merged = np.empty((len(offsets), len(unique)), dtype=np.complex128)
    for out, row in zip(merged, rows, strict=True):
        out.real = np.bincount(inverse, row.real, len(unique))
        out.imag = np.bincount(inverse, np.where(turned, -row.imag, row.imag), len(unique))
    zero = ~unique.any(axis=1)
    return unique[~zero], merged[:, ~zero], offsets + merged[:, zero].real.sum(axis=1)


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
        return SinusoidBank(frequencies, c[None], [0.0])[0]

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
            For frequencies that are not whole cycles per field of view: they leak into every bin.
        """
        periodic_grid(grid)
        if grid.dim != self.dim:
            raise ValueError(f"the image lives in dimension {self.dim}, the grid has shape {grid.shape}")
        k, c = self.exponentials()
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
        return self._bank(tolerance)[0]

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
        return self._bank().product(self._lift(other)._bank())[0]

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> Sinusoids:
        if not isinstance(exponent, int) or exponent < 0:
            raise ValueError(f"exponent must be an integer >= 0, got {exponent!r}")
        return self._bank().polynomial([0.0] * exponent + [1.0])[0]

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
    return SinusoidBank(k, np.concatenate(c)[None], [w @ [image.offset for image in images]], tolerance)[0]
