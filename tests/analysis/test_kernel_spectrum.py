"""Spectra of tangent kernels: identities of Mercer pairs, energy concentration, eigenspaces."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srinr import INR, Coordinates, Grid, Siren
from srinr.analysis.kernel_alignment import (
    kernel_alignment,
    kernel_history,
    subspace_distance,
    subspace_overlap,
    target_alignment,
)
from srinr.analysis.kernel_spectrum import KernelSpectrum
from srinr.analysis.tangent_kernel import TangentKernelOperator, tangent_jacobian, tangent_kernel
from srinr.analysis.tangent_model import OutputReduction

GRID = Grid((6, 5))
THRESHOLDS = np.concatenate([np.geomspace(1, 1e-12, 40), [0.0]])


def siren(seed=0, **options):
    return INR(Coordinates(2), Siren(2, width=8, depth=3, seed=seed, **options))


def random_spectrum(eigenvalues, rng):
    vectors = np.linalg.qr(rng.standard_normal((len(eigenvalues),) * 2))[0]
    kernel = (vectors * eigenvalues) @ vectors.T
    return KernelSpectrum.of_matrix((kernel + kernel.T) / 2), vectors


@given(seed=st.integers(0, 10**6), n=st.integers(2, 20), factor=st.floats(1e-3, 1e3))
def test_energy_concentration_obeys_its_laws(seed, n, factor):
    rng = np.random.default_rng(seed)
    spectrum, _ = random_spectrum(np.geomspace(1, 1e-6, n), rng)
    signals = rng.standard_normal((3, n))
    energy = spectrum.energy_concentration(signals, THRESHOLDS)
    assert (energy >= 0).all()
    assert (energy <= 1).all()
    assert (np.diff(energy) >= 0).all(), "it does not fall as the threshold falls"
    assert abs(energy[-1] - 1) < 1e-12
    # Thresholds between eigenvalues: on one of them a rounding error decides.
    between = np.geomspace(1, 1e-6, n)[:-1] * 0.999999
    scaled = KernelSpectrum.of_matrix(
        factor * (spectrum.eigenvectors * spectrum.eigenvalues) @ spectrum.eigenvectors.T
    )
    expected = spectrum.energy_concentration(signals, between)
    np.testing.assert_allclose(scaled.energy_concentration(signals, between), expected, atol=1e-8)
    np.testing.assert_allclose(
        spectrum.energy_concentration(-factor * signals, between), expected, atol=1e-12
    )
    parts = [spectrum.energy_concentration(g, between) for g in signals]
    np.testing.assert_allclose(np.mean(parts, axis=0), expected, atol=1e-12)


def test_energy_of_an_eigenvector_lies_at_its_eigenvalue(rng):
    eigenvalues = np.geomspace(5, 1e-3, 9)
    spectrum, vectors = random_spectrum(eigenvalues, rng)
    for j, ratio in enumerate(eigenvalues / eigenvalues[0]):
        at, above = spectrum.energy_concentration(
            vectors[:, j], [ratio * (1 - 1e-9), min(1.0, ratio * (1 + 1e-9))], remove_mean=False
        )
        assert abs(at - 1) < 1e-12
        assert j == 0 or above < 1e-12
    own = spectrum.energy_concentration(spectrum.eigenvectors[:, 0], 1.0, remove_mean=False)
    assert own.shape == ()
    assert abs(own - 1) < 1e-12


def test_mean_is_removed_by_default(rng):
    spectrum, _ = random_spectrum(np.geomspace(5, 1e-3, 9), rng)
    g = rng.standard_normal(9)
    moved = spectrum.energy_concentration(g + 7.0, 0.1)
    assert abs(moved - spectrum.energy_concentration(g - g.mean(), 0.1, remove_mean=False)) < 1e-10
    assert abs(moved - spectrum.energy_concentration(g + 7.0, 0.1, remove_mean=False)) > 1e-3


@given(seed=st.integers(0, 10**6), n=st.integers(1, 15))
def test_kernel_norm_is_the_sum_over_mercer_pairs(seed, n):
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((n, 2 * n))
    kernel = factor @ factor.T + np.eye(n)
    spectrum, g = KernelSpectrum.of_matrix(kernel), rng.standard_normal(n)
    expected = g @ np.linalg.solve(kernel, g)
    inner = (spectrum.mercer_eigenfunctions * g[:, None]).mean(axis=0)
    assert abs(np.sum(inner**2 / spectrum.mercer_eigenvalues) / expected - 1) < 1e-10
    assert abs(spectrum.kernel_norm(g) / expected - 1) < 1e-10
    lifted = g @ np.linalg.solve(kernel + 3 * np.eye(n), g)
    assert abs(spectrum.kernel_norm(g, ridge=3.0) / lifted - 1) < 1e-10


def test_mercer_eigenfunctions_extend_to_other_points():
    points, model = GRID.points, siren()
    spectrum = KernelSpectrum.of_matrix(tangent_kernel(model, points))
    m = spectrum.n_significant
    here = spectrum.extended(tangent_kernel(model, points))
    # Only well above the floor: dividing by an eigenvalue magnifies rounding by mu_0 / mu_i.
    good = spectrum.eigenvalues[:m] > 1e-6 * spectrum.eigenvalues[0]
    np.testing.assert_allclose(here[:, good], spectrum.mercer_eigenfunctions[:, :m][:, good], atol=1e-7)
    np.testing.assert_allclose((here[:, good] ** 2).mean(axis=0), 1, rtol=1e-7)
    other = np.random.default_rng(0).random((4, 2))
    assert spectrum.extended(tangent_kernel(model, other, points)).shape == (4, m)
    with pytest.raises(ValueError, match="kernel must be finite"):
        spectrum.extended(tangent_kernel(model, points, other))


def test_lanczos_finds_the_largest_pairs():
    points, model = GRID.points, siren()
    dense = KernelSpectrum.of_matrix(tangent_kernel(model, points))
    few = KernelSpectrum.of_operator(TangentKernelOperator(model, points), 4)
    np.testing.assert_allclose(few.eigenvalues, dense.eigenvalues[:4], rtol=1e-10)
    assert subspace_distance(few.eigenvectors, dense.leading(4)) < 1e-7
    np.testing.assert_allclose(few.total_trace, dense.total_trace, rtol=1e-12)
    assert abs(dense.captured_trace - 1) < 1e-12
    np.testing.assert_allclose(few.captured_trace, dense.eigenvalues[:4].sum() / dense.eigenvalues.sum())
    assert few.captured_trace < 0.99
    again = KernelSpectrum.of_operator(TangentKernelOperator(model, points), 4)
    assert np.array_equal(again.eigenvectors, few.eigenvectors)
    with pytest.raises(ValueError, match="norm needs all"):
        few.kernel_norm(np.ones(30))
    for n_pairs in (0, 30):
        with pytest.raises(ValueError, match=r"1\.\.29"):
            KernelSpectrum.of_operator(TangentKernelOperator(model, points), n_pairs)
    with pytest.raises(ValueError, match="square"):
        KernelSpectrum.of_operator(TangentKernelOperator(model, points, points[:3]), 2)


def test_singular_values_reach_below_the_floor_of_the_matrix(rng):
    left, right = (np.linalg.qr(rng.standard_normal((12, 12)))[0] for _ in range(2))
    singular = np.geomspace(1, 1e-11, 12)
    jacobian = (left * singular) @ right.T
    spectrum = KernelSpectrum.of_jacobian(jacobian)
    np.testing.assert_allclose(spectrum.eigenvalues, singular**2, rtol=1e-2)
    assert spectrum.n_significant == 12
    assert KernelSpectrum.of_matrix(jacobian @ jacobian.T).n_significant < 12
    model = siren()
    direct = KernelSpectrum.of_jacobian(tangent_jacobian(model, GRID.points))
    dense = KernelSpectrum.of_matrix(tangent_kernel(model, GRID.points))
    np.testing.assert_allclose(direct.eigenvalues[:5], dense.eigenvalues[:5], rtol=1e-10)
    assert abs(direct.captured_trace - 1) < 1e-12


def test_smallest_eigenvalue_of_a_tangent_kernel_is_above_minus_the_floor():
    for outputs in OutputReduction:
        model = INR(Coordinates(2), Siren(2, 16, 4, out_features=2, seed=2), complex_output=True)
        spectrum = KernelSpectrum.of_matrix(tangent_kernel(model, GRID.points, outputs=outputs))
        assert spectrum.eigenvalues[-1] >= -spectrum.noise_floor


def test_centroids_of_plane_waves():
    grid = Grid((8, 8))
    x, y = grid.points.T
    waves = [np.ones(64), np.cos(2 * np.pi * 2 * x), np.cos(2 * np.pi * (3 * x + 2 * y))]
    basis = np.stack([w / np.linalg.norm(w) for w in waves], axis=1)
    kernel = (basis * [3.0, 2.0, 1.0]) @ basis.T
    centroids = KernelSpectrum.of_matrix((kernel + kernel.T) / 2).centroids(grid)
    np.testing.assert_allclose(centroids[:3], [0, 2, np.hypot(3, 2)], atol=1e-10)
    with pytest.raises(ValueError, match="30 points"):
        KernelSpectrum.of_matrix(np.eye(64)).centroids(GRID)
    with pytest.raises(ValueError, match="end point"):
        KernelSpectrum.of_matrix(np.eye(64)).centroids(Grid((8, 8), endpoint=True))


def test_higher_frequency_factors_give_higher_eigenfunctions():
    grid = Grid(16, dim=2)
    low, high = (
        KernelSpectrum.of_matrix(
            tangent_kernel(
                INR(Coordinates(2), Siren(2, 32, 3, omega_first=omega, seed=0)), grid.points
            )
        ).centroids(grid)[:10].mean()
        for omega in (3.0, 30.0)
    )  # fmt: skip
    assert high > 1.5 * low


def test_spaces_are_compared_by_projectors(rng):
    basis = np.linalg.qr(rng.standard_normal((10, 4)))[0]
    turned = basis[:, :3] @ np.linalg.qr(rng.standard_normal((3, 3)))[0]
    assert subspace_distance(basis[:, :3], turned) < 1e-14
    assert abs(subspace_overlap(basis[:, :3], turned) - 1) < 1e-14
    assert subspace_distance(basis[:, :3], basis[:, 1:]) == pytest.approx(1.0)
    assert subspace_overlap(basis[:, :3], basis[:, 1:]) == pytest.approx(2 / 3)
    assert subspace_distance(basis[:, :3], basis) == 1.0
    angle = 1e-9
    tilted = np.cos(angle) * basis[:, :1] + np.sin(angle) * basis[:, 1:2]
    assert subspace_distance(basis[:, :1], tilted) == pytest.approx(angle, rel=1e-6)
    with pytest.raises(ValueError, match="orthonormal"):
        subspace_overlap(2 * basis, basis)
    with pytest.raises(ValueError, match="different points"):
        subspace_overlap(np.eye(3), np.eye(4))
    with pytest.raises(ValueError, match="agree to rounding"):
        KernelSpectrum.of_matrix(np.diag([2.0, 1.0, 1.0, 0.5])).leading(2)


def test_alignment_along_training():
    points = GRID.points
    signal = np.sin(2 * np.pi * points[:, 0])
    seen = []
    history = kernel_history(
        [siren(0), siren(1)], points, signal, on_kernel=lambda i, k: seen.append((i, k.shape))
    )
    kernels = [tangent_kernel(siren(seed), points) for seed in (0, 1)]
    np.testing.assert_allclose(history.alignment_to_first, [1, kernel_alignment(*kernels)])
    centered = signal - signal.mean()
    np.testing.assert_allclose(history.target_alignment, [target_alignment(k, centered) for k in kernels])
    np.testing.assert_allclose(history.largest_eigenvalue, [np.linalg.eigvalsh(k)[-1] for k in kernels])
    assert seen == [(0, (30, 30)), (1, (30, 30))]
    with pytest.raises(ValueError, match="empty"):
        kernel_history([], points, signal)
    with pytest.raises(ValueError, match="do not match"):
        target_alignment(kernels[0], signal[:5])
    with pytest.raises(ValueError, match="not zero"):
        kernel_alignment(kernels[0], 0 * kernels[0])


def test_wrong_input_is_refused(rng):
    spectrum, _ = random_spectrum(np.geomspace(5, 1e-3, 9), rng)
    for kernel, message in [
        (np.ones((2, 3)), "square"),
        (np.full((2, 2), np.nan), "kernel contains NaN"),
        (np.array([[1.0, 2.0], [0.0, 1.0]]), "not symmetric"),
        (np.diag([1.0, -1e-4]), "not positive semidefinite"),
        (np.zeros((2, 2)), "no positive eigenvalue"),
    ]:
        with pytest.raises(ValueError, match=message):
            KernelSpectrum.of_matrix(kernel)
    with pytest.raises(ValueError, match="jacobian"):
        KernelSpectrum.of_jacobian(np.full((2, 2), np.nan))
    with pytest.raises(ValueError, match="zero"):
        KernelSpectrum.of_jacobian(np.zeros((2, 2)))
    for signals, thresholds, message in [
        (np.ones(9), 0.1, "signal 0 is zero"),
        (0.1 * np.ones(9), 0.1, "signal 0 is zero"),
        (np.arange(8.0), 0.1, "signals must have shape"),
        (np.full(9, np.nan), 0.1, "signals contain NaN"),
        (1j * np.arange(9), 0.1, "real"),
        (np.arange(9.0), 2.0, r"\[0, 1\]"),
        (np.arange(9.0), np.nan, r"\[0, 1\]"),
    ]:
        with pytest.raises(ValueError, match=message):
            spectrum.energy_concentration(signals, thresholds)
    with pytest.raises(ValueError, match="2 signals"):
        spectrum.kernel_norm(np.ones((2, 9)))
    with pytest.raises(ValueError, match="ridge"):
        spectrum.kernel_norm(np.ones(9), ridge=-1.0)
    singular = KernelSpectrum.of_matrix(np.diag([1.0, 1.0, 0.0]))
    with pytest.raises(ValueError, match="1 eigenvalues lie below the noise floor"):
        singular.kernel_norm([1.0, 0.0, 0.0])
    assert singular.kernel_norm([1.0, 0.0, 0.0], ridge=1.0) == pytest.approx(0.5)


@pytest.mark.parametrize("factor", [1e200, 1e-200, 1e300])
@pytest.mark.parametrize("remove_mean", [True, False])
def test_shares_of_energy_do_not_depend_on_the_scale(factor, remove_mean, rng):
    spectrum, _ = random_spectrum(np.geomspace(5, 1e-3, 9), rng)
    g = rng.standard_normal((2, 9))
    expected = spectrum.energy_concentration(g, [0.5, 0.01], remove_mean=remove_mean)
    scaled = spectrum.energy_concentration(g * [[factor], [1.0]], [0.5, 0.01], remove_mean=remove_mean)
    np.testing.assert_allclose(scaled, expected, rtol=1e-12)
    kernel = np.diag(np.arange(1.0, 10.0))
    assert target_alignment(kernel, factor * g[0]) == pytest.approx(target_alignment(kernel, g[0]))


def test_numbers_that_are_not_real_are_refused_by_name(rng):
    spectrum, _ = random_spectrum(np.geomspace(5, 1e-3, 9), rng)
    model, points, g = siren(), np.linspace(0, 1, 9, endpoint=False)[:, None], np.arange(9.0)
    for call, name in [
        (lambda: KernelSpectrum.of_matrix(1j * np.eye(3)), "kernel"),
        (lambda: KernelSpectrum.of_jacobian(1j * np.eye(3)), "jacobian"),
        (lambda: spectrum.extended(1j * np.ones((2, 9))), "kernel"),
        (lambda: spectrum.energy_concentration(1j * g, 0.1), "signals"),
        (lambda: spectrum.energy_concentration(g, 0.1j), "thresholds"),
        (lambda: spectrum.energy_concentration(["1"] * 9, 0.1), "signals"),
        (lambda: kernel_history([model], points, 1j * g), "signal"),
        (lambda: kernel_alignment(np.eye(2), 1j * np.eye(2)), "second"),
        (lambda: target_alignment(np.eye(2), [1j, 1.0]), "signal"),
        (lambda: subspace_overlap(1j * np.eye(2), np.eye(2)), "first"),
    ]:
        with pytest.raises(ValueError, match=f"^{name} must be"):
            call()


def test_arguments_of_wrong_types_are_named(rng):
    spectrum, _ = random_spectrum(np.geomspace(5, 1e-3, 9), rng)
    points = Grid(12, dim=1).points
    operator = TangentKernelOperator(INR(Coordinates(1), Siren(1, 8, 3, seed=0)), points)
    for n_pairs in (True, 1.5, "a"):
        with pytest.raises(TypeError, match="n_pairs"):
            spectrum.leading(n_pairs)
        with pytest.raises(TypeError, match="n_pairs"):
            KernelSpectrum.of_operator(operator, n_pairs)
    with pytest.raises(TypeError, match="grid: expected a Grid"):
        spectrum.centroids(36)
    with pytest.raises(TypeError, match="ridge"):
        spectrum.kernel_norm(np.ones(9), ridge="a")
    for models in (siren(), torch.nn.Sequential(torch.nn.Linear(2, 1)), 5):
        with pytest.raises(TypeError, match=r"models: expected a sequence.*\[model\]"):
            kernel_history(models, points, points[:, 0])
