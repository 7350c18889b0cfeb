"""Training of wide students: gradients, the published stages, resuming, and how runs end."""

import dataclasses

import numpy as np
import pytest
import torch

from srinr import DiscreteMeasure, ExactDictionary, NeuronDictionary
from srinr.solvers import AdamSteps, AugmentedLagrangian, MeasureProblem, SolverState, solve
from srinr.solvers.adam_stage import Moments, adam_stage
from srinr.solvers.reduced import Polish
from srinr.solvers.students import (
    Students,
    data_and_gradients,
    decay_gradients,
    draw_students,
    images,
    sampled,
)
from srinr.status import Status
from srinr.weightings import FourierWeighting, IntegralWeighting, StandardWeighting, weights

LINE = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1, n_grid=48)
PLANE = NeuronDictionary.lattice(max_frequency=1, cutoff=3, n_grid=12)
TEACHER = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
WEIGHTINGS = [StandardWeighting(), FourierWeighting(), IntegralWeighting()]
QUICK = AugmentedLagrangian(n_neurons=10, inner=AdamSteps(n_steps=300, learning_rate=1e-2), models=Polish())


def students(dictionary, n=4, batch=2):
    rngs = [np.random.default_rng(seed) for seed in range(batch)]
    drawn = draw_students(n, dictionary.n_features, rngs)
    return Students(drawn.atoms, drawn.amplitudes + 1.0)


def lagrangian(dictionary, weighting, parameters, data, multipliers, penalty):
    """The objective of every student, written out with the dictionary's NumPy side."""
    values = []
    for atoms, amplitudes, y, q in zip(*parameters.tensors, data, multipliers, strict=True):
        r = amplitudes.numpy() @ dictionary.coefficients(atoms.numpy()) - y.numpy()
        rho = weights(weighting, dictionary, atoms.numpy())
        decay = 0.5 * (np.sum(amplitudes.numpy() ** 2) + np.sum(rho**2))
        values.append(decay + q.numpy() @ r + 0.5 * penalty * r @ r)
    return np.array(values)


@pytest.mark.parametrize("weighting", WEIGHTINGS)
@pytest.mark.parametrize("dictionary", [LINE, PLANE], ids=["line", "plane"])
def test_gradients_agree_with_finite_differences_of_the_lagrangian(dictionary, weighting):
    now, m, penalty = students(dictionary), len(dictionary.real_samples.frequencies), 3.0
    data, multipliers = torch.randn(
        (2, 2, m), dtype=torch.float64, generator=torch.Generator().manual_seed(0)
    )
    _, slope = data_and_gradients(dictionary, now, data, multipliers, penalty)
    decay = decay_gradients(dictionary, weighting, now)
    rng = np.random.default_rng(1)
    moves = [torch.from_numpy(rng.standard_normal(t.shape)) for t in now.tensors]
    expected = sum(
        ((a + b) * move).reshape(2, -1).sum(dim=1).numpy()
        for a, b, move in zip(slope.tensors, decay.tensors, moves, strict=True)
    )
    step = 1e-6
    there, back = (
        lagrangian(
            dictionary, weighting,
            Students(*(t + sign * step * move for t, move in zip(now.tensors, moves, strict=True))),
            data, multipliers, penalty,
        )
        for sign in (1.0, -1.0)
    )  # fmt: skip
    np.testing.assert_allclose((there - back) / (2 * step), expected, rtol=1e-5)
    assert not np.allclose((there - back) / (2 * step), 1.01 * expected, rtol=1e-5)


def test_samples_and_images_are_those_of_the_dictionary():
    now = students(PLANE)
    for index in range(2):
        measure = DiscreteMeasure(now.atoms[index].numpy(), now.amplitudes[index].numpy())
        wanted = measure.amplitudes @ PLANE.coefficients(measure.atoms)
        np.testing.assert_allclose(sampled(PLANE, now)[index].numpy(), wanted, atol=1e-13)
        np.testing.assert_allclose(
            images(PLANE, now)[index].numpy(), PLANE.image(measure).ravel(), atol=1e-13
        )


def test_a_stage_takes_the_steps_of_torch():
    now, m = students(LINE), len(LINE.real_samples.frequencies)
    data, multipliers = torch.zeros(2, m, dtype=torch.float64), torch.ones(2, m, dtype=torch.float64)
    options = AdamSteps(n_steps=7, learning_rate=1e-2, dtype=torch.float64)
    seen = []
    ours, moments = adam_stage(
        LINE, StandardWeighting(), now, Moments.zero(now), data, multipliers, 2.0, options, watch=seen.append
    )
    parameters = [t.clone().requires_grad_() for t in now.tensors]
    optimizer = torch.optim.Adam(parameters, lr=1e-2)
    for _ in range(7):
        optimizer.zero_grad()
        _, slope = data_and_gradients(
            LINE, Students(*(p.detach() for p in parameters)), data, multipliers, 2.0
        )
        for parameter, gradient in zip(parameters, slope.tensors, strict=True):
            parameter.grad = gradient + parameter.detach()
        optimizer.step()
    for found, wanted in zip(ours.tensors, parameters, strict=True):
        np.testing.assert_allclose(found.numpy(), wanted.detach().numpy(), atol=1e-12)
    assert moments.n_steps == len(seen) == 7


def test_a_batch_trains_like_its_members():
    both, m = students(LINE), len(LINE.real_samples.frequencies)
    data = torch.randn((2, m), dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    options = AdamSteps(n_steps=50, dtype=torch.float64)
    zero = torch.zeros_like(data)
    together, _ = adam_stage(LINE, StandardWeighting(), both, Moments.zero(both), data, zero, 5.0, options)
    for index in range(2):
        one = Students(both.atoms[index : index + 1], both.amplitudes[index : index + 1])
        alone, _ = adam_stage(
            LINE, StandardWeighting(), one, Moments.zero(one), data[index : index + 1],
            zero[index : index + 1], 5.0, options,
        )  # fmt: skip
        np.testing.assert_allclose(together.atoms[index].numpy(), alone.atoms[0].numpy(), atol=1e-12)


def test_a_student_recovers_a_neuron_and_is_reduced_to_it():
    problem = MeasureProblem(LINE, LINE.sample(TEACHER))
    solution = solve(problem, QUICK)
    assert solution.relative_residual <= 1e-9
    np.testing.assert_allclose(LINE.image(solution.measure), LINE.image(TEACHER), atol=1e-8)
    assert solution.measure.n_atoms <= 3


def test_the_published_form_trains_the_student_only():
    problem = MeasureProblem(LINE, LINE.sample(TEACHER))
    solution = solve(problem, dataclasses.replace(QUICK, models=None, max_steps=12))
    levels = [QUICK.penalty * QUICK.growth**k for k in range(13)]
    assert solution.status is Status.MAX_STEPS
    assert solution.state.level == pytest.approx(levels[-1])
    assert solution.relative_residual < 1e-2
    assert solution.measure.n_atoms == 10


def test_the_penalty_waits_while_the_residual_falls():
    problem = MeasureProblem(LINE, LINE.sample(TEACHER))
    patient = dataclasses.replace(QUICK, models=None, max_steps=8, feasibility=0.9)
    assert solve(problem, patient).state.level < QUICK.penalty * QUICK.growth**8


def test_a_saved_state_goes_on_as_if_nothing_had_been(tmp_path):
    problem = MeasureProblem(LINE, LINE.sample(TEACHER))
    solver = dataclasses.replace(QUICK, models=None, max_steps=4)
    whole = solve(problem, solver)
    half = solve(problem, dataclasses.replace(solver, max_steps=2))
    half.state.save(tmp_path / "state")
    rest = solve(problem, dataclasses.replace(solver, max_steps=2), init=SolverState.load(tmp_path / "state"))
    np.testing.assert_array_equal(rest.state.measure.atoms, whole.state.measure.atoms)
    np.testing.assert_array_equal(rest.state.arrays["multipliers"], whole.state.arrays["multipliers"])


def test_training_that_diverges_says_so():
    problem = MeasureProblem(LINE, LINE.sample(TEACHER))
    wild = AugmentedLagrangian(n_neurons=5, inner=AdamSteps(n_steps=200, learning_rate=1e30), max_steps=3)
    solution = solve(problem, wild)
    assert solution.status is Status.NONFINITE
    assert "learning rate" in solution.message
    assert np.isfinite(solution.measure.atoms).all()


def test_a_warm_start_is_the_balanced_network():
    problem = MeasureProblem(LINE, LINE.sample(TEACHER))
    state = QUICK.start(
        problem, DiscreteMeasure(4.0 * TEACHER.atoms, TEACHER.amplitudes), np.random.default_rng(0)
    )
    np.testing.assert_allclose(
        np.linalg.norm(state.arrays["atoms"], axis=1), np.abs(state.arrays["amplitudes"])
    )
    np.testing.assert_allclose(LINE.image(state.measure), 4.0 * LINE.image(TEACHER), atol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"n_neurons": 0},
        {"max_steps": 0},
        {"penalty": -1.0},
        {"penalty": np.nan},
        {"growth": 0.5},
        {"feasibility": 1.5},
    ],
)
def test_options_out_of_range_are_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        AugmentedLagrangian(**options)


@pytest.mark.parametrize("options", [{"n_steps": 0}, {"learning_rate": 0.0}])
def test_adam_out_of_range_is_refused(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        AdamSteps(**options)


def test_problems_it_cannot_solve_are_refused():
    samples = LINE.sample(TEACHER)
    with pytest.raises(ValueError, match="equality form"):
        solve(MeasureProblem(LINE, samples, strength=0.1), QUICK)
    exact = ExactDictionary(1, samples.frequencies)
    with pytest.raises(TypeError, match="NeuronDictionary"):
        solve(MeasureProblem(exact, samples), QUICK)
