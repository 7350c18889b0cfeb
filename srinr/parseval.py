"""The L2 distance of continuous images, from their Fourier coefficients."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from srinr.samples import FourierSamples


@dataclass(frozen=True)
class L2Error:
    """What Parseval says about a continuous L2 distance.

    Parameters
    ----------
    inside : float
        Contribution of the compared coefficients: a lower bound of the distance.
    tail_bound : float
        Bound on the contribution of all other coefficients; infinity when none is known.
    reference_norm : float
        L2 norm of the reference inside the compared coefficients.
    """

    inside: float
    tail_bound: float
    reference_norm: float

    @property
    def lower(self) -> float:
        """Lower bound of the distance."""
        return self.inside

    @property
    def upper(self) -> float:
        """Upper bound of the distance."""
        return math.hypot(self.inside, self.tail_bound)


def l2_error(image: FourierSamples, reference: FourierSamples, *, tail_bound: float = math.inf) -> L2Error:
    """L2 distance of two continuous images on the unit torus, from their coefficients.

    By Parseval ``||f - g||^2 = sum over all k of |f^(k) - g^(k)|^2``. The sum over the given frequencies is
    computed; what lies outside is covered by ``tail_bound``, which only the caller can know.

    Parameters
    ----------
    image, reference : FourierSamples
        Exact coefficients on the same distinct integer frequencies, one image each (values of shape (m,)).
        Coefficients computed from a raster carry the raster's aliasing, which is not accounted for here.
    tail_bound : float
        Bound on the L2 norm of ``f - g`` outside these frequencies. By the triangle inequality the sum of the
        two tails will do; that of a trigonometric polynomial inside the box is 0, that of a piecewise
        constant image f follows from ``||f||^2`` minus the sum of its ``|f^(k)|^2`` inside. Without it the
        upper bound is infinite.

    Returns
    -------
    L2Error
        ``lower <= distance <= upper``.

    Examples
    --------
    >>> f = FourierSamples([[0], [1]], [1.0, 0.5])
    >>> g = FourierSamples([[0], [1]], [1.0, 0.1])
    >>> error = l2_error(f, g, tail_bound=0.3)
    >>> round(error.lower, 12), round(error.upper, 12)
    (0.4, 0.5)
    """
    if not (image.is_integer and reference.is_integer):
        raise ValueError("l2_error needs integer frequencies: Parseval's sum runs over the Fourier series")
    if not np.array_equal(image.frequencies, reference.frequencies):
        raise ValueError("image and reference must have the same frequencies in the same order; use select()")
    if len(np.unique(reference.frequencies, axis=0)) != reference.n_samples:
        raise ValueError("frequencies repeat; each may be counted once only, use select()")
    if image.values.ndim != 1 or reference.values.ndim != 1:
        raise ValueError(
            f"values must have shape (m,), one image each; got {image.values.shape} "
            f"and {reference.values.shape}"
        )
    if not tail_bound >= 0:
        raise ValueError(f"tail_bound must be >= 0, got {tail_bound!r}")
    inside = float(np.linalg.norm(image.values - reference.values))
    return L2Error(inside, float(tail_bound), float(np.linalg.norm(reference.values)))
