"""Held-out samples: one set to choose with, another to report with, both disjoint from what is fitted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.domain import half_plane
from srinr.samples import FourierSamples


@dataclass(frozen=True, eq=False)
class HeldOutSplit:
    """A partition of samples into three disjoint parts; made by :func:`split_samples`.

    Parameters
    ----------
    samples : FourierSamples
        All samples.
    fit_mask, choose_mask, report_mask : boolean arrays, shape (m,)
        What is fitted; what chooses hyper-parameters and the stopping point; what is reported, once.
    """

    samples: FourierSamples
    fit_mask: NDArray[np.bool_]
    choose_mask: NDArray[np.bool_]
    report_mask: NDArray[np.bool_]

    @property
    def fit(self) -> FourierSamples:
        """Samples to fit."""
        return self.samples.select(self.fit_mask)

    @property
    def choose(self) -> FourierSamples:
        """Samples that choose hyper-parameters and the stopping point."""
        return self.samples.select(self.choose_mask)

    @property
    def report(self) -> FourierSamples:
        """Samples that are looked at once, for the report."""
        return self.samples.select(self.report_mask)


def split_samples(
    samples: FourierSamples,
    rng: np.random.Generator,
    *,
    choose: float = 0.05,
    report: float = 0.10,
    always_fit: ArrayLike | None = None,
    hermitian: bool = False,
) -> HeldOutSplit:
    """Draw two disjoint random sets of positions to hold out.

    Positions are drawn, not values: all coils (and other leading axes) of a position stay together, and so
    do repeated samples of one frequency. Otherwise a held-out value would have a twin among the fitted ones.

    Parameters
    ----------
    samples : FourierSamples
        All samples, values of shape (..., m).
    rng : numpy.random.Generator
        Source of the draw.
    choose, report : float, default 0.05 and 0.10
        Sizes of the two sets as fractions of all m positions.
    always_fit : boolean array, shape (m,), optional
        Positions never held out, e.g. the calibration box that coil maps are estimated from.
    hermitian : bool, default False
        Keep k and -k together: for real images each determines the other.

    Returns
    -------
    HeldOutSplit

    Raises
    ------
    ValueError
        Fractions out of range, a mask of the wrong kind, or too few positions for sets that are not empty.

    Examples
    --------
    >>> from srinr import lowpass_frequencies
    >>> k = lowpass_frequencies(4)
    >>> split = split_samples(FourierSamples(k, np.ones(len(k))), np.random.default_rng(0))
    >>> split.fit.n_samples, split.choose.n_samples, split.report.n_samples
    (69, 4, 8)
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError("rng must be a numpy.random.Generator, e.g. numpy.random.default_rng(0)")
    if not (0 < choose < 1 and 0 < report < 1 and choose + report < 1):
        raise ValueError(
            f"choose and report must be positive fractions of sum below 1, got {choose!r} and {report!r}"
        )
    m = samples.n_samples
    kept = _checked_mask(always_fit, m)
    group, n_groups = _groups(samples, hermitian)
    held = _draw(group, n_groups, kept, (round(choose * m), round(report * m)), rng)
    return HeldOutSplit(samples, ~(held[0] | held[1]), held[0], held[1])


def calibration_box(samples: FourierSamples, half_widths: tuple[int, ...]) -> NDArray[np.bool_]:
    """Mark the frequencies with ``|k_a| <= half_widths[a]`` on every axis, shape (m,).

    Examples
    --------
    >>> calibration_box(FourierSamples([[0, 1], [2, 0]], [1.0, 1.0]), (1, 1)).tolist()
    [True, False]
    """
    if len(half_widths) != samples.dim:
        raise ValueError(
            f"half_widths must have one entry per axis, got {half_widths} for dimension {samples.dim}"
        )
    inside: NDArray[np.bool_] = np.all(np.abs(samples.frequencies) <= np.array(half_widths), axis=1)
    return inside


def _checked_mask(always_fit: ArrayLike | None, m: int) -> NDArray[np.bool_]:
    if always_fit is None:
        return np.zeros(m, dtype=bool)
    mask = np.asarray(always_fit)
    if mask.dtype != bool or mask.shape != (m,):
        raise ValueError(f"always_fit must be a boolean array of shape ({m},), got {mask.dtype} {mask.shape}")
    return mask.astype(np.bool_)


def _groups(samples: FourierSamples, hermitian: bool) -> tuple[NDArray[np.intp], int]:
    """Number of the group of each sample: samples of one group are held out together or not at all."""
    k = samples.frequencies
    if hermitian:
        k = np.where(half_plane(k)[:, None], k, -k)
    unique, group = np.unique(k, axis=0, return_inverse=True)
    return group.reshape(-1), len(unique)


def _draw(
    group: NDArray[np.intp],
    n_groups: int,
    kept: NDArray[np.bool_],
    wanted: tuple[int, int],
    rng: np.random.Generator,
) -> NDArray[np.bool_]:
    """Masks of the two held-out sets, shape (2, m); as near to the wanted sizes as whole groups allow."""
    size = np.bincount(group, minlength=n_groups)
    is_free = np.bincount(group, weights=kept, minlength=n_groups) == 0
    order = rng.permutation(np.flatnonzero(is_free))
    filled = np.cumsum(size[order])
    if not len(filled) or filled[-1] < sum(wanted) or min(wanted) < 1:
        raise ValueError(
            f"cannot hold out {wanted[0]} + {wanted[1]} of {len(group)} positions: "
            f"{int(filled[-1]) if len(filled) else 0} are free to be held out; use more samples, "
            "other fractions, or a smaller always_fit"
        )
    part = np.full(n_groups, -1)
    part[order[filled <= wanted[0]]] = 0
    part[order[(filled > wanted[0]) & (filled <= sum(wanted))]] = 1
    masks = np.stack([part[group] == 0, part[group] == 1])
    if not masks.any(axis=1).all():
        raise ValueError(
            f"cannot hold out {wanted[0]} + {wanted[1]} positions in whole groups; raise the fractions"
        )
    return masks
