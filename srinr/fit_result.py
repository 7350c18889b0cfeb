"""What ``fit`` returns, and what its callback sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srinr.inr import INR
from srinr.status import Status


@dataclass(frozen=True)
class FitState:
    """What a callback sees, read-only by convention; ``inr`` is the live model (float type of the training)."""

    step: int
    stage: int
    seconds: float
    objective: float
    data_residual: float
    validation_error: float | None
    inr: INR


@dataclass(frozen=True, eq=False)
class History:
    """Figures along the training, one entry per evaluation.

    ``objective`` is ``1/2 |A f - y|^2 + strength R``; ``data_residual`` is ``|A f - y| / |y|``;
    ``validation_error`` is the same ratio on held-out samples (NaN without them).
    """

    step: NDArray[np.int64]
    seconds: NDArray[np.float64]
    objective: NDArray[np.float64]
    data_residual: NDArray[np.float64]
    regularization: NDArray[np.float64]
    validation_error: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FitResult:
    """What ``fit`` returns; ``image`` is the trained INR, in float64.

    Attributes
    ----------
    image : INR
        Evaluate with ``image.image(points)`` or ``grid.rasterize(result.image)``.
    status, message : Status, str
        How training ended and what to do about it.
    objective, data_residual, regularization : float
        Of the returned parameters: ``1/2 |A f - y|^2 + strength R``, ``|A f - y| / |y|``, and R.
    total_variation : float or None
        ``sum_i |a_i| rho(w_i)``, the scale-free cost of a shallow real INR.
    validation_error : float or None
        Relative error on the held-out samples.
    history : History
    n_steps : int
        Steps taken in all stages, including those before a resume.
    seconds : float
        Wall time, likewise.
    """

    image: INR
    status: Status
    message: str
    objective: float
    data_residual: float
    regularization: float
    total_variation: float | None
    validation_error: float | None
    history: History
    n_steps: int
    seconds: float
