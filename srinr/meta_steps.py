"""Arithmetic of meta-learning: inner gradient descent, outer gradients, and the loop of an outer optimizer.

With ``l(theta, g)`` the loss of parameters theta on an image g, the inner descent is

    theta_0 = theta,   theta_(s+1) = theta_s - a grad l(theta_s, g),   s = 0..S-1

and the outer step follows the mean over a batch of one of

    second-order MAML    d/dtheta l(theta_S, g)          (Finn, Abbeel and Levine, ICML 2017, eq. 1)
    first-order MAML     grad l at theta_S               (section 5.2 there)
    Reptile              theta - theta_S                 (Nichol, Achiam and Schulman, arXiv:1803.02999, eq. 1)

The functions take any loss of a dictionary of tensors; images of a batch are treated together (``vmap``).
"""

from __future__ import annotations

import hashlib
import logging
import math
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.func import functional_call, grad, grad_and_value, vmap

from srinr.allocation import reuse_freed_memory
from srinr.checkpoint import load_checkpoint, save_checkpoint
from srinr.domain import Grid
from srinr.inr import INR
from srinr.interruption import DeferredInterrupt
from srinr.optimizers import Optimizer
from srinr.progress import progress_bar
from srinr.status import SrinrError, Status

logger = logging.getLogger(__name__)

Parameters = dict[str, torch.Tensor]
Loss = Callable[[Parameters, torch.Tensor], torch.Tensor]
#: Outer gradient (one tensor per parameter) and the mean loss of the batch after adaptation.
Direction = tuple[Parameters, torch.Tensor]


def descend(loss: Loss, start: Parameters, target: torch.Tensor, rate: float, n_steps: int) -> Parameters:
    """Parameters after ``n_steps`` steps of gradient descent on one image; differentiable in ``start``.

    Examples
    --------
    >>> def loss(p, target):
    ...     return 0.5 * (p["w"] - target).square().sum()
    >>> start, target = {"w": torch.tensor([2.0])}, torch.tensor([0.0])
    >>> descend(loss, start, target, 0.5, 2)["w"].tolist()
    [0.5]
    """
    parameters = start
    for _ in range(n_steps):
        gradient = grad(loss)(parameters, target)
        parameters = {name: value - rate * gradient[name] for name, value in parameters.items()}
    return parameters


def maml_direction(
    loss: Loss, start: Parameters, targets: torch.Tensor, rate: float, n_steps: int
) -> Direction:
    """Gradient of the mean adapted loss, through the inner steps (second order).

    Parameters
    ----------
    loss : callable
        ``loss(parameters, target)``, a scalar tensor.
    start : dict of tensors
        Parameters theta.
    targets : tensor, shape (B, ...)
        A batch of targets.
    rate, n_steps : float, int
        Inner learning rate a and number of steps S.

    Returns
    -------
    gradient, loss : dict of tensors, scalar tensor
    """

    def adapted_loss(parameters: Parameters, target: torch.Tensor) -> torch.Tensor:
        return loss(descend(loss, parameters, target, rate, n_steps), target)

    def outer(parameters: Parameters) -> torch.Tensor:
        return vmap(adapted_loss, in_dims=(None, 0))(parameters, targets).mean()

    gradient, value = grad_and_value(outer)(start)
    return gradient, value


def first_order_direction(
    loss: Loss, start: Parameters, targets: torch.Tensor, rate: float, n_steps: int
) -> Direction:
    """Mean loss gradient at the adapted parameters; arguments as in :func:`maml_direction`."""
    adapted = _adapted(loss, start, targets, rate, n_steps)
    gradients, values = vmap(grad_and_value(loss))(adapted, targets)
    return {name: value.mean(0) for name, value in gradients.items()}, values.mean()


def reptile_direction(
    loss: Loss, start: Parameters, targets: torch.Tensor, rate: float, n_steps: int
) -> Direction:
    """``theta - mean theta_S``; arguments as in :func:`maml_direction`, with ``n_steps`` at least 1."""
    adapted = _adapted(loss, start, targets, rate, n_steps)
    direction = {name: value - adapted[name].mean(0) for name, value in start.items()}
    return direction, vmap(loss)(adapted, targets).mean()


def _adapted(loss: Loss, start: Parameters, targets: torch.Tensor, rate: float, n_steps: int) -> Parameters:
    """Parameters after the inner steps, one copy per image along a new first axis."""
    n_images = len(targets)
    copies = {name: value.expand(n_images, *value.shape) for name, value in start.items()}
    adapted: Parameters = vmap(lambda p, target: descend(loss, p, target, rate, n_steps))(copies, targets)
    return adapted


class PixelModel:
    """An INR on the pixels of a grid as a function of its trainable parameters.

    The features of the grid are formed once: images of a family are small, and transforms of the function
    (``grad`` of ``grad``, ``vmap``) then meet nothing but the network.

    Parameters
    ----------
    inr : INR
        Real-valued; it is copied and not modified.
    shape : (h, w)
        Pixels of the images, on ``Grid(shape)`` over the field of view.
    dtype, device
        Precision and place of the computation.
    mask : boolean array, shape (h, w), optional
        The loss sees only the pixels where it is True.

    Attributes
    ----------
    parameters : dict of tensors
        The trainable parameters at the start.
    """

    def __init__(
        self,
        inr: INR,
        shape: tuple[int, int],
        dtype: torch.dtype,
        device: str | torch.device = "cpu",
        mask: NDArray[np.bool_] | None = None,
    ) -> None:
        check_inr(inr, shape)
        if dtype not in (torch.float32, torch.float64):
            raise ValueError(f"dtype must be torch.float32 or torch.float64, got {dtype}")
        self.inr = inr.copy()
        self.inr.module.to(device=device, dtype=dtype)
        points = torch.from_numpy(Grid(shape).points)
        self.features = self.inr.encoding.features(points).to(device=device, dtype=dtype).detach()
        self.seen = None if mask is None else torch.from_numpy(_checked_mask(mask, shape)).to(device)
        self.forward = _OnFeatures(self.inr)
        named = self.forward.named_parameters()
        self.parameters = {name: p.detach().clone() for name, p in named if p.requires_grad}
        if not self.parameters:
            raise ValueError("the INR has no trainable parameter (requires_grad is False everywhere)")

    def values(self, parameters: Parameters) -> torch.Tensor:
        """Pixel values, shape (h w,)."""
        out: torch.Tensor = functional_call(self.forward, parameters, (self.features,))
        return out

    def loss(self, parameters: Parameters, target: torch.Tensor) -> torch.Tensor:
        """Mean squared error over the pixels (those of the mask) against a target of shape (h w,)."""
        squared = (self.values(parameters) - target).square()
        return squared.mean() if self.seen is None else squared[self.seen].mean()

    def targets(self, images: NDArray[np.float64]) -> torch.Tensor:
        """Images (n, h, w) as a tensor (n, h w)."""
        flat = torch.from_numpy(np.array(images).reshape(len(images), -1))
        return flat.to(self.features)

    def inr_with(self, parameters: Parameters) -> INR:
        """A float64 INR on the CPU with the given parameters."""
        result = self.inr.copy()
        with torch.no_grad():
            for name, parameter in _OnFeatures(result).named_parameters():
                if name in parameters:
                    parameter.copy_(parameters[name])
        result.module.to(device="cpu", dtype=torch.float64)
        return result


class _OnFeatures(torch.nn.Module):
    """Real pixel values from features, for any network of the protocol."""

    def __init__(self, inr: INR) -> None:
        super().__init__()
        self.network = inr.module
        self._network = (inr.network,)  # in a tuple: not registered a second time

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        network = self._network[0]
        pre = features @ network.first_weight.T
        bias = network.first_bias
        return network.after_first(pre if bias is None else pre + bias)[:, 0]


def check_inr(inr: INR, shape: tuple[int, ...]) -> None:
    """Refuse what cannot be fitted to gray images by pixels."""
    if not isinstance(inr, INR):
        raise TypeError(f"inr: expected an INR, got {type(inr).__name__}")
    if inr.complex_output:
        raise ValueError(
            "inr has complex output; images are real and have one channel: build it with one output"
        )
    if inr.dim != len(shape):
        raise ValueError(
            f"inr lives in dimension {inr.dim}, the images have shape {shape}; use dim={len(shape)}"
        )
    if not all(bool(torch.isfinite(p).all()) for p in inr.parameters()):
        raise ValueError("inr has NaN or infinite parameters; start from another one")


def check_count(name: str, value: Any, least: int) -> None:
    """Refuse anything but an integer of at least ``least``."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name} must be an integer of at least {least}, got {value!r}")


def check_rate(name: str, value: Any) -> float:
    """A finite number that is not negative, as float."""
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not (math.isfinite(value) and value >= 0)
    ):
        raise ValueError(f"{name} must be a number >= 0, got {value!r}")
    return float(value)


def _checked_mask(mask: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    array = np.asarray(mask)
    if array.dtype != np.bool_ or array.shape != shape or not array.any():
        raise ValueError(
            f"mask must be a boolean array of shape {shape} that is True somewhere, got {array.dtype} {array.shape}"
        )
    return np.array(array).ravel()


def problem_fingerprint(inr: INR, images: NDArray[np.float64], *settings: object) -> str:
    """By which a saved state recognizes its problem: start, images and settings."""
    digest = hashlib.sha256()
    for tensor in inr.module.state_dict().values():
        digest.update(tensor.detach().cpu().numpy().tobytes())
    digest.update(np.ascontiguousarray(images).tobytes())
    parts = [(type(part).__name__, part.spec()) for part in (inr.encoding, inr.network)]
    trainable = [p.requires_grad for p in inr.parameters()]
    digest.update(repr((parts, trainable, images.shape, settings)).encode())
    return digest.hexdigest()


@dataclass(frozen=True)
class LoopSettings:
    """How an outer loop runs: ``max_steps``, its optimizer, title of the bar, and the usual services.

    ``callback(n_steps, loss)`` is called after each step; returning True stops. ``checkpoint`` is a file that is
    resumed from when it exists; ``keep_at`` lists steps after which the parameters are kept as well.
    """

    max_steps: int
    optimizer: Optimizer
    title: str
    fingerprint: str
    callback: Callable[[int, float], bool | None] | None = None
    checkpoint: str | os.PathLike[str] | None = None
    checkpoint_seconds: float = 30.0
    progress: bool | None = None
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
    path = settings.checkpoint
    if path is not None and Path(path).exists():
        _restore(state, optimizer, load_checkpoint(path), settings)
    save = _LoopSaver(state, optimizer, settings)
    save.now()  # a folder that cannot be written is noticed before the training, not after it
    _keep(state, settings.keep_at)
    with (
        DeferredInterrupt() as interrupt,
        progress_bar(settings.max_steps, settings.title, settings.progress) as report,
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
            stop = settings.callback is not None and settings.callback(len(state.losses), value)
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
        if time.perf_counter() - self.last >= self.settings.checkpoint_seconds:
            self.attempt()

    def attempt(self) -> None:
        """Save; a disk that has filled up must not cost the training its result."""
        try:
            self.now()
        except SrinrError as error:
            self.last = time.perf_counter()
            logger.warning("checkpoint not saved: %s", error)

    def now(self) -> None:
        if self.settings.checkpoint is None:
            return
        saved = {
            "fingerprint": self.settings.fingerprint,
            "parameters": self.state.parameters,
            "optimizer": self.optimizer.state(),
            "losses": torch.tensor(self.state.losses, dtype=torch.float64),
            "kept": self.state.kept,
        }
        save_checkpoint(self.settings.checkpoint, saved)
        self.last = time.perf_counter()


def _restore(state: LoopState, optimizer: Any, saved: dict[str, Any], settings: LoopSettings) -> None:
    if saved.get("fingerprint") != settings.fingerprint:
        raise SrinrError(
            f"{settings.checkpoint}: this checkpoint belongs to another problem (start, images, method, options or dtype "
            "differ; only the number of steps may); delete it, or pass another checkpoint path"
        )
    losses = saved["losses"].tolist()
    if len(losses) > settings.max_steps:
        raise SrinrError(
            f"{settings.checkpoint}: holds {len(losses)} steps already, more than the {settings.max_steps} asked for; "
            "ask for at least as many, or pass another checkpoint path"
        )
    state.losses.extend(losses)
    reference = next(iter(state.parameters.values()))
    for name, value in saved["parameters"].items():
        state.parameters[name].copy_(value)
    state.kept.update({n: {k: v.to(reference) for k, v in kept.items()} for n, kept in saved["kept"].items()})
    if losses:
        optimizer.load_state(saved["optimizer"])
