"""Regularized least squares by conjugate gradients: CG-SENSE when the operator holds coil sensitivities.

Pruessmann et al., Magn. Reson. Med. 46 (2001) 638; the recurrence is the least-squares form of conjugate
gradients (Björck, Numerical Methods for Least Squares Problems, 1996, section 7.4).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srinr.operators.linear import LinearOperator
from srinr.samples import FourierSamples
from srinr.status import Status

logger = logging.getLogger(__name__)

#: Called after every step with the step number and the image; True stops.
SenseCallback = Callable[[int, NDArray[Any]], bool | None]


@dataclass(frozen=True, eq=False)
class SenseHistory:
    """Figures of the iteration, arrays of ``n_steps + 1`` entries with that of the start first.

    ``objective`` and ``data_residual`` are those of :class:`SenseResult`, as the recurrence sees them;
    ``gradient`` is the gradient's norm relative to that at the zero image.
    """

    objective: NDArray[np.float64]
    data_residual: NDArray[np.float64]
    gradient: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SenseResult:
    """Outcome of :func:`cg_sense`.

    Parameters
    ----------
    image : array, shape ``operator.in_shape``
        The image's pixels.
    status : Status
        How the iteration ended.
    n_steps : int
        Steps taken.
    objective : float
        ``1/2 ||A x - y||^2 + strength/2 mean |x|^2`` at ``image``.
    data_residual : float
        ``||A x - y|| / ||y||`` at ``image``, recomputed from it.
    history : SenseHistory
        The same figures step by step.
    """

    image: NDArray[Any]
    status: Status
    n_steps: int
    objective: float
    data_residual: float
    history: SenseHistory

    @property
    def message(self) -> str:
        """What the status means, and the remedy."""
        return self.status.message


def cg_sense(
    operator: LinearOperator,
    samples: FourierSamples | NDArray[np.complex128],
    *,
    strength: float,
    max_steps: int = 100,
    tol: float = 1e-6,
    real: bool = False,
    start: NDArray[Any] | None = None,
    callback: SenseCallback | None = None,
) -> SenseResult:
    """Minimize ``1/2 ||A x - y||^2 + strength/2 mean |x|^2`` over images x by conjugate gradients.

    The first norm is the sum of squares over all samples and coils. The mean over pixels is the squared L2
    norm of the image over the field of view, so that a strength means the same on every grid: with
    orthonormal sampling and ``sum |s|^2 = 1`` it is the shrinkage, 0.01 pulls fully sampled images towards
    zero by 1 %. Stopping early regularizes as well.

    Parameters
    ----------
    operator : LinearOperator
        From pixels (``in_shape``) to data (``out_shape``), e.g. ``mask @ fourier @ coils``.
    samples : FourierSamples or array, shape ``operator.out_shape``
        The data y.
    strength : float
        At least 0; 0 gives least squares, of least norm when started from zero.
    max_steps : int
        Limit of the iterations; one forward and one adjoint each.
    tol : float
        Stop when the gradient has fallen to this fraction of its norm at the zero image.
    real : bool, default False
        Minimize over real images.
    start : array, shape ``operator.in_shape``, optional
        First image, e.g. of an earlier run; zero by default.
    callback : callable, optional
        ``callback(step, image)`` after every step; it must not change the image. Returning True stops.

    Returns
    -------
    SenseResult
        ``CONVERGED`` is only reported when the gradient recomputed from the image is within ``tol``;
        ``CONVERGED_INACCURATE`` within 10 ``tol``. ``NONFINITE`` keeps the last finite image.

    Raises
    ------
    ValueError
        Wrong shapes, non-finite data, or a parameter out of range.

    Examples
    --------
    >>> from srinr import FourierOperator, Grid
    >>> operator = FourierOperator(Grid(4, dim=1))
    >>> result = cg_sense(operator, operator.forward(np.arange(4.0)), strength=0.0)
    >>> result.status.name, result.image.real.round(6).tolist()
    ('CONVERGED', [0.0, 1.0, 2.0, 3.0])
    """
    y = samples.values if isinstance(samples, FourierSamples) else np.asarray(samples)
    _check_arguments(operator, y, strength, max_steps, tol)
    problem = _Problem(operator, y.astype(np.complex128), float(strength), real)
    state = problem.begin(_checked_start(operator, start, real))
    history: list[tuple[float, float, float]] = [problem.figures(state)]
    status, step = _status_before(problem, state, tol), 0
    while status is None and step < max_steps:
        following = problem.advance(state)
        if following is None:
            status = Status.NONFINITE
            break
        state, step = following, step + 1
        history.append(problem.figures(state))
        logger.debug("step %d: objective %.6g, residual %.4g, gradient %.3g", step, *history[-1])
        if callback is not None and callback(step, state.x) is True:
            status = Status.USER_STOP
        elif state.gradient_energy <= (tol * problem.gradient_scale) ** 2:
            status = problem.verified(state, tol)
    return problem.result(state, status or Status.MAX_STEPS, step, history)


@dataclass(frozen=True)
class _State:
    """One iterate: image, residual y - A x, negative gradient, direction."""

    x: NDArray[Any]
    residual: NDArray[np.complex128]
    descent: NDArray[Any]
    direction: NDArray[Any]
    gradient_energy: float


class _Problem:
    """The least-squares problem, with the mean over pixels as inner product of images."""

    def __init__(
        self, operator: LinearOperator, y: NDArray[np.complex128], strength: float, real: bool
    ) -> None:
        self.operator, self.y, self.strength, self.real = operator, y, strength, real
        self.n_pixels = int(np.prod(operator.in_shape))
        self.gradient_scale = float(np.sqrt(self._mean_square(self._adjoint(y))))

    def _adjoint(self, residual: NDArray[np.complex128]) -> NDArray[Any]:
        """Adjoint for the mean inner product, projected on real images when asked for."""
        back = self.operator.adjoint(residual) * self.n_pixels
        return back.real.copy() if self.real else back

    def _mean_square(self, x: NDArray[Any]) -> float:
        return float(np.vdot(x, x).real) / self.n_pixels

    def begin(self, x: NDArray[Any]) -> _State:
        residual = self.y - self.operator.forward(x)
        descent = self._adjoint(residual) - self.strength * x
        return _State(x, residual, descent, descent, self._mean_square(descent))

    def advance(self, state: _State) -> _State | None:
        """One step of conjugate gradients; None when a number is no longer finite."""
        image = self.operator.forward(state.direction)
        curvature = float(np.vdot(image, image).real) + self.strength * self._mean_square(state.direction)
        if not (np.isfinite(curvature) and curvature > 0):
            return None
        length = state.gradient_energy / curvature
        x = state.x + length * state.direction
        residual = state.residual - length * image
        descent = self._adjoint(residual) - self.strength * x
        energy = self._mean_square(descent)
        if not np.isfinite(energy):
            return None
        direction = descent + (energy / state.gradient_energy) * state.direction
        return _State(x, residual, descent, direction, energy)

    def figures(self, state: _State) -> tuple[float, float, float]:
        """Objective, relative data residual, relative gradient."""
        data = float(np.vdot(state.residual, state.residual).real)
        objective = 0.5 * data + 0.5 * self.strength * self._mean_square(state.x)
        norm = float(np.linalg.norm(self.y)) or 1.0
        gradient = np.sqrt(state.gradient_energy) / (self.gradient_scale or 1.0)
        return objective, float(np.sqrt(data)) / norm, float(gradient)

    def verified(self, state: _State, tol: float) -> Status:
        """Status by the gradient recomputed from the image: recurrences drift away from it."""
        gradient = np.sqrt(self.begin(state.x).gradient_energy)
        if gradient <= tol * self.gradient_scale:
            return Status.CONVERGED
        return Status.CONVERGED_INACCURATE if gradient <= 10 * tol * self.gradient_scale else Status.STALLED

    def result(
        self, state: _State, status: Status, n_steps: int, history: list[tuple[float, float, float]]
    ) -> SenseResult:
        objective, residual, _ = self.figures(replace(state, residual=self.begin(state.x).residual))
        columns = [np.array(column) for column in zip(*history, strict=True)]
        return SenseResult(state.x, status, n_steps, objective, residual, SenseHistory(*columns))


def _status_before(problem: _Problem, state: _State, tol: float) -> Status | None:
    """Status when there is nothing to do: the start is already optimal."""
    optimal = state.gradient_energy <= (tol * problem.gradient_scale) ** 2
    return Status.CONVERGED if optimal else None


def _checked_start(operator: LinearOperator, start: NDArray[Any] | None, real: bool) -> NDArray[Any]:
    dtype = np.float64 if real else np.complex128
    if start is None:
        return np.zeros(operator.in_shape, dtype=dtype)
    x = np.asarray(start)
    if x.shape != operator.in_shape or not np.isfinite(x).all():
        raise ValueError(f"start must be finite numbers of shape {operator.in_shape}, got shape {x.shape}")
    if real and x.dtype.kind == "c":
        raise ValueError("start is complex but real=True; pass its real part")
    return x.astype(dtype)


def _check_arguments(
    operator: LinearOperator, y: NDArray[Any], strength: float, max_steps: int, tol: float
) -> None:
    if not isinstance(operator, LinearOperator):
        raise TypeError(f"operator must be a LinearOperator, got {type(operator).__name__}")
    if y.dtype.kind not in "iufc" or y.shape != operator.out_shape:
        raise ValueError(
            f"samples must be numbers of the operator's out_shape {operator.out_shape}, "
            f"got {y.dtype} {y.shape}"
        )
    if not np.isfinite(y).all():
        raise ValueError("samples contain NaN or infinite entries")
    if not (np.isfinite(strength) and strength >= 0):
        raise ValueError(f"strength must be a finite number >= 0, got {strength!r}")
    if int(max_steps) != max_steps or max_steps < 0:
        raise ValueError(f"max_steps must be an integer >= 0, got {max_steps!r}")
    if not 0 < tol < 1:
        raise ValueError(f"tol must lie between 0 and 1, got {tol!r}")
