"""Zero filling and trigonometric polynomials: grid and point evaluation are one function."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srinr.baselines.zero_filled import root_sum_of_squares, zero_filled, zero_filled_sense
from srinr.domain import Grid, GridImage, grid_frequencies, lowpass_frequencies
from srinr.samples import FourierSamples
from srinr.trigonometric import TrigonometricPolynomial


def random_samples(seed, frequencies, n_coils=None):
    rng = np.random.default_rng(seed)
    shape = (len(frequencies),) if n_coils is None else (n_coils, len(frequencies))
    return FourierSamples(frequencies, rng.standard_normal(shape) + 1j * rng.standard_normal(shape))


def hermitian_samples(seed, cutoff=4, dim=2, noise_std=0.0):
    k = lowpass_frequencies(cutoff, dim)
    y = random_samples(seed, k).values
    return FourierSamples(k, 0.5 * (y + y[::-1].conj()), noise_std)


def direct_sum(samples, points):
    """The definition, one exponential per point and frequency."""
    return np.exp(2j * np.pi * points @ samples.frequencies.T) @ samples.values


@given(
    seed=st.integers(0, 10**6),
    shape=st.sampled_from([(5, 5), (16, 9), (3, 40), (1, 7)]),
    endpoint=st.booleans(),
)
@settings(deadline=None, max_examples=25)
def test_every_evaluation_is_the_direct_sum(seed, shape, endpoint):
    endpoint = endpoint and min(shape) > 1
    k = lowpass_frequencies(6)[np.random.default_rng(seed).random(169) < 0.4]
    samples = random_samples(seed, k)
    image, grid = zero_filled(samples), Grid(shape, endpoint=endpoint)
    expected = direct_sum(samples, grid.points)
    assert np.allclose(image.image(grid.points), expected, atol=1e-10)
    assert np.allclose(image.on_grid(grid).ravel(), expected, atol=1e-10)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_chunks_do_not_change_the_values(monkeypatch, dim):
    samples = random_samples(0, lowpass_frequencies(3, dim))
    points = np.random.default_rng(1).random((50, dim))
    monkeypatch.setattr("srinr.trigonometric._CHUNK_ENTRIES", 100)
    assert np.allclose(zero_filled(samples).image(points), direct_sum(samples, points))


def test_the_full_spectrum_gives_the_pixels_back():
    grid = Grid((6, 5))
    pixels = np.random.default_rng(0).standard_normal(grid.shape)
    box = np.fft.fftshift(np.fft.fftn(pixels, norm="forward"))
    samples = FourierSamples(grid_frequencies(grid.shape), box.ravel())
    assert np.allclose(zero_filled(samples).on_grid(grid), pixels)
    assert isinstance(zero_filled(samples), GridImage)
    assert np.allclose(grid.rasterize(zero_filled(samples)), pixels)


def test_hermitian_data_give_a_real_image():
    samples = hermitian_samples(0)
    image = zero_filled(samples, real=True)
    grid = Grid((7, 12))
    assert image.on_grid(grid).dtype == np.float64
    assert image.image(grid.points).dtype == np.float64
    assert np.allclose(image.on_grid(grid), zero_filled(samples).on_grid(grid), atol=1e-12)


def test_real_images_need_hermitian_data():
    samples = hermitian_samples(1)
    with pytest.raises(ValueError, match="not those of a real image"):
        zero_filled(FourierSamples(samples.frequencies, samples.values + 1e-3j), real=True)
    with pytest.raises(ValueError, match="at k and -k alike"):
        zero_filled(samples.select(samples.frequencies[:, 0] >= 0), real=True)
    shuffled = samples.select(np.random.default_rng(0).permutation(samples.n_samples))
    assert zero_filled(shuffled, real=True).real


def test_stated_noise_may_break_the_symmetry():
    noisy = hermitian_samples(2).with_noise(0.1, np.random.default_rng(0))
    assert zero_filled(noisy, real=True).on_grid(Grid(8, dim=2)).dtype == np.float64
    with pytest.raises(ValueError, match="not those of a real image"):
        zero_filled(FourierSamples(noisy.frequencies, noisy.values), real=True)


def test_root_sum_of_squares_combines_coils():
    samples = random_samples(3, lowpass_frequencies(3), n_coils=3)
    grid = Grid((9, 7))
    waves = np.exp(2j * np.pi * grid.points @ samples.frequencies.T)
    expected = np.linalg.norm(waves @ samples.values.T, axis=1)
    image = root_sum_of_squares(samples)
    assert np.allclose(image.image(grid.points), expected)
    assert np.allclose(image.on_grid(grid).ravel(), expected)
    assert np.allclose(grid.rasterize(image).ravel(), expected)


def test_sense_combination_inverts_full_sampling():
    rng = np.random.default_rng(4)
    grid = Grid((6, 5))
    maps = rng.standard_normal((3, *grid.shape)) + 1j * rng.standard_normal((3, *grid.shape))
    maps[:, 0, 0] = 0
    pixels = rng.standard_normal(grid.shape) + 1j
    box = np.fft.fftshift(np.fft.fftn(maps * pixels, axes=(1, 2), norm="forward"), axes=(1, 2))
    samples = FourierSamples(grid_frequencies(grid.shape), box.reshape(3, -1))
    combined = zero_filled_sense(samples, maps)
    assert combined[0, 0] == 0
    combined[0, 0] = pixels[0, 0]
    assert np.allclose(combined, pixels)


def test_wrong_input_is_named():
    k = lowpass_frequencies(1)
    coils = FourierSamples(k, np.ones((2, 9)))
    with pytest.raises(ValueError, match="integer frequencies"):
        zero_filled(FourierSamples([[0.5]], [1.0]))
    with pytest.raises(ValueError, match="root_sum_of_squares"):
        zero_filled(coils)
    with pytest.raises(ValueError, match="repeat"):
        zero_filled(FourierSamples([[0], [0]], [1.0, 1.0]))
    with pytest.raises(ValueError, match="n_coils, m"):
        root_sum_of_squares(FourierSamples(k, np.ones(9)))
    with pytest.raises(ValueError, match="maps must have shape"):
        zero_filled_sense(coils, np.ones((3, 4, 4)))
    image = zero_filled(FourierSamples(k, np.ones(9)))
    with pytest.raises(ValueError, match="points must have shape"):
        image.image(np.zeros((3, 1)))
    with pytest.raises(ValueError, match="2-D grid"):
        image.on_grid(Grid(4, dim=3))
    with pytest.raises(ValueError, match="coefficients must have shape"):
        TrigonometricPolynomial(k, np.ones(3))
    with pytest.raises(ValueError, match="integers of shape"):
        TrigonometricPolynomial(k + 0.5, np.ones(9))
    with pytest.raises(ValueError, match="too large"):
        TrigonometricPolynomial([[0, 0], [10**6, 10**6]], np.ones(2)).image(np.zeros((1, 2)))
