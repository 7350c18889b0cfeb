"""Simplicial cones that cover the sphere, and bounds of correlations on each of them.

On a cone with unit edges ``u_j`` around the axis ``m``, every unit vector is ``w = sum_j t_j u_j`` with ``t_j >= 0`` and
``1 <= sum_j t_j <= 1 / c``, ``c = min_j <m, u_j>``. With ``eta = h_plus - h_minus`` (both convex and homogeneous),
``h_plus(w) <= sum_j t_j h_plus(u_j)`` and ``h_minus(w) >= <g_minus, w>`` with the gradient at ``m``, so

    eta(w) <= sum_j t_j beta_j,        beta_j = h_plus(u_j) - <g_minus, u_j>,

which is at most ``max_j beta_j / c``. Where no gate changes on the cone, ``eta`` is linear and the second bound
``eta(w) <= <g_plus - g_minus, w> + max_j (h_plus(u_j) - <g_plus, u_j>) / c`` has no error at all.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srinr.solvers.rigorous_densities import Density

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Cones:
    """A batch of simplicial cones.

    Attributes
    ----------
    edges : array, shape (B, D, D)
        Unit vectors, one a row.
    plus, minus : array, shape (B, D)
        ``h_plus`` and ``h_minus`` there.
    inherited : array, shape (B,)
        An upper bound known from the cone that this one is part of.
    """

    edges: Vector
    plus: Vector
    minus: Vector
    inherited: Vector

    def __len__(self) -> int:
        return len(self.edges)

    def select(self, index: NDArray[np.generic] | slice) -> Cones:
        """Some of the cones."""
        return Cones(self.edges[index], self.plus[index], self.minus[index], self.inherited[index])

    @property
    def axes(self) -> Vector:
        """Unit vectors (B, D) in the middle."""
        return _normalized(self.edges.sum(axis=1))


@dataclass(frozen=True, eq=False)
class ConeBounds:
    """What is known about a batch of cones.

    Attributes
    ----------
    upper : array, shape (B,)
        Proved upper bounds of ``eta``, or of ``|eta|``, rounding included.
    axes : array, shape (B, D)
    at_axes : array, shape (B,)
        Values of ``eta`` there.
    radii : array, shape (B,)
        Largest angle between axis and edges, radians.
    """

    upper: Vector
    axes: Vector
    at_axes: Vector
    radii: Vector


@dataclass(frozen=True, eq=False)
class Caps:
    """Spherical caps, in which ``eta`` is known otherwise.

    Attributes
    ----------
    centers : array, shape (S, D)
        Unit vectors.
    radii : array, shape (S,)
        Largest distance of a unit vector in the cap from its center (along the chord), at most 1.
    """

    centers: Vector
    radii: Vector

    def contains(self, points: Vector) -> NDArray[np.bool_]:
        """Which unit vectors (..., D) lie in which cap, shape (..., S)."""
        distances = np.linalg.norm(points[..., None, :] - self.centers, axis=-1)
        return np.asarray(distances <= self.radii)

    def contain_cones(self, cones: Cones) -> NDArray[np.bool_]:
        """Cones all of whose edges lie in one cap, shape (B,): then they lie in it, caps being convex."""
        return np.asarray(np.any(np.all(self.contains(cones.edges), axis=1), axis=1))


def concatenate(blocks: list[Cones]) -> Cones:
    """One batch from several."""
    return Cones(
        np.concatenate([b.edges for b in blocks]),
        np.concatenate([b.plus for b in blocks]),
        np.concatenate([b.minus for b in blocks]),
        np.concatenate([b.inherited for b in blocks]),
    )


def orthants(density: Density) -> Cones:
    """The ``2^D`` orthants: they cover everything.

    Examples
    --------
    >>> from srinr.solvers.rigorous_densities import GridDensity
    >>> len(orthants(GridDensity(np.eye(3), np.ones(3))))
    8
    """
    d = density.n_features
    signs = np.array(list(itertools.product([1.0, -1.0], repeat=d)))
    edges = signs[:, :, None] * np.eye(d)
    plus, minus = values(density, edges.reshape(-1, d))
    shape = (len(signs), d)
    return Cones(edges, plus.reshape(shape), minus.reshape(shape), np.full(len(signs), np.inf))


def values(density: Density, atoms: Vector) -> tuple[Vector, Vector]:
    """``h_plus`` and ``h_minus`` (P,) at atoms (P, D)."""
    plus, minus = density.gradients(atoms)
    return (plus * atoms).sum(axis=1), (minus * atoms).sum(axis=1)


def bound(density: Density, cones: Cones, *, two_sided: bool) -> ConeBounds:
    """Bound ``eta`` (or ``|eta|`` when ``two_sided``) on each cone.

    Examples
    --------
    >>> from srinr.solvers.rigorous_densities import GridDensity
    >>> density = GridDensity(np.eye(2), np.array([2.0, 0.0]))
    >>> bounds = bound(density, orthants(density), two_sided=False)
    >>> bool((bounds.upper >= bounds.at_axes).all()), round(float(bounds.upper.max()), 9)
    (True, 1.0)
    """
    axes = cones.axes
    cosines = (cones.edges @ axes[:, :, None])[:, :, 0].min(axis=1) - 1e-15
    plus, minus = density.gradients(axes)
    upper = _one_side(cones.edges, cones.plus, plus, minus, axes, cosines)
    if two_sided:
        lower = _one_side(cones.edges, cones.minus, minus, plus, axes, cosines)
        upper = np.maximum(upper, lower)
    upper += 2.0 * density.rounding / cosines
    at_axes = ((plus - minus) * axes).sum(axis=1)
    radii = np.arccos(np.clip(cosines, -1.0, 1.0))
    return ConeBounds(np.minimum(upper, cones.inherited), axes, at_axes, radii)


def bisected(density: Density, cones: Cones, upper: Vector) -> Cones:
    """Halve each cone at the middle of its longest edge; ``upper`` (B,) is handed down.

    Examples
    --------
    >>> from srinr.solvers.rigorous_densities import GridDensity
    >>> density = GridDensity(np.eye(2), np.ones(2))
    >>> halves = bisected(density, orthants(density), np.ones(4))
    >>> len(halves), halves.edges[0].round(3).tolist()
    (8, [[0.707, 0.707], [0.0, 1.0]])
    """
    first, second = _longest(cones.edges)
    rows = np.arange(len(cones))
    middle = _normalized(cones.edges[rows, first] + cones.edges[rows, second])
    plus, minus = values(density, middle)
    children = []
    for replaced in (first, second):
        edges, new_plus, new_minus = cones.edges.copy(), cones.plus.copy(), cones.minus.copy()
        edges[rows, replaced], new_plus[rows, replaced], new_minus[rows, replaced] = middle, plus, minus
        children.append(Cones(edges, new_plus, new_minus, upper))
    return concatenate(children)


def _one_side(
    edges: Vector, plus_at_edges: Vector, plus: Vector, minus: Vector, axes: Vector, cosines: Vector
) -> Vector:
    """The smaller of the two bounds of this module, without rounding."""
    highest = (plus_at_edges - (edges @ minus[:, :, None])[:, :, 0]).max(axis=1)
    interpolated = np.where(highest > 0, highest / cosines, highest)
    bend = (plus_at_edges - (edges @ plus[:, :, None])[:, :, 0]).max(axis=1)
    linear = _cap_maximum(plus - minus, axes, cosines)
    return np.minimum(interpolated, linear + np.maximum(bend, 0.0) / cosines)


def _cap_maximum(slopes: Vector, axes: Vector, cosines: Vector) -> Vector:
    """Largest ``<slope, w>`` over unit vectors with ``<axis, w> >= cosine``."""
    along = (slopes * axes).sum(axis=1)
    across = np.linalg.norm(slopes - along[:, None] * axes, axis=1)
    length = np.hypot(along, across)
    sines = np.sqrt(np.maximum(1.0 - cosines**2, 0.0))
    return np.where(along >= length * cosines, length, along * cosines + across * sines)


def _longest(edges: Vector) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Pair of edges with the largest angle between them, for each cone."""
    pairs = np.array(list(itertools.combinations(range(edges.shape[1]), 2)))
    gaps = np.square(edges[:, pairs[:, 0]] - edges[:, pairs[:, 1]]).sum(axis=2)
    chosen = pairs[gaps.argmax(axis=1)]
    return chosen[:, 0], chosen[:, 1]


def _normalized(vectors: Vector) -> Vector:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
