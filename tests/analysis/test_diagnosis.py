"""What a mapping can reach of a target, which pixels it cannot tell apart, and what hides between the pixels."""

import itertools
import math

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srinr import INR, MLP, Coordinates, FourierFeatures, FourierSamples, Grid, Siren
from srinr.analysis.diagnosis import aliased_energy, harmonic_coverage, strongest_frequencies
from srinr.analysis.harmonic_support import harmonic_radius, reachable_bins
from srinr.analysis.input_mapping import (
    best_fit,
    in_generated_lattice,
    mapping_frequencies,
    mapping_is_fixed,
)
from srinr.analysis.spectrum import measured_spectrum, periodic_best_fit, predicted_support, psnr_ceiling
from srinr.domain import lowpass_frequencies
from srinr.networks.mapped import SinusoidalMapping
from srinr.networks.polynomial import PolynomialMLP

UNIT = FourierFeatures([[2.0, 0.0], [0.0, 2.0]])  # f0 = 1 cycle per unit on [-1, 1)


def waves(frequencies, amplitudes, *, complex_output=False):
    """The INR ``sum_j amplitudes_j cos(2 pi k_j.x)`` (complex: exponentials), exactly."""
    encoding = FourierFeatures(frequencies, constant=False)
    n, outputs = len(amplitudes), 2 if complex_output else 1
    network = PolynomialMLP(2 * n, 2 * n, 2, coefficients=(0.0, 1.0), out_features=outputs)
    with torch.no_grad():
        network.weights[0].copy_(torch.eye(2 * n, dtype=torch.float64))
        network.weights[1].zero_()
        network.weights[1][0, n:] = torch.tensor(amplitudes, dtype=torch.float64) / math.sqrt(2.0)
        if complex_output:
            network.weights[1][1, :n] = torch.tensor(amplitudes, dtype=torch.float64) / math.sqrt(2.0)
        network.biases[0].zero_()
    return INR(encoding, network, complex_output=complex_output)


# coverage of images --------------------------------------------------------------------------------------


def test_coverage_and_ceiling_tell_the_same():
    image = skimage.data.camera()[::8, ::8] / 255.0
    coverage = harmonic_coverage(UNIT, image)
    assert coverage.missed.sum() == pytest.approx(10 ** (-psnr_ceiling(image, (2, 2)) / 10), rel=1e-12)
    assert coverage.energies.sum() == pytest.approx((image**2).mean(), rel=1e-12)
    assert 0 < coverage.covered_without_mean < coverage.covered < 1
    (k, share), *_ = coverage.strongest_missed(3)
    assert any(component % 2 for component in k)
    assert share > 1e-3
    assert harmonic_coverage(FourierFeatures(np.eye(2)), image).covered == 1.0
    assert "covered energy" in str(coverage)
    assert "missed: k = (" in str(coverage)


def test_a_target_within_reach_is_covered_and_one_outside_is_not():
    x = Grid(16, dim=2).points.reshape(16, 16, 2)
    even, odd = (np.cos(2 * np.pi * (k * x[..., 0] + 2 * x[..., 1])) for k in (4, 3))
    assert harmonic_coverage(UNIT, even).covered == pytest.approx(1.0, abs=1e-15)
    assert harmonic_coverage(UNIT, odd).covered == pytest.approx(0.0, abs=1e-15)
    missed = harmonic_coverage(UNIT, 2 * even + odd)
    assert missed.covered == pytest.approx(0.8, abs=1e-12)
    assert missed.strongest_missed() == [((3.0, 2.0), pytest.approx(0.2, abs=1e-12))]


@pytest.mark.parametrize("shape", [(12, 8), (9, 10)])
@pytest.mark.parametrize("k", [[[2, 0], [0, 2]], [[1, 1], [1, -1]], [[3, 0], [0, 1]], [[2, 4], [6, 2]]])
def test_the_mean_over_pixels_of_one_input_is_the_projection_on_reachable_bins(shape, k):
    image = np.random.default_rng(0).random(shape)
    mask = np.fft.ifftshift(reachable_bins(Grid(shape), k))
    projected = np.fft.ifftn(np.where(mask, np.fft.fftn(image), 0.0)).real
    encoding = FourierFeatures(k)
    np.testing.assert_allclose(best_fit(encoding, image), projected, atol=1e-13)
    assert harmonic_coverage(encoding, image).covered == pytest.approx(
        (projected**2).sum() / (image**2).sum(), abs=1e-13
    )


def test_sines_without_cosines_mirror_the_image_as_well():
    image = skimage.data.camera()[::16, ::16] / 255.0
    omega = 2 * np.pi * np.eye(2)
    sines = INR(Coordinates(), SinusoidalMapping(omega, [0.0, 0.0], MLP(2, 8, 3, first_bias=True)))
    assert mapping_frequencies(sines).tolist() == [[2.0, 0.0], [0.0, 2.0]]
    # sin(2 pi r) on r = -1 + 2 i / N is even about i = 5 N / 8, that is i -> 5 N / 4 - i.
    repeated = periodic_best_fit(image, (2, 2))
    index = (5 * 32 // 4 - np.arange(32)) % 32
    mirrored = (repeated + repeated[index] + repeated[:, index] + repeated[np.ix_(index, index)]) / 4
    np.testing.assert_allclose(best_fit(sines, image), mirrored, atol=1e-12)
    assert harmonic_coverage(sines, image).covered < harmonic_coverage(UNIT, image).covered
    both = SinusoidalMapping(
        np.concatenate([omega, omega]), np.repeat([0.0, np.pi / 2], 2), MLP(4, 8, 3, first_bias=True)
    )
    np.testing.assert_allclose(best_fit(INR(Coordinates(), both), image), repeated, atol=1e-12)


def test_no_network_leaves_its_best_fit():
    image = skimage.data.camera()[::16, ::16] / 255.0
    limit = ((best_fit(UNIT, image) - image) ** 2).mean()
    for seed in range(5):
        values = INR(UNIT, MLP(5, 64, 3, seed=seed, init_gain=2.0)).on_grid(Grid(image.shape))
        np.testing.assert_allclose(best_fit(UNIT, values), values, atol=1e-12)
        assert ((values - image) ** 2).mean() >= limit


def test_frequencies_between_the_bins():
    image = np.random.default_rng(1).random(12)
    assert harmonic_coverage(FourierFeatures([[0.5]]), image).covered == pytest.approx(1.0, abs=1e-14)
    # 1.5 cycles: pixels 0..3 and 8..11 share their inputs, the others stand alone.
    expected = image.copy()
    expected[:4] = expected[8:] = (image[:4] + image[8:]) / 2
    np.testing.assert_allclose(best_fit(FourierFeatures([[1.5]]), image), expected, atol=1e-14)
    coverage = harmonic_coverage(FourierFeatures([[1.5]]), image)
    assert coverage.covered == pytest.approx((expected**2).sum() / (image**2).sum(), abs=1e-13)
    gaussian = FourierFeatures.gaussian(20, 3.0, dim=1)
    assert harmonic_coverage(gaussian, image).covered == pytest.approx(1.0, abs=1e-14)


def test_complex_and_three_dimensional_targets():
    rng = np.random.default_rng(2)
    image = rng.random((4, 6, 8)) + 1j * rng.random((4, 6, 8))
    encoding = FourierFeatures(2 * np.eye(3))
    expected = np.mean(
        [np.roll(image, (2 * a, 3 * b, 4 * c), (0, 1, 2)) for a, b, c in itertools.product((0, 1), repeat=3)],
        axis=0,
    )
    np.testing.assert_allclose(best_fit(encoding, image), expected, atol=1e-14)
    share = (np.abs(expected) ** 2).sum() / (np.abs(image) ** 2).sum()
    assert harmonic_coverage(encoding, image).covered == pytest.approx(share, abs=1e-13)


# coverage of samples -------------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 4), st.sampled_from([1, 2, 3]))
def test_the_generated_lattice_against_enumeration(seed, dim, n, q):
    rng = np.random.default_rng(seed)
    generators = rng.integers(-3, 4, (n, dim))
    vectors = itertools.product(range(-4, 5), repeat=n)
    made = np.array(list(vectors)) @ generators
    assert in_generated_lattice(made / q, generators / q).all()
    # Reduced modulo 12 on a cyclic group everything is finite: what is not reached there is not in the lattice.
    box = lowpass_frequencies(3, dim)
    inside = in_generated_lattice(box / q, generators / q)
    reached = reachable_bins(Grid(12, dim=dim), generators)
    in_group = reached[tuple((box + 6).T)]
    assert not (inside & ~in_group).any()
    known = {tuple(row) for row in made.tolist()}
    assert all(inside[i] for i, row in enumerate(box.tolist()) if tuple(row) in known)


def test_lattices_of_lower_rank_and_offsets():
    assert in_generated_lattice([[2, 2], [2, 0], [0.5, 0.5]], [[1, 1]]).tolist() == [True, False, False]
    assert in_generated_lattice([[5], [2]], [[6], [10], [15]]).tolist() == [True, True]
    assert not in_generated_lattice([[1.0]], [[0.0]]).any()


def test_samples_are_judged_at_their_own_frequencies():
    samples = FourierSamples([[2, 0], [1, 0], [10, -4]], [[1.0, 1j, 1.0], [1.0, 1.0, 0.0]])
    coverage = harmonic_coverage(UNIT, samples)
    assert coverage.energies.tolist() == [2.0, 2.0, 1.0]
    assert coverage.missed.tolist() == [0.0, 2.0, 0.0]
    assert coverage.covered == pytest.approx(0.6)
    half = FourierSamples([[0.5], [1.5], [0.75]], [1.0, 1.0, 2.0])
    assert harmonic_coverage(FourierFeatures([[0.5]]), half).missed.tolist() == [0.0, 0.0, 4.0]


def test_polynomials_reach_no_further_than_their_radius():
    inr = INR(FourierFeatures([[1.0]]), PolynomialMLP(3, 6, 3, coefficients=(0, 1, 1), seed=0))
    samples = FourierSamples([[4], [-4], [5], [3]], np.ones(4))
    assert harmonic_coverage(inr, samples).missed.tolist() == [0.0, 0.0, 1.0, 0.0]
    assert harmonic_coverage(FourierFeatures([[1.0]]), samples).missed.sum() == 0
    radius = harmonic_radius(2, depth=2)
    assert harmonic_coverage(inr, samples, radius=radius).missed.tolist() == [1.0, 1.0, 1.0, 1.0]
    grid = Grid(16, dim=1)
    image = np.random.default_rng(0).random(16)
    expected = 1 - measured_spectrum(image, grid).energy_outside(predicted_support(inr, grid))
    assert harmonic_coverage(inr, image).covered == pytest.approx(expected, abs=1e-14)
    irrational = FourierFeatures([[math.sqrt(2.0)], [1.0]])
    near = FourierSamples([[1 + math.sqrt(2.0)], [2.0], [3.0]], np.ones(3))
    assert harmonic_coverage(irrational, near, radius=2).missed.tolist() == [0.0, 0.0, 1.0]
    mapped = SinusoidalMapping([[np.pi]], [0.3], PolynomialMLP(1, 3, 3, coefficients=(0, 0, 1)))
    assert harmonic_coverage(INR(Coordinates(dim=1), mapped), samples).missed.tolist() == [0, 0, 1, 0]


# aliasing ------------------------------------------------------------------------------------------------


def test_energy_beyond_the_band_is_exact():
    result = aliased_energy(waves([[1.0], [7.0]], [1.0, 0.5]), 8)
    assert result.beyond == pytest.approx(0.2, abs=1e-13)
    assert result.folded == pytest.approx(0.2, abs=1e-13)  # 7 cycles pass for 1 on 8 pixels
    silent = aliased_energy(waves([[1.0], [4.0]], [1.0, 0.5]), 8)
    assert silent.beyond == pytest.approx(0.0, abs=1e-25)
    assert silent.folded == pytest.approx(0.0, abs=1e-25)
    hidden = aliased_energy(waves([[3.0], [5.0]], [1.0, -1.0]), 8)  # they cancel on the pixels
    assert hidden.folded == pytest.approx(0.5, abs=1e-12)
    assert np.abs(waves([[3.0], [5.0]], [1.0, -1.0]).on_grid(Grid(8, dim=1))).max() < 1e-12


def test_the_rate_at_which_one_looks_decides_what_is_seen():
    inr = waves([[1.0], [17.0]], [1.0, 0.5])  # 17 cycles pass for 1 on 8 and on 16 points
    blind = aliased_energy(inr, 8)
    assert blind.oversampling == 2
    assert blind.beyond == pytest.approx(0.0, abs=1e-25)
    seen = aliased_energy(inr, 8, oversampling=5)
    assert seen.oversampling == 5
    assert seen.spectrum.coefficients.shape == (40,)
    assert seen.beyond == pytest.approx(0.2, abs=1e-12)
    assert seen.beyond_by_axis == pytest.approx((0.2,), abs=1e-12)
    assert seen.folded == pytest.approx(0.2, abs=1e-12)
    assert "5 times the sampling rate" in str(seen)
    assert "2.5 cycles per pixel" in str(seen)
    plane = aliased_energy(waves([[0.0, 14.0], [1.0, 1.0]], [2.0, 1.0]), (8, 6), oversampling=5)
    assert plane.spectrum.coefficients.shape == (40, 30)
    assert plane.beyond_by_axis == pytest.approx((0.0, 0.8), abs=1e-12)


def test_grids_beyond_the_limit_are_refused_before_anything_is_computed(monkeypatch):
    def compute(*arguments, **keywords):
        raise AssertionError("evaluated")

    monkeypatch.setattr(INR, "on_grid", compute)
    plane = waves([[1.0, 0.0]], [1.0])
    with pytest.raises(ValueError, match=r"shape=100000 at oversampling=2 takes 4e\+10 points.*lower shape"):
        aliased_energy(plane, 100_000)
    with pytest.raises(ValueError, match="oversampling=100000 takes"):
        aliased_energy(plane, 8, oversampling=100_000)
    with pytest.raises(ValueError, match=r"1e\+10 points, at most 67108864"):
        measured_spectrum(plane, Grid(100_000, dim=2))


def test_full_coverage_of_pixels_that_are_all_told_apart_says_that_it_is_trivial():
    image = np.random.default_rng(1).random((8, 8))
    words = "tells all pixels apart"
    for model in (
        INR(Coordinates(), Siren(2, 8, 3, seed=0)),
        FourierFeatures.gaussian(20, 3.0),
        FourierFeatures(np.eye(2)),
    ):
        coverage = harmonic_coverage(model, image)
        assert coverage.covered == pytest.approx(1.0, abs=1e-14)
        assert words in str(coverage)
        assert "nothing about training" in coverage.rule
    assert words not in harmonic_coverage(UNIT, image).rule
    polynomial = INR(FourierFeatures([[1.0]]), PolynomialMLP(3, 4, 2, coefficients=(0, 0, 1)))
    assert words not in harmonic_coverage(polynomial, image[0, :4]).rule
    sines = INR(Coordinates(), SinusoidalMapping(2 * np.pi * np.eye(2), [0.0, 0.0], MLP(2, 8, 3)))
    assert words not in harmonic_coverage(sines, image).rule


def test_a_mapping_with_nan_is_named_and_not_the_frequencies():
    siren = INR(Coordinates(), Siren(2, 4, 3))
    for parameter in (siren.network.first_bias, siren.network.first_weight):
        with torch.no_grad():
            parameter.view(-1)[0] = math.nan
        with pytest.raises(ValueError, match="model: the weights or phases .* NaN"):
            harmonic_coverage(siren, np.zeros((4, 4)))


@pytest.mark.parametrize("shape", [8.0, None, "8", (8.0,), True])
def test_shapes_that_are_no_pixels_are_named(shape):
    with pytest.raises(ValueError, match="shape must"):
        aliased_energy(waves([[1.0]], [1.0]), shape)


def test_energy_beyond_the_band_by_axis_and_for_complex_images():
    inr = waves([[7.0, 0.0], [1.0, 5.0], [7.0, 5.0], [1.0, 1.0]], [1.0, 2.0, 3.0, 4.0])
    result = aliased_energy(inr, (8, 6))
    assert result.beyond == pytest.approx(14 / 30, abs=1e-12)
    assert result.beyond_by_axis == pytest.approx((10 / 30, 13 / 30), abs=1e-12)
    assert "8 x 6 pixels" in str(result)
    assert "folds" in str(result)
    one_sided = aliased_energy(waves([[1.0], [6.0]], [1.0, 1.0], complex_output=True), 8)
    assert one_sided.beyond == pytest.approx(0.5, abs=1e-12)
    assert strongest_frequencies(one_sided.spectrum, 5) == [
        ((1.0,), pytest.approx(1.0)),
        ((6.0,), pytest.approx(1.0)),
    ]
    cube = aliased_energy(waves([[1.0, 0.0, 3.0]], [1.0]), (4, 4, 4))
    assert cube.beyond_by_axis == pytest.approx((0.0, 0.0, 1.0), abs=1e-12)


def test_a_sine_network_of_high_frequency_hides_more_between_the_pixels():
    low, high = (
        aliased_energy(INR(Coordinates(dim=1, low=0.0), Siren(1, 32, 3, omega_first=omega, seed=0)), 64)
        for omega in (10.0, 300.0)
    )
    assert high.beyond > 100 * low.beyond


# the door ------------------------------------------------------------------------------------------------


def test_which_mappings_training_leaves_alone():
    siren = INR(Coordinates(), Siren(2, 4, 3))
    assert not mapping_is_fixed(siren)
    siren.network.first_weight.requires_grad_(False)
    assert not mapping_is_fixed(siren)
    siren.network.first_bias.requires_grad_(False)
    assert mapping_is_fixed(siren)
    assert mapping_is_fixed(INR(UNIT, MLP(5, 4, 3)))
    assert not mapping_is_fixed(INR(Coordinates(), MLP(2, 4, 3)))
    for train in (True, False):
        network = SinusoidalMapping(np.eye(2), [0, 0], MLP(2, 4, 3), train_mapping=train)
        assert mapping_is_fixed(INR(Coordinates(), network)) is not train


GAUSSIAN = FourierFeatures.gaussian(5, 3.0, dim=1)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (
            lambda: harmonic_coverage(INR(Coordinates(), MLP(2, 4, 3)), np.eye(4)),
            TypeError,
            "no sinusoidal mapping",
        ),
        (lambda: harmonic_coverage(UNIT, np.zeros(4)), ValueError, "dimension 2"),
        (lambda: harmonic_coverage(UNIT, np.full((4, 4), np.nan)), ValueError, "NaN"),
        (lambda: harmonic_coverage(GAUSSIAN, np.zeros(4), radius=2), ValueError, "leak into every"),
        (lambda: harmonic_coverage(GAUSSIAN, FourierSamples([[1]], [1.0])), ValueError, "pass radius"),
        (lambda: harmonic_coverage(UNIT, FourierSamples([[1]], [1.0])), ValueError, "dimension 1"),
        (
            lambda: harmonic_coverage(GAUSSIAN, FourierSamples([[1]], [1.0]), radius=10**4),
            ValueError,
            "max_terms",
        ),
        (lambda: aliased_energy(waves([[1.0]], [1.0]), (8, 8)), ValueError, "1 axes"),
        (lambda: aliased_energy(waves([[1.0]], [1.0]), 1), ValueError, "at least 2"),
        (lambda: aliased_energy(np.zeros(4), 4), TypeError, "INR"),
        (lambda: aliased_energy(waves([[1.0]], [1.0]), 8, oversampling=1), ValueError, "oversampling"),
        (lambda: aliased_energy(waves([[1.0]], [1.0]), 8, oversampling=2.5), ValueError, "oversampling"),
        (lambda: strongest_frequencies(measured_spectrum(np.eye(4), Grid((4, 4))), -1), ValueError, "count"),
        (lambda: strongest_frequencies(np.eye(4)), TypeError, "spectrum: expected a Spectrum"),
        (lambda: harmonic_coverage(UNIT, np.eye(4)).strongest_missed(-1), ValueError, "count"),
        (lambda: harmonic_coverage(UNIT, np.eye(4), radius=1.5), ValueError, "radius"),
        (lambda: in_generated_lattice([[1e300]], [[1.0]]), ValueError, "frequencies must stay below"),
        (lambda: in_generated_lattice([[1.0]], [[1e300]]), ValueError, "generators must stay below"),
    ],
)
def test_questions_without_an_answer_are_refused(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_the_zero_target_is_covered():
    assert harmonic_coverage(UNIT, np.zeros((4, 4))).covered == 1.0
    assert harmonic_coverage(UNIT, np.zeros((4, 4))).strongest_missed() == []
