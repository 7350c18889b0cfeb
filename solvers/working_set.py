"""Dual constraints found so far: rows ``sign phi(w) / rho(w)``, projected off the equations at the support."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srinr.dictionary import Dictionary
from srinr.solvers.least_distance import LeastDistance, least_distance
from srinr.weightings import Weighting, weights

Vector = NDArray[np.float64]

#: Part of a row that projection leaves when there is nothing to leave.
_ROUNDING = 1e-10


class WorkingSet:
    """Constraints ``<q, a_c> <= 1 - margin g_c`` on ``q = center + z``, with z orthogonal to ``basis``.

    Grows by exchange; keeps the Gram matrix of the projected rows, so that adding n rows costs one product.

    Parameters
    ----------
    dictionary, weighting
        What the rows are computed from.
    center : array, shape (m,)
        The dual vector without constraints.
    basis : array, shape (m, r)
        Orthonormal columns that z must be orthogonal to.
    """

    def __init__(self, dictionary: Dictionary, weighting: Weighting, center: Vector, basis: Vector) -> None:
        n_features = dictionary.encoding.n_features
        self._dictionary, self._weighting = dictionary, weighting
        self._center, self._basis = center, basis
        self.atoms: Vector = np.zeros((0, n_features))
        self.signs: Vector = np.zeros(0)
        self.costs: Vector = np.zeros(0)  # rho of the atoms
        self._rows: Vector = np.zeros((0, len(center)))
        self._gram: Vector = np.zeros((0, 0))
        self._values: Vector = np.zeros(0)  # <center, a_c>
        self._clearance: Vector = np.zeros(0)  # g_c
        self._raw: Vector = np.zeros(0)

    @property
    def n_rows(self) -> int:
        """Number of constraints."""
        return len(self.signs)

    def add(self, atoms: Vector, signs: Vector, clearance: Vector) -> None:
        """Add constraints at unit directions (n, D), with signs (n,) and clearances g (n,) in [0, 1]."""
        if not len(atoms):
            return
        rho = weights(self._weighting, self._dictionary, atoms)
        rows = self._dictionary.coefficients(atoms) * (signs / rho)[:, None]
        values, sizes = rows @ self._center, np.linalg.norm(rows, axis=1)
        rows -= (rows @ self._basis) @ self._basis.T
        # The equations alone decide these; what is left of the row is rounding, and so is a value of almost 1.
        decided = np.linalg.norm(rows, axis=1) <= _ROUNDING * sizes
        rows[decided] = 0.0
        values[decided & (np.abs(values - 1.0) <= _ROUNDING * (1.0 + sizes))] = 1.0
        self._values = np.concatenate([self._values, values])
        cross = rows @ self._rows.T
        self._gram = np.block([[self._gram, cross.T], [cross, rows @ rows.T]])
        self._rows = np.concatenate([self._rows, rows])
        self.atoms = np.concatenate([self.atoms, atoms])
        self.signs = np.concatenate([self.signs, signs])
        self.costs = np.concatenate([self.costs, rho])
        self._clearance = np.concatenate([self._clearance, clearance])
        self._raw = np.concatenate([self._raw, np.zeros(len(atoms))])

    def solve(self, margin: float, min_slack: float = 0.0) -> tuple[Vector, LeastDistance]:
        """The dual vector of least distance from the center, and its multipliers.

        When the constraints contradict each other, the vector is the center's and the multipliers are the
        Farkas combination.
        """
        if not self.n_rows:
            return self._center, LeastDistance(np.zeros(0), True, np.zeros(0), 1.0, 0.0)
        bounds = 1.0 - margin * self._clearance - self._values
        result = least_distance(self._gram, bounds, self._raw, min_slack=min_slack)
        self._raw = result.raw
        if not result.feasible:
            return self._center, result
        return self._center - self._rows.T @ result.multipliers, result

    def forget(self, keep_last: int, slack: float, dual: Vector) -> None:
        """Drop constraints that hold with more than ``slack``, except the latest ``keep_last``."""
        values = self._values + self._rows @ (dual - self._center)
        keep = (self._raw > 0) | (values > 1.0 - slack)
        keep[max(0, len(keep) - keep_last) :] = True
        self.atoms, self.signs, self.costs = self.atoms[keep], self.signs[keep], self.costs[keep]
        self._rows = self._rows[keep]
        self._gram, self._values = self._gram[np.ix_(keep, keep)], self._values[keep]
        self._clearance, self._raw = self._clearance[keep], self._raw[keep]
