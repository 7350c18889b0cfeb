"""The dictionary of neurons on a grid of pixels."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch

from srinr.dictionary import Vector
from srinr.domain import Grid, lowpass_frequencies
from srinr.encodings.base import Encoding, grid_points
from srinr.encodings.fourier_features import FourierFeatures
from srinr.feature_products import FeatureProducts
from srinr.measures import DiscreteMeasure
from srinr.operators.fourier import FourierOperator
from srinr.real_samples import RealSamples
from srinr.samples import FourierSamples
from srinr.status import OutOfMemoryError


@dataclass(frozen=True, eq=False)
class NeuronDictionary:
    """Dictionary whose samples come from the pixels of a grid.

    Its statements are about the grid problem: the aliasing error of a neuron decays like ``n^-2.5`` in 2-D.

    Parameters
    ----------
    encoding : Encoding
        Features, e.g. ``FourierFeatures.lattice(2)``; they must fit the memory limit as a dense matrix.
    operator : FourierOperator
        From pixels to the sampled coefficients.
    device : str, default "cpu"
        Where searches run.
    memory_limit : int, default 2 GiB
        Bytes for the features and the temporary arrays.

    Raises
    ------
    ValueError
        When encoding and operator differ in dimension.
    OutOfMemoryError
        When the dense features do not fit into ``memory_limit``.

    Examples
    --------
    >>> from srinr import FourierFeatures, NeuronDictionary
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=1)
    >>> atom = np.array([[0.0, 1.0, 0.0]])
    >>> phi = dictionary.coefficients(atom)[0]
    >>> bool(np.allclose(phi, dictionary.jacobian(atom[0]) @ atom[0]))
    True
    """

    encoding: Encoding
    operator: FourierOperator
    device: str = "cpu"
    memory_limit: int = 2**31

    def __post_init__(self) -> None:
        if self.encoding.dim != self.grid.dim:
            raise ValueError(f"the encoding has dimension {self.encoding.dim}, the grid {self.grid.shape}")
        needed = self.grid.n_points * self.encoding.n_features * 8
        if 2 * needed > self.memory_limit:
            raise OutOfMemoryError(
                f"the features of {self.encoding!r} on {self.grid.shape} take {needed / 2**20:.0f} MiB, more than "
                f"half of memory_limit={self.memory_limit}; use a smaller grid, or raise memory_limit"
            )

    @classmethod
    def lattice(
        cls,
        max_frequency: int,
        cutoff: int,
        *,
        dim: int = 2,
        n_grid: int | None = None,
        constant: bool = True,
    ) -> NeuronDictionary:
        """Lattice features and all frequencies up to ``cutoff`` (both in the max-norm).

        Parameters
        ----------
        max_frequency, cutoff, dim : int
            Limits K0 of the features and K of the samples, and the dimension.
        n_grid : int, optional
            Grid points per axis; by default 256 in 1-D, 64 in 2-D, 16 in 3-D, or more where the limits ask for it.
        constant : bool, default True
            Whether the constant feature is appended.
        """
        n = n_grid or default_grid_points(cutoff, max_frequency, dim)
        encoding = FourierFeatures.lattice(max_frequency, dim, constant=constant)
        return cls(encoding, FourierOperator(Grid(n, dim=dim), lowpass_frequencies(cutoff, dim)))

    @property
    def grid(self) -> Grid:
        """The pixel grid."""
        return self.operator.grid

    @property
    def n_features(self) -> int:
        """Dimension D of the atoms."""
        return self.encoding.n_features

    @functools.cached_property
    def real_samples(self) -> RealSamples:
        """The map between complex samples and real vectors."""
        return RealSamples(self.operator.frequencies)

    @property
    def description(self) -> str:
        """``grid`` and its shape."""
        return f"grid {self.grid.shape}"

    @functools.cached_property
    def lipschitz(self) -> float:
        """``|phi(v) - phi(w)| <= L |v - w|``: the largest singular value of the features on the grid."""
        features = self.features(torch.float64)
        return float(torch.linalg.matrix_norm(features.T @ features / len(features), 2).sqrt())

    @functools.cached_property
    def pixel_change(self) -> float:
        """By how much ``<w, gamma>`` typically changes from pixel to pixel, relative to ``|w|``."""
        features = self.features(torch.float64).reshape(*self.grid.shape, self.n_features)
        squares = [(features.roll(1, axis) - features).square().mean() for axis in range(self.grid.dim)]
        return float(torch.stack(squares).sum().sqrt())

    def features(self, dtype: torch.dtype) -> torch.Tensor:
        """Features at the grid points, shape (n_points, D); kept for both precisions."""
        return self._features64 if dtype == torch.float64 else self._features32

    @functools.cached_property
    def _features64(self) -> torch.Tensor:
        points = grid_points(self.grid, None, torch.float64, torch.device(self.device))
        return self.encoding.features(points)

    @functools.cached_property
    def _dual_images(self) -> Callable[[bytes], torch.Tensor]:
        # The steps of a search ask for the same dual vector again and again.
        return functools.lru_cache(maxsize=2)(
            lambda values: torch.from_numpy(self.dual_image(np.frombuffer(values)))
        )

    @functools.cached_property
    def _features32(self) -> torch.Tensor:
        return self._features64.to(torch.float32)

    @property
    def chunk_size(self) -> int:
        """Neurons whose images are held at a time."""
        return max(1, self.memory_limit // (8 * 8 * self.grid.n_points))

    def dual_image(self, dual: Vector) -> Vector:
        """Values of ``p = F_Omega^* q`` on the grid, flat."""
        coefficients = self.real_samples.unpack(np.asarray(dual, dtype=np.float64))
        values = self.operator.adjoint(coefficients).real * self.grid.n_points
        return np.ascontiguousarray(values.reshape(-1))

    def coefficients(self, atoms: Vector) -> Vector:
        """Samples ``phi`` of atoms (P, D), shape (P, m)."""
        tensor = self._tensor(atoms)
        parts = [self.image_samples(hidden.clamp_min(0)) for _, hidden in self._hidden(tensor)]
        return torch.cat(parts).cpu().numpy() if parts else np.zeros((0, self.real_samples.n_real))

    def jacobian(self, atom: Vector) -> Vector:
        """Jacobian of ``phi`` at one atom (D,), shape (m, D): the samples of ``gamma_j 1{<w, gamma> > 0}``."""
        return self.jacobians(np.asarray(atom)[None])[0]

    def jacobians(self, atoms: Vector) -> Vector:
        """Jacobians of ``phi`` at atoms (P, D), shape (P, m, D)."""
        gates = [hidden.gt_(0) for _, hidden in self._hidden(self._tensor(atoms))]
        if not gates:
            return np.zeros((0, self.real_samples.n_real, self.n_features))
        return np.concatenate([self.feature_products(gate) for gate in gates]).transpose(0, 2, 1)

    def feature_products(self, flat_images: torch.Tensor) -> Vector:
        """Samples of the products ``gamma_j image`` of flat images (P, n_points) with all features, shape (P, D, m)."""
        if self._products is not None:
            return self._products(flat_images.cpu().numpy())
        features = self.features(torch.float64).T
        return np.stack([self.image_samples(features * image).cpu().numpy() for image in flat_images])

    @functools.cached_property
    def _products(self) -> FeatureProducts | None:
        # In 1-D the transforms cost as little.
        if (
            self.grid.dim == 1
            or not isinstance(self.encoding, FourierFeatures)
            or not self.encoding.is_integer
        ):
            return None
        return FeatureProducts(self.encoding, self.real_samples, self.grid.shape)

    def correlations(self, dual: Vector, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``eta`` (P,) and its gradients (P, D): two matrix products, no transform per atom."""
        p = self._dual_images(np.asarray(dual, dtype=np.float64).tobytes())
        return self.weighted_means(p.to(atoms), atoms)

    def weighted_means(self, p: torch.Tensor, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean of ``p relu(<w, gamma>)`` over the grid (P,) and its gradients (P, D); ``p`` is flat."""
        features = self.features(atoms.dtype)
        weighted = features * (p / len(features))[:, None]
        # In place: a mask of its own type and its conversion would cost as much as the products.
        gradients = [hidden.gt_(0) @ weighted for _, hidden in self._hidden(atoms)]
        gradient = torch.cat(gradients) if gradients else torch.zeros_like(atoms)
        return (gradient * atoms).sum(dim=1), gradient

    def means(self, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean of each neuron (P,) and its gradients (P, D)."""
        return self.weighted_means(atoms.new_ones(self.grid.n_points), atoms)

    def norms(self, atoms: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """``|phi|`` (P,) and its gradients ``J^T phi / |phi|`` (P, D)."""
        features = self.features(atoms.dtype)
        values, gradients = [], []
        for _, hidden in self._hidden(atoms):
            images = hidden.clamp_min(0).reshape(-1, *self.grid.shape)
            smooth = self.operator._backward_real(self.operator.forward(images), True)
            smooth = (smooth.real if smooth.is_complex() else smooth).reshape(len(images), -1)
            gradient = ((hidden > 0) * smooth) @ features
            squared = (images.flatten(1) * smooth).sum(dim=1).clamp_min(0)
            norm = squared.sqrt()
            values.append(norm)
            gradients.append(gradient / norm.clamp_min(torch.finfo(atoms.dtype).tiny)[:, None])
        if not values:
            return atoms.new_zeros(0), torch.zeros_like(atoms)
        return torch.cat(values), torch.cat(gradients)

    def image_samples(self, flat_images: torch.Tensor) -> torch.Tensor:
        """Real vectors of the samples of flat images (P, n_points), shape (P, m), bounded in memory."""
        return torch.cat([self._samples(part) for part in flat_images.split(self.chunk_size)])

    def _samples(self, flat_images: torch.Tensor) -> torch.Tensor:
        on_cpu = flat_images.device.type == "cpu" and flat_images.dtype == torch.float64
        if self._products is not None and on_cpu:
            # A gathering from FFTs: small images come three to six times faster than by the operator.
            return torch.from_numpy(self._products.samples(flat_images.numpy()))
        return self.real_samples.pack(self.operator.forward(flat_images.reshape(-1, *self.grid.shape)))

    def image(self, measure: DiscreteMeasure) -> Vector:
        """Pixels of the image of a measure, shape ``grid.shape``."""
        total = torch.zeros(self.grid.n_points, dtype=torch.float64, device=self.device)
        amplitudes = self._tensor(measure.amplitudes)
        for part, hidden in self._hidden(self._tensor(measure.atoms)):
            total += amplitudes[part] @ hidden.clamp_min(0)
        return total.cpu().numpy().reshape(self.grid.shape)

    def sample(self, measure: DiscreteMeasure) -> FourierSamples:
        """Samples of the image of a measure, as this dictionary sees it."""
        values = self.real_samples.unpack(measure.amplitudes @ self.coefficients(measure.atoms))
        return FourierSamples(self.operator.frequencies, values)

    def refined(self) -> NeuronDictionary:
        """The same dictionary on a grid of twice as many points per axis."""
        grid = Grid(tuple(2 * n for n in self.grid.shape))
        return NeuronDictionary(self.encoding, self.operator.on_grid(grid), self.device, self.memory_limit)

    def aliasing_estimate(self, measure: DiscreteMeasure) -> float:
        """Estimate of the relative aliasing error of a measure's samples: their change on a grid twice as fine.

        In 2-D the error falls by about 5.7 from one grid to the next, so that the change is most of it.
        """
        fine = measure.amplitudes @ self.refined().coefficients(measure.atoms)
        coarse = measure.amplitudes @ self.coefficients(measure.atoms)
        scale = float(np.linalg.norm(fine))
        return float(np.linalg.norm(fine - coarse)) / scale if scale else 0.0

    def _tensor(self, values: Vector) -> torch.Tensor:
        return torch.from_numpy(np.array(values, dtype=np.float64)).to(self.device)

    def _hidden(self, atoms: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
        """Walk over blocks of neurons: their slice and pre-activations (P, n_points), bounded in memory."""
        if atoms.ndim != 2 or atoms.shape[1] != self.n_features:
            raise ValueError(f"atoms must have shape (P, {self.n_features}), got {tuple(atoms.shape)}")
        features, step = self.features(atoms.dtype), self.chunk_size
        for start in range(0, len(atoms), step):
            part = slice(start, min(start + step, len(atoms)))
            yield part, atoms[part] @ features.T


def default_grid_points(cutoff: int, max_frequency: int, dim: int) -> int:
    """Points per axis that explore well: at least twice the highest frequency of a sampled product."""
    floor = {1: 256, 2: 64, 3: 16}.get(dim, 16)
    return max(floor, 2 * (cutoff + max_frequency) + 2)
