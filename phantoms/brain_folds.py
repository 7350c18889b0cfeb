"""Growth of cortical folds for the drawing of the brain phantom.

All points are rows ``(i, j)`` in fields of view about the center of the field of view, ``i`` downwards.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from srinr.phantoms.brain_fields import look_up

Points = NDArray[np.float64]

STEP = 0.004  # length of one growth step of a sulcus


@dataclass(frozen=True)
class Seed:
    """Where a sulcus starts, in which direction, how long it may become, and its number of side branches."""

    origin: Points
    direction: Points
    length: float
    n_branches: int = 0


@dataclass
class _Tip:
    origin: Points
    direction: Points
    remaining: float
    path: list[Points]
    branch_at: list[float]
    bend: float = 0.0
    travelled: float = 0.0

    @property
    def position(self) -> Points:
        return self.path[-1]


def turned(direction: Points, angle: float) -> Points:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([cos * direction[0] - sin * direction[1], sin * direction[0] + cos * direction[1]])


class FoldGrowth:
    """Lets sulci grow inwards at the same time; each keeps away from the others and from the core.

    ``spacing`` is the least distance between two sulci: room for a gyrus with two cortical ribbons.
    """

    def __init__(
        self, hull: NDArray[np.float64], core: NDArray[np.float64], spacing: float, seed: int
    ) -> None:
        self._hull = hull
        self._core = core
        self._spacing = spacing
        self._rng = np.random.default_rng(seed)
        self._points = np.empty((0, 2))
        self._owners = np.empty(0, dtype=int)
        self.lines: list[Points] = []

    def add_line(self, line: Points) -> None:
        """Add a fixed fissure that the growing sulci avoid."""
        self._record(line, -1)
        self.lines.append(line)

    def grow(self, seeds: list[Seed]) -> None:
        """Grow from all seeds, step by step together; append the sulci and their branches to ``lines``."""
        tips = []
        for seed in seeds:
            fractions = np.sort(self._rng.uniform(0.4, 0.8, seed.n_branches))
            branch_at = list(fractions * seed.length)
            tips.append(_Tip(seed.origin, seed.direction, seed.length, [seed.origin], branch_at))
        active = list(range(len(tips)))
        base = self._owners.max(initial=-1) + 1
        while active:
            survivors = []
            for index in active:
                if self._advance(tips[index], base + index):
                    survivors.append(index)
                    for branch in self._branches(tips[index]):
                        survivors.append(len(tips))
                        tips.append(branch)
            active = survivors
        self.lines += [np.array(tip.path) for tip in tips if len(tip.path) > 3]

    def fill(self, room: Points, emptiness: float, max_branches: int) -> None:
        """Let side branches grow towards the emptiest places until no point of ``room`` is emptier."""
        refused = np.zeros(len(room), dtype=bool)
        for _ in range(max_branches):
            distance, nearest = cKDTree(self._points).query(room)
            distance[refused] = 0
            target = int(np.argmax(distance))
            if distance[target] < emptiness:
                return
            refused |= np.linalg.norm(room - room[target], axis=1) < 0.012
            origin = self._points[nearest[target]]
            direction = (room[target] - origin) / distance[target]
            self.grow([Seed(origin, direction, float(distance[target]) * self._rng.uniform(0.8, 1.3))])

    def _record(self, points: Points, owner: int) -> None:
        self._points = np.vstack([self._points, points])
        self._owners = np.concatenate([self._owners, np.full(len(points), owner)])

    def _advance(self, tip: _Tip, index: int) -> bool:
        tip.bend = 0.9 * tip.bend + self._rng.normal(0, 0.014)
        push, nearest = self._repulsion(tip, index)
        direction = turned(tip.direction, tip.bend) + push
        direction /= np.linalg.norm(direction)
        position = tip.position + STEP * direction
        room = look_up(self._hull, position) > (0.03 if tip.travelled > 0.05 else -0.02)
        if nearest < self._spacing or tip.remaining <= 0 or look_up(self._core, position) < 0 or not room:
            return False
        tip.path.append(position)
        tip.direction = direction
        tip.remaining -= STEP
        tip.travelled += STEP
        self._record(position[None], index)
        return True

    def _repulsion(self, tip: _Tip, index: int) -> tuple[Points, float]:
        """Push on a tip by other sulci and the core, and its distance to the nearest other sulcus.

        Whatever lies around the place where the tip started belongs to the same fold and is ignored.
        """
        offset = tip.position - self._points
        distance = np.linalg.norm(offset, axis=1)
        other = (self._owners != index) & (np.linalg.norm(tip.origin - self._points, axis=1) > self._spacing)
        other &= (offset @ tip.direction < 0.5 * distance) & (distance < 0.08)
        side = turned(tip.direction, np.pi / 2)
        force = np.sum((offset[other] @ side) / distance[other] ** 3.5) * 1.6e-6
        push = np.clip(force, -0.25, 0.25) * side
        ahead = tip.position + 0.025 * tip.direction
        if look_up(self._core, ahead) < 0.02:
            left, right = (look_up(self._core, ahead + sign * 0.02 * side) for sign in (1, -1))
            push = push + (0.15 if left > right else -0.15) * side
        return push, float(distance[other].min()) if other.any() else np.inf

    def _branches(self, tip: _Tip) -> list[_Tip]:
        if not tip.branch_at or tip.travelled < tip.branch_at[0]:
            return []
        tip.branch_at.pop(0)
        angle = self._rng.uniform(0.9, 1.35) * self._rng.choice([-1, 1])
        tip.bend -= 0.1 * np.sign(angle)
        direction = turned(tip.direction, angle)
        return [_Tip(tip.position, direction, self._rng.uniform(0.03, 0.06), [tip.position], [])]
