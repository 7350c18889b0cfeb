"""Checks of the numbers and arrays that analyses of tangent kernels are given."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray


def number_array(values: object, name: str) -> NDArray[Any]:
    """Numbers, real or complex, as an array; strings, objects and ragged lists are refused."""
    try:
        if isinstance(values, torch.Tensor):
            values = values.detach().cpu().resolve_conj()
        array = np.asarray(values)
        if array.dtype.kind not in "buifc":
            raise TypeError(f"values of type {array.dtype}")
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} must be numbers, got {type(values).__name__} ({error})") from error
    return array


def real_array(values: object, name: str) -> NDArray[np.float64]:
    """Real numbers as a float64 array, not copied when it is one already."""
    array = number_array(values, name)
    if array.dtype.kind == "c":
        raise ValueError(f"{name} must be real, got complex numbers: pass real and imaginary parts apart")
    return np.asarray(array, dtype=np.float64)


def real_number(value: object, name: str) -> float:
    """One real number, not a truth value."""
    array = value if isinstance(value, list | tuple) else np.asarray(value)
    if not isinstance(array, np.ndarray) or array.ndim or array.dtype.kind not in "uif":
        raise TypeError(f"{name}: expected one real number, got {value!r}")
    return float(array)


def whole_number(value: Any, name: str) -> int:
    """An int, not a truth value nor a float."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"{name}: expected a whole number (int), got {value!r}")
    return operator.index(value)


def checked_points(points: ArrayLike, name: str = "points") -> NDArray[np.float64]:
    """Points as a contiguous float64 array (n, d), n >= 1, finite."""
    x = np.array(real_array(points, name), order="C")
    if x.ndim != 2 or x.shape[0] < 1 or x.shape[1] < 1:
        raise ValueError(f"{name} must have shape (n, d) with n >= 1, in fields of view, got {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError(f"{name} contains NaN or infinite entries")
    return x


def checked_limit(memory_limit: float) -> int:
    """A memory limit in bytes, positive and finite."""
    limit = real_number(memory_limit, "memory_limit")
    if not 1 <= limit < float("inf"):
        raise ValueError(f"memory_limit must be a positive, finite number of bytes, got {memory_limit!r}")
    return int(limit)
