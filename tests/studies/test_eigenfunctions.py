"""Eigenfunctions as pictures: normalization, signs, what they are compared with, and what is refused."""

import numpy as np
import pytest

from srinr.analysis.kernel_spectrum import KernelSpectrum
from srinr.analysis.tangent_kernel import TangentKernelOperator
from srinr.domain import Grid
from srinr.image_families import faces
from srinr.studies.eigenfunctions import edge_map, eigenfunctions
from srinr.studies.kernel_energy import network_kernel
from srinr.studies.published_networks import published_ffn, published_siren

GRID = Grid((8, 8))


def kernel_of(images, weights):
    """A kernel whose leading eigenvectors are the images given (orthogonal ones)."""
    vectors = np.stack([image.ravel() / np.linalg.norm(image) for image in images])
    return KernelSpectrum.of_matrix((vectors.T * weights) @ vectors + 1e-3 * np.eye(vectors.shape[1]))


def wave(*frequency):
    return np.cos(2 * np.pi * GRID.points @ np.array(frequency)).reshape(GRID.shape)


def test_known_waves_are_found_with_their_frequencies():
    waves = [wave(1, 0), wave(0, 3), wave(2, 2)]
    found = eigenfunctions(kernel_of(waves, [4.0, 2.0, 1.0]), GRID, 3)
    np.testing.assert_allclose(found.centroids, [1.0, 3.0, np.sqrt(8.0)], rtol=1e-9)
    np.testing.assert_allclose(found.eigenvalues, [4.001, 2.001, 1.001])
    np.testing.assert_allclose(np.square(found.images).mean(axis=(1, 2)), 1.0)
    for image, expected in zip(found.images, waves, strict=True):
        np.testing.assert_allclose(image, np.sqrt(2.0) * expected, atol=1e-9)
    assert (found.nearest, found.family_correlations, found.edge_correlations) == (None, None, None)


def test_signs_do_not_depend_on_those_of_the_solver():
    spectrum = network_kernel(published_siren(width=16), GRID.shape).spectrum
    signs = np.random.default_rng(0).choice([-1.0, 1.0], size=64)
    turned = KernelSpectrum(
        spectrum.eigenvalues, spectrum.eigenvectors * signs, spectrum.total_trace, spectrum.noise_floor
    )
    first, second = (eigenfunctions(s, GRID, 5, family=faces(8)) for s in (spectrum, turned))
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.nearest, second.nearest)


def test_the_nearest_image_is_found_whatever_its_contrast():
    waves = [wave(1, 0), wave(0, 3)]
    family = np.stack([wave(2, 1), 5.0 - 0.1 * waves[1], 0.5 + waves[0]])
    found = eigenfunctions(kernel_of(waves, [2.0, 1.0]), GRID, 2, family=family)
    assert found.nearest.tolist() == [2, 1]
    np.testing.assert_allclose(found.family_correlations, 1.0, atol=1e-9)
    other = eigenfunctions(kernel_of(waves, [2.0, 1.0]), GRID, 2, family=family[:1])
    assert (other.family_correlations < 1e-9).all(), "another wave is orthogonal"


def test_edges_are_compared_whatever_the_sign():
    step = np.where(np.arange(8) < 3, -1.0, 1.0) * np.ones((8, 1))
    spectrum = kernel_of([step], [1.0])
    same = eigenfunctions(spectrum, GRID, 1, edges_of=0.5 - 0.2 * step)
    across = eigenfunctions(spectrum, GRID, 1, edges_of=step.T)
    assert same.edge_correlations[0] == pytest.approx(1.0)
    assert abs(across.edge_correlations[0]) < 0.3


def test_edges_of_a_ramp_are_its_slope_also_at_the_border():
    ramp = np.add.outer(3.0 * np.arange(5), 4.0 * np.arange(6))
    np.testing.assert_allclose(edge_map(ramp), 5.0)
    np.testing.assert_allclose(
        edge_map(np.stack([ramp, 2 * ramp])), np.multiply.outer([5, 10], np.ones((5, 6)))
    )


def test_leading_pairs_from_lanczos_give_the_same_pictures():
    inr = published_siren(width=16, seed=1)
    whole = network_kernel(inr, GRID.shape).spectrum
    some = KernelSpectrum.of_operator(TangentKernelOperator(inr, GRID.points), 6)
    first, second = (eigenfunctions(s, GRID, 4) for s in (whole, some))
    np.testing.assert_allclose(first.images, second.images, atol=1e-6)
    np.testing.assert_allclose(first.centroids, second.centroids, atol=1e-6)


def test_a_constant_eigenfunction_correlates_with_nothing():
    spectrum = kernel_of([np.ones((8, 8)), wave(1, 0)], [2.0, 1.0])
    found = eigenfunctions(spectrum, GRID, 2, family=faces(8), edges_of=wave(1, 0))
    assert found.centroids[0] == pytest.approx(0.0, abs=1e-12)
    assert found.family_correlations[0] < 1e-6
    assert found.edge_correlations[1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (published_siren(5.0, width=48), published_siren(60.0, width=48)),
        (published_ffn(1.0, n_frequencies=48, width=48), published_ffn(10.0, n_frequencies=48, width=48)),
    ],
)
def test_higher_frequencies_of_the_mapping_give_higher_eigenfunctions(low, high):
    grid = Grid((24, 24))
    means = [
        eigenfunctions(
            KernelSpectrum.of_operator(TangentKernelOperator(inr, grid.points), 11), grid, 10
        ).centroids.mean()
        for inr in (low, high)
    ]
    assert means[1] > 1.5 * means[0]


def test_wrong_input_is_refused():
    spectrum = kernel_of([wave(1, 0)], [1.0])
    with pytest.raises(ValueError, match="grid must be 2-D"):
        eigenfunctions(spectrum, Grid((64,)))
    with pytest.raises(ValueError, match="points"):
        eigenfunctions(spectrum, Grid((8, 9)))
    with pytest.raises(ValueError, match="end point"):
        eigenfunctions(spectrum, Grid((8, 8), endpoint=True))
    for count in (0, 65, True):
        with pytest.raises(ValueError, match="n_functions must lie in"):
            eigenfunctions(spectrum, GRID, count)
    with pytest.raises(ValueError, match="family: images of"):
        eigenfunctions(spectrum, GRID, 1, family=faces(9))
    with pytest.raises(ValueError, match="edges_of: images of"):
        eigenfunctions(spectrum, GRID, 1, edges_of=np.zeros((4, 4)))
    with pytest.raises(ValueError, match="family: image 1 is constant"):
        eigenfunctions(spectrum, GRID, 1, family=np.stack([wave(1, 0), np.full((8, 8), 0.3)]))
    with pytest.raises(ValueError, match="edges_of: image 0 is constant"):
        eigenfunctions(spectrum, GRID, 1, edges_of=np.ones((8, 8)))
    with pytest.raises(ValueError, match="h, w >= 2"):
        edge_map(np.ones(5))
