"""The working set of dual constraints: its Gram matrix, its solutions, and what it may forget."""

import cvxpy as cp
import numpy as np
import pytest

from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.support import SupportEquations, support_equations
from srinr.solvers.working_set import WorkingSet
from srinr.weightings import FourierWeighting, StandardWeighting, Weighting, weights


def setting(weighting: Weighting | None = None) -> tuple[MeasureProblem, SupportEquations, WorkingSet]:
    dictionary = NeuronDictionary.lattice(1, 16, dim=1, n_grid=64)
    teacher = DiscreteMeasure([[0.6, 0.0, 0.8], [0.0, -0.8, 0.6]], [2.0, -1.0])
    problem = MeasureProblem(dictionary, dictionary.sample(teacher), weighting or StandardWeighting())
    equations = support_equations(problem, teacher)
    return problem, equations, WorkingSet(dictionary, problem.weighting, equations.center, equations.basis)


def random_rows(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    atoms = rng.standard_normal((n, 3))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    return atoms, rng.choice([-1.0, 1.0], n), rng.uniform(0, 1, n)


def test_empty_set_gives_the_center() -> None:
    _, equations, rows = setting()
    dual, program = rows.solve(0.05)
    np.testing.assert_array_equal(dual, equations.center)
    assert (program.feasible, rows.n_rows) == (True, 0)
    rows.add(np.zeros((0, 3)), np.zeros(0), np.zeros(0))
    assert rows.n_rows == 0


@pytest.mark.parametrize("weighting", [StandardWeighting(), FourierWeighting()])
def test_dual_vector_is_the_nearest_that_meets_equations_and_constraints(weighting: Weighting) -> None:
    problem, equations, rows = setting(weighting)
    atoms, signs, clearance = random_rows(60, 1)
    alive = np.flatnonzero(weights(FourierWeighting(), problem.dictionary, atoms) > 0.05)[:40]
    atoms, signs, clearance = atoms[alive], signs[alive], clearance[alive]
    rows.add(atoms[:25], signs[:25], clearance[:25])
    rows.solve(0.3)
    rows.add(atoms[25:], signs[25:], clearance[25:])
    margin = 0.3
    dual, program = rows.solve(margin)
    assert program.feasible
    phi = (
        problem.dictionary.coefficients(atoms)
        * (signs / weights(weighting, problem.dictionary, atoms))[:, None]
    )
    assert (phi @ dual <= 1 - margin * clearance + 1e-7).all()
    # Constraints bind: the center itself breaks some.
    assert (phi @ equations.center > 1 - margin * clearance).any()
    np.testing.assert_allclose(equations.jacobians.T @ dual, equations.targets, atol=1e-9)
    q = cp.Variable(len(dual))
    limits = [phi @ q <= 1 - margin * clearance, equations.basis.T @ (q - equations.center) == 0]
    cp.Problem(cp.Minimize(cp.sum_squares(q - equations.center)), limits).solve(solver="CLARABEL")
    np.testing.assert_allclose(dual, q.value, atol=1e-5)


def test_adding_in_parts_gives_the_same_as_at_once() -> None:
    _, _, parts = setting()
    _, _, whole = setting()
    atoms, signs, clearance = random_rows(30, 2)
    whole.add(atoms, signs, clearance)
    for part in np.array_split(np.arange(30), 4):
        parts.add(atoms[part], signs[part], clearance[part])
    assert parts.n_rows == whole.n_rows == 30
    np.testing.assert_allclose(parts.solve(0.2)[0], whole.solve(0.2)[0], atol=1e-7)


def test_contradiction_keeps_the_center_and_names_the_constraints() -> None:
    problem, equations, rows = setting()
    # At the support itself eta = 1 is fixed by the equations: asking for less contradicts them.
    rows.add(np.array([[0.6, 0.0, 0.8]]), np.array([1.0]), np.array([1.0]))
    dual, program = rows.solve(0.5)
    assert not program.feasible
    np.testing.assert_array_equal(dual, equations.center)
    assert program.multipliers[0] > 0
    assert rows.solve(0.0)[1].feasible
    assert problem.data.shape == dual.shape


def test_forgetting_slack_constraints_keeps_the_solution() -> None:
    _, _, rows = setting()
    atoms, signs, clearance = random_rows(60, 4)
    rows.add(atoms, signs, clearance)
    dual, _ = rows.solve(0.3)
    rows.forget(keep_last=5, slack=0.1, dual=dual)
    assert 5 <= rows.n_rows < 60
    np.testing.assert_array_equal(rows.atoms[-5:], atoms[-5:])
    np.testing.assert_allclose(rows.solve(0.3)[0], dual, atol=1e-7)
    left = rows.n_rows
    rows.add(atoms, signs, clearance)
    assert rows.n_rows == left + 60
    np.testing.assert_allclose(rows.solve(0.3)[0], dual, atol=1e-6)
