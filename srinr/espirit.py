"""The linear algebra of ESPIRiT: from calibration data to one small matrix per position.

Uecker et al., Magn. Reson. Med. 71 (2014) 990. The maps themselves are :func:`srinr.coil_maps.espirit_maps`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srinr.domain import Grid


def patch_projection(
    box: NDArray[np.complex128], kernel_width: int, singular_threshold: float
) -> NDArray[np.complex128]:
    """Projection onto the span of all patches, shape (p, p) with p = n_coils * kernel_width^d."""
    dim = box.ndim - 1
    windows = np.lib.stride_tricks.sliding_window_view(
        box, (kernel_width,) * dim, axis=tuple(range(1, dim + 1))
    )
    # (coil, positions..., offsets...) -> (coil and offsets, positions)
    order = (0, *range(1 + dim, 1 + 2 * dim), *range(1, 1 + dim))
    patches = windows.transpose(order).reshape(len(box) * kernel_width**dim, -1)
    # Singular values by the smaller Gram matrix; those of interest are far above its rounding.
    eigenvalues, vectors = np.linalg.eigh(patches @ patches.conj().T)
    kept = vectors[:, eigenvalues > (singular_threshold**2) * eigenvalues[-1]]
    return kept @ kept.conj().T


def local_matrices(
    projection: NDArray[np.complex128], kernel_width: int, grid: Grid
) -> NDArray[np.complex128]:
    """Matrices G(x), shape (*grid.shape, n_coils, n_coils), with s(x) as eigenvector for the eigenvalue 1.

    The patch of a plane wave is u_x(c, j) = s_c(x) exp(-2 pi i j.x), j the offset inside the patch, and
    ``u_x^H P u_x / r^d = s^H G(x) s`` with G(x) a trigonometric polynomial in the differences of offsets.
    """
    r, dim = kernel_width, grid.dim
    n_coils = len(projection) // r**dim
    blocks = projection.reshape(n_coils, r**dim, n_coils, r**dim).transpose(1, 3, 0, 2)
    offsets = np.stack(np.unravel_index(np.arange(r**dim), (r,) * dim), axis=-1)
    differences = offsets[:, None] - offsets[None, :]
    sums = np.zeros((*([2 * r - 1] * dim), n_coils, n_coils), dtype=np.complex128)
    np.add.at(sums, tuple(np.moveaxis(differences + r - 1, -1, 0)), blocks)
    sums /= r**dim
    low = np.arange(1 - r, r)
    for axis, coordinates in enumerate(grid.axes):
        wave = np.exp(2j * np.pi * np.outer(coordinates, low))
        sums = np.moveaxis(np.tensordot(wave, sums, axes=(1, axis)), 0, axis)
    return sums
