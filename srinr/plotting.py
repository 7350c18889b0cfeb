"""Figures: image panels, error maps, spectra and convergence.

Every function returns a matplotlib ``Figure`` that belongs to no window and touches no global state (no
pyplot, no backend), so that it works on a server, in threads and in a notebook alike. Axis 0 of an array runs
down the rows, as in a matrix. Color maps keep their order in gray scale and for color-blind readers.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from srinr.files import atomic_path
from srinr.panels import (
    Part,
    bar_extend,
    common_bar,
    draw_panel,
    panel_figure,
    real_panels,
    widened,
)
from srinr.samples import FourierSamples

_STYLES = (
    ("#0072B2", "-"),
    ("#D55E00", "--"),
    ("#009E73", "-."),
    ("#CC79A7", ":"),
    ("#000000", (0, (5, 1, 1, 1))),
)


def show_images(
    images: Sequence[ArrayLike],
    *,
    titles: Sequence[str],
    unit: str = "arbitrary unit",
    part: Part | None = None,
    limits: tuple[float, float] | None = None,
    common_scale: bool = True,
    n_columns: int = 4,
) -> Figure:
    """Show images side by side in gray.

    Parameters
    ----------
    images : sequence of 2-D arrays
        They may differ in resolution: each covers one field of view.
    titles : sequence of str
        One per image.
    unit : str
        Label of the color bar.
    part : callable, optional
        Applied to every image, e.g. ``np.abs``; needed for complex images.
    limits : tuple of two floats, optional
        Values shown black and white; the range of the images by default. Values beyond are clipped, which
        the color bar's arrows show.
    common_scale : bool, default True
        One gray scale for all images; False scales each to its own range.
    n_columns : int, default 4
        Panels per row at most.

    Returns
    -------
    Figure

    Examples
    --------
    >>> figure = show_images([np.eye(8), np.ones((4, 4))], titles=["identity", "ones"])
    >>> len(figure.axes)
    3
    """
    panels = real_panels(images, titles, part)
    if limits is not None and not limits[0] < limits[1]:
        raise ValueError(f"limits must be increasing, got {limits!r}")
    if limits is None and common_scale:
        limits = widened(min(p.min() for p in panels), max(p.max() for p in panels))
    figure, axes = panel_figure(panels, titles, n_columns, one_bar=limits is not None)
    shown = []
    for axis, panel in zip(axes, panels, strict=True):
        low, high = limits or widened(panel.min(), panel.max())
        shown.append(draw_panel(axis, panel, "gray", low, high))
        if limits is None:
            common_bar(figure, [axis], shown[-1], unit, "neither")
    if limits is not None:
        common_bar(figure, axes, shown[0], unit, bar_extend(panels, *limits))
    return figure


def show_errors(
    images: Sequence[ArrayLike],
    reference: ArrayLike,
    *,
    titles: Sequence[str],
    unit: str = "arbitrary unit",
    part: Part | None = None,
    limit: float | None = None,
    n_columns: int = 4,
) -> Figure:
    """Show signed errors, image minus reference, in two hues around a neutral zero.

    Parameters
    ----------
    images : sequence of 2-D arrays
        On the grid of the reference.
    reference : 2-D array
        What is subtracted.
    titles : sequence of str
        One per image.
    unit : str
        Label of the color bar.
    part : callable, optional
        Applied to image and reference *before* the subtraction, e.g. ``np.abs``; needed for complex images.
    limit : float, optional
        Error at the ends of the symmetric color scale; by default the 99.5th percentile of all errors'
        magnitudes, so that a few pixels at edges do not hide the rest (arrows on the bar show clipping).
    n_columns : int, default 4
        Panels per row at most.

    Returns
    -------
    Figure
    """
    (truth,) = real_panels([reference], ["reference"], part)
    panels = real_panels(images, titles, part)
    for panel, title in zip(panels, titles, strict=True):
        if panel.shape != truth.shape:
            raise ValueError(f"image {title!r} has shape {panel.shape}, the reference {truth.shape}")
    errors = [panel - truth for panel in panels]
    if limit is None:
        sizes = np.abs(np.stack(errors))
        limit = float(np.percentile(sizes, 99.5)) or float(sizes.max()) or 1.0
    if not limit > 0:
        raise ValueError(f"limit must be positive, got {limit!r}")
    figure, axes = panel_figure(errors, titles, n_columns, one_bar=True)
    shown = [draw_panel(axis, e, "RdBu_r", -limit, limit) for axis, e in zip(axes, errors, strict=True)]
    common_bar(figure, axes, shown[0], f"error ({unit})", bar_extend(errors, -limit, limit))
    return figure


def show_spectrum(samples: FourierSamples, *, decades: float = 6.0, title: str = "") -> Figure:
    """Show the magnitude of 2-D Fourier samples on a logarithmic scale.

    Parameters
    ----------
    samples : FourierSamples
        Integer 2-D frequencies. Leading axes (coils) are combined by the root of the sum of squares.
        Positions without a sample are left gray.
    decades : float, default 6
        Range of the color scale below the largest magnitude; smaller values are clipped.
    title : str
        Drawn above the axes.

    Returns
    -------
    Figure
    """
    if samples.dim != 2 or not samples.is_integer:
        raise ValueError(f"show_spectrum needs integer 2-D frequencies, got dimension {samples.dim}")
    if not decades > 0:
        raise ValueError(f"decades must be positive, got {decades!r}")
    half = np.abs(samples.frequencies).max(axis=0)
    index = tuple((samples.frequencies + half).T)
    box = np.full(tuple(int(n) for n in 2 * half + 1), np.nan)
    box[index] = np.sqrt((np.abs(samples.values.reshape(-1, samples.n_samples)) ** 2).sum(axis=0))
    largest = float(np.nanmax(box)) or 1.0
    top = float(np.log10(largest))
    box = np.log10(np.maximum(box, largest * 10.0 ** (-decades - 1)))
    figure = Figure(figsize=(5.2, 4.4), layout="constrained")
    axis = figure.add_subplot()
    axis.set_facecolor("0.8")
    extent = (-half[1] - 0.5, half[1] + 0.5, half[0] + 0.5, -half[0] - 0.5)
    shown = axis.imshow(
        box, cmap="viridis", vmin=top - decades, vmax=top, extent=extent, interpolation="nearest"
    )
    axis.set_xlabel("$k_1$ (cycles per field of view)")
    axis.set_ylabel("$k_0$ (cycles per field of view)")
    axis.set_title(title)
    clipped = bool(np.nanmin(box) < top - decades)
    figure.colorbar(
        shown, ax=axis, label=r"$\log_{10}$ |coefficient|", extend="min" if clipped else "neither"
    )
    return figure


def show_convergence(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]], *, ylabel: str = "value", title: str = ""
) -> Figure:
    """Show how figures of an iteration fall, on a logarithmic axis.

    Parameters
    ----------
    curves : mapping from name to (steps, values)
        Steps may differ from curve to curve (a validation is measured less often). Values that are not
        positive cannot be drawn on the axis; they leave gaps.
    ylabel, title : str
        Name what is shown, and its unit.

    Returns
    -------
    Figure

    Examples
    --------
    >>> steps = np.arange(5)
    >>> figure = show_convergence({"objective": (steps, 0.5**steps)})
    >>> figure.axes[0].get_yscale()
    'log'
    """
    if not curves:
        raise ValueError("curves is empty: pass at least one name: (steps, values)")
    figure = Figure(figsize=(6.0, 3.8), layout="constrained")
    axis = figure.add_subplot()
    for i, (name, (steps, values)) in enumerate(curves.items()):
        x, y = np.asarray(steps, dtype=np.float64), np.asarray(values, dtype=np.float64)
        if x.ndim != 1 or x.shape != y.shape:
            raise ValueError(
                f"curve {name!r}: steps and values must be 1-D of one length, got {x.shape}, {y.shape}"
            )
        color, style = _STYLES[i % len(_STYLES)]
        drawn = np.where(y > 0, y, np.nan)
        marker = "o" if len(x) <= 40 else None
        axis.plot(
            x, drawn, color=color, linestyle=style, linewidth=1.6, marker=marker, markersize=3, label=name
        )
    axis.set_yscale("log")
    axis.set_xlabel("step")
    axis.set_ylabel(ylabel)
    axis.set_title(title)
    axis.grid(True, which="major", color="0.88", linewidth=0.8)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, loc="best")
    return figure


def save_figure(figure: Figure, path: str | os.PathLike[str], *, dpi: int = 150) -> None:
    """Write a figure in the format of the path's suffix (png, pdf, svg, ...), atomically.

    Raises
    ------
    ValueError
        A suffix that matplotlib cannot write.
    SrinrError
        The file cannot be written.
    """
    suffix = Path(path).suffix.lstrip(".").lower()
    known = figure.canvas.get_supported_filetypes()
    if suffix not in known:
        raise ValueError(f"{path}: the suffix must be one of {', '.join(sorted(known))}")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, format=suffix, dpi=dpi)
