"""Neurons whose kinks are rounded off: a smooth stand-in for the dictionary of a grid.

On a grid the samples of a neuron are piecewise linear in its direction, with a kink wherever a pixel changes side.
Descent stops on them, far from any solution. With the rectifier rounded over about a pixel the samples are smooth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.neuron_dictionary import NeuronDictionary
from srinr.real_samples import RealSamples

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RoundedDictionary:
    """Neurons with the rectifier ``(t + b)^2 / (4 b)`` for ``|t| <= b``; the width b is proportional to ``|w|``.

    Parameters
    ----------
    dictionary : NeuronDictionary
        Of the sharp neurons.
    pixels : float
        Pixels to each side of a kink of typical slope over which it is rounded; positive.

    Raises
    ------
    ValueError
        For a width that is not positive.

    Examples
    --------
    >>> sharp = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=1)
    >>> atoms = np.array([[0.6, 0.0, 0.8]])
    >>> errors = [RoundedDictionary(sharp, r).coefficients(atoms) - sharp.coefficients(atoms) for r in (2.0, 1.0)]
    >>> bool(np.linalg.norm(errors[1]) < 0.3 * np.linalg.norm(errors[0]))  # of second order
    True
    """

    dictionary: NeuronDictionary
    pixels: float

    def __post_init__(self) -> None:
        if not self.pixels > 0:
            raise ValueError(f"pixels must be positive, got {self.pixels!r}")

    @property
    def width(self) -> float:
        """The width b of a unit direction."""
        return self.pixels * self.dictionary.pixel_change

    @property
    def real_samples(self) -> RealSamples:
        """The map between complex samples and real vectors."""
        return self.dictionary.real_samples

    def coefficients(self, atoms: Vector) -> Vector:
        """Samples of rounded neurons (P, D), shape (P, m)."""
        tensor = torch.from_numpy(np.array(atoms, dtype=np.float64)).to(self.dictionary.device)
        step = self.dictionary.chunk_size
        parts = [
            self.dictionary.image_samples(self._images(part)) for part in tensor.split(step) if len(part)
        ]
        return torch.cat(parts).cpu().numpy() if parts else np.zeros((0, self.real_samples.n_real))

    def jacobian(self, atom: Vector) -> Vector:
        """Jacobian of the samples at one atom (D,), shape (m, D); zero at zero."""
        return self.jacobians(np.asarray(atom)[None])[0]

    def jacobians(self, atoms: Vector) -> Vector:
        """Jacobians of the samples at atoms (P, D), shape (P, m, D)."""
        tensor = torch.from_numpy(np.array(atoms, dtype=np.float64)).to(self.dictionary.device)
        parts = [self._rows(part) for part in tensor.split(self.dictionary.chunk_size) if len(part)]
        if not parts:
            return np.zeros((0, self.real_samples.n_real, atoms.shape[1]))
        return np.concatenate(parts).transpose(0, 2, 1)

    def _rows(self, atoms: torch.Tensor) -> Vector:
        """Transposed Jacobians of a block of atoms, shape (P, D, m)."""
        sizes = atoms.norm(dim=1, keepdim=True)
        unit = atoms / sizes.clamp_min(torch.finfo(atoms.dtype).tiny)
        part = (unit @ self.dictionary.features(torch.float64).T) / self.width
        rows = self.dictionary.feature_products((0.5 * (part + 1)).clamp(0, 1) * (sizes > 0))
        # The width of the rounding grows with |w|.
        wider = (0.25 * self.width) * (1 - part.square()).clamp_min(0)
        samples = self.dictionary.image_samples(wider).cpu().numpy()
        rows += unit.cpu().numpy()[:, :, None] * samples[:, None]
        return rows

    def _images(self, atoms: torch.Tensor) -> torch.Tensor:
        hidden = atoms @ self.dictionary.features(torch.float64).T
        width = self.width * atoms.norm(dim=1, keepdim=True)
        bend = (hidden + width).clamp_min(0).square() / (4 * width).clamp_min(torch.finfo(hidden.dtype).tiny)
        return torch.where(hidden < width, bend, hidden)
