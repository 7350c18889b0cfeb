"""Figures: what they show is what was asked, nothing overlaps or touches pyplot, files are whole."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from srinr.plotting import save_figure, show_convergence, show_errors, show_images, show_spectrum
from srinr.samples import FourierSamples
from srinr.status import SrinrError


def shown_data(figure):
    """Arrays of the figure's images, color bars excluded."""
    return [np.asarray(axis.images[0].get_array()) for axis in figure.axes if axis.images]


def text_boxes(figure):
    """Extents of all visible, non-empty texts after layout."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = []
    for axis in figure.axes:
        labels = [axis.title, axis.xaxis.label, axis.yaxis.label]
        for side in (axis.xaxis, axis.yaxis):
            low, high = sorted(side.get_view_interval())
            labels += [tick.label1 for tick in side.get_major_ticks() if low <= tick.get_loc() <= high]
        boxes += [t.get_window_extent(renderer) for t in labels if t.get_visible() and t.get_text()]
    return boxes


def assert_legible(figure):
    boxes = text_boxes(figure)
    assert boxes
    width, height = figure.bbox.width, figure.bbox.height
    for box in boxes:
        assert box.x0 >= -1
        assert box.y0 >= -1
        assert box.x1 <= width + 1
        assert box.y1 <= height + 1
    for i, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:i])


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    return [rng.random((24, 18)), 3 * rng.random((48, 36)), rng.random((24, 18)) - 1]


def test_images_share_one_scale_and_keep_their_values(images):
    figure = show_images(images, titles=["a", "b", "c"], unit="proton density")
    arrays = shown_data(figure)
    assert all(np.array_equal(a, b) for a, b in zip(arrays, images, strict=True))
    limits = {axis.images[0].get_clim() for axis in figure.axes if axis.images}
    assert limits == {(min(i.min() for i in images), max(i.max() for i in images))}
    assert figure.axes[-1].get_ylabel() == "proton density"
    assert_legible(figure)


def test_separate_scales_give_each_image_a_bar(images):
    figure = show_images(images, titles=["a", "b", "c"], common_scale=False, n_columns=2)
    assert len(figure.axes) == 6
    assert figure.axes[0].images[0].get_clim() == (images[0].min(), images[0].max())
    assert_legible(figure)


def test_long_titles_are_broken_into_lines(images):
    title = "zero filled, combined by the sensitivities of all coils, real part"
    figure = show_images(images, titles=[title] * 3)
    assert "\n" in figure.axes[0].get_title()
    assert_legible(figure)


def test_axis_zero_runs_down_and_pixels_sit_on_their_grid_points():
    image = np.zeros((4, 8))
    axis = show_images([image], titles=["t"]).axes[0]
    left, right, bottom, top = axis.images[0].get_extent()
    assert (left, right) == (-1 / 16, 1 - 1 / 16)
    assert (bottom, top) == (1 - 1 / 8, -1 / 8)
    assert axis.yaxis_inverted()
    assert axis.get_ylabel() == "$x_0$ (fields of view)"
    assert axis.get_box_aspect() == 0.5


def test_complex_images_need_a_part():
    image = np.array([[3 + 4j, 1], [0, 2j]])
    with pytest.raises(TypeError, match=r"part=np\.abs"):
        show_images([image], titles=["t"])
    assert np.array_equal(shown_data(show_images([image], titles=["t"], part=np.abs))[0], np.abs(image))


def test_clipping_is_shown_by_the_bar(images):
    figure = show_images(images[:1], titles=["t"], limits=(0.25, 0.75))
    assert figure.axes[0].images[0].colorbar.extend == "both"
    assert show_images(images[:1], titles=["t"]).axes[0].images[0].colorbar.extend == "neither"


def test_errors_are_signed_and_symmetric():
    reference = np.ones((6, 6), dtype=complex)
    image = reference.copy()
    image[0, 0] = -1.5
    figure = show_errors([image], reference, titles=["t"], part=np.abs, limit=0.75, unit="a.u.")
    assert shown_data(figure)[0][0, 0] == 0.5
    assert figure.axes[0].images[0].get_clim() == (-0.75, 0.75)
    assert figure.axes[-1].get_ylabel() == "error (a.u.)"
    assert_legible(figure)
    low, high = show_errors([reference.real], reference.real, titles=["t"]).axes[0].images[0].get_clim()
    assert low == -high < 0


def test_spectrum_places_coefficients_and_leaves_gaps_gray():
    samples = FourierSamples([[0, 0], [-1, 2]], [[3.0, 0.0], [4.0, 1e-3]])
    figure = show_spectrum(samples, decades=6)
    shown = figure.axes[0].images[0].get_array()
    assert shown.shape == (3, 5)
    assert shown[1, 2] == pytest.approx(np.log10(5.0))
    assert shown[0, 4] == pytest.approx(-3.0)
    assert np.ma.getmaskarray(shown).sum() == 13
    assert figure.axes[0].images[0].get_extent() == [-2.5, 2.5, 1.5, -1.5]
    assert_legible(figure)


def test_convergence_draws_every_curve_and_gaps_for_zeros():
    steps = np.arange(6)
    figure = show_convergence(
        {"objective": (steps, 0.1**steps), "validation": ([0, 5], [1.0, 0.0])}, ylabel="relative", title="fit"
    )
    lines = figure.axes[0].get_lines()
    assert [line.get_label() for line in lines] == ["objective", "validation"]
    assert np.isnan(lines[1].get_ydata()[1])
    assert len({(line.get_color(), line.get_linestyle()) for line in lines}) == 2
    assert_legible(figure)


def test_saving_is_atomic_and_keeps_the_old_file_on_failure(tmp_path, monkeypatch):
    figure = show_images([np.eye(3)], titles=["t"])
    path = tmp_path / "figure.png"
    save_figure(figure, path, dpi=50)
    before = path.read_bytes()
    assert before.startswith(b"\x89PNG")

    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(SrinrError, match="No space left"):
        save_figure(figure, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["figure.png"]


def test_unknown_formats_are_refused(tmp_path):
    with pytest.raises(ValueError, match="suffix"):
        save_figure(show_images([np.eye(3)], titles=["t"]), tmp_path / "figure.docx")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", ["pdf", "svg"])
def test_vector_formats_work(tmp_path, suffix):
    path = tmp_path / f"figure.{suffix}"
    save_figure(show_convergence({"a": ([0, 1], [1.0, 0.5])}), path)
    assert path.stat().st_size > 1000


def test_wrong_input_is_named(images):
    with pytest.raises(ValueError, match="one title per image"):
        show_images(images, titles=["a"])
    with pytest.raises(ValueError, match="'bad' must be a 2-D"):
        show_images([np.ones(3)], titles=["bad"])
    with pytest.raises(ValueError, match="'bad' contains NaN"):
        show_images([np.array([[np.nan]])], titles=["bad"])
    with pytest.raises(ValueError, match="increasing"):
        show_images(images, titles=list("abc"), limits=(1.0, 0.0))
    with pytest.raises(ValueError, match="n_columns"):
        show_images(images, titles=list("abc"), n_columns=0)
    with pytest.raises(ValueError, match="'b' has shape"):
        show_errors(images[:2], images[0], titles=["a", "b"])
    with pytest.raises(ValueError, match="limit must be"):
        show_errors(images[:1], images[0], titles=["a"], limit=-1.0)
    with pytest.raises(ValueError, match="2-D frequencies"):
        show_spectrum(FourierSamples([[0]], [1.0]))
    with pytest.raises(ValueError, match="decades"):
        show_spectrum(FourierSamples([[0, 0]], [1.0]), decades=0)
    with pytest.raises(ValueError, match="empty"):
        show_convergence({})
    with pytest.raises(ValueError, match="curve 'a'"):
        show_convergence({"a": ([0, 1], [1.0])})


def test_pyplot_is_never_imported():
    code = "import sys, srinr.plotting; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
