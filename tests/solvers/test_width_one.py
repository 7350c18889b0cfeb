"""Width 1: the convex recovery, the explicit certificate, and the lower bound of modified weight decay I."""

import dataclasses

import numpy as np
import pytest

from srinr import (
    DiscreteMeasure,
    FourierFeatures,
    FourierOperator,
    Grid,
    NeuronDictionary,
    lowpass_frequencies,
)
from srinr.samples import FourierSamples
from srinr.solvers import Level, MeasureProblem
from srinr.solvers.width_one import recover_width_one
from srinr.solvers.width_one_certificate import total_variation_bound, width_one_certificate
from srinr.status import Status
from srinr.weightings import FourierWeighting, IntegralWeighting, StandardWeighting

DICTIONARIES = {k: NeuronDictionary.lattice(max_frequency=k, cutoff=k, dim=2) for k in (1, 2, 4)}


def neuron(dictionary, seed, width=1):
    rng = np.random.default_rng(seed)
    atoms = rng.standard_normal((width, dictionary.n_features))
    return DiscreteMeasure(atoms, rng.uniform(1, 5, width) * (-1.0) ** seed).normalized()


@pytest.mark.parametrize(("max_frequency", "n_cases"), [(1, 14), (2, 13), (4, 13)])
def test_recovers_random_neurons_of_both_signs_at_the_cutoff_of_the_features(max_frequency, n_cases):
    dictionary = DICTIONARIES[max_frequency]
    for seed in range(n_cases):
        truth = neuron(dictionary, seed)
        found = recover_width_one(dictionary, dictionary.sample(truth))
        assert found.status is Status.CONVERGED
        assert found.relative_residual < 1e-12
        error = np.mean((dictionary.image(found.measure) - dictionary.image(truth)) ** 2)
        assert error <= 1e-20, (seed, error)
        assert np.sign(found.measure.amplitudes[0]) == (-1.0) ** seed


def test_two_neurons_are_said_not_to_be_one():
    dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=2)
    found = recover_width_one(dictionary, dictionary.sample(neuron(dictionary, 0, width=2)))
    assert found.status is Status.STALLED
    assert found.relative_residual > 1e-3
    assert "not that of one neuron" in found.message
    assert found.measure.n_atoms == 1


def test_zero_samples_and_a_neuron_without_kink():
    dictionary = DICTIONARIES[1]
    zero = FourierSamples(dictionary.operator.frequencies, np.zeros(9))
    assert recover_width_one(dictionary, zero).measure.n_atoms == 0
    positive = DiscreteMeasure([[0.1, 0.0, 0.1, 0.0, 0.0, 0.1, 0.0, 0.0, 2.0]], [1.0])
    found = recover_width_one(dictionary, dictionary.sample(positive))
    np.testing.assert_allclose(
        found.measure.atoms * found.measure.amplitudes[:, None], positive.atoms, atol=1e-12
    )


def test_recovery_refuses_features_and_samples_it_cannot_use():
    axis = FourierFeatures.logarithmic(2, dim=2)
    operator = FourierOperator(Grid(16, dim=2), lowpass_frequencies(2, 2))
    other = NeuronDictionary(axis, operator)
    with pytest.raises(ValueError, match="lattice features"):
        recover_width_one(other, FourierSamples(operator.frequencies, np.ones(25)))
    few = NeuronDictionary.lattice(max_frequency=2, cutoff=1, dim=2)
    with pytest.raises(ValueError, match="K0 = 2"):
        recover_width_one(few, few.sample(neuron(few, 0)))
    with pytest.raises(ValueError, match="do not match"):
        recover_width_one(DICTIONARIES[1], DICTIONARIES[2].sample(neuron(DICTIONARIES[2], 0)))


@pytest.mark.parametrize(("cutoff", "unique"), [(1, None), (2, None), (3, True), (4, True)])
@pytest.mark.parametrize("seed", [0, 1])
def test_certificate_of_one_neuron(cutoff, unique, seed):
    dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=cutoff, dim=2)
    truth = neuron(dictionary, seed)
    problem = MeasureProblem(dictionary, dictionary.sample(truth), FourierWeighting())
    certificate = width_one_certificate(problem, truth)
    assert certificate.level is Level.RIGOROUS
    assert certificate.unique is unique
    assert ("theorem 1" in certificate.message) == (unique is None)
    assert certificate.max_ratio == 1.0
    assert total_variation_bound(problem) == pytest.approx(problem.objective(truth), rel=1e-12)
    assert problem.dual_objective(certificate.dual_variable) == pytest.approx(
        problem.objective(truth), rel=1e-12
    )


def test_certificate_of_another_measure_is_refused_or_fails():
    dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=2)
    truth = neuron(dictionary, 0)
    problem = MeasureProblem(dictionary, dictionary.sample(truth), FourierWeighting())
    for wrong in (
        neuron(dictionary, 2),
        DiscreteMeasure(truth.atoms, 1.01 * truth.amplitudes),
        DiscreteMeasure(truth.atoms, -truth.amplitudes),
        DiscreteMeasure(truth.atoms + 1e-4, truth.amplitudes),
    ):
        certificate = width_one_certificate(problem, wrong)
        assert certificate.level is Level.NONE
        assert certificate.unique is None
        assert "samples" in certificate.message
    with pytest.raises(ValueError, match="one neuron"):
        width_one_certificate(problem, neuron(dictionary, 0, width=2))
    with pytest.raises(ValueError, match="one neuron"):
        width_one_certificate(problem, DiscreteMeasure(np.zeros((1, 9)), [1.0]))


def test_certificate_and_bound_hold_for_one_weighting_only():
    dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=2)
    truth = neuron(dictionary, 0)
    problem = MeasureProblem(dictionary, dictionary.sample(truth), FourierWeighting())
    for weighting in (StandardWeighting(), IntegralWeighting()):
        other = dataclasses.replace(problem, weighting=weighting)
        with pytest.raises(ValueError, match="FourierWeighting"):
            width_one_certificate(other, truth)
        with pytest.raises(ValueError, match="FourierWeighting"):
            total_variation_bound(other)
    with pytest.raises(ValueError, match="strength=0"):
        width_one_certificate(dataclasses.replace(problem, strength=0.1), truth)
    zero = FourierSamples(dictionary.operator.frequencies, np.zeros(49))
    with pytest.raises(ValueError, match="samples are zero"):
        width_one_certificate(MeasureProblem(dictionary, zero, FourierWeighting()), truth)


def test_uniqueness_is_not_claimed_for_other_features():
    features = FourierFeatures.logarithmic(2, dim=2)
    dictionary = NeuronDictionary(features, FourierOperator(Grid(32, dim=2), lowpass_frequencies(6, 2)))
    truth = neuron(dictionary, 0)
    problem = MeasureProblem(dictionary, dictionary.sample(truth), FourierWeighting())
    certificate = width_one_certificate(problem, truth)
    assert certificate.level is Level.RIGOROUS
    assert certificate.unique is None
    assert "lattice" in certificate.message


@pytest.mark.parametrize("width", [1, 2, 5])
def test_the_bound_of_modified_weight_decay_holds_for_every_width(width):
    dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=2)
    rng = np.random.default_rng(width)
    measure = DiscreteMeasure(rng.standard_normal((width, 9)), rng.standard_normal(width))
    problem = MeasureProblem(dictionary, dictionary.sample(measure), FourierWeighting())
    bound = total_variation_bound(problem)
    assert bound <= problem.objective(measure) * (1 + 1e-12)
    # Tight for one neuron only: a bound that ignored the data, or were larger, would be caught.
    assert (bound > problem.objective(measure) * (1 - 1e-9)) == (width == 1)
