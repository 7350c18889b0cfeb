"""Figures of phase diagrams: success probability over two axes, and several verdicts side by side.

Every function returns a figure as those of :mod:`srinr.plotting` do. What is not known is seen not to be known:
combinations without a trial are hatched, cells whose trials are all undecided are crossed, and cells with few
trials are dotted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from numpy.typing import ArrayLike, NDArray

from srinr.phase_counts import Predicate, SuccessCounts
from srinr.phase_diagram import PhaseDiagram
from srinr.phase_layout import CellLayout, cell_edges, cell_layout

Vector = NDArray[np.float64]
#: The values on the other axis where a line is drawn, for each value of the vertical axis (or as an array).
Line = Callable[[Vector], ArrayLike] | ArrayLike

_MAX_WRITTEN = 200
_LINE: dict[str, Any] = {"color": "#D55E00", "linewidth": 2.0, "linestyle": "--"}
_NO_TRIAL: dict[str, Any] = {"facecolor": "0.93", "edgecolor": "0.6", "hatch": "////", "linewidth": 0.0}
_UNDECIDED: dict[str, Any] = {"facecolor": "white", "edgecolor": "0.55", "hatch": "xx", "linewidth": 0.0}
_FEW: dict[str, Any] = {"facecolor": "none", "edgecolor": "#CC79A7", "hatch": "..", "linewidth": 0.0}


def show_phase_diagram(
    diagram: PhaseDiagram,
    success: Predicate,
    *,
    x: str = "cutoff",
    y: str = "n_neurons",
    line: Line | None = None,
    line_label: str = "conjecture",
    title: str = "",
    xlabel: str | None = None,
    ylabel: str | None = None,
    few: int = 3,
    confidence: float = 0.95,
    ax: Axes | None = None,
) -> Figure:
    """Draw the probability of success over two axes of a sweep.

    Parameters
    ----------
    diagram : PhaseDiagram
        With the axes ``x`` and ``y``; others must have one value (see :meth:`PhaseDiagram.select`).
    success : callable
        Called with what a trial returned; true, false, or None for undecided.
    x, y : str
        Names of the horizontal and the vertical axis.
    line : callable or array, optional
        Drawn over the cells: x for each value of y, e.g. ``lambda s: (2 * s + 1) * 2``. Needs numeric axes.
    line_label, title, xlabel, ylabel : str
        Words. Axis labels have units for the names used in this library, and are the names otherwise.
    few : int, default 3
        In diagrams of more than 200 cells, those with fewer counted trials are dotted.
    confidence : float, default 0.95
        Of the Wilson intervals, whose largest half width is written below the title; successes among trials
        are written into the cells when there are at most 200.
    ax : Axes, optional
        Draw there instead of into a new figure (then without color bar).

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        Names that are no axes, or further axes with several values.

    Examples
    --------
    >>> from srinr.phase_diagram import phase_diagram
    >>> from srinr.sweep_trials import Row, TrialStatus
    >>> cells = [{"n_neurons": s, "cutoff": k} for s in (1, 2) for k in (2, 6, 10)]
    >>> rows = [Row(c, 0, TrialStatus.DONE, float(c["cutoff"] < 4 * c["n_neurons"])) for c in cells]
    >>> figure = show_phase_diagram(
    ...     phase_diagram(cells, 1, rows), lambda error: error < 0.5, line=lambda s: (2 * s + 1) * 2
    ... )
    >>> figure.axes[0].get_xlabel()
    'cutoff $K$ (cycles per field of view)'
    """
    layout = cell_layout(diagram, x, y, xlabel, ylabel)
    figure, axis = (_figure(layout, 1), None) if ax is None else (ax.get_figure(root=True), ax)
    if figure is None:
        raise ValueError("ax belongs to no figure")
    axis = figure.add_subplot() if axis is None else axis
    counts = diagram.success(success)
    mesh = _draw(axis, counts, layout, few)
    axis.set_title("\n".join(text for text in (title, _uncertainty(counts, confidence)) if text), fontsize=10)
    _name(axis, layout, is_left=True)
    _draw_line(axis, layout, line, line_label)
    _legend(figure, axis, [counts], layout, few)
    if ax is None:
        figure.colorbar(mesh, ax=axis, label="fraction of trials", fraction=0.05, pad=0.02)
    return figure


def show_verdicts(
    diagram: PhaseDiagram,
    verdicts: Mapping[str, Predicate],
    *,
    x: str = "cutoff",
    y: str = "n_neurons",
    line: Line | None = None,
    line_label: str = "conjecture",
    title: str = "",
    xlabel: str | None = None,
    ylabel: str | None = None,
    few: int = 3,
) -> Figure:
    """Draw several questions about the same trials side by side on one scale.

    Parameters
    ----------
    diagram : PhaseDiagram
        With the axes ``x`` and ``y``; others must have one value.
    verdicts : mapping of str to callable
        Titles of the panels and their predicates, e.g. recovered, certified, refuted, undecided. "The solver
        found the teacher" and "the teacher solves the convex problem" are two questions.
    x, y : str
        Names of the horizontal and the vertical axis.
    line : callable or array, optional
        Drawn over the cells of every panel, see :func:`show_phase_diagram`.
    line_label, title, xlabel, ylabel : str
        Words.
    few : int, default 3
        In diagrams of more than 200 cells, those with fewer counted trials are dotted.

    Returns
    -------
    Figure
    """
    if not verdicts:
        raise ValueError("verdicts is empty: pass at least one title with its predicate")
    layout = cell_layout(diagram, x, y, xlabel, ylabel)
    figure = _figure(layout, len(verdicts))
    first: Axes | None = None
    axes, found = [], []
    for index, (name, predicate) in enumerate(verdicts.items()):
        axis = figure.add_subplot(1, len(verdicts), index + 1, sharex=first, sharey=first)
        first = first or axis
        counts = diagram.success(predicate)
        mesh = _draw(axis, counts, layout, few)
        axis.set_title(name, fontsize=10)
        _name(axis, layout, is_left=index == 0)
        _draw_line(axis, layout, line, line_label)
        axes.append(axis)
        found.append(counts)
    figure.suptitle(title, fontsize=11)
    _legend(figure, axes[0], found, layout, few)
    figure.colorbar(mesh, ax=axes, label="fraction of trials", fraction=0.05, pad=0.02)
    return figure


def _figure(layout: CellLayout, n_panels: int) -> Figure:
    width = float(np.clip(0.38 * len(layout.x), 2.6, 9.0 if n_panels == 1 else 4.2))
    height = float(np.clip(0.34 * len(layout.y), 2.2, 6.0))
    return Figure(figsize=(width * n_panels + 2.0, height + 1.5), layout="constrained")


def _draw(axis: Axes, counts: SuccessCounts, layout: CellLayout, few: int) -> QuadMesh:
    probability = np.ma.masked_invalid(layout.arrange(counts.probability).astype(np.float64))
    mesh = axis.pcolormesh(
        cell_edges(layout.x), cell_edges(layout.y), probability, cmap="cividis", vmin=0, vmax=1,
        edgecolors="white", linewidth=0.4,
    )  # fmt: skip
    n_trials, unknown, scarce = (layout.arrange(mask) for mask in _masks(counts, few))
    _cover(axis, layout, n_trials, _NO_TRIAL)
    _cover(axis, layout, unknown, _UNDECIDED)
    if _is_written(layout):
        _write(axis, counts, layout)
    else:
        _cover(axis, layout, scarce, _FEW)
    return mesh


def _masks(counts: SuccessCounts, few: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Cells without a trial, with undecided ones only, and with fewer than ``few`` that count."""
    n_run = counts.n_trials + counts.n_undecided
    return n_run == 0, (counts.n_trials == 0) & (n_run > 0), (counts.n_trials > 0) & (counts.n_trials < few)


def _is_written(layout: CellLayout) -> bool:
    return layout.x.size * layout.y.size <= _MAX_WRITTEN


def _cover(axis: Axes, layout: CellLayout, mask: NDArray[np.generic], style: Mapping[str, Any]) -> None:
    columns, rows = cell_edges(layout.x), cell_edges(layout.y)
    for i, j in np.argwhere(mask):
        size = (columns[j + 1] - columns[j], rows[i + 1] - rows[i])
        axis.add_patch(Rectangle((columns[j], rows[i]), *size, **style))


def _write(axis: Axes, counts: SuccessCounts, layout: CellLayout) -> None:
    successes, trials = layout.arrange(counts.n_success), layout.arrange(counts.n_trials)
    for i, y in enumerate(layout.y):
        for j, x in enumerate(layout.x):
            if trials[i, j]:
                color = "black" if successes[i, j] > 0.55 * trials[i, j] else "white"
                text = f"{successes[i, j]}/{trials[i, j]}"
                axis.text(x, y, text, ha="center", va="center", fontsize=6, color=color)


def _uncertainty(counts: SuccessCounts, confidence: float) -> str:
    low, high = counts.interval(confidence)
    counted = counts.n_trials > 0
    if not counted.any():
        return ""
    widest = float(((high - low) / 2)[counted].max())
    return f"{100 * confidence:g} % Wilson intervals: at most $\\pm${widest:.2f}"


def _name(axis: Axes, layout: CellLayout, *, is_left: bool) -> None:
    axis.set_xlabel(layout.labels[0], fontsize=9)
    axis.set_ylabel(layout.labels[1] if is_left else "", fontsize=9)
    axis.set_xticks(layout.x, [str(value) for value in layout.columns])
    axis.set_yticks(layout.y, [str(value) for value in layout.rows])
    axis.tick_params(labelsize=7, labelleft=is_left, length=2)


def _draw_line(axis: Axes, layout: CellLayout, line: Line | None, label: str) -> None:
    if line is None:
        return
    if not layout.is_numeric:
        raise ValueError("line needs numbers on both axes")
    # Up to the outer edges, if it is a function; an array has one value for each value of the axis.
    edges = cell_edges(layout.y)
    y = np.linspace(edges[0], edges[-1], 101) if callable(line) else layout.y
    x = np.asarray(line(y) if callable(line) else line, dtype=np.float64)
    if x.shape != y.shape:
        raise ValueError(
            f"line must give one number for each of the {len(y)} values of y, got shape {x.shape}"
        )
    limits = axis.get_xlim(), axis.get_ylim()
    axis.plot(x, y, label=label, **_LINE)
    axis.set_xlim(limits[0])
    axis.set_ylim(limits[1])


def _legend(figure: Figure, axis: Axes, found: list[SuccessCounts], layout: CellLayout, few: int) -> None:
    masks = [any(_masks(counts, few)[kind].any() for counts in found) for kind in range(3)]
    words = ("no trial", "undecided only", f"fewer than {few} trials")
    handles: list[Line2D | Patch] = list(axis.get_lines())
    masks[2] &= not _is_written(layout)
    for is_there, word, style in zip(masks, words, (_NO_TRIAL, _UNDECIDED, _FEW), strict=True):
        if is_there:
            handles.append(Patch(label=word, **style))
    if handles and not figure.legends:
        figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
