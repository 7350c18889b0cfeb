"""Certify or refute: is this measure the cheapest one that explains the samples?

The question is about the convex problem, not about any solver: a recovery can be exact and yet not optimal, and an
optimal measure can be missed by a solver.
"""

from __future__ import annotations

import dataclasses
import time

import numpy as np
from numpy.typing import NDArray

from srinr.dictionary import Dictionary
from srinr.domain import Grid
from srinr.encodings.fourier_features import FourierFeatures
from srinr.interruption import DeferredInterrupt
from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary, default_grid_points
from srinr.operators.fourier import FourierOperator
from srinr.progress import progress_bar
from srinr.samples import FourierSamples
from srinr.solvers.certificate import Certificate, Level
from srinr.solvers.exchange import CertifyOptions, Ending, Exchange, Limits, exchange
from srinr.solvers.merge import merge_atoms
from srinr.solvers.polish import polish
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.special_cases import integral_certificate, integral_dual, proved_if_small
from srinr.solvers.support import SupportEquations, support_equations
from srinr.solvers.width_one_certificate import width_one_certificate
from srinr.solvers.witness import cheaper, find_witness
from srinr.status import Status
from srinr.weightings import FourierWeighting, StandardWeighting, Weighting

Vector = NDArray[np.float64]

#: A candidate must explain the samples to this relative accuracy before its optimality is a question.
FEASIBLE = 1e-9
#: Errors of the equations at the support (unit gradients) below this are rounding.
_STATIONARY = 1e-8
#: Directions with a larger cosine are one atom.
_SAME_ATOM = 1.0 - 1e-12


def certify(
    measure: DiscreteMeasure,
    samples: FourierSamples,
    weighting: Weighting | None = None,
    *,
    dictionary: Dictionary | None = None,
    options: CertifyOptions | None = None,
    time_limit: float | None = 60.0,
    progress: bool | None = None,
    seed: int = 0,
) -> Certificate:
    """Certify that a measure is a minimizer of basis pursuit, or refute it with a strictly cheaper measure.

    Parameters
    ----------
    measure : DiscreteMeasure
        A teacher, or a polished candidate: it must explain the samples to a relative 1e-9.
    samples : FourierSamples
        Noiseless samples of one real image.
    weighting : Weighting, optional
        Cost of neurons; standard weight decay by default.
    dictionary : Dictionary, optional
        By default lattice features (the number of features tells the limit) on a grid of at least 64 points per
        axis in 2-D.
    options : CertifyOptions, optional
        Effort and accuracy.
    time_limit : float, optional
        Seconds; None for no limit.
    progress : bool, optional
        Progress bar; by default on a terminal only.
    seed : int, default 0
        Of the random searches.

    Returns
    -------
    Certificate
        SEARCHED or RIGOROUS with a dual vector, REFUTED with a witness, or NONE with the reason.

    Raises
    ------
    ValueError
        When measure, samples and dictionary do not fit together.

    Notes
    -----
    Optimality: sampling theory of INRs, section III (dual certificates). All statements are about the
    dictionary's samples: a grid unless an exact dictionary is given.

    Examples
    --------
    >>> from srinr import DiscreteMeasure, NeuronDictionary
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1)
    >>> teacher = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> options = CertifyOptions(n_starts=256)
    >>> certify(teacher, dictionary.sample(teacher), dictionary=dictionary, options=options).is_optimal
    True
    """
    start = time.perf_counter()
    options = options or CertifyOptions()
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"time_limit must be positive seconds, got {time_limit!r}")
    problem = MeasureProblem(
        dictionary or default_dictionary(measure, samples), samples, weighting or StandardWeighting()
    )
    n_features = problem.dictionary.encoding.n_features
    if measure.atoms.shape[1] != n_features:
        raise ValueError(
            f"measure has atoms of {measure.atoms.shape[1]} features, the dictionary has {n_features}"
        )
    deadline = np.inf if time_limit is None else start + time_limit
    verdict = _verdict(problem, measure, options, deadline, progress, seed)
    return dataclasses.replace(
        verdict, domain=problem.dictionary.description, seed=seed, seconds=time.perf_counter() - start
    )


def default_dictionary(measure: DiscreteMeasure, samples: FourierSamples) -> NeuronDictionary:
    """Lattice features of the measure's number of features, on the default grid for the samples' cutoff."""
    n_features, dim = measure.atoms.shape[1], samples.dim
    side = round(n_features ** (1.0 / dim))
    if side**dim != n_features or side % 2 == 0 or side < 3:
        raise ValueError(
            f"{n_features} features are not those of a lattice in {dim}-D ((2 K0 + 1)^d); pass dictionary="
        )
    if not samples.is_integer:
        raise ValueError("samples must lie at integer frequencies; certificates are about Fourier series")
    max_frequency = side // 2
    n = default_grid_points(int(samples.cutoff), max_frequency, dim)
    encoding = FourierFeatures.lattice(max_frequency, dim)
    return NeuronDictionary(encoding, FourierOperator(Grid(n, dim=dim), samples.frequencies))


def simplified(problem: MeasureProblem, measure: DiscreteMeasure) -> DiscreteMeasure:
    """The same image by fewer neurons: unit atoms, repeated ones joined, those that cost or show nothing dropped."""
    unit = measure.normalized()
    atoms: list[Vector] = []
    amplitudes: list[float] = []
    for atom, amplitude in zip(unit.atoms, unit.amplitudes, strict=True):
        same = [i for i, other in enumerate(atoms) if float(other @ atom) > _SAME_ATOM]
        if same:
            amplitudes[same[0]] += float(amplitude)
        else:
            atoms.append(atom)
            amplitudes.append(float(amplitude))
    joined = DiscreteMeasure(np.array(atoms).reshape(len(atoms), measure.atoms.shape[1]), amplitudes)
    phi = np.linalg.norm(problem.dictionary.coefficients(joined.atoms), axis=1)
    size = np.abs(joined.amplitudes) * phi
    keep = size > 1e-14 * size.max(initial=0.0)
    return DiscreteMeasure(joined.atoms[keep], joined.amplitudes[keep])


def _verdict(
    problem: MeasureProblem,
    measure: DiscreteMeasure,
    options: CertifyOptions,
    deadline: float,
    progress: bool | None,
    seed: int,
) -> Certificate:
    settled, simple = _without_search(problem, measure)
    if settled is not None:
        return settled
    with DeferredInterrupt() as interrupt, progress_bar(options.max_rounds, "certify", progress) as report:
        rng = np.random.default_rng(seed)
        limits = Limits(deadline, rng, report, lambda: interrupt.requested)
        dual = integral_dual(problem, simple)
        if dual is not None:
            return integral_certificate(problem, simple, dual, options, limits)
        equations = support_equations(problem, simple)
        if equations.residual > _STATIONARY:
            return _not_stationary(problem, simple, equations)
        result = exchange(problem, simple, equations, options, limits)
        certificate = _from_exchange(problem, simple, equations, result, options)
        if certificate.level is Level.SEARCHED:
            return proved_if_small(problem, certificate, deadline)
        return certificate


def _without_search(
    problem: MeasureProblem, measure: DiscreteMeasure
) -> tuple[Certificate | None, DiscreteMeasure]:
    """Verdicts that need no search, and the measure in its simplest form."""
    if problem.samples.noise_std > 0:
        message = (
            f"the samples are noisy (noise_std={problem.samples.noise_std:g}): optimality of an exact fit says "
            "nothing; solve the penalized form and look at its gap"
        )
        return _undecided(measure, Status.INFEASIBLE, message), measure
    residual = problem.relative_residual(measure)
    if residual > FEASIBLE:
        message = (
            f"the measure misses the samples by {residual:.1e} (relative; at most {FEASIBLE:g} is allowed): "
            "polish it first, or check that samples and dictionary agree"
        )
        return _undecided(measure, Status.INFEASIBLE, message), measure
    simple = simplified(problem, measure)
    if problem.total_variation(simple) < problem.total_variation(measure) * (1.0 - 1e-9):
        witness = cheaper(problem, simple, measure)
        if witness is not None:
            message = "joining equal neurons and dropping dead ones is cheaper"
            return Certificate(
                Level.REFUTED, measure, max_ratio=np.inf, witness=witness, message=message
            ), simple
    if not simple.n_atoms:
        zero = np.zeros_like(problem.data)
        message = "the zero measure costs nothing"
        return Certificate(Level.RIGOROUS, simple, zero, 0.0, unique=True, message=message), simple
    if isinstance(problem.weighting, FourierWeighting) and simple.n_atoms == 1:
        return width_one_certificate(problem, simple), simple
    return None, simple


def _undecided(measure: DiscreteMeasure, status: Status, message: str) -> Certificate:
    return Certificate(Level.NONE, measure, status=status, message=message)


def _not_stationary(
    problem: MeasureProblem, measure: DiscreteMeasure, equations: SupportEquations
) -> Certificate:
    nothing = measure.atoms[:0]
    witness = find_witness(problem, measure, equations, nothing, np.zeros(0))
    if witness is None:
        joined, _ = polish(problem, merge_atoms(measure, 0.999))
        witness = cheaper(problem, joined, measure)
    if witness is None:
        return _undecided(
            measure,
            Status.STALLED,
            f"no dual vector meets the equations at the support (error {equations.residual:.1e}, condition "
            f"{equations.condition:.1e}), but no cheaper measure was found: an ill-conditioned support",
        )
    return Certificate(
        Level.REFUTED, measure, max_ratio=np.inf, witness=witness,
        message="no dual vector meets the equations at the support: moving the atoms alone is cheaper",
    )  # fmt: skip


def _from_exchange(
    problem: MeasureProblem,
    measure: DiscreteMeasure,
    equations: SupportEquations,
    result: Exchange,
    options: CertifyOptions,
) -> Certificate:
    facts = Certificate(
        Level.NONE,
        measure,
        result.dual,
        result.peaks.max_ratio,
        result.peaks.atoms[0] if len(result.peaks.atoms) else None,
        n_starts=result.n_starts,
        n_clean_rounds=max(result.n_clean - 1, 0),
        n_rounds=result.n_rounds,
        n_rows=result.n_rows,
        tolerance=options.tolerance,
        margin=result.margin,
    )
    if result.ending is Ending.CONTRADICTION:
        witness = find_witness(problem, measure, equations, result.atoms, result.multipliers)
        if witness is not None:
            return dataclasses.replace(
                facts, level=Level.REFUTED, witness=witness,
                message=f"{len(result.multipliers)} dual constraints contradict each other",
            )  # fmt: skip
        return dataclasses.replace(
            facts, status=Status.STALLED, message="the dual constraints found contradict each other, but following "
            "the contradiction gave no cheaper measure",
        )  # fmt: skip
    if result.ending is Ending.CLEAN:
        return _searched(facts, equations)
    status = {Ending.TIME_LIMIT: Status.TIME_LIMIT, Ending.USER_STOP: Status.USER_STOP}.get(
        result.ending, Status.MAX_STEPS
    )
    return dataclasses.replace(facts, status=status, message=status.message)


def _searched(facts: Certificate, equations: SupportEquations) -> Certificate:
    strict = facts.margin > 0 and equations.independent
    rank = "independent" if equations.is_full_rank else "dependent"
    return dataclasses.replace(
        facts,
        level=Level.SEARCHED,
        unique=True if strict else None,
        message=f"{facts.n_clean_rounds} searches of {facts.n_starts} starts found |eta|/rho <= {facts.max_ratio:.7f}; "
        f"margin {facts.margin:g} away from the support; {rank} tangents (condition {equations.condition:.1e})",
    )
