"""Aliasing of 1-D networks between the samples of a sine (figures 3 and 9)."""

import math

import numpy as np
import pytest
import torch

from srinr import INR, MLP, Adam, Coordinates, FourierFeatures, Grid, Siren
from srinr.analysis.diagnosis import aliased_energy
from srinr.harmonic_figures import show_aliasing, show_diagnosis
from srinr.studies.aliasing import PHASES, SampledSine, aliasing_ffn, aliasing_siren, fit_sampled_sine


def fitted(inr, n_steps=300, **target):
    return fit_sampled_sine(inr, SampledSine(**target), n_steps, progress=False)


@pytest.fixture(scope="module")
def sirens():
    return [fitted(aliasing_siren(omega, seed=1), phase=PHASES[1]) for omega in (300.0, 30.0)]


def test_high_omega_aliases_and_low_omega_does_not(sirens):
    high, low = sirens
    assert high.alias_relative > -25.0
    assert high.alias_relative >= high.other_relative + 4.0
    assert high.aliases
    assert low.alias_relative < -40.0
    assert not low.aliases
    assert high.train_mse < 1e-10 < 1e-3 < high.test_mse, "the samples do not show it"
    assert low.test_mse < 1e-3


def test_wide_random_features_alias_and_narrow_ones_do_not():
    wide, narrow = (fitted(aliasing_ffn(sigma, seed=0)) for sigma in (100.0, 3.0))
    assert wide.alias_relative > -6.0
    assert wide.aliases
    assert narrow.alias_relative < wide.alias_relative - 15.0
    assert not narrow.aliases


def test_what_the_result_says_is_what_the_network_does(sirens):
    result = sirens[0]
    assert (result.target.frequency, result.target.alias, result.target.n_train) == (23, 105, 128)
    values = result.inr.on_grid(Grid(256, dim=1))
    truth = np.sin(2 * np.pi * 23 * np.arange(256) / 256 + PHASES[1])
    assert result.test_mse == pytest.approx(((values - truth) ** 2).mean(), rel=1e-12)
    assert result.train_mse == pytest.approx(((values - truth)[::2] ** 2).mean(), rel=1e-9)
    dft = 2 * np.abs(np.fft.rfft(values)) / 256
    assert result.signal_level == pytest.approx(20 * math.log10(dft[23]), abs=1e-9)
    assert result.alias_level == pytest.approx(20 * math.log10(dft[105]), abs=1e-9)
    dft[[23, 105]] = 0.0
    assert result.other_frequency == int(dft[:128].argmax())
    np.testing.assert_allclose(
        np.fft.ifft(np.fft.ifftshift(result.train_spectrum.coefficients), norm="forward").real,
        values[::2],
        atol=1e-12,
    )
    assert result.numbers()["alias_relative"] == result.alias_relative
    assert "105 cycles" in str(result)
    # The general diagnosis sees the same without knowing the target.
    assert aliased_energy(result.inr, 128).beyond == pytest.approx(result.test_mse, rel=0.5)


class _Exact(torch.nn.Module):
    """The network that is the given sum of sines of cosines, to know the levels beforehand."""

    def __init__(self, weight):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(weight, dtype=torch.float64))
        self.first_bias = None
        self.out_features, self.values_per_point = 1, 4

    @property
    def first_weight(self):
        return self.weight

    def after_first(self, preactivation):
        return preactivation

    def spec(self):
        return {}


def test_levels_of_a_known_mixture():
    encoding = FourierFeatures([[5.0], [27.0], [9.0]], constant=False)
    weights = np.array([[1.0, 0.1, 0.01, 0.0, 0.0, 0.0]]) / math.sqrt(2.0)
    result = fit_sampled_sine(
        INR(encoding, _Exact(weights)),
        SampledSine(5, n_test=64),
        1,
        optimizer=Adam(1e-12),
        progress=False,
    )
    assert result.signal_level == pytest.approx(0.0, abs=1e-6)
    assert result.alias_relative == pytest.approx(-20.0, abs=1e-6)
    assert (result.other_frequency, result.other_relative) == (9, pytest.approx(-40.0, abs=1e-6))
    assert result.aliases
    assert result.test_mse == pytest.approx((0.1**2 + 0.01**2) / 2, rel=1e-6)


def test_the_networks_have_the_published_initialization():
    network = aliasing_siren(300.0).network
    assert (network.depth, network.omega_first, network.omega_hidden) == (3, 300.0, 30.0)
    bounds = (1.0, math.sqrt(6 / 128) / 30, math.sqrt(6 / 128) / 30)
    for weight, bias, bound in zip(network.weights, network.biases, bounds, strict=True):
        assert 0.9 * bound < float(weight.detach().abs().max()) <= bound
        assert float(bias.detach().abs().max()) <= bound
    assert float(network.biases[0].detach().abs().max()) > 0.9, "biases from the range of the weights"
    ffn = aliasing_ffn(100.0)
    assert ffn.encoding.n_features == 256
    assert np.std(ffn.encoding.frequencies) == pytest.approx(100.0, rel=0.2)


def test_figures(sirens):
    figure = show_aliasing(sirens, ["omega 300", "omega 30"])
    assert len(figure.axes) == 2
    assert "alias" in figure.axes[0].get_title()
    with pytest.raises(ValueError, match="one title"):
        show_aliasing(sirens, ["omega 300"])
    assert len(show_diagnosis(aliased_energy(sirens[0].inr, 128)).axes) == 1


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: SampledSine(frequency=64), "n_test / 4"),
        (lambda: SampledSine(frequency=0), "frequency"),
        (lambda: SampledSine(frequency=2.5), "integer"),
        (lambda: SampledSine(n_test=255), "even"),
        (lambda: SampledSine(phase=math.nan), "phase"),
        (lambda: fit_sampled_sine(INR(Coordinates(2), MLP(2, 4, 2))), "2-D"),
        (
            lambda: fit_sampled_sine(
                INR(Coordinates(1), Siren(1, 4, 2, out_features=2), complex_output=True)
            ),
            "complex",
        ),
    ],
)
def test_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_bare_networks_are_refused():
    with pytest.raises(TypeError, match="INR"):
        fit_sampled_sine(MLP(1, 4, 2))
