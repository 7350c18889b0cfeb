"""The trials of :func:`srinr.multicoil.recover_multicoil`: one candidate, fitted and measured on held-out samples."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.amplitude import scale_output, scaled_samples, zero_filled_amplitude
from srinr.baselines.sense import cg_sense
from srinr.candidates import InrCandidate, SenseCandidate
from srinr.coil_maps import CoilMaps, fully_sampled_box
from srinr.domain import Grid
from srinr.fit_result import FitResult
from srinr.held_out import HeldOutSplit, calibration_box, split_samples
from srinr.operators.fourier import FourierOperator
from srinr.operators.linear import LinearOperator
from srinr.operators.mri import CoilSensitivity
from srinr.readers import KSpace
from srinr.samples import FourierSamples
from srinr.stages import Validation, without_half_precision
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


@dataclass(frozen=True)
class FitOptions:
    """What all INR trials have in common; see :func:`srinr.training.fit`."""

    patience: int | None
    time_limit: float | None
    dtype: torch.dtype
    device: str | torch.device
    checkpoints: Path | None
    checkpoint_seconds: float
    progress: bool | None
    seed: int


@dataclass(frozen=True, eq=False)
class CoilProblem:
    """Coil data divided by ``amplitude``, split, with maps: what every trial works on."""

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
        fractions: tuple[float, float],
        seed: int,
    ) -> CoilProblem:
        """Split the samples, estimate maps from those to fit, normalize."""
        samples, grid = _with_coil_axis(kspace.samples), kspace.grid
        box = _calibration(samples, sum(fractions))
        rng = np.random.default_rng(seed)
        split = split_samples(samples, rng, choose=fractions[0], report=fractions[1], always_fit=box)
        if maps is None:
            maps = _single_coil(grid) if len(samples.values) == 1 else estimate(split.fit, grid)
        if maps.maps.shape != (len(samples.values), *grid.shape):
            raise ValueError(
                f"maps must have shape {(len(samples.values), *grid.shape)}, got {maps.maps.shape}"
            )
        if not maps.support.any():
            raise ValueError(
                "no pixel passes the threshold of the coil maps: the center of k-space shows no common image; check "
                "axes, centering and slice, or estimate the maps otherwise (--maps low-resolution)"
            )
        if not (split.choose.values.any() and split.report.values.any()):
            raise ValueError(
                "all held-out samples are zero, so that no error relative to them exists; zeros probably stand for "
                "positions that were not sampled (--zeros not-sampled)"
            )
        amplitude = zero_filled_amplitude(split.fit, grid)
        return cls(grid, replace(split, samples=scaled_samples(samples, 1.0 / amplitude)), maps, amplitude)

    def operator(self, samples: FourierSamples) -> LinearOperator:
        """Image to coil samples."""
        return FourierOperator(self.grid, samples.frequencies) @ CoilSensitivity(self.maps.maps)

    def error(self, operator: LinearOperator, samples: FourierSamples, image: NDArray[Any]) -> float:
        """Relative error of the samples that an image predicts."""
        misfit = operator.forward(image) - samples.values
        return float(np.linalg.norm(misfit) / np.linalg.norm(samples.values))

    def sense_trial(self, candidate: SenseCandidate) -> SenseTrial:
        """Run CG-SENSE to its limit and keep the iterate of the lowest held-out error."""
        held, held_operator = self.split.choose, self.operator(self.split.choose)
        errors = [1.0]  # of the zero image
        best: NDArray[Any] = np.zeros(self.grid.shape, dtype=np.complex128)

        def watch(step: int, image: NDArray[Any]) -> None:
            nonlocal best
            errors.append(self.error(held_operator, held, image))
            if errors[-1] <= min(errors):
                best = image.copy()

        cg_sense(
            self.operator(self.split.fit),
            self.split.fit,
            strength=candidate.strength,
            max_steps=candidate.max_steps,
            callback=watch,
        )
        n_steps = int(np.argmin(errors))
        logger.info("CG-SENSE, %s: held-out error %.4f at step %d", candidate.label, errors[n_steps], n_steps)
        return SenseTrial(
            candidate, best.astype(np.complex128) * self.amplitude, n_steps, errors[n_steps], np.array(errors)
        )

    def inr_trial(self, candidate: InrCandidate, options: FitOptions, number: int) -> InrTrial:
        """Train the candidate; the parameters of the lowest held-out error are kept."""
        folder = options.checkpoints
        stages = candidate.training.stages
        if options.dtype != torch.float32:
            stages = without_half_precision(stages)
        result = fit(
            candidate.inr(options.seed),
            self.operator(self.split.fit),
            self.split.fit,
            regularizer=candidate.training.regularizer,
            stages=stages,
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
        logger.info("INR, %s: held-out error %.4f", candidate.label, error)
        return InrTrial(candidate, replace(result, image=scale_output(result.image, self.amplitude)), error)


def _with_coil_axis(samples: FourierSamples) -> FourierSamples:
    if samples.values.ndim == 1:
        return replace(samples, values=samples.values[None])
    if samples.values.ndim != 2:
        raise ValueError(f"expected values of shape (n_coils, m), one slice; got {samples.values.shape}")
    return samples


def _calibration(samples: FourierSamples, held_out: float) -> NDArray[np.bool_]:
    """Fully sampled center, less what would leave under twice the positions to hold out (all of it may be full)."""
    half_widths = list(fully_sampled_box(samples))
    box = calibration_box(samples, tuple(half_widths))
    while (~box).sum() < 2 * held_out * samples.n_samples and max(half_widths) > 0:
        half_widths[int(np.argmax(half_widths))] -= 1
        box = calibration_box(samples, tuple(half_widths))
    return box


def _single_coil(grid: Grid) -> CoilMaps:
    ones = np.ones(grid.shape)
    return CoilMaps(ones[None].astype(np.complex128), ones.astype(bool), ones, (0,) * grid.dim)
