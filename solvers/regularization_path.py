"""The penalized form for a decreasing sequence of strengths, each solve warm-started by the one before."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from srinr.solvers.frank_wolfe import SlidingFrankWolfe
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.solution import Solution, Tolerances
from srinr.solvers.solve import solve


def regularization_path(
    problem: MeasureProblem,
    strengths: Sequence[float],
    solver: SlidingFrankWolfe | None = None,
    *,
    tolerances: Tolerances | None = None,
    seed: int = 0,
) -> list[Solution]:
    """Solve the penalized form for several strengths, each from the solution before.

    Parameters
    ----------
    problem : MeasureProblem
        Its own strength is replaced.
    strengths : sequence of float
        Positive, in decreasing order.
    solver : SlidingFrankWolfe, optional
        Options.
    tolerances : Tolerances, optional
        Of each solve.
    seed : int, default 0
        Of the searches.

    Returns
    -------
    list of Solution

    Raises
    ------
    ValueError
        For strengths that are not positive and decreasing.

    Examples
    --------
    >>> from srinr import DiscreteMeasure, NeuronDictionary
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1)
    >>> teacher = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> problem = MeasureProblem(dictionary, dictionary.sample(teacher))
    >>> path = regularization_path(problem, [0.3, 0.1])
    >>> [solution.status.name for solution in path], path[0].relative_residual > path[1].relative_residual
    (['CONVERGED', 'CONVERGED'], True)
    """
    values = np.array(strengths, dtype=np.float64)
    if values.ndim != 1 or not (np.isfinite(values) & (values > 0)).all() or (np.diff(values) >= 0).any():
        raise ValueError(f"strengths must be positive and decreasing, got {list(strengths)}")
    solutions: list[Solution] = []
    for strength in values:
        init = solutions[-1].measure if solutions and solutions[-1].measure.n_atoms else None
        part = dataclasses.replace(problem, strength=float(strength))
        solutions.append(
            solve(
                part,
                solver or SlidingFrankWolfe(),
                init=init,
                tolerances=tolerances,
                progress=False,
                seed=seed,
            )
        )
    return solutions
