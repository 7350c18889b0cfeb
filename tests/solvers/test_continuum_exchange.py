"""Exact recovery of the teacher, on a grid and in the continuum, by solvers that see samples only."""

import numpy as np
import pytest

from srinr import DiscreteMeasure, ExactPlanarDictionary, FourierFeatures, FourierOperator, NeuronDictionary
from srinr.domain import Grid
from srinr.exact_planar_dictionary import InaccurateCoefficientsWarning
from srinr.solvers import ContinuumExchange, DualExchange, MeasureProblem, Polish, Tolerances, solve
from srinr.solvers.coarse import coarse_problem
from srinr.solvers.pursuit import pursued_fits
from srinr.solvers.reduced import reduced_fits
from srinr.status import Status
from srinr.teachers import random_teacher

ANY_GAP = Tolerances(gap_tol=np.inf)
EXACT = ExactPlanarDictionary.lattice(2, 8)
GRID = EXACT.on_grid(32)


def problems(width, seed):
    teacher = random_teacher(np.random.default_rng(seed), width, 25)
    samples = EXACT.sample(teacher)
    return teacher, MeasureProblem(EXACT, samples), MeasureProblem(GRID, samples)


def atom_errors(found, teacher):
    """Distances of the teacher's unit atoms to the nearest found."""
    cosines = found.normalized().atoms @ teacher.atoms.T
    return np.sqrt(2 * np.clip(1 - cosines.max(axis=0), 0, None))


@pytest.mark.parametrize(("width", "seed"), [(1, 0), (1, 1), (2, 0), (3, 2)])
def test_the_teacher_is_found_in_the_continuum(width, seed):
    teacher, problem, grid = problems(width, seed)
    assert grid.relative_residual(teacher) > 1e-4  # the grid would not tell
    solution = solve(problem, ContinuumExchange(n_grid=32), tolerances=ANY_GAP)
    assert solution.status is Status.CONVERGED
    assert solution.relative_residual < 1e-13
    assert solution.aliasing_estimate == 0.0
    assert solution.measure.n_atoms == width
    assert atom_errors(solution.measure, teacher).max() < 1e-7
    assert solution.dual_bound == -np.inf


def test_a_run_in_the_continuum_goes_on_from_a_saved_state(tmp_path):
    teacher, problem, _ = problems(3, 5)
    first = solve(problem, ContinuumExchange(DualExchange(max_steps=5), 32), tolerances=ANY_GAP)
    first.state.save(tmp_path / "state.safetensors")
    state = type(first.state).load(tmp_path / "state.safetensors")
    solution = solve(problem, ContinuumExchange(n_grid=32), init=state, tolerances=ANY_GAP)
    assert solution.relative_residual < 1e-13
    assert atom_errors(solution.measure, teacher).max() < 1e-7


def test_what_the_continuum_cannot_do_is_refused():
    _, problem, grid = problems(1, 0)
    with pytest.raises(ValueError, match="gap_tol"):
        solve(problem, ContinuumExchange())
    with pytest.raises(ValueError, match="ExactPlanarDictionary"):
        solve(grid, ContinuumExchange(), tolerances=ANY_GAP)
    penalized = MeasureProblem(EXACT, problem.samples, strength=0.1)
    with pytest.raises(ValueError, match="equality form"):
        solve(penalized, ContinuumExchange(), tolerances=ANY_GAP)


def test_samples_of_no_small_network_are_not_recovered():
    noise = np.random.default_rng(0).standard_normal(EXACT.real_samples.n_real)
    samples = problems(1, 0)[1].samples
    values = EXACT.real_samples.unpack(noise / np.linalg.norm(noise))
    problem = MeasureProblem(EXACT, type(samples)(samples.frequencies, values))
    solution = solve(problem, ContinuumExchange(DualExchange(max_steps=6), 32), tolerances=ANY_GAP)
    assert solution.status is Status.MAX_STEPS
    assert solution.relative_residual > 1e-2


def test_an_exact_fit_on_the_grid_ends_the_exchange():
    teacher = random_teacher(np.random.default_rng(3), 2, 25)
    problem = MeasureProblem(GRID, GRID.sample(teacher))
    solution = solve(problem, DualExchange(), tolerances=ANY_GAP)
    assert solution.status is Status.CONVERGED
    assert atom_errors(solution.measure, teacher).max() < 1e-7
    assert solution.aliasing_estimate > 1e-4


def test_fits_that_stop_short_are_kept_and_wrong_models_are_not_exact():
    teacher, problem, grid = problems(2, 0)
    one = DiscreteMeasure(teacher.atoms[:1], teacher.amplitudes[:1])
    fits = reduced_fits(grid, one, continuum=problem)
    assert fits.exact is None and len(fits.others) == 1
    near = DiscreteMeasure(teacher.atoms + 0.02, teacher.amplitudes)
    fits = reduced_fits(grid, near, Polish(fall=0.9), (1.0,), continuum=problem)
    assert fits.exact is not None and problem.relative_residual(fits.exact) < 1e-13


def test_pursuit_stops_at_zero_and_at_as_many_unknowns_as_equations():
    nothing = MeasureProblem(GRID, GRID.sample(DiscreteMeasure(np.eye(25)[:1], [0.0])))
    assert pursued_fits(nothing, np.random.default_rng(0)).others == ()
    low = NeuronDictionary.lattice(2, 3, n_grid=24)  # 49 equations: one atom of 25
    problem = MeasureProblem(low, low.sample(random_teacher(np.random.default_rng(1), 3, 25)))
    fits = pursued_fits(problem, np.random.default_rng(0))
    assert fits.exact is None and len(fits.others) == 1


def test_pursuit_goes_on_from_a_part_of_the_network_and_drops_what_is_too_much():
    dictionary = NeuronDictionary.lattice(2, 12, n_grid=32)
    teacher = random_teacher(np.random.default_rng(2), 3, 25)
    problem = MeasureProblem(dictionary, dictionary.sample(teacher))
    options = {"options": DualExchange().models, "max_inserted": 1}
    part = DiscreteMeasure(teacher.atoms[:2], teacher.amplitudes[:2])
    more = pursued_fits(problem, np.random.default_rng(0), start=part, **options)
    assert more.exact is not None and atom_errors(more.exact, teacher).max() < 1e-7
    missing = DiscreteMeasure(teacher.atoms[:1], teacher.amplitudes[:1])
    fits = pursued_fits(problem, np.random.default_rng(0), start=missing, **options)
    assert fits.exact is None and fits.others[0].n_atoms == 2


def test_the_coarse_problem_has_the_low_frequencies_and_few_points():
    dictionary = NeuronDictionary.lattice(2, 14, n_grid=64)
    teacher = random_teacher(np.random.default_rng(0), 2, 25)
    problem = MeasureProblem(dictionary, dictionary.sample(teacher))
    coarse = coarse_problem(problem, 4)
    assert coarse.samples.n_samples == 17**2 and coarse.samples.cutoff == 8
    assert coarse.dictionary.grid.shape == (32, 32)
    low = {
        tuple(k): value for k, value in zip(problem.samples.frequencies, problem.samples.values, strict=True)
    }
    kept = [low[tuple(k)] for k in coarse.samples.frequencies]
    assert np.array_equal(coarse.samples.values, kept)
    # The teacher misses them by the aliasing of the coarse grid alone, a part of itself by far more.
    part = DiscreteMeasure(teacher.atoms[:1], teacher.amplitudes[:1])
    assert 1e-6 < coarse.relative_residual(teacher) < 1e-2 < coarse.relative_residual(part)


def test_there_is_no_coarse_problem_below_small_grids_or_of_the_continuum():
    assert coarse_problem(MeasureProblem(GRID, problems(1, 0)[1].samples), 4) is None
    assert coarse_problem(problems(1, 0)[1], 4) is None
    high = FourierOperator(Grid(64, dim=2), np.array([[9, 0], [-9, 0]]))
    dictionary = NeuronDictionary(FourierFeatures.lattice(2, 2), high)
    samples = dictionary.sample(DiscreteMeasure(np.ones((1, 25)), [1.0]))
    assert coarse_problem(MeasureProblem(dictionary, samples), 4) is None
    assert coarse_problem(MeasureProblem(dictionary, samples), 5) is not None


def test_inaccurate_coefficients_are_said_once():
    dictionary = ExactPlanarDictionary.lattice(1, 2, tolerance=1e-30)
    atoms = np.random.default_rng(0).standard_normal((3, 9))
    with pytest.warns(InaccurateCoefficientsWarning) as caught:
        dictionary.coefficients(np.concatenate([atoms, 2 * atoms]))
    assert len(caught) == 1


@pytest.mark.parametrize("wrong", [{"max_steps": 0}, {"max_atoms": 0}, {"thresholds": (1.5,)}])
def test_options_of_fits_are_checked(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Polish(**wrong)
