"""Lemma 1: a balanced network's generalized weight decay is the weighted total variation; all others cost more."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srinr import INR, DiscreteMeasure, FourierFeatures, NeuronDictionary, ShallowReLU
from srinr.regularizers import CustomWeightDecay, FourierWeightDecay, IntegralWeightDecay, WeightDecay
from srinr.solvers import MeasureProblem
from srinr.solvers.conversion import balanced_inr, problem_from_inr
from srinr.weightings import (
    CustomWeighting,
    FourierWeighting,
    IntegralWeighting,
    StandardWeighting,
)


def skewed_norm(w):
    return torch.sqrt(2 * w[:, 0] ** 2 + w[:, 1:].square().sum(dim=1)) + 0.5 * w.abs().sum(dim=1)


PAIRS = {
    "standard": (StandardWeighting(), WeightDecay(1.0)),
    "modified I": (FourierWeighting(), FourierWeightDecay(1.0)),
    "modified II": (IntegralWeighting(), IntegralWeightDecay(1.0)),
    "custom": (
        CustomWeighting(skewed_norm, n_features=9),
        CustomWeightDecay(skewed_norm, 1.0, n_features=9),
    ),
}
DICTIONARY = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=2, n_grid=24)


def measure_and_problem(name, seed):
    rng = np.random.default_rng(seed)
    measure = DiscreteMeasure(rng.standard_normal((4, 9)), rng.standard_normal(4))
    return measure, MeasureProblem(DICTIONARY, DICTIONARY.sample(measure), PAIRS[name][0])


def weight_decay(inr, regularizer):
    """R of the library's regularizer, on the dictionary's operator and grid."""
    with torch.no_grad():
        value = regularizer.evaluate(inr, DICTIONARY.operator, DICTIONARY.grid, DICTIONARY.grid.n_points)[1]
    return value.item()


@pytest.mark.parametrize("name", PAIRS)
def test_weight_decay_of_the_balanced_network_is_the_total_variation(name):
    measure, problem = measure_and_problem(name, seed=1)
    inr = balanced_inr(problem, measure)
    variation = problem.total_variation(measure)
    assert weight_decay(inr, PAIRS[name][1]) == pytest.approx(variation, rel=1e-12)
    with torch.no_grad():  # |a_i| = rho(w_i), read off by the regularizer
        rho = PAIRS[name][1].weighting(inr, DICTIONARY.operator, DICTIONARY.grid)
    np.testing.assert_allclose(inr.network.outer.detach().abs().numpy()[0], rho.numpy(), rtol=1e-12)
    # The lemma is about this weighting: balanced for another one, the network costs more.
    other = "modified II" if name == "standard" else "standard"
    wrong = balanced_inr(MeasureProblem(DICTIONARY, problem.samples, PAIRS[other][0]), measure)
    assert weight_decay(wrong, PAIRS[name][1]) > variation * (1 + 1e-4)


@given(
    st.sampled_from(sorted(PAIRS)), st.integers(0, 100), st.lists(st.floats(-3, 3), min_size=4, max_size=4)
)
def test_every_rescaling_costs_at_least_the_total_variation(name, seed, exponents):
    measure, problem = measure_and_problem(name, seed)
    inr = balanced_inr(problem, measure)
    before = inr.on_grid(DICTIONARY.grid)
    factors = torch.exp(torch.tensor(exponents, dtype=torch.float64))
    with torch.no_grad():
        inr.network.inner.mul_(factors[:, None])
        inr.network.outer.div_(factors)
    np.testing.assert_allclose(inr.on_grid(DICTIONARY.grid), before, rtol=1e-9, atol=1e-9)
    variation = problem.total_variation(measure)
    decay = weight_decay(inr, PAIRS[name][1])
    assert decay >= variation * (1 - 1e-12)
    # The excess is exactly the one of the arithmetic over the geometric mean, so the law can fail.
    with torch.no_grad():
        rho = PAIRS[name][1].weighting(inr, DICTIONARY.operator, DICTIONARY.grid)
    excess = 0.5 * (inr.network.outer.detach()[0].abs() - rho).square().sum().item()
    assert decay - variation == pytest.approx(excess, rel=1e-6, abs=1e-10 * variation)


def test_measure_to_network_and_back():
    measure, problem = measure_and_problem("modified I", seed=2)
    again_problem, again = problem_from_inr(
        balanced_inr(problem, measure), DICTIONARY.operator, FourierWeighting()
    )
    expected = measure.normalized()
    np.testing.assert_allclose(again.atoms, expected.atoms, rtol=0, atol=1e-13)
    np.testing.assert_allclose(again.amplitudes, expected.amplitudes, rtol=1e-12)
    assert again_problem.objective(again) == pytest.approx(problem.objective(measure), rel=1e-12)
    assert again_problem.relative_residual(measure) < 1e-12


def test_a_network_with_given_samples_and_strength():
    measure, problem = measure_and_problem("standard", seed=3)
    inr = balanced_inr(problem, DiscreteMeasure(measure.atoms[:2], measure.amplitudes[:2]))
    given_problem, found = problem_from_inr(inr, DICTIONARY.operator, samples=problem.samples, strength=0.1)
    assert found.n_atoms == 2
    assert given_problem.strength == 0.1
    assert given_problem.relative_residual(found) > 1e-3
    np.testing.assert_array_equal(given_problem.samples.values, problem.samples.values)


def test_dead_and_zero_neurons_are_left_out():
    dead = np.zeros(9)
    dead[-1] = -1.0
    measure = DiscreteMeasure([dead, np.eye(9)[0], np.eye(9)[1]], [3.0, 2.0, 0.0])
    problem = MeasureProblem(DICTIONARY, DICTIONARY.sample(measure), FourierWeighting())
    inr = balanced_inr(problem, measure)
    assert inr.network.inner.shape == (1, 9)
    np.testing.assert_allclose(inr.on_grid(DICTIONARY.grid), DICTIONARY.image(measure), atol=1e-12)
    empty = DiscreteMeasure(np.zeros((0, 9)), np.zeros(0))
    assert not balanced_inr(problem, empty).on_grid(DICTIONARY.grid).any()


def test_wrong_arguments_are_refused():
    _, problem = measure_and_problem("standard", seed=0)
    with pytest.raises(ValueError, match="9 features"):
        balanced_inr(problem, DiscreteMeasure([[1.0, 2.0, 3.0]], [1.0]))
    features = FourierFeatures.lattice(1, dim=2)
    complex_inr = INR(features, ShallowReLU(9, 2, out_features=2), complex_output=True)
    with pytest.raises(ValueError, match="real INR"):
        problem_from_inr(complex_inr, DICTIONARY.operator)
