"""Basis pursuit on moving atoms, against the dense program over all activation patterns of a small 1-D grid."""

import dataclasses
import itertools

import cvxpy as cp
import numpy as np
import pytest
import torch
from dense_program import activation_patterns, dense_optimum, features_1d

from srinr import DiscreteMeasure, NeuronDictionary
from srinr.samples import FourierSamples
from srinr.solvers import MeasureProblem, SolverState, Tolerances, solve
from srinr.solvers.cone_program import build_cones, solve_cones
from srinr.solvers.grid_basis_pursuit import GridBasisPursuit
from srinr.solvers.patterns import neighbors_across, pattern_facets
from srinr.status import Status
from srinr.weightings import CustomWeighting, FourierWeighting, IntegralWeighting, StandardWeighting

N_GRID = 24
LINE = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1, n_grid=N_GRID)
WEIGHTINGS = {
    "standard": StandardWeighting(),
    "fourier": FourierWeighting(),
    "integral": IntegralWeighting(),
}


def mixed_image(seed):
    """Three random neurons with amplitudes of both signs: in general not a minimizer."""
    rng = np.random.default_rng(seed)
    return DiscreteMeasure(rng.standard_normal((3, 3)), rng.standard_normal(3))


def teacher(dictionary, width, seed):
    rng = np.random.default_rng(seed)
    atoms = rng.uniform(-1, 1, (width, dictionary.n_features))
    return DiscreteMeasure(atoms / np.linalg.norm(atoms, axis=1, keepdims=True), rng.uniform(1, 5, width))


@pytest.mark.parametrize("n_grid", [5, 16, 24])
def test_the_reference_knows_every_pattern(n_grid):
    features = features_1d(n_grid)
    patterns = activation_patterns(features)
    assert len(patterns) == n_grid * (n_grid - 1) + 2  # great circles in general position
    known = {p.tobytes() for p in patterns}
    directions = np.random.default_rng(0).standard_normal((2000, 3))
    assert all((features @ w > 0).tobytes() in known for w in directions)


def test_the_reference_is_primal_and_dual_feasible_and_agrees_with_the_library():
    measure = mixed_image(1)
    optimum = dense_optimum(LINE.image(measure), cutoff=4)
    problem = MeasureProblem(LINE, LINE.sample(measure))
    found = DiscreteMeasure(optimum.vectors, optimum.signs)
    assert problem.relative_residual(found) < 1e-8
    assert problem.objective(found) == pytest.approx(optimum.value, rel=1e-8)
    assert optimum.value < problem.objective(measure) * (1 - 1e-3)


@pytest.mark.parametrize("seed", range(4))
def test_standard_weighting_agrees_with_the_dense_program(seed):
    measure = mixed_image(seed)
    optimum = dense_optimum(LINE.image(measure), cutoff=4)
    solution = solve(MeasureProblem(LINE, LINE.sample(measure)), GridBasisPursuit())
    assert solution.status is Status.CONVERGED
    assert solution.relative_residual <= 1e-9
    assert solution.objective == pytest.approx(optimum.value, rel=1e-6)
    assert solution.dual_bound <= optimum.value * (1 + 1e-7)
    assert solution.duality_gap <= 1e-6 * solution.objective


@pytest.mark.parametrize("name", ["fourier", "integral"])
@pytest.mark.parametrize("seed", [0, 1])
def test_modified_weightings_agree_with_the_dense_program(name, seed):
    measure = mixed_image(seed)
    optimum = dense_optimum(LINE.image(measure), cutoff=4, rho=name)
    solution = solve(MeasureProblem(LINE, LINE.sample(measure), WEIGHTINGS[name]), GridBasisPursuit())
    assert solution.status is Status.CONVERGED
    # Neurons on one or two pixels cost next to nothing: search and reference are good to a few 1e-6 here.
    assert solution.objective == pytest.approx(optimum.value, rel=5e-6)


@pytest.mark.parametrize("name", WEIGHTINGS)
def test_penalized_form_agrees_with_the_dense_program(name):
    measure = mixed_image(1)
    optimum = dense_optimum(LINE.image(measure), cutoff=4, strength=0.01, rho=name)
    problem = MeasureProblem(LINE, LINE.sample(measure), WEIGHTINGS[name], strength=0.01)
    solution = solve(problem, GridBasisPursuit())
    assert solution.status is Status.CONVERGED
    assert solution.objective == pytest.approx(optimum.value, rel=2e-6)
    assert solution.relative_residual > 1e-3  # the constraint is soft


@pytest.mark.parametrize(("width", "seed"), [(1, 0), (1, 1), (2, 1)])
def test_teachers_in_two_dimensions_are_found(width, seed):
    dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=2, n_grid=32)
    truth = teacher(dictionary, width, seed)
    problem = MeasureProblem(dictionary, dictionary.sample(truth))
    solution = solve(problem, GridBasisPursuit(max_steps=6 if width > 1 else 15))
    assert solution.relative_residual <= 1e-9
    assert solution.objective <= problem.objective(truth) * (1 + 1e-9)
    error = np.mean((dictionary.image(solution.measure) - dictionary.image(truth)) ** 2)
    assert error < 1e-12
    if width == 1:
        assert solution.status is Status.CONVERGED


def test_custom_weighting_equal_to_the_norm_gives_the_same_minimum():
    measure = mixed_image(0)
    problem = MeasureProblem(LINE, LINE.sample(measure))
    weighting = CustomWeighting(lambda w: w.square().sum(dim=1).sqrt(), n_features=3)
    custom = solve(dataclasses.replace(problem, weighting=weighting), GridBasisPursuit(max_steps=40))
    expected = solve(problem, GridBasisPursuit()).objective
    assert custom.relative_residual <= 1e-9
    assert custom.objective == pytest.approx(expected, rel=1e-3)
    assert custom.objective >= expected * (1 - 1e-6)


def test_the_dual_vector_has_the_sign_of_the_data():
    problem = MeasureProblem(LINE, LINE.sample(mixed_image(0)))
    atoms = np.random.default_rng(0).standard_normal((40, 3))
    for strength in (0.0, 0.01):
        posed = dataclasses.replace(problem, strength=strength)
        answer = solve_cones(posed, build_cones(posed, atoms, 0.1, 64), "CLARABEL")
        assert posed.dual_objective(answer.dual) == pytest.approx(answer.value, rel=1e-5)
        assert posed.dual_objective(-answer.dual) < 0 < answer.value


def test_bare_atoms_give_an_upper_bound_and_stay_in_place():
    problem = MeasureProblem(LINE, LINE.sample(mixed_image(0)))
    atoms = np.random.default_rng(0).standard_normal((60, 3))
    bare = solve(problem, GridBasisPursuit(atoms=atoms, radius=0.0, max_steps=1))
    moving = solve(problem, GridBasisPursuit(atoms=atoms))
    assert bare.relative_residual < 1e-6
    assert bare.objective > moving.objective
    unit = atoms / np.linalg.norm(atoms, axis=1, keepdims=True)
    assert np.abs(bare.measure.atoms @ unit.T).max(axis=1).min() > 1 - 1e-8


def test_too_few_atoms_are_infeasible_and_say_so():
    problem = MeasureProblem(LINE, LINE.sample(mixed_image(0)))
    solution = solve(problem, GridBasisPursuit(atoms=np.eye(3), radius=0.0))
    assert solution.status is Status.INFEASIBLE
    assert "more atoms" in solution.message
    soft = solve(
        dataclasses.replace(problem, strength=0.1), GridBasisPursuit(atoms=np.eye(3), radius=0.0, max_steps=1)
    )
    assert soft.status in (Status.MAX_STEPS, Status.CONVERGED)


def test_a_failing_backend_is_a_status(monkeypatch):
    problem = MeasureProblem(LINE, LINE.sample(mixed_image(0)))

    def broken(self, *args, **kwargs):
        raise cp.error.SolverError("numerical trouble")

    monkeypatch.setattr(cp.Problem, "solve", broken)
    solution = solve(problem, GridBasisPursuit())
    assert solution.status is Status.BACKEND_FAILED
    assert "numerical trouble" in solution.message


def test_a_backend_that_fails_once_is_asked_again(monkeypatch):
    problem = MeasureProblem(LINE, LINE.sample(mixed_image(0)))
    original, calls = cp.Problem.solve, []

    def sometimes(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == 2:
            raise cp.error.SolverError("numerical trouble")
        return original(self, *args, **kwargs)

    monkeypatch.setattr(cp.Problem, "solve", sometimes)
    assert solve(problem, GridBasisPursuit()).status is Status.CONVERGED
    assert len(calls) >= 3


def test_zero_data_warm_start_and_resume(tmp_path):
    zero = FourierSamples(LINE.operator.frequencies, np.zeros(9))
    assert solve(MeasureProblem(LINE, zero), GridBasisPursuit()).measure.n_atoms == 0
    problem = MeasureProblem(LINE, LINE.sample(mixed_image(1)))
    cold = solve(problem, GridBasisPursuit())
    warm = solve(problem, GridBasisPursuit(), init=cold.state)
    assert warm.status is Status.CONVERGED
    assert warm.n_steps - cold.n_steps < cold.n_steps
    started = solve(problem, GridBasisPursuit(max_steps=1), init=cold.measure)
    assert started.objective <= cold.objective * (1 + 1e-6)
    first = solve(problem, GridBasisPursuit(max_steps=2))
    first.state.save(tmp_path / "state.pt")
    resumed = solve(problem, GridBasisPursuit(), init=SolverState.load(tmp_path / "state.pt"))
    assert resumed.objective == pytest.approx(cold.objective, rel=2e-6)


def test_objective_never_rises_once_feasible():
    problem = MeasureProblem(LINE, LINE.sample(mixed_image(1)))
    history = solve(problem, GridBasisPursuit(), tolerances=Tolerances(gap_tol=1e-8)).history
    values = [r.objective for r in history if r.n_atoms and r.relative_residual <= 1e-9]
    assert len(values) >= 2
    assert all(after <= before * (1 + 1e-6) for before, after in itertools.pairwise(values))


def test_wrong_options_are_refused():
    with pytest.raises(ValueError, match="CLARABEL"):
        GridBasisPursuit(backend="NO_SUCH_SOLVER")
    with pytest.raises(ValueError, match="radius"):
        GridBasisPursuit(radius=-1.0)
    with pytest.raises(ValueError, match="n_atoms"):
        GridBasisPursuit(n_atoms=0)
    with pytest.raises(ValueError, match="max_steps"):
        GridBasisPursuit(max_steps=0)
    with pytest.raises(ValueError, match="shape"):
        GridBasisPursuit(atoms=np.zeros(3))
    with pytest.raises(ValueError, match="features"):
        solve(MeasureProblem(LINE, LINE.sample(mixed_image(0))), GridBasisPursuit(atoms=np.eye(4)))


def test_facets_keep_a_direction_in_its_pattern_and_neighbors_lie_across():
    features = LINE.features(torch.float64).numpy()
    atom = np.array([0.6, 0.0, 0.8])
    rows = pattern_facets(features, atom, radius=10.0, max_facets=N_GRID)
    rng = np.random.default_rng(0)
    for w in rng.standard_normal((200, 3)):
        inside = bool((rows @ w >= 0).all())
        assert inside == bool(((features @ w > 0) == (features @ atom > 0)).all())
    assert pattern_facets(features, atom, radius=10.0, max_facets=N_GRID - 1) is None
    vertex = np.cross(features[3], features[9])
    vertex /= np.linalg.norm(vertex)
    around = neighbors_across(features, vertex[None], 0.01)
    patterns = {(features @ w > 0).tobytes() for w in around}
    assert len(patterns) == 4  # the four cells around a crossing
    assert len(neighbors_across(features, atom[None], 0.01)) == 0
