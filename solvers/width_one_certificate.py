"""The explicit certificate of images of one neuron under modified weight decay I (sampling theory, theorem 1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.atom_search import ratios
from srinr.solvers.certificate import Certificate, Level
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.width_one import holds_box, lattice_limit
from srinr.weightings import FourierWeighting, weights_and_gradients

Vector = NDArray[np.float64]

#: Largest ratio at random directions that Cauchy-Schwarz allows, with room for rounding.
_ROUNDING = 1e-12


def total_variation_bound(problem: MeasureProblem) -> float:
    """``|y|``: a proved lower bound on the minimum, for any number of neurons and modified weight decay I.

    By the triangle inequality ``sum_i |a_i| |phi(w_i)| >= |sum_i a_i phi(w_i)| = |y|`` for every measure that
    meets the samples.

    Raises
    ------
    ValueError
        For other weightings, and for the penalized form.

    Examples
    --------
    >>> from srinr import DiscreteMeasure, NeuronDictionary
    >>> from srinr.weightings import FourierWeighting
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=1)
    >>> neuron = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> problem = MeasureProblem(dictionary, dictionary.sample(neuron), FourierWeighting())
    >>> bool(abs(total_variation_bound(problem) - problem.objective(neuron)) < 1e-12)
    True
    """
    _check_problem(problem)
    return float(np.linalg.norm(problem.data))


def width_one_certificate(
    problem: MeasureProblem, measure: DiscreteMeasure, *, n_directions: int = 256, seed: int = 0
) -> Certificate:
    """Certificate that one neuron minimizes modified weight decay I: ``q = y / |y|`` (sampling theory, theorem 1).

    By Cauchy-Schwarz ``|<q, phi(w)>| <= |phi(w)| = rho(w)`` for every direction, with equality at the neuron:
    it is a minimizer at every cutoff, and the level is RIGOROUS. The premises are checked numerically, and the
    inequality at random directions.

    Parameters
    ----------
    problem : MeasureProblem
        Equality form, :class:`srinr.weightings.FourierWeighting`.
    measure : DiscreteMeasure
        One atom that meets the samples.
    n_directions, seed : int
        Random directions of the numerical check.

    Returns
    -------
    Certificate
        ``unique`` is True where the hypothesis of the theorem holds (all frequencies up to 3 K0 sampled, lattice
        features), and None otherwise; the message says what else is known. A measure that misses the
        samples gets the level NONE.

    Raises
    ------
    ValueError
        Other weightings, the penalized form, or a measure of another width than 1.

    Examples
    --------
    >>> from srinr import DiscreteMeasure, NeuronDictionary
    >>> from srinr.weightings import FourierWeighting
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=1)
    >>> neuron = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> problem = MeasureProblem(dictionary, dictionary.sample(neuron), FourierWeighting())
    >>> certificate = width_one_certificate(problem, neuron)
    >>> certificate.level.name, certificate.unique
    ('RIGOROUS', True)
    """
    _check_problem(problem)
    unit = measure.normalized()
    if unit.n_atoms != 1 or not unit.amplitudes[0]:
        raise ValueError(f"measure must be one neuron that is not zero, got {measure.n_atoms} atoms")
    if not problem.data.any():
        raise ValueError(
            "the samples are zero: no neuron but a dead one meets them, and q = y / |y| is undefined"
        )
    dual = problem.data / np.linalg.norm(problem.data)
    errors = _premise_errors(problem, unit, dual)
    rng = np.random.default_rng(seed)
    directions = np.concatenate([unit.atoms, rng.standard_normal((n_directions, unit.atoms.shape[1]))])
    heights = np.abs(ratios(problem.dictionary, problem.weighting, dual, directions))
    highest = int(np.argmax(heights))
    failed = [name for name, error in errors.items() if not error <= 1e-9]
    failed += ["|eta| <= rho"] if heights[highest] > 1 + _ROUNDING else []
    checks = ", ".join(f"{name} off by {error:.1e}" for name, error in errors.items())
    unique, words = _uniqueness(problem)
    proved = not failed
    message = f"q = y/|y|, feasible by Cauchy-Schwarz; {checks}; " + (
        words if proved else f"failed: {failed}"
    )
    return Certificate(
        Level.RIGOROUS if proved else Level.NONE,
        unit,
        dual_variable=dual,
        max_ratio=1.0 if proved else float(heights[highest]),
        argmax=directions[highest] / np.linalg.norm(directions[highest]),
        unique=unique if proved else None,
        n_starts=n_directions,
        tolerance=_ROUNDING,
        domain=problem.dictionary.description,
        seed=seed,
        message=message,
    )


def _premise_errors(problem: MeasureProblem, unit: DiscreteMeasure, dual: Vector) -> dict[str, float]:
    """Relative errors of the samples, of ``eta = sign rho``, and of ``J^T q = sign grad rho`` at the atom."""
    sign = float(np.sign(unit.amplitudes[0]))
    rho, gradient = weights_and_gradients(problem.weighting, problem.dictionary, unit.atoms)
    jacobian = problem.dictionary.jacobian(unit.atoms[0])
    eta = float(dual @ problem.dictionary.coefficients(unit.atoms)[0])
    slope = np.linalg.norm(jacobian.T @ dual - sign * gradient[0])
    return {
        "samples": problem.relative_residual(unit),
        "eta at the atom": abs(eta - sign * rho[0]) / float(rho[0]),
        "its gradient": float(slope / np.linalg.norm(gradient[0])),
    }


def _uniqueness(problem: MeasureProblem) -> tuple[bool | None, str]:
    encoding = problem.dictionary.encoding
    limit = lattice_limit(encoding)
    if limit is None:
        return None, "uniqueness is known for lattice features only"
    frequencies = problem.dictionary.real_samples.frequencies
    if holds_box(frequencies, 3 * limit):
        return True, f"the only minimizer among images: all frequencies up to 3 K0 = {3 * limit} are sampled"
    if holds_box(frequencies, limit):
        return None, (
            f"fewer frequencies than up to 3 K0 = {3 * limit}, the hypothesis of theorem 1, are sampled; a direct "
            "argument (monotonicity of the rectifier) gives a unique image already from K0 on"
        )
    return None, f"frequencies up to K0 = {limit} are not all sampled: nothing is known about uniqueness"


def _check_problem(problem: MeasureProblem) -> None:
    if not isinstance(problem.weighting, FourierWeighting):
        name = type(problem.weighting).__name__
        raise ValueError(
            f"problem must have the weighting FourierWeighting (modified weight decay I), got {name}"
        )
    if problem.strength:
        raise ValueError(
            f"problem must be of the equality form, strength=0; got strength={problem.strength!r}"
        )
