"""Sliding Frank-Wolfe: exact recovery, agreement with a dense reference, kinks, statuses."""

import dataclasses

import numpy as np
import pytest
import torch
from dense_program import dense_optimum
from hypothesis import given, settings
from hypothesis import strategies as st

from srinr import DiscreteMeasure, FourierFeatures, NeuronDictionary
from srinr.domain import Grid, lowpass_frequencies
from srinr.operators.fourier import FourierOperator
from srinr.solvers import MeasureProblem, Tolerances, solve
from srinr.solvers.atom_groups import group_of
from srinr.solvers.atom_search import ratios
from srinr.solvers.exchange import CertifyOptions
from srinr.solvers.frank_wolfe import SlidingFrankWolfe
from srinr.solvers.gated import gated_refit, penalized_objective
from srinr.solvers.kinks import grid_features, pixels_on_kink, snapped
from srinr.solvers.merge import balanced
from srinr.solvers.regularization_path import regularization_path
from srinr.status import Status
from srinr.weightings import FourierWeighting, IntegralWeighting, StandardWeighting

N_GRID = 24


def line_dictionary(cutoff):
    return NeuronDictionary(
        FourierFeatures.lattice(1, 1), FourierOperator(Grid(N_GRID, dim=1), lowpass_frequencies(cutoff, 1))
    )


def line_problem(cutoff, seed, strength=0.0, weighting=None):
    dictionary = line_dictionary(cutoff)
    rng = np.random.default_rng(seed)
    teacher = DiscreteMeasure(rng.standard_normal((3, 3)), rng.standard_normal(3))
    samples = dictionary.sample(teacher)
    return MeasureProblem(dictionary, samples, weighting or StandardWeighting(), strength), teacher


def planar_problem(width, cutoff, seed=1):
    dictionary = NeuronDictionary.lattice(2, cutoff)
    rng = np.random.default_rng(seed)
    atoms = rng.uniform(-1, 1, (width, 25))
    teacher = DiscreteMeasure(atoms / np.linalg.norm(atoms, axis=1)[:, None], rng.uniform(1, 5, width))
    return MeasureProblem(dictionary, dictionary.sample(teacher)), teacher


@pytest.mark.parametrize(("cutoff", "strength"), [(2, 0.0), (3, 0.0), (2, 0.1), (3, 0.02), (4, 0.003)])
def test_agrees_with_the_dense_reference(cutoff, strength):
    problem, teacher = line_problem(cutoff, 0, strength)
    reference = dense_optimum(problem.dictionary.image(teacher), cutoff, strength=strength)
    solution = solve(problem, SlidingFrankWolfe(), tolerances=Tolerances(gap_tol=1e-7))
    assert solution.status is Status.CONVERGED
    assert solution.objective == pytest.approx(reference.value, rel=1e-6)
    assert solution.dual_bound <= reference.value * (1 + 1e-6)
    assert strength or solution.relative_residual <= 1e-9
    # The teacher itself is not the minimizer here: the agreement is not trivial.
    assert problem.objective(teacher) > 1.01 * reference.value


@pytest.mark.parametrize(("width", "cutoff"), [(1, 4), (2, 10)])
def test_recovers_planar_teachers_exactly(width, cutoff):
    problem, teacher = planar_problem(width, cutoff)
    closing = CertifyOptions(n_starts=256, n_small_starts=64, n_clean_rounds=1, tolerance=1e-7)
    solution = solve(problem, SlidingFrankWolfe(closing=closing))
    assert solution.status is Status.CONVERGED
    assert solution.relative_residual <= 1e-12
    assert solution.measure.n_atoms == width
    order = np.argmax(teacher.atoms @ solution.measure.atoms.T, axis=1)
    assert np.allclose(solution.measure.atoms[order], teacher.atoms, atol=1e-9)
    assert np.allclose(solution.measure.amplitudes[order], teacher.amplitudes, atol=1e-9)


def test_an_exact_fit_that_is_not_optimal_is_not_called_converged():
    # At the lowest cutoff cheaper measures exist: the teacher is found, rejected, and the path goes on.
    problem, teacher = planar_problem(1, 2)
    solution = solve(problem, SlidingFrankWolfe(max_steps=8))
    assert solution.status is Status.MAX_STEPS
    assert solution.objective == pytest.approx(problem.objective(teacher), rel=1e-9)
    assert solution.dual_bound < 0.98 * solution.objective


def test_bounds_never_exceed_objectives():
    problem, _ = line_problem(3, 1, 0.05)
    solution = solve(problem, SlidingFrankWolfe())
    lowest = min(record.objective for record in solution.history)
    assert all(record.dual_bound <= lowest * (1 + 1e-9) for record in solution.history)
    assert solution.duality_gap <= 1e-6 * solution.objective


@pytest.mark.parametrize("weighting", [FourierWeighting(), IntegralWeighting()])
def test_other_weightings_lower_the_penalized_objective(weighting):
    problem, teacher = line_problem(4, 0, 0.05, weighting)
    solution = solve(problem, SlidingFrankWolfe(max_steps=15))
    nothing = 0.5 * float(problem.data @ problem.data)
    assert solution.dual_bound <= solution.objective * (1 + 1e-9)
    assert solution.objective <= 1.1 * min(problem.objective(teacher), nothing)


def test_warm_starts_with_repeated_atoms_and_resumed_states():
    problem, _ = line_problem(3, 0, 0.02)
    cold = solve(problem, SlidingFrankWolfe())
    double = DiscreteMeasure(
        np.concatenate([cold.measure.atoms] * 2), np.concatenate([cold.measure.amplitudes / 2] * 2)
    )
    warm = solve(problem, SlidingFrankWolfe(), init=double)
    assert warm.status is Status.CONVERGED and warm.n_steps < cold.n_steps
    assert warm.objective == pytest.approx(cold.objective, rel=1e-6)
    short = solve(problem, SlidingFrankWolfe(max_steps=2))
    assert short.status is Status.MAX_STEPS
    resumed = solve(problem, SlidingFrankWolfe(), init=short.state)
    assert resumed.objective == pytest.approx(cold.objective, rel=1e-6)


def test_empty_start_and_zero_data():
    problem, _ = line_problem(2, 0)
    nothing = DiscreteMeasure(np.zeros((0, 3)), [])
    assert solve(problem, SlidingFrankWolfe(), init=nothing).status is Status.CONVERGED
    silent = dataclasses.replace(problem, samples=problem.dictionary.sample(nothing))
    for strength in (0.0, 0.1):
        solution = solve(dataclasses.replace(silent, strength=strength), SlidingFrankWolfe())
        assert solution.status is Status.CONVERGED and solution.objective == 0
    again = solve(dataclasses.replace(silent, strength=0.1), SlidingFrankWolfe(),
                  init=DiscreteMeasure([[1.0, 0.0, 0.0]], [1.0]))  # fmt: skip
    assert again.status.is_success and again.objective == 0


def test_regularization_path():
    problem, _ = line_problem(3, 0)
    path = regularization_path(problem, [0.2, 0.05, 0.01])
    assert all(solution.status is Status.CONVERGED for solution in path)
    residuals = [solution.relative_residual for solution in path]
    variations = [solution.problem.total_variation(solution.measure) for solution in path]
    assert residuals == sorted(residuals, reverse=True) and variations == sorted(variations)
    for wrong in ([0.1, 0.2], [0.1, 0.0], [np.nan]):
        with pytest.raises(ValueError, match="strengths must be positive and decreasing"):
            regularization_path(problem, wrong)


@pytest.mark.parametrize("wrong", [{"max_steps": 0}, {"factor": 1.0}, {"initial": 0.0}, {"lower_at": 0.5}])
def test_options_are_checked(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SlidingFrankWolfe(**wrong)


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 6), exponent=st.floats(-4, 0))
def test_a_refit_never_raises_the_objective(seed, n, exponent):
    problem, _ = line_problem(3, 0)
    rng = np.random.default_rng(seed)
    vectors, signs = rng.standard_normal((n, 3)), rng.choice([-1.0, 1.0], n)
    strength = 10**exponent
    before = penalized_objective(problem, vectors, signs, strength)
    new, kinds, value = gated_refit(problem, vectors, signs, strength)
    assert value <= before
    assert value == pytest.approx(penalized_objective(problem, new, kinds, strength), rel=1e-12)


def test_a_refit_of_dead_atoms_removes_them():
    problem, _ = line_problem(3, 0)
    vectors, signs, value = gated_refit(problem, np.array([[0.0, 0.0, -1.0]]), np.ones(1), 0.1)
    assert len(vectors) == len(signs) == 0
    assert value == 0.5 * float(problem.data @ problem.data)


@pytest.mark.parametrize("weighting", [StandardWeighting(), FourierWeighting(), IntegralWeighting()])
def test_groups_reproduce_their_atom(weighting):
    dictionary = line_dictionary(4)
    vector = np.array([0.3, -1.0, 0.4])
    group = group_of(dictionary, weighting, vector, -1.0)
    phi = dictionary.coefficients(vector[None])
    rho = float(weighting.evaluate(dictionary, _tensor(vector))[0])
    assert np.allclose(group.block @ group.init, -phi[0], atol=1e-12)
    assert np.allclose(group.chart @ group.init, vector, atol=1e-12)
    assert np.linalg.norm(group.init) == pytest.approx(rho)


def _tensor(vector):
    return torch.from_numpy(vector[None])


def test_minimizers_lie_on_kinks_and_are_stationary_there():
    problem, _ = line_problem(3, 1, 0.003)
    solution = solve(problem, SlidingFrankWolfe(), tolerances=Tolerances(gap_tol=1e-9))
    vectors, signs = balanced(solution.measure)
    features = grid_features(problem.dictionary)
    on_kinks = [len(pixels_on_kink(features, vector)) for vector in vectors]
    assert max(on_kinks) > 0
    dual = (problem.data - problem.predict(solution.measure)) / problem.strength
    assert np.allclose(ratios(problem.dictionary, problem.weighting, dual, vectors), signs, atol=1e-6)
    rng = np.random.default_rng(0)
    near = vectors + 1e-4 * rng.standard_normal(vectors.shape) * np.linalg.norm(vectors, axis=1)[:, None]
    assert np.abs(ratios(problem.dictionary, problem.weighting, dual, near)).max() <= 1 + 1e-9


def test_snapping_raises_the_ratio_of_a_peak_next_to_its_kink():
    dictionary = line_dictionary(3)
    features = grid_features(dictionary)
    rng = np.random.default_rng(0)
    atom = rng.standard_normal(3)
    atom -= features[5] * (features[5] @ atom) / (features[5] @ features[5])
    dual = rng.standard_normal(7)
    if dictionary.dual_image(dual)[5] > 0:
        dual = -dual
    off = atom + 1e-6 * features[5]
    (brought,) = snapped(dictionary, dual, off[None], np.ones(1))
    assert pixels_on_kink(features, brought).tolist() == [5]
    (kept,) = snapped(dictionary, dual, off[None], -np.ones(1))
    assert np.array_equal(kept, off)
