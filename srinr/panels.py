"""Layout of panels, used by the figures of :mod:`srinr.plotting` and its neighbors."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

#: Turns a complex array into what is shown, e.g. ``np.abs``, ``np.angle``, ``np.real``.
Part = Callable[[NDArray[Any]], NDArray[Any]]

_PANEL_INCHES = 3.0
_COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000")
_DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1)))


def real_panels(
    images: Sequence[ArrayLike], titles: Sequence[str], part: Part | None
) -> list[NDArray[np.float64]]:
    """Return the real 2-D arrays to draw."""
    if len(images) == 0 or len(images) != len(titles):
        raise ValueError(f"expected one title per image, got {len(images)} images and {len(titles)} titles")
    panels = []
    for title, image in zip(titles, images, strict=True):
        array = np.asarray(image)
        array = array if part is None else np.asarray(part(array))
        if array.dtype.kind == "c":
            raise TypeError(f"image {title!r} is complex; pass part=np.abs, np.angle, np.real or np.imag")
        if array.ndim != 2 or array.size == 0:
            raise ValueError(f"image {title!r} must be a 2-D array, got shape {array.shape}")
        if not np.isfinite(array).all():
            raise ValueError(f"image {title!r} contains NaN or infinite entries")
        panels.append(array.astype(np.float64))
    return panels


def widened(low: float, high: float) -> tuple[float, float]:
    """A scale of positive length, also for constant images."""
    return (float(low), float(high)) if high > low else (float(low) - 0.5, float(high) + 0.5)


def bar_extend(panels: list[NDArray[np.float64]], low: float, high: float) -> str:
    below, above = min(p.min() for p in panels) < low, max(p.max() for p in panels) > high
    return {(True, True): "both", (True, False): "min", (False, True): "max"}.get((below, above), "neither")


def panel_figure(
    panels: list[NDArray[np.float64]], titles: Sequence[str], n_columns: int, one_bar: bool
) -> tuple[Figure, list[Axes]]:
    """A figure with one labeled axis per panel; only outer axes carry labels."""
    if n_columns < 1:
        raise ValueError(f"n_columns must be at least 1, got {n_columns}")
    columns = min(n_columns, len(panels))
    rows = -(-len(panels) // columns)
    aspect = max(panels, key=lambda panel: panel.size).shape
    stretch = float(np.sqrt(np.clip(aspect[0] / aspect[1], 0.25, 4.0)))
    width = _PANEL_INCHES / stretch * columns + (1.3 if one_bar else 0.9 * columns + 0.4)
    wrapped = [textwrap.fill(title, max(8, int(12 * _PANEL_INCHES / stretch))) for title in titles]
    n_lines = 1 + max(title.count("\n") for title in wrapped)
    height = (_PANEL_INCHES * stretch + 0.15 + 0.2 * n_lines) * rows + 0.3
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = []
    for i, title in enumerate(wrapped):
        axis = figure.add_subplot(rows, columns, i + 1)
        axis.set_title(title, fontsize=10)
        # All panels show one field of view; the finest grid says what is square on the page.
        axis.set_box_aspect(aspect[0] / aspect[1])
        axis.set_xticks([0.0, 0.5])
        axis.set_yticks([0.0, 0.5])
        axis.tick_params(labelsize=8)
        is_lowest, is_first = i + columns >= len(panels), i % columns == 0
        axis.tick_params(labelbottom=is_lowest, labelleft=is_first)
        axis.set_xlabel("$x_1$ (fields of view)" if is_lowest else "", fontsize=9)
        axis.set_ylabel("$x_0$ (fields of view)" if is_first else "", fontsize=9)
        axes.append(axis)
    return figure, axes


def draw_panel(axis: Axes, panel: NDArray[np.float64], cmap: str, low: float, high: float) -> ScalarMappable:
    """Draw pixels centered on their grid points."""
    rows, columns = panel.shape
    extent = (-0.5 / columns, 1 - 0.5 / columns, 1 - 0.5 / rows, -0.5 / rows)
    interpolation = "antialiased" if min(panel.shape) > 64 else "nearest"
    return axis.imshow(
        panel, cmap=cmap, vmin=low, vmax=high, extent=extent, interpolation=interpolation, aspect="auto"
    )


def common_bar(figure: Figure, axes: list[Axes], shown: ScalarMappable, label: str, extend: str) -> None:
    bar = figure.colorbar(shown, ax=axes, label=label, extend=extend, fraction=0.05, pad=0.02)
    bar.ax.tick_params(labelsize=8)


def line_style(index: int) -> dict[str, Any]:
    """Color and dashes of a curve: told apart in gray scale and by color-blind readers."""
    return {"color": _COLORS[index % 5], "linestyle": _DASHES[(index + index // 5) % 5]}


def curve_panels(
    n: int, width: float, height: float, *, bar_width: float = 0.0, label_height: float = 0.0
) -> tuple[Figure, list[Axes]]:
    """A figure of ``n`` axes of a size in inches, three in a row; room for a color bar or a legend beside them."""
    columns = min(3, n)
    rows = -(-n // columns)
    size = (width * columns + 0.8 + bar_width, (height + 0.35) * rows + 0.4 + label_height)
    figure = Figure(figsize=size, layout="constrained")
    return figure, [figure.add_subplot(rows, columns, i + 1) for i in range(n)]


def name_outer(axis: Axes, index: int, n: int, xlabel: str, ylabel: str) -> None:
    """Labels on the outer ones of :func:`curve_panels` only."""
    columns = min(3, n)
    is_lowest, is_first = index + columns >= n, index % columns == 0
    axis.tick_params(labelsize=8, labelbottom=is_lowest, labelleft=is_first)
    axis.set_xlabel(xlabel if is_lowest else "", fontsize=9)
    axis.set_ylabel(ylabel if is_first else "", fontsize=9)
