"""Ordinary training on the pixels of images: pretraining on one of them, and a few steps of adaptation to each.

Pretraining on a single image is the control of meta-learning (figures 13, 14 and 16 of Yüce, Ortiz-Jiménez,
Besbinar and Frossard, CVPR 2022): the longer it lasts, the less the network suits other images.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.func import grad_and_value, vmap

from srinr.image_families import ImageFamily, checked_images
from srinr.inr import INR
from srinr.meta_steps import Direction, Parameters, descend
from srinr.optimizers import LBFGS, Adam, Optimizer
from srinr.outer_loop import LoopServices, LoopSettings, run_outer_loop
from srinr.pixel_model import PixelModel, check_count, check_rate, problem_fingerprint
from srinr.status import Status

#: Numbers held per chunk of images while adaptation is evaluated (256 MB in float64).
_CHUNK_NUMBERS = 2**25


@dataclass(frozen=True)
class PretrainingResult:
    """An INR trained on one image.

    Attributes
    ----------
    inr : INR
        After the last step, float64 on the CPU.
    losses : array, shape (n_steps,)
        Mean squared error before each step.
    n_steps : int
        Steps taken.
    interrupted : bool
        Whether Ctrl-C or the callback ended it early.
    status : Status
        ``MAX_STEPS``, ``USER_STOP``, or ``NONFINITE`` (then the last finite parameters are kept).
    kept : dict from int to INR
        The INR after each of the steps of ``keep_at`` that were reached.
    """

    inr: INR
    losses: NDArray[np.float64]
    n_steps: int
    interrupted: bool
    status: Status
    kept: dict[int, INR]


def pretrain(
    inr: INR,
    image: ArrayLike,
    n_steps: int,
    *,
    optimizer: Optimizer | None = None,
    keep_at: Sequence[int] = (),
    mask: NDArray[np.bool_] | None = None,
    dtype: torch.dtype = torch.float64,
    device: str | torch.device = "cpu",
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 30.0,
    callback: Callable[[int, float], bool | None] | None = None,
    progress: bool | None = None,
) -> PretrainingResult:
    """Train an INR on one image by the mean squared error over its pixels.

    Parameters
    ----------
    inr : INR
        Start, real-valued; it is not modified.
    image : array, shape (h, w)
        Pixel values on ``Grid((h, w))``.
    n_steps : int
        Number of steps, at least 1.
    optimizer : Optimizer, optional
        First-order; ``Adam(1e-4, eps=1e-8)`` by default (the setting of the paper).
    keep_at : sequence of int
        Steps after which the INR is kept as well (0 is the start).
    mask : boolean array, shape (h, w), optional
        Train on the pixels where it is True only.
    dtype : torch.float64 (default) or torch.float32
        Precision of the training; the result is float64.
    device : str or torch.device, default "cpu"
        Where to compute.
    checkpoint : path, optional
        File for the state; when it exists the run goes on from it. A larger ``n_steps`` continues a finished run
        (of an optimizer with a constant rate; a schedule is stretched to the new number).
    checkpoint_seconds : float, default 30
        Seconds between saves; the end is always saved.
    callback : callable, optional
        Called as ``callback(n_steps, loss)`` after each step; returning True ends the run.
    progress : bool, optional
        Progress bar; by default on a terminal only.

    Returns
    -------
    PretrainingResult

    Raises
    ------
    ValueError
        When the image or a number does not fit.
    SrinrError
        When the checkpoint belongs to another problem.

    Examples
    --------
    >>> from srinr import INR, Adam, Coordinates, Siren
    >>> from srinr.image_families import faces
    >>> start = INR(Coordinates(), Siren(2, width=8, depth=3))
    >>> result = pretrain(start, faces().images[0], 20, optimizer=Adam(1e-3), keep_at=(10,))
    >>> bool(result.losses[-1] < result.losses[0]), list(result.kept)
    (True, [10])
    """
    pixels = checked_images(image, "image", 2)
    check_count("n_steps", n_steps, 1)
    for step in keep_at:
        check_count("keep_at", step, 0)
        if step > n_steps:
            raise ValueError(f"keep_at asks for step {step}, there are only n_steps={n_steps}")
    if isinstance(optimizer, LBFGS):
        raise ValueError(
            "optimizer: LBFGS evaluates the objective itself; pass a first-order one, e.g. Adam(1e-4)"
        )
    model = PixelModel(inr, (pixels.shape[0], pixels.shape[1]), dtype, device, mask)
    target = model.targets(pixels[None])[0]

    chosen = optimizer or Adam(1e-4, eps=1e-8)
    kept_steps = tuple(sorted(int(step) for step in keep_at))
    masked = None if mask is None else np.flatnonzero(mask).tolist()
    settings = LoopSettings(
        max_steps=n_steps,
        optimizer=chosen,
        title="pretraining",
        fingerprint=problem_fingerprint(
            inr, pixels, "pretraining", repr(chosen), masked, kept_steps, str(dtype)
        ),
        services=LoopServices(callback, checkpoint, checkpoint_seconds, progress),
        keep_at=kept_steps,
    )
    state = run_outer_loop(model.parameters, _single_image(model, target), settings)
    return PretrainingResult(
        inr=model.inr_with(state.parameters),
        losses=np.array(state.losses),
        n_steps=len(state.losses),
        interrupted=state.status is Status.USER_STOP,
        status=state.status,
        kept={step: model.inr_with(parameters) for step, parameters in sorted(state.kept.items())},
    )


def _single_image(model: PixelModel, target: torch.Tensor) -> Callable[[Parameters, int], Direction]:
    def direction(parameters: Parameters, step: int) -> Direction:
        gradient, value = grad_and_value(model.loss)(parameters, target)
        return gradient, value

    return direction


def adapt(
    inr: INR,
    image: ArrayLike,
    n_steps: int,
    rate: float,
    *,
    use_adam: bool = False,
    mask: NDArray[np.bool_] | None = None,
    dtype: torch.dtype = torch.float64,
) -> INR:
    """Fit an INR to one image by a few steps of gradient descent on the mean squared error.

    Parameters
    ----------
    inr : INR
        Start, e.g. ``MetaResult.inr`` of meta-learning; it is not modified.
    image : array, shape (h, w)
        Pixel values on ``Grid((h, w))``.
    n_steps : int
        Number of steps, at least 0.
    rate : float
        Learning rate.
    use_adam : bool, default False
        Adam instead of gradient descent.
    mask : boolean array, shape (h, w), optional
        Fit the pixels where it is True only.
    dtype : torch.float64 (default) or torch.float32
        Precision; the result is float64.

    Returns
    -------
    INR

    Raises
    ------
    ValueError
        When the image or a number does not fit.

    Examples
    --------
    >>> from srinr import INR, Coordinates, Grid, Siren
    >>> from srinr.image_families import faces
    >>> face = faces().images[0]
    >>> start = INR(Coordinates(), Siren(2, width=8, depth=3))
    >>> fitted = adapt(start, face, 3, 1e-2)
    >>> errors = [((i.on_grid(Grid(face.shape)) - face) ** 2).mean() for i in (start, fitted)]
    >>> bool(errors[1] < errors[0])
    True
    """
    pixels = checked_images(image, "image", 2)
    check_count("n_steps", n_steps, 0)
    check_rate("rate", rate)
    model = PixelModel(inr, (pixels.shape[0], pixels.shape[1]), dtype, mask=mask)
    target = model.targets(pixels[None])[0]
    parameters = model.parameters
    if not use_adam:
        return model.inr_with(descend(model.loss, parameters, target, rate, n_steps))
    if n_steps == 0 or rate == 0:
        return model.inr_with(parameters)
    state = run_outer_loop(
        parameters,
        _single_image(model, target),
        LoopSettings(n_steps, Adam(rate, eps=1e-8), "adapt", "", LoopServices(progress=False)),
    )
    return model.inr_with(state.parameters)


def adaptation_psnr(
    inr: INR,
    images: ImageFamily | ArrayLike,
    n_steps: int,
    rate: float,
    *,
    mask: NDArray[np.bool_] | None = None,
    dtype: torch.dtype = torch.float64,
) -> NDArray[np.float64]:
    """PSNR in dB (peak 1) on each image after 0, 1, ..., ``n_steps`` steps of gradient descent from ``inr``.

    Parameters
    ----------
    inr : INR
        Start of every image.
    images : ImageFamily, or array of shape (n, h, w)
        Gray images.
    n_steps, rate : int, float
        Steps of gradient descent on the mean squared error, and their learning rate.
    mask : boolean array, shape (h, w), optional
        Fit the pixels where it is True; the PSNR is then that of the other pixels (test PSNR).
    dtype : torch.float64 (default) or torch.float32
        Precision.

    Returns
    -------
    array, shape (n, n_steps + 1)
        NaN or minus infinity where the descent diverged, infinity where the fit is exact.

    Examples
    --------
    >>> from srinr import INR, Coordinates, Siren
    >>> from srinr.image_families import faces
    >>> start = INR(Coordinates(), Siren(2, width=8, depth=3))
    >>> adaptation_psnr(start, faces(), 2, 1e-2).shape
    (100, 3)
    """
    array = checked_images(images, "images", 3)
    check_count("n_steps", n_steps, 0)
    check_rate("rate", rate)
    shape = (array.shape[1], array.shape[2])
    model = PixelModel(inr, shape, dtype, mask=mask)
    unseen = None if mask is None else ~np.asarray(mask)
    if unseen is not None and not unseen.any():
        raise ValueError("mask is True everywhere: no pixel is left for the test; pass mask=None")
    judge = model.loss if unseen is None else PixelModel(inr, shape, dtype, mask=unseen).loss

    def errors(target: torch.Tensor) -> torch.Tensor:
        parameters, found = model.parameters, [judge(model.parameters, target)]
        for _ in range(n_steps):
            parameters = descend(model.loss, parameters, target, rate, 1)
            found.append(judge(parameters, target))
        return torch.stack(found)

    held = model.inr.network.values_per_point * array[0].size + 4 * model.inr.n_parameters
    chunk = max(1, _CHUNK_NUMBERS // held)
    targets = model.targets(array)
    with torch.no_grad():
        parts = [vmap(errors)(targets[i : i + chunk]) for i in range(0, len(targets), chunk)]
    with np.errstate(divide="ignore"):
        psnr: NDArray[np.float64] = -10.0 * np.log10(torch.cat(parts).double().numpy())
    return psnr
