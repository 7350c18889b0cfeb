"""The loop of an optimizer that follows a direction computed elsewhere: resumable, interruptible.

``srinr.training`` forms the gradient of an objective itself; here it comes from outside, as in meta-learning.
"""

from __future__ import annotations

import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch

from srinr.allocation import reuse_freed_memory
from srinr.checkpoint import load_checkpoint, save_checkpoint
from srinr.interruption import DeferredInterrupt
from srinr.meta_steps import Direction, Parameters
from srinr.optimizers import Optimizer
from srinr.progress import progress_bar
from srinr.status import SrinrError, Status

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoopServices:
    """What a caller sees of a loop while it runs.

    ``callback(n_steps, loss)`` is called after each step; returning True stops. ``checkpoint`` is a file that is
    resumed from when it exists.
    """

    callback: Callable[[int, float], bool | None] | None = None
    checkpoint: str | os.PathLike[str] | None = None
    checkpoint_seconds: float = 30.0
    progress: bool | None = None

    def __post_init__(self) -> None:
        seconds = self.checkpoint_seconds
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds >= 0:
            raise ValueError(f"checkpoint_seconds must be a number of seconds >= 0, got {seconds!r}")


@dataclass(frozen=True)
class LoopSettings:
    """How an outer loop runs: ``max_steps``, its optimizer, title of the bar, and the services.

    ``keep_at`` lists steps after which the parameters are kept as well.
    """

    max_steps: int
    optimizer: Optimizer
    title: str
    fingerprint: str
    services: LoopServices
    keep_at: tuple[int, ...] = ()


@dataclass
class LoopState:
    """What an outer loop has reached."""

    parameters: Parameters
    losses: list[float] = field(default_factory=list)
    kept: dict[int, Parameters] = field(default_factory=dict)
    status: Status = Status.MAX_STEPS


def run_outer_loop(
    start: Parameters, direction: Callable[[Parameters, int], Direction], settings: LoopSettings
) -> LoopState:
    """Let the optimizer follow ``direction(parameters, step)``; whole steps only, resumable, interruptible."""
    state = LoopState({name: value.detach().clone() for name, value in start.items()})
    leaves = [torch.nn.Parameter(value) for value in state.parameters.values()]  # share their memory
    optimizer = settings.optimizer.start(leaves)
    path = settings.services.checkpoint
    if path is not None and Path(path).exists():
        _restore(state, optimizer, load_checkpoint(path), settings)
    save = _LoopSaver(state, optimizer, settings)
    save.now()  # a folder that cannot be written is noticed before the training, not after it
    _keep(state, settings.keep_at)
    with (
        DeferredInterrupt() as interrupt,
        progress_bar(settings.max_steps, settings.title, settings.services.progress) as report,
        reuse_freed_memory(),
    ):
        while len(state.losses) < settings.max_steps:
            gradient, loss = direction(state.parameters, len(state.losses))
            value = float(loss)
            if not (math.isfinite(value) and all(bool(torch.isfinite(g).all()) for g in gradient.values())):
                state.status = Status.NONFINITE  # the parameters are still those of the last finite step
                break
            for leaf, name in zip(leaves, state.parameters, strict=True):
                leaf.grad = gradient[name].detach()
            optimizer.advance(partial(_computed, loss), len(state.losses), 1, settings.max_steps)
            state.losses.append(value)
            _keep(state, settings.keep_at)
            report(len(state.losses), f"loss {value:.3e}")
            stop = settings.services.callback is not None and settings.services.callback(
                len(state.losses), value
            )
            if (stop or interrupt.requested) and len(state.losses) < settings.max_steps:
                state.status = Status.USER_STOP
                break
            save.if_due()
    save.attempt()
    return state


def _computed(loss: torch.Tensor) -> torch.Tensor:
    return loss  # the optimizer asks for the objective; its gradient is in place already


def _keep(state: LoopState, keep_at: Sequence[int]) -> None:
    if len(state.losses) in keep_at:
        state.kept[len(state.losses)] = {name: value.clone() for name, value in state.parameters.items()}


class _LoopSaver:
    def __init__(self, state: LoopState, optimizer: Any, settings: LoopSettings) -> None:
        self.state, self.optimizer, self.settings = state, optimizer, settings
        self.last = time.perf_counter()

    def if_due(self) -> None:
        if time.perf_counter() - self.last >= self.settings.services.checkpoint_seconds:
            self.attempt()

    def attempt(self) -> None:
        """Save; a disk that has filled up must not cost the training its result."""
        try:
            self.now()
        except SrinrError as error:
            self.last = time.perf_counter()
            logger.warning("checkpoint not saved: %s", error)

    def now(self) -> None:
        if self.settings.services.checkpoint is None:
            return
        saved = {
            "fingerprint": self.settings.fingerprint,
            "parameters": self.state.parameters,
            "optimizer": self.optimizer.state(),
            "losses": torch.tensor(self.state.losses, dtype=torch.float64),
            "kept": self.state.kept,
        }
        save_checkpoint(self.settings.services.checkpoint, saved)
        self.last = time.perf_counter()


def _restore(state: LoopState, optimizer: Any, saved: dict[str, Any], settings: LoopSettings) -> None:
    path = settings.services.checkpoint
    if saved.get("fingerprint") != settings.fingerprint:
        raise SrinrError(
            f"{path}: this checkpoint belongs to another problem (start, images, method, options or dtype "
            "differ; only the number of steps may); delete it, or pass another checkpoint path"
        )
    losses = saved["losses"].tolist()
    if len(losses) > settings.max_steps:
        raise SrinrError(
            f"{path}: holds {len(losses)} steps already, more than the {settings.max_steps} asked for; "
            "ask for at least as many, or pass another checkpoint path"
        )
    state.losses.extend(losses)
    reference = next(iter(state.parameters.values()))
    for name, value in saved["parameters"].items():
        state.parameters[name].copy_(value)
    state.kept.update({n: {k: v.to(reference) for k, v in kept.items()} for n, kept in saved["kept"].items()})
    if losses:
        optimizer.load_state(saved["optimizer"])
