"""What the core asks of a network: that its first linear layer can be evaluated by the encoding."""

from __future__ import annotations

import enum
import itertools
import math
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch


@runtime_checkable
class Network(Protocol):
    """A network on features whose first linear layer is exposed.

    The first layer is evaluated together with the encoding (separably on grids); ``after_first`` does the
    rest. Any ``torch.nn.Module`` that has these attributes fits.
    """

    @property
    def first_weight(self) -> torch.Tensor:
        """Weights of the first layer, shape (P, D)."""
        ...

    @property
    def first_bias(self) -> torch.Tensor | None:
        """Bias of the first layer, shape (P,), or None."""
        ...

    @property
    def out_features(self) -> int:
        """Number of outputs."""
        ...

    @property
    def values_per_point(self) -> int:
        """Numbers kept per point for the backward pass; decides how work is chunked."""
        ...

    def after_first(self, preactivation: torch.Tensor) -> torch.Tensor:
        """Outputs (n, out_features) from the first layer's pre-activations (n, P)."""
        ...

    def spec(self) -> dict[str, Any]:
        """JSON description from which the network (without its weights) can be rebuilt."""
        ...


class BiasInit(enum.Enum):
    """From where initial biases are drawn.

    The choice matters: in SIRENs of frequency 30, zero biases instead of ``PYTORCH`` ones give a tangent kernel whose
    eigenvalues fall far more slowly.
    """

    PYTORCH = "uniform in +-1 / sqrt(fan_in), the default of torch.nn.Linear"
    HAIKU_ZERO = "zero, the default of Haiku and Flax (figures 4, 5, 10 to 16 of the structured dictionary)"
    SIREN_UNIFORM = (
        "from the interval of the weights of the layer (figures 3 and 9 of the structured dictionary)"
    )

    def draw(
        self, rng: np.random.Generator, n_out: int, n_in: int, weight_bound: float
    ) -> torch.nn.Parameter:
        """The biases (n_out,) of a layer with ``n_in`` inputs and weights uniform in ``+-weight_bound``."""
        bounds = {
            BiasInit.PYTORCH: 1.0 / math.sqrt(n_in),
            BiasInit.HAIKU_ZERO: 0.0,
            BiasInit.SIREN_UNIFORM: weight_bound,
        }
        return uniform(rng, (n_out,), bounds[self])


def layer_sizes(n_features: int, width: int, depth: int, out_features: int) -> list[tuple[int, int]]:
    """Inputs and outputs of each of ``depth`` linear layers; a ValueError names a size that does not fit."""
    check_positive(n_features=n_features, width=width, depth=depth, out_features=out_features)
    if depth < 2:
        raise ValueError(f"depth counts linear layers and must be at least 2, got {depth}")
    return list(itertools.pairwise([n_features] + [width] * (depth - 1) + [out_features]))


def uniform(rng: np.random.Generator, shape: tuple[int, ...], bound: float) -> torch.nn.Parameter:
    """A float64 parameter with independent entries, uniform on ``[-bound, bound]``."""
    return torch.nn.Parameter(torch.from_numpy(rng.uniform(-bound, bound, shape)))


def check_positive(**sizes: int) -> None:
    """Raise a ValueError naming the first size that is not a positive integer."""
    for name, value in sizes.items():
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}")
