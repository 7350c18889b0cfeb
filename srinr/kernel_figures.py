"""Pictures of tangent kernels: energy concentration, eigenvalues, eigenfunctions, and training beside them.

Every function returns a figure as those of :mod:`srinr.plotting` do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from srinr.panels import bar_extend, common_bar, line_style
from srinr.studies.eigenfunctions import Eigenfunctions
from srinr.studies.pixel_fits import FitCurves

Array = NDArray[np.float64]

_RELATIVE = r"relative eigenvalue $\mu\,/\,\mu_0$"
_DASHES = ("-", "--", "-.", ":")
#: More curves than this are colored along one map, in the order given (an increasing frequency, say).
_MAX_HUES = 5


def show_energy_concentration(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]],
    *,
    relative_floor: float | None = None,
    psnr: Mapping[str, float] | None = None,
    psnr_label: str = "test PSNR",
    title: str = "",
) -> Figure:
    """Draw ``E(t)`` against the threshold t, which falls to the right (figures 4, 11 and 14 of the paper).

    Parameters
    ----------
    curves : mapping from name to (thresholds, energies)
        Arrays of one length; thresholds of 0 cannot be drawn and are left out.
    relative_floor : float, optional
        ``n eps``: eigenvalues below it are rounding, and the range is shaded.
    psnr : mapping from name to dB, optional
        Shown in the legend.
    psnr_label : str
        What that PSNR is.
    title : str
        Drawn above.

    Returns
    -------
    Figure

    Examples
    --------
    >>> figure = show_energy_concentration({"net": ([1.0, 0.1], [0.2, 0.9])}, psnr={"net": 20.0})
    >>> figure.axes[0].get_legend().get_texts()[0].get_text()
    'net: 20.0 dB'
    """
    figure = Figure(figsize=(7.6, 4.4), layout="constrained")
    axis = figure.add_subplot()
    lowest = 1.0
    for (name, (thresholds, energies)), style in zip(curves.items(), _styles(len(curves)), strict=True):
        t, energy = _pair(name, thresholds, energies)
        drawn = t > 0
        lowest = min(lowest, float(t[drawn].min(initial=1.0)))
        label = name if psnr is None or name not in psnr else f"{name}: {psnr[name]:.1f} dB"
        axis.plot(t[drawn], energy[drawn], label=label, linewidth=1.6, **style)
    axis.set_xscale("log")
    _shade_floor(axis, relative_floor, lowest)
    axis.set_xlim(1.0, lowest)
    axis.set_ylim(-0.02, 1.02)
    axis.set_xlabel(f"threshold $t$ on the {_RELATIVE}")
    axis.set_ylabel("energy concentration $E(t)$")
    _finish(axis, title, "" if psnr is None else psnr_label)
    return figure


def show_eigenvalues(
    spectra: Mapping[str, ArrayLike], *, relative_floor: float | None = None, title: str = ""
) -> Figure:
    """Draw eigenvalues relative to the largest, both axes logarithmic.

    Parameters
    ----------
    spectra : mapping from name to array of shape (k,)
        Descending; those that are not positive leave gaps.
    relative_floor : float, optional
        ``n eps``: eigenvalues below it are rounding, and the range is shaded.
    title : str
        Drawn above.

    Examples
    --------
    >>> show_eigenvalues({"net": [4.0, 2.0, 1.0]}).axes[0].get_yscale()
    'log'
    """
    figure = Figure(figsize=(7.6, 4.4), layout="constrained")
    axis = figure.add_subplot()
    lowest = 1.0
    for (name, spectrum), style in zip(spectra.items(), _styles(len(spectra)), strict=True):
        mu = np.asarray(spectrum, dtype=np.float64)
        if mu.ndim != 1 or len(mu) == 0 or not mu[0] > 0:
            raise ValueError(f"spectrum {name!r} must be 1-D, descending from a positive number")
        relative = np.where(mu > 0, mu / mu[0], np.nan)
        lowest = min(lowest, float(np.nanmin(relative)))
        axis.plot(np.arange(1, len(mu) + 1), relative, label=name, linewidth=1.6, **style)
    axis.set_xscale("log")
    axis.set_yscale("log")
    if relative_floor is not None and relative_floor > lowest:
        lowest = max(lowest, 0.1 * relative_floor)
        axis.axhspan(lowest / 2, relative_floor, color="0.9", zorder=0)
        axis.annotate("rounding of float64", (0.01, relative_floor), xycoords=("axes fraction", "data"), ha="left",
                      va="top", fontsize=8, color="0.35")  # fmt: skip
    axis.set_ylim(lowest / 2, 2.0)
    axis.set_xlabel("index of the eigenvalue")
    axis.set_ylabel(_RELATIVE)
    _finish(axis, title, "")
    return figure


def show_energy_against_psnr(points: Mapping[str, tuple[float, float]], *, title: str = "") -> Figure:
    """Scatter of ``E(0.1)`` and the test PSNR, one labeled point per network.

    Parameters
    ----------
    points : mapping from name to (energy, dB)
        What :func:`srinr.studies.kernel_energy.energy_study` gives.
    title : str
        Drawn above, e.g. with the rank correlation.

    Examples
    --------
    >>> len(show_energy_against_psnr({"a": (0.2, 15.0), "b": (0.7, 21.0)}).axes[0].texts)
    2
    """
    if not points:
        raise ValueError("points is empty: give one network at least")
    figure = Figure(figsize=(6.0, 4.4), layout="constrained")
    axis = figure.add_subplot()
    for (name, (energy, psnr)), style in zip(points.items(), _styles(len(points)), strict=True):
        axis.plot([energy], [psnr], "o", color=style["color"], markersize=7)
        axis.annotate(name, (energy, psnr), xytext=(5, 4), textcoords="offset points", fontsize=8)
    axis.set_xlabel("energy concentration $E(0.1)$")
    axis.set_ylabel("mean test PSNR (dB)")
    axis.margins(0.12)
    axis.set_title(title, fontsize=10)
    axis.grid(True, color="0.9", linewidth=0.8)
    axis.spines[["top", "right"]].set_visible(False)
    return figure


def show_eigenfunctions(
    galleries: Mapping[str, Eigenfunctions], *, n_functions: int | None = None, title: str = ""
) -> Figure:
    """Draw eigenfunctions, one row per network, on one scale around zero (figures 5 and 16 of the paper).

    Parameters
    ----------
    galleries : mapping from name to Eigenfunctions
        From :func:`srinr.studies.eigenfunctions.eigenfunctions`. Above each picture: index, and centroid of its
        power spectrum in cycles per field of view.
    n_functions : int, optional
        How many columns; by default as many as all have.
    title : str
        Drawn above.

    Raises
    ------
    ValueError
        When nothing is given, or more is asked for than is there.
    """
    if not galleries:
        raise ValueError("galleries is empty: give the eigenfunctions of one network at least")
    available = min(len(gallery.images) for gallery in galleries.values())
    count = available if n_functions is None else n_functions
    if not 1 <= count <= available:
        raise ValueError(f"n_functions must lie in 1..{available}, got {n_functions!r}")
    rows = len(galleries)
    figure = Figure(figsize=(1.12 * count + 2.0, 1.3 * rows + 0.8), layout="constrained")
    pictures = [list(gallery.images[:count]) for gallery in galleries.values()]
    limit = float(np.percentile(np.abs(np.concatenate([np.ravel(p) for row in pictures for p in row])), 99.5))
    axes, shown = [], None
    for row, (name, gallery) in enumerate(galleries.items()):
        for column in range(count):
            axis = figure.add_subplot(rows, count, row * count + column + 1)
            shown = axis.imshow(
                gallery.images[column], cmap="RdBu_r", vmin=-limit, vmax=limit, interpolation="nearest"
            )
            axis.set_xticks([])
            axis.set_yticks([])
            axis.set_title(f"{column + 1}: {gallery.centroids[column]:.1f}", fontsize=8, pad=2)
            if column == 0:
                axis.set_ylabel(name, fontsize=9)
            axes.append(axis)
    extend = bar_extend([picture for row in pictures for picture in row], -limit, limit)
    assert shown is not None
    common_bar(figure, axes, shown, "mean square 1", extend)
    heading = "index: centroid of the power spectrum (cycles per field of view)"
    figure.suptitle(f"{title}\n{heading}" if title else heading, fontsize=10)
    return figure


def show_fit_curves(curves: Mapping[str, FitCurves], *, title: str = "") -> Figure:
    """Draw the mean PSNR along training, on the pixels trained on and on the others (figure 10 of the paper).

    Parameters
    ----------
    curves : mapping from name to FitCurves
        From :func:`srinr.studies.pixel_fits.fit_curves`.
    title : str
        Drawn above.

    Examples
    --------
    >>> curve = FitCurves(np.arange(3), np.ones((2, 3)), np.zeros((2, 3)))
    >>> [axis.get_title() for axis in show_fit_curves({"net": curve}).axes]
    ['pixels trained on', 'other pixels']
    """
    if not curves:
        raise ValueError("curves is empty: give those of one network at least")
    figure = Figure(figsize=(9.4, 4.0), layout="constrained")
    left = figure.add_subplot(1, 2, 1)
    right = figure.add_subplot(1, 2, 2, sharey=left)
    for (name, curve), style in zip(curves.items(), _styles(len(curves)), strict=True):
        for axis, psnr in ((left, curve.train_psnr), (right, curve.test_psnr)):
            axis.plot(curve.steps, psnr.mean(axis=0), label=name, linewidth=1.6, **style)
    for axis, what in ((left, "pixels trained on"), (right, "other pixels")):
        axis.set_title(what, fontsize=10)
        axis.set_xlabel("training steps")
        axis.grid(True, color="0.9", linewidth=0.8)
        axis.spines[["top", "right"]].set_visible(False)
    left.set_ylabel("mean PSNR (dB)")
    right.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))
    figure.suptitle(title, fontsize=11)
    return figure


def _styles(n: int) -> Sequence[dict[str, Any]]:
    if n <= _MAX_HUES:
        return [line_style(index) for index in range(n)]
    colors = matplotlib.colormaps["viridis"](np.linspace(0.0, 0.92, n))
    return [{"color": color, "linestyle": _DASHES[index % 4]} for index, color in enumerate(colors)]


def _pair(name: str, thresholds: ArrayLike, energies: ArrayLike) -> tuple[Array, Array]:
    t, energy = np.asarray(thresholds, dtype=np.float64), np.asarray(energies, dtype=np.float64)
    if t.ndim != 1 or t.shape != energy.shape:
        raise ValueError(
            f"curve {name!r}: thresholds and energies must be 1-D of one length, got {t.shape}, {energy.shape}"
        )
    return t, energy


def _shade_floor(axis: Axes, relative_floor: float | None, lowest: float) -> None:
    """Shade the thresholds that sort by rounding errors, where they are in sight: text elsewhere spoils the layout."""
    if relative_floor is None or relative_floor <= lowest:
        return
    axis.axvspan(relative_floor, lowest, color="0.9", zorder=0)
    axis.annotate("rounding of float64", (relative_floor, 0.02), xytext=(-4, 0), textcoords="offset points", ha="right",
                  fontsize=8, color="0.35")  # fmt: skip


def _finish(axis: Axes, title: str, legend_title: str) -> None:
    axis.set_title(title, fontsize=10)
    axis.grid(True, which="major", color="0.9", linewidth=0.8)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=8, title=legend_title or None, title_fontsize=8, loc="center left",
                bbox_to_anchor=(1.01, 0.5))  # fmt: skip
