"""The domain and the one Fourier convention of srinr.

The domain is the unit torus ``[0, 1)^d`` (unit: field of view). Grid points are ``i / n``, the end point
excluded. The Fourier coefficient of an image at ``k`` (unit: cycles per field of view) is

    f^(k) = integral over [0, 1)^d of f(x) exp(-2 pi i k.x) dx

with no further factor. Component ``i`` of a point or a frequency belongs to array axis ``i``. Every other
file refers to this one; nothing else repeats the convention.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from srinr.status import OutOfMemoryError

#: Points of a grid on which bins are searched or a model is evaluated (1 GB for one complex array).
MAX_GRID_POINTS = 2**26


@runtime_checkable
class ContinuousImage(Protocol):
    """Anything that can be evaluated at points of the torus: phantoms, trained INRs, measures."""

    def image(self, points: NDArray[np.float64]) -> NDArray[np.generic]:
        """Return the values, shape ``(n,)``, at ``points`` of shape ``(n, d)`` in fields of view."""
        ...


@runtime_checkable
class GridImage(Protocol):
    """A continuous image that has a faster way to be evaluated on a whole grid."""

    def on_grid(self, grid: Grid) -> NDArray[np.generic]:
        """Return the values at the grid's points, shape ``grid.shape``."""
        ...


@dataclass(frozen=True, init=False)
class Grid:
    """Pixel lattice ``i / n`` on the unit torus.

    Parameters
    ----------
    shape : int or tuple of int
        Number of points per axis; a single number needs ``dim``.
    dim : int, optional
        Dimension, when ``shape`` is one number.
    endpoint : bool, default False
        True puts the points at ``i / (n - 1)``, both ends included. On a periodic domain that repeats the
        first row and breaks every DFT statement; it exists to replicate published experiments only.

    Examples
    --------
    >>> grid = Grid(4, dim=2)
    >>> grid.shape, grid.n_points
    ((4, 4), 16)
    >>> grid.points[:2].tolist()
    [[0.0, 0.0], [0.0, 0.25]]
    """

    shape: tuple[int, ...]
    endpoint: bool

    def __init__(self, shape: int | tuple[int, ...], dim: int | None = None, endpoint: bool = False) -> None:
        if isinstance(shape, int | np.integer):
            if dim is None:
                raise ValueError(
                    f"Grid(shape={shape}): one number needs dim as well, e.g. Grid({shape}, dim=2)"
                )
            if dim < 1:
                raise ValueError(f"dim must be at least 1, got {dim}")
            shape = (int(shape),) * dim
        try:
            shape = tuple(operator.index(n) for n in shape)
        except TypeError as error:
            raise ValueError(f"Grid shape must be positive integers, got {shape!r}") from error
        if dim is not None and dim != len(shape):
            raise ValueError(f"Grid: dim={dim} does not match shape {shape}; leave dim out")
        if not shape or min(shape) < 1:
            raise ValueError(f"Grid shape must be positive integers, got {shape}")
        if endpoint and min(shape) < 2:
            raise ValueError(f"a grid with both end points needs at least 2 points per axis, got {shape}")
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "endpoint", bool(endpoint))

    @property
    def dim(self) -> int:
        """Dimension d."""
        return len(self.shape)

    @property
    def n_points(self) -> int:
        """Number of grid points."""
        return math.prod(self.shape)

    @property
    def spacing(self) -> tuple[float, ...]:
        """Distance between neighbors per axis, in fields of view."""
        return tuple(1.0 / (n - 1 if self.endpoint else n) for n in self.shape)

    @property
    def axes(self) -> tuple[NDArray[np.float64], ...]:
        """Coordinates along each axis."""
        # Divided, not multiplied by the spacing: 49 * (1 / 98) misses the center by a rounding error.
        return tuple(np.arange(n) / (n - 1 if self.endpoint else n) for n in self.shape)

    @property
    def points(self) -> NDArray[np.float64]:
        """All points, shape ``(n_points, d)``, C order."""
        return np.stack(np.meshgrid(*self.axes, indexing="ij"), axis=-1).reshape(-1, self.dim)

    def point_chunks(self, chunk_size: int) -> Iterator[tuple[slice, NDArray[np.float64]]]:
        """Yield slices of the flat index and their points, at most ``chunk_size`` points at a time."""
        axes = self.axes
        for start in range(0, self.n_points, chunk_size):
            part = slice(start, min(start + chunk_size, self.n_points))
            index = np.unravel_index(np.arange(part.start, part.stop), self.shape)
            yield part, np.stack([axis[i] for axis, i in zip(axes, index, strict=True)], axis=-1)

    def rasterize(self, image: ContinuousImage, *, chunk_size: int = 2**18) -> NDArray[np.generic]:
        """Evaluate an image at the grid points (point sampling, not pixel means).

        Parameters
        ----------
        image : ContinuousImage
            Anything with ``image(points)``; a faster ``on_grid(grid)`` is used when the object has one.
        chunk_size : int
            Points evaluated at a time, which bounds the memory (an object with ``on_grid`` looks after its own).

        Returns
        -------
        array, shape ``grid.shape``

        Examples
        --------
        >>> class Ramp:
        ...     def image(self, points):
        ...         return points[:, 0]
        >>> Grid((2, 3)).rasterize(Ramp()).tolist()
        [[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]]
        """
        if chunk_size < 1:
            raise ValueError(f"chunk_size must be at least 1, got {chunk_size}")
        if not isinstance(image, ContinuousImage):  # first: operators have an on_grid of another meaning
            raise TypeError(
                f"rasterize expects an object with a method image(points), got {type(image).__name__}"
            )
        if isinstance(image, GridImage):
            return image.on_grid(self)
        out: NDArray[np.generic] | None = None
        try:
            for part, points in self.point_chunks(chunk_size):
                values = np.asarray(image.image(points))
                if values.shape != (len(points),):
                    raise ValueError(
                        f"image(points) must return shape ({len(points)},) for points {points.shape}, "
                        f"got {values.shape}"
                    )
                if out is None:
                    out = np.empty(self.n_points, dtype=values.dtype)
                out[part] = values
        except MemoryError as error:
            raise OutOfMemoryError(
                f"out of memory while rasterizing on {self.shape}; pass a chunk_size below {chunk_size}"
            ) from error
        assert out is not None
        return out.reshape(self.shape)


def lowpass_frequencies(cutoff: int, dim: int = 2) -> NDArray[np.int64]:
    """All integer frequencies with ``max_j |k_j| <= cutoff``.

    Parameters
    ----------
    cutoff : int
        Low-pass limit K in the max-norm, cycles per field of view.
    dim : int, default 2
        Dimension d.

    Returns
    -------
    array of int64, shape ``((2K + 1)^d, d)``
        C order of the centered box: index K of an axis is ``k = 0``.

    Examples
    --------
    >>> lowpass_frequencies(1, dim=1).ravel().tolist()
    [-1, 0, 1]
    """
    if not np.isfinite(cutoff) or int(cutoff) != cutoff or cutoff < 0:
        raise ValueError(f"cutoff must be an integer >= 0 (cycles per field of view), got {cutoff!r}")
    if dim < 1:
        raise ValueError(f"dim must be at least 1, got {dim}")
    axis = np.arange(-int(cutoff), int(cutoff) + 1, dtype=np.int64)
    return np.stack(np.meshgrid(*[axis] * dim, indexing="ij"), axis=-1).reshape(-1, dim)


def grid_frequencies(shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Centered DFT frequencies of a grid, shape ``(n_points, d)``: an even axis runs from -n/2 to n/2 - 1."""
    axes = [np.arange(n, dtype=np.int64) - n // 2 for n in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(shape))


def half_plane(frequencies: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Mark one frequency of each pair ``{k, -k}``: those whose first non-zero component is positive.

    Examples
    --------
    >>> half_plane(lowpass_frequencies(1, dim=1)).tolist()
    [False, False, True]
    """
    k = np.asarray(frequencies)
    if k.ndim != 2:
        raise ValueError(f"frequencies must have shape (m, d), got {k.shape}")
    mask = np.zeros(len(k), dtype=bool)
    undecided = np.ones(len(k), dtype=bool)
    for column in k.T:
        mask |= undecided & (column > 0)
        undecided &= column == 0
    return mask
