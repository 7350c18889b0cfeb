"""Figures of a recovery as plain dictionaries, for tables and JSON."""

from __future__ import annotations

import math
import platform
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srinr._version import __version__
from srinr.domain import ContinuousImage, Grid
from srinr.fit_result import FitResult
from srinr.metrics import mse, overshoot, psnr, relative_error, undershoot
from srinr.multicoil import MulticoilRecovery
from srinr.multicoil_trials import InrTrial, SenseTrial
from srinr.recovery import LowpassRecovery


@dataclass(frozen=True)
class ImageFigures:
    """Metrics of one raster against another; see :mod:`srinr.metrics` for the conventions."""

    mse: float
    psnr: float
    relative_error: float
    overshoot: float
    undershoot: float


def image_figures(pixels: NDArray[Any], truth: NDArray[Any]) -> ImageFigures:
    """Compare real rasters; the peak of the PSNR is the range (maximum minus minimum) of the truth.

    Examples
    --------
    >>> image_figures(np.array([0.0, 1.1]), np.array([0.0, 1.0])).overshoot
    0.10000000000000009
    """
    span = float(truth.max() - truth.min()) or 1.0
    return ImageFigures(
        mse(pixels, truth),
        psnr(pixels, truth, data_range=span),
        relative_error(pixels, truth),
        overshoot(pixels, truth),
        undershoot(pixels, truth),
    )


def lowpass_figures(
    recovery: LowpassRecovery, truth: ContinuousImage | None = None, raster: Grid | None = None
) -> dict[str, Any]:
    """Figures of a low-pass recovery.

    Parameters
    ----------
    recovery : LowpassRecovery
        A real image.
    truth : ContinuousImage, optional
        Compared on ``raster`` by point sampling; ``ratio`` is the zero-filled MSE over the INR's.
    raster : Grid, optional
        By default 1024 points per axis in 2-D, 128 in 3-D.
    """
    figures: dict[str, Any] = {"training": fit_figures(recovery.result)}
    if truth is None:
        return figures
    raster = raster or default_raster(recovery.image.dim)
    pixels = raster.rasterize(truth)
    found = image_figures(raster.rasterize(recovery.image), pixels)
    zero_filled = image_figures(raster.rasterize(recovery.zero_filled), pixels)
    return figures | {
        "raster": list(raster.shape),
        "zero_filled": asdict(zero_filled),
        "inr": asdict(found),
        "ratio": zero_filled.mse / found.mse if found.mse else math.inf,
    }


def default_raster(dim: int) -> Grid:
    """Grid of the metrics: 1024 points per axis, 128 in three dimensions."""
    return Grid(1024 if dim < 3 else 128, dim=dim)


def fit_figures(result: FitResult) -> dict[str, Any]:
    """Status and figures of a training."""
    return {
        "status": result.status.name,
        "message": result.message,
        "n_steps": result.n_steps,
        "seconds": result.seconds,
        "objective": result.objective,
        "residual": result.data_residual,
        "regularization": result.regularization,
        "total_variation": result.total_variation,
        "choose_error": result.validation_error,
    }


def multicoil_figures(recovery: MulticoilRecovery) -> dict[str, Any]:
    """Held-out errors of all methods, what was tried, and what was chosen."""
    split = recovery.split
    return {
        "positions": {
            "fit": int(split.fit_mask.sum()),
            "choose": int(split.choose_mask.sum()),
            "report": int(split.report_mask.sum()),
        },
        "n_coils": len(recovery.maps.maps),
        "n_trials": {"inr": len(recovery.inr_trials), "cg_sense": len(recovery.sense_trials)},
        "report_error": recovery.report_errors,
        "chosen": {
            "inr": _inr_trial(recovery.best_inr),
            "cg_sense": _sense_trial(recovery.best_sense),
        },
        "tried": {
            "inr": [_inr_trial(trial) for trial in recovery.inr_trials],
            "cg_sense": [_sense_trial(trial) for trial in recovery.sense_trials],
        },
        "amplitude": recovery.amplitude,
        "training": fit_figures(recovery.best_inr.result),
    }


def _inr_trial(trial: InrTrial) -> dict[str, Any]:
    result = trial.result
    outcome = {"status": result.status.name, "n_steps": result.n_steps, "seconds": result.seconds}
    error = {"choose_error": trial.choose_error, "residual": result.data_residual}
    return {"settings": trial.candidate.settings(), **outcome, **error}


def _sense_trial(trial: SenseTrial) -> dict[str, Any]:
    outcome = {"n_steps": trial.n_steps, "choose_error": trial.choose_error}
    return {"settings": trial.candidate.settings(), **outcome}


def versions() -> dict[str, str]:
    """Versions of what the figures depend on."""
    import scipy
    import torch

    return {
        "srinr": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "torch": torch.__version__,
        "platform": platform.platform(),
    }
