"""Checks of arguments at the public door of the phantoms; every message says what was expected and what came."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

# A shape may overlap the border of the cell by this much (rounding) and still count as lying inside.
_BORDER_SLACK = 1e-12


def checked_rows(values: ArrayLike, dim: int, name: str) -> Array:
    """Return float64 rows of shape (n, dim), or explain what is wrong with them."""
    array = np.asarray(values)
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must be real numbers, got dtype {array.dtype}")
    if array.ndim != 2 or array.shape[1] != dim:
        hint = f"; reshape to (-1, {dim})" if array.shape == (dim,) else ""
        raise ValueError(f"{name} must have shape (n, {dim}), got {array.shape}{hint}")
    array = array.astype(np.float64)
    if not np.isfinite(array).all():
        raise ValueError(f"{name} contain {int((~np.isfinite(array)).sum())} NaN or infinite entries")
    return array


def checked_vector(values: ArrayLike, dim: int, name: str) -> Array:
    """Return a finite, read-only float64 vector of length ``dim``."""
    array = np.array(values, dtype=np.float64)
    if array.shape != (dim,) or not np.isfinite(array).all():
        raise ValueError(f"{name} must be {dim} finite numbers, got {values!r}")
    array.setflags(write=False)
    return array


def checked_matrix(values: ArrayLike, dim: int, name: str = "matrix") -> Array:
    """Return a read-only invertible float64 matrix of shape (dim, dim)."""
    array = np.array(values, dtype=np.float64)
    if array.shape != (dim, dim) or not np.isfinite(array).all():
        raise ValueError(f"{name} must be a finite {dim} x {dim} matrix, got shape {array.shape}")
    if np.linalg.cond(array) > 1e12:
        raise ValueError(f"{name} is singular (or nearly so): {array.tolist()}")
    array.setflags(write=False)
    return array


def check_inside(support: Array) -> None:
    """Refuse a support (2, d) that crosses the border of the cell."""
    low, high = support
    if (low < -_BORDER_SLACK).any() or (high > 1 + _BORDER_SLACK).any():
        raise ValueError(
            "coefficients at non-integer frequencies need a phantom inside the cell [0, 1]^d, but its support "
            f"reaches from {low.tolist()} to {high.tolist()}; move or shrink it, or use integer frequencies"
        )


def checked_amplitude(value: float) -> float:
    """Return a finite float."""
    if not isinstance(value, int | float | np.integer | np.floating) or not math.isfinite(value):
        raise ValueError(f"amplitude must be a finite real number, got {value!r}")
    return float(value)


def checked_tolerance(tol: float) -> float:
    """Return a tolerance between 1e-15 and 1, or explain."""
    if not (isinstance(tol, int | float | np.floating) and 1e-15 <= tol < 1):
        raise ValueError(f"tol must lie in [1e-15, 1), got {tol!r}; it is relative to amplitude x area")
    return float(tol)
