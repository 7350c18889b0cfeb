"""The numbers behind :func:`srinr.recovery.recover_lowpass` when the caller does not choose: all in this file."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from srinr.domain import Grid
from srinr.encodings.fourier_features import FourierFeatures
from srinr.encodings.identity import Coordinates
from srinr.inr import INR
from srinr.networks.mlp import MLP
from srinr.networks.shallow import ShallowReLU
from srinr.networks.siren import Siren
from srinr.optimizers import LBFGS, Adam, CosineDecay
from srinr.regularizers import FourierWeightDecay, Regularizer, WeightDecay
from srinr.samples import FourierSamples
from srinr.stages import Stage


@dataclass(frozen=True)
class LowpassPlan:
    """Network, regularization, grids and steps of a recovery from low-pass samples.

    Parameters
    ----------
    max_frequency : int
        Lattice features up to K0, but not beyond the cutoff of the samples.
    width, depth : int
        Neurons per hidden layer; linear layers. Depth 2 is the shallow network.
    strength : float
        Of :class:`~srinr.regularizers.FourierWeightDecay` for the shallow network, of
        :class:`~srinr.regularizers.WeightDecay` for deep ones.
    continuation : tuple of float
        Factors of the strength, one L-BFGS stage each, from strong to weak: the first half of them on the
        coarse grid, the rest on the fine one. Starting strong finds much better minima.
    adam_steps, learning_rate, final_factor : int, float, float
        First stage, on the coarse grid; the rate falls along a cosine to ``final_factor`` times its start.
    coarse_steps, fine_steps, lbfgs_history : int
        L-BFGS steps in all on the coarse and on the fine grid, and its stored pairs.
    coarse_points, fine_points : float
        Grid points per axis, as multiples of the cutoff. Below about 3.5 the aliasing of the network's kinks
        is fitted along with the data.
    max_points : int
        Limit of the points per axis, unless the samples themselves need more.
    init_gain : float
        Of the initial weights of deep ReLU networks, see :class:`~srinr.networks.mlp.MLP`.
    hidden_dtype : torch.dtype, optional
        Precision of the hidden layers of deep networks during the Adam stage.
    """

    max_frequency: int = 10
    width: int = 100
    depth: int = 2
    strength: float = 1e-5
    continuation: tuple[float, ...] = (30.0, 10.0, 3.0, 1.0)
    adam_steps: int = 200
    learning_rate: float = 1e-2
    final_factor: float = 0.03
    coarse_steps: int = 600
    fine_steps: int = 300
    lbfgs_history: int = 60
    coarse_points: float = 4.0
    fine_points: float = 5.0
    max_points: int = 512
    init_gain: float = 1.0
    hidden_dtype: torch.dtype | None = None

    def __post_init__(self) -> None:
        if len(self.continuation) < 2:
            raise ValueError(
                "continuation needs at least two factors, one for the coarse and one for the fine grid; "
                f"got {self.continuation!r}, use e.g. (1.0, 1.0) for a constant strength"
            )

    def inr(self, samples: FourierSamples, seed: int) -> INR:
        """The untrained network on lattice features."""
        limit = max(1, min(self.max_frequency, math.ceil(samples.cutoff)))
        encoding = FourierFeatures.lattice(limit, samples.dim)
        if self.depth == 2:
            return INR(encoding, ShallowReLU(encoding.n_features, self.width, seed=seed))
        network = MLP(encoding.n_features, self.width, self.depth, seed=seed, init_gain=self.init_gain)
        return INR(encoding, network)

    def regularizer(self) -> Regularizer:
        """Modified weight decay I for the shallow network, standard weight decay for deep ones."""
        return FourierWeightDecay(self.strength) if self.depth == 2 else WeightDecay(self.strength)

    def grid(self, samples: FourierSamples) -> Grid:
        """The finest grid: ``fine_points`` times the cutoff, rounded up to a size with quick transforms."""
        return self._grid(samples, self.fine_points)

    def stages(self, samples: FourierSamples, grid: Grid) -> tuple[Stage, ...]:
        """Adam on a coarse grid, then L-BFGS along the continuation, ending on ``grid``."""
        wanted = self._grid(samples, self.coarse_points)
        halved = (good_size(math.ceil(n / 2)) for n in grid.shape)
        pairs = zip(wanted.shape, halved, grid.shape, strict=True)
        coarse = Grid(tuple(min(n, max(low, half)) for low, half, n in pairs))
        adam = Adam(self.learning_rate, CosineDecay(self.final_factor))
        n_coarse = -(-len(self.continuation) // 2)
        steps = [
            *_shares(self.coarse_steps, n_coarse),
            *_shares(self.fine_steps, len(self.continuation) - n_coarse),
        ]
        return (
            Stage(self.adam_steps, adam, coarse, self.continuation[0], self.hidden_dtype),
            *(
                Stage(n, LBFGS(history=self.lbfgs_history), coarse if i < n_coarse else grid, factor)
                for i, (n, factor) in enumerate(zip(steps, self.continuation, strict=True))
            ),
        )

    def with_total_steps(self, max_steps: int) -> LowpassPlan:
        """The same plan with ``max_steps`` steps in all, shared among the stages in proportion."""
        if max_steps < 0:
            raise ValueError(f"max_steps must be >= 0, got {max_steps}")
        total = self.adam_steps + self.coarse_steps + self.fine_steps
        if total < 1:
            raise ValueError("this plan has no steps whose proportion could be kept; give its stages some")
        coarse, fine = (max_steps * n // total for n in (self.coarse_steps, self.fine_steps))
        return replace(self, adam_steps=max_steps - coarse - fine, coarse_steps=coarse, fine_steps=fine)

    def _grid(self, samples: FourierSamples, points_per_cutoff: float) -> Grid:
        limits = np.maximum(np.abs(samples.frequencies).max(axis=0), 1)
        wanted = [math.ceil(points_per_cutoff * float(k)) for k in limits]
        needed = [2 * math.ceil(float(k)) + 2 for k in limits]
        return Grid(
            tuple(good_size(max(min(n, self.max_points), low)) for n, low in zip(wanted, needed, strict=True))
        )


#: Shallow network of the sampling theory.
SHALLOW_PLAN = LowpassPlan()

#: Strengths of the other regularizers of the shallow network: their R is of another size.
STANDARD_STRENGTH, INTEGRAL_STRENGTH = 1e-6, 1e-5

#: Deep ReLU network on the same features.
MLP_PLAN = LowpassPlan(
    max_frequency=20,
    width=128,
    depth=4,
    strength=1e-8,
    continuation=(30.0, 1.0),
    adam_steps=600,
    learning_rate=2e-3,
    coarse_steps=100,
    fine_steps=60,
    init_gain=0.7,
    hidden_dtype=torch.bfloat16,
)

#: SIREN on plain coordinates.
SIREN_PLAN = LowpassPlan(
    width=128,
    depth=4,
    strength=1e-7,
    continuation=(30.0, 1.0),
    adam_steps=600,
    learning_rate=3e-4,
    coarse_steps=100,
    fine_steps=60,
)


def siren(plan: LowpassPlan, dim: int, seed: int) -> INR:
    """An untrained SIREN of the plan's width and depth on plain coordinates."""
    return INR(Coordinates(dim), Siren(dim, plan.width, plan.depth, seed=seed))


def _shares(total: int, count: int) -> list[int]:
    """``total`` in ``count`` nearly equal parts, the larger ones first."""
    return [total // count + (i < total % count) for i in range(count)] if count else []


def good_size(n: int) -> int:
    """Smallest even number of at least ``n`` with no prime factor above 5: such transforms are quick.

    Examples
    --------
    >>> [good_size(n) for n in (1, 97, 112, 128)]
    [2, 100, 120, 128]
    """
    size = max(2, n + n % 2)
    while not _is_smooth(size):
        size += 2
    return size


def _is_smooth(n: int) -> bool:
    for prime in (2, 3, 5):
        while n % prime == 0:
            n //= prime
    return n == 1
