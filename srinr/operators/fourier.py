"""From pixels to Fourier coefficients: pruned separable DFT or FFT, whichever is cheaper."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from srinr.domain import Grid, grid_frequencies
from srinr.operators.linear import LinearOperator
from srinr.separable import analyze, synthesize

#: Time of one FFT butterfly (of ``N log2 N``) in units of one multiply-add of a matrix product; see
#: ``benchmarks/fourier_operator.py``, which prints the crossover.
FFT_COST = 10.0


class FourierOperator(LinearOperator):
    """Coefficients of the image given by its pixels on a grid (convention of :mod:`srinr.domain`).

    ``forward`` computes ``1/N sum_j x_j exp(-2 pi i k.x_j)``, which approximates the Fourier coefficient
    with the quadrature error (aliasing) of the grid. Nothing depends on how many coefficients are asked for.

    Parameters
    ----------
    grid : Grid
        Pixel grid of the image; the end point must be excluded.
    frequencies : array of integers, shape (m, d), optional
        Frequencies wanted, in cycles per field of view; ``forward`` then gives ``(..., m)``. Without them the
        full centered k-space ``(..., *grid.shape)`` (an even axis runs from -n/2 to n/2 - 1).

    Raises
    ------
    ValueError
        Frequencies of the wrong shape, not integer, or beyond what the grid can represent.

    Examples
    --------
    >>> import numpy as np
    >>> from srinr import FourierOperator, Grid
    >>> grid = Grid(8, dim=1)
    >>> operator = FourierOperator(grid, [[0], [2]])
    >>> np.abs(operator.forward(np.cos(2 * np.pi * 2 * grid.axes[0]))).round(12).tolist()
    [0.0, 0.5]
    """

    def __init__(self, grid: Grid, frequencies: ArrayLike | None = None) -> None:
        if grid.endpoint:
            raise ValueError("FourierOperator needs a grid without the end point: Grid(..., endpoint=False)")
        self._grid = grid
        self.in_shape = grid.shape
        if frequencies is None:
            self.frequencies = grid_frequencies(grid.shape)
            self.limits: tuple[int, ...] = tuple(n // 2 for n in grid.shape)
            self.out_shape = grid.shape
            self.is_full = True
        else:
            self.frequencies = _checked(grid, np.asarray(frequencies))
            self.limits = tuple(int(k) for k in np.abs(self.frequencies).max(axis=0))
            self.out_shape = (len(self.frequencies),)
            self.is_full = False
        self.is_pruned = not self.is_full and _pruned_is_cheaper(grid.shape, self.limits)
        box = tuple(2 * k + 1 for k in self.limits) if self.is_pruned else grid.shape
        offset = np.array(self.limits if self.is_pruned else [0] * grid.dim)
        index = np.ravel_multi_index(tuple(((self.frequencies + offset) % box).T), box)
        self._box = box
        # A box that is asked for whole and in order needs no gathering.
        self._gather = None if np.array_equal(index, np.arange(math.prod(box))) else torch.from_numpy(index)

    @property
    def grid(self) -> Grid:
        """The pixel grid."""
        return self._grid

    def on_grid(self, grid: Grid) -> FourierOperator:
        """The same frequencies from the pixels of another grid."""
        if grid.dim != self.grid.dim:
            raise ValueError(f"expected a {self.grid.dim}-D grid, got shape {grid.shape}")
        return FourierOperator(grid, None if self.is_full else self.frequencies)

    def _gather_on(self, device: torch.device) -> torch.Tensor | None:
        if self._gather is not None and self._gather.device != device:
            self._gather = self._gather.to(device)
        return self._gather

    def _take(self, box: torch.Tensor) -> torch.Tensor:
        flat = box.flatten(box.ndim - self.grid.dim)
        index = self._gather_on(box.device)
        if index is not None:
            flat = flat[..., index]
        return flat.reshape(*flat.shape[:-1], *self.out_shape)

    def _put(self, values: torch.Tensor) -> torch.Tensor:
        flat = values.flatten(values.ndim - len(self.out_shape))
        index = self._gather_on(values.device)
        if index is not None:
            box = flat.new_zeros(*flat.shape[:-1], math.prod(self._box))
            flat = box.index_add_(-1, index, flat)
        return flat.reshape(*flat.shape[:-1], *self._box)

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.is_pruned:
            axes = tuple(range(-self.grid.dim, 0))
            return self._take(torch.fft.fftn(x, dim=axes, norm="forward"))
        if x.is_complex():
            box = analyze(x.real, self.limits) + 1j * analyze(x.imag, self.limits)
        else:
            box = analyze(x, self.limits)
        return self._take(box) / self.grid.n_points

    def _adjoint(self, y: torch.Tensor) -> torch.Tensor:
        y = y if y.is_complex() else y.to(torch.complex128 if y.dtype == torch.float64 else torch.complex64)
        box = self._put(y)
        if not self.is_pruned:
            axes = tuple(range(-self.grid.dim, 0))
            return torch.fft.ifftn(box, dim=axes, norm="backward")
        real, imag = synthesize(box, self.grid.shape), synthesize(-1j * box, self.grid.shape)
        return torch.complex(real, imag) / self.grid.n_points

    def _backward_real(self, y: torch.Tensor, adjoint: bool) -> torch.Tensor:
        if adjoint and self.is_pruned:
            return synthesize(self._put(y / self.grid.n_points), self.grid.shape)
        return super()._backward_real(y, adjoint)


def _checked(grid: Grid, frequencies: NDArray[np.generic]) -> NDArray[np.int64]:
    k = frequencies
    if k.ndim != 2 or k.shape[1] != grid.dim or len(k) == 0:
        raise ValueError(
            f"frequencies must have shape (m, {grid.dim}) for a {grid.dim}-D grid, got {k.shape}"
        )
    if k.dtype.kind not in "iuf" or not np.isfinite(k).all():
        raise ValueError("frequencies must be finite real numbers in cycles per field of view")
    rounded = np.rint(k).astype(np.int64)
    if not np.array_equal(rounded, k):
        raise ValueError(
            "FourierOperator takes integer frequencies (cycles per field of view); "
            "non-Cartesian samples need a non-uniform operator"
        )
    for axis, n in enumerate(grid.shape):
        low, high = int(rounded[:, axis].min()), int(rounded[:, axis].max())
        if high > (n - 1) // 2 or low < -(n // 2):
            raise ValueError(
                f"frequencies reach {max(high, -low)} on axis {axis}, but {n} grid points represent at most "
                f"{(n - 1) // 2}; use at least {2 * max(high, -low) + 1} points or a lower cutoff"
            )
    return rounded


def _pruned_is_cheaper(shape: tuple[int, ...], limits: tuple[int, ...]) -> bool:
    """Compare multiply-adds of the separable sums with the FFT's, in the measured unit."""
    pruned, rows = 0.0, 1.0
    sizes = [2 * (k + 1) for k in limits]
    for axis in reversed(range(len(shape))):
        rows = math.prod(shape[:axis]) * math.prod(sizes[axis:])
        pruned += rows * shape[axis]
    n = math.prod(shape)
    return pruned < FFT_COST * n * max(math.log2(n), 1.0)
