"""The shallow ReLU network of the sampling theory: ``f(x) = sum_i a_i relu(<w_i, gamma(x)>)``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from srinr.networks.base import check_positive, uniform


class ShallowReLU(torch.nn.Module):
    """One hidden layer of ReLU neurons without biases (the constant feature plays that role).

    Parameters
    ----------
    n_features : int
        Number D of features.
    width : int
        Number P of neurons.
    seed : int, default 0
        Seed of the initial weights: inner uniform in ``+-1/sqrt(D)``, outer uniform in ``+-0.1`` (the
        published initialization).
    out_features : int, default 1
        2 for a complex image (real and imaginary part).

    Examples
    --------
    >>> import torch
    >>> from srinr import ShallowReLU
    >>> net = ShallowReLU(25, width=7)
    >>> net(torch.zeros(3, 25, dtype=torch.float64)).shape
    torch.Size([3, 1])
    """

    def __init__(self, n_features: int, width: int, *, seed: int = 0, out_features: int = 1) -> None:
        super().__init__()
        check_positive(n_features=n_features, width=width, out_features=out_features)
        rng = np.random.default_rng(seed)
        self.inner = uniform(rng, (width, n_features), 1.0 / math.sqrt(n_features))
        self.outer = uniform(rng, (out_features, width), 0.1)

    @property
    def first_weight(self) -> torch.Tensor:
        """Neuron directions w, shape (P, D)."""
        return self.inner

    @property
    def first_bias(self) -> None:
        """There is none."""
        return None

    @property
    def out_features(self) -> int:
        """Number of outputs."""
        return self.outer.shape[0]

    @property
    def width(self) -> int:
        """Number P of neurons."""
        return self.outer.shape[1]

    @property
    def values_per_point(self) -> int:
        """Pre-activations and activations are kept for the backward pass."""
        return 3 * self.width

    def after_first(self, preactivation: torch.Tensor) -> torch.Tensor:
        """Outputs (n, out_features) from pre-activations (n, P)."""
        return torch.relu(preactivation) @ self.outer.T

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Outputs (n, out_features) from features (n, D)."""
        return self.after_first(features @ self.inner.T)

    def spec(self) -> dict[str, Any]:
        """JSON description without the weights."""
        return {
            "n_features": self.inner.shape[1],
            "width": self.width,
            "out_features": self.out_features,
        }

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> ShallowReLU:
        """Rebuild from :meth:`spec`, with fresh weights."""
        return cls(spec["n_features"], spec["width"], out_features=spec["out_features"])
