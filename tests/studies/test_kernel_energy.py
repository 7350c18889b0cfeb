"""Energy concentration beside the test PSNR: laws, agreement with the general routines, and what is refused."""

import numpy as np
import pytest
import scipy.stats
import torch

from srinr.analysis.kernel_regression import kernel_regression
from srinr.analysis.kernel_spectrum import KernelSpectrum
from srinr.domain import Grid
from srinr.image_families import faces
from srinr.optimizers import LBFGS, Adam
from srinr.pretraining import adapt, adaptation_psnr
from srinr.studies.energy_study import Start, energy_study, rank_correlation
from srinr.studies.kernel_energy import (
    THRESHOLDS,
    NetworkKernel,
    kernel_energy,
    network_kernel,
)
from srinr.studies.pixel_fits import FitCurves, GradientDescent, fit_curves, random_mask
from srinr.studies.published_networks import published_ffn, published_mlp, published_siren

SHAPE = (10, 10)
MASK = random_mask(SHAPE, seed=1)
IMAGES = faces(10).images[:6]


@pytest.fixture(scope="module")
def kernel():
    return network_kernel(published_siren(width=24, n_hidden=3, seed=2), SHAPE)


def with_matrix(kernel, matrix):
    return NetworkKernel(kernel.grid, kernel.start, matrix, KernelSpectrum.of_matrix(matrix))


# laws of the energy ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("build", [published_siren, published_mlp, published_ffn])
def test_energy_rises_to_one_as_the_threshold_falls(build):
    result = kernel_energy(
        network_kernel(build(width=24, seed=0), SHAPE), IMAGES, MASK, thresholds=[*THRESHOLDS, 0.0]
    )
    assert (np.diff(result.energy) >= 0).all()
    assert result.energy[0] >= 0
    assert result.energy[-1] == pytest.approx(1.0, abs=1e-12)
    assert result.energy_at_tenth == pytest.approx(result.energy[10], abs=1e-12), "ten thresholds per decade"
    assert (result.leading_energy <= 1.0).all()


def test_scales_of_kernel_and_images_do_not_matter_to_the_energy(kernel):
    base = kernel_energy(kernel, IMAGES, MASK)
    scaled = kernel_energy(with_matrix(kernel, 7.0 * kernel.kernel), 0.25 * IMAGES, MASK)
    np.testing.assert_allclose(scaled.energy, base.energy, atol=1e-9)
    np.testing.assert_allclose(scaled.eigenvalues[:20], 7.0 * base.eigenvalues[:20], rtol=1e-10)
    np.testing.assert_allclose(scaled.kernel_norms, base.kernel_norms * 0.25**2 / 7.0, rtol=1e-6)
    assert scaled.noise_floor == pytest.approx(7.0 * base.noise_floor)


def test_a_constant_added_to_images_does_not_matter_to_energy_and_norm(kernel):
    base, shifted = (kernel_energy(kernel, images, MASK) for images in (IMAGES, IMAGES + 3.0))
    np.testing.assert_allclose(shifted.energy, base.energy, atol=1e-9)
    np.testing.assert_allclose(shifted.kernel_norms, base.kernel_norms, rtol=1e-6)


@pytest.mark.parametrize("index", [0, 3, 11])
def test_an_eigenvector_steps_from_zero_to_one_at_its_own_eigenvalue(kernel, index):
    # A kernel whose eigenvectors have no mean keeps them intact when means are removed.
    n = kernel.grid.n_points
    center = np.eye(n) - 1.0 / n
    centered = with_matrix(kernel, (c := center @ kernel.kernel @ center) / 2 + c.T / 2)
    mu = centered.spectrum.eigenvalues
    vector = centered.spectrum.eigenvectors[:, index].reshape(1, *SHAPE)
    at = mu[index] / mu[0]
    above = min(1.0, at * (1 + 1e-9)) if index else 1.0
    result = kernel_energy(centered, vector, MASK, thresholds=[at * (1 - 1e-9), above])
    assert result.energy[0] == pytest.approx(1.0, abs=1e-12)
    assert result.energy[1] == pytest.approx(0.0 if index else 1.0, abs=1e-12)
    assert result.kernel_norms[0] == pytest.approx(1.0 / (mu[index] + 1e-8 * mu[0]), rel=1e-6)


def test_noise_floor_and_count_of_leading_eigenvalues(kernel):
    result = kernel_energy(kernel, IMAGES, MASK)
    assert result.noise_floor == pytest.approx(100 * np.finfo(float).eps * result.eigenvalues[0])
    assert result.n_leading == np.sum(result.eigenvalues / result.eigenvalues[0] >= 0.1)


# the network behind the kernel ----------------------------------------------------------------------------


def test_a_shift_of_the_output_leaves_the_kernel_and_a_factor_squares():
    plain, shifted = (published_siren(width=16, seed=4, output_shift=c) for c in (0.0, 0.5))
    first, second = (network_kernel(inr, SHAPE) for inr in (plain, shifted))
    np.testing.assert_array_equal(first.kernel, second.kernel)
    np.testing.assert_allclose(second.start, first.start + 0.5, atol=1e-14)
    frozen = published_siren(width=16, seed=4)
    for parameter in list(frozen.network.weights)[-1:] + list(frozen.network.biases)[-1:]:
        parameter.requires_grad_(False)
    base = network_kernel(frozen, SHAPE).kernel
    with torch.no_grad():
        frozen.network.weights[-1].mul_(3.0)
    np.testing.assert_allclose(
        network_kernel(frozen, SHAPE).kernel, 9.0 * base, rtol=0, atol=1e-12 * base.max()
    )


def test_the_panel_called_ten_was_computed_with_one():
    as_printed = published_ffn(10.0, n_frequencies=8, width=8, as_printed=True)
    honest, one = (published_ffn(s, n_frequencies=8, width=8) for s in (10.0, 1.0))
    np.testing.assert_array_equal(as_printed.encoding.frequencies, one.encoding.frequencies)
    np.testing.assert_allclose(honest.encoding.frequencies, 10.0 * one.encoding.frequencies)
    with pytest.raises(ValueError, match="as_printed"):
        published_ffn(3.0, as_printed=True)


def test_regression_is_that_of_the_general_routine(kernel):
    inr = published_siren(width=24, n_hidden=3, seed=2)
    result = kernel_energy(kernel, IMAGES, MASK, relative_ridge=1e-5)
    points, seen = Grid(SHAPE).points, MASK.ravel()
    ridge = 1e-5 * result.eigenvalues[0]
    for image, predicted in zip(IMAGES[:2], result.regression_psnr, strict=False):
        regression = kernel_regression(inr, points[seen], image.ravel()[seen], ridge=ridge)
        error = regression.predict(points[~seen]) - image.ravel()[~seen]
        assert predicted == pytest.approx(-10 * np.log10(np.mean(error**2)), abs=1e-6)


def test_regression_does_not_see_the_values_of_the_test_pixels(kernel):
    # A prediction that ignores them has a mean squared error that is a parabola of their offset, with curvature 1.
    step, found = 0.25, []
    for offset in (-step, 0.0, step):
        moved = IMAGES + offset * ~MASK
        found.append(10 ** (-kernel_energy(kernel, moved, MASK).regression_psnr / 10))
    np.testing.assert_allclose(found[0] + found[2] - 2 * found[1], 2 * step**2, rtol=1e-9)


# training -------------------------------------------------------------------------------------------------


def test_adam_on_all_images_at_once_is_adam_on_each():
    inr = published_siren(width=12, n_hidden=2, seed=0)
    curves = fit_curves(inr, IMAGES[:3], MASK, (0, 15), Adam(1e-3, eps=1e-8))
    for image, train, test in zip(IMAGES, curves.train_psnr[:, 1], curves.test_psnr[:, 1], strict=False):
        fitted = adapt(inr, image, 15, 1e-3, use_adam=True, mask=MASK).on_grid(Grid(SHAPE))
        for found, part in ((train, MASK), (test, ~MASK)):
            assert found == pytest.approx(-10 * np.log10(np.mean((fitted - image)[part] ** 2)), abs=1e-8)


def test_gradient_descent_is_that_of_adaptation():
    inr = published_siren(width=12, n_hidden=2, seed=0)
    curves = fit_curves(inr, IMAGES, MASK, (0, 1, 4), GradientDescent(1e-2))
    expected = adaptation_psnr(inr, IMAGES, 4, 1e-2, mask=MASK)[:, [0, 1, 4]]
    np.testing.assert_allclose(curves.test_psnr, expected, atol=1e-9)
    assert curves.mean_test_psnr(4) == pytest.approx(expected[:, 2].mean())
    with pytest.raises(ValueError, match="step 3 was not measured"):
        curves.mean_test_psnr(3)


def test_the_last_measurement_is_of_the_last_step_and_the_start_is_left_alone():
    inr = published_siren(width=12, n_hidden=2, seed=0)
    before = [p.detach().clone() for p in inr.parameters()]
    short, long = (fit_curves(inr, IMAGES, MASK, steps, Adam(1e-3)) for steps in ((6,), (0, 6, 12)))
    np.testing.assert_allclose(short.test_psnr[:, 0], long.test_psnr[:, 1], atol=1e-9)
    assert all(torch.equal(a, b) for a, b in zip(before, inr.parameters(), strict=True))


def test_only_pixels_of_the_mask_are_trained_on():
    inr = published_siren(width=12, n_hidden=2, seed=0)
    spoiled = IMAGES.copy()
    spoiled[:, ~MASK] = 1.0
    base, other = (fit_curves(inr, images, MASK, (8,), Adam(1e-3)) for images in (IMAGES, spoiled))
    np.testing.assert_array_equal(base.train_psnr, other.train_psnr)
    assert (base.test_psnr != other.test_psnr).all()


def test_chunks_of_images_do_not_matter(monkeypatch):
    inr = published_siren(width=12, n_hidden=2, seed=0)
    whole = fit_curves(inr, IMAGES, MASK, (0, 3), Adam(1e-3))
    monkeypatch.setattr("srinr.studies.pixel_fits._CHUNK_NUMBERS", 1)
    single = fit_curves(inr, IMAGES, MASK, (0, 3), Adam(1e-3))
    assert single.test_psnr.shape == whole.test_psnr.shape == (6, 2)
    np.testing.assert_allclose(single.test_psnr, whole.test_psnr, atol=1e-9)


def test_divergence_is_told_as_nan_for_the_image_concerned_only():
    images = IMAGES.copy()
    images[2] *= 1e200
    with np.errstate(all="ignore"):
        curves = fit_curves(published_mlp(width=8, n_hidden=2), images, MASK, (3,), GradientDescent(1e-2))
    finite = np.isfinite(curves.test_psnr[:, 0])
    assert finite.tolist() == [True, True, False, True, True, True]


def test_networks_of_better_energy_learn_better():
    """Frequency 30 against 5 and 100, from the middle of the gray scale: energy and test PSNR agree in their order."""
    starts = {w: Start(published_siren(float(w), width=64, seed=0, output_shift=0.5)) for w in (5, 30, 100)}
    rows = energy_study(starts, faces(20).images[:4], random_mask((20, 20)), (0, 10))
    energies = {w: row.energy.energy_at_tenth for w, row in rows.items()}
    scores = {w: row.curves.mean_test_psnr(10) for w, row in rows.items()}
    for other in (5, 100):
        assert energies[30] > 2 * energies[other]
        assert scores[30] > scores[other] + 0.5


def test_rank_correlation_is_that_of_the_orders():
    images = faces(8).images[:2]
    starts = {str(w): Start(published_siren(w, width=12, seed=0)) for w in (5.0, 20.0, 60.0)}
    rows = energy_study(starts, images, random_mask((8, 8)), (0, 2))
    energies = [row.energy.energy_at_tenth for row in rows.values()]
    scores = [row.curves.mean_test_psnr(2) for row in rows.values()]
    assert rank_correlation(rows, 2) == pytest.approx(scipy.stats.spearmanr(energies, scores).statistic)
    one = {"a": rows["5.0"], "b": rows["5.0"]}
    assert np.isnan(rank_correlation(one, 2)), "no order, no correlation"
    with pytest.raises(ValueError, match="two at least"):
        rank_correlation({"a": rows["5.0"]}, 2)


# what is refused ------------------------------------------------------------------------------------------


def test_wrong_input_is_refused(kernel):
    inr = published_siren(width=8)
    with pytest.raises(ValueError, match="do not lie on the kernel's grid"):
        kernel_energy(kernel, faces().images, MASK)
    for mask in (MASK.astype(float), MASK[:5], np.ones(SHAPE, bool), np.zeros(SHAPE, bool)):
        with pytest.raises(ValueError, match="mask must be a boolean array"):
            kernel_energy(kernel, IMAGES, mask)
    for ridge in (0.0, -1e-3, np.nan, 1e-15):
        with pytest.raises(ValueError, match="relative_ridge must lie above"):
            kernel_energy(kernel, IMAGES, MASK, relative_ridge=ridge)
    with pytest.raises(ValueError, match="is zero"):
        kernel_energy(kernel, np.ones((1, *SHAPE)), MASK)
    with pytest.raises(ValueError, match="thresholds"):
        kernel_energy(kernel, IMAGES, MASK, thresholds=[2.0])
    with pytest.raises(ValueError, match="square matrix"):
        with_matrix(kernel, kernel.kernel[:50])
    with pytest.raises(ValueError, match="starts is empty"):
        energy_study({}, IMAGES, MASK, (0,))
    with pytest.raises(ValueError, match="steps is empty"):
        fit_curves(inr, IMAGES, MASK, (), Adam())
    with pytest.raises(ValueError, match="steps must be an integer"):
        fit_curves(inr, IMAGES, MASK, (-1,), Adam())
    with pytest.raises(ValueError, match="LBFGS"):
        fit_curves(inr, IMAGES, MASK, (1,), LBFGS())
    with pytest.raises(ValueError, match="True everywhere"):
        fit_curves(inr, IMAGES, np.ones(SHAPE, bool), (1,), Adam())
    with pytest.raises(ValueError, match="leaves none"):
        random_mask((2, 2), share=0.05)
    with pytest.raises(ValueError, match="learning_rate"):
        GradientDescent(-1.0)


def test_masks_hold_equally_many_pixels_and_follow_their_seed():
    masks = [random_mask((9, 8), 0.25, seed) for seed in (0, 0, 1)]
    assert [int(m.sum()) for m in masks] == [18, 18, 18]
    np.testing.assert_array_equal(masks[0], masks[1])
    assert (masks[0] != masks[2]).any()
    assert isinstance(FitCurves(np.arange(1), np.zeros((1, 1)), np.zeros((1, 1))).mean_test_psnr(0), float)
