"""Energy concentration of several networks on one family of images, beside how well they then learn it.

Figures 4, 10 and 11 of Yüce, Ortiz-Jiménez, Besbinar and Frossard (CVPR 2022).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.stats
import torch
from numpy.typing import ArrayLike, NDArray

from srinr.image_families import ImageFamily, checked_images
from srinr.inr import INR
from srinr.optimizers import Adam, Optimizer
from srinr.studies.kernel_energy import KernelEnergy, kernel_energy, network_kernel
from srinr.studies.pixel_fits import FitCurves, fit_curves


@dataclass(frozen=True)
class Start:
    """A network to begin with, and how it is trained.

    Parameters
    ----------
    inr : INR
    optimizer : Optimizer, optional
        ``Adam(1e-4, eps=1e-8)`` by default (random weights); meta-learned weights take ``GradientDescent(1e-2)``.
    """

    inr: INR
    optimizer: Optimizer = field(default_factory=lambda: Adam(1e-4, eps=1e-8))


@dataclass(frozen=True, eq=False)
class EnergyRow:
    """One network of :func:`energy_study`: its kernel and its training."""

    energy: KernelEnergy
    curves: FitCurves


def energy_study(
    starts: Mapping[str, Start],
    images: ImageFamily | ArrayLike,
    mask: NDArray[np.bool_],
    steps: Sequence[int],
    *,
    n_trained: int | None = None,
    dtype: torch.dtype = torch.float32,
    memory_limit: int = 2**30,
    progress: bool | None = None,
) -> dict[str, EnergyRow]:
    """Kernel energy and test PSNR of several networks on one family with one mask.

    Parameters
    ----------
    starts : mapping from str to Start
        By the names that the rows shall have.
    images, mask, steps, dtype
        As in :func:`~srinr.studies.kernel_energy.kernel_energy` and
        :func:`~srinr.studies.pixel_fits.fit_curves`; kernels are float64 in any case.
    n_trained : int, optional
        Train on the first so many images only (training costs far more than kernels).
    memory_limit, progress
        As in :func:`~srinr.studies.kernel_energy.network_kernel`.

    Examples
    --------
    >>> from srinr.image_families import faces
    >>> from srinr.studies.pixel_fits import random_mask
    >>> from srinr.studies.published_networks import published_siren
    >>> starts = {f"SIREN {omega}": Start(published_siren(omega, width=16)) for omega in (5.0, 30.0)}
    >>> rows = energy_study(starts, faces(10), random_mask((10, 10)), (0, 3), n_trained=2)
    >>> list(rows)
    ['SIREN 5.0', 'SIREN 30.0']
    """
    if not starts:
        raise ValueError("starts is empty: give one network at least")
    array = checked_images(images, "images", 3)
    shape = (array.shape[1], array.shape[2])
    rows = {}
    for name, start in starts.items():
        kernel = network_kernel(start.inr, shape, memory_limit=memory_limit, progress=progress)
        energy = kernel_energy(kernel, array, mask)
        del kernel  # two matrices (n, n): let them go before the training
        curves = fit_curves(
            start.inr, array[:n_trained], mask, steps, start.optimizer, dtype=dtype, progress=progress
        )
        rows[name] = EnergyRow(energy, curves)
    return rows


def rank_correlation(rows: Mapping[str, EnergyRow], step: int) -> float:
    """Spearman's correlation of ``E(0.1)`` with the mean test PSNR after ``step`` steps; NaN when one is constant.

    Examples
    --------
    >>> from srinr.image_families import faces
    >>> from srinr.studies.pixel_fits import random_mask
    >>> from srinr.studies.published_networks import published_siren
    >>> starts = {f"SIREN {omega}": Start(published_siren(omega, width=16)) for omega in (5.0, 30.0)}
    >>> rows = energy_study(starts, faces(10), random_mask((10, 10)), (0,), n_trained=2)
    >>> round(abs(rank_correlation(rows, 0)), 12)
    1.0
    """
    if len(rows) < 2:
        raise ValueError(f"rows holds {len(rows)} networks: a correlation needs two at least")
    ranks = [
        scipy.stats.rankdata(values)
        for values in (
            [row.energy.energy_at_tenth for row in rows.values()],
            [row.curves.mean_test_psnr(step) for row in rows.values()],
        )
    ]
    centered = [r - r.mean() for r in ranks]
    lengths = [float(np.linalg.norm(c)) for c in centered]
    return float(centered[0] @ centered[1] / np.prod(lengths)) if min(lengths) > 0 else float("nan")
