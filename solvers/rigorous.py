"""Proofs that a dual vector is feasible, in low dimension: branch and bound over the whole sphere of directions.

A dual vector is feasible when ``|eta(w)| <= rho(w)`` for every direction. A search can refute that, never prove it.
Here the sphere is covered by simplicial cones and ``eta`` is bounded on each (:mod:`srinr.solvers.rigorous_cones`);
cones whose bound is too large are halved. The error of the bounds falls with the square of the size of a cone, and
near the support of a non-degenerate certificate so does the need: cones in shells around a support atom shrink in
proportion to their distance from it, until the bound is within the tolerance. The number of cones grows like the
power ``D - 1`` of a constant: D = 3 takes milliseconds, D = 5 seconds, D = 25 is out of reach.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.atom_search import ratios
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.rigorous_bound import RigorousBound
from srinr.solvers.rigorous_cover import BoundStatus, CoverResult, cover_sphere
from srinr.solvers.rigorous_densities import Density, density_of
from srinr.weightings import IntegralWeighting, StandardWeighting

Vector = NDArray[np.float64]

#: The sphere starts as 2^D orthants.
_MAX_FEATURES = 12
#: Spent on a proof whose tolerance does not cover the rounding errors.
_FEW_CELLS = 100_000


def prove_dual_bound(
    problem: MeasureProblem,
    measure: DiscreteMeasure,
    dual: Vector,
    *,
    tolerance: float = 1e-8,
    max_cells: int = 5_000_000,
    time_limit: float = 120.0,
    one_sided: bool = False,
) -> RigorousBound:
    """Prove ``|<q, phi(w)>| <= (1 + tolerance) rho(w)`` for all directions, or show where it fails.

    With a NeuronDictionary the statement is about the problem on its grid, and rounding errors are bounded a
    priori. With an ExactDictionary it is about the continuum; rounding errors of polynomial roots enter through
    a budget that is generous but not itself proved. A proved bound makes ``<q, y> / (1 + tolerance)`` a lower
    bound of the minimum; uniqueness is not decided.

    Parameters
    ----------
    problem : MeasureProblem
        With standard weight decay, or the integral weighting over features without the constant one. Its dictionary
        needs few features: 3 to 5 are practical.
    measure : DiscreteMeasure
        The measure that the dual vector is a certificate of; only its gap depends on it.
    dual : array, shape (m,)
        The dual vector q.
    tolerance : float, default 1e-8
        Ratios up to ``1 + tolerance`` are let pass. It must be several times ``rounding`` of the result.
    max_cells : int, default 5 000 000
        Cones to bound at most.
    time_limit : float, default 120
        Seconds.
    one_sided : bool, default False
        Prove ``eta <= (1 + tolerance) rho`` only, for problems over non-negative measures.

    Returns
    -------
    RigorousBound
        Never PROVED for an infeasible dual vector.

    Raises
    ------
    ValueError
        Wrong shapes or limits, too many features, features with a constant for the integral weighting.
    TypeError
        Other weightings or dictionaries.

    Examples
    --------
    >>> from srinr import NeuronDictionary
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=1, n_grid=32)
    >>> teacher = DiscreteMeasure([[0.0, 0.6, 0.8]], [1.0])
    >>> problem = MeasureProblem(dictionary, dictionary.sample(teacher))
    >>> phi = problem.data / np.linalg.norm(problem.data)
    >>> prove_dual_bound(problem, teacher, phi).proved  # |phi| = 1, and neurons have norm 1 at most
    True
    >>> prove_dual_bound(problem, teacher, 2 * phi).status.name
    'VIOLATED'
    """
    q = _checked(problem, dual, tolerance, max_cells, time_limit)
    start = time.perf_counter()
    limits = _Limits(tolerance, max_cells, time_limit)
    cover = _cover_integral if isinstance(problem.weighting, IntegralWeighting) else _cover_standard
    result, rounding = cover(problem, q, limits, one_sided)
    dual_bound = problem.dual_bound(q, result.upper) if np.isfinite(result.upper) else -np.inf
    objective = problem.objective(measure)
    return RigorousBound(
        status=result.status,
        upper=result.upper,
        lower=result.lower,
        argmax=result.argmax,
        location=result.location,
        n_cells=result.n_cells,
        smallest_radius=result.smallest_radius,
        rounding=rounding,
        tolerance=tolerance,
        one_sided=one_sided,
        domain=problem.dictionary.description,
        dual_bound=dual_bound,
        relative_gap=(objective - dual_bound) / objective if objective > 0 else np.inf,
        relative_residual=problem.relative_residual(measure),
        seconds=time.perf_counter() - start,
    )


def _checked(
    problem: MeasureProblem, dual: Vector, tolerance: float, max_cells: int, time_limit: float
) -> Vector:
    q = np.asarray(dual, dtype=np.float64)
    if q.shape != problem.data.shape or not np.isfinite(q).all():
        raise ValueError(f"dual must be a finite vector of shape {problem.data.shape}, got {q.shape}")
    if not (tolerance > 0 and max_cells >= 1 and time_limit > 0):
        raise ValueError(
            f"tolerance, max_cells and time_limit must be positive; got {tolerance}, {max_cells}, {time_limit}"
        )
    encoding = problem.dictionary.encoding
    if encoding.n_features > _MAX_FEATURES:
        raise ValueError(
            f"proofs cover a sphere in {encoding.n_features} dimensions, at most {_MAX_FEATURES} are allowed "
            "(and 5 are practical); use a searched certificate"
        )
    if isinstance(problem.weighting, IntegralWeighting):
        if getattr(encoding, "constant", True):
            raise ValueError(
                "the integral weighting of features with a constant has neurons of arbitrarily small cost, which "
                "no covering settles; use features without the constant, e.g. FourierFeatures(k, constant=False)"
            )
    elif not isinstance(problem.weighting, StandardWeighting):
        raise TypeError(
            "bounds are proved for StandardWeighting and IntegralWeighting, got "
            f"{type(problem.weighting).__name__}"
        )
    return q


@dataclass(frozen=True)
class _Limits:
    tolerance: float
    max_cells: int
    time_limit: float


def _cover_standard(
    problem: MeasureProblem, q: Vector, limits: _Limits, one_sided: bool
) -> tuple[CoverResult, float]:
    """``rho = 1`` on the sphere: the ratio is ``eta`` itself."""
    density = density_of(problem.dictionary, q)
    return _cover(density, 1.0 + limits.tolerance, not one_sided, limits), density.rounding


def _cover_integral(
    problem: MeasureProblem, q: Vector, limits: _Limits, one_sided: bool
) -> tuple[CoverResult, float]:
    """``eta <= (1 + tolerance) rho`` says that the density ``p - (1 + tolerance)`` correlates positively with none."""
    target = 1.0 + limits.tolerance
    rounding, n_cells, smallest = 0.0, 0, np.inf
    for sign in (1.0,) if one_sided else (1.0, -1.0):
        density = density_of(problem.dictionary, q, scale=sign, offset=-target)
        rounding = max(rounding, density.rounding)
        left = _Limits(
            limits.tolerance, max(limits.max_cells - n_cells, 1), limits.time_limit / (2 - one_sided)
        )
        result = _cover(density, 0.0, False, left)
        n_cells, smallest = n_cells + result.n_cells, min(smallest, result.smallest_radius)
        if result.status is not BoundStatus.PROVED:
            break
    met = ratios(problem.dictionary, problem.weighting, q, result.argmax[None])
    proved = result.status is BoundStatus.PROVED
    ratio = replace(
        result,
        upper=target if proved else np.inf,
        lower=float(abs(met[0])),
        n_cells=n_cells,
        smallest_radius=smallest,
    )
    return ratio, rounding


def _cover(density: Density, level: float, two_sided: bool, limits: _Limits) -> CoverResult:
    # Cones at the support cannot be settled then; others may refute, or settle everything.
    hopeless = 4 * density.rounding > limits.tolerance
    result = cover_sphere(
        density,
        level,
        two_sided=two_sided,
        max_cells=min(limits.max_cells, _FEW_CELLS) if hopeless else limits.max_cells,
        time_limit=limits.time_limit,
    )
    if hopeless and result.status in (BoundStatus.CELL_LIMIT, BoundStatus.TIME_LIMIT):
        return replace(result, status=BoundStatus.ROUNDING)
    return result
