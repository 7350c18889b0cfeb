"""Empirical tangent kernels of INRs: the matrix, and its products with vectors without forming it."""

from __future__ import annotations

import enum
from collections.abc import Collection
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator

from srinr.analysis.kernel_arguments import checked_limit, checked_points
from srinr.analysis.layer_factors import FactoredJacobian
from srinr.analysis.tangent_autodiff import AutodiffJacobian
from srinr.analysis.tangent_model import Model, Outputs, TangentModel, tangent_model
from srinr.progress import progress_bar
from srinr.status import OutOfMemoryError

_Jacobian = FactoredJacobian | AutodiffJacobian


class TangentMethod(enum.Enum):
    """How gradients are taken.

    ``LAYERS``: two thin factors per layer (INRs with an MLP, Siren or ShallowReLU), about P / (2 sum of widths)
    times fewer operations. ``AUTODIFF``: rows of the Jacobian from ``torch.func``, for any module.

    Examples
    --------
    >>> import numpy as np
    >>> from srinr import INR, Coordinates, Siren
    >>> inr = INR(Coordinates(1), Siren(1, width=8, depth=3, seed=0))
    >>> first, second = (tangent_kernel(inr, [[0.1], [0.7]], method=method) for method in TangentMethod)
    >>> bool(np.allclose(first, second, rtol=1e-12))
    True
    """

    LAYERS = "layers"
    AUTODIFF = "autodiff"


def _jacobian(
    model: TangentModel, points: NDArray[np.float64], limit: int, method: TangentMethod | None
) -> _Jacobian:
    if method is not None and not isinstance(method, TangentMethod):
        raise TypeError(f"method: expected a TangentMethod or None, got {method!r}")
    known = FactoredJacobian.supports(model)
    if method is TangentMethod.LAYERS and not known:
        raise ValueError(
            "TangentMethod.LAYERS needs an INR with an MLP, Siren or ShallowReLU and an encoding without "
            "parameters; leave method out"
        )
    if known and method is not TangentMethod.AUTODIFF:
        return FactoredJacobian(model, points, limit)
    return AutodiffJacobian(model, points, limit)


def tangent_kernel(
    model: Model,
    points: ArrayLike,
    other: ArrayLike | None = None,
    *,
    parameters: Collection[str] | None = None,
    outputs: Outputs | None = None,
    method: TangentMethod | None = None,
    memory_limit: int = 2**30,
    progress: bool | None = None,
) -> NDArray[np.float64]:
    """Empirical tangent kernel ``K_ij = <grad f(r_i), grad f(s_j)>`` over the trainable parameters.

    Parameters
    ----------
    model : INR or torch.nn.Module
        A module maps points (n, d) to real values (n,) or (n, C), each row from its own point only (no batch
        statistics, no randomness). The model is not changed; it is evaluated in float64 from a copy of its
        parameters, and ``INR.hidden_dtype`` does not apply.
    points : array, shape (n, d)
        In fields of view, as ``Grid.points`` gives them.
    other : array, shape (n', d), optional
        Points of the columns; by default ``points``, and the matrix is symmetric.
    parameters : collection of str, optional
        Parameters that count, by name or by the first parts of names (``"weights"`` stands for ``weights.0``,
        ``weights.1``, ...); see :func:`~srinr.analysis.tangent_model.parameter_names`. By default all that
        require gradients. Frozen ones never count.
    outputs : OutputReduction or OneOutput, optional
        What the kernel of several outputs is. Needed when there are several; a complex INR has two.
    method : TangentMethod, optional
        By default layer factors where the network is known, automatic differentiation otherwise.
    memory_limit : int, default 1 GiB
        Bytes of work beyond the result, which takes ``8 n n'`` bytes (times C^2 for ``FULL``) and is not limited
        by it. The values do not depend on it beyond rounding.
    progress : bool, optional
        Progress bar on the standard error; by default on a terminal only.

    Returns
    -------
    array of float64, shape (n, n'), or (C n, C n') for ``OutputReduction.FULL``
        Symmetric to the last bit when ``other`` is left out.

    Raises
    ------
    ValueError
        For wrong shapes, numbers that are not real, NaN, unknown or frozen names, a choice of outputs left open, a
        memory limit below what one point takes, or a module that fails, mixes its points, or detaches its output.
    TypeError
        For a model that is neither an INR nor a module, or another argument of a wrong type.
    OutOfMemoryError
        When the result does not fit into memory (a MemoryError).

    Notes
    -----
    Source: structured dictionaries, eq. 8. With layer factors
    ``K = sum_l (G_l G_l^T) * (Z_l Z_l^T + 1)``: O(n^2 width) operations per layer instead of O(n^2 P) in all.

    Examples
    --------
    >>> import numpy as np
    >>> from srinr import INR, Coordinates, Grid, Siren
    >>> inr = INR(Coordinates(2), Siren(2, width=16, depth=3, seed=0))
    >>> kernel = tangent_kernel(inr, Grid(8, dim=2).points)
    >>> kernel.shape, bool(np.array_equal(kernel, kernel.T))
    ((64, 64), True)
    >>> direct = tangent_kernel(inr, Grid(8, dim=2).points, method=TangentMethod.AUTODIFF)
    >>> bool(np.abs(kernel - direct).max() < 1e-12 * kernel.max())
    True
    """
    limit = checked_limit(memory_limit)
    x = checked_points(points)
    prepared = tangent_model(model, x, parameters=parameters, outputs=outputs)
    rows = _jacobian(prepared, x, 3 * limit // 8, method)
    columns = rows
    if other is not None:
        columns = _jacobian(prepared, _other_points(other, x), 3 * limit // 8, method)
    kernel = _empty_kernel((rows.count, rows.n_points, columns.count, columns.n_points))
    with progress_bar(len(rows.blocks), "tangent kernel", progress) as report:
        for done, part in enumerate(rows.blocks):
            _fill_rows(kernel, rows, columns, part, limit // 4)
            report(done + 1, "")
    return kernel.reshape(rows.count * rows.n_points, columns.count * columns.n_points)


def _empty_kernel(shape: tuple[int, int, int, int]) -> NDArray[np.float64]:
    try:
        return np.empty(shape)
    except (MemoryError, ValueError) as error:  # ValueError: beyond what an address can count
        m, n, m_other, n_other = shape
        raise OutOfMemoryError(
            f"the kernel of {m * n} x {m_other * n_other} numbers takes {8 * m * n * m_other * n_other / 2**30:.3g} GiB, "
            "more than there is: take fewer points, or TangentKernelOperator, which does not form it"
        ) from error


def _fill_rows(
    kernel: NDArray[np.float64], rows: _Jacobian, columns: _Jacobian, part: slice, room: int
) -> None:
    """Fill a block of rows; of a symmetric matrix what lies right of the diagonal, and its mirror image."""
    symmetric = rows is columns
    first: Any = rows.block(part)
    for across in columns.blocks:
        if symmetric and across.start < part.start:
            continue
        same = symmetric and across == part
        second: Any = first if same else columns.block(across)
        for r, c, tile in rows.gram(first, second, upper=same, room=room):
            values = tile.cpu().numpy()
            i = slice(part.start + r.start, part.start + r.stop)
            j = slice(across.start + c.start, across.start + c.stop)
            kernel[:, i, :, j] = values
            if symmetric:
                kernel[:, j, :, i] = values.transpose(2, 3, 0, 1)
                if i.start == j.start:  # a product A A^T of BLAS need not be symmetric in its last bit
                    square = kernel[:, i, :, i]
                    kernel[:, i, :, i] = (square + square.transpose(2, 3, 0, 1)) / 2


def _other_points(other: ArrayLike, points: NDArray[np.float64]) -> NDArray[np.float64]:
    x = checked_points(other, "other")
    if x.shape[1] != points.shape[1]:
        raise ValueError(f"other must have shape (n', {points.shape[1]}) like points, got {x.shape}")
    return x


class TangentKernelOperator(LinearOperator):
    """Products with a tangent kernel that is never formed, for Lanczos and conjugate gradients.

    Parameters
    ----------
    model, points, other, parameters, outputs, method
        As in :func:`tangent_kernel`; the shape is that of its result.
    memory_limit : int, default 1 GiB
        Bytes. Layer factors that fit are computed once; others again in every product.

    Notes
    -----
    ``K v = sum_l rowsum((G_l M_l) * Z_l) + G_l (G_l^T v)`` with ``M_l = G_l^T diag(v) Z_l``: O(n P) operations
    per product. A product with a block of vectors takes them one by one.

    Examples
    --------
    >>> import numpy as np
    >>> from srinr import INR, Coordinates, Grid, Siren
    >>> inr = INR(Coordinates(1), Siren(1, width=16, depth=3, seed=0))
    >>> points = Grid(32, dim=1).points
    >>> operator = TangentKernelOperator(inr, points)
    >>> bool(np.allclose(operator @ np.ones(32), tangent_kernel(inr, points).sum(axis=1), rtol=1e-12))
    True
    """

    def __init__(
        self,
        model: Model,
        points: ArrayLike,
        other: ArrayLike | None = None,
        *,
        parameters: Collection[str] | None = None,
        outputs: Outputs | None = None,
        method: TangentMethod | None = None,
        memory_limit: int = 2**30,
    ) -> None:
        limit, x = checked_limit(memory_limit), checked_points(points)
        prepared = tangent_model(model, x, parameters=parameters, outputs=outputs)
        self._rows = self._columns = _jacobian(prepared, x, limit // 2, method)
        if other is not None:
            self._columns = _jacobian(prepared, _other_points(other, x), limit // 2, method)
        self._device = prepared.device
        sizes = [part.count * part.n_points for part in (self._rows, self._columns)]
        super().__init__(np.dtype(np.float64), (sizes[0], sizes[1]))

    def diagonal(self) -> NDArray[np.float64]:
        """The diagonal of the square kernel, at the cost of one pass over the points."""
        if self._rows is not self._columns:
            raise ValueError("only a kernel between a set of points and itself has a diagonal here")
        return np.ascontiguousarray(self._rows.diagonal().cpu().numpy()).ravel()

    def _matvec(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._product(self._rows, self._columns, x)

    def _rmatvec(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        return self._product(self._columns, self._rows, x)

    def _product(self, left: _Jacobian, right: _Jacobian, x: NDArray[np.float64]) -> NDArray[np.float64]:
        if np.iscomplexobj(x):
            real, imaginary = (self._product(left, right, part) for part in (x.real, x.imag))
            return real + 1j * imaginary
        v = torch.from_numpy(np.array(x, dtype=np.float64).reshape(right.count, right.n_points))
        return left.push(right.pull(v.to(self._device))).cpu().numpy().ravel()


def tangent_jacobian(
    model: Model,
    points: ArrayLike,
    *,
    parameters: Collection[str] | None = None,
    outputs: Outputs | None = None,
    memory_limit: int = 2**30,
) -> NDArray[np.float64]:
    """The Jacobian itself, shape (n, P), or (C n, P) for ``OutputReduction.FULL``.

    Its singular values are the square roots of the kernel's eigenvalues, and reach relative sizes of 1e-32 of
    the largest eigenvalue, where eigenvalues of the kernel end at 1e-16 (``KernelSpectrum.from_jacobian``).

    Parameters
    ----------
    model, points, parameters, outputs
        As in :func:`tangent_kernel`. For ``OutputReduction.TRACE`` the C outputs lie side by side: (n, C P).
    memory_limit : int, default 1 GiB
        Bytes of the result, and of the work beyond it.

    Raises
    ------
    ValueError
        When the result does not fit into the limit, or as in :func:`tangent_kernel`.

    Examples
    --------
    >>> from srinr import INR, Coordinates, Siren
    >>> inr = INR(Coordinates(2), Siren(2, width=4, depth=2, seed=0))
    >>> tangent_jacobian(inr, [[0.1, 0.2], [0.3, 0.4]]).shape
    (2, 17)
    """
    limit, x = checked_limit(memory_limit), checked_points(points)
    prepared = tangent_model(model, x, parameters=parameters, outputs=outputs)
    heads, n = prepared.heads, len(x)
    size = 8 * n * prepared.n_parameters * len(heads.weights)
    if size > limit:
        raise ValueError(
            f"the Jacobian takes {size} bytes ({size / 2**30:.3g} GiB), above memory_limit={limit}; use tangent_kernel"
        )
    jacobian = AutodiffJacobian(prepared, x, limit)
    out = np.empty((len(heads.weights), n, prepared.n_parameters))
    for part in jacobian.blocks:
        out[:, part] = torch.cat(jacobian.block(part), dim=2).cpu().numpy()
    return out.transpose(1, 0, 2).reshape(n, -1) if heads.averaged else out.reshape(-1, out.shape[2])
