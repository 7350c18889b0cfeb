"""Dots: a continuous, piecewise smooth image that a shallow Fourier-feature ReLU network realizes exactly.

One dot is a rectified trigonometric polynomial with a single positive lobe,

    f(x) = a relu(tau(x)),      tau(x) = D(x_0 - c_0) D(x_1 - c_1) - b,

D the Dirichlet or Fejer kernel of degree n scaled to D(0) = 1. It is one neuron of an INR with integer
frequencies up to n. The lobe is star-shaped about c with a smooth boundary r(theta), so

    f^(k) = a integral over theta of integral_0^r tau(c + rho u(theta)) exp(-2 pi i k.(c + rho u)) rho d rho

is evaluated by the trapezoidal rule in theta (periodic and analytic) and Gauss-Legendre in rho: both converge
geometrically, for every real k, and nothing cancels when b is close to 1.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.lattice import lattice_weights
from srinr.measures import DiscreteMeasure
from srinr.phantoms.checks import checked_amplitude, checked_matrix, checked_rows, checked_vector
from srinr.phantoms.composition import AffinePhantom
from srinr.phantoms.dot_lobes import DotKernel, certified_nodes, lobe_volume, radii
from srinr.phantoms.geometry import hermitian_from_half
from srinr.phantoms.kernels import Engine, box_sums, scattered_sums
from srinr.phantoms.phantom import Phantom

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

# Side lobes of the product of kernels stay below 0.2.
_MIN_OFFSET = 0.25


@dataclass(frozen=True, eq=False)
class Dots(Phantom):
    """Sum of dots; see the top of this file for one dot. Made by :func:`dots`, or from explicit parameters.

    Parameters
    ----------
    centers : array, shape (P, 2)
    degrees : array of int, shape (P,)
        Degree n >= 1 of each kernel: a dot is about ``1 / (2n + 1)`` wide.
    offsets : array, shape (P,)
        Offsets b in [0.25, 1): large is small and round.
    amplitudes : array, shape (P,)
        The height of a dot is ``a (1 - b)``.
    kernel : DotKernel, default DIRICHLET
    """

    centers: Array
    degrees: NDArray[np.int64]
    offsets: Array
    amplitudes: Array
    kernel: DotKernel = DotKernel.DIRICHLET

    # Boxes are evaluated by one nonuniform FFT.
    box_advantage = 8.0

    def __post_init__(self) -> None:
        centers = checked_rows(self.centers, 2, "centers")
        count = len(centers)
        degrees = np.array(self.degrees, dtype=np.int64)
        if (
            count == 0
            or degrees.shape != (count,)
            or not np.array_equal(degrees, self.degrees)
            or degrees.min() < 1
        ):
            raise ValueError(f"degrees must be {count} integers >= 1, at least one, got {self.degrees!r}")
        offsets = checked_vector(self.offsets, count, "offsets")
        if (offsets < _MIN_OFFSET).any() or (offsets >= 1).any():
            raise ValueError(
                f"offsets must lie in [{_MIN_OFFSET}, 1), so that a dot is one lobe, got {self.offsets!r}"
            )
        if not isinstance(self.kernel, DotKernel):
            raise TypeError(f"kernel must be a member of DotKernel, got {self.kernel!r}")
        for array in (centers, degrees):
            array.setflags(write=False)
        object.__setattr__(self, "centers", centers)
        object.__setattr__(self, "degrees", degrees)
        object.__setattr__(self, "offsets", offsets)
        object.__setattr__(self, "amplitudes", checked_vector(self.amplitudes, count, "amplitudes"))

    @property
    def dim(self) -> int:
        return 2

    @property
    def n_dots(self) -> int:
        """Number of dots: the width of the equivalent network."""
        return len(self.centers)

    @functools.cached_property
    def support(self) -> Array:
        reach = np.array([radii(self.kernel, n, b, np.zeros(1))[0] for n, b in self._lobes()])[:, None]
        return np.stack([(self.centers - reach).min(axis=0), (self.centers + reach).max(axis=0)])

    @functools.cached_property
    def amplitude_area(self) -> float:
        volumes = [lobe_volume(self.kernel, n, b) for n, b in self._lobes()]
        return float(np.abs(self.amplitudes) @ np.array(volumes))

    def _lobes(self) -> list[tuple[int, float]]:
        return list(zip(self.degrees.tolist(), self.offsets.tolist(), strict=True))

    def unwrapped_image(self, points: Array) -> Array:
        out = np.zeros(len(points))
        for center, (n, b), a in zip(self.centers, self._lobes(), self.amplitudes, strict=True):
            t = points - center
            near = np.flatnonzero((np.abs(t) < self.kernel.first_zero(n)).all(axis=1))
            product = self.kernel.values(t[near, 0], n) * self.kernel.values(t[near, 1], n)
            out[near] += a * np.maximum(product - b, 0.0)
        return out

    def polynomial_coefficients(self, max_frequency: int | None = None) -> ComplexArray:
        """Coefficients of every ``tau`` on the centered box ``|j|_inf <= max_frequency``, shape (P, side, side)."""
        limit = int(self.degrees.max()) if max_frequency is None else max_frequency
        if limit < self.degrees.max():
            raise ValueError(
                f"max_frequency must be at least the largest degree {self.degrees.max()}, got {limit}"
            )
        out = np.zeros((self.n_dots, 2 * limit + 1, 2 * limit + 1), dtype=np.complex128)
        for i, (n, b) in enumerate(self._lobes()):
            j = np.arange(-n, n + 1)
            x, y = self.kernel.coefficients(n) * np.exp(-2j * np.pi * np.outer(self.centers[i], j))
            inner = slice(limit - n, limit + n + 1)
            out[i, inner, inner] = np.outer(x, y)
            out[i, limit, limit] -= b
        return out

    def measure(self, max_frequency: int | None = None) -> DiscreteMeasure:
        """The same image as a measure over neurons in the feature order of :mod:`srinr.lattice`.

        Examples
        --------
        >>> dots(n_dots=3, max_frequency=4, seed=0).measure(max_frequency=4).atoms.shape
        (3, 81)
        """
        return DiscreteMeasure(lattice_weights(self.polynomial_coefficients(max_frequency)), self.amplitudes)

    def affine(self, matrix: ArrayLike, shift: ArrayLike) -> Phantom:
        m, s = checked_matrix(matrix, 2), checked_vector(shift, 2, "shift")
        if np.array_equal(m, np.eye(2)):
            return replace(self, centers=self.centers + s)
        return AffinePhantom(self, m, s)

    def __mul__(self, factor: object) -> Phantom:
        if super().__mul__(factor) is NotImplemented:
            return NotImplemented
        return replace(self, amplitudes=self.amplitudes * float(factor))  # type: ignore[arg-type]

    __rmul__ = __mul__

    def lowpass_box(self, cutoff: int, tol: float, engine: Engine | None) -> ComplexArray:
        points, strengths = self._nodes(np.sqrt(2.0) * cutoff, tol)
        return hermitian_from_half(box_sums(points, strengths, cutoff, engine, tol)[0])

    def transform(self, frequencies: Array, tol: float, engine: Engine | None) -> ComplexArray:
        kappa = float(np.linalg.norm(frequencies, axis=1).max(initial=0.0))
        points, strengths = self._nodes(kappa, tol)
        return scattered_sums(points, strengths, frequencies, engine, tol)[0]

    def _nodes(self, kappa: float, tol: float) -> tuple[Array, Array]:
        """Nodes and strengths (1, J) of all dots for frequencies up to ``kappa``."""
        points, strengths = [], []
        for center, (n, b), a in zip(self.centers, self._lobes(), self.amplitudes, strict=True):
            offsets, weights = certified_nodes(self.kernel, n, b, kappa, tol)
            points.append(center + offsets)
            strengths.append(a * weights)
        return np.concatenate(points), np.concatenate(strengths)[None]


def dot(
    center: ArrayLike = (0.5, 0.5),
    degree: int = 5,
    offset: float = 0.5,
    amplitude: float = 1.0,
    kernel: DotKernel = DotKernel.DIRICHLET,
) -> Dots:
    """One dot of height ``amplitude * (1 - offset)``; parameters as in :class:`Dots`."""
    return Dots(
        np.asarray(center, dtype=np.float64)[None],
        np.array([degree]),
        np.array([offset]),
        np.array([checked_amplitude(amplitude)]),
        kernel,
    )


def dots(
    n_dots: int = 50, max_frequency: int = 10, seed: int = 0, kernel: DotKernel = DotKernel.DIRICHLET
) -> Dots:
    """Random dots, scaled to maximum 1: an INR of width ``n_dots`` with integer frequencies up to ``max_frequency``.

    Centers are drawn in [0.1, 0.9]^2 at distances of at least 0.08, degrees uniformly from {2, ...,
    max_frequency}, offsets from [0.5, 1), amplitudes from [2, 5]. Wide dots may overlap; they add.

    Parameters
    ----------
    n_dots : int, default 50
        At most about 60 fit.
    max_frequency : int, default 10
        At least 2.
    seed : int, default 0
        Of the random draw.
    kernel : DotKernel, default DIRICHLET
        Shape of the lobes.

    Examples
    --------
    >>> image = dots(n_dots=5, max_frequency=6, seed=1)
    >>> image.n_dots, bool(image.image(image.centers).max() <= 1.0)
    (5, True)
    """
    if n_dots < 1 or max_frequency < 2:
        raise ValueError(f"need n_dots >= 1 and max_frequency >= 2, got {n_dots} and {max_frequency}")
    rng = np.random.default_rng(seed)
    centers = _separated_points(n_dots, 0.08, rng)
    degrees = rng.integers(2, max_frequency + 1, n_dots)
    offsets = rng.uniform(0.5, 1.0, n_dots)
    amplitudes = rng.uniform(2.0, 5.0, n_dots)
    raw = Dots(centers, degrees, offsets, amplitudes, kernel)
    return replace(raw, amplitudes=amplitudes / _maximum(raw))


def _separated_points(count: int, distance: float, rng: np.random.Generator) -> Array:
    """Dart throwing in [0.1, 0.9]^2: keep a uniform point if it is far enough from all earlier ones."""
    kept = np.empty((0, 2))
    for _ in range(20_000):
        new = rng.uniform(0.1, 0.9, 2)
        if (np.linalg.norm(kept - new, axis=1) >= distance).all():
            kept = np.vstack([kept, new])
            if len(kept) == count:
                return kept
    raise ValueError(f"could not place {count} dots at distance {distance}; ask for at most about 60")


def _maximum(image: Dots) -> float:
    """Largest value: the best of the centers and a coarse grid, then a zooming search."""
    axis = np.arange(256) / 256
    points = np.concatenate(
        [image.centers, np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)]
    )
    values = image.image(points)
    best, step = points[values.argmax()], 1.0 / 256
    for _ in range(30):
        offsets = step * np.stack(np.meshgrid(*[np.linspace(-1, 1, 5)] * 2, indexing="ij"), axis=-1).reshape(
            -1, 2
        )
        values = image.image(best + offsets)
        best, step = best + offsets[values.argmax()], 0.5 * step
    return float(values.max())
