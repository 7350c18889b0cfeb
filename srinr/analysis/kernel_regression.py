"""What a network becomes when it is trained in its tangent space: kernel regression and its course in time."""

from __future__ import annotations

import enum
import warnings
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from srinr.analysis.kernel_arguments import checked_points, number_array, real_array, real_number
from srinr.analysis.kernel_spectrum import KernelSpectrum
from srinr.analysis.tangent_kernel import tangent_kernel
from srinr.analysis.tangent_model import Model, OutputReduction, tangent_model
from srinr.inr import INR

Array = NDArray[np.float64]


#: Above this condition number a fit without ridge is warned of.
_ILL_CONDITIONED = 1e12


class IllConditionedKernelWarning(RuntimeWarning):
    """Small errors of the data become large ones of the fit: nearly equal points, or a kernel that is too smooth."""


class Descent(enum.Enum):
    """How the parameters move: by steps of gradient descent, or along the gradient flow (time = rate x steps).

    Examples
    --------
    >>> import numpy as np
    >>> from srinr import INR, Coordinates, Siren
    >>> inr = INR(Coordinates(1), Siren(1, width=32, depth=3, seed=0))
    >>> regression = kernel_regression(inr, [[0.1], [0.4], [0.8]], [1.0, -1.0, 0.5])
    >>> rate = 1e-3 * regression.stable_rate
    >>> steps, flow = (regression.residuals(100, rate, descent=descent) for descent in Descent)
    >>> bool(np.allclose(steps, flow, atol=1e-3))
    True
    """

    STEPS = "steps"
    FLOW = "flow"


@dataclass(frozen=True)
class KernelRegression:
    """A network linearized at its parameters and fitted to values; made by :func:`kernel_regression`.

    With ``f_0`` the network, ``r_0 = y - f_0(X)`` and ``K = V diag(mu) V^T``:

        fitted:     f(s) = f_0(s) + Theta(s, X) (K + ridge I)^-1 r_0
        trained:    r_t = V diag((1 - rate mu)^t) V^T r_0      (exp(-rate mu t) for the flow)

    Parameters
    ----------
    model : INR or torch.nn.Module
        The network at which it is linearized: do not train this object afterwards, predictions evaluate it.
    points : array, shape (n, d)
        Points of the data, in fields of view.
    residual : array, shape (C n,)
        ``y - f_0`` at the data, output by output.
    spectrum : KernelSpectrum
        Of the kernel at the data points.
    ridge : float
        In the units of the kernel.
    parameters : collection of str or None
        Those that move.
    memory_limit : int
        Bytes, for the work on kernels between other points and the data, beyond these (C n', C n) matrices.

    Examples
    --------
    >>> import numpy as np
    >>> from srinr import INR, Coordinates, Siren
    >>> inr = INR(Coordinates(1), Siren(1, width=32, depth=3, seed=0))
    >>> points, values = np.array([[0.1], [0.4], [0.8]]), np.array([1.0, -1.0, 0.5])
    >>> regression = kernel_regression(inr, points, values)
    >>> rate = 0.5 * regression.stable_rate
    >>> errors = np.abs(regression.residuals([0, 10, 100], rate)).max(axis=1)
    >>> bool(errors[0] > errors[1] > errors[2]), regression.condition_number < 1e3
    (True, True)
    >>> trained = regression.predict_trained(points, 100, rate)
    >>> bool(np.allclose(values - trained, regression.residuals(100, rate)))
    True
    """

    model: Model
    points: Array
    residual: Array
    spectrum: KernelSpectrum
    ridge: float
    parameters: Collection[str] | None
    memory_limit: int

    @property
    def stable_rate(self) -> float:
        """``2 / mu_0``: gradient descent diverges above it."""
        return 2.0 / float(self.spectrum.eigenvalues[0])

    @property
    def condition_number(self) -> float:
        """Largest over smallest eigenvalue that the fit divides by: those above the noise floor, plus the ridge."""
        mu = self.spectrum.eigenvalues
        kept = mu[mu > self.spectrum.noise_floor] + self.ridge
        return float(kept.max() / kept.min())

    def predict(self, points: ArrayLike) -> NDArray[Any]:
        """Values of the fitted network, shape (n',), or (n', C) for several outputs; complex for a complex INR.

        Without ridge it interpolates; directions below the noise floor of the kernel are left at their start.
        """
        kept = self.spectrum.eigenvalues > self.spectrum.noise_floor
        mu = self.spectrum.eigenvalues
        return self._predict(points, np.divide(1.0, mu + self.ridge, where=kept, out=np.zeros_like(mu)))

    def predict_trained(
        self, points: ArrayLike, n_steps: float, learning_rate: float, *, descent: Descent = Descent.STEPS
    ) -> NDArray[Any]:
        """Values of the linearized network after training without ridge.

        Parameters
        ----------
        points : array, shape (n', d)
            In fields of view.
        n_steps : float
            Steps t, an integer for ``Descent.STEPS``.
        learning_rate : float
            For the loss ``1/2 sum (f - y)^2``. For the mean of squares over n values multiply yours by 2 / n, for
            half of that mean by 1 / n.
        descent : Descent, default Descent.STEPS
            Steps or flow.

        Raises
        ------
        ValueError
            When the values overflow, at many steps with a ``learning_rate`` above :attr:`stable_rate`. Growth
            that stays finite is returned: that is what descent does.
        """
        n_steps, learning_rate = real_number(n_steps, "n_steps"), real_number(learning_rate, "learning_rate")
        mu = np.maximum(self.spectrum.eigenvalues, 0.0)
        decay = _decay(mu, n_steps, learning_rate, descent)
        # (1 - decay) / mu tends to rate * t where mu vanishes; without a cap a long training would amplify the
        # rounding errors of the kernel there.
        small = mu <= self.spectrum.noise_floor
        cap = 1.0 / (np.sqrt(np.finfo(float).eps) * mu[0])
        limit = np.full_like(mu, min(learning_rate * n_steps, cap))
        gain = np.divide(1.0 - decay, mu, where=~small, out=limit)
        near = ~small & (learning_rate * mu < 0.5)
        logarithm = (
            -learning_rate * mu[near] if descent is Descent.FLOW else np.log1p(-learning_rate * mu[near])
        )
        gain[near] = -np.expm1(n_steps * logarithm) / mu[near]
        self._check_finite(gain, n_steps, learning_rate)
        with np.errstate(over="ignore", invalid="ignore"):
            values = self._predict(points, gain)
        self._check_finite(values, n_steps, learning_rate)
        return values

    def residuals(
        self, n_steps: ArrayLike, learning_rate: float, *, descent: Descent = Descent.STEPS
    ) -> NDArray[np.float64]:
        """Predicted ``y - f_t`` at the data after each number of steps, shape (..., C n), output by output.

        Parameters
        ----------
        n_steps : array
            Steps, integers for ``Descent.STEPS``.
        learning_rate, descent
            As in :meth:`predict_trained`.

        Raises
        ------
        ValueError
            As in :meth:`predict_trained`.
        """
        t = real_array(n_steps, "n_steps")[..., None]
        mu = np.maximum(self.spectrum.eigenvalues, 0.0)
        vectors = self.spectrum.eigenvectors
        decay = _decay(mu, t, real_number(learning_rate, "learning_rate"), descent)
        with np.errstate(over="ignore", invalid="ignore"):
            course: Array = (decay * (vectors.T @ self.residual)) @ vectors.T
        self._check_finite(course, t, learning_rate)
        return course

    def _check_finite(self, values: NDArray[Any], n_steps: ArrayLike, learning_rate: float) -> None:
        bad = ~np.isfinite(values)
        if bad.any():
            # One step number per row of a course, one for all of a prediction.
            step = np.broadcast_to(n_steps, bad.shape)[bad].min()
            raise ValueError(
                f"descent with learning_rate={learning_rate:.6g} overflows by step {step:.17g}: above "
                f"stable_rate={self.stable_rate:.6g} it diverges; take a smaller learning_rate, or fewer steps"
            )

    def _predict(self, points: ArrayLike, gain: Array) -> NDArray[Any]:
        s = checked_points(points)
        vectors = self.spectrum.eigenvectors
        coefficients = vectors @ (gain * (vectors.T @ self.residual))
        kernel = tangent_kernel(
            self.model,
            s,
            self.points,
            parameters=self.parameters,
            outputs=OutputReduction.FULL,
            memory_limit=self.memory_limit,
            progress=False,
        )
        start, kind = _values(self.model, s)
        change = (kernel @ coefficients).reshape(start.shape[1], len(s)).T
        return kind.back(start + change)


@dataclass(frozen=True)
class _Kind:
    """How values look to the caller; inside they are real, (n, C)."""

    is_complex: bool
    is_flat: bool

    def back(self, values: Array) -> NDArray[Any]:
        if self.is_complex:
            return values[:, 0] + 1j * values[:, 1]
        return values[:, 0] if self.is_flat else values

    def inside(self, values: NDArray[Any], shape: tuple[int, ...]) -> Array:
        expected = shape[:1] if self.is_complex or self.is_flat else shape
        if values.shape != expected:
            raise ValueError(
                f"values must have shape {expected} for this model and these points, got {values.shape}"
            )
        if np.iscomplexobj(values) and not self.is_complex:
            raise ValueError("values are complex, the model is real: fit real and imaginary parts apart")
        if not np.isfinite(values).all():
            raise ValueError("values contain NaN or infinite entries")
        pair = np.stack([values.real, values.imag], axis=1) if self.is_complex else values
        return np.asarray(pair, dtype=np.float64).reshape(shape)


def _values(model: Model, points: Array) -> tuple[Array, _Kind]:
    """The model's own values (n, C), in float64 like its kernel, and how they look outside."""
    prepared = tangent_model(model, points, parameters=None, outputs=OutputReduction.FULL)
    parts = []
    with torch.no_grad():
        for start in range(0, len(points), 4096):
            inputs = prepared.inputs(points[start : start + 4096])
            parts.append(prepared.outputs(prepared.selected, inputs).cpu().numpy())
    values = np.concatenate(parts)
    is_complex = isinstance(model, INR) and model.complex_output
    return values, _Kind(is_complex, values.shape[1] == 1)


def _decay(mu: Array, n_steps: ArrayLike, learning_rate: float, descent: Descent) -> Array:
    if not isinstance(descent, Descent):
        raise TypeError(f"descent: expected Descent.STEPS or Descent.FLOW, got {descent!r}")
    t = real_array(n_steps, "n_steps")
    if not (np.isfinite(t) & (t >= 0)).all():
        raise ValueError(f"n_steps must be finite and >= 0, got {n_steps!r}")
    if not (np.isfinite(learning_rate) and learning_rate > 0):
        raise ValueError(f"learning_rate must be positive, got {learning_rate}")
    if descent is Descent.FLOW:
        return np.asarray(np.exp(-learning_rate * mu * t))
    if not np.array_equal(t, np.rint(t)):
        raise ValueError(
            f"n_steps must be whole numbers for Descent.STEPS, got {n_steps!r}; Descent.FLOW takes any"
        )
    with np.errstate(over="ignore"):  # the caller looks for what is not finite
        return np.asarray((1.0 - learning_rate * mu) ** t)


def kernel_regression(
    model: Model,
    points: ArrayLike,
    values: ArrayLike,
    *,
    ridge: float = 0.0,
    parameters: Collection[str] | None = None,
    memory_limit: int = 2**30,
) -> KernelRegression:
    """Fit a network linearized at its parameters: ridge regression with its tangent kernel.

    It minimizes ``sum (f - y)^2 + ridge |theta - theta_0|^2`` over
    ``f = f_0 + <grad f_0, theta - theta_0>``; the network's own values are the offset.

    Parameters
    ----------
    model : INR or torch.nn.Module
        As in :func:`~srinr.analysis.tangent_kernel.tangent_kernel`.
    points : array, shape (n, d)
        In fields of view.
    values : array, shape (n,), or (n, C) for a module with C > 1 outputs
        Data; complex (or real) of shape (n,) for a complex INR.
    ridge : float, default 0
        In the units of the kernel, squared values per squared parameter. 0 interpolates, with the smallest change
        of parameters; then directions below the kernel's noise floor are left out.
    parameters : collection of str, optional
        Parameters that move; by default all that require gradients.
    memory_limit : int, default 1 GiB
        Bytes of work beyond the kernel (C n, C n) and its decomposition, which take about ``32 (C n)^2`` bytes.

    Raises
    ------
    ValueError
        For wrong shapes, NaN, or a negative ridge.
    OutOfMemoryError
        When the kernel does not fit into memory (a MemoryError): take fewer points.

    Warns
    -----
    IllConditionedKernelWarning
        When :attr:`KernelRegression.condition_number` exceeds 1e12, as for nearly equal points: pass a ridge.

    Notes
    -----
    Source: structured dictionaries, section 4 (training in the span of the tangent kernel's eigenfunctions).

    Examples
    --------
    >>> import numpy as np
    >>> from srinr import INR, Coordinates, Siren
    >>> inr = INR(Coordinates(1), Siren(1, width=32, depth=3, seed=0))
    >>> points, values = np.array([[0.1], [0.4], [0.8]]), np.array([1.0, -1.0, 0.5])
    >>> bool(np.allclose(kernel_regression(inr, points, values).predict(points), values))
    True
    """
    ridge = real_number(ridge, "ridge")
    if not (np.isfinite(ridge) and ridge >= 0):
        raise ValueError(f"ridge must be a number >= 0, in the units of the kernel, got {ridge}")
    x = checked_points(points)
    start, kind = _values(model, x)
    data = kind.inside(number_array(values, "values"), start.shape)
    kernel = tangent_kernel(
        model,
        x,
        parameters=parameters,
        outputs=OutputReduction.FULL,
        memory_limit=memory_limit,
        progress=False,
    )
    residual = (data - start).T.ravel()
    spectrum = KernelSpectrum.of_matrix(kernel)
    regression = KernelRegression(model, x, residual, spectrum, ridge, parameters, memory_limit)
    if regression.condition_number > _ILL_CONDITIONED:
        warnings.warn(
            f"the kernel at the points has condition number {regression.condition_number:.1e}: errors of the data and "
            f"rounding are amplified away from the points; "
            f"pass a ridge, for instance {1e-8 * spectrum.eigenvalues[0]:.1e}",
            IllConditionedKernelWarning,
            stacklevel=2,
        )
    return regression
