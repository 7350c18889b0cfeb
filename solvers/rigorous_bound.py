"""What a proof of dual feasibility returns, and the certificate it amounts to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.certificate import Certificate, Level
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.rigorous_cover import BoundStatus
from srinr.solvers.rigorous_unique import UniquenessProof

Vector = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RigorousBound:
    """A proved bound of ``|eta(w)| / rho(w)`` over all directions, and what it says about a measure.

    Attributes
    ----------
    status : BoundStatus
    upper : float
        Proved: no direction has a larger ratio. It holds whatever the status (infinite when nothing is known).
    lower : float
        A ratio that was met on the way; for standard weight decay the largest.
    argmax : array, shape (D,)
        Where ``lower`` was met; for VIOLATED this direction refutes feasibility.
    location : array, shape (D,)
        Axis of the cone with the largest bound: what resisted, when undecided.
    n_cells : int
        Cones that were bounded.
    smallest_radius : float
        Angle between axis and edges of the smallest cone, radians.
    rounding : float
        Part of the bounds that covers rounding errors, relative to unit directions.
    tolerance : float
    one_sided : bool
        Whether only ``eta <= rho`` is meant: enough among non-negative measures, and only there.
    domain : str
        What the statement is about: a grid of a given shape, or the continuum (``exact``).
    dual_bound : float
        Lower bound of the minimum that ``upper`` gives, when ``one_sided`` of the minimum over non-negative
        measures; -inf when nothing is known.
    relative_gap : float
        ``(objective - dual_bound) / objective`` of the measure: it is a minimizer up to this, as far as
        ``relative_residual`` goes.
    relative_residual : float
        ``|A mu - y| / |y|`` of the measure.
    seconds : float
    """

    status: BoundStatus
    upper: float
    lower: float
    argmax: Vector
    location: Vector
    n_cells: int
    smallest_radius: float
    rounding: float
    tolerance: float
    one_sided: bool
    domain: str
    dual_bound: float
    relative_gap: float
    relative_residual: float
    seconds: float

    @property
    def proved(self) -> bool:
        """Whether the dual vector was proved feasible up to the tolerance."""
        return self.status is BoundStatus.PROVED

    @property
    def message(self) -> str:
        """The status in words, with figures."""
        return (
            f"{self.status.message}; ratio in [{self.lower:.10g}, {self.upper:.10g}], {self.n_cells} cones, "
            f"smallest {self.smallest_radius:.2g} rad, {self.domain}"
        )


def rigorous_certificate(
    problem: MeasureProblem,
    measure: DiscreteMeasure,
    dual: Vector,
    proof: RigorousBound,
    uniqueness: UniquenessProof | None = None,
    *,
    gap_tol: float = 1e-6,
    feasibility_tol: float = 1e-9,
) -> Certificate:
    """The verdict on a measure that a proved bound amounts to.

    Parameters
    ----------
    problem, measure, dual
        As given to :func:`srinr.solvers.rigorous.prove_dual_bound`.
    proof : RigorousBound
        Its result.
    uniqueness : UniquenessProof, optional
        Result of :func:`srinr.solvers.rigorous_unique.prove_uniqueness` for the same measure.
    gap_tol : float, default 1e-6
        Largest proved relative gap of a measure that counts as a minimizer.
    feasibility_tol : float, default 1e-9
        Largest relative residual, in the equality form.

    Returns
    -------
    Certificate
        RIGOROUS when the bound is proved and gap and residual are within the tolerances, else NONE. Unique where
        that was proved, otherwise undecided.

    Examples
    --------
    >>> from srinr import NeuronDictionary
    >>> from srinr.solvers.rigorous import prove_dual_bound
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=1, n_grid=32)
    >>> teacher = DiscreteMeasure([[0.0, 0.6, 0.8]], [1.0])
    >>> problem = MeasureProblem(dictionary, dictionary.sample(teacher))
    >>> dual = problem.data / np.linalg.norm(problem.data)
    >>> proof = prove_dual_bound(problem, teacher, dual)
    >>> rigorous_certificate(problem, teacher, dual, proof).level.name  # feasible, but its value is too small
    'NONE'
    """
    feasible = problem.strength > 0 or proof.relative_residual <= feasibility_tol
    negative = proof.one_sided and bool((measure.amplitudes < 0).any())
    settled = proof.proved and proof.relative_gap <= gap_tol and feasible and not negative
    details = (
        f"{proof.message}; relative gap {proof.relative_gap:.2g}, residual {proof.relative_residual:.2g}"
    )
    if proof.one_sided:
        details += "; among non-negative measures"
    return Certificate(
        Level.RIGOROUS if settled else Level.NONE,
        measure,
        np.array(dual, dtype=np.float64),
        max_ratio=proof.upper,
        argmax=proof.location,
        unique=True if settled and uniqueness is not None and uniqueness.proved else None,
        tolerance=proof.tolerance,
        domain=proof.domain,
        message=details,
        seconds=proof.seconds,
    )
