"""Which contours contain which, and the additive form of a painted picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srinr.phantoms.contours import Contour, ContourPhantom
from srinr.phantoms.pieces import Pieces, hull_points, join, positions, restricted

IntArray = NDArray[np.int64]

# Pairs of pieces that are not separated after this many halvings touch.
_DEPTH = 30
_MAX_PAIRS = 400_000


def containment(contours: Sequence[Contour]) -> NDArray[np.bool_]:
    """Whether region b lies strictly inside region a, shape (n, n), entry [a, b].

    Raises
    ------
    ValueError
        When two contours cross or touch, with their indices.

    Examples
    --------
    >>> from srinr.phantoms import ellipse_contour
    >>> discs = [ellipse_contour([0.5, x], np.eye(2) * r) for x, r in ((0.5, 0.4), (0.4, 0.1), (0.7, 0.1))]
    >>> containment(discs).astype(int).tolist()
    [[0, 1, 1], [0, 0, 0], [0, 0, 0]]
    """
    contact = find_contact(contours)
    if contact is not None:
        raise ValueError(f"contours {contact[0]} and {contact[1]} cross or touch")
    boxes = np.stack([contour.bounding_box for contour in contours])
    starts = np.stack([positions(c.pieces.take(slice(0, 1)), np.zeros(1))[0, 0] for c in contours])
    inside = np.zeros((len(contours), len(contours)), dtype=bool)
    for outer, contour in enumerate(contours):
        within = (boxes[:, 0] > boxes[outer, 0]).all(axis=1) & (boxes[:, 1] < boxes[outer, 1]).all(axis=1)
        candidates = np.flatnonzero(within)
        if len(candidates):
            levels = ContourPhantom([contour], [1.0]).unwrapped_image(starts[candidates])
            inside[outer, candidates] = levels > 0.5
    return inside


def find_contact(contours: Sequence[Contour]) -> tuple[int, int] | None:
    """Indices of two different contours that cross or touch, or None."""
    pieces = join([contour.pieces for contour in contours])
    owner = np.repeat(np.arange(len(contours)), [len(contour.pieces.kind) for contour in contours])
    first, second = _overlapping_pairs(pieces, owner)
    a, b, h = np.zeros(len(first)), np.zeros(len(first)), 1.0
    for _ in range(_DEPTH):
        if not len(first):
            return None
        if len(first) > _MAX_PAIRS:
            break
        h /= 2.0
        quarter, pattern = np.repeat(np.arange(len(first)), 4), np.tile(np.arange(4), len(first))
        a, b = a[quarter] + h * (pattern // 2), b[quarter] + h * (pattern % 2)
        first, second = first[quarter], second[quarter]
        one = hull_points(restricted(pieces.take(first), a, a + h))
        two = hull_points(restricted(pieces.take(second), b, b + h))
        apart = (one.min(axis=1) > two.max(axis=1)) | (two.min(axis=1) > one.max(axis=1))
        live = ~apart.any(axis=1)
        a, b, first, second = a[live], b[live], first[live], second[live]
    return (int(owner[first[0]]), int(owner[second[0]])) if len(first) else None


def _overlapping_pairs(pieces: Pieces, owner: IntArray) -> tuple[IntArray, IntArray]:
    """Pairs of pieces of different contours whose bounding boxes overlap."""
    hull = hull_points(pieces)
    low, high = hull.min(axis=1), hull.max(axis=1)
    after = np.searchsorted(owner, owner, side="right")
    first, second = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for i, start in enumerate(after):
        meets = (low[start:] <= high[i]).all(axis=1) & (high[start:] >= low[i]).all(axis=1)
        j = np.flatnonzero(meets) + start
        first.append(np.full(len(j), i))
        second.append(j)
    return np.concatenate(first), np.concatenate(second)


@dataclass(frozen=True)
class Painted:
    """A region as painted: its boundary, its gray level, and the shape it belongs to.

    ``level`` None marks a hole of the shape, which shows what was painted before.
    """

    contour: Contour
    level: float | None
    shape: int


def additive_phantom(regions: Sequence[Painted]) -> ContourPhantom:
    """Phantom with the values of a painted picture, in which later shapes cover earlier ones.

    Every visible region gets its gray level minus the level of the smallest region around it. Regions hidden
    under later ones and regions without contrast are left out.

    Parameters
    ----------
    regions : sequence of Painted
        In painting order; the regions of one shape follow each other. No two contours may cross or touch.

    Raises
    ------
    ValueError
        When nothing visible is left.
    """
    inside = containment([region.contour for region in regions])
    n_around = inside.sum(axis=0)
    visible: list[int] = []
    levels: dict[int, float] = {}
    for shape in dict.fromkeys(region.shape for region in regions):
        new = [index for index, region in enumerate(regions) if region.shape == shape]
        new.sort(key=lambda index: n_around[index])
        shown = {index: _level_around(index, visible, levels, inside) for index in new}
        visible = [index for index in visible if not _covered(index, new, regions, inside)]
        for index in new:
            level = regions[index].level
            levels[index] = shown[index] if level is None else level
        visible += new
    weights = {i: levels[i] - _level_around(i, visible, levels, inside) for i in visible}
    kept = sorted(i for i, weight in weights.items() if weight != 0.0)
    if not kept:
        raise ValueError("the picture shows nothing but level 0")
    return ContourPhantom([regions[i].contour for i in kept], [weights[i] for i in kept])


def _level_around(
    index: int, visible: list[int], levels: dict[int, float], inside: NDArray[np.bool_]
) -> float:
    """Level just outside a region: that of the smallest visible region around it, or 0."""
    around = [other for other in visible if inside[other, index]]
    return levels[max(around, key=lambda other: inside[:, other].sum())] if around else 0.0


def _covered(index: int, new: list[int], regions: Sequence[Painted], inside: NDArray[np.bool_]) -> bool:
    """Whether the smallest of the ``new`` regions around a region is painted, not a hole."""
    around = [other for other in new if inside[other, index]]
    return bool(around) and regions[around[-1]].level is not None
