"""Images of one neuron: exact recovery by a smooth convex problem.

``G(w) = integral of gamma relu(<w, gamma>)`` is the gradient of the convex function
``h(w) = 1/2 integral of relu(<w, gamma>)^2``, and the samples up to the limit of the features determine
``b = G(w)``: minimizing ``h(w) - <w, b>`` recovers the neuron. Nothing of this applies to two neurons.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.encodings.fourier_features import FourierFeatures
from srinr.lattice import lattice_frequencies, lattice_weights
from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.samples import FourierSamples
from srinr.solvers.problem import MeasureProblem
from srinr.status import Status

Vector = NDArray[np.float64]

_MAX_STEPS = 50
#: Added to the Hessian, relative to its trace: neurons active on few pixels leave it singular.
_RIDGE = 1e-13


@dataclass(frozen=True, eq=False)
class WidthOneRecovery:
    """The neuron that was found, and whether it explains the data.

    Attributes
    ----------
    measure : DiscreteMeasure
        One atom of unit length with its amplitude; none for samples that are zero.
    status : Status
        CONVERGED when the relative residual is below the tolerance, else STALLED: the image is not one neuron.
    relative_residual : float
        ``|A mu - y| / |y|``, over all samples.
    n_steps : int
        Newton steps, of both signs together.
    message : str
    """

    measure: DiscreteMeasure
    status: Status
    relative_residual: float
    n_steps: int
    message: str


def recover_width_one(
    dictionary: NeuronDictionary, samples: FourierSamples, *, tolerance: float = 1e-9
) -> WidthOneRecovery:
    """Recover an image of ONE rectified trigonometric polynomial, of either sign, by a convex problem.

    An oracle for width 1, and a fast start. It uses the samples up to the limit K0 of the features only; all
    samples decide about the status. Damped Newton on ``h(w) - <w, b>`` with ``b = G(w)`` read off the data.

    Parameters
    ----------
    dictionary : NeuronDictionary
        With lattice features, constant included; cutoff at least K0.
    samples : FourierSamples
        One image at the dictionary's frequencies.
    tolerance : float, default 1e-9
        Of the relative residual, for CONVERGED.

    Returns
    -------
    WidthOneRecovery

    Raises
    ------
    ValueError
        Features other than the integer lattice with its constant, samples that leave out frequencies up to
        K0, or samples that do not fit the dictionary.

    Examples
    --------
    >>> from srinr import DiscreteMeasure, NeuronDictionary
    >>> dictionary = NeuronDictionary.lattice(max_frequency=2, cutoff=2, dim=1)
    >>> neuron = DiscreteMeasure([[0.3, -0.2, 0.5, 0.1, 0.2]], [-2.0])
    >>> found = recover_width_one(dictionary, dictionary.sample(neuron))
    >>> found.status.name, bool(found.measure.amplitudes[0] < 0)
    ('CONVERGED', True)
    """
    problem = MeasureProblem(dictionary, samples)
    target = _feature_moments(dictionary, samples)
    if not problem.data.any():
        empty = DiscreteMeasure(np.zeros((0, dictionary.n_features)), np.zeros(0))
        return WidthOneRecovery(empty, Status.CONVERGED, 0.0, 0, "the samples are zero")
    features = dictionary.features(torch.float64).cpu().numpy()
    # The moment of the constant feature is the mean, which has the sign of the amplitude.
    first = -1.0 if target[-1] < 0 else 1.0
    found, n_steps = [], 0
    for sign in (first, -first):
        vector, steps = _newton(features, sign * target)
        n_steps += steps
        measure = DiscreteMeasure(vector[None], [sign]).normalized()
        found.append((problem.relative_residual(measure), measure))
        if found[-1][0] <= tolerance:
            break
    residual, measure = min(found, key=lambda pair: pair[0])
    status = Status.CONVERGED if residual <= tolerance else Status.STALLED
    message = f"relative residual {residual:.1e}"
    if status is Status.STALLED:
        message += "; the image is not that of one neuron on these features (or the samples are noisy)"
    return WidthOneRecovery(measure, status, residual, n_steps, message)


def lattice_limit(encoding: object) -> int | None:
    """K0 of lattice features with all frequencies of the box; None for other features."""
    if not isinstance(encoding, FourierFeatures):
        return None
    limit = int(np.abs(encoding.frequencies).max())
    whole = limit >= 1 and np.array_equal(encoding.frequencies, lattice_frequencies(limit, encoding.dim))
    return limit if whole else None


def holds_box(frequencies: NDArray[np.int64], cutoff: int) -> bool:
    """Whether distinct frequencies (m, d) hold all of the box ``|k|_inf <= cutoff``."""
    inside = np.abs(frequencies).max(axis=1) <= cutoff
    return int(inside.sum()) == (2 * cutoff + 1) ** frequencies.shape[1]


def _feature_moments(dictionary: NeuronDictionary, samples: FourierSamples) -> Vector:
    """``b``, the integrals of the image against the features, from the samples up to K0."""
    limit = lattice_limit(dictionary.encoding)
    if limit is None or not getattr(dictionary.encoding, "constant", False):
        raise ValueError(
            "dictionary must have lattice features with the constant, FourierFeatures.lattice(max_frequency, dim); "
            f"got {dictionary.encoding!r}"
        )
    frequencies = dictionary.real_samples.frequencies
    inside = np.abs(frequencies).max(axis=1) <= limit
    if not holds_box(frequencies, limit):
        raise ValueError(
            f"samples must hold all frequencies up to K0 = {limit} of the features; raise the cutoff, or use "
            "features of a lower limit"
        )
    dim, side = samples.dim, 2 * limit + 1
    box = np.zeros((side,) * dim, dtype=np.complex128)
    box[tuple((frequencies[inside] + limit).T)] = samples.values[inside]
    # Features are real polynomials: the moment of each is its weight in the low-pass image.
    return lattice_weights(box, dim)


def _newton(features: Vector, target: Vector) -> tuple[Vector, int]:
    """Minimize ``mean relu(features w)^2 / 2 - <w, target>`` by damped Newton steps."""
    w = 2.0 * target
    value, gradient, hidden = _energy(features, target, w)
    goal = 1e-15 * float(np.linalg.norm(target))
    for step in range(_MAX_STEPS):
        if np.linalg.norm(gradient) <= goal:
            return w, step
        active = features[hidden > 0]
        hessian = active.T @ active / len(features)
        hessian += (_RIDGE * np.trace(hessian) + np.finfo(float).tiny) * np.eye(len(w))
        direction = -np.linalg.lstsq(hessian, gradient, rcond=None)[0]
        slope, size = float(direction @ gradient), 1.0
        while size > 1e-10:
            trial = _energy(features, target, w + size * direction)
            # Near the minimum values agree to rounding; there the gradient decides.
            if trial[0] <= value + 1e-4 * size * slope or np.linalg.norm(trial[1]) < 0.5 * np.linalg.norm(
                gradient
            ):
                break
            size *= 0.5
        else:
            return w, step
        w = w + size * direction
        value, gradient, hidden = trial
    return w, _MAX_STEPS


def _energy(features: Vector, target: Vector, w: Vector) -> tuple[float, Vector, Vector]:
    hidden = features @ w
    rectified = np.maximum(hidden, 0.0)
    value = 0.5 * float(rectified @ rectified) / len(features) - float(w @ target)
    return value, features.T @ rectified / len(features) - target, hidden
