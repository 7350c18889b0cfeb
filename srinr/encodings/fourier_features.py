"""Fourier features: integer lattice, Gaussian, axis-aligned logarithmic."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from srinr.domain import Grid, half_plane
from srinr.encodings.base import Rows, grid_points
from srinr.lattice import lattice_frequencies
from srinr.separable import synthesize_differentiable

#: Time of forming one feature and multiplying by it, in units of one multiply-add of the separable synthesis.
_DENSE_COST = 4.0


class FourierFeatures:
    """Features ``[sqrt2 sin(2 pi k_j.x), ..., sqrt2 cos(2 pi k_j.x), ..., 1]``.

    With integer frequencies the features are orthonormal on the torus and a linear layer on a tensor grid is
    evaluated by separable synthesis, without forming the features.

    Parameters
    ----------
    frequencies : array, shape (n, d)
        Cycles per field of view. Integer frequencies must be distinct and hold one of each pair {k, -k}.
    constant : bool, default True
        Whether the constant feature 1 is appended; it plays the role of a bias.

    Examples
    --------
    >>> from srinr import FourierFeatures
    >>> FourierFeatures.lattice(max_frequency=2, dim=2).n_features
    25
    """

    def __init__(self, frequencies: ArrayLike, *, constant: bool = True) -> None:
        k = np.array(frequencies, dtype=np.float64)
        if k.ndim != 2 or k.shape[0] < 1 or k.shape[1] < 1:
            raise ValueError(f"frequencies must have shape (n, d) with n >= 1, got {k.shape}")
        if not np.isfinite(k).all():
            raise ValueError("frequencies contain NaN or infinite entries")
        k.setflags(write=False)
        self._frequencies = k
        self.constant = bool(constant)
        self._is_integer = bool(np.array_equal(k, np.rint(k)))
        if self._is_integer:
            if not k.any(axis=1).all():
                raise ValueError("frequency 0 is the constant feature: drop it and pass constant=True")
            canonical = np.where(half_plane(k)[:, None], k, -k)
            if len(np.unique(canonical, axis=0)) != len(k):
                raise ValueError("integer frequencies must be distinct and hold one of each pair {k, -k}")

    @classmethod
    def lattice(cls, max_frequency: int, dim: int = 2, *, constant: bool = True) -> FourierFeatures:
        """All integer frequencies with ``|k|_inf <= max_frequency``; ``(2 K0 + 1)^d`` features.

        Source: sampling theory of INRs, section II; order as in :mod:`srinr.lattice`.
        """
        if max_frequency < 1:
            raise ValueError(f"max_frequency must be at least 1 cycle per field of view, got {max_frequency}")
        return cls(lattice_frequencies(max_frequency, dim), constant=constant)

    @classmethod
    def gaussian(
        cls, n_frequencies: int, scale: float, dim: int = 2, *, seed: int = 0, constant: bool = False
    ) -> FourierFeatures:
        """Random frequencies, independent normal of standard deviation ``scale`` cycles per field of view."""
        if n_frequencies < 1 or not scale > 0:
            raise ValueError(f"need n_frequencies >= 1 and scale > 0, got {n_frequencies} and {scale}")
        rng = np.random.default_rng(seed)
        return cls(scale * rng.standard_normal((n_frequencies, dim)), constant=constant)

    @classmethod
    def logarithmic(cls, n_octaves: int, dim: int = 2, *, constant: bool = True) -> FourierFeatures:
        """Axis-aligned frequencies 1, 2, 4, ..., ``2^(n_octaves - 1)`` along each axis."""
        if n_octaves < 1:
            raise ValueError(f"n_octaves must be at least 1, got {n_octaves}")
        powers = 2.0 ** np.arange(n_octaves)
        blocks = [np.outer(powers, np.eye(dim)[axis]) for axis in range(dim)]
        return cls(np.concatenate(blocks), constant=constant)

    @property
    def dim(self) -> int:
        """Dimension d of the points."""
        return int(self._frequencies.shape[1])

    @property
    def n_features(self) -> int:
        """Number D of features."""
        return 2 * len(self._frequencies) + self.constant

    @property
    def frequencies(self) -> NDArray[np.float64]:
        """Frequencies (n, d), cycles per field of view."""
        return self._frequencies

    @property
    def is_integer(self) -> bool:
        """Whether all frequencies are integers, so that the features are periodic."""
        return self._is_integer

    @property
    def max_frequency(self) -> float:
        """Largest max-norm of the frequencies."""
        return float(np.abs(self._frequencies).max())

    def features(self, points: torch.Tensor) -> torch.Tensor:
        """Features (n, D) at points (n, d)."""
        # Phases in float64: at 20 cycles per field of view float32 would lose six bits of the phase.
        turns = points.to(torch.float64) @ torch.from_numpy(self._frequencies.T.copy()).to(points.device)
        angle = 2.0 * math.pi * turns
        parts = [math.sqrt(2.0) * angle.sin(), math.sqrt(2.0) * angle.cos()]
        if self.constant:
            parts.append(torch.ones_like(angle[:, :1]))
        return torch.cat(parts, dim=1).to(points.dtype)

    def linear_on_grid(self, weight: torch.Tensor, grid: Grid, rows: Rows | None = None) -> torch.Tensor:
        """``weight @ gamma`` on a grid, shape (P, n_points); separable for integer frequencies."""
        if self.is_separable_on(grid):
            box = self.coefficients(weight)
            return synthesize_differentiable(box, grid.shape, rows).flatten(1)
        return weight @ self.features(grid_points(grid, rows, weight.dtype, weight.device)).T

    def is_separable_on(self, grid: Grid) -> bool:
        """Whether a linear layer on this grid is evaluated by separable synthesis.

        Few frequencies in a large box (logarithmic features) are cheaper one by one.
        """
        if not self._is_integer or grid.endpoint:
            return False
        limits = [int(k) for k in np.abs(self._frequencies).max(axis=0)]
        separable = sum(
            math.prod(grid.shape[: axis + 1]) * math.prod(2 * (k + 1) for k in limits[axis:])
            for axis in range(self.dim)
        )
        return separable < _DENSE_COST * grid.n_points * self.n_features

    def coefficients(self, weight: torch.Tensor) -> torch.Tensor:
        """One-sided coefficients ``c`` with ``<w, gamma(x)> = Re sum_k c_k exp(2 pi i k.x)``, on a centered box.

        Only for integer frequencies. Shape (P, 2 K_1 + 1, ..., 2 K_d + 1).
        """
        if not self._is_integer:
            raise ValueError("only integer frequencies have Fourier coefficients on a box")
        n = len(self._frequencies)
        sides, index = self._scatter_index(weight.device)
        z = math.sqrt(2.0) * torch.complex(weight[:, n : 2 * n], -weight[:, :n])
        if self.constant:
            z = torch.cat([z, torch.complex(weight[:, -1:], torch.zeros_like(weight[:, -1:]))], dim=1)
        box = z.new_zeros(len(weight), math.prod(sides)).index_copy(1, index, z)
        return box.reshape(-1, *sides)

    def _scatter_index(self, device: torch.device) -> tuple[tuple[int, ...], torch.Tensor]:
        return _scatter_index(self, device)

    def spec(self) -> dict[str, Any]:
        """JSON description from which the encoding can be rebuilt."""
        return {"frequencies": self._frequencies.tolist(), "constant": self.constant}

    @classmethod
    def from_spec(cls, spec: dict[str, Any]) -> FourierFeatures:
        """Rebuild from :meth:`spec`."""
        return cls(spec["frequencies"], constant=spec["constant"])

    def __repr__(self) -> str:
        return f"FourierFeatures({len(self._frequencies)} frequencies up to {self.max_frequency:g}, dim={self.dim})"


@functools.lru_cache(maxsize=16)
def _scatter_index(encoding: FourierFeatures, device: torch.device) -> tuple[tuple[int, ...], torch.Tensor]:
    """Box sides and the flat position of each frequency (and of the constant, last) in the box."""
    k = encoding.frequencies.astype(np.int64)
    limits = np.abs(k).max(axis=0)
    sides = tuple(int(side) for side in 2 * limits + 1)
    if encoding.constant:
        k = np.concatenate([k, np.zeros((1, encoding.dim), dtype=np.int64)])
    index = np.ravel_multi_index(tuple((k + limits).T), sides)
    with torch.inference_mode(False):  # it is kept, and may be needed in training later
        return sides, torch.from_numpy(index).to(device)
