"""Smaller measures out of larger ones: balanced vectors, merging of neighbors, pruning of small atoms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure

Vector = NDArray[np.float64]


def balanced(measure: DiscreteMeasure) -> tuple[Vector, Vector]:
    """Vectors ``v_i = |a_i| w_i`` (P, D) and signs (P,); they say all, since a ReLU is positively homogeneous.

    Atoms that vanish are left out.

    Examples
    --------
    >>> vectors, signs = balanced(DiscreteMeasure([[3.0, 4.0], [1.0, 0.0]], [-2.0, 0.0]))
    >>> vectors.tolist(), signs.tolist()
    ([[6.0, 8.0]], [-1.0])
    """
    vectors = np.abs(measure.amplitudes)[:, None] * measure.atoms
    keep = vectors.any(axis=1)
    return vectors[keep], np.sign(measure.amplitudes[keep])


def from_balanced(vectors: Vector, signs: Vector) -> DiscreteMeasure:
    """Measure of unit atoms whose amplitudes are ``signs * |vectors|``; zero vectors are left out.

    Examples
    --------
    >>> measure = from_balanced(np.array([[6.0, 8.0], [0.0, 0.0]]), np.array([-1.0, 1.0]))
    >>> measure.amplitudes.tolist(), measure.n_atoms
    ([-10.0], 1)
    """
    return DiscreteMeasure(vectors, signs).normalized()


def merge_atoms(measure: DiscreteMeasure, cosine: float = 0.97) -> DiscreteMeasure:
    """Merge atoms of equal sign whose directions are close, greedily from the largest on.

    Parameters
    ----------
    measure : DiscreteMeasure
        What to simplify.
    cosine : float, default 0.97
        Least cosine between the largest atom of a cluster and its members.

    Returns
    -------
    DiscreteMeasure
        Unit atoms, largest first; the vectors ``|a_i| w_i`` of a cluster are added.

    Raises
    ------
    ValueError
        For a cosine outside (0, 1].

    Examples
    --------
    >>> merged = merge_atoms(DiscreteMeasure([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]], [2.0, 1.0, 1.0]))
    >>> merged.n_atoms
    2
    """
    vectors, signs = balanced(measure)
    groups = clusters(vectors, signs, cosine)
    merged = np.reshape([vectors[group].sum(axis=0) for group in groups], (len(groups), vectors.shape[1]))
    return _sorted(from_balanced(merged, signs[[int(group[0]) for group in groups]]))


def clusters(vectors: Vector, signs: Vector, cosine: float) -> list[NDArray[np.intp]]:
    """Indices of balanced atoms of equal sign and close direction, greedily, the largest of each first."""
    if not 0 < cosine <= 1:
        raise ValueError(f"cosine must lie in (0, 1], got {cosine!r}")
    sizes = np.linalg.norm(vectors, axis=1)
    unit = vectors / sizes[:, None]
    left = np.argsort(-sizes, kind="stable")
    found = []
    while len(left):
        same = (unit[left] @ unit[left[0]] >= cosine) & (signs[left] == signs[left[0]])
        # The first belongs to its own cluster, whatever the rounding of its cosine.
        same[0] = True
        found.append(left[same])
        left = left[~same]
    return found


def prune(measure: DiscreteMeasure, threshold: float) -> DiscreteMeasure:
    """Drop the atoms whose size ``|a_i| |w_i|`` is below ``threshold`` times the largest, and those of size zero.

    Examples
    --------
    >>> prune(DiscreteMeasure([[1.0], [1.0], [1.0]], [5.0, 0.1, 0.0]), 0.1).n_atoms
    1
    """
    vectors, signs = balanced(measure)
    sizes = np.linalg.norm(vectors, axis=1)
    keep = sizes >= threshold * sizes.max(initial=0.0)
    return from_balanced(vectors[keep], signs[keep])


def _sorted(measure: DiscreteMeasure) -> DiscreteMeasure:
    order = np.argsort(-np.abs(measure.amplitudes), kind="stable")
    return DiscreteMeasure(measure.atoms[order], measure.amplitudes[order])
