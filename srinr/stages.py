"""What a training consists of: stages, coarse-to-fine plans, held-out samples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from srinr.domain import Grid
from srinr.operators.linear import LinearOperator
from srinr.optimizers import Adam, Optimizer
from srinr.samples import FourierSamples


@dataclass(frozen=True)
class Stage:
    """One stage of training: an optimizer for some steps, on a grid.

    Parameters
    ----------
    max_steps : int
        Step limit of the stage.
    optimizer : Optimizer, default ``Adam()``
        ``Adam(...)`` or ``LBFGS(...)``.
    grid : Grid, optional
        Grid of the stage; the operator's own unless given.
    strength_factor : float, default 1
        Factor of the regularizer's strength during this stage. Continuation from strong to weak, e.g. 10 in
        the first stage and 1 in the last, finds better minima than starting weak.
    hidden_dtype : torch.dtype, optional
        ``torch.bfloat16`` computes the layers after the first in half precision (weights stay float32; only
        with ``dtype=torch.float32``): several times faster for deep networks, with gradients good to three
        digits. For early stages.
    """

    max_steps: int
    optimizer: Optimizer = Adam()  # noqa: RUF009 - frozen value without state
    grid: Grid | None = None
    strength_factor: float = 1.0
    hidden_dtype: torch.dtype | None = None

    def __post_init__(self) -> None:
        if self.max_steps < 0:
            raise ValueError(f"max_steps must be >= 0, got {self.max_steps}")
        if not (math.isfinite(self.strength_factor) and self.strength_factor >= 0):
            raise ValueError(f"strength_factor must be a finite number >= 0, got {self.strength_factor!r}")
        if self.hidden_dtype not in (None, torch.bfloat16, torch.float16):
            raise ValueError(
                f"hidden_dtype must be torch.bfloat16 or torch.float16, or None, got {self.hidden_dtype!r}"
            )


def coarse_to_fine(grid: Grid, stages: Sequence[tuple[int, int, Optimizer]]) -> tuple[Stage, ...]:
    """Stages on coarser versions of a grid.

    Parameters
    ----------
    grid : Grid
        The finest grid.
    stages : sequence of (divisor, max_steps, optimizer)
        Each stage divides the number of points per axis by ``divisor`` (rounded up).

    Examples
    --------
    >>> from srinr import Adam, Grid, coarse_to_fine
    >>> [s.grid.shape for s in coarse_to_fine(Grid(256, dim=2), [(4, 100, Adam()), (1, 50, Adam())])]
    [(64, 64), (256, 256)]
    """
    if any(divisor < 1 for divisor, _, _ in stages):
        raise ValueError("divisors must be at least 1: the given grid is the finest")
    return tuple(
        Stage(steps, optimizer, Grid(tuple(-(-n // divisor) for n in grid.shape)))
        for divisor, steps, optimizer in stages
    )


def without_half_precision(stages: Sequence[Stage]) -> tuple[Stage, ...]:
    """The same stages with hidden layers in the precision of the weights, as float64 training needs."""
    return tuple(replace(stage, hidden_dtype=None) for stage in stages)


@dataclass(frozen=True)
class Validation:
    """Held-out samples that choose the stopping point: the parameters of the lowest error are kept.

    Parameters
    ----------
    operator : LinearOperator
        Predicts the held-out samples from the pixels of the grid (of every stage: see ``on_grid``).
    samples : FourierSamples
        The held-out samples, disjoint from those fitted.
    patience : int, optional
        Stop after this many evaluations without improvement; by default train to the end.
    """

    operator: LinearOperator
    samples: FourierSamples
    patience: int | None = None
