"""Exact recovery from exact samples: explore on a grid, finish in the continuum."""

from __future__ import annotations

import dataclasses
import warnings
from dataclasses import dataclass, field

import numpy as np

from srinr.exact_planar_dictionary import ExactPlanarDictionary, InaccurateCoefficientsWarning
from srinr.measures import DiscreteMeasure
from srinr.solvers.dual_exchange import DualExchange, with_fits
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.small_models import later_fits, opening_fits, overdetermined
from srinr.solvers.solution import SolverState, Tolerances
from srinr.status import Status


@dataclass(frozen=True)
class ContinuumExchange:
    """Equality form with exact coefficients in two dimensions, whose neurons are too dear to search among.

    The proximal steps of :class:`DualExchange` run on a grid, whose aliasing keeps them about 1e-3 from the data.
    Models of few atoms that come as near are fitted with exact coefficients. The iterate is the best model so far,
    none at first; no bound is computed, so ``Tolerances(gap_tol=numpy.inf)`` must be asked for.

    Parameters
    ----------
    exchange : DualExchange
        Options of the search on the grid, and the number of steps.
    n_grid : int, optional
        Points per axis of the grid; by default that of :meth:`srinr.ExactPlanarDictionary.on_grid`.

    Examples
    --------
    >>> from srinr import ExactPlanarDictionary
    >>> from srinr.solvers import solve
    >>> dictionary = ExactPlanarDictionary.lattice(max_frequency=1, cutoff=5)
    >>> teacher = DiscreteMeasure([[0.1, 0.2, 0.3, 0.4, 0.5, 0.4, 0.3, 0.2, 0.1]], [2.0])
    >>> problem = MeasureProblem(dictionary, dictionary.sample(teacher))
    >>> solution = solve(problem, ContinuumExchange(), tolerances=Tolerances(gap_tol=np.inf))
    >>> solution.measure.n_atoms, solution.relative_residual < 1e-13
    (1, True)
    """

    exchange: DualExchange = field(default_factory=DualExchange)
    n_grid: int | None = None

    @property
    def max_steps(self) -> int:
        """Limit of one call of :func:`srinr.solvers.solve`."""
        return self.exchange.max_steps

    def start(
        self, problem: MeasureProblem, init: DiscreteMeasure | None, rng: np.random.Generator
    ) -> SolverState:
        """The start of the exchange, with the initial measure as iterate."""
        if not isinstance(problem.dictionary, ExactPlanarDictionary) or problem.strength:
            raise ValueError(
                "ContinuumExchange needs an ExactPlanarDictionary and the equality form (strength 0); "
                "use DualExchange for other problems"
            )
        return _hidden(self.exchange.start(self._on_grid(problem), init, rng), init)

    def step(
        self, problem: MeasureProblem, state: SolverState, tolerances: Tolerances, rng: np.random.Generator
    ) -> SolverState:
        """One step on the grid, and perhaps fits in the continuum."""
        if np.isfinite(tolerances.gap_tol):
            raise ValueError(
                "ContinuumExchange computes no bound; ask for Tolerances(gap_tol=numpy.inf), and certify on a grid"
            )
        grid = self._on_grid(problem)
        before = _explored(state)
        with warnings.catch_warnings():
            # Neurons on the way of a fit may be hard to integrate; what counts is where it ends.
            warnings.simplefilter("ignore", InaccurateCoefficientsWarning)
            fits = opening_fits(grid, before, rng, self.exchange.models, problem)
            if fits is None or fits.exact is None:
                explored = self.exchange.advanced(grid, before, tolerances, rng)
                fits = fits or later_fits(grid, explored, rng, self.exchange.models, problem)
            else:
                explored = dataclasses.replace(before, n_steps=state.n_steps + 1)
        if fits is None:
            return _hidden(explored, state.measure)
        if fits.exact is None:
            best = min([state.measure, *fits.others], key=grid.relative_residual)
            return _hidden(with_fits(grid, explored, fits.others), best)
        ended = (
            overdetermined(problem, fits.exact)
            and problem.relative_residual(fits.exact) <= tolerances.feasibility_tol
        )
        hidden = _hidden(explored, fits.exact)
        return dataclasses.replace(hidden, status=Status.CONVERGED if ended else None)

    def _on_grid(self, problem: MeasureProblem) -> MeasureProblem:
        assert isinstance(problem.dictionary, ExactPlanarDictionary)
        return dataclasses.replace(problem, dictionary=problem.dictionary.on_grid(self.n_grid))


def _explored(state: SolverState) -> SolverState:
    """The state of the exchange on the grid."""
    measure = DiscreteMeasure(state.arrays["explored_atoms"], state.arrays["explored_amplitudes"])
    return dataclasses.replace(state, measure=measure)


def _hidden(state: SolverState, measure: DiscreteMeasure | None) -> SolverState:
    """The state of the exchange behind a measure of the continuum; its bound says nothing about the continuum."""
    explored = state.measure
    return dataclasses.replace(
        state,
        measure=DiscreteMeasure(explored.atoms[:0], np.zeros(0)) if measure is None else measure,
        max_ratio=np.inf,
        arrays={
            **state.arrays,
            "explored_atoms": explored.atoms,
            "explored_amplitudes": explored.amplitudes,
        },
    )
