"""Compiled loops over nodes and frequencies; imported only where they run, so that numba stays optional.

``cache=True`` keeps the compiled code between processes (numba cannot cache kernels that ask for the number
of threads, so none does). ``fastmath`` is off: the loops are arranged so that they vectorize without
reordering a sum.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit, prange
from numpy.typing import NDArray

Array = NDArray[np.float64]

_TURN = 2.0 * math.pi
# Taylor coefficients on |angle| <= pi/2, where the first term left out is below 2e-17.
_SINE = tuple((-1.0) ** i / math.factorial(2 * i + 1) for i in range(12))
_COSINE = tuple((-1.0) ** i / math.factorial(2 * i) for i in range(12))
# Frequencies handled together: the innermost loop runs over them and vectorizes.
_TILE = 64


@njit(inline="always")
def sine_cosine(turns: float) -> tuple[float, float]:
    """Sine and cosine of 2 pi x ``turns``, to 3e-16: the reduction to a quarter turn is exact, no branches."""
    half = np.floor(2.0 * turns + 0.5)
    sign = 1.0 - 2.0 * (half - 2.0 * np.floor(0.5 * half))
    angle = _TURN * (turns - 0.5 * half)
    z = angle * angle
    s = _SINE[11]
    c = _COSINE[11]
    for i in range(10, -1, -1):
        s = s * z + _SINE[i]
        c = c * z + _COSINE[i]
    return sign * angle * s, sign * c


@njit(cache=True)
def spread(x: Array, y: Array, strengths: Array, n: int, width: int, beta: float, padded: Array) -> None:
    """Spread nodes on a fine periodic n x n grid with the kernel ``exp(beta (sqrt(1 - d^2) - 1))``.

    ``padded`` (R, n + 2 width, n + 2 width) receives the sums; its margins are to be folded back. The kernel
    spans ``width`` grid points per axis and d runs over [-1, 1] across it.
    """
    n_rhs = strengths.shape[0]
    along_x = np.empty(width)
    along_y = np.empty(width)
    for j in range(x.shape[0]):
        u = (x[j] - np.floor(x[j])) * n
        v = (y[j] - np.floor(y[j])) * n
        first_u = math.ceil(u - 0.5 * width)
        first_v = math.ceil(v - 0.5 * width)
        for i in range(width):
            d = (first_u + i - u) * (2.0 / width)
            along_x[i] = math.exp(beta * (math.sqrt(max(1.0 - d * d, 0.0)) - 1.0))
            d = (first_v + i - v) * (2.0 / width)
            along_y[i] = math.exp(beta * (math.sqrt(max(1.0 - d * d, 0.0)) - 1.0))
        row = first_u + width
        column = first_v + width
        for r in range(n_rhs):
            for i in range(width):
                weight = strengths[r, j] * along_x[i]
                for m in range(width):
                    padded[r, row + i, column + m] += weight * along_y[m]


@njit(parallel=True, cache=True)
def direct_sums(x: Array, y: Array, strengths: Array, k: Array, real: Array, imag: Array) -> None:
    """Sums ``strengths[r, j] exp(-2 pi i (k0 x_j + k1 y_j))`` over j, for every r and every row of ``k`` (m, 2)."""
    m = k.shape[0]
    n_rhs = strengths.shape[0]
    for block in prange((m + _TILE - 1) // _TILE):
        start = block * _TILE
        count = min(_TILE, m - start)
        k0 = np.zeros(_TILE)
        k1 = np.zeros(_TILE)
        sine = np.empty(_TILE)
        cosine = np.empty(_TILE)
        total_real = np.zeros((n_rhs, _TILE))
        total_imag = np.zeros((n_rhs, _TILE))
        for i in range(count):
            k0[i] = k[start + i, 0]
            k1[i] = k[start + i, 1]
        for j in range(x.shape[0]):
            for i in range(_TILE):
                s, c = sine_cosine(k0[i] * x[j] + k1[i] * y[j])
                sine[i] = s
                cosine[i] = c
            for r in range(n_rhs):
                for i in range(_TILE):
                    total_real[r, i] += strengths[r, j] * cosine[i]
                    total_imag[r, i] -= strengths[r, j] * sine[i]
        for r in range(n_rhs):
            for i in range(count):
                real[r, start + i] = total_real[r, i]
                imag[r, start + i] = total_imag[r, i]
