"""Rotations, cells of the torus, and the half of a low-pass box that determines the other half."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


def rotation_matrix(angle: float) -> Array:
    """2-D rotation from axis 0 towards axis 1 by ``angle`` radians."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s], [s, c]])


def euler_rotation(phi: float, theta: float = 0.0, psi: float = 0.0) -> Array:
    """Rotation matrix ``R_z(phi) R_y(theta) R_z(psi)``: first psi about axis 2, then theta about axis 1, then phi.

    Every ``R`` turns counterclockwise seen from the positive end of its axis; angles in radians.

    Examples
    --------
    >>> (euler_rotation(np.pi / 2) @ [1.0, 0.0, 0.0]).round(12).tolist()
    [0.0, 1.0, 0.0]
    """

    def about_z(angle: float) -> Array:
        c, s = np.cos(angle), np.sin(angle)
        return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])

    c, s = np.cos(theta), np.sin(theta)
    about_y = np.array([[c, 0.0, s], [0.0, 1.0, 0.0], [-s, 0.0, c]])
    return about_z(phi) @ about_y @ about_z(psi)


def hermitian_box(upper: ComplexArray, dim: int) -> ComplexArray:
    """Centered box from its second half (C order, k = 0 first): ``f^(-k) = conj f^(k)``."""
    upper = upper.copy()
    upper[0] = upper[0].real
    flat = np.concatenate([upper[:0:-1].conj(), upper])
    return flat.reshape((round(len(flat) ** (1.0 / dim)),) * dim)


def hermitian_from_half(half: ComplexArray) -> ComplexArray:
    """Centered 2-D box from its half ``k_0 >= 0``, shape (K + 1, 2K + 1)."""
    cutoff = len(half) - 1
    return hermitian_box(half.ravel()[cutoff:], 2)


def cells(support: Array) -> Iterator[Array]:
    """Integer shifts l such that a box, lower and upper corner (2, d), meets the cell ``[0, 1)^d + l``."""
    low, high = support
    ranges = [
        range(math.floor(a), max(math.ceil(b), math.floor(a) + 1)) for a, b in zip(low, high, strict=True)
    ]
    for shift in itertools.product(*ranges):
        yield np.array(shift, dtype=np.float64)
