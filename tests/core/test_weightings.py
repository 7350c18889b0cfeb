"""Weightings: their order, homogeneity, gradients, and what is refused."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srinr.dictionary import Dictionary
from srinr.exact_dictionary import ExactDictionary
from srinr.neuron_dictionary import NeuronDictionary
from srinr.weightings import (
    CustomWeighting,
    FourierWeighting,
    IntegralWeighting,
    StandardWeighting,
    Weighting,
    weights,
    weights_and_gradients,
)

DICTIONARIES: dict[str, Dictionary] = {
    "1-D grid": NeuronDictionary.lattice(2, 5, dim=1, n_grid=64),
    "2-D grid": NeuronDictionary.lattice(1, 3, dim=2, n_grid=16),
    "3-D grid": NeuronDictionary.lattice(1, 2, dim=3, n_grid=8),
    "exact": ExactDictionary.lattice(2, 5),
}
WEIGHTINGS: dict[str, Weighting] = {
    "standard": StandardWeighting(),
    "fourier": FourierWeighting(),
    "integral": IntegralWeighting(),
}


def directions(dictionary: Dictionary, n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dictionary.encoding.n_features))


@pytest.mark.parametrize("name", DICTIONARIES)
@given(st.integers(0, 10_000))
def test_modified_two_is_below_modified_one_is_below_standard(name: str, seed: int) -> None:
    dictionary = DICTIONARIES[name]
    atoms = directions(dictionary, 5, seed)
    integral, fourier, standard = (
        weights(WEIGHTINGS[w], dictionary, atoms) for w in ("integral", "fourier", "standard")
    )
    assert (integral >= -1e-15).all()
    assert (integral <= fourier * (1 + 1e-12)).all()
    assert (fourier <= standard * (1 + 1e-12)).all()


@pytest.mark.parametrize("name", DICTIONARIES)
def test_the_order_is_strict_for_neurons_with_a_kink(name: str) -> None:
    # A dead neuron costs nothing in both modified weightings; one that is positive everywhere is its polynomial.
    dictionary = DICTIONARIES[name]
    atoms = directions(dictionary, 5, 1)
    atoms[:, -1] = 0.1
    integral, fourier, standard = (weights(rho, dictionary, atoms) for rho in reversed(WEIGHTINGS.values()))
    assert (integral < 0.99 * fourier).all()
    assert (fourier < 0.99 * standard).all()


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("name", DICTIONARIES)
@given(st.floats(1e-3, 1e3), st.integers(0, 100))
def test_weightings_are_positively_homogeneous(name: str, weighting: str, factor: float, seed: int) -> None:
    dictionary, rho = DICTIONARIES[name], WEIGHTINGS[weighting]
    atoms = directions(dictionary, 3, seed)
    values, gradients = weights_and_gradients(rho, dictionary, atoms)
    scaled, same = weights_and_gradients(rho, dictionary, factor * atoms)
    np.testing.assert_allclose(scaled, factor * values, rtol=1e-10)
    np.testing.assert_allclose(same, gradients, rtol=1e-8, atol=1e-10)
    # Euler: the gradient of a homogeneous function gives its value back.
    np.testing.assert_allclose((gradients * atoms).sum(axis=1), values, rtol=1e-10)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("name", DICTIONARIES)
def test_gradients_match_finite_differences(name: str, weighting: str) -> None:
    dictionary, rho = DICTIONARIES[name], WEIGHTINGS[weighting]
    atoms, step = directions(dictionary, 2, 5), 1e-7
    gradients = weights_and_gradients(rho, dictionary, atoms)[1]
    for j in range(atoms.shape[1]):
        shift = step * np.eye(atoms.shape[1])[j]
        change = weights(rho, dictionary, atoms + shift) - weights(rho, dictionary, atoms - shift)
        np.testing.assert_allclose(gradients[:, j], change / (2 * step), atol=2e-6)


@pytest.mark.parametrize("name", ["1-D grid", "2-D grid", "exact"])
def test_values_are_those_of_the_neurons_samples(name: str) -> None:
    dictionary = DICTIONARIES[name]
    atoms = directions(dictionary, 4, 2)
    phi = dictionary.coefficients(atoms)
    zero = dictionary.real_samples.n_real - 1  # k = 0 is packed last
    np.testing.assert_allclose(weights(WEIGHTINGS["fourier"], dictionary, atoms), np.linalg.norm(phi, axis=1))
    np.testing.assert_allclose(weights(WEIGHTINGS["integral"], dictionary, atoms), phi[:, zero], atol=1e-12)


def test_dead_neurons_cost_nothing_in_the_modified_weightings_only() -> None:
    dictionary = DICTIONARIES["1-D grid"]
    dead = np.array([[0.1, 0.0, 0.0, 0.1, -1.0]])
    assert weights(WEIGHTINGS["standard"], dictionary, dead)[0] > 1.0
    for name in ("fourier", "integral"):
        values, gradients = weights_and_gradients(WEIGHTINGS[name], dictionary, dead)
        assert values[0] == 0.0
        assert not gradients.any()


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_zero_direction_has_finite_gradient(weighting: str) -> None:
    dictionary = DICTIONARIES["1-D grid"]
    values, gradients = weights_and_gradients(WEIGHTINGS[weighting], dictionary, np.zeros((1, 5)))
    assert values[0] == 0.0
    assert np.isfinite(gradients).all()


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_single_precision_stays_single(weighting: str) -> None:
    dictionary = DICTIONARIES["2-D grid"]
    atoms = torch.from_numpy(directions(dictionary, 4, 1))
    values, gradients = WEIGHTINGS[weighting].evaluate(dictionary, atoms.float())
    exact, slopes = WEIGHTINGS[weighting].evaluate(dictionary, atoms)
    assert values.dtype == gradients.dtype == torch.float32
    np.testing.assert_allclose(values, exact, rtol=1e-4)
    np.testing.assert_allclose(gradients, slopes, atol=1e-3)


def test_custom_weighting_agrees_with_the_built_in_one() -> None:
    dictionary = DICTIONARIES["1-D grid"]
    custom = CustomWeighting(lambda w: (2.0 * w).norm(dim=1), n_features=5)
    atoms = directions(dictionary, 3, 0)
    values, gradients = weights_and_gradients(custom, dictionary, atoms)
    expected, slopes = weights_and_gradients(StandardWeighting(), dictionary, atoms)
    np.testing.assert_allclose(values, 2 * expected)
    np.testing.assert_allclose(gradients, 2 * slopes)
    with torch.no_grad():
        assert custom.evaluate(dictionary, torch.from_numpy(atoms))[1].shape == (3, 5)


@pytest.mark.parametrize(
    "rho",
    [
        lambda w: (w**2).sum(dim=1),
        lambda w: w.norm(dim=1) + 1.0,
        lambda w: w[:, 0],
        lambda w: w.norm(),
        lambda w: w.norm(dim=1) * float("nan"),
        lambda w: w.detach().norm(dim=1),
    ],
    ids=["quadratic", "offset", "negative", "one number", "not finite", "not differentiable"],
)
def test_inadmissible_weightings_are_refused(rho: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        CustomWeighting(rho, n_features=5)
