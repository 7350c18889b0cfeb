"""``fit``: the only training loop. It looks for the image among INRs; the measure solvers look among measures."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.checkpoint import load_checkpoint, save_checkpoint
from srinr.domain import Grid
from srinr.inr import INR, default_chunk_size, is_out_of_memory
from srinr.interruption import DeferredInterrupt
from srinr.operators.linear import LinearOperator
from srinr.optimizers import Adam, Optimizer, RunningOptimizer
from srinr.progress import progress_bar
from srinr.regularizers import Regularizer, WeightDecay
from srinr.samples import FourierSamples
from srinr.status import OutOfMemoryError, SrinrError, Status

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Stage:
    """One stage of training: an optimizer for some steps, on a grid.

    Parameters
    ----------
    max_steps : int
        Step limit of the stage.
    optimizer : Optimizer, default ``Adam()``
        ``Adam(...)`` or ``LBFGS(...)``.
    grid : Grid, optional
        Grid of the stage; the operator's own unless given.
    """

    max_steps: int
    optimizer: Optimizer = Adam()  # noqa: RUF009 - frozen value without state
    grid: Grid | None = None

    def __post_init__(self) -> None:
        if self.max_steps < 0:
            raise ValueError(f"max_steps must be >= 0, got {self.max_steps}")


def coarse_to_fine(grid: Grid, stages: Sequence[tuple[int, int, Optimizer]]) -> tuple[Stage, ...]:
    """Stages on coarser versions of a grid.

    Parameters
    ----------
    grid : Grid
        The finest grid.
    stages : sequence of (divisor, max_steps, optimizer)
        Each stage divides the number of points per axis by ``divisor`` (rounded up).

    Examples
    --------
    >>> from srinr import Adam, Grid, coarse_to_fine
    >>> [s.grid.shape for s in coarse_to_fine(Grid(256, dim=2), [(4, 100, Adam()), (1, 50, Adam())])]
    [(64, 64), (256, 256)]
    """
    if any(divisor < 1 for divisor, _, _ in stages):
        raise ValueError("divisors must be at least 1: the given grid is the finest")
    return tuple(
        Stage(steps, optimizer, Grid(tuple(-(-n // divisor) for n in grid.shape)))
        for divisor, steps, optimizer in stages
    )


@dataclass(frozen=True)
class Validation:
    """Held-out samples that choose the stopping point: the parameters of the lowest error are kept.

    Parameters
    ----------
    operator : LinearOperator
        Predicts the held-out samples from the pixels of the grid (of every stage: see ``on_grid``).
    samples : FourierSamples
        The held-out samples, disjoint from those fitted.
    patience : int, optional
        Stop after this many evaluations without improvement; by default train to the end.
    """

    operator: LinearOperator
    samples: FourierSamples
    patience: int | None = None


@dataclass(frozen=True)
class FitState:
    """What a callback sees, read-only by convention; ``inr`` is the live model (float type of the training)."""

    step: int
    stage: int
    seconds: float
    objective: float
    data_residual: float
    validation_error: float | None
    inr: INR


@dataclass(frozen=True, eq=False)
class History:
    """Figures along the training, one entry per evaluation.

    ``objective`` is ``1/2 |A f - y|^2 + strength R``; ``data_residual`` is ``|A f - y| / |y|``;
    ``validation_error`` is the same ratio on held-out samples (NaN without them).
    """

    step: NDArray[np.int64]
    seconds: NDArray[np.float64]
    objective: NDArray[np.float64]
    data_residual: NDArray[np.float64]
    regularization: NDArray[np.float64]
    validation_error: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FitResult:
    """What ``fit`` returns; ``image`` is the trained INR, in float64.

    Attributes
    ----------
    image : INR
        Evaluate with ``image.image(points)`` or ``grid.rasterize(result.image)``.
    status, message : Status, str
        How training ended and what to do about it.
    objective, data_residual, regularization : float
        Of the returned parameters: ``1/2 |A f - y|^2 + strength R``, ``|A f - y| / |y|``, and R.
    total_variation : float or None
        ``sum_i |a_i| rho(w_i)``, the scale-free cost of a shallow real INR.
    validation_error : float or None
        Relative error on the held-out samples.
    history : History
    n_steps : int
        Steps taken in all stages, including those before a resume.
    seconds : float
        Wall time, likewise.
    """

    image: INR
    status: Status
    message: str
    objective: float
    data_residual: float
    regularization: float
    total_variation: float | None
    validation_error: float | None
    history: History
    n_steps: int
    seconds: float


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
        Saved every ``checkpoint_seconds`` and at the end. When the file exists, training resumes from it, with
        the same result as an uninterrupted run.
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
    run = _Run(
        inr, operator, samples, regularizer or WeightDecay(0.0), plan, validation, dtype, torch.device(device),
        memory_limit,
    )  # fmt: skip
    limits = _Limits(target_residual, time_limit, log_every, callback)
    if checkpoint is not None and Path(checkpoint).exists():
        run.restore(load_checkpoint(checkpoint), checkpoint)
    save = _Saver(run, checkpoint, checkpoint_seconds)
    try:
        with DeferredInterrupt() as interrupt, progress_bar(run.total_steps, "fit", progress) as report:
            status = _train(run, limits, save, interrupt, report)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        raise OutOfMemoryError(
            f"out of memory in a training step on grid {run.grid.shape} ({error}); pass a memory_limit below "
            f"{memory_limit} bytes (now {run.chunk_size} points at a time), a smaller grid, or dtype=torch.float32"
        ) from error
    save.now()
    return run.result(status)


@dataclass(frozen=True)
class _Limits:
    target_residual: float | None
    time_limit: float | None
    log_every: int
    callback: Callable[[FitState], bool | None] | None


def _train(
    run: _Run, limits: _Limits, save: _Saver, interrupt: DeferredInterrupt, report: Callable[[int, str], None]
) -> Status:
    """Advance through the stages until one of the stopping rules says how it ended."""
    if run.finished is not None:
        return run.finished
    if not run.rows:
        run.evaluate()
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
                return Status.STALLED
            run.next_stage()
        save.if_due()
    run.finished = Status.MAX_STEPS
    return Status.MAX_STEPS


def _stopping(
    run: _Run, limits: _Limits, row: dict[str, float], interrupt: DeferredInterrupt
) -> Status | None:
    if not np.isfinite(row["objective"]):
        return Status.NONFINITE
    if interrupt.requested:
        return Status.USER_STOP
    if limits.callback is not None and limits.callback(run.state(row)):
        return Status.USER_STOP
    if limits.target_residual is not None and row["data_residual"] < limits.target_residual:
        return Status.CONVERGED
    if run.out_of_patience():
        return Status.CONVERGED
    if limits.time_limit is not None and run.seconds > limits.time_limit:
        return Status.TIME_LIMIT
    return None


class _Run:
    """State of one training: parameters, optimizer, position in the plan, history, best parameters."""

    def __init__(
        self,
        inr: INR,
        operator: LinearOperator,
        samples: FourierSamples,
        regularizer: Regularizer,
        plan: tuple[Stage, ...],
        validation: Validation | None,
        dtype: torch.dtype,
        device: torch.device,
        memory_limit: int,
    ) -> None:
        _check_problem(inr, operator, samples, "samples")
        if validation is not None:
            _check_problem(inr, validation.operator, validation.samples, "validation.samples")
        self.inr = inr.copy()
        self.inr.module.to(device=device, dtype=dtype)
        self.regularizer, self.plan, self.validation = regularizer, plan, validation
        self.finest = operator
        complex_dtype = torch.complex64 if dtype == torch.float32 else torch.complex128
        self.y = torch.from_numpy(samples.values.copy()).to(device=device, dtype=complex_dtype)
        self.scale = float(np.vdot(samples.values, samples.values).real) or 1.0
        if validation is not None:
            held = validation.samples.values
            self.held = torch.from_numpy(held.copy()).to(device=device, dtype=complex_dtype)
            self.held_norm = float(np.linalg.norm(held)) or 1.0
        self.chunk_size = default_chunk_size(self.inr, memory_limit, 4 if dtype == torch.float32 else 8)
        self.fingerprint = _fingerprint(inr, samples, regularizer, plan, dtype)
        self.total_steps = sum(stage.max_steps for stage in plan)
        self.rows: list[dict[str, float]] = []
        self.n_steps = self.stage_index = self.step_in_stage = 0
        self.best_value, self.best_row, self.since_best = float("inf"), -1, 0
        self.best: list[torch.Tensor] = []
        self.earlier_seconds, self.started = 0.0, time.perf_counter()
        self.finished: Status | None = None
        self._enter_stage()

    @property
    def seconds(self) -> float:
        return self.earlier_seconds + time.perf_counter() - self.started

    def _enter_stage(self) -> None:
        stage = self.plan[self.stage_index]
        finest = self.finest.grid
        assert finest is not None
        self.grid = stage.grid or finest
        same = self.grid == finest
        self.operator = self.finest if same else self.finest.on_grid(self.grid)
        if self.validation is not None:
            held = self.validation.operator
            self.held_operator = held if same else held.on_grid(self.grid)
        self.optimizer: RunningOptimizer = stage.optimizer.start(list(self.inr.parameters()))

    def next_stage(self) -> None:
        self.stage_index += 1
        self.step_in_stage = 0
        if self.stage_index < len(self.plan):
            self._enter_stage()

    def losses(self) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Objective over |y|^2, squared residual, R."""
        prediction, penalty = self.regularizer.evaluate(self.inr, self.operator, self.grid, self.chunk_size)
        squared = torch.view_as_real(prediction - self.y).square().sum()
        return (0.5 * squared + self.regularizer.strength * penalty) / self.scale, squared, penalty

    def closure(self) -> torch.Tensor:
        for parameter in self.inr.parameters():
            parameter.grad = None
        loss, _, _ = self.losses()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    def advance(self, n_steps: int) -> int:
        stage = self.plan[self.stage_index]
        taken = self.optimizer.advance(self.closure, self.step_in_stage, n_steps, stage.max_steps)
        self.n_steps += taken
        self.step_in_stage += taken
        return taken

    def evaluate(self) -> dict[str, float]:
        """Add a row to the history; keep the parameters when they are the best so far."""
        with torch.no_grad():
            loss, squared, penalty = self.losses()
            row = {
                "step": self.n_steps,
                "stage": self.stage_index,
                "seconds": self.seconds,
                "objective": float(loss) * self.scale,
                "data_residual": float(squared.sqrt()) / self.scale**0.5,
                "regularization": float(penalty),
                "validation_error": float("nan"),
            }
            if self.validation is not None:
                predicted = self.held_operator.forward(self.inr.pixels(self.grid, chunk_size=self.chunk_size))
                error = torch.view_as_real(predicted - self.held).square().sum().sqrt()
                row["validation_error"] = float(error) / self.held_norm
        self.rows.append(row)
        self._keep_best(row)
        return row

    def _keep_best(self, row: dict[str, float]) -> None:
        # Objectives of different grids differ by the aliasing: without held-out data, each stage starts anew.
        value = row["validation_error"] if self.validation is not None else row["objective"]
        new_stage = self.best_row >= 0 and row["stage"] != self.rows[self.best_row]["stage"]
        self.since_best += 1
        if np.isfinite(value) and (value < self.best_value or (new_stage and self.validation is None)):
            self.best_value, self.best_row, self.since_best = value, len(self.rows) - 1, 0
            self.best = [p.detach().clone() for p in self.inr.parameters()]

    def out_of_patience(self) -> bool:
        patience = self.validation.patience if self.validation is not None else None
        return patience is not None and self.since_best >= patience

    def state(self, row: dict[str, float]) -> FitState:
        held = row["validation_error"] if self.validation is not None else None
        return FitState(
            self.n_steps, self.stage_index, row["seconds"], row["objective"], row["data_residual"], held, self.inr
        )

    def snapshot(self) -> dict[str, Any]:
        return {
            "fingerprint": self.fingerprint,
            "parameters": list(self.inr.parameters()),
            "best": list(self.best),
            "optimizer": self.optimizer.state(),
            "rows": [dict(row) for row in self.rows],
            "position": [self.n_steps, self.stage_index, self.step_in_stage, self.best_row, self.since_best],
            "best_value": self.best_value,
            "seconds": self.seconds,
            "finished": self.finished.name if self.finished is not None else None,
        }

    def restore(self, saved: dict[str, Any], path: str | os.PathLike[str]) -> None:
        if saved.get("fingerprint") != self.fingerprint:
            raise SrinrError(
                f"{path}: this checkpoint belongs to another problem (data, start, regularizer, stages or dtype "
                "differ); delete it, or pass another checkpoint path"
            )
        self.n_steps, self.stage_index, self.step_in_stage, self.best_row, self.since_best = saved["position"]
        self.finished = Status[saved["finished"]] if saved["finished"] is not None else None
        if self.stage_index < len(self.plan):
            self._enter_stage()
            self.optimizer.load_state(saved["optimizer"])
        with torch.no_grad():
            for parameter, value in zip(self.inr.parameters(), saved["parameters"], strict=True):
                parameter.copy_(value)
        reference = next(self.inr.parameters())
        self.best = [value.to(reference) for value in saved["best"]]
        self.rows, self.best_value = saved["rows"], saved["best_value"]
        self.earlier_seconds, self.started = saved["seconds"], time.perf_counter()
        logger.info("resumed from %s at step %d", path, self.n_steps)

    def result(self, status: Status) -> FitResult:
        """Put the best parameters back and collect the figures."""
        if self.best:
            with torch.no_grad():
                for parameter, value in zip(self.inr.parameters(), self.best, strict=True):
                    parameter.copy_(value)
        row = self.rows[self.best_row]
        final = self.inr.copy()
        final.module.to(device="cpu", dtype=torch.float64)
        with torch.no_grad():
            rho = self.regularizer.weighting(self.inr, self.operator, self.grid)
        variation = None
        if rho is not None and not self.inr.complex_output:
            outer = self.inr.network.outer  # type: ignore[attr-defined]
            variation = float(outer.detach()[0].abs().double() @ rho.double())
        history = History(**{name: np.array([r[name] for r in self.rows]) for name in History.__annotations__})
        return FitResult(
            image=final,
            status=status,
            message=status.message,
            objective=row["objective"],
            data_residual=row["data_residual"],
            regularization=row["regularization"],
            total_variation=variation,
            validation_error=row["validation_error"] if self.validation is not None else None,
            history=replace(history, step=history.step.astype(np.int64)),
            n_steps=self.n_steps,
            seconds=self.seconds,
        )


class _Saver:
    """Writes the checkpoint when it is due."""

    def __init__(self, run: _Run, path: str | os.PathLike[str] | None, every: float) -> None:
        self.run, self.path, self.every, self.last = run, path, every, time.perf_counter()

    def if_due(self) -> None:
        if self.path is not None and time.perf_counter() - self.last >= self.every:
            self.now()

    def now(self) -> None:
        if self.path is not None:
            save_checkpoint(self.path, self.run.snapshot())
            self.last = time.perf_counter()


def _check_problem(inr: INR, operator: LinearOperator, samples: FourierSamples, name: str) -> None:
    if not isinstance(operator, LinearOperator):
        raise TypeError(f"operator: expected a LinearOperator, got {type(operator).__name__}")
    if not isinstance(samples, FourierSamples):
        raise TypeError(f"{name}: expected FourierSamples, got {type(samples).__name__}")
    if operator.grid is None:
        raise ValueError("operator does not know its pixel grid; build it with FourierOperator(grid, frequencies)")
    if operator.grid.dim != inr.dim:
        raise ValueError(f"the INR lives in dimension {inr.dim}, the operator's grid has shape {operator.grid.shape}")
    if operator.out_shape != samples.values.shape:
        raise ValueError(
            f"the operator gives values of shape {operator.out_shape}, {name}.values has {samples.values.shape}; "
            "build the operator with frequencies=samples.frequencies (and coil maps for coil data)"
        )
    frequencies = getattr(operator, "frequencies", None)
    if frequencies is not None and not np.array_equal(frequencies, samples.frequencies):
        raise ValueError(
            f"the operator's frequencies are not those of {name}, or in another order; "
            "build it with frequencies=samples.frequencies"
        )


def _fingerprint(
    inr: INR, samples: FourierSamples, regularizer: Regularizer, plan: tuple[Stage, ...], dtype: torch.dtype
) -> str:
    digest = hashlib.sha256()
    for parameter in inr.parameters():
        digest.update(parameter.detach().cpu().numpy().tobytes())
    digest.update(samples.frequencies.tobytes())
    digest.update(samples.values.tobytes())
    digest.update(repr((type(regularizer).__name__, regularizer.strength, plan, str(dtype))).encode())
    return digest.hexdigest()
