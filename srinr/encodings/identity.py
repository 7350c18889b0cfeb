"""The plain coordinates as features, for networks such as SIREN that make their own frequencies."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch

from srinr.domain import Grid
from srinr.encodings.base import Rows, grid_points


@dataclass(frozen=True)
class Coordinates:
    """Coordinates mapped affinely from ``[0, 1)`` to ``[low, high)`` per axis.

    Parameters
    ----------
    dim : int, default 2
        Dimension d.
    low, high : float
        The published SIREN works on [-1, 1).

    Examples
    --------
    >>> import torch
    >>> from srinr import Coordinates
    >>> Coordinates(dim=1).features(torch.tensor([[0.0], [0.75]])).tolist()
    [[-1.0], [0.5]]
    """

    dim: int = 2
    low: float = -1.0
    high: float = 1.0

    @property
    def n_features(self) -> int:
        """One feature per axis."""
        return self.dim

    @property
    def frequencies(self) -> None:
        """Coordinates have no frequencies."""
        return None

    def features(self, points: torch.Tensor) -> torch.Tensor:
        """Features (n, d) at points (n, d)."""
        return self.low + (self.high - self.low) * points

    def linear_on_grid(self, weight: torch.Tensor, grid: Grid, rows: Rows | None = None) -> torch.Tensor:
        """``weight @ x`` on a grid, shape (P, n_points)."""
        return weight @ self.features(grid_points(grid, rows, weight.dtype, weight.device)).T

    def spec(self) -> dict[str, Any]:
        """JSON description from which the encoding can be rebuilt."""
        return asdict(self)

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> Coordinates:
        """Rebuild from :meth:`spec`."""
        return cls(**spec)
