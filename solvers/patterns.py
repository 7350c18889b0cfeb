"""Activation patterns on a grid: inside one of them the samples of a neuron are linear in its direction."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.dictionary import Dictionary
from srinr.neuron_dictionary import NeuronDictionary
from srinr.solvers.problem import MeasureProblem
from srinr.weightings import StandardWeighting

Vector = NDArray[np.float64]

#: Pixels whose value is smaller, relative to atom and features, lie on the boundary of the atom's pattern.
_TIGHT = 1e-6
#: Numbers of pixels on which small bumps are active.
_BUMP_SIZES = (1, 2, 3, 5)


def grid_features(dictionary: Dictionary) -> Vector:
    """Features at the pixels (n_points, D); no rows for a dictionary without a grid."""
    if not isinstance(dictionary, NeuronDictionary):
        return np.zeros((0, dictionary.encoding.n_features))
    return dictionary.features(torch.float64).cpu().numpy()


def pattern_facets(features: Vector, atom: Vector, radius: float, max_facets: int) -> Vector | None:
    """Rows that keep directions within reach of the atom in its pattern; None when they are too many."""
    if not len(features):
        return None
    values = features @ atom
    lengths = np.linalg.norm(features, axis=1)
    near = np.abs(values) <= lengths * (np.sin(np.arctan(radius)) + 1e-12)
    if np.count_nonzero(near) > max_facets:
        return None
    side = np.where(values[near] > 0, 1.0, -1.0)
    return features[near] * side[:, None]


def neighbors_across(features: Vector, atoms: Vector, reach: float) -> Vector:
    """Directions just inside and just across the pattern boundaries that unit atoms (P, D) touch.

    For each touching atom: inside its pattern, across all touched pixels, and across each single one; moved by
    ``reach`` at most. Without a grid, or with ``reach=0``, there are none.
    """
    found: list[Vector] = []
    if not len(features) or not reach:
        return np.zeros((0, atoms.shape[1]))
    for atom in atoms:
        values = features @ atom
        tight = np.abs(values) <= _TIGHT * np.linalg.norm(features, axis=1)
        if not 0 < np.count_nonzero(tight) < 4 * len(atom):
            continue
        side = np.where(values[tight] > 0, 1.0, -1.0)
        targets = [side, -side]
        targets += [np.where(np.arange(len(side)) == flipped, -side, side) for flipped in range(len(side))]
        for target in targets:
            push = np.linalg.lstsq(features[tight], target, rcond=None)[0]
            change = np.abs(features[~tight] @ push)
            room = np.abs(values[~tight]) / np.maximum(change, np.finfo(float).tiny)
            size = min(0.5 * room.min(initial=1.0), reach / float(np.linalg.norm(push)))
            found.append(atom + size * push)
    return np.array(found).reshape(-1, atoms.shape[1])


def small_bumps(problem: MeasureProblem, dual: Vector, n_centers: int) -> Vector:
    """Neurons active on one to five pixels, where the dual image is largest: random searches miss them.

    Under the modified weightings such neurons are as cheap as any other; under standard weight decay they are
    dear, and none are returned, nor for features without the constant.
    """
    features = grid_features(problem.dictionary)
    no_bumps = np.zeros((0, problem.dictionary.encoding.n_features))
    if (
        not len(features)
        or isinstance(problem.weighting, StandardWeighting)
        or not isinstance(problem.dictionary, NeuronDictionary)
        or not getattr(problem.dictionary.encoding, "constant", False)
    ):
        return no_bumps
    highest = np.argsort(-np.abs(problem.dictionary.dual_image(dual)))[:n_centers]
    following = (highest + 1) % len(features)
    found = [no_bumps]
    # Centered on a pixel, and between two pixels.
    for centers in (features[highest], 0.5 * (features[highest] + features[following])):
        values = -np.sort(-(centers @ features.T), axis=1)
        for size in _BUMP_SIZES:
            bumps = centers.copy()
            bumps[:, -1] -= 0.5 * (values[:, size - 1] + values[:, size])
            found.append(bumps)
    bumps = np.concatenate(found)
    return bumps / np.linalg.norm(bumps, axis=1, keepdims=True)
