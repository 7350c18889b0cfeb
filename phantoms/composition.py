"""Phantoms made of a phantom: any affine image of it, and its product with a trigonometric polynomial."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.domain import lowpass_frequencies
from srinr.phantoms.checks import checked_matrix, checked_vector
from srinr.phantoms.geometry import hermitian_box
from srinr.phantoms.kernels import Engine
from srinr.phantoms.phantom import Phantom

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


@dataclass(frozen=True, eq=False)
class AffinePhantom(Phantom):
    """The phantom ``x -> g(matrix^-1 (x - shift))``.

    Its transform is ``|det M| exp(-2 pi i k.shift) g^(M^T k)``. Shapes and contours move themselves; this
    class serves the phantoms that cannot.
    """

    base: Phantom
    matrix: Array
    shift: Array

    @property
    def dim(self) -> int:
        return self.base.dim

    @property
    def _is_translation(self) -> bool:
        return bool(np.array_equal(self.matrix, np.eye(self.dim)))

    @property
    def box_advantage(self) -> float:  # type: ignore[override]
        return self.base.box_advantage if self._is_translation else 1.0

    @property
    def support(self) -> Array:
        low, high = self.base.support
        middle, reach = (
            self.matrix @ ((low + high) / 2) + self.shift,
            np.abs(self.matrix) @ ((high - low) / 2),
        )
        return np.stack([middle - reach, middle + reach])

    @property
    def amplitude_area(self) -> float:
        return self.base.amplitude_area * abs(float(np.linalg.det(self.matrix)))

    def unwrapped_image(self, points: Array) -> Array:
        return self.base.unwrapped_image((points - self.shift) @ np.linalg.inv(self.matrix).T)

    def transform(self, frequencies: Array, tol: float, engine: Engine | None) -> ComplexArray:
        factor = abs(float(np.linalg.det(self.matrix))) * _waves(frequencies, self.shift)
        return factor * self.base.transform(frequencies @ self.matrix, tol, engine)

    def lowpass_box(self, cutoff: int, tol: float, engine: Engine | None) -> ComplexArray:
        if not self._is_translation:
            return super().lowpass_box(cutoff, tol, engine)
        box = self.base.lowpass_box(cutoff, tol, engine)
        return box * _waves(lowpass_frequencies(cutoff, self.dim), self.shift).reshape(box.shape)

    def affine(self, matrix: ArrayLike, shift: ArrayLike) -> Phantom:
        m, s = checked_matrix(matrix, self.dim), checked_vector(shift, self.dim, "shift")
        return AffinePhantom(self.base, m @ self.matrix, m @ self.shift + s)


def _waves(frequencies: Array | NDArray[np.int64], shift: Array) -> ComplexArray:
    return np.exp(-2j * np.pi * (frequencies @ shift))


@dataclass(frozen=True, eq=False)
class ModulatedPhantom(Phantom):
    """Product of a phantom and a real trigonometric polynomial.

    The polynomial is ``phi(x) = sum_n phi_n exp(2 pi i n.x)``, ``|n|_inf <= b``, and the product's coefficients
    are the finite convolution ``sum_n phi_n f^(k - n)``. A box of cutoff K therefore needs the base's
    coefficients up to K + b (the margin); multiplying low-pass images instead would be wrong in the outer ring.

    Parameters
    ----------
    base : Phantom
    coefficients : array of complex, shape ``(2b + 1,) * d``
        Centered box of the ``phi_n``, Hermitian: ``phi_{-n}`` is the conjugate of ``phi_n``.

    Examples
    --------
    >>> from srinr.phantoms import rectangle
    >>> wave = np.zeros((3, 3))
    >>> wave[1, 1], wave[0, 1], wave[2, 1] = 1.0, 0.25, 0.25       # 1 + cos(2 pi x_0) / 2
    >>> shaded = ModulatedPhantom(rectangle([0.5, 0.5], [0.5, 0.5]), wave)
    >>> shaded.image([[0.5, 0.5]]).round(12).tolist()
    [0.5]
    >>> shaded.fourier_coefficients([[0, 0]]).real.round(12).tolist()    # 1/4 - 1 / (4 pi)
    [0.170422528454]
    """

    base: Phantom
    coefficients: ComplexArray

    def __post_init__(self) -> None:
        c = np.array(self.coefficients, dtype=np.complex128)
        if c.ndim != self.base.dim or len(set(c.shape)) != 1 or c.shape[0] % 2 == 0:
            raise ValueError(
                f"coefficients must be a centered box with {self.base.dim} equal odd axes, got shape {c.shape}"
            )
        if not np.isfinite(c).all():
            raise ValueError("coefficients contain NaN or infinite entries")
        mirrored = np.flip(c).conj()
        if np.abs(c - mirrored).max() > 1e-12 * np.abs(c).max():
            raise ValueError(
                "coefficients are not Hermitian, so the product would not be real: entry [-n] must be the "
                "conjugate of entry [n]"
            )
        c = (c + mirrored) / 2
        c.setflags(write=False)
        object.__setattr__(self, "coefficients", c)

    @property
    def margin(self) -> int:
        """Degree b of the polynomial per axis."""
        return self.coefficients.shape[0] // 2

    @property
    def dim(self) -> int:
        return self.base.dim

    @property
    def box_advantage(self) -> float:  # type: ignore[override]
        # A scattered frequency costs one base coefficient per term.
        return self.base.box_advantage * self.coefficients.size

    @property
    def support(self) -> Array:
        return self.base.support

    @property
    def amplitude_area(self) -> float:
        return self.base.amplitude_area * float(np.abs(self.coefficients).sum())

    def factor(self, points: Array) -> Array:
        """Values of the polynomial at points (n, d)."""
        return trigonometric_values(self.coefficients, points)

    def unwrapped_image(self, points: Array) -> Array:
        return self.factor(points) * self.base.unwrapped_image(points)

    def transform(self, frequencies: Array, tol: float, engine: Engine | None) -> ComplexArray:
        offsets = lowpass_frequencies(self.margin, self.dim)
        shifted = (frequencies[:, None, :] - offsets).reshape(-1, self.dim)
        values = self.base.transform(shifted, tol, engine).reshape(len(frequencies), -1)
        return values @ self.coefficients.ravel()

    def lowpass_box(self, cutoff: int, tol: float, engine: Engine | None) -> ComplexArray:
        wide = self.base.lowpass_box(cutoff + self.margin, tol, engine)
        side = 2 * cutoff + 1
        total = np.zeros((side,) * self.dim, dtype=np.complex128)
        # f^(k - n) starts at index (margin - n) of the wide box, that is 2 margin - (index of n).
        for index, value in np.ndenumerate(self.coefficients):
            window = tuple(slice(2 * self.margin - i, 2 * self.margin - i + side) for i in index)
            total += value * wide[window]
        return hermitian_box(total.ravel()[total.size // 2 :], self.dim)

    def affine(self, matrix: ArrayLike, shift: ArrayLike) -> Phantom:
        m, s = checked_matrix(matrix, self.dim), checked_vector(shift, self.dim, "shift")
        if not np.array_equal(m, np.eye(self.dim)):
            return AffinePhantom(self, m, s)
        # A translation keeps the polynomial's frequencies integer.
        phases = _waves(lowpass_frequencies(self.margin, self.dim), s).reshape(self.coefficients.shape)
        return replace(self, base=self.base.affine(m, s), coefficients=self.coefficients * phases)


def trigonometric_values(coefficients: ComplexArray, points: Array) -> Array:
    """Real part of ``sum_n c_n exp(2 pi i n.x)`` at points (n, d), for a centered box of coefficients."""
    degree = coefficients.shape[0] // 2
    n = np.arange(-degree, degree + 1)
    waves = np.exp(2j * np.pi * points[:, :, None] * n)
    # Contract the first axis as a matrix product, the others point by point.
    values = np.tensordot(waves[:, 0], coefficients, axes=(1, 0))
    for axis in range(1, points.shape[1]):
        values = np.einsum("pn...,pn->p...", values, waves[:, axis])
    return np.ascontiguousarray(values.real)
