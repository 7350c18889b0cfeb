"""Matching pursuit with refits: insert the neuron that the residual correlates with most, fit all atoms, repeat.

With kinks rounded off, the fits lead from the first guesses to the exact model of one neuron practically always, of
two or three often; of more, rarely: then convex programs must find the neighborhood.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from srinr.measures import DiscreteMeasure
from srinr.solvers.atom_search import AtomSearch, Peaks, search_atoms
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.reduced import Polish, ReducedFits, cleaned, fitted_model

#: Of the search for the next neuron.
_SEARCH = AtomSearch(64, 20)
_ROUNDED = (3.0, 1.5)
#: Steps after which a fit of few atoms is asked whether it falls.
_PATIENCE = 5
#: Absolute cosine from which on two peaks are one.
_SAME = 0.9


def pursued_fits(
    problem: MeasureProblem,
    rng: np.random.Generator,
    options: Polish | None = None,
    *,
    max_atoms: int = 4,
    first: int = 0,
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
    dictionary, y = problem.dictionary, problem.data
    n_features = dictionary.encoding.n_features
    found: list[DiscreteMeasure] = []
    model = DiscreteMeasure(np.zeros((0, n_features)), np.zeros(0))
    for n in range(1, max_atoms + 1):
        residual = y - problem.predict(model)
        if n * n_features > len(y) or not residual.any():
            break
        peaks = search_atoms(dictionary, problem.weighting, residual / np.linalg.norm(residual), rng, _SEARCH)
        if not len(peaks.ratios):
            break
        chosen = _distinct_peak(peaks, first if n == 1 else 0)
        atoms = np.concatenate([model.atoms, peaks.atoms[chosen][None]])
        amplitudes = np.linalg.lstsq(dictionary.coefficients(atoms).T, y, rcond=None)[0]
        start = DiscreteMeasure(atoms, amplitudes)
        model, error = fitted_model(problem, start, limits, _ROUNDED, continuum)
        if error <= limits.accept:
            return ReducedFits(cleaned(continuum or problem, model, limits), tuple(found))
        found.append(model)
    return ReducedFits(None, tuple(found))


def _distinct_peak(peaks: Peaks, rank: int) -> int:
    """Index of the highest peak but ``rank``, peaks close to higher ones left out; the last when there are fewer."""
    chosen: list[int] = []
    for index in np.argsort(-np.abs(peaks.ratios), kind="stable"):
        if np.all(np.abs(peaks.atoms[chosen] @ peaks.atoms[index]) < _SAME):
            chosen.append(int(index))
        if len(chosen) > rank:
            break
    return chosen[-1]
