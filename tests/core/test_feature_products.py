"""Products with features from shifted spectra, and neurons with rounded kinks."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srinr import (
    ExactDictionary,
    ExactPlanarDictionary,
    FourierFeatures,
    FourierOperator,
    Grid,
    NeuronDictionary,
)
from srinr.domain import lowpass_frequencies
from srinr.feature_products import FeatureProducts
from srinr.real_samples import RealSamples
from srinr.rounded_dictionary import RoundedDictionary

PLANE = NeuronDictionary.lattice(2, 5, n_grid=24)


def plain_samples(dictionary, images):
    """By the operator: images (P, n_points) or (n_points,)."""
    shaped = images.reshape(*images.shape[:-1], *dictionary.grid.shape)
    return dictionary.real_samples.pack(dictionary.operator.forward(shaped))


def plain_products(dictionary, images):
    """One transform for each image and feature."""
    features = dictionary.features(torch.float64).numpy()
    return np.stack([plain_samples(dictionary, features.T * image) for image in images])


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), constant=st.booleans(), cutoff=st.integers(1, 8))
def test_products_are_those_of_one_transform_a_feature(seed, constant, cutoff):
    rng = np.random.default_rng(seed)
    dictionary = NeuronDictionary.lattice(2, cutoff, n_grid=20, constant=constant)
    images = rng.standard_normal((rng.integers(1, 4), 400))
    found = dictionary.feature_products(torch.from_numpy(images))
    np.testing.assert_allclose(found, plain_products(dictionary, images), atol=1e-13)
    samples = dictionary.image_samples(torch.from_numpy(images)).numpy()
    np.testing.assert_allclose(samples, plain_samples(dictionary, images), atol=1e-13)


def test_products_wrap_around_where_shifts_leave_the_grid():
    dictionary = NeuronDictionary.lattice(3, 7, n_grid=16)  # 7 + 3 is beyond what 16 points represent
    images = np.random.default_rng(0).standard_normal((1, 256))
    found = dictionary.feature_products(torch.from_numpy(images))
    np.testing.assert_allclose(found, plain_products(dictionary, images), atol=1e-13)


def test_products_at_chosen_frequencies_without_their_opposites():
    frequencies = np.array([[1, 0], [0, 0], [-1, 2], [3, -3]])
    encoding = FourierFeatures.lattice(1, 2)
    operator = FourierOperator(Grid(12, dim=2), frequencies)
    dictionary = NeuronDictionary(encoding, operator)
    images = np.random.default_rng(1).standard_normal((2, 144))
    products = FeatureProducts(encoding, RealSamples(frequencies), (12, 12))
    np.testing.assert_allclose(products(images), plain_products(dictionary, images), atol=1e-13)
    np.testing.assert_allclose(products.samples(images), plain_samples(dictionary, images), atol=1e-13)


def test_products_need_integer_frequencies():
    with pytest.raises(ValueError, match="integer"):
        FeatureProducts(FourierFeatures([[0.5, 1.0]]), RealSamples(lowpass_frequencies(2, 2)), (8, 8))
    stretched = FourierFeatures(FourierFeatures.lattice(1, 2).frequencies * 1.1)
    dictionary = NeuronDictionary(stretched, PLANE.operator)
    atom = np.random.default_rng(2).standard_normal(9)
    np.testing.assert_allclose(
        dictionary.jacobian(atom) @ atom, dictionary.coefficients(atom[None])[0], atol=1e-12
    )


@pytest.mark.parametrize(
    "dictionary",
    [
        PLANE,
        NeuronDictionary.lattice(2, 5, n_grid=24, constant=False),
        NeuronDictionary.lattice(2, 6, dim=1),
        dataclasses.replace(PLANE, memory_limit=2 * 24**2 * 25 * 8),
        RoundedDictionary(PLANE, 1.5),
        ExactPlanarDictionary(FourierFeatures.lattice(1, 2), lowpass_frequencies(3, 2)),
        ExactDictionary(2, lowpass_frequencies(5, 1)),
    ],
    ids=["plane", "without constant", "line", "in blocks", "rounded", "exact plane", "exact line"],
)
def test_jacobians_are_the_jacobian_of_each_atom(dictionary):
    sharp = dictionary.dictionary if isinstance(dictionary, RoundedDictionary) else dictionary
    atoms = np.random.default_rng(5).standard_normal((7, sharp.encoding.n_features))
    found = dictionary.jacobians(atoms)
    expected = np.stack([dictionary.jacobian(atom) for atom in atoms])
    np.testing.assert_allclose(found, expected, atol=1e-14)
    # Homogeneous neurons are their own derivative along themselves.
    np.testing.assert_allclose(
        np.einsum("pmd,pd->pm", found, atoms), dictionary.coefficients(atoms), atol=1e-12
    )
    assert dictionary.jacobians(atoms[:0]).shape == (0, *expected.shape[1:])


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), pixels=st.floats(0.2, 5.0), size=st.floats(1e-3, 1e3))
def test_rounded_neurons_are_smooth_and_homogeneous(seed, pixels, size):
    rng = np.random.default_rng(seed)
    rounded = RoundedDictionary(PLANE, pixels)
    w, v = rng.standard_normal((2, 25))
    jacobian = rounded.jacobian(w)
    np.testing.assert_allclose(jacobian @ w, rounded.coefficients(w[None])[0], atol=1e-12)
    np.testing.assert_allclose(rounded.jacobian(size * w), jacobian, atol=1e-12)
    # Differentiable across the kinks, where the sharp neuron is not.
    ends = rounded.coefficients(np.stack([w + 1e-5 * v, w - 1e-5 * v]))
    np.testing.assert_allclose((ends[0] - ends[1]) / 2e-5, jacobian @ v, atol=1e-5)


def test_rounding_vanishes_with_its_width_and_is_refused_without():
    w = np.random.default_rng(3).standard_normal((2, 25))
    errors = [
        np.linalg.norm(RoundedDictionary(PLANE, p).coefficients(w) - PLANE.coefficients(w))
        for p in (2.0, 0.2)
    ]
    assert errors[1] < 0.1 * errors[0]
    for pixels in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="pixels"):
            RoundedDictionary(PLANE, pixels)
    nothing = RoundedDictionary(PLANE, 1.0)
    assert not nothing.jacobian(np.zeros(25)).any() and not nothing.coefficients(np.zeros((1, 25))).any()
    assert nothing.coefficients(np.zeros((0, 25))).shape == (0, 121)


def test_the_aliasing_estimate_is_most_of_the_error():
    rng = np.random.default_rng(4)
    from srinr import DiscreteMeasure, ExactPlanarDictionary

    measure = DiscreteMeasure(rng.standard_normal((2, 25)), [1.0, -0.5])
    exact = ExactPlanarDictionary.lattice(2, 5)
    truth = measure.amplitudes @ exact.coefficients(measure.atoms)
    for n in (24, 48):
        grid = exact.on_grid(n)
        error = np.linalg.norm(measure.amplitudes @ grid.coefficients(measure.atoms) - truth)
        ratio = grid.aliasing_estimate(measure) / (error / np.linalg.norm(truth))
        assert 1 / 3 < ratio < 3
