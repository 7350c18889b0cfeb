"""Atoms on the kinks of a grid dictionary: where the activation pattern changes at a pixel.

On a grid ``phi`` is piecewise linear, and minimizers of penalized problems lie on its kinks, as those of an l1 norm
do: the atom stays orthogonal to the features ``gamma_n`` of some pixels. There the objective has one slope on each
side. A kink is kept when both slopes lead back to it, and left towards the side that descends otherwise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srinr.dictionary import Dictionary
from srinr.neuron_dictionary import NeuronDictionary
from srinr.solvers.patterns import grid_features

Vector = NDArray[np.float64]

#: Relative size of a pre-activation that counts as zero.
_ON_KINK = 1e-11
#: Relative step off a kink, only to choose the pattern on its side.
_ASIDE = 1e-8
#: Relative size of the pre-activations of a searched peak that lies on a kink.
_NEAR_KINK = 3e-5
#: Kinks of one way that are offered as places to stop.
_MAX_STOPS = 3


def pixel_slopes(dictionary: Dictionary, residual: Vector) -> Vector:
    """``p_n / N`` with ``p = F^* r``: what the pixels add to the slope of ``|r|^2 / 2`` (n_points,)."""
    if not isinstance(dictionary, NeuronDictionary):
        return np.zeros(0)
    return dictionary.dual_image(residual) / dictionary.grid.n_points


def pixels_on_kink(features: Vector, vector: Vector) -> NDArray[np.intp]:
    """Pixels at which the pre-activation is zero.

    Examples
    --------
    >>> pixels_on_kink(np.array([[1.0, 0.0], [1.0, 1.0]]), np.array([1.0, -1.0])).tolist()
    [1]
    """
    limit = _ON_KINK * np.linalg.norm(vector) * np.linalg.norm(features, axis=1)
    return np.flatnonzero(np.abs(features @ vector) <= limit)


def side_and_basis(
    features: Vector, vector: Vector, gradient_off: Vector, slopes: Vector, pixels: NDArray[np.intp]
) -> tuple[Vector, Vector]:
    """Which kinks to keep, and the pattern on the descending side of the one left.

    Parameters
    ----------
    features : array, shape (n_points, D)
        Features at the pixels.
    vector : array, shape (D,)
        Atom on the kinks of ``pixels``.
    gradient_off : array, shape (D,)
        Gradient of the objective with these pixels inactive.
    slopes : array, shape (n_points,)
        What a pixel adds to the gradient, times its features, when it becomes active.
    pixels : array of int
        Those on whose kinks the atom lies.

    Returns
    -------
    aside : array, shape (D,)
        The atom moved by almost nothing to the side whose pattern is to be used.
    basis : array, shape (D, d)
        Orthonormal basis of the directions that stay on the kinks that are kept.
    """
    rows, jumps = features[pixels], slopes[pixels]
    # Stationary: -gradient_off is a combination of the rows with weights between 0 and the jump.
    pull = -np.linalg.lstsq(rows.T, gradient_off, rcond=None)[0]
    excess = np.maximum(pull - jumps, 0.0) + np.maximum(-pull, 0.0)
    slack = 1e-9 * float(np.abs(jumps).max(initial=0.0))
    kept = np.ones(len(pixels), dtype=bool)
    on = np.zeros(len(pixels), dtype=bool)
    concave = jumps <= 0
    kept[concave] = False
    on[concave] = pull[concave] > 0.5 * jumps[concave]
    worst = int(np.argmax(np.where(concave, 0.0, excess)))
    if not concave[worst] and excess[worst] > slack:
        kept[worst] = False
        on[worst] = pull[worst] > jumps[worst]
    towards = np.linalg.lstsq(rows, np.where(on, 1.0, -1.0), rcond=None)[0]
    length = float(np.linalg.norm(towards)) or 1.0
    aside = vector + _ASIDE * float(np.linalg.norm(vector)) / length * towards
    return aside, null_space(rows[kept])


def null_space_offset(rows: Vector) -> Vector:
    """Unit direction (D,) along which all rows (n, D) grow alike, as far as there is one."""
    towards: Vector = np.asarray(np.linalg.lstsq(rows, np.ones(len(rows)), rcond=None)[0], dtype=np.float64)
    return towards / (float(np.linalg.norm(towards)) or 1.0)


def null_space(rows: Vector) -> Vector:
    """Orthonormal basis (D, d) of what is orthogonal to all rows (n, D)."""
    if not len(rows):
        return np.eye(rows.shape[1])
    _, values, right = np.linalg.svd(rows)
    rank = int(np.sum(values > 1e-10 * values[0]))
    return right[rank:].T


def stops_on_way(features: Vector, slopes: Vector, vector: Vector, target: Vector) -> list[Vector]:
    """First places on the way where a pixel changes sides against a slope: the objective may turn there.

    ``slopes`` as in :func:`side_and_basis`; the places lie on their kinks to rounding.
    """
    here, there = features @ vector, features @ target
    moving = np.abs(here) > _ON_KINK * np.linalg.norm(vector) * np.linalg.norm(features, axis=1)
    crossing = np.flatnonzero(moving & (here * there < 0) & (slopes > 0))
    times = here[crossing] / (here[crossing] - there[crossing])
    stops = []
    for index in np.argsort(times)[:_MAX_STOPS]:
        pixel = crossing[index]
        place = vector + times[index] * (target - vector)
        old = pixels_on_kink(features, vector)
        stay = old[np.abs(features[old] @ target) <= 1e-9 * np.linalg.norm(target)]
        rows = features[np.append(stay, pixel)]
        stops.append(place - np.linalg.lstsq(rows, rows @ place, rcond=None)[0])
    return stops


def snapped(dictionary: Dictionary, dual: Vector, atoms: Vector, signs: Vector) -> Vector:
    """Peaks (Q, D) of a search, brought onto the kinks they lie next to and cannot cross upwards."""
    features = grid_features(dictionary)
    if not len(features):
        return atoms
    slopes = pixel_slopes(dictionary, dual)
    lengths = np.linalg.norm(features, axis=1)
    result = atoms.copy()
    for index, (atom, sign) in enumerate(zip(atoms, signs, strict=True)):
        near = np.flatnonzero((np.abs(features @ atom) <= _NEAR_KINK * lengths) & (sign * slopes < 0))
        # More kinks than a line leaves free cannot meet in general: the closest are taken.
        near = near[np.argsort(np.abs(features[near] @ atom))][: len(atom) - 1]
        rows = features[near]
        if len(near):
            result[index] = atom - np.linalg.lstsq(rows, rows @ atom, rcond=None)[0]
    return result
