"""What networks of linear layers with one activation between them share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from srinr.networks.base import BiasInit, layer_sizes, uniform


class DenseNetwork(torch.nn.Module):
    """``depth`` linear layers with :meth:`activation` between them; the first has a bias when asked for.

    Subclasses define ``activation`` and ``values_per_point``. Weights start uniform in
    ``+-init_gain / sqrt(fan_in)``, biases as ``bias_init`` says.
    """

    def __init__(
        self,
        n_features: int,
        width: int,
        depth: int,
        *,
        out_features: int,
        seed: int,
        init_gain: float,
        bias_init: BiasInit,
        first_bias: bool = False,
    ) -> None:
        super().__init__()
        sizes = layer_sizes(n_features, width, depth, out_features)
        bounds = [init_gain / math.sqrt(n_in) for n_in, _ in sizes]
        layers = list(zip(sizes, bounds, strict=True))
        rng = np.random.default_rng(seed)
        self.weights = torch.nn.ParameterList(
            uniform(rng, (n_out, n_in), bound) for (n_in, n_out), bound in layers
        )
        self.biases = torch.nn.ParameterList(
            bias_init.draw(rng, n_out, n_in, bound) for (n_in, n_out), bound in layers[1:]
        )
        (n_in, n_out), bound = layers[0]
        self.input_bias = bias_init.draw(rng, n_out, n_in, bound) if first_bias else None

    @property
    def first_weight(self) -> torch.Tensor:
        """Weights of the first layer, shape (width, D)."""
        return self.weights[0]

    @property
    def first_bias(self) -> torch.Tensor | None:
        """Bias of the first layer, shape (width,); None where the constant feature plays that role."""
        return self.input_bias

    @property
    def depth(self) -> int:
        """Number of linear layers."""
        return len(self.weights)

    @property
    def out_features(self) -> int:
        """Number of outputs."""
        return self.weights[-1].shape[0]

    def activation(self, u: torch.Tensor) -> torch.Tensor:
        """The activation, entry by entry."""
        raise NotImplementedError

    def after_first(self, preactivation: torch.Tensor) -> torch.Tensor:
        """Outputs (n, out_features) from pre-activations (n, width)."""
        h = preactivation
        for weight, bias in zip(list(self.weights)[1:], self.biases, strict=True):
            h = torch.nn.functional.linear(self.activation(h), weight, bias)
        return h

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Outputs (n, out_features) from features (n, D)."""
        return self.after_first(torch.nn.functional.linear(features, self.weights[0], self.input_bias))

    def spec(self) -> dict[str, Any]:
        """JSON description without the weights."""
        return {
            "n_features": self.weights[0].shape[1],
            "width": self.weights[0].shape[0],
            "depth": self.depth,
            "out_features": self.out_features,
        }
