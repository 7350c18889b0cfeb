"""Sums, multiples, products with trigonometric polynomials, affine images, the catalogue, bad input."""

import subprocess
import sys

import numpy as np
import pytest

from srinr.domain import Grid, lowpass_frequencies
from srinr.phantoms import (
    PHANTOMS,
    AffinePhantom,
    ModulatedPhantom,
    PhantomSum,
    disc,
    dot,
    ellipse,
    phantom_by_name,
    polygon,
    rectangle,
    resolution_bars,
    shepp_logan_3d,
    spline_blob,
)
from srinr.phantoms.composition import trigonometric_values


def random_wave(rng, degree=2, dim=2):
    side = 2 * degree + 1
    box = rng.standard_normal((side,) * dim) + 1j * rng.standard_normal((side,) * dim)
    return box + np.flip(box).conj()


def test_algebra(rng):
    a, b = spline_blob(), ellipse([0.4, 0.5], [0.1, 0.2])
    k, points = rng.uniform(-9, 9, (20, 2)), rng.random((100, 2))
    combination = 2 * a - b * 0.5 + sum([a, b])
    assert isinstance(combination, PhantomSum)
    expected = 3.0 * a.fourier_coefficients(k) + 0.5 * b.fourier_coefficients(k)
    np.testing.assert_allclose(combination.fourier_coefficients(k), expected, atol=1e-15)
    np.testing.assert_allclose(
        combination.image(points), 3.0 * a.image(points) + 0.5 * b.image(points), atol=1e-15
    )
    np.testing.assert_allclose((-a).image(points), -a.image(points))
    np.testing.assert_allclose((dot() * -2.0).image(points), -2.0 * dot().image(points))
    assert (3.0 * b).amplitude == 3.0
    with pytest.raises(TypeError):
        a * "2"
    with pytest.raises(TypeError):
        a + 1.0
    with pytest.raises(ValueError, match="finite number"):
        a * np.nan
    with pytest.raises(ValueError, match="different dimensions"):
        a + shepp_logan_3d()


def test_phantoms_are_immutable():
    for image in (spline_blob(), ellipse([0.5, 0.5], [0.1, 0.2]), dot(), spline_blob() + disc()):
        with pytest.raises(AttributeError):
            image.amplitude_area = 1.0
    shape = ellipse([0.5, 0.5], [0.1, 0.2])
    with pytest.raises(ValueError, match="read-only"):
        shape.center[0] = 0.0


@pytest.mark.parametrize("cutoff", [0, 3, 12])
def test_modulation_is_a_convolution(cutoff, rng):
    box = random_wave(rng)
    image = ModulatedPhantom(spline_blob(), box)
    values = image.fourier_samples(cutoff).values
    offsets = lowpass_frequencies(2)
    for k, value in zip(lowpass_frequencies(cutoff), values, strict=True):
        shifted = spline_blob().fourier_coefficients(k - offsets)
        assert abs(value - shifted @ box.ravel()) <= 1e-13


def test_modulation_in_three_dimensions(rng):
    box = random_wave(rng, degree=1, dim=3)
    image = ModulatedPhantom(shepp_logan_3d(), box)
    points = rng.random((50, 3))
    waves = np.exp(2j * np.pi * points @ lowpass_frequencies(1, 3).T)
    np.testing.assert_allclose(image.factor(points), (waves @ box.ravel()).real, atol=1e-12)
    np.testing.assert_allclose(
        image.image(points), image.factor(points) * shepp_logan_3d().image(points), atol=1e-13
    )
    samples = image.fourier_samples(2)
    np.testing.assert_allclose(samples.values, image.transform(samples.frequencies.astype(float), 1e-12, None),
                               atol=1e-13)  # fmt: skip


def test_modulation_of_a_shape_across_the_border(rng):
    image = ModulatedPhantom(disc([0.05, 0.5], 0.2), random_wave(rng))
    grid = Grid(512, dim=2)
    spectrum = np.fft.fft2(grid.rasterize(image)) / grid.n_points
    k = lowpass_frequencies(3)
    assert (
        np.abs(spectrum[k[:, 0], k[:, 1]] - image.fourier_coefficients(k)).max()
        <= 1e-3 * image.amplitude_area
    )


def test_translation_of_a_product_translates_both(rng):
    image = ModulatedPhantom(spline_blob(), random_wave(rng))
    moved = image.translate([0.03, -0.05])
    assert isinstance(moved, ModulatedPhantom)
    points = rng.random((50, 2))
    np.testing.assert_allclose(moved.image(points + np.array([0.03, -0.05])), image.image(points), atol=1e-12)
    assert isinstance(image.rotate(0.3), AffinePhantom)


def test_polynomial_values(rng):
    for dim in (1, 2, 3):
        box = random_wave(rng, 2, dim)
        points = rng.uniform(-1, 2, (30, dim))
        waves = np.exp(2j * np.pi * points @ lowpass_frequencies(2, dim).T)
        np.testing.assert_allclose(trigonometric_values(box, points), (waves @ box.ravel()).real, atol=1e-11)


def test_wrong_polynomials():
    with pytest.raises(ValueError, match="equal odd axes"):
        ModulatedPhantom(disc(), np.ones((4, 4)))
    with pytest.raises(ValueError, match="not Hermitian"):
        ModulatedPhantom(disc(), np.arange(9.0).reshape(3, 3))
    with pytest.raises(ValueError, match="NaN"):
        ModulatedPhantom(disc(), np.full((3, 3), np.nan))


def test_affine_images_compose(rng):
    image = dot([0.45, 0.52], 3, 0.6)
    both = image.rotate(0.3).scale(0.8).translate([0.02, 0.01])
    assert isinstance(both, AffinePhantom)
    assert both.base is image
    points = rng.random((200, 2))
    middle = np.array([0.5, 0.5])
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    moved = ((points - middle) @ turn.T) * 0.8 + middle + [0.02, 0.01]
    np.testing.assert_allclose(both.unwrapped_image(moved), image.unwrapped_image(points), atol=1e-13)


def test_mirror_image_by_affine():
    mirrored = spline_blob().affine([[-1, 0], [0, 1]], [1, 0])
    points = np.random.default_rng(0).random((300, 2))
    np.testing.assert_array_equal(mirrored.image(points), spline_blob().image((points - [1, 0]) * [-1, 1]))
    k = np.array([[3, 2], [1, -4], [0, 0]])
    np.testing.assert_allclose(
        mirrored.fourier_coefficients(k), spline_blob().fourier_coefficients(k * [-1, 1]), atol=1e-15
    )


def test_catalogue():
    assert set(PHANTOMS) == {
        "shepp_logan", "dots", "brain", "smooth_brain", "shepp_logan_3d", "disc", "rectangle", "gaussian", "polygon",
        "spline_blob", "resolution_bars",
    }  # fmt: skip
    for name in PHANTOMS:
        image = phantom_by_name(name)
        assert image.fourier_samples(2).n_samples == 5**image.dim
        assert np.isfinite(image.image(np.full((1, image.dim), 0.5))).all()
    assert phantom_by_name("disc", radius=0.1).amplitude_area == pytest.approx(0.01 * np.pi)
    with pytest.raises(ValueError, match=r"did you mean 'shepp_logan'\?.*known: shepp_logan, dots"):
        phantom_by_name("shep_logan")
    with pytest.raises(ValueError, match=r"unknown phantom 'xyz'; known"):
        phantom_by_name("xyz")


def test_resolution_bars_do_not_overlap():
    bars = resolution_bars()
    boxes = np.stack([bar.support for bar in bars.terms])
    assert len(boxes) == 36
    widths = np.sort(np.unique((boxes[:, 1] - boxes[:, 0]).min(axis=1).round(12)))
    np.testing.assert_allclose(widths, 1 / np.array([512, 256, 128, 64, 32, 16]))
    apart = (boxes[:, None, 0] >= boxes[None, :, 1] - 1e-12) | (
        boxes[None, :, 0] >= boxes[:, None, 1] - 1e-12
    )
    assert (apart.any(axis=2) | np.eye(36, dtype=bool)).all()
    assert bars.support.min() > 0
    assert bars.support.max() < 1


@pytest.mark.parametrize("make", [spline_blob, disc, dot, rectangle, polygon])
def test_bad_input_at_the_door(make):
    image = make()
    with pytest.raises(
        ValueError, match=r"points must have shape \(n, 2\), got \(2,\); reshape to \(-1, 2\)"
    ):
        image.image([0.5, 0.5])
    with pytest.raises(ValueError, match=r"frequencies must have shape \(n, 2\), got \(1, 3\)"):
        image.fourier_coefficients([[1, 2, 3]])
    with pytest.raises(ValueError, match="1 NaN or infinite"):
        image.fourier_coefficients([[1.0, np.nan]])
    with pytest.raises(ValueError, match="must be real numbers"):
        image.image([[0.5, 0.5j]])
    with pytest.raises(ValueError, match="tol must lie in"):
        image.fourier_coefficients([[1, 0]], tol=0.0)
    with pytest.raises(ValueError, match="cutoff must be an integer"):
        image.fourier_samples(2.5)
    with pytest.raises(ValueError, match="factor must be positive"):
        image.scale(-1.0)
    with pytest.raises(ValueError, match="shift must be 2 finite"):
        image.translate([0.1])
    with pytest.raises(ValueError, match="rotation matrix"):
        image.rotate(np.ones((2, 2)))
    with pytest.raises(ValueError, match="singular"):
        image.affine(np.zeros((2, 2)), [0, 0])
    assert image.image(np.zeros((0, 2))).shape == (0,)
    assert image.fourier_coefficients(np.zeros((0, 2))).shape == (0,)


def test_points_are_taken_modulo_one():
    points = np.random.default_rng(0).random((50, 2))
    for image in (spline_blob(), disc(), dot()):
        np.testing.assert_allclose(image.image(points + np.array([3, -2])), image.image(points), atol=1e-12)


def test_import_is_light_and_guarded():
    code = (
        "import sys, srinr.phantoms; assert not {'torch', 'cvxpy', 'matplotlib', 'numba'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    code = "import runpy, srinr.phantoms as p; runpy.run_path(p.__file__, run_name='phantoms')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "import srinr.phantoms" in done.stderr
