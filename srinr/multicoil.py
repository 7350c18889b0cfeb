"""Undersampled coil data: an INR and CG-SENSE, each chosen and stopped by the same held-out samples.

The sampling theorem behind this library covers real, low-pass, noiseless data; nothing here is certified.
Without a fully sampled reference the figure reported is the error on k-space positions that took no part in
fitting or choosing.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.amplitude import scale_output, scaled_samples, zero_filled_amplitude
from srinr.baselines.sense import cg_sense
from srinr.baselines.zero_filled import zero_filled_sense
from srinr.candidates import InrCandidate, SenseCandidate, feature_candidates, sense_candidates
from srinr.coil_maps import CoilMaps, espirit_maps, fully_sampled_box
from srinr.domain import Grid
from srinr.fit_result import FitResult
from srinr.held_out import HeldOutSplit, calibration_box, split_samples
from srinr.interruption import DeferredInterrupt
from srinr.operators.fourier import FourierOperator
from srinr.operators.linear import LinearOperator
from srinr.operators.mri import CoilSensitivity
from srinr.readers import KSpace
from srinr.samples import FourierSamples
from srinr.stages import Validation
from srinr.status import Status
from srinr.training import fit

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class InrTrial:
    """One candidate, trained; ``choose_error`` is the relative error on the samples to choose with."""

    candidate: InrCandidate
    result: FitResult
    choose_error: float


@dataclass(frozen=True, eq=False)
class SenseTrial:
    """One candidate of CG-SENSE at its best iteration ``n_steps``; ``history`` has the error of every one."""

    candidate: SenseCandidate
    image: NDArray[np.complex128]
    n_steps: int
    choose_error: float
    history: NDArray[np.float64]


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
        return min(self.sense_trials, key=lambda trial: trial.choose_error)


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
    candidates = tuple(inr_candidates if inr_candidates is not None else feature_candidates(kspace.grid.dim)[:4])
    baselines = tuple(sense if sense is not None else sense_candidates()[: len(candidates)])
    if not candidates or len(candidates) != len(baselines):
        raise ValueError(
            f"both methods need the same number of candidates, at least one; got {len(candidates)} for the INR "
            f"and {len(baselines)} for CG-SENSE"
        )
    problem = _Problem.prepare(kspace, maps, estimate, choose, report, seed)
    trials = []
    for baseline in baselines:
        trials.append(problem.sense_trial(baseline))
        if on_trial is not None:
            on_trial(trials[-1])
    options = _FitOptions(
        patience, None if time_limit is None else time_limit / len(candidates), dtype, device,
        None if checkpoints is None else Path(checkpoints), checkpoint_seconds, progress, seed,
    )  # fmt: skip
    inr_trials: list[InrTrial] = []
    with DeferredInterrupt() as interrupt:
        for number, candidate in enumerate(candidates, start=1):
            inr_trials.append(problem.inr_trial(candidate, options, number))
            if on_trial is not None:
                on_trial(inr_trials[-1])
            if interrupt.requested or inr_trials[-1].result.status is Status.USER_STOP:
                break
    stopped = len(inr_trials) < len(candidates) or inr_trials[-1].result.status is Status.USER_STOP
    return problem.recovery(tuple(inr_trials), tuple(trials), Status.USER_STOP if stopped else None)


@dataclass(frozen=True)
class _FitOptions:
    patience: int | None
    time_limit: float | None
    dtype: torch.dtype
    device: str | torch.device
    checkpoints: Path | None
    checkpoint_seconds: float
    progress: bool | None
    seed: int


@dataclass(frozen=True, eq=False)
class _Problem:
    """The normalized data, split, with an operator for each part."""

    grid: Grid
    split: HeldOutSplit
    maps: CoilMaps
    amplitude: float

    @classmethod
    def prepare(
        cls,
        kspace: KSpace,
        maps: CoilMaps | None,
        estimate: Callable[[FourierSamples, Grid], CoilMaps],
        choose: float,
        report: float,
        seed: int,
    ) -> _Problem:
        samples, grid = _with_coil_axis(kspace.samples), kspace.grid
        box = calibration_box(samples, fully_sampled_box(samples))
        rng = np.random.default_rng(seed)
        split = split_samples(samples, rng, choose=choose, report=report, always_fit=box)
        if maps is None:
            maps = _single_coil(grid) if len(samples.values) == 1 else estimate(split.fit, grid)
        if maps.maps.shape != (len(samples.values), *grid.shape):
            raise ValueError(
                f"maps must have shape {(len(samples.values), *grid.shape)}, got {maps.maps.shape}"
            )
        amplitude = zero_filled_amplitude(split.fit, grid)
        return cls(grid, replace(split, samples=scaled_samples(samples, 1.0 / amplitude)), maps, amplitude)

    def operator(self, samples: FourierSamples) -> LinearOperator:
        return FourierOperator(self.grid, samples.frequencies) @ CoilSensitivity(self.maps.maps)

    def error(self, operator: LinearOperator, samples: FourierSamples, image: NDArray[np.complex128]) -> float:
        misfit = operator.forward(image) - samples.values
        return float(np.linalg.norm(misfit) / np.linalg.norm(samples.values))

    def sense_trial(self, candidate: SenseCandidate) -> SenseTrial:
        held, held_operator = self.split.choose, self.operator(self.split.choose)
        errors = [1.0]
        best = np.zeros(self.grid.shape, dtype=np.complex128)

        def watch(step: int, image: NDArray[np.complex128]) -> None:
            nonlocal best
            errors.append(self.error(held_operator, held, image))
            if errors[-1] <= min(errors):
                best = image.copy()

        cg_sense(
            self.operator(self.split.fit), self.split.fit, strength=candidate.strength,
            max_steps=candidate.max_steps, callback=watch,
        )  # fmt: skip
        n_steps = int(np.argmin(errors))
        return SenseTrial(candidate, best * self.amplitude, n_steps, errors[n_steps], np.array(errors))

    def inr_trial(self, candidate: InrCandidate, options: _FitOptions, number: int) -> InrTrial:
        folder = options.checkpoints
        started = time.perf_counter()
        result = fit(
            candidate.inr(options.seed),
            self.operator(self.split.fit),
            self.split.fit,
            regularizer=candidate.training.regularizer,
            stages=candidate.training.stages,
            validation=Validation(self.operator(self.split.choose), self.split.choose, options.patience),
            time_limit=options.time_limit,
            dtype=options.dtype,
            device=options.device,
            checkpoint=None if folder is None else folder / f"checkpoint-{number}.safetensors",
            checkpoint_seconds=options.checkpoint_seconds,
            progress=options.progress,
        )
        error = result.validation_error
        assert error is not None
        logger.info("%s: held-out error %.4f, %.0f s", candidate.label, error, time.perf_counter() - started)
        return InrTrial(candidate, replace(result, image=scale_output(result.image, self.amplitude)), error)

    def recovery(
        self, inr_trials: tuple[InrTrial, ...], sense_trials: tuple[SenseTrial, ...], status: Status | None
    ) -> MulticoilRecovery:
        best = _best_inr(inr_trials)
        pixels = np.where(self.maps.support, best.result.image.on_grid(self.grid), 0.0)
        combined = zero_filled_sense(self.split.fit, self.maps.maps) * self.amplitude
        sense = min(sense_trials, key=lambda trial: trial.choose_error).image
        held = self.split.report
        operator = self.operator(held)
        images = {"zero_filled": combined, "cg_sense": sense, "inr": pixels}
        errors = {name: self.error(operator, held, image / self.amplitude) for name, image in images.items()}
        split = replace(self.split, samples=scaled_samples(self.split.samples, self.amplitude))
        return MulticoilRecovery(
            self.grid, split, self.maps, self.amplitude, inr_trials, sense_trials, combined, pixels, errors,
            status or best.result.status,
        )  # fmt: skip


def _best_inr(trials: Sequence[InrTrial]) -> InrTrial:
    return min(trials, key=lambda trial: (not np.isfinite(trial.choose_error), trial.choose_error))


def _with_coil_axis(samples: FourierSamples) -> FourierSamples:
    if samples.values.ndim == 1:
        return replace(samples, values=samples.values[None])
    if samples.values.ndim != 2:
        raise ValueError(f"expected values of shape (n_coils, m), one slice; got {samples.values.shape}")
    return samples


def _single_coil(grid: Grid) -> CoilMaps:
    ones = np.ones(grid.shape)
    return CoilMaps(ones[None].astype(np.complex128), ones.astype(bool), ones, (0,) * grid.dim)
