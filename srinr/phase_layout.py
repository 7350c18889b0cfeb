"""Where the cells of a phase diagram lie on the page."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srinr.phase_diagram import PhaseDiagram
from srinr.sweep_cells import Scalar

Vector = NDArray[np.float64]

_LABELS = {
    "cutoff": "cutoff $K$ (cycles per field of view)",
    "n_neurons": "width of the teacher $s$ (neurons)",
    "max_frequency": "max_frequency $K_0$ (cycles per field of view)",
}


@dataclass(frozen=True)
class CellLayout:
    """Where cells lie: values, centers and edges of both axes, and the order of the axes in the arrays."""

    columns: tuple[Scalar, ...]
    rows: tuple[Scalar, ...]
    x: Vector
    y: Vector
    labels: tuple[str, str]
    is_transposed: bool
    shape: tuple[int, int]
    is_numeric: bool

    def arrange(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """Counts as (rows, columns)."""
        flat = values.reshape(self.shape)
        return flat.T if self.is_transposed else flat


def cell_layout(diagram: PhaseDiagram, x: str, y: str, xlabel: str | None, ylabel: str | None) -> CellLayout:
    axes = diagram.axes
    for what, name in (("x", x), ("y", y)):
        if name not in axes:
            raise ValueError(f"{what}={name!r} is no axis of the diagram, which has {list(axes)}")
    if x == y:
        raise ValueError(f"x and y must differ, got {x!r} twice")
    if several := [name for name, values in axes.items() if name not in (x, y) and len(values) > 1]:
        raise ValueError(
            f"the axes {several} have several values: fix them by diagram.select({several[0]}=...)"
        )
    order = [name for name in axes if name in (x, y)]
    return CellLayout(
        axes[x],
        axes[y],
        _centers(axes[x]),
        _centers(axes[y]),
        (xlabel or _LABELS.get(x, x), ylabel or _LABELS.get(y, y)),
        order == [x, y],
        (len(axes[order[0]]), len(axes[order[1]])),
        all(_is_numeric(axes[name]) for name in (x, y)),
    )


def _is_numeric(values: tuple[Scalar, ...]) -> bool:
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)


def _centers(values: tuple[Scalar, ...]) -> Vector:
    """Positions on the page: the values, or their indices when they are not numbers."""
    return np.array(values if _is_numeric(values) else range(len(values)), dtype=np.float64)


def cell_edges(centers: Vector) -> Vector:
    if len(centers) == 1:
        return centers[0] + np.array([-0.5, 0.5])
    middle = (centers[1:] + centers[:-1]) / 2
    return np.concatenate([[2 * centers[0] - middle[0]], middle, [2 * centers[-1] - middle[-1]]])
