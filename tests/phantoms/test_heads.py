"""The Shepp-Logan heads: published values, and the 3-D head cut where it is the 2-D one."""

from pathlib import Path

import numpy as np
import pytest
import skimage.data

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


def place(table_points):
    """Points (X right, Y up) on [-1, 1]^2 as points (row, column) of the field of view."""
    x, y = np.transpose(table_points)
    return np.column_stack([(1 - y) / 2, (x + 1) / 2])


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
    points = place([[0.0, -0.91], [0.0, -0.3], [0.22, 0.0], [0.0, 0.99]])
    np.testing.assert_allclose(shepp_logan(variant).image(points), [skull, brain, dark, 0.0], atol=1e-15)


def test_orientation_rows_downwards_columns_to_the_right():
    head = shepp_logan()
    # The dark ellipse on the left reaches farther along its tilted axis; the frontal ellipse is at the top.
    left, right, top, bottom = [0.315, 0.33], [0.315, 0.67], [0.25, 0.5], [0.75, 0.5]
    np.testing.assert_allclose(head.image([left, right, top, bottom]), [0.0, 0.2, 0.3, 0.2], atol=1e-12)
    # Of the three lesions low in the head, the wide one is on the left and the high one on the right.
    wide, high = [0.8025, 0.443], [0.785, 0.53]
    np.testing.assert_allclose(head.image([wide, high]), [0.3, 0.3], atol=1e-12)
    mirrored = [[row, 1 - column] for row, column in (wide, high)]
    np.testing.assert_allclose(head.image(mirrored), [0.2, 0.2], atol=1e-12)


def test_raster_stands_upright_as_in_scikit_image():
    if not (Path(skimage.data.__file__).parent / "phantom.png").is_file():
        pytest.skip("this scikit-image ships no phantom.png and would download it")
    reference = skimage.data.shepp_logan_phantom()
    # Their file was drawn with both ends included; its gray levels are multiples of 1/255.
    raster = Grid(reference.shape, endpoint=True).rasterize(shepp_logan())
    turned = [np.rot90(image, quarter) for image in (raster, raster.T) for quarter in range(4)]
    upright, *others = [np.corrcoef(image.ravel(), reference.ravel())[0, 1] for image in turned]
    assert upright > 0.999
    assert max(others) < 0.99
    np.testing.assert_allclose(raster, reference, atol=1 / 255)


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
        ellipse(place(centers)[i], AXES[i, ::-1] / 2 * cut.get(i, 1.0), angles[i], TOFT[i]) for i in range(10)
    ])  # fmt: skip
    points = Grid(200, dim=2).points
    sliced = shepp_logan_3d().image(np.column_stack([points, np.full(len(points), 0.375)]))
    np.testing.assert_allclose(sliced, flat.image(points), atol=1e-12)


def test_only_the_skull_separates_the_slice_from_the_2d_head():
    # With the published table; the ninth ellipse of the 3-D list is at -0.605.
    points = Grid(200, dim=2).points
    sliced = shepp_logan_3d().image(np.column_stack([points, np.full(len(points), 0.375)]))
    whole = shepp_logan(ellipse_9_y=-0.605).image(points)
    x, y = 2 * points[:, 1] - 1, 1 - 2 * points[:, 0]
    inside = (x / 0.6) ** 2 + (y / 0.8) ** 2 < 1
    np.testing.assert_allclose(sliced[inside], whole[inside], atol=1e-12)
    assert np.ptp(whole[inside]) > 0.3


def test_third_axis_of_the_3d_head_is_z():
    # On [-1, 1]^3: an upright lesion at Z = 0.0625 right of the middle, a dark one at Z = 0.625 above it.
    x, y, z = np.array([[0.06, -0.105, 0.0625], [0.0, 0.1, 0.625], [0.0, 0.1, -0.625]]).T
    points = np.column_stack([(1 - y) / 2, (x + 1) / 2, (z + 1) / 2])
    np.testing.assert_allclose(shepp_logan_3d().image(points), [0.4, 0.0, 0.2], atol=1e-12)


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
