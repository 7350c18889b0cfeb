"""Which start suits a family of images: steps of gradient descent from it, and its tangent kernel on the family.

Two numbers are set side by side, as in section 4.3 and figures 4, 12, 13 and 14 of Yüce, Ortiz-Jiménez, Besbinar and
Frossard (CVPR 2022): the PSNR after a few steps, and the share of the images' energy in the eigenvectors of the
kernel with large eigenvalues. The paper's claim is an ordering: the more energy there, the higher the PSNR.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import spearmanr

from srinr.analysis.kernel_spectrum import KernelSpectrum
from srinr.analysis.tangent_kernel import tangent_kernel
from srinr.domain import Grid
from srinr.image_families import ImageFamily
from srinr.inr import INR
from srinr.pretraining import adaptation_psnr
from srinr.progress import progress_bar

Array = NDArray[np.float64]

#: Learning rates among which the best is chosen, for the mean squared error.
RATES = (1e-3, 3e-3, 1e-2, 2e-2, 3e-2, 5e-2, 1e-1)


@dataclass(frozen=True, eq=False)
class StartOnFamily:
    """How one start suits one family.

    Attributes
    ----------
    start, family : str
        Names.
    fixed_rate, best_rate : float
        Learning rates of gradient descent; the best one was chosen on the training images.
    psnr_fixed, psnr_best : array, shape (n, S + 1)
        PSNR in dB (peak 1) on each image after 0..S steps at these rates; minus infinity where the descent diverged.
        With a mask, that of the pixels which were not fitted.
    concentration : float
        Share E(threshold) of the images' energy (their means removed) in eigenvectors of the start's tangent kernel
        with ``mu_i >= threshold mu_0``.
    leading_share : float
        Share of the eigenvectors with ``mu_i >= threshold mu_0``: the concentration that white noise would have. Where
        both are near 1 the kernel is flat: it suits every image, and tells nothing about this family.
    largest_eigenvalue : float
        ``mu_0 / n``; gradient descent on the mean squared error is stable for rates below ``n / mu_0``.
    """

    start: str
    family: str
    fixed_rate: float
    best_rate: float
    psnr_fixed: Array
    psnr_best: Array
    concentration: float
    leading_share: float
    largest_eigenvalue: float


@dataclass(frozen=True, eq=False)
class InitializationComparison:
    """Figures of several starts on several families, made by :func:`compare_initializations`.

    Attributes
    ----------
    entries : tuple of StartOnFamily
        Family by family, the starts in the order given.
    threshold : float
        Relative eigenvalue of the concentration.
    """

    entries: tuple[StartOnFamily, ...]
    threshold: float

    def entry(self, start: str, family: str) -> StartOnFamily:
        """The figures of one start on one family.

        Raises
        ------
        ValueError
            When there is none of that name; it lists those there are.
        """
        for entry in self.entries:
            if (entry.start, entry.family) == (start, family):
                return entry
        known = ", ".join(f"({e.start!r}, {e.family!r})" for e in self.entries)
        raise ValueError(f"no start {start!r} on family {family!r}; there are {known}")

    def on(self, family: str) -> tuple[StartOnFamily, ...]:
        """All starts on one family, in their order."""
        return tuple(entry for entry in self.entries if entry.family == family)

    def gain(self, start: str, reference: str, family: str) -> float:
        """Mean PSNR after the last step over that of a reference, in dB, each start at its best rate."""
        first, second = (self.entry(name, family).psnr_best[:, -1].mean() for name in (start, reference))
        return float(first - second)

    def order_agreement(self, family: str) -> float:
        """Spearman's rank correlation over starts of concentration and PSNR after the last step, best rates."""
        entries = self.on(family)
        if len(entries) < 3:
            raise ValueError(f"a rank correlation needs at least 3 starts on {family!r}, got {len(entries)}")
        psnr = [entry.psnr_best[:, -1].mean() for entry in entries]
        return float(spearmanr([entry.concentration for entry in entries], psnr).statistic)

    def table(self) -> str:
        """Plain text: one line per start and family, mean PSNR over images in dB; ``noise`` is the leading share."""
        n_steps = self.entries[0].psnr_fixed.shape[1] - 1
        head = (
            f"{'family':12} {'start':24} {'E(' + format(self.threshold, 'g') + ')':>7} {'noise':>6} {'PSNR 0':>8} "
            f"{f'{n_steps} at fixed':>11} {'at best':>8} {'(rate)':>9}"
        )
        lines = [
            f"{e.family:12} {e.start:24} {e.concentration:7.3f} {e.leading_share:6.3f} {e.psnr_fixed[:, 0].mean():8.2f} "
            f"{e.psnr_fixed[:, -1].mean():11.2f} {e.psnr_best[:, -1].mean():8.2f} {f'({e.best_rate:g})':>9}"
            for e in self.entries
        ]
        return "\n".join([head, *lines])

    def numbers(self) -> list[dict[str, object]]:
        """The same as plain numbers for JSON, with the mean curves."""
        return [
            {
                "family": e.family,
                "start": e.start,
                "concentration": e.concentration,
                "leading_share": e.leading_share,
                "largest_eigenvalue": e.largest_eigenvalue,
                "fixed_rate": e.fixed_rate,
                "best_rate": e.best_rate,
                "psnr_fixed": _finite(e.psnr_fixed.mean(axis=0)),
                "psnr_best": _finite(e.psnr_best.mean(axis=0)),
            }
            for e in self.entries
        ]


def compare_initializations(
    starts: Mapping[str, INR],
    families: Mapping[str, ImageFamily],
    training: ImageFamily,
    *,
    n_steps: int = 3,
    fixed_rate: float = 1e-2,
    rates: Sequence[float] = RATES,
    mask: NDArray[np.bool_] | None = None,
    threshold: float = 0.1,
    dtype: torch.dtype = torch.float64,
    progress: bool | None = None,
) -> InitializationComparison:
    """Measure several starts on several families of images.

    Parameters
    ----------
    starts : mapping from name to INR
        E.g. random, meta-learned and pretrained weights of one architecture.
    families : mapping from name to ImageFamily
        Images that no start was trained on, all of the size of ``training``.
    training : ImageFamily
        The best rate of each start is the one with the highest mean PSNR after the last step on these: the test
        images take no part in the choice.
    n_steps : int, default 3
        Steps S of gradient descent per image.
    fixed_rate : float, default 1e-2
        Rate at which all starts are measured, that of the inner steps of meta-learning.
    rates : sequence of float
        Candidates for the best rate. Give random starts this freedom: at the inner rate alone they look worse than
        they are.
    mask : boolean array, shape (h, w), optional
        Fit only the pixels where it is True; PSNR is then that of the others.
    threshold : float, default 0.1
        Relative eigenvalue of the energy concentration.
    dtype : torch.float64 (default) or torch.float32
        Precision of the descent; kernels are always in float64.
    progress : bool, optional
        Progress bar; by default on a terminal only.

    Returns
    -------
    InitializationComparison

    Raises
    ------
    ValueError
        When there is no start, family or rate, or the sizes of images differ.

    Source: section 4.3, eq. 11, figures 4, 12 and 13; ``||g||^2`` in the denominator of eq. 11.

    Examples
    --------
    >>> from srinr.image_families import faces
    >>> from srinr.studies.published_networks import published_siren
    >>> starts = {f"seed {seed}": published_siren(width=8, n_hidden=2, seed=seed) for seed in (0, 1)}
    >>> train, test = faces(8).split(80)
    >>> compared = compare_initializations(starts, {"faces": test}, train, n_steps=1)
    >>> [entry.start for entry in compared.entries], compared.entries[0].psnr_best.shape
    (['seed 0', 'seed 1'], (20, 2))
    """
    if not starts or not families or not rates:
        raise ValueError(
            f"need at least one start, family and rate, got {len(starts)}, {len(families)}, {len(rates)}"
        )
    for name, family in families.items():
        if family.shape != training.shape:
            raise ValueError(f"family {name!r} has images of {family.shape}, training of {training.shape}")
    points = Grid(training.shape).points
    found: dict[tuple[str, str], StartOnFamily] = {}
    with progress_bar(len(starts), "initializations", progress) as report:
        for done, (name, inr) in enumerate(starts.items()):
            spectrum = KernelSpectrum.of_matrix(tangent_kernel(inr, points, progress=False))
            best = best_rate(inr, training, n_steps, rates, mask=mask, dtype=dtype)
            for title, family in families.items():
                signals = family.images.reshape(len(family), -1)
                found[title, name] = StartOnFamily(
                    start=name,
                    family=title,
                    fixed_rate=float(fixed_rate),
                    best_rate=best,
                    psnr_fixed=_psnr(inr, family, n_steps, fixed_rate, mask, dtype),
                    psnr_best=_psnr(inr, family, n_steps, best, mask, dtype),
                    concentration=float(spectrum.energy_concentration(signals, threshold)),
                    leading_share=float(np.mean(spectrum.eigenvalues >= threshold * spectrum.eigenvalues[0])),
                    largest_eigenvalue=float(spectrum.mercer_eigenvalues[0]),
                )
            report(done + 1, name)
    entries = tuple(found[title, name] for title in families for name in starts)
    return InitializationComparison(entries, float(threshold))


def best_rate(
    inr: INR,
    training: ImageFamily,
    n_steps: int,
    rates: Sequence[float] = RATES,
    *,
    mask: NDArray[np.bool_] | None = None,
    dtype: torch.dtype = torch.float64,
) -> float:
    """The rate of a list with the highest mean PSNR after ``n_steps`` steps on the training images.

    Parameters
    ----------
    inr, training, n_steps, rates, mask, dtype
        As in :func:`compare_initializations`. A rate at which one image diverges is never chosen unless all do.

    Examples
    --------
    >>> from srinr.image_families import faces
    >>> from srinr.studies.published_networks import published_siren
    >>> best_rate(published_siren(width=8, n_hidden=2), faces(8), 1, rates=(1e-9, 1e-2))
    0.01
    """
    return float(max(rates, key=lambda rate: _psnr(inr, training, n_steps, rate, mask, dtype)[:, -1].mean()))


def _psnr(
    inr: INR,
    family: ImageFamily,
    n_steps: int,
    rate: float,
    mask: NDArray[np.bool_] | None,
    dtype: torch.dtype,
) -> Array:
    psnr = adaptation_psnr(inr, family, n_steps, rate, mask=mask, dtype=dtype)
    return np.where(np.isnan(psnr), -np.inf, psnr)


def _finite(curve: Array) -> list[float | None]:
    """JSON knows no infinity: None where the descent diverged (or the fit is exact)."""
    return [float(value) if np.isfinite(value) else None for value in curve]
