"""The convex problem over measures that training a shallow INR with generalized weight decay is."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from srinr.dictionary import Dictionary
from srinr.measures import DiscreteMeasure
from srinr.samples import FourierSamples
from srinr.weightings import StandardWeighting, Weighting, weights

Vector = NDArray[np.float64]

#: Samples of a real image are Hermitian; a larger relative deviation means that the image is complex.
_HERMITIAN_TOL = 1e-9


@dataclass(frozen=True, eq=False)
class MeasureProblem:
    """Recover a measure over neurons from Fourier samples.

    Basis pursuit (``strength=0``; sampling theory of INRs, eq. 11) or its penalized form:

        min TV_rho(mu)  subject to  A mu = y        or        min 1/2 |A mu - y|^2 + strength TV_rho(mu)

    with ``TV_rho(mu) = sum_i |a_i| rho(w_i)`` and ``A mu = sum_i a_i phi(w_i)``. A dual vector ``q`` is
    feasible when ``|<q, phi(w)>| <= rho(w)`` for every direction; its value bounds the minimum from below.

    Parameters
    ----------
    dictionary : Dictionary
        From directions to samples, e.g. ``NeuronDictionary.lattice(2, cutoff=6)``.
    samples : FourierSamples
        One image (no batch axis) at the dictionary's frequencies, in its order.
    weighting : Weighting
        Cost of neurons; standard weight decay by default.
    strength : float, default 0
        0 for the equality form.

    Raises
    ------
    ValueError
        Samples at other frequencies than the dictionary's, of a complex image, or several at once.

    Examples
    --------
    >>> from srinr import DiscreteMeasure, NeuronDictionary
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=1)
    >>> teacher = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> problem = MeasureProblem(dictionary, dictionary.sample(teacher))
    >>> round(problem.total_variation(teacher), 12), problem.relative_residual(teacher) < 1e-14
    (2.0, True)
    """

    dictionary: Dictionary
    samples: FourierSamples
    weighting: Weighting = field(default_factory=StandardWeighting)
    strength: float = 0.0

    def __post_init__(self) -> None:
        real = self.dictionary.real_samples
        if self.samples.values.ndim != 1:
            raise ValueError(
                f"samples must hold one image, values of shape (m,), got {self.samples.values.shape}; "
                "use solve_batch for several problems"
            )
        if not np.array_equal(self.samples.frequencies, real.frequencies):
            raise ValueError(
                f"samples at {self.samples.n_samples} frequencies do not match the dictionary's "
                f"{real.n_samples}; build the dictionary from samples.frequencies"
            )
        scale = float(np.linalg.norm(self.samples.values))
        # Noise need not be Hermitian: the data keep the part of it that is.
        noise = 5.0 * self.samples.noise_std * np.sqrt(2 * self.samples.n_samples)
        if real.asymmetry(self.samples.values) > _HERMITIAN_TOL * scale + noise:
            raise ValueError(
                "samples are not those of a real image: values at k and -k must be conjugate; "
                "the theory of measures of neurons is about real images"
            )
        if not (np.isfinite(self.strength) and self.strength >= 0):
            raise ValueError(f"strength must be a finite number >= 0, got {self.strength!r}")

    @functools.cached_property
    def data(self) -> Vector:
        """The samples as a real vector y, shape (m,)."""
        return self.dictionary.real_samples.pack(self.samples.values)

    def predict(self, measure: DiscreteMeasure) -> Vector:
        """``A mu`` as a real vector."""
        return measure.amplitudes @ self.dictionary.coefficients(measure.atoms)

    def residual(self, measure: DiscreteMeasure) -> Vector:
        """``A mu - y`` as a real vector."""
        return self.predict(measure) - self.data

    def relative_residual(self, measure: DiscreteMeasure) -> float:
        """``|A mu - y| / |y|`` (the absolute norm when y is zero)."""
        scale = float(np.linalg.norm(self.data))
        return float(np.linalg.norm(self.residual(measure))) / (scale or 1.0)

    def total_variation(self, measure: DiscreteMeasure) -> float:
        """``sum_i |a_i| rho(w_i)``."""
        return measure.total_variation(lambda atoms: weights(self.weighting, self.dictionary, atoms))

    def objective(self, measure: DiscreteMeasure) -> float:
        """The function that is minimized; in the equality form it does not see the constraint."""
        variation = self.total_variation(measure)
        if not self.strength:
            return variation
        return 0.5 * float(np.sum(self.residual(measure) ** 2)) + self.strength * variation

    def dual_objective(self, dual: Vector) -> float:
        """Value of a feasible dual vector, a lower bound on the minimum (weak duality).

        ``<q, y>`` in the equality form, ``strength <q, y> - strength^2 |q|^2 / 2`` in the penalized one.
        """
        value = float(dual @ self.data)
        if not self.strength:
            return value
        return self.strength * value - 0.5 * self.strength**2 * float(dual @ dual)

    def dual_bound(self, dual: Vector, max_ratio: float) -> float:
        """Lower bound from a dual vector whose largest ``|eta| / rho`` is ``max_ratio``: scaled to be feasible.

        It holds as far as ``max_ratio`` does: searched, or proved.
        """
        return self.dual_objective(dual / max(1.0, max_ratio))
