"""The loop around the solvers: how a run ends, what is kept, warm starts, resuming, batches."""

import dataclasses
import os
import signal

import numpy as np
import pytest

from srinr import DiscreteMeasure, FourierFeatures, NeuronDictionary
from srinr.samples import FourierSamples
from srinr.solvers import (
    DualExchange,
    GridBasisPursuit,
    MeasureProblem,
    SlidingFrankWolfe,
    SolverFailure,
    SolverState,
    Tolerances,
    solve,
    solve_batch,
)
from srinr.status import FileFormatError, Status

LINE = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1, n_grid=24)
SOLVERS = {
    "grid": GridBasisPursuit(),
    "sliding": SlidingFrankWolfe(closing_seconds=10),
    "exchange": DualExchange(closing_seconds=10),
}
every_solver = pytest.mark.parametrize("solver", SOLVERS.values(), ids=SOLVERS)


def random_measure(seed):
    rng = np.random.default_rng(seed)
    return DiscreteMeasure(rng.standard_normal((3, 3)), rng.standard_normal(3))


def line_problem(seed=1, strength=0.0):
    return MeasureProblem(LINE, LINE.sample(random_measure(seed)), strength=strength)


def infeasible_problem(strength=0.0):
    """Without the constant feature every neuron is half of ``t + |t|``, which has no third harmonic; a sawtooth has."""
    dictionary = NeuronDictionary(FourierFeatures.lattice(1, 1, constant=False), LINE.operator)
    sawtooth = np.linspace(-1, 1, 24)
    samples = FourierSamples(LINE.operator.frequencies, LINE.operator.forward(sawtooth))
    return MeasureProblem(dictionary, samples, strength=strength)


@dataclasses.dataclass(frozen=True)
class Scripted:
    """A solver that returns given measures, one a step, and then a status."""

    measures: tuple
    ending: Status | None = None
    dual_scale: float = 0.0
    max_steps: int = 10

    def start(self, problem, init, rng):
        nothing = DiscreteMeasure(np.zeros((0, 3)), np.zeros(0))
        return SolverState(init or nothing, None, np.inf, np.zeros((0, 3)))

    def step(self, problem, state, tolerances, rng):
        last = state.n_steps + 1 >= len(self.measures)
        dual = self.dual_scale * problem.data if self.dual_scale else None
        return dataclasses.replace(
            state, measure=self.measures[min(state.n_steps, len(self.measures) - 1)], dual_variable=dual,
            max_ratio=1.0, n_steps=state.n_steps + 1, status=self.ending if last else None,
        )  # fmt: skip


# --- how a run ends -----------------------------------------------------------------------------------------------


@every_solver
def test_limits_and_callbacks_end_a_run(solver):
    problem = line_problem()
    short = solve(problem, dataclasses.replace(solver, max_steps=1))
    assert (short.status, short.n_steps) == (Status.MAX_STEPS, 1)
    late = solve(problem, solver, time_limit=1e-9)
    assert (late.status, late.n_steps) == (Status.TIME_LIMIT, 1)
    seen = []

    def second(state):
        seen.append(state.n_steps)
        return np.bool_(state.n_steps == 2)

    stopped = solve(problem, dataclasses.replace(solver, max_steps=3), callback=second)
    assert stopped.status is Status.USER_STOP or stopped.n_steps < 2
    assert seen == list(range(1, stopped.n_steps + 1))


def test_ctrl_c_ends_the_run_after_the_step_and_keeps_what_was_reached():
    before = signal.getsignal(signal.SIGINT)
    problem = line_problem()

    def interrupt(state):
        if state.n_steps == 3:
            os.kill(os.getpid(), signal.SIGINT)

    solution = solve(problem, SOLVERS["sliding"], callback=interrupt)
    assert (solution.status, solution.n_steps) == (Status.USER_STOP, 3)
    assert signal.getsignal(signal.SIGINT) is before
    assert len(solution.history) == 4
    assert solve(problem, SOLVERS["sliding"], init=solution.state).status is Status.CONVERGED


def test_ctrl_c_ends_a_batch():
    def interrupted(self, problem, state, tolerances, rng):
        os.kill(os.getpid(), signal.SIGINT)
        return dataclasses.replace(state, n_steps=state.n_steps + 1)

    solver = type("Interrupted", (Scripted,), {"step": interrupted})(())
    with pytest.raises(KeyboardInterrupt):
        solve_batch([line_problem()] * 3, solver)


def test_a_claim_that_the_last_search_does_not_support_is_taken_back():
    measure = random_measure(1)
    problem = line_problem(1)
    # With this dual vector the claimed ratio of 1 gives a bound that equals the objective; its true ratio is larger.
    scale = problem.objective(measure) / float(problem.data @ problem.data)
    solution = solve(problem, Scripted((measure,), Status.CONVERGED, scale))
    assert solution.status is Status.CONVERGED_INACCURATE
    assert "larger search" in solution.message
    assert solution.dual_bound < 0.9 * solution.objective
    assert solution.history[-1].dual_bound == pytest.approx(solution.objective)


@every_solver
@pytest.mark.parametrize("strength", [0.0, 0.1])
@pytest.mark.parametrize("init", [None, DiscreteMeasure(np.eye(3), np.ones(3))], ids=["cold", "warm"])
def test_zero_data_have_the_minimizer_zero(solver, strength, init):
    silent = FourierSamples(LINE.operator.frequencies, np.zeros(9))
    solution = solve(MeasureProblem(LINE, silent, strength=strength), solver, init=init)
    assert solution.status is Status.CONVERGED
    assert (solution.objective, solution.dual_bound, solution.measure.n_atoms) == (0.0, 0.0, 0)
    assert solution.image(np.zeros((2, 1))).tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "solver",
    [GridBasisPursuit(max_steps=4), SlidingFrankWolfe(max_steps=25), DualExchange(max_steps=20)],
    ids=SOLVERS,
)
def test_data_that_no_measure_has_are_never_called_solved(solver):
    problem = infeasible_problem()
    solution = solve(problem, solver)
    assert solution.status in (Status.INFEASIBLE, Status.STALLED, Status.MAX_STEPS)
    # The third harmonics stay over whatever is done, and the least residual seen is the one that is returned.
    third = np.abs(LINE.operator.frequencies[:, 0]) == 3
    floor = np.linalg.norm(problem.samples.values[third]) / np.linalg.norm(problem.samples.values)
    assert solution.relative_residual >= floor * (1 - 1e-9) > 0.1
    assert solution.relative_residual == min(record.relative_residual for record in solution.history)
    soft = solve(infeasible_problem(0.05), solver)
    assert soft.status is Status.CONVERGED
    assert soft.relative_residual >= floor


@pytest.mark.parametrize("cutoff", [0, 1])
@every_solver
def test_one_sample_and_three(solver, cutoff):
    dictionary = NeuronDictionary.lattice(1, cutoff, dim=1, n_grid=24)
    problem = MeasureProblem(dictionary, dictionary.sample(random_measure(0)))
    solution = solve(problem, solver)
    assert solution.status is Status.CONVERGED
    assert solution.relative_residual <= 1e-9
    assert 1 <= solution.measure.n_atoms <= 2 * cutoff + 1
    if cutoff == 0:
        # The mean alone: cheapest is the neuron of largest mean per length.
        angles = np.linspace(0, np.pi / 2, 20001)
        atoms = np.stack([np.sin(angles), np.zeros_like(angles), np.cos(angles)], axis=1)
        best = float(dictionary.coefficients(atoms).max())
        assert solution.objective == pytest.approx(abs(problem.data[0]) / best, rel=1e-4)


def test_a_failure_is_raised_when_asked_for_and_holds_the_solution():
    problem = line_problem()
    with pytest.raises(SolverFailure, match="MAX_STEPS") as failure:
        solve(problem, SlidingFrankWolfe(max_steps=2), throw=True)
    assert failure.value.solution.n_steps == 2
    assert solve(problem, SOLVERS["grid"], throw=True).status is Status.CONVERGED


# --- what is kept -------------------------------------------------------------------------------------------------


def test_the_best_iterate_is_kept_feasible_before_cheap():
    truth = random_measure(1)
    problem = line_problem(1)
    waste = DiscreteMeasure(np.concatenate([truth.atoms, np.eye(3)[:1], np.eye(3)[:1]]),
                            np.concatenate([truth.amplitudes, [1.0, -1.0]]))  # fmt: skip
    cheap = DiscreteMeasure(truth.atoms, 0.1 * truth.amplitudes)
    closer = DiscreteMeasure(truth.atoms, 0.9 * truth.amplitudes)
    solution = solve(problem, Scripted((waste, truth, waste, cheap), Status.STALLED))
    assert solution.objective == problem.objective(truth)
    assert np.array_equal(solution.measure.atoms, truth.atoms)
    assert solve(problem, Scripted((closer, cheap), Status.STALLED)).relative_residual == pytest.approx(0.1)
    assert [record.step for record in solution.history] == [0, 1, 2, 3, 4]


def test_callbacks_see_states_that_they_cannot_change():
    errors = []

    def meddle(state):
        for array in (state.dual_variable, state.working_set, state.measure.atoms, state.measure.amplitudes):
            try:
                array[...] = np.nan
            except ValueError as error:
                errors.append(error)
        with pytest.raises(dataclasses.FrozenInstanceError):
            state.level = 0.0

    meddled = solve(line_problem(), DualExchange(max_steps=3), callback=meddle)
    alone = solve(line_problem(), DualExchange(max_steps=3))
    assert len(errors) == 4 * 3
    assert meddled.objective == alone.objective


@every_solver
def test_runs_are_repeatable(solver):
    solver = dataclasses.replace(solver, max_steps=3)
    first, second = (solve(line_problem(), solver, seed=5) for _ in range(2))
    assert np.array_equal(first.measure.atoms, second.measure.atoms)
    assert np.array_equal(first.measure.amplitudes, second.measure.amplitudes)
    assert first.dual_bound == second.dual_bound


# --- warm starts and resuming -------------------------------------------------------------------------------------


@every_solver
@pytest.mark.parametrize("strength", [0.0, 0.02])
def test_a_warm_start_at_the_optimum_saves_steps(solver, strength):
    problem = line_problem(1, strength)
    cold = solve(problem, solver)
    warm = solve(problem, solver, init=cold.measure)
    assert warm.status is cold.status is Status.CONVERGED
    assert warm.objective == pytest.approx(cold.objective, rel=1e-6)
    assert warm.n_steps <= cold.n_steps - (cold.n_steps > 3)


@every_solver
def test_going_on_from_a_saved_state_reaches_the_same_objective(solver, tmp_path):
    problem = line_problem(0)
    whole = solve(problem, solver)
    first = solve(problem, dataclasses.replace(solver, max_steps=1))
    assert first.status is Status.MAX_STEPS
    first.state.save(tmp_path / "state")
    second = solve(problem, solver, init=SolverState.load(tmp_path / "state"))
    assert second.status is Status.CONVERGED
    assert second.objective == pytest.approx(whole.objective, rel=1e-6)
    assert second.history[0].step == 1 and second.n_steps > 1


@pytest.mark.parametrize("dual", [None, np.arange(9.0)], ids=["no dual", "dual"])
def test_a_state_survives_its_file(tmp_path, dual):
    measure = random_measure(0)
    state = SolverState(measure, dual, np.inf, np.eye(3), 0.1, Status.STALLED, "stuck", 7, 9)
    state.save(tmp_path / "state")
    again = SolverState.load(tmp_path / "state")
    for name in ("max_ratio", "level", "status", "message", "n_steps", "n_searches"):
        assert getattr(again, name) == getattr(state, name)
    assert np.array_equal(again.measure.atoms, measure.atoms)
    assert np.array_equal(again.measure.amplitudes, measure.amplitudes)
    assert np.array_equal(again.working_set, np.eye(3))
    assert np.array_equal(again.dual_variable, dual) if dual is not None else again.dual_variable is None


def test_damaged_and_foreign_files_are_refused(tmp_path):
    from srinr.checkpoint import save_checkpoint

    path = tmp_path / "state"
    solve(line_problem(), DualExchange(max_steps=1)).state.save(path)
    whole = path.read_bytes()
    for length in (0, 5, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError):
            SolverState.load(path)
    with pytest.raises(FileFormatError):
        SolverState.load(tmp_path / "missing")
    save_checkpoint(path, {"format": "something else"})
    with pytest.raises(FileFormatError, match="solver"):
        SolverState.load(path)


# --- batches ------------------------------------------------------------------------------------------------------


def test_a_batch_is_a_loop_and_one_bad_problem_disturbs_none():
    problems = [line_problem(0, 0.02), infeasible_problem(), line_problem(1)]
    solver = GridBasisPursuit(max_steps=12)
    together = solve_batch(iter(problems), solver, seed=3)
    alone = [solve(problem, solver, seed=3) for problem in problems]
    statuses = [solution.status for solution in together]
    assert statuses == [Status.CONVERGED, Status.INFEASIBLE, Status.CONVERGED]
    for one, other in zip(together, alone, strict=True):
        assert one.status is other.status
        assert np.array_equal(one.measure.atoms, other.measure.atoms)
        assert one.objective == other.objective and one.dual_bound == other.dual_bound
    assert solve_batch([], solver) == []


def test_a_batch_takes_one_start_a_problem():
    problems = [line_problem(0, 0.02), line_problem(1, 0.02)]
    cold = solve_batch(problems, SOLVERS["sliding"])
    warm = solve_batch(problems, SOLVERS["sliding"], init=[cold[0].measure, None])
    assert warm[0].n_steps < cold[0].n_steps
    assert warm[1].n_steps == cold[1].n_steps
    with pytest.raises(ValueError, match="2 problems, got 1"):
        solve_batch(problems, SOLVERS["sliding"], init=[None])


# --- the doors ----------------------------------------------------------------------------------------------------


def test_wrong_starts_are_refused():
    problem = line_problem()
    with pytest.raises(TypeError, match="DiscreteMeasure or a SolverState, got ndarray"):
        solve(problem, SOLVERS["grid"], init=np.eye(3))
    wide = DiscreteMeasure(np.eye(5), np.ones(5))
    with pytest.raises(ValueError, match="5 features, the problem has 3"):
        solve(problem, SOLVERS["grid"], init=wide)
    with pytest.raises(ValueError, match="5 features, the problem has 3"):
        solve(problem, SOLVERS["grid"], init=SolverState(wide, None, np.inf, np.eye(5)))
    with pytest.raises(ValueError, match="dual vector of shape"):
        solve(problem, SOLVERS["grid"], init=SolverState(random_measure(0), np.ones(7), 1.0, np.eye(3)))
    for wrong in (0.0, -1.0, np.nan):
        with pytest.raises(ValueError, match="time_limit"):
            solve(problem, SOLVERS["grid"], time_limit=wrong)
        with pytest.raises(ValueError, match="gap_tol"):
            Tolerances(gap_tol=wrong)
        with pytest.raises(ValueError, match="feasibility_tol"):
            Tolerances(feasibility_tol=wrong)


def test_nothing_that_is_not_a_number_comes_in():
    with pytest.raises(ValueError, match="NaN"):
        DiscreteMeasure([[np.nan, 0.0, 1.0]], [1.0])
    values = np.zeros(9, dtype=complex)
    values[0] = np.nan
    with pytest.raises(ValueError, match=r"[Nn]a[Nn]|finite"):
        MeasureProblem(LINE, FourierSamples(LINE.operator.frequencies, values))
    for strength in (np.nan, np.inf, -1.0):
        with pytest.raises(ValueError, match="strength"):
            line_problem(1, strength)


@every_solver
def test_starts_with_repeated_dead_and_zero_atoms(solver):
    problem = line_problem(1)
    truth = random_measure(1)
    atoms = np.concatenate([truth.atoms, truth.atoms, [[0.0, 0.0, -1.0], [0.0, 0.0, 0.0]]])
    init = DiscreteMeasure(atoms, np.concatenate([truth.amplitudes / 2, truth.amplitudes / 2, [0.0, 2.0]]))
    solution = solve(problem, solver, init=init)
    assert solution.status is Status.CONVERGED
    assert solution.objective <= problem.objective(truth)
    assert np.isfinite(solution.measure.atoms).all()
