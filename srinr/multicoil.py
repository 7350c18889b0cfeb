"""Undersampled coil data: an INR and CG-SENSE, each chosen and stopped by the same held-out samples.

The sampling theorem behind this library covers real, low-pass, noiseless data; nothing here is certified.
Without a fully sampled reference the figure reported is the error on k-space positions that took no part in
fitting or choosing.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.amplitude import scaled_samples
from srinr.baselines.zero_filled import zero_filled_sense
from srinr.candidates import InrCandidate, SenseCandidate, feature_candidates, sense_candidates
from srinr.coil_maps import CoilMaps, espirit_maps
from srinr.domain import Grid
from srinr.held_out import HeldOutSplit
from srinr.interruption import DeferredInterrupt
from srinr.multicoil_trials import CoilProblem, FitOptions, InrTrial, SenseTrial
from srinr.readers import KSpace
from srinr.samples import FourierSamples
from srinr.status import Status


@dataclass(frozen=True, eq=False)
class MulticoilRecovery:
    """What :func:`recover_multicoil` returns; images are in the unit of the data.

    Parameters
    ----------
    grid : Grid
        Grid of the images and maps.
    split : HeldOutSplit
        Which positions were fitted, chosen with, reported.
    maps : CoilMaps
    amplitude : float
        The data were divided by it during training.
    inr_trials, sense_trials : tuple
        In the order tried.
    zero_filled : complex array, shape ``grid.shape``
        Matched-filter combination of the zero-filled coil images.
    inr_pixels : complex array, shape ``grid.shape``
        The chosen INR on the grid, zero outside the support of the maps, where nothing was measured.
    report_errors : dict
        Relative error on the reported samples, by method.
    status : Status
        ``USER_STOP`` or ``TIME_LIMIT`` when any trial ended so, that of the chosen one otherwise.
    """

    grid: Grid
    split: HeldOutSplit
    maps: CoilMaps
    amplitude: float
    inr_trials: tuple[InrTrial, ...]
    sense_trials: tuple[SenseTrial, ...]
    zero_filled: NDArray[np.complex128]
    inr_pixels: NDArray[np.complex128]
    report_errors: dict[str, float]
    status: Status

    @property
    def best_inr(self) -> InrTrial:
        """The trial with the lowest error on the samples to choose with."""
        return _best_inr(self.inr_trials)

    @property
    def best_sense(self) -> SenseTrial:
        """Likewise for CG-SENSE."""
        return _best_sense(self.sense_trials)


def recover_multicoil(
    kspace: KSpace,
    *,
    maps: CoilMaps | None = None,
    estimate: Callable[[FourierSamples, Grid], CoilMaps] = espirit_maps,
    inr_candidates: Sequence[InrCandidate] | None = None,
    sense: Sequence[SenseCandidate] | None = None,
    choose: float = 0.05,
    report: float = 0.10,
    patience: int | None = 10,
    seed: int = 0,
    time_limit: float | None = None,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    checkpoints: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 30.0,
    on_trial: Callable[[InrTrial | SenseTrial], None] | None = None,
    progress: bool | None = None,
) -> MulticoilRecovery:
    """Recover a complex image from Cartesian k-space, by an INR and by CG-SENSE.

    Both methods fit the same samples, get the same number of candidates, and are chosen and stopped by the
    same held-out samples; a third set is looked at once, for the report. The calibration box is always fitted.

    Parameters
    ----------
    kspace : KSpace
        One slice; values of shape (n_coils, m), or (m,) for a single coil.
    maps : CoilMaps, optional
        Sensitivities on ``kspace.grid``; by default ``estimate(samples to fit, grid)``. A single coil needs none.
    estimate : callable
        ``espirit_maps`` or ``estimate_coil_maps``, or a function of your own.
    inr_candidates, sense : sequences of equal length, optional
        What is tried; by default the first four of :func:`~srinr.candidates.feature_candidates` and of
        :func:`~srinr.candidates.sense_candidates`.
    choose, report : float
        Fractions of the positions held out, see :func:`~srinr.held_out.split_samples`.
    patience : int, optional
        An INR stops after this many evaluations (of 20 steps) without a lower held-out error.
    seed : int, default 0
        Seed of the split and of the networks.
    time_limit : float, optional
        Seconds for all INR trials together; each has an equal share.
    dtype, device, checkpoint_seconds, progress
        As in :func:`srinr.training.fit`.
    checkpoints : path, optional
        Folder for one checkpoint per trial; trials found there are resumed.
    on_trial : callable, optional
        Called with every finished trial.

    Returns
    -------
    MulticoilRecovery

    Raises
    ------
    ValueError
        Several slices, numbers of candidates that differ, or data without a fully sampled center.
    """
    candidates, baselines = _equally_many(inr_candidates, sense, kspace.grid.dim)
    problem = CoilProblem.prepare(kspace, maps, estimate, (choose, report), seed)
    options = FitOptions(
        patience=patience,
        time_limit=None if time_limit is None else time_limit / len(candidates),
        dtype=dtype,
        device=device,
        checkpoints=None if checkpoints is None else Path(checkpoints),
        checkpoint_seconds=checkpoint_seconds,
        progress=progress,
        seed=seed,
    )
    tell = on_trial or (lambda trial: None)
    sense_trials, inr_trials = [], []
    for baseline in baselines:
        sense_trials.append(problem.sense_trial(baseline))
        tell(sense_trials[-1])
    with DeferredInterrupt() as interrupt:
        for number, candidate in enumerate(candidates, start=1):
            inr_trials.append(problem.inr_trial(candidate, options, number))
            tell(inr_trials[-1])
            if interrupt.requested or inr_trials[-1].result.status is Status.USER_STOP:
                break
    return _collect(problem, tuple(inr_trials), tuple(sense_trials), len(candidates))


def _equally_many(
    inr_candidates: Sequence[InrCandidate] | None, sense: Sequence[SenseCandidate] | None, dim: int
) -> tuple[tuple[InrCandidate, ...], tuple[SenseCandidate, ...]]:
    candidates = tuple(inr_candidates if inr_candidates is not None else feature_candidates(dim)[:4])
    baselines = tuple(sense if sense is not None else sense_candidates()[: len(candidates)])
    if not candidates or len(candidates) != len(baselines):
        raise ValueError(
            f"both methods need the same number of candidates, at least one; got {len(candidates)} for the INR "
            f"and {len(baselines)} for CG-SENSE"
        )
    return candidates, baselines


def _collect(
    problem: CoilProblem,
    inr_trials: tuple[InrTrial, ...],
    sense_trials: tuple[SenseTrial, ...],
    n_candidates: int,
) -> MulticoilRecovery:
    """Choose by the one held-out set, then look at the other, once."""
    best = _best_inr(inr_trials)
    pixels = np.where(problem.maps.support, best.result.image.on_grid(problem.grid), 0.0)
    combined = zero_filled_sense(problem.split.fit, problem.maps.maps) * problem.amplitude
    sense = _best_sense(sense_trials).image
    held = problem.split.report
    operator = problem.operator(held)
    images = {"zero_filled": combined, "cg_sense": sense, "inr": pixels}
    errors = {
        name: problem.error(operator, held, image / problem.amplitude) for name, image in images.items()
    }
    statuses = [trial.result.status for trial in inr_trials]
    stopped = len(inr_trials) < n_candidates or Status.USER_STOP in statuses
    limited = Status.TIME_LIMIT in statuses
    return MulticoilRecovery(
        grid=problem.grid,
        split=replace(problem.split, samples=scaled_samples(problem.split.samples, problem.amplitude)),
        maps=problem.maps,
        amplitude=problem.amplitude,
        inr_trials=inr_trials,
        sense_trials=sense_trials,
        zero_filled=combined,
        inr_pixels=pixels,
        report_errors=errors,
        status=Status.USER_STOP if stopped else Status.TIME_LIMIT if limited else best.result.status,
    )


def _best_inr(trials: Sequence[InrTrial]) -> InrTrial:
    return min(trials, key=lambda trial: (not np.isfinite(trial.choose_error), trial.choose_error))


def _best_sense(trials: Sequence[SenseTrial]) -> SenseTrial:
    return min(trials, key=lambda trial: trial.choose_error)
