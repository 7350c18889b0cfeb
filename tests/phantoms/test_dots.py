"""Dots: against the independent convolution route, as networks, and the recipe of the random picture."""

import numpy as np
import pytest

from srinr.domain import Grid
from srinr.lattice import lattice_coefficients
from srinr.phantoms import DotKernel, Dots, dot, dots
from srinr.phantoms.composition import trigonometric_values
from srinr.phantoms.dot_lobes import radii

CASES = [
    (1, 0.4, DotKernel.DIRICHLET),
    (2, 0.25, DotKernel.DIRICHLET),
    (2, 0.5, DotKernel.DIRICHLET),
    (10, 0.6, DotKernel.DIRICHLET),
    (7, 0.9, DotKernel.DIRICHLET),
    (1, 0.3, DotKernel.FEJER),
    (5, 0.5, DotKernel.FEJER),
    (10, 0.8, DotKernel.FEJER),
]


def by_convolution(image: Dots, cutoff: int, n_angles: int = 512) -> np.ndarray:
    """Coefficients of one dot from those of the indicator of its lobe, convolved with its polynomial."""
    n, b, (center,) = int(image.degrees[0]), float(image.offsets[0]), image.centers
    theta = 2 * np.pi * np.arange(n_angles) / n_angles
    r = radii(image.kernel, n, b, theta)
    order = np.fft.fftfreq(n_angles, 1 / n_angles)
    slope = np.fft.ifft(1j * order * np.fft.fft(r)).real
    u, v = np.stack([np.cos(theta), np.sin(theta)], axis=1), np.stack([-np.sin(theta), np.cos(theta)], axis=1)
    curve = center + r[:, None] * u
    step = (slope[:, None] * u + r[:, None] * v) * 2 * np.pi / n_angles
    k = np.arange(-cutoff - n, cutoff + n + 1)
    waves = [np.exp(-2j * np.pi * np.outer(k, curve[:, axis])) for axis in range(2)]
    g0, g1 = ((waves[0] * step[:, axis]) @ waves[1].T for axis in range(2))
    k0, k1 = np.meshgrid(k, k, indexing="ij")
    norm2 = np.where(k0**2 + k1**2 == 0, 1, k0**2 + k1**2)
    indicator = 1j / (2 * np.pi * norm2) * (k0 * g1 - k1 * g0)
    offset = curve - center
    indicator[cutoff + n, cutoff + n] = 0.5 * np.sum(offset[:, 0] * step[:, 1] - offset[:, 1] * step[:, 0])
    side = 2 * cutoff + 1
    total = np.zeros((side, side), dtype=complex)
    for (i, j), value in np.ndenumerate(image.polynomial_coefficients()[0]):
        total += value * indicator[2 * n - i : 2 * n - i + side, 2 * n - j : 2 * n - j + side]
    return image.amplitudes[0] * total


@pytest.mark.parametrize(("degree", "offset", "kernel"), CASES)
def test_against_the_convolution_route(degree, offset, kernel):
    image = dot([0.47, 0.55], degree, offset, 2.0, kernel)
    for cutoff in (5, 32):
        box = image.fourier_samples(cutoff).values.reshape(2 * cutoff + 1, -1)
        # The convolution cancels by about 1 / (1 - b).
        error = np.abs(box - by_convolution(image, cutoff)).max()
        assert error <= 1e-13 * image.amplitude_area / (1 - offset)


def test_many_dots_are_the_sum_of_single_ones(rng):
    picture = dots(n_dots=5, max_frequency=6, seed=3)
    singles = [
        Dots(picture.centers[i : i + 1], picture.degrees[i : i + 1], picture.offsets[i : i + 1],
             picture.amplitudes[i : i + 1])
        for i in range(5)
    ]  # fmt: skip
    k = np.concatenate([rng.integers(-20, 21, (20, 2)), [[0, 0]]])
    total = sum(single.fourier_coefficients(k) for single in singles)
    np.testing.assert_allclose(picture.fourier_coefficients(k), total, atol=1e-15)
    assert abs(picture.amplitude_area - sum(single.amplitude_area for single in singles)) <= 1e-15


@pytest.mark.parametrize("kernel", list(DotKernel))
def test_picture_is_a_network_of_its_width(kernel, rng):
    picture = dots(n_dots=7, max_frequency=5, seed=2, kernel=kernel)
    measure = picture.measure(max_frequency=6)
    assert measure.n_atoms == 7
    points = rng.random((500, 2))
    boxes = lattice_coefficients(measure.atoms, 6, 2)
    neurons = np.stack([np.maximum(trigonometric_values(box, points), 0.0) for box in boxes])
    np.testing.assert_allclose(picture.image(points), measure.amplitudes @ neurons, atol=1e-14)


def test_recipe():
    picture = dots(n_dots=50, max_frequency=10, seed=0)
    assert picture.n_dots == 50
    assert ((picture.centers >= 0.1) & (picture.centers <= 0.9)).all()
    gaps = np.linalg.norm(picture.centers[:, None] - picture.centers, axis=2) + np.eye(50)
    assert gaps.min() >= 0.08
    assert set(picture.degrees.tolist()) <= set(range(2, 11))
    assert ((picture.offsets >= 0.5) & (picture.offsets < 1)).all()
    assert 2 <= picture.amplitudes.max() / picture.amplitudes.min() * 2 <= 5
    raster = np.asarray(Grid(1024, dim=2).rasterize(picture))
    assert raster.min() == 0.0
    assert 1 - 1e-3 < raster.max() <= 1 + 1e-12
    np.testing.assert_array_equal(dots(50, 10, seed=0).centers, picture.centers)
    assert not np.array_equal(dots(50, 10, seed=1).centers, picture.centers)


def test_one_dot_is_one_lobe_of_known_height():
    image = dot([0.3, 0.6], 4, 0.5, 3.0)
    raster = np.asarray(Grid(100, dim=2).rasterize(image))
    assert abs(raster[30, 60] - 1.5) < 1e-14
    rows, columns = np.nonzero(raster)
    low, high = image.support
    assert rows.min() / 100 >= low[0]
    assert rows.max() / 100 <= high[0]
    assert columns.min() / 100 >= low[1]
    assert columns.max() / 100 <= high[1]


def test_dot_across_the_border_is_periodic():
    k = np.array([[1, 0], [2, -3], [0, 0]])
    middle, crossing = dot([0.5, 0.5], 2), dot([0.0, 0.5], 2)
    expected = middle.fourier_coefficients(k) * (-1.0) ** k[:, 0]
    np.testing.assert_allclose(crossing.fourier_coefficients(k), expected, atol=1e-15)
    assert crossing.image([[0.99, 0.5]])[0] == pytest.approx(crossing.image([[0.01, 0.5]])[0], abs=1e-14)


def test_wrong_arguments():
    with pytest.raises(ValueError, match=r"offsets must lie in \[0.25, 1\)"):
        dot(offset=0.1)
    with pytest.raises(ValueError, match="degrees must be 1 integers"):
        dot(degree=0)
    with pytest.raises(TypeError, match="DotKernel"):
        dot(kernel="dirichlet")
    with pytest.raises(ValueError, match="could not place"):
        dots(n_dots=200)
    with pytest.raises(ValueError, match="max_frequency >= 2"):
        dots(max_frequency=1)
    with pytest.raises(ValueError, match="at least the largest degree"):
        dots(n_dots=3, max_frequency=4).measure(max_frequency=1)
