"""Matching pursuit with refits: insert the neuron that the residual correlates with most, fit all atoms, repeat.

With kinks rounded off, the fits lead from the first guesses to the exact model of one neuron practically always, of
two or three often; of more, rarely: then convex programs must find the neighborhood. From a fit of some of the atoms
that they found, pursuit finds the others; with an atom too much at the end, leaving out the smallest often succeeds.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from srinr.measures import DiscreteMeasure
from srinr.solvers.atom_search import AtomSearch, search_atoms
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.reduced import Polish, ReducedFits, cleaned, fitted_model, smaller

#: Of the search for the next neuron.
_SEARCH = AtomSearch(64, 20)
#: Pixels over which kinks are rounded off, in turn.
ROUNDED = (3.0, 1.5)
#: Steps after which a fit of few atoms is asked whether it falls.
_PATIENCE = 5


def pursued_fits(
    problem: MeasureProblem,
    rng: np.random.Generator,
    options: Polish | None = None,
    *,
    start: DiscreteMeasure | None = None,
    max_inserted: int = 4,
    rounded: tuple[float, ...] = ROUNDED,
    continuum: MeasureProblem | None = None,
) -> ReducedFits:
    """Fits of one atom more, two atoms more and so on, then without the smallest ones, until one is exact.

    Parameters
    ----------
    problem : MeasureProblem
        Whose data are fitted.
    rng : numpy.random.Generator
        Of the searches.
    options : Polish, optional
        Of the fits.
    start : DiscreteMeasure, optional
        What to insert atoms into; nothing by default.
    max_inserted : int, default 4
        Atoms to insert; fewer when they would have more unknowns than there are equations.
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
    nothing = DiscreteMeasure(np.zeros((0, problem.dictionary.encoding.n_features)), np.zeros(0))
    model = nothing if start is None else start
    found: list[DiscreteMeasure] = []
    for _ in range(max_inserted):
        grown = _with_next_atom(problem, model, rng)
        if grown is None or grown.atoms.size > len(problem.data):
            break
        model, error = fitted_model(problem, grown, limits, rounded, continuum)
        if error <= limits.accept:
            return ReducedFits(cleaned(continuum or problem, model, limits), tuple(found))
        found.append(model)
    while model.n_atoms > 2 and (fewer := smaller(model)) is not None:
        before = problem.relative_residual(model)
        model, error = fitted_model(problem, fewer, limits, rounded, continuum)
        if error <= limits.accept:
            return ReducedFits(cleaned(continuum or problem, model, limits), tuple(found))
        if problem.relative_residual(model) > before:
            break
        found.append(model)
    return ReducedFits(None, tuple(found))


def _with_next_atom(
    problem: MeasureProblem, model: DiscreteMeasure, rng: np.random.Generator
) -> DiscreteMeasure | None:
    """The model and the neuron that its residual correlates with most, all with the amplitudes that fit best."""
    residual = problem.data - problem.predict(model)
    if not residual.any():
        return None
    unit = residual / np.linalg.norm(residual)
    peaks = search_atoms(problem.dictionary, problem.weighting, unit, rng, _SEARCH)
    if not len(peaks.ratios):
        return None
    atoms = np.concatenate([model.atoms, peaks.atoms[:1]])
    columns = problem.dictionary.coefficients(atoms).T
    return DiscreteMeasure(atoms, np.linalg.lstsq(columns, problem.data, rcond=None)[0])
