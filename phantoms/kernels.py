"""Sums of exponentials over weighted nodes of the plane: the arithmetic behind contours and dots.

    G_r(k) = sum_j strengths[r, j] exp(-2 pi i k.points[j])          real strengths, points (J, 2)

on the box ``|k|_inf <= K`` or at scattered frequencies. Real strengths make ``G(-k)`` the conjugate of
``G(k)``, so only the half ``k_0 >= 0`` of a box is computed and returned.
"""

from __future__ import annotations

import functools
import importlib.util
from enum import Enum
from types import ModuleType

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from srinr.status import MissingExtraError

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

# Nodes per matrix product: the two factors stay in cache.
_BLOCK = 512
# Accuracy of the nonuniform FFT relative to the sum of |strengths|; asking for less saves no time here.
_NUFFT_TOL = 1e-14
# Spreading kernel of the compiled nonuniform FFT: 16 points wide, error near 1e-15 at oversampling 2.
_WIDTH = 16
_BETA = 2.3 * _WIDTH
# Below this many (node, frequency) pairs the direct sum beats the set-up of a type-3 transform.
_SCATTERED_NUFFT = 3e7


class Engine(Enum):
    """How sums of exponentials are evaluated; all agree to about 1e-14 of the sum of the strengths."""

    NUMPY = "NumPy only: always available, the slowest"
    NUMBA = "compiled loops and matrix products; reaches rounding accuracy"
    FINUFFT = "nonuniform FFT of the package finufft (extra 'nufft'); the fastest on boxes"


def available(engine: Engine) -> bool:
    """Whether the packages of an engine can be imported."""
    names = {Engine.NUMPY: "numpy", Engine.NUMBA: "numba", Engine.FINUFFT: "finufft"}
    return _has_module(names[engine])


@functools.cache
def _has_module(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def box_sums(
    points: Array, strengths: Array, cutoff: int, engine: Engine | None = None, tol: float = 1e-14
) -> ComplexArray:
    """Sums on the half box ``0 <= k_0 <= K, |k_1| <= K``.

    Parameters
    ----------
    points : array, shape (J, 2)
        Nodes, in fields of view.
    strengths : array, shape (R, J)
        Real; one row per sum.
    cutoff : int
        K >= 0.
    engine : Engine, optional
        Chosen by availability and ``tol`` when left out.
    tol : float
        Accuracy wanted, relative to the sum of |strengths|.

    Returns
    -------
    array of complex128, shape (R, K + 1, 2K + 1)
        Index ``[r, k_0, K + k_1]``.
    """
    match _choose(engine, tol, worthwhile=True):
        case Engine.FINUFFT:
            return _box_finufft(points, strengths, cutoff)
        case Engine.NUMBA:
            return _box_numba(points, strengths, cutoff)
        case _:
            return _box_products(points, strengths, cutoff)


def scattered_sums(
    points: Array, strengths: Array, frequencies: Array, engine: Engine | None = None, tol: float = 1e-14
) -> ComplexArray:
    """Sums at arbitrary real frequencies; parameters as in :func:`box_sums`, frequencies (m, 2), result (R, m)."""
    work = len(points) * float(len(frequencies))
    match _choose(engine, tol, worthwhile=work > _SCATTERED_NUFFT):
        case Engine.FINUFFT:
            return _scattered_finufft(points, strengths, frequencies)
        case Engine.NUMBA:
            return _scattered_numba(points, strengths, frequencies)
        case _:
            return _scattered_numpy(points, strengths, frequencies)


def _choose(engine: Engine | None, tol: float, worthwhile: bool) -> Engine:
    if engine is None:
        if worthwhile and tol >= _NUFFT_TOL and available(Engine.FINUFFT):
            return Engine.FINUFFT
        return Engine.NUMBA if available(Engine.NUMBA) else Engine.NUMPY
    if not isinstance(engine, Engine):
        raise TypeError(f"engine must be a member of Engine or None, got {engine!r}")
    if not available(engine):
        extra = "srinr[nufft]" if engine is Engine.FINUFFT else "numba"
        raise MissingExtraError(f"{engine} is not installed: pip install '{extra}', or leave engine=None")
    return engine


def _box_products(points: Array, strengths: Array, cutoff: int) -> ComplexArray:
    """Separable evaluation: per block of nodes one real matrix product gives all products of cosines and sines."""
    n, n_rhs = cutoff + 1, len(strengths)
    total = np.zeros((2 * n_rhs * n, 2 * n))
    k = np.arange(n)[:, None]
    for start in range(0, len(points), _BLOCK):
        part = slice(start, start + _BLOCK)
        cosine, sine = _cosine_sine(k * points[part, 0]), _cosine_sine(k * points[part, 1])
        weighted = strengths[:, None, None, part] * np.stack(cosine)
        total += weighted.reshape(2 * n_rhs * n, -1) @ np.concatenate(sine).T
    cc, cs, sc, ss = _quadrants(total.reshape(n_rhs, 2, n, 2, n))
    half = np.empty((n_rhs, n, 2 * cutoff + 1), dtype=np.complex128)
    half[..., cutoff:] = (cc - ss) - 1j * (sc + cs)
    half[..., cutoff::-1] = (cc + ss) - 1j * (sc - cs)
    return half


def _cosine_sine(turns: Array) -> tuple[Array, Array]:
    angle = 2.0 * np.pi * (turns - np.rint(turns))
    return np.cos(angle), np.sin(angle)


def _quadrants(total: Array) -> tuple[Array, Array, Array, Array]:
    return total[:, 0, :, 0], total[:, 0, :, 1], total[:, 1, :, 0], total[:, 1, :, 1]


def _box_numba(points: Array, strengths: Array, cutoff: int) -> ComplexArray:
    """Nonuniform FFT with oversampling 2: spread on a fine grid, transform, divide by the kernel's transform."""
    from srinr.phantoms.numba_kernels import spread

    n = scipy.fft.next_fast_len(max(2 * (2 * cutoff + 1), 2 * _WIDTH), real=True)
    x, y = np.array(points.T, order="C")
    padded = np.zeros((len(strengths), n + 2 * _WIDTH, n + 2 * _WIDTH))
    spread(x, y, np.array(strengths, order="C"), n, _WIDTH, _BETA, padded)
    for axis in (1, 2):
        ends = np.moveaxis(padded, axis, 0)
        ends[_WIDTH : 2 * _WIDTH] += ends[n + _WIDTH :]
        ends[n : n + _WIDTH] += ends[:_WIDTH]
    fine = padded[:, _WIDTH : n + _WIDTH, _WIDTH : n + _WIDTH]
    k1 = np.arange(-cutoff, cutoff + 1)
    half = scipy.fft.rfft2(fine, axes=(2, 1))[:, : cutoff + 1, k1]
    correction = _kernel_transform(np.arange(cutoff + 1) / n)
    return half / (correction[:, None] * correction[np.abs(k1)])


def _kernel_transform(frequency: Array) -> Array:
    """Transform of the spreading kernel at frequencies per grid point."""
    t, w = np.polynomial.legendre.leggauss(100)
    values = w * np.exp(_BETA * (np.sqrt(1.0 - t * t) - 1.0))
    return 0.5 * _WIDTH * np.cos(np.pi * _WIDTH * np.outer(frequency, t)) @ values


def _scattered_numba(points: Array, strengths: Array, frequencies: Array) -> ComplexArray:
    from srinr.phantoms.numba_kernels import direct_sums

    # Private copies: read-only arrays would be compiled for a second time.
    x, y = np.array(points.T, order="C")
    real = np.empty((len(strengths), len(frequencies)))
    imag = np.empty_like(real)
    direct_sums(x, y, np.array(strengths, order="C"), np.array(frequencies, order="C"), real, imag)
    return real + 1j * imag


def _scattered_numpy(points: Array, strengths: Array, frequencies: Array) -> ComplexArray:
    out = np.empty((len(strengths), len(frequencies)), dtype=np.complex128)
    chunk = max(1, 2**20 // max(len(points), 1))
    for start in range(0, len(frequencies), chunk):
        turns = frequencies[start : start + chunk] @ points.T
        waves = np.exp(-2j * np.pi * ((turns + 0.5) % 1.0 - 0.5))
        out[:, start : start + chunk] = strengths @ waves.T
    return out


def _box_finufft(points: Array, strengths: Array, cutoff: int) -> ComplexArray:
    finufft = _finufft()
    x, y = 2.0 * np.pi * np.ascontiguousarray(points.T)
    shape = (2 * cutoff + 1,) * 2
    packed = _packed(strengths)
    full = np.stack([finufft.nufft2d1(x, y, c, shape, isign=-1, eps=_NUFFT_TOL, nthreads=1) for c in packed])
    return _unpacked(full, full[:, ::-1, ::-1].conj(), len(strengths))[:, cutoff:]


def _scattered_finufft(points: Array, strengths: Array, frequencies: Array) -> ComplexArray:
    finufft = _finufft()
    x, y = 2.0 * np.pi * np.ascontiguousarray(points.T)
    # Real strengths packed in pairs need the value at -k as well: simpler to transform them one by one.
    s, t = np.ascontiguousarray(frequencies.T)
    sums = [
        finufft.nufft2d3(x, y, row.astype(np.complex128), s, t, isign=-1, eps=_NUFFT_TOL, nthreads=1)
        for row in strengths
    ]
    return np.stack(sums)


def _packed(strengths: Array) -> ComplexArray:
    """Two real rows as one complex row: half the transforms."""
    if len(strengths) % 2:
        strengths = np.concatenate([strengths, np.zeros_like(strengths[:1])])
    return strengths[0::2] + 1j * strengths[1::2]


def _unpacked(values: ComplexArray, mirrored: ComplexArray, n_rhs: int) -> ComplexArray:
    pairs = np.stack([(values + mirrored) / 2, (values - mirrored) / 2j], axis=1)
    return pairs.reshape(-1, *values.shape[1:])[:n_rhs]


def _finufft() -> ModuleType:
    import finufft

    module: ModuleType = finufft
    return module
