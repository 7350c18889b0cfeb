"""Harmonic support and sums of sinusoids: counts, lists, bins, and the ring laws."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from srinr.analysis.harmonic_support import (
    bin_orders,
    count_integer_vectors,
    harmonic_frequencies,
    harmonic_radius,
    integer_vectors,
    merge_frequencies,
    one_side,
    reachable_bins,
)
from srinr.analysis.sinusoid_bank import SinusoidBank
from srinr.analysis.sinusoids import Sinusoids, bank_images, linear_combination
from srinr.domain import ContinuousImage, Grid, grid_frequencies, half_plane

POINTS = np.random.default_rng(5).random((40, 2))


def brute_vectors(t, r):
    return [s for s in itertools.product(range(-r, r + 1), repeat=t) if sum(map(abs, s)) <= r]


def random_sinusoids(seed, n=3, dim=2, whole=False):
    rng = np.random.default_rng(seed)
    k = rng.integers(-4, 5, (n, dim)).astype(float) if whole else rng.normal(0, 3, (n, dim))
    return Sinusoids(k, rng.normal(size=n), rng.uniform(-9, 9, n), rng.normal())


@pytest.mark.parametrize(("t", "r"), [(1, 0), (1, 5), (2, 1), (2, 4), (3, 3), (4, 2), (5, 3)])
def test_count_and_enumeration_against_brute_force(t, r):
    vectors = list(integer_vectors(t, r))
    assert len(vectors) == len(set(vectors)) == count_integer_vectors(t, r)
    assert vectors == brute_vectors(t, r), "lexicographic order"
    half = list(integer_vectors(t, r, one_of_each_pair=True))
    assert len(half) == (len(vectors) + 1) // 2
    assert sorted({*half, *(tuple(-x for x in s) for s in half)}) == vectors


def test_printed_counts_and_a_huge_one():
    assert [count_integer_vectors(*a) for a in ((2, 1), (2, 4), (3, 3))] == [5, 41, 63]
    assert count_integer_vectors(256, 8) > 10**12
    first = next(integer_vectors(256, 2, one_of_each_pair=True))  # lazy: the list could not be formed
    assert first == (0,) * 256
    assert harmonic_radius(3, 3) == 9


def test_counts_are_the_sum_of_binomials_and_refused_when_they_cannot_be_formed():
    for t, r in itertools.product(range(1, 12), range(12)):
        assert count_integer_vectors(t, r) == sum(
            2**k * math.comb(t, k) * math.comb(r, k) for k in range(min(t, r) + 1)
        )
    assert count_integer_vectors(1, 10**30) == 2 * 10**30 + 1
    assert count_integer_vectors(10**30, 1) == 2 * 10**30 + 1
    for t, r in ((10**9, 10**9), (10**400, 10**400)):
        with pytest.raises(ValueError, match="too many digits; take fewer frequencies"):
            count_integer_vectors(t, r)
    with pytest.raises(ValueError, match="degree=1000000000 and depth=1000000000"):
        harmonic_radius(10**9, 10**9)
    assert harmonic_radius(1, 10**9) == 1


def test_vectors_of_thousands_of_entries():
    vectors = list(integer_vectors(2000, 1))
    assert len(vectors) == count_integer_vectors(2000, 1) == 4001
    assert vectors == sorted(vectors)
    assert next(integer_vectors(3000, 5)) == (-5,) + (0,) * 2999


@pytest.mark.parametrize("radius", [10**30, 10**9, 10**5000], ids=["long", "int64", "unprintable"])
def test_a_huge_radius_is_refused_by_the_cap(radius):
    with pytest.raises(ValueError, match=r"T=3 frequencies within radius .*N\(T, R\)=.*max_terms=4000000"):
        harmonic_frequencies([[0.1, 0.2], [1.0, 0.0], [0.3, 0.4]], radius)
    with pytest.raises(ValueError, match=r"N\(T, R\)="):  # no count to print either
        harmonic_frequencies(np.ones((20_000, 1)), 30_000, max_terms=50_000)


def test_frequencies_and_grids_beyond_what_numbers_hold_are_refused():
    for size in (1e300, 1e20, -(2.0**53)):
        with pytest.raises(ValueError, match=r"frequencies .*below 2\^53.*got"):
            reachable_bins(Grid(8, dim=1), [[size]])
        wave = Sinusoids([[size]], [1.0], [0.0])
        with pytest.raises(ValueError, match=r"frequencies must stay below 2\^53.*got"):
            wave.dft_bins(Grid(8, dim=1))
    largest = 2.0**53 - 1
    assert reachable_bins(Grid(8, dim=1), [[largest]], radius=1).tolist() == [
        k in (-1, 0, 1) for k in range(-4, 4)
    ]
    assert np.flatnonzero(Sinusoids([[largest]], [1.0], [0.0]).dft_bins(Grid(8, dim=1))).tolist() == [3, 5]
    with pytest.raises(ValueError, match=r"1e\+10 points, at most 67108864 .*fewer points"):
        reachable_bins(Grid(100_000, dim=2), [[1.0, 0.0]])


@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(0, 4), st.integers(1, 3))
def test_harmonic_frequencies_against_brute_force(seed, t, r, dim):
    omega = np.random.default_rng(seed).normal(0, 5, (t, dim))
    found = harmonic_frequencies(omega, r)
    s = np.array(list(integer_vectors(t, r)))
    sums, _ = one_side(s @ omega)
    distance = cdist(sums, found)
    assert distance.min(axis=1).max() < 1e-9
    assert distance.min(axis=0).max() < 1e-9
    assert len(found) == (len(s) + 1) // 2
    assert half_plane(found).sum() == len(found) - 1


def test_harmonic_frequencies_merge_on_a_lattice():
    # 0.1 + 0.2 is not 0.3 in floating point, and the same sum is reached in many ways.
    found = harmonic_frequencies([[0.1], [0.2], [0.3]], 4)
    np.testing.assert_allclose(found.ravel(), np.arange(13) * 0.1, atol=1e-12)
    box = harmonic_frequencies([[1, 0], [0, 1], [1, 1], [1, -1]], 16)
    assert len(box) < (33 * 33 + 1) // 2 + 1 < count_integer_vectors(4, 16)


def test_the_cap_comes_before_the_explosion():
    omega = np.random.default_rng(0).normal(size=(64, 2))
    with pytest.raises(ValueError, match=r"T=64 .*N\(T, R\)=.*max_terms=100000"):
        harmonic_frequencies(omega, 8, max_terms=100_000)


def test_merging_has_no_cell_borders():
    for border in (0.5e-10, 1.5, 3e-11):
        _, inverse = merge_frequencies(np.array([[border - 1e-14], [border + 1e-14]]))
        assert inverse.tolist() == [0, 0]
    unique, inverse = merge_frequencies(np.array([[1.0, 2.0], [1.0, 3.0], [2.0, 2.0], [1.0, 2.0]]))
    assert unique[inverse].tolist() == [[1, 2], [1, 3], [2, 2], [1, 2]]
    assert len(unique) == 3


@pytest.mark.parametrize("shape", [(16,), (15,), (8, 10), (7, 8)])
@pytest.mark.parametrize("radius", [0, 1, 3])
def test_bins_against_brute_force(shape, radius):
    dim = len(shape)
    omega = np.array([[2.0], [5.0]]) if dim == 1 else np.array([[2.0, 0.0], [1.0, -3.0]])
    grid = Grid(shape)
    orders = np.full(shape, -1)
    for s in sorted(brute_vectors(2, radius), key=lambda s: -np.abs(s).sum()):
        orders[tuple((np.array(s) @ omega).astype(int) % shape)] = np.abs(s).sum()
    centered = np.fft.fftshift(orders)
    assert np.array_equal(bin_orders(grid, omega, radius=radius), centered)
    assert np.array_equal(reachable_bins(grid, omega / 2, radius=radius, domain_length=2.0), centered >= 0)


def test_any_radius_is_the_generated_group():
    grid = Grid((32, 32))
    mask = reachable_bins(grid, np.eye(2), domain_length=2.0)
    even = (grid_frequencies(grid.shape) % 2 == 0).all(axis=1).reshape(grid.shape)
    assert np.array_equal(mask, even)
    assert reachable_bins(grid, 0.5 * np.eye(2), domain_length=2.0).all()


@given(st.integers(0, 10**6))
def test_sinusoids_form_a_ring(seed):
    a, b = random_sinusoids(seed), random_sinusoids(seed + 1)
    va, vb = a.image(POINTS), b.image(POINTS)
    direct = a.offset + np.cos(2 * np.pi * POINTS @ a.frequencies.T + a.phases) @ a.amplitudes
    for made, wanted in (
        (a, direct),
        (a + b, va + vb),
        (a - b, va - vb),
        (-a, -va),
        (a * b, va * vb),
        (2.5 * a + 1, 2.5 * va + 1),
        (a**3, va**3),
        (a**0, np.ones(len(POINTS))),
        (linear_combination([2.0, -0.5], [a, b]), 2 * va - 0.5 * vb),
        (a.merged(), va),
    ):
        np.testing.assert_allclose(
            made.image(POINTS), wanted, rtol=0, atol=1e-11 * (1 + np.abs(wanted).max())
        )
    assert len(a * b) == len(b * a)
    assert len(a - a) == 0


def test_products_merge_and_zero_frequencies_become_the_offset():
    wave = Sinusoids([[1.0, 0.0]], [2.0], [0.7])
    square = wave * wave
    assert square.frequencies.tolist() == [[2.0, 0.0]]
    assert square.offset == pytest.approx(2.0, abs=1e-15)
    assert square.phases[0] == pytest.approx(1.4, abs=1e-14)
    both = Sinusoids(
        [[1.0, -1.0], [-1.0, 1.0], [0.0, 0.0]], [1.0, 1.0, 2.0], [0.3, -0.3, np.pi], 0.5
    ).merged()
    assert len(both) == 1
    assert both.amplitudes[0] == pytest.approx(2.0)
    assert both.offset == pytest.approx(-1.5)


@given(st.integers(0, 10**6))
def test_bins_are_the_dft(seed):
    waves = random_sinusoids(seed, n=4, whole=True) ** 2  # frequencies up to 8 fold back on the small grid
    for shape in ((6, 9), (32, 20)):
        grid = Grid(shape)
        values = waves.image(grid.points).reshape(shape)
        dft = np.fft.fftshift(np.fft.fftn(values)) / grid.n_points
        np.testing.assert_allclose(waves.dft_bins(grid), dft, rtol=0, atol=1e-12)
        np.testing.assert_allclose(waves.on_grid(grid), values, rtol=0, atol=1e-12)


def test_exponentials_round_trip_and_pruning():
    a = random_sinusoids(3)
    k, c = a.exponentials()
    np.testing.assert_allclose(np.exp(2j * np.pi * POINTS @ k.T) @ c, a.image(POINTS), rtol=0, atol=1e-12)
    back = Sinusoids.from_exponentials(k, c)
    np.testing.assert_allclose(back.image(POINTS), a.image(POINTS), rtol=0, atol=1e-12)
    assert isinstance(a, ContinuousImage)
    small = np.sort(np.abs(a.amplitudes))[0]
    pruned = a.pruned(small)
    assert len(pruned) == 2
    assert np.abs(pruned.image(POINTS) - a.image(POINTS)).max() <= small + 1e-14
    assert Sinusoids([[0.5, 0.1]], [1.0], [0.0]).on_grid(Grid((3, 4))).shape == (3, 4)


def test_banks_are_their_images():
    rng = np.random.default_rng(1)
    bank = SinusoidBank(
        rng.normal(size=(4, 2)), rng.normal(size=(3, 4)) + 1j * rng.normal(size=(3, 4)), [1, 2, 3]
    )
    values = bank.values(POINTS)
    np.testing.assert_allclose(bank_images(bank)[1].image(POINTS), values[1], atol=1e-13)
    np.testing.assert_allclose(
        bank.linear(np.ones((1, 3)), [4.0]).values(POINTS)[0], values.sum(0) + 4, atol=1e-12
    )
    cubic = bank.polynomial([1.0, -1.0, 0.0, 2.0]).values(POINTS)
    np.testing.assert_allclose(cubic, 1 - values + 2 * values**3, rtol=1e-12, atol=1e-10)
    kept = bank.pruned(np.abs(bank.coefficients).max(axis=0).min())
    assert kept.frequencies.shape == (3, 2)


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: count_integer_vectors(0, 3), "n_frequencies"),
        (lambda: integer_vectors(2, -1), "radius"),
        (lambda: harmonic_radius(2.0, 3), "degree"),
        (lambda: harmonic_radius(2, 0), "depth"),
        (lambda: harmonic_frequencies([1.0, 2.0], 1), "shape"),
        (lambda: harmonic_frequencies([[np.nan]], 1), "NaN"),
        (lambda: harmonic_frequencies([[1.0]], 1, tolerance=-1.0), "tolerance"),
        (lambda: reachable_bins(Grid(8, dim=1, endpoint=True), [[1.0]]), "endpoint"),
        (lambda: reachable_bins(Grid(8, dim=1), [[0.5]]), "whole cycles"),
        (lambda: reachable_bins(Grid(8, dim=2), [[1.0]]), "components"),
        (lambda: reachable_bins(Grid(8, dim=1), [[1.0]], domain_length=0.0), "domain_length"),
        (lambda: harmonic_frequencies(np.empty((0, 2)), 1), "at least one frequency"),
        (lambda: harmonic_frequencies([[1.0]], 1, tolerance="a"), "tolerance"),
        (lambda: harmonic_frequencies(np.array([[1j]]), 1), "real"),
        (lambda: Sinusoids(np.array([[1.0]]), np.array([1j]), [0.0]), "real"),
        (lambda: Sinusoids([[1.0]], [1.0, 2.0], [0.0]), "shape"),
        (lambda: Sinusoids([[np.inf]], [1.0], [0.0]), "NaN"),
        (lambda: Sinusoids([[1.0]], [1.0], [0.0]) ** -1, "exponent"),
        (lambda: Sinusoids([[1.0]], [1.0], [0.0]).pruned(-1.0), "threshold"),
        (lambda: Sinusoids([[1.0]], [1.0], [0.0]).image(np.zeros((3, 2))), "points"),
        (lambda: Sinusoids([[0.5]], [1.0], [0.0]).dft_bins(Grid(8, dim=1)), "whole frequencies"),
        (lambda: Sinusoids([[1.0]], [1.0], [0.0]).dft_bins(Grid(8, dim=2)), "dimension 1"),
        (lambda: Sinusoids([[1.0]], [1.0], [0.0]) * Sinusoids([[1.0, 0.0]], [1.0], [0.0]), "dimension"),
        (lambda: linear_combination([1.0], []), "weights"),
        (lambda: SinusoidBank([[1.0]], [[1.0, 2.0]], [0.0]), "coefficients"),
        (lambda: SinusoidBank([[1.0]], [[1.0]], [0.0]).linear([[1.0, 2.0]]), "weight"),
    ],
)
def test_wrong_inputs_are_refused(call, match):
    with pytest.raises(ValueError, match=match):
        call()


def test_wrong_kinds_and_oversized_products_are_refused():
    wave = random_sinusoids(0)
    with pytest.raises(TypeError, match="Sinusoids or a real number"):
        wave * "2"
    with pytest.raises(TypeError, match="Grid"):
        wave.dft_bins((8, 8))
    bank = SinusoidBank([[1.0], [2.0]], [[1.0, 1.0]], [0.0])
    with pytest.raises(ValueError, match="makes 12 terms, max_terms=11"):
        bank.product(bank, max_terms=11)
