"""Trigonometric polynomials as continuous images: what Fourier coefficients alone determine."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.domain import Grid

#: Complex entries of the largest temporary array of one chunk (64 MB).
_CHUNK_ENTRIES = 2**22


@dataclass(frozen=True, eq=False)
class TrigonometricPolynomial:
    """The image ``sum_j c_j exp(2 pi i k_j.x)``, or its real part.

    Parameters
    ----------
    frequencies : array of integers, shape (m, d)
        Distinct frequencies, cycles per field of view.
    coefficients : array, shape (m,)
    real : bool, default False
        Return the real part as float64.

    Examples
    --------
    >>> wave = TrigonometricPolynomial(np.array([[1], [-1]]), np.array([0.5, 0.5]), real=True)
    >>> wave.on_grid(Grid(4, dim=1)).round(12).tolist()
    [1.0, 0.0, -1.0, 0.0]
    """

    frequencies: NDArray[np.int64]
    coefficients: NDArray[np.complex128]
    real: bool = False

    def __init__(self, frequencies: ArrayLike, coefficients: ArrayLike, real: bool = False) -> None:
        k = np.asarray(frequencies)
        if k.ndim != 2 or k.size == 0 or k.dtype.kind not in "iu":
            raise ValueError(f"frequencies must be integers of shape (m, d), got {k.dtype} {k.shape}")
        if len(np.unique(k, axis=0)) != len(k):
            raise ValueError("frequencies repeat; average the repeated samples, or fit them by cg_sense")
        c = np.asarray(coefficients).astype(np.complex128)
        if c.shape != (len(k),):
            raise ValueError(f"coefficients must have shape ({len(k)},), got {c.shape}")
        object.__setattr__(self, "frequencies", k.astype(np.int64))
        object.__setattr__(self, "coefficients", c)
        object.__setattr__(self, "real", bool(real))

    @property
    def dim(self) -> int:
        """Dimension of the domain."""
        return int(self.frequencies.shape[1])

    def image(self, points: NDArray[np.float64]) -> NDArray[np.generic]:
        """Values at points of shape (n, d), shape (n,); the cost is n times the frequencies' bounding box."""
        x = np.asarray(points, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != self.dim:
            raise ValueError(f"points must have shape (n, {self.dim}), got {x.shape}")
        box, low = self._box()
        out = np.empty(len(x), dtype=np.complex128)
        chunk = max(1, _CHUNK_ENTRIES // (sum(box.shape) + box[0].size))
        for start in range(0, len(x), chunk):
            out[start : start + chunk] = _evaluate(box, low, x[start : start + chunk])
        return out.real.copy() if self.real else out

    def on_grid(self, grid: Grid) -> NDArray[np.generic]:
        """Values on a grid by one FFT, exact on any grid: finer, or so coarse that frequencies alias."""
        if grid.dim != self.dim:
            raise ValueError(f"expected a {self.dim}-D grid, got shape {grid.shape}")
        period = tuple(n - 1 for n in grid.shape) if grid.endpoint else grid.shape
        folded = np.zeros(period, dtype=np.complex128)
        np.add.at(folded, tuple((self.frequencies % np.array(period)).T), self.coefficients)
        values = np.fft.ifftn(folded, norm="forward")
        if grid.endpoint:
            values = np.pad(values, [(0, 1)] * self.dim, mode="wrap")
        return values.real.copy() if self.real else values

    def _box(self) -> tuple[NDArray[np.complex128], NDArray[np.int64]]:
        """Coefficients on the bounding box of the frequencies, and its lowest corner."""
        low = self.frequencies.min(axis=0)
        shape = tuple(int(n) for n in self.frequencies.max(axis=0) - low + 1)
        if math.prod(shape) > 2**27:
            raise ValueError(f"the frequencies span a box of shape {shape}, too large to evaluate at points")
        box = np.zeros(shape, dtype=np.complex128)
        box[tuple((self.frequencies - low).T)] = self.coefficients
        return box, low


def _evaluate(
    box: NDArray[np.complex128], low: NDArray[np.int64], points: NDArray[np.float64]
) -> NDArray[np.complex128]:
    """Sum over the box one axis at a time: one matrix product, then small contractions per point."""
    waves = [
        np.exp(2j * np.pi * np.outer(points[:, axis], start + np.arange(size)))
        for axis, (start, size) in enumerate(zip(low, box.shape, strict=True))
    ]
    partial = (waves[0] @ box.reshape(box.shape[0], -1)).reshape(len(points), *box.shape[1:])
    for wave in waves[1:]:
        partial = np.einsum("pi,pi...->p...", wave, partial)
    return partial
