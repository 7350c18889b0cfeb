"""Correlations of a density with all neurons, split into a convex and a concave part.

For a density ``p`` on the domain, ``eta(w) = integral of p max(<w, gamma>, 0)`` is ``h_plus(w) - h_minus(w)`` with
the positive and the negative part of ``p``; both are convex and positively homogeneous. That is all that
:mod:`srinr.solvers.rigorous` uses. The gradients of both parts give their values, ``h(w) = <gradient, w>``.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from srinr.dictionary import Dictionary
from srinr.exact_dictionary import ExactDictionary
from srinr.neuron_dictionary import NeuronDictionary
from srinr.rectified import arcs_1d, feature_products_1d

Vector = NDArray[np.float64]
Complex = NDArray[np.complex128]

_UNIT = 2.0**-53
#: Entries of the largest temporary array of one evaluation (64 MB).
_CHUNK_ENTRIES = 2**23


class Density(Protocol):
    """A density that correlates with neurons."""

    @property
    def n_features(self) -> int:
        """Dimension D of the neurons."""
        ...

    @property
    def rounding(self) -> float:
        """Bound on the error of ``<gradient, u>`` for both parts and unit vectors ``u``."""
        ...

    def gradients(self, atoms: Vector) -> tuple[Vector, Vector]:
        """Gradients (P, D) of ``h_plus`` and ``h_minus`` at atoms (P, D)."""
        ...


class GridDensity:
    """A density given at points of equal weight.

    Parameters
    ----------
    features : array, shape (n, D)
        Features at the points.
    values : array, shape (n,)
        The density.
    value_error : float, default 0
        Bound on the error of each value.
    feature_error : float, default 0
        Bound on the error of the feature vector at each point.

    Examples
    --------
    >>> density = GridDensity(np.eye(2), np.array([1.0, -1.0]))
    >>> plus, minus = density.gradients(np.array([[1.0, 1.0]]))
    >>> plus.tolist(), minus.tolist()
    ([[0.5, 0.0]], [[0.0, 0.5]])
    """

    def __init__(
        self, features: Vector, values: Vector, *, value_error: float = 0.0, feature_error: float = 0.0
    ) -> None:
        order = np.argsort(-values, kind="stable")
        self._transposed = np.ascontiguousarray(features[order].T)
        self._weighted = features[order] * (np.abs(values[order]) / len(values))[:, None]
        self._n_plus = int((values > 0).sum())
        self._size = float(np.abs(values).mean())
        self._reach = float(np.linalg.norm(features, axis=1).max())
        self._value_error, self._feature_error = value_error, feature_error

    @property
    def n_features(self) -> int:
        """Dimension D of the neurons."""
        return len(self._transposed)

    @property
    def rounding(self) -> float:
        """A priori bound of sums in any order, plus the errors of values and features.

        A point on the wrong side of a gate changes ``h`` by no more than the error of its pre-activation. The
        constant covers the slivers between cones whose common face was rounded.
        """
        d, n = self._transposed.shape
        sums = (n + 3 * d + 2048) * np.sqrt(d) * self._size * self._reach * _UNIT
        return 1.1 * float(sums + 3 * self._size * self._feature_error + self._value_error * self._reach)

    def gradients(self, atoms: Vector) -> tuple[Vector, Vector]:
        """Gradients (P, D) of ``h_plus`` and ``h_minus`` at atoms (P, D)."""
        plus, minus = np.empty_like(atoms), np.empty_like(atoms)
        step = max(1, _CHUNK_ENTRIES // self._transposed.shape[1])
        for start in range(0, len(atoms), step):
            part = slice(start, start + step)
            gates = (atoms[part] @ self._transposed > 0).astype(np.float64)
            plus[part] = gates[:, : self._n_plus] @ self._weighted[: self._n_plus]
            minus[part] = gates[:, self._n_plus :] @ self._weighted[self._n_plus :]
        return plus, minus


class TrigonometricDensity:
    """A real trigonometric polynomial on the one-dimensional torus, correlated with neurons in closed form.

    Parameters
    ----------
    coefficients : array, shape (2 K + 1,)
        Hermitian Fourier coefficients of the density, ``k = 0`` in the middle.
    dictionary : ExactDictionary
        Whose neurons are meant.

    Examples
    --------
    >>> density = TrigonometricDensity([1.0], ExactDictionary.lattice(1, cutoff=2))
    >>> plus, minus = density.gradients(np.array([[0.0, 1.0, 0.0]]))
    >>> (plus.round(6) + 0.0).tolist(), bool(np.abs(minus).max() < 1e-15)
    ([[0.0, 0.450158, 0.5]], True)
    """

    def __init__(self, coefficients: Complex, dictionary: ExactDictionary) -> None:
        self.dictionary = dictionary
        p = np.asarray(coefficients, dtype=np.complex128)
        cutoff, limit = len(p) // 2, dictionary.max_frequency
        # p exp(2 pi i l x) has the antiderivative  p_{-l} x + sum_n p_{n-l} exp(2 pi i n x) / (2 pi i n).
        self._waves = np.arange(-cutoff - limit, cutoff + limit + 1)
        shifts = np.arange(-limit, limit + 1)
        index = self._waves[:, None] - shifts + cutoff
        inside = (index >= 0) & (index <= 2 * cutoff)
        products = np.where(inside, p[np.clip(index, 0, 2 * cutoff)], 0.0)
        self._slope = products[cutoff + limit].copy()
        products[cutoff + limit] = 0.0
        self._oscillating = products / (2j * np.pi * np.where(self._waves == 0, 1, self._waves))[:, None]
        self._starts, lengths, self._positive = arcs_1d(p)
        at_starts, at_ends = self._antiderivative(self._starts), self._antiderivative(self._starts + lengths)
        pieces = (at_ends - at_starts)[:, None] * self._sides(np.arange(len(lengths)))
        self._cumulative = np.concatenate([np.zeros_like(pieces[:1]), np.cumsum(pieces, axis=0)])
        self._at_starts = at_starts
        self._size = float(np.abs(p).sum())

    @property
    def n_features(self) -> int:
        """Dimension D of the neurons."""
        return self.dictionary.n_features

    @property
    def rounding(self) -> float:
        """Error budget of the closed forms.

        It takes the eigenvalues from which the roots come as backward stable (a few hundred units of
        rounding); unlike the rest of the proof this is not bounded a priori.
        """
        return (
            512 * _UNIT * (len(self._waves) + 2 * len(self._starts)) * self._size * np.sqrt(self.n_features)
        )

    def gradients(self, atoms: Vector) -> tuple[Vector, Vector]:
        """Gradients (P, D) of ``h_plus`` and ``h_minus`` at atoms (P, D)."""
        starts, _, active = arcs_1d(self.dictionary.polynomials(atoms))
        values = self._integrals(starts)
        following = np.concatenate([values[:, 1:], values[:, :1] + self._cumulative[-1]], axis=1)
        waves = np.where(active[:, :, None, None], following - values, 0.0).sum(axis=1)
        features = feature_products_1d(
            waves, self.dictionary.max_frequency, constant=self.dictionary.constant
        ).real
        return np.ascontiguousarray(features[:, 0]), np.ascontiguousarray(features[:, 1])

    def _integrals(self, x: Vector) -> Complex:
        """Integrals from the first start to x of both parts of p times waves, shape (..., 2, 2 K0 + 1)."""
        wrapped = x < self._starts[0]
        x = np.where(wrapped, x + 1.0, x)
        arc = np.searchsorted(self._starts, x, side="right") - 1
        inside = (self._antiderivative(x) - self._at_starts[arc])[..., None, :] * self._sides(arc)
        return self._cumulative[arc] + inside - np.where(wrapped[..., None, None], self._cumulative[-1], 0.0)

    def _antiderivative(self, x: Vector) -> Complex:
        oscillation = np.exp(2j * np.pi * x[..., None] * self._waves) @ self._oscillating
        return oscillation + x[..., None] * self._slope

    def _sides(self, arc: NDArray[np.int64]) -> Vector:
        """1 and 0 on arcs where p is positive, 0 and -1 elsewhere, shape (..., 2, 1)."""
        positive = self._positive[arc]
        return np.stack([positive * 1.0, positive - 1.0], axis=-1)[..., None]


def density_of(dictionary: Dictionary, dual: Vector, *, scale: float = 1.0, offset: float = 0.0) -> Density:
    """The density ``scale F_Omega^* q + offset`` on the domain of a dictionary.

    Parameters
    ----------
    dictionary : NeuronDictionary or ExactDictionary
        Says whether the domain is a grid or the continuum.
    dual : array, shape (m,)
        The dual vector q.
    scale : float, default 1
        Factor of the dual polynomial.
    offset : float, default 0
        Added to it.

    Raises
    ------
    TypeError
        For other dictionaries, whose neurons cannot be bounded.

    Examples
    --------
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=1)
    >>> density_of(dictionary, np.ones(7)).n_features
    3
    """
    q = np.asarray(dual, dtype=np.float64)
    if isinstance(dictionary, NeuronDictionary):
        features = dictionary._features64.cpu().numpy()
        largest = 1.0 + float(np.abs(getattr(dictionary.encoding, "frequencies", 1.0)).max())
        error = 32 * _UNIT * largest * dictionary.grid.dim * np.sqrt(2.0 * features.shape[1])
        total = float(np.abs(dictionary.real_samples.unpack(q)).sum())
        value_error = 16 * _UNIT * abs(scale) * (len(q) + 8) * total
        values = scale * dictionary.dual_image(q) + offset
        return GridDensity(features, values, value_error=value_error, feature_error=error)
    if isinstance(dictionary, ExactDictionary):
        coefficients = scale * dictionary.dual_coefficients(q)
        coefficients[len(coefficients) // 2] += offset
        return TrigonometricDensity(coefficients, dictionary)
    raise TypeError(
        f"bounds are proved for NeuronDictionary and ExactDictionary, got {type(dictionary).__name__}"
    )
