"""When an exchange looks for exact models of few atoms, and where: before its first steps, and among its large atoms."""

from __future__ import annotations

import functools

import numpy as np

from srinr.measures import DiscreteMeasure
from srinr.solvers.coarse import coarse_problem
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.pursuit import pursued_fits
from srinr.solvers.reduced import Polish, ReducedFits, reduced_fits
from srinr.solvers.solution import SolverState

#: Relative residual from which on exact models of few atoms are tried.
_TRY_BELOW = 0.06
_TRY_EVERY = 4
#: Pursuits before the first step: cutoff over the highest frequency of the features, roundings in pixels of a grid of
#: 16 points per cycle. What one misses another finds.
_OPENINGS: tuple[tuple[int, tuple[float, ...]], ...] = (
    (4, (2.0,)),
    (4, (3.0, 1.5)),
    (5, (3.0, 1.5)),
    (4, (2.5,)),
    (5, (1.5,)),
)
#: Pixels over which kinks are rounded off, in turn: sharp fits finish, wide roundings bring atoms near.
_ROUNDED: tuple[tuple[float, ...], ...] = ((), (3.0, 1.5), (1.5, 0.5))
#: Atoms of fits from which a pursuit goes on.
_PURSUED = 8


def opening_fits(
    problem: MeasureProblem,
    state: SolverState,
    rng: np.random.Generator,
    options: Polish,
    continuum: MeasureProblem | None = None,
) -> ReducedFits | None:
    """Models of one to four atoms by pursuit in several ways, before the first step: often that is all.

    Parameters
    ----------
    problem : MeasureProblem
        Of a grid; pursued on its low frequencies where it has enough points.
    state : SolverState
        Whether it is the first.
    rng, options, continuum
        As in :func:`srinr.solvers.pursuit.pursued_fits`.

    Returns
    -------
    ReducedFits or None
        None later on, and for penalized problems.
    """
    if state.n_steps or problem.strength:
        return None
    exact: DiscreteMeasure | None = None
    others: list[DiscreteMeasure] = []
    # Features and index tables of a coarse grid serve all pursuits on it.
    on_coarse_grid = functools.cache(functools.partial(coarse_problem, problem))
    for cycles, rounded in _OPENINGS:
        coarse = on_coarse_grid(cycles)
        fits = pursued_fits(
            coarse or problem, rng, options, rounded=rounded,
            continuum=continuum if coarse is None else continuum or problem,
        )  # fmt: skip
        exact = exact or fits.exact
        others.extend(fits.others)
        if exact is not None and overdetermined(problem, exact):
            break
    return ReducedFits(exact, tuple(others))


def later_fits(
    problem: MeasureProblem,
    state: SolverState,
    rng: np.random.Generator,
    options: Polish,
    continuum: MeasureProblem | None = None,
) -> ReducedFits | None:
    """Models of the large atoms of an iterate, and pursuit from one of them.

    Parameters
    ----------
    problem : MeasureProblem
        Of a grid.
    state : SolverState
        Whose measure is reduced.
    rng, options, continuum
        As in :func:`srinr.solvers.pursuit.pursued_fits`.

    Returns
    -------
    ReducedFits or None
        None while the residual is large, and three times out of four.
    """
    if state.n_steps % _TRY_EVERY or problem.relative_residual(state.measure) > _TRY_BELOW:
        return None
    rounded = _ROUNDED[state.n_steps // _TRY_EVERY % len(_ROUNDED)]
    fits = reduced_fits(problem, state.measure, options, rounded, continuum=continuum)
    few = [fit for fit in fits.others if fit.n_atoms <= _PURSUED]
    if fits.exact is not None or not few:
        return fits
    start = max(few, key=lambda fit: fit.n_atoms)
    more = pursued_fits(problem, rng, options, start=start, continuum=continuum)
    return ReducedFits(more.exact, (*fits.others, *more.others[-1:]))


def overdetermined(problem: MeasureProblem, model: DiscreteMeasure) -> bool:
    """Whether there are twice as many equations as unknowns: such are not met by chance."""
    return 2 * model.atoms.size <= len(problem.data)
