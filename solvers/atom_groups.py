"""Atoms as groups of a convex program: linear samples and a Euclidean norm as cost, inside an activation pattern."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srinr.dictionary import Dictionary
from srinr.weightings import FourierWeighting, StandardWeighting, Weighting, weights

Vector = NDArray[np.float64]

#: Singular values of a Jacobian below this part of the largest do not change the samples.
_RANK_TOL = 1e-10


@dataclass(frozen=True, eq=False)
class Group:
    """One atom in the convex program: ``samples = block @ u``, cost ``|u|``, vector ``v = chart @ u``.

    Attributes
    ----------
    block : array, shape (m, d)
    chart : array, shape (D, d)
    init : array, shape (d,)
        The atom's present position.
    """

    block: Vector
    chart: Vector
    init: Vector


def group_of(
    dictionary: Dictionary,
    weighting: Weighting,
    vector: Vector,
    sign: float,
    aside: Vector | None = None,
    basis: Vector | None = None,
) -> Group:
    """The group of one atom.

    Standard weight decay and modified weight decay I cost a norm within a pattern: all D weights move. For other
    weightings only the size of the atom does.

    Parameters
    ----------
    dictionary, weighting
        The dictionary, and what atoms cost.
    vector : array, shape (D,)
        Balanced atom.
    sign : float
        Its sign.
    aside : array, shape (D,), optional
        Where the pattern is taken from, for an atom on a kink.
    basis : array, shape (D, d), optional
        Orthonormal directions in which the atom may move.

    Examples
    --------
    >>> from srinr import NeuronDictionary
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1)
    >>> v = np.array([0.0, 3.0, 4.0])
    >>> group_of(dictionary, StandardWeighting(), v, 1.0).init.tolist()
    [0.0, 3.0, 4.0]
    """
    if isinstance(weighting, StandardWeighting | FourierWeighting):
        chart = np.eye(len(vector)) if basis is None else basis
        jacobian = dictionary.jacobian(vector if aside is None else aside) @ chart
        if isinstance(weighting, StandardWeighting):
            return Group(sign * jacobian, chart, chart.T @ vector)
        # |J v| = |u| with J = U S V^T and u = S V^T v.
        left, values, right = np.linalg.svd(jacobian, full_matrices=False)
        rank = int(np.sum(values > _RANK_TOL * values[0])) if values[0] > 0 else 0
        right, values = right[:rank] @ chart.T, values[:rank]
        return Group(sign * left[:, :rank], right.T / values, values * (right @ vector))
    cost = float(weights(weighting, dictionary, vector[None])[0])
    if cost <= 0:
        return Group(np.zeros((dictionary.real_samples.n_real, 0)), np.zeros((len(vector), 0)), np.zeros(0))
    block = sign * dictionary.coefficients(vector[None]).T / cost
    return Group(block, vector[:, None] / cost, np.array([cost]))
