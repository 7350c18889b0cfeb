"""The solver that measurement favors for a problem."""

from __future__ import annotations

from srinr.exact_planar_dictionary import ExactPlanarDictionary
from srinr.solvers.continuum_exchange import ContinuumExchange
from srinr.solvers.dual_exchange import DualExchange
from srinr.solvers.problem import MeasureProblem


def default_solver(problem: MeasureProblem) -> DualExchange | ContinuumExchange:
    """:class:`ContinuumExchange` for exact coefficients in two dimensions, :class:`DualExchange` otherwise.

    Both combine matching pursuit, proximal steps on the dual, and Levenberg-Marquardt fits with rounded kinks;
    docs/exact_recovery.md has the figures. They see samples, dictionary and tolerances only.

    Examples
    --------
    >>> import numpy as np
    >>> from srinr import DiscreteMeasure, ExactPlanarDictionary
    >>> dictionary = ExactPlanarDictionary.lattice(1, 4)
    >>> problem = MeasureProblem(dictionary, dictionary.sample(DiscreteMeasure(np.eye(9)[:1], [1.0])))
    >>> type(default_solver(problem)).__name__
    'ContinuumExchange'
    """
    exact = isinstance(problem.dictionary, ExactPlanarDictionary) and not problem.strength
    return ContinuumExchange() if exact else DualExchange()
