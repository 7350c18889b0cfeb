"""The low frequencies of a problem on a coarser grid: a tenth of the work, and a smoother landscape for fits."""

from __future__ import annotations

import dataclasses

import numpy as np

from srinr.domain import Grid
from srinr.encodings.fourier_features import FourierFeatures
from srinr.neuron_dictionary import NeuronDictionary
from srinr.operators.fourier import FourierOperator
from srinr.samples import FourierSamples
from srinr.solvers.problem import MeasureProblem

#: Points per axis for each cycle of the features.
_POINTS_PER_CYCLE = 16


def coarse_problem(problem: MeasureProblem, cycles: int) -> MeasureProblem | None:
    """The samples up to ``cycles`` times the highest frequency of the features, on 16 points per cycle of it.

    Parameters
    ----------
    problem : MeasureProblem
        Of a grid.
    cycles : int
        Cutoff over the highest frequency of the features, less than 8.

    Returns
    -------
    MeasureProblem or None
        None when the problem's own grid has no more points, or when its features have no highest frequency.

    Examples
    --------
    >>> from srinr import DiscreteMeasure
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=10, dim=1)
    >>> problem = MeasureProblem(dictionary, dictionary.sample(DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])))
    >>> coarse = coarse_problem(problem, 4)
    >>> coarse.samples.cutoff, coarse.dictionary.grid.shape, problem.dictionary.grid.shape
    (4.0, (16,), (256,))
    """
    dictionary = problem.dictionary
    if not isinstance(dictionary, NeuronDictionary) or not isinstance(dictionary.encoding, FourierFeatures):
        return None
    limit = dictionary.encoding.max_frequency
    n_points = int(np.ceil(_POINTS_PER_CYCLE * limit))
    if n_points >= min(dictionary.grid.shape):
        return None
    low = np.abs(problem.samples.frequencies).max(axis=1) <= cycles * limit
    if not low.any():
        return None
    samples = FourierSamples(
        problem.samples.frequencies[low], problem.samples.values[low], problem.samples.noise_std
    )
    operator = FourierOperator(Grid(n_points, dim=dictionary.grid.dim), samples.frequencies)
    smaller = dataclasses.replace(dictionary, operator=operator)
    return dataclasses.replace(problem, dictionary=smaller, samples=samples)
