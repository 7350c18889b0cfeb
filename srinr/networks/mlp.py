"""ReLU multilayer perceptron on features, of any depth."""

from __future__ import annotations

from typing import Any

import torch

from srinr.networks.base import BiasInit
from srinr.networks.dense import DenseNetwork


class MLP(DenseNetwork):
    """ReLU network with ``depth`` linear layers; the first has no bias unless asked for, the others do.

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
        through ReLU layers, and leaves detail of the random start in the image (see ``docs/claims.md``); sqrt(3)
        has the variance of the LeCun initialization of Haiku and Flax.
    bias_init : BiasInit, default BiasInit.PYTORCH
        Initial biases.
    first_bias : bool, default False
        Give the first layer a bias too, for encodings without the constant feature.

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
        bias_init: BiasInit = BiasInit.PYTORCH,
        first_bias: bool = False,
    ) -> None:
        super().__init__(
            n_features,
            width,
            depth,
            out_features=out_features,
            seed=seed,
            init_gain=init_gain,
            bias_init=bias_init,
            first_bias=first_bias,
        )

    @property
    def values_per_point(self) -> int:
        """Each hidden layer keeps pre-activations and activations for the backward pass."""
        return 2 * self.depth * self.weights[0].shape[0]

    def activation(self, u: torch.Tensor) -> torch.Tensor:
        """The rectifier."""
        return torch.relu(u)

    def spec(self) -> dict[str, Any]:
        """JSON description without the weights."""
        return {**super().spec(), "first_bias": self.input_bias is not None}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> MLP:
        """Rebuild from :meth:`spec`, with fresh weights."""
        return cls(**spec)
