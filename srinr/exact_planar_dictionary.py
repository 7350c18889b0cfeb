"""The dictionary of planar neurons with exact Fourier coefficients: no grid, no aliasing."""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from srinr.domain import Grid, lowpass_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary, default_grid_points
from srinr.operators.fourier import FourierOperator
from srinr.real_samples import RealSamples
from srinr.rectified_planar import MAX_FREQUENCY, PlanarRectified, rectified_coefficients_planar
from srinr.rectified_planar_products import convolve_boxes, planar_feature_products, planar_jacobian
from srinr.samples import FourierSamples

Vector = NDArray[np.float64]
Complex = NDArray[np.complex128]

#: Complex entries of the results that are kept (16 MiB): solvers ask for the values and then the
#: derivatives at the same atoms.
_KEPT_ENTRIES = 2**20
#: Of the grid of searches, per cycle of the highest frequency that a sampled neuron shares with a feature.
_POINTS_PER_CYCLE = 3


class InaccurateCoefficientsWarning(RuntimeWarning):
    """Coefficients of a neuron miss the tolerance of their dictionary, as far as their estimated error tells."""


@dataclass(frozen=True, eq=False)
class ExactPlanarDictionary:
    """Dictionary whose samples are the Fourier coefficients of the continuous planar neurons.

    Its statements are about the continuum, where those of :class:`srinr.neuron_dictionary.NeuronDictionary` are about
    a grid. An evaluation costs milliseconds per neuron (:func:`srinr.rectified_planar.rectified_coefficients_planar`):
    search on a grid (:meth:`on_grid`), polish and verify here.

    Parameters
    ----------
    encoding : FourierFeatures
        Integer features in two dimensions, up to frequency 32.
    frequencies : array of integers, shape (m, 2)
        Sampled frequencies, cycles per field of view.
    tolerance : float, default 1e-12
        Error of the samples aimed at, relative to the norm of an atom. When an atom misses it, a
        ``RuntimeWarning`` says by how much.

    Raises
    ------
    ValueError
        Features that are not planar or not integer; frequencies of the wrong shape, not integer or repeated; a
        tolerance that is not positive.

    Examples
    --------
    >>> dictionary = ExactPlanarDictionary.lattice(max_frequency=1, cutoff=1)
    >>> atom = np.zeros((1, 9))
    >>> atom[0, 4] = 0.5**0.5  # cos 2 pi x_2
    >>> dictionary.real_samples.unpack(dictionary.coefficients(atom)[0]).real.round(6)[3:6].tolist()
    [0.25, 0.31831, 0.25]
    """

    encoding: FourierFeatures
    frequencies: NDArray[np.int64]
    tolerance: float = 1e-12
    _kept: OrderedDict[bytes, PlanarRectified] = field(repr=False, default_factory=OrderedDict)

    def __init__(
        self, encoding: FourierFeatures, frequencies: ArrayLike, *, tolerance: float = 1e-12
    ) -> None:
        if encoding.dim != 2 or not encoding.is_integer or encoding.max_frequency > MAX_FREQUENCY:
            raise ValueError(
                f"encoding must have integer frequencies up to {MAX_FREQUENCY} in two dimensions, got {encoding!r}"
            )
        k = np.array(frequencies)
        if k.ndim != 2 or k.shape[1] != 2:
            raise ValueError(f"frequencies must have shape (m, 2), got {k.shape}")
        if not 0.0 < tolerance < np.inf:
            raise ValueError(f"tolerance must be positive and finite, got {tolerance!r}")
        object.__setattr__(self, "encoding", encoding)
        object.__setattr__(self, "frequencies", RealSamples(k).frequencies)
        object.__setattr__(self, "tolerance", float(tolerance))
        object.__setattr__(self, "_kept", OrderedDict())

    @classmethod
    def lattice(
        cls, max_frequency: int, cutoff: int, *, constant: bool = True, tolerance: float = 1e-12
    ) -> ExactPlanarDictionary:
        """Lattice features and all frequencies up to ``cutoff`` (both in the max-norm)."""
        encoding = FourierFeatures.lattice(max_frequency, dim=2, constant=constant)
        return cls(encoding, lowpass_frequencies(cutoff, dim=2), tolerance=tolerance)

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

    @property
    def max_frequency(self) -> int:
        """Limit K0 of the features."""
        return int(self.encoding.max_frequency)

    def polynomials(self, atoms: Vector) -> Complex:
        """Coefficients (P, 2 K0 + 1, 2 K0 + 1) of ``<w, gamma>`` for atoms (P, D)."""
        w = np.asarray(atoms, dtype=np.float64)
        if w.ndim != 2 or w.shape[1] != self.n_features:
            raise ValueError(f"atoms must have shape (P, {self.n_features}), got {w.shape}")
        k, n, limit = self._features, len(self._features), self.max_frequency
        z = (w[:, n : 2 * n] - 1j * w[:, :n]) / np.sqrt(2.0)
        box = np.zeros((len(w), 2 * limit + 1, 2 * limit + 1), dtype=np.complex128)
        box[:, limit + k[:, 0], limit + k[:, 1]] = z
        box[:, limit - k[:, 0], limit - k[:, 1]] = z.conj()
        if self.encoding.constant:
            box[:, limit, limit] = w[:, -1]
        return box

    def rectified(self, atoms: Vector) -> list[PlanarRectified]:
        """Coefficients of every atom (P, D) on the box of the highest sampled frequency, with their errors."""
        return [self._rectified(c) for c in self.polynomials(atoms)]

    def dual_coefficients(self, dual: Vector) -> Complex:
        """Coefficients (2 K + 1, 2 K + 1) of ``p = F_Omega^* q`` on the box of the highest sampled frequency.

        Only the real part of ``p`` correlates with real images; it is what is returned.
        """
        box = self._box(self.real_samples.unpack(np.asarray(dual, dtype=np.float64)))
        return (box + box[::-1, ::-1].conj()) / 2

    def coefficients(self, atoms: Vector) -> Vector:
        """Samples ``phi`` of atoms (P, D), shape (P, m)."""
        return self.real_samples.pack(self._samples(self.rectified(atoms)))

    def jacobian(self, atom: Vector) -> Vector:
        """Jacobian of ``phi`` at one atom (D,), shape (m, D)."""
        result = self.rectified(np.asarray(atom)[None])[0]
        columns = planar_jacobian(
            result.indicator.values, self._features, self.frequencies, constant=self.encoding.constant
        )
        return np.ascontiguousarray(self.real_samples.pack(np.ascontiguousarray(columns.T)).T)

    def jacobians(self, atoms: Vector) -> Vector:
        """Jacobians at atoms (P, D), shape (P, m, D)."""
        shape = len(atoms), self.real_samples.n_real, self.encoding.n_features
        return np.reshape([self.jacobian(atom) for atom in atoms], shape)

    def correlations(self, dual: Vector, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``eta`` (P,) and its gradients (P, D)."""
        q = self.real_samples.unpack(np.asarray(dual, dtype=np.float64))
        w = _numpy(atoms)
        results = self.rectified(w)
        gradients = self._gradients(np.broadcast_to(q, (len(w), len(q))), results)
        return _tensors((gradients * w).sum(axis=1), gradients, atoms)

    def means(self, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Integral of each neuron (P,) and its gradients (P, D)."""
        w = _numpy(atoms)
        origin = np.zeros((1, 2), dtype=np.int64)
        rows = [
            planar_jacobian(r.indicator.values, self._features, origin, constant=self.encoding.constant)[
                0
            ].real
            for r in self.rectified(w)
        ]
        gradients = np.array(rows).reshape(w.shape)
        return _tensors((gradients * w).sum(axis=1), gradients, atoms)

    def norms(self, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``|phi|`` (P,) and its gradients ``J^T phi / |phi|`` (P, D)."""
        results = self.rectified(_numpy(atoms))
        packed = self.real_samples.pack(self._samples(results))
        norms = np.linalg.norm(packed, axis=1)
        gradients = self._gradients(self.real_samples.unpack(packed), results)
        return _tensors(norms, gradients / np.maximum(norms, 1e-300)[:, None], atoms)

    def sample(self, measure: DiscreteMeasure) -> FourierSamples:
        """Exact samples of the image of a measure."""
        values = self.real_samples.unpack(measure.amplitudes @ self.coefficients(measure.atoms))
        return FourierSamples(self.frequencies, values)

    def on_grid(self, n_grid: int | None = None) -> NeuronDictionary:
        """The dictionary of the same neurons and samples on a grid, for searches.

        Parameters
        ----------
        n_grid : int, optional
            Points per axis; by default what :meth:`NeuronDictionary.lattice` takes, and at least three per cycle of
            the cutoff and the features together.
        """
        # With two points per cycle aliasing grows to 2e-3 of the samples: searches fit it, and lose the neurons.
        at_least = _POINTS_PER_CYCLE * (self._cutoff + self.max_frequency)
        n = n_grid or max(default_grid_points(self._cutoff, self.max_frequency, 2), at_least)
        if n not in self._grids:
            self._grids[n] = NeuronDictionary(
                self.encoding, FourierOperator(Grid(n, dim=2), self.frequencies)
            )
        return self._grids[n]

    @functools.cached_property
    def _grids(self) -> dict[int, NeuronDictionary]:
        return {}

    @functools.cached_property
    def _features(self) -> NDArray[np.int64]:
        return np.rint(self.encoding.frequencies).astype(np.int64)

    @functools.cached_property
    def _cutoff(self) -> int:
        return int(np.abs(self.frequencies).max())

    def _rectified(self, polynomial: Complex) -> PlanarRectified:
        """Coefficients of one polynomial, kept for the next call."""
        key = polynomial.tobytes()
        result = self._kept.get(key)
        if result is None:
            result = rectified_coefficients_planar(polynomial, self._cutoff, tolerance=self.tolerance)
            self._note(result)
            self._kept[key] = result
            while len(self._kept) > max(1, _KEPT_ENTRIES // result.indicator.values.size):
                self._kept.popitem(last=False)
        return result

    def _note(self, result: PlanarRectified) -> None:
        """Warn of the first neuron whose coefficients miss the tolerance; a fit may ask for thousands."""
        if result.converged or self._noted:
            return
        self._noted.append(result.error)
        warnings.warn(
            f"coefficients of a neuron have an estimated error of {result.error:.1e}, more than "
            f"{result.tolerance:.1e}: its polynomial nearly vanishes together with its gradient; raise tolerance, "
            "or move the atom a little (this is said once for each dictionary)",
            InaccurateCoefficientsWarning,
            stacklevel=5,
        )

    @functools.cached_property
    def _noted(self) -> list[float]:
        return []

    def _samples(self, results: list[PlanarRectified]) -> Complex:
        """Values (P, m) at the sampled frequencies."""
        first, second = (self._cutoff + self.frequencies).T
        rows = [result.values[first, second] for result in results]
        return np.array(rows, dtype=np.complex128).reshape(len(results), len(self.frequencies))

    def _gradients(self, duals: Complex, results: list[PlanarRectified]) -> Vector:
        """``Re integral of p gamma 1{tau > 0}``, ``p`` with coefficients ``duals`` (P, m): shape (P, D)."""
        rows = [
            planar_feature_products(
                # The integral of p times exp(2 pi i l.x) over the set is the sum of q_k conj(h_{k+l}).
                convolve_boxes(r.indicator.values.conj(), self._box(q)[::-1, ::-1], self.max_frequency),
                self._features,
                constant=self.encoding.constant,
            ).real
            for q, r in zip(duals, results, strict=True)
        ]
        return np.array(rows, dtype=np.float64).reshape(len(results), self.n_features)

    def _box(self, values: Complex) -> Complex:
        """Values (m,) at the sampled frequencies on their centered box."""
        side = 2 * self._cutoff + 1
        box = np.zeros((side, side), dtype=np.complex128)
        box[self._cutoff + self.frequencies[:, 0], self._cutoff + self.frequencies[:, 1]] = values
        return box


def _numpy(atoms: torch.Tensor) -> Vector:
    return atoms.detach().cpu().to(torch.float64).numpy()


def _tensors(values: Vector, gradients: Vector, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(values).to(like), torch.from_numpy(gradients).to(like)
