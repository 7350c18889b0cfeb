"""Eigenfunctions of a tangent kernel as pictures, and numbers for what one sees in them.

Figures 5 and 16 of Yüce, Ortiz-Jiménez, Besbinar and Frossard (CVPR 2022). Instead of eyeballing: the centroid of each
power spectrum, the largest correlation with images of a family, and the correlation of edges with those of one image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.analysis.kernel_spectrum import KernelSpectrum
from srinr.domain import Grid
from srinr.image_families import ImageFamily, checked_images

Array = NDArray[np.float64]

#: What varies less than this, relative to its size, is constant but for rounding.
_CONSTANT = 1e-10


@dataclass(frozen=True, eq=False)
class Eigenfunctions:
    """The leading eigenfunctions of a kernel on a grid; made by :func:`eigenfunctions`.

    Within a cluster of eigenvalues any rotation of them is as good: numbers of single ones are then arbitrary, those of
    all k together are not unless the cut falls into a cluster.

    Attributes
    ----------
    images : array, shape (k, h, w)
        Mean square 1 (Mercer's normalization); the sign makes the entry of largest magnitude positive.
    eigenvalues : array, shape (k,)
        ``mu``, descending.
    centroids : array, shape (k,)
        Of the power spectra, cycles per field of view.
    nearest : array of int, shape (k,), or None
        Index of the image of the family that correlates most.
    family_correlations : array, shape (k,), or None
        Magnitude of that correlation (means removed), in [0, 1].
    edge_correlations : array, shape (k,), or None
        Correlation of gradient magnitudes with those of one image, in [-1, 1].
    """

    images: Array
    eigenvalues: Array
    centroids: Array
    nearest: NDArray[np.int64] | None
    family_correlations: Array | None
    edge_correlations: Array | None


def eigenfunctions(
    spectrum: KernelSpectrum,
    grid: Grid,
    n_functions: int = 10,
    *,
    family: ImageFamily | ArrayLike | None = None,
    edges_of: ArrayLike | None = None,
) -> Eigenfunctions:
    """The first eigenfunctions and what they resemble.

    Parameters
    ----------
    spectrum : KernelSpectrum
        Of a kernel at the points of ``grid``; some leading pairs suffice.
    grid : Grid
        2-D, end point excluded.
    n_functions : int, default 10
        How many.
    family : ImageFamily, or array of shape (b, h, w), optional
        Images to compare with, e.g. those of meta-learning.
    edges_of : array, shape (h, w), optional
        Image whose edges are looked for, e.g. that of a pretraining.

    Raises
    ------
    ValueError
        When the shapes do not match, an image is constant, or there are fewer eigenpairs.

    Examples
    --------
    >>> from srinr.image_families import faces
    >>> from srinr.studies.kernel_energy import network_kernel
    >>> from srinr.studies.published_networks import published_siren
    >>> kernel = network_kernel(published_siren(width=16), (12, 12))
    >>> found = eigenfunctions(kernel.spectrum, kernel.grid, 4, family=faces(12))
    >>> found.images.shape, bool((found.family_correlations <= 1).all())
    ((4, 12, 12), True)
    """
    if grid.dim != 2:
        raise ValueError(f"grid must be 2-D, got shape {grid.shape}")
    known = len(spectrum.eigenvalues)
    if isinstance(n_functions, bool) or not 1 <= n_functions <= known:
        raise ValueError(f"n_functions must lie in 1..{known}, the number of eigenpairs, got {n_functions!r}")
    centroids = spectrum.centroids(grid)[:n_functions]
    vectors = spectrum.eigenvectors[:, :n_functions].T
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=1)[:, None], axis=1)
    pictures = (np.sqrt(grid.n_points) * np.sign(largest) * vectors).reshape(n_functions, *grid.shape)
    nearest = similar = edges = None
    if family is not None:
        array = _on_grid(checked_images(family, "family", 3), "family", grid)
        magnitudes = np.abs(_correlations(pictures, array, "family"))
        nearest, similar = magnitudes.argmax(axis=1), magnitudes.max(axis=1)
    if edges_of is not None:
        image = _on_grid(checked_images(edges_of, "edges_of", 2)[None], "edges_of", grid)
        edges = _correlations(edge_map(pictures), edge_map(image), "edges_of")[:, 0]
    return Eigenfunctions(pictures, spectrum.eigenvalues[:n_functions], centroids, nearest, similar, edges)


def edge_map(images: ArrayLike) -> Array:
    """Magnitude of the gradient by central differences (one-sided at the border: images are not periodic).

    Parameters
    ----------
    images : array, shape (..., h, w)
        At least 2 x 2 pixels.

    Examples
    --------
    >>> edge_map(np.tile([0.0, 0.0, 1.0, 1.0], (2, 1))).tolist()
    [[0.0, 0.5, 0.5, 0.0], [0.0, 0.5, 0.5, 0.0]]
    """
    array = np.asarray(images, dtype=np.float64)
    if array.ndim < 2 or min(array.shape[-2:]) < 2:
        raise ValueError(f"images must have shape (..., h, w) with h, w >= 2, got {array.shape}")
    edges: Array = np.hypot(*np.gradient(array, axis=(-2, -1)))
    return edges


def _on_grid(array: Array, name: str, grid: Grid) -> Array:
    if array.shape[1:] != grid.shape:
        raise ValueError(f"{name}: images of {array.shape[1:]} pixels do not lie on the grid {grid.shape}")
    return array


def _correlations(first: Array, second: Array, name: str) -> Array:
    """Pearson correlations (k, b). A constant eigenfunction correlates with nothing; a constant image is refused."""
    a, b = (x.reshape(len(x), -1) for x in (first, second))
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    lengths = [np.linalg.norm(x, axis=1) for x in (a, b)]
    sizes = [np.linalg.norm(x.reshape(len(x), -1), axis=1) for x in (first, second)]
    varied = [length > _CONSTANT * size for length, size in zip(lengths, sizes, strict=True)]
    if not varied[1].all():
        raise ValueError(f"{name}: image {int(np.argmin(varied[1]))} is constant and correlates with nothing")
    a = np.divide(a, lengths[0][:, None], where=varied[0][:, None], out=np.zeros_like(a))
    correlations: Array = np.clip(a @ (b / lengths[1][:, None]).T, -1.0, 1.0)
    return correlations
