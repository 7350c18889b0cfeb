"""Network with a polynomial as activation: its harmonics are known exactly."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from srinr.networks.base import check_positive, uniform


class PolynomialMLP(torch.nn.Module):
    """Network with ``depth`` linear layers and the activation ``rho(u) = sum_i coefficients_i u^i``.

    On sinusoidal features it is a finite sum of sinusoids (``srinr.analysis.polynomial_expansion``). Values grow
    like the power ``degree^(depth - 1)`` of the weights: keep the degree, the depth and the weights small.

    Parameters
    ----------
    n_features, width, depth, out_features : int
        Features D, neurons per hidden layer, number of linear layers (at least 2), outputs (2 for a complex
        image). The first layer has no bias (the constant feature plays that role), the others do.
    coefficients : sequence of float
        Of the activation, from degree 0 upwards, e.g. ``(0, 0, 1)`` for the square; zeros at the end are dropped
        and the degree that is left must be at least 1.
    seed : int, default 0
        Seed of the initial weights.
    init_gain : float, default 1.0
        Weights are uniform in ``+-init_gain / sqrt(fan_in)``, biases in ``+-1 / sqrt(fan_in)``.

    Raises
    ------
    ValueError
        For sizes that are not positive, or coefficients that are not finite or make a constant.

    Examples
    --------
    >>> import torch
    >>> network = PolynomialMLP(5, width=4, depth=3, coefficients=(0.0, 1.0, 0.5))
    >>> network.degree, network(torch.zeros(7, 5, dtype=torch.float64)).shape
    (2, torch.Size([7, 1]))
    """

    def __init__(
        self,
        n_features: int,
        width: int,
        depth: int,
        *,
        coefficients: Sequence[float],
        out_features: int = 1,
        seed: int = 0,
        init_gain: float = 1.0,
    ) -> None:
        super().__init__()
        check_positive(n_features=n_features, width=width, depth=depth, out_features=out_features)
        if depth < 2:
            raise ValueError(f"depth counts linear layers and must be at least 2, got {depth}")
        values = np.trim_zeros(np.asarray(coefficients, dtype=np.float64).ravel(), "b")
        if len(values) < 2 or not np.isfinite(values).all():
            raise ValueError(
                f"coefficients must be finite, from degree 0 upwards, with degree at least 1, got {coefficients!r}"
            )
        self.coefficients: tuple[float, ...] = tuple(values.tolist())
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
    def degree(self) -> int:
        """Degree K of the activation."""
        return len(self.coefficients) - 1

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
        """Each hidden layer keeps its pre-activations and the steps of Horner's rule for the backward pass."""
        return (2 + self.degree) * self.depth * self.weights[0].shape[0]

    def activation(self, u: torch.Tensor) -> torch.Tensor:
        """The polynomial, entry by entry, by Horner's rule."""
        value = torch.full_like(u, self.coefficients[-1])
        for constant in self.coefficients[-2::-1]:
            value = value * u + constant
        return value

    def after_first(self, preactivation: torch.Tensor) -> torch.Tensor:
        """Outputs (n, out_features) from pre-activations (n, width)."""
        h = preactivation
        for weight, bias in zip(list(self.weights)[1:], self.biases, strict=True):
            h = torch.nn.functional.linear(self.activation(h), weight, bias)
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
            "coefficients": list(self.coefficients),
            "out_features": self.out_features,
        }

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> PolynomialMLP:
        """Rebuild from :meth:`spec`, with fresh weights."""
        return cls(**spec)
