"""Look at a certificate again, with fresh searches of growing size: spoiled ones are rejected."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srinr.dictionary import Dictionary
from srinr.measures import DiscreteMeasure
from srinr.samples import FourierSamples
from srinr.solvers.atom_search import AtomSearch, search_atoms
from srinr.solvers.certificate import Certificate, Level
from srinr.solvers.certify import FEASIBLE, default_dictionary
from srinr.solvers.problem import MeasureProblem
from srinr.weightings import IntegralWeighting, StandardWeighting, Weighting, weights, weights_and_gradients

#: Relative errors of values and gradients at the support that count as rounding.
_ROUNDING = 1e-7
#: Starts of the searches, one after the other.
ESCALATION = (256, 2048, 4096)


@dataclass(frozen=True)
class Verification:
    """Outcome of :func:`verify_certificate`.

    Attributes
    ----------
    failures : tuple of str
        What is wrong, in words; empty when the certificate holds up.
    max_ratio : float
        Largest ``|eta| / rho`` met (NaN for a refutation).
    n_starts : int
        Random starts used in all.
    """

    failures: tuple[str, ...]
    max_ratio: float
    n_starts: int

    @property
    def accepted(self) -> bool:
        """Whether nothing wrong was found."""
        return not self.failures


def verify_certificate(
    certificate: Certificate,
    samples: FourierSamples,
    weighting: Weighting | None = None,
    *,
    dictionary: Dictionary | None = None,
    tolerance: float | None = None,
    seed: int = 1,
) -> Verification:
    """Check every premise of a certificate again.

    For a certificate of optimality: the measure meets the samples, ``eta = sign rho`` and ``J^T q = sign grad rho``
    at every atom, and ``|eta| <= (1 + tolerance) rho`` in searches of 256, 2048 and 4096 fresh starts. For a
    refutation: the witness meets the samples and is strictly cheaper.

    Parameters
    ----------
    certificate : Certificate
        From :func:`srinr.solvers.certify` or elsewhere.
    samples, weighting, dictionary
        As given to :func:`srinr.solvers.certify`.
    tolerance : float, optional
        Excess of the ratio that counts as none; by default the certificate's own, at least 1e-9.
    seed : int, default 1
        Of the searches; another one than the certificate's.

    Returns
    -------
    Verification

    Examples
    --------
    >>> from srinr import DiscreteMeasure, NeuronDictionary
    >>> from srinr.solvers import certify
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1)
    >>> teacher = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> samples = dictionary.sample(teacher)
    >>> certificate = certify(teacher, samples, dictionary=dictionary)
    >>> verify_certificate(certificate, samples, dictionary=dictionary).accepted
    True
    """
    problem = MeasureProblem(
        dictionary or default_dictionary(certificate.measure, samples),
        samples,
        weighting or StandardWeighting(),
    )
    if certificate.level is Level.NONE:
        return Verification(("the certificate claims nothing",), float("nan"), 0)
    if certificate.level is Level.REFUTED:
        return Verification(_refutation_failures(problem, certificate), float("nan"), 0)
    dual = certificate.dual_variable
    if dual is None or dual.shape != problem.data.shape or not np.isfinite(dual).all():
        return Verification((f"no finite dual vector of shape {problem.data.shape}",), float("nan"), 0)
    failures = _support_failures(problem, certificate.measure, dual)
    wanted = max(certificate.tolerance if tolerance is None else tolerance, 1e-9)
    max_ratio, n_starts, rng = 0.0, 0, np.random.default_rng(seed)
    sign = _single_sign(problem, certificate)
    for size in ESCALATION:
        peaks = search_atoms(
            problem.dictionary, problem.weighting, (sign or 1.0) * dual, rng,
            AtomSearch(size), extra_starts=certificate.measure.atoms, one_sided=sign != 0,
        )  # fmt: skip
        max_ratio, n_starts = max(max_ratio, peaks.max_ratio), n_starts + size
        if max_ratio > 1.0 + wanted:
            failures += (f"|eta|/rho reaches {max_ratio:.8f} (search of {size} starts)",)
            break
    return Verification(failures, max_ratio, n_starts)


def _single_sign(problem: MeasureProblem, certificate: Certificate) -> float:
    """Sign of the measure where one side is enough, else 0.

    Among measures of one sign, modified weight decay II needs ``sign eta <= rho`` only.
    """
    signs = np.unique(np.sign(certificate.measure.amplitudes))
    return float(signs[0]) if isinstance(problem.weighting, IntegralWeighting) and len(signs) == 1 else 0.0


def _support_failures(
    problem: MeasureProblem, measure: DiscreteMeasure, dual: NDArray[np.float64]
) -> tuple[str, ...]:
    failures = []
    residual = problem.relative_residual(measure)
    if residual > FEASIBLE:
        failures.append(f"the measure misses the samples by {residual:.1e}")
    if not measure.n_atoms:
        return tuple(failures)
    signs = np.sign(measure.amplitudes)
    rho, gradients = weights_and_gradients(problem.weighting, problem.dictionary, measure.atoms)
    eta = problem.dictionary.coefficients(measure.atoms) @ dual
    worst = float(np.abs(eta / rho - signs).max())
    if worst > _ROUNDING:
        failures.append(f"eta differs from sign rho at the support by {worst:.1e}")
    slopes = np.stack([problem.dictionary.jacobian(atom).T @ dual for atom in measure.atoms])
    worst = float(np.abs(slopes - signs[:, None] * gradients).max())
    if worst > _ROUNDING:
        failures.append(f"J^T q differs from sign grad rho at the support by {worst:.1e}")
    return tuple(failures)


def _refutation_failures(problem: MeasureProblem, certificate: Certificate) -> tuple[str, ...]:
    witness = certificate.witness
    if witness is None:
        return ("a refutation without a witness",)
    failures = []
    residual = problem.relative_residual(witness.measure)
    if residual > 1e-11:
        failures.append(f"the witness misses the samples by {residual:.1e}")
    costs = [
        float(np.abs(m.amplitudes) @ weights(problem.weighting, problem.dictionary, m.atoms))
        for m in (witness.measure, certificate.measure)
    ]
    if not costs[0] < costs[1]:
        failures.append(f"the witness costs {costs[0]:.12g}, not less than {costs[1]:.12g}")
    return tuple(failures)
