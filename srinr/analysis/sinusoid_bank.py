"""Banks of sums of sinusoids that share their frequencies: linear layers, products, powers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.analysis.harmonic_support import FREQUENCY_TOLERANCE, MAX_TERMS, merge_frequencies, one_side

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
