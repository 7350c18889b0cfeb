"""What an encoding is: a value that turns points into features."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.domain import Grid

Rows = tuple[int, int]


@runtime_checkable
class Encoding(Protocol):
    """Features of points, ``gamma: [0,1)^d -> R^D``.

    ``linear_on_grid`` is the door for encodings that can evaluate a linear layer on a whole grid faster than
    by forming the features.
    """

    @property
    def dim(self) -> int:
        """Dimension d of the points."""
        ...

    @property
    def n_features(self) -> int:
        """Number D of features."""
        ...

    @property
    def frequencies(self) -> NDArray[np.float64] | None:
        """Frequencies (n, d) of the features in cycles per field of view; None when there are none."""
        ...

    def features(self, points: torch.Tensor) -> torch.Tensor:
        """Features (n, D) at points (n, d)."""
        ...

    def linear_on_grid(self, weight: torch.Tensor, grid: Grid, rows: Rows | None = None) -> torch.Tensor:
        """``weight @ gamma`` on a grid, shape (P, n_points), optionally for some rows of the first axis."""
        ...

    def spec(self) -> dict[str, Any]:
        """JSON description from which the encoding can be rebuilt."""
        ...


def grid_points(grid: Grid, rows: Rows | None, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Points of a grid (or of some rows of its first axis) as a tensor (n, d), C order."""
    axes = [torch.from_numpy(axis).to(dtype=dtype, device=device) for axis in grid.axes]
    if rows is not None:
        axes[0] = axes[0][rows[0] : rows[1]]
    return torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1).reshape(-1, grid.dim)
