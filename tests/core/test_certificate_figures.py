"""Pictures of certificates and measures: what they show is what the dictionary says, and it can be read."""

from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from srinr import DiscreteMeasure, FourierFeatures, Grid
from srinr.certificate_figures import _translated, show_certificate_slice, show_certificate_translates
from srinr.encodings.identity import Coordinates
from srinr.measure_figures import show_atoms, show_gap_history
from srinr.neuron_dictionary import NeuronDictionary
from srinr.operators.fourier import FourierOperator
from srinr.panels import line_style
from srinr.weightings import (
    CustomWeighting,
    FourierWeighting,
    IntegralWeighting,
    StandardWeighting,
    weights,
    weights_and_gradients,
)

ATOMS = {
    1: np.array([[0.48, 0.6, 0.64], [-0.6, 0.0, 0.8]]),
    2: np.random.default_rng(3).standard_normal((2, 9)),
}
SIGNS = np.array([1.0, -1.0])


def case(dim=2, weighting=None):
    """A dictionary, a weighting, unit atoms, and the least dual vector that is stationary at them."""
    weighting = weighting or StandardWeighting()
    dictionary = NeuronDictionary.lattice(1, cutoff=5, dim=dim, n_grid=32)
    atoms = ATOMS[dim] / np.linalg.norm(ATOMS[dim], axis=1, keepdims=True)
    columns = np.concatenate([dictionary.jacobian(atom) for atom in atoms], axis=1)
    targets = (SIGNS[:, None] * weights_and_gradients(weighting, dictionary, atoms)[1]).ravel()
    return dictionary, weighting, np.linalg.lstsq(columns.T, targets, rcond=None)[0], atoms


def ratio(dictionary, weighting, dual, atoms):
    return dictionary.coefficients(atoms) @ dual / weights(weighting, dictionary, atoms)


def assert_legible(figure):
    """Titles, labels and ticks lie within the figure and do not overlap."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = []
    for axis in figure.axes:
        texts = [axis.title, axis.xaxis.label, axis.yaxis.label]
        for side in (axis.xaxis, axis.yaxis):
            low, high = sorted(side.get_view_interval())
            texts += [tick.label1 for tick in side.get_major_ticks() if low <= tick.get_loc() <= high]
        boxes += [t.get_window_extent(renderer) for t in texts if t.get_visible() and t.get_text()]
    boxes += [legend.get_window_extent(renderer) for legend in figure.legends]
    assert boxes
    for i, box in enumerate(boxes):
        assert box.x0 >= -1
        assert box.y0 >= -1
        assert box.x1 <= figure.bbox.width + 1
        assert box.y1 <= figure.bbox.height + 1
        assert not any(box.overlaps(other) for other in boxes[:i])


# slices --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighting", [StandardWeighting(), FourierWeighting(), IntegralWeighting()])
def test_circles_pass_through_the_support_with_the_right_values(weighting):
    dictionary, weighting, dual, atoms = case(weighting=weighting)
    figure = show_certificate_slice(dictionary, weighting, dual, 3 * atoms, n_angles=361)
    assert len(figure.axes) == 2
    for axis, sign in zip(figure.axes, SIGNS, strict=True):
        curves = {line.get_label(): line for line in axis.get_lines() if len(line.get_xdata()) == 361}
        assert len(curves) == 4
        for line in curves.values():
            middle = line.get_ydata()[180]
            assert middle == pytest.approx(sign, abs=1e-9), "at angle 0 lies the neuron itself"
        (mark,) = [line for line in axis.get_lines() if line.get_label() == "next neuron"]
        assert mark.get_ydata()[0] == pytest.approx(-sign, abs=1e-9)
        along = curves["towards the next neuron"]
        at_mark = np.interp(mark.get_xdata()[0], along.get_xdata(), along.get_ydata())
        assert at_mark == pytest.approx(-sign, abs=5e-3), "that circle leads through the other neuron"
    assert_legible(figure)


def test_a_slice_shows_the_violation_that_was_found():
    dictionary, weighting, dual, atoms = case()
    other = np.random.default_rng(1).standard_normal(9)
    other /= np.linalg.norm(other)
    size = abs(ratio(dictionary, weighting, dual, other[None])[0])
    figure = show_certificate_slice(
        dictionary, weighting, 2 * dual / size, atoms[:1], towards=other, n_angles=2881, n_directions=1
    )
    axis = figure.axes[0]
    (line,) = [line for line in axis.get_lines() if line.get_label() == "towards the given direction"]
    assert np.abs(line.get_ydata()).max() >= 2 - 1e-3
    assert axis.get_ylim()[1] > 2
    drawn = float(axis.get_title().split()[-1])
    assert drawn == pytest.approx(max(np.abs(c.get_ydata()).max() for c in axis.get_lines()[2:]), abs=1e-4)


def test_dead_neurons_leave_gaps_under_the_modified_weightings():
    dictionary = NeuronDictionary.lattice(1, cutoff=3, dim=1, n_grid=32)
    alive = np.array([0.0, 0.0, 1.0])
    dual = dictionary.coefficients(alive[None])[0]
    figure = show_certificate_slice(dictionary, IntegralWeighting(), dual, alive)
    curve = figure.axes[0].get_lines()[2].get_ydata()
    assert np.isnan(curve[0]), "the opposite of a positive neuron is dead"
    assert np.isfinite(curve[len(curve) // 2])


def test_many_neurons_are_cut_to_a_dozen_panels():
    dictionary, weighting, dual, _ = case(dim=1)
    atoms = np.random.default_rng(0).standard_normal((15, 3))
    figure = show_certificate_slice(dictionary, weighting, dual, atoms, n_directions=1, n_angles=21)
    assert len(figure.axes) == 12


# translates ----------------------------------------------------------------------------------------------


def test_translated_weights_are_the_moved_polynomial(rng):
    encoding = FourierFeatures.lattice(2, dim=2)
    grid, weights_ = Grid(16, dim=2), rng.standard_normal((1, 25))
    image = show_values(encoding, weights_, grid)
    moved = show_values(
        encoding, _translated(weights_, encoding.frequencies, np.array([3 / 16, -1 / 4])), grid
    )
    np.testing.assert_allclose(moved, np.roll(image, (3, -4), axis=(0, 1)), atol=1e-12)


def show_values(encoding, weights_, grid):
    import torch

    return encoding.linear_on_grid(torch.from_numpy(weights_), grid).numpy().reshape(grid.shape)


@pytest.mark.parametrize("weighting", [StandardWeighting(), FourierWeighting(), IntegralWeighting()])
def test_translates_agree_with_the_dictionary_at_grid_shifts(weighting):
    dictionary, weighting, dual, atoms = case(weighting=weighting)
    figure = show_certificate_translates(dictionary, weighting, dual, atoms, n_pixels=33)
    fields = [np.asarray(axis.images[0].get_array()) for axis in figure.axes if axis.images]
    assert len(fields) == 2
    for field, sign in zip(fields, SIGNS, strict=True):
        assert field.shape == (33, 33)
        assert field[16, 16] == pytest.approx(sign, abs=1e-9)
    # 32 pixels per axis become 33 translates: only shift 0 is common; on 33 points all are.
    dictionary = NeuronDictionary(
        dictionary.encoding, FourierOperator(Grid(33, dim=2), dictionary.operator.frequencies)
    )
    figure = show_certificate_translates(dictionary, weighting, dual, atoms, n_pixels=33)
    field = np.asarray(figure.axes[0].images[0].get_array())
    moved = _translated(atoms[:1], dictionary.encoding.frequencies, np.array([5 / 33, -9 / 33]))
    assert field[16 + 5, 16 - 9] == pytest.approx(ratio(dictionary, weighting, dual, moved)[0], abs=1e-9)
    assert_legible(figure)


def test_the_scale_is_symmetric_and_violations_are_outlined():
    dictionary, weighting, dual, atoms = case()
    calm = show_certificate_translates(dictionary, weighting, 0.5 * dual, atoms)
    assert calm.axes[0].images[0].get_clim() == (-1.0, 1.0)
    assert not calm.axes[0].collections
    loud = show_certificate_translates(dictionary, weighting, 2 * dual, atoms)
    low, high = loud.axes[0].images[0].get_clim()
    assert low == -high <= -2
    assert loud.axes[0].collections
    assert_legible(loud)


def test_one_dimensional_translates_are_curves():
    dictionary, weighting, dual, atoms = case(dim=1)
    figure = show_certificate_translates(dictionary, weighting, dual, atoms, n_pixels=65)
    lines = [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) == 65]
    assert [line.get_ydata()[32] for line in lines] == pytest.approx(list(SIGNS), abs=1e-9)
    assert_legible(figure)


def test_a_weighting_that_changes_under_translations_is_refused():
    dictionary, _, dual, atoms = case()
    uneven = CustomWeighting(lambda w: w.norm(dim=1) + w[:, :3].norm(dim=1), n_features=9)
    with pytest.raises(ValueError, match="changes under translations"):
        show_certificate_translates(dictionary, uneven, dual, atoms)
    assert show_certificate_slice(dictionary, uneven, dual, atoms, n_angles=11).axes


def test_wrong_input_of_the_certificate_figures_is_named():
    dictionary, weighting, dual, atoms = case()
    with pytest.raises(ValueError, match=r"dual must be a real vector of shape \(121,\)"):
        show_certificate_slice(dictionary, weighting, dual[:-1], atoms)
    with pytest.raises(ValueError, match=r"atoms must have shape \(P, 9\)"):
        show_certificate_slice(dictionary, weighting, dual, atoms[:, :4])
    with pytest.raises(ValueError, match="length zero"):
        show_certificate_translates(dictionary, weighting, dual, np.zeros(9))
    with pytest.raises(ValueError, match="n_directions"):
        show_certificate_slice(dictionary, weighting, dual, atoms, n_directions=0)
    with pytest.raises(ValueError, match="n_pixels"):
        show_certificate_translates(dictionary, weighting, dual, atoms, n_pixels=1)
    plain = NeuronDictionary(Coordinates(2), dictionary.operator)
    with pytest.raises(ValueError, match="integer Fourier features"):
        show_certificate_translates(plain, weighting, dual, np.ones(plain.n_features))


# neurons, history ----------------------------------------------------------------------------------------


def test_neurons_are_drawn_largest_first_on_one_scale(rng):
    encoding, grid = FourierFeatures.lattice(1, dim=2), Grid(24, dim=2)
    measure = DiscreteMeasure(2 * np.eye(9)[:3], [0.5, -3.0, 1.0])
    figure = show_atoms(measure, encoding, grid)
    axes = [axis for axis in figure.axes if axis.images]
    assert [axis.get_title() for axis in axes] == ["amplitude -6", "amplitude 2", "amplitude 1"]
    expected = np.maximum(show_values(encoding, np.eye(9)[1:2], grid), 0)
    np.testing.assert_allclose(np.asarray(axes[0].images[0].get_array()), expected, atol=1e-12)
    assert len({axis.images[0].get_clim() for axis in axes}) == 1
    assert_legible(figure)


def test_a_dozen_neurons_are_drawn_and_the_figure_says_so(rng):
    measure = DiscreteMeasure(rng.standard_normal((20, 9)), rng.standard_normal(20))
    figure = show_atoms(measure, FourierFeatures.lattice(1, dim=2), Grid(8, dim=2))
    assert len([axis for axis in figure.axes if axis.images]) == 12
    assert figure.get_suptitle() == "the 12 largest of 20 neurons"


def test_neurons_in_one_and_three_dimensions(rng):
    curves = show_atoms(
        DiscreteMeasure(np.eye(3), [1.0, 2.0, 3.0]), FourierFeatures.lattice(1, 1), Grid(64, 1)
    )
    lines = curves.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["amplitude 3", "amplitude 2", "amplitude 1"]
    assert_legible(curves)
    encoding, grid = FourierFeatures.lattice(1, dim=3), Grid((6, 8, 10))
    atom = rng.standard_normal((1, 27))
    atom /= np.linalg.norm(atom)
    shown = show_atoms(DiscreteMeasure(atom, [1.0]), encoding, grid).axes[0].images[0].get_array()
    expected = np.maximum(show_values(encoding, atom, grid), 0)[3]
    np.testing.assert_allclose(np.asarray(shown), expected, atol=1e-12)


def test_neurons_that_do_not_fit_are_refused():
    encoding = FourierFeatures.lattice(1, dim=2)
    with pytest.raises(ValueError, match="do not go together"):
        show_atoms(DiscreteMeasure(np.eye(3), np.ones(3)), encoding, Grid(8, dim=2))
    with pytest.raises(ValueError, match="do not go together"):
        show_atoms(DiscreteMeasure(np.eye(9), np.ones(9)), encoding, Grid(8, dim=1))
    with pytest.raises(ValueError, match="nothing to draw"):
        show_atoms(DiscreteMeasure(np.zeros((2, 9)), np.ones(2)), encoding, Grid(8, dim=2))


def record(step, objective, bound, residual):
    return SimpleNamespace(step=step, objective=objective, dual_bound=bound, relative_residual=residual)


def test_history_shows_gap_and_residual_with_gaps_for_missing_bounds():
    history = [record(0, 0.0, -np.inf, 1.0), record(1, 4.0, 3.0, 1e-3), record(2, 3.5, 3.5, 0.0)]
    figure = show_gap_history(history)
    upper, lower = figure.axes
    objective, bound = (line.get_ydata() for line in upper.get_lines())
    assert np.isnan(bound[0])
    assert list(objective[1:]) == [4.0, 3.5]
    gap, residual = (line.get_ydata() for line in lower.get_lines())
    assert gap[1] == 0.25
    assert np.isnan(gap[0])
    assert np.isnan(gap[2]), "no gap cannot be drawn on a logarithmic axis"
    assert list(residual[:2]) == [1.0, 1e-3]
    assert lower.get_yscale() == "log"
    assert_legible(figure)
    with pytest.raises(ValueError, match="history is empty"):
        show_gap_history([])


def test_history_axis_is_logarithmic_only_where_that_helps():
    flat = [record(i, 3 + 0.1 / (i + 1), 3 - 0.1 / (i + 1), 0.1) for i in range(4)]
    assert show_gap_history(flat).axes[0].get_yscale() == "linear"
    steep = [record(i, 10.0**-i, 1e-9, 0.1) for i in range(4)]
    assert show_gap_history(steep).axes[0].get_yscale() == "log"


def test_a_dozen_curves_differ():
    assert len({(s["color"], str(s["linestyle"])) for s in map(line_style, range(12))}) == 12
