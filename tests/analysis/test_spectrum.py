"""Spectra against predicted support, and the ceiling of networks on a repeating input."""

import math

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import given
from hypothesis import strategies as st

from srinr.analysis.harmonic_support import reachable_bins
from srinr.analysis.sinusoids import Sinusoids
from srinr.analysis.spectrum import (
    Spectrum,
    measured_spectrum,
    periodic_best_fit,
    predicted_support,
    psnr_ceiling,
)
from srinr.domain import Grid, grid_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.encodings.identity import Coordinates
from srinr.inr import INR
from srinr.metrics import psnr
from srinr.networks.mlp import MLP
from srinr.networks.polynomial import PolynomialMLP
from srinr.networks.shallow import ShallowReLU
from srinr.networks.siren import Siren

#: f0 = 1 cycle per unit on [-1, 1)^2 is 2 cycles per field of view.
F0 = FourierFeatures([[2.0, 0.0], [0.0, 2.0]])
GRID = Grid(32, dim=2)


@pytest.mark.parametrize("make", [
    lambda n: MLP(n, 32, 4, init_gain=math.sqrt(6), seed=1),
    lambda n: ShallowReLU(n, 40, seed=2),
    lambda n: Siren(n, 32, 4, omega_first=3.0, seed=3),
    lambda n: PolynomialMLP(n, 8, 3, coefficients=(0, 1, 1), seed=4),
])  # fmt: skip
def test_unit_frequency_leaves_the_odd_bins_empty(make):
    inr = INR(F0, make(F0.n_features))
    spectrum = measured_spectrum(inr, GRID)
    odd = (grid_frequencies(GRID.shape) % 2 != 0).any(axis=1).reshape(GRID.shape)
    assert spectrum.energy_outside(~odd) < 1e-12
    support = predicted_support(inr, GRID)
    assert not support[odd].any()
    assert spectrum.energy_outside(support) < 1e-12
    assert spectrum.energy > 0


def test_half_the_frequency_fills_every_bin_and_end_points_leak():
    inr = INR(FourierFeatures(np.eye(2)), MLP(5, 32, 3, init_gain=2.0, seed=1))
    spectrum = measured_spectrum(inr, GRID)
    assert predicted_support(inr, GRID).all()
    even = reachable_bins(GRID, np.eye(2), domain_length=2.0)
    assert spectrum.energy_outside(even) > 1e-3
    # The same network sampled with both ends breaks the statement: the reason for the convention.
    doubled = INR(F0, MLP(5, 32, 3, init_gain=2.0, seed=1))
    leaky = measured_spectrum(doubled.on_grid(Grid(32, dim=2, endpoint=True)), GRID)
    assert leaky.energy_outside(even) > 1e-6


def test_the_units_of_a_spectrum():
    wave = Sinusoids([[3.0, -2.0]], [1.0], [0.4], 1.0)
    spectrum = measured_spectrum(wave, GRID)
    assert spectrum.modulus[16 + 3, 16 - 2] == pytest.approx(0.5, abs=1e-14)
    assert spectrum.modulus[16 - 3, 16 + 2] == pytest.approx(0.5, abs=1e-14)
    assert spectrum.modulus[16, 16] == pytest.approx(1.0, abs=1e-14)
    assert spectrum.energy == pytest.approx(1.5, abs=1e-13)
    decibels = spectrum.decibels(reference=0.5, floor=-300.0)
    assert decibels[19, 14] == pytest.approx(0.0, abs=1e-10)
    assert decibels[16, 16] == pytest.approx(6.0206, abs=1e-4)
    assert decibels.min() >= -300.0
    np.testing.assert_allclose(spectrum.coefficients, wave.dft_bins(GRID), atol=1e-14)
    assert Spectrum(np.zeros((4,), dtype=complex)).energy_outside(np.zeros(4, dtype=bool)) == 0.0


def test_complex_and_tabulated_images():
    x = Grid(16, dim=1).axes[0]
    spectrum = measured_spectrum(np.exp(2j * np.pi * 3 * x), Grid(16, dim=1))
    assert spectrum.modulus.round(12).tolist() == [float(k == 3) for k in range(-8, 8)]
    assert spectrum.energy_outside(reachable_bins(Grid(16, dim=1), [[3.0]], radius=1)) < 1e-28


def test_published_ceilings():
    astronaut, camera = skimage.data.astronaut() / 255.0, skimage.data.camera() / 255.0
    assert round(psnr_ceiling(astronaut, (2, 2)), 2) == 11.17
    assert round(psnr_ceiling(camera, (2, 2)), 2) == 11.44
    assert psnr_ceiling(camera, (1, 1)) == math.inf
    # The four-shift average, written out, attains it.
    average = np.mean([np.roll(camera, (i, j), (0, 1)) for i in (0, 256) for j in (0, 256)], axis=0)
    np.testing.assert_allclose(periodic_best_fit(camera, (2, 2)), average, atol=1e-14)
    assert psnr(average, camera, data_range=1.0) == pytest.approx(psnr_ceiling(camera, (2, 2)), abs=1e-10)


@given(
    st.integers(0, 10**6), st.sampled_from([(12, 8), (9, 10), (7, 6)]), st.integers(1, 6), st.integers(1, 4)
)
def test_the_best_fit_is_the_projection_on_reachable_bins(seed, shape, first, second):
    image = np.random.default_rng(seed).random(shape)
    mask = reachable_bins(Grid(shape), [[first, 0], [0, second]])
    spectrum = np.where(np.fft.ifftshift(mask), np.fft.fftn(image), 0.0)
    best = periodic_best_fit(image, (first, second))
    np.testing.assert_allclose(best, np.fft.ifftn(spectrum).real, atol=1e-13)
    np.testing.assert_allclose(periodic_best_fit(best, (first, second)), best, atol=1e-15)
    missing = measured_spectrum(image, Grid(shape))
    mse = missing.energy_outside(mask) * missing.energy
    assert np.mean((best - image) ** 2) == pytest.approx(mse, abs=1e-14)


@given(st.integers(0, 10**6))
def test_no_network_exceeds_the_ceiling(seed):
    image = skimage.data.camera()[::16, ::16] / 255.0
    ceiling = psnr_ceiling(image, (2, 2))
    inr = INR(F0, MLP(F0.n_features, 16, 3, seed=seed, init_gain=2.0))
    raw = inr.on_grid(GRID)
    # The best affine readout of the network comes closest and still stays below.
    design = np.stack([raw.ravel(), np.ones(raw.size)], axis=1)
    fitted = design @ np.linalg.lstsq(design, image.ravel(), rcond=None)[0]
    for values in (raw, fitted.reshape(GRID.shape)):
        assert psnr(values, image, data_range=1.0) <= ceiling


def with_best_last_layer(encoding, image):
    """A wide ReLU network whose last layer is trained to the end: least squares on all pixels."""
    network = MLP(encoding.n_features, 300, 3, seed=0, init_gain=math.sqrt(6))
    with torch.no_grad():
        hidden = torch.relu(encoding.features(torch.from_numpy(GRID.points)) @ network.weights[0].T)
        hidden = torch.relu(hidden @ network.weights[1].T + network.biases[0]).numpy()
        solution = np.linalg.lstsq(hidden, image.ravel(), rcond=None)[0]
        network.weights[2].copy_(torch.from_numpy(solution[None]))
        network.biases[1].zero_()
    return INR(encoding, network)


def test_training_approaches_the_ceiling_from_below():
    image = skimage.data.camera()[::16, ::16] / 255.0
    ceiling = psnr_ceiling(image, (2, 2))
    reached = psnr(with_best_last_layer(F0, image).on_grid(GRID), image, data_range=1.0)
    assert ceiling - 1e-3 < reached <= ceiling + 1e-9
    # The ceiling belongs to the repeating input: half the frequency is not bound by it.
    free = with_best_last_layer(FourierFeatures(np.eye(2)), image)
    assert psnr(free.on_grid(GRID), image, data_range=1.0) > ceiling + 3


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: measured_spectrum(np.zeros((4, 4)), Grid(5, dim=2)), "shape"),
        (lambda: measured_spectrum(np.zeros(4), Grid(4, dim=1, endpoint=True)), "endpoint"),
        (lambda: measured_spectrum(np.array([1.0, np.nan]), Grid(2, dim=1)), "NaN"),
        (lambda: measured_spectrum(np.zeros(4), Grid(4, dim=1)).energy_outside(np.zeros(4)), "boolean"),
        (lambda: measured_spectrum(np.zeros(4), Grid(4, dim=1)).decibels(reference=0.0), "reference"),
        (lambda: predicted_support(INR(FourierFeatures([[0.5, 0]]), MLP(3, 2, 2)), GRID), "whole cycles"),
        (lambda: periodic_best_fit(np.zeros((4, 4)), (2, 0)), "repeats"),
        (lambda: periodic_best_fit(np.zeros((4, 4)), (2.0, 2)), "repeats"),
        (lambda: periodic_best_fit(np.zeros(4), (2, 2)), "axes"),
        (lambda: periodic_best_fit(np.full(4, np.inf), (2,)), "infinite"),
        (lambda: periodic_best_fit(1j * np.ones(4), (2,)), "image must be real .*complex128"),
        (lambda: psnr_ceiling([1.0, 1j, 0.0, 2.0], (2,)), "image must be real .*complex128"),
        (lambda: periodic_best_fit(["a", "b"], (2,)), "image must be real"),
        (lambda: periodic_best_fit(np.ones(4), 2), "repeats must be a sequence"),
        (lambda: Spectrum(np.ones(4)).decibels(floor=math.nan), "floor"),
        (lambda: Spectrum(np.ones(4)).decibels(floor=1e6), "floor"),
        (lambda: Spectrum(np.ones(4)).decibels(floor=-1e6), "floor"),
        (lambda: Spectrum(np.ones(4)).decibels(floor="low"), "floor"),
        (lambda: Spectrum(np.ones(4)).decibels(reference="high"), "reference"),
    ],
)
def test_wrong_inputs_are_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_encodings_without_frequencies_are_refused():
    with pytest.raises(TypeError, match="FourierFeatures"):
        predicted_support(INR(Coordinates(2), Siren(2, 3, 3)), GRID)
