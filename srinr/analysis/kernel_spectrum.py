"""Eigenvalues and eigenvectors of a tangent kernel: the dictionary that a network is, and how well signals fit it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import eigsh

from srinr.analysis.kernel_arguments import real_array, real_number, whole_number
from srinr.analysis.tangent_kernel import TangentKernelOperator
from srinr.domain import Grid, grid_frequencies

Array = NDArray[np.float64]

#: Relative size of a negative eigenvalue that rounding in float64 does not explain (but float32 does).
_NOT_ROUNDING = math.sqrt(np.finfo(float).eps)


@dataclass(frozen=True)
class KernelSpectrum:
    """Eigenpairs ``K = V diag(mu) V^T`` of a kernel at n uniformly weighted points.

    Made by :meth:`of_matrix`, :meth:`of_operator` (the largest only) or :meth:`of_jacobian` (accurate tail).

    Parameters
    ----------
    eigenvalues : array, shape (k,)
        ``mu``, descending, as computed: those below the noise floor may be negative.
    eigenvectors : array, shape (n, k)
        Orthonormal columns. Signs are arbitrary, and so is the basis within a cluster of eigenvalues.
    total_trace : float
        Trace of the kernel, including what was not computed.
    noise_floor : float
        Eigenvalues below it are rounding: ``n eps mu_0``; for :meth:`of_jacobian` ``(max(n, P) eps)^2 mu_0``.

    Examples
    --------
    >>> import numpy as np
    >>> spectrum = KernelSpectrum.of_matrix(np.diag([1.0, 4.0, 2.0]))
    >>> spectrum.eigenvalues.tolist()
    [4.0, 2.0, 1.0]
    >>> spectrum.energy_concentration([0.0, 1.0, 1.0], [1.0, 0.5, 0.0], remove_mean=False).round(12).tolist()
    [0.5, 1.0, 1.0]
    >>> round(spectrum.kernel_norm([1.0, 2.0, 0.0]), 12)
    2.0
    """

    eigenvalues: Array
    eigenvectors: Array
    total_trace: float
    noise_floor: float

    @classmethod
    def of_matrix(cls, kernel: ArrayLike) -> KernelSpectrum:
        """All eigenpairs of a symmetric kernel (n, n), by a dense decomposition in float64.

        Raises
        ------
        ValueError
            For a matrix that is not real, not square, not finite, not symmetric, zero, or has an eigenvalue below
            ``-1.5e-8 mu_0``: it was not computed in float64, or is no kernel.
        """
        k = real_array(kernel, "kernel")
        if k.ndim != 2 or k.shape[0] != k.shape[1] or k.shape[0] < 1:
            raise ValueError(f"kernel must be a square matrix, got shape {k.shape}")
        if not np.isfinite(k).all():
            raise ValueError("kernel contains NaN or infinite entries")
        if np.abs(k - k.T).max() > 1e-10 * np.abs(k).max():
            raise ValueError("kernel is not symmetric: compute it between one set of points and itself")
        values, vectors = scipy.linalg.eigh(k)
        return cls._sorted(values, vectors, float(np.trace(k)))

    @classmethod
    def of_operator(cls, operator: TangentKernelOperator, n_pairs: int, *, seed: int = 0) -> KernelSpectrum:
        """The largest eigenpairs by Lanczos, without forming the kernel.

        Parameters
        ----------
        operator : TangentKernelOperator
            Square.
        n_pairs : int
            How many, below n.
        seed : int, default 0
            Of the random start, without which results would differ from run to run.
        """
        n = operator.shape[0]
        if operator.shape[0] != operator.shape[1]:
            raise ValueError(f"operator must be square: leave other out, got shape {operator.shape}")
        n_pairs = whole_number(n_pairs, "n_pairs")  # a float crashes ARPACK
        if not 1 <= n_pairs < n:
            raise ValueError(f"n_pairs must lie in 1..{n - 1}, got {n_pairs}; for all use of_matrix")
        start = np.random.default_rng(seed).standard_normal(n)
        values, vectors = eigsh(operator, k=n_pairs, which="LA", v0=start)
        return cls._sorted(values, vectors, float(operator.diagonal().sum()))

    @classmethod
    def of_jacobian(cls, jacobian: ArrayLike) -> KernelSpectrum:
        """Eigenpairs as squares of singular values of the Jacobian (n, P): small ones stay accurate.

        For P < n there are P of them; the kernel's others are zero.
        """
        j = real_array(jacobian, "jacobian")
        if j.ndim != 2 or min(j.shape) < 1 or not np.isfinite(j).all():
            raise ValueError(f"jacobian must be a finite matrix (n, P), got shape {j.shape} or NaN in it")
        vectors, singular, _ = scipy.linalg.svd(j, full_matrices=False)
        if not singular[0] > 0:
            raise ValueError("the kernel is zero: no output depends on any parameter at these points")
        floor = float((max(j.shape) * np.finfo(float).eps * singular[0]) ** 2)
        return cls(singular**2, vectors, float(np.square(j).sum()), floor)

    @classmethod
    def _sorted(cls, values: Array, vectors: Array, trace: float) -> KernelSpectrum:
        order = np.argsort(values)[::-1]
        mu = values[order]
        if not mu[0] > 0:
            raise ValueError("the kernel has no positive eigenvalue: no output depends on any parameter here")
        if mu[-1] < -_NOT_ROUNDING * mu[0]:
            raise ValueError(
                f"the kernel has the eigenvalue {mu[-1]:.3g} beside {mu[0]:.3g}: it is not positive semidefinite, or "
                "was computed in float32; compute it in float64"
            )
        return cls(mu, vectors[:, order], trace, float(len(vectors) * np.finfo(float).eps * mu[0]))

    @property
    def n_points(self) -> int:
        """Rows n of the kernel (times outputs, for a full kernel)."""
        return int(self.eigenvectors.shape[0])

    @property
    def n_significant(self) -> int:
        """Number of eigenvalues above the noise floor."""
        return int(np.count_nonzero(self.eigenvalues > self.noise_floor))

    @property
    def mercer_eigenvalues(self) -> Array:
        """``lambda_i = mu_i / n``: those of the integral operator with the uniform measure on the points."""
        return self.eigenvalues / self.n_points

    @property
    def mercer_eigenfunctions(self) -> Array:
        """``phi_i = sqrt(n) V_i`` at the points, shape (n, k): mean square 1 (eq. 9)."""
        return math.sqrt(self.n_points) * self.eigenvectors

    @property
    def captured_trace(self) -> float:
        """Share of the kernel's trace in the computed eigenvalues, 1 when all are there."""
        return float(self.eigenvalues.sum() / self.total_trace)

    def extended(self, kernel: ArrayLike) -> Array:
        """Mercer eigenfunctions above the noise floor at other points, shape (n', n_significant).

        ``phi_i(s) = sqrt(n) / mu_i  sum_j Theta(s, r_j) V_ji``, from the kernel (n', n) between the other points
        (rows) and these.
        """
        k = real_array(kernel, "kernel")
        if k.ndim != 2 or k.shape[1] != self.n_points or not np.isfinite(k).all():
            raise ValueError(
                f"kernel must be finite, of shape (n', {self.n_points}), got {k.shape} or NaN in it"
            )
        m = self.n_significant
        return math.sqrt(self.n_points) * (k @ self.eigenvectors[:, :m]) / self.eigenvalues[:m]

    def energy_concentration(
        self, signals: ArrayLike, thresholds: ArrayLike, *, remove_mean: bool = True
    ) -> Array:
        """Share of the signals' energy in eigenvectors with ``mu_i / mu_0 >= t``, averaged over signals.

        Parameters
        ----------
        signals : array, shape (n,) or (b, n)
            Real values at the points, one signal per row; their scale does not matter.
        thresholds : array, shape (m,) or a number
            In [0, 1].
        remove_mean : bool, default True
            Subtract the mean of each signal first.

        Returns
        -------
        array, shape of ``thresholds``
            ``E(t)`` in [0, 1], non-decreasing as t falls, 1 at t = 0 when all eigenvectors are there.

        Raises
        ------
        ValueError
            For wrong shapes, NaN, thresholds outside [0, 1], or a signal that is zero (constant).

        Notes
        -----
        Source: structured dictionaries, eq. 11, with ``||g||^2`` as denominator: the printed ``<g, g>^2`` is not
        free of scale. Thresholds below ``noise_floor / mu_0`` sort by rounding errors.
        """
        t = real_array(thresholds, "thresholds")
        if not ((t >= 0) & (t <= 1)).all():
            raise ValueError(f"thresholds must lie in [0, 1] (relative to the largest eigenvalue), got {t}")
        g = self._signals(signals)
        size = np.abs(g).max(axis=1, keepdims=True)
        g = g / np.where(size > 0, size, 1.0)  # squares of huge and of tiny values leave the range of float64
        if remove_mean:
            g = g - g.mean(axis=1, keepdims=True)
            g[np.abs(g).max(axis=1) <= 4 * np.finfo(float).eps] = 0.0  # constant but for rounding
        energy = np.square(g).sum(axis=1)
        if not (energy > 0).all():
            raise ValueError(
                f"signal {int(np.argmin(energy))} is zero (after its mean was removed): no energy to share"
            )
        shares = np.square(g @ self.eigenvectors) / energy[:, None]
        captured = np.concatenate([[0.0], np.cumsum(shares.mean(axis=0))])
        relative = np.maximum(self.eigenvalues, 0.0) / self.eigenvalues[0]
        counts = np.searchsorted(-relative, -t, side="right")
        return np.minimum(captured[counts], 1.0)

    def kernel_norm(self, signal: ArrayLike, *, ridge: float = 0.0) -> float:
        """``g^T (K + ridge I)^-1 g``, the squared norm of a signal (n,) in the kernel's space (eq. 10).

        Raises
        ------
        ValueError
            When not all eigenpairs are there, or some lie below the noise floor and ``ridge`` does not lift
            them: the number would be rounding.
        """
        g = self._signals(signal)
        if len(g) != 1:
            raise ValueError(f"signal must have shape ({self.n_points},), got {len(g)} signals")
        ridge = real_number(ridge, "ridge")
        if not (np.isfinite(ridge) and ridge >= 0):
            raise ValueError(f"ridge must be a number >= 0, in the units of the kernel, got {ridge}")
        if len(self.eigenvalues) < self.n_points:
            raise ValueError(
                f"only {len(self.eigenvalues)} of {self.n_points} eigenpairs are there: the norm needs all (of_matrix)"
            )
        lifted = self.eigenvalues + ridge
        if lifted.min() <= self.noise_floor:
            raise ValueError(
                f"{self.n_points - self.n_significant} eigenvalues lie below the noise floor {self.noise_floor:.3g}: "
                "the norm is not determined; pass a ridge above it"
            )
        return float(np.sum(np.square(g[0] @ self.eigenvectors) / lifted))

    def centroids(self, grid: Grid) -> Array:
        """Centroid ``sum |k| |F_i(k)|^2 / sum |F_i(k)|^2`` of the power spectrum of each eigenvector.

        Parameters
        ----------
        grid : Grid
            The points of the kernel, end point excluded.

        Returns
        -------
        array, shape (k,)
            In cycles per field of view, ``|k|`` the Euclidean length; a constant eigenvector has 0.
        """
        if not isinstance(grid, Grid):
            raise TypeError(f"grid: expected a Grid, the points of the kernel, got {grid!r}")
        if grid.endpoint:
            raise ValueError("grid: power spectra need a periodic grid without the end point")
        if grid.n_points != self.n_points:
            raise ValueError(f"grid has {grid.n_points} points, the kernel {self.n_points}")
        axes = tuple(range(grid.dim))
        images = self.eigenvectors.reshape(*grid.shape, -1)
        power = np.abs(np.fft.fftshift(np.fft.fftn(images, axes=axes), axes=axes)) ** 2
        power = power.reshape(self.n_points, -1)
        lengths = np.linalg.norm(grid_frequencies(grid.shape), axis=1)
        centroids: Array = lengths @ power / power.sum(axis=0)
        return centroids

    def leading(self, n_pairs: int) -> Array:
        """Orthonormal basis (n, n_pairs) of the leading eigenspace.

        Raises
        ------
        ValueError
            When the cut falls into a cluster: the gap after it is below the noise floor, and the space is not
            determined.
        """
        k, n_pairs = len(self.eigenvalues), whole_number(n_pairs, "n_pairs")
        if not 1 <= n_pairs <= k:
            raise ValueError(f"n_pairs must lie in 1..{k}, got {n_pairs}")
        if n_pairs < k and self.eigenvalues[n_pairs - 1] - self.eigenvalues[n_pairs] <= self.noise_floor:
            raise ValueError(
                f"eigenvalues {n_pairs} and {n_pairs + 1} agree to rounding: cut elsewhere, the space is not determined"
            )
        return self.eigenvectors[:, :n_pairs]

    def _signals(self, signals: ArrayLike) -> Array:
        g = np.atleast_2d(real_array(signals, "signals"))
        if g.ndim != 2 or g.shape[1] != self.n_points or len(g) < 1:
            raise ValueError(
                f"signals must have shape ({self.n_points},) or (b, {self.n_points}), got {g.shape}"
            )
        if not np.isfinite(g).all():
            raise ValueError("signals contain NaN or infinite entries")
        return g
