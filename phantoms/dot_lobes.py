"""The lobe of one dot: kernels, boundary, and quadrature nodes in polar coordinates about its center."""

from __future__ import annotations

import functools
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from srinr.phantoms.quadrature import legendre_rule

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_MAX_REFINEMENTS = 8


class DotKernel(Enum):
    """Shape of a dot's trigonometric polynomial."""

    DIRICHLET = "sin((2n+1) pi t) / ((2n+1) sin(pi t)): rounded squares"
    FEJER = "(sin((n+1) pi t) / ((n+1) sin(pi t)))^2: rounder, lower side lobes"

    def values(self, t: Array, degree: int) -> Array:
        """Kernel of the given degree at ``|t| <= 1/2``; 1 at t = 0."""
        if self is DotKernel.DIRICHLET:
            return np.sinc((2 * degree + 1) * t) / np.sinc(t)
        return (np.sinc((degree + 1) * t) / np.sinc(t)) ** 2

    def coefficients(self, degree: int) -> Array:
        """Fourier coefficients for j = -degree .. degree."""
        j = np.abs(np.arange(-degree, degree + 1))
        if self is DotKernel.DIRICHLET:
            return np.full(2 * degree + 1, 1.0 / (2 * degree + 1))
        return (1.0 - j / (degree + 1.0)) / (degree + 1.0)

    def first_zero(self, degree: int) -> float:
        """Half width of the main lobe."""
        return 1.0 / (2 * degree + 1) if self is DotKernel.DIRICHLET else 1.0 / (degree + 1)


@functools.lru_cache(maxsize=1024)
def lobe_volume(kernel: DotKernel, degree: int, offset: float) -> float:
    """Integral of ``relu(tau)`` over the cell."""
    return float(_polar_nodes(kernel, degree, offset, 128, 24)[1].sum())


@functools.lru_cache(maxsize=256)
def certified_nodes(
    kernel: DotKernel, degree: int, offset: float, kappa: float, tol: float
) -> tuple[Array, Array]:
    """Refine the polar rule until a finer one changes the probes by less than ``tol`` times the volume."""
    phase = 2.0 * np.pi * kappa * np.sqrt(2.0) * radii(kernel, degree, offset, np.zeros(1))[0]
    n_angles = 8 * int(np.ceil((phase + 12.0 * np.cbrt(phase) + 96.0) / 8.0))
    n_radial = int(np.ceil(0.3 * phase)) + 14
    probes = kappa * np.stack(
        [np.cos([0.0, np.pi / 4, 0.4, 2.0]), np.sin([0.0, np.pi / 4, 0.4, 2.0])], axis=1
    )
    nodes = _polar_nodes(kernel, degree, offset, n_angles, n_radial)
    for _ in range(_MAX_REFINEMENTS):
        n_angles, n_radial = n_angles * 3 // 2, n_radial + 8
        finer = _polar_nodes(kernel, degree, offset, n_angles, n_radial)
        change = np.abs(_probe(nodes, probes) - _probe(finer, probes)).max()
        if change <= 0.5 * max(tol, 2e-15) * finer[1].sum():
            return nodes
        nodes = finer
    raise ArithmeticError(
        f"the quadrature of a dot (degree {degree}, offset {offset}) did not reach tol={tol}"
    )


def _probe(nodes: tuple[Array, Array], frequencies: Array) -> ComplexArray:
    return np.exp(-2j * np.pi * (frequencies @ nodes[0].T)) @ nodes[1]


def _polar_nodes(
    kernel: DotKernel, degree: int, offset: float, n_angles: int, n_radial: int
) -> tuple[Array, Array]:
    """Nodes (J, 2) about the center and weights (J,) that include ``tau``."""
    theta = 2.0 * np.pi * np.arange(n_angles) / n_angles
    radius = radii(kernel, degree, offset, theta)
    s, w = legendre_rule(n_radial)
    rho = radius[:, None] * s
    x, y = rho * np.cos(theta)[:, None], rho * np.sin(theta)[:, None]
    tau = kernel.values(x, degree) * kernel.values(y, degree) - offset
    weights = tau * rho * radius[:, None] * w * (2.0 * np.pi / n_angles)
    return np.stack([x.ravel(), y.ravel()], axis=1), weights.ravel()


def radii(kernel: DotKernel, degree: int, offset: float, theta: Array) -> Array:
    """Distance from the center to the boundary ``tau = 0`` in each direction."""
    c, s = np.cos(theta), np.sin(theta)
    low = np.zeros(len(theta))
    high = kernel.first_zero(degree) / np.maximum(np.abs(c), np.abs(s))
    f_low, f_high = np.full(len(theta), 1.0 - offset), np.full(len(theta), -offset)
    # tau falls monotonically along a ray inside the main lobe: bracketed secant steps, the end that stays
    # put counts half (Illinois), so that both ends move.
    for _ in range(100):
        middle = (low * f_high - high * f_low) / (f_high - f_low)
        f = kernel.values(middle * c, degree) * kernel.values(middle * s, degree) - offset
        if np.abs(f).max() < 1e-15:
            break
        above = f > 0.0
        f_low, f_high = np.where(above, f, f_low / 2.0), np.where(above, f_high / 2.0, f)
        low, high = np.where(above, middle, low), np.where(above, high, middle)
    return middle
