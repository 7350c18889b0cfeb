"""Refit all atoms together with their activation patterns held fixed, as a group LASSO.

Inside a pattern ``phi(v) = J v``, and what an atom costs is a norm of its samples or of its weights: moving,
growing, shrinking and removing atoms is one convex program. Patterns change on the way to its solution, each
atom's at another place; a second convex program, over the sizes of atoms at several places on their ways, finds how
far each should go, and never does worse than staying.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from srinr.solvers.atom_groups import Group, group_of
from srinr.solvers.group_lasso import group_lasso
from srinr.solvers.kinks import (
    null_space_offset,
    pixel_slopes,
    pixels_on_kink,
    side_and_basis,
    stops_on_way,
)
from srinr.solvers.merge import clusters
from srinr.solvers.nonnegative import nonnegative_quadratic
from srinr.solvers.patterns import grid_features
from srinr.solvers.problem import MeasureProblem
from srinr.weightings import (
    FourierWeighting,
    StandardWeighting,
    weights,
    weights_and_gradients,
)

Vector = NDArray[np.float64]

#: Parts of the way to the solution of the gated program at which atoms are offered to the second program.
_PARTS = (1.0, 0.5, 0.2, 0.05, 0.01)
#: Part of a decrease that merging may give back.
_LOSS = 0.3
#: Closeness at which atoms are merged, as far as the objective allows.
_COSINES = (0.97, 0.99, 0.999, 1 - 1e-6)


def penalized_objective(problem: MeasureProblem, vectors: Vector, signs: Vector, strength: float) -> float:
    """``1/2 |sum_i s_i phi(v_i) - y|^2 + strength sum_i rho(v_i)``."""
    residual = signs @ problem.dictionary.coefficients(vectors) - problem.data
    cost = weights(problem.weighting, problem.dictionary, vectors)
    return 0.5 * float(residual @ residual) + strength * float(cost.sum())


def gated_refit(
    problem: MeasureProblem,
    vectors: Vector,
    signs: Vector,
    strength: float,
    *,
    n_rounds: int = 2,
    gap_tol: float = 1e-9,
) -> tuple[Vector, Vector, float]:
    """Lower the penalized objective by moving, resizing, removing and merging balanced atoms.

    Parameters
    ----------
    problem : MeasureProblem
        Its own strength plays no part.
    vectors, signs : arrays, shapes (P, D) and (P,)
        Balanced atoms; very short vectors are directions yet to be used.
    strength : float
        Positive strength of the penalty.
    n_rounds : int, default 2
        Gated programs; patterns are renewed between them.
    gap_tol : float, default 1e-9
        Relative duality gap of each.

    Returns
    -------
    vectors, signs : arrays
        The new atoms.
    objective : float
        Never higher than at the start.

    Examples
    --------
    >>> from srinr import DiscreteMeasure, NeuronDictionary
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1)
    >>> teacher = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> problem = MeasureProblem(dictionary, dictionary.sample(teacher))
    >>> vectors, signs, value = gated_refit(problem, np.array([[0.7, 0.0, 0.7]]), np.ones(1), 1e-3, n_rounds=9)
    >>> vectors.shape, value < 0.01
    ((1, 3), True)
    """
    value = penalized_objective(problem, vectors, signs, strength)
    for _ in range(n_rounds):
        if not len(signs):
            break
        kinks = _Kinks(problem, vectors, signs, strength)
        target, target_signs = gated_target(problem, kinks.groups(), signs, strength, gap_tol)
        offered, offered_signs = _way(kinks, vectors, signs, target, target_signs)
        new = resize(problem, offered, offered_signs, strength, n_present=len(signs))
        new_value = penalized_objective(problem, *new, strength)
        if not new_value < value:
            break
        decrease = value - new_value
        vectors, signs, value = _merged(problem, *new, strength, new_value, value)
        if decrease <= 1e-13 * abs(value):
            break
    return vectors, signs, value


class _Kinks:
    """Slopes of the objective at the pixels, for atoms that stop at kinks of the patterns."""

    def __init__(self, problem: MeasureProblem, vectors: Vector, signs: Vector, strength: float) -> None:
        self._problem, self._strength = problem, strength
        self._vectors, self._signs = vectors, signs
        dictionary = problem.dictionary
        self._residual = signs @ dictionary.coefficients(vectors) - problem.data
        self._slopes = pixel_slopes(dictionary, self._residual)
        self._features = grid_features(dictionary)
        self._moving = isinstance(problem.weighting, StandardWeighting | FourierWeighting)

    def groups(self) -> list[Group]:
        """One group an atom, with its pattern and its directions."""
        return [self._group(vector, sign) for vector, sign in zip(self._vectors, self._signs, strict=True)]

    def _group(self, vector: Vector, sign: float) -> Group:
        dictionary, weighting = self._problem.dictionary, self._problem.weighting
        pixels = pixels_on_kink(self._features, vector)
        if not (self._moving and len(pixels)):
            return group_of(dictionary, weighting, vector, sign)
        rows = self._features[pixels]
        aside = vector - 1e-8 * np.linalg.norm(vector) * null_space_offset(rows)
        off = sign * (dictionary.jacobian(aside).T @ self._residual)
        cost = weights_and_gradients(weighting, dictionary, aside[None])[1][0]
        side, basis = side_and_basis(
            self._features, vector, off + self._strength * cost, sign * self._slopes, pixels
        )
        return group_of(dictionary, weighting, vector, sign, side, basis)

    def stops(self, index: int, target: Vector) -> list[Vector]:
        """Kinks on the way of an atom."""
        slopes = self._signs[index] * self._slopes
        return stops_on_way(self._features, slopes, self._vectors[index], target)


def gated_target(
    problem: MeasureProblem, groups: Sequence[Group], signs: Vector, strength: float, gap_tol: float
) -> tuple[Vector, Vector]:
    """Minimizer of the convex program of these groups: vectors (zero for removed atoms) and signs."""
    result = group_lasso(
        [group.block for group in groups],
        problem.data,
        strength,
        init=[group.init for group in groups],
        gap_tol=gap_tol,
        max_rounds=4,
    )
    target = np.array([group.chart @ u for group, u in zip(groups, result.groups, strict=True)])
    # A group of one number keeps its direction; when it turns negative, the atom changes its sign instead.
    turned = np.array([len(u) == 1 and u[0] < 0 for u in result.groups])
    target[turned] *= -1
    return target, np.where(turned, -signs, signs)


def resize(
    problem: MeasureProblem,
    vectors: Vector,
    signs: Vector,
    strength: float,
    *,
    n_present: int = 0,
) -> tuple[Vector, Vector]:
    """Best sizes of atoms whose directions and signs are kept; atoms that are not needed are left out.

    The first ``n_present`` vectors are taken as the start.
    """
    cost = weights(problem.weighting, problem.dictionary, vectors)
    samples = problem.dictionary.coefficients(vectors)
    alive = (cost > 0) & samples.any(axis=1)
    vectors, signs, cost = vectors[alive], signs[alive], cost[alive]
    columns = signs[:, None] * samples[alive] / cost[:, None]
    start = np.where(np.flatnonzero(alive) < n_present, cost, 0.0)
    sizes = nonnegative_quadratic(columns @ columns.T, columns @ problem.data - strength, start)
    used = sizes > 0
    return vectors[used] * (sizes[used] / cost[used])[:, None], signs[used]


def _way(
    kinks: _Kinks, vectors: Vector, signs: Vector, target: Vector, target_signs: Vector
) -> tuple[Vector, Vector]:
    """Atoms where they are, where the gated program wants them, and between."""
    moved = target.any(axis=1) & (target_signs == signs)
    ways = [vectors, *(vectors[moved] + part * (target - vectors)[moved] for part in _PARTS)]
    kinds = [signs, *(signs[moved] for _ in _PARTS)]
    for index in np.flatnonzero(moved):
        stops = kinks.stops(int(index), target[index])
        ways.append(np.reshape(stops, (len(stops), vectors.shape[1])))
        kinds.append(np.full(len(stops), signs[index]))
    return _without_repetitions(np.concatenate(ways), np.concatenate(kinds), len(signs))


def _without_repetitions(vectors: Vector, signs: Vector, n_present: int) -> tuple[Vector, Vector]:
    """Drop offered atoms whose direction is that of an earlier one; those present stay."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(min=1e-300)
    same = (unit @ unit.T > 1 - 1e-13) & (signs[:, None] == signs)
    repeated = np.tril(same, -1).any(axis=1)
    repeated[:n_present] = False
    return vectors[~repeated], signs[~repeated]


def _merged(
    problem: MeasureProblem, vectors: Vector, signs: Vector, strength: float, value: float, limit: float
) -> tuple[Vector, Vector, float]:
    """Merge as many neighbors as the objective allows: it may lose a part of what has just been gained."""
    features = grid_features(problem.dictionary)
    for cosine in _COSINES:
        groups = clusters(vectors, signs, cosine)
        if len(groups) == len(signs):
            break
        merged = np.array([_sum_on_kinks(features, vectors[group]) for group in groups])
        kinds = signs[[int(group[0]) for group in groups]]
        new = penalized_objective(problem, merged, kinds, strength)
        if new <= value + _LOSS * (limit - value):
            return merged, kinds, new
    return vectors, signs, value


def _sum_on_kinks(features: Vector, members: Vector) -> Vector:
    """Sum of a cluster, brought onto the kinks of that member which lies on most."""
    total = members.sum(axis=0)
    if len(members) == 1:
        return total
    pixels = max((pixels_on_kink(features, member) for member in members), key=len)
    rows = features[pixels]
    return total - np.linalg.lstsq(rows, rows @ total, rcond=None)[0] if len(pixels) else total
