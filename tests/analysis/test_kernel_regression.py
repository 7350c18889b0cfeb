"""Kernel regression: the linearized network, in its parameters and along gradient descent."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srinr import INR, Coordinates, Siren
from srinr.analysis.kernel_regression import Descent, IllConditionedKernelWarning, kernel_regression
from srinr.analysis.tangent_kernel import tangent_jacobian, tangent_kernel
from srinr.analysis.tangent_model import OutputReduction

RNG = np.random.default_rng(5)
POINTS, OTHER = RNG.random((12, 2)), RNG.random((5, 2))
VALUES = RNG.standard_normal(12)
LAST = ["weights.2", "biases.2"]


def siren(width=16, seed=0):
    return INR(Coordinates(2), Siren(2, width=width, depth=3, seed=seed, omega_first=10.0))


def complex_siren():
    return INR(Coordinates(2), Siren(2, 16, 3, out_features=2, seed=0), complex_output=True)


@pytest.mark.parametrize("ridge", [1e-2, 1.0, 100.0])
def test_ridge_regression_in_the_parameters_is_the_same(ridge):
    model = siren()
    jacobian, others = tangent_jacobian(model, POINTS), tangent_jacobian(model, OTHER)
    residual = VALUES - model.image(POINTS)
    change = np.linalg.solve(jacobian.T @ jacobian + ridge * np.eye(jacobian.shape[1]), jacobian.T @ residual)
    predicted = kernel_regression(model, POINTS, VALUES, ridge=ridge).predict(OTHER)
    np.testing.assert_allclose(predicted, model.image(OTHER) + others @ change, rtol=1e-7, atol=1e-9)


def test_without_ridge_it_interpolates_with_the_smallest_change():
    model = siren()
    regression = kernel_regression(model, POINTS, VALUES)
    np.testing.assert_allclose(regression.predict(POINTS), VALUES, atol=1e-8)
    change = np.linalg.lstsq(tangent_jacobian(model, POINTS), VALUES - model.image(POINTS))[0]
    expected = model.image(OTHER) + tangent_jacobian(model, OTHER) @ change
    np.testing.assert_allclose(regression.predict(OTHER), expected, rtol=1e-7, atol=1e-8)


def test_own_values_are_left_alone():
    model = siren()
    regression = kernel_regression(model, POINTS, model.image(POINTS))
    np.testing.assert_allclose(regression.predict(OTHER), model.image(OTHER), atol=1e-10)


def descend(model, steps, rate):
    """Gradient descent on half the sum of squares, by hand."""
    trained = model.copy()
    named = dict(trained.module.named_parameters())
    for name, parameter in named.items():
        parameter.requires_grad_(name in LAST)
    for _ in range(steps):
        loss = 0.5 * (trained.values(torch.from_numpy(POINTS)) - torch.from_numpy(VALUES)).square().sum()
        gradients = torch.autograd.grad(loss, [named[name] for name in LAST])
        with torch.no_grad():
            for name, gradient in zip(LAST, gradients, strict=True):
                named[name] -= rate * gradient
    return trained


@given(steps=st.integers(0, 60), share=st.floats(0.01, 0.95))
def test_descent_of_a_linear_layer_is_predicted_exactly(steps, share):
    model = siren(seed=2)
    regression = kernel_regression(model, POINTS, VALUES, parameters=LAST)
    rate = share * regression.stable_rate
    trained = descend(model, steps, rate)
    np.testing.assert_allclose(
        regression.residuals(steps, rate), VALUES - trained.image(POINTS), rtol=1e-8, atol=1e-9
    )
    np.testing.assert_allclose(
        regression.predict_trained(OTHER, steps, rate), trained.image(OTHER), rtol=1e-8, atol=1e-9
    )


def test_descent_above_the_stable_rate_grows():
    regression = kernel_regression(siren(), POINTS, VALUES)
    sizes = np.linalg.norm(regression.residuals([0, 20, 200], 1.1 * regression.stable_rate), axis=1)
    assert sizes[2] > sizes[1] > sizes[0]
    below = np.linalg.norm(regression.residuals([0, 20, 200], 0.9 * regression.stable_rate), axis=1)
    assert below[2] < below[1] < below[0]


def test_first_step_of_a_whole_network_is_predicted_to_first_order():
    model = siren()
    regression = kernel_regression(model, POINTS, VALUES)
    errors = []
    for rate in (1e-5, 1e-6):
        trained = model.copy()
        loss = 0.5 * (trained.values(torch.from_numpy(POINTS)) - torch.from_numpy(VALUES)).square().sum()
        loss.backward()
        with torch.no_grad():
            for parameter in trained.parameters():
                parameter -= rate * parameter.grad
        errors.append(np.abs(regression.predict_trained(OTHER, 1, rate) - trained.image(OTHER)).max())
    assert errors[1] < errors[0] / 50, "the error is quadratic in the rate"


def test_flow_is_the_limit_of_small_steps_and_ends_at_the_interpolant():
    regression = kernel_regression(siren(), POINTS, VALUES)
    rate = 0.1 * regression.stable_rate
    flow = regression.residuals(3.0, rate, descent=Descent.FLOW)
    fine = regression.residuals(30_000, rate / 10_000)
    np.testing.assert_allclose(fine, flow, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(
        regression.predict_trained(OTHER, 1e13, rate, descent=Descent.FLOW),
        regression.predict(OTHER),
        rtol=1e-6,
        atol=1e-6,
    )
    at_start = regression.predict_trained(OTHER, 0, rate)
    np.testing.assert_allclose(at_start, siren().image(OTHER), atol=1e-12)
    mu, vectors = regression.spectrum.eigenvalues, regression.spectrum.eigenvectors
    expected = np.exp(-rate * mu * 3.0) * (vectors.T @ regression.residual)
    np.testing.assert_allclose(vectors.T @ flow, expected, rtol=1e-9, atol=1e-12)


def test_contradictory_data_at_one_point_do_not_blow_up():
    model = siren()
    points, values = np.concatenate([POINTS, POINTS[:1]]), np.append(VALUES, VALUES[0] + 2.0)
    regression = kernel_regression(model, points, values)
    assert regression.spectrum.n_significant == 12
    rate = 0.1 * regression.stable_rate
    expected = np.append(VALUES[0] + 1.0, VALUES[1:])  # the mean of the two
    np.testing.assert_allclose(regression.predict(POINTS), expected, atol=1e-6)
    late = regression.predict_trained(POINTS, 1e13, rate, descent=Descent.FLOW)
    np.testing.assert_allclose(late, expected, atol=1e-5)
    np.testing.assert_allclose(np.abs(regression.residuals(10**6, rate)[[0, 12]]), 1.0, atol=1e-3)


def test_complex_images_and_several_outputs():
    model, values = complex_siren(), VALUES + 1j * VALUES[::-1]
    regression = kernel_regression(model, POINTS, values)
    predicted = regression.predict(POINTS)
    assert predicted.dtype == np.complex128
    np.testing.assert_allclose(predicted, values, atol=1e-7)
    kernel = tangent_kernel(model, POINTS, outputs=OutputReduction.FULL)
    other = tangent_kernel(model, OTHER, POINTS, outputs=OutputReduction.FULL)
    residual = values - model.image(POINTS)
    change = other @ np.linalg.solve(kernel, np.concatenate([residual.real, residual.imag]))
    expected = model.image(OTHER) + change[:5] + 1j * change[5:]
    np.testing.assert_allclose(regression.predict(OTHER), expected, rtol=1e-6, atol=1e-7)
    generator = torch.Generator().manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Linear(2, 20), torch.nn.Tanh(), torch.nn.Linear(20, 3)).double()
    for parameter in module.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
    data = np.stack([VALUES, 2 * VALUES, VALUES**2], axis=1)
    fitted = kernel_regression(module, POINTS, data).predict(POINTS)
    np.testing.assert_allclose(fitted, data, atol=1e-5)


def test_wrong_input_is_refused():
    model = siren()
    for values, message in [
        (VALUES[:5], r"values must have shape \(12,\)"),
        (np.full(12, np.nan), "values contain NaN"),
        (1j * VALUES, "values are complex"),
    ]:
        with pytest.raises(ValueError, match=message):
            kernel_regression(model, POINTS, values)
    for ridge in (-1.0, np.nan):
        with pytest.raises(ValueError, match="ridge"):
            kernel_regression(model, POINTS, VALUES, ridge=ridge)
    regression = kernel_regression(model, POINTS, VALUES)
    for steps, rate, message in [
        (-1, 0.1, "n_steps"),
        (0.5, 0.1, "whole numbers"),
        (1, 0.0, "learning_rate"),
    ]:
        with pytest.raises(ValueError, match=message):
            regression.residuals(steps, rate)
    with pytest.raises(TypeError, match="Descent"):
        regression.residuals(1, 0.1, descent="flow")
    with pytest.raises(ValueError, match="points"):
        regression.predict(OTHER[:, :1])


@pytest.mark.parametrize("share", [1.5, 50.0])
def test_descent_that_overflows_is_refused_with_its_rate_and_step(share):
    regression = kernel_regression(siren(), POINTS, VALUES)
    rate = share * regression.stable_rate
    assert np.isfinite(regression.residuals([0, 1, 20], rate)).all()
    assert np.isfinite(regression.predict_trained(OTHER, 20, rate)).all()
    message = (
        rf"learning_rate={rate:.6g} overflows by step 100000: .*stable_rate={regression.stable_rate:.6g}"
    )
    with pytest.raises(ValueError, match=message):
        regression.residuals([1, 10**6, 10**5], rate)
    with pytest.raises(ValueError, match=message):
        regression.predict_trained(OTHER, 10**5, rate)


def test_nearly_equal_points_are_warned_of_and_a_ridge_helps():
    model = siren()
    points = np.array([[0.3, 0.4], [0.3 + 1e-8, 0.4]])
    with pytest.warns(IllConditionedKernelWarning, match="pass a ridge") as caught:
        regression = kernel_regression(model, points, [1.0, -1.0])
    assert len(caught) == 1
    assert regression.condition_number > 1e12
    lifted = kernel_regression(model, points, [1.0, -1.0], ridge=1.0)
    mu = lifted.spectrum.eigenvalues
    assert lifted.condition_number == pytest.approx((mu[0] + 1.0) / (max(mu[1], 0.0) + 1.0))
    assert np.abs(lifted.predict(OTHER)).max() < 10


def test_arguments_of_wrong_types_are_named():
    model = siren()
    for values in (["a"] * 12, [None] * 12, [[1.0], [1.0, 2.0]]):
        with pytest.raises(ValueError, match="values must be numbers"):
            kernel_regression(model, POINTS, values)
    for ridge in ("a", None, True):
        with pytest.raises(TypeError, match="ridge"):
            kernel_regression(model, POINTS, VALUES, ridge=ridge)
    regression = kernel_regression(model, POINTS, VALUES)
    with pytest.raises(TypeError, match="learning_rate"):
        regression.residuals(1, "a")
    with pytest.raises(TypeError, match="learning_rate"):
        regression.predict_trained(OTHER, 1, "a")
    with pytest.raises(TypeError, match=r"n_steps.*\[1, 2\]"):
        regression.predict_trained(OTHER, [1, 2], 0.1)
    with pytest.raises(ValueError, match="n_steps"):
        regression.residuals(["a"], 0.1)
