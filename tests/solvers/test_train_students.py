"""Batches of students, Levenberg-Marquardt inside the augmented Lagrangian, and the default solver."""

import numpy as np
import pytest
import torch

from srinr import DiscreteMeasure, ExactPlanarDictionary, NeuronDictionary
from srinr.solvers import (
    AdamSteps,
    AugmentedLagrangian,
    ContinuumExchange,
    DualExchange,
    LevenbergMarquardtSteps,
    MeasureProblem,
    Polish,
    Tolerances,
    default_solver,
    solve,
    train_students,
)
from srinr.solvers.least_squares_stage import _normal_equations, _objective, least_squares_stage
from srinr.status import Status
from srinr.teachers import random_teacher
from srinr.weightings import FourierWeighting, IntegralWeighting, StandardWeighting

LINE = NeuronDictionary.lattice(max_frequency=2, cutoff=5, dim=1, n_grid=48)
TEACHERS = [random_teacher(np.random.default_rng(seed), 1, 5) for seed in range(3)]
PROBLEMS = [MeasureProblem(LINE, LINE.sample(teacher)) for teacher in TEACHERS]
STUDENT = AugmentedLagrangian(
    n_neurons=6, inner=AdamSteps(n_steps=40, learning_rate=1e-2, dtype=torch.float64), max_steps=3
)
ANY_GAP = Tolerances(gap_tol=np.inf)


def test_a_batch_trains_each_student_as_alone():
    together = train_students(PROBLEMS, STUDENT, seed=4)
    assert together.n_stages == 3 and together.best_errors is None
    for index in range(len(PROBLEMS)):
        # The student of a place in the batch depends on that place only.
        alone = train_students([*PROBLEMS[:index], PROBLEMS[index]], STUDENT, seed=4)
        np.testing.assert_allclose(alone.measures[index].atoms, together.measures[index].atoms, atol=1e-10)
        assert alone.relative_residuals[index] == pytest.approx(together.relative_residuals[index])
    for problem, measure, residual in zip(
        PROBLEMS, together.measures, together.relative_residuals, strict=True
    ):
        assert problem.relative_residual(measure) == pytest.approx(residual)


def test_errors_of_all_steps_are_followed():
    truth = np.stack([LINE.image(teacher).ravel() for teacher in TEACHERS])
    found = train_students(PROBLEMS, STUDENT, true_images=truth)
    last = [np.mean((LINE.image(m).ravel() - t) ** 2) for m, t in zip(found.measures, truth, strict=True)]
    assert (found.best_errors <= np.array(last) * (1 + 1e-9)).all() and (found.best_errors > 0).all()


@pytest.mark.parametrize(
    ("problems", "solver", "told"),
    [
        ([], STUDENT, "empty"),
        (PROBLEMS, AugmentedLagrangian(inner=LevenbergMarquardtSteps()), "AdamSteps"),
        (PROBLEMS, AugmentedLagrangian(models=Polish()), "decide for each"),
        ([PROBLEMS[0], MeasureProblem(LINE, PROBLEMS[0].samples, strength=0.1)], STUDENT, "problem 1"),
        ([PROBLEMS[0], MeasureProblem(LINE, PROBLEMS[0].samples, FourierWeighting())], STUDENT, "problem 1"),
    ],
)
def test_batches_of_unlike_problems_are_refused(problems, solver, told):
    with pytest.raises(ValueError, match=told):
        train_students(problems, solver)


@pytest.mark.parametrize("weighting", [StandardWeighting(), FourierWeighting(), IntegralWeighting()])
def test_the_gradient_of_a_stage_is_that_of_its_objective(weighting):
    rng = np.random.default_rng(0)
    problem = MeasureProblem(LINE, PROBLEMS[0].samples, weighting)
    a, w, multipliers = rng.standard_normal(4), rng.standard_normal((4, 5)), rng.standard_normal(11)
    gradient, curvature = _normal_equations(problem, a, w, multipliers, 3.0)
    direction = rng.standard_normal(24)
    size = 1e-7
    ends = [
        _objective(
            problem,
            a + s * size * direction[:4],
            w + s * size * direction[4:].reshape(4, 5),
            multipliers,
            3.0,
        )
        for s in (1, -1)
    ]
    assert (ends[0] - ends[1]) / (2 * size) == pytest.approx(gradient @ direction, rel=1e-5)
    np.testing.assert_allclose(curvature, curvature.T, atol=1e-12)
    assert np.linalg.eigvalsh(curvature).min() > -1e-10


@pytest.mark.parametrize("weighting", [StandardWeighting(), FourierWeighting()])
def test_levenberg_marquardt_inside_recovers_a_neuron(weighting):
    dictionary = NeuronDictionary.lattice(2, 6, n_grid=32)
    teacher = random_teacher(np.random.default_rng(1), 1, 25)
    problem = MeasureProblem(dictionary, dictionary.sample(teacher), weighting)
    solver = AugmentedLagrangian(
        n_neurons=8, inner=LevenbergMarquardtSteps(), models=Polish(), feasibility=0.5
    )
    solution = solve(problem, solver, tolerances=ANY_GAP)
    assert solution.status is Status.CONVERGED
    assert solution.relative_residual < 1e-9
    assert (solution.measure.atoms @ teacher.atoms.T).max() > 1 - 1e-9


def test_a_stage_never_ends_higher_and_drops_neurons_that_vanish():
    rng = np.random.default_rng(2)
    student = DiscreteMeasure(rng.standard_normal((5, 5)), [1.0, 1e-9, 0.5, -0.3, 0.2])
    ended = least_squares_stage(PROBLEMS[0], student, np.zeros(11), 10.0, LevenbergMarquardtSteps(n_steps=2))
    values = [_objective(PROBLEMS[0], m.amplitudes, m.atoms, np.zeros(11), 10.0) for m in (student, ended)]
    assert values[1] < values[0]
    with pytest.raises(ValueError, match="n_steps"):
        LevenbergMarquardtSteps(n_steps=0)


def test_the_default_solver_follows_the_dictionary():
    exact = ExactPlanarDictionary.lattice(1, 5)
    problem = MeasureProblem(exact, exact.sample(DiscreteMeasure([[0.5] * 4 + [0.2] * 5], [1.0])))
    assert isinstance(default_solver(problem), ContinuumExchange)
    assert isinstance(default_solver(PROBLEMS[0]), DualExchange)
    assert solve(problem, tolerances=ANY_GAP).relative_residual < 1e-13
