"""Tests of the laws: each must accept a right operator and reject one that is wrong in a plausible way."""

import numpy as np
import pytest
import torch

from laws import (
    check_adjoint,
    check_array_kinds,
    check_backward,
    check_batched,
    check_linear,
    check_norm,
    check_operator,
    check_quadrature,
    check_second_derivative,
    power_iteration_norm,
)
from srinr.domain import Grid, lowpass_frequencies
from srinr.operators.fourier import FourierOperator
from srinr.operators.linear import LinearOperator

GRID = Grid((6, 5))
FREQUENCIES = lowpass_frequencies(2, dim=2)


def reference() -> FourierOperator:
    return FourierOperator(GRID, FREQUENCIES)


class Wrapped(LinearOperator):
    """A right operator that subclasses spoil in one place."""

    def __init__(self, inside: LinearOperator | None = None) -> None:
        self.inside = inside or reference()
        self.in_shape, self.out_shape = self.inside.in_shape, self.inside.out_shape

    def _forward(self, x):
        return self.inside._forward(x)

    def _adjoint(self, y):
        return self.inside._adjoint(y)


class WrongConjugate(Wrapped):
    """The adjoint with the sign of the exponent of the forward map."""

    def _adjoint(self, y):
        return self.inside._adjoint(y.conj()).conj()


class WrongScale(Wrapped):
    """The 1/N weight is missing in the adjoint (the usual inverse-FFT mistake)."""

    def _adjoint(self, y):
        return GRID.n_points * self.inside._adjoint(y)


class Transpose(Wrapped):
    """Complex factors without conjugation in the adjoint."""

    def _forward(self, x):
        return (1 + 2j) * self.inside._forward(x)

    def _adjoint(self, y):
        return (1 + 2j) * self.inside._adjoint(y)


class Magnitude(Wrapped):
    def _forward(self, x):
        return self.inside._forward(x).abs() + 0j


class Affine(Wrapped):
    def _forward(self, x):
        return self.inside._forward(x) + 1.0


class ConjugateLinear(Wrapped):
    """Additive and real-homogeneous, but conjugates complex factors."""

    def _forward(self, x):
        return self.inside._forward(x.conj().resolve_conj() if x.is_complex() else x)


class DropsImaginaryPart(Wrapped):
    def _forward(self, x):
        return self.inside._forward(x.real if x.is_complex() else x)


class WrongRealBackward(Wrapped):
    """The shortcut for real inputs forgets the weight; the adjoint itself is right."""

    def _backward_real(self, y, adjoint):
        return 2.0 * super()._backward_real(y, adjoint)


class ImaginaryBackward(Wrapped):
    """The shortcut returns the imaginary part."""

    def _backward_real(self, y, adjoint):
        return super()._backward_real(1j * y, adjoint)


class LosesBackward(Wrapped):
    """Detaches: no gradient arrives."""

    def forward(self, x):
        return super().forward(x.detach() if isinstance(x, torch.Tensor) else x)


class NumpyOnly(Wrapped):
    """Returns NumPy whatever comes in."""

    def forward(self, x):
        result = super().forward(x)
        return result.numpy() if isinstance(result, torch.Tensor) else result


class LosesPrecision(Wrapped):
    def _forward(self, x):
        return self.inside._forward(x).to(torch.complex64)


class ModifiesInput(Wrapped):
    def _forward(self, x):
        result = self.inside._forward(x)
        x.mul_(0)
        return result


class MixesBatch(Wrapped):
    """Subtracts the mean over the batch, as a batch normalization would."""

    def _forward(self, x):
        result = self.inside._forward(x)
        flat = result.reshape(-1, *self.out_shape)
        return result - 0.5 * flat.mean(dim=0) if result.ndim > len(self.out_shape) else result


class SwapsBatchAxes(Wrapped):
    def _forward(self, x):
        result = self.inside._forward(x)
        return result.transpose(0, 1).contiguous() if result.ndim == len(self.out_shape) + 2 else result


class Rescaled(Wrapped):
    """Consistent with its adjoint, but without the quadrature weight."""

    def _forward(self, x):
        return GRID.n_points * self.inside._forward(x)

    def _adjoint(self, y):
        return GRID.n_points * self.inside._adjoint(y)


class TrigonometricImage:
    """Real, band-limited, without symmetry."""

    frequencies = np.array([[0, 0], [1, 0], [1, -2], [2, 1]])
    coefficients = np.array([0.3, 0.5 - 0.2j, 0.1 + 0.7j, -0.25j])

    def image(self, points):
        waves = np.exp(2j * np.pi * points @ self.frequencies.T)
        return (waves[:, :1] * 0.3).real[:, 0] + 2 * (waves[:, 1:] @ self.coefficients[1:]).real

    def exact(self, frequencies):
        table = {tuple(k): c for k, c in zip(self.frequencies.tolist(), self.coefficients, strict=True)}
        table |= {tuple(-i for i in k): np.conj(c) for k, c in table.items()}
        return np.array([table.get(tuple(k), 0.0) for k in frequencies.tolist()], dtype=complex)


def test_the_laws_accept_a_right_operator():
    for operator in (Wrapped(), Wrapped(reference().H), reference()):
        check_operator(operator)
    assert power_iteration_norm(reference()) == pytest.approx(1 / np.sqrt(GRID.n_points))


@pytest.mark.parametrize("wrong", [WrongConjugate, WrongScale, Transpose, Magnitude, DropsImaginaryPart])
def test_adjointness_rejects(wrong):
    with pytest.raises(AssertionError, match="adjointness"):
        check_adjoint(wrong())


@pytest.mark.parametrize("wrong", [Magnitude, Affine, ConjugateLinear, DropsImaginaryPart])
def test_linearity_rejects(wrong):
    with pytest.raises(AssertionError, match="linearity"):
        check_linear(wrong())


@pytest.mark.parametrize("wrong", [Rescaled, lambda: Wrapped(0.999 * _Scaled(reference()))])
def test_norm_rejects(wrong):
    with pytest.raises(AssertionError, match="operator norm"):
        check_norm(wrong(), 1 / np.sqrt(GRID.n_points))


class _Scaled:
    def __init__(self, operator):
        self.operator = operator

    def __rmul__(self, factor):
        scaled = Wrapped(self.operator)
        scaled._forward = lambda x: factor * self.operator._forward(x)
        scaled._adjoint = lambda y: factor * self.operator._adjoint(y)
        return scaled


@pytest.mark.parametrize(
    "wrong", [WrongConjugate, WrongScale, Transpose, WrongRealBackward, ImaginaryBackward]
)
def test_backward_rejects(wrong):
    with pytest.raises(AssertionError, match="backward: off"):
        check_backward(wrong())


def test_backward_rejects_an_operator_without_gradient():
    with pytest.raises((AssertionError, RuntimeError)):
        check_backward(LosesBackward())


def test_second_derivative_rejects_a_wrong_adjoint():
    with pytest.raises(AssertionError, match="second derivative"):
        check_second_derivative(WrongScale())


@pytest.mark.parametrize("wrong", [NumpyOnly, LosesPrecision, ModifiesInput])
def test_array_kinds_reject(wrong):
    with pytest.raises(AssertionError):
        check_array_kinds(wrong())


@pytest.mark.parametrize("wrong", [MixesBatch, SwapsBatchAxes])
def test_batching_rejects(wrong):
    with pytest.raises(AssertionError, match="batch"):
        check_batched(wrong())


def test_quadrature_accepts_the_operator_and_rejects_wrong_ones():
    image = TrigonometricImage()
    exact = image.exact(FREQUENCIES)
    grids = [Grid((6, 5)), Grid((9, 16)), Grid((32, 31))]
    check_quadrature(lambda grid: FourierOperator(grid, FREQUENCIES), image, exact, grids)

    class HalfPixel:
        def __init__(self, grid):
            self.operator = FourierOperator(grid, FREQUENCIES)
            self.phase = np.exp(-1j * np.pi * FREQUENCIES @ np.array(grid.spacing))

        def forward(self, x):
            return self.phase * self.operator.forward(x)

    class Modified:
        def __init__(self, change):
            self.change = change

        def __call__(self, grid):
            operator = FourierOperator(grid, FREQUENCIES)
            change = self.change

            class Changed:
                def forward(self, x):
                    return change(operator, x, grid)

            return Changed()

    wrong = {
        "half a pixel": HalfPixel,
        "no weight": Modified(lambda a, x, grid: a.forward(x) * grid.n_points),
        "unitary": Modified(lambda a, x, grid: a.forward(x) * grid.n_points**0.5),
        "sign of the exponent": Modified(lambda a, x, grid: a.forward(x).conj()),
        "axes swapped": Modified(lambda a, x, grid: a.forward(x).reshape(5, 5).T.ravel()),
        "not centered": Modified(lambda a, x, grid: np.fft.fftshift(a.forward(x).reshape(5, 5)).ravel()),
    }
    for name, make in wrong.items():
        with pytest.raises(AssertionError, match="quadrature"):
            check_quadrature(make, image, exact, grids)
        assert name


class RectifiedCosine:
    """``max(cos 2 pi x, 0)``: kinks, so that the coefficients converge at second order only."""

    def image(self, points):
        return np.maximum(np.cos(2 * np.pi * points[:, 0]), 0.0)

    def exact(self, frequencies):
        k = frequencies[:, 0].astype(float)
        table = np.array([1 / np.pi, 0.25, 1 / (3 * np.pi), 0.0])
        return table[np.abs(k).astype(int)] + 0j


def test_quadrature_order_of_a_kink_is_two():
    frequencies = lowpass_frequencies(3, dim=1)
    image = RectifiedCosine()
    exact = image.exact(frequencies)
    grids = [Grid(n, dim=1) for n in (16, 33, 67, 131)]
    check_quadrature(lambda grid: FourierOperator(grid, frequencies), image, exact, grids, order=1.8)
    with pytest.raises(AssertionError, match="order"):
        check_quadrature(lambda grid: FourierOperator(grid, frequencies), image, exact, grids, order=4.0)
    with pytest.raises(AssertionError, match="quadrature"):  # half a pixel off: first order at best

        class Shifted:
            def __init__(self, grid):
                self.operator = FourierOperator(grid, frequencies)
                self.phase = np.exp(-1j * np.pi * frequencies[:, 0] / grid.shape[0])

            def forward(self, x):
                return self.phase * self.operator.forward(x)

        check_quadrature(Shifted, image, exact, grids, order=1.8)
    with pytest.raises(AssertionError):  # a factor that does not vanish
        check_quadrature(
            lambda grid: FourierOperator(grid, frequencies), image, 1.001 * exact, grids, order=1.8
        )
