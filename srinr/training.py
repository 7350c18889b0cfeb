"""``fit``: the only training loop. It looks for the image among INRs; the measure solvers look among measures."""

from __future__ import annotations

import logging
import os
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from srinr.allocation import is_out_of_memory, reuse_freed_memory
from srinr.checkpoint import load_checkpoint, save_checkpoint
from srinr.fit_result import FitResult, FitState, History
from srinr.inr import INR
from srinr.interruption import DeferredInterrupt
from srinr.operators.linear import LinearOperator
from srinr.optimizers import Adam, Optimizer
from srinr.progress import progress_bar
from srinr.regularizers import Regularizer, WeightDecay
from srinr.samples import FourierSamples
from srinr.stages import Stage, Validation, coarse_to_fine
from srinr.status import OutOfMemoryError, SrinrError, Status
from srinr.training_run import TrainingRun

__all__ = ["FitResult", "FitState", "History", "Stage", "Validation", "coarse_to_fine", "fit"]

logger = logging.getLogger(__name__)


def fit(
    inr: INR,
    operator: LinearOperator,
    samples: FourierSamples,
    *,
    regularizer: Regularizer | None = None,
    optimizer: Optimizer | None = None,
    max_steps: int = 2_000,
    stages: Sequence[Stage] | None = None,
    validation: Validation | None = None,
    target_residual: float | None = None,
    time_limit: float | None = None,
    dtype: torch.dtype = torch.float64,
    device: str | torch.device = "cpu",
    memory_limit: int = 4 * 2**30,
    log_every: int = 20,
    callback: Callable[[FitState], bool | None] | None = None,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 30.0,
    progress: bool | None = None,
) -> FitResult:
    """Fit an INR to Fourier samples: minimize ``1/2 |A f - y|^2 + strength R`` over its parameters.

    The data term is in coefficient units, summed over coils, so that a strength means the same on every grid.
    The INR passed in is not modified.

    Parameters
    ----------
    inr : INR
        Start of the training.
    operator : LinearOperator
        Pixels to samples, e.g. ``FourierOperator(grid, samples.frequencies)``; its grid is the finest used.
    samples : FourierSamples
        Data y, ``values`` of the operator's ``out_shape``.
    regularizer : Regularizer, optional
        E.g. ``WeightDecay(1e-6)``; none by default.
    optimizer, max_steps : Optimizer, int
        A single stage on the operator's grid; ignored when ``stages`` is given.
    stages : sequence of Stage, optional
        Several stages, e.g. from :func:`coarse_to_fine`.
    validation : Validation, optional
        Held-out samples; the parameters with the lowest held-out error are returned.
    target_residual : float, optional
        Stop as ``CONVERGED`` once ``|A f - y| / |y|`` falls below it.
    time_limit : float, optional
        Seconds (including those before a resume), checked at every evaluation.
    dtype : torch.float32 or torch.float64
        Precision of the training; the result is always float64.
    device : str or torch.device
        E.g. ``"cuda"``.
    memory_limit : int, default 4 GiB
        Bytes for intermediate values of a step; work is cut into chunks that fit (and recomputed once).
    log_every : int, default 20
        Steps between evaluations (history, callback, stopping tests); nothing is fetched from the device
        in between.
    callback : callable, optional
        Called with a :class:`FitState` at every evaluation; returning True stops the training.
    checkpoint : path, optional
        Where the state is saved at intervals and at the end. When the file exists, training resumes from it,
        with the same result as an uninterrupted run. A save that fails later on (full disk) is logged and
        noted in the result's message; the training goes on.
    checkpoint_seconds : float, default 30
        Seconds between saves.
    progress : bool, optional
        Progress bar; by default on a terminal only.

    Returns
    -------
    FitResult

    Raises
    ------
    ValueError
        When shapes, grids or settings do not fit together.
    OutOfMemoryError
        When a step does not fit; the message says what to lower.

    Examples
    --------
    >>> from srinr import INR, FourierFeatures, FourierOperator, FourierSamples, Grid, LBFGS, ShallowReLU, fit
    >>> samples = FourierSamples([[0], [1], [-1]], [0.5, 0.25, 0.25])
    >>> encoding = FourierFeatures.lattice(1, dim=1)
    >>> start = INR(encoding, ShallowReLU(encoding.n_features, width=4, seed=1))
    >>> operator = FourierOperator(Grid(32, dim=1), samples.frequencies)
    >>> result = fit(start, operator, samples, optimizer=LBFGS(), max_steps=100, target_residual=1e-6)
    >>> result.status.name
    'CONVERGED'
    """
    if dtype not in (torch.float32, torch.float64):
        raise ValueError(f"dtype must be torch.float32 or torch.float64, got {dtype}")
    if log_every < 1 or memory_limit < 1:
        raise ValueError(f"log_every and memory_limit must be positive, got {log_every}, {memory_limit}")
    plan = tuple(stages) if stages is not None else (Stage(max_steps, optimizer or Adam()),)
    if not plan:
        raise ValueError("stages is empty: give at least one Stage")
    run = TrainingRun(
        inr, operator, samples, regularizer or WeightDecay(0.0), plan, validation, dtype, torch.device(device),
        memory_limit,
    )  # fmt: skip
    limits = _Limits(target_residual, time_limit, log_every, callback)
    if checkpoint is not None and Path(checkpoint).exists():
        run.restore(load_checkpoint(checkpoint), checkpoint)
    save = _Saver(run, checkpoint, checkpoint_seconds)
    if run.finished is None:
        save.now()  # a folder that cannot be written is noticed before the training, not after it
    try:
        with (
            DeferredInterrupt() as interrupt,
            progress_bar(run.total_steps, "fit", progress) as report,
            reuse_freed_memory(),
        ):
            status = _train(run, limits, save, interrupt, report)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        traceback.clear_frames(error.__traceback__)  # else the error keeps the large arrays of the step alive
        raise OutOfMemoryError(
            f"out of memory in a training step on grid {run.grid.shape} ({error}); pass a memory_limit below "
            f"{memory_limit} bytes (now {run.chunk_size} points at a time), a smaller grid, or dtype=torch.float32"
        ) from error
    save.attempt()
    result = run.result(status)
    notes = [result.message]
    if run.out_of_patience():
        notes.append("the held-out error stopped falling; the parameters of its minimum are returned")
    if save.failure is not None:
        notes.append(f"the checkpoint could not be saved ({save.failure})")
    return replace(result, message="; ".join(notes))


@dataclass(frozen=True)
class _Limits:
    target_residual: float | None
    time_limit: float | None
    log_every: int
    callback: Callable[[FitState], bool | None] | None

    def __post_init__(self) -> None:
        for name in ("target_residual", "time_limit"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be a positive number or None, got {value!r}")


def _train(
    run: TrainingRun,
    limits: _Limits,
    save: _Saver,
    interrupt: DeferredInterrupt,
    report: Callable[[int, str], None],
) -> Status:
    """Advance through the stages until one of the stopping rules says how it ended."""
    if run.finished is not None:
        return run.finished
    if not run.rows:
        run.evaluate()
    status = _reached(run, limits, run.rows[-1])  # after a resume, or by a start that is good enough
    if status is not None:
        return status
    while run.stage_index < len(run.plan):
        stage = run.plan[run.stage_index]
        left = stage.max_steps - run.step_in_stage
        if left <= 0:
            run.next_stage()
            continue
        taken = run.advance(min(limits.log_every, left))
        row = run.evaluate()
        report(run.n_steps, f"residual {row['data_residual']:.2e}")
        status = _stopping(run, limits, row, interrupt)
        if status is not None:
            return status
        if taken == 0:  # the optimizer cannot move: the next stage (another grid or method) may
            if run.stage_index == len(run.plan) - 1:
                return Status.CONVERGED if run.optimizer.has_converged else Status.STALLED
            run.next_stage()
        save.if_due()
    run.finished = Status.MAX_STEPS
    return Status.MAX_STEPS


def _stopping(
    run: TrainingRun, limits: _Limits, row: dict[str, float], interrupt: DeferredInterrupt
) -> Status | None:
    reached = _reached(run, limits, row)
    if reached is Status.NONFINITE:
        return reached
    if interrupt.requested or (limits.callback is not None and limits.callback(run.state(row))):
        return Status.USER_STOP
    return reached


def _reached(run: TrainingRun, limits: _Limits, row: dict[str, float]) -> Status | None:
    """Stopping rules that depend on the figures alone."""
    if not np.isfinite(row["objective"]):
        return Status.NONFINITE
    if limits.target_residual is not None and row["data_residual"] < limits.target_residual:
        run.keep_current()  # the lowest objective may be that of a step with a larger residual
        return Status.CONVERGED
    if run.out_of_patience():
        return Status.CONVERGED
    if limits.time_limit is not None and run.seconds > limits.time_limit:
        return Status.TIME_LIMIT
    return None


class _Saver:
    """Writes the checkpoint when it is due."""

    def __init__(self, run: TrainingRun, path: str | os.PathLike[str] | None, every: float) -> None:
        self.run, self.path, self.every, self.last = run, path, every, time.perf_counter()
        self.failure: str | None = None

    def if_due(self) -> None:
        if self.path is not None and time.perf_counter() - self.last >= self.every:
            self.attempt()

    def attempt(self) -> None:
        """Save; a disk that has filled up must not cost the training its result."""
        try:
            self.now()
            self.failure = None
        except SrinrError as error:
            self.failure, self.last = str(error), time.perf_counter()
            logger.warning("checkpoint not saved: %s", error)

    def now(self) -> None:
        if self.path is not None:
            save_checkpoint(self.path, self.run.snapshot())
            self.last = time.perf_counter()
