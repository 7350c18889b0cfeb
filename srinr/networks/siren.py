"""SIREN: sine activations with the published initialization."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from srinr.networks.base import BiasInit, layer_sizes, uniform


class Siren(torch.nn.Module):
    """Sine network: layers ``sin(omega (W h + b))``, linear output (Sitzmann et al. 2020).

    Parameters
    ----------
    n_features : int
        Inputs, 2 for plain image coordinates on [-1, 1).
    width, depth : int
        Neurons per hidden layer; number of linear layers, at least 2.
    omega_first, omega_hidden : float, default 30
        Factors inside the sine, in radians per unit of the input (first) and of the hidden signal.
    out_features : int, default 1
        2 for a complex image.
    seed : int, default 0
        Seed: first layer uniform in ``+-1/n_features``, others in ``+-sqrt(6/fan_in)/omega_hidden``.
    bias_init : BiasInit, default BiasInit.PYTORCH
        Initial biases, which the factors inside the sines multiply as well.

    Examples
    --------
    >>> from srinr import Siren
    >>> Siren(2, width=16, depth=3).depth
    3
    """

    def __init__(
        self,
        n_features: int,
        width: int,
        depth: int,
        *,
        omega_first: float = 30.0,
        omega_hidden: float = 30.0,
        out_features: int = 1,
        seed: int = 0,
        bias_init: BiasInit = BiasInit.PYTORCH,
    ) -> None:
        super().__init__()
        sizes = layer_sizes(n_features, width, depth, out_features)
        if not (omega_first > 0 and omega_hidden > 0):
            raise ValueError(
                f"omega_first and omega_hidden must be positive, got {omega_first}, {omega_hidden}"
            )
        rng = np.random.default_rng(seed)
        bounds = [1.0 / n_features] + [math.sqrt(6.0 / n_in) / omega_hidden for n_in, _ in sizes[1:]]
        layers = list(zip(sizes, bounds, strict=True))
        self.weights = torch.nn.ParameterList(
            uniform(rng, (n_out, n_in), bound) for (n_in, n_out), bound in layers
        )
        self.biases = torch.nn.ParameterList(
            bias_init.draw(rng, n_out, n_in, bound) for (n_in, n_out), bound in layers
        )
        self.omega_first, self.omega_hidden = float(omega_first), float(omega_hidden)

    @property
    def first_weight(self) -> torch.Tensor:
        """Weights of the first layer, shape (width, n_features)."""
        return self.weights[0]

    @property
    def first_bias(self) -> torch.Tensor:
        """Bias of the first layer, shape (width,)."""
        return self.biases[0]

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
        """Each hidden layer keeps its argument, its sine and its linear output."""
        return 3 * self.depth * self.weights[0].shape[0]

    def after_first(self, preactivation: torch.Tensor) -> torch.Tensor:
        """Outputs (n, out_features) from pre-activations (n, width)."""
        h = torch.sin(self.omega_first * preactivation)
        layers = list(zip(self.weights, self.biases, strict=True))[1:]
        for weight, bias in layers[:-1]:
            h = torch.sin(self.omega_hidden * torch.nn.functional.linear(h, weight, bias))
        return torch.nn.functional.linear(h, *layers[-1])

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Outputs (n, out_features) from features (n, n_features)."""
        return self.after_first(torch.nn.functional.linear(features, self.weights[0], self.biases[0]))

    def spec(self) -> dict[str, Any]:
        """JSON description without the weights."""
        return {
            "n_features": self.weights[0].shape[1],
            "width": self.weights[0].shape[0],
            "depth": self.depth,
            "out_features": self.out_features,
            "omega_first": self.omega_first,
            "omega_hidden": self.omega_hidden,
        }

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> Siren:
        """Rebuild from :meth:`spec`, with fresh weights."""
        return cls(**spec)
