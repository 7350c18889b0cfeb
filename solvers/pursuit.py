"""Matching pursuit with refits: insert the neuron that the residual correlates with most, fit all atoms, repeat.

With kinks rounded off, the fits lead from the first guesses to the exact model of one neuron practically always, of
two or three often; of more, rarely: then convex programs must find the neighborhood. A fit that stops short may have
an early atom in the wrong place; taking each atom out in turn and inserting another helps some of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.atom_search import AtomSearch, Peaks, search_atoms
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.reduced import Polish, ReducedFits, cleaned, fitted_model

#: Of the search for the next neuron.
_SEARCH = AtomSearch(64, 20)
#: Pixels over which kinks are rounded off, in turn.
ROUNDED = (3.0, 1.5)
#: Steps after which a fit of few atoms is asked whether it falls.
_PATIENCE = 5
#: Absolute cosine from which on two peaks are one.
_SAME = 0.9
#: Numbers of atoms among which one is replaced at a time, and the part of the residual that must go with it.
_REPLACED = (2, 3)
_WORTH = 0.02


def pursued_fits(
    problem: MeasureProblem,
    rng: np.random.Generator,
    options: Polish | None = None,
    *,
    max_atoms: int = 4,
    first: int = 0,
    replacing: bool = False,
    rounded: tuple[float, ...] = ROUNDED,
    continuum: MeasureProblem | None = None,
) -> ReducedFits:
    """Fits of one atom, two atoms and so on, until one is exact.

    Parameters
    ----------
    problem : MeasureProblem
        Whose data are fitted.
    rng : numpy.random.Generator
        Of the searches.
    options : Polish, optional
        Of the fits.
    max_atoms : int, default 4
        Where to stop; fewer when the atoms would have more unknowns than there are equations.
    first : int, default 0
        Which of the distinct peaks of the data to begin with: another one leads to other fits.
    replacing : bool, default False
        Replace atoms of fits of two and three atoms one at a time.
    rounded : tuple of float, default (3.0, 1.5)
        Widths in pixels of the roundings that each fit passes through; wider ones lead to other fits.
    continuum : MeasureProblem, optional
        As in :func:`srinr.solvers.reduced.reduced_fits`.

    Examples
    --------
    >>> from srinr import NeuronDictionary
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1)
    >>> teacher = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> problem = MeasureProblem(dictionary, dictionary.sample(teacher))
    >>> pursued_fits(problem, np.random.default_rng(0)).exact.n_atoms
    1
    """
    limits = dataclasses.replace(options or Polish(), patience=_PATIENCE)
    n_features = problem.dictionary.encoding.n_features
    found: list[DiscreteMeasure] = []

    def insert(model: DiscreteMeasure, rank: int) -> tuple[DiscreteMeasure, float] | None:
        atom = _next_atom(problem, model, rank, rng)
        if atom is None:
            return None
        start = _with_amplitudes(problem, np.concatenate([model.atoms, atom[None]]))
        return fitted_model(problem, start, limits, rounded, continuum)

    model = DiscreteMeasure(np.zeros((0, n_features)), np.zeros(0))
    for n in range(1, max_atoms + 1):
        fit = insert(model, first if n == 1 else 0) if n * n_features <= len(problem.data) else None
        if fit is None:
            break
        model, error = fit
        if replacing and n in _REPLACED:
            model, error = _replaced(problem, model, error, limits.accept, lambda rest: insert(rest, 0))
        if error <= limits.accept:
            return ReducedFits(cleaned(continuum or problem, model, limits), tuple(found))
        found.append(model)
    return ReducedFits(None, tuple(found))


def _replaced(
    problem: MeasureProblem,
    model: DiscreteMeasure,
    error: float,
    accept: float,
    insert: Callable[[DiscreteMeasure], tuple[DiscreteMeasure, float] | None],
) -> tuple[DiscreteMeasure, float]:
    """Take one atom out and insert another, oldest first, for as long as that lowers the error."""
    atoms, failures = model.atoms, 0
    while error > accept and failures < len(atoms):
        fit = insert(_with_amplitudes(problem, atoms[1:]))
        if fit is not None and fit[1] < (1.0 - _WORTH) * error:
            (model, error), failures = fit, 0
            atoms = model.atoms
        else:
            atoms, failures = np.roll(atoms, -1, axis=0), failures + 1
    return model, error


def _with_amplitudes(problem: MeasureProblem, atoms: NDArray[np.float64]) -> DiscreteMeasure:
    """Given atoms with the amplitudes that fit the data best."""
    columns = problem.dictionary.coefficients(atoms).T
    return DiscreteMeasure(atoms, np.linalg.lstsq(columns, problem.data, rcond=None)[0])


def _next_atom(
    problem: MeasureProblem, model: DiscreteMeasure, rank: int, rng: np.random.Generator
) -> NDArray[np.float64] | None:
    """The direction that the residual correlates with most (``rank`` 0), or another of its distinct peaks."""
    residual = problem.data - problem.predict(model)
    if not residual.any():
        return None
    unit = residual / np.linalg.norm(residual)
    peaks = search_atoms(problem.dictionary, problem.weighting, unit, rng, _SEARCH)
    return peaks.atoms[_distinct_peak(peaks, rank)] if len(peaks.ratios) else None


def _distinct_peak(peaks: Peaks, rank: int) -> int:
    """Index of the highest peak but ``rank``, peaks close to higher ones left out; the last when there are fewer."""
    chosen: list[int] = []
    for index in np.argsort(-np.abs(peaks.ratios), kind="stable"):
        if np.all(np.abs(peaks.atoms[chosen] @ peaks.atoms[index]) < _SAME):
            chosen.append(int(index))
        if len(chosen) > rank:
            break
    return chosen[-1]
