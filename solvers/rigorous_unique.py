"""Proof that a measure is the only minimizer of its problem on a grid, in low dimension.

On a grid ``eta`` is linear around a support atom ``v_i``, as long as no gate changes: there ``eta(w) = sign_i <v_i, w>``,
which reaches 1 at ``v_i`` only. Everywhere else ``|eta| < 1`` is proved with a margin, by the covering of
:mod:`srinr.solvers.rigorous_cover`. The margin also pays for the rounding errors of the dual vector: the nearest one
that is stationary exactly differs from it by ``defect / sigma_min``, with the smallest singular value of the
stationarity equations. So an exact certificate exists, and the measure is the only minimizer for the data it has.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.rigorous_cones import Caps
from srinr.solvers.rigorous_cover import BoundStatus, CoverResult, cover_sphere
from srinr.solvers.rigorous_densities import density_of
from srinr.weightings import StandardWeighting

Vector = NDArray[np.float64]

#: Gates whose pre-activation is closer to 0 than this (relative to the features) are not decided.
_MIN_RADIUS = 1e-10
#: Rounding errors of the stationarity equations, relative to their size.
_RELATIVE_ERROR = 1e-13


@dataclass(frozen=True, eq=False)
class UniquenessProof:
    """Whether a measure was proved to be the only minimizer.

    Attributes
    ----------
    proved : bool
    margin : float
        ``|eta| <= 1 - margin`` was asked for outside the caps around the support.
    radii : array, shape (S,)
        Radii of those caps (chords).
    sigma_min : float
        Smallest singular value of the stationarity equations.
    defect : float
        By how much the dual vector misses them.
    n_cells : int
    message : str
    seconds : float
    """

    proved: bool
    margin: float
    radii: Vector
    sigma_min: float
    defect: float
    n_cells: int
    message: str
    seconds: float


def prove_uniqueness(
    problem: MeasureProblem,
    measure: DiscreteMeasure,
    dual: Vector,
    *,
    max_cells: int = 5_000_000,
    time_limit: float = 120.0,
) -> UniquenessProof:
    """Prove that a measure is the only minimizer of the equality form for the data ``A mu``, on the grid.

    Parameters
    ----------
    problem : MeasureProblem
        Equality form, standard weight decay, a NeuronDictionary of few features.
    measure : DiscreteMeasure
        Atoms in different directions; its own data are meant, so that ``problem.relative_residual(measure)``
        is for the caller to look at.
    dual : array, shape (m,)
        A certificate to rounding: ``J(w_i)^T q = sign_i w_i / |w_i|``.
    max_cells : int, default 5 000 000
        Cones to bound at most.
    time_limit : float, default 120
        Seconds.

    Returns
    -------
    UniquenessProof
        Never proved for a dual vector that reaches 1 elsewhere.

    Raises
    ------
    ValueError
        A penalized problem, or a measure without atoms.
    TypeError
        Other weightings or dictionaries.

    Examples
    --------
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1, n_grid=32)
    >>> teacher = DiscreteMeasure([[0.2, 0.7, 0.3]], [1.0])
    >>> problem = MeasureProblem(dictionary, dictionary.sample(teacher))
    >>> direction = teacher.normalized().atoms[0]
    >>> dual = np.linalg.lstsq(dictionary.jacobian(direction).T, direction)[0]
    >>> prove_uniqueness(problem, teacher, dual).proved
    True
    """
    start = time.perf_counter()
    dictionary = _checked(problem)
    q = np.asarray(dual, dtype=np.float64)
    kept = measure.normalized()
    atoms, signs = kept.atoms[kept.amplitudes != 0], np.sign(kept.amplitudes[kept.amplitudes != 0])
    if not len(atoms):
        raise ValueError("the measure has no atoms: for zero data it is the only minimizer anyway")
    density = density_of(dictionary, q)
    sigma_min, defect = _stationarity(dictionary, atoms, signs, q)
    radii = _activation_radii(dictionary, atoms)
    correction = defect / sigma_min if sigma_min > 0 else np.inf
    margin = 4.0 * density.rounding + 2.0 * dictionary.lipschitz * correction

    def result(proved: bool, message: str, n_cells: int = 0) -> UniquenessProof:
        seconds = time.perf_counter() - start
        return UniquenessProof(proved, margin, radii, sigma_min, defect, n_cells, message, seconds)

    if radii.min() < _MIN_RADIUS:
        return result(
            False, "a neuron of the support vanishes at a grid point: its derivative is not defined"
        )
    if not margin < 0.25 * float(radii.min()) ** 2:
        return result(
            False, f"the dual vector is not stationary to rounding: defect {defect:.2g}, margin {margin:.2g}"
        )
    covered = cover_sphere(
        density,
        1.0 - margin,
        two_sided=True,
        max_cells=max_cells,
        time_limit=time_limit,
        caps=Caps(atoms, 0.999 * radii),
    )
    return result(covered.status is BoundStatus.PROVED, _message(covered, margin), covered.n_cells)


def _checked(problem: MeasureProblem) -> NeuronDictionary:
    if not isinstance(problem.weighting, StandardWeighting):
        raise TypeError(f"uniqueness is proved for StandardWeighting, got {type(problem.weighting).__name__}")
    if not isinstance(problem.dictionary, NeuronDictionary):
        raise TypeError(
            "uniqueness is proved on grids (NeuronDictionary), where eta is linear around the support; got "
            f"{type(problem.dictionary).__name__}"
        )
    if problem.strength:
        raise ValueError(f"uniqueness is proved for the equality form, got strength={problem.strength}")
    return problem.dictionary


def _stationarity(
    dictionary: NeuronDictionary, atoms: Vector, signs: Vector, q: Vector
) -> tuple[float, float]:
    """Smallest singular value (less its error) of the equations ``J(v_i)^T q = sign_i v_i``, and the defect of q."""
    rows = np.concatenate([dictionary.jacobian(atom).T for atom in atoms])
    defect = float(np.linalg.norm(rows @ q - (signs[:, None] * atoms).reshape(-1)))
    if rows.shape[0] > rows.shape[1]:
        return 0.0, defect
    singular = np.linalg.svd(rows, compute_uv=False)
    error = _RELATIVE_ERROR * singular[0]
    return float(max(singular[-1] - error, 0.0)), defect + error * float(np.linalg.norm(q))


def _activation_radii(dictionary: NeuronDictionary, atoms: Vector) -> Vector:
    """Distances up to which no gate of an atom changes; at most 1."""
    features = dictionary._features64.cpu().numpy()
    hidden = np.abs(features @ atoms.T) / np.linalg.norm(features, axis=1)[:, None]
    return np.minimum(hidden.min(axis=0), 1.0)


def _message(covered: CoverResult, margin: float) -> str:
    if covered.status is BoundStatus.PROVED:
        return (
            f"proved: |eta| <= 1 - {margin:.2g} outside the caps around the support, {covered.n_cells} cones"
        )
    if covered.status is BoundStatus.VIOLATED:
        return f"not a strict certificate: |eta| = {covered.lower:.12g} away from the support"
    return f"undecided after {covered.n_cells} cones"
