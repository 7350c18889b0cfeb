"""Grid-evaluated images: random teachers, and the published dot picture."""

import numpy as np
import pytest

from srinr.domain import ContinuousImage, Grid
from srinr.lattice import lattice_frequencies
from srinr.phantoms import Phantom, published_dots, published_raster, published_samples, random_teacher


@pytest.mark.parametrize(("dim", "n"), [(1, 64), (2, 24), (3, 8)])
def test_teacher_on_a_grid_equals_teacher_at_points(dim, n):
    teacher = random_teacher(4, 2, seed=1, dim=dim, signed=True)
    grid = Grid(n, dim=dim)
    np.testing.assert_allclose(teacher.on_grid(grid).ravel(), teacher.image(grid.points), atol=1e-13)
    np.testing.assert_array_equal(grid.rasterize(teacher), teacher.on_grid(grid))
    assert isinstance(teacher, ContinuousImage)
    assert not isinstance(teacher, Phantom)


def test_teacher_against_the_features_written_out(rng):
    teacher = random_teacher(3, 2, seed=5)
    points = rng.random((40, 2))
    angle = 2 * np.pi * points @ lattice_frequencies(2, 2).T
    features = np.concatenate(
        [np.sqrt(2) * np.sin(angle), np.sqrt(2) * np.cos(angle), np.ones((40, 1))], axis=1
    )
    expected = np.maximum(features @ teacher.measure.atoms.T, 0) @ teacher.measure.amplitudes
    np.testing.assert_allclose(teacher.image(points), expected, atol=1e-13)


def test_recipe():
    teacher = random_teacher(6, 2, seed=0)
    np.testing.assert_allclose(np.linalg.norm(teacher.measure.atoms, axis=1), 1.0)
    ratio = teacher.measure.amplitudes.max() / teacher.measure.amplitudes.min()
    assert 1 <= ratio <= 5
    raster = teacher.on_grid(Grid(256, dim=2))
    assert raster.max() == pytest.approx(1.0)
    np.testing.assert_array_equal(random_teacher(6, 2, seed=0).measure.atoms, teacher.measure.atoms)
    signed = random_teacher(20, 2, seed=0, signed=True).measure.amplitudes
    assert (signed < 0).any()
    assert (signed > 0).any()


def test_axes_only():
    teacher = random_teacher(3, 3, seed=0, axes_only=True)
    used = np.abs(teacher.measure.atoms).sum(axis=0) > 0
    n = (len(used) - 1) // 2
    frequencies = lattice_frequencies(3, 2)
    np.testing.assert_array_equal(used[:n], (frequencies == 0).any(axis=1))
    np.testing.assert_array_equal(used[:n], used[n : 2 * n])
    assert not used[-1]


def test_grid_samples_converge_and_the_estimate_is_honest():
    teacher = random_teacher(3, 2, seed=2)
    reference = teacher.grid_samples(8, 2048).values
    errors = []
    for n in (64, 128, 256):
        error = np.abs(teacher.grid_samples(8, n).values - reference).max()
        assert 0.2 * error <= teacher.aliasing_estimate(8, n) <= 5 * error
        errors.append(error)
    # A kink along curves: about n^-2.5.
    assert errors[2] < errors[0] / 4**2


def test_teacher_arguments():
    with pytest.raises(ValueError, match="width >= 1"):
        random_teacher(0, 2, seed=0)
    with pytest.raises(ValueError, match="cutoff must lie in"):
        random_teacher(1, 1, seed=0).grid_samples(40, 64)
    with pytest.raises(ValueError, match="dimension 2, the grid 3"):
        random_teacher(1, 1, seed=0).on_grid(Grid(8, dim=3))


def test_published_dots_reproduce_the_published_error():
    raster = published_raster()
    samples = published_samples(32)
    spectrum = np.zeros((1024, 1024), dtype=complex)
    spectrum[samples.frequencies[:, 0], samples.frequencies[:, 1]] = samples.values
    zero_filled = np.fft.ifft2(spectrum).real * 1024**2
    error = np.mean((zero_filled - raster) ** 2)
    # The published notebook prints 2.2339e-4.
    assert abs(error - 2.2339e-4) < 0.5e-8
    assert 0.999 < raster.max() <= 1.0


def test_published_dots_are_not_a_phantom():
    image = published_dots()
    assert isinstance(image, ContinuousImage)
    assert not isinstance(image, Phantom)
    assert image.centers.shape == (50, 2)
    assert set(image.scales.tolist()) <= {2.0, 3.0, 4.0, 5.0, 6.0, 7.0}
    # The lobe as the formula reads, at points where it is positive.
    i = 0
    x = image.centers[i] + [0.003, -0.002]
    t = 2 * np.pi * image.scales[i] * (x - image.centers[i])
    lobe = np.prod(np.sin(np.pi * t) / (np.pi * t)) - image.offsets[i]
    assert image.image([x])[0] >= image.amplitudes[i] * lobe > 0
    with pytest.raises(ValueError, match="cutoff must lie in"):
        published_samples(600)


@pytest.mark.parametrize(("dim", "n"), [(1, 4096), (2, 512)])
def test_exact_samples_are_the_limit_of_the_grid(dim, n):
    teacher = random_teacher(3, 2, seed=4, dim=dim, signed=True)
    exact = teacher.fourier_samples(6)
    # Aliasing of kinks oscillates below a multiple of n^-2.
    for size in (n // 8, n // 4, n // 2, n):
        assert 0 < np.abs(teacher.grid_samples(6, size).values - exact.values).max() < 2.0 * size**-2.0
    conjugate = exact.values.reshape((13,) * dim)[(slice(None, None, -1),) * dim].conj()
    np.testing.assert_allclose(exact.values.reshape((13,) * dim), conjugate, atol=1e-14)


def test_exact_samples_are_refused_in_three_dimensions():
    with pytest.raises(ValueError, match="grid_samples"):
        random_teacher(1, 1, seed=0, dim=3).fourier_samples(2)
