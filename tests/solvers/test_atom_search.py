"""The search for neurons: ratios and their slopes, dense references in low dimension, extra starts, clusters."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srinr.dictionary import Dictionary
from srinr.domain import Grid, lowpass_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.exact_dictionary import ExactDictionary
from srinr.neuron_dictionary import NeuronDictionary
from srinr.operators.fourier import FourierOperator
from srinr.solvers.atom_search import AtomSearch, ratio_and_gradient, ratios, search_atoms
from srinr.weightings import (
    CustomWeighting,
    FourierWeighting,
    IntegralWeighting,
    StandardWeighting,
    Weighting,
)

GRID = NeuronDictionary.lattice(1, 6, dim=1, n_grid=64)
EXACT = ExactDictionary.lattice(1, 6)
RESTRICTED = NeuronDictionary(
    FourierFeatures([[1, 0], [0, 1]], constant=False),
    FourierOperator(Grid(16, dim=2), lowpass_frequencies(4, 2)),
)
WEIGHTINGS: dict[str, Weighting] = {
    "standard": StandardWeighting(),
    "fourier": FourierWeighting(),
    "integral": IntegralWeighting(),
    "custom": CustomWeighting(lambda w: (w**4).sum(dim=1) ** 0.25, n_features=3),
}


def random_dual(dictionary: Dictionary, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(dictionary.real_samples.n_real)


def sphere_net(n: int = 200) -> np.ndarray:
    """Directions in three dimensions, about ``pi / n`` apart."""
    z = np.cos((np.arange(n) + 0.5) * np.pi / n)
    angles = np.arange(2 * n) * np.pi / n
    circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    radius = np.sqrt(1 - z**2)
    flat = radius[:, None, None] * circle[None]
    return np.concatenate([flat, np.broadcast_to(z[:, None, None], (n, 2 * n, 1))], axis=2).reshape(-1, 3)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("dictionary", [GRID, EXACT], ids=["grid", "exact"])
def test_ratios_and_slopes(dictionary: Dictionary, weighting: str) -> None:
    rho, dual = WEIGHTINGS[weighting], random_dual(dictionary, 0)
    atoms = torch.tensor([[0.3, 1.0, 0.5], [1.0, -0.2, -0.4]], dtype=torch.float64)
    values, gradients = ratio_and_gradient(dictionary, rho, dual, atoms)
    phi = dictionary.coefficients(atoms.numpy())
    np.testing.assert_allclose(values, phi @ dual / rho.evaluate(dictionary, atoms)[0].numpy(), rtol=1e-10)
    # Scale invariant, so that the slope along the direction vanishes.
    np.testing.assert_allclose((gradients * atoms).sum(dim=1), 0.0, atol=1e-9)
    step = 1e-6
    for j in range(3):
        shift = step * np.eye(3)[j]
        change = ratios(dictionary, rho, dual, atoms.numpy() + shift) - ratios(
            dictionary, rho, dual, atoms.numpy() - shift
        )
        np.testing.assert_allclose(gradients[:, j], change / (2 * step), atol=1e-5)


@pytest.mark.parametrize("weighting", ["fourier", "integral"])
def test_dead_neurons_have_ratio_zero(weighting: str) -> None:
    dead = torch.tensor([[0.1, 0.1, -1.0], [0.0, 0.0, -2.0]], dtype=torch.float64)
    for atoms in (dead, dead.float()):
        values, gradients = ratio_and_gradient(GRID, WEIGHTINGS[weighting], random_dual(GRID, 0), atoms)
        assert not values.any()
        assert not gradients.any()


@pytest.mark.parametrize("weighting", ["standard", "fourier", "custom"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_search_reaches_the_maximum_of_a_dense_net(weighting: str, seed: int) -> None:
    rho, dual = WEIGHTINGS[weighting], random_dual(GRID, seed)
    net = sphere_net(60 if weighting == "custom" else 120)
    dense = np.abs(ratios(GRID, rho, dual, net)).max()
    peaks = search_atoms(GRID, rho, dual, np.random.default_rng(seed), AtomSearch(64))
    assert peaks.max_ratio > 0.99 * dense
    # The value is attained, in double precision, where the search says.
    np.testing.assert_allclose(ratios(GRID, rho, dual, peaks.atoms), peaks.ratios, rtol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(peaks.atoms, axis=1), 1.0)


def test_search_with_exact_coefficients_and_in_two_dimensions() -> None:
    dual = random_dual(EXACT, 3)
    peaks = search_atoms(EXACT, WEIGHTINGS["standard"], dual, np.random.default_rng(0), AtomSearch(32))
    assert peaks.max_ratio > 0.999 * np.abs(ratios(EXACT, WEIGHTINGS["standard"], dual, sphere_net(60))).max()
    dual = random_dual(RESTRICTED, 1)
    peaks = search_atoms(RESTRICTED, StandardWeighting(), dual, np.random.default_rng(0), AtomSearch(64))
    others = np.random.default_rng(5).standard_normal((20_000, 4))
    assert peaks.max_ratio >= np.abs(ratios(RESTRICTED, StandardWeighting(), dual, others)).max()


@given(st.integers(0, 1000))
def test_peaks_are_sorted_distinct_and_below_cauchy_schwarz(seed: int) -> None:
    dual = random_dual(GRID, seed)
    peaks = search_atoms(GRID, StandardWeighting(), dual, np.random.default_rng(seed), AtomSearch(32, 20))
    heights = np.abs(peaks.ratios)
    assert (np.diff(heights) <= 0).all()
    assert peaks.max_ratio == heights[0] <= np.linalg.norm(dual)
    cosines = np.abs(peaks.atoms @ peaks.atoms.T) - np.eye(len(heights))
    assert cosines.max(initial=0.0) <= 0.995


def test_one_sided_search_ignores_negative_correlations() -> None:
    dual = random_dual(GRID, 4)
    net = ratios(GRID, StandardWeighting(), dual, sphere_net(120))
    for sign in (1.0, -1.0):
        peaks = search_atoms(
            GRID, StandardWeighting(), sign * dual, np.random.default_rng(0), AtomSearch(64), one_sided=True
        )
        assert (peaks.ratios >= 0).all()
        assert peaks.max_ratio == pytest.approx((sign * net).max(), rel=1e-2)
    assert abs(net.max() + net.min()) > 0.1  # the two sides differ
    # k = 0 alone with a negative sign: no neuron correlates positively.
    constant = np.zeros(13)
    constant[-1] = -1.0
    peaks = search_atoms(
        GRID, StandardWeighting(), constant, np.random.default_rng(0), AtomSearch(16), one_sided=True
    )
    assert peaks.max_ratio == 0.0


def test_extra_starts_are_climbed_to_the_end() -> None:
    # A single fresh start that is sieved at once: the given start must survive.
    dual = random_dual(GRID, 2)
    net = sphere_net(120)
    values = np.abs(ratios(GRID, StandardWeighting(), dual, net))
    best = net[values.argmax()]
    size = AtomSearch(1, 60, keep=0.5)
    alone = search_atoms(GRID, StandardWeighting(), dual, np.random.default_rng(0), size)
    helped = search_atoms(
        GRID, StandardWeighting(), dual, np.random.default_rng(0), size, extra_starts=best[None]
    )
    assert helped.max_ratio >= values.max() * (1 - 1e-6)
    assert helped.max_ratio >= alone.max_ratio
    nothing = search_atoms(
        GRID, StandardWeighting(), dual, np.random.default_rng(0), size, extra_starts=np.zeros((0, 3))
    )
    assert nothing.max_ratio == alone.max_ratio


def test_same_generator_same_peaks_and_other_generators_differ() -> None:
    dual = random_dual(GRID, 6)
    runs = [
        search_atoms(GRID, StandardWeighting(), dual, np.random.default_rng(s), AtomSearch(8))
        for s in (1, 1, 2)
    ]
    np.testing.assert_array_equal(runs[0].atoms, runs[1].atoms)
    assert runs[0].atoms.shape != runs[2].atoms.shape or not np.array_equal(runs[0].atoms, runs[2].atoms)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
def test_zero_dual_vector(weighting: str) -> None:
    peaks = search_atoms(GRID, WEIGHTINGS[weighting], np.zeros(13), np.random.default_rng(0), AtomSearch(8))
    assert peaks.max_ratio == 0.0
    assert np.isfinite(peaks.atoms).all()


def test_huge_and_tiny_dual_vectors_keep_their_scale() -> None:
    dual = random_dual(GRID, 6)
    expected = search_atoms(
        GRID, StandardWeighting(), dual, np.random.default_rng(0), AtomSearch(64)
    ).max_ratio
    for factor in (1e-8, 1e8):
        found = search_atoms(
            GRID, StandardWeighting(), factor * dual, np.random.default_rng(0), AtomSearch(64)
        )
        assert found.max_ratio == pytest.approx(factor * expected, rel=2e-2)


@pytest.mark.parametrize("arguments", [(0,), (4, 0), (4, 4, 0.0), (4, 4, 1.5)])
def test_impossible_sizes_are_refused(arguments: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="n_starts >= 1"):
        AtomSearch(*arguments)
