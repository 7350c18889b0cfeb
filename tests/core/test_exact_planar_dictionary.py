"""The dictionary of planar neurons with exact samples: its methods agree with each other and with grids."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srinr.dictionary import Dictionary
from srinr.domain import lowpass_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.exact_planar_dictionary import ExactPlanarDictionary
from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.weightings import FourierWeighting, IntegralWeighting, weights_and_gradients

AXES = FourierFeatures(np.eye(2), constant=False)
BOX4 = np.array([(a, b) for a in range(-4, 5) for b in range(-4, 5)])
DICTIONARIES = {
    "lattice 1": ExactPlanarDictionary.lattice(1, 4),
    "lattice 2": ExactPlanarDictionary.lattice(2, 6),
    "lattice 2 without constant": ExactPlanarDictionary.lattice(2, 4, constant=False),
    "axes": ExactPlanarDictionary(AXES, BOX4),
    "scattered": ExactPlanarDictionary(FourierFeatures([[3, -1], [0, 2]]), [[5, 1], [0, 0], [-2, 3], [2, -3]]),
}  # fmt: skip


def random_atoms(n: int, n_features: int, seed: int = 0) -> np.ndarray:
    atoms = np.random.default_rng(seed).standard_normal((n, n_features))
    return atoms / np.linalg.norm(atoms, axis=1, keepdims=True)


@pytest.mark.parametrize("name", DICTIONARIES)
def test_protocol_methods_agree_with_each_other(name):
    dictionary = DICTIONARIES[name]
    assert isinstance(dictionary, Dictionary)
    assert (dictionary.description, dictionary.lipschitz) == ("exact", 1.0)
    atoms = random_atoms(4, dictionary.n_features)
    dual = np.random.default_rng(3).standard_normal(dictionary.real_samples.n_real)
    tensor = torch.from_numpy(atoms)
    phi = dictionary.coefficients(atoms)
    jacobians = [dictionary.jacobian(atom) for atom in atoms]
    np.testing.assert_allclose([j @ w for j, w in zip(jacobians, atoms, strict=True)], phi, atol=1e-13)
    eta, gradient = dictionary.correlations(dual, tensor)
    np.testing.assert_allclose(eta, phi @ dual, atol=1e-13)
    np.testing.assert_allclose(gradient, [j.T @ dual for j in jacobians], atol=1e-13)
    norms, gradient = dictionary.norms(tensor)
    np.testing.assert_allclose(norms, np.linalg.norm(phi, axis=1), atol=1e-13)
    expected = [j.T @ v / np.linalg.norm(v) for j, v in zip(jacobians, phi, strict=True)]
    np.testing.assert_allclose(gradient, expected, atol=1e-13)
    means, gradient = dictionary.means(tensor)
    np.testing.assert_allclose((gradient * tensor).sum(dim=1), means, atol=1e-13)
    center = np.flatnonzero(~dictionary.frequencies.any(axis=1))[0]
    np.testing.assert_allclose(means, dictionary.real_samples.unpack(phi)[:, center].real, atol=1e-13)
    assert dictionary.correlations(dual, tensor.float())[0].dtype == torch.float32
    # An object that is slightly wrong is told apart by the same comparison.
    assert np.abs(dictionary.coefficients(1.0001 * atoms) - phi).max() > 1e-8


@pytest.mark.parametrize("name", DICTIONARIES)
def test_derivatives_against_differences(name):
    dictionary = DICTIONARIES[name]
    atom, direction = random_atoms(2, dictionary.n_features, seed=5)
    step = 1e-5
    ends = dictionary.coefficients(np.stack([atom + step * direction, atom - step * direction]))
    slope = (ends[0] - ends[1]) / (2 * step)
    np.testing.assert_allclose(slope, dictionary.jacobian(atom) @ direction, atol=1e-8)
    dual = np.random.default_rng(1).standard_normal(dictionary.real_samples.n_real)
    gradient = dictionary.correlations(dual, torch.from_numpy(atom[None]))[1][0].numpy()
    np.testing.assert_allclose(slope @ dual, gradient @ direction, atol=1e-7)


@pytest.mark.parametrize("name", ["lattice 2", "axes", "scattered"])
def test_grids_come_close(name):
    dictionary = DICTIONARIES[name]
    atoms = random_atoms(3, dictionary.n_features, seed=2)
    exact = dictionary.coefficients(atoms)
    errors = [np.abs(dictionary.on_grid(n).coefficients(atoms) - exact).max() for n in (64, 512)]
    assert errors[1] < 2e-5 and errors[1] < errors[0] / 8**1.7
    assert isinstance(dictionary.on_grid(), NeuronDictionary)
    assert dictionary.on_grid().grid.shape == (64, 64)


def test_grids_for_searches_have_three_points_per_cycle():
    high = ExactPlanarDictionary(FourierFeatures.lattice(2, 2), lowpass_frequencies(30, 2))
    assert high.on_grid().grid.shape == (96, 96)
    assert high.on_grid(66).grid.shape == (66, 66)


def test_samples_and_images():
    dictionary = DICTIONARIES["lattice 2"]
    measure = DiscreteMeasure(random_atoms(2, 25, seed=7), [2.0, -1.0])
    samples = dictionary.sample(measure)
    phi = dictionary.real_samples.unpack(dictionary.coefficients(measure.atoms))
    np.testing.assert_allclose(samples.values, 2 * phi[0] - phi[1], atol=1e-14)
    np.testing.assert_array_equal(samples.frequencies, dictionary.frequencies)


def test_empty_and_zero_atoms():
    dictionary = DICTIONARIES["lattice 1"]
    none = torch.zeros((0, 9), dtype=torch.float64)
    assert dictionary.coefficients(none.numpy()).shape == (0, 81)
    assert dictionary.means(none)[1].shape == dictionary.norms(none)[1].shape == (0, 9)
    assert dictionary.correlations(np.zeros(81), none)[0].shape == (0,)
    zero = np.zeros((1, 9))
    assert not dictionary.coefficients(zero).any() and not dictionary.jacobian(zero[0]).any()
    assert not dictionary.norms(torch.from_numpy(zero))[1].any()


def test_dual_polynomial():
    """``p`` integrated against the neuron is the correlation; here the neuron is positive, so it is linear."""
    dictionary = DICTIONARIES["lattice 1"]
    atom = 0.05 * random_atoms(1, 9, seed=1)
    atom[0, -1] = 1.0
    dual = np.random.default_rng(0).standard_normal(81)
    p = dictionary.dual_coefficients(dual)
    np.testing.assert_allclose(p, p[::-1, ::-1].conj())
    c = dictionary.polynomials(atom)[0]
    eta = dictionary.correlations(dual, torch.from_numpy(atom))[0]
    np.testing.assert_allclose((p[3:6, 3:6].conj() * c).sum(), eta[0], atol=1e-13)


@pytest.mark.parametrize("weighting", [FourierWeighting(), IntegralWeighting()])
def test_weightings_see_the_continuum(weighting):
    dictionary = DICTIONARIES["lattice 1"]
    atoms = random_atoms(2, 9, seed=4)
    values, gradients = weights_and_gradients(weighting, dictionary, atoms)
    np.testing.assert_allclose((gradients * atoms).sum(axis=1), values, atol=1e-13)  # homogeneity
    fine = weights_and_gradients(weighting, dictionary.on_grid(512), atoms)
    np.testing.assert_allclose(values, fine[0], atol=1e-5)


def test_results_are_kept_and_bounded():
    dictionary = ExactPlanarDictionary.lattice(1, 100)
    atoms = random_atoms(30, 9)
    first = dictionary.rectified(atoms[:1])[0]
    assert dictionary.rectified(atoms[:1])[0] is first
    dictionary.coefficients(atoms)
    assert dictionary.rectified(atoms[:1])[0] is not first


def test_missed_tolerance_warns():
    dictionary = DICTIONARIES["lattice 1"]
    ridge = np.zeros((1, 9))
    ridge[0, 4], ridge[0, 8] = 1.0, 2**0.5  # 1 + cos: zero along a line
    with pytest.warns(RuntimeWarning, match="vanishes together with its gradient"):
        dictionary.coefficients(ridge)


@given(st.lists(st.floats(-1, 1), min_size=18, max_size=18), st.floats(1e-9, 1))
@settings(max_examples=25, deadline=None)
def test_lipschitz(numbers, size):
    dictionary = ExactPlanarDictionary.lattice(1, 5, tolerance=1e-3)  # no warnings for singular polynomials
    first = np.array(numbers[:9])
    second = first + size * np.array(numbers[9:])
    phi, error = dictionary.coefficients(np.stack([first, second])), 0.0
    error = sum(11 * result.error for result in dictionary.rectified(np.stack([first, second])))
    assert np.linalg.norm(phi[0] - phi[1]) <= np.linalg.norm(first - second) + error + 1e-13


@pytest.mark.parametrize(
    ("encoding", "frequencies", "message"),
    [
        (FourierFeatures.lattice(1, dim=1), [[0, 0]], "two dimensions"),
        (FourierFeatures([[0.5, 0.0]]), [[0, 0]], "integer"),
        (FourierFeatures([[40, 0]]), [[0, 0]], "32"),
        (AXES, [[0]], r"\(m, 2\)"),
        (AXES, [[0.5, 0.0]], "integer"),
        (AXES, [[1, 0], [1, 0]], "repeat"),
    ],
)
def test_wrong_dictionaries(encoding, frequencies, message):
    with pytest.raises(ValueError, match=message):
        ExactPlanarDictionary(encoding, frequencies)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="tolerance"):
        ExactPlanarDictionary(AXES, BOX4, tolerance=0.0)
    with pytest.raises(ValueError, match="max_frequency"):
        ExactPlanarDictionary.lattice(0, 3)
    with pytest.raises(ValueError, match=r"\(P, 9\)"):
        DICTIONARIES["lattice 1"].coefficients(np.ones((2, 4)))
    with pytest.raises(ValueError, match="NaN"):
        DICTIONARIES["lattice 1"].coefficients(np.full((1, 9), np.nan))
