"""Polynomials in place of activations: Taylor and Chebyshev expansions with their measured error.

Theorem 1 speaks of polynomial activations; what an expansion misses on the interval that pre-activations visit says
how far its conclusions carry to the network at hand.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

#: Points of an interval at which the error of an expansion is measured, both ends included.
N_ERROR_POINTS = 20001

Function = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True)
class Activation:
    """An activation with its Taylor coefficients, if it has any.

    Parameters
    ----------
    name : str
        For messages.
    function : callable
        Array to array, entry by entry.
    taylor : callable, optional
        ``taylor(center, degree)`` gives the coefficients of ``(u - center)^0 ... (u - center)^degree``.

    Examples
    --------
    >>> SIN.function(np.array([0.0])).tolist(), RELU.taylor is None
    ([0.0], True)
    """

    name: str
    function: Function
    taylor: Callable[[float, int], NDArray[np.float64]] | None = None


@dataclass(frozen=True)
class PolynomialApproximation:
    """A polynomial near an activation on an interval.

    Parameters
    ----------
    coefficients : tuple of float
        From degree 0 upwards, in powers of u: what ``PolynomialMLP(coefficients=...)`` takes.
    interval : tuple of float
        Where the error was measured.
    max_error : float
        Largest difference at ``N_ERROR_POINTS`` equidistant points of the interval, evaluated with these very
        coefficients (rounding of high degrees included).

    Examples
    --------
    >>> PolynomialApproximation((0.0, 1.0), (-0.1, 0.1), 2e-4)(0.05)
    array(0.05)
    """

    coefficients: tuple[float, ...]
    interval: tuple[float, float]
    max_error: float

    @property
    def degree(self) -> int:
        """Number of coefficients less one."""
        return len(self.coefficients) - 1

    def __call__(self, u: ArrayLike) -> NDArray[np.float64]:
        """The polynomial at u."""
        return np.asarray(np.polynomial.polynomial.polyval(np.asarray(u, dtype=float), self.coefficients))


def taylor_expansion(
    activation: Activation, degree: int, interval: Sequence[float], *, center: float = 0.0
) -> PolynomialApproximation:
    """Taylor polynomial around ``center``.

    Parameters
    ----------
    activation : Activation
        ``SIN``, ``TANH``, ``GELU`` or your own.
    degree : int
        At least 1.
    interval : (low, high)
        Where the error is measured. The series of tanh converges within pi / 2 of 0 only.
    center : float, default 0
        Where the derivatives are taken.

    Raises
    ------
    ValueError
        For an activation without derivatives (ReLU), a degree below 1, or an empty interval.

    Examples
    --------
    >>> approximation = taylor_expansion(SIN, 3, (-1.0, 1.0))
    >>> [round(a, 4) for a in approximation.coefficients], round(approximation.max_error, 4)
    ([0.0, 1.0, 0.0, -0.1667], 0.0081)
    """
    low, high = _checked(degree, interval)
    if activation.taylor is None:
        raise ValueError(f"{activation.name} has no Taylor series; use chebyshev_expansion")
    if not math.isfinite(center):
        raise ValueError(f"center must be finite, got {center!r}")
    series = np.polynomial.Polynomial(activation.taylor(float(center), int(degree)))
    shifted = series(np.polynomial.Polynomial([-center, 1.0]))
    return _measured(activation, np.asarray(shifted.coef, dtype=np.float64), degree, (low, high))


def chebyshev_expansion(
    activation: Activation, degree: int, interval: Sequence[float]
) -> PolynomialApproximation:
    """The polynomial that equals the activation at the ``degree + 1`` Chebyshev points of the interval.

    Its maximum error is within a factor ``2 + (2 / pi) log(degree + 1)`` of the best polynomial's.

    Parameters
    ----------
    activation : Activation
        ``SIN``, ``RELU``, ``TANH``, ``GELU`` or your own.
    degree : int
        At least 1.
    interval : (low, high)
        Where it is fitted and where the error is measured.

    Raises
    ------
    ValueError
        For a degree below 1 or an empty interval.

    Examples
    --------
    >>> round(chebyshev_expansion(SIN, 3, (-1.0, 1.0)).max_error, 4)  # Taylor: 0.0081
    0.001
    """
    low, high = _checked(degree, interval)
    fit = np.polynomial.Chebyshev.interpolate(activation.function, int(degree), domain=[low, high])
    power = np.asarray(fit.convert(kind=np.polynomial.Polynomial).coef, dtype=np.float64)
    return _measured(activation, power, degree, (low, high))


def _measured(
    activation: Activation, coefficients: NDArray[np.float64], degree: int, interval: tuple[float, float]
) -> PolynomialApproximation:
    full = np.zeros(int(degree) + 1)
    full[: len(coefficients)] = coefficients
    u = np.linspace(*interval, N_ERROR_POINTS)
    error = float(np.abs(np.polynomial.polynomial.polyval(u, full) - activation.function(u)).max())
    return PolynomialApproximation(tuple(full.tolist()), interval, error)


def _checked(degree: int, interval: Sequence[float]) -> tuple[float, float]:
    if isinstance(degree, bool) or not isinstance(degree, int | np.integer) or degree < 1:
        raise ValueError(f"degree must be an integer of at least 1, got {degree!r}")
    low, high = (float(end) for end in interval)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"interval must be (low, high) with low < high, got {interval!r}")
    return low, high


def _sin_taylor(center: float, degree: int) -> NDArray[np.float64]:
    cycle = (math.sin(center), math.cos(center), -math.sin(center), -math.cos(center))
    return np.array([cycle[n % 4] / math.factorial(n) for n in range(degree + 1)])


def _tanh_taylor(center: float, degree: int) -> NDArray[np.float64]:
    # y' = 1 - y^2, compared power by power.
    a = np.zeros(degree + 1)
    a[0] = math.tanh(center)
    for n in range(degree):
        a[n + 1] = (float(n == 0) - a[: n + 1] @ a[n::-1]) / (n + 1)
    return a


def _gelu_taylor(center: float, degree: int) -> NDArray[np.float64]:
    # u Phi(u) with Phi' = phi and phi' = -u phi, compared power by power.
    phi = np.zeros(degree + 1)
    phi[0] = math.exp(-0.5 * center**2) / math.sqrt(2.0 * math.pi)
    for n in range(degree):
        phi[n + 1] = -(center * phi[n] + (phi[n - 1] if n else 0.0)) / (n + 1)
    cumulative = np.r_[float(ndtr(center)), phi[:-1] / np.arange(1, degree + 1)]
    return np.asarray(center * cumulative + np.r_[0.0, cumulative[:-1]])


SIN = Activation("sin", np.sin, _sin_taylor)
TANH = Activation("tanh", np.tanh, _tanh_taylor)
#: The exact form ``u Phi(u)`` with the normal distribution function, not its tanh approximation.
GELU = Activation("gelu", lambda u: u * ndtr(u), _gelu_taylor)
RELU = Activation("relu", lambda u: np.maximum(u, 0.0))
