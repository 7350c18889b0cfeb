"""Between trained networks and measures: Lemma 1 of the sampling theory, in both directions.

``(a_i, w_i) -> (a_i / c, c w_i)`` leaves the image as it is; generalized weight decay
``R = 1/2 sum_i (a_i^2 + rho(w_i)^2)`` is smallest where ``|a_i| = rho(w_i)``, and then equals ``TV_rho``.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.inr import INR, measure_from_inr
from srinr.measures import DiscreteMeasure
from srinr.networks.shallow import ShallowReLU
from srinr.neuron_dictionary import NeuronDictionary
from srinr.operators.fourier import FourierOperator
from srinr.samples import FourierSamples
from srinr.solvers.problem import MeasureProblem
from srinr.weightings import StandardWeighting, Weighting, weights

Vector = NDArray[np.float64]


def balanced_inr(problem: MeasureProblem, measure: DiscreteMeasure) -> INR:
    """The shallow ReLU INR of a measure with ``|a_i| = rho(w_i)``, whose weight decay equals ``TV_rho`` (Lemma 1).

    Parameters
    ----------
    problem : MeasureProblem
        Its dictionary gives the features, its weighting rho.
    measure : DiscreteMeasure
        Atoms that cost nothing (dead neurons under the modified weightings) are left out, as they add nothing.

    Returns
    -------
    INR
        In float64, real.

    Raises
    ------
    ValueError
        When the measure lives in another dimension than the dictionary.

    Examples
    --------
    >>> from srinr import DiscreteMeasure, NeuronDictionary
    >>> from srinr.solvers import MeasureProblem
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=1)
    >>> measure = DiscreteMeasure([[0.0, 1.0, 0.0]], [4.0])
    >>> inr = balanced_inr(MeasureProblem(dictionary, dictionary.sample(measure)), measure)
    >>> inr.network.outer.item(), inr.network.inner.norm().item()
    (2.0, 2.0)
    """
    encoding = problem.dictionary.encoding
    if measure.atoms.shape[1] != encoding.n_features:
        raise ValueError(
            f"measure lives in dimension {measure.atoms.shape[1]}, the dictionary has {encoding.n_features} features"
        )
    rho = weights(problem.weighting, problem.dictionary, measure.atoms) if measure.n_atoms else np.zeros(0)
    alive = (rho > 0) & (measure.amplitudes != 0)
    atoms, amplitudes, rho = measure.atoms[alive], measure.amplitudes[alive], rho[alive]
    if not len(rho):  # the zero image still needs one neuron
        atoms, amplitudes, rho = np.zeros((1, encoding.n_features)), np.zeros(1), np.ones(1)
    outer = np.sqrt(np.abs(amplitudes) * rho)
    network = ShallowReLU(encoding.n_features, len(rho)).to(torch.float64)
    with torch.no_grad():
        network.inner.copy_(torch.from_numpy(atoms * (outer / rho)[:, None]))
        network.outer.copy_(torch.from_numpy((np.sign(amplitudes) * outer)[None]))
    return INR(encoding, network)


def problem_from_inr(
    inr: INR,
    operator: FourierOperator,
    weighting: Weighting | None = None,
    *,
    samples: FourierSamples | None = None,
    strength: float = 0.0,
) -> tuple[MeasureProblem, DiscreteMeasure]:
    """The convex problem that training an INR on given samples is, and the INR as a measure of it.

    Parameters
    ----------
    inr : INR
        Real, with a shallow ReLU network.
    operator : FourierOperator
        From pixels to the sampled coefficients, as in training.
    weighting : Weighting, optional
        Standard weight decay by default.
    samples : FourierSamples, optional
        The data; by default the samples of the INR itself, which makes it a teacher.
    strength : float, default 0
        0 for the equality form.

    Returns
    -------
    MeasureProblem, DiscreteMeasure
        The measure has atoms of unit length, and one for each neuron that is not zero.

    Raises
    ------
    ValueError
        For INRs that are not a measure, and samples that do not fit the operator.

    Examples
    --------
    >>> from srinr import INR, FourierFeatures, FourierOperator, Grid, ShallowReLU, lowpass_frequencies
    >>> features = FourierFeatures.lattice(1, dim=1)
    >>> inr = INR(features, ShallowReLU(features.n_features, width=2, seed=0))
    >>> problem, measure = problem_from_inr(inr, FourierOperator(Grid(32, dim=1), lowpass_frequencies(3, 1)))
    >>> measure.n_atoms, problem.relative_residual(measure) < 1e-12
    (2, True)
    """
    measure = measure_from_inr(inr)
    dictionary = NeuronDictionary(inr.encoding, operator)
    data = dictionary.sample(measure) if samples is None else samples
    return MeasureProblem(dictionary, data, weighting or StandardWeighting(), strength), measure
