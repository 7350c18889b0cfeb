"""Imperfect recovery: networks that cannot make the frequencies of their target (figures 2, 6, 7 and 8).

Source: section 4.1 and appendix B of Yüce, Ortiz-Jiménez, Besbinar and Frossard, "A Structured Dictionary Perspective
on Implicit Neural Representations", CVPR 2022. Gray images instead of color; the networks are in
``srinr.studies.recovery_networks``.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from srinr.analysis.harmonic_support import reachable_bins
from srinr.analysis.input_mapping import best_fit, mapping_frequencies, mapping_is_fixed
from srinr.analysis.spectrum import Spectrum, measured_spectrum
from srinr.domain import Grid
from srinr.image_families import checked_images
from srinr.inr import INR
from srinr.metrics import psnr
from srinr.optimizers import Adam, Optimizer
from srinr.pretraining import pretrain
from srinr.status import Status


@dataclass(frozen=True, eq=False)
class Recovery:
    """An image, its reconstruction by an INR, and what stands between them.

    Attributes
    ----------
    inr : INR
        After training.
    image, reconstruction : arrays, shape (h, w)
        On ``Grid((h, w))``.
    psnr : float
        Over all pixels, dB, peak 1.
    psnr_ceiling : float or None
        The best PSNR of any network on this mapping, dB (pixels that share their mapped input share their value).
        None when the mapping is trained, when there is none, or when it tells all pixels apart.
    unreachable_in_image, unreachable_in_reconstruction : float or None
        Share of the energy in DFT bins that no integer combination of the mapping's frequencies reaches. None
        unless the mapping is fixed and its frequencies are whole cycles per field of view.
    image_spectrum, reconstruction_spectrum : Spectrum
        On the pixel grid.
    losses : array, shape (n_steps,)
        Mean squared error before each step.
    status : Status
        How the training ended.
    """

    inr: INR
    image: NDArray[np.float64]
    reconstruction: NDArray[np.float64]
    psnr: float
    psnr_ceiling: float | None
    unreachable_in_image: float | None
    unreachable_in_reconstruction: float | None
    image_spectrum: Spectrum
    reconstruction_spectrum: Spectrum
    losses: NDArray[np.float64]
    status: Status

    def decibels(self, *, floor: float = -120.0) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Spectra of image and reconstruction, dB relative to a constant image of value 1, centered."""
        return self.image_spectrum.decibels(floor=floor), self.reconstruction_spectrum.decibels(floor=floor)


def recover_image(
    inr: INR,
    image: ArrayLike,
    n_steps: int = 2000,
    *,
    optimizer: Optimizer | None = None,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    checkpoint: str | os.PathLike[str] | None = None,
    progress: bool | None = None,
) -> Recovery:
    """Fit an INR to all pixels of a gray image, and compare with what its mapping allows.

    Parameters
    ----------
    inr : INR
        Any real 2-D INR; it is not modified.
    image : array, shape (h, w)
        Values in [0, 1] (the peak of the PSNR is 1).
    n_steps : int, default 2000
        Full-batch steps.
    optimizer : Optimizer, optional
        ``Adam(1e-4)`` by default, the setting of the paper.
    dtype : torch.float32 (default) or torch.float64
        Precision of the training; spectra are computed in float64.
    device, checkpoint, progress
        As in :func:`srinr.pretraining.pretrain`.

    Returns
    -------
    Recovery

    Raises
    ------
    ValueError, TypeError
        When image and INR do not fit together.

    Examples
    --------
    >>> from srinr import Adam
    >>> from srinr.studies.recovery_networks import single_frequency
    >>> image = np.outer(np.arange(8.0), np.ones(8)) / 8
    >>> result = recover_image(single_frequency(1.0, width=8), image, 5, optimizer=Adam(1e-3))
    >>> result.psnr <= result.psnr_ceiling, round(result.psnr_ceiling, 2)
    (True, 12.04)
    """
    pixels = checked_images(image, "image", 2)
    trained = pretrain(
        inr, pixels, n_steps, optimizer=optimizer, dtype=dtype, device=device, checkpoint=checkpoint, progress=progress
    )  # fmt: skip
    grid = Grid(pixels.shape)
    reconstruction = np.asarray(trained.inr.on_grid(grid))
    before, after = measured_spectrum(pixels, grid), measured_spectrum(reconstruction, grid)
    support = reachable_support(inr, grid)
    return Recovery(
        inr=trained.inr,
        image=pixels,
        reconstruction=reconstruction,
        psnr=psnr(reconstruction, pixels, data_range=1.0),
        psnr_ceiling=mapping_ceiling(inr, pixels),
        unreachable_in_image=None if support is None else before.energy_outside(support),
        unreachable_in_reconstruction=None if support is None else after.energy_outside(support),
        image_spectrum=before,
        reconstruction_spectrum=after,
        losses=trained.losses,
        status=trained.status,
    )


def mapping_ceiling(inr: INR, image: ArrayLike) -> float | None:
    """Best PSNR on the pixels, dB with peak 1, of any network on the fixed mapping of an INR.

    None when the mapping is trained or tells all pixels apart. For Fourier features of axis-aligned frequencies it
    equals ``srinr.analysis.spectrum.psnr_ceiling``; mappings of sines without cosines mirror the input as well, and
    have a lower one.

    Examples
    --------
    >>> from srinr.studies.recovery_networks import single_frequency
    >>> round(mapping_ceiling(single_frequency(1.0, width=4), np.eye(4)), 4)
    9.0309
    """
    if not mapping_is_fixed(inr):
        return None
    pixels = checked_images(image, "image", 2)
    error = float(((best_fit(inr, pixels) - pixels) ** 2).mean())
    return -10.0 * math.log10(error) if error > 0 else None


def reachable_support(inr: INR, grid: Grid) -> NDArray[np.bool_] | None:
    """DFT bins that a fixed mapping of whole cycles per field of view can reach, centered; None for other mappings."""
    if not mapping_is_fixed(inr):
        return None
    frequencies = mapping_frequencies(inr)
    if np.abs(frequencies - np.rint(frequencies)).max() > 1e-9:
        return None
    return reachable_bins(grid, frequencies)


@dataclass(frozen=True)
class StudySize:
    """How large a study is: pixels per side, neurons per layer, frequencies of random mappings, steps, and their rate.

    ``QUICK`` is for a first look: a tenth of the steps at ten times the rate.
    """

    n_pixels: int
    width: int
    n_frequencies: int
    n_steps: int
    learning_rate: float

    @property
    def optimizer(self) -> Adam:
        """Adam at that rate."""
        return Adam(self.learning_rate, eps=1e-8)

    def __str__(self) -> str:
        return (
            f"{self.n_pixels} x {self.n_pixels} pixels, width {self.width}, {self.n_steps} steps of "
            f"Adam({self.learning_rate:g})"
        )


QUICK = StudySize(32, 64, 64, 200, 1e-3)


class Scale(StrEnum):
    """Sizes to choose from: that of the paper, and two with its steps and rate for a processor.

    On one idle core, ``SMALL`` takes about ten seconds per network, ``MIDDLE`` minutes, ``PUBLISHED`` hours.
    """

    SMALL = "small"
    MIDDLE = "middle"
    PUBLISHED = "published"

    @property
    def size(self) -> StudySize:
        """Pixels, width, frequencies, steps and rate."""
        return {
            Scale.SMALL: StudySize(32, 64, 64, 2000, 1e-4),
            Scale.MIDDLE: StudySize(64, 128, 256, 2000, 1e-4),
            Scale.PUBLISHED: StudySize(512, 256, 256, 2000, 1e-4),
        }[self]


class StandIn(StrEnum):
    """Photographs of the scikit-image wheel, 512 x 512, in place of the paper's, which has to be downloaded."""

    ASTRONAUT = "astronaut"
    CAMERA = "camera"


def stand_in_image(name: StandIn = StandIn.ASTRONAUT, size: int = 512) -> NDArray[np.float64]:
    """A gray photograph of ``size`` x ``size`` pixels, resized with anti-aliasing, values in [0, 1].

    Examples
    --------
    >>> stand_in_image(StandIn.CAMERA, 32).shape
    (32, 32)
    """
    import skimage.data
    from skimage.transform import resize

    raw = skimage.data.astronaut() if name is StandIn.ASTRONAUT else skimage.data.camera()
    gray = raw / 255.0 if raw.ndim == 2 else (raw / 255.0) @ np.array([0.299, 0.587, 0.114])
    if size != gray.shape[0]:
        gray = resize(gray, (size, size), anti_aliasing=True)
    return np.clip(gray, 0.0, 1.0)
