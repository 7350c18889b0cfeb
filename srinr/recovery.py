"""From samples to an image in one call: what the command line runs, and what a Python user can run.

Every choice is a keyword argument that takes an object; what is left out comes from
:class:`~srinr.lowpass_plan.LowpassPlan`. Multi-coil k-space is in :mod:`srinr.multicoil`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from srinr.amplitude import scale_output, scaled_samples, zero_filled_amplitude
from srinr.baselines.zero_filled import zero_filled
from srinr.domain import Grid
from srinr.fit_result import FitResult, FitState
from srinr.inr import INR
from srinr.lowpass_plan import LowpassPlan
from srinr.operators.fourier import FourierOperator
from srinr.regularizers import Regularizer
from srinr.samples import FourierSamples
from srinr.stages import Stage, without_half_precision
from srinr.status import Status
from srinr.training import fit
from srinr.trigonometric import TrigonometricPolynomial


@dataclass(frozen=True, eq=False)
class LowpassRecovery:
    """What :func:`recover_lowpass` returns.

    Parameters
    ----------
    samples : FourierSamples
        What was fitted, noise included.
    grid : Grid
        The finest grid of the training.
    stages : tuple of Stage
    amplitude : float
        The samples were divided by it during training; objective, R and total variation of ``result`` refer
        to the divided samples.
    result : FitResult
        ``result.image`` is in the unit of the samples.
    zero_filled : TrigonometricPolynomial
        The image in which everything that was not sampled is zero.
    """

    samples: FourierSamples
    grid: Grid
    stages: tuple[Stage, ...]
    amplitude: float
    result: FitResult
    zero_filled: TrigonometricPolynomial

    @property
    def image(self) -> INR:
        """The recovered image."""
        return self.result.image


def recover_lowpass(
    samples: FourierSamples,
    *,
    inr: INR | None = None,
    regularizer: Regularizer | None = None,
    grid: Grid | None = None,
    stages: Sequence[Stage] | None = None,
    plan: LowpassPlan | None = None,
    noise_std: float = 0.0,
    amplitude: float | None = 1.0,
    seed: int = 0,
    time_limit: float | None = None,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    callback: Callable[[FitState], bool | None] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 30.0,
    progress: bool | None = None,
) -> LowpassRecovery:
    """Recover an image from Fourier samples at integer frequencies, usually all up to a cutoff.

    Parameters
    ----------
    samples : FourierSamples
        Integer frequencies, values of shape (m,), e.g. ``phantom.fourier_samples(cutoff=32)``.
    inr, regularizer, grid, stages : optional
        Start, regularizer, finest grid and training; each by default from ``plan``. With an INR of your own
        that is not shallow, give the regularizer as well.
    plan : LowpassPlan, optional
        Numbers for whatever is left out.
    noise_std : float, default 0
        Standard deviation per real component of noise to add to the samples. With noise, training stops after
        the first stage (from the second on) that ends with a residual down to the noise: the continuation
        goes from strong to weak (discrepancy principle).
    amplitude : float, optional
        Samples are divided by it during training, so that strengths and learning rates refer to images of
        values about 1; the recovered image is in the samples' unit. 1 changes nothing; None takes the
        largest value of the zero-filled image.
    seed : int, default 0
        Seed of the default network's weights and of the noise.
    time_limit, dtype, device, callback, checkpoint, checkpoint_seconds, progress
        As in :func:`srinr.training.fit`. In float32 residuals below about 1e-6 are not meaningful.

    Returns
    -------
    LowpassRecovery

    Raises
    ------
    ValueError
        When samples, grid and network do not fit together.

    Examples
    --------
    >>> from srinr.phantoms import disc
    >>> plan = LowpassPlan(max_frequency=2, width=8, adam_steps=40, coarse_steps=20, fine_steps=20)
    >>> recovery = recover_lowpass(disc().fourier_samples(cutoff=4), plan=plan)
    >>> recovery.grid.shape, recovery.result.n_steps
    ((20, 20), 80)
    """
    plan = plan or LowpassPlan()
    if not samples.is_integer:
        raise ValueError(
            "expected integer frequencies (cycles per field of view); drop the others with select()"
        )
    if samples.values.ndim != 1:
        raise ValueError(
            f"expected one value per integer frequency, got values of shape {samples.values.shape}; "
            "for coil data use recover_multicoil"
        )
    noisy = samples.with_noise(noise_std, np.random.default_rng(seed)) if noise_std else samples
    grid = grid or plan.grid(samples)
    if stages is None:
        stages = plan.stages(samples, grid)
        stages = stages if dtype == torch.float32 else without_half_precision(stages)
    start = inr or plan.inr(samples, seed)
    reference = zero_filled(noisy, real=not start.complex_output)
    unit = zero_filled_amplitude(noisy, grid) if amplitude is None else _positive(amplitude)
    stop = _DiscrepancyStop(_discrepancy(noisy), callback)
    result = fit(
        start,
        FourierOperator(grid, samples.frequencies),
        scaled_samples(noisy, 1.0 / unit),
        regularizer=regularizer or plan.regularizer(),
        stages=tuple(stages),
        time_limit=time_limit,
        dtype=dtype,
        device=device,
        callback=stop,
        checkpoint=checkpoint,
        checkpoint_seconds=checkpoint_seconds,
        progress=progress,
    )
    if stop.at_noise:
        message = "the residual is down to the noise; a weaker regularization would fit the noise"
        result = replace(result, status=Status.CONVERGED, message=message)
    result = replace(result, image=scale_output(result.image, unit)) if unit != 1.0 else result
    return LowpassRecovery(noisy, grid, tuple(stages), unit, result, reference)


def _positive(amplitude: float) -> float:
    if not (np.isfinite(amplitude) and amplitude > 0):
        raise ValueError(f"amplitude must be a positive number or None, got {amplitude!r}")
    return float(amplitude)


class _DiscrepancyStop:
    """Callback that stops when a stage has ended at the noise level, and passes on to the caller's callback.

    Within a stage the residual says nothing: early steps fit the data before the regularization has acted. The
    first stage is a start only.
    """

    def __init__(self, target: float | None, callback: Callable[[FitState], bool | None] | None) -> None:
        self.target, self.callback = target, callback
        self.at_noise = False
        self._stage, self._residual = 0, float("inf")

    def __call__(self, state: FitState) -> bool:
        if self.callback is not None and self.callback(state):
            return True
        ended = state.stage != self._stage and self._stage > 0
        self.at_noise = self.target is not None and ended and self._residual <= self.target
        self._stage, self._residual = state.stage, state.data_residual
        return self.at_noise


def _discrepancy(samples: FourierSamples) -> float | None:
    """The expected ``|noise| / |y|``; None for exact samples."""
    norm = float(np.linalg.norm(samples.values))
    if not samples.noise_std or not norm:
        return None
    return samples.noise_std * float(np.sqrt(2 * samples.values.size)) / norm
