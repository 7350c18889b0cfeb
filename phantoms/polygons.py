"""Polygons, with the closed form of their coefficients."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.phantoms.checks import checked_amplitude, checked_matrix, checked_rows, checked_vector
from srinr.phantoms.contours import ContourPhantom, polygon_contour
from srinr.phantoms.kernels import Engine
from srinr.phantoms.phantom import Phantom

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

# Below this |k| the closed form cancels; the contour's regular form takes over.
_REGULAR = 0.5
_CHUNK = 2**20


@dataclass(frozen=True, eq=False)
class Polygon(Phantom):
    """``amplitude`` inside a simple polygon.

    With edges ``d_n``, midpoints ``m_n`` and ``a x b = a_0 b_1 - a_1 b_0``,

        f^(k) = i / (2 pi |k|^2) * sum_n (k x d_n) sinc(k.d_n) exp(-2 pi i k.m_n),

    which stays accurate when k is perpendicular to an edge (the popular vertex form does not); for
    ``|k| < 1/2`` the regular form of :mod:`srinr.phantoms.contours` is used.

    Parameters
    ----------
    vertices : array, shape (n, 2)
        In order, either direction; the last joins the first.
    amplitude : float, default 1

    Examples
    --------
    >>> Polygon([[0.2, 0.2], [0.8, 0.2], [0.5, 0.8]]).fourier_coefficients([[0, 0]]).real.round(12).tolist()
    [0.18]
    """

    vertices: Array
    amplitude: float = 1.0

    def __post_init__(self) -> None:
        v = checked_rows(self.vertices, 2, "vertices")
        contour = polygon_contour(v)
        # The contour starts at a vertex and runs counterclockwise; take its order.
        v = np.ascontiguousarray(contour.pieces.polynomials[:, 0])
        v.setflags(write=False)
        object.__setattr__(self, "vertices", v)
        object.__setattr__(self, "amplitude", checked_amplitude(self.amplitude))

    @functools.cached_property
    def _contour(self) -> ContourPhantom:
        return ContourPhantom([polygon_contour(self.vertices, check_simple=False)], [self.amplitude])

    @property
    def dim(self) -> int:
        return 2

    @property
    def support(self) -> Array:
        return np.stack([self.vertices.min(axis=0), self.vertices.max(axis=0)])

    @property
    def amplitude_area(self) -> float:
        return self._contour.amplitude_area

    def unwrapped_image(self, points: Array) -> Array:
        return self._contour.unwrapped_image(points)

    def affine(self, matrix: ArrayLike, shift: ArrayLike) -> Phantom:
        m, s = checked_matrix(matrix, 2), checked_vector(shift, 2, "shift")
        return Polygon(self.vertices @ m.T + s, self.amplitude)

    def transform(self, frequencies: Array, tol: float, engine: Engine | None) -> ComplexArray:
        near = np.linalg.norm(frequencies, axis=1) < _REGULAR
        out = np.empty(len(frequencies), dtype=np.complex128)
        out[near] = self._contour.transform(frequencies[near], tol, engine)
        far = np.flatnonzero(~near)
        chunk = max(1, _CHUNK // len(self.vertices))
        for start in range(0, len(far), chunk):
            part = far[start : start + chunk]
            out[part] = self._edge_form(frequencies[part])
        return out

    def _edge_form(self, k: Array) -> ComplexArray:
        edges = np.roll(self.vertices, -1, axis=0) - self.vertices
        middles = self.vertices + edges / 2.0
        cross = k[:, :1] * edges[:, 1] - k[:, 1:] * edges[:, 0]
        terms = cross * np.sinc(k @ edges.T) * np.exp(-2j * np.pi * (k @ middles.T))
        return self.amplitude * 1j / (2.0 * np.pi * np.einsum("ma,ma->m", k, k)) * terms.sum(axis=1)


_HEPTAGON = ((0.21, 0.33), (0.48, 0.17), (0.80, 0.28), (0.84, 0.55), (0.55, 0.62), (0.52, 0.83), (0.27, 0.71))


def polygon(vertices: ArrayLike = _HEPTAGON, amplitude: float = 1.0) -> Polygon:
    """Polygon through ``vertices`` (n, 2), by default an irregular heptagon; see :class:`Polygon`."""
    return Polygon(np.asarray(vertices, dtype=np.float64), amplitude)
