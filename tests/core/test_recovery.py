"""Recovery in one call: defaults, noise, amplitude, held-out choice, and what must not influence the result."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from srinr import INR, MLP, Coordinates, FourierFeatures, Grid, ShallowReLU, Siren, Status, WeightDecay
from srinr.amplitude import scale_output, zero_filled_amplitude
from srinr.candidates import (
    AdamPlan,
    FeatureCandidate,
    SenseCandidate,
    SirenCandidate,
    feature_candidates,
    sense_candidates,
    shallow_candidates,
    siren_candidates,
)
from srinr.coil_maps import CoilMaps, estimate_coil_maps
from srinr.domain import lowpass_frequencies
from srinr.lowpass_plan import MLP_PLAN, SIREN_PLAN, LowpassPlan, good_size, siren
from srinr.multicoil import recover_multicoil
from srinr.phantoms import disc, spline_blob
from srinr.readers import KSpace
from srinr.recovery import recover_lowpass
from srinr.report import lowpass_figures, multicoil_figures
from srinr.samples import FourierSamples
from srinr.trigonometric import TrigonometricPolynomial

SMALL = LowpassPlan(
    max_frequency=4,
    width=20,
    strength=1e-4,
    continuation=(3.0, 1.0),
    adam_steps=60,
    coarse_steps=20,
    fine_steps=20,
)
POINTS = np.random.default_rng(5).random((50, 2))
ONE_TRIAL = (FeatureCandidate(FourierFeatures.lattice(6), 16, 2, AdamPlan(40, 1e-2)),)
ONE_SENSE = (SenseCandidate(1e-3, 15),)


def disc_samples(cutoff=6):
    return disc(radius=0.3).fourier_samples(cutoff)


def coil_kspace(scale=1.0, n_coils=3):
    """Undersampled k-space of a blob behind smooth maps, with a fully sampled center."""
    rng = np.random.default_rng(1)
    grid, k = Grid((32, 24)), lowpass_frequencies(1)
    maps = []
    for _ in range(n_coils):
        c = 0.2 * (rng.standard_normal(9) + 1j * rng.standard_normal(9))
        c[4] += np.exp(2j * np.pi * rng.random())
        maps.append(TrigonometricPolynomial(k, c).on_grid(grid))
    maps = np.stack(maps) / np.sqrt((np.abs(np.stack(maps)) ** 2).sum(axis=0))
    box = np.fft.fftshift(np.fft.fft2(maps * grid.rasterize(spline_blob()), norm="forward"), axes=(1, 2))
    mask = rng.random(grid.shape) < 0.5
    mask[10:23, 6:19] = True
    frequencies = np.argwhere(mask) - np.array([16, 12])
    return KSpace(FourierSamples(frequencies, scale * box[:, mask]), grid), maps


# low-pass ------------------------------------------------------------------------------------------------


def test_a_regularized_inr_beats_zero_filling_on_a_disc():
    samples = disc_samples(8)
    plan = LowpassPlan(
        width=40, strength=1e-3, continuation=(3.0, 1.0), adam_steps=200, coarse_steps=60, fine_steps=40
    )
    recovery = recover_lowpass(samples, plan=plan)
    figures = lowpass_figures(recovery, disc(radius=0.3), Grid(256, dim=2))
    assert figures["ratio"] > 1.2
    assert figures["ratio"] == pytest.approx(figures["zero_filled"]["mse"] / figures["inr"]["mse"])
    assert figures["training"]["residual"] < 0.05
    assert recovery.result.status is Status.MAX_STEPS


def test_the_seed_decides_everything():
    first, again = (recover_lowpass(disc_samples(), plan=SMALL, noise_std=1e-3, seed=4) for _ in range(2))
    other = recover_lowpass(disc_samples(), plan=SMALL, noise_std=1e-3, seed=5)
    np.testing.assert_array_equal(first.samples.values, again.samples.values)
    np.testing.assert_array_equal(first.image.image(POINTS), again.image.image(POINTS))
    assert not np.allclose(first.samples.values, other.samples.values)


def test_noise_has_the_stated_size_and_is_recorded():
    clean = disc_samples(12)
    plan = replace(SMALL, adam_steps=1, coarse_steps=0, fine_steps=0)
    noisy = recover_lowpass(clean, plan=plan, noise_std=0.01).samples
    parts = (noisy.values - clean.values).view(np.float64)
    assert parts.std() == pytest.approx(0.01, rel=0.1)
    assert noisy.noise_std == 0.01


def test_the_amplitude_of_the_samples_only_scales_the_image():
    samples = disc_samples()
    large = FourierSamples(samples.frequencies, 1024.0 * samples.values)
    unit, scaled = (recover_lowpass(s, plan=SMALL, amplitude=None) for s in (samples, large))
    # A power of two: every number of the training is the same.
    np.testing.assert_allclose(scaled.image.image(POINTS), 1024.0 * unit.image.image(POINTS), rtol=1e-12)
    assert scaled.amplitude == pytest.approx(1024.0 * unit.amplitude, rel=1e-12)
    assert scaled.result.objective == pytest.approx(unit.result.objective, rel=1e-12)


def test_given_objects_are_used():
    samples = disc_samples()
    encoding = FourierFeatures.lattice(3)
    inr = INR(encoding, MLP(encoding.n_features, 8, 3, seed=1))
    grid = Grid(20, dim=2)
    stages = SMALL.stages(samples, grid)[:1]  # Adam, 60 steps
    stages = (replace(stages[0], strength_factor=1.0),)
    recovery = recover_lowpass(samples, inr=inr, regularizer=WeightDecay(0.0), grid=grid, stages=stages)
    assert isinstance(recovery.image.network, MLP)
    assert recovery.grid == grid
    assert recovery.result.n_steps == 60
    assert recovery.result.objective == pytest.approx(
        0.5 * (recovery.result.data_residual * np.linalg.norm(samples.values)) ** 2, rel=1e-4
    )


def test_a_callback_can_stop_and_the_result_is_whole():
    recovery = recover_lowpass(disc_samples(), plan=SMALL, callback=lambda state: state.step >= 40)
    assert recovery.result.status is Status.USER_STOP
    assert recovery.result.n_steps == 40
    assert np.isfinite(recovery.image.image(POINTS)).all()


@pytest.mark.parametrize("plan", [MLP_PLAN, SIREN_PLAN])
def test_deep_plans_lower_the_residual(plan):
    samples = disc_samples()
    plan = replace(plan, width=24, depth=3, max_frequency=4, hidden_dtype=None).with_total_steps(150)
    inr = siren(plan, 2, 0) if plan.learning_rate == SIREN_PLAN.learning_rate else plan.inr(samples, 0)
    assert isinstance(inr.network, Siren | MLP)
    result = recover_lowpass(samples, inr=inr, regularizer=plan.regularizer(), plan=plan).result
    assert result.data_residual < 0.5 * result.history.data_residual[0]


def test_data_that_do_not_belong_here_are_refused():
    samples = disc_samples()
    with pytest.raises(ValueError, match="recover_multicoil"):
        recover_lowpass(replace(samples, values=samples.values[None]), plan=SMALL)
    with pytest.raises(ValueError, match="integer"):
        recover_lowpass(FourierSamples([[0.5, 0.0]], [1.0]), plan=SMALL)
    with pytest.raises(ValueError, match="conjugate"):
        recover_lowpass(FourierSamples([[0, 0], [1, 0], [-1, 0]], [1.0, 1j, 1j]), plan=SMALL)
    with pytest.raises(ValueError, match="amplitude"):
        recover_lowpass(samples, plan=SMALL, amplitude=0.0)


# plan ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cutoff", [1, 4, 7, 32, 48, 100, 150, 300])
def test_grids_are_quick_large_enough_and_bounded(cutoff):
    plan = LowpassPlan()
    samples = FourierSamples([[cutoff, 0], [0, -cutoff], [0, 0]], [0.0, 0.0, 1.0])
    grid = plan.grid(samples)
    coarse = plan.stages(samples, grid)[0].grid
    assert coarse is not None
    for stage in (grid, coarse):
        assert min(stage.shape) >= 2 * cutoff + 2
        assert all(n == good_size(n) for n in stage.shape)
    assert max(grid.shape) <= max(plan.max_points, good_size(2 * cutoff + 2))
    assert coarse.n_points <= grid.n_points
    if plan.fine_points * cutoff <= plan.max_points:
        assert min(grid.shape) >= plan.fine_points * cutoff
        assert min(coarse.shape) >= plan.coarse_points * cutoff


def test_axes_with_other_cutoffs_get_other_sizes():
    plan = LowpassPlan(fine_points=4.0)
    assert plan.grid(FourierSamples([[8, 0], [0, 32]], [1.0, 1.0])).shape == (32, 128)


@pytest.mark.parametrize("total", [0, 1, 7, 200, 12345])
def test_total_steps_are_kept(total):
    plan = LowpassPlan().with_total_steps(total)
    assert plan.adam_steps + plan.coarse_steps + plan.fine_steps == total
    assert min(plan.adam_steps, plan.coarse_steps, plan.fine_steps) >= 0


def test_negative_steps_are_refused():
    with pytest.raises(ValueError, match="max_steps"):
        LowpassPlan().with_total_steps(-1)


@pytest.mark.parametrize("n", range(1, 200, 7))
def test_good_sizes_are_even_and_smooth_and_not_below(n):
    size = good_size(n)
    left = size
    for prime in (2, 3, 5):
        while left % prime == 0:
            left //= prime
    assert left == 1
    assert size % 2 == 0
    assert n <= size <= max(2, 2 * n)


def test_features_do_not_go_beyond_the_cutoff():
    assert LowpassPlan(max_frequency=10).inr(disc_samples(4), 0).encoding.max_frequency == 4


# amplitude -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "inr",
    [
        INR(FourierFeatures.lattice(2), ShallowReLU(25, 6)),
        INR(FourierFeatures.lattice(2), MLP(25, 6, 3)),
        INR(Coordinates(2), Siren(2, 6, 3, out_features=2), complex_output=True),
    ],
    ids=["shallow", "mlp", "siren"],
)
def test_scaling_the_output_scales_the_image_and_leaves_the_original(inr):
    before = inr.image(POINTS)
    scaled = scale_output(inr, 7.0)
    np.testing.assert_allclose(scaled.image(POINTS), 7.0 * before, rtol=1e-12)
    np.testing.assert_array_equal(inr.image(POINTS), before)


def test_unknown_networks_and_empty_data_are_refused():
    class Line(torch.nn.Module):
        first_bias, out_features, values_per_point = None, 1, 1

        def __init__(self):
            super().__init__()
            self.first_weight = torch.nn.Parameter(torch.ones(1, 2, dtype=torch.float64))

        def after_first(self, preactivation):
            return preactivation

        def spec(self):
            return {}

    with pytest.raises(TypeError, match="Line"):
        scale_output(INR(Coordinates(2), Line()), 2.0)
    with pytest.raises(ValueError, match="all zero"):
        zero_filled_amplitude(FourierSamples([[0, 0]], [0.0]), Grid(4, dim=2))


# coil data -----------------------------------------------------------------------------------------------


def test_each_method_is_chosen_by_its_lowest_held_out_error():
    kspace, _ = coil_kspace()
    candidates = (*ONE_TRIAL, SirenCandidate(2, 16, 3, training=AdamPlan(20, 1e-3)))
    seen = []
    recovery = recover_multicoil(
        kspace,
        estimate=estimate_coil_maps,
        inr_candidates=candidates,
        sense=(SenseCandidate(1e-3, 15), SenseCandidate(10.0, 15)),
        on_trial=seen.append,
    )
    assert seen == [*recovery.sense_trials, *recovery.inr_trials]
    assert recovery.best_inr.choose_error == min(t.choose_error for t in recovery.inr_trials)
    assert recovery.best_sense is recovery.sense_trials[0]
    for trial in recovery.sense_trials:
        assert trial.choose_error == trial.history.min() == trial.history[trial.n_steps]
    errors = recovery.report_errors
    assert errors["cg_sense"] < errors["zero_filled"] < 1.0
    assert math.isfinite(errors["inr"])
    figures = multicoil_figures(recovery)
    assert figures["n_trials"] == {"inr": 2, "cg_sense": 2}
    assert sum(figures["positions"].values()) == kspace.samples.n_samples
    assert figures["chosen"]["inr"]["settings"]["max_steps"] in (20, 40)


def test_known_maps_give_a_better_image_than_zero_filling():
    kspace, maps = coil_kspace()
    truth = kspace.grid.rasterize(spline_blob())
    support = np.ones(kspace.grid.shape, dtype=bool)
    known = CoilMaps(maps, support, support.astype(float), (5, 5))
    recovery = recover_multicoil(kspace, maps=known, inr_candidates=ONE_TRIAL, sense=ONE_SENSE)
    errors = [np.linalg.norm(x - truth) for x in (recovery.best_sense.image, recovery.zero_filled)]
    assert errors[0] < 0.5 * errors[1]


def test_reported_samples_influence_nothing_but_the_report():
    kspace, _ = coil_kspace()
    options = {"estimate": estimate_coil_maps, "inr_candidates": ONE_TRIAL, "sense": ONE_SENSE}
    first = recover_multicoil(kspace, **options)
    values = kspace.samples.values.copy()
    values[:, first.split.report_mask] = 1e3
    second = recover_multicoil(replace(kspace, samples=replace(kspace.samples, values=values)), **options)
    np.testing.assert_array_equal(first.inr_pixels, second.inr_pixels)
    np.testing.assert_array_equal(first.best_sense.image, second.best_sense.image)
    assert first.report_errors != second.report_errors


def test_fitted_samples_alone_train_and_the_others_choose():
    kspace, _ = coil_kspace()
    options = {"estimate": estimate_coil_maps, "inr_candidates": ONE_TRIAL, "sense": ONE_SENSE}
    first = recover_multicoil(kspace, **options)
    values = kspace.samples.values.copy()
    values[:, first.split.choose_mask] *= 1.5
    second = recover_multicoil(replace(kspace, samples=replace(kspace.samples, values=values)), **options)
    ours, theirs = (r.best_inr.result.history.data_residual for r in (first, second))
    np.testing.assert_array_equal(ours, theirs)
    assert first.best_inr.choose_error != second.best_inr.choose_error


def test_the_amplitude_of_coil_data_only_scales_the_images():
    options = {"estimate": estimate_coil_maps, "inr_candidates": ONE_TRIAL, "sense": ONE_SENSE}
    one, large = (recover_multicoil(coil_kspace(scale)[0], **options) for scale in (1.0, 2.0**20))
    np.testing.assert_allclose(large.inr_pixels, 2.0**20 * one.inr_pixels, rtol=1e-6)
    np.testing.assert_allclose(large.best_sense.image, 2.0**20 * one.best_sense.image, rtol=1e-9)
    np.testing.assert_allclose(large.zero_filled, 2.0**20 * one.zero_filled, rtol=1e-9)
    np.testing.assert_allclose(
        large.best_inr.result.image.on_grid(large.grid)[large.maps.support],
        large.inr_pixels[large.maps.support],
        rtol=1e-12,
    )
    assert large.report_errors["inr"] == pytest.approx(one.report_errors["inr"], rel=1e-6)


def test_a_single_coil_needs_no_maps():
    kspace, _ = coil_kspace()
    single = replace(kspace, samples=replace(kspace.samples, values=kspace.samples.values[0]))
    recovery = recover_multicoil(single, inr_candidates=ONE_TRIAL, sense=ONE_SENSE)
    assert recovery.maps.support.all()
    assert recovery.report_errors["zero_filled"] == pytest.approx(1.0)


def test_interrupted_trials_are_resumed_from_their_checkpoints(tmp_path):
    kspace, _ = coil_kspace()
    options = {"estimate": estimate_coil_maps, "inr_candidates": ONE_TRIAL, "sense": ONE_SENSE}
    whole = recover_multicoil(kspace, **options)
    cut = recover_multicoil(kspace, **options, checkpoints=tmp_path, time_limit=1e-9)
    assert cut.status is Status.TIME_LIMIT
    assert (tmp_path / "checkpoint-1.safetensors").exists()
    resumed = recover_multicoil(kspace, **options, checkpoints=tmp_path)
    assert resumed.status is Status.MAX_STEPS
    np.testing.assert_array_equal(resumed.inr_pixels, whole.inr_pixels)


def test_unequal_numbers_of_candidates_are_refused():
    kspace, _ = coil_kspace()
    with pytest.raises(ValueError, match="same number"):
        recover_multicoil(kspace, inr_candidates=ONE_TRIAL, sense=(*ONE_SENSE, *ONE_SENSE))
    with pytest.raises(ValueError, match="at least one"):
        recover_multicoil(kspace, inr_candidates=())


def test_shapes_that_do_not_fit_are_refused():
    kspace, maps = coil_kspace()
    slices = replace(kspace, samples=replace(kspace.samples, values=kspace.samples.values[None]))
    with pytest.raises(ValueError, match="one slice"):
        recover_multicoil(slices, inr_candidates=ONE_TRIAL)
    support = np.ones(kspace.grid.shape, dtype=bool)
    wrong = CoilMaps(maps[:2], support, support.astype(float), (5, 5))
    with pytest.raises(ValueError, match="maps must have shape"):
        recover_multicoil(kspace, maps=wrong, inr_candidates=ONE_TRIAL)


@pytest.mark.parametrize("make", [feature_candidates, siren_candidates, shallow_candidates])
def test_candidates_differ_and_are_as_many_as_those_of_cg_sense(make):
    candidates = make(2)
    assert len(candidates) == len(sense_candidates())
    described = [str(candidate.settings()) for candidate in candidates]
    assert len(set(described)) == len(described)
    assert all(candidate.inr(0).complex_output for candidate in candidates)
    assert len({str(candidate.settings()) for candidate in sense_candidates()}) == len(sense_candidates())


def test_noisy_data_stop_at_the_noise_and_not_before_the_regularization_has_acted():
    phantom = spline_blob()
    samples = phantom.fourier_samples(cutoff=8).with_noise(2e-3, np.random.default_rng(0))
    plan = LowpassPlan(
        max_frequency=4, width=20, strength=1e-7, continuation=(1e4, 1e3, 10.0, 1.0), adam_steps=60,
        coarse_steps=80, fine_steps=80,
    )  # fmt: skip
    recovery = recover_lowpass(samples, plan=plan)
    assert recovery.result.status is Status.CONVERGED
    assert "down to the noise" in recovery.result.message
    assert 60 + 40 <= recovery.result.n_steps < 220, "after a stage of L-BFGS, before the weakest strength"
    noise = samples.noise_std * np.sqrt(2 * samples.n_samples) / np.linalg.norm(samples.values)
    assert 0.5 * noise < recovery.result.data_residual < 1.2 * noise
    exact = recover_lowpass(phantom.fourier_samples(cutoff=8), plan=plan)
    assert exact.result.status is Status.MAX_STEPS
    assert exact.result.n_steps == 220
