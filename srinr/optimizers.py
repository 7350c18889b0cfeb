"""Optimizers of ``fit``, as values: which method with which settings. Their state can be saved and restored."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch


class Schedule(Protocol):
    """Learning-rate factor as a function of the progress through a stage."""

    def factor(self, step: int, max_steps: int) -> float:
        """Factor for step ``step`` (from 0) out of ``max_steps``."""
        ...


@dataclass(frozen=True)
class ConstantRate:
    """The same learning rate throughout."""

    def factor(self, step: int, max_steps: int) -> float:
        """Always 1."""
        return 1.0


@dataclass(frozen=True)
class StepDecay:
    """Multiply the learning rate by ``gamma`` at each milestone (the published schedule: 0.1 at 40 000)."""

    milestones: tuple[int, ...]
    gamma: float = 0.1

    def factor(self, step: int, max_steps: int) -> float:
        """``gamma`` to the number of milestones passed."""
        return self.gamma ** sum(step >= milestone for milestone in self.milestones)


@dataclass(frozen=True)
class CosineDecay:
    """Cosine from 1 down to ``final`` over the stage, after a linear warm-up.

    Examples
    --------
    >>> CosineDecay(final=0.0).factor(50, 100)
    0.5
    """

    final: float = 0.0
    warmup: int = 0

    def factor(self, step: int, max_steps: int) -> float:
        """Half a cosine; a ramp over the first ``warmup`` steps."""
        if step < self.warmup:
            return (step + 1) / (self.warmup + 1)
        progress = min(1.0, (step - self.warmup) / max(1, max_steps - self.warmup))
        return self.final + (1.0 - self.final) * 0.5 * (1.0 + math.cos(math.pi * progress))


class RunningOptimizer(Protocol):
    """An optimizer bound to parameters."""

    def advance(self, closure: Callable[[], torch.Tensor], step: int, n_steps: int, max_steps: int) -> int:
        """Take up to ``n_steps`` steps; return how many were taken (0 means that it cannot move)."""
        ...

    @property
    def has_converged(self) -> bool:
        """Whether the method's own tolerance is met, when it has one."""
        ...

    def state(self) -> dict[str, Any]:
        """State as a nested structure of tensors, numbers, lists and dictionaries."""
        ...

    def load_state(self, state: dict[str, Any]) -> None:
        """Restore :meth:`state`."""
        ...


class Optimizer(Protocol):
    """A method with its settings; ``start`` binds it to parameters."""

    def start(self, parameters: list[torch.nn.Parameter]) -> RunningOptimizer:
        """Bind to parameters."""
        ...


@dataclass(frozen=True)
class Adam:
    """Adam with a learning-rate schedule.

    Parameters
    ----------
    learning_rate : float, default 1e-3
    schedule : Schedule, default ``ConstantRate()``
        ``ConstantRate()``, ``StepDecay((40_000,), 0.1)`` or ``CosineDecay()``.
    betas, eps : Adam's own settings. ``fit`` divides the objective by ``|y|^2``, so eps has no unit.
    """

    learning_rate: float = 1e-3
    schedule: Schedule = ConstantRate()
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-10

    def __post_init__(self) -> None:
        if not (self.learning_rate > 0 and math.isfinite(self.learning_rate)):
            raise ValueError(f"learning_rate must be a positive number, got {self.learning_rate!r}")

    def start(self, parameters: list[torch.nn.Parameter]) -> RunningOptimizer:
        """Bind to parameters."""
        return _RunningAdam(self, parameters)


@dataclass(frozen=True)
class LBFGS:
    """Limited-memory BFGS with a strong-Wolfe line search; the whole objective is evaluated in each step.

    Parameters
    ----------
    history : int, default 30
        Number of stored pairs.
    learning_rate : float, default 1.0
        First trial step of the line search.
    tolerance : float, default 0
        Stop when the largest gradient entry (of the objective divided by ``|y|^2``) falls below it.
    """

    history: int = 30
    learning_rate: float = 1.0
    tolerance: float = 0.0

    def __post_init__(self) -> None:
        if self.history < 1 or not self.learning_rate > 0:
            raise ValueError(
                f"need history >= 1 and learning_rate > 0, got {self.history}, {self.learning_rate}"
            )

    def start(self, parameters: list[torch.nn.Parameter]) -> RunningOptimizer:
        """Bind to parameters."""
        return _RunningLBFGS(self, parameters)


class _RunningAdam:
    def __init__(self, settings: Adam, parameters: list[torch.nn.Parameter]) -> None:
        self.settings = settings
        self.inner = torch.optim.Adam(
            parameters, lr=settings.learning_rate, betas=settings.betas, eps=settings.eps, foreach=True
        )

    def advance(self, closure: Callable[[], torch.Tensor], step: int, n_steps: int, max_steps: int) -> int:
        for offset in range(n_steps):
            rate = self.settings.learning_rate * self.settings.schedule.factor(step + offset, max_steps)
            self.inner.param_groups[0]["lr"] = rate
            closure()
            self.inner.step()
        return n_steps

    @property
    def has_converged(self) -> bool:
        return False

    def state(self) -> dict[str, Any]:
        return self.inner.state_dict()["state"]

    def load_state(self, state: dict[str, Any]) -> None:
        groups = self.inner.state_dict()["param_groups"]
        self.inner.load_state_dict({"state": state, "param_groups": groups})


class _RunningLBFGS:
    #: torch evaluates the objective once more at the start of every call: take several steps per call.
    steps_per_call = 20

    def __init__(self, settings: LBFGS, parameters: list[torch.nn.Parameter]) -> None:
        self.parameters, self.tolerance = parameters, settings.tolerance
        self.inner = torch.optim.LBFGS(
            parameters,
            lr=settings.learning_rate,
            max_iter=self.steps_per_call,
            max_eval=self.steps_per_call * 4,
            history_size=settings.history,
            tolerance_grad=settings.tolerance,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )

    def advance(self, closure: Callable[[], torch.Tensor], step: int, n_steps: int, max_steps: int) -> int:
        self.inner.param_groups[0]["max_iter"] = min(n_steps, self.steps_per_call)
        state = self.inner.state[self.parameters[0]]
        before = int(state.get("n_iter", 0))
        self.inner.step(closure)
        return int(state["n_iter"]) - before

    @property
    def has_converged(self) -> bool:
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        largest = max((float(g.abs().max()) for g in gradients), default=0.0)
        return self.tolerance > 0 and largest <= self.tolerance

    def state(self) -> dict[str, Any]:
        return self.inner.state_dict()["state"]

    def load_state(self, state: dict[str, Any]) -> None:
        groups = self.inner.state_dict()["param_groups"]
        self.inner.load_state_dict({"state": state, "param_groups": groups})
