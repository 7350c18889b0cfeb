"""``fit``: what it finds, how it ends, and that nothing is lost when it is interrupted."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from problems import flat_parameters, problem, teacher
from srinr.domain import Grid, lowpass_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.encodings.identity import Coordinates
from srinr.fit_result import FitResult
from srinr.inr import INR
from srinr.networks.mlp import MLP
from srinr.networks.shallow import ShallowReLU
from srinr.networks.siren import Siren
from srinr.operators.fourier import FourierOperator
from srinr.operators.linear import LinearOperator
from srinr.operators.mri import CoilSensitivity, SamplingMask
from srinr.optimizers import LBFGS, Adam, CosineDecay
from srinr.regularizers import CustomWeightDecay, FourierWeightDecay, IntegralWeightDecay, WeightDecay
from srinr.samples import FourierSamples
from srinr.stages import Stage, Validation, coarse_to_fine
from srinr.status import FileFormatError, SrinrError, Status
from srinr.training import fit

TESTS = Path(__file__).resolve().parent.parent


def relative_error(image, truth, grid):
    a, b = image.on_grid(grid), truth.on_grid(grid)
    return np.linalg.norm(a - b) / np.linalg.norm(b)


def check_figures(result: FitResult, operator: LinearOperator, samples: FourierSamples, regularizer) -> None:
    """Every figure of the result is that of the returned parameters."""
    residual = operator.forward(result.image.on_grid(operator.grid)) - samples.values
    assert result.data_residual == pytest.approx(
        np.linalg.norm(residual) / np.linalg.norm(samples.values), rel=1e-6, abs=1e-14
    )
    penalty = float(regularizer.evaluate(result.image, operator, operator.grid, 10**9)[1].detach())
    assert result.regularization == pytest.approx(penalty, rel=1e-6)
    objective = 0.5 * np.linalg.norm(residual) ** 2 + regularizer.strength * penalty
    assert result.objective == pytest.approx(objective, rel=1e-6, abs=1e-25)
    assert result.message == result.status.message


# What it finds


@pytest.mark.parametrize("dim", [1, 2])
def test_lbfgs_recovers_a_teacher(dim):
    inr, operator, samples = problem(dim=dim, n=32 if dim == 1 else 16, cutoff=5, width=12)
    target = 1e-5 if dim == 1 else 1e-3
    result = fit(inr, operator, samples, optimizer=LBFGS(), max_steps=2000, target_residual=target)
    assert result.status is Status.CONVERGED
    assert result.data_residual < target
    check_figures(result, operator, samples, WeightDecay(0.0))
    assert relative_error(result.image, teacher(dim=dim), operator.grid) < 1e-2


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_adam_in_both_precisions(dtype):
    inr, operator, samples = problem(width=20)
    result = fit(inr, operator, samples, optimizer=Adam(0.02, CosineDecay()), max_steps=400, dtype=dtype)
    assert result.status is Status.MAX_STEPS
    assert result.n_steps == 400
    assert result.data_residual < 2e-2
    assert result.data_residual < 0.05 * result.history.data_residual[0]
    assert all(p.dtype == torch.float64 for p in result.image.parameters())


def test_both_precisions_take_the_same_way():
    inr, operator, samples = problem(width=20)
    results = [
        fit(inr, operator, samples, optimizer=Adam(0.01), max_steps=40, dtype=dtype, log_every=1)
        for dtype in (torch.float32, torch.float64)
    ]
    np.testing.assert_allclose(results[0].history.objective, results[1].history.objective, rtol=1e-3)


REGULARIZERS = {
    "standard": WeightDecay(1e-2),
    "Fourier": FourierWeightDecay(1e-2),
    "integral": IntegralWeightDecay(1e-2),
    "user": CustomWeightDecay(
        lambda w: (w.square() + 0.1 * w.square().sum(dim=1, keepdim=True)).sqrt().sum(dim=1),
        1e-2,
        n_features=3,
    ),
}


@pytest.mark.parametrize("name", REGULARIZERS)
def test_regularized_optimum_is_balanced(name):
    regularizer = REGULARIZERS[name]
    inr, operator, samples = problem(width=8)
    optimizer = LBFGS(tolerance=1e-6)
    result = fit(inr, operator, samples, regularizer=regularizer, optimizer=optimizer, max_steps=200)
    check_figures(result, operator, samples, regularizer)
    # At a minimum |a| = rho(w), so that R is the total variation.
    assert result.total_variation == pytest.approx(result.regularization, rel=1e-3)
    assert result.total_variation <= result.regularization * (1 + 1e-12)


def test_a_strength_means_the_same_on_every_grid():
    truth = teacher(dim=1)
    results = []
    for n in (33, 66, 257):
        operator = FourierOperator(Grid(n, dim=1), lowpass_frequencies(3, dim=1))
        samples = FourierSamples(operator.frequencies, operator.forward(truth.on_grid(operator.grid)))
        inr = INR(truth.encoding, ShallowReLU(3, 6, seed=3))
        run = fit(inr, operator, samples, regularizer=WeightDecay(1e-2), optimizer=LBFGS(), max_steps=300)
        results.append(run.objective)
    np.testing.assert_allclose(results, results[-1], rtol=1e-2)


@pytest.mark.parametrize("kind", ["mask", "gather"])
def test_complex_image_with_coils(kind):
    grid = Grid((12, 10))
    rng = np.random.default_rng(0)
    maps = rng.standard_normal((3, *grid.shape)) + 1j * rng.standard_normal((3, *grid.shape))
    mask = rng.random(grid.shape) < 0.5
    encoding = FourierFeatures.lattice(2, dim=2)
    truth = INR(encoding, ShallowReLU(25, 2, seed=7, out_features=2), complex_output=True)
    masked = SamplingMask(mask) @ FourierOperator(grid) @ CoilSensitivity(maps)
    gathered = FourierOperator(grid, masked.frequencies) @ CoilSensitivity(maps)
    operator = {"mask": masked, "gather": gathered}[kind]
    samples = FourierSamples(masked.frequencies, operator.forward(truth.on_grid(grid)))
    start = INR(encoding, ShallowReLU(25, 10, seed=1, out_features=2), complex_output=True)
    regularizer = FourierWeightDecay(1e-9)
    result = fit(start, operator, samples, optimizer=LBFGS(), max_steps=200, regularizer=regularizer)
    assert result.data_residual < 0.1
    assert result.total_variation is None
    assert result.image.on_grid(grid).dtype == np.complex128
    check_figures(result, operator, samples, regularizer)


@pytest.mark.parametrize(
    "start",
    [
        INR(Coordinates(dim=1), Siren(1, 16, 3, omega_first=5.0, omega_hidden=5.0)),
        INR(FourierFeatures.gaussian(8, 2.0, dim=1), MLP(16, 12, 3)),
        INR(FourierFeatures.lattice(2, dim=1), MLP(5, 12, 2)),
    ],
)
def test_other_architectures(start):
    _, operator, samples = problem()
    result = fit(start, operator, samples, optimizer=LBFGS(), max_steps=150, regularizer=WeightDecay(1e-9))
    assert result.data_residual < 1e-2
    check_figures(result, operator, samples, WeightDecay(1e-9))


def test_the_inr_passed_in_is_not_modified():
    inr, operator, samples = problem()
    before, values = flat_parameters(inr).copy(), samples.values.copy()
    result = fit(inr, operator, samples, max_steps=10, dtype=torch.float32)
    np.testing.assert_array_equal(flat_parameters(inr), before)
    assert all(p.dtype == torch.float64 and p.grad is None for p in inr.parameters())
    np.testing.assert_array_equal(samples.values, values)
    assert not np.array_equal(flat_parameters(result.image), before)


def test_the_same_call_gives_the_same_result_and_leaves_global_state_alone():
    inr, operator, samples = problem()
    state = torch.random.get_rng_state()
    one, two = (fit(inr, operator, samples, max_steps=30) for _ in range(2))
    np.testing.assert_array_equal(flat_parameters(one.image), flat_parameters(two.image))
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.get_default_dtype() == torch.float32
    assert torch.is_grad_enabled()


def test_chunks_change_nothing():
    inr, operator, samples = problem(dim=2, n=16, cutoff=4)
    for regularizer in (WeightDecay(1e-4), FourierWeightDecay(1e-4), IntegralWeightDecay(1e-4)):
        whole, parts = (
            fit(inr, operator, samples, regularizer=regularizer, max_steps=20, memory_limit=limit)
            for limit in (2**32, 20_000)
        )
        np.testing.assert_allclose(flat_parameters(parts.image), flat_parameters(whole.image), rtol=1e-8)


def test_coarse_to_fine():
    inr, operator, samples = problem(dim=2, n=32, cutoff=4, width=10)
    stages = coarse_to_fine(operator.grid, [(3, 60, Adam(0.01)), (1, 100, LBFGS())])
    assert stages[0].grid == Grid((11, 11))
    seen = []
    result = fit(
        inr, operator, samples, stages=stages, callback=lambda s: seen.append((s.stage, s.step)), log_every=20
    )
    assert result.status is Status.MAX_STEPS
    assert [s for stage, s in seen if stage == 0] == [20, 40, 60]
    assert result.data_residual < 1e-2
    check_figures(result, operator, samples, WeightDecay(0.0))


def test_history_is_consistent():
    inr, operator, samples = problem()
    result = fit(inr, operator, samples, max_steps=50, log_every=20)
    history = result.history
    assert history.step.tolist() == [0, 20, 40, 50]
    assert history.step.dtype == np.int64
    assert (np.diff(history.seconds) >= 0).all()
    assert result.seconds >= history.seconds[-1] > 0
    assert np.isnan(history.validation_error).all()
    assert result.validation_error is None
    for field in fields(history):
        assert getattr(history, field.name).shape == (4,)
    best = history.objective.argmin()
    assert result.objective == history.objective[best]
    assert result.data_residual == history.data_residual[best]


def test_no_steps_at_all():
    inr, operator, samples = problem()
    result = fit(inr, operator, samples, max_steps=0)
    assert result.status is Status.MAX_STEPS
    np.testing.assert_array_equal(flat_parameters(result.image), flat_parameters(inr))
    check_figures(result, operator, samples, WeightDecay(0.0))


def test_data_of_zero():
    inr, operator, samples = problem()
    zero = FourierSamples(samples.frequencies, np.zeros_like(samples.values))
    result = fit(inr, operator, zero, optimizer=LBFGS(), max_steps=100)
    assert np.isfinite(result.objective)
    assert np.abs(result.image.on_grid(operator.grid)).max() < 1e-2


@pytest.mark.parametrize("factor", [1e-9, 1e9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_unit_of_the_data_does_not_matter_to_the_arithmetic(factor, dtype):
    inr, operator, samples = problem()
    scaled = FourierSamples(samples.frequencies, factor * samples.values)
    start = inr.copy()
    with torch.no_grad():
        start.network.outer.mul_(factor)
    result = fit(start, operator, scaled, optimizer=Adam(1e-6 * min(factor, 1.0)), max_steps=40, dtype=dtype)
    assert np.isfinite(result.history.objective).all()
    assert np.isfinite(flat_parameters(result.image)).all()


# How it ends


def test_target_residual():
    inr, operator, samples = problem()
    result = fit(inr, operator, samples, optimizer=LBFGS(), max_steps=5000, target_residual=1e-3)
    assert result.status is Status.CONVERGED
    assert result.n_steps < 5000
    assert result.data_residual < 1e-3


def test_callback_stops_and_sees_the_figures():
    inr, operator, samples = problem()
    states = []

    def callback(state):
        states.append(replace(state))
        return state.step >= 40

    result = fit(inr, operator, samples, max_steps=1000, callback=callback)
    assert result.status is Status.USER_STOP
    assert result.n_steps == 40
    assert [s.step for s in states] == [20, 40]
    assert states[-1].objective == result.history.objective[-1]
    assert states[-1].validation_error is None
    assert isinstance(states[0].inr, INR)


def test_a_callback_that_returns_nothing_does_not_stop():
    inr, operator, samples = problem()
    for value in (None, False, 0):
        result = fit(inr, operator, samples, max_steps=40, callback=lambda state, value=value: value)
        assert result.status is Status.MAX_STEPS


def test_time_limit():
    inr, operator, samples = problem()
    result = fit(inr, operator, samples, max_steps=10**7, time_limit=0.3)
    assert result.status is Status.TIME_LIMIT
    assert result.seconds > 0.3
    assert 0 < result.n_steps < 10**7


def noisy_split():
    """Few noisy samples and a wide network: without held-out samples it fits the noise."""
    inr, operator, samples = problem(n=64, cutoff=20, width=60)
    noisy = samples.with_noise(0.02, np.random.default_rng(0))
    train = np.arange(noisy.n_samples) % 2 == 0
    parts = [noisy.select(train), noisy.select(~train)]
    operators = [FourierOperator(operator.grid, part.frequencies) for part in parts]
    return inr, operators[0], parts[0], Validation(operators[1], parts[1])


def test_validation_keeps_the_best_parameters():
    inr, operator, samples, validation = noisy_split()
    result = fit(inr, operator, samples, validation=validation, optimizer=Adam(0.05), max_steps=300)
    errors = result.history.validation_error
    assert result.validation_error == errors.min()
    assert errors[-1] > errors.min(), "the problem overfits, else this test shows nothing"
    predicted = validation.operator.forward(result.image.on_grid(operator.grid))
    held = validation.samples.values
    actual = np.linalg.norm(predicted - held) / np.linalg.norm(held)
    assert result.validation_error == pytest.approx(actual, rel=1e-9)
    check_figures(result, operator, samples, WeightDecay(0.0))


def test_patience_stops_early():
    inr, operator, samples, validation = noisy_split()
    patient = replace(validation, patience=3)
    result = fit(
        inr, operator, samples, validation=patient, optimizer=Adam(0.05), max_steps=5000, log_every=10
    )
    assert result.n_steps < 5000
    errors = result.history.validation_error
    assert errors[:-3].min() <= errors[-3:].min()
    assert len(errors) == errors.argmin() + 4
    assert result.status.is_success


def test_validation_over_stages():
    inr, operator, samples, validation = noisy_split()
    stages = (Stage(40, Adam(0.05), Grid(48, dim=1)), Stage(40, Adam(0.05)))
    result = fit(inr, operator, samples, validation=validation, stages=stages)
    assert result.validation_error == result.history.validation_error.min()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_blowing_up_is_a_status_and_the_best_is_kept(dtype):
    inr, operator, samples = problem()
    result = fit(inr, operator, samples, optimizer=Adam(1e300 if dtype == torch.float64 else 1e30),
                 max_steps=100, dtype=dtype)  # fmt: skip
    assert result.status is Status.NONFINITE
    assert np.isfinite(flat_parameters(result.image)).all()
    assert np.isfinite(result.objective)
    assert np.isfinite(result.image.on_grid(operator.grid)).all()
    assert result.n_steps <= 20


def test_overflow_at_the_start_returns_the_start():
    inr, operator, samples = problem()
    huge = FourierSamples(samples.frequencies, 1e30 * samples.values)
    result = fit(inr, operator, huge, max_steps=100, dtype=torch.float32)
    assert result.status is Status.NONFINITE
    np.testing.assert_allclose(flat_parameters(result.image), flat_parameters(inr), rtol=1e-6)


def test_a_start_with_nan_is_refused():
    inr, operator, samples = problem()
    with torch.no_grad():
        inr.network.inner[0, 0] = float("nan")
    with pytest.raises(ValueError, match="NaN"):
        fit(inr, operator, samples, max_steps=10)


def test_lbfgs_that_cannot_move_says_so():
    inr, operator, samples = problem()
    with torch.no_grad():
        for p in inr.parameters():
            p.zero_()
    result = fit(inr, operator, samples, optimizer=LBFGS(), max_steps=1000)
    assert result.status is Status.STALLED
    assert result.n_steps <= 20


def test_lbfgs_tolerance_is_convergence():
    inr, operator, samples = problem()
    tolerance = 1e-4
    regularizer = WeightDecay(1e-2)
    result = fit(
        inr, operator, samples, regularizer=regularizer, optimizer=LBFGS(tolerance=tolerance), max_steps=2000
    )
    assert result.status is Status.CONVERGED
    assert result.n_steps < 2000


def test_frozen_parameters_stay():
    inr, operator, samples = problem()
    inr.network.inner.requires_grad_(False)
    for optimizer in (Adam(0.01), LBFGS()):
        result = fit(inr, operator, samples, optimizer=optimizer, max_steps=20, regularizer=WeightDecay(1e-3))
        assert torch.equal(result.image.network.inner, inr.network.inner)
        assert not torch.equal(result.image.network.outer, inr.network.outer)


def test_training_in_a_thread_and_after_errors_restores_ctrl_c():
    inr, operator, samples = problem()
    handler = signal.getsignal(signal.SIGINT)
    results = []
    thread = threading.Thread(target=lambda: results.append(fit(inr, operator, samples, max_steps=20)))
    thread.start()
    thread.join()
    assert results[0].status is Status.MAX_STEPS

    def fail(state):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fit(inr, operator, samples, max_steps=20, callback=fail)
    assert signal.getsignal(signal.SIGINT) is handler


def test_progress_bar_only_when_asked(capfd):
    inr, operator, samples = problem()
    fit(inr, operator, samples, max_steps=20)
    assert capfd.readouterr() == ("", "")
    fit(inr, operator, samples, max_steps=20, progress=True)
    output = capfd.readouterr()
    assert output.out == ""
    assert "20/20" in output.err
    assert "residual" in output.err


# The door


def test_wrong_arguments():
    inr, operator, samples = problem()
    flat = problem(dim=2, n=16)
    cases = [
        (TypeError, "operator", (inr, samples, operator), {}),
        (TypeError, "FourierSamples", (inr, operator, samples.values), {}),
        (TypeError, "inr", (inr.network, operator, samples), {}),
        (ValueError, "lives in dimension 1", (inr, *flat[1:]), {}),
        (ValueError, "build the operator with frequencies", (inr, operator, samples.select([0, 1])), {}),
        (ValueError, "pixel grid", (inr, operator.H, samples), {}),
        (ValueError, "dtype", (inr, operator, samples), {"dtype": torch.float16}),
        (ValueError, "stages is empty", (inr, operator, samples), {"stages": ()}),
        (ValueError, "max_steps", (inr, operator, samples), {"max_steps": -1}),
        (ValueError, "log_every", (inr, operator, samples), {"log_every": 0}),
        (ValueError, "memory_limit", (inr, operator, samples), {"memory_limit": 0}),
        (ValueError, "target_residual", (inr, operator, samples), {"target_residual": -1.0}),
        (ValueError, "time_limit", (inr, operator, samples), {"time_limit": float("nan")}),
    ]
    for kind, message, arguments, keywords in cases:
        with pytest.raises(kind, match=message):
            fit(*arguments, **({"max_steps": 1} | keywords))


@pytest.mark.parametrize("kind", ["plain", "coils", "mask"])
def test_samples_in_another_order_are_refused(kind):
    inr, operator, samples = problem(dim=2, n=16, cutoff=2)
    coils = CoilSensitivity(np.ones((2, 16, 16)))
    shuffled = samples.select(np.random.default_rng(0).permutation(samples.n_samples))
    if kind == "coils":
        operator = operator @ coils
        shuffled = FourierSamples(shuffled.frequencies, np.stack([shuffled.values] * 2))
    elif kind == "mask":
        operator = SamplingMask.from_samples(samples, (16, 16)) @ FourierOperator(Grid((16, 16))) @ coils
        shuffled = FourierSamples(shuffled.frequencies, np.stack([shuffled.values] * 2))
    with pytest.raises(ValueError, match="another order"):
        fit(inr, operator, shuffled, max_steps=1)


def test_a_stage_that_cannot_run_is_refused_before_the_first_step():
    inr, operator, samples = problem(dim=2, n=16, cutoff=4)
    called = []
    keywords = {"callback": called.append}
    too_coarse = (Stage(20), Stage(20, grid=Grid((8, 8))))
    with pytest.raises(ValueError, match="grid points represent"):
        fit(inr, operator, samples, stages=too_coarse, **keywords)
    with pytest.raises(ValueError, match="2-D grid"):
        fit(inr, operator, samples, stages=(Stage(20), Stage(20, grid=Grid(8, dim=3))), **keywords)
    with pytest.raises(ValueError, match="end point"):
        fit(
            inr,
            operator,
            samples,
            stages=(Stage(20), Stage(1, grid=Grid((16, 16), endpoint=True))),
            **keywords,
        )
    coils = operator @ CoilSensitivity(np.ones((1, 16, 16)))
    coil_samples = FourierSamples(samples.frequencies, samples.values[None])
    with pytest.raises(ValueError, match="bound to its grid"):
        fit(inr, coils, coil_samples, stages=(Stage(20), Stage(20, grid=Grid((12, 12)))), **keywords)
    with pytest.raises(ValueError, match="at least 1"):
        coarse_to_fine(operator.grid, [(0, 10, Adam())])
    assert not called


def test_validation_that_does_not_fit_is_refused():
    inr, operator, samples = problem()
    other = FourierOperator(Grid(64, dim=1), samples.frequencies)
    with pytest.raises(ValueError, match="grid"):
        fit(inr, operator, samples, validation=Validation(other, samples), max_steps=1)
    with pytest.raises(ValueError, match=r"validation\.samples"):
        fit(inr, operator, samples, validation=Validation(operator, samples.select([0])), max_steps=1)


# Checkpoints


def stages():
    return coarse_to_fine(Grid(32, dim=1), [(2, 60, Adam(0.01, CosineDecay())), (1, 60, LBFGS(history=5))])


def checkpointed(path, callback=None, **keywords):
    inr, operator, samples = problem()
    return fit(inr, operator, samples, regularizer=FourierWeightDecay(1e-4), stages=stages(), log_every=6,
               checkpoint=path, checkpoint_seconds=0.0, callback=callback, **keywords)  # fmt: skip


def assert_same(one, two):
    np.testing.assert_array_equal(flat_parameters(one.image), flat_parameters(two.image))
    for field in fields(FitResult):
        if field.name not in ("image", "history", "seconds"):
            assert getattr(one, field.name) == getattr(two, field.name), field.name
    for field in fields(one.history):
        if field.name != "seconds":
            np.testing.assert_array_equal(getattr(one.history, field.name), getattr(two.history, field.name))


CHILD = """
    import sys, time
    import torch
    torch.set_num_threads(1)
    from test_training import checkpointed

    def callback(state):
        print(state.stage, state.step, flush=True)
        time.sleep(0.05)

    result = checkpointed("run.ckpt", callback)
    print("ended", result.status.name, result.n_steps, flush=True)
"""


def start_child(folder):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS / "core")])}
    return subprocess.Popen([sys.executable, "-c", textwrap.dedent(CHILD)], cwd=folder, text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment)  # fmt: skip


def signal_after(child, line, number):
    """Wait for a line of the child's output, then send it a signal; return the rest of its output."""
    for text in child.stdout:
        if text.strip() == line:
            break
    else:
        pytest.fail(f"the child ended early: {child.stderr.read()}")
    child.send_signal(number)
    output, errors = child.communicate(timeout=60)
    return output, errors


def test_kill_and_resume_is_bitwise_an_uninterrupted_run(tmp_path):
    """``kill -9`` once during Adam on the coarse grid, once during L-BFGS on the fine one."""
    for line in ("0 24", "1 78"):
        child = start_child(tmp_path)
        signal_after(child, line, signal.SIGKILL)
        assert child.returncode == -signal.SIGKILL
    seen = []
    resumed = checkpointed(tmp_path / "run.ckpt", lambda state: seen.append(state.step))
    assert seen[0] in (78, 84), "it goes on where it was"
    assert_same(resumed, checkpointed(None))
    assert resumed.status is Status.MAX_STEPS
    assert [p.name for p in tmp_path.iterdir() if not p.name.startswith(".")] == ["run.ckpt"]


def test_ctrl_c_saves_what_was_reached(tmp_path):
    child = start_child(tmp_path)
    output, errors = signal_after(child, "0 24", signal.SIGINT)
    assert child.returncode == 0, errors
    assert "ended USER_STOP" in output
    n_steps = int(output.split()[-1])
    assert 24 <= n_steps <= 42
    seen = []
    resumed = checkpointed(tmp_path / "run.ckpt", lambda state: seen.append(state.step))
    assert seen[0] == n_steps + 6
    assert_same(resumed, checkpointed(None))


def test_a_finished_run_is_returned_as_it_was(tmp_path):
    path = tmp_path / "a"
    first = checkpointed(path)
    called = []
    again = checkpointed(path, called.append)
    assert not called, "nothing is trained"
    assert_same(again, first)
    assert again.seconds == pytest.approx(first.seconds, abs=1.0)


def test_a_stopped_run_goes_on(tmp_path):
    path = tmp_path / "a"
    for step in (12, 60, 66, 102):
        partial = checkpointed(path, lambda state, step=step: state.step >= step)
        assert (partial.status, partial.n_steps) == (Status.USER_STOP, step)
    assert_same(checkpointed(path), checkpointed(None))


def test_a_converged_run_is_not_trained_further(tmp_path):
    inr, operator, samples = problem()
    keywords = {
        "optimizer": LBFGS(),
        "max_steps": 5000,
        "target_residual": 1e-3,
        "checkpoint": tmp_path / "a",
    }
    first = fit(inr, operator, samples, **keywords)
    again = fit(inr, operator, samples, **keywords)
    assert_same(again, first)
    # A stricter target goes on from there.
    further = fit(inr, operator, samples, **(keywords | {"target_residual": 1e-5}))
    assert further.data_residual < 1e-5
    assert further.n_steps > first.n_steps


def test_time_counts_over_resumes(tmp_path):
    inr, operator, samples = problem()
    keywords = {"max_steps": 10**7, "checkpoint": tmp_path / "a"}
    first = fit(inr, operator, samples, time_limit=0.2, **keywords)
    second = fit(inr, operator, samples, time_limit=0.4, **keywords)
    assert second.status is Status.TIME_LIMIT
    assert second.seconds > 0.4
    assert second.n_steps > first.n_steps
    assert (np.diff(second.history.seconds) >= 0).all()


def test_validation_state_survives_a_resume(tmp_path):
    inr, operator, samples, validation = noisy_split()
    keywords = {"validation": replace(validation, patience=3), "optimizer": Adam(0.05), "max_steps": 5000}

    def run(checkpoint, **more):
        return fit(inr, operator, samples, log_every=10, checkpoint=checkpoint, **keywords, **more)

    whole = run(None)
    run(tmp_path / "a", callback=lambda state: state.step >= whole.n_steps - 10)
    assert_same(run(tmp_path / "a"), whole)


def other_problems():
    """Problems that differ from ``problem()`` in one thing that the parameters do not show."""
    inr, operator, samples = problem()
    base = {"inr": inr, "operator": operator, "samples": samples, "max_steps": 40}
    moved = FourierFeatures([[2]])
    other_values = FourierSamples(samples.frequencies, samples.values + 1e-9)
    doubled = INR(Coordinates(dim=1), MLP(1, 4, 2))
    held = Validation(operator, samples)
    yield "values", base, base | {"samples": other_values}
    yield "encoding", base, base | {"inr": INR(moved, inr.network)}
    yield "start", base, base | {"inr": problem(seed=9)[0]}
    yield "architecture", base, base | {"inr": doubled}
    yield "grid", base, base | {"operator": FourierOperator(Grid(33, dim=1), samples.frequencies)}
    yield "regularizer", base, base | {"regularizer": FourierWeightDecay(0.0)}
    yield "strength", base | {"regularizer": WeightDecay(1e-3)}, base | {"regularizer": WeightDecay(2e-3)}
    yield "dtype", base, base | {"dtype": torch.float32}
    yield "optimizer", base, base | {"optimizer": Adam(1e-4)}
    yield "length", base, base | {"max_steps": 60}
    yield "validation", base, base | {"validation": held}
    sirens = [INR(Coordinates(dim=1), Siren(1, 4, 2, omega_first=w)) for w in (5.0, 6.0)]
    yield "frequency of a sine network", base | {"inr": sirens[0]}, base | {"inr": sirens[1]}
    maps = np.ones((1, 32)) + 0j
    coil_samples = FourierSamples(samples.frequencies, samples.values[None])
    coils = [
        base | {"samples": coil_samples, "operator": operator @ CoilSensitivity(factor * maps)}
        for factor in (1.0, 1.1)
    ]
    yield "coil maps", *coils


@pytest.mark.parametrize(("first", "second"), [p[1:] for p in other_problems()],
                         ids=[p[0] for p in other_problems()])  # fmt: skip
def test_a_checkpoint_of_another_problem_is_refused(tmp_path, first, second):
    path = tmp_path / "a"
    fit(checkpoint=path, callback=lambda state: True, **first)
    content = path.read_bytes()
    with pytest.raises(SrinrError, match="another problem"):
        fit(checkpoint=path, **second)
    assert path.read_bytes() == content
    assert fit(checkpoint=path, **first).status is Status.MAX_STEPS


def test_damaged_checkpoints_are_refused_and_left_alone(tmp_path):
    path = tmp_path / "a"
    checkpointed(path, lambda state: True)
    content = path.read_bytes()
    for damaged in (content[: len(content) // 2], b"", b"\x80\x04garbage"):
        path.write_bytes(damaged)
        with pytest.raises(FileFormatError, match="delete it to start afresh"):
            checkpointed(path)
        assert path.read_bytes() == damaged
    problem()[0].save(path)
    with pytest.raises(FileFormatError, match="not a checkpoint|srinr-checkpoint"):
        checkpointed(path)


def test_a_folder_that_does_not_exist_is_noticed_before_the_training(tmp_path):
    called = []
    with pytest.raises(SrinrError, match="absent"):
        checkpointed(tmp_path / "absent" / "a", called.append)
    assert not called


def run_limited(code, folder):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS), str(TESTS / "core")])}
    return subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True,
                          cwd=folder, timeout=240, env=environment)  # fmt: skip


def test_full_disk_during_training_keeps_the_earlier_checkpoint(tmp_path):
    checkpointed(tmp_path / "run.ckpt", lambda state: state.step >= 12)
    content = (tmp_path / "run.ckpt").read_bytes()
    result = run_limited(
        """
        import resource, torch
        torch.set_num_threads(1)
        from test_training import checkpointed
        from srinr.status import SrinrError
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        try:
            checkpointed("run.ckpt")
        except SrinrError as error:
            print(error)
        """,
        tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert "cannot write run.ckpt" in result.stdout
    assert (tmp_path / "run.ckpt").read_bytes() == content
    assert [p.name for p in tmp_path.iterdir()] == ["run.ckpt"]


def test_a_disk_that_fills_up_during_training_does_not_cost_the_result(tmp_path):
    result = run_limited(
        """
        import resource, torch
        torch.set_num_threads(1)
        from test_training import checkpointed

        def fill(state):
            if state.step >= 12:
                resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))

        result = checkpointed("run.ckpt", fill)
        print(result.message)
        """,
        tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert "the checkpoint could not be saved (cannot write run.ckpt" in result.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["run.ckpt"], "the first save is still there"


@pytest.mark.skipif(
    not Path("/proc/self/statm").exists(), reason="needs /proc to read the address space in use"
)
def test_out_of_memory_says_what_to_lower(tmp_path):
    result = run_limited(
        """
        import resource, torch
        torch.set_num_threads(1)
        from problems import problem
        from srinr import Grid, fit, FourierOperator
        from srinr.status import OutOfMemoryError
        inr, operator, samples = problem(dim=2, n=512, cutoff=3, width=300)
        used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (used + 1000 * 2**20, resource.RLIM_INFINITY))
        try:
            fit(inr, operator, samples, max_steps=1, memory_limit=2**40)
        except OutOfMemoryError as error:
            print(error)
        result = fit(inr, operator, samples, max_steps=1, memory_limit=2**26)
        print("then", result.status.name)
        """,
        tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert f"pass a memory_limit below {2**40} bytes" in result.stdout
    assert "points at a time" in result.stdout
    assert "then MAX_STEPS" in result.stdout, "the advice helps"
