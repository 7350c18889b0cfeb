"""Operators of magnetic resonance imaging: coil sensitivities and sampling masks."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from srinr.domain import Grid, grid_frequencies
from srinr.operators.linear import LinearOperator
from srinr.samples import FourierSamples


class CoilSensitivity(LinearOperator):
    """Multiply an image by receive sensitivities: ``(*shape)`` to ``(n_coils, *shape)``.

    Parameters
    ----------
    maps : array, shape (n_coils, *shape)
        Real or complex sensitivities on the image's grid.

    Examples
    --------
    >>> import numpy as np
    >>> from srinr import CoilSensitivity
    >>> coils = CoilSensitivity(np.array([[1.0, 2.0], [0.0, 1j]]))
    >>> coils.forward(np.array([1.0, 3.0])).tolist()
    [[(1+0j), (6+0j)], [0j, 3j]]
    """

    def __init__(self, maps: ArrayLike) -> None:
        s = np.asarray(maps)
        if s.ndim < 2 or s.dtype.kind not in "fciu":
            raise ValueError(f"maps must be numbers of shape (n_coils, *shape), got {s.dtype} {s.shape}")
        if not np.isfinite(s).all():
            raise ValueError("maps contain NaN or infinite entries; set them to 0 outside the support")
        self._maps = torch.from_numpy(s.astype(np.complex128))
        self._cast: torch.Tensor | None = None
        self.in_shape = s.shape[1:]
        self.out_shape = s.shape

    @property
    def grid(self) -> Grid:
        """The grid that the maps live on."""
        return Grid(self.in_shape)

    @property
    def maps(self) -> NDArray[np.complex128]:
        """The sensitivities, shape (n_coils, *shape)."""
        return self._maps.numpy().copy()

    def _maps_for(self, x: torch.Tensor) -> torch.Tensor:
        dtype = torch.complex128 if x.dtype in (torch.float64, torch.complex128) else torch.complex64
        if self._cast is None or self._cast.dtype != dtype or self._cast.device != x.device:
            self._cast = self._maps.to(dtype=dtype, device=x.device)
        return self._cast

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        return self._maps_for(x) * x.unsqueeze(-1 - len(self.in_shape))

    def _adjoint(self, y: torch.Tensor) -> torch.Tensor:
        return (self._maps_for(y).conj() * y).sum(dim=-1 - len(self.in_shape))


class SamplingMask(LinearOperator):
    """Keep the sampled positions of a centered k-space: ``(*shape)`` to ``(m,)``, in C order.

    Parameters
    ----------
    mask : array of bool, shape ``shape``
        Centered k-space positions that were measured.

    Examples
    --------
    >>> import numpy as np
    >>> from srinr import FourierOperator, Grid, SamplingMask
    >>> mask = np.zeros((4, 4), dtype=bool)
    >>> mask[2, 2] = True
    >>> operator = SamplingMask(mask) @ FourierOperator(Grid((4, 4)))
    >>> operator.forward(np.ones((4, 4))).tolist()
    [(1+0j)]
    """

    def __init__(self, mask: ArrayLike) -> None:
        m = np.asarray(mask)
        if m.dtype != bool or not m.any():
            raise ValueError(f"mask must be a boolean array with at least one True, got {m.dtype} {m.shape}")
        self.mask = m.copy()
        self._index = torch.from_numpy(np.flatnonzero(m))
        self.in_shape = m.shape
        self.out_shape = (int(m.sum()),)

    @classmethod
    def from_samples(cls, samples: FourierSamples, shape: tuple[int, ...]) -> SamplingMask:
        """The mask of samples on the k-space of a grid.

        Raises
        ------
        ValueError
            When the samples are not the mask's positions in C order, so that values would be misassigned.
        """
        if samples.dim != len(shape) or not samples.is_integer:
            raise ValueError(f"samples must have integer frequencies of dimension {len(shape)}")
        index = samples.frequencies + np.array([n // 2 for n in shape])
        if (index < 0).any() or (index >= np.array(shape)).any():
            raise ValueError(f"some frequencies lie outside the k-space of shape {shape}; use a larger grid")
        mask = np.zeros(shape, dtype=bool)
        mask[tuple(index.astype(np.intp).T)] = True
        operator = cls(mask)
        if not np.array_equal(operator.frequencies, samples.frequencies):
            raise ValueError(
                "frequencies must be unique and in C order for a mask; FourierOperator(grid, frequencies) takes any order"
            )
        return operator

    @property
    def frequencies(self) -> NDArray[np.int64]:
        """Frequencies of the sampled positions, shape (m, d), in the order of the output."""
        return grid_frequencies(self.in_shape)[self.mask.ravel()]

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(x.ndim - len(self.in_shape))[..., self._index.to(x.device)]

    def _adjoint(self, y: torch.Tensor) -> torch.Tensor:
        flat = y.new_zeros(*y.shape[:-1], self.mask.size)
        flat[..., self._index.to(y.device)] = y
        return flat.reshape(*y.shape[:-1], *self.in_shape)
