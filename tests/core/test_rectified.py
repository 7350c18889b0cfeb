"""Exact coefficients of rectified trigonometric polynomials, against quadrature, differences and a fine grid."""

import itertools

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from srinr.dictionary import Dictionary
from srinr.exact_dictionary import ExactDictionary
from srinr.lattice import lattice_coefficients
from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.rectified import (
    arcs_1d,
    breakpoints_1d,
    evaluate_trigonometric_1d,
    feature_products_1d,
    indicator_coefficients_1d,
    rectified_coefficients_1d,
)


def random_atoms(n: int, n_features: int, seed: int = 0) -> np.ndarray:
    atoms = np.random.default_rng(seed).standard_normal((n, n_features))
    return atoms / np.linalg.norm(atoms, axis=1, keepdims=True)


def mp_value(coefficients: np.ndarray, x: mpmath.mpf) -> mpmath.mpf:
    limit = len(coefficients) // 2
    return mpmath.re(
        sum(mpmath.mpc(complex(c)) * mpmath.expjpi(2 * k * x) for k, c in enumerate(coefficients, -limit))
    )


def mp_sign_changes(coefficients: np.ndarray) -> list[mpmath.mpf]:
    """Sign changes found by bisection from a fine scan: independent of any companion matrix."""
    scan = np.linspace(0, 1, 2001)
    values = evaluate_trigonometric_1d(coefficients, scan)
    roots = []
    for index in np.flatnonzero(values[:-1] * values[1:] < 0):
        low, high = mpmath.mpf(scan[index]), mpmath.mpf(scan[index + 1])
        roots.append(
            mpmath.findroot(lambda x: mp_value(coefficients, x), (low, high), solver="anderson", tol=1e-60)
        )
    return roots


def mp_coefficient(coefficients: np.ndarray, k: int, *, rectified: bool) -> complex:
    """One Fourier coefficient by quadrature at 30 digits between the sign changes."""
    ends = [mpmath.mpf(0), *mp_sign_changes(coefficients), mpmath.mpf(1)]
    total = mpmath.mpc(0)
    for low, high in itertools.pairwise(ends):
        if mp_value(coefficients, (low + high) / 2) > 0:
            total += mpmath.quad(
                lambda x: (mp_value(coefficients, x) if rectified else 1) * mpmath.expjpi(-2 * k * x),
                [low, (low + high) / 2, high],
            )
    return complex(total)


@pytest.mark.parametrize(("max_frequency", "seed"), [(1, 0), (2, 1), (3, 2)])
def test_coefficients_against_quadrature(max_frequency, seed):
    c = lattice_coefficients(random_atoms(1, 2 * max_frequency + 1, seed)[0], max_frequency, dim=1)
    neuron, indicator = rectified_coefficients_1d(c, 7), indicator_coefficients_1d(c, 7)
    with mpmath.workdps(30):
        for k in (0, 1, 4, 7):
            assert abs(neuron[7 + k] - mp_coefficient(c, k, rectified=True)) < 1e-13
            assert abs(indicator[7 + k] - mp_coefficient(c, k, rectified=False)) < 1e-12
        assert abs(neuron[7] - mp_coefficient(1.01 * c, 0, rectified=True)) > 1e-6


def test_known_coefficients():
    half_wave = rectified_coefficients_1d([0.5, 0.0, 0.5], 4).real
    expected = [1 / np.pi * (1 if k == 0 else (-1) ** (k // 2 + 1) / (k * k - 1)) if k % 2 == 0 else 0.0
                for k in range(5)]  # fmt: skip
    expected[1] = 0.25
    np.testing.assert_allclose(half_wave[4:], expected, atol=1e-15)


def test_no_sign_change():
    positive, negative = np.array([0.3, 2.0, 0.3]), np.array([0.3, -2.0, 0.3])
    np.testing.assert_allclose(rectified_coefficients_1d(positive, 2), [0, 0.3, 2.0, 0.3, 0], atol=1e-15)
    assert not indicator_coefficients_1d(negative, 5).any()
    assert not rectified_coefficients_1d(negative, 5).any()
    np.testing.assert_allclose(indicator_coefficients_1d([0.0, 1.0, 0.0], 1), [0, 1, 0], atol=1e-15)
    assert not indicator_coefficients_1d([0.0, 0.0, 0.0], 3).any()
    assert indicator_coefficients_1d([2.0], 1)[1] == 1.0


@pytest.mark.parametrize("shift", [0.0, 0.123456])
def test_tangential_double_roots(shift):
    """``1 - cos`` touches zero from above, ``cos - 1`` from below."""
    phase = np.exp(-2j * np.pi * shift)
    above = np.array([-0.5 / phase, 1.0, -0.5 * phase])
    np.testing.assert_allclose(rectified_coefficients_1d(above, 3)[2:5], above, atol=1e-14)
    np.testing.assert_allclose(indicator_coefficients_1d(above, 3)[3], 1.0, atol=1e-7)
    np.testing.assert_allclose(rectified_coefficients_1d(-above, 3), 0.0, atol=1e-14)
    np.testing.assert_allclose(indicator_coefficients_1d(-above, 3), 0.0, atol=1e-7)


@pytest.mark.parametrize("gap", [1e-2, 1e-5, 1e-8, 1e-11])
def test_nearly_double_roots(gap):
    """``cos(2 pi x) - cos(pi gap)`` is positive on an arc of length ``gap``."""
    c = np.array([0.5, -np.cos(np.pi * gap), 0.5])
    length = indicator_coefficients_1d(c, 0)[0].real
    assert abs(length - gap) < 1e-15 / max(gap, 1e-8) + 3e-8 * (gap < 1e-7)
    exact = np.sin(np.pi * gap) / np.pi - gap * np.cos(np.pi * gap)
    assert abs(rectified_coefficients_1d(c, 0)[0].real - exact) < 1e-16


@pytest.mark.parametrize("leading", [1e-3, 1e-8, 1e-13, 1e-17])
def test_small_leading_coefficient(leading):
    """Far roots of the companion matrix do not spoil those on the circle."""
    c = np.array([leading, 0.3 + 0.4j, 0.2, 0.3 - 0.4j, leading])
    got, without = rectified_coefficients_1d(c, 5), rectified_coefficients_1d(c[1:-1], 5)
    assert np.abs(got - without).max() <= 2 * leading + 1e-15
    roots = breakpoints_1d(c)
    assert np.sort(np.abs(evaluate_trigonometric_1d(c, roots)))[:2].max() < 1e-14


def test_batches_of_mixed_degree():
    rows = np.array([[0, 0.5, 0.1, 0.5, 0], [0.2j, 0.1, 0.3, 0.1, -0.2j], [0, 0, -1, 0, 0], [0, 0, 1, 0, 0]])
    batched = rectified_coefficients_1d(rows, 6)
    for row, got in zip(rows, batched, strict=True):
        np.testing.assert_allclose(got, rectified_coefficients_1d(row, 6), atol=1e-15)
    starts, lengths, positive = arcs_1d(rows)
    np.testing.assert_allclose(lengths.sum(axis=1), 1.0, atol=1e-15)
    assert (lengths >= 0).all() and (starts >= 0).all() and (starts < 1).all()
    assert positive[3].all() and not positive[2].any()


def test_sign_changes_are_found():
    c = lattice_coefficients(random_atoms(40, 9, seed=5), 4, dim=1)
    scan = np.linspace(0, 1, 4001)
    for row, points in zip(c, breakpoints_1d(c), strict=True):
        values = evaluate_trigonometric_1d(row, scan)
        for index in np.flatnonzero(values[:-1] * values[1:] < 0):
            inside = (points >= scan[index]) & (points <= scan[index + 1])
            assert inside.any()


def test_feature_products():
    waves = np.exp(2j * np.pi * np.arange(-2, 3) * 0.3)
    expected = [np.sqrt(2) * f(2 * np.pi * j * 0.3) for f in (np.sin, np.cos) for j in (1, 2)]
    np.testing.assert_allclose(feature_products_1d(waves, 2), [*expected, 1.0], atol=1e-15)
    np.testing.assert_allclose(feature_products_1d(waves, 2, constant=False), expected, atol=1e-15)
    with pytest.raises(ValueError, match=r"\(\.\.\., 3\)"):
        feature_products_1d(waves, 1)


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("max_frequency", [1, 2, 4])
def test_euler_and_differences(max_frequency, constant):
    dictionary = ExactDictionary.lattice(max_frequency, 5, constant=constant)
    for atom in random_atoms(5, dictionary.n_features, seed=max_frequency):
        jacobian = dictionary.jacobian(atom)
        np.testing.assert_allclose(jacobian @ atom, dictionary.coefficients(atom[None])[0], atol=1e-14)
        direction = random_atoms(1, dictionary.n_features, seed=9)[0]
        step = 1e-5
        ends = dictionary.coefficients(np.stack([atom + step * direction, atom - step * direction]))
        np.testing.assert_allclose((ends[0] - ends[1]) / (2 * step), jacobian @ direction, atol=1e-7)


def test_agreement_with_grids_at_the_aliasing_rate():
    """Straight kinks in 1-D: the grid's error falls like n^-2."""
    exact = ExactDictionary.lattice(2, 6)
    atoms = random_atoms(30, 5)
    errors = [
        np.abs(
            NeuronDictionary.lattice(2, 6, dim=1, n_grid=n).coefficients(atoms) - exact.coefficients(atoms)
        ).max()
        for n in (256, 4096)
    ]
    assert errors[0] < 1e-3
    assert errors[1] < errors[0] / 16**1.7
    shifted = exact.coefficients(1.0001 * atoms)
    assert np.abs(shifted - exact.coefficients(atoms)).max() > 30 * errors[1]


def test_protocol_methods_agree_with_each_other():
    dictionary = ExactDictionary.lattice(2, 6)
    assert isinstance(dictionary, Dictionary)
    atoms, dual = random_atoms(6, 5), np.random.default_rng(3).standard_normal(13)
    tensor = torch.from_numpy(atoms)
    phi = dictionary.coefficients(atoms)
    jacobians = [dictionary.jacobian(atom) for atom in atoms]
    eta, gradient = dictionary.correlations(dual, tensor)
    np.testing.assert_allclose(eta, phi @ dual, atol=1e-14)
    np.testing.assert_allclose(gradient, [j.T @ dual for j in jacobians], atol=1e-14)
    norms, gradient = dictionary.norms(tensor)
    np.testing.assert_allclose(norms, np.linalg.norm(phi, axis=1), atol=1e-14)
    expected = [j.T @ v / np.linalg.norm(v) for j, v in zip(jacobians, phi, strict=True)]
    np.testing.assert_allclose(gradient, expected, atol=1e-14)
    means, gradient = dictionary.means(tensor)
    complex_phi = dictionary.real_samples.unpack(phi)
    np.testing.assert_allclose(means, complex_phi[:, 6].real, atol=1e-14)
    np.testing.assert_allclose((gradient * tensor).sum(dim=1), means, atol=1e-14)
    assert dictionary.correlations(dual, tensor.float())[0].dtype == torch.float32
    sampled = dictionary.sample(DiscreteMeasure(atoms[:2], [2.0, -1.0])).values
    np.testing.assert_allclose(sampled, 2 * complex_phi[0] - complex_phi[1], atol=1e-14)


def test_frequencies_in_any_order_without_their_opposites():
    dictionary, full = ExactDictionary(2, [[3], [0], [-1]]), ExactDictionary.lattice(2, 3)
    atoms, dual = random_atoms(4, 5, seed=2), np.random.default_rng(1).standard_normal(5)
    phi = dictionary.coefficients(atoms)
    samples = full.real_samples.unpack(full.coefficients(atoms))
    np.testing.assert_allclose(dictionary.real_samples.unpack(phi), samples[:, [6, 3, 2]], atol=1e-14)
    eta, gradient = dictionary.correlations(dual, torch.from_numpy(atoms))
    np.testing.assert_allclose(eta, phi @ dual, atol=1e-14)
    np.testing.assert_allclose(gradient[0], dictionary.jacobian(atoms[0]).T @ dual, atol=1e-14)
    p = dictionary.dual_coefficients(dual)
    np.testing.assert_allclose(p, p[::-1].conj())
    np.testing.assert_allclose(samples @ p.conj(), eta, atol=1e-14)


@given(st.lists(st.floats(-1, 1), min_size=10, max_size=10), st.floats(1e-9, 1))
@settings(max_examples=60, deadline=None)
def test_lipschitz(numbers, size):
    dictionary = ExactDictionary.lattice(2, 8)
    first = np.array(numbers[:5])
    second = first + size * np.array(numbers[5:])
    phi = dictionary.coefficients(np.stack([first, second]))
    bound = dictionary.lipschitz * np.linalg.norm(first - second)
    assert np.linalg.norm(phi[0] - phi[1]) <= bound + 1e-13


@pytest.mark.parametrize(
    ("coefficients", "message"),
    [
        ([1.0, 2.0], "2 K0"),
        ([1.0, np.nan, 1.0], "NaN"),
        ([1.0, 0.0, 2.0], "Hermitian"),
        (np.ones((1, 1, 3)), "2 K0"),
    ],
)
def test_wrong_coefficients(coefficients, message):
    with pytest.raises(ValueError, match=message):
        indicator_coefficients_1d(coefficients, 2)


def test_wrong_arguments():
    with pytest.raises(ValueError, match="cutoff"):
        rectified_coefficients_1d([0.5, 0.0, 0.5], -1)
    with pytest.raises(ValueError, match="ExactPlanarDictionary in two"):
        ExactDictionary(1, [[0, 0]])
    with pytest.raises(ValueError, match="max_frequency"):
        ExactDictionary.lattice(0, 3)
    with pytest.raises(ValueError, match="repeat"):
        ExactDictionary(1, [[1], [1]])
    with pytest.raises(ValueError, match=r"\(P, 3\)"):
        ExactDictionary.lattice(1, 3).coefficients(np.ones((2, 4)))
