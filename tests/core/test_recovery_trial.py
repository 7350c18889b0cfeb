"""A trial of exact recovery: what it draws, what it reports, and that it can be swept."""

import dataclasses
import functools
from dataclasses import dataclass

import numpy as np
import pytest

from srinr import DiscreteMeasure, FourierFeatures, NeuronDictionary, phase_transition
from srinr.recovery_trial import largest_atom_error, recovery_trial
from srinr.solvers import DualExchange
from srinr.teachers import random_teacher, scaled_to_unit_range

LINE = FourierFeatures.lattice(1, dim=1)


def test_teachers_are_drawn_as_in_the_experiments():
    teacher = random_teacher(np.random.default_rng(3), 4, 25)
    rng = np.random.default_rng(3)
    w = rng.uniform(-1, 1, (4, 25))
    np.testing.assert_allclose(teacher.atoms, w / np.linalg.norm(w, axis=1, keepdims=True))
    np.testing.assert_allclose(teacher.amplitudes, rng.uniform(1, 5, 4))
    with pytest.raises(ValueError, match="n_neurons"):
        random_teacher(rng, 0, 25)


def test_scaling_makes_the_range_one_and_keeps_the_neurons():
    dictionary = NeuronDictionary.lattice(2, 4, n_grid=24)
    teacher = random_teacher(np.random.default_rng(0), 3, 25)
    scaled = scaled_to_unit_range(teacher, dictionary)
    image = dictionary.image(scaled)
    assert image.max() - image.min() == pytest.approx(1.0, rel=1e-12)
    np.testing.assert_array_equal(scaled.atoms, teacher.atoms)
    flat = DiscreteMeasure(np.eye(25)[-1:], np.array([2.0]))
    with pytest.raises(ValueError, match="constant"):
        scaled_to_unit_range(flat, dictionary)


def test_a_trial_reports_an_exact_recovery_and_its_certificate():
    figures = recovery_trial(np.random.default_rng(0), 1, 5, encoding=LINE, certify_seconds=20)
    assert figures["status"] == "CONVERGED"
    assert figures["mse"] < 1e-20
    assert figures["atom_error"] < 1e-8
    assert figures["total_variation"] == pytest.approx(figures["teacher_variation"], rel=1e-8)
    assert figures["level"] in ("RIGOROUS", "SEARCHED")


def test_atom_errors_tell_signs_and_missing_atoms():
    teacher = DiscreteMeasure([[1.0, 0.0], [0.0, 1.0]], [2.0, 1.0])
    assert largest_atom_error(teacher, teacher) == 0
    assert largest_atom_error(DiscreteMeasure(teacher.atoms, -teacher.amplitudes), teacher) > 1e100
    assert largest_atom_error(DiscreteMeasure(np.zeros((0, 2)), np.zeros(0)), teacher) == 1
    moved = DiscreteMeasure([[1.0, 0.1], [0.0, 1.0]], [2.0, 1.0])
    assert largest_atom_error(moved, teacher) == pytest.approx(0.1)


def test_recoveries_that_run_out_of_steps_begin_anew():
    # One step for three neurons at a cutoff that identifies one: every run ends for want of steps.
    def trial(seed, max_restarts, **options):
        return recovery_trial(
            np.random.default_rng(seed), 3, 3, encoding=LINE, solver=DualExchange(max_steps=1),
            max_restarts=max_restarts, **options,
        )  # fmt: skip

    once, thrice = trial(0, 0), trial(0, 2)
    assert (once["status"], once["n_restarts"], once["n_steps"]) == ("MAX_STEPS", 0, 1)
    assert (thrice["status"], thrice["n_restarts"], thrice["n_steps"]) == ("MAX_STEPS", 2, 3)
    # The first run is the same, and the closest to the samples counts.
    assert thrice["relative_residual"] <= once["relative_residual"]
    assert thrice["best_mse"] <= once["best_mse"]
    assert trial(0, 2, recovery_seconds=1e-9)["n_restarts"] == 0
    done = recovery_trial(np.random.default_rng(0), 1, 5, encoding=LINE, max_restarts=2)
    assert (done["status"], done["n_restarts"]) == ("CONVERGED", 0)
    with pytest.raises(ValueError, match="max_restarts"):
        trial(0, -1)


@dataclass(frozen=True)
class Moody:
    """The exchange, which for three of four random numbers does not move."""

    exchange: DualExchange
    max_steps: int = 3

    def start(self, problem, init, rng):
        state = self.exchange.start(problem, init, rng)
        return dataclasses.replace(state, arrays={**state.arrays, "moves": np.array(rng.random() < 0.25)})

    def step(self, problem, state, tolerances, rng):
        if not state.arrays["moves"]:
            return dataclasses.replace(state, n_steps=state.n_steps + 1)
        moved = self.exchange.step(problem, state, tolerances, rng)
        return dataclasses.replace(moved, arrays={**moved.arrays, "moves": state.arrays["moves"]})


def test_the_run_that_converged_counts():
    trials = [
        recovery_trial(
            np.random.default_rng(seed), 1, 5, encoding=LINE, solver=Moody(DualExchange()), max_restarts=30
        )
        for seed in range(4)
    ]
    assert {trial["status"] for trial in trials} == {"CONVERGED"}
    assert max(trial["mse"] for trial in trials) < 1e-20
    assert max(trial["n_restarts"] for trial in trials) > 0
    alone = recovery_trial(
        np.random.default_rng(0), 1, 5, encoding=LINE, solver=Moody(DualExchange()), max_restarts=0
    )
    assert (alone["status"] == "CONVERGED") == (trials[0]["n_restarts"] == 0)


def test_trials_can_be_swept():
    trial = functools.partial(recovery_trial, encoding=LINE, recovery_seconds=20.0)
    diagram = phase_transition(
        trial, {"n_neurons": [1], "cutoff": [1, 5]}, n_trials=1, n_workers=0, progress=False
    )
    counts = diagram.success(lambda figures: figures["mse"] < 1e-9)
    assert counts.n_trials.tolist() == [[1, 1]]
    assert counts.n_success.tolist()[0][1] == 1
