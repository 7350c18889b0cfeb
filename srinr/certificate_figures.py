"""Pictures of a certificate: ``eta / rho`` on circles through the neurons it is about, and at their translates.

Every function returns a figure as those of :mod:`srinr.plotting` do. A picture shows a few curves and surfaces
of a high-dimensional sphere: it can show a violation of ``|eta| <= rho``, never the absence of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from srinr.dictionary import Dictionary
from srinr.domain import Grid
from srinr.encodings.fourier_features import FourierFeatures
from srinr.panels import common_bar, curve_panels, line_style, name_outer
from srinr.trigonometric import TrigonometricPolynomial
from srinr.weightings import Weighting, weights

Vector = NDArray[np.float64]

_RATIO, _SIZE = r"$\eta\,/\,\rho$", r"$|\eta|\,/\,\rho$"
_MAX_PANELS = 12
_TOWARDS = "towards the next neuron"
#: Neurons whose weight is a smaller part of their length are dead: eta and rho are both zero.
_DEAD = 1e-9
#: A weighting that changes more than this under translations is not invariant (aliasing changes it by less).
_INVARIANCE = 0.05


def show_certificate_slice(
    dictionary: Dictionary,
    weighting: Weighting,
    dual: ArrayLike,
    atoms: ArrayLike,
    *,
    towards: ArrayLike | None = None,
    n_directions: int = 3,
    n_angles: int = 721,
    seed: int = 0,
) -> Figure:
    """Draw ``eta / rho`` along great circles through the neurons of a measure, one panel per neuron.

    Parameters
    ----------
    dictionary, weighting
        The dictionary of neurons, and what they cost.
    dual : array, shape (m,)
        Dual vector q as a real vector (see :class:`srinr.real_samples.RealSamples`).
    atoms : array, shape (P, D) or (D,)
        Directions of the neurons, any length; the first 12 are drawn.
    towards : array, shape (D,), optional
        One more direction to draw circles to, e.g. where a search found the largest ratio.
    n_directions : int, default 3
        Circles per neuron in random directions. With several neurons one more leads through the next of them.
    n_angles : int, default 721
        Points per circle.
    seed : int, default 0
        Of the random directions.

    Returns
    -------
    Figure
        Where ``rho`` vanishes (dead neurons under the modified weightings) the curves have gaps.

    Examples
    --------
    >>> from srinr import NeuronDictionary
    >>> from srinr.weightings import StandardWeighting
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=1)
    >>> dual = dictionary.coefficients(np.array([[0.0, 0.6, 0.8]]))[0]
    >>> figure = show_certificate_slice(dictionary, StandardWeighting(), dual, [0.0, 0.6, 0.8])
    >>> figure.axes[0].get_xlabel()
    'angle from the neuron (degrees)'
    """
    q, w = _checked(dictionary, dual, atoms)
    if n_directions < 1 or n_angles < 2:
        raise ValueError(f"need n_directions >= 1 and n_angles >= 2, got {n_directions} and {n_angles}")
    rng = np.random.default_rng(seed)
    angles = np.linspace(-np.pi, np.pi, n_angles)
    goals = {} if towards is None else {"towards the given direction": _checked(dictionary, q, towards)[1][0]}
    panels = []
    for index in range(len(w)):
        random = rng.standard_normal((n_directions, w.shape[1]))
        chosen = {f"random direction {i + 1}": target for i, target in enumerate(random)}
        chosen |= {_TOWARDS: w[(index + 1) % len(w)]} | goals
        panels.append(_circles(dictionary, weighting, q, w[index], chosen, angles))
    support = _ratios(dictionary, weighting, q, w)
    top = 1.15 * max(1.0, _largest([curve for curves in panels for curve in curves.values()]))
    figure, axes = curve_panels(len(w), 4.3, 2.6, label_height=0.9)
    for index, (axis, curves) in enumerate(zip(axes, panels, strict=True)):
        _draw_circles(axis, np.degrees(angles), curves, top)
        if _TOWARDS in curves:
            following = (index + 1) % len(w)
            angle = np.degrees(np.arccos(np.clip(w[index] @ w[following], -1, 1)))
            axis.plot([angle], [support[following]], "D", color="0.35", markersize=6, label="next neuron")
        axis.plot([0.0], [support[index]], "o", color="k", markersize=6, label="neuron of the panel")
        largest = _largest([*curves.values(), support[index]])
        axis.set_title(f"neuron {index + 1}: largest {_SIZE} drawn {largest:.4f}", fontsize=10)
        name_outer(axis, index, len(w), "angle from the neuron (degrees)", _RATIO)
    shown = {label: h for axis in axes for h, label in zip(*axis.get_legend_handles_labels(), strict=True)}
    figure.legend(shown.values(), shown.keys(), loc="outside lower center", ncols=min(3, 1 + len(w)), frameon=False,
                  fontsize=9)  # fmt: skip
    return figure


def show_certificate_translates(
    dictionary: Dictionary,
    weighting: Weighting,
    dual: ArrayLike,
    atoms: ArrayLike,
    *,
    n_pixels: int = 129,
) -> Figure:
    """Draw ``eta / rho`` for all translates of the neurons of a measure, one panel per neuron.

    A translate by t has the samples ``exp(-2 pi i k.t) phi(w)_k``, so that one transform of ``conj(q) phi(w)``
    gives all of them.

    Parameters
    ----------
    dictionary, weighting
        The dictionary of neurons (integer Fourier features, 1-D or 2-D), and what they cost; the weighting
        must not change under translations, which those of the library do not.
    dual : array, shape (m,)
        Dual vector q as a real vector.
    atoms : array, shape (P, D) or (D,)
        Directions of the neurons; the first 12 are drawn.
    n_pixels : int, default 129
        Translates per axis, made odd so that the neuron itself, at shift 0, is one of them.

    Returns
    -------
    Figure
        Lines around the places where ``|eta| > rho``, if there are any. A flat field is a neuron that is dead.

    Raises
    ------
    ValueError
        Features that are not integer frequencies, more than two dimensions, or a weighting that changes under
        translations.
    """
    q, w = _checked(dictionary, dual, atoms)
    if n_pixels < 2:
        raise ValueError(f"n_pixels must be at least 2, got {n_pixels}")
    _check_invariance(dictionary, weighting, w)
    n = n_pixels + (n_pixels + 1) % 2
    fields = [_translates(dictionary, weighting, q, direction, n) for direction in w]
    shifts = (np.arange(n) - n // 2) / n
    if dictionary.encoding.dim == 1:
        return _translate_curves(shifts, fields)
    limit = max(1.0, _largest(fields))
    figure, axes = curve_panels(len(w), 3.0, 3.0, bar_width=0.9)
    for index, (axis, field) in enumerate(zip(axes, fields, strict=True)):
        half = 0.5 / n
        extent = (shifts[0] - half, shifts[-1] + half, shifts[-1] + half, shifts[0] - half)
        shown = axis.imshow(
            field,
            cmap="RdBu_r",
            vmin=-limit,
            vmax=limit,
            extent=extent,
            interpolation="nearest",
            aspect="auto",
        )
        axis.set_box_aspect(1)
        if np.abs(field).max() > 1 + 1e-6:
            axis.contour(
                shifts, shifts, field, levels=[-1.0, 1.0], colors="k", linewidths=1.0, linestyles="-"
            )
        for color, width in (("w", 3.0), ("k", 1.2)):
            axis.plot([0.0], [0.0], "o", mfc="none", mec=color, mew=width, markersize=10)
        axis.set_xticks([-0.4, 0.0, 0.4])
        axis.set_yticks([-0.4, 0.0, 0.4])
        axis.set_title(f"neuron {index + 1}: largest {_SIZE} {_largest([field]):.4f}", fontsize=10)
        name_outer(axis, index, len(w), "shift $t_1$ (fields of view)", "shift $t_0$ (fields of view)")
    common_bar(figure, axes, shown, f"{_RATIO} (circle: the neuron; lines: ±1)", "neither")
    return figure


def _checked(dictionary: Dictionary, dual: ArrayLike, atoms: ArrayLike) -> tuple[Vector, Vector]:
    """The dual vector, and the first atoms at unit length."""
    q = np.asarray(dual, dtype=np.float64)
    n_real = dictionary.real_samples.n_real
    if q.shape != (n_real,):
        raise ValueError(f"dual must be a real vector of shape ({n_real},), got {q.shape}")
    w = np.atleast_2d(np.asarray(atoms, dtype=np.float64))
    n_features = dictionary.encoding.n_features
    if w.ndim != 2 or len(w) == 0 or w.shape[1] != n_features:
        raise ValueError(f"atoms must have shape (P, {n_features}) with P >= 1, got {w.shape}")
    norms = np.linalg.norm(w, axis=1, keepdims=True)
    if not (np.isfinite(norms).all() and norms.all() and np.isfinite(q).all()):
        raise ValueError("dual or atoms are not finite, or an atom has length zero")
    return q, (w / norms)[:_MAX_PANELS]


def _ratios(dictionary: Dictionary, weighting: Weighting, dual: Vector, atoms: Vector) -> Vector:
    """``eta / rho`` at unit atoms (P, D); NaN where the neuron is dead."""
    with torch.no_grad():
        eta = dictionary.correlations(dual, torch.from_numpy(np.array(atoms)))[0].cpu().numpy()
    rho = weights(weighting, dictionary, atoms)
    return np.where(rho > _DEAD, eta / np.where(rho > _DEAD, rho, 1.0), np.nan)


def _circles(
    dictionary: Dictionary,
    weighting: Weighting,
    dual: Vector,
    start: Vector,
    targets: Mapping[str, Vector],
    angles: Vector,
) -> dict[str, Vector]:
    """Ratios along the great circles that leave an atom towards others (its own line names no circle)."""
    curves = {}
    for name, target in targets.items():
        tangent = target - (target @ start) * start
        length = float(np.linalg.norm(tangent))
        if length < 1e-4 * np.linalg.norm(target):
            continue
        tangent /= length
        circle = np.outer(np.cos(angles), start) + np.outer(np.sin(angles), tangent)
        curves[name] = _ratios(dictionary, weighting, dual, circle)
    return curves


def _translates(dictionary: Dictionary, weighting: Weighting, dual: Vector, atom: Vector, n: int) -> Vector:
    """Ratios of all translates, shift 0 in the middle."""
    real = dictionary.real_samples
    product = real.unpack(dual).conj() * real.unpack(dictionary.coefficients(atom[None])[0])
    rho = float(weights(weighting, dictionary, atom[None])[0])
    grid = Grid(n, dim=dictionary.encoding.dim)
    if not rho > _DEAD:
        return np.zeros(grid.shape)
    eta = TrigonometricPolynomial(-real.frequencies, product, real=True).on_grid(grid)
    return np.fft.fftshift(np.asarray(eta, dtype=np.float64)) / rho


def _check_invariance(dictionary: Dictionary, weighting: Weighting, atoms: Vector) -> None:
    encoding = dictionary.encoding
    if not isinstance(encoding, FourierFeatures) or not encoding.is_integer or encoding.dim > 2:
        raise ValueError(
            f"translates are drawn for integer Fourier features in 1-D and 2-D, got {encoding!r}; "
            "use show_certificate_slice"
        )
    shifts = (np.full(encoding.dim, 0.5), np.full(encoding.dim, 0.25))
    here = weights(weighting, dictionary, atoms)
    for shift in shifts:
        there = weights(weighting, dictionary, _translated(atoms, encoding.frequencies, shift))
        if (np.abs(there - here) > _INVARIANCE * np.abs(here) + _DEAD).any():
            raise ValueError(
                "the weighting changes under translations, so that one value of rho does not hold for all of "
                "them; use show_certificate_slice"
            )


def _translated(atoms: Vector, frequencies: Vector, shift: Vector) -> Vector:
    """Weights of the neurons moved by ``shift``: a rotation of each pair of sine and cosine."""
    n = len(frequencies)
    phase = 2 * np.pi * frequencies @ shift
    sine, cosine = atoms[:, :n], atoms[:, n : 2 * n]
    moved = [sine * np.cos(phase) + cosine * np.sin(phase), cosine * np.cos(phase) - sine * np.sin(phase)]
    return np.concatenate([*moved, atoms[:, 2 * n :]], axis=1)


def _largest(curves: Sequence[ArrayLike]) -> float:
    """Largest magnitude; 0 where all is dead."""
    values = np.concatenate([np.ravel(np.asarray(curve, dtype=np.float64)) for curve in curves])
    return float(np.nanmax(np.abs(values), initial=0.0))


def _draw_circles(axis: Axes, degrees: Vector, curves: Mapping[str, Vector], top: float) -> None:
    _shade_violations(axis, top)
    for i, (name, curve) in enumerate(curves.items()):
        axis.plot(degrees, curve, linewidth=1.4, label=name, **line_style(i))
    axis.set_xlim(-180, 180)
    axis.set_xticks([-120, -60, 0, 60, 120])


def _shade_violations(axis: Axes, top: float) -> None:
    """Where no certificate may be: beyond the lines at 1 and -1."""
    for sign in (-1.0, 1.0):
        axis.axhspan(*sorted((sign, sign * top)), color="0.92", linewidth=0)
        axis.axhline(sign, color="0.3", linewidth=0.8)
    axis.set_ylim(-top, top)
    axis.spines[["top", "right"]].set_visible(False)


def _translate_curves(shifts: Vector, fields: Sequence[Vector]) -> Figure:
    figure = Figure(figsize=(6.0, 3.8), layout="constrained")
    axis = figure.add_subplot()
    _shade_violations(axis, 1.15 * max(1.0, _largest(fields)))
    for i, field in enumerate(fields):
        (line,) = axis.plot(shifts, field, linewidth=1.4, label=f"neuron {i + 1}", **line_style(i))
        axis.plot([0.0], [field[len(field) // 2]], "o", color=line.get_color(), markersize=5)
    axis.set_xlabel("shift (fields of view)")
    axis.set_ylabel(_RATIO)
    figure.legend(loc="outside right upper", frameon=False, fontsize=9)
    return figure
