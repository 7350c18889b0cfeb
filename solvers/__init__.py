"""Solvers over measures of neurons, and certificates of optimality (installed as ``srinr.solvers``)."""

if __name__ != "srinr.solvers":
    raise ImportError(
        "this folder is the package srinr.solvers: install srinr (pip install -e .) and use "
        "'import srinr.solvers'; see CONTRIBUTING.md"
    )

from srinr.solvers.adam_stage import AdamSteps
from srinr.solvers.augmented_lagrangian import AugmentedLagrangian
from srinr.solvers.certificate import Certificate, Level, Witness
from srinr.solvers.certify import certify
from srinr.solvers.continuum_exchange import ContinuumExchange
from srinr.solvers.conversion import balanced_inr, problem_from_inr
from srinr.solvers.default_solver import default_solver
from srinr.solvers.dual_exchange import DualExchange
from srinr.solvers.exchange import CertifyOptions
from srinr.solvers.frank_wolfe import SlidingFrankWolfe
from srinr.solvers.grid_basis_pursuit import GridBasisPursuit
from srinr.solvers.least_squares_stage import LevenbergMarquardtSteps
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.reduced import Polish
from srinr.solvers.regularization_path import regularization_path
from srinr.solvers.rigorous import prove_dual_bound
from srinr.solvers.rigorous_bound import RigorousBound, rigorous_certificate
from srinr.solvers.rigorous_cover import BoundStatus
from srinr.solvers.rigorous_unique import UniquenessProof, prove_uniqueness
from srinr.solvers.solution import Record, Solution, SolverFailure, SolverState, Tolerances
from srinr.solvers.solve import solve, solve_batch
from srinr.solvers.train_students import TrainedStudents, train_students
from srinr.solvers.verify import Verification, verify_certificate
from srinr.solvers.width_one import WidthOneRecovery, recover_width_one
from srinr.solvers.width_one_certificate import total_variation_bound, width_one_certificate

__all__ = [
    "AdamSteps",
    "AugmentedLagrangian",
    "BoundStatus",
    "Certificate",
    "CertifyOptions",
    "ContinuumExchange",
    "DualExchange",
    "GridBasisPursuit",
    "Level",
    "LevenbergMarquardtSteps",
    "MeasureProblem",
    "Polish",
    "Record",
    "RigorousBound",
    "SlidingFrankWolfe",
    "Solution",
    "SolverFailure",
    "SolverState",
    "Tolerances",
    "TrainedStudents",
    "UniquenessProof",
    "Verification",
    "WidthOneRecovery",
    "Witness",
    "balanced_inr",
    "certify",
    "default_solver",
    "problem_from_inr",
    "prove_dual_bound",
    "prove_uniqueness",
    "recover_width_one",
    "regularization_path",
    "rigorous_certificate",
    "solve",
    "solve_batch",
    "total_variation_bound",
    "train_students",
    "verify_certificate",
    "width_one_certificate",
]
