"""Solvers over measures of neurons, and certificates of optimality (installed as ``srinr.solvers``)."""

if __name__ != "srinr.solvers":
    raise ImportError(
        "this folder is the package srinr.solvers: install srinr (pip install -e .) and use "
        "'import srinr.solvers'; see CONTRIBUTING.md"
    )

from srinr.solvers.certificate import Certificate, Level, Witness
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.solution import Record, Solution, SolverFailure, SolverState, Tolerances
from srinr.solvers.solve import solve, solve_batch

__all__ = [
    "Certificate",
    "Level",
    "MeasureProblem",
    "Record",
    "Solution",
    "SolverFailure",
    "SolverState",
    "Tolerances",
    "Witness",
    "solve",
    "solve_batch",
]
