"""Smooth curves through a few hand-drawn points, and B-splines that fit them, for the brain's drawing."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.ndimage import gaussian_filter
from scipy.sparse import csr_array
from scipy.sparse.linalg import spsolve

Points = NDArray[np.float64]


def smooth_closed(points: Points, n_points: int) -> Points:
    """Sample the closed curve that interpolates ``points`` at ``n_points`` parameters, chord-length cubic."""
    closed = np.vstack([points, points[:1]])
    chord = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))])
    spline = CubicSpline(chord, closed, bc_type="periodic")
    return np.asarray(spline(np.linspace(0, chord[-1], n_points, endpoint=False)), dtype=np.float64)


def smooth_line(points: Points, parameters: NDArray[np.float64]) -> tuple[Points, Points]:
    """Positions and unit normals, at parameters in [0, 1], of the open curve that interpolates ``points``."""
    chord = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    spline = CubicSpline(chord, points)
    tangent = spline(parameters * chord[-1], 1)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1) / np.linalg.norm(
        tangent, axis=1, keepdims=True
    )
    return np.asarray(spline(parameters * chord[-1])), normal


def band(center: Points, normal: Points, half_width: NDArray[np.float64]) -> Points:
    """Outline of a band along a line."""
    offset = half_width[:, None] * normal
    return np.vstack([center + offset, (center - offset)[-2:0:-1]])


def taper(n_points: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Parameters in [0, 1], dense at both ends, and the relative width of a band with round ends there."""
    u = np.sin(np.linspace(-np.pi / 2, np.pi / 2, n_points))
    return (u + 1) / 2, (1 - np.abs(u) ** 4) ** 0.5


def spot(center: Points, radius: float, angle: float) -> Points:
    """Control points of a nearly circular quadratic B-spline, a little longer in the direction ``angle``."""
    theta = np.arange(8) * np.pi / 4
    circle = np.stack([1.16 * np.cos(theta), 0.96 * np.sin(theta)], axis=1) * radius
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return center + circle @ turn.T


def inward_normals(curve: Points) -> Points:
    """Unit normals of a dense closed curve that point to its inside."""
    tangent = np.roll(curve, -1, axis=0) - np.roll(curve, 1, axis=0)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    following = np.roll(curve, -1, axis=0)
    twice_area = np.sum(curve[:, 0] * following[:, 1] - curve[:, 1] * following[:, 0])
    return normal if twice_area > 0 else -normal


def fit_spline(curve: Points, fine: float, coarse: float) -> Points:
    """Control points of the closed uniform quadratic B-spline that fits a dense closed polyline.

    The control points are ``fine`` apart at the sharpest turns and ``coarse`` apart on straight parts.
    """
    edge = np.linalg.norm(np.roll(curve, -1, axis=0) - curve, axis=1)
    arc = np.concatenate([[0.0], np.cumsum(edge)])
    n_dense = int(np.ceil(arc[-1] / 4e-4))
    at = np.arange(n_dense) * arc[-1] / n_dense
    closed = np.vstack([curve, curve[:1]])
    dense = np.stack([np.interp(at, arc, closed[:, a]) for a in (0, 1)], axis=1)
    dense = gaussian_filter(dense, (2.0, 0), mode="wrap")
    tangent = np.roll(dense, -4, axis=0) - np.roll(dense, 4, axis=0)
    heading = tangent @ np.array([1.0, 1.0j])
    turn = np.abs(np.angle(np.roll(heading, -1) / heading))
    curvature = gaussian_filter(turn / (arc[-1] / n_dense), 8.0, mode="wrap")
    spacing = np.clip(0.65 / np.maximum(curvature, 1e-9), fine, coarse)
    density = gaussian_filter(1 / spacing, 8.0, mode="wrap")
    cumulative = np.concatenate([[0.0], np.cumsum(density)[:-1]]) * arc[-1] / n_dense
    n_control = max(6, round(np.sum(density) * arc[-1] / n_dense))
    parameter = cumulative * n_control / (np.sum(density) * arc[-1] / n_dense)
    return _least_squares(dense, parameter, n_control)


def _least_squares(dense: Points, parameter: NDArray[np.float64], n_control: int) -> Points:
    piece = np.floor(parameter).astype(int)
    t = parameter - piece
    weights = np.stack([(1 - t) ** 2 / 2, 0.5 + t * (1 - t), t**2 / 2], axis=1)
    columns = (piece[:, None] + np.array([-1, 0, 1])) % n_control
    rows = np.repeat(np.arange(len(dense)), 3)
    basis = csr_array((weights.ravel(), (rows, columns.ravel())), shape=(len(dense), n_control))
    normal = (basis.T @ basis + 1e-9 * csr_array(np.eye(n_control))).tocsc()
    return np.asarray(spsolve(normal, basis.T @ dense))
