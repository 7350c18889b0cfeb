"""Exact Fourier coefficients of rectified trigonometric polynomials in one dimension.

A neuron over lattice features is ``max(tau, 0)`` with the real trigonometric polynomial
``tau(x) = sum_k c_k exp(2 pi i k x)``, ``|k| <= K0``. Its sign changes are roots of a polynomial of degree
``2 K0`` on the unit circle, so the indicator of ``{tau > 0}`` is a union of at most ``K0`` arcs whose Fourier
coefficients ``h_k`` are known in closed form. Everything else follows from them: the coefficients of the neuron
are ``sum_j c_j h_{k-j}``, and its derivative in a feature is that feature times the indicator (the moving end
points contribute nothing, since ``tau`` vanishes there).

Accuracy: rounding, except that where ``tau`` touches zero from one side the two ends of a vanishing arc are
ill-conditioned; the coefficients of the neuron do not notice, those of the indicator are off by the square root of
the rounding error.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]

#: Leading coefficients below this part of the largest are rounding errors.
_NEGLIGIBLE = 4e-16
_NEWTON_STEPS = 3
#: Eigenvalues are closer to the roots than this, in fields of view; a longer Newton step leads elsewhere.
_NEWTON_REACH = 1e-3


def evaluate_trigonometric_1d(coefficients: ArrayLike, points: ArrayLike) -> Real:
    """Values of real trigonometric polynomials.

    Parameters
    ----------
    coefficients : array, shape (P, 2 K0 + 1) or (2 K0 + 1,)
        Hermitian coefficients, ``k = 0`` in the middle.
    points : array, shape (P, n) or (n,)
        Positions in fields of view.

    Examples
    --------
    >>> evaluate_trigonometric_1d([0.5, 1.0, 0.5], [0.0, 0.5]).round(12).tolist()
    [2.0, 0.0]
    """
    c, x = _checked(coefficients), np.asarray(points, dtype=np.float64)
    limit = c.shape[-1] // 2
    waves = np.exp(2j * np.pi * x[..., None] * np.arange(1, limit + 1))
    return 2.0 * (waves * c[..., None, limit + 1 :]).real.sum(axis=-1) + c[..., limit].real[..., None]


def breakpoints_1d(coefficients: ArrayLike) -> Real:
    """Points that contain every sign change of real trigonometric polynomials.

    Parameters
    ----------
    coefficients : array, shape (P, 2 K0 + 1) or (2 K0 + 1,)
        Hermitian coefficients, ``k = 0`` in the middle.

    Returns
    -------
    array, shape (P, max(2 K0, 1)) or (max(2 K0, 1),)
        Sorted, in [0, 1). Roots off the unit circle give further points without a sign change, and points
        repeat where the degree is lower: both are harmless for integrals from one point to the next.

    Examples
    --------
    >>> breakpoints_1d([0.5, 0.0, 0.5]).round(12).tolist()
    [0.25, 0.75]
    """
    c = _checked(coefficients)
    flat = c.reshape(-1, c.shape[-1])
    limit = flat.shape[1] // 2
    x = np.zeros((len(flat), max(2 * limit, 1)))
    degrees = _degrees(flat)
    for degree in range(1, limit + 1):
        chosen = np.flatnonzero(degrees == degree)
        if len(chosen):
            part = flat[chosen, limit - degree : limit + degree + 1]
            x[chosen, : 2 * degree] = _polished(part, _root_angles(part))
    return np.sort(x, axis=1).reshape(*c.shape[:-1], x.shape[1])


def arcs_1d(coefficients: ArrayLike) -> tuple[Real, Real, NDArray[np.bool_]]:
    """The torus cut at :func:`breakpoints_1d`.

    Returns
    -------
    starts, lengths : array, shape (P, n) or (n,)
        Arcs ``[start, start + length]``; the last one reaches over 1. Lengths add up to 1.
    positive : array of bool, same shape
        Whether the polynomial is positive inside.

    Examples
    --------
    >>> starts, lengths, positive = arcs_1d([0.5, 0.0, 0.5])
    >>> lengths[positive].round(12).tolist()
    [0.5]
    """
    starts = breakpoints_1d(coefficients)
    ends = np.concatenate([starts[..., 1:], starts[..., :1] + 1.0], axis=-1)
    lengths = ends - starts
    return starts, lengths, evaluate_trigonometric_1d(coefficients, starts + lengths / 2) > 0


def indicator_coefficients_1d(coefficients: ArrayLike, cutoff: int) -> Complex:
    """Fourier coefficients of the indicator of ``{tau > 0}``.

    Parameters
    ----------
    coefficients : array, shape (P, 2 K0 + 1) or (2 K0 + 1,)
        Hermitian coefficients of ``tau``, ``k = 0`` in the middle.
    cutoff : int
        Highest frequency K of the result.

    Returns
    -------
    array of complex128, shape (P, 2 K + 1) or (2 K + 1,)

    Raises
    ------
    ValueError
        Coefficients of even length, NaN, or not Hermitian; a negative cutoff.

    Examples
    --------
    >>> indicator_coefficients_1d([0.5, 0.0, 0.5], cutoff=1).real.round(6).tolist()
    [0.31831, 0.5, 0.31831]
    """
    starts, lengths, positive = arcs_1d(coefficients)
    k = np.arange(_checked_cutoff(cutoff) + 1)
    centers, lengths = starts + lengths / 2, np.where(positive, lengths, 0.0)
    # Written with sinc, short arcs suffer no cancellation.
    terms = (
        lengths[..., None] * np.sinc(lengths[..., None] * k) * np.exp(-2j * np.pi * centers[..., None] * k)
    )
    upper = terms.sum(axis=-2)
    return np.concatenate([upper[..., :0:-1].conj(), upper], axis=-1)


def rectified_coefficients_1d(coefficients: ArrayLike, cutoff: int) -> Complex:
    """Fourier coefficients of ``max(tau, 0)``.

    Parameters and errors as in :func:`indicator_coefficients_1d`.

    Examples
    --------
    The rectified cosine has mean ``1 / pi`` and first coefficient 1/4:

    >>> rectified_coefficients_1d([0.5, 0.0, 0.5], cutoff=1).real.round(6).tolist()
    [0.25, 0.31831, 0.25]
    """
    c = _checked(coefficients)
    limit = c.shape[-1] // 2
    indicator = indicator_coefficients_1d(c, _checked_cutoff(cutoff) + limit)
    side = 2 * cutoff + 1
    total = np.zeros((*c.shape[:-1], side), dtype=np.complex128)
    for shift in range(2 * limit + 1):  # frequency j = shift - limit takes the indicator at k - j
        total += c[..., shift, None] * indicator[..., 2 * limit - shift : 2 * limit - shift + side]
    return total


def feature_products_1d(modulated: ArrayLike, max_frequency: int, *, constant: bool = True) -> Complex:
    """From products with waves to products with lattice features.

    Parameters
    ----------
    modulated : array, shape (..., 2 K0 + 1)
        Values ``s_l`` of some linear functional at the waves ``exp(2 pi i l x)``, ``l = -K0 .. K0``.
    max_frequency : int
        K0.
    constant : bool, default True
        Whether the constant feature is the last one.

    Returns
    -------
    array of complex128, shape (..., D)
        Its values at ``sqrt2 sin(2 pi j x)``, ``sqrt2 cos(2 pi j x)``, ``j = 1 .. K0``, and 1.

    Examples
    --------
    >>> feature_products_1d([1.0, 1.0, 1.0], 1).real.round(6).tolist()
    [0.0, 1.414214, 1.0]
    """
    s = np.asarray(modulated, dtype=np.complex128)
    if s.ndim < 1 or s.shape[-1] != 2 * max_frequency + 1:
        raise ValueError(f"modulated must have shape (..., {2 * max_frequency + 1}), got {s.shape}")
    above, below = (
        s[..., max_frequency + 1 :],
        s[..., max_frequency - 1 :: -1] if max_frequency else s[..., :0],
    )
    parts = [(above - below) / (1j * math.sqrt(2.0)), (above + below) / math.sqrt(2.0)]
    if constant:
        parts.append(s[..., max_frequency : max_frequency + 1])
    return np.concatenate(parts, axis=-1)


def _degrees(coefficients: Complex) -> NDArray[np.int64]:
    """Degree of each row: the highest frequency that is not a rounding error."""
    limit = coefficients.shape[1] // 2
    size = np.abs(coefficients[:, limit:])
    relevant = size > _NEGLIGIBLE * size.max(axis=1, keepdims=True)
    return np.where(relevant.any(axis=1), limit - np.argmax(relevant[:, ::-1], axis=1), 0)


def _root_angles(coefficients: Complex) -> Real:
    """Angles, in turns, of all roots of ``z^degree tau``: eigenvalues of companion matrices."""
    n = coefficients.shape[1] - 1
    companion = np.zeros((len(coefficients), n, n), dtype=np.complex128)
    companion[:, 0] = -coefficients[:, -2::-1] / coefficients[:, -1:]
    companion[:, np.arange(1, n), np.arange(n - 1)] = 1.0
    return np.angle(np.linalg.eigvals(companion)) / (2 * np.pi)


def _polished(coefficients: Complex, x: Real) -> Real:
    """Newton steps on the circle, kept where they bring the value closer to zero."""
    limit = coefficients.shape[1] // 2
    slopes = coefficients * (2j * np.pi * np.arange(-limit, limit + 1))
    value = evaluate_trigonometric_1d(coefficients, x)
    for _ in range(_NEWTON_STEPS):
        slope = evaluate_trigonometric_1d(slopes, x)
        step = np.divide(value, slope, out=np.zeros_like(value), where=slope != 0)
        trial = x - np.where(np.abs(step) < _NEWTON_REACH, step, 0.0)
        new_value = evaluate_trigonometric_1d(coefficients, trial)
        better = np.abs(new_value) < np.abs(value)
        x, value = np.where(better, trial, x), np.where(better, new_value, value)
    x = x - np.floor(x)
    return np.where(x >= 1.0, 0.0, x)  # -1e-20 - floor(-1e-20) rounds to 1


def _checked(coefficients: ArrayLike) -> Complex:
    """Hermitian coefficients of one or several polynomials."""
    c = np.asarray(coefficients, dtype=np.complex128)
    if c.ndim not in (1, 2) or c.shape[-1] % 2 == 0:
        raise ValueError(
            f"coefficients must have shape (P, 2 K0 + 1) or (2 K0 + 1,), k = 0 in the middle; got {c.shape}"
        )
    if not np.isfinite(c).all():
        raise ValueError("coefficients contain NaN or infinite entries")
    scale = np.abs(c).max(initial=0.0)
    if np.abs(c - c[..., ::-1].conj()).max(initial=0.0) > 1e-9 * max(scale, 1e-300):
        raise ValueError("coefficients are not Hermitian: c(-k) must be the conjugate of c(k)")
    return c


def _checked_cutoff(cutoff: int) -> int:
    if int(cutoff) != cutoff or cutoff < 0:
        raise ValueError(f"cutoff must be an integer >= 0 (cycles per field of view), got {cutoff!r}")
    return int(cutoff)
