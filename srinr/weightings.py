"""Admissible weightings ``rho``: what a neuron costs (sampling theory of INRs, section III and eq. 8).

A weighting is positively homogeneous and positive for every neuron that is not identically zero; the total
variation ``sum_i |a_i| rho(w_i)`` is what balanced generalized weight decay equals (Lemma 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.dictionary import Dictionary
from srinr.regularizers import check_admissible


@runtime_checkable
class Weighting(Protocol):
    """A positively homogeneous cost of neuron directions."""

    def evaluate(self, dictionary: Dictionary, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``rho`` (P,) and its gradients (P, D) at atoms (P, D), in the precision of ``atoms``."""
        ...


@dataclass(frozen=True)
class StandardWeighting:
    """Standard weight decay, ``rho(w) = |w|_2``."""

    def evaluate(self, dictionary: Dictionary, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Norms, and unit vectors."""
        norm = atoms.norm(dim=1)
        return norm, atoms / norm.clamp_min(torch.finfo(atoms.dtype).tiny)[:, None]


@dataclass(frozen=True)
class FourierWeighting:
    """Modified weight decay I, ``rho(w) = |F_Omega relu(<w, gamma>)|_2`` (sampling theory, eq. 8)."""

    def evaluate(self, dictionary: Dictionary, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Norms of the neurons' samples."""
        return dictionary.norms(atoms)


@dataclass(frozen=True)
class IntegralWeighting:
    """Modified weight decay II, ``rho(w) = integral of relu(<w, gamma(x)>) dx`` (journal version)."""

    def evaluate(self, dictionary: Dictionary, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Means of the neurons."""
        return dictionary.means(atoms)


class CustomWeighting:
    """A weighting of the user's own.

    Parameters
    ----------
    rho : callable
        Torch function from directions (P, D) to positive values (P,), positively homogeneous and differentiable;
        checked at random directions.
    n_features : int
        Dimension D at which it is checked.
    seed : int, default 0
        Seed of those directions.

    Raises
    ------
    ValueError
        When a check fails; the message names the property.

    Examples
    --------
    >>> weighting = CustomWeighting(lambda w: w.abs().sum(dim=1), n_features=3)
    >>> weighting.evaluate(None, torch.tensor([[1.0, -2.0, 0.0]]))[0].tolist()
    [3.0]
    """

    def __init__(
        self, rho: Callable[[torch.Tensor], torch.Tensor], *, n_features: int, seed: int = 0
    ) -> None:
        check_admissible(rho, n_features, seed)
        self._rho = rho

    def evaluate(self, dictionary: Dictionary, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Values and gradients by automatic differentiation."""
        w = atoms.detach().clone().requires_grad_()
        with torch.enable_grad():
            values = self._rho(w)
            (gradients,) = torch.autograd.grad(values.sum(), w)
        return values.detach(), gradients


def weights(weighting: Weighting, dictionary: Dictionary, atoms: NDArray[np.float64]) -> NDArray[np.float64]:
    """``rho`` of atoms (P, D) in float64.

    Examples
    --------
    >>> from srinr import NeuronDictionary
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=1)
    >>> weights(StandardWeighting(), dictionary, np.array([[3.0, 4.0, 0.0]])).tolist()
    [5.0]
    """
    return weights_and_gradients(weighting, dictionary, atoms)[0]


def weights_and_gradients(
    weighting: Weighting, dictionary: Dictionary, atoms: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``rho`` (P,) and its gradients (P, D) in float64."""
    values, gradients = weighting.evaluate(dictionary, torch.from_numpy(np.array(atoms, dtype=np.float64)))
    return values.cpu().numpy(), gradients.cpu().numpy()
