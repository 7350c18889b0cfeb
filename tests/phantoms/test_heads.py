"""The Shepp-Logan heads: published values, and the 3-D head cut where it is the 2-D one."""

import numpy as np
import pytest

from srinr.domain import Grid
from srinr.phantoms import (
    SheppLoganVariant,
    ellipse,
    ellipsoids,
    euler_rotation,
    phantom_sum,
    shepp_logan,
    shepp_logan_3d,
)

TOFT = np.array([1, -0.8, -0.2, -0.2, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
AXES = np.array([[0.69, 0.92], [0.6624, 0.874], [0.11, 0.31], [0.16, 0.41], [0.21, 0.25], [0.046, 0.046],
                 [0.046, 0.046], [0.046, 0.023], [0.023, 0.023], [0.023, 0.046]])  # fmt: skip


def test_integral_is_the_sum_of_areas():
    integral = np.pi / 4 * (TOFT * AXES.prod(axis=1)).sum()
    assert abs(shepp_logan().fourier_coefficients([[0, 0]])[0] - integral) < 1e-15


@pytest.mark.parametrize(
    ("variant", "skull", "brain", "dark"),
    [
        (SheppLoganVariant.ORIGINAL, 2.0, 1.02, 1.0),
        (SheppLoganVariant.MATLAB, 1.0, 0.02, 0.0),
        (SheppLoganVariant.TOFT, 1.0, 0.2, 0.0),
    ],
)
def test_levels_of_the_variants(variant, skull, brain, dark):
    # On [-1, 1]^2: the skull at the bottom, brain at (0, -0.3), the right dark ellipse at (0.22, 0).
    points = (np.array([[0.0, -0.91], [0.0, -0.3], [0.22, 0.0], [0.0, 0.99]]) + 1) / 2
    np.testing.assert_allclose(shepp_logan(variant).image(points), [skull, brain, dark, 0.0], atol=1e-15)


def test_orientation_x_is_axis_0():
    head = shepp_logan()
    # The dark ellipse on the left (X < 0) reaches farther along its tilted axis; the top ellipse is at Y = +0.35.
    left, right, top, bottom = (np.array([[-0.34, 0.37], [0.34, 0.37], [0.0, 0.5], [0.0, -0.5]]) + 1) / 2
    assert head.image([left]).round(12) == 0.0
    assert head.image([right]).round(12) == 0.2
    assert head.image([top]).round(12) == 0.3
    assert head.image([bottom]).round(12) == 0.2


def test_ninth_ellipse():
    k = np.array([[a, b] for a in range(-64, 65, 8) for b in range(-64, 65, 8)])
    matlab, julia = shepp_logan(), shepp_logan(ellipse_9_y=-0.605)
    difference = np.abs(matlab.fourier_coefficients(k) - julia.fourier_coefficients(k)).max()
    integral = matlab.fourier_coefficients([[0, 0]])[0].real
    assert 1e-6 < difference / integral < 3e-5


def test_raster_of_the_toft_phantom_converges():
    head = shepp_logan()
    exact = head.fourier_samples(16).values
    errors = []
    for n in (128, 512):
        grid = Grid(n, dim=2)
        spectrum = np.fft.fft2(grid.rasterize(head)) / n**2
        k = head.fourier_samples(16).frequencies
        errors.append(np.linalg.norm(spectrum[k[:, 0], k[:, 1]] - exact) / np.linalg.norm(exact))
    assert errors[1] < 0.5 * errors[0] < 0.1
    closed = Grid(512, dim=2, endpoint=True)
    spectrum = np.fft.fft2(closed.rasterize(head)) / 512**2
    assert np.linalg.norm(spectrum[k[:, 0], k[:, 1]] - exact) / np.linalg.norm(exact) > 3 * errors[1]


def test_slice_of_the_3d_head_is_the_2d_head():
    # At Z = -0.25 the inner ellipsoids are cut through their middles; the two outer ones are a little smaller.
    cut = {0: np.sqrt(1 - (0.25 / 0.9) ** 2), 1: np.sqrt(1 - (0.25 / 0.88) ** 2)}
    angles = np.radians([0, 0, -18, 18, *[0] * 6])
    centers = np.array([[0, 0], [0, -0.0184], [0.22, 0], [-0.22, 0], [0, 0.35], [0, 0.1], [0, -0.1],
                        [-0.08, -0.605], [0, -0.605], [0.06, -0.605]])  # fmt: skip
    flat = phantom_sum([
        ellipse((centers[i] + 1) / 2, AXES[i] / 2 * cut.get(i, 1.0), angles[i], TOFT[i]) for i in range(10)
    ])  # fmt: skip
    points = Grid(200, dim=2).points
    sliced = shepp_logan_3d().image(np.column_stack([points, np.full(len(points), 0.375)]))
    np.testing.assert_allclose(sliced, flat.image(points), atol=1e-12)


def test_ellipsoids():
    turn = euler_rotation(0.3, -0.4, 1.1)
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-15)
    assert np.linalg.det(turn) == pytest.approx(1.0)
    # psi is applied first: a vector along axis 2 is not moved by it.
    np.testing.assert_allclose(euler_rotation(0.0, 0.0, 1.0) @ [0, 0, 1], [0, 0, 1])
    np.testing.assert_allclose(euler_rotation(0.0, np.pi / 2) @ [0, 0, 1], [1, 0, 0], atol=1e-15)
    pair = ellipsoids([[0.3, 0.5, 0.5], [0.7, 0.5, 0.5]], [[0.1, 0.2, 0.1], [0.1, 0.1, 0.1]], [1.0, -2.0])
    volume = 4 / 3 * np.pi * (0.002 - 2 * 0.001)
    assert abs(pair.fourier_coefficients([[0, 0, 0]])[0] - volume) < 1e-17
    with pytest.raises(ValueError, match="equal numbers"):
        ellipsoids([[0.3, 0.5, 0.5]], [[0.1, 0.2, 0.1]], [1.0, -2.0])
    with pytest.raises(TypeError, match="SheppLoganVariant"):
        shepp_logan("toft")
    with pytest.raises(TypeError, match="SheppLoganVariant"):
        shepp_logan_3d(1)
