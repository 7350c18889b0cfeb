"""Metrics: values by hand, conventions against independent formulas, refusal of unclear input."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srinr.domain import Grid, lowpass_frequencies
from srinr.metrics import (
    l2_error,
    local_overshoot,
    mse,
    nmse,
    overshoot,
    psnr,
    relative_error,
    ssim,
    ssim_gaussian,
    undershoot,
)
from srinr.samples import FourierSamples
from srinr.trigonometric import TrigonometricPolynomial

RNG_SHAPE = (9, 11)


def random_images(seed, shape=RNG_SHAPE, complex_valued=False):
    rng = np.random.default_rng(seed)
    pair = rng.standard_normal((2, *shape))
    if complex_valued:
        pair = pair + 1j * rng.standard_normal((2, *shape))
    return pair


def reference_ssim(x, ref, data_range, window):
    """Structural similarity by explicit loops: window weights, means, sample covariances."""
    size = window.shape[0]
    n = size * size
    c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
    values = []
    for i in range(x.shape[0] - size + 1):
        for j in range(x.shape[1] - size + 1):
            a, b = x[i : i + size, j : j + size], ref[i : i + size, j : j + size]
            ma, mb = (window * a).sum(), (window * b).sum()
            correction = n / (n - 1) if np.allclose(window, 1 / n) else 1.0
            va = correction * ((window * a * a).sum() - ma**2)
            vb = correction * ((window * b * b).sum() - mb**2)
            cov = correction * ((window * a * b).sum() - ma * mb)
            values.append((2 * ma * mb + c1) * (2 * cov + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2)))
    return np.mean(values)


@given(seed=st.integers(0, 10**6), scale=st.floats(0.01, 100.0))
@settings(deadline=None, max_examples=20)
def test_relative_error_does_not_depend_on_the_unit(seed, scale):
    x, ref = random_images(seed, complex_valued=True)
    assert relative_error(scale * x, scale * ref) == pytest.approx(relative_error(x, ref), rel=1e-12)
    assert nmse(x, ref) == pytest.approx(relative_error(x, ref) ** 2, rel=1e-12)


def test_complex_images_are_compared_as_complex():
    x = np.array([1j, 2.0])
    ref = np.array([1.0, 2.0])
    assert relative_error(x, ref) == pytest.approx(math.sqrt(2 / 5))
    assert relative_error(np.abs(x), np.abs(ref)) == 0.0


def test_low_precision_integers_do_not_wrap_around():
    assert mse(np.array([0], dtype=np.uint8), np.array([3], dtype=np.uint8)) == 9.0


def test_psnr_depends_on_the_stated_range():
    x, ref = random_images(1)
    expected = 10 * math.log10(4.0 / np.mean((x - ref) ** 2))
    assert psnr(x, ref, data_range=2.0) == pytest.approx(expected)
    assert psnr(ref, ref, data_range=2.0) == math.inf
    assert psnr(x, ref, data_range=4.0) - psnr(x, ref, data_range=2.0) == pytest.approx(20 * math.log10(2))


def test_ssim_is_the_uniform_window_formula():
    x, ref = random_images(2)
    window = np.full((7, 7), 1 / 49)
    assert ssim(x, ref, data_range=3.0) == pytest.approx(reference_ssim(x, ref, 3.0, window), rel=1e-9)


def test_ssim_gaussian_is_the_eleven_pixel_formula():
    x, ref = random_images(3, (14, 13))
    g = np.exp(-0.5 * (np.arange(-5, 6) / 1.5) ** 2)
    window = np.outer(g, g) / g.sum() ** 2
    expected = reference_ssim(x, ref, 3.0, window)
    assert ssim_gaussian(x, ref, data_range=3.0) == pytest.approx(expected, rel=1e-9)


def test_ssim_of_a_volume_is_the_mean_over_slices():
    x, ref = random_images(4, (3, 9, 9))
    per_slice = [ssim(a, b, data_range=2.0) for a, b in zip(x, ref, strict=True)]
    assert ssim(x, ref, data_range=2.0) == pytest.approx(np.mean(per_slice))


def test_overshoot_of_a_truncated_step_is_the_gibbs_constant():
    # Fourier series of the unit step on [1/4, 3/4), truncated: overshoot (Si(pi) - pi/2)/pi of the height.
    cutoff = 200
    k = lowpass_frequencies(cutoff, dim=1)
    frequency = np.where(k == 0, 1, k).ravel()
    values = np.sin(np.pi * frequency / 2) * np.exp(-1j * np.pi * frequency) / (np.pi * frequency)
    values[k.ravel() == 0] = 0.5
    grid = Grid(2**15, dim=1)
    image = TrigonometricPolynomial(k, values, real=True).on_grid(grid)
    step = ((grid.axes[0] >= 0.25) & (grid.axes[0] < 0.75)).astype(float)
    assert overshoot(image, step) == pytest.approx(0.0894899, abs=1e-4)
    assert undershoot(image, step) == pytest.approx(0.0894899, abs=1e-4)
    away = np.abs(grid.axes[0] - 0.5) < 0.05
    assert overshoot(image, step, region=away) < 0.01


def test_local_overshoot_sees_ringing_around_faint_structures():
    reference = np.zeros((16, 16))
    reference[2:4, 2:4] = 5.0
    image = reference.copy()
    image[10, 10] = 0.5
    assert overshoot(image, reference) == 0.0
    assert local_overshoot(image, reference, radius=2) == 0.5
    assert local_overshoot(image, reference, radius=8) == 0.0
    across = np.roll(image, (-2, -2), axis=(0, 1))
    across[0, 15] = 4.0  # beside the bright square, across the periodic border
    assert local_overshoot(across, np.roll(reference, (-2, -2), axis=(0, 1)), radius=1) == 0.5
    corner = np.zeros((16, 16), dtype=bool)
    corner[:4, :4] = True
    assert local_overshoot(image, reference, radius=2, region=corner) == 0.0


def test_l2_error_brackets_the_true_distance():
    rng = np.random.default_rng(5)
    k = lowpass_frequencies(6)
    f = rng.standard_normal(len(k)) + 1j * rng.standard_normal(len(k))
    g = rng.standard_normal(len(k)) + 1j * rng.standard_normal(len(k))
    grid = Grid(13, dim=2)
    pixels = [TrigonometricPolynomial(k, values).on_grid(grid) for values in (f, g)]
    distance = math.sqrt(np.mean(np.abs(pixels[0] - pixels[1]) ** 2))  # exact quadrature: 13 >= 2 * 6 + 1
    inner = (np.abs(k) <= 3).all(axis=1)
    tail = float(np.linalg.norm((f - g)[~inner]))
    bracket = l2_error(
        FourierSamples(k[inner], f[inner]), FourierSamples(k[inner], g[inner]), tail_bound=tail
    )
    assert bracket.lower < distance
    assert bracket.upper == pytest.approx(distance, rel=1e-12)
    assert l2_error(FourierSamples(k, f), FourierSamples(k, g), tail_bound=0.0).upper == pytest.approx(
        distance
    )
    assert l2_error(FourierSamples(k, f), FourierSamples(k, g)).upper == math.inf


@pytest.mark.parametrize("metric", [relative_error, nmse, mse])
def test_shapes_must_agree(metric):
    with pytest.raises(ValueError, match="same shape"):
        metric(np.ones((3, 1)), np.ones((1, 3)))


def test_unclear_input_is_refused():
    complex_image = np.ones((8, 8), dtype=complex)
    with pytest.raises(TypeError, match=r"np\.abs"):
        ssim(complex_image, complex_image, data_range=1.0)
    with pytest.raises(TypeError, match=r"np\.abs"):
        overshoot(complex_image, complex_image)
    with pytest.raises(TypeError, match="numbers"):
        mse(["a"], ["b"])
    with pytest.raises(ValueError, match="reference is zero"):
        relative_error([1.0], [0.0])
    with pytest.raises(ValueError, match="data_range"):
        psnr([1.0], [1.0], data_range=0.0)
    with pytest.raises(ValueError, match="at least 7"):
        ssim(np.ones((6, 9)), np.ones((6, 9)), data_range=1.0)
    with pytest.raises(ValueError, match="shape"):
        ssim(np.ones(9), np.ones(9), data_range=1.0)
    with pytest.raises(ValueError, match="region is empty"):
        overshoot([1.0], [1.0], region=[False])
    with pytest.raises(ValueError, match="boolean"):
        overshoot([1.0, 2.0], [1.0, 2.0], region=[0, 1])
    with pytest.raises(ValueError, match="radius"):
        local_overshoot([1.0], [1.0], radius=-1)
    with pytest.raises(ValueError, match="empty"):
        mse([], [])


def test_l2_error_refuses_what_parseval_does_not_cover():
    one = FourierSamples([[0], [1]], [1.0, 1.0])
    with pytest.raises(ValueError, match="integer"):
        l2_error(FourierSamples([[0.5]], [1.0]), FourierSamples([[0.5]], [1.0]))
    with pytest.raises(ValueError, match="same frequencies"):
        l2_error(one, FourierSamples([[1], [0]], [1.0, 1.0]))
    with pytest.raises(ValueError, match="repeat"):
        l2_error(FourierSamples([[1], [1]], [1.0, 1.0]), FourierSamples([[1], [1]], [1.0, 1.0]))
    with pytest.raises(ValueError, match="one image each"):
        l2_error(FourierSamples([[0], [1]], np.ones((2, 2))), one)
    with pytest.raises(ValueError, match="tail_bound"):
        l2_error(one, one, tail_bound=-1.0)


def test_nan_never_reads_as_a_good_figure():
    bad = np.array([np.nan, 1.0])
    assert math.isnan(relative_error(bad, [1.0, 1.0]))
    assert math.isnan(overshoot(bad, [1.0, 1.0]))
    assert math.isnan(undershoot(bad, [1.0, 1.0]))
    assert math.isnan(local_overshoot(bad, [1.0, 1.0], radius=0))
