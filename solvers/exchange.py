"""Exchange on the dual: search for violated constraints, add them, find the least dual vector that obeys all.

The constraints ask for a margin away from the support and less close to it, ``1 - margin min(1, d^2 / 0.1)`` with
the distance d to the nearest atom: neurons that later searches find then violate the margin rather than the
constraint itself, and the exchange ends. (Without a margin, rounds of larger searches kept finding violations.)
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.atom_search import AtomSearch, Peaks, search_atoms
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.support import SupportEquations
from srinr.solvers.working_set import WorkingSet

Vector = NDArray[np.float64]

#: Squared distance to the support (of unit directions) from which on the whole margin is asked for.
_NEAR = 0.1
_MAX_NEW_ROWS = 150
#: A margin that needs a dual vector of norm 1000 cannot be had.
_NEARLY_CONTRADICTORY = 1e-6
_MAX_ROWS = 2500
#: While violations are found they need not be climbed to the top: the next round starts from them.
_SMALL_STEPS = 25


@dataclass(frozen=True)
class CertifyOptions:
    """Effort and accuracy of certification.

    Parameters
    ----------
    n_starts : int, default 2048
        Fresh random starts of a large search; a verdict needs ``n_clean_rounds`` of them in a row.
    n_small_starts : int, default 256
        Of the searches while violations are still found.
    n_clean_rounds : int, default 3
        Large searches in a row, before the verdict, that find no violation and leave half the margin.
    tolerance : float, default 1e-4
        Largest excess of ``|eta| / rho`` over 1 that counts as none.
    margin : float, default 0.1
        Distance to 1 asked for away from the support; lowered when it cannot be had.
    min_margin : float, default 3e-4
        Smallest margin asked for before none is.
    max_rounds : int, default 400
    """

    n_starts: int = 2048
    n_small_starts: int = 256
    n_clean_rounds: int = 3
    tolerance: float = 1e-4
    margin: float = 0.1
    min_margin: float = 3e-4
    max_rounds: int = 400

    def __post_init__(self) -> None:
        for name in ("n_starts", "n_small_starts", "n_clean_rounds", "max_rounds"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.min_margin <= self.margin < 1:
            raise ValueError(f"need 0 < min_margin <= margin < 1, got {self.min_margin} and {self.margin}")
        if not 0 < self.tolerance < 1:
            raise ValueError(f"tolerance must lie between 0 and 1, got {self.tolerance}")


class Ending(Enum):
    """How an exchange ended."""

    CLEAN = auto()
    CONTRADICTION = auto()
    TIME_LIMIT = auto()
    MAX_STEPS = auto()
    USER_STOP = auto()


@dataclass(frozen=True, eq=False)
class Exchange:
    """Outcome of :func:`exchange`.

    Attributes
    ----------
    ending : Ending
        CONTRADICTION: the constraints found cannot be met together, even without a margin.
    dual : array, shape (m,)
    peaks : Peaks
        Of the last search.
    atoms, multipliers : arrays, shapes (n, D) and (n,)
        For CONTRADICTION the Farkas combination: unit directions, and their amplitudes up to a factor.
    margin : float
        Margin in force at the end.
    n_rounds, n_clean, n_rows, n_starts : int
    """

    ending: Ending
    dual: Vector
    peaks: Peaks
    atoms: Vector
    multipliers: Vector
    margin: float
    n_rounds: int
    n_clean: int
    n_rows: int
    n_starts: int


@dataclass(frozen=True, eq=False)
class Limits:
    """What surrounds an exchange.

    Attributes
    ----------
    deadline : float
        ``time.perf_counter()`` at which to stop; looked at between searches and programs.
    rng : numpy.random.Generator
        Of the searches.
    report : callable
        Called with the round and a text.
    stop : callable
        Stops the exchange when it returns True.
    """

    deadline: float
    rng: np.random.Generator
    report: Callable[[int, str], None]
    stop: Callable[[], bool]


def exchange(
    problem: MeasureProblem,
    measure: DiscreteMeasure,
    equations: SupportEquations,
    options: CertifyOptions,
    limits: Limits,
    *,
    one_sided: bool = False,
) -> Exchange:
    """Look for a dual vector that meets the equations at the support and the constraints everywhere.

    Parameters
    ----------
    problem, measure, equations
        The equality form, a feasible measure with unit atoms, and the equations at its support.
    options : CertifyOptions
        Effort and accuracy.
    limits : Limits
        Time, randomness, progress.
    one_sided : bool, default False
        Only ``eta <= rho`` is asked for: enough among non-negative measures.
    """
    rng = limits.rng
    rows = WorkingSet(problem.dictionary, problem.weighting, equations.center, equations.basis)
    dual, margin, clean, pool = equations.center, options.margin, 0, measure.atoms[:0]
    peaks, n_starts = Peaks(pool, np.zeros(0)), 0
    nothing = measure.atoms[:0], np.zeros(0)

    def outcome(ending: Ending, ray: tuple[Vector, Vector] = nothing) -> Exchange:
        return Exchange(ending, dual, peaks, *ray, margin, index, clean, rows.n_rows, n_starts)

    index = 0
    for index in range(1, options.max_rounds + 1):
        large = clean > 0
        search = AtomSearch(options.n_starts) if large else AtomSearch(options.n_small_starts, _SMALL_STEPS)
        n_starts = search.n_starts
        extra = np.concatenate([measure.atoms, -measure.atoms, _jittered(measure.atoms, rng), pool])
        peaks = search_atoms(
            problem.dictionary, problem.weighting, dual, rng, search, extra_starts=extra, one_sided=one_sided,
        )  # fmt: skip
        limits.report(index, f"max |eta|/rho {peaks.max_ratio:.5f}, {rows.n_rows} constraints")
        excess, part = _excess(peaks, measure, equations.signs, margin)
        # A search that eats up the margin is not clean: the next one would find more.
        is_clean = (
            peaks.max_ratio <= 1.0 + options.tolerance and excess.max(initial=0.0) <= 0.5 * margin + 1e-6
        )
        # The first clean small search only leads to the large ones.
        clean = clean + 1 if is_clean else 0
        if clean > options.n_clean_rounds:
            return outcome(Ending.CLEAN)
        if limits.stop():
            return outcome(Ending.USER_STOP)
        if time.perf_counter() > limits.deadline:
            return outcome(Ending.TIME_LIMIT)
        pool = peaks.atoms[:128]
        _add_violations(rows, peaks, excess, part)
        if rows.n_rows > _MAX_ROWS:
            rows.forget(keep_last=2 * _MAX_NEW_ROWS, slack=0.1, dual=dual)
        dual, margin, ray = _least_dual(rows, margin, options)
        if ray is not None:
            return outcome(Ending.CONTRADICTION, ray)
    return outcome(Ending.MAX_STEPS)


def _least_dual(
    rows: WorkingSet, margin: float, options: CertifyOptions
) -> tuple[Vector, float, tuple[Vector, Vector] | None]:
    """The dual vector at the largest margin that can be had, that margin, and the contradiction without one."""
    dual, program = rows.solve(margin, _NEARLY_CONTRADICTORY if margin else 0.0)
    while margin and program.slack < _NEARLY_CONTRADICTORY:
        margin = margin / 4 if margin / 4 >= options.min_margin else 0.0
        dual, program = rows.solve(margin, _NEARLY_CONTRADICTORY if margin else 0.0)
    if program.feasible:
        return dual, margin, None
    used = program.multipliers > 0
    # Rows are samples over costs: amplitudes of unit directions are multipliers over costs.
    return dual, margin, (rows.atoms[used], (rows.signs * program.multipliers / rows.costs)[used])


def clearance(atoms: Vector, signs: Vector, measure: DiscreteMeasure, support_signs: Vector) -> Vector:
    """Part of the margin asked for at directions (n, D): ``min(1, d^2 / 0.1)``, d to atoms of the same sign."""
    same_sign = signs[:, None] == support_signs[None]
    nearest = np.where(same_sign, atoms @ measure.atoms.T, -1.0).max(axis=1, initial=-1.0)
    return np.clip(2.0 * (1.0 - nearest) / _NEAR, 0.0, 1.0)


def _excess(
    peaks: Peaks, measure: DiscreteMeasure, support_signs: Vector, margin: float
) -> tuple[Vector, Vector]:
    """By how much peaks violate the constraint with its margin, and the part of the margin asked of them."""
    signs = np.where(peaks.ratios < 0, -1.0, 1.0)
    part = clearance(peaks.atoms, signs, measure, support_signs)
    # Directions at the support itself obey the equations.
    excess = np.where(part > 1e-5, np.abs(peaks.ratios) - (1.0 - margin * part), 0.0)
    return excess, part


def _add_violations(rows: WorkingSet, peaks: Peaks, excess: Vector, part: Vector) -> None:
    violated = np.flatnonzero(excess > 1e-6)
    chosen = violated[np.argsort(-excess[violated], kind="stable")][:_MAX_NEW_ROWS]
    signs = np.where(peaks.ratios < 0, -1.0, 1.0)
    rows.add(peaks.atoms[chosen], signs[chosen], part[chosen])


def _jittered(atoms: Vector, rng: np.random.Generator) -> Vector:
    moved = atoms + 0.1 * rng.standard_normal(atoms.shape)
    return moved / np.linalg.norm(moved, axis=1, keepdims=True).clip(1e-300)
