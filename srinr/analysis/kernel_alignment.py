"""Comparing kernels: eigenspaces by their projectors, kernels by their angle, and both along training."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from srinr.analysis.kernel_arguments import real_array, real_number
from srinr.analysis.kernel_spectrum import KernelSpectrum
from srinr.analysis.tangent_kernel import tangent_kernel
from srinr.analysis.tangent_model import Model, Outputs
from srinr.inr import INR

Array = NDArray[np.float64]


def _bases(first: ArrayLike, second: ArrayLike) -> tuple[Array, Array]:
    bases = []
    for name, basis in (("first", first), ("second", second)):
        b = real_array(basis, name)
        if b.ndim != 2 or not 1 <= b.shape[1] <= b.shape[0]:
            raise ValueError(
                f"{name} must hold a basis in its columns, shape (n, k) with k <= n, got {b.shape}"
            )
        if not np.allclose(b.T @ b, np.eye(b.shape[1]), atol=1e-8):
            raise ValueError(f"{name} must have orthonormal columns; orthonormalize it with numpy.linalg.qr")
        bases.append(b)
    if len(bases[0]) != len(bases[1]):
        raise ValueError(f"the bases live on different points: shapes {bases[0].shape} and {bases[1].shape}")
    return bases[0], bases[1]


def subspace_overlap(first: ArrayLike, second: ArrayLike) -> float:
    """``tr(P Q) / min(k, k')`` of the projectors on two spaces: 1 when one holds the other, 0 when orthogonal.

    Parameters
    ----------
    first, second : array, shape (n, k) and (n, k')
        Orthonormal columns, for instance :meth:`KernelSpectrum.leading`. Only the spaces matter, not the bases.

    Examples
    --------
    >>> import numpy as np
    >>> subspace_overlap(np.eye(4)[:, :2], np.eye(4)[:, 1:3])
    0.5
    """
    a, b = _bases(first, second)
    return float(np.square(a.T @ b).sum() / min(a.shape[1], b.shape[1]))


def subspace_distance(first: ArrayLike, second: ArrayLike) -> float:
    """Spectral norm of the difference of the projectors: the sine of the largest angle, 1 for unequal dimensions.

    Parameters
    ----------
    first, second : array, shape (n, k) and (n, k')
        Orthonormal columns.

    Examples
    --------
    >>> import numpy as np
    >>> subspace_distance(np.eye(3)[:, :2], np.eye(3)[:, [1, 0]])
    0.0
    """
    a, b = _bases(first, second)
    if a.shape[1] != b.shape[1]:
        return 1.0
    # The part of the second outside the first; a cosine would lose half of the digits of a small angle.
    return min(1.0, float(np.linalg.norm(b - a @ (a.T @ b), ord=2)))


def kernel_alignment(first: ArrayLike, second: ArrayLike) -> float:
    """Cosine ``<K, K'> / (|K| |K'|)`` of two kernels (Frobenius), 1 when they are proportional.

    Examples
    --------
    >>> import numpy as np
    >>> round(kernel_alignment(np.eye(4), np.ones((4, 4))), 12)
    0.5
    """
    a, b = real_array(first, "first"), real_array(second, "second")
    if a.shape != b.shape or a.ndim != 2:
        raise ValueError(f"kernels must be matrices of one shape, got {a.shape} and {b.shape}")
    norms = float(np.linalg.norm(a) * np.linalg.norm(b))
    if not (np.isfinite(norms) and norms > 0):
        raise ValueError("kernels must be finite and not zero")
    return float(np.sum(a * b) / norms)


def target_alignment(kernel: ArrayLike, signal: ArrayLike) -> float:
    """Alignment ``g^T K g / (|K| |g|^2)`` of a kernel (n, n) with the kernel ``g g^T`` of a signal (n,).

    Examples
    --------
    >>> import numpy as np
    >>> target_alignment(np.diag([1.0, 0.0]), [2.0, 0.0])
    1.0
    """
    g, k = real_array(signal, "signal"), real_array(kernel, "kernel")
    if g.ndim != 1 or g.shape * 2 != k.shape:
        raise ValueError(f"signal (n,) and kernel (n, n) do not match: {g.shape} and {k.shape}")
    g = _unit_size(g)
    return kernel_alignment(k, np.outer(g, g))


def _unit_size(signal: Array) -> Array:
    """A signal over its largest magnitude: squares of huge and of tiny values leave the range of float64."""
    size = np.abs(signal).max(initial=0.0)
    return signal / size if 0 < size < np.inf else signal


@dataclass(frozen=True)
class KernelHistory:
    """How a kernel moves along training, one entry per model given.

    Parameters
    ----------
    alignment_to_first : array, shape (m,)
        Cosine with the first kernel; 1 at the start.
    target_alignment : array, shape (m,)
        Cosine with ``g g^T``, the signal's mean removed.
    energy_concentration : array, shape (m,)
        Share of the signal's energy at ``mu / mu_0 >= threshold``.
    largest_eigenvalue : array, shape (m,)
        ``mu_0``; gradient descent is stable for learning rates below ``2 / mu_0``.
    threshold : float
    """

    alignment_to_first: Array
    target_alignment: Array
    energy_concentration: Array
    largest_eigenvalue: Array
    threshold: float


def kernel_history(
    models: Iterable[Model],
    points: ArrayLike,
    signal: ArrayLike,
    *,
    threshold: float = 0.1,
    parameters: Collection[str] | None = None,
    outputs: Outputs | None = None,
    memory_limit: int = 2**30,
    on_kernel: Callable[[int, Array], None] | None = None,
) -> KernelHistory:
    """Follow the kernel of a model along training.

    Parameters
    ----------
    models : iterable of INR or torch.nn.Module
        The model at successive times. A generator that trains between its ``yield`` may give the same object
        again: each kernel is computed when its model comes.
    points : array, shape (n, d)
        In fields of view.
    signal : array, shape (n,)
        What is learned, at the points; its mean is removed.
    threshold : float, default 0.1
        Relative eigenvalue of the energy concentration.
    parameters, outputs, memory_limit
        As in :func:`~srinr.analysis.tangent_kernel.tangent_kernel`; the kernel must be (n, n).
    on_kernel : callable, optional
        Called with the index and the kernel, for instance to store it.

    Examples
    --------
    >>> from srinr import INR, Coordinates, Grid, Siren
    >>> points = Grid(8, dim=1).points
    >>> models = [INR(Coordinates(1), Siren(1, width=8, depth=3, seed=seed)) for seed in (0, 0, 1)]
    >>> history = kernel_history(models, points, points[:, 0])
    >>> [bool(round(a, 12) == 1.0) for a in history.alignment_to_first]
    [True, True, False]
    """
    # A torch.nn.Sequential is iterable, over its layers; a ModuleList holds models.
    one = isinstance(models, INR | torch.nn.Module) and not isinstance(models, torch.nn.ModuleList)
    if one or not isinstance(models, Iterable):
        raise TypeError(
            f"models: expected a sequence of models, one per time, got {type(models).__name__}; wrap it: [model]"
        )
    threshold = real_number(threshold, "threshold")
    g = real_array(signal, "signal")
    if g.ndim != 1 or not np.isfinite(g).all():
        raise ValueError(f"signal must be finite, of shape (n,), got shape {g.shape}")
    g = _unit_size(g)
    start: Array | None = None
    rows = []
    for index, model in enumerate(models):
        kernel = tangent_kernel(
            model, points, parameters=parameters, outputs=outputs, memory_limit=memory_limit, progress=False
        )
        start = kernel if start is None else start
        spectrum = KernelSpectrum.of_matrix(kernel)
        energy = spectrum.energy_concentration(g, threshold)
        aligned = kernel_alignment(start, kernel), target_alignment(kernel, g - g.mean())
        rows.append((*aligned, float(energy), float(spectrum.eigenvalues[0])))
        if on_kernel is not None:
            on_kernel(index, kernel)
    if not rows:
        raise ValueError("models is empty: give the model at one time at least")
    columns = np.array(rows).T
    return KernelHistory(columns[0], columns[1], columns[2], columns[3], threshold)
