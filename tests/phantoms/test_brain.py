"""The brain phantoms: what the drawing promises, and that image and coefficients belong together."""

import json
from importlib import resources

import numpy as np
import pytest

from srinr.domain import Grid, lowpass_frequencies
from srinr.phantoms import brain_anatomy, draw_brain
from srinr.phantoms.brain import brain, smooth_brain
from srinr.phantoms.composition import ModulatedPhantom
from srinr.phantoms.contours import Contour, ContourPhantom, quadratic_spline
from srinr.phantoms.nesting import containment, find_contact
from srinr.phantoms.pieces import velocities

FREQUENCIES = np.array(
    [[0, 0], [1, 0], [0, 1], [-3, 2], [7, -11], [32, 32], [-64, 5], [0.3, -0.2], [1e-3, 0.0], [12.5, 40.25]]
)


@pytest.fixture(scope="module")
def regions():
    text = resources.files("srinr.phantoms").joinpath("data/brain.json").read_text(encoding="utf-8")
    data = json.loads(text)
    assert (data["unit"], data["degree"]) == (1e-4, 2)
    return data["regions"]


@pytest.fixture(scope="module")
def phantom():
    return brain()


@pytest.fixture(scope="module")
def raster(phantom):
    return Grid(512, dim=2).rasterize(phantom)


def ancestors(regions, index):
    found = set()
    while (index := regions[index]["parent"]) is not None:
        found.add(index)
    return found


def coefficients_by_quadrature(contours, weights, frequencies, n_nodes=48):
    """The boundary integral written out, with an order far above what these frequencies need."""
    nodes, weight = np.polynomial.legendre.leggauss(n_nodes)
    t, weight = (nodes + 1) / 2, weight / 2
    total = np.zeros(len(frequencies), dtype=complex)
    for contour, amplitude in zip(contours, weights, strict=True):
        c = contour.pieces.polynomials
        r = c[:, 0, None] + t[:, None] * (c[:, 1, None] + t[:, None] * c[:, 2, None])
        v = c[:, 1, None] + 2 * t[:, None] * c[:, 2, None]
        for index, k in enumerate(frequencies):
            if not k.any():
                total[index] += (
                    amplitude * 0.5 * ((r[..., 0] * v[..., 1] - r[..., 1] * v[..., 0]) @ weight).sum()
                )
                continue
            integrand = np.exp(-2j * np.pi * (r @ k)) * (k[0] * v[..., 1] - k[1] * v[..., 0])
            total[index] += amplitude * 1j / (2 * np.pi * (k @ k)) * (integrand @ weight).sum()
    return total


def test_control_points_are_integers_near_the_center(regions):
    assert all(isinstance(c, int) for region in regions for point in region["points"] for c in point)
    assert 1200 <= sum(len(region["points"]) for region in regions) <= 2500


def test_everything_lies_within_047_of_the_center(phantom):
    assert np.abs(phantom.support - 0.5).max() < 0.47


def test_there_are_enough_regions_and_levels(regions):
    assert len(regions) >= 40
    assert len({region["level"] for region in regions} - {0.0}) >= 4
    assert max(region["level"] for region in regions) == 1.0
    assert min(region["level"] for region in regions) >= 0.0
    assert len({region["name"] for region in regions}) == len(regions)


def test_neighbors_differ_by_at_least_a_tenth(regions):
    outer = [0.0 if region["parent"] is None else regions[region["parent"]]["level"] for region in regions]
    assert min(abs(region["level"] - level) for region, level in zip(regions, outer, strict=True)) >= 0.1


def test_parents_come_first(regions):
    assert all(region["parent"] is None or region["parent"] < index for index, region in enumerate(regions))
    assert sum(region["parent"] is None for region in regions) == 1


def test_perimeter_is_that_of_a_folded_cortex(phantom):
    nodes, weights = np.polynomial.legendre.leggauss(20)
    speed = np.linalg.norm(velocities(phantom.pieces, (nodes + 1) / 2), axis=-1)
    assert 25 <= (speed @ weights / 2).sum() <= 45


def test_contours_are_simple(phantom):
    contours = [Contour.from_pieces(contour.pieces, check_simple=True) for contour in phantom.contours]
    assert [c.area for c in contours] == pytest.approx([c.area for c in phantom.contours], rel=1e-14)


def test_a_contour_with_a_loop_would_be_refused(regions):
    points = np.array(next(region["points"] for region in regions if region["name"] == "gray"), dtype=float)
    points[[100, 104]] = points[[104, 100]]
    with pytest.raises(ValueError, match="not simple"):
        quadratic_spline(0.5 + 1e-4 * points)


def test_regions_are_nested_in_their_parents_and_disjoint_otherwise(phantom, regions):
    inside = containment(phantom.contours)
    for index in range(len(regions)):
        assert set(np.flatnonzero(inside[:, index])) == ancestors(regions, index), regions[index]["name"]


def test_a_region_moved_across_another_would_be_found(phantom):
    moved = [*phantom.contours[:-1], phantom.contours[-1].transformed(np.eye(2), [0.0, 0.14])]
    assert find_contact(phantom.contours) is None
    assert find_contact(moved) is not None


def test_smallest_vessels_are_four_thousandths_wide(phantom):
    widths = [np.ptp(contour.bounding_box, axis=0).min() for contour in phantom.contours]
    assert 0.0035 <= min(widths) <= 0.0045


def test_image_has_exactly_the_drawn_levels(raster, regions):
    levels = np.array(sorted({region["level"] for region in regions}))
    nearest = levels[np.abs(raster[..., None] - levels).argmin(axis=-1)]
    assert np.abs(raster - nearest).max() < 1e-14
    assert set(np.unique(nearest)) == set(levels)


def test_additive_weights_give_the_painted_picture(phantom, regions, raster):
    points = Grid(512, dim=2).points
    painted = np.zeros(len(points))
    for contour, region in zip(phantom.contours, regions, strict=True):
        painted[ContourPhantom([contour], [1.0]).image(points) > 0.5] = region["level"]
    assert np.abs(painted.reshape(raster.shape) - raster).max() < 1e-14


def test_front_is_at_the_top_and_axes_are_rows_and_columns(phantom):
    points = {
        (0.01, 0.01): 0.0,  # outside
        (0.088, 0.42): brain_anatomy.AIR,  # left frontal sinus
        (0.908, 0.51): brain_anatomy.MARROW,  # occipital bone
        (0.88, 0.487): brain_anatomy.BRIGHT,  # superior sagittal sinus
        (0.52, 0.5): brain_anatomy.FLUID,  # third ventricle
        (0.54, 0.56): brain_anatomy.GRAY,  # right thalamus
        (0.665, 0.5): brain_anatomy.CALLOSUM,
    }
    values = phantom.image(np.array(list(points)))
    assert values == pytest.approx(list(points.values()), abs=1e-14)


def test_flips_and_the_transpose_show(raster):
    size = np.linalg.norm(raster)
    for other in (raster[::-1], raster[:, ::-1], raster[::-1, ::-1], raster.T):
        assert np.linalg.norm(other - raster) > 0.3 * size


def test_coefficients_agree_with_plain_quadrature(phantom):
    expected = coefficients_by_quadrature(phantom.contours, phantom.amplitudes, FREQUENCIES)
    error = np.abs(phantom.fourier_coefficients(FREQUENCIES) - expected)
    assert error[np.abs(FREQUENCIES).max(axis=1) != 1e-3].max() < 1e-13 * phantom.amplitude_area
    # The plain form loses digits like eps / |k| near 0.
    assert error.max() < 1e-10 * phantom.amplitude_area


def test_coefficients_are_those_of_the_image(phantom, raster):
    transform = np.fft.fft2(raster, norm="forward")
    k = lowpass_frequencies(8)
    error = transform[tuple(k.T)] - phantom.fourier_coefficients(k)
    assert np.linalg.norm(error) < 2e-3 * np.linalg.norm(transform)


def test_low_pass_energy_stays_below_that_of_the_image(phantom, raster):
    energies = [np.linalg.norm(phantom.fourier_samples(cutoff).values) ** 2 for cutoff in (8, 32, 128)]
    assert energies[0] < energies[1] < energies[2] < np.mean(raster**2) * (1 + 2e-3)


def test_smooth_brain_is_the_brain_times_its_factor(phantom):
    smooth = smooth_brain()
    points = np.random.default_rng(0).uniform(size=(2000, 2))
    assert np.abs(smooth.image(points) - phantom.image(points) * smooth.factor(points)).max() < 1e-14
    assert smooth.coefficients.shape == (5, 5)


def test_shading_lies_between_03_and_its_maximum_1():
    values = smooth_brain().factor(Grid(200, dim=2).points)
    assert values.min() >= 0.3
    assert values.max() == pytest.approx(1.0, abs=1e-12)


def test_smooth_coefficients_are_those_of_the_image():
    smooth = smooth_brain()
    transform = np.fft.fft2(Grid(512, dim=2).rasterize(smooth), norm="forward")
    k = lowpass_frequencies(8)
    error = transform[tuple(k.T)] - smooth.fourier_coefficients(k)
    assert np.linalg.norm(error) < 2e-3 * np.linalg.norm(transform)


def test_the_margin_matters(phantom):
    smooth = smooth_brain()
    box = smooth.fourier_samples(16).values.reshape(33, 33)
    narrow = np.zeros((33 + 4, 33 + 4), dtype=complex)
    narrow[2:-2, 2:-2] = phantom.fourier_samples(16).values.reshape(33, 33)
    wrong = sum(
        value * narrow[4 - i : 37 - i, 4 - j : 37 - j]
        for (i, j), value in np.ndenumerate(smooth.coefficients)
    )
    # Inside, the convolution needs no margin; in the outer ring it does.
    assert np.abs((wrong - box)[2:-2, 2:-2]).max() < 1e-13
    assert np.abs(wrong - box).max() > 1e-5


def test_shading_moves_with_the_phantom():
    shift = np.array([0.02, -0.03])
    moved = smooth_brain().translate(shift)
    assert isinstance(moved, ModulatedPhantom)
    points = np.random.default_rng(1).uniform(0.1, 0.9, size=(500, 2))
    assert moved.image(points + shift) == pytest.approx(smooth_brain().image(points), abs=1e-13)


def test_script_draws_what_the_data_file_holds(regions):
    # The cortex takes a while to grow; everything else is drawn again here.
    drawing = draw_brain.Drawing()
    draw_brain.draw_layers(drawing, draw_brain.Head())
    draw_brain.draw_fissure_contents(drawing)
    for drawn, stored in zip(drawing.regions, regions, strict=False):
        assert (drawn["name"], drawn["level"], drawn["parent"]) == (
            stored["name"],
            stored["level"],
            stored["parent"],
        )
        assert np.abs(np.array(drawn["points"]) - np.array(stored["points"])).max() <= 1
    assert len(drawing.regions) > 30
