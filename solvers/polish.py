"""From an approximate measure to an exact one: Levenberg-Marquardt on its atoms.

A balanced atom ``v_i = |a_i| w_i`` with its sign is all that matters, since ReLU neurons are positively
homogeneous: the residual ``sum_i s_i phi(v_i) - y`` has the Jacobian ``[s_i J(v_i)]``. When the number of atoms is
right, the steps converge quadratically, down to rounding.
"""

from __future__ import annotations

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy import sparse

from srinr.dictionary import Dictionary
from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.rounded_dictionary import RoundedDictionary
from srinr.solvers.kinks import null_space, pixels_on_kink
from srinr.solvers.merge import balanced, from_balanced
from srinr.solvers.patterns import grid_features
from srinr.solvers.problem import MeasureProblem

Vector = NDArray[np.float64]


def stacked_jacobian(dictionary: Dictionary | RoundedDictionary, vectors: Vector, factors: Vector) -> Vector:
    """Jacobian ``[c_1 J(v_1), ..., c_P J(v_P)]`` of the prediction, shape (m, P D); factors are signs or amplitudes."""
    rows = dictionary.jacobians(vectors).transpose(0, 2, 1) * factors[:, None, None]
    return rows.reshape(-1, rows.shape[2]).T


def polish(
    problem: MeasureProblem,
    measure: DiscreteMeasure,
    *,
    max_steps: int = 40,
    tolerance: float = 1e-15,
    keep_kinks: bool = False,
    rounded: float = 0.0,
) -> tuple[DiscreteMeasure, float]:
    """Fit the atoms to the data, the number of atoms and the signs kept.

    Parameters
    ----------
    problem : MeasureProblem
        Its data are fitted; cost and strength play no part.
    measure : DiscreteMeasure
        Start.
    max_steps : int, default 40
        Levenberg-Marquardt steps.
    tolerance : float, default 1e-15
        Relative residual at which to stop.
    keep_kinks : bool, default False
        Whether atoms on kinks of a grid dictionary stay there: minimizers of the penalized form lie on them.
    rounded : float, default 0
        Pixels over which the kinks of a grid dictionary are rounded off (:class:`srinr.RoundedDictionary`): the
        fit is then biased, but does not stop at kinks. Without effect on dictionaries of the continuum.

    Returns
    -------
    measure : DiscreteMeasure
        Unit atoms; never farther from the data than the start.
    residual : float
        Its relative residual ``|A mu - y| / |y|``, as the rounded dictionary sees it.

    Examples
    --------
    >>> from srinr import NeuronDictionary
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1)
    >>> teacher = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> problem = MeasureProblem(dictionary, dictionary.sample(teacher))
    >>> found, residual = polish(problem, DiscreteMeasure([[0.65, 0.05, 0.8]], [1.8]))
    >>> residual < 1e-13, bool(np.allclose(found.atoms, teacher.atoms))
    (True, True)
    """
    dictionary: Dictionary | RoundedDictionary = problem.dictionary
    if rounded and isinstance(problem.dictionary, NeuronDictionary):
        dictionary = RoundedDictionary(problem.dictionary, rounded)
    y = problem.data
    scale = float(np.linalg.norm(y)) or 1.0
    vectors, signs = balanced(measure)
    residual = _residual(dictionary, vectors, signs, y)
    charts = _charts(problem.dictionary, vectors, keep_kinks)
    damping, misses = 1e-3, 0
    for _ in range(max_steps):
        if not len(signs) or np.linalg.norm(residual) <= tolerance * scale or misses > 8:
            break
        jacobian = stacked_jacobian(dictionary, vectors, signs)
        normal = _Normal(jacobian if charts is None else jacobian @ charts, residual)
        while misses <= 8:
            step = normal.step(damping)
            moved = step if charts is None else charts @ step
            trial = vectors - moved.reshape(vectors.shape)
            new = _residual(dictionary, trial, signs, y)
            if np.linalg.norm(new) < np.linalg.norm(residual):
                ratio = np.linalg.norm(new) / np.linalg.norm(residual)
                vectors, residual = trial, new
                damping, misses = max(damping / (10 if ratio < 0.3 else 3), 1e-15), 0
                break
            damping, misses = 5 * max(damping, 1e-8), misses + 1
    return from_balanced(vectors, signs), float(np.linalg.norm(residual)) / scale


def _charts(dictionary: Dictionary, vectors: Vector, keep_kinks: bool) -> sparse.csr_array | None:
    """Directions in which the atoms may move, as one block-diagonal matrix; None for all."""
    if not keep_kinks or not len(vectors):
        return None
    features = grid_features(dictionary)
    return sparse.block_diag(
        [null_space(features[pixels_on_kink(features, vector)]) for vector in vectors], format="csr"
    )


def _residual(
    dictionary: Dictionary | RoundedDictionary, vectors: Vector, signs: Vector, y: Vector
) -> Vector:
    return signs @ dictionary.coefficients(vectors) - y


class _Normal:
    """The normal equations ``(J^T J + c I) x = J^T r`` in the smaller of the two dimensions, for several dampings."""

    def __init__(self, jacobian: Vector, residual: Vector) -> None:
        m, n = jacobian.shape
        self._jacobian, self._residual, self._tall = jacobian, residual, n <= m
        self._gram = jacobian.T @ jacobian if self._tall else jacobian @ jacobian.T
        self._unit = float(np.trace(self._gram)) / max(n, 1)
        if not np.isfinite(self._unit):
            # The factorization does not look.
            raise ValueError("the Jacobian of a fit must not contain NaN or infinite numbers")

    def step(self, damping: float) -> Vector:
        """The damped step; the damping is relative to the mean square column."""
        right = self._jacobian.T @ self._residual if self._tall else self._residual
        shift = max(damping, 1e-15) * self._unit or 1.0
        while True:
            shifted = self._gram.copy()
            shifted[np.diag_indices(len(shifted))] += shift
            # The routine itself: the wrappers around it cost as much as small systems do.
            _, solution, info = scipy.linalg.lapack.dposv(shifted, right, lower=True, overwrite_a=True)
            if info == 0:
                return np.asarray(solution if self._tall else self._jacobian.T @ solution)
            shift *= 100
