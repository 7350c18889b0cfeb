"""What is known about the optimality of a measure, and how well it is known."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.status import Status

Vector = NDArray[np.float64]


class Level(Enum):
    """How far a statement about optimality is proved."""

    RIGOROUS = "proved: the dual constraint was bounded everywhere"
    SEARCHED = (
        "supported: no violation was found by a search of the stated size, which is evidence, not proof"
    )
    REFUTED = "refuted: a feasible measure of smaller total variation is given"
    NONE = "undecided: neither a certificate nor a cheaper measure was found"

    @property
    def message(self) -> str:
        """What the level means."""
        return self.value


@dataclass(frozen=True, eq=False)
class Witness:
    """A feasible measure that is strictly cheaper than the one under question.

    Attributes
    ----------
    measure : DiscreteMeasure
        The cheaper measure.
    total_variation, reference : float
        Its weighted total variation, and that of the measure under question.
    relative_residual : float
        ``|A mu - y| / |y|`` of the witness.
    """

    measure: DiscreteMeasure
    total_variation: float
    reference: float
    relative_residual: float

    @property
    def relative_saving(self) -> float:
        """``(reference - total_variation) / reference``."""
        return (self.reference - self.total_variation) / self.reference


@dataclass(frozen=True, eq=False)
class Certificate:
    """Verdict on one measure: is it a minimizer of its problem, and the only one?

    Attributes
    ----------
    level : Level
        How far the verdict is proved. A searched maximum is never a proof.
    measure : DiscreteMeasure
        The measure under question, atoms of unit length.
    dual_variable : array, shape (m,), or None
        ``q`` with ``eta(w_i) = sign_i rho(w_i)`` on the support.
    max_ratio : float
        Largest ``|eta| / rho`` known: proved for RIGOROUS, found by the search for SEARCHED and NONE.
    argmax : array, shape (D,), or None
        Where it was found.
    unique : bool or None
        Whether the measure is the only minimizer (as far as ``level`` goes); None when nothing is known.
    n_starts, n_clean_rounds, n_rounds, n_rows : int
        Size of the last search, searches in a row without a violation, rounds of exchange, and the size of the
        working set.
    tolerance : float
        Violations up to this size count as none.
    margin : float
        Distance to 1 that was asked of ``|eta| / rho`` away from the support (less close to it).
    domain : str
        What the samples of neurons are computed from: a grid, or exact coefficients.
    seed : int
        Of the search.
    witness : Witness or None
        For REFUTED.
    status : Status
        How the computation ended: CONVERGED with a verdict, else why there is none (time limit, user, infeasible
        measure, stalled).
    message : str
        Details, for reading.
    seconds : float
    """

    level: Level
    measure: DiscreteMeasure
    dual_variable: Vector | None = None
    max_ratio: float = float("nan")
    argmax: Vector | None = None
    unique: bool | None = None
    n_starts: int = 0
    n_clean_rounds: int = 0
    n_rounds: int = 0
    n_rows: int = 0
    tolerance: float = 0.0
    margin: float = 0.0
    domain: str = ""
    seed: int = 0
    witness: Witness | None = None
    status: Status = Status.CONVERGED
    message: str = ""
    seconds: float = 0.0

    @property
    def is_optimal(self) -> bool | None:
        """True when certified, False when refuted, None when undecided."""
        if self.level is Level.NONE:
            return None
        return self.level is not Level.REFUTED

    @property
    def gap(self) -> float:
        """Relative gap ``max_ratio - 1`` of the searched or proved dual bound."""
        return max(self.max_ratio - 1.0, 0.0)
