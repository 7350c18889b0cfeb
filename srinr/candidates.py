"""Hyper-parameter candidates for coil data: explicit, few, and equally many for every method.

Strengths and learning rates refer to data divided by the largest zero-filled value, so that images are about 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch

from srinr.encodings.fourier_features import FourierFeatures
from srinr.encodings.identity import Coordinates
from srinr.inr import INR
from srinr.networks.mlp import MLP
from srinr.networks.siren import Siren
from srinr.optimizers import Adam, CosineDecay
from srinr.regularizers import Regularizer, TotalVariation, WeightDecay
from srinr.stages import Stage


@dataclass(frozen=True)
class AdamPlan:
    """Training of a candidate: Adam along a cosine, a regularizer, stopped by held-out samples.

    Parameters
    ----------
    max_steps, learning_rate, final_factor : int, float, float
        The rate falls from ``learning_rate`` to ``final_factor`` times that.
    strength : float
        Of the regularizer.
    regularizer_type : type
        ``TotalVariation`` or ``WeightDecay``.
    hidden_dtype : torch.dtype, optional
        Precision of the hidden layers.
    """

    max_steps: int = 600
    learning_rate: float = 1e-3
    final_factor: float = 0.05
    strength: float = 0.0
    regularizer_type: type[TotalVariation] | type[WeightDecay] = WeightDecay
    hidden_dtype: torch.dtype | None = None

    @property
    def stages(self) -> tuple[Stage, ...]:
        """One stage on the operator's grid, to which coil maps bind."""
        adam = Adam(self.learning_rate, CosineDecay(self.final_factor, warmup=20))
        return (Stage(self.max_steps, adam, hidden_dtype=self.hidden_dtype),)

    @property
    def regularizer(self) -> Regularizer:
        """Total variation or weight decay."""
        return self.regularizer_type(self.strength)

    def settings(self) -> dict[str, Any]:
        """Numbers for a report."""
        return {
            "max_steps": self.max_steps,
            "learning_rate": self.learning_rate,
            "final_factor": self.final_factor,
            "strength": self.strength,
            "regularizer": self.regularizer_type.__name__,
            "hidden_dtype": str(self.hidden_dtype) if self.hidden_dtype is not None else None,
        }


class InrCandidate(Protocol):
    """One choice of network and training."""

    @property
    def training(self) -> AdamPlan:
        """How it is trained."""
        ...

    @property
    def label(self) -> str:
        """A few words for tables."""
        ...

    def inr(self, seed: int) -> INR:
        """The untrained network, with complex output."""
        ...

    def settings(self) -> dict[str, Any]:
        """Numbers for a report."""
        ...


@dataclass(frozen=True)
class FeatureCandidate:
    """ReLU network of ``depth`` linear layers on Fourier features: lattice, Gaussian or logarithmic."""

    encoding: FourierFeatures
    width: int = 128
    depth: int = 6
    training: AdamPlan = AdamPlan(learning_rate=2e-3, hidden_dtype=torch.bfloat16)
    init_gain: float = 0.7

    @property
    def label(self) -> str:
        """A few words for tables."""
        n, top = len(self.encoding.frequencies), self.encoding.max_frequency
        network = f"ReLU {self.width} x {self.depth}, {n} frequencies up to {top:.3g}"
        return f"{network}, {self.training.regularizer_type.__name__} {self.training.strength:.3g}"

    def inr(self, seed: int) -> INR:
        """The untrained network."""
        network = MLP(
            self.encoding.n_features,
            self.width,
            self.depth,
            out_features=2,
            seed=seed,
            init_gain=self.init_gain,
        )
        return INR(self.encoding, network, complex_output=True)

    def settings(self) -> dict[str, Any]:
        """Numbers for a report."""
        size = {"width": self.width, "depth": self.depth, "init_gain": self.init_gain}
        return {"network": "MLP", "encoding": repr(self.encoding), **size, **self.training.settings()}


@dataclass(frozen=True)
class SirenCandidate:
    """SIREN on plain coordinates; ``omega_first`` sets the finest detail that it starts from."""

    dim: int = 2
    width: int = 128
    depth: int = 4
    omega_first: float = 30.0
    omega_hidden: float = 30.0
    training: AdamPlan = AdamPlan(max_steps=1000)

    @property
    def label(self) -> str:
        """A few words for tables."""
        return f"SIREN {self.width} x {self.depth}, omega {self.omega_first:.3g}"

    def inr(self, seed: int) -> INR:
        """The untrained network."""
        network = Siren(
            self.dim,
            self.width,
            self.depth,
            omega_first=self.omega_first,
            omega_hidden=self.omega_hidden,
            out_features=2,
            seed=seed,
        )
        return INR(Coordinates(self.dim), network, complex_output=True)

    def settings(self) -> dict[str, Any]:
        """Numbers for a report."""
        size = {"width": self.width, "depth": self.depth}
        omegas = {"omega_first": self.omega_first, "omega_hidden": self.omega_hidden}
        return {"network": "Siren", **size, **omegas, **self.training.settings()}


@dataclass(frozen=True)
class SenseCandidate:
    """Strength and iteration limit of CG-SENSE; the iteration is chosen by held-out samples up to the limit."""

    strength: float
    max_steps: int = 60

    @property
    def label(self) -> str:
        """A few words for tables."""
        return f"strength {self.strength:.3g}"

    def settings(self) -> dict[str, Any]:
        """Numbers for a report."""
        return {"strength": self.strength, "max_steps": self.max_steps}


def feature_candidates(dim: int = 2) -> tuple[FeatureCandidate, ...]:
    """ReLU networks on Fourier features, in the order in which they are tried."""
    lattice = FourierFeatures.lattice(20, dim)
    training = (
        AdamPlan(600, 2e-3, strength=strength, regularizer_type=TotalVariation, hidden_dtype=torch.bfloat16)
        for strength in (1e-5, 5e-6, 2e-5, 3e-6, 3e-5)
    )
    return (
        *(FeatureCandidate(lattice, training=plan) for plan in training),
        FeatureCandidate(FourierFeatures.lattice(30, dim)),
    )


def shallow_candidates(dim: int = 2) -> tuple[FeatureCandidate, ...]:
    """One hidden layer on lattice features, in the order in which they are tried."""
    limits = (20, 12, 30, 16, 25, 8)
    training = AdamPlan(learning_rate=3e-3)
    return tuple(FeatureCandidate(FourierFeatures.lattice(k, dim), 200, 2, training) for k in limits)


def siren_candidates(dim: int = 2) -> tuple[SirenCandidate, ...]:
    """SIREN networks, in the order in which they are tried."""
    return tuple(SirenCandidate(dim, omega_first=omega) for omega in (30.0, 45.0, 20.0, 60.0, 90.0, 15.0))


def sense_candidates() -> tuple[SenseCandidate, ...]:
    """Strengths of CG-SENSE, in the order in which they are tried."""
    return tuple(SenseCandidate(strength) for strength in (1e-2, 3e-3, 1.5e-2, 6e-3, 3e-2, 1e-3))
