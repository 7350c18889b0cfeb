"""Network with a polynomial as activation: its harmonics are known exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from srinr.networks.base import BiasInit
from srinr.networks.dense import DenseNetwork


class PolynomialMLP(DenseNetwork):
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
        Weights are uniform in ``+-init_gain / sqrt(fan_in)``.
    bias_init : BiasInit, default BiasInit.PYTORCH
        Initial biases.

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
        bias_init: BiasInit = BiasInit.PYTORCH,
    ) -> None:
        super().__init__(
            n_features,
            width,
            depth,
            out_features=out_features,
            seed=seed,
            init_gain=init_gain,
            bias_init=bias_init,
        )
        values = np.trim_zeros(np.asarray(coefficients, dtype=np.float64).ravel(), "b")
        if len(values) < 2 or not np.isfinite(values).all():
            raise ValueError(
                f"coefficients must be finite, from degree 0 upwards, with degree at least 1, got {coefficients!r}"
            )
        self.coefficients: tuple[float, ...] = tuple(values.tolist())

    @property
    def degree(self) -> int:
        """Degree K of the activation."""
        return len(self.coefficients) - 1

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

    def spec(self) -> dict[str, Any]:
        """JSON description without the weights."""
        return {**super().spec(), "coefficients": list(self.coefficients)}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> PolynomialMLP:
        """Rebuild from :meth:`spec`, with fresh weights."""
        return cls(**spec)
