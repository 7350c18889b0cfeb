"""Success counts of a sweep and their Wilson intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.sweep_cells import Scalar

#: Called with what a trial returned (a mapping, or a number); None means undecided.
Predicate = Callable[[Any], bool | None]


def wilson_interval(
    n_success: ArrayLike, n_trials: ArrayLike, confidence: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Wilson score interval of a success probability, without continuity correction.

    Parameters
    ----------
    n_success, n_trials : array_like of int
        Successes among trials.
    confidence : float, default 0.95
        Coverage aimed at.

    Returns
    -------
    low, high : arrays
        ``(p + z^2/2n -+ z sqrt(p (1 - p)/n + z^2/4n^2)) / (1 + z^2/n)`` with p = n_success/n and z the normal
        quantile (E. B. Wilson, J. Am. Stat. Assoc. 22, 1927); 0 and 1 without trials.

    Examples
    --------
    >>> low, high = wilson_interval(9, 10)
    >>> f"{low:.4f} {high:.4f}"
    '0.5958 0.9821'
    """
    from scipy.special import ndtri

    k, n = np.asarray(n_success, dtype=np.float64), np.asarray(n_trials, dtype=np.float64)
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must lie between 0 and 1, got {confidence!r}")
    if not ((k >= 0) & (k <= n)).all():
        raise ValueError("n_success must lie between 0 and n_trials everywhere")
    z = float(ndtri(0.5 + confidence / 2))
    # Multiplied through by n: nothing is divided by zero where there is no trial.
    center = (k + z**2 / 2) / (n + z**2)
    half = z * np.sqrt(k * (n - k) / np.maximum(n, 1) + z**2 / 4) / (n + z**2)
    low = np.where(k == 0, 0.0, np.clip(center - half, 0, 1))
    high = np.where(k == n, 1.0, np.clip(center + half, 0, 1))
    return low, high


@dataclass(frozen=True)
class SuccessCounts:
    """Successes per cell, as arrays over the axes of a diagram.

    Attributes
    ----------
    axes : mapping
        Names and values of the axes.
    n_success : array of int
        Trials for which the predicate was true.
    n_trials : array of int
        Trials that count: decided ones, and (unless excluded) failed and timed-out ones.
    n_undecided : array of int
        Trials for which the predicate was None.
    n_failed : array of int
        Trials that failed or timed out; the predicate is not asked about these.
    """

    axes: Mapping[str, tuple[Scalar, ...]]
    n_success: NDArray[np.int64]
    n_trials: NDArray[np.int64]
    n_undecided: NDArray[np.int64]
    n_failed: NDArray[np.int64]

    @property
    def probability(self) -> NDArray[np.float64]:
        """Fraction of successes; NaN where no trial counts."""
        return np.where(self.n_trials > 0, self.n_success / np.maximum(self.n_trials, 1), np.nan)

    def interval(self, confidence: float = 0.95) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Wilson intervals, see :func:`wilson_interval`."""
        return wilson_interval(self.n_success, self.n_trials, confidence)
