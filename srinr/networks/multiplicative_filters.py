"""Multiplicative filter network with sinusoidal filters (FourierNet of Fathony et al., ICLR 2021)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from srinr.networks.base import check_positive, uniform


class FourierFilterNetwork(torch.nn.Module):
    """Products of sinusoidal filters and linear layers; no other nonlinearity.

        g_l(x) = sin(omega_l x + phi_l),  z_1 = g_1(x),  z_(l+1) = (W_l z_l + b_l) * g_(l+1)(x),
        f(x) = W_L z_L + b_L

    with L = ``n_filters``. All filters read the input, so that together they are the first linear layer: the
    network fits ``INR(Coordinates(...), network)``. It is a finite sum of sinusoids
    (``srinr.analysis.polynomial_expansion.expand_filter_network``).

    Parameters
    ----------
    n_features : int
        Inputs, 2 for plain image coordinates on [-1, 1).
    width : int
        Entries of each z_l.
    n_filters : int
        Number L of filters, at least 1.
    filter_scale : float, default 64
        Filters' frequencies start uniform in ``+-filter_scale / sqrt(n_features * n_filters)``, in radians per unit
        of the input; their phases in ``+-pi``.
    out_features : int, default 1
        2 for a complex image.
    seed : int, default 0
        Seed; weights start uniform in ``+-sqrt(6 / width)``, which keeps the power of z_l at 1/2 (a product with
        a sine halves it), biases in ``+-1 / sqrt(width)``.

    Raises
    ------
    ValueError
        For sizes that are not positive or a filter_scale that is not.

    Examples
    --------
    >>> import torch
    >>> network = FourierFilterNetwork(2, width=8, n_filters=3)
    >>> network(torch.zeros(5, 2, dtype=torch.float64)).shape
    torch.Size([5, 1])
    """

    def __init__(
        self,
        n_features: int,
        width: int,
        n_filters: int,
        *,
        filter_scale: float = 64.0,
        out_features: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_positive(n_features=n_features, width=width, n_filters=n_filters, out_features=out_features)
        if not (math.isfinite(filter_scale) and filter_scale > 0):
            raise ValueError(
                f"filter_scale must be a positive number (radians per unit of the input), got {filter_scale!r}"
            )
        rng = np.random.default_rng(seed)
        bound = filter_scale / math.sqrt(n_features * n_filters)
        self.filter_weight = uniform(rng, (n_filters * width, n_features), bound)
        self.filter_phase = uniform(rng, (n_filters * width,), math.pi)
        outputs = [width] * (n_filters - 1) + [out_features]
        self.weights = torch.nn.ParameterList(
            uniform(rng, (n_out, width), math.sqrt(6.0 / width)) for n_out in outputs
        )
        self.biases = torch.nn.ParameterList(
            uniform(rng, (n_out,), 1.0 / math.sqrt(width)) for n_out in outputs
        )
        self.filter_scale = float(filter_scale)

    @property
    def first_weight(self) -> torch.Tensor:
        """Frequencies of all filters, shape (n_filters * width, n_features), radians per unit of the input."""
        return self.filter_weight

    @property
    def first_bias(self) -> torch.Tensor:
        """Phases of all filters, shape (n_filters * width,), radians."""
        return self.filter_phase

    @property
    def width(self) -> int:
        """Entries of each z_l."""
        return self.weights[0].shape[1]

    @property
    def n_filters(self) -> int:
        """Number L of filters."""
        return len(self.weights)

    @property
    def out_features(self) -> int:
        """Number of outputs."""
        return self.weights[-1].shape[0]

    @property
    def values_per_point(self) -> int:
        """Each filter keeps its argument, its sine, the linear output and the product."""
        return 4 * self.n_filters * self.width

    def after_first(self, preactivation: torch.Tensor) -> torch.Tensor:
        """Outputs (n, out_features) from the filters' arguments (n, n_filters * width)."""
        filters = torch.sin(preactivation).split(self.width, dim=1)
        z = filters[0]
        for weight, bias, g in zip(self.weights, self.biases, filters[1:], strict=False):
            z = torch.nn.functional.linear(z, weight, bias) * g
        return torch.nn.functional.linear(z, self.weights[-1], self.biases[-1])

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Outputs (n, out_features) from inputs (n, n_features)."""
        return self.after_first(torch.nn.functional.linear(features, self.filter_weight, self.filter_phase))

    def spec(self) -> dict[str, Any]:
        """JSON description without the weights."""
        return {
            "n_features": self.filter_weight.shape[1],
            "width": self.width,
            "n_filters": self.n_filters,
            "filter_scale": self.filter_scale,
            "out_features": self.out_features,
        }

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> FourierFilterNetwork:
        """Rebuild from :meth:`spec`, with fresh weights."""
        return cls(**spec)
