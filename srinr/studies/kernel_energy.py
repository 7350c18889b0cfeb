"""How well the tangent kernel of a network suits a family of images.

Figures 4 and 11 of Yüce, Ortiz-Jiménez, Besbinar and Frossard (CVPR 2022): energy concentration of images on the leading
eigenfunctions; beside it kernel norms, and what kernel regression predicts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from srinr.analysis.kernel_spectrum import KernelSpectrum
from srinr.analysis.tangent_kernel import tangent_kernel
from srinr.domain import Grid
from srinr.image_families import ImageFamily, checked_images
from srinr.inr import INR
from srinr.pixel_model import check_inr

Array = NDArray[np.float64]

#: Thresholds ``t = mu / mu_0``, ten per decade (the published curves end at 1e-10).
THRESHOLDS: Array = np.logspace(0.0, -14.0, 141)
#: The threshold at which the paper compares networks.
LEADING = 0.1


@dataclass(frozen=True, eq=False)
class NetworkKernel:
    """Tangent kernel of a network on a grid, with its eigenpairs; made by :func:`network_kernel`.

    Attributes
    ----------
    grid : Grid
        The points, end point excluded.
    start : array, shape (n,)
        The network's own values there.
    kernel : array, shape (n, n)
    spectrum : KernelSpectrum
        All n eigenpairs.
    """

    grid: Grid
    start: Array
    kernel: Array
    spectrum: KernelSpectrum


def network_kernel(
    inr: INR, shape: tuple[int, int], *, memory_limit: int = 2**30, progress: bool | None = None
) -> NetworkKernel:
    """Gram matrix of all trainable parameters on ``Grid(shape)`` and its dense decomposition, in float64.

    Parameters
    ----------
    inr : INR
        Real-valued, in 2-D.
    shape : (h, w)
        Pixels; 64 x 64 takes 134 MB per matrix and about a minute for the eigenpairs.
    memory_limit : int, default 1 GiB
        Bytes of work of the Gram matrix.
    progress : bool, optional
        Progress bar; by default on a terminal only.

    Examples
    --------
    >>> from srinr.studies.published_networks import published_siren
    >>> network_kernel(published_siren(width=8), (6, 6)).kernel.shape
    (36, 36)
    """
    check_inr(inr, shape)
    grid = Grid(shape)
    kernel = tangent_kernel(inr, grid.points, memory_limit=memory_limit, progress=progress)
    start = np.asarray(inr.on_grid(grid), dtype=np.float64).ravel()
    return NetworkKernel(grid, start, kernel, KernelSpectrum.of_matrix(kernel))


@dataclass(frozen=True, eq=False)
class KernelEnergy:
    """A family of images in the eigenbasis of a tangent kernel.

    Attributes
    ----------
    eigenvalues : array, shape (n,)
        ``mu``, descending.
    noise_floor : float
        ``n eps mu_0``: smaller eigenvalues, and thresholds below ``noise_floor / mu_0``, are rounding.
    thresholds, energy : array, shape (m,)
        ``E(t)`` at ``t = mu / mu_0``, the mean over images, the mean of each image removed.
    leading_energy : array, shape (b,)
        ``E(0.1)`` of each image.
    kernel_norms : array, shape (b,)
        ``g^T (K + ridge)^-1 g`` of each image, its mean removed; small ones are learned fast.
    regression_psnr : array, shape (b,)
        Test PSNR (dB, peak 1) of kernel regression from the pixels of the mask: what the linearized network
        tends to in long training.
    relative_ridge : float
        Ridge of the two before, relative to ``mu_0``.
    """

    eigenvalues: Array
    noise_floor: float
    thresholds: Array
    energy: Array
    leading_energy: Array
    kernel_norms: Array
    regression_psnr: Array
    relative_ridge: float

    @property
    def energy_at_tenth(self) -> float:
        """``E(0.1)``, the mean over images."""
        return float(self.leading_energy.mean())

    @property
    def n_leading(self) -> int:
        """Number of eigenvalues with ``mu >= 0.1 mu_0``."""
        return int(np.count_nonzero(self.eigenvalues >= LEADING * self.eigenvalues[0]))


def kernel_energy(
    kernel: NetworkKernel,
    images: ImageFamily | ArrayLike,
    mask: NDArray[np.bool_],
    *,
    thresholds: ArrayLike = THRESHOLDS,
    relative_ridge: float = 1e-8,
) -> KernelEnergy:
    """Energy concentration, kernel norms and predicted test PSNR of a family of images.

    Parameters
    ----------
    kernel : NetworkKernel
        From :func:`network_kernel`.
    images : ImageFamily, or array of shape (b, h, w)
        Gray, on the grid of the kernel; none may be constant.
    mask : boolean array, shape (h, w)
        Pixels from which kernel regression predicts the others.
    thresholds : array, shape (m,)
        In [0, 1]; by default ten per decade down to 1e-14.
    relative_ridge : float, default 1e-8
        Positive, relative to ``mu_0``; below ``n eps`` norm and prediction would be rounding.

    Raises
    ------
    ValueError
        When the shapes do not match, an image is constant, or the ridge lies below ``n eps``.

    Notes
    -----
    Source: structured dictionaries, eqs. 10 and 11 (with ``||g||^2`` as denominator) and section 5.2.

    Examples
    --------
    >>> from srinr.image_families import faces
    >>> from srinr.studies.pixel_fits import random_mask
    >>> from srinr.studies.published_networks import published_siren
    >>> images = faces(12)
    >>> kernel = network_kernel(published_siren(width=16), images.shape)
    >>> result = kernel_energy(kernel, images, random_mask(images.shape), thresholds=[1.0, 0.1, 0.0])
    >>> round(float(result.energy[1]) - result.energy_at_tenth, 12), round(float(result.energy[2]), 12)
    (0.0, 1.0)
    """
    array = checked_images(images, "images", 3)
    if array.shape[1:] != kernel.grid.shape:
        raise ValueError(
            f"images of {array.shape[1:]} pixels do not lie on the kernel's grid {kernel.grid.shape}"
        )
    seen = np.asarray(mask)
    if seen.dtype != np.bool_ or seen.shape != kernel.grid.shape or seen.all() or not seen.any():
        raise ValueError(
            f"mask must be a boolean array of shape {kernel.grid.shape} with both values, got {seen.dtype} {seen.shape}"
        )
    spectrum = kernel.spectrum
    least = spectrum.noise_floor / spectrum.eigenvalues[0]
    if not (np.isfinite(relative_ridge) and relative_ridge > least):
        raise ValueError(f"relative_ridge must lie above n eps = {least:.1e}, got {relative_ridge!r}")
    flat = array.reshape(len(array), -1)
    t = np.asarray(thresholds, dtype=np.float64)
    ridge = relative_ridge * float(spectrum.eigenvalues[0])
    centered = flat - flat.mean(axis=1, keepdims=True)
    return KernelEnergy(
        eigenvalues=spectrum.eigenvalues,
        noise_floor=spectrum.noise_floor,
        thresholds=t,
        energy=spectrum.energy_concentration(flat, t),
        leading_energy=np.array([float(spectrum.energy_concentration(g, LEADING)) for g in flat]),
        kernel_norms=np.array([spectrum.kernel_norm(g, ridge=ridge) for g in centered]),
        regression_psnr=_regression_psnr(kernel, flat, seen.ravel(), ridge),
        relative_ridge=float(relative_ridge),
    )


def _regression_psnr(kernel: NetworkKernel, images: Array, seen: NDArray[np.bool_], ridge: float) -> Array:
    """Test PSNR of ``f_0(s) + Theta(s, X) (Theta(X, X) + ridge)^-1 (g - f_0)(X)``, all images at once."""
    residual = images - kernel.start
    gram = kernel.kernel[np.ix_(seen, seen)]
    gram[np.diag_indices_from(gram)] += ridge
    coefficients = scipy.linalg.solve(gram, residual[:, seen].T, assume_a="pos", overwrite_a=True)
    errors = residual[:, ~seen].T - kernel.kernel[np.ix_(~seen, seen)] @ coefficients
    with np.errstate(divide="ignore"):
        psnr: Array = -10.0 * np.log10(np.square(errors).mean(axis=0))
    return psnr
