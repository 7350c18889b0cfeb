"""Training on half of the pixels of each image of a family, judged on the other half.

The test PSNR of figures 4, 10, 11 and 12 of Yüce, Ortiz-Jiménez, Besbinar and Frossard (CVPR 2022): one random mask
shared by all images, full batch, from one initialization for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch.func import functional_call, grad_and_value, vmap

from srinr.image_families import ImageFamily, checked_images
from srinr.inr import INR
from srinr.meta_steps import Parameters
from srinr.optimizers import LBFGS, Optimizer, RunningOptimizer
from srinr.pixel_model import PixelModel, check_count, check_rate
from srinr.progress import progress_bar

#: Numbers held per chunk of images (256 MB in float64).
_CHUNK_NUMBERS = 2**25


@dataclass(frozen=True)
class GradientDescent:
    """Plain gradient descent, in the place of :class:`~srinr.optimizers.Adam`.

    Parameters
    ----------
    learning_rate : float, default 1e-2
        For the mean squared error (the setting of the paper for meta-learned weights).

    Examples
    --------
    >>> weight = torch.nn.Parameter(torch.tensor([1.0]))
    >>> weight.grad = torch.tensor([2.0])
    >>> GradientDescent(0.25).start([weight]).advance(lambda: torch.tensor(0.0), 0, 1, 1)
    1
    >>> weight.tolist()
    [0.5]
    """

    learning_rate: float = 1e-2

    def __post_init__(self) -> None:
        check_rate("learning_rate", self.learning_rate)

    def start(self, parameters: list[torch.nn.Parameter]) -> RunningOptimizer:
        """Bind to parameters."""
        return _RunningDescent(self.learning_rate, parameters)


class _RunningDescent:
    has_converged = False

    def __init__(self, rate: float, parameters: list[torch.nn.Parameter]) -> None:
        self.rate, self.parameters = rate, parameters

    def advance(self, closure: Callable[[], torch.Tensor], step: int, n_steps: int, max_steps: int) -> int:
        for _ in range(n_steps):
            closure()
            with torch.no_grad():
                for parameter in self.parameters:
                    if parameter.grad is not None:
                        parameter.sub_(parameter.grad, alpha=self.rate)
        return n_steps

    def state(self) -> dict[str, Any]:
        return {}  # nothing but the parameters moves

    def load_state(self, state: dict[str, Any]) -> None:
        pass


@dataclass(frozen=True, eq=False)
class FitCurves:
    """PSNR in dB (peak 1) along the training on some of the pixels.

    Attributes
    ----------
    steps : array of int, shape (m,)
        Steps taken when it was measured, increasing; 0 is the start.
    train_psnr, test_psnr : array, shape (n, m)
        Of the pixels trained on, and of the others; NaN or minus infinity where the training diverged.
    """

    steps: NDArray[np.int64]
    train_psnr: NDArray[np.float64]
    test_psnr: NDArray[np.float64]

    def mean_test_psnr(self, step: int) -> float:
        """Mean over images of the test PSNR after ``step`` steps, dB.

        Raises
        ------
        ValueError
            When it was not measured at that step.
        """
        found = np.flatnonzero(self.steps == step)
        if len(found) == 0:
            raise ValueError(f"step {step} was not measured; there are {self.steps.tolist()}")
        return float(self.test_psnr[:, found[0]].mean())


def random_mask(shape: tuple[int, int], share: float = 0.5, seed: int = 0) -> NDArray[np.bool_]:
    """A share of the pixels at random: True where a network is trained.

    Parameters
    ----------
    shape : (h, w)
        Pixels.
    share : float, default 0.5
        In (0, 1); the number of pixels is rounded, so that masks of one share hold equally many.
    seed : int, default 0
        Of the choice.

    Examples
    --------
    >>> int(random_mask((4, 4)).sum())
    8
    """
    n = int(shape[0]) * int(shape[1])
    chosen = round(share * n)
    if not 0 < chosen < n:
        raise ValueError(f"share={share} of {n} pixels leaves none to train on, or none to test on")
    mask = np.zeros(n, dtype=bool)
    mask[np.random.default_rng(seed).permutation(n)[:chosen]] = True
    return mask.reshape(shape)


def fit_curves(
    inr: INR,
    images: ImageFamily | ArrayLike,
    mask: NDArray[np.bool_],
    steps: Sequence[int],
    optimizer: Optimizer,
    *,
    dtype: torch.dtype = torch.float64,
    progress: bool | None = None,
) -> FitCurves:
    """Train a copy of an INR on the masked pixels of each image, and follow the PSNR of both halves.

    Parameters
    ----------
    inr : INR
        Start of every image; it is not modified.
    images : ImageFamily, or array of shape (n, h, w)
        Gray images.
    mask : boolean array, shape (h, w)
        True where trained, False where tested; shared by all images.
    steps : sequence of int
        After how many steps to measure; the last is where the training ends.
    optimizer : Optimizer
        First-order, full batch, on the mean squared error: ``Adam(1e-4, eps=1e-8)`` for random weights,
        ``GradientDescent(1e-2)`` for meta-learned ones (appendix D.2 of the paper).
    dtype : torch.float64 (default) or torch.float32
        Precision of the training.
    progress : bool, optional
        Progress bar; by default on a terminal only.

    Returns
    -------
    FitCurves

    Raises
    ------
    ValueError
        When images, mask, steps or optimizer do not fit.

    Examples
    --------
    >>> from srinr.image_families import faces
    >>> from srinr.optimizers import Adam
    >>> from srinr.studies.published_networks import published_siren
    >>> images = faces().images[:2]
    >>> curves = fit_curves(published_siren(width=16), images, random_mask((25, 25)), (0, 20), Adam(1e-3))
    >>> curves.test_psnr.shape, bool((curves.train_psnr[:, 1] > curves.train_psnr[:, 0]).all())
    ((2, 2), True)
    """
    array = checked_images(images, "images", 3)
    asked = sorted({int(step) for step in steps})
    for step in steps:
        check_count("steps", step, 0)
    if not asked:
        raise ValueError("steps is empty: say after how many steps to measure")
    if isinstance(optimizer, LBFGS):
        raise ValueError("optimizer: LBFGS couples the images of a batch; pass Adam or GradientDescent")
    model = PixelModel(inr, (array.shape[1], array.shape[2]), dtype, mask=mask)
    if mask.all():
        raise ValueError("mask is True everywhere: no pixel is left for the test")
    assert model.seen is not None
    halves = [(model.features[part], part) for part in (model.seen, ~model.seen)]
    targets = model.targets(array)

    def loss(parameters: Parameters, features: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = functional_call(model.forward, parameters, (features,))
        return (out - target).square().mean()

    chunk = max(1, _CHUNK_NUMBERS // (inr.network.values_per_point * array[0].size + 4 * inr.n_parameters))
    parts = [targets[i : i + chunk] for i in range(0, len(targets), chunk)]
    errors = []
    with progress_bar(len(parts) * max(1, asked[-1]), "training", progress) as report:
        for index, part in enumerate(parts):
            done = index * asked[-1]
            errors.append(_train(loss, model.parameters, halves, part, asked, optimizer,
                                 lambda step, done=done: report(done + step, "")))  # type: ignore[misc] # fmt: skip
    with np.errstate(divide="ignore"):
        psnr = -10.0 * np.log10(np.concatenate(errors, axis=2))
    return FitCurves(np.array(asked), psnr[0].T, psnr[1].T)


def _train(
    loss: Callable[[Parameters, torch.Tensor, torch.Tensor], torch.Tensor],
    start: Parameters,
    halves: list[tuple[torch.Tensor, torch.Tensor]],
    targets: torch.Tensor,
    asked: list[int],
    optimizer: Optimizer,
    report: Callable[[int], None],
) -> NDArray[np.float64]:
    """Mean squared errors, shape (2, m, b): all images of a chunk at once, each with its own parameters."""
    leaves = {name: torch.nn.Parameter(p.repeat(len(targets), *(1,) * p.ndim)) for name, p in start.items()}
    running = optimizer.start(list(leaves.values()))
    features, seen = halves[0]
    gradient_of = vmap(grad_and_value(loss), in_dims=(0, None, 0))
    found = []
    for step in range(asked[-1] + 1):
        values = {name: leaf.detach() for name, leaf in leaves.items()}
        if step in asked:
            with torch.no_grad():
                pair = [vmap(loss, in_dims=(0, None, 0))(values, x, targets[:, part]) for x, part in halves]
            found.append(torch.stack(pair))
        if step == asked[-1]:
            break
        gradients, losses = gradient_of(values, features, targets[:, seen])
        for name, leaf in leaves.items():
            leaf.grad = gradients[name]
        running.advance(losses.sum, step, 1, asked[-1])
        report(step + 1)
    return torch.stack(found, dim=1).double().cpu().numpy()
