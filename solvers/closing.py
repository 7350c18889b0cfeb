"""Close the duality gap of an exactly feasible measure: a dual vector from its support."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.exchange import CertifyOptions, Ending, Limits, exchange
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.support import support_equations

Vector = NDArray[np.float64]
logger = logging.getLogger(__name__)

#: Errors of the equations at the support below this are rounding.
_STATIONARY = 1e-8


@dataclass(frozen=True, eq=False)
class ClosingDual:
    """A dual vector for a feasible measure.

    Attributes
    ----------
    dual : array, shape (m,)
    max_ratio : float
        Largest ``|eta| / rho`` that its searches found.
    n_searches : int
    """

    dual: Vector
    max_ratio: float
    n_searches: int


def closing_options() -> CertifyOptions:
    """Exchange with a tolerance fit for closing gaps of 1e-6."""
    return CertifyOptions(n_starts=1024, n_clean_rounds=1, max_rounds=100, tolerance=1e-7)


def closing_dual(
    problem: MeasureProblem,
    measure: DiscreteMeasure,
    options: CertifyOptions,
    time_limit: float,
    rng: np.random.Generator,
) -> ClosingDual | None:
    """Dual vector that meets the equations at the support and, as far as an exchange finds, all constraints.

    Returns
    -------
    ClosingDual or None
        None when the equations cannot be met or the constraints contradict each other: the measure fits the data
        but is not a minimizer.
    """
    equations = support_equations(problem, measure)
    if equations.residual > _STATIONARY:
        return None
    limits = Limits(
        time.perf_counter() + time_limit, rng,
        lambda index, text: logger.debug("exchange %d: %s", index, text), lambda: False,
    )  # fmt: skip
    found = exchange(problem, measure, equations, options, limits)
    if found.ending is Ending.CONTRADICTION:
        return None
    return ClosingDual(found.dual, found.peaks.max_ratio, found.n_rounds)
