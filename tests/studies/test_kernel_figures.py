"""Pictures of kernels: they draw what they were given, with and without a noise floor in sight."""

import numpy as np
import pytest

from srinr.kernel_figures import (
    show_eigenfunctions,
    show_eigenvalues,
    show_energy_against_psnr,
    show_energy_concentration,
    show_fit_curves,
)
from srinr.studies.eigenfunctions import Eigenfunctions
from srinr.studies.pixel_fits import FitCurves


def gallery(k, seed=0):
    images = np.random.default_rng(seed).standard_normal((k, 6, 6))
    return Eigenfunctions(images, np.ones(k), np.arange(k) + 0.25, None, None, None)


@pytest.mark.parametrize("floor", [None, 1e-14, 1e-3])
@pytest.mark.parametrize("n", [1, 9])
def test_curves_and_floor(tmp_path, n, floor):
    t, energy = np.array([1.0, 0.1, 1e-6, 0.0]), np.array([0.1, 0.5, 0.9, 1.0])
    names = [f"net {i}" for i in range(n)]
    figure = show_energy_concentration(
        dict.fromkeys(names, (t, energy)), relative_floor=floor, psnr={"net 0": 20.0}
    )
    figure.savefig(tmp_path / "a.png")
    axis = figure.axes[0]
    assert [text.get_text() for text in axis.get_legend().get_texts()] == ["net 0: 20.0 dB", *names[1:]]
    np.testing.assert_array_equal(axis.lines[0].get_ydata(), energy[:3], err_msg="0 cannot be drawn")
    assert axis.get_xlim()[0] > axis.get_xlim()[1], "the threshold falls to the right"
    assert len({(str(line.get_color()), line.get_linestyle()) for line in axis.lines}) == n
    shaded = floor == 1e-3
    assert len(axis.patches) == shaded
    values = show_eigenvalues({name: [4.0, 2.0, 4e-6, -1e-9] for name in names}, relative_floor=floor)
    values.savefig(tmp_path / "b.png")
    np.testing.assert_allclose(values.axes[0].lines[0].get_ydata(), [1.0, 0.5, 1e-6, np.nan])
    assert len(values.axes[0].patches) == shaded


@pytest.mark.parametrize("k", [1, 10])
@pytest.mark.parametrize("rows", [1, 3])
def test_galleries_share_one_scale_and_name_every_picture(tmp_path, k, rows):
    given = {f"net {i}": gallery(k, i) for i in range(rows)}
    figure = show_eigenfunctions(given)
    figure.savefig(tmp_path / "a.png")
    pictures = [axis for axis in figure.axes if axis.images]
    assert len(pictures) == k * rows
    assert len({axis.images[0].get_clim() for axis in pictures}) == 1
    low, high = pictures[0].images[0].get_clim()
    assert low == -high
    assert pictures[k - 1].get_title() == f"{k}: {k - 0.75:.1f}"[: len(pictures[k - 1].get_title())]
    np.testing.assert_array_equal(pictures[-1].images[0].get_array(), given[f"net {rows - 1}"].images[-1])
    with pytest.raises(ValueError, match="n_functions must lie in"):
        show_eigenfunctions(given, n_functions=k + 1)


def test_training_curves_are_means_over_images(tmp_path):
    train, test = np.array([[1.0, 2.0], [3.0, 6.0]]), np.array([[0.0, 1.0], [0.0, 3.0]])
    figure = show_fit_curves({"net": FitCurves(np.array([0, 10]), train, test)}, title="two images")
    figure.savefig(tmp_path / "a.png")
    assert [axis.lines[0].get_ydata().tolist() for axis in figure.axes] == [[2.0, 4.0], [0.0, 2.0]]
    assert figure.axes[0].lines[0].get_xdata().tolist() == [0, 10]


def test_scatter_holds_its_points(tmp_path):
    figure = show_energy_against_psnr({"a": (0.2, 15.0), "b": (0.7, 21.0)}, title="two")
    figure.savefig(tmp_path / "a.png")
    assert [(*line.get_xdata(), *line.get_ydata()) for line in figure.axes[0].lines] == [
        (0.2, 15.0),
        (0.7, 21.0),
    ]


def test_wrong_input_is_refused():
    with pytest.raises(ValueError, match="one length"):
        show_energy_concentration({"net": ([1.0, 0.1], [0.5])})
    for spectrum in ([], [0.0], np.ones((2, 2))):
        with pytest.raises(ValueError, match="descending from a positive number"):
            show_eigenvalues({"net": spectrum})
    for function in (show_eigenfunctions, show_energy_against_psnr, show_fit_curves):
        with pytest.raises(ValueError, match="is empty"):
            function({})
