"""The dictionary of neurons with exact Fourier coefficients: no grid, no aliasing.

One dimension; :mod:`srinr.exact_planar_dictionary` has two.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from srinr.domain import lowpass_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.lattice import lattice_coefficients
from srinr.measures import DiscreteMeasure
from srinr.real_samples import RealSamples
from srinr.rectified import feature_products_1d, indicator_coefficients_1d
from srinr.samples import FourierSamples

Vector = NDArray[np.float64]
Complex = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class ExactDictionary:
    """Dictionary whose samples are the Fourier coefficients of the continuous neurons, to rounding.

    Its statements are about the continuum, where those of :class:`srinr.neuron_dictionary.NeuronDictionary` are about
    a grid. One dimension: neurons over ``FourierFeatures.lattice(max_frequency, dim=1)``.

    Parameters
    ----------
    max_frequency : int
        Limit K0 of the features, at least 1.
    frequencies : array of integers, shape (m, 1)
        Sampled frequencies, cycles per field of view.
    constant : bool, default True
        Whether the constant feature is among the features.

    Raises
    ------
    ValueError
        Frequencies of the wrong shape, not integer or repeated; ``max_frequency`` below 1.

    Examples
    --------
    >>> dictionary = ExactDictionary.lattice(max_frequency=1, cutoff=2)
    >>> cosine = np.array([[0.0, 0.5**0.5, 0.0]])
    >>> dictionary.real_samples.unpack(dictionary.coefficients(cosine)[0]).real.round(6).tolist()
    [0.106103, 0.25, 0.31831, 0.25, 0.106103]
    """

    max_frequency: int
    frequencies: NDArray[np.int64]
    constant: bool = True

    def __init__(self, max_frequency: int, frequencies: ArrayLike, *, constant: bool = True) -> None:
        k = np.array(frequencies)
        if k.ndim != 2 or k.shape[1] != 1:
            raise ValueError(
                f"frequencies must have shape (m, 1), got {k.shape}; use ExactPlanarDictionary in two dimensions"
            )
        FourierFeatures.lattice(max_frequency, dim=1, constant=constant)  # refuses a limit below 1
        object.__setattr__(self, "max_frequency", int(max_frequency))
        object.__setattr__(self, "frequencies", RealSamples(k).frequencies)
        object.__setattr__(self, "constant", bool(constant))

    @classmethod
    def lattice(cls, max_frequency: int, cutoff: int, *, constant: bool = True) -> ExactDictionary:
        """All frequencies up to ``cutoff``."""
        return cls(max_frequency, lowpass_frequencies(cutoff, dim=1), constant=constant)

    @functools.cached_property
    def encoding(self) -> FourierFeatures:
        """The features of the neurons."""
        return FourierFeatures.lattice(self.max_frequency, dim=1, constant=self.constant)

    @functools.cached_property
    def real_samples(self) -> RealSamples:
        """The map between complex samples and real vectors."""
        return RealSamples(self.frequencies)

    @property
    def description(self) -> str:
        """``exact``."""
        return "exact"

    @property
    def lipschitz(self) -> float:
        """1: features are orthonormal, rectification and sampling do not expand."""
        return 1.0

    @property
    def n_features(self) -> int:
        """Dimension D of the atoms."""
        return self.encoding.n_features

    def polynomials(self, atoms: Vector) -> Complex:
        """Coefficients (P, 2 K0 + 1) of ``<w, gamma>`` for atoms (P, D)."""
        w = np.asarray(atoms, dtype=np.float64)
        if w.ndim != 2 or w.shape[1] != self.n_features:
            raise ValueError(f"atoms must have shape (P, {self.n_features}), got {w.shape}")
        if not self.constant:
            w = np.concatenate([w, np.zeros((len(w), 1))], axis=1)
        return lattice_coefficients(w, self.max_frequency, dim=1)

    def dual_coefficients(self, dual: Vector) -> Complex:
        """Coefficients (2 K + 1,) of ``p = F_Omega^* q`` on the centered box of the highest sampled frequency.

        Only the real part of ``p`` correlates with real images; it is what is returned.
        """
        cutoff = self._cutoff
        box = np.zeros(2 * cutoff + 1, dtype=np.complex128)
        box[self.frequencies[:, 0] + cutoff] = self.real_samples.unpack(np.asarray(dual, dtype=np.float64))
        return (box + box[::-1].conj()) / 2

    def coefficients(self, atoms: Vector) -> Vector:
        """Samples ``phi`` of atoms (P, D), shape (P, m)."""
        c = self.polynomials(atoms)
        return self.real_samples.pack(self._samples(c, self._indicators(c)))

    def jacobian(self, atom: Vector) -> Vector:
        """Jacobian of ``phi`` at one atom (D,), shape (m, D)."""
        h = self._indicators(self.polynomials(np.asarray(atom)[None]))[0]
        # The coefficient at k of exp(2 pi i l x) times the indicator is h at k - l.
        shifted = h[self._center + self.frequencies - self._waves]
        columns = feature_products_1d(shifted, self.max_frequency, constant=self.constant)
        return np.ascontiguousarray(self.real_samples.pack(np.ascontiguousarray(columns.T)).T)

    def jacobians(self, atoms: Vector) -> Vector:
        """Jacobians at atoms (P, D), shape (P, m, D)."""
        shape = len(atoms), self.real_samples.n_real, self.encoding.n_features
        return np.reshape([self.jacobian(atom) for atom in atoms], shape)

    def correlations(self, dual: Vector, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``eta`` (P,) and its gradients (P, D)."""
        q = self.real_samples.unpack(np.asarray(dual, dtype=np.float64))
        w = _numpy(atoms)
        h = self._indicators(self.polynomials(w))
        gradients = self._gradients(np.broadcast_to(q, (len(w), len(q))), h)
        return _tensors((gradients * w).sum(axis=1), gradients, atoms)

    def means(self, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Integral of each neuron (P,) and its gradients (P, D)."""
        w = _numpy(atoms)
        h = self._indicators(self.polynomials(w))[:, self._center - self._waves]
        gradients = feature_products_1d(h, self.max_frequency, constant=self.constant).real
        return _tensors((gradients * w).sum(axis=1), gradients, atoms)

    def norms(self, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``|phi|`` (P,) and its gradients ``J^T phi / |phi|`` (P, D)."""
        c = self.polynomials(_numpy(atoms))
        h = self._indicators(c)
        packed = self.real_samples.pack(self._samples(c, h))
        norms = np.linalg.norm(packed, axis=1)
        gradients = self._gradients(self.real_samples.unpack(packed), h)
        return _tensors(norms, gradients / np.maximum(norms, 1e-300)[:, None], atoms)

    def sample(self, measure: DiscreteMeasure) -> FourierSamples:
        """Exact samples of the image of a measure."""
        values = self.real_samples.unpack(measure.amplitudes @ self.coefficients(measure.atoms))
        return FourierSamples(self.frequencies, values)

    @functools.cached_property
    def _cutoff(self) -> int:
        return int(np.abs(self.frequencies).max())

    @property
    def _center(self) -> int:
        """Position of frequency 0 among the coefficients of an indicator."""
        return self._cutoff + self.max_frequency

    @property
    def _waves(self) -> NDArray[np.int64]:
        return np.arange(-self.max_frequency, self.max_frequency + 1)

    def _indicators(self, polynomials: Complex) -> Complex:
        return indicator_coefficients_1d(polynomials, self._center)

    def _samples(self, polynomials: Complex, indicators: Complex) -> Complex:
        """``sum_l c_l h_{k-l}`` at the sampled frequencies."""
        shifted = indicators[:, self._center + self.frequencies - self._waves]
        return (shifted * polynomials[:, None, :]).sum(axis=2)

    def _gradients(self, duals: Complex, indicators: Complex) -> Vector:
        """``Re integral of p gamma 1{tau > 0}``, ``p`` with coefficients ``duals`` (P, m): shape (P, D)."""
        opposite = indicators[:, self._center - self.frequencies - self._waves]
        waves = (duals[:, :, None] * opposite).sum(axis=1)
        return feature_products_1d(waves, self.max_frequency, constant=self.constant).real


def _numpy(atoms: torch.Tensor) -> Vector:
    return atoms.detach().cpu().to(torch.float64).numpy()


def _tensors(values: Vector, gradients: Vector, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(values).to(like), torch.from_numpy(gradients).to(like)
