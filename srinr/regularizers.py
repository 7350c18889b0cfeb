"""Regularizers: generalized weight decay ``R = 1/2 sum_i (a_i^2 + rho(w_i)^2)`` (sampling theory, eq. 7).

A regularizer knows the cheapest way to get the prediction and R in one pass: standard weight decay needs one
transform per step, of the summed image; the modified ones look at every neuron, and reuse the neurons'
coefficients for the prediction.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch

from srinr.domain import Grid
from srinr.inr import INR
from srinr.networks.shallow import ShallowReLU
from srinr.neurons import image_and_means, neuron_samples, shallow, small_chunk
from srinr.operators.linear import LinearOperator


@runtime_checkable
class Regularizer(Protocol):
    """What ``fit`` asks of a regularizer."""

    @property
    def strength(self) -> float:
        """Factor of R in the objective ``1/2 |A f - y|^2 + strength R``."""
        ...

    def evaluate(
        self, inr: INR, operator: LinearOperator, grid: Grid, chunk_size: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Prediction ``A f`` and R, both differentiable."""
        ...

    def weighting(self, inr: INR, operator: LinearOperator, grid: Grid) -> torch.Tensor | None:
        """``rho(w_i)`` of each neuron of a shallow INR, shape (P,); None where it is not defined."""
        ...


@dataclass(frozen=True)
class WeightDecay:
    """Standard weight decay: ``rho(w) = |w|_2``; for deep networks half the sum of squared weight matrices.

    Parameters
    ----------
    strength : float
        Factor of R next to ``1/2 |A f - y|^2`` in coefficient units; it means the same on every grid.

    Examples
    --------
    >>> from srinr import WeightDecay
    >>> WeightDecay(1e-6).strength
    1e-06
    """

    strength: float

    def __post_init__(self) -> None:
        _check_strength(self.strength)

    def evaluate(
        self, inr: INR, operator: LinearOperator, grid: Grid, chunk_size: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Prediction from the summed image, R from the weight matrices (biases are free)."""
        prediction = operator.forward(inr.pixels(grid, chunk_size=chunk_size))
        if not self.strength:
            return prediction, prediction.real.new_zeros(())
        matrices = [p for p in inr.parameters() if p.ndim == 2]
        return prediction, 0.5 * torch.stack([w.square().sum() for w in matrices]).sum()

    def weighting(self, inr: INR, operator: LinearOperator, grid: Grid) -> torch.Tensor | None:
        """Norms of the neuron directions."""
        return inr.network.inner.norm(dim=1) if isinstance(inr.network, ShallowReLU) else None


@dataclass(frozen=True)
class TotalVariation:
    """Total variation of the image, ``R = integral of |grad f| dx``, for networks of any depth.

    Isotropic forward differences on the training grid, divided by the spacing and periodic, so that a strength
    means the same on every grid. Complex images: both parts under one root.

    Parameters
    ----------
    strength : float
        Factor of R next to ``1/2 |A f - y|^2`` in coefficient units.
    smoothing : float, default 1e-3
        Gradients count as ``sqrt(|grad f|^2 + e^2) - e`` with e = ``smoothing`` times the slope of one image
        unit per pixel, which makes R differentiable.

    Examples
    --------
    >>> from srinr.regularizers import TotalVariation
    >>> TotalVariation(1e-6).strength
    1e-06
    """

    strength: float
    smoothing: float = 1e-3

    def __post_init__(self) -> None:
        _check_strength(self.strength)
        if not (np.isfinite(self.smoothing) and self.smoothing > 0):
            raise ValueError(f"smoothing must be a positive number, got {self.smoothing!r}")

    def evaluate(
        self, inr: INR, operator: LinearOperator, grid: Grid, chunk_size: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Prediction and total variation from one evaluation of the pixels."""
        pixels = inr.pixels(grid, chunk_size=chunk_size)
        squared = torch.zeros_like(pixels.real if pixels.is_complex() else pixels)
        for axis, n in enumerate(grid.shape):
            slope = n * (torch.roll(pixels, -1, axis) - pixels)
            squared = squared + (slope.abs().square() if slope.is_complex() else slope.square())
        floor = self.smoothing * max(grid.shape)
        return operator.forward(pixels), ((squared + floor**2).sqrt() - floor).mean()

    def weighting(self, inr: INR, operator: LinearOperator, grid: Grid) -> torch.Tensor | None:
        """Total variation of the image is no weighting of neurons."""
        return None


@dataclass(frozen=True)
class FourierWeightDecay:
    """Modified weight decay I: ``rho(w) = |F_Omega relu(<w, gamma>)|_2``, the norm of the neuron's samples.

    Source: sampling theory of INRs, eq. (8). For shallow ReLU networks.

    Parameters
    ----------
    strength : float
        Factor of R next to ``1/2 |A f - y|^2`` in coefficient units.
    """

    strength: float

    def __post_init__(self) -> None:
        _check_strength(self.strength)

    def evaluate(
        self, inr: INR, operator: LinearOperator, grid: Grid, chunk_size: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The prediction is the combination of the neurons' samples: no second transform."""
        outer = shallow(inr).outer
        samples = neuron_samples(inr, operator, grid, chunk_size)
        real = torch.view_as_real(samples) if samples.is_complex() else samples
        flat = real.reshape(len(real), -1)
        prediction = (outer @ flat).reshape(len(outer), *real.shape[1:])
        if samples.is_complex():
            prediction = torch.view_as_complex(prediction)
        combined = prediction[0] + 1j * prediction[1] if inr.complex_output else prediction[0]
        return combined, 0.5 * (outer.square().sum() + flat.square().sum())

    def weighting(self, inr: INR, operator: LinearOperator, grid: Grid) -> torch.Tensor | None:
        """Norms of the neurons' samples."""
        samples = neuron_samples(inr, operator, grid, small_chunk(inr, grid))
        return samples.flatten(1).abs().square().sum(dim=1).sqrt()


@dataclass(frozen=True)
class IntegralWeightDecay:
    """Modified weight decay II: ``rho(w) = integral of relu(<w, gamma(x)>) dx``, the neuron's mean.

    For shallow ReLU networks (journal version of the sampling theory).

    Parameters
    ----------
    strength : float
        Factor of R next to ``1/2 |A f - y|^2`` in coefficient units.
    """

    strength: float

    def __post_init__(self) -> None:
        _check_strength(self.strength)

    def evaluate(
        self, inr: INR, operator: LinearOperator, grid: Grid, chunk_size: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One pass over the hidden images gives the summed image and the means."""
        image, means = image_and_means(inr, grid, chunk_size)
        prediction = operator.forward(image.reshape(grid.shape))
        return prediction, 0.5 * (shallow(inr).outer.square().sum() + means.square().sum())

    def weighting(self, inr: INR, operator: LinearOperator, grid: Grid) -> torch.Tensor | None:
        """Means of the neurons."""
        return image_and_means(inr, grid, small_chunk(inr, grid))[1]


class CustomWeightDecay:
    """Generalized weight decay with a weighting of the user's own.

    Parameters
    ----------
    rho : callable
        Torch function from neuron directions (P, D) to non-negative weights (P,). It must be positively
        homogeneous, ``rho(c w) = c rho(w)`` for c > 0, and positive for neurons that are not identically
        zero (admissible in the sense of the sampling theory, section II). Checked at random directions here.
    strength : float
        Factor of R next to ``1/2 |A f - y|^2`` in coefficient units.
    n_features : int
        Dimension D at which ``rho`` is checked.
    seed : int, default 0
        Seed of the directions used by the check.

    Raises
    ------
    ValueError
        When a check fails; the message names the property and the size of the violation.

    Examples
    --------
    >>> from srinr import CustomWeightDecay
    >>> CustomWeightDecay(lambda w: w.abs().sum(dim=1), strength=1e-3, n_features=25).strength
    0.001
    """

    def __init__(
        self,
        rho: Callable[[torch.Tensor], torch.Tensor],
        strength: float,
        *,
        n_features: int,
        seed: int = 0,
    ) -> None:
        _check_strength(strength)
        self._rho = rho
        self._strength = float(strength)
        check_admissible(rho, n_features, seed)

    @property
    def strength(self) -> float:
        """Factor of R in the objective."""
        return self._strength

    def evaluate(
        self, inr: INR, operator: LinearOperator, grid: Grid, chunk_size: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Prediction from the summed image, R from the user's weighting."""
        network = shallow(inr)
        prediction = operator.forward(inr.pixels(grid, chunk_size=chunk_size))
        return prediction, 0.5 * (network.outer.square().sum() + self._rho(network.inner).square().sum())

    def weighting(self, inr: INR, operator: LinearOperator, grid: Grid) -> torch.Tensor | None:
        """The user's weighting."""
        return self._rho(shallow(inr).inner)


def _check_strength(strength: float) -> None:
    if not (np.isfinite(strength) and strength >= 0):
        raise ValueError(f"strength must be a finite number >= 0, got {strength!r}")


def check_admissible(rho: Callable[[torch.Tensor], torch.Tensor], n_features: int, seed: int) -> None:
    """Refuse a weighting that is not positive, homogeneous or differentiable at random directions."""
    rng = np.random.default_rng(seed)
    w = torch.from_numpy(rng.standard_normal((64, n_features))).requires_grad_()
    values = rho(w)
    if not isinstance(values, torch.Tensor) or values.shape != (64,):
        shape = tuple(values.shape) if isinstance(values, torch.Tensor) else type(values).__name__
        raise ValueError(f"rho must map directions (P, D) to a tensor (P,); for P = 64 it gave {shape}")
    if not bool(torch.isfinite(values).all()) or bool((values <= 0).any()):
        raise ValueError(
            f"rho must be positive on active neurons; its smallest value on random directions is {values.min():.3g}"
        )
    if not values.requires_grad:
        raise ValueError("rho must be differentiable: write it with torch operations on its argument")
    for factor in (1e-3, 0.5, 7.0, 1e3):
        error = ((rho(factor * w) - factor * values).abs() / (factor * values)).max().item()
        if error > 1e-6:
            raise ValueError(
                f"rho must be positively homogeneous, rho(c w) = c rho(w); at c = {factor} it is off by {error:.2g}"
            )
