"""Verdicts that theory gives without a search, or that a search can be turned into: proofs in special cases."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
from numpy.typing import NDArray

from srinr.exact_dictionary import ExactDictionary
from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.solvers.certificate import Certificate, Level
from srinr.solvers.exchange import CertifyOptions, Ending, Limits, exchange
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.rigorous import prove_dual_bound
from srinr.solvers.rigorous_bound import rigorous_certificate
from srinr.solvers.rigorous_unique import prove_uniqueness
from srinr.solvers.support import support_equations
from srinr.weightings import IntegralWeighting, StandardWeighting

Vector = NDArray[np.float64]

#: Dimension of the atoms up to which a covering of the sphere is tried.
_PROVABLE_FEATURES = 5
_PROOF_CELLS = 2_000_000
_PROOF_SECONDS = 30.0
#: Ratios above 1 that a proof may leave: the measure is then optimal up to this part.
_PROOF_TOLERANCES = (1e-8, 1e-6)


def integral_dual(problem: MeasureProblem, measure: DiscreteMeasure) -> Vector | None:
    """The dual vector with ``eta = rho`` everywhere under modified weight decay II, for amplitudes of one sign.

    With ``p = 1`` the correlation of every neuron is its mean, which is what it costs: every feasible measure of
    one sign is a minimizer, of cost ``|f^(0)|``. None when the amplitudes differ in sign or ``k = 0`` was not
    sampled.
    """
    zero = np.flatnonzero((problem.samples.frequencies == 0).all(axis=1))
    signs = np.unique(np.sign(measure.amplitudes))
    if not isinstance(problem.weighting, IntegralWeighting) or len(signs) != 1 or not len(zero):
        return None
    unit = np.zeros(problem.samples.n_samples, dtype=np.complex128)
    unit[zero[0]] = signs[0]
    return problem.dictionary.real_samples.pack(unit)


def integral_certificate(
    problem: MeasureProblem,
    measure: DiscreteMeasure,
    dual: Vector,
    options: CertifyOptions,
    limits: Limits,
) -> Certificate:
    """Optimality under modified weight decay II by identity, uniqueness by a one-sided exchange where it can be.

    Uniqueness among non-negative measures needs a dual vector with ``eta <= rho``, equal on the support only.
    With the constant feature there is none: neurons can be bumps of any size, which forces ``p = 1`` wherever the
    image is positive.
    """
    facts = Certificate(
        Level.RIGOROUS, measure, dual, 1.0, tolerance=options.tolerance,
        message="eta = rho everywhere: every feasible measure of one sign is a minimizer",
    )  # fmt: skip
    if getattr(problem.dictionary.encoding, "constant", True):
        text = "no certificate of uniqueness can exist with the constant feature; uniqueness undecided"
        return dataclasses.replace(facts, message=f"{facts.message}; {text}")
    sign = float(np.sign(measure.amplitudes[0]))
    upright = DiscreteMeasure(measure.atoms, np.abs(measure.amplitudes))
    equations = support_equations(problem, upright)
    found = exchange(problem, upright, equations, options, limits, one_sided=True)
    unique = found.ending is Ending.CLEAN and found.margin > 0 and equations.independent
    words = (
        f"unique as far as {max(found.n_clean - 1, 0)} searches of {found.n_starts} starts can tell "
        f"(one-sided margin {found.margin:g})"
        if unique
        else f"uniqueness undecided ({found.ending.name}, one-sided margin {found.margin:g})"
    )
    return dataclasses.replace(
        facts, dual_variable=sign * found.dual if unique else dual, unique=True if unique else None,
        margin=found.margin, n_starts=found.n_starts, n_clean_rounds=max(found.n_clean - 1, 0),
        n_rounds=found.n_rounds, n_rows=found.n_rows, message=f"{facts.message}; {words}",
    )  # fmt: skip


def proved_if_small(problem: MeasureProblem, searched: Certificate, deadline: float) -> Certificate:
    """Turn a searched certificate into a proof where the sphere of directions is small enough to be covered.

    Standard weight decay and at most five features. A violation met by the covering lowers the verdict.
    """
    encoding, dual = problem.dictionary.encoding, searched.dual_variable
    small = encoding.n_features <= _PROVABLE_FEATURES and isinstance(problem.weighting, StandardWeighting)
    coverable = isinstance(problem.dictionary, NeuronDictionary | ExactDictionary)
    if not (small and coverable) or dual is None:
        return searched
    for tolerance in _PROOF_TOLERANCES:
        seconds = min(_PROOF_SECONDS, deadline - time.perf_counter())
        if seconds <= 0:
            break
        proof = prove_dual_bound(
            problem, searched.measure, dual, tolerance=tolerance, max_cells=_PROOF_CELLS, time_limit=seconds
        )
        if proof.proved:
            return _with_proof(
                problem, searched, rigorous_certificate(problem, searched.measure, dual, proof), seconds
            )
        if proof.lower > 1.0 + searched.tolerance:
            return dataclasses.replace(
                searched, level=Level.NONE, max_ratio=proof.lower, argmax=proof.argmax, unique=None,
                message=f"a covering of the sphere met |eta|/rho = {proof.lower:.7f}, which the searches had missed",
            )  # fmt: skip
    return searched


def _with_proof(
    problem: MeasureProblem, searched: Certificate, proved: Certificate, seconds: float
) -> Certificate:
    if proved.level is not Level.RIGOROUS or proved.dual_variable is None:
        return searched
    unique, words = None, "uniqueness not proved"
    if isinstance(problem.dictionary, NeuronDictionary):
        proof = prove_uniqueness(
            problem, searched.measure, proved.dual_variable, max_cells=_PROOF_CELLS, time_limit=seconds
        )
        unique, words = (
            (True, "uniqueness proved") if proof.proved else (None, f"uniqueness: {proof.message}")
        )
    return dataclasses.replace(
        searched, level=Level.RIGOROUS, max_ratio=proved.max_ratio, unique=unique, tolerance=proved.tolerance,
        message=f"{proved.message}; {words}",
    )  # fmt: skip
