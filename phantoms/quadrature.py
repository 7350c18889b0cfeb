"""Gauss-Legendre nodes on smooth pieces, with an order that is proved sufficient for a band of frequencies.

On each piece the integrand is ``exp(-2 pi i k.r(t)) r'(t)``, an entire function. With s = 2t - 1 and
``r = sum_m e_m T_m(s)`` (Chebyshev), on the Bernstein ellipse of parameter rho

    |Im k.r| <= |k| sum_m |e_m| (rho^m - rho^-m) / 2,      |dr/ds| <= sum_m m |e_m| (rho^m - rho^-m) / (rho - 1/rho),

so the integrand is bounded there by ``M = exp(2 pi max|Im k.r|) max|dr/ds|``. A function bounded by M has
Chebyshev coefficients of size at most ``2 M rho^-n``; the q-point rule integrates degree 2q - 1 exactly, and
both the integral and the rule have total weight 2, hence

    |error| <= 8 M rho^(1 - 2q) / (rho - 1).

The smallest q for which the best rho of a list meets the tolerance is used. It is at most the customary
``0.55 * 1.3 * pi |k| L + 10`` (L = arc length) on pieces of even speed, and larger where the speed varies.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from srinr.phantoms.pieces import ARC, Pieces, arc_parts, positions, restricted, velocities

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]
IntArray = NDArray[np.int64]

_RHO = np.exp(np.concatenate([np.arange(0.1, 1.0, 0.1), np.arange(1.0, 5.0, 0.25)]))
# Longer rules cost more to tabulate and gain little: longer pieces are cut.
_MAX_ORDER = 64
_MIN_ORDER = 4


class Nodes(NamedTuple):
    """Quadrature nodes of vector strength: points (J, 2), strengths (2, J) with amplitudes multiplied in."""

    points: Array
    strengths: Array
    bound: float


def gauss_nodes(pieces: Pieces, amplitudes: Array, kappa: float, tol: float) -> Nodes:
    """Nodes for the boundary integrals of all pieces.

    Parameters
    ----------
    pieces : Pieces
        n pieces.
    amplitudes : array, shape (n,)
        Factor of each piece.
    kappa : float
        Largest Euclidean norm of the frequencies.
    tol : float
        Bound of the error of ``sum amplitude * integral exp(-2 pi i k.r) n.dr`` for every unit vector n.

    Returns
    -------
    Nodes
        ``bound`` is the proved error bound, at most ``tol`` (rounding not included).
    """
    weights = np.abs(amplitudes)
    share = tol / max(float(weights.sum()), 1e-300)
    kept = weights > 0.0
    pieces, amplitudes = pieces.take(kept), amplitudes[kept]
    orders, log_error = _orders(pieces, kappa, share)
    long = orders > _MAX_ORDER
    while long.any():
        parts = np.where(long, np.ceil(orders / (0.75 * _MAX_ORDER)), 1.0).astype(np.int64)
        share /= parts.max()
        owner = np.repeat(np.arange(len(parts)), parts)
        index = np.arange(len(owner)) - np.repeat(np.cumsum(parts) - parts, parts)
        n = parts[owner]
        pieces, amplitudes = restricted(pieces.take(owner), index / n, (index + 1) / n), amplitudes[owner]
        orders, log_error = _orders(pieces, kappa, share)
        long = orders > _MAX_ORDER
    points, strengths = _nodes(pieces, amplitudes, orders)
    return Nodes(points, strengths, float(np.abs(amplitudes) @ np.exp(log_error)))


def _orders(pieces: Pieces, kappa: float, tol: float) -> tuple[IntArray, Array]:
    """Smallest sufficient order per piece, and the logarithm of the error bound at that order."""
    log_rho = np.log(_RHO)
    # error <= exp(base - 2 q log rho)
    base = 2.0 * np.pi * kappa * _imaginary_reach(pieces) + np.log(_speed_bound(pieces) + 1e-300)
    base += np.log(8.0 * _RHO / (_RHO - 1.0))
    needed = (base - np.log(tol)) / (2.0 * log_rho)
    orders = np.maximum(np.ceil(needed.min(axis=1)), _MIN_ORDER).astype(np.int64)
    return orders, (base - 2.0 * orders[:, None] * log_rho).min(axis=1)


def _chebyshev(pieces: Pieces) -> Array:
    """Norms of the Chebyshev coefficients e_1 .. e_3 in s = 2t - 1, shape (n, 3)."""
    c = pieces.polynomials
    e1 = c[:, 1] / 2 + c[:, 2] / 2 + c[:, 3] * 15 / 32
    e2 = c[:, 2] / 8 + c[:, 3] * 6 / 32
    e3 = c[:, 3] / 32
    return np.linalg.norm(np.stack([e1, e2, e3], axis=1), axis=2)


def _imaginary_reach(pieces: Pieces) -> Array:
    """Bound of |Im r| on the ellipses, shape (n, number of rho)."""
    m = np.arange(1, 4)[:, None]
    reach = _chebyshev(pieces) @ ((_RHO**m - _RHO**-m) / 2.0)
    arcs = np.flatnonzero(pieces.kind == ARC)
    if len(arcs):
        half_sweep, size = _arc_sizes(pieces.take(arcs))
        reach[arcs] = size * np.sinh(np.minimum(half_sweep * (_RHO - 1 / _RHO) / 2.0, 600.0))
    return reach


def _speed_bound(pieces: Pieces) -> Array:
    """Bound of |dr/ds| on the ellipses, shape (n, number of rho)."""
    m = np.arange(1, 4)[:, None]
    speed = _chebyshev(pieces) @ (m * (_RHO**m - _RHO**-m) / (_RHO - 1 / _RHO))
    arcs = np.flatnonzero(pieces.kind == ARC)
    if len(arcs):
        half_sweep, size = _arc_sizes(pieces.take(arcs))
        speed[arcs] = size * half_sweep * np.cosh(np.minimum(half_sweep * (_RHO - 1 / _RHO) / 2.0, 600.0))
    return speed


def _arc_sizes(pieces: Pieces) -> tuple[Array, Array]:
    _, matrix, _, sweep = arc_parts(pieces)
    return np.abs(sweep)[:, None] / 2.0, np.linalg.norm(matrix, ord=2, axis=(1, 2))[:, None]


def _nodes(pieces: Pieces, amplitudes: Array, orders: IntArray) -> tuple[Array, Array]:
    points, strengths = [], []
    for order in np.unique(orders):
        chosen = np.flatnonzero(orders == order)
        t, w = legendre_rule(int(order))
        part = pieces.take(chosen)
        points.append(positions(part, t).reshape(-1, 2))
        weights = (amplitudes[chosen, None] * w)[..., None]
        strengths.append((velocities(part, t) * weights).reshape(-1, 2))
    if not points:
        return np.zeros((0, 2)), np.zeros((2, 0))
    return np.concatenate(points), np.ascontiguousarray(np.concatenate(strengths).T)


@functools.cache
def legendre_rule(order: int) -> tuple[Array, Array]:
    """Gauss-Legendre nodes and weights on [0, 1] (shared arrays: do not modify)."""
    s, w = np.polynomial.legendre.leggauss(order)
    return (s + 1.0) / 2.0, w / 2.0


def ray_primitive(u: ComplexArray) -> ComplexArray:
    """The entire function ``phi(u) = integral_0^1 s exp(-u s) ds``."""
    small = np.abs(u) < 0.5
    v = np.where(small, 1.0, u)
    closed = (1.0 - (1.0 + v) * np.exp(-v)) / (v * v)
    w = np.where(small, u, 0.0)
    series = np.zeros_like(w)
    factor = 1.0
    coefficients = []
    for n in range(18):
        coefficients.append(factor / (n + 2))
        factor = -factor / (n + 1)
    for c in reversed(coefficients):
        series = series * w + c
    return np.where(small, series, closed)
