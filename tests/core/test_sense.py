"""CG-SENSE: the minimizer of its stated objective, and a status that can be believed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srinr.baselines.sense import cg_sense
from srinr.domain import Grid, lowpass_frequencies
from srinr.operators.fourier import FourierOperator
from srinr.operators.linear import LinearOperator
from srinr.operators.mri import CoilSensitivity, SamplingMask
from srinr.samples import FourierSamples
from srinr.status import Status

GRID = Grid((6, 5))


def problem(seed=0, n_coils=3, fraction=0.5):
    """A random multi-coil operator, an image and its data."""
    rng = np.random.default_rng(seed)
    maps = rng.standard_normal((n_coils, *GRID.shape)) + 1j * rng.standard_normal((n_coils, *GRID.shape))
    mask = rng.random(GRID.shape) < fraction
    mask[3, 2] = True
    operator = SamplingMask(mask) @ FourierOperator(GRID) @ CoilSensitivity(maps)
    image = rng.standard_normal(GRID.shape) + 1j * rng.standard_normal(GRID.shape)
    noise = 0.01 * rng.standard_normal((n_coils, int(mask.sum())))
    return operator, image, operator.forward(image) + noise


def dense(operator):
    """The operator's matrix, column by column."""
    n = GRID.n_points
    columns = [operator.forward(e.reshape(GRID.shape)).ravel() for e in np.eye(n, dtype=complex)]
    return np.stack(columns, axis=1)


def objective(operator, image, data, strength):
    misfit = np.sum(np.abs(operator.forward(image) - data) ** 2)
    return 0.5 * misfit + 0.5 * strength * np.mean(np.abs(image) ** 2)


@given(seed=st.integers(0, 10**6), strength=st.sampled_from([1e-3, 0.1, 10.0]))
@settings(deadline=None, max_examples=15)
def test_the_result_solves_the_normal_equations(seed, strength):
    operator, _, data = problem(seed)
    result = cg_sense(operator, data, strength=strength, max_steps=400, tol=1e-10)
    matrix = dense(operator)
    normal = matrix.conj().T @ matrix + strength / GRID.n_points * np.eye(GRID.n_points)
    exact = np.linalg.solve(normal, matrix.conj().T @ data.ravel()).reshape(GRID.shape)
    assert result.status is Status.CONVERGED
    assert np.allclose(result.image, exact, atol=1e-6 * np.abs(exact).max())
    assert result.objective == pytest.approx(objective(operator, exact, data, strength), rel=1e-9)


def test_real_images_are_minimized_over_real_images():
    operator, image, _ = problem(1)
    data = operator.forward(image.real.astype(complex))
    result = cg_sense(operator, data + 0.01, strength=0.05, max_steps=400, tol=1e-10, real=True)
    matrix = dense(operator)
    stacked = np.vstack([matrix.real, matrix.imag])
    right = np.concatenate([(data + 0.01).ravel().real, (data + 0.01).ravel().imag])
    normal = stacked.T @ stacked + 0.05 / GRID.n_points * np.eye(GRID.n_points)
    assert result.image.dtype == np.float64
    assert np.allclose(result.image.ravel(), np.linalg.solve(normal, stacked.T @ right), atol=1e-6)


def test_history_falls_and_ends_at_the_reported_figures():
    operator, _, data = problem(2)
    result = cg_sense(operator, data, strength=0.1, max_steps=200, tol=1e-8)
    assert len(result.history.objective) == result.n_steps + 1
    assert (np.diff(result.history.objective) <= 1e-12 * result.history.objective[0]).all()
    assert result.history.objective[-1] == pytest.approx(result.objective, rel=1e-9)
    assert result.history.data_residual[0] == pytest.approx(1.0)
    misfit = np.linalg.norm(operator.forward(result.image) - data) / np.linalg.norm(data)
    assert result.data_residual == pytest.approx(misfit, rel=1e-12)
    assert result.objective == pytest.approx(objective(operator, result.image, data, 0.1), rel=1e-12)
    assert result.message == Status.CONVERGED.message


def test_without_strength_enough_coils_give_the_image_back():
    operator, image, _ = problem(3, n_coils=8, fraction=0.9)
    result = cg_sense(operator, operator.forward(image), strength=0.0, max_steps=500, tol=1e-9)
    assert result.status is Status.CONVERGED
    assert np.allclose(result.image, image, atol=1e-5)


def test_a_strength_means_the_same_on_every_grid():
    k = lowpass_frequencies(2)
    rng = np.random.default_rng(0)
    samples = FourierSamples(k, rng.standard_normal(25) + 1j * rng.standard_normal(25))
    images = []
    for n in (6, 12):
        result = cg_sense(FourierOperator(Grid(n, dim=2), k), samples, strength=0.25, tol=1e-10)
        images.append(result.image)
        assert result.data_residual == pytest.approx(
            0.25 / 1.25, rel=1e-8
        )  # orthonormal: shrinkage by 1/1.25
    assert np.allclose(images[1][::2, ::2], images[0])


def test_the_step_limit_is_reported_and_a_run_can_go_on():
    operator, _, data = problem(4)
    short = cg_sense(operator, data, strength=0.01, max_steps=3, tol=1e-9)
    assert (short.status, short.n_steps) == (Status.MAX_STEPS, 3)
    whole = cg_sense(operator, data, strength=0.01, max_steps=300, tol=1e-9)
    resumed = cg_sense(operator, data, strength=0.01, max_steps=300, tol=1e-9, start=short.image)
    assert resumed.status is Status.CONVERGED
    assert np.allclose(resumed.image, whole.image, atol=1e-6)
    again = cg_sense(operator, data, strength=0.01, tol=1e-8, start=whole.image)
    assert (again.status, again.n_steps) == (Status.CONVERGED, 0)


def test_the_callback_sees_every_step_and_stops():
    operator, _, data = problem(5)
    seen = []

    def callback(step, image):
        seen.append((step, objective(operator, image, data, 0.1)))
        return step == 4

    result = cg_sense(operator, data, strength=0.1, tol=1e-12, callback=callback)
    assert (result.status, result.n_steps) == (Status.USER_STOP, 4)
    assert [step for step, _ in seen] == [1, 2, 3, 4]
    assert np.allclose([value for _, value in seen], result.history.objective[1:])


def test_data_without_signal_need_no_step():
    operator, _, data = problem(6)
    result = cg_sense(operator, np.zeros_like(data), strength=0.1)
    assert (result.status, result.n_steps) == (Status.CONVERGED, 0)
    assert not result.image.any()


class WrongAdjoint(LinearOperator):
    """Diagonal operator whose adjoint lacks the conjugate."""

    in_shape = out_shape = (8,)

    def __init__(self):
        import torch

        self.diagonal = torch.exp(2j * torch.pi * torch.rand(8, generator=torch.Generator().manual_seed(0)))

    def _forward(self, x):
        return self.diagonal * x

    def _adjoint(self, y):
        return self.diagonal * y


class Exploding(WrongAdjoint):
    """Returns NaN from the third application on."""

    count = 0

    def _forward(self, x):
        self.count += 1
        return x * (float("nan") if self.count > 2 else 1.0)

    def _adjoint(self, y):
        return y * self.diagonal.real


class Rounded(LinearOperator):
    """A diagonal operator that computes in single precision."""

    in_shape = out_shape = (8,)

    def __init__(self):
        import torch

        self.diagonal = (torch.arange(1.0, 9.0) / 3).to(torch.complex64)

    def _forward(self, x):
        return (self.diagonal * x.to(self.diagonal.dtype)).to(x.dtype)

    _adjoint = _forward


def test_convergence_is_judged_by_the_image_not_by_the_recurrence():
    data = np.random.default_rng(0).standard_normal(8) + 1j
    result = cg_sense(Rounded(), data, strength=0.0, max_steps=200, tol=1e-12)
    assert result.history.gradient[-1] <= 1e-12
    assert result.status is Status.STALLED
    assert cg_sense(Rounded(), data, strength=0.0, max_steps=200, tol=1e-5).status is Status.CONVERGED


def test_a_wrong_adjoint_is_never_called_converged():
    data = np.random.default_rng(0).standard_normal(8) + 1j
    result = cg_sense(WrongAdjoint(), data, strength=0.0, max_steps=50)
    assert not result.status.is_success


def test_the_last_finite_image_is_kept():
    data = np.random.default_rng(0).standard_normal(8) + 1j
    result = cg_sense(Exploding(), data, strength=0.1, max_steps=50)
    assert result.status is Status.NONFINITE
    assert np.isfinite(result.image).all()
    assert result.n_steps == 1


def test_impossible_tolerances_are_not_claimed():
    operator, _, data = problem(7)
    result = cg_sense(operator, data, strength=1e-3, max_steps=300, tol=1e-18)
    assert result.status in (Status.STALLED, Status.MAX_STEPS, Status.CONVERGED_INACCURATE)


def test_wrong_input_is_named():
    operator, _, data = problem()
    with pytest.raises(TypeError, match="LinearOperator"):
        cg_sense(dense(operator), data, strength=0.1)
    with pytest.raises(ValueError, match="out_shape"):
        cg_sense(operator, data[:, :-1], strength=0.1)
    with pytest.raises(ValueError, match="NaN"):
        cg_sense(operator, data * np.nan, strength=0.1)
    with pytest.raises(ValueError, match="strength"):
        cg_sense(operator, data, strength=-0.1)
    with pytest.raises(ValueError, match="max_steps"):
        cg_sense(operator, data, strength=0.1, max_steps=-1)
    with pytest.raises(ValueError, match="tol"):
        cg_sense(operator, data, strength=0.1, tol=0.0)
    with pytest.raises(ValueError, match="start must be"):
        cg_sense(operator, data, strength=0.1, start=np.zeros(3))
    with pytest.raises(ValueError, match="start is complex"):
        cg_sense(operator, data, strength=0.1, real=True, start=np.zeros(GRID.shape, dtype=complex))
