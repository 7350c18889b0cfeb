"""Integer-lattice Fourier features: their order, and the trigonometric polynomial of a weight vector.

Features, in this order (sampling theory of INRs, section II):

    gamma(x) = [sqrt2 sin(2 pi k_1.x), ..., sqrt2 sin(2 pi k_n.x), sqrt2 cos(2 pi k_1.x), ..., 1]

with ``k_1 .. k_n`` the half plane of the box ``|k|_inf <= max_frequency`` in C order. They are orthonormal on
the torus, so ``<w, gamma>`` has the L2 norm ``|w|``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.domain import half_plane, lowpass_frequencies


def lattice_frequencies(max_frequency: int, dim: int = 2) -> NDArray[np.int64]:
    """Half-plane frequencies of the box, shape ``(n, d)`` with ``n = ((2 K0 + 1)^d - 1) / 2``, C order."""
    box = lowpass_frequencies(max_frequency, dim)
    return box[half_plane(box)]


def lattice_coefficients(weights: ArrayLike, max_frequency: int, dim: int = 2) -> NDArray[np.complex128]:
    """Fourier coefficients of ``<w, gamma(x)>`` on the centered box.

    Parameters
    ----------
    weights : array, shape (P, D) or (D,)
        Weight vectors in the feature order of this module, ``D = (2 K0 + 1)^d``.
    max_frequency, dim : int
        Limit K0 of the features and the dimension d.

    Returns
    -------
    array of complex128, shape ``(P, 2 K0 + 1, ...)`` (no leading axis for a single vector)

    Examples
    --------
    >>> lattice_coefficients([0.0, 2.0**0.5, 3.0], max_frequency=1, dim=1).real.round(12).tolist()
    [1.0, 3.0, 1.0]
    """
    w = np.asarray(weights, dtype=np.float64)
    side = 2 * max_frequency + 1
    n_features = side**dim
    if w.ndim not in (1, 2) or w.shape[-1] != n_features:
        raise ValueError(
            f"weights must have shape (P, {n_features}) for max_frequency={max_frequency}, dim={dim}; got {w.shape}"
        )
    n = (n_features - 1) // 2
    flat = np.zeros((*w.shape[:-1], n_features), dtype=np.complex128)
    upper = np.flatnonzero(half_plane(lowpass_frequencies(max_frequency, dim)))
    z = (w[..., n : 2 * n] - 1j * w[..., :n]) / np.sqrt(2.0)
    flat[..., upper] = z
    flat[..., n_features - 1 - upper] = z.conj()
    flat[..., n] = w[..., -1]
    return flat.reshape(*w.shape[:-1], *[side] * dim)


def lattice_weights(coefficients: ArrayLike, dim: int = 2) -> NDArray[np.float64]:
    """Weight vectors of real trigonometric polynomials; the inverse of :func:`lattice_coefficients`.

    Raises
    ------
    ValueError
        When the box is not a cube of odd side or not Hermitian (the polynomial would not be real).
    """
    c = np.asarray(coefficients, dtype=np.complex128)
    box = c.shape[c.ndim - dim :]
    if c.ndim < dim or len(set(box)) != 1 or box[0] % 2 == 0:
        raise ValueError(f"coefficients must end in {dim} equal odd axes, got shape {c.shape}")
    flat = c.reshape(*c.shape[: c.ndim - dim], -1)
    scale = np.abs(flat).max(initial=0.0)
    if np.abs(flat - flat[..., ::-1].conj()).max(initial=0.0) > 1e-9 * max(scale, 1e-300):
        raise ValueError("coefficients are not Hermitian: c(-k) must be the conjugate of c(k)")
    n = (flat.shape[-1] - 1) // 2
    upper = np.flatnonzero(half_plane(lowpass_frequencies(box[0] // 2, dim)))
    z = flat[..., upper] * np.sqrt(2.0)
    return np.concatenate([-z.imag, z.real, flat[..., n : n + 1].real], axis=-1)
