"""Pictures of measures over neurons: the neurons themselves, and how a solver came to them.

Every function returns a figure as those of :mod:`srinr.plotting` do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from srinr.domain import Grid
from srinr.encodings.base import Encoding
from srinr.measures import DiscreteMeasure
from srinr.panels import line_style
from srinr.plotting import show_images

Vector = NDArray[np.float64]

_MAX_PANELS = 12
_NEURON = r"$[\langle w, \gamma(x) \rangle]_+$ with $|w| = 1$"


class StepRecord(Protocol):
    """What :func:`show_gap_history` reads of one step of a solver."""

    @property
    def step(self) -> int:
        """Number of the step."""
        ...

    @property
    def objective(self) -> float:
        """Primal value."""
        ...

    @property
    def dual_bound(self) -> float:
        """Lower bound; minus infinity when there is none."""
        ...

    @property
    def relative_residual(self) -> float:
        """``|A mu - y| / |y|``."""
        ...


def show_atoms(measure: DiscreteMeasure, encoding: Encoding, grid: Grid, *, n_columns: int = 4) -> Figure:
    """Draw the rectified polynomials ``relu(<w, gamma>)``, ``|w| = 1``, of the neurons on one scale.

    Parameters
    ----------
    measure : DiscreteMeasure
        The 12 neurons of largest amplitude are drawn, largest first.
    encoding : Encoding
        Features of the neurons.
    grid : Grid
        Where they are evaluated. In 1-D they are drawn as curves, in 3-D as the middle slice of the first axis.
    n_columns : int, default 4
        Panels per row at most.

    Returns
    -------
    Figure

    Raises
    ------
    ValueError
        A measure without atoms; an encoding that does not go with the measure or the grid.

    Examples
    --------
    >>> from srinr import FourierFeatures
    >>> encoding = FourierFeatures.lattice(max_frequency=1, dim=2)
    >>> measure = DiscreteMeasure(np.eye(9)[:2], [1.0, -2.0])
    >>> figure = show_atoms(measure, encoding, Grid(16, dim=2))
    >>> figure.axes[0].get_title()
    'amplitude -2'
    """
    unit = measure.normalized()
    if encoding.dim != grid.dim or measure.atoms.shape[1] != encoding.n_features:
        raise ValueError(
            f"atoms of {measure.atoms.shape[1]} features, an encoding with {encoding.n_features} of dimension "
            f"{encoding.dim} and the grid {grid.shape} do not go together"
        )
    if not unit.n_atoms:
        raise ValueError("the measure has no atom of positive length: there is nothing to draw")
    order = np.argsort(-np.abs(unit.amplitudes), kind="stable")[:_MAX_PANELS]
    with torch.no_grad():
        flat = encoding.linear_on_grid(torch.from_numpy(unit.atoms[order]), grid).clamp_min(0).numpy()
    images = flat.reshape(len(order), *grid.shape)
    titles = [f"amplitude {a:.4g}" for a in unit.amplitudes[order]]
    note = f"the {len(order)} largest of {unit.n_atoms} neurons" if unit.n_atoms > len(order) else ""
    if grid.dim == 1:
        return _atom_curves(grid.axes[0], images, titles, note)
    if grid.dim > 2:
        images = images[:, grid.shape[0] // 2]
    figure = show_images(list(images), titles=titles, unit=_NEURON, n_columns=n_columns)
    if note:
        figure.suptitle(note, fontsize=11)
    return figure


def show_gap_history(history: Sequence[StepRecord]) -> Figure:
    """Draw objective and dual bound of a solver over its steps; below, the gap and the residual.

    Parameters
    ----------
    history : sequence of records
        As in ``Solution.history``: step, objective, dual_bound, relative_residual.

    Returns
    -------
    Figure
        The upper axis is logarithmic when its values span a factor of ten, the lower one always; what is not
        positive leaves gaps there. The gap ``(objective - bound) / objective``
        of a step means little while its residual is large: the objective may then lie below the minimum.
    """
    if not history:
        raise ValueError("history is empty: pass the records of a solution, e.g. solution.history")
    steps = np.array([record.step for record in history], dtype=np.float64)
    objective = np.array([record.objective for record in history], dtype=np.float64)
    bound = np.array([record.dual_bound for record in history], dtype=np.float64)
    residual = np.array([record.relative_residual for record in history], dtype=np.float64)
    figure = Figure(figsize=(6.0, 5.4), layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        gap = (objective - bound) / np.abs(objective)
    values = np.abs(np.concatenate([objective, bound[np.isfinite(bound)]]))
    is_wide = values.min() * 10 < values.max()
    _curves(upper, steps, {"objective": objective, "dual bound": bound}, is_log=bool(is_wide))
    _curves(lower, steps, {"gap (objective - bound) / objective": gap, "residual |Aμ - y| / |y|": residual},
            is_log=True)  # fmt: skip
    upper.set_ylabel("value")
    lower.set_ylabel("relative value")
    lower.set_xlabel("step")
    return figure


def _atom_curves(x: Vector, images: Vector, titles: Sequence[str], note: str) -> Figure:
    figure = Figure(figsize=(6.0, 3.8), layout="constrained")
    axis = figure.add_subplot()
    for i, (image, title) in enumerate(zip(images, titles, strict=True)):
        axis.plot(x, image, linewidth=1.4, label=title, **line_style(i))
    axis.set_xlabel("$x$ (fields of view)")
    axis.set_ylabel(_NEURON)
    axis.set_title(note, fontsize=11)
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    return figure


def _curves(axis: Axes, steps: Vector, curves: dict[str, Vector], *, is_log: bool) -> None:
    for i, (name, values) in enumerate(curves.items()):
        drawn = np.where(np.isfinite(values) & ((values > 0) | (not is_log)), values, np.nan)
        axis.plot(steps, drawn, linewidth=1.6, marker="o", markersize=3, label=name, **line_style(i))
    axis.set_yscale("log" if is_log else "linear")
    axis.grid(True, which="major", color="0.88", linewidth=0.8)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, loc="best", fontsize=9)
