"""The dictionary of neurons: from a direction ``w`` to the Fourier samples ``phi(w) = F_Omega relu(<w, gamma>)``.

A dual vector ``q`` correlates with all neurons at once: ``eta(w) = <q, phi(w)>`` is the mean over the domain of
``p relu(<w, gamma>)`` with the trigonometric polynomial ``p = F_Omega^* q``. Vectors of samples are real here
(:class:`srinr.real_samples.RealSamples`).
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.encodings.base import Encoding
from srinr.real_samples import RealSamples

Vector = NDArray[np.float64]


@runtime_checkable
class Dictionary(Protocol):
    """What solvers and certificates ask of a dictionary; arrays are float64, vectors of samples real."""

    @property
    def encoding(self) -> Encoding:
        """The features of the neurons."""
        ...

    @property
    def real_samples(self) -> RealSamples:
        """The map between complex samples and real vectors."""
        ...

    @property
    def description(self) -> str:
        """Where the samples of a neuron come from, e.g. ``grid (64, 64)``."""
        ...

    @property
    def lipschitz(self) -> float:
        """A bound L with ``|phi(v) - phi(w)| <= L |v - w|``."""
        ...

    def coefficients(self, atoms: Vector) -> Vector:
        """Samples ``phi`` of atoms (P, D), shape (P, m)."""
        ...

    def jacobian(self, atom: Vector) -> Vector:
        """Jacobian ``J`` of ``phi`` at one atom (D,), shape (m, D); ``phi(w) = J(w) w`` (Euler)."""
        ...

    def jacobians(self, atoms: Vector) -> Vector:
        """Jacobians at atoms (P, D), shape (P, m, D)."""
        ...

    def correlations(self, dual: Vector, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``eta`` (P,) and its gradients (P, D) at atoms (P, D), in the precision of ``atoms``."""
        ...

    def norms(self, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``|phi|`` (P,) and its gradients (P, D)."""
        ...

    def means(self, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean over the domain of each neuron (P,) and its gradients (P, D)."""
        ...
