"""The state of one training: parameters, optimizer, position in the plan, history, best parameters."""

from __future__ import annotations

import logging
import os
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from srinr.fit_problem import check_plan, check_problem, fingerprint, probe, same_probe
from srinr.fit_result import FitResult, FitState, History
from srinr.inr import INR, default_chunk_size
from srinr.networks.shallow import ShallowReLU
from srinr.operators.linear import LinearOperator
from srinr.optimizers import RunningOptimizer
from srinr.regularizers import Regularizer
from srinr.samples import FourierSamples
from srinr.stages import Stage, Validation
from srinr.status import SrinrError, Status

logger = logging.getLogger(__name__)


class TrainingRun:
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
        check_problem(inr, operator, samples, "samples")
        if validation is not None:
            check_problem(inr, validation.operator, validation.samples, "validation.samples")
        check_plan(plan, operator, validation, dtype)
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
        self.fingerprint = fingerprint(inr, samples, regularizer, plan, validation, dtype)
        self.probe = probe(operator)
        self.total_steps = sum(stage.max_steps for stage in plan)
        self.rows: list[dict[str, float]] = []
        self.n_steps = self.stage_index = self.step_in_stage = 0
        self.best_value, self.best_row, self.since_best = float("inf"), -1, 0
        # Should nothing finite ever be reached, the start is returned.
        self.best: list[torch.Tensor] = [p.detach().clone() for p in self.inr.parameters()]
        self.earlier_seconds, self.started = 0.0, time.perf_counter()
        self.finished: Status | None = None
        self._enter_stage()

    @property
    def seconds(self) -> float:
        return self.earlier_seconds + time.perf_counter() - self.started

    def _enter_stage(self) -> None:
        stage = self.plan[min(self.stage_index, len(self.plan) - 1)]
        finest = self.finest.grid
        assert finest is not None
        self.grid = stage.grid or finest
        same = self.grid == finest
        self.operator = self.finest if same else self.finest.on_grid(self.grid)
        if self.validation is not None:
            held = self.validation.operator
            self.held_operator = held if same else held.on_grid(self.grid)
        self.inr.hidden_dtype = stage.hidden_dtype
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
        strength = self.regularizer.strength * self.plan[self.stage_index].strength_factor
        return (0.5 * squared + strength * penalty) / self.scale, squared, penalty

    def closure(self) -> torch.Tensor:
        for parameter in self.inr.parameters():
            parameter.grad = None
        loss, _, _ = self.losses()
        loss.backward()
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

    def keep_current(self) -> None:
        """Return the present parameters, those of the last row, unless held-out data choose others."""
        if self.validation is None:
            self.best_value, self.best_row = self.rows[-1]["objective"], len(self.rows) - 1
            self.best = [p.detach().clone() for p in self.inr.parameters()]

    def out_of_patience(self) -> bool:
        patience = self.validation.patience if self.validation is not None else None
        return patience is not None and self.since_best >= patience

    def state(self, row: dict[str, float]) -> FitState:
        held = row["validation_error"] if self.validation is not None else None
        return FitState(
            self.n_steps,
            self.stage_index,
            row["seconds"],
            row["objective"],
            row["data_residual"],
            held,
            self.inr,
        )

    def snapshot(self) -> dict[str, Any]:
        return {
            "fingerprint": self.fingerprint,
            "parameters": list(self.inr.parameters()),
            "best": list(self.best),
            "optimizer": self.optimizer.state(),
            # A tensor: the text part of the file has room for some 100 MB only.
            "rows": torch.tensor([list(row.values()) for row in self.rows], dtype=torch.float64),
            "columns": list(self.rows[0]) if self.rows else [],
            "probe": self.probe,
            "position": [self.n_steps, self.stage_index, self.step_in_stage, self.best_row, self.since_best],
            "best_value": self.best_value,
            "seconds": self.seconds,
            "finished": self.finished.name if self.finished is not None else None,
        }

    def restore(self, saved: dict[str, Any], path: str | os.PathLike[str]) -> None:
        if saved.get("fingerprint") != self.fingerprint or not same_probe(saved["probe"], self.probe):
            raise SrinrError(
                f"{path}: this checkpoint belongs to another problem (data, operator, start, regularizer, stages, "
                "validation or dtype differ); delete it, or pass another checkpoint path"
            )
        self.n_steps, self.stage_index, self.step_in_stage, self.best_row, self.since_best = saved["position"]
        self.finished = Status[saved["finished"]] if saved["finished"] is not None else None
        self._enter_stage()
        if self.stage_index < len(self.plan):
            self.optimizer.load_state(saved["optimizer"])
        with torch.no_grad():
            for parameter, value in zip(self.inr.parameters(), saved["parameters"], strict=True):
                parameter.copy_(value)
        reference = next(self.inr.parameters())
        self.best = [value.to(reference) for value in saved["best"]]
        self.rows = [dict(zip(saved["columns"], row, strict=True)) for row in saved["rows"].tolist()]
        self.best_value = saved["best_value"]
        self.earlier_seconds, self.started = saved["seconds"], time.perf_counter()
        logger.info("resumed from %s at step %d", path, self.n_steps)

    def result(self, status: Status) -> FitResult:
        """Put the best parameters back and collect the figures."""
        with torch.no_grad():
            for parameter, value in zip(self.inr.parameters(), self.best, strict=True):
                parameter.copy_(value)
        row = self.rows[max(self.best_row, 0)]
        final = self.inr.copy()
        final.module.to(device="cpu", dtype=torch.float64)
        with torch.no_grad():
            rho = self.regularizer.weighting(self.inr, self.operator, self.grid)
        variation = None
        network = self.inr.network
        if rho is not None and isinstance(network, ShallowReLU) and not self.inr.complex_output:
            variation = float(network.outer.detach()[0].abs().double() @ rho.double())
        history = History(
            **{name: np.array([r[name] for r in self.rows]) for name in History.__annotations__}
        )
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
