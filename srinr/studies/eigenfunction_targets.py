"""Eigenfunctions of a network's own tangent kernel as targets: those of large eigenvalues are learned first.

Figure 15 and appendix F of Yüce, Ortiz-Jiménez, Besbinar and Frossard (CVPR 2022). In the linear regime the residual
along eigenfunction j decays as ``exp(-2 a t mu_j / n)`` for t steps of rate a on the mean squared error, so that the
PSNR reached falls with the index.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from srinr.analysis.kernel_spectrum import KernelSpectrum
from srinr.analysis.tangent_kernel import tangent_kernel
from srinr.domain import Grid
from srinr.inr import INR
from srinr.optimizers import Optimizer
from srinr.pretraining import pretrain
from srinr.progress import progress_bar

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class EigenfunctionFits:
    """How well a network fitted eigenfunctions of its own kernel.

    Attributes
    ----------
    indices : array of int, shape (m,)
        Index j of each target, 0 for the largest eigenvalue.
    relative_eigenvalues : array, shape (m,)
        ``mu_j / mu_0``.
    psnr : array, shape (m,)
        After the last step, in dB relative to the target's mean square 1.
    psnr_start : array, shape (m,)
        Before the first step.
    n_steps : int
        Steps per target.
    """

    indices: NDArray[np.int64]
    relative_eigenvalues: Array
    psnr: Array
    psnr_start: Array
    n_steps: int

    @property
    def rank_correlation(self) -> float:
        """Spearman's rank correlation of index and PSNR: -1 when the PSNR falls throughout."""
        return float(spearmanr(self.indices, self.psnr).statistic)

    def table(self) -> str:
        """Plain text: one line per target."""
        lines = [
            f"{j:6d} {mu:12.3e} {before:9.2f} {after:9.2f}"
            for j, mu, before, after in zip(
                self.indices, self.relative_eigenvalues, self.psnr_start, self.psnr, strict=True
            )
        ]
        return "\n".join([f"{'index':>6} {'mu_j / mu_0':>12} {'dB before':>9} {'dB after':>9}", *lines])


def fit_eigenfunctions(
    inr: INR,
    shape: tuple[int, int],
    indices: Sequence[int],
    n_steps: int = 2000,
    *,
    optimizer: Optimizer | None = None,
    dtype: torch.dtype = torch.float64,
    folder: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> EigenfunctionFits:
    """Fit an INR, from its start each time, to eigenfunctions of its own tangent kernel at the start.

    Parameters
    ----------
    inr : INR
        Start; it is not modified.
    shape : (h, w)
        Pixels, on ``Grid(shape)``.
    indices : sequence of int
        Which eigenfunctions, 0 for the largest eigenvalue; all above the noise floor of the spectrum.
    n_steps : int, default 2000
        Steps per target.
    optimizer : Optimizer, optional
        First-order; ``Adam(1e-4, eps=1e-8)`` by default. Adam rescales the parameters' gradients: the ordering by
        eigenvalue is one of gradient descent, and Adam shows it early in the training only.
    dtype : torch.float64 (default) or torch.float32
        Precision of the training; the kernel is in float64.
    folder : path, optional
        For a checkpoint per target: what was interrupted goes on from there.
    progress : bool, optional
        Progress bar; by default on a terminal only.

    Returns
    -------
    EigenfunctionFits
        The targets are ``sqrt(n) V_j``: mean square 1 over the pixels, sign as the decomposition gives it.

    Raises
    ------
    ValueError
        When there are fewer than two indices, one occurs twice, or one lies outside the spectrum or below its noise
        floor, where eigenvectors are rounding errors.

    Source: figure 15 and appendix F (the scaling of the targets is not stated there).

    Examples
    --------
    >>> from srinr.studies.published_networks import published_siren
    >>> fits = fit_eigenfunctions(published_siren(width=16, n_hidden=2), (8, 8), (0, 20), n_steps=30)
    >>> bool(fits.psnr[0] > fits.psnr[1])
    True
    """
    grid = Grid(shape)
    spectrum = KernelSpectrum.of_matrix(tangent_kernel(inr, grid.points, progress=False))
    chosen = _checked(indices, spectrum.n_significant)
    begin = inr.on_grid(grid)
    before, after = [], []
    with progress_bar(len(chosen), "eigenfunctions", progress) as report:
        for done, index in enumerate(chosen):
            target = spectrum.mercer_eigenfunctions[:, index].reshape(shape)
            path = None if folder is None else Path(folder) / f"eigenfunction_{index}.checkpoint"
            fitted = pretrain(
                inr, target, n_steps, optimizer=optimizer, dtype=dtype, checkpoint=path, progress=False
            )
            if fitted.interrupted:
                raise KeyboardInterrupt
            before.append(_decibels(begin - target))
            after.append(_decibels(fitted.inr.on_grid(grid) - target))
            report(done + 1, f"index {index}: {after[-1]:.1f} dB")
    relative = spectrum.eigenvalues[chosen] / spectrum.eigenvalues[0]
    return EigenfunctionFits(np.array(chosen), relative, np.array(after), np.array(before), n_steps)


def _checked(indices: Sequence[int], n_significant: int) -> list[int]:
    chosen = [int(index) for index in indices]
    if len(chosen) < 2 or len(set(chosen)) < len(chosen):
        raise ValueError(f"indices must be at least two different ones, got {indices!r}")
    for index in chosen:
        if not 0 <= index < n_significant:
            raise ValueError(
                f"indices must lie in 0..{n_significant - 1}, where eigenvalues exceed the noise floor, got {index}"
            )
    return chosen


def _decibels(error: Array) -> float:
    with np.errstate(divide="ignore"):
        return float(-10.0 * np.log10(np.square(error).mean()))
