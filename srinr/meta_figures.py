"""Figures of meta-learning: adaptation curves, reconstructions after few steps, quality against an index.

The functions take arrays, so that any start and any way of learning it can be shown. Figures are made as in
:mod:`srinr.plotting`: without pyplot, colors told apart in gray scale and by color-blind readers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import ArrayLike, NDArray

from srinr.panels import common_bar, curve_panels, draw_panel, line_style, name_outer

Array = NDArray[np.float64]

_MARKERS = "osD^vPX"


def plot_adaptation(
    curves: Mapping[str, Mapping[str, ArrayLike]], *, steps: Sequence[int] | None = None, title: str = ""
) -> Figure:
    """PSNR over the steps of a training, one panel per family of images and one curve per start.

    Parameters
    ----------
    curves : mapping from panel title to a mapping from start to array (S + 1,) or (n, S + 1)
        PSNR in dB after 0..S steps; of several images the mean is drawn. Values that are not finite (a descent that
        diverged) leave a gap.
    steps : sequence of int, optional
        Steps (m,) after which the values (m,) or (n, m) were measured; drawn on a logarithmic axis with room for 0.
    title : str
        Above all panels.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        When there is no panel, no curve, or an array of another shape.

    Examples
    --------
    >>> figure = plot_adaptation({"faces": {"random": [5.0, 6.0], "learned": [9.0, 20.0]}})
    >>> len(figure.axes)
    1
    """
    panels = {
        name: {start: _mean_curve(start, values) for start, values in lines.items()}
        for name, lines in curves.items()
    }
    if not panels or not all(panels.values()):
        raise ValueError("curves must hold at least one panel with at least one curve")
    figure, axes = curve_panels(len(panels), 3.4, 3.0, bar_width=1.9)
    for index, (axis, (name, lines)) in enumerate(zip(axes, panels.items(), strict=True)):
        for j, (start, curve) in enumerate(lines.items()):
            style = line_style(j)
            drawn = np.where(np.isfinite(curve), curve, np.nan)
            x = np.arange(len(curve)) if steps is None else np.asarray(steps)
            if x.shape != curve.shape:
                raise ValueError(f"{start!r} has {len(curve)} values for {len(x)} steps")
            axis.plot(x, drawn, marker=_MARKERS[j % len(_MARKERS)], markersize=4, label=start, **style)
        axis.set_title(name, fontsize=10)
        axis.grid(alpha=0.3)
        if steps is None:
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        else:
            axis.set_xscale("symlog", linthresh=1)
            axis.set_xticks(list(steps), [str(step) for step in steps])
        name_outer(axis, index, len(panels), "steps", "PSNR (dB)")
    low, high = min(axis.get_ylim()[0] for axis in axes), max(axis.get_ylim()[1] for axis in axes)
    for axis in axes:
        axis.set_ylim(low, high)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", fontsize=8, frameon=False)
    figure.suptitle(title, fontsize=11)
    return figure


def show_adaptation(
    reconstructions: Mapping[str, Sequence[ArrayLike]], reference: ArrayLike, *, title: str = ""
) -> Figure:
    """Images after 0, 1, 2, ... steps, one row per start, the reference at the end of each row.

    Parameters
    ----------
    reconstructions : mapping from start to images (h, w)
        The same number for every start. PSNR (peak 1) is written under each.
    reference : array, shape (h, w)
        The image that is fitted.
    title : str
        Above all panels.

    Returns
    -------
    Figure
        One gray scale from 0 to 1; values beyond are clipped, which the color bar's arrows say.

    Raises
    ------
    ValueError
        When rows differ in length or an image in shape.

    Examples
    --------
    >>> figure = show_adaptation({"random": [np.zeros((4, 4)), np.eye(4)]}, np.eye(4))
    >>> len(figure.axes)
    4
    """
    truth = np.asarray(reference, dtype=np.float64)
    rows = {
        name: [np.asarray(i, dtype=np.float64) for i in images] for name, images in reconstructions.items()
    }
    counts = {len(images) for images in rows.values()}
    if truth.ndim != 2 or len(counts) != 1 or 0 in counts:
        raise ValueError(
            f"need a reference (h, w) and rows of one length, got {truth.shape} and lengths {sorted(counts)}"
        )
    if any(image.shape != truth.shape for images in rows.values() for image in images):
        raise ValueError(f"every image must have the shape {truth.shape} of the reference")
    n_columns = counts.pop() + 1
    figure = Figure(figsize=(1.45 * n_columns + 2.2, 1.75 * len(rows) + 0.6), layout="constrained")
    axes = []
    for row, (name, images) in enumerate(rows.items()):
        for column, image in enumerate([*images, truth]):
            axis = figure.add_subplot(len(rows), n_columns, row * n_columns + column + 1)
            shown = draw_panel(axis, image, "gray", 0.0, 1.0)
            axis.set(xticks=[], yticks=[], box_aspect=truth.shape[0] / truth.shape[1])
            last = column == n_columns - 1
            if row == 0:
                steps = "1 step" if column == 1 else f"{column} steps"
                axis.set_title("reference" if last else steps, fontsize=10)
            if column == 0:
                axis.set_ylabel(name, fontsize=9, rotation=0, ha="right", va="center")
            axis.set_xlabel("" if last else _decibels(image, truth), fontsize=8)
            axes.append(axis)
    everything = [image for images in rows.values() for image in images]
    low, high = min(i.min() for i in everything), max(i.max() for i in everything)
    extend = {(True, True): "both", (True, False): "min", (False, True): "max"}.get(
        (low < 0, high > 1), "neither"
    )
    common_bar(figure, axes, shown, "gray value", extend)
    figure.suptitle(title, fontsize=11)
    return figure


def plot_against_index(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    xlabel: str = "index of the eigenfunction",
    ylabel: str = "PSNR (dB)",
    title: str = "",
) -> Figure:
    """A quantity against a whole number, both known at the same places; figure 15.

    Parameters
    ----------
    curves : mapping from name to (indices (m,), values (m,))
        Indices count from 0; the axis shows them plus one on a logarithmic scale.
    xlabel, ylabel, title : str
        Labels; units belong into them.

    Returns
    -------
    Figure

    Examples
    --------
    >>> figure = plot_against_index({"seed 0": ([0, 9, 99], [40.0, 30.0, 10.0])})
    >>> figure.axes[0].get_xscale()
    'log'
    """
    if not curves:
        raise ValueError("curves must hold at least one curve")
    figure, (axis,) = curve_panels(1, 5.2, 3.4)
    for j, (name, (indices, values)) in enumerate(curves.items()):
        x, y = np.asarray(indices, dtype=np.float64), np.asarray(values, dtype=np.float64)
        if x.ndim != 1 or x.shape != y.shape:
            raise ValueError(f"{name!r}: indices and values must be (m,) both, got {x.shape} and {y.shape}")
        axis.plot(x + 1, y, marker=_MARKERS[j % len(_MARKERS)], markersize=4, label=name, **line_style(j))
    axis.set_xscale("log")
    axis.set_xlabel(f"{xlabel} (the first is 1)", fontsize=9)
    axis.set_ylabel(ylabel, fontsize=9)
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    axis.set_title(title, fontsize=10)
    return figure


def _mean_curve(name: str, values: ArrayLike) -> Array:
    curve = np.asarray(values, dtype=np.float64)
    if curve.ndim not in (1, 2) or curve.size == 0:
        raise ValueError(f"{name!r} must have shape (S + 1,) or (n, S + 1), got {curve.shape}")
    return curve if curve.ndim == 1 else curve.mean(axis=0)


def _decibels(image: Array, truth: Array) -> str:
    error = float(np.square(image - truth).mean())
    return "exact" if error == 0 else f"{-10 * np.log10(error):.1f} dB"
