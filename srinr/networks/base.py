"""What the core asks of a network: that its first linear layer can be evaluated by the encoding."""

from __future__ import annotations

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


def uniform(rng: np.random.Generator, shape: tuple[int, ...], bound: float) -> torch.nn.Parameter:
    """A float64 parameter with independent entries, uniform on ``[-bound, bound]``."""
    return torch.nn.Parameter(torch.from_numpy(rng.uniform(-bound, bound, shape)))


def check_positive(**sizes: int) -> None:
    """Raise a ValueError naming the first size that is not a positive integer."""
    for name, value in sizes.items():
        if not isinstance(value, int | np.integer) or value < 1:
            raise ValueError(f"{name} must be a positive integer, got {value!r}")
