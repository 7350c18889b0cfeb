"""Meta-learned initializations: from where a few steps of gradient descent fit any image of a family.

Section 4.3 of Yüce, Ortiz-Jiménez, Besbinar and Frossard (CVPR 2022) reads this as dictionary learning. The images
are fitted on all pixels of ``Grid((h, w))`` by the mean squared error, inside and outside, in all trainable
parameters of the INR.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from srinr.image_families import ImageFamily, checked_images
from srinr.inr import INR
from srinr.meta_steps import (
    Direction,
    Loss,
    Parameters,
    first_order_direction,
    maml_direction,
    reptile_direction,
)
from srinr.optimizers import Adam
from srinr.outer_loop import LoopServices, LoopSettings, run_outer_loop
from srinr.pixel_model import PixelModel, check_count, check_rate, problem_fingerprint
from srinr.status import Status


class MetaMethod(Enum):
    """Which outer gradient was followed."""

    MAML = "second-order MAML"
    FIRST_ORDER_MAML = "first-order MAML"
    REPTILE = "Reptile"


@dataclass(frozen=True)
class MetaOptions:
    """Settings of meta-learning; the defaults are those of the official code of the paper.

    Parameters
    ----------
    outer_steps : int, default 5000
        Steps of the outer Adam; each draws a batch.
    outer_rate : float, default 1e-5
        Learning rate of the outer Adam.
    inner_steps : int, default 2
        Steps S of gradient descent on each image; 0 (MAML only) is ordinary training on the batch.
    inner_rate : float, default 1e-2
        Learning rate a of the inner steps, for the mean squared error.
    batch_size : int, default 3
        Different images per outer step.
    seed : int, default 0
        Seed of the batches; step t draws from ``numpy.random.default_rng([seed, t])``.

    Raises
    ------
    ValueError
        When a number is out of range.

    Examples
    --------
    >>> MetaOptions().inner_steps
    2
    """

    outer_steps: int = 5000
    outer_rate: float = 1e-5
    inner_steps: int = 2
    inner_rate: float = 1e-2
    batch_size: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("outer_steps", 1), ("inner_steps", 0), ("batch_size", 1), ("seed", 0)):
            check_count(name, getattr(self, name), least)
        check_rate("inner_rate", self.inner_rate)
        if check_rate("outer_rate", self.outer_rate) == 0:
            raise ValueError("outer_rate must be positive, got 0")


@dataclass(frozen=True)
class MetaResult:
    """A meta-learned initialization and how it came about.

    Attributes
    ----------
    inr : INR
        The initialization, float64 on the CPU.
    losses : array, shape (n_steps,)
        Mean loss of the batch after the inner steps, before each outer step.
    n_steps : int
        Outer steps taken.
    interrupted : bool
        Whether Ctrl-C or the callback ended it early.
    status : Status
        ``MAX_STEPS``, ``USER_STOP``, or ``NONFINITE`` (then the last finite parameters are kept).
    method, options : MetaMethod, MetaOptions
        What was run.
    dtype : str
        Precision of the training.
    n_images, source : int, str
        Size and description of the family.
    """

    inr: INR
    losses: NDArray[np.float64]
    n_steps: int
    interrupted: bool
    status: Status
    method: MetaMethod
    options: MetaOptions
    dtype: str
    n_images: int
    source: str


def maml(
    inr: INR,
    images: ImageFamily | ArrayLike,
    options: MetaOptions | None = None,
    *,
    first_order: bool = False,
    dtype: torch.dtype = torch.float64,
    device: str | torch.device = "cpu",
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 30.0,
    callback: Callable[[int, float], bool | None] | None = None,
    progress: bool | None = None,
) -> MetaResult:
    """Model-agnostic meta-learning: minimize the mean loss *after* the inner steps.

    Parameters
    ----------
    inr : INR
        Start; real-valued, with any encoding and network. It is not modified. Its biases matter: with uniform ones
        the spectrum of the tangent kernel is far steeper than with zero ones.
    images : ImageFamily, or array of shape (n, h, w)
        The family, gray; for the usual rates, values of order 1.
    options : MetaOptions, optional
        Numbers of steps, rates, batches and seed.
    first_order : bool, default False
        Take the loss gradient at the adapted parameters for the outer gradient, without differentiating through
        the inner steps: less than half the time per step, and a slower gain per step.
    dtype : torch.float64 (default) or torch.float32
        float32 takes about 0.6 of the time (SIREN of width 64 to 256, 625 pixels, CPU); the result is float64.
    device : str or torch.device, default "cpu"
        Where to compute.
    checkpoint : path, optional
        File for the state; when it exists the run goes on from it, with the same result as an uninterrupted one. A
        larger ``outer_steps`` continues a finished run.
    checkpoint_seconds : float, default 30
        Seconds between saves; the end is always saved.
    callback : callable, optional
        Called as ``callback(n_steps, loss)`` after each outer step; returning True ends the run.
    progress : bool, optional
        Progress bar; by default on a terminal only.

    Returns
    -------
    MetaResult
        After Ctrl-C, with what was reached at the end of that step.

    Raises
    ------
    ValueError
        When images are empty, not finite, in color, or of another dimension than the INR, or the INR is complex.
    SrinrError
        When the checkpoint belongs to another problem.

    Source: Finn, Abbeel and Levine, ICML 2017, eq. 1; section 4.3 of the paper.

    Examples
    --------
    >>> from srinr import INR, Coordinates, Siren
    >>> from srinr.image_families import faces
    >>> start = INR(Coordinates(), Siren(2, width=8, depth=3))
    >>> options = MetaOptions(outer_steps=20, outer_rate=1e-2)
    >>> result = maml(start, faces(), options)
    >>> bool(result.losses[-5:].mean() < result.losses[0])
    True
    """
    method = MetaMethod.FIRST_ORDER_MAML if first_order else MetaMethod.MAML
    services = LoopServices(callback, checkpoint, checkpoint_seconds, progress)
    return _meta_learn(
        inr, images, MetaOptions() if options is None else options, method, dtype, device, services
    )


def reptile(
    inr: INR,
    images: ImageFamily | ArrayLike,
    options: MetaOptions | None = None,
    *,
    dtype: torch.dtype = torch.float64,
    device: str | torch.device = "cpu",
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 30.0,
    callback: Callable[[int, float], bool | None] | None = None,
    progress: bool | None = None,
) -> MetaResult:
    """Reptile: the outer Adam follows ``theta - mean theta_S``. Arguments and result as in :func:`maml`.

    Parameters
    ----------
    inr, images, options, dtype, device, checkpoint, checkpoint_seconds, callback, progress
        As in :func:`maml`; ``inner_steps`` and ``inner_rate`` must be positive, else nothing would move.

    Returns
    -------
    MetaResult

    Source: Nichol, Achiam and Schulman, arXiv:1803.02999, eq. 1, in its batch form.

    Examples
    --------
    >>> from srinr import INR, Coordinates, Siren
    >>> from srinr.image_families import faces
    >>> start = INR(Coordinates(), Siren(2, width=8, depth=3))
    >>> reptile(start, faces(), MetaOptions(outer_steps=2)).n_steps
    2
    """
    chosen = MetaOptions() if options is None else options
    if isinstance(chosen, MetaOptions) and (chosen.inner_steps == 0 or chosen.inner_rate == 0):
        raise ValueError(
            "Reptile needs inner_steps >= 1 and inner_rate > 0: it follows where the inner steps lead"
        )
    services = LoopServices(callback, checkpoint, checkpoint_seconds, progress)
    return _meta_learn(inr, images, chosen, MetaMethod.REPTILE, dtype, device, services)


_DIRECTIONS: dict[MetaMethod, Callable[[Loss, Parameters, torch.Tensor, float, int], Direction]] = {
    MetaMethod.MAML: maml_direction,
    MetaMethod.FIRST_ORDER_MAML: first_order_direction,
    MetaMethod.REPTILE: reptile_direction,
}


def _meta_learn(
    inr: INR,
    images: ImageFamily | ArrayLike,
    options: MetaOptions,
    method: MetaMethod,
    dtype: torch.dtype,
    device: str | torch.device,
    services: LoopServices,
) -> MetaResult:
    if not isinstance(options, MetaOptions):
        raise TypeError(f"options: expected MetaOptions, got {type(options).__name__}")
    array = checked_images(images, "images", 3)
    n_images = len(array)
    if options.batch_size > n_images:
        raise ValueError(
            f"batch_size={options.batch_size} exceeds the {n_images} images; lower it or give more images"
        )
    model = PixelModel(inr, (array.shape[1], array.shape[2]), dtype, device)
    targets = model.targets(array)
    outer = _DIRECTIONS[method]

    def direction(parameters: Parameters, step: int) -> Direction:
        rng = np.random.default_rng([options.seed, step])
        batch = torch.from_numpy(rng.choice(n_images, options.batch_size, replace=False)).to(targets.device)
        return outer(model.loss, parameters, targets[batch], options.inner_rate, options.inner_steps)

    # The number of steps is left out of the fingerprint: a finished run may be continued.
    chosen = {name: value for name, value in asdict(options).items() if name != "outer_steps"}
    settings = LoopSettings(
        max_steps=options.outer_steps,
        optimizer=Adam(options.outer_rate, eps=1e-8),
        title=method.value,
        fingerprint=problem_fingerprint(inr, array, method.name, chosen, str(dtype)),
        services=services,
    )
    state = run_outer_loop(model.parameters, direction, settings)
    return MetaResult(
        inr=model.inr_with(state.parameters),
        losses=np.array(state.losses),
        n_steps=len(state.losses),
        interrupted=state.status is Status.USER_STOP,
        status=state.status,
        method=method,
        options=options,
        dtype=str(dtype).removeprefix("torch."),
        n_images=n_images,
        source=images.source if isinstance(images, ImageFamily) else "array",
    )
