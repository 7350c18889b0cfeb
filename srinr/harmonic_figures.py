"""Figures of spectra: reconstructions beside what their mappings reach, aliasing, and the diagnosis of a model.

As in :mod:`srinr.plotting`, every function returns a ``Figure`` without pyplot. Levels are in dB with 20 log10.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from numpy.typing import NDArray

from srinr.analysis.diagnosis import Coverage, SamplingAliasing
from srinr.domain import grid_frequencies
from srinr.panels import common_bar, curve_panels, draw_panel, name_outer
from srinr.studies.aliasing import AliasingResult
from srinr.studies.imperfect_recovery import Recovery

_BLUE, _RED, _GREEN = "#0072B2", "#D55E00", "#009E73"
_SIDE = 2.15


def show_recoveries(
    recoveries: Sequence[Recovery],
    titles: Sequence[str],
    *,
    floor: float = -100.0,
    center: int | None = None,
    n_columns: int = 3,
) -> Figure:
    """Show the target and its reconstructions, with their spectra below, all on common scales (figures 2, 6 to 8).

    Parameters
    ----------
    recoveries : sequence of Recovery
        Of one image.
    titles : sequence of str
        One per recovery; PSNR and its ceiling are added.
    floor : float, default -100
        Lower end of the scale of the spectra, dB; the upper end is the largest coefficient of the target.
    center : int, optional
        A further row with the central ``center`` x ``center`` bins.
    n_columns : int, default 3
        Recoveries beside each other; further ones follow below, again beside the target.

    Returns
    -------
    Figure
    """
    if len(recoveries) == 0 or len(recoveries) != len(titles):
        raise ValueError(
            f"expected one title per recovery, got {len(recoveries)} recoveries and {len(titles)} titles"
        )
    if n_columns < 1:
        raise ValueError(f"n_columns must be at least 1, got {n_columns}")
    target = recoveries[0].image
    if any(not np.array_equal(r.image, target) for r in recoveries):
        raise ValueError("recoveries must be of one image; draw a figure for each image")
    names = [_titled(r, title) for r, title in zip(recoveries, titles, strict=True)]
    columns, n_rows = 1 + min(n_columns, len(recoveries)), 2 if center is None else 3
    n_blocks = -(-len(recoveries) // n_columns)
    lines = 1 + max(name.count("\n") for name in names)
    height = n_blocks * ((_SIDE + 0.15) * n_rows + 0.17 * lines) + 0.4
    figure = Figure(figsize=(_SIDE * columns + 1.1, height), layout="constrained")
    first, top = recoveries[0].decibels(floor=floor)[0], float(recoveries[0].decibels(floor=floor)[0].max())
    above: list[Axes] = []
    below: list[Axes] = []
    for block in range(n_blocks):
        part = slice(block * n_columns, (block + 1) * n_columns)
        shown = [(target, first, "target")]
        shown += [(r.reconstruction, r.decibels(floor=floor)[1], n)
                  for r, n in zip(recoveries[part], names[part], strict=True)]  # fmt: skip
        for j, (image, levels, name) in enumerate(shown):
            panels = [image, levels] if center is None else [image, levels, _central(levels, center)]
            for i, panel in enumerate(panels):
                axis = figure.add_subplot(n_blocks * n_rows, columns, (block * n_rows + i) * columns + j + 1)
                axis.set_box_aspect(target.shape[0] / target.shape[1])
                axis.tick_params(labelsize=7, labelleft=j == 0)
                (below if i else above).append(axis)
                if i:
                    spectrum = _draw_spectrum(axis, panel, floor, top)
                    axis.set_ylabel("" if j else "frequency (cycles\nper field of view)", fontsize=8)
                    continue
                gray = draw_panel(axis, panel, "gray", 0.0, 1.0)
                axis.set(title=name, xticks=[0.0, 0.5], yticks=[0.0, 0.5])
                axis.title.set_fontsize(9)
                axis.set_ylabel("" if j else "position\n(fields of view)", fontsize=8)
    # Beside the first block; the scales are those of all blocks.
    common_bar(figure, above[:columns], gray, "gray value", "both")
    common_bar(figure, below[: columns * (n_rows - 1)], spectrum, "|DFT| (dB)", "min")
    return figure


def show_aliasing(
    results: Sequence[AliasingResult], titles: Sequence[str], *, floor: float = -100.0
) -> Figure:
    """Show spectra on the test points, with the target's frequency and its alias (figures 3 and 9).

    Parameters
    ----------
    results : sequence of AliasingResult
        One panel each.
    titles : sequence of str
        One per result.
    floor : float, default -100
        Lower end of the axis, dB relative to a sine of amplitude 1.

    Returns
    -------
    Figure
    """
    if len(results) == 0 or len(results) != len(titles):
        raise ValueError(
            f"expected one title per result, got {len(results)} results and {len(titles)} titles"
        )
    columns = min(2, len(results))
    rows = -(-len(results) // columns)
    figure = Figure(figsize=(4.2 * columns + 0.3, 2.5 * rows + 0.6), layout="constrained")
    for i, (result, title) in enumerate(zip(results, titles, strict=True)):
        axis = figure.add_subplot(rows, columns, i + 1)
        sine = result.target
        axis.axvspan(sine.n_train / 2, sine.n_test / 2, color="0.94", label="beyond the band of the samples")
        for name, at, color in (("target", sine.frequency, _GREEN), ("alias", sine.alias, _RED)):
            axis.axvline(at, color=color, linewidth=3.5, alpha=0.45, label=f"{name}, {at} cycles")
        for name, spectrum, color, dashes in (
            (f"{sine.n_train} training points", result.train_spectrum, "0.35", ":"),
            (f"{sine.n_test} test points", result.test_spectrum, _BLUE, "-"),
        ):
            levels = spectrum.decibels(reference=0.5, floor=floor)[spectrum.coefficients.size // 2 :]
            axis.plot(
                np.arange(len(levels)), levels, linewidth=1.1, label=name, color=color, linestyle=dashes
            )
        axis.set_xlim(0, sine.n_test / 2)
        axis.set_ylim(floor, 8)
        axis.set_title(f"{title}\nalias {result.alias_relative:.1f} dB, largest other {result.other_relative:.1f} dB "
                       f"(k = {result.other_frequency})", fontsize=9)  # fmt: skip
        axis.tick_params(labelsize=8, labelbottom=i + columns >= len(results), labelleft=i % columns == 0)
        if i + columns >= len(results):
            axis.set_xlabel("frequency (cycles per field of view)", fontsize=9)
        if i % columns == 0:
            axis.set_ylabel("|DFT| (dB)", fontsize=9)
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def show_diagnosis(
    aliasing: SamplingAliasing,
    *,
    support: NDArray[np.bool_] | None = None,
    coverage: Coverage | None = None,
    title: str = "",
    range_db: float = 120.0,
) -> Figure:
    """Show the spectrum of a model at a multiple of the sampling rate, beside what it can reach and what it misses.

    Parameters
    ----------
    aliasing : SamplingAliasing
        Of ``aliased_energy``; the band of its grid is framed.
    support : array of bool, shape ``aliasing.grid.shape``, optional
        Predicted support, centered.
    coverage : Coverage, optional
        Of a target; its missed energy is drawn.
    title : str
        Above the figure.
    range_db : float, default 120
        Range of the scale below the largest level.

    Returns
    -------
    Figure
        In 3-D, energies are summed along the last axis (a support bin counts when it is reached anywhere there).
    """
    n = 1 + (support is not None) + (coverage is not None)
    is_line = aliasing.grid.dim == 1
    figure, axes = curve_panels(n, 4.4 if is_line else 3.0, 2.8, bar_width=0.0 if is_line else 0.5 * n)
    fine = aliasing.spectrum.coefficients.shape
    k = grid_frequencies(fine).astype(np.float64)
    draw = _draw_line if is_line else _draw_plane
    used = [axes.pop(0)]
    draw(figure, used[0], k, aliasing.spectrum.modulus.ravel() ** 2, range_db)
    used[0].set_title(f"the model at {aliasing.oversampling} times the sampling rate", fontsize=9)
    _frame_band(used[0], aliasing.grid.shape)
    if support is not None:
        used.append(axes.pop(0))
        _draw_support(used[-1], np.asarray(support))
    if coverage is not None:
        used.append(axes.pop(0))
        scale = float(coverage.energies.max(initial=0.0))
        draw(figure, used[-1], coverage.frequencies, coverage.missed, range_db, scale)
        used[-1].set_title(
            f"energy of the target out of reach:\n{100 * (1 - coverage.covered):.3g} %", fontsize=9
        )
    for i, axis in enumerate(used):
        name_outer(axis, i, n, "frequency $k_1$ (cycles per field of view)", "frequency $k_0$")
        axis.tick_params(labelleft=True)
        if is_line:
            axis.set_xlabel("frequency (cycles per field of view)", fontsize=9)
            axis.set_ylabel("reached" if axis.get_ylim()[1] == 1.1 else "|coefficient| (dB)", fontsize=9)
    figure.suptitle(title, fontsize=10)
    return figure


def _titled(recovery: Recovery, title: str) -> str:
    ceiling = "" if recovery.psnr_ceiling is None else f" (ceiling {recovery.psnr_ceiling:.2f})"
    return f"{textwrap.fill(title, 24)}\n{recovery.psnr:.2f} dB{ceiling}"


def _draw_spectrum(axis: Axes, decibels: NDArray[np.float64], low: float, high: float) -> ScalarMappable:
    rows, columns = decibels.shape
    extent = (-(columns // 2) - 0.5, (columns + 1) // 2 - 0.5, (rows + 1) // 2 - 0.5, -(rows // 2) - 0.5)
    return axis.imshow(
        decibels, cmap="viridis", vmin=low, vmax=high, extent=extent, interpolation="nearest", aspect="auto"
    )


def _central(values: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """The central bins of a centered spectrum; frequency 0 stays in the middle."""
    if size < 1:
        raise ValueError(f"center must be at least 1 bin, got {size}")
    cuts = [slice(max(0, n // 2 - size // 2), n // 2 - size // 2 + size) for n in values.shape]
    return values[tuple(cuts)]


def _levels(energy: NDArray[np.float64], range_db: float, largest: float | None) -> NDArray[np.float64]:
    top = (float(energy.max(initial=0.0)) if largest is None else largest) or 1.0
    return 10.0 * np.log10(np.maximum(energy, top * 10.0 ** (-range_db / 10.0)))


def _draw_line(
    figure: Figure, axis: Axes, k: NDArray[np.float64], energy: NDArray[np.float64], range_db: float,
    largest: float | None = None,
) -> None:  # fmt: skip
    order = np.argsort(k[:, 0])
    levels = _levels(energy, range_db, largest)[order]
    floor = float(_levels(np.zeros(1), range_db, largest if largest is not None else float(energy.max()))[0])
    axis.vlines(k[order, 0], floor, levels, color=_BLUE, linewidth=0.9)
    axis.plot(k[order, 0], levels, ".", color=_BLUE, markersize=3)
    axis.set_ylim(floor, floor + range_db + 6)


def _draw_plane(
    figure: Figure, axis: Axes, k: NDArray[np.float64], energy: NDArray[np.float64], range_db: float,
    largest: float | None = None,
) -> None:  # fmt: skip
    index = np.rint(k[:, :2]).astype(np.int64)
    low = index.min(axis=0)
    box = np.full(tuple(index.max(axis=0) - low + 1), np.nan)
    at = tuple((index - low).T)
    box[at] = 0.0
    np.add.at(box, at, energy)
    levels = _levels(np.where(np.isnan(box), 0.0, box), range_db, largest)
    extent = (low[1] - 0.5, low[1] + box.shape[1] - 0.5, low[0] + box.shape[0] - 0.5, low[0] - 0.5)
    axis.set_facecolor("0.8")
    top = float(
        _levels(np.array([largest]) if largest is not None else box[~np.isnan(box)], range_db, largest).max()
    )
    shown = axis.imshow(np.where(np.isnan(box), np.nan, levels), cmap="viridis", vmin=top - range_db, vmax=top,
                        extent=extent, interpolation="nearest")  # fmt: skip
    common_bar(figure, [axis], shown, "|coefficient| (dB)", "min")


def _frame_band(axis: Axes, shape: tuple[int, ...]) -> None:
    style: dict[str, Any] = {"color": _RED, "linewidth": 1.2, "linestyle": "--"}
    if len(shape) == 1:
        for at in (-shape[0] / 2, shape[0] / 2):
            axis.axvline(at, **style, label=f"band of {shape[0]} pixels" if at > 0 else None)
        axis.legend(frameon=False, fontsize=7, loc="upper right")
        return
    (r, c) = (shape[0] / 2 + 0.5, shape[1] / 2 + 0.5)
    label = f"band of {' x '.join(map(str, shape))} pixels"
    axis.plot([-c, c, c, -c, -c], [-r, -r, r, r, -r], **style, label=label)
    axis.legend(frameon=True, fontsize=7, loc="lower right")


def _draw_support(axis: Axes, support: NDArray[np.bool_]) -> None:
    axis.set_title(f"bins that the mapping can reach: {100 * support.mean():.3g} %", fontsize=9)
    if support.ndim == 1:
        k = np.arange(len(support)) - len(support) // 2
        axis.vlines(k[support], 0, 1, color=_GREEN, linewidth=0.9)
        axis.set_ylim(0, 1.1)
        axis.set_yticks([])
        return
    flat = np.asarray(support if support.ndim == 2 else support.any(axis=2), dtype=np.float64)
    _draw_spectrum(axis, flat, 0.0, 1.0).set_cmap("cividis")
    axis.set_aspect("equal")
    axis.text(0.02, 0.02, "yellow: reachable", transform=axis.transAxes, fontsize=7,
              bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5})  # fmt: skip
