"""The dictionary of neurons on a grid: derivatives, norms, bounds, aliasing, memory, and the rest of the library."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srinr.dictionary import Dictionary
from srinr.domain import Grid, lowpass_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.exact_dictionary import ExactDictionary
from srinr.inr import inr_from_measure
from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary, default_grid_points
from srinr.operators.fourier import FourierOperator
from srinr.status import OutOfMemoryError

CASES: dict[str, NeuronDictionary] = {
    "1-D": NeuronDictionary.lattice(2, 6, dim=1, n_grid=48),
    "2-D": NeuronDictionary.lattice(1, 4, dim=2, n_grid=16),
    "2-D, no constant": NeuronDictionary.lattice(1, 4, dim=2, n_grid=16, constant=False),
    "3-D": NeuronDictionary.lattice(1, 2, dim=3, n_grid=8),
    "other shape, scattered frequencies": NeuronDictionary(
        FourierFeatures([[1, 0], [1, 2]]),
        FourierOperator(Grid((12, 15)), [[0, 0], [3, 1], [-3, -1], [2, -4]]),
    ),
}


def random_atoms(dictionary: Dictionary, n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, dictionary.encoding.n_features))


def plain_samples(dictionary: NeuronDictionary, atoms: np.ndarray) -> np.ndarray:
    """Mean over the grid of ``relu(<w, gamma>) exp(-2 pi i k.x)``, by explicit sums."""
    points = dictionary.grid.points
    hidden = np.maximum(dictionary.encoding.features(torch.from_numpy(points)).numpy() @ atoms.T, 0)
    waves = np.exp(-2j * np.pi * points @ dictionary.operator.frequencies.T)
    return hidden.T @ waves / len(points)


@pytest.mark.parametrize("name", CASES)
def test_coefficients_are_those_of_explicit_sums(name: str) -> None:
    dictionary = CASES[name]
    atoms = random_atoms(dictionary, 3)
    expected = dictionary.real_samples.pack(plain_samples(dictionary, atoms))
    np.testing.assert_allclose(dictionary.coefficients(atoms), expected, atol=1e-13)
    assert not np.allclose(dictionary.coefficients(-atoms), expected, atol=1e-3)


@pytest.mark.parametrize("name", CASES)
@given(st.integers(0, 10_000))
def test_euler_and_homogeneity(name: str, seed: int) -> None:
    dictionary = CASES[name]
    atom = random_atoms(dictionary, 1, seed)[0]
    phi = dictionary.coefficients(atom[None])[0]
    np.testing.assert_allclose(dictionary.jacobian(atom) @ atom, phi, atol=1e-12)
    np.testing.assert_allclose(dictionary.coefficients(3.5 * atom[None])[0], 3.5 * phi, atol=1e-12)
    np.testing.assert_allclose(dictionary.jacobian(3.5 * atom), dictionary.jacobian(atom), atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_jacobian_matches_finite_differences_away_from_kinks(name: str) -> None:
    dictionary = CASES[name]
    atom = random_atoms(dictionary, 1, 4)[0]
    hidden = dictionary.features(torch.float64).numpy() @ atom
    step = 1e-6
    # No pixel changes its sign within the step: there the map is linear.
    assert np.abs(hidden).min() > 10 * step
    shifts = step * np.eye(len(atom))
    differences = dictionary.coefficients(atom + shifts) - dictionary.coefficients(atom - shifts)
    np.testing.assert_allclose(dictionary.jacobian(atom), differences.T / (2 * step), atol=1e-8)


@pytest.mark.parametrize("name", CASES)
@given(st.integers(0, 10_000))
def test_correlations_are_inner_products_with_the_samples(name: str, seed: int) -> None:
    dictionary, rng = CASES[name], np.random.default_rng(seed)
    atoms, dual = random_atoms(dictionary, 4, seed), rng.standard_normal(CASES[name].real_samples.n_real)
    eta, gradients = dictionary.correlations(dual, torch.from_numpy(atoms))
    np.testing.assert_allclose(eta, dictionary.coefficients(atoms) @ dual, atol=1e-11)
    expected = np.stack([dictionary.jacobian(atom).T @ dual for atom in atoms])
    np.testing.assert_allclose(gradients, expected, atol=1e-11)


@pytest.mark.parametrize("name", CASES)
def test_norms_and_means_with_their_gradients(name: str) -> None:
    dictionary = CASES[name]
    atoms = random_atoms(dictionary, 3, 1)
    phi = dictionary.coefficients(atoms)
    norms, slopes = dictionary.norms(torch.from_numpy(atoms))
    np.testing.assert_allclose(norms, np.linalg.norm(phi, axis=1), rtol=1e-12)
    expected = [dictionary.jacobian(a).T @ p / np.linalg.norm(p) for a, p in zip(atoms, phi, strict=True)]
    np.testing.assert_allclose(slopes, expected, atol=1e-12)
    means, slopes = dictionary.means(torch.from_numpy(atoms))
    features = dictionary.features(torch.float64).numpy()
    np.testing.assert_allclose(means, np.maximum(features @ atoms.T, 0).mean(axis=0), atol=1e-13)
    np.testing.assert_allclose(slopes, (features @ atoms.T > 0).T.astype(float) @ features / len(features))


@pytest.mark.parametrize("name", CASES)
@given(st.integers(0, 10_000))
def test_lipschitz_bound_holds(name: str, seed: int) -> None:
    dictionary = CASES[name]
    v, w = random_atoms(dictionary, 2, seed)
    distance = np.linalg.norm(dictionary.coefficients(v[None]) - dictionary.coefficients(w[None]))
    assert distance <= dictionary.lipschitz * np.linalg.norm(v - w) * (1 + 1e-12)


def test_lipschitz_constant_is_one_for_orthonormal_features_and_is_nearly_reached() -> None:
    # Integer features are orthonormal on a grid that resolves their products.
    dictionary = CASES["1-D"]
    assert dictionary.lipschitz == pytest.approx(1.0, abs=1e-12)
    # With the constant feature alone, the neuron is the constant 1.
    constant = np.array([[0.0, 0.0, 0.0, 0.0, 1.0]])
    assert np.linalg.norm(dictionary.coefficients(constant)) == pytest.approx(1.0)
    scattered = CASES["other shape, scattered frequencies"]
    singular = np.linalg.svd(scattered.features(torch.float64).numpy())[1] / np.sqrt(scattered.grid.n_points)
    assert scattered.lipschitz == pytest.approx(singular[0])


def test_parseval_over_all_frequencies_of_the_grid() -> None:
    grid = Grid(15, dim=2)
    dictionary = NeuronDictionary(
        FourierFeatures.lattice(1, 2), FourierOperator(grid, lowpass_frequencies(7, 2))
    )
    atom = random_atoms(dictionary, 1)
    image = dictionary.image(DiscreteMeasure(atom, [1.0]))
    assert np.linalg.norm(dictionary.coefficients(atom)) ** 2 == pytest.approx(np.mean(image**2), rel=1e-12)
    fewer = NeuronDictionary(dictionary.encoding, FourierOperator(grid, lowpass_frequencies(3, 2)))
    assert np.linalg.norm(fewer.coefficients(atom)) ** 2 < np.mean(image**2)


@given(st.integers(0, 15), st.integers(0, 15), st.integers(0, 1000))
def test_translation_multiplies_samples_by_a_phase(shift_x: int, shift_y: int, seed: int) -> None:
    # spec: a translate of a neuron is a neuron of the same length whose pairs (sin, cos) are rotated.
    dictionary = CASES["2-D"]
    atom, t = random_atoms(dictionary, 1, seed)[0], np.array([shift_x, shift_y]) / 16
    k = dictionary.encoding.frequencies
    n, angle = len(k), 2 * np.pi * k @ t
    alpha, beta = atom[:n], atom[n : 2 * n]
    moved = np.concatenate(
        [
            alpha * np.cos(angle) + beta * np.sin(angle),
            beta * np.cos(angle) - alpha * np.sin(angle),
            atom[2 * n :],
        ]
    )
    assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(atom))
    unpack = dictionary.real_samples.unpack
    phase = np.exp(-2j * np.pi * dictionary.operator.frequencies @ t)
    here, there = (unpack(dictionary.coefficients(w[None])[0]) for w in (atom, moved))
    np.testing.assert_allclose(there, phase * here, atol=1e-12)
    other = np.linalg.norm(there - phase.conj() * here)
    assert other > 1e-6 or not (2 * t % 1).any()


@pytest.mark.parametrize(("dim", "rate"), [(1, 2.0), (2, 2.5)])
def test_aliasing_falls_with_refinement(dim: int, rate: float) -> None:
    # 1-D: kinks at points, n^-2. 2-D: kinks along curves, n^-2.5 in the mean.
    coarse = NeuronDictionary.lattice(1, 4, dim=dim, n_grid=12)
    atoms = random_atoms(coarse, 12, 3)
    levels = [coarse]
    for _ in range(5 if dim == 1 else 3):
        levels.append(levels[-1].refined())
    assert levels[1].grid.shape == (24,) * dim
    values = [level.coefficients(atoms) for level in levels]
    exact = (
        ExactDictionary.lattice(1, 4).coefficients(atoms)
        if dim == 1
        else levels[-1].refined().coefficients(atoms)
    )
    errors = [np.linalg.norm(v - exact) for v in values]
    slope = np.log2(errors[0] / errors[-1]) / (len(errors) - 1)
    assert rate - 0.6 < slope < rate + 0.9
    assert errors[-1] < errors[0] / 50


def test_tiny_memory_limit_gives_the_same_numbers() -> None:
    wide = CASES["2-D"]
    needed = 2 * 8 * wide.grid.n_points * wide.n_features
    tight = NeuronDictionary(wide.encoding, wide.operator, memory_limit=needed)
    assert tight.chunk_size < 5 < wide.chunk_size
    atoms = random_atoms(wide, 11)
    dual = np.random.default_rng(1).standard_normal(wide.real_samples.n_real)
    tensor = torch.from_numpy(atoms)
    np.testing.assert_allclose(tight.coefficients(atoms), wide.coefficients(atoms), atol=1e-14)
    np.testing.assert_allclose(tight.jacobian(atoms[0]), wide.jacobian(atoms[0]), atol=1e-14)
    for method in ("norms", "means"):
        for one, other in zip(getattr(tight, method)(tensor), getattr(wide, method)(tensor), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-14)
    for one, other in zip(tight.correlations(dual, tensor), wide.correlations(dual, tensor), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13)
    measure = DiscreteMeasure(atoms, np.arange(11.0))
    np.testing.assert_allclose(tight.image(measure), wide.image(measure), atol=1e-12)


def test_features_that_do_not_fit_are_refused_with_the_remedy() -> None:
    encoding, operator = (
        FourierFeatures.lattice(2),
        FourierOperator(Grid(64, dim=2), lowpass_frequencies(3, 2)),
    )
    with pytest.raises(OutOfMemoryError, match="memory_limit"):
        NeuronDictionary(encoding, operator, memory_limit=2 * 8 * 25 * 64**2 - 1)
    assert NeuronDictionary(encoding, operator, memory_limit=2 * 8 * 25 * 64**2).n_features == 25


@pytest.mark.parametrize("name", ["1-D", "2-D"])
def test_single_precision_path(name: str) -> None:
    dictionary = CASES[name]
    atoms = torch.from_numpy(random_atoms(dictionary, 5))
    dual = np.random.default_rng(2).standard_normal(dictionary.real_samples.n_real)
    for function in (dictionary.norms, dictionary.means, lambda w: dictionary.correlations(dual, w)):
        for single, double in zip(function(atoms.float()), function(atoms), strict=True):
            assert single.dtype == torch.float32
            assert double.dtype == torch.float64
            # A pixel near a kink may switch; its contribution is of the order of 1 / n_points.
            np.testing.assert_allclose(single, double, atol=2e-3)


@pytest.mark.parametrize("name", CASES)
def test_no_atoms_give_empty_arrays(name: str) -> None:
    dictionary = CASES[name]
    nothing = np.zeros((0, dictionary.n_features))
    assert dictionary.coefficients(nothing).shape == (0, dictionary.real_samples.n_real)
    dual = np.zeros(dictionary.real_samples.n_real)
    for function in (dictionary.norms, dictionary.means, lambda w: dictionary.correlations(dual, w)):
        values, gradients = function(torch.from_numpy(nothing))
        assert values.shape == (0,)
        assert gradients.shape == nothing.shape
    assert not dictionary.image(DiscreteMeasure(nothing, [])).any()
    assert not dictionary.sample(DiscreteMeasure(nothing, [])).values.any()


@pytest.mark.parametrize("name", CASES)
def test_samples_and_images_agree_with_operators_and_networks(name: str) -> None:
    dictionary = CASES[name]
    measure = DiscreteMeasure(random_atoms(dictionary, 3, 8), [2.0, -1.0, 0.5])
    image = dictionary.image(measure)
    assert image.shape == dictionary.grid.shape
    inr = inr_from_measure(measure, dictionary.encoding)
    np.testing.assert_allclose(inr.on_grid(dictionary.grid), image, atol=1e-12)
    samples = dictionary.sample(measure)
    np.testing.assert_array_equal(samples.frequencies, dictionary.operator.frequencies)
    np.testing.assert_allclose(samples.values, dictionary.operator.forward(image), atol=1e-12)
    assert dictionary.real_samples.asymmetry(samples.values) < 1e-13


def test_dual_image_is_the_trigonometric_polynomial_of_the_dual_vector() -> None:
    dictionary = CASES["2-D"]
    dual = np.random.default_rng(4).standard_normal(dictionary.real_samples.n_real)
    coefficients = dictionary.real_samples.unpack(dual)
    waves = np.exp(2j * np.pi * dictionary.grid.points @ dictionary.operator.frequencies.T)
    np.testing.assert_allclose(dictionary.dual_image(dual), (waves @ coefficients).real, atol=1e-11)


def test_defaults_and_description() -> None:
    assert isinstance(CASES["1-D"], Dictionary)
    assert [default_grid_points(4, 2, dim) for dim in (1, 2, 3)] == [256, 64, 16]
    assert default_grid_points(40, 2, 2) == 86
    assert NeuronDictionary.lattice(2, 6).grid.shape == (64, 64)
    assert CASES["2-D"].description == "grid (16, 16)"


def test_wrong_shapes_are_refused() -> None:
    dictionary = CASES["2-D"]
    with pytest.raises(ValueError, match=r"atoms must have shape \(P, 9\)"):
        dictionary.coefficients(np.zeros((2, 8)))
    with pytest.raises(ValueError, match="dimension"):
        NeuronDictionary(FourierFeatures.lattice(1, dim=1), dictionary.operator)
