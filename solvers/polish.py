"""From an approximate measure to an exact one: Levenberg-Marquardt on the atoms of a reduced model.

A balanced atom ``v_i = |a_i| w_i`` with its sign is all that matters, since ReLU neurons are positively
homogeneous: the residual ``sum_i s_i phi(v_i) - y`` has the Jacobian ``[s_i J(v_i)]``. When the number of atoms is
right, the steps converge quadratically, down to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from scipy import sparse

from srinr.dictionary import Dictionary
from srinr.measures import DiscreteMeasure
from srinr.solvers.kinks import null_space, pixels_on_kink
from srinr.solvers.merge import balanced, from_balanced, merge_atoms, prune
from srinr.solvers.patterns import grid_features
from srinr.solvers.problem import MeasureProblem

Vector = NDArray[np.float64]

#: Sizes, relative to the largest, below which atoms are left out of the reduced models.
THRESHOLDS = (0.3, 0.2, 0.1, 0.05, 0.02, 0.01)


@dataclass(frozen=True)
class Polish:
    """Options of :func:`polish` and :func:`reduced_model`.

    Parameters
    ----------
    max_steps : int, default 40
        Levenberg-Marquardt steps of one fit.
    accept : float, default 1e-6
        Relative residual from which on a reduced model counts as exact; it is then fitted to rounding.
    max_atoms : int, default 12
        Larger models are not tried.
    cosine : float, default 0.9
        Closeness of the atoms that are merged before the models are built.
    """

    max_steps: int = 40
    accept: float = 1e-6
    max_atoms: int = 12
    cosine: float = 0.9


def stacked_jacobian(dictionary: Dictionary, vectors: Vector, signs: Vector) -> Vector:
    """Jacobian ``[s_1 J(v_1), ..., s_P J(v_P)]`` of the prediction, shape (m, P D)."""
    m = dictionary.real_samples.n_real
    parts = [sign * dictionary.jacobian(vector) for vector, sign in zip(vectors, signs, strict=True)]
    return np.hstack([np.zeros((m, 0)), *parts])


def polish(
    problem: MeasureProblem,
    measure: DiscreteMeasure,
    *,
    max_steps: int = 40,
    tolerance: float = 1e-15,
    keep_kinks: bool = False,
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

    Returns
    -------
    measure : DiscreteMeasure
        Unit atoms; never farther from the data than the start.
    residual : float
        Its relative residual ``|A mu - y| / |y|``.

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
    dictionary, y = problem.dictionary, problem.data
    scale = float(np.linalg.norm(y)) or 1.0
    vectors, signs = balanced(measure)
    residual = _residual(dictionary, vectors, signs, y)
    charts = _charts(dictionary, vectors, keep_kinks)
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


def reduced_model(
    problem: MeasureProblem, measure: DiscreteMeasure, options: Polish | None = None
) -> DiscreteMeasure | None:
    """Look for a small exact model in a large approximate one.

    Neighbors are merged; models of the largest atoms are fitted to the data, smallest model first, and the first
    that fits is polished to rounding and freed of superfluous atoms.

    Parameters
    ----------
    problem : MeasureProblem
        Whose data are fitted.
    measure : DiscreteMeasure
        An approximate solution.
    options : Polish, optional
        Limits.

    Returns
    -------
    DiscreteMeasure or None
        The exact model, or None when none was found.

    Examples
    --------
    >>> from srinr import NeuronDictionary
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1)
    >>> teacher = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> problem = MeasureProblem(dictionary, dictionary.sample(teacher))
    >>> rough = DiscreteMeasure([[0.7, 0.0, 0.7], [0.5, 0.1, 0.9], [0.0, 1.0, 0.0]], [1.0, 1.0, 0.05])
    >>> reduced_model(problem, rough).n_atoms
    1
    """
    limits = options or Polish()
    merged = merge_atoms(measure, limits.cosine) if measure.n_atoms else measure
    tried: set[int] = set()
    for threshold in THRESHOLDS:
        model = prune(merged, threshold)
        unknowns = model.n_atoms * measure.atoms.shape[1]
        if model.n_atoms in tried or not 0 < model.n_atoms <= limits.max_atoms:
            continue
        if unknowns > len(problem.data):
            break
        tried.add(model.n_atoms)
        fitted, residual = polish(problem, model, max_steps=limits.max_steps, tolerance=limits.accept)
        if residual <= limits.accept:
            return _cleaned(problem, fitted, limits)
    return None


def _cleaned(problem: MeasureProblem, fitted: DiscreteMeasure, limits: Polish) -> DiscreteMeasure:
    """Polish to rounding, then merge and drop what is superfluous as long as the model stays exact."""
    best, residual = polish(problem, fitted, max_steps=limits.max_steps)
    for _ in range(best.n_atoms):
        smaller = merge_atoms(prune(best, 1e-6), 0.98)
        if smaller.n_atoms == best.n_atoms and best.n_atoms > 1:
            smaller = prune(best, 1.01 * float(np.abs(best.amplitudes).min() / np.abs(best.amplitudes).max()))
        if smaller.n_atoms >= best.n_atoms:
            break
        trial, trial_residual = polish(problem, smaller, max_steps=limits.max_steps)
        if trial_residual > max(10 * residual, 1e-12):
            break
        best, residual = trial, trial_residual
    return best


def _charts(dictionary: Dictionary, vectors: Vector, keep_kinks: bool) -> sparse.csr_array | None:
    """Directions in which the atoms may move, as one block-diagonal matrix; None for all."""
    if not keep_kinks or not len(vectors):
        return None
    features = grid_features(dictionary)
    return sparse.block_diag(
        [null_space(features[pixels_on_kink(features, vector)]) for vector in vectors], format="csr"
    )


def _residual(dictionary: Dictionary, vectors: Vector, signs: Vector, y: Vector) -> Vector:
    return signs @ dictionary.coefficients(vectors) - y


class _Normal:
    """The normal equations ``(J^T J + c I) x = J^T r`` in the smaller of the two dimensions, for several dampings."""

    def __init__(self, jacobian: Vector, residual: Vector) -> None:
        m, n = jacobian.shape
        self._jacobian, self._residual, self._tall = jacobian, residual, n <= m
        self._gram = jacobian.T @ jacobian if self._tall else jacobian @ jacobian.T
        self._unit = float(np.trace(self._gram)) / max(n, 1)

    def step(self, damping: float) -> Vector:
        """The damped step; the damping is relative to the mean square column."""
        shift = max(damping, 1e-15) * self._unit or 1.0
        while True:
            try:
                shifted = self._gram.copy()
                shifted[np.diag_indices(len(shifted))] += shift
                factor = scipy.linalg.cho_factor(shifted, lower=True, overwrite_a=True)
                break
            except np.linalg.LinAlgError:
                shift *= 100
        if self._tall:
            return scipy.linalg.cho_solve(factor, self._jacobian.T @ self._residual)
        return self._jacobian.T @ scipy.linalg.cho_solve(factor, self._residual)
