"""Least total variation on given atoms, by a linear program."""

from __future__ import annotations

import numpy as np
import scipy.optimize
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.problem import MeasureProblem
from srinr.weightings import weights


def cheapest_combination(problem: MeasureProblem, atoms: NDArray[np.float64]) -> DiscreteMeasure | None:
    """Exactly feasible measure of least total variation on given atoms: a linear program (HiGHS).

    Returns
    -------
    DiscreteMeasure or None
        None when no combination of the atoms meets the data.
    """
    if not len(atoms):
        return None
    rows = problem.dictionary.coefficients(atoms)
    rho = weights(problem.weighting, problem.dictionary, atoms)
    columns = (rows / rho[:, None]).T
    result = scipy.optimize.linprog(
        np.ones(2 * len(atoms)), A_eq=np.hstack([columns, -columns]), b_eq=problem.data, method="highs-ds"
    )
    if result.status != 0:
        return None
    positive, negative = np.split(result.x, 2)
    amplitudes = positive - negative
    used = amplitudes != 0
    # The program meets the data to 1e-7; its basis meets them to rounding.
    exact = np.linalg.lstsq(columns[:, used], problem.data, rcond=None)[0]
    return DiscreteMeasure(atoms[used], exact / rho[used])
