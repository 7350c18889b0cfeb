"""Pictures of a recovery: the images side by side over their differences, and the convergence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from srinr.fit_result import History
from srinr.multicoil import MulticoilRecovery
from srinr.panels import bar_extend, common_bar, draw_panel, panel_figure, widened
from srinr.plotting import show_convergence

Panel = NDArray[np.float64]


def lowpass_panel(truth: Panel | None, zero_filled: Panel, inr: Panel, note: str) -> Figure:
    """Truth, zero-filled and INR on one gray scale; below, the signed errors on one scale.

    Parameters
    ----------
    truth : array (rows, columns), optional
        The scale is its range, so that overshoot shows as clipping on the bar. Without it the second row
        holds the difference of the two images.
    zero_filled : array (rows, columns)
        Image in which everything that was not sampled is zero.
    inr : array (rows, columns)
        Recovered image.
    note : str
        Lines drawn in the free cell.
    """
    if truth is None:
        low, high = widened(min(zero_filled.min(), inr.min()), max(zero_filled.max(), inr.max()))
        two = ("zero-filled", "INR", "INR - zero-filled")
        return _panel((zero_filled, inr), (inr - zero_filled,), two, (low, high), note)
    limits = widened(float(truth.min()), float(truth.max()))
    titles = ("truth", "zero-filled", "INR", "zero-filled - truth", "INR - truth")
    return _panel((truth, zero_filled, inr), (zero_filled - truth, inr - truth), titles, limits, note)


def multicoil_panel(recovery: MulticoilRecovery, note: str) -> Figure:
    """Magnitudes of zero-filled, CG-SENSE and INR on one gray scale; below, their differences from CG-SENSE.

    For volumes the middle slice of the first axis is shown.
    """
    sense = middle_slice(np.abs(recovery.best_sense.image))
    zero_filled, inr = middle_slice(np.abs(recovery.zero_filled)), middle_slice(np.abs(recovery.inr_pixels))
    titles = ("zero-filled", "CG-SENSE", "INR", "zero-filled - CG-SENSE", "INR - CG-SENSE")
    # A few bright pixels would leave the rest dark.
    limits = widened(0.0, float(np.percentile(np.stack([sense, inr]), 99.7)))
    return _panel((zero_filled, sense, inr), (zero_filled - sense, inr - sense), titles, limits, note)


def _panel(
    images: Sequence[Panel],
    errors: Sequence[Panel],
    titles: Sequence[str],
    limits: tuple[float, float],
    note: str,
) -> Figure:
    """Two rows; the differences stand under the last images, the note in the first cell of the second row."""
    n = len(images)
    blank = np.zeros_like(images[0])
    empty = n - len(errors)
    shown = [*images, *[blank] * empty, *errors]
    headings = [*titles[:n], *[""] * empty, *titles[n:]]
    figure, axes = panel_figure(shown, headings, n, one_bar=True)
    top = [draw_panel(axis, image, "gray", *limits) for axis, image in zip(axes[:n], images, strict=True)]
    common_bar(figure, axes[:n], top[0], "image value", bar_extend(list(images), *limits))
    sizes = np.abs(np.concatenate([error.ravel() for error in errors]))
    limit = float(np.percentile(sizes, 99.0)) or float(sizes.max()) or 1.0
    below = axes[n + empty :]
    drawn = [
        draw_panel(axis, error, "RdBu_r", -limit, limit) for axis, error in zip(below, errors, strict=True)
    ]
    common_bar(figure, axes[n:], drawn[0], "difference", bar_extend(list(errors), -limit, limit))
    for axis in axes[n : n + empty]:
        axis.set_axis_off()
    below[0].tick_params(labelleft=True)
    below[0].set_ylabel("$x_0$ (fields of view)", fontsize=9)
    axes[n].text(0.0, 1.0, note, transform=axes[n].transAxes, va="top", fontsize=8.5, linespacing=1.5)
    return figure


def lowpass_convergence(history: History) -> Figure:
    """Objective (relative to the first) and relative residual of a training, over the steps."""
    finite = np.isfinite(history.objective) & (history.objective > 0)  # a failed training may have none
    first = float(history.objective[finite][0]) if finite.any() else 1.0
    curves = {
        "objective / first objective": (history.step, np.where(finite, history.objective, np.nan) / first),
        "residual |Af - y| / |y|": (history.step, history.data_residual),
    }
    return show_convergence(curves, ylabel="relative value")


def multicoil_convergence(recovery: MulticoilRecovery) -> Figure:
    """Held-out error of the best candidates of both methods, and the residual of the INR."""
    history, sense = recovery.best_inr.result.history, recovery.best_sense
    curves: dict[str, tuple[Any, Any]] = {
        "INR, held-out error": (history.step, history.validation_error),
        "INR, residual of the fit": (history.step, history.data_residual),
        "CG-SENSE, held-out error": (np.arange(len(sense.history)), sense.history),
    }
    return show_convergence(curves, ylabel="relative error")


def middle_slice(pixels: NDArray[Any]) -> NDArray[Any]:
    """The image itself in 2-D; of a volume, the middle of the first axis."""
    return pixels if pixels.ndim == 2 else pixels[pixels.shape[0] // 2]
