"""Figures of phase diagrams: what is drawn where, and what is not known."""

import numpy as np
import pytest
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from srinr.phase_diagram import phase_diagram
from srinr.phase_figures import show_phase_diagram, show_verdicts
from srinr.sweep_trials import Row, TrialStatus

CELLS = [{"n_neurons": s, "cutoff": k} for s in (1, 2, 4) for k in (2, 6, 10, 14) if (s, k) != (4, 2)]


def recovered(error):
    return error < 0.5


def diagram_of(cells, n=4):
    rows = [
        Row(c, i, TrialStatus.DONE, float(c["cutoff"] < 4 * c["n_neurons"] + i))
        for c in cells
        for i in range(n)
    ]
    return phase_diagram(cells, n, rows)


def drawn(axis) -> np.ndarray:
    (mesh,) = (item for item in axis.collections if isinstance(item, QuadMesh))
    return np.ma.filled(mesh.get_array(), np.nan)


def hatches(axis) -> list[str]:
    return [patch.get_hatch() for patch in axis.patches if isinstance(patch, Rectangle)]


def test_colors_are_probabilities_with_y_upward():
    diagram = diagram_of(CELLS)
    figure = show_phase_diagram(diagram, recovered, title="title")
    axis = figure.axes[0]
    np.testing.assert_array_equal(drawn(axis), diagram.success(recovered).probability)
    assert not axis.yaxis_inverted()
    assert [t.get_text() for t in axis.get_xticklabels()] == ["2", "6", "10", "14"]
    assert "neurons" in axis.get_ylabel() and "cycles per field of view" in axis.get_xlabel()
    assert axis.get_title().startswith("title\n95 % Wilson intervals: at most")
    assert hatches(axis) == ["////"], "the missing cell"
    texts = {t.get_text() for t in axis.texts}
    assert texts == {f"{k}/4" for k in diagram.success(recovered).n_success[diagram.is_cell]}
    (bar,) = figure.axes[1:]
    assert bar.get_ylim() == (0.0, 1.0)
    turned = show_phase_diagram(diagram, recovered, x="n_neurons", y="cutoff").axes[0]
    np.testing.assert_array_equal(drawn(turned), drawn(axis).T)


def test_the_order_of_the_axes_in_the_store_does_not_matter():
    swapped = diagram_of([{"cutoff": c["cutoff"], "n_neurons": c["n_neurons"]} for c in CELLS])
    axis = show_phase_diagram(swapped, recovered).axes[0]
    np.testing.assert_array_equal(
        drawn(axis), drawn(show_phase_diagram(diagram_of(CELLS), recovered).axes[0])
    )


def test_the_line_lies_where_it_says():
    figure = show_phase_diagram(
        diagram_of(CELLS), recovered, line=lambda s: (2 * s + 1) * 2, line_label="law"
    )
    (line,) = figure.axes[0].get_lines()
    x, y = line.get_data()
    np.testing.assert_allclose(x, 4 * y + 2)
    assert y.min() <= 0.5 and y.max() >= 4.5, "to the edges of the cells"
    assert figure.legends[0].get_texts()[0].get_text() == "law"
    (line,) = show_phase_diagram(diagram_of(CELLS), recovered, line=[6, 10, 18]).axes[0].get_lines()
    np.testing.assert_array_equal(line.get_ydata(), [1, 2, 4])
    with pytest.raises(ValueError, match="one number for each of the 3"):
        show_phase_diagram(diagram_of(CELLS), recovered, line=[6, 10])


def test_undecided_is_not_failure():
    axis = show_phase_diagram(diagram_of(CELLS), lambda error: None).axes[0]
    assert np.isnan(drawn(axis)).all()
    assert sorted(hatches(axis)) == ["////"] + ["xx"] * 11
    assert not axis.texts


def test_large_diagrams_have_dots_instead_of_numbers():
    cells = [{"n_neurons": s, "cutoff": k} for s in range(15) for k in range(15)]
    figure = show_phase_diagram(diagram_of(cells, n=1), recovered)
    assert not figure.axes[0].texts
    assert hatches(figure.axes[0]) == [".."] * 225
    assert [t.get_text() for t in figure.legends[0].get_texts()] == ["fewer than 3 trials"]


def test_verdicts_share_one_scale():
    verdicts = {"recovered": recovered, "refuted": lambda e: e > 0.5, "undecided": lambda e: False}
    figure = show_verdicts(diagram_of(CELLS), verdicts, line=lambda s: 4 * s + 2, title="all")
    panels, bars = figure.axes[:3], figure.axes[3:]
    assert [axis.get_title() for axis in panels] == list(verdicts)
    assert len(bars) == 1
    total = drawn(panels[0]) + drawn(panels[1])
    np.testing.assert_array_equal(total[~np.isnan(total)], 1.0)
    assert [axis.get_ylabel() != "" for axis in panels] == [True, False, False]
    assert all(len(axis.get_lines()) == 1 for axis in panels)
    figure.canvas.draw()
    with pytest.raises(ValueError, match="verdicts is empty"):
        show_verdicts(diagram_of(CELLS), {})


def test_drawing_into_given_axes():
    figure = Figure()
    axis = figure.add_subplot()
    assert show_phase_diagram(diagram_of(CELLS), recovered, ax=axis) is figure
    assert len(figure.axes) == 1 and drawn(axis).shape == (3, 4)


def test_what_cannot_be_drawn():
    cells = [c | {"mode": m} for c in CELLS for m in ("std", "mod")]
    diagram = diagram_of(cells)
    with pytest.raises(ValueError, match=r"\['mode'\] have several values"):
        show_phase_diagram(diagram, recovered)
    axis = show_phase_diagram(diagram.select(mode="std"), recovered).axes[0]
    assert drawn(axis).shape == (3, 4)
    words = show_phase_diagram(diagram.select(n_neurons=1), recovered, y="mode").axes[0]
    assert [t.get_text() for t in words.get_yticklabels()] == ["std", "mod"]
    for wrong, match in (({"x": "K"}, "no axis"), ({"x": "n_neurons"}, "must differ")):
        with pytest.raises(ValueError, match=match):
            show_phase_diagram(diagram.select(mode="std"), recovered, **wrong)
    with pytest.raises(ValueError, match="numbers on both axes"):
        show_phase_diagram(diagram.select(n_neurons=1), recovered, y="mode", line=lambda s: s)
