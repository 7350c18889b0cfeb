"""Constraints ``<q, r_c> <= 1`` of the dual, one for each searched direction and sign, and projections onto them.

The multipliers of a projection are the amplitudes of a measure: project ``q + L y`` and the multipliers over L
minimize the penalized problem of strength ``1 / L`` over the directions found, with the data shifted by ``q / L``.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.nonnegative import nonnegative_quadratic
from srinr.solvers.problem import MeasureProblem
from srinr.weightings import weights

Vector = NDArray[np.float64]

#: Value of a constraint below which it counts as idle.
_IDLE_BELOW = 0.95
#: Projections in a row after which an idle constraint is dropped.
_IDLE_ROUNDS = 3
#: Sets of constraints up to this size stay whole: combinations of idle ones help to meet the data exactly.
_FEW = 400


@dataclass(frozen=True, eq=False)
class SignedRows:
    """Constraints with their Gram matrix, which grows with them, and the multipliers of the last projection.

    Attributes
    ----------
    atoms, signs : arrays, shapes (n, D) and (n,)
        Unit directions and the side on which they bound ``eta / rho``.
    rho : array, shape (n,)
        Their weights.
    rows : array, shape (n, m)
        ``sign phi(w) / rho(w)``.
    gram : array, shape (n, n)
    multipliers : array, shape (n,)
        Start of the next projection.
    idle : array of int, shape (n,)
        Projections since the constraint was last nearly active.
    """

    atoms: Vector
    signs: Vector
    rho: Vector
    rows: Vector
    gram: Vector
    multipliers: Vector
    idle: NDArray[np.int64]

    @property
    def n_rows(self) -> int:
        """Number of constraints."""
        return len(self.signs)


def signed_rows(problem: MeasureProblem, atoms: Vector, signs: Vector) -> SignedRows:
    """Constraints at unit directions (n, D), multipliers zero."""
    m, empty = len(problem.data), np.zeros(0)
    nothing = SignedRows(
        atoms[:0], empty, empty, np.zeros((0, m)), np.zeros((0, 0)), empty, np.zeros(0, dtype=np.int64)
    )
    return with_atoms(nothing, problem, atoms, signs)


def with_atoms(rows: SignedRows, problem: MeasureProblem, atoms: Vector, signs: Vector) -> SignedRows:
    """The constraints and further ones; only their part of the Gram matrix is computed."""
    if not len(atoms):
        return rows
    rho = weights(problem.weighting, problem.dictionary, atoms)
    alive = rho > 0
    atoms, signs, rho = atoms[alive], signs[alive], rho[alive]
    new = problem.dictionary.coefficients(atoms) * (signs / rho)[:, None]
    cross = new @ rows.rows.T
    return SignedRows(
        np.concatenate([rows.atoms, atoms]),
        np.concatenate([rows.signs, signs]),
        np.concatenate([rows.rho, rho]),
        np.concatenate([rows.rows, new]),
        np.block([[rows.gram, cross.T], [cross, new @ new.T]]),
        np.concatenate([rows.multipliers, np.zeros(len(signs))]),
        np.concatenate([rows.idle, np.zeros(len(signs), dtype=np.int64)]),
    )


def projected(rows: SignedRows, start: Vector) -> tuple[SignedRows, Vector]:
    """The vector closest to ``start`` that meets all constraints, and the constraints with its multipliers.

    The multipliers solve ``minimize 1/2 |start - R^T u|^2 + sum u over u >= 0``; constraints that have been idle for
    some projections are dropped.
    """
    if not rows.n_rows:
        return rows, start
    values = rows.rows @ start
    # In units of the start the slopes of long and short steps are alike.
    unit = max(1.0, float(np.abs(values).max()))
    multipliers = unit * nonnegative_quadratic(
        rows.gram, (values - 1.0) / unit, rows.multipliers / unit, tolerance=1e-13, n_enter=20
    )
    dual = start - multipliers @ rows.rows
    active = multipliers > 0
    idle = np.where(active | (values - rows.gram @ multipliers > _IDLE_BELOW), 0, rows.idle + 1)
    keep = (idle < _IDLE_ROUNDS) | (rows.n_rows <= _FEW)
    return _kept(dataclasses.replace(rows, multipliers=multipliers, idle=idle), keep), dual


def measure_of(rows: SignedRows, length: float) -> DiscreteMeasure:
    """Measure whose amplitudes are the multipliers over the length of the step."""
    active = rows.multipliers > 0
    amplitudes = rows.signs[active] * rows.multipliers[active] / (length * rows.rho[active])
    return DiscreteMeasure(rows.atoms[active], amplitudes)


def scaled(rows: SignedRows, factor: float) -> SignedRows:
    """The constraints with scaled multipliers: the start of a step that is longer by this factor."""
    return dataclasses.replace(rows, multipliers=factor * rows.multipliers)


def _kept(rows: SignedRows, keep: NDArray[np.bool_]) -> SignedRows:
    if keep.all():
        return rows
    return SignedRows(
        rows.atoms[keep], rows.signs[keep], rows.rho[keep], rows.rows[keep], rows.gram[np.ix_(keep, keep)],
        rows.multipliers[keep], rows.idle[keep],
    )  # fmt: skip
