"""What a solver returns: the measure, how it ended, and what is known about it."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.checkpoint import load_checkpoint, save_checkpoint
from srinr.inr import INR, inr_from_measure
from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.solvers.certificate import Certificate
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.signed_rows import SignedRows
from srinr.status import FileFormatError, SrinrError, Status

Vector = NDArray[np.float64]
_STATE_FORMAT = "srinr-solver-state-2"


class SolverFailure(SrinrError):
    """Raised by ``solve(..., throw=True)`` when the requested accuracy was not reached; holds the solution."""

    def __init__(self, solution: Solution) -> None:
        super().__init__(f"{solution.status.name}: {solution.message}")
        self.solution = solution


@dataclass(frozen=True, eq=False)
class SolverState:
    """Where a solver stands between two steps; enough to go on from.

    Attributes
    ----------
    measure : DiscreteMeasure
        Current iterate.
    dual_variable : array, shape (m,), or None
        Current dual vector, not necessarily feasible.
    max_ratio : float
        Largest ``|eta| / rho`` its last search found; infinite when there was none.
    working_set : array, shape (Q, D)
        Directions kept between steps.
    arrays : mapping of str to array
        The solver's own arrays, by name.
    rows : SignedRows or None
        What the solver can compute again from the working set, kept to save that; not saved to files.
    level : float
        The solver's own scalar: strength on a path, radius of a trust region.
    status : Status or None
        None while there is work left.
    message : str
        Details of the status.
    n_steps, n_searches : int
        Work done.
    """

    measure: DiscreteMeasure
    dual_variable: Vector | None
    max_ratio: float
    working_set: Vector
    level: float = 0.0
    status: Status | None = None
    message: str = ""
    n_steps: int = 0
    n_searches: int = 0
    arrays: Mapping[str, Vector] = field(default_factory=dict)
    rows: SignedRows | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        # A callback sees the solver's own arrays: it may read them, not change them.
        for name in ("dual_variable", "working_set"):
            array = getattr(self, name)
            if array is not None:
                object.__setattr__(self, name, _read_only(array))
        arrays = MappingProxyType({name: _read_only(array) for name, array in self.arrays.items()})
        object.__setattr__(self, "arrays", arrays)

    def __repr__(self) -> str:
        status = self.status.name if self.status else "running"
        return f"SolverState({status}, {self.measure.n_atoms} atoms, {self.n_steps} steps, level {self.level:.3g})"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to a file, atomically; nothing in it needs unpickling."""
        save_checkpoint(
            path,
            {
                "format": _STATE_FORMAT,
                "atoms": torch.from_numpy(np.array(self.measure.atoms)),
                "amplitudes": torch.from_numpy(np.array(self.measure.amplitudes)),
                "dual_variable": None if self.dual_variable is None else _tensor(self.dual_variable),
                "arrays": {name: _tensor(array) for name, array in self.arrays.items()},
                "working_set": torch.from_numpy(np.array(self.working_set)),
                "scalars": [repr(float(self.max_ratio)), repr(float(self.level))],
                "status": None if self.status is None else self.status.name,
                "message": self.message,
                "counts": [self.n_steps, self.n_searches],
            },
        )

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> SolverState:
        """Read what :meth:`save` wrote.

        Raises
        ------
        FileFormatError
            When the file is truncated or something else.
        """
        content = load_checkpoint(path)
        if content.get("format") != _STATE_FORMAT:
            raise FileFormatError(f"{path}: not the state of a solver; expected a file of SolverState.save")
        dual = content["dual_variable"]
        return cls(
            DiscreteMeasure(content["atoms"].numpy(), content["amplitudes"].numpy()),
            None if dual is None else dual.numpy(),
            float(content["scalars"][0]),
            content["working_set"].numpy(),
            float(content["scalars"][1]),
            None if content["status"] is None else Status[content["status"]],
            content["message"],
            n_steps=content["counts"][0],
            n_searches=content["counts"][1],
            arrays={name: array.numpy() for name, array in content["arrays"].items()},
        )


def _tensor(array: Vector) -> torch.Tensor:
    return torch.from_numpy(np.array(array))


def _read_only(array: Vector) -> Vector:
    view = np.asarray(array, dtype=np.float64).view()
    view.setflags(write=False)
    return view


@dataclass(frozen=True)
class Record:
    """One step of the history.

    Attributes
    ----------
    step, seconds : int, float
    objective, dual_bound : float
        Of the current iterate; the bound is conditional on the search.
    relative_residual : float
    n_atoms : int
    """

    step: int
    seconds: float
    objective: float
    dual_bound: float
    relative_residual: float
    n_atoms: int


@dataclass(frozen=True)
class Tolerances:
    """Requested accuracies of a solve, relative.

    Parameters
    ----------
    gap_tol : float, default 1e-6
        Of the duality gap, relative to the objective; infinite: an exact
        fit with twice as many equations as unknowns will do (equality form, where the solver looks for one).
    feasibility_tol : float, default 1e-9
        Of ``|A mu - y| / |y|`` in the equality form.
    """

    gap_tol: float = 1e-6
    feasibility_tol: float = 1e-9

    def __post_init__(self) -> None:
        for name in ("gap_tol", "feasibility_tol"):
            value = getattr(self, name)
            if not value > 0 or (name == "feasibility_tol" and not np.isfinite(value)):
                raise ValueError(f"{name} must be a positive number, got {value!r}")

    def rank(self, objective: float, relative_residual: float) -> tuple[bool, float]:
        """Smaller for the better measure of the equality form: the cheapest that meets the data, else the closest."""
        infeasible = not relative_residual <= self.feasibility_tol
        return infeasible, relative_residual if infeasible else objective


@dataclass(frozen=True, eq=False)
class Solution:
    """Result of :func:`srinr.solvers.solve`; the best iterate, whatever the status.

    Attributes
    ----------
    problem : MeasureProblem
    measure : DiscreteMeasure
        The best feasible measure, or the one of smallest residual when none was feasible.
    status : Status
    message : str
    objective, dual_bound : float
        Primal value, and the best lower bound (conditional on the searches unless a certificate proves it).
    relative_residual : float
        ``|A mu - y| / |y|``.
    dual_variable : array, shape (m,), or None
    certificate : Certificate or None
    history : tuple of Record
    tolerances : Tolerances
    state : SolverState
        To go on: ``solve(problem, solver, init=solution.state)``.
    seconds : float
    """

    problem: MeasureProblem
    measure: DiscreteMeasure
    status: Status
    message: str
    objective: float
    dual_bound: float
    relative_residual: float
    dual_variable: Vector | None
    state: SolverState
    tolerances: Tolerances
    history: tuple[Record, ...] = ()
    seconds: float = 0.0
    certificate: Certificate | None = field(default=None)

    def __repr__(self) -> str:
        return (
            f"Solution({self.status.name}, {self.measure.n_atoms} atoms, objective {self.objective:.6g}, dual bound "
            f"{self.dual_bound:.6g}, relative residual {self.relative_residual:.1e}, {self.n_steps} steps, "
            f"{self.seconds:.1f} s)"
        )

    @property
    def duality_gap(self) -> float:
        """Objective minus the lower bound."""
        return self.objective - self.dual_bound

    @property
    def n_steps(self) -> int:
        """Steps made, over all runs from the first start."""
        return self.state.n_steps

    @functools.cached_property
    def aliasing_estimate(self) -> float:
        """Estimated relative error of the measure's samples by the grid; 0 for dictionaries of the continuum."""
        dictionary = self.problem.dictionary
        if not isinstance(dictionary, NeuronDictionary):
            return 0.0
        return dictionary.aliasing_estimate(self.measure)

    @functools.cached_property
    def inr(self) -> INR:
        """The shallow ReLU INR that the measure is."""
        return inr_from_measure(self.measure, self.problem.dictionary.encoding)

    def image(self, points: NDArray[np.float64]) -> NDArray[np.generic]:
        """Values of the recovered image at points (n, d)."""
        return self.inr.image(points)
