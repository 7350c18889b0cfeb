"""Starts of the meta-learning figures: random, meta-learned, pretrained on one image; learned once, then read.

The settings of figures 12 to 16 of Yüce, Ortiz-Jiménez, Besbinar and Frossard (CVPR 2022), and small ones. What was
learned lies in a folder: a checkpoint, from which an interrupted run goes on and a finished one returns at once, and
for meta-learning the initialization itself (:func:`srinr.meta_files.load_initialization`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from srinr.image_families import ImageFamily, faces
from srinr.inr import INR
from srinr.meta_files import save_initialization
from srinr.meta_learning import MetaMethod, MetaOptions, MetaResult, maml, reptile
from srinr.pretraining import pretrain
from srinr.status import SrinrError
from srinr.studies.published_networks import published_siren


@dataclass(frozen=True)
class StartSettings:
    """Network and lengths of training.

    Parameters
    ----------
    width : int, default 256
        Of the SIREN (four hidden layers, frequencies 30 and 30, zero biases).
    outer_steps : int, default 5000
        Of meta-learning.
    outer_rate, reptile_rate : float, default 1e-5
        Learning rates of the outer Adam, for MAML of both orders and for Reptile.
    reptile_inner_steps : int, default 5
        Inner steps of Reptile: with few it is close to training on the mean of the images. MAML takes 2.
    pretraining_steps : tuple of int, default (100, 1000, 5000)
        Steps of Adam 1e-4 on one image.
    n_training : int, default 80
        Faces for learning; the others are for the test.
    output_shift : float, default 0.5
        Added to the output of the random start, as in the released code. It favors random weights: without it, a few
        steps go into learning that images are not black.

    Examples
    --------
    >>> StartSettings().width, StartSettings.small().width
    (256, 64)
    """

    width: int = 256
    outer_steps: int = 5000
    outer_rate: float = 1e-5
    reptile_rate: float = 1e-5
    reptile_inner_steps: int = 5
    pretraining_steps: tuple[int, ...] = (100, 1000, 5000)
    n_training: int = 80
    output_shift: float = 0.5

    @classmethod
    def small(cls) -> StartSettings:
        """Width 64 and few, larger steps: about a minute for all starts of a figure on one core.

        MAML at rates of 3e-4 and more reaches more decibels by a shortcut: with more parameters than pixels it makes the
        kernel nearly a multiple of the identity, which fits any image, noise as well, and has no faces in it.
        """
        return cls(
            width=64, outer_steps=150, outer_rate=1e-4, reptile_rate=3e-4, pretraining_steps=(30, 100, 1000)
        )

    def families(self) -> tuple[ImageFamily, ImageFamily]:
        """Training and test faces."""
        return faces().split(self.n_training)

    def random(self, seed: int) -> INR:
        """The network with random weights."""
        return published_siren(width=self.width, seed=seed, output_shift=self.output_shift)

    def options(self, method: MetaMethod, seed: int) -> MetaOptions:
        """Options of meta-learning by a method; what is not set here keeps the published value."""
        if method is MetaMethod.REPTILE:
            return MetaOptions(self.outer_steps, self.reptile_rate, self.reptile_inner_steps, seed=seed)
        return MetaOptions(self.outer_steps, self.outer_rate, seed=seed)


def meta_start(
    settings: StartSettings,
    method: MetaMethod,
    seed: int,
    folder: str | os.PathLike[str],
    *,
    dtype: torch.dtype = torch.float32,
) -> MetaResult:
    """Meta-learn on the training faces from the random start of that seed, or read what was learned before.

    Parameters
    ----------
    settings : StartSettings
        Network and lengths.
    method : MetaMethod
        MAML of either order, or Reptile.
    seed : int
        Of the random start and of the batches.
    folder : path
        Gets the checkpoint and ``<method>_width<w>_seed<s>.safetensors`` with its settings.
    dtype : torch.float32 (default) or torch.float64
        Precision of the training.

    Returns
    -------
    MetaResult

    Raises
    ------
    SrinrError
        When the checkpoint in the folder belongs to other settings.
    KeyboardInterrupt
        After Ctrl-C, when the checkpoint is written: a figure of unfinished starts would mislead.
    """
    path = initialization_path(settings, method, seed, folder)
    path.parent.mkdir(parents=True, exist_ok=True)
    train, _ = settings.families()
    start, options = settings.random(seed), settings.options(method, seed)
    checkpoint = path.with_suffix(".checkpoint")
    if method is MetaMethod.REPTILE:
        result = reptile(start, train, options, dtype=dtype, checkpoint=checkpoint)
    else:
        first_order = method is MetaMethod.FIRST_ORDER_MAML
        result = maml(start, train, options, first_order=first_order, dtype=dtype, checkpoint=checkpoint)
    if result.interrupted:
        raise KeyboardInterrupt
    if result.n_steps < options.outer_steps:
        raise SrinrError(
            f"{method.value} diverged after {result.n_steps} of {options.outer_steps} steps; lower the outer rate"
        )
    save_initialization(result, path)
    return result


def initialization_path(
    settings: StartSettings, method: MetaMethod, seed: int, folder: str | os.PathLike[str]
) -> Path:
    """Where :func:`meta_start` saves the weights.

    Examples
    --------
    >>> initialization_path(StartSettings.small(), MetaMethod.MAML, 0, "figures").name
    'maml_width64_seed0.safetensors'
    """
    return Path(folder) / f"{method.name.lower()}_width{settings.width}_seed{seed}.safetensors"


def pretrained_starts(
    settings: StartSettings,
    image_index: int,
    seed: int,
    folder: str | os.PathLike[str],
    *,
    dtype: torch.dtype = torch.float32,
) -> dict[int, INR]:
    """The random start of a seed after each number of steps of Adam 1e-4 on one training face.

    Parameters
    ----------
    settings : StartSettings
        Network; ``pretraining_steps`` says when to keep.
    image_index : int
        Which training face.
    seed, folder, dtype
        As in :func:`meta_start`.

    Returns
    -------
    dict from number of steps to INR

    Raises
    ------
    ValueError
        When there is no such face.
    """
    train, _ = settings.families()
    if not 0 <= image_index < len(train):
        raise ValueError(f"image_index must lie in 0..{len(train) - 1}, got {image_index}")
    path = Path(folder) / f"pretrained_width{settings.width}_seed{seed}_face{image_index}.checkpoint"
    path.parent.mkdir(parents=True, exist_ok=True)
    steps: Sequence[int] = settings.pretraining_steps
    result = pretrain(
        settings.random(seed),
        train.images[image_index],
        max(steps),
        keep_at=steps,
        dtype=dtype,
        checkpoint=path,
    )
    if result.interrupted:
        raise KeyboardInterrupt
    return result.kept
