"""Receive sensitivities estimated from the fully sampled center of multi-coil Cartesian k-space.

Only products of image and sensitivities are measured, so any estimate fixes a convention: here
``sum_c |s_c|^2 = 1`` on the support, and a phase under which the image has the phase zero at low resolution.
The true normalization and phase are part of the image then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srinr.domain import Grid
from srinr.espirit import local_matrices, patch_projection
from srinr.samples import FourierSamples
from srinr.trigonometric import TrigonometricPolynomial

#: Weight of a frequency as a function of its distance from the center, from 0 to 1 at the window's edge.
Taper = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, eq=False)
class CoilMaps:
    """Estimated sensitivities.

    Parameters
    ----------
    maps : complex array, shape (n_coils, *shape)
        Sensitivities with ``sum_c |s_c|^2 = 1`` on the support and 0 outside.
    support : boolean array, shape ``shape``
        Where the estimate passed its threshold.
    quality : array, shape ``shape``
        What was thresholded: root of the sum of squares relative to its maximum for
        :func:`estimate_coil_maps`, largest eigenvalue (at most 1) for :func:`espirit_maps`.
    half_widths : tuple of int
        Frequencies used: the box ``|k_a| <= half_widths[a]``.
    """

    maps: NDArray[np.complex128]
    support: NDArray[np.bool_]
    quality: NDArray[np.float64]
    half_widths: tuple[int, ...]


def hann_taper(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hann window, ``cos(pi t / 2)^2``: 1 at the center, 0 at the edge."""
    return np.cos(0.5 * np.pi * np.clip(distance, 0.0, 1.0)) ** 2


def kaiser_taper(beta: float) -> Taper:
    """Kaiser window of shape parameter ``beta``: 0 is flat, larger values narrow it.

    Examples
    --------
    >>> kaiser_taper(0.0)(np.array([0.0, 0.5])).tolist()
    [1.0, 1.0]
    """

    def taper(distance: NDArray[np.float64]) -> NDArray[np.float64]:
        inside = np.sqrt(np.clip(1.0 - distance**2, 0.0, None))
        return np.where(distance < 1.0, np.i0(beta * inside) / np.i0(beta), 0.0)

    return taper


def fully_sampled_box(samples: FourierSamples) -> tuple[int, ...]:
    """Half-widths of the largest centered box of integer frequencies that is fully sampled.

    Returns
    -------
    tuple of int
        Half-widths h with every ``|k_a| <= h_a`` sampled and the most frequencies inside.

    Raises
    ------
    ValueError
        Non-integer frequencies, or k = 0 missing.

    Examples
    --------
    >>> from srinr import lowpass_frequencies
    >>> k = lowpass_frequencies(3)
    >>> fully_sampled_box(FourierSamples(k, np.ones(len(k))))
    (3, 3)
    """
    if not samples.is_integer:
        raise ValueError("a calibration box needs integer frequencies; grid the center of k-space first")
    k = samples.frequencies
    limits = np.abs(k).max(axis=0)
    sampled = np.zeros(tuple(int(n) for n in 2 * limits + 1), dtype=bool)
    sampled[tuple((k + limits).T)] = True
    # Fold the signs together, then spread gaps outwards: a box is full when its corner is not marked.
    gap = ~sampled
    for axis, limit in enumerate(limits):
        upper = np.take(gap, range(limit, 2 * limit + 1), axis=axis)
        lower = np.take(gap, range(limit, -1, -1), axis=axis)
        gap = np.logical_or.accumulate(upper | lower, axis=axis)
    if gap.flat[0]:
        raise ValueError("k = 0 is not sampled: there is no fully sampled center to calibrate on")
    sizes = np.prod(2 * np.indices(gap.shape) + 1, axis=0) * ~gap
    return tuple(int(i) for i in np.unravel_index(int(sizes.argmax()), gap.shape))


def estimate_coil_maps(
    samples: FourierSamples,
    grid: Grid,
    *,
    width: float | None = None,
    taper: Taper = hann_taper,
    threshold: float = 0.05,
) -> CoilMaps:
    """Low-resolution coil images divided by the root of their sum of squares.

    Simple and robust; the resolution of the object inside the window leaks into the maps.

    Parameters
    ----------
    samples : FourierSamples
        Integer frequencies, values of shape (n_coils, m).
    grid : Grid
        Where to evaluate the maps.
    width : float, optional
        Half-width of the window in cycles per field of view, per axis (a separable window); by default one
        more than the half-width of the fully sampled box.
    taper : callable
        Window, see :func:`hann_taper` and :func:`kaiser_taper`.
    threshold : float, default 0.05
        Maps are 0 where the root of the sum of squares falls below this fraction of its maximum.

    Returns
    -------
    CoilMaps

    Raises
    ------
    ValueError
        No fully sampled center, a ``width`` beyond it, or values that are not (n_coils, m).

    Examples
    --------
    >>> from srinr import lowpass_frequencies
    >>> k = lowpass_frequencies(2)
    >>> flat = np.where((k == 0).all(axis=1), 1.0, 0.0)
    >>> maps = estimate_coil_maps(FourierSamples(k, [0.6 * flat, 0.8j * flat]), Grid(4, dim=2)).maps
    >>> np.abs(maps[:, 0, 0]).round(12).tolist()
    [0.6, 0.8]
    """
    _check(samples, grid)
    if not 0 <= threshold < 1:
        raise ValueError(f"threshold must lie in [0, 1), got {threshold!r}")
    half_widths = fully_sampled_box(samples)
    images = _low_resolution(samples, grid, half_widths, width, taper)
    rss = np.sqrt((np.abs(images) ** 2).sum(axis=0))
    quality = rss / rss.max()
    support = quality > threshold
    maps = np.divide(images, rss, out=np.zeros_like(images), where=support)
    return CoilMaps(maps, support, quality, half_widths)


def espirit_maps(
    samples: FourierSamples,
    grid: Grid,
    *,
    kernel_width: int = 6,
    singular_threshold: float = 0.02,
    eigenvalue_threshold: float = 0.98,
    calibration_half_width: int | None = None,
) -> CoilMaps:
    """Sensitivities as eigenvectors of the calibration data's local relations (ESPIRiT).

    Patches of the calibration data over all coils span a low-dimensional space V. A plane wave weighted by
    the sensitivities at x lies in V, so that s(x) is an eigenvector, for the eigenvalue 1, of a matrix of
    n_coils x n_coils made from the projection onto V. Uecker et al., Magn. Reson. Med. 71 (2014) 990.

    Parameters
    ----------
    samples : FourierSamples
        Integer frequencies, values of shape (n_coils, m).
    grid : Grid
        Where to evaluate the maps.
    kernel_width : int, default 6
        Side of the patches, in samples.
    singular_threshold : float, default 0.02
        Singular values of the patches above this fraction of the largest one span V.
    eigenvalue_threshold : float, default 0.98
        Maps are 0 where the largest eigenvalue falls below; it is near 1 where there is signal.
    calibration_half_width : int, optional
        Use at most ``|k_a| <= calibration_half_width``; the whole fully sampled box by default.

    Returns
    -------
    CoilMaps

    Raises
    ------
    ValueError
        The calibration box is smaller than a patch, or an argument is out of range.

    Examples
    --------
    >>> from srinr import lowpass_frequencies
    >>> k = lowpass_frequencies(4)
    >>> y = np.random.default_rng(0).standard_normal(len(k))
    >>> maps = espirit_maps(FourierSamples(k, [0.6 * y, 0.8 * y]), Grid(4, dim=2), kernel_width=3).maps
    >>> np.abs(maps[:, 0, 0]).round(6).tolist()
    [0.6, 0.8]
    """
    _check(samples, grid)
    if not (0 < singular_threshold < 1 and 0 <= eigenvalue_threshold < 1):
        raise ValueError(
            f"thresholds must lie between 0 and 1, got singular_threshold={singular_threshold!r}, "
            f"eigenvalue_threshold={eigenvalue_threshold!r}"
        )
    half_widths = fully_sampled_box(samples)
    if calibration_half_width is not None:
        if calibration_half_width < 0:
            raise ValueError(f"calibration_half_width must be >= 0, got {calibration_half_width!r}")
        half_widths = tuple(min(h, int(calibration_half_width)) for h in half_widths)
    box = _calibration_box(samples, half_widths)
    if kernel_width < 1 or min(box.shape[1:]) < kernel_width:
        raise ValueError(
            f"kernel_width = {kernel_width} does not fit the fully sampled center of shape "
            f"{box.shape[1:]}; lower it, or use estimate_coil_maps (--maps low-resolution)"
        )
    projection = patch_projection(box, kernel_width, singular_threshold)
    matrices = local_matrices(projection, kernel_width, grid)
    eigenvalues, vectors = np.linalg.eigh(matrices)
    quality, leading = eigenvalues[..., -1], np.moveaxis(vectors[..., -1], -1, 0)
    images = _low_resolution(samples, grid, half_widths, None, hann_taper)
    phase = np.exp(1j * np.angle((leading.conj() * images).sum(axis=0)))
    support = quality > eigenvalue_threshold
    return CoilMaps(np.where(support, leading * phase, 0.0), support, quality, half_widths)


def _check(samples: FourierSamples, grid: Grid) -> None:
    if samples.values.ndim != 2:
        raise ValueError(f"values must have shape (n_coils, m), got {samples.values.shape}")
    if not samples.values.any():
        raise ValueError("samples are all zero: nothing to calibrate on")
    if grid.dim != samples.dim:
        raise ValueError(f"grid of shape {grid.shape} does not match frequencies of dimension {samples.dim}")


def _low_resolution(
    samples: FourierSamples, grid: Grid, half_widths: tuple[int, ...], width: float | None, taper: Taper
) -> NDArray[np.complex128]:
    """Windowed coil images from the center, shape (n_coils, *grid.shape)."""
    widths = tuple(float(h + 1 if width is None else width) for h in half_widths)
    if any(not 0 < w <= h + 1 for w, h in zip(widths, half_widths, strict=True)):
        raise ValueError(
            f"width must be positive and at most the half-width of the fully sampled center plus one, "
            f"{min(half_widths) + 1}; got {width!r}"
        )
    distance = np.abs(samples.frequencies) / np.array(widths)
    center = (distance < 1.0).all(axis=1)
    k, window = samples.frequencies[center].astype(np.int64), taper(distance[center]).prod(axis=1)
    images = [TrigonometricPolynomial(k, y * window).on_grid(grid) for y in samples.values[:, center]]
    return np.stack(images).astype(np.complex128)


def _calibration_box(samples: FourierSamples, half_widths: tuple[int, ...]) -> NDArray[np.complex128]:
    """Values on the box, shape (n_coils, 2 h_1 + 1, ...)."""
    k = samples.frequencies.astype(np.int64)
    inside = (np.abs(k) <= np.array(half_widths)).all(axis=1)
    box = np.zeros((len(samples.values), *[2 * h + 1 for h in half_widths]), dtype=np.complex128)
    box[(slice(None), *(k[inside] + np.array(half_widths)).T)] = samples.values[:, inside]
    return box
