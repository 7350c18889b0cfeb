"""Exact expansion of the three-layer SIREN into sinusoids, truncated with a proven bound.

For ``f(x) = sum_m w_m sin(sum_t B_mt sin(theta_t(x)) + b_m) + c`` with ``theta_t(x) = 2 pi k_t.x + phi_t``

    f(x) = c + sum_m sum_s [ w_m prod_t J_(s_t)(B_mt) ] sin( sum_t s_t theta_t(x) + b_m ),    s over Z^T

Source: eqs. 5-7 of Yüce et al., "A Structured Dictionary Perspective on Implicit Neural Representations", CVPR 2022,
with phases and biases; it follows from ``exp(i B sin u) = sum_s J_s(B) exp(i s u)`` (Jacobi-Anger).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, jv

from srinr.analysis.harmonic_support import FREQUENCY_TOLERANCE, MAX_FREQUENCY, MAX_TERMS
from srinr.analysis.inr_parts import inr_parts, parameter_array
from srinr.analysis.integer_vectors import is_finite, whole_number
from srinr.analysis.polynomial_expansion import affine_phases
from srinr.analysis.sinusoid_bank import SinusoidBank
from srinr.analysis.sinusoids import Sinusoids, bank_images
from srinr.encodings.identity import Coordinates
from srinr.inr import INR
from srinr.networks.siren import Siren


@dataclass(frozen=True)
class BesselExpansion:
    """A truncated expansion and what the truncation can cost.

    Parameters
    ----------
    outputs : tuple of Sinusoids
        One per output of the network.
    error_bounds : tuple of float
        Per output, a bound of ``|network(x) - expansion(x)|`` for all x, rounding aside.

    Examples
    --------
    >>> expansion = bessel_expansion([[1.0]], [0.0], [[0.5]], [0.0], [[1.0]], [0.0], tolerance=1e-6)
    >>> len(expansion.outputs[0]), expansion.error_bounds[0] <= 1e-6
    (3, True)
    """

    outputs: tuple[Sinusoids, ...]
    error_bounds: tuple[float, ...]


def bessel_tail(argument: float, order: int) -> float:
    """A bound of ``sum_(|s| > order) |J_s(argument)|`` from ``|J_s(B)| <= (|B| / 2)^|s| / |s|!``.

    Parameters
    ----------
    argument : float
        B.
    order : int
        At least 0.

    Returns
    -------
    float
        Infinity while ``order + 2 <= |B| / 2``, where the geometric majorant diverges.

    Examples
    --------
    >>> bessel_tail(1.0, 3) < 2 * 0.5**4 / 24 * 1.2
    True
    """
    half, first = abs(argument) / 2.0, order + 1
    if half == 0:
        return 0.0
    ratio = half / (first + 1)
    if ratio >= 1:
        return math.inf
    log = first * math.log(half) - float(gammaln(first + 1))
    return 2.0 * math.exp(min(log, 700.0)) / (1.0 - ratio)


def bessel_order(argument: float, tolerance: float) -> int:
    """Smallest order whose :func:`bessel_tail` is at most ``tolerance``, a little above |argument|.

    Raises
    ------
    ValueError
        For an argument that is not finite or of 2^53 and more in size, or a tolerance that is not above 0.

    Examples
    --------
    >>> bessel_order(0.0, 1e-10), bessel_order(1.0, 1e-10)
    (0, 10)
    """
    if not (is_finite(argument) and is_finite(tolerance) and tolerance > 0 and abs(argument) < MAX_FREQUENCY):
        raise ValueError(
            "need a finite argument (below 2^53) and a tolerance above 0, "
            f"got argument={argument!r} and tolerance={tolerance!r}"
        )
    # The bound falls with the order: doubled steps to where it is small enough, then bisection.
    order, step = max(0, math.ceil(abs(argument) / 2.0) - 2), 1
    if bessel_tail(argument, order) <= tolerance:
        return order
    while bessel_tail(argument, order + step) > tolerance:
        order, step = order + step, 2 * step
    least, enough = order, order + step
    while enough - least > 1:
        middle = (least + enough) // 2
        least, enough = (middle, enough) if bessel_tail(argument, middle) > tolerance else (least, middle)
    return enough


def bessel_expansion(
    frequencies: ArrayLike,
    phases: ArrayLike,
    inner_weights: ArrayLike,
    inner_biases: ArrayLike,
    outer_weights: ArrayLike,
    outer_biases: ArrayLike,
    *,
    tolerance: float = 1e-12,
    max_terms: int = MAX_TERMS,
    frequency_tolerance: float = FREQUENCY_TOLERANCE,
) -> BesselExpansion:
    """Expand ``f_c(x) = sum_m w_cm sin(sum_t B_mt sin(2 pi k_t.x + phi_t) + b_m) + a_c``.

    The factors are multiplied one by one; after each the smallest coefficients are dropped as long as the bound
    allows, so that the number of terms stays near what the tolerance needs and not at the product of all orders.

    Parameters
    ----------
    frequencies : array, shape (T, d)
        k in cycles per field of view.
    phases : array, shape (T,)
        phi in rad.
    inner_weights : array, shape (M, T)
        B in rad (omega_hidden included).
    inner_biases : array, shape (M,)
        b in rad (omega_hidden included).
    outer_weights : array, shape (C, M)
        w.
    outer_biases : array, shape (C,)
        a.
    tolerance : float, default 1e-12
        Largest error that truncation may cause in any output at any point; half of it goes to the orders of the
        Bessel functions, half to the coefficients that are dropped. Rounding (about 1e-14) comes on top.
    max_terms : int
        Terms that may be held at a time.
    frequency_tolerance : float
        Frequencies closer than this (cycles per field of view) are one.

    Raises
    ------
    ValueError
        For shapes that do not match, or when more than ``max_terms`` terms are needed, before they are formed.

    References
    ----------
    Eqs. 5-7 of the paper named at the top of this file.

    Examples
    --------
    >>> expansion = bessel_expansion([[1.0], [0.3]], [0.2, 1.0], [[1.0, -0.5]], [0.4], [[2.0]], [0.1])
    >>> x = np.array([[0.3]])
    >>> inner = np.sin(2 * np.pi * 0.3 + 0.2) - 0.5 * np.sin(2 * np.pi * 0.09 + 1.0) + 0.4
    >>> bool(abs(expansion.outputs[0].image(x)[0] - 2.0 * np.sin(inner) - 0.1) < 1e-11)
    True
    """
    k, phi, b, w = _arrays((frequencies, phases, inner_weights, inner_biases), "inner")
    outer, a = (np.asarray(v, dtype=np.float64) for v in (outer_weights, outer_biases))
    if outer.ndim != 2 or outer.shape[1] != len(b) or a.shape != outer.shape[:1]:
        raise ValueError(
            f"outer_weights must have shape (C, {len(b)}) and outer_biases (C,), got {outer.shape}, {a.shape}"
        )
    if not (np.isfinite(outer).all() and np.isfinite(a).all()):
        raise ValueError("outer_weights or outer_biases contain NaN or infinite entries")
    if not is_finite(tolerance) or tolerance <= 0:
        raise ValueError(f"tolerance must be a number above 0, got {tolerance!r}")
    max_terms = whole_number("max_terms", max_terms, 1)
    budget = tolerance / max(1e-300, float(np.abs(outer).sum(axis=1).max()))
    vectors, coefficients, bounds, n_terms = [], [], np.zeros(len(b)), 0
    for m in range(len(b)):
        if not outer[:, m].any():
            continue
        s, c, bounds[m] = _neuron(b[m], budget, max_terms)
        n_terms += len(s)
        if n_terms > max_terms:
            raise _too_many(f"{m + 1} of {len(b)} neurons need {n_terms}", max_terms)
        # sin(s.theta + bias) = Re(-i exp(i (s.theta + bias)))
        wave = -1j * c * np.exp(1j * (s @ phi + w[m]))
        vectors.append(s)
        coefficients.append(outer[:, m, None] * wave)
    bank = SinusoidBank(
        np.concatenate([s @ k for s in vectors]) if vectors else np.empty((0, k.shape[1])),
        np.concatenate(coefficients, axis=1) if vectors else np.empty((len(a), 0)),
        a,
        frequency_tolerance,
    )
    errors = np.abs(outer) @ bounds
    return BesselExpansion(bank_images(bank), tuple(errors.tolist()))


def _neuron(
    arguments: NDArray[np.float64], budget: float, max_terms: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Vectors s (n, T), products of Bessel functions (n,) and the bound of what is missing.

    With the tails eps_t, a truncated factor is at most 1 + eps_t in modulus: cutting all factors costs at most
    prod (1 + eps_t) - 1, and what is dropped after factor t is multiplied by the factors still to come.
    """
    n, largest = len(arguments), float(np.abs(arguments).max())
    if largest - 3.0 > max_terms:  # the order is at least |B| / 2 - 2
        raise _too_many(
            f"a hidden weight of {largest:g} rad alone makes more than {largest - 3.0:.6g}", max_terms
        )
    share = math.log1p(0.5 * min(budget, 1.0)) / n  # prod (1 + eps_t) - 1 <= budget / 2
    orders = [bessel_order(float(b), share) for b in arguments]
    tails = [bessel_tail(float(b), order) for b, order in zip(arguments, orders, strict=True)]
    s, c = np.zeros((1, 0)), np.ones(1)
    dropped = 0.0
    for t, (argument, order) in enumerate(zip(arguments, orders, strict=True)):
        if max(1, len(c)) * (2 * order + 1) > max_terms:  # also where all terms were dropped
            needed = f"factor {t + 1} of {n} makes {max(1, len(c))} * {2 * order + 1}"
            raise _too_many(needed, max_terms)
        steps = np.arange(-order, order + 1)
        s = np.concatenate([np.repeat(s, len(steps), 0), np.tile(steps, len(c))[:, None]], axis=1)
        c = np.outer(c, jv(steps, argument)).ravel()
        later = math.prod(1.0 + tail for tail in tails[t + 1 :])
        ascending = np.argsort(np.abs(c), kind="stable")
        sizes = np.abs(c[ascending])
        lost = np.cumsum(sizes)
        n_lost = int(np.searchsorted(lost, 0.5 * budget / (n * later), side="right"))
        if n_lost < len(c):  # s and -s go together: their sum may vanish, and half of it would not
            n_lost = int(np.searchsorted(sizes, (1.0 - 1e-9) * sizes[n_lost]))
        if n_lost:
            dropped += float(lost[n_lost - 1]) * later
        keep = np.sort(ascending[n_lost:])
        s, c = s[keep], c[keep]
    return s, c, math.expm1(sum(math.log1p(tail) for tail in tails)) + dropped


def expand_siren(
    inr: INR,
    *,
    tolerance: float = 1e-12,
    max_terms: int = MAX_TERMS,
    frequency_tolerance: float = FREQUENCY_TOLERANCE,
) -> BesselExpansion:
    """:func:`bessel_expansion` of ``INR(Coordinates, Siren(depth=3))``.

    Parameters
    ----------
    inr : INR
        ``Siren`` multiplies biases by its omegas as well: first-layer frequencies are ``omega_first W_0`` radians
        per unit of the coordinates, phases ``omega_first b_0``. Read in float64.
    tolerance, max_terms, frequency_tolerance
        As in :func:`bessel_expansion`.

    Returns
    -------
    BesselExpansion
        One output, or real and imaginary part of a complex image.

    Raises
    ------
    TypeError
        For another encoding or network.
    ValueError
        For another depth than 3, or when more than ``max_terms`` terms are needed.

    Examples
    --------
    >>> inr = INR(Coordinates(dim=2), Siren(2, width=2, depth=3, omega_first=5.0))
    >>> f, x = expand_siren(inr).outputs[0], np.array([[0.2, 0.9], [0.7, 0.4]])
    >>> bool(np.abs(f.image(x) - inr.image(x)).max() < 1e-11)
    True
    """
    encoding, network = inr_parts(inr, Coordinates, Siren)
    if network.depth != 3:
        raise ValueError(f"the expansion holds for a Siren of depth 3, got depth {network.depth}")
    weights, biases = (
        [parameter_array(p) for p in network.weights],
        [parameter_array(p) for p in network.biases],
    )
    k, phases = affine_phases(network.omega_first * weights[0], network.omega_first * biases[0], encoding)
    return bessel_expansion(
        k,
        phases,
        network.omega_hidden * weights[1],
        network.omega_hidden * biases[1],
        weights[2],
        biases[2],
        tolerance=tolerance,
        max_terms=max_terms,
        frequency_tolerance=frequency_tolerance,
    )


def _arrays(values: tuple[ArrayLike, ...], what: str) -> list[NDArray[np.float64]]:
    k, phi, b, w = (np.asarray(v, dtype=np.float64) for v in values)
    if k.ndim != 2 or len(k) < 1 or phi.shape != (len(k),):
        raise ValueError(f"frequencies must have shape (T, d) and phases (T,), got {k.shape}, {phi.shape}")
    if b.ndim != 2 or b.shape[1] != len(k) or w.shape != b.shape[:1]:
        raise ValueError(
            f"{what}_weights must have shape (M, {len(k)}) and {what}_biases (M,), got {b.shape}, {w.shape}"
        )
    if not all(np.isfinite(v).all() for v in (k, phi, b, w)):
        raise ValueError("frequencies, phases, inner_weights or inner_biases contain NaN or infinite entries")
    return [k, phi, b, w]


def _too_many(needed: str, max_terms: int) -> ValueError:
    return ValueError(
        f"the Bessel expansion is too large: {needed} terms, max_terms={max_terms}; "
        "use fewer first-layer neurons, smaller hidden weights, a larger tolerance, or raise max_terms"
    )
