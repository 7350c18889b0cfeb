"""Real trigonometric polynomials of two variables along lines: compiled restriction, evaluation and roots.

On the line where the other variable is ``t``, ``tau = Re sum_q b_q(t) exp(2 pi i q x)`` with ``q >= 0``. A line is
kept as the real parts of the ``b_q`` and then their imaginary parts. Each ``b_q`` is a trigonometric polynomial of
``t``: a side holds its coefficients, one row for 1, rows for ``cos 2 pi p t`` and then for ``sin 2 pi p t``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

Real = NDArray[np.float64]
Complex = NDArray[np.complex128]

TURN = 2.0 * math.pi
#: Roots are isolated down to this length, in fields of view.
_SHORTEST = 1e-13
#: Values below this part of the sum of the coefficients are rounding errors.
NOISE = 4e-16
#: After a Newton step this short, quadratic convergence has reached rounding.
_LAST_STEP = 3e-11


def two_sides(coefficients: Complex) -> tuple[Real, Real]:
    """The sides, for lines along the first and along the second axis, of a Hermitian box (2 A + 1, 2 B + 1)."""
    return _side(coefficients), _side(coefficients.T)


def _side(coefficients: Complex) -> Real:
    """For lines along the first axis: shape (2 B + 1, 2 (A + 1))."""
    along, other = (n // 2 for n in coefficients.shape)
    half = coefficients[along:].copy()
    half[1:] *= 2.0
    above, below = half[:, other + 1 :], half[:, :other][:, ::-1]
    rows = np.concatenate([half[:, other, None], above + below, 1j * (above - below)], axis=1).T
    return np.ascontiguousarray(np.concatenate([rows.real, rows.imag], axis=1))


def derivative(side: Real, t: Real, order: int) -> Complex:
    """Derivatives of all ``b_q`` in ``t``, shape (n, Q + 1)."""
    frequency = TURN * np.arange(1, len(side) // 2 + 1)
    angle = np.outer(t, frequency) + 0.5 * math.pi * order  # the derivative of a wave is a quarter turn ahead
    scale = frequency**order
    first = np.full((len(t), 1), float(order == 0))
    parts = np.concatenate([first, np.cos(angle) * scale, np.sin(angle) * scale], axis=1) @ side
    return parts[:, : parts.shape[1] // 2] + 1j * parts[:, parts.shape[1] // 2 :]


@njit(cache=True)
def restrict(side: Real, t: float, line: Real) -> None:
    """The line where the other variable is ``t``."""
    limit, n = side.shape[0] // 2, side.shape[1]
    z = np.exp(1j * TURN * (t - np.floor(t)))
    power = 1.0 + 0.0j
    for r in range(n):
        line[r] = side[0, r]
    for p in range(1, limit + 1):
        power *= z
        c, s = power.real, power.imag
        for r in range(n):
            line[r] += c * side[p, r] + s * side[limit + p, r]


@njit(cache=True)
def restrict_with_slope(side: Real, t: float, line: Real, slope: Real) -> None:
    """As :func:`restrict`, and the derivative in ``t``."""
    limit, n = side.shape[0] // 2, side.shape[1]
    z = np.exp(1j * TURN * (t - np.floor(t)))
    power = 1.0 + 0.0j
    for r in range(n):
        line[r] = side[0, r]
        slope[r] = 0.0
    for p in range(1, limit + 1):
        power *= z
        c, s = power.real, power.imag
        dc, ds = -TURN * p * s, TURN * p * c
        for r in range(n):
            line[r] += c * side[p, r] + s * side[limit + p, r]
            slope[r] += dc * side[p, r] + ds * side[limit + p, r]


@njit(cache=True)
def value(line: Real, x: float) -> float:
    """``Re sum_q b_q exp(2 pi i q x)``."""
    n = line.shape[0] // 2
    z = np.exp(1j * TURN * (x - np.floor(x)))
    total = complex(line[n - 1], line[2 * n - 1])
    for q in range(n - 2, -1, -1):
        total = total * z + complex(line[q], line[n + q])
    return total.real


@njit(cache=True)
def value_and_slope(line: Real, x: float) -> tuple[float, float]:
    """Value and derivative in ``x``."""
    n = line.shape[0] // 2
    z = np.exp(1j * TURN * (x - np.floor(x)))
    total = complex(line[n - 1], line[2 * n - 1])
    change = (n - 1) * total
    for q in range(n - 2, -1, -1):
        b = complex(line[q], line[n + q])
        total = total * z + b
        change = change * z + q * b
    return total.real, -TURN * change.imag


@njit(cache=True)
def slopes(line: Real, slope: Real, x: float) -> tuple[float, float]:
    """Derivatives along the line and in the other variable."""
    n = line.shape[0] // 2
    z = np.exp(1j * TURN * (x - np.floor(x)))
    change = (n - 1) * complex(line[n - 1], line[2 * n - 1])
    other = complex(slope[n - 1], slope[2 * n - 1])
    for q in range(n - 2, -1, -1):
        change = change * z + q * complex(line[q], line[n + q])
        other = other * z + complex(slope[q], slope[n + q])
    return -TURN * change.imag, other.real


@njit(cache=True)
def _jet(line: Real, x: float) -> tuple[float, float, float]:
    """Value and two derivatives in ``x``."""
    n = line.shape[0] // 2
    z = np.exp(1j * TURN * (x - np.floor(x)))
    total = complex(line[n - 1], line[2 * n - 1])
    first = (n - 1) * total
    second = (n - 1) * first
    for q in range(n - 2, -1, -1):
        b = complex(line[q], line[n + q])
        total = total * z + b
        first = first * z + q * b
        second = second * z + q * q * b
    return total.real, -TURN * first.imag, -TURN * TURN * second.real


@njit(cache=True)
def monotone_root(line: Real, low: float, high: float, rising: bool, guess: float) -> float:
    """The sign change of a monotone function in [low, high]: Newton steps kept inside a shrinking bracket."""
    x = guess
    if not (low < x < high):
        x = 0.5 * (low + high)
    for _ in range(60):
        f, df = value_and_slope(line, x)
        if (f > 0.0) == rising:
            high = x
        else:
            low = x
        new = x - f / df if df != 0.0 else low - 1.0
        if abs(new - x) <= _LAST_STEP:
            return min(max(new, low), high)
        if not (low < new < high):
            new = 0.5 * (low + high)
            if not (low < new < high):
                return new
        x = new
    return x


@njit(cache=True)
def isolate_roots(line: Real, low: float, high: float, noise: float, roots: Real) -> int:
    """All sign changes on [low, high], in order, into ``roots``; their number, or -1 when they do not fit.

    An interval is left when a Taylor bound shows that there is no root or that the function is monotone, and
    halved otherwise: no sign change is missed, except pairs closer than rounding resolves.
    """
    n = line.shape[0] // 2
    third = 0.0
    for q in range(1, n):
        third += math.hypot(line[q], line[n + q]) * (TURN * q) ** 3
    starts = np.empty(64)
    ends = np.empty(64)
    starts[0], ends[0] = low, high
    waiting, found = 1, 0
    while waiting > 0:
        waiting -= 1
        a, b = starts[waiting], ends[waiting]
        r = 0.5 * (b - a)
        f, df, d2f = _jet(line, 0.5 * (a + b))
        reach = abs(df) * r + 0.5 * abs(d2f) * r * r + third * r * r * r / 6.0
        if abs(f) > reach + noise:
            continue
        monotone = abs(df) > abs(d2f) * r + 0.5 * third * r * r
        if monotone or r < _SHORTEST or abs(f) + reach < noise:
            before, after = value(line, a) > 0.0, value(line, b) > 0.0
            if before != after:
                if found == roots.shape[0]:
                    return -1
                roots[found] = monotone_root(line, a, b, after, 0.5 * (a + b))
                found += 1
            continue
        middle = 0.5 * (a + b)
        starts[waiting], ends[waiting] = middle, b
        starts[waiting + 1], ends[waiting + 1] = a, middle
        waiting += 2
    return found
