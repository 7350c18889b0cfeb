"""Whether a closed contour is simple: subdivision of pairs of pieces until their hulls separate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srinr.phantoms.pieces import ARC, Pieces, hull_points, restricted

Array = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Pairs that still overlap after this many halvings (parameter 1e-9) count as touching.
_DEPTH = 30
# Around the joint of neighbors this many of the smallest intervals are left out.
_JOINT = 64
_MAX_PAIRS = 400_000


def find_self_contact(pieces: Pieces) -> tuple[int, int] | None:
    """Indices of two pieces of a closed contour that cross or touch (equal for a loop in one), or None.

    Neighbors may meet in their joint only. Contacts closer than about 1e-7 of a piece's length to the joint
    are not seen.
    """
    n = len(pieces.kind)
    loops = np.flatnonzero(_has_loop(pieces))
    if len(loops):
        return int(loops[0]), int(loops[0])
    if n == 1:
        return None
    first, second = _overlapping_boxes(pieces)
    return _subdivide(pieces, *_drop_monotone_neighbors(pieces, first, second), n)


def _has_loop(pieces: Pieces) -> NDArray[np.bool_]:
    """Whether a cubic crosses itself, or a piece runs back over itself.

    r(s) = r(t), s != t, reads c_1 + c_2 u + c_3 (u^2 - p) = 0 with u = s + t, p = s t: two linear equations.
    """
    c1, c2, c3 = np.moveaxis(pieces.polynomials[:, 1:], 1, 0)
    c23, c13, c12 = _cross(c2, c3), _cross(c1, c3), _cross(c1, c2)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        u = -c13 / c23
        p = u * u - c12 / c23
        gap = np.sqrt(u * u - 4.0 * p)
        low, high = (u - gap) / 2.0, (u + gap) / 2.0
        # A node at both ends (a closed single piece) is the joint itself.
        crossing = (gap > 1e-9) & (low > -1e-12) & (high < 1 + 1e-12) & ~((low < 1e-9) & (high > 1 - 1e-9))
    scale = np.abs(pieces.polynomials[:, 1:]).max(axis=(1, 2)) ** 2
    straight = (np.abs(c12) + np.abs(c13) + np.abs(c23)) <= 1e-14 * scale
    hull = hull_points(pieces)
    chord = hull[:, 3] - hull[:, 0]
    steps = np.einsum("nma,na->nm", np.diff(hull, axis=1), chord)
    backwards = straight & (steps.min(axis=1) < -1e-12 * (chord**2).sum(axis=1))
    return (pieces.kind != ARC) & (crossing | backwards)


def _cross(a: Array, b: Array) -> Array:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _overlapping_boxes(pieces: Pieces) -> tuple[IntArray, IntArray]:
    hull = hull_points(pieces)
    low, high = hull.min(axis=1), hull.max(axis=1)
    found = []
    for i in range(len(low) - 1):
        meets = (low[i + 1 :] <= high[i]).all(axis=1) & (high[i + 1 :] >= low[i]).all(axis=1)
        j = np.flatnonzero(meets) + i + 1
        found.append(np.stack([np.full(len(j), i), j]))
    first, second = np.concatenate(found, axis=1)
    return first, second


def _drop_monotone_neighbors(pieces: Pieces, first: IntArray, second: IntArray) -> tuple[IntArray, IntArray]:
    """Drop neighbors that advance together along one direction: they cannot meet again."""
    n = len(pieces.kind)
    if n == 2:
        return first, second
    steps = np.diff(hull_points(pieces), axis=1)
    direction = steps.sum(axis=1)
    direction = direction / np.linalg.norm(direction, axis=1, keepdims=True)
    before = np.where(second == first + 1, first, second)
    after = np.where(second == first + 1, second, first)
    neighbors = (after - before) % n == 1
    along = direction[before] + direction[after]
    advance = np.minimum(
        np.einsum("nma,na->nm", steps[before], along).min(axis=1),
        np.einsum("nma,na->nm", steps[after], along).min(axis=1),
    )
    polynomial = (pieces.kind[before] != ARC) & (pieces.kind[after] != ARC)
    keep = ~(neighbors & polynomial & (advance > 0.0))
    return first[keep], second[keep]


def _subdivide(pieces: Pieces, first: IntArray, second: IntArray, n: int) -> tuple[int, int] | None:
    # Each live pair: pieces first < second, intervals [a, a + h] and [b, b + h].
    a, b = np.zeros(len(first)), np.zeros(len(second))
    joint_after = second == first + 1
    joint_before = (first == 0) & (second == n - 1)
    h = 1.0
    for _ in range(_DEPTH):
        h /= 2.0
        quarter = np.repeat(np.arange(len(first)), 4)
        pattern = np.tile(np.arange(4), len(first))
        a, b = a[quarter] + h * (pattern // 2), b[quarter] + h * (pattern % 2)
        first, second = first[quarter], second[quarter]
        joint_after, joint_before = joint_after[quarter], joint_before[quarter]
        one = hull_points(restricted(pieces.take(first), a, a + h))
        two = hull_points(restricted(pieces.take(second), b, b + h))
        live = (one.min(axis=1) <= two.max(axis=1)).all(axis=1) & (two.min(axis=1) <= one.max(axis=1)).all(
            axis=1
        )
        margin = _JOINT * 2.0**-_DEPTH
        live &= ~(joint_after & (1.0 - a <= margin) & (b + h <= margin))
        live &= ~(joint_before & (a + h <= margin) & (1.0 - b <= margin))
        a, b, first, second = a[live], b[live], first[live], second[live]
        joint_after, joint_before = joint_after[live], joint_before[live]
        if not len(a):
            return None
        if len(a) > _MAX_PAIRS:
            break
    return int(first[0]), int(second[0])
