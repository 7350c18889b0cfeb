"""The abstraction of this package: an image whose Fourier coefficients are known exactly at every frequency."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.domain import lowpass_frequencies
from srinr.phantoms.checks import check_inside, checked_rows, checked_tolerance, checked_vector
from srinr.phantoms.geometry import cells, hermitian_box, rotation_matrix
from srinr.phantoms.kernels import Engine
from srinr.samples import FourierSamples

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class Phantom(ABC):
    """A real image on the unit torus with exact Fourier coefficients at any real frequency.

    A phantom is a function ``g`` on R^d with a bounded support. Its image is ``g`` repeated with period 1
    (shapes inside the cell ``[0, 1)^d`` are simply themselves); its coefficients are those of the
    convention in :mod:`srinr.domain`. Phantoms are immutable: ``translate``, ``scale``, ``rotate``, ``+``
    and ``*`` return new ones.

    A new kind of phantom implements the abstract members; the rest follows.
    """

    # How many times cheaper one coefficient is on a full low-pass box than at a scattered frequency.
    box_advantage: float = 1.0

    @property
    @abstractmethod
    def dim(self) -> int:
        """Dimension d of the domain."""

    @property
    @abstractmethod
    def support(self) -> Array:
        """Lower and upper corner of a box that contains the support of ``g``, shape ``(2, d)``."""

    @property
    @abstractmethod
    def amplitude_area(self) -> float:
        """Sum of |amplitude| x area (volume): the scale to which tolerances refer."""

    @abstractmethod
    def unwrapped_image(self, points: Array) -> Array:
        """Values of ``g`` at points of R^d, shapes (n, d) to (n,); no wrapping, no checks."""

    @abstractmethod
    def transform(self, frequencies: Array, tol: float, engine: Engine | None) -> ComplexArray:
        """Fourier transform of ``g`` on R^d, shapes (m, d) to (m,); no checks."""

    @abstractmethod
    def affine(self, matrix: ArrayLike, shift: ArrayLike) -> Phantom:
        """Return the phantom ``x -> g(matrix^-1 (x - shift))``: every point x of it moves to matrix x + shift."""

    def image(self, points: ArrayLike) -> Array:
        """Evaluate the image.

        Parameters
        ----------
        points : array, shape (n, d)
            Positions in fields of view; they are taken modulo 1.

        Returns
        -------
        array of float64, shape (n,)

        Raises
        ------
        ValueError
            When the shape is not (n, d) or an entry is not finite.
        """
        x = checked_rows(points, self.dim, "points")
        return self.periodized(x - np.floor(x))

    def periodized(self, points: Array) -> Array:
        """Sum of ``g`` over all integer shifts of points in the cell; no checks."""
        total = np.zeros(len(points))
        for cell in cells(self.support):
            total += self.unwrapped_image(points + cell)
        return total

    def fourier_coefficients(
        self, frequencies: ArrayLike, tol: float = 1e-12, *, engine: Engine | None = None
    ) -> ComplexArray:
        """Exact Fourier coefficients.

        Parameters
        ----------
        frequencies : array, shape (m, d)
            Any real vectors, in cycles per field of view.
        tol : float, default 1e-12
            Bound of the absolute error, relative to :attr:`amplitude_area`; at least 1e-15. Rounding may add
            a few 1e-15. Closed forms ignore it: they are always evaluated to rounding.
        engine : Engine, optional
            How sums of exponentials are evaluated; chosen by the size of the problem when left out.

        Returns
        -------
        array of complex128, shape (m,)

        Raises
        ------
        ValueError
            Wrong shape, entries that are not finite, or non-integer frequencies of a phantom that crosses the
            border of the cell (they are not determined by the periodic image).

        Examples
        --------
        >>> from srinr.phantoms import disc
        >>> disc(radius=0.25).fourier_coefficients([[0, 0]]).real.round(12).tolist()
        [0.196349540849]
        """
        k = checked_rows(frequencies, self.dim, "frequencies")
        tol = checked_tolerance(tol)
        if len(k) and not np.array_equal(k, np.rint(k)):
            check_inside(self.support)
        elif len(k):
            cutoff = int(np.abs(k).max())
            if (2 * cutoff + 1) ** self.dim / 2 < self.box_advantage * len(k):
                box = self.lowpass_box(cutoff, tol, engine)
                return box[tuple((k.astype(np.int64) + cutoff).T)]
        return self.transform(k, tol, engine)

    def fourier_samples(
        self, cutoff: int, tol: float = 1e-12, *, engine: Engine | None = None
    ) -> FourierSamples:
        """Coefficients of all integer frequencies with ``max |k_j| <= cutoff``.

        Parameters
        ----------
        cutoff : int
            Low-pass limit K in the max-norm, cycles per field of view.
        tol, engine
            As in :meth:`fourier_coefficients`.

        Returns
        -------
        FourierSamples
            ``(2K + 1)^d`` samples in the order of :func:`srinr.domain.lowpass_frequencies`.

        Examples
        --------
        >>> from srinr.phantoms import shepp_logan
        >>> shepp_logan().fourier_samples(cutoff=8).n_samples
        289
        """
        frequencies = lowpass_frequencies(cutoff, self.dim)
        values = self.lowpass_box(int(cutoff), checked_tolerance(tol), engine)
        return FourierSamples(frequencies, values.ravel())

    def lowpass_box(self, cutoff: int, tol: float, engine: Engine | None) -> ComplexArray:
        """Coefficients on the centered box, shape ``(2K + 1,) * d``; half of them by Hermitian symmetry."""
        frequencies = lowpass_frequencies(cutoff, self.dim)
        upper = self.transform(frequencies[len(frequencies) // 2 :].astype(np.float64), tol, engine)
        return hermitian_box(upper, self.dim)

    def translate(self, shift: ArrayLike) -> Phantom:
        """Move by ``shift``, shape (d,), in fields of view."""
        return self.affine(np.eye(self.dim), checked_vector(shift, self.dim, "shift"))

    def scale(self, factor: ArrayLike, center: ArrayLike | None = None) -> Phantom:
        """Stretch by positive factors, one number or one per axis, about ``center`` (default: middle of the cell)."""
        factors = np.broadcast_to(np.asarray(factor, dtype=np.float64), (self.dim,))
        if not (np.isfinite(factors).all() and (factors > 0).all()):
            raise ValueError(
                f"factor must be positive and finite, got {factor!r}; use affine() for mirror images"
            )
        return self._about(np.diag(factors), center)

    def rotate(self, angle: ArrayLike, center: ArrayLike | None = None) -> Phantom:
        """Rotate about ``center`` (default: the middle of the cell).

        Parameters
        ----------
        angle : float, or array of shape (d, d)
            In 2-D an angle in radians, from axis 0 towards axis 1; otherwise a rotation matrix.
        center : array, shape (d,), optional
            The point that stays in place.
        """
        matrix = np.asarray(angle, dtype=np.float64)
        if matrix.ndim == 0 and self.dim == 2:
            matrix = rotation_matrix(float(matrix))
        if matrix.shape != (self.dim, self.dim) or not np.allclose(
            matrix @ matrix.T, np.eye(self.dim), atol=1e-12
        ):
            raise ValueError(
                f"angle must be a number of radians (2-D) or a {self.dim} x {self.dim} rotation matrix, got {angle!r}"
            )
        return self._about(matrix, center)

    def _about(self, matrix: Array, center: ArrayLike | None) -> Phantom:
        c = np.full(self.dim, 0.5) if center is None else checked_vector(center, self.dim, "center")
        return self.affine(matrix, c - matrix @ c)

    def __add__(self, other: object) -> Phantom:
        if not isinstance(other, Phantom):
            return NotImplemented
        return phantom_sum([self, other])

    def __radd__(self, other: object) -> Phantom:
        return self if other == 0 else NotImplemented  # sum() starts from the number 0

    def __mul__(self, factor: object) -> Phantom:
        if not isinstance(factor, int | float | np.integer | np.floating):
            return NotImplemented
        if not math.isfinite(factor):
            raise ValueError(f"a phantom can only be multiplied by a finite number, got {factor!r}")
        return PhantomSum((self,), (float(factor),))

    __rmul__ = __mul__

    def __neg__(self) -> Phantom:
        return self * -1.0

    def __sub__(self, other: object) -> Phantom:
        return self + (-other) if isinstance(other, Phantom) else NotImplemented


@dataclass(frozen=True, eq=False)
class PhantomSum(Phantom):
    """Weighted sum of phantoms; made by ``+`` and ``*``."""

    terms: tuple[Phantom, ...]
    weights: tuple[float, ...]

    def __post_init__(self) -> None:
        if not self.terms or len(self.terms) != len(self.weights):
            raise ValueError(
                f"need one weight per term, got {len(self.terms)} terms, {len(self.weights)} weights"
            )
        dims = sorted({term.dim for term in self.terms})
        if len(dims) > 1:
            raise ValueError(f"cannot add phantoms of different dimensions {dims}")

    @property
    def dim(self) -> int:
        return self.terms[0].dim

    @property
    def box_advantage(self) -> float:  # type: ignore[override]
        return max(term.box_advantage for term in self.terms)

    @property
    def support(self) -> Array:
        boxes = np.stack([term.support for term in self.terms])
        return np.stack([boxes[:, 0].min(axis=0), boxes[:, 1].max(axis=0)])

    @property
    def amplitude_area(self) -> float:
        return sum(abs(w) * term.amplitude_area for w, term in self.pairs())

    def pairs(self) -> Iterator[tuple[float, Phantom]]:
        """Weights and terms."""
        return zip(self.weights, self.terms, strict=True)

    def unwrapped_image(self, points: Array) -> Array:
        total = np.zeros(len(points))
        for w, term in self.pairs():
            total += w * term.unwrapped_image(points)
        return total

    def periodized(self, points: Array) -> Array:
        # Term by term, so that one wide term does not make all others visit its many cells.
        total = np.zeros(len(points))
        for w, term in self.pairs():
            total += w * term.periodized(points)
        return total

    def transform(self, frequencies: Array, tol: float, engine: Engine | None) -> ComplexArray:
        total = np.zeros(len(frequencies), dtype=np.complex128)
        for w, term in self.pairs():
            total += w * term.transform(frequencies, tol, engine)
        return total

    def lowpass_box(self, cutoff: int, tol: float, engine: Engine | None) -> ComplexArray:
        total = np.zeros((2 * cutoff + 1,) * self.dim, dtype=np.complex128)
        for w, term in self.pairs():
            total += w * term.lowpass_box(cutoff, tol, engine)
        return total

    def affine(self, matrix: ArrayLike, shift: ArrayLike) -> Phantom:
        return PhantomSum(tuple(term.affine(matrix, shift) for term in self.terms), self.weights)


def phantom_sum(phantoms: list[Phantom]) -> Phantom:
    """Sum of phantoms, with nested sums flattened."""
    pairs = [
        pair for p in phantoms for pair in (p.pairs() if isinstance(p, PhantomSum) else iter([(1.0, p)]))
    ]
    return PhantomSum(tuple(term for _, term in pairs), tuple(weight for weight, _ in pairs))
