"""From boundary nodes to Fourier coefficients of the set they bound.

With the outward normal n of a set, the divergence theorem gives its coefficients as boundary integrals,

    h_k = i / (2 pi k_j) * closed integral of n_j exp(-2 pi i k.x) ds        for either axis j with k_j != 0.

That the two axes agree is the statement that the boundary is closed; where they differ, they tell the error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from srinr.rectified_planar_lines import TURN

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]

#: Nodes per matrix product: the factors stay in cache.
_BLOCK = 1024


@dataclass(frozen=True, eq=False)
class BoundarySums:
    """``values`` (2 K + 1, 2 K + 1): coefficients, 0 at ``k = 0``; ``mismatch``: by how much the axes differ."""

    values: Complex
    mismatch: float


def boundary_coefficients(points: Real, weights: Real, cutoff: int) -> BoundarySums:
    """Coefficients for ``|k|_inf <= cutoff`` of a set, from nodes (n, 2) and weights ``n_j ds`` (n, 2)."""
    n = cutoff + 1
    if cutoff == 0 or not len(points):
        return BoundarySums(np.zeros((2 * cutoff + 1, 2 * cutoff + 1), dtype=np.complex128), 0.0)
    # S_2 is needed on the line k_1 = 0; on few more rows and columns it is compared with S_1.
    few = np.array([0, 1, cutoff])
    both = np.concatenate([few, n + few])
    whole, by_row, by_column = np.zeros((2 * n, 2 * n)), np.zeros((6, 2 * n)), np.zeros((2 * n, 6))
    store = np.empty((2, 2 * n, min(_BLOCK, len(points))))
    for start in range(0, len(points), _BLOCK):
        x, w = points[start : start + _BLOCK], weights[start : start + _BLOCK]
        first, second = store[0, :, : len(x)], store[1, :, : len(x)]
        _powers(np.ascontiguousarray(x[:, 0]), first)
        _powers(np.ascontiguousarray(x[:, 1]), second)
        whole += (first * w[:, 0]) @ second.T
        first *= w[:, 1]
        by_row += first[both] @ second.T
        by_column += first @ second[both].T
    one, rows, columns = _complex_sums(whole), _complex_sums(by_row), _complex_sums(by_column)
    k1, k2 = np.arange(n)[:, None], np.arange(-cutoff, n)
    chosen = np.array([-cutoff, -1, 0, 1, cutoff])
    mismatch = max(
        _mismatch(one[few], rows, k1[few], k2), _mismatch(one[:, cutoff + chosen], columns, k1, chosen)
    )
    return BoundarySums(_assemble(one, rows[0]), mismatch)


@njit(cache=True)
def _powers(x: Real, out: Real) -> None:
    """Cosines and below them sines of ``2 pi k x``, k = 0 .. n - 1, by powers: a few rounding errors each."""
    n = out.shape[0] // 2
    for j in range(x.shape[0]):
        t = TURN * (x[j] - np.floor(x[j]))
        out[0, j], out[n, j] = 1.0, 0.0
        out[1, j], out[n + 1, j] = np.cos(t), np.sin(t)
    for k in range(2, n):
        a, b = k // 2, k - k // 2
        for j in range(x.shape[0]):
            out[k, j] = out[a, j] * out[b, j] - out[n + a, j] * out[n + b, j]
            out[n + k, j] = out[a, j] * out[n + b, j] + out[n + a, j] * out[b, j]


def _complex_sums(product: Real) -> Complex:
    """Sums of ``exp(-2 pi i k.x)`` from those of products of cosines and sines.

    Rows and columns hold cosines and then sines, of frequencies >= 0 beginning with 0 in the columns; the result has
    columns for the opposite frequencies, too.
    """
    m, n = product.shape[0] // 2, product.shape[1] // 2
    cc, cs, sc, ss = product[:m, :n], product[:m, n:], product[m:, :n], product[m:, n:]
    above, below = (cc - ss) - 1j * (sc + cs), (cc + ss) + 1j * (cs - sc)
    return np.concatenate([below[:, :0:-1], above], axis=1)


def _mismatch(one: Complex, two: Complex, k1: NDArray[np.int64], k2: NDArray[np.int64]) -> float:
    """Largest ``|k_2 S_1 - k_1 S_2| / (2 pi |k|)``, which is 0 for a closed boundary without errors."""
    size = TURN * np.maximum(np.hypot(k1, k2), 1.0)
    return float((np.abs(k2 * one - k1 * two) / size).max())


def _assemble(one: Complex, two_zero: Complex) -> Complex:
    """The centered box from ``S_1`` on the half ``k_1 >= 0`` and ``S_2`` on the line ``k_1 = 0``."""
    n = len(one)
    k1, k2 = np.arange(n)[:, None], np.arange(1 - n, n)
    half = 1j / TURN * one / np.maximum(k1, 1)
    half[0] = 1j / TURN * two_zero / np.where(k2 == 0, 1, k2)
    half[0, n - 1] = 0.0
    return np.concatenate([half[:0:-1, ::-1].conj(), half])
