"""ReLU multilayer perceptron on features, of any depth."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import torch

from srinr.networks.base import check_positive, uniform


class MLP(torch.nn.Module):
    """ReLU network with ``depth`` linear layers; the first has no bias, the others do.

    Parameters
    ----------
    n_features, width, depth, out_features : int
        Features D, neurons per hidden layer, number of linear layers (at least 2), outputs (2 for a complex
        image).
    seed : int, default 0
        Seed of the initial weights.
    init_gain : float, default 1.0
        Weights are uniform in ``+-init_gain / sqrt(fan_in)``. With 1.0 (the PyTorch and published choice) deep
        networks start almost constant and stay smooth between the data; sqrt(6) keeps the size of signals
        through ReLU layers, and leaves detail of the random start in the image (see ``docs/claims.md``).

    Examples
    --------
    >>> from srinr import MLP
    >>> sum(p.numel() for p in MLP(25, width=10, depth=3).parameters())
    371
    """

    def __init__(
        self,
        n_features: int,
        width: int,
        depth: int,
        *,
        out_features: int = 1,
        seed: int = 0,
        init_gain: float = 1.0,
    ) -> None:
        super().__init__()
        check_positive(n_features=n_features, width=width, depth=depth, out_features=out_features)
        if depth < 2:
            raise ValueError(f"depth counts linear layers and must be at least 2, got {depth}")
        rng = np.random.default_rng(seed)
        sizes = [n_features] + [width] * (depth - 1) + [out_features]
        self.weights = torch.nn.ParameterList(
            uniform(rng, (n_out, n_in), init_gain / math.sqrt(n_in))
            for n_in, n_out in itertools.pairwise(sizes)
        )
        self.biases = torch.nn.ParameterList(
            uniform(rng, (n_out,), 1.0 / math.sqrt(n_in)) for n_in, n_out in itertools.pairwise(sizes[1:])
        )

    @property
    def first_weight(self) -> torch.Tensor:
        """Weights of the first layer, shape (width, D)."""
        return self.weights[0]

    @property
    def first_bias(self) -> None:
        """The first layer has no bias: the constant feature plays that role."""
        return None

    @property
    def depth(self) -> int:
        """Number of linear layers."""
        return len(self.weights)

    @property
    def out_features(self) -> int:
        """Number of outputs."""
        return self.weights[-1].shape[0]

    @property
    def values_per_point(self) -> int:
        """Each hidden layer keeps pre-activations and activations for the backward pass."""
        return 2 * self.depth * self.weights[0].shape[0]

    def after_first(self, preactivation: torch.Tensor) -> torch.Tensor:
        """Outputs (n, out_features) from pre-activations (n, width)."""
        h = preactivation
        for weight, bias in zip(list(self.weights)[1:], self.biases, strict=True):
            h = torch.nn.functional.linear(torch.relu(h), weight, bias)
        return h

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Outputs (n, out_features) from features (n, D)."""
        return self.after_first(features @ self.weights[0].T)

    def spec(self) -> dict[str, Any]:
        """JSON description without the weights."""
        return {
            "n_features": self.weights[0].shape[1],
            "width": self.weights[0].shape[0],
            "depth": self.depth,
            "out_features": self.out_features,
        }

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> MLP:
        """Rebuild from :meth:`spec`, with fresh weights."""
        return cls(**spec)
