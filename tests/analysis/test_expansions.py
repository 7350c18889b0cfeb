"""Networks multiplied out into sinusoids, and activations into polynomials."""

import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import jv

from srinr.analysis.activation_expansion import (
    GELU,
    RELU,
    SIN,
    TANH,
    Activation,
    chebyshev_expansion,
    taylor_expansion,
)
from srinr.analysis.bessel_expansion import bessel_expansion, bessel_order, bessel_tail, expand_siren
from srinr.analysis.harmonic_support import harmonic_frequencies, reachable_bins
from srinr.analysis.polynomial_expansion import (
    expand_filter_network,
    expand_polynomial_inr,
    expand_polynomial_network,
    feature_mapping,
    sine_mapping,
)
from srinr.analysis.spectrum import measured_spectrum, predicted_support
from srinr.domain import Grid
from srinr.encodings.fourier_features import FourierFeatures
from srinr.encodings.identity import Coordinates
from srinr.inr import INR
from srinr.networks.base import Network
from srinr.networks.mlp import MLP
from srinr.networks.multiplicative_filters import FourierFilterNetwork
from srinr.networks.polynomial import PolynomialMLP
from srinr.networks.siren import Siren

POINTS = np.random.default_rng(7).random((60, 2))


def errors(expansions, inr, points=POINTS):
    values = inr.image(points)
    parts = [values] if not inr.complex_output else [values.real, values.imag]
    assert len(expansions) == len(parts)
    return max(np.abs(f.image(points) - v).max() for f, v in zip(expansions, parts, strict=True))


def in_support(found, support):
    return np.abs(found[:, None] - support[None]).max(axis=2).min(axis=1).max(initial=0.0) < 1e-9


@given(st.integers(0, 10**6), st.integers(2, 3), st.sampled_from([(0.3, 1.0, 0.5), (0.0, 1.0, 0.0, -0.2)]))
def test_polynomial_expansion_is_the_network(seed, depth, coefficients):
    frequencies = np.random.default_rng(seed).normal(0, 4, (2, 2))
    network = PolynomialMLP(5, 4, depth, coefficients=coefficients, seed=seed)
    inr = INR(FourierFeatures(frequencies), network)
    (f,) = expand_polynomial_inr(inr)
    assert errors((f,), inr) < 1e-10
    assert in_support(f.frequencies, harmonic_frequencies(frequencies, network.degree ** (depth - 1)))


def test_expansion_on_a_lattice_and_complex_images():
    encoding = FourierFeatures.lattice(2, dim=2)
    network = PolynomialMLP(25, 6, 3, coefficients=(0.1, 1.0, 0.4), out_features=2, seed=3)
    inr = INR(encoding, network, complex_output=True)
    expansions = expand_polynomial_inr(inr)
    assert errors(expansions, inr) < 1e-10
    grid = Grid((20, 24))
    bins = expansions[0].dft_bins(grid) + 1j * expansions[1].dft_bins(grid)
    assert np.abs(bins - measured_spectrum(inr, grid).coefficients).max() < 1e-12


def test_expansion_of_a_mapping_with_phases():
    rng = np.random.default_rng(2)
    k, phases = rng.normal(0, 3, (3, 2)), rng.uniform(-3, 3, 3)
    network = PolynomialMLP(3, 4, 3, coefficients=(0.2, 1.0, -0.5), seed=1)
    (f,) = expand_polynomial_network(sine_mapping(k, phases), network)
    features = torch.from_numpy(np.sin(2 * np.pi * POINTS @ k.T + phases))
    with torch.no_grad():
        wanted = network(features).numpy()[:, 0]
    assert np.abs(f.image(POINTS) - wanted).max() < 1e-10
    assert in_support(f.frequencies, harmonic_frequencies(k, 4))
    assert not in_support(f.frequencies, harmonic_frequencies(k, 3)), "the radius is sharp"


@pytest.mark.parametrize("depth", [2, 3, 4])
def test_the_highest_bin_is_attained(depth):
    top = 2 ** (depth - 1)
    encoding = FourierFeatures([[1.0]], constant=False)
    inr = INR(encoding, PolynomialMLP(2, 8, depth, coefficients=(0.0, 0.0, 1.0), seed=4))
    grid = Grid(32, dim=1)
    spectrum = measured_spectrum(inr, grid)
    assert spectrum.energy_outside(predicted_support(inr, grid)) < 1e-28
    assert spectrum.modulus[16 + top] > 1e-6 * np.sqrt(spectrum.energy)
    (f,) = expand_polynomial_inr(inr)
    assert f.frequencies.max() == top
    # A smaller radius is rejected.
    assert spectrum.energy_outside(reachable_bins(grid, [[1.0]], radius=top - 1)) > 1e-12


def test_feature_mapping_is_the_encoding():
    for encoding in (FourierFeatures.lattice(2), FourierFeatures.gaussian(3, 4.0)):
        features = encoding.features(torch.from_numpy(POINTS)).numpy().T
        np.testing.assert_allclose(feature_mapping(encoding).values(POINTS), features, atol=1e-12)


@pytest.mark.parametrize("n_filters", [1, 2, 3])
@pytest.mark.parametrize("low", [-1.0, 0.0])
def test_filter_network_expansion_is_the_network(n_filters, low):
    network = FourierFilterNetwork(2, 3, n_filters, filter_scale=30.0, out_features=2, seed=n_filters)
    inr = INR(Coordinates(2, low=low), network, complex_output=True)
    expansions = expand_filter_network(inr)
    assert errors(expansions, inr) < 1e-10
    assert len(expansions[0]) == sum(2 ** (n - 1) * 3**n for n in range(1, n_filters + 1))
    wrong = expand_filter_network(INR(Coordinates(2, low=low + 0.1), network, complex_output=True))
    assert errors(wrong, inr) > 1e-3


@pytest.mark.parametrize("make", [
    lambda **k: PolynomialMLP(9, 6, 3, coefficients=(0, 1, 0.5), **k),
    lambda **k: FourierFilterNetwork(9, 6, 3, **k),
])  # fmt: skip
def test_the_networks_fit_the_protocol(make):
    for out_features in (1, 2):
        network = make(out_features=out_features, seed=3)
        assert isinstance(network, Network)
        assert network.out_features == out_features
        features = torch.randn(11, 9, dtype=torch.float64)
        pre = features @ network.first_weight.T
        pre = pre if network.first_bias is None else pre + network.first_bias
        torch.testing.assert_close(network.after_first(pre), network(features))
        assert torch.equal(make(out_features=out_features, seed=3)(features), network(features))
        assert not torch.equal(make(out_features=out_features, seed=4)(features), network(features))
        network(features).sum().backward()
        assert all(p.grad is not None and p.dtype == torch.float64 for p in network.parameters())
        rebuilt = type(network).from_spec(json.loads(json.dumps(network.spec())))
        rebuilt.load_state_dict(network.state_dict())
        assert torch.equal(rebuilt(features), network(features))
        assert network.values_per_point > 0


def test_filter_networks_start_with_steady_power():
    network = FourierFilterNetwork(2, 256, 5, out_features=1, seed=0)
    points = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (4000, 2)))
    with torch.no_grad():
        power = float((network(points) ** 2).mean())
    assert 0.3 < power < 3.0


@pytest.mark.parametrize("width", [2, 3, 4])
def test_bessel_expansion_is_the_siren(width):
    network = Siren(2, width, 3, omega_first=20.0, omega_hidden=30.0, out_features=2, seed=width)
    inr = INR(Coordinates(2), network, complex_output=True)
    expansion = expand_siren(inr)
    assert max(expansion.error_bounds) <= 1e-12
    assert all(float(b.detach().abs().min()) > 0 for b in network.biases), "phases and biases take part"
    assert errors(expansion.outputs, inr) < 1e-10


@given(st.integers(0, 10**6), st.sampled_from([1e-2, 1e-4, 1e-7]))
def test_truncation_errors_stay_below_the_bound(seed, tolerance):
    rng = np.random.default_rng(seed)
    k, phi = rng.normal(0, 3, (2, 2)), rng.uniform(-3, 3, 2)
    inner, bias = rng.normal(0, 2, (3, 2)), rng.normal(size=3)
    outer, out_bias = rng.normal(size=(1, 3)), rng.normal(size=1)
    expansion = bessel_expansion(k, phi, inner, bias, outer, out_bias, tolerance=tolerance)
    hidden = np.sin(np.sin(2 * np.pi * POINTS @ k.T + phi) @ inner.T + bias)
    error = np.abs(expansion.outputs[0].image(POINTS) - hidden @ outer[0] - out_bias[0]).max()
    assert error <= expansion.error_bounds[0] <= tolerance
    assert error > 0


def test_a_small_siren_by_hand():
    # sin(B sin u) = 2 sum over odd s of J_s(B) sin(s u): even harmonics vanish, also after truncation.
    (f,) = bessel_expansion([[1.0]], [0.0], [[1.5]], [0.0], [[1.0]], [0.25], tolerance=1e-10).outputs
    assert f.offset == pytest.approx(0.25, abs=1e-15)
    assert (f.frequencies.ravel() % 2 == 1).all()
    np.testing.assert_allclose(f.amplitudes, 2 * jv(f.frequencies.ravel(), 1.5), rtol=1e-12)


@given(st.floats(-30, 30), st.integers(0, 60))
def test_bessel_tail_is_a_bound(argument, order):
    s = np.arange(order + 1, order + 120)
    assert 2 * np.abs(jv(s, argument)).sum() <= bessel_tail(argument, order) * (1 + 1e-9)
    assert bessel_tail(argument, bessel_order(argument, 1e-8)) <= 1e-8


@pytest.mark.parametrize("tolerance", [10.0, 0.3, 1e-3, 1e-8, 1e-15, 1e-100, 1e-300])
def test_bessel_order_is_the_smallest_one_that_suffices(tolerance):
    for argument in (0.0, 1e-9, 0.3, 1.0, 2.0, 3.7, -7.0, 10.0, 33.3, 100.0, 512.0, 1234.5):
        order = max(0, int(np.ceil(abs(argument) / 2)) - 2)
        while bessel_tail(argument, order) > tolerance:
            order += 1
        assert bessel_order(argument, tolerance) == order


def test_huge_arguments_cost_a_few_steps(monkeypatch):
    steps = []

    def counted(argument, order):
        steps.append(order)
        return bessel_tail(argument, order)

    monkeypatch.setitem(bessel_order.__globals__, "bessel_tail", counted)
    order = bessel_order(1e9, 1e-12)
    assert len(steps) < 200
    assert bessel_tail(1e9, order) <= 1e-12 < bessel_tail(1e9, order - 10)
    for weight in (1e9, 1e300):
        with pytest.raises(ValueError, match="hidden weight of .* max_terms=4000000"):
            bessel_expansion([[1.0]], [0.0], [[weight]], [0.0], [[1.0]], [0.0])
    with pytest.raises(ValueError, match="max_terms=100"):
        bessel_expansion([[1.0]], [0.0], [[90.0]], [0.0], [[1.0]], [0.0], max_terms=100)


def test_silent_neurons_and_merging():
    expansion = bessel_expansion([[1.0], [2.0]], [0, 0], np.ones((2, 2)), [0, 1], np.zeros((1, 2)), [3.0])
    assert len(expansion.outputs[0]) == 0
    assert expansion.error_bounds == (0.0,)
    commensurate = bessel_expansion([[1.0], [2.0]], [0.1, 0.2], [[1.0, 1.0]], [0.5], [[1.0]], [0.0]).outputs[
        0
    ]
    assert np.array_equal(commensurate.frequencies.ravel(), np.arange(1, len(commensurate) + 1))


@pytest.mark.parametrize("activation", [SIN, TANH, GELU])
@pytest.mark.parametrize("center", [0.0, 0.7])
def test_taylor_series_have_the_right_order(activation, center):
    degree, steps = 5, np.array([0.1, 0.05])
    misses = [
        taylor_expansion(activation, degree, (center - h, center + h), center=center).max_error for h in steps
    ]
    order = np.log2(misses[0] / misses[1])
    assert order > degree + 0.7
    assert misses[1] < 1e-7


@pytest.mark.parametrize(
    ("activation", "degree", "most"), [(SIN, 9, 1e-5), (TANH, 15, 1e-2), (GELU, 14, 1e-3)]
)
def test_chebyshev_converges_on_an_interval(activation, degree, most):
    approximation = chebyshev_expansion(activation, degree, (-3.0, 3.0))
    assert approximation.max_error < most
    assert approximation.degree == degree
    u = np.linspace(-3, 3, 777)
    assert np.abs(approximation(u) - activation.function(u)).max() <= approximation.max_error * (1 + 1e-3)
    taylor = taylor_expansion(activation, degree, (-3.0, 3.0))
    assert approximation.max_error < taylor.max_error
    assert chebyshev_expansion(activation, degree - 4, (-3.0, 3.0)).max_error > approximation.max_error


def test_chebyshev_of_relu():
    for degree in (4, 8, 16):
        scaled = degree * chebyshev_expansion(RELU, degree, (-1.0, 1.0)).max_error
        assert 0.14 < scaled < 0.7  # the best polynomial misses |u| / 2 by about 0.14 / degree (Bernstein)
    cubic = Activation("cubic", lambda u: 1 - u + 2 * u**3)
    exact = chebyshev_expansion(cubic, 4, (-1.0, 3.0))
    np.testing.assert_allclose(exact.coefficients, [1, -1, 0, 2, 0], atol=1e-12)


def test_an_expanded_activation_makes_a_network():
    coefficients = chebyshev_expansion(SIN, 5, (-2.0, 2.0)).coefficients
    inr = INR(FourierFeatures([[1.0]]), PolynomialMLP(3, 4, 2, coefficients=coefficients))
    assert errors(expand_polynomial_inr(inr), inr, POINTS[:, :1]) < 1e-10


FEATURES, PLAIN = FourierFeatures.lattice(1), Coordinates(2)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: PolynomialMLP(3, 4, 1, coefficients=(0, 1)), "depth"),
        (lambda: PolynomialMLP(3, 4, 2, coefficients=(1.0, 0.0)), "degree at least 1"),
        (lambda: PolynomialMLP(3, 4, 2, coefficients=(1.0, np.nan)), "finite"),
        (lambda: PolynomialMLP(3, 0, 2, coefficients=(0, 1)), "width"),
        (lambda: FourierFilterNetwork(2, 3, 0), "n_filters"),
        (lambda: FourierFilterNetwork(2, 3, 1, filter_scale=-1.0), "filter_scale"),
        (lambda: sine_mapping([[1.0]], 0.0), "phases"),
        (
            lambda: expand_polynomial_network(
                sine_mapping([[1.0]], [0.0]), PolynomialMLP(3, 4, 2, coefficients=(0, 1))
            ),
            "takes 3 features",
        ),
        (
            lambda: expand_polynomial_inr(
                INR(FEATURES, PolynomialMLP(9, 4, 4, coefficients=(0, 0, 0, 1))), max_terms=1000
            ),
            "max_terms=1000",
        ),
        (
            lambda: expand_filter_network(INR(PLAIN, FourierFilterNetwork(2, 9, 4)), max_terms=99),
            "max_terms=99",
        ),
        (lambda: expand_siren(INR(PLAIN, Siren(2, 3, 4))), "depth 3, got depth 4"),
        (lambda: expand_siren(INR(PLAIN, Siren(2, 12, 3)), max_terms=10_000), "max_terms=10000"),
        (lambda: expand_siren(INR(PLAIN, Siren(2, 2, 3)), tolerance=0.0), "tolerance"),
        (lambda: bessel_expansion([[1.0]], [0, 0], [[1.0]], [0], [[1.0]], [0]), "phases"),
        (lambda: bessel_expansion([[1.0]], [0], [[1.0, 2.0]], [0], [[1.0]], [0]), "inner_weights"),
        (lambda: bessel_expansion([[1.0]], [0], [[1.0]], [0], [[1.0, 1.0]], [0]), "outer_weights"),
        (lambda: bessel_expansion([[1.0]], [0], [[np.inf]], [0], [[1.0]], [0]), "NaN or infinite"),
        (lambda: bessel_order(1.0, 0.0), "tolerance"),
        (lambda: bessel_order(1.0, "a"), "tolerance='a'"),
        (lambda: bessel_order(1e300, 1e-9), r"argument=1e\+300"),
        (lambda: expand_siren(INR(PLAIN, Siren(2, 2, 3)), tolerance="a"), "tolerance .*got 'a'"),
        (lambda: expand_siren(INR(PLAIN, Siren(2, 2, 3)), max_terms="a"), "max_terms .*got 'a'"),
        (lambda: taylor_expansion(RELU, 3, (-1, 1)), "relu has no Taylor series"),
        (lambda: taylor_expansion(SIN, 0, (-1, 1)), "degree"),
        (lambda: chebyshev_expansion(SIN, 3, (1, 1)), "interval"),
    ],
)
def test_wrong_inputs_are_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


@pytest.mark.parametrize("expand", [expand_polynomial_inr, expand_filter_network, expand_siren])
def test_other_networks_are_refused(expand):
    with pytest.raises(TypeError, match="expected INR"):
        expand(INR(FEATURES, MLP(9, 4, 2)))
    with pytest.raises(TypeError, match="expected INR"):
        expand(Siren(2, 3, 3))
    with pytest.raises(TypeError, match="PolynomialMLP, got MLP"):
        expand_polynomial_network(feature_mapping(FEATURES), MLP(9, 4, 2))
    with pytest.raises(TypeError, match="FourierFeatures"):
        feature_mapping(PLAIN)
