"""Branch and bound over the sphere of directions, with a bounded stack of open cones."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from srinr.solvers.rigorous_cones import Caps, Cones, bisected, bound, concatenate, orthants
from srinr.solvers.rigorous_densities import Density

Vector = NDArray[np.float64]

#: Cones bounded at a time.
_BATCH = 4096


class BoundStatus(Enum):
    """How an attempted proof ended."""

    PROVED = "proved: the ratio is at most 1 + tolerance everywhere"
    VIOLATED = "violated: a direction where the ratio exceeds 1 + tolerance is given"
    CELL_LIMIT = "undecided: more than max_cells cones are needed; the bound holds, but exceeds 1 + tolerance"
    ROUNDING = "undecided: the tolerance is within the rounding errors of this dual vector; raise it"
    TIME_LIMIT = "undecided: time_limit was reached; the bound holds, but exceeds 1 + tolerance"

    @property
    def message(self) -> str:
        """What the status means."""
        return self.value


@dataclass(frozen=True, eq=False)
class CoverResult:
    """How covering the sphere ended.

    Attributes
    ----------
    status : BoundStatus
    upper : float
        Proved bound of ``eta`` (or ``|eta|``) over all unit directions.
    location : array, shape (D,)
        Axis of a cone with that bound.
    lower : float
        Largest value that was met.
    argmax : array, shape (D,)
        Where.
    n_cells : int
    smallest_radius : float
    """

    status: BoundStatus
    upper: float
    location: Vector
    lower: float
    argmax: Vector
    n_cells: int
    smallest_radius: float


def cover_sphere(
    density: Density,
    level: float,
    *,
    two_sided: bool,
    max_cells: int,
    time_limit: float,
    caps: Caps | None = None,
) -> CoverResult:
    """Bound ``eta`` by ``level`` on the sphere, halving cones until each is settled.

    Parameters
    ----------
    density : Density
        Whose correlation ``eta`` with neurons is bounded.
    level : float
        What is to be proved: ``eta <= level`` for unit directions.
    two_sided : bool
        Whether ``|eta|`` is meant.
    max_cells : int
        Cones bounded at most.
    time_limit : float
        Seconds.
    caps : Caps, optional
        Parts of the sphere about which nothing is to be proved.

    Examples
    --------
    >>> from srinr.solvers.rigorous_densities import GridDensity
    >>> density = GridDensity(np.eye(3), np.array([3.0, 1.0, -2.0]))
    >>> result = cover_sphere(density, 1.06, two_sided=False, max_cells=10_000, time_limit=10.0)
    >>> result.status.name, bool(result.lower <= 10**0.5 / 3 <= result.upper)
    ('PROVED', True)
    """
    cover = _Cover(density, level, two_sided, caps)
    deadline = time.perf_counter() + time_limit
    status = BoundStatus.PROVED
    while cover.stack and status is BoundStatus.PROVED:
        if cover.lower - density.rounding > level:
            status = BoundStatus.VIOLATED
        elif cover.n_cells >= max_cells:
            status = BoundStatus.CELL_LIMIT
        elif time.perf_counter() > deadline:
            status = BoundStatus.TIME_LIMIT
        else:
            cover.step(min(_BATCH, max_cells - cover.n_cells))
    upper, location = cover.largest_bound()
    return CoverResult(status, upper, location, cover.lower, cover.argmax, cover.n_cells, cover.smallest)


class _Cover:
    """Open cones on a stack of blocks, whose length grows with the depth only, and what is known so far."""

    def __init__(self, density: Density, level: float, two_sided: bool, caps: Caps | None) -> None:
        self.density, self.level, self.two_sided, self.caps = density, level, two_sided, caps
        self.stack: list[Cones] = [orthants(density)]
        self.closed, self.lower = -np.inf, -np.inf
        self.location = self.argmax = self.stack[0].axes[0]
        self.n_cells, self.smallest = 0, np.inf

    def step(self, size: int) -> None:
        """Bound up to ``size`` cones and halve those that stay open."""
        cones = self._pop(size)
        self.n_cells += len(cones)
        if self.caps is not None:
            cones = cones.select(~self.caps.contain_cones(cones))
            if not len(cones):
                return
        bounds = bound(self.density, cones, two_sided=self.two_sided)
        self.smallest = min(self.smallest, float(bounds.radii.min()))
        met = np.abs(bounds.at_axes) if self.two_sided else bounds.at_axes
        if self.caps is not None:
            met = np.where(self.caps.contains(bounds.axes).any(axis=1), -np.inf, met)
        if met.max() > self.lower:
            self.lower, self.argmax = float(met.max()), bounds.axes[met.argmax()]
        # Not "upper > level": a bound that is not a number must stay open.
        is_open = ~(bounds.upper <= self.level)
        closed = np.where(is_open, -np.inf, bounds.upper)
        if closed.max() > self.closed:
            self.closed, self.location = float(closed.max()), bounds.axes[closed.argmax()]
        if is_open.any():
            children = bisected(self.density, cones.select(is_open), bounds.upper[is_open])
            self.stack += [children.select(slice(i, i + _BATCH)) for i in range(0, len(children), _BATCH)]

    def largest_bound(self) -> tuple[float, Vector]:
        """Over all cones, closed and open, and where."""
        upper, location = self.closed, self.location
        for block in self.stack:
            if block.inherited.max() > upper:
                upper = float(block.inherited.max())
                location = block.axes[block.inherited.argmax()]
        return upper, location

    def _pop(self, size: int) -> Cones:
        """Up to ``size`` cones from the top."""
        taken, total = [], 0
        while self.stack and total < size:
            block = self.stack.pop()
            spare = max(total + len(block) - size, 0)
            if spare:
                self.stack.append(block.select(slice(0, spare)))
                block = block.select(slice(spare, None))
            taken.append(block)
            total += len(block)
        return concatenate(taken)
