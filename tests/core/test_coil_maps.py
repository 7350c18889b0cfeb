"""Estimated coil sensitivities against known ones, up to the phase and scale that the data do not fix."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srinr.coil_maps import espirit_maps, estimate_coil_maps, fully_sampled_box, hann_taper, kaiser_taper
from srinr.domain import Grid, grid_frequencies, lowpass_frequencies
from srinr.samples import FourierSamples
from srinr.trigonometric import TrigonometricPolynomial

GRID = Grid((48, 40))


def known_maps(n_coils=4, seed=0):
    """Trigonometric polynomials of degree 1, normalized pointwise to sum |s|^2 = 1."""
    rng = np.random.default_rng(seed)
    k = lowpass_frequencies(1)
    maps = []
    for _ in range(n_coils):
        c = 0.25 * (rng.standard_normal(9) + 1j * rng.standard_normal(9))
        c[4] += np.exp(2j * np.pi * rng.random())
        maps.append(TrigonometricPolynomial(k, c).on_grid(GRID))
    stacked = np.stack(maps)
    return stacked / np.sqrt((np.abs(stacked) ** 2).sum(axis=0))


def ellipse(phase=0.0):
    x, y = GRID.points.T
    body = ((x - 0.5) / 0.36) ** 2 + ((y - 0.5) / 0.4) ** 2 < 1
    spot = ((x - 0.4) / 0.1) ** 2 + ((y - 0.6) / 0.12) ** 2 < 1
    image = body * (1.0 + 0.5 * spot) * np.exp(1j * phase * x)
    return image.reshape(GRID.shape)


def coil_samples(image, maps, keep=None):
    k = grid_frequencies(GRID.shape)
    box = np.fft.fftshift(np.fft.fftn(maps * image, axes=(1, 2), norm="forward"), axes=(1, 2))
    samples = FourierSamples(k, box.reshape(len(maps), -1))
    return samples if keep is None else samples.select((np.abs(k) <= keep).all(axis=1))


def deviation(estimate, truth, region):
    """RMS distance in the region after the best phase per pixel (both have unit length there)."""
    overlap = np.abs((estimate.conj() * truth).sum(axis=0))[region]
    return float(np.sqrt(np.mean(2 - 2 * np.minimum(overlap, 1))))


@given(half=st.tuples(st.integers(0, 4), st.integers(0, 4)), seed=st.integers(0, 10**6))
@settings(deadline=None, max_examples=25)
def test_the_box_is_fully_sampled_and_cannot_be_larger(half, seed):
    rng = np.random.default_rng(seed)
    k = lowpass_frequencies(5)
    keep = (np.abs(k) <= np.array(half)).all(axis=1) | (rng.random(len(k)) < 0.6)
    found = fully_sampled_box(FourierSamples(k[keep], np.ones(keep.sum())))
    sampled = {tuple(row) for row in k[keep]}

    def is_full(h):
        box = np.stack(np.meshgrid(*[np.arange(-n, n + 1) for n in h], indexing="ij"), axis=-1)
        return all(tuple(row) in sampled for row in box.reshape(-1, 2))

    full = [(a, b) for a in range(6) for b in range(6) if is_full((a, b))]
    assert is_full(found)
    assert np.prod(2 * np.array(found) + 1) == max((2 * a + 1) * (2 * b + 1) for a, b in full)


def test_an_even_grid_is_not_full_at_its_lowest_frequency():
    k = grid_frequencies((4, 5))
    assert fully_sampled_box(FourierSamples(k, np.ones(len(k)))) == (1, 2)


@pytest.mark.parametrize("phase", [0.0, 6.0])
def test_espirit_recovers_known_maps(phase):
    truth, image = known_maps(), ellipse(phase)
    estimate = espirit_maps(coil_samples(image, truth, keep=10), GRID, kernel_width=5)
    inside = (np.abs(image) > 0) & estimate.support
    assert inside.sum() > 0.97 * (np.abs(image) > 0).sum()
    assert deviation(estimate.maps, truth, inside) < 0.02
    assert estimate.quality.max() <= 1 + 1e-12


def test_low_resolution_maps_are_close_to_known_ones():
    truth, image = known_maps(), ellipse()
    estimate = estimate_coil_maps(coil_samples(image, truth, keep=10), GRID)
    inside = np.abs(image) > 0
    assert estimate.support[inside].all()
    assert not estimate.support.all()
    assert deviation(estimate.maps, truth, inside) < 0.08


def test_the_order_of_coils_and_a_wrong_phase_convention_would_be_noticed():
    truth, image = known_maps(), ellipse()
    estimate = espirit_maps(coil_samples(image, truth, keep=10), GRID, kernel_width=5)
    inside = (np.abs(image) > 0) & estimate.support
    assert deviation(estimate.maps.conj(), truth, inside) > 0.3
    assert deviation(estimate.maps[::-1], truth, inside) > 0.3
    assert deviation(np.roll(estimate.maps, (6, 6), axis=(1, 2)), truth, inside) > 0.1


@pytest.mark.parametrize("estimator", [estimate_coil_maps, espirit_maps])
def test_maps_are_normalized_on_the_support_and_zero_outside(estimator):
    estimate = estimator(coil_samples(ellipse(), known_maps(), keep=8), GRID)
    energy = (np.abs(estimate.maps) ** 2).sum(axis=0)
    assert np.allclose(energy[estimate.support], 1.0)
    assert not energy[~estimate.support].any()
    assert 0.3 < estimate.support.mean() < 0.9
    assert estimate.quality[estimate.support].min() > estimate.quality[~estimate.support].max()
    assert estimate.half_widths == (8, 8)
    assert estimate.maps.dtype == np.complex128


@pytest.mark.parametrize("estimator", [estimate_coil_maps, espirit_maps])
def test_the_image_has_no_phase_at_low_resolution(estimator):
    truth, image = known_maps(), ellipse(phase=2.0)
    samples = coil_samples(image, truth)
    estimate = estimator(samples.select((np.abs(samples.frequencies) <= 10).all(axis=1)), GRID)
    combined = (estimate.maps.conj() * truth * image).sum(axis=0)
    strong = np.abs(combined) > 0.5
    assert np.abs(np.angle(combined[strong])).max() < 0.15


@pytest.mark.parametrize("estimator", [estimate_coil_maps, espirit_maps])
def test_maps_are_functions_of_position_not_of_the_grid(estimator):
    samples = coil_samples(ellipse(), known_maps(), keep=8)
    fine = estimator(samples, Grid((96, 80)))
    assert np.allclose(fine.quality[::2, ::2], estimator(samples, GRID).quality, atol=0.02)
    both = fine.support[::2, ::2] & estimator(samples, GRID).support
    coarse = estimator(samples, GRID).maps
    assert np.allclose(fine.maps[:, ::2, ::2][:, both], coarse[:, both], atol=1e-9)


@given(scale=st.floats(1e-6, 1e6))
@settings(deadline=None, max_examples=5)
def test_the_unit_of_the_data_does_not_matter(scale):
    samples = coil_samples(ellipse(), known_maps(), keep=6)
    scaled = FourierSamples(samples.frequencies, scale * samples.values)
    grid = Grid((12, 10))
    assert np.allclose(espirit_maps(scaled, grid).maps, espirit_maps(samples, grid).maps, atol=1e-6)
    assert np.allclose(estimate_coil_maps(scaled, grid).maps, estimate_coil_maps(samples, grid).maps)


def test_three_dimensions_work():
    k = lowpass_frequencies(3, dim=3)
    y = np.random.default_rng(0).standard_normal(len(k))
    samples = FourierSamples(k, [0.6 * y, 0.8j * y])
    grid = Grid(4, dim=3)
    for maps in (espirit_maps(samples, grid, kernel_width=3).maps, estimate_coil_maps(samples, grid).maps):
        lengths = np.abs(maps[:, np.abs(maps).sum(axis=0) > 0])
        assert lengths.size
        assert np.allclose(lengths, [[0.6], [0.8]], atol=1e-6)


def test_windows_fall_from_one_to_zero():
    t = np.linspace(0, 1, 11)
    for taper in (hann_taper, kaiser_taper(5.0)):
        assert taper(t)[0] == pytest.approx(1.0)
        assert (np.diff(taper(t)) < 0).all()
        assert taper(np.array([1.0]))[0] == pytest.approx(0.0, abs=1e-12)
    assert hann_taper(np.array([0.5]))[0] == pytest.approx(0.5)


def test_a_narrower_window_uses_fewer_frequencies():
    samples = coil_samples(ellipse(), known_maps(), keep=8)
    only_mean = estimate_coil_maps(samples, GRID, width=1.0, threshold=0.0).maps
    assert np.allclose(only_mean, only_mean[:, :1, :1])


def test_wrong_input_is_named():
    k = lowpass_frequencies(3)
    one = FourierSamples(k, np.ones(len(k)))
    two = FourierSamples(k, np.ones((2, len(k))))
    with pytest.raises(ValueError, match="n_coils, m"):
        estimate_coil_maps(one, GRID)
    with pytest.raises(ValueError, match="dimension"):
        espirit_maps(two, Grid(4, dim=3))
    with pytest.raises(ValueError, match="integer frequencies"):
        fully_sampled_box(FourierSamples(k + 0.5, np.ones(len(k))))
    with pytest.raises(ValueError, match="k = 0 is not sampled"):
        estimate_coil_maps(two.select((k != 0).any(axis=1)), GRID)
    with pytest.raises(ValueError, match="kernel_width"):
        espirit_maps(two, GRID, kernel_width=8)
    with pytest.raises(ValueError, match="width must be positive"):
        estimate_coil_maps(two, GRID, width=5.0)
    with pytest.raises(ValueError, match="threshold"):
        estimate_coil_maps(two, GRID, threshold=1.0)
    with pytest.raises(ValueError, match="thresholds"):
        espirit_maps(two, GRID, singular_threshold=0.0)
    with pytest.raises(ValueError, match="calibration_half_width"):
        espirit_maps(two, GRID, calibration_half_width=-1)
    with pytest.raises(ValueError, match="all zero"):
        estimate_coil_maps(FourierSamples(k, np.zeros((2, len(k)))), GRID)
    with pytest.raises(ValueError, match="all zero"):
        espirit_maps(FourierSamples(k, np.zeros((2, len(k)))), GRID)
