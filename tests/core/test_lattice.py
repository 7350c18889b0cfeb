"""The trigonometric polynomial of a weight vector, and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srinr.domain import Grid, lowpass_frequencies
from srinr.lattice import lattice_coefficients, lattice_frequencies, lattice_weights

CASES = [(0, 1), (1, 1), (4, 1), (1, 2), (3, 2), (1, 3)]


def features(points, max_frequency, dim):
    """The feature list of the module's docstring, written out."""
    angle = 2 * np.pi * points @ lattice_frequencies(max_frequency, dim).T
    return np.concatenate(
        [np.sqrt(2) * np.sin(angle), np.sqrt(2) * np.cos(angle), np.ones((len(points), 1))], axis=1
    )


@pytest.mark.parametrize(("max_frequency", "dim"), CASES)
def test_frequencies_are_half_of_the_box_in_c_order(max_frequency, dim):
    k = lattice_frequencies(max_frequency, dim)
    n_features = (2 * max_frequency + 1) ** dim
    assert k.shape == ((n_features - 1) // 2, dim)
    box = lowpass_frequencies(max_frequency, dim)
    # Of a centered box in C order the second half is the half plane, in the same order.
    np.testing.assert_array_equal(k, box[(n_features + 1) // 2 :])


@pytest.mark.parametrize(("max_frequency", "dim"), CASES)
def test_coefficients_give_the_polynomial(max_frequency, dim, rng):
    n_features = (2 * max_frequency + 1) ** dim
    weights = rng.standard_normal((3, n_features))
    points = rng.random((20, dim)) * 3 - 1
    coefficients = lattice_coefficients(weights, max_frequency, dim)
    assert coefficients.shape == (3, *[2 * max_frequency + 1] * dim)
    waves = np.exp(2j * np.pi * points @ lowpass_frequencies(max_frequency, dim).T)
    values = waves @ coefficients.reshape(3, -1).T
    np.testing.assert_allclose(values, features(points, max_frequency, dim) @ weights.T, atol=1e-12)


@pytest.mark.parametrize(("max_frequency", "dim"), CASES)
def test_parseval(max_frequency, dim, rng):
    weights = rng.standard_normal((4, (2 * max_frequency + 1) ** dim))
    coefficients = lattice_coefficients(weights, max_frequency, dim).reshape(4, -1)
    np.testing.assert_allclose(np.linalg.norm(coefficients, axis=1), np.linalg.norm(weights, axis=1))


@pytest.mark.parametrize(("max_frequency", "dim"), [(1, 1), (2, 2), (1, 3)])
def test_features_are_orthonormal_on_a_grid(max_frequency, dim):
    grid = Grid(2 * max_frequency + 1, dim=dim)
    gamma = features(grid.points, max_frequency, dim)
    np.testing.assert_allclose(gamma.T @ gamma / grid.n_points, np.eye(gamma.shape[1]), atol=1e-14)


@given(st.sampled_from(CASES), st.integers(0, 2**31), st.sampled_from([(), (1,), (5,)]))
def test_weights_invert_coefficients(case, seed, lead):
    max_frequency, dim = case
    weights = np.random.default_rng(seed).standard_normal((*lead, (2 * max_frequency + 1) ** dim))
    back = lattice_weights(lattice_coefficients(weights, max_frequency, dim), dim)
    np.testing.assert_allclose(back, weights, rtol=1e-14, atol=1e-15)


def test_translation_is_a_phase(rng):
    weights = rng.standard_normal(25)
    coefficients = lattice_coefficients(weights, 2)
    shift = np.array([0.3, -0.45])
    phase = np.exp(-2j * np.pi * lowpass_frequencies(2) @ shift).reshape(5, 5)
    moved = lattice_weights(coefficients * phase)
    points = rng.random((10, 2))
    np.testing.assert_allclose(features(points, 2, 2) @ moved, features(points - shift, 2, 2) @ weights)
    assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(weights))


@pytest.mark.parametrize("shape", [(24,), (2, 26), (1, 1, 25), ()])
def test_weights_of_wrong_shape(shape):
    with pytest.raises(ValueError, match=r"weights must have shape \(P, 25\)"):
        lattice_coefficients(np.ones(shape), max_frequency=2)


def test_boxes_refused(rng):
    hermitian = lattice_coefficients(rng.standard_normal(25), 2)
    not_hermitian = hermitian.copy()
    not_hermitian[0, 0] += 1e-6
    with pytest.raises(ValueError, match="not Hermitian"):
        lattice_weights(not_hermitian)
    with pytest.raises(ValueError, match="not Hermitian"):
        lattice_weights(1j * hermitian)
    for shape in [(5, 3), (4, 4), (5,)]:
        with pytest.raises(ValueError, match="equal odd axes"):
            lattice_weights(np.ones(shape))
