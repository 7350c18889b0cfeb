"""Closed forms against 50-digit arithmetic, and what the makers of shapes mean by size and angle."""

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import phantom_oracles as oracles
from srinr.domain import Grid
from srinr.phantoms import AffineShape, disc, ellipse, ellipsoid, euler_rotation, gaussian, polygon, rectangle
from srinr.phantoms.shapes import UnitBall, UnitBox, UnitGaussian

# |kappa| from far below every switch of series and closed form to far above.
RADII = [
    0.0,
    1e-300,
    1e-12,
    1e-8,
    1e-6,
    1e-4,
    9.999e-3,
    1.0001e-2,
    0.0499,
    0.0501,
    0.2,
    0.61,
    1.0,
    7.3,
    60.0,
    200.1,
]
DIRECTION_2 = np.array([0.6, 0.8])
DIRECTION_3 = np.array([0.48, 0.6, 0.64])


@pytest.mark.parametrize("s", RADII)
def test_unit_disc(s):
    value = UnitBall(2).transform(s * DIRECTION_2[None])[0]
    with mp.workdps(50):
        exact = oracles.mp_disc(mp.mpf(float(np.linalg.norm(s * DIRECTION_2))))
        assert abs(value - exact) <= 1e-15 * np.pi


@pytest.mark.parametrize("s", RADII)
def test_unit_ball(s):
    value = UnitBall(3).transform(s * DIRECTION_3[None])[0]
    with mp.workdps(50 if s < 1e-100 else 80):
        exact = oracles.mp_ball(mp.mpf(float(np.linalg.norm(s * DIRECTION_3))) if s > 1e-100 else mp.mpf(0))
        assert abs(value - exact) <= 2e-15 * 4.2


@pytest.mark.parametrize("s", RADII)
def test_unit_interval_box_and_gaussian(s):
    kappa = s * DIRECTION_2
    assert abs(UnitBall(1).transform(kappa[None, :1])[0] - 2 * np.sinc(2 * kappa[0])) <= 1e-15
    with mp.workdps(50):
        exact = [mp.mpf(float(c)) for c in kappa]
        assert abs(UnitBox(2).transform(kappa[None])[0] - oracles.mp_box(exact)) <= 1e-15
        assert abs(UnitGaussian(2).transform(kappa[None])[0] - oracles.mp_gaussian(exact)) <= 1e-15


@given(
    angle=st.floats(-4, 4),
    sizes=st.tuples(st.floats(0.01, 0.4), st.floats(0.01, 0.4)),
    center=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    k=st.tuples(st.integers(-100, 100), st.integers(-100, 100)),
)
def test_affine_shapes_against_fifty_digits(angle, sizes, center, k):
    for make, canonical in (
        (ellipse, oracles.mp_norm(oracles.mp_disc)),
        (rectangle, oracles.mp_box),
        (gaussian, oracles.mp_gaussian),
    ):
        shape = make(center, sizes, angle, 1.7)
        value = shape.fourier_coefficients([k])[0]
        exact = oracles.mp_affine(canonical, shape.matrix, shape.center, 1.7, np.array(k))
        assert abs(value - exact) <= 1e-14 * shape.amplitude_area


def test_ellipsoid_against_fifty_digits(rng):
    shape = ellipsoid([0.4, 0.5, 0.6], [0.1, 0.2, 0.3], euler_rotation(0.3, 0.7, -1.0), 2.0)
    for k in [*rng.uniform(-20, 20, (20, 3)), *(1e-5 * rng.standard_normal((5, 3)))]:
        exact = oracles.mp_affine(oracles.mp_norm(oracles.mp_ball), shape.matrix, shape.center, 2.0, k)
        assert abs(shape.fourier_coefficients([k])[0] - exact) <= 1e-14 * shape.amplitude_area


@pytest.mark.parametrize("size", [0.0, 1e-12, 1e-8, 1e-4, 1e-2, 0.3, 0.4999, 0.5001, 1.0, 17.3, 130.0])
@pytest.mark.parametrize("degrees", [0.0, 37.0, 90.0, 211.0])
def test_polygon_at_every_size_of_k(size, degrees):
    shape = polygon()
    k = size * np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))])
    error = abs(shape.fourier_coefficients([k])[0] - oracles.mp_polygon(shape.vertices, k))
    assert error <= 1e-14 * shape.amplitude_area


@pytest.mark.parametrize("offset", [0.0, 1e-12, 1e-9, 1e-5, 1e-1])
def test_polygon_perpendicular_to_an_edge(offset):
    shape = polygon()
    for a, b in zip(shape.vertices, np.roll(shape.vertices, -1, axis=0), strict=True):
        normal = np.array([b[1] - a[1], a[0] - b[0]]) / np.linalg.norm(b - a)
        k = 9.7 * normal + offset * (b - a)
        error = abs(shape.fourier_coefficients([k])[0] - oracles.mp_polygon(shape.vertices, k))
        assert error <= 1e-14 * shape.amplitude_area


def test_polygon_in_either_direction_is_the_same():
    vertices = polygon().vertices
    k = [[3, -2], [0, 0], [7, 1]]
    np.testing.assert_allclose(
        polygon(vertices[::-1]).fourier_coefficients(k), polygon(vertices).fourier_coefficients(k), atol=1e-16
    )


def test_polygon_equals_rectangle():
    box = polygon([[0.3, 0.2], [0.7, 0.2], [0.7, 0.9], [0.3, 0.9]])
    same = rectangle([0.5, 0.55], [0.4, 0.7])
    k = np.array([[0, 0], [1, 0], [0, -3], [5, 4], [0.1, 0.2], [30.5, 0.0]])
    np.testing.assert_allclose(box.fourier_coefficients(k), same.fourier_coefficients(k), atol=1e-15)


def test_a_split_shape_is_the_sum_of_its_parts():
    whole = rectangle([0.5, 0.5], [0.4, 0.6])
    parts = rectangle([0.4, 0.5], [0.2, 0.6]) + rectangle([0.6, 0.5], [0.2, 0.6])
    k = np.array([[0, 0], [2, 1], [-9, 4], [0.3, -0.2]])
    np.testing.assert_allclose(parts.fourier_coefficients(k), whole.fourier_coefficients(k), atol=1e-16)


def test_sizes_and_angles():
    long = ellipse([0.5, 0.5], [0.4, 0.1])
    np.testing.assert_allclose(long.support, [[0.1, 0.4], [0.9, 0.6]])
    turned = ellipse([0.5, 0.5], [0.4, 0.1], np.pi / 2)
    np.testing.assert_allclose(turned.support, [[0.4, 0.1], [0.6, 0.9]])
    tilted = ellipse([0.5, 0.5], [0.4, 0.05], np.pi / 4)
    np.testing.assert_array_equal(tilted.image([[0.7, 0.7], [0.7, 0.3]]), [1.0, 0.0])
    np.testing.assert_allclose(rectangle([0.5, 0.4], [0.6, 0.2]).support, [[0.2, 0.3], [0.8, 0.5]])
    bump = gaussian([0.5, 0.5], [0.1, 0.2], amplitude=3.0)
    assert abs(bump.amplitude_area - 0.06) < 1e-15
    np.testing.assert_allclose(bump.image([[0.5, 0.5], [0.6, 0.5]]), [3.0, 3.0 * np.exp(-np.pi)])


def test_wide_gaussian_is_periodized():
    wide = gaussian([0.9, 0.2], [0.6, 0.5])
    grid = Grid(32, dim=2)
    spectrum = np.fft.fft2(grid.rasterize(wide)) / grid.n_points
    k = np.array([[0, 0], [1, 0], [2, -1]])
    np.testing.assert_allclose(spectrum[tuple(k.T)], wide.fourier_coefficients(k), atol=1e-15)
    with pytest.raises(ValueError, match="non-integer frequencies"):
        wide.fourier_coefficients([[0.5, 0.0]])


def test_shape_across_the_border_is_wrapped():
    crossing = disc([0.0, 0.5], 0.2)
    np.testing.assert_array_equal(crossing.image([[0.95, 0.5], [0.05, 0.5], [0.5, 0.5]]), [1.0, 1.0, 0.0])
    inside = disc([0.5, 0.5], 0.2)
    k = np.array([[1, 0], [2, 3]])
    expected = inside.fourier_coefficients(k) * np.exp(1j * np.pi * k[:, 0])
    np.testing.assert_allclose(crossing.fourier_coefficients(k), expected, atol=1e-16)
    with pytest.raises(ValueError, match=r"move or shrink"):
        crossing.fourier_coefficients([[0.5, 0.0]])


def test_missing_energy_of_a_disc():
    # Energy beyond |k|_inf <= K tends to (1 / (2 pi^2 K)) * integral over the jump of max(|n_0|, |n_1|) ds.
    radius, cutoff = 0.3, 256
    image = disc([0.5, 0.5], radius)
    energy = np.pi * radius**2
    inside = float((np.abs(image.fourier_samples(cutoff).values) ** 2).sum())
    predicted = 8 * radius * np.sin(np.pi / 4) / (2 * np.pi**2 * cutoff)
    assert abs((energy - inside) / predicted - 1) < 0.01


@pytest.mark.parametrize(
    ("make", "exponent", "factor"),
    [(lambda: disc([0.5, 0.5], 0.3), 1.5, 0.25), (lambda: rectangle([0.5, 0.5], [0.5, 0.5]), 1.0, 0.2)],
)
def test_decay(make, exponent, factor):
    k = np.arange(20, 200)
    values = np.abs(make().fourier_coefficients(np.stack([k, np.zeros_like(k)], axis=1)))
    scaled = values * k.astype(float) ** exponent
    assert scaled.max() <= factor
    assert scaled.max() >= 0.3 * factor


def test_wrong_arguments():
    with pytest.raises(ValueError, match="semi_axes must be positive"):
        ellipse([0.5, 0.5], [0.1, -0.2])
    with pytest.raises(ValueError, match="center must be 2 finite"):
        disc([0.5, np.nan])
    with pytest.raises(ValueError, match="amplitude must be a finite"):
        disc(amplitude=np.inf)
    with pytest.raises(ValueError, match="2-D shapes"):
        rectangle([0.5, 0.5, 0.5], [0.1, 0.1, 0.1], angle=0.3)
    with pytest.raises(ValueError, match="singular"):
        AffineShape(UnitBall(2), np.zeros((2, 2)), np.array([0.5, 0.5]))
    with pytest.raises(ValueError, match="has dimension 3"):
        AffineShape(UnitBall(3), np.eye(2), np.array([0.5, 0.5]))
    with pytest.raises(ValueError, match="rotation matrix"):
        ellipsoid([0.5, 0.5, 0.5], [0.1, 0.1, 0.1], 2 * np.eye(3))
    with pytest.raises(ValueError, match="cross or touch"):
        polygon([[0.2, 0.2], [0.8, 0.8], [0.8, 0.2], [0.2, 0.9]])
