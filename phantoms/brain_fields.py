"""Masks and distance fields on a fine pixel grid, for the drawing of the brain phantom.

All points are rows ``(i, j)`` in fields of view about the center of the field of view, ``i`` downwards.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, gaussian_filter, label

Points = NDArray[np.float64]
Mask = NDArray[np.bool_]

RESOLUTION = 2000  # pixels per field of view


def fill(curve: Points) -> Mask:
    """Mask of the pixels whose centers a polygon encloses."""
    from skimage.draw import polygon

    mask = np.zeros((RESOLUTION, RESOLUTION), dtype=bool)
    pixels = (curve + 0.5) * RESOLUTION
    rows, columns = polygon(pixels[:, 0], pixels[:, 1], mask.shape)
    mask[rows, columns] = True
    return mask


def signed_distance(mask: Mask) -> NDArray[np.float64]:
    """Distance to the border of a mask in fields of view, positive inside."""
    inside = distance_transform_edt(mask) - distance_transform_edt(~mask)
    return np.asarray(gaussian_filter(inside, 1.5) / RESOLUTION, dtype=np.float64)


def look_up(field: NDArray[np.float64], points: Points) -> NDArray[np.float64]:
    """Values of a pixel field at points, nearest pixel."""
    index = np.clip(np.rint((points + 0.5) * RESOLUTION).astype(int), 0, RESOLUTION - 1)
    return np.asarray(field[index[..., 0], index[..., 1]])


def distance_to_lines(lines: list[Points], half_widths: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Distance to the nearest swath: distance to the nearest line point minus the half-width there."""
    marks = np.zeros((RESOLUTION, RESOLUTION))
    for line, width in zip(lines, half_widths, strict=True):
        fine = np.linspace(0, 1, 40 * len(line))
        at = np.linspace(0, 1, len(line))
        dense = np.stack([np.interp(fine, at, line[:, 0]), np.interp(fine, at, line[:, 1])], axis=1)
        index = np.rint((dense + 0.5) * RESOLUTION).astype(int)
        marks[index[:, 0], index[:, 1]] = np.interp(fine, at, width)
    distance, nearest = distance_transform_edt(marks == 0, return_indices=True)
    return np.asarray(distance / RESOLUTION - marks[nearest[0], nearest[1]])


def largest_component(mask: Mask) -> Mask:
    """Keep the largest 4-connected component and fill its holes."""
    labels, _ = label(mask)
    keep = labels == np.argmax(np.bincount(labels.ravel())[1:]) + 1
    outside, _ = label(~keep)
    return np.asarray(outside != outside[0, 0])


def bridged(mask: Mask, clearance: NDArray[np.float64], half_width: float, least_area: float) -> Mask:
    """Join the parts of a mask to its largest part by bands along the paths of greatest clearance.

    Parts smaller than ``least_area`` (FOV squared) are dropped instead.
    """
    from skimage.graph import MCP_Geometric

    coarse = slice(None, None, 4)
    cost = 1.0 / np.clip(clearance[coarse, coarse], 1e-4, None) ** 2
    joined = largest_component(mask)
    parts, n_parts = label(mask & ~joined)
    areas = np.bincount(parts.ravel(), minlength=n_parts + 1)[1:] / RESOLUTION**2
    for part in np.argsort(-areas):
        if areas[part] < least_area:
            break
        piece = parts == part + 1
        search = MCP_Geometric(cost)
        costs, _ = search.find_costs(np.argwhere(joined[coarse, coarse]))
        ends = np.argwhere(piece[coarse, coarse])
        path = np.array(search.traceback(ends[np.argmin(costs[tuple(ends.T)])])) * 4
        off_path = np.ones(mask.shape, dtype=bool)
        off_path[path[:, 0], path[:, 1]] = False
        joined |= piece | (distance_transform_edt(off_path) < half_width * RESOLUTION)
    return joined


def rounded(mask: Mask, convex: float, concave: float) -> Mask:
    """Opening by a disc of radius ``convex``, then closing by one of radius ``concave``."""
    eroded_away = distance_transform_edt(mask) <= convex * RESOLUTION
    opened = distance_transform_edt(eroded_away) <= convex * RESOLUTION
    if concave == 0:
        return np.asarray(opened)
    grown = distance_transform_edt(~opened) <= concave * RESOLUTION
    return np.asarray(distance_transform_edt(grown) > concave * RESOLUTION)


def outline(field: NDArray[np.float64], level: float = 0.0) -> Points:
    """Longest closed level line of a field, as a polyline without the repeated end point."""
    from skimage.measure import find_contours

    line = max(find_contours(gaussian_filter(field, 2.0), level), key=len)
    return np.asarray(line[:-1] / RESOLUTION - 0.5, dtype=np.float64)
