"""Tangent kernels: layer factors against automatic differentiation and finite differences, and their laws."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srinr import INR, MLP, Coordinates, FourierFeatures, Grid, ShallowReLU, Siren
from srinr.analysis.layer_factors import layer_factors
from srinr.analysis.tangent_kernel import (
    TangentKernelOperator,
    TangentMethod,
    tangent_jacobian,
    tangent_kernel,
)
from srinr.analysis.tangent_model import OneOutput, OutputReduction, parameter_names

POINTS = Grid((5, 4)).points + 0.013
OTHER = np.random.default_rng(3).random((7, 2))


def siren(depth=4, **options):
    return INR(Coordinates(2), Siren(2, width=6, depth=depth, seed=1, **options))


def mlp(depth=3):
    encoding = FourierFeatures.gaussian(5, 2.0, seed=1)
    return INR(encoding, MLP(encoding.n_features, width=7, depth=depth, seed=1))


def shallow(complex_output=False):
    encoding = FourierFeatures.lattice(1)
    network = ShallowReLU(encoding.n_features, 5, seed=1, out_features=1 + complex_output)
    return INR(encoding, network, complex_output=complex_output)


def complex_siren():
    return INR(Coordinates(2), Siren(2, 6, 3, out_features=2, seed=1), complex_output=True)


class Plain(torch.nn.Module):
    """A module that srinr does not know, with C outputs (or none: shape (n,))."""

    def __init__(self, n_outputs=None, shift=0.0, scale=1.0):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.first = torch.nn.Parameter(torch.randn(2, 5, generator=generator, dtype=torch.float64))
        self.last = torch.nn.Parameter(
            torch.randn(5, n_outputs or 1, generator=generator, dtype=torch.float64)
        )
        self.flat, self.shift, self.scale = n_outputs is None, shift, scale

    def forward(self, points):
        values = self.scale * (torch.tanh(points @ self.first) @ self.last) + self.shift
        return values[:, 0] if self.flat else values


MODELS = [siren, lambda: siren(2), mlp, lambda: mlp(2), lambda: mlp(5), shallow]


def both(*arguments, **options):
    layers = tangent_kernel(*arguments, method=TangentMethod.LAYERS, **options)
    return layers, tangent_kernel(*arguments, method=TangentMethod.AUTODIFF, **options)


def assert_same(actual, expected, rtol=1e-12):
    assert actual.shape == expected.shape
    assert np.abs(actual - expected).max() <= rtol * np.abs(expected).max()


def difference_jacobian(model, points, step=1e-6):
    """Central differences of the outputs, parameter by parameter: the slow, obvious version."""
    columns = []
    for parameter in model.parameters():
        flat = parameter.data.view(-1)
        for i in range(flat.numel()):
            value = flat[i].item()
            flat[i] = value + step
            above = model.image(points)
            flat[i] = value - step
            below = model.image(points)
            flat[i] = value
            columns.append((above - below) / (2 * step))
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("build", MODELS)
@pytest.mark.parametrize("other", [None, OTHER])
def test_layer_factors_agree_with_automatic_differentiation(build, other):
    assert_same(*both(build(), POINTS, other))


@pytest.mark.parametrize("build", [complex_siren, lambda: shallow(complex_output=True)])
@pytest.mark.parametrize("outputs", [*OutputReduction, OneOutput(1)])
@pytest.mark.parametrize("other", [None, OTHER])
def test_two_outputs_agree_with_automatic_differentiation(build, outputs, other):
    assert_same(*both(build(), POINTS, other, outputs=outputs))


@pytest.mark.parametrize("build", [siren, mlp, shallow])
def test_kernel_is_that_of_finite_differences(build):
    model = build()
    jacobian = difference_jacobian(model, POINTS)
    assert_same(tangent_kernel(model, POINTS), jacobian @ jacobian.T, rtol=1e-6)


def test_reductions_are_those_of_the_full_kernel():
    model, n = complex_siren(), len(POINTS)
    full = tangent_kernel(model, POINTS, outputs=OutputReduction.FULL)
    blocks = full.reshape(2, n, 2, n)
    assert np.array_equal(full, full.T)
    trace = (blocks[0, :, 0] + blocks[1, :, 1]) / 2
    assert_same(tangent_kernel(model, POINTS, outputs=OutputReduction.TRACE), trace)
    assert_same(tangent_kernel(model, POINTS, outputs=OutputReduction.SUM), blocks.sum(axis=(0, 2)) / 2)
    for c in (0, 1):
        assert_same(tangent_kernel(model, POINTS, outputs=OneOutput(c)), blocks[c, :, c])
    assert np.abs(blocks[0, :, 1]).max() > 1e-3 * np.abs(full).max(), "outputs share hidden layers"


def test_outputs_of_a_scalar_model_agree():
    expected = tangent_kernel(siren(), POINTS)
    for outputs in OutputReduction:
        assert np.array_equal(tangent_kernel(siren(), POINTS, outputs=outputs), expected)


@pytest.mark.parametrize("method", TangentMethod)
@pytest.mark.parametrize("other", [None, OTHER])
@pytest.mark.parametrize("outputs", OutputReduction)
def test_blocks_do_not_change_the_kernel(method, other, outputs):
    model, options = complex_siren(), {"outputs": outputs, "method": method}
    whole = tangent_kernel(model, POINTS, other, **options)
    for limit in (8_000, 20_000, 100_000):
        blocks = tangent_kernel(model, POINTS, other, memory_limit=limit, **options)
        assert_same(blocks, whole)
        assert other is not None or np.array_equal(blocks, blocks.T)


@given(seed=st.integers(0, 10**6), n=st.integers(1, 30), depth=st.integers(2, 5))
def test_kernel_is_symmetric_and_nonnegative(seed, n, depth):
    points = np.random.default_rng(seed).random((n, 2))
    kernel = tangent_kernel(INR(Coordinates(2), Siren(2, 8, depth, seed=seed)), points)
    assert np.array_equal(kernel, kernel.T)
    eigenvalues = np.linalg.eigvalsh(kernel)
    assert eigenvalues[0] >= -max(n, 8) * np.finfo(float).eps * eigenvalues[-1]


@given(shift=st.floats(-5, 5), scale=st.floats(0.1, 10))
def test_constants_leave_the_kernel_and_factors_square(shift, scale):
    kernel = tangent_kernel(Plain(), POINTS)
    assert_same(tangent_kernel(Plain(shift=shift), POINTS), kernel)
    assert_same(tangent_kernel(Plain(scale=scale), POINTS), scale**2 * kernel)


def test_a_constant_in_the_last_bias_leaves_the_kernel():
    model, moved = siren(), siren()
    with torch.no_grad():
        moved.network.biases[-1] += 0.5
    assert np.array_equal(tangent_kernel(model, POINTS), tangent_kernel(moved, POINTS))


@pytest.mark.parametrize("method", TangentMethod)
@pytest.mark.parametrize("outputs", [*OutputReduction, OneOutput(0)])
@pytest.mark.parametrize("limit", [2**30, 10_000])
def test_operator_is_the_matrix(method, outputs, limit, rng):
    model, options = complex_siren(), {"outputs": outputs, "method": method}
    for other in (None, OTHER):
        kernel = tangent_kernel(model, POINTS, other, **options)
        operator = TangentKernelOperator(model, POINTS, other, memory_limit=limit, **options)
        v, u = rng.standard_normal(kernel.shape[1]), rng.standard_normal((kernel.shape[0], 2))
        assert_same(operator @ v, kernel @ v)
        assert_same(operator.T @ u, kernel.T @ u)
        assert_same(operator @ (v + 2j * v), kernel @ (v + 2j * v))
        if other is None:
            assert_same(operator.diagonal(), np.diagonal(kernel))
        else:
            with pytest.raises(ValueError, match="diagonal"):
                operator.diagonal()


@pytest.mark.parametrize("outputs", [*OutputReduction, OneOutput(1)])
def test_jacobian_gives_the_kernel(outputs):
    jacobian = tangent_jacobian(complex_siren(), POINTS, outputs=outputs)
    assert_same(jacobian @ jacobian.T, tangent_kernel(complex_siren(), POINTS, outputs=outputs))


@pytest.mark.parametrize("outputs", [OutputReduction.FULL, OutputReduction.TRACE])
def test_public_factors_give_the_kernel_whatever_the_blocks(outputs):
    model = complex_siren()
    for limit in (2**30, 6_000):
        total = 0.0
        for f in layer_factors(model, POINTS, outputs=outputs, memory_limit=limit):
            g = f.gradients.reshape(-1, f.gradients.shape[2])
            z = np.tile(f.inputs, (len(f.gradients), 1))
            total = total + (g @ g.T) * (f.has_weight * z @ z.T + f.has_bias)
        assert_same(total, tangent_kernel(model, POINTS, outputs=outputs))


def test_groups_of_parameters_add_up_and_agree():
    model = siren()
    names = parameter_names(model)
    assert names == tuple(n for n, _ in model.module.named_parameters())
    parts = [both(model, POINTS, parameters=[name]) for name in names]
    for layers, autodiff in parts:
        assert_same(layers, autodiff)
    assert_same(sum(layers for layers, _ in parts), tangent_kernel(model, POINTS))
    weights, biases = (tangent_kernel(model, POINTS, parameters=[group]) for group in ("weights", "biases"))
    assert_same(weights + biases, tangent_kernel(model, POINTS))


@pytest.mark.parametrize("build", [siren, mlp, shallow])
def test_frozen_layers_do_not_contribute(build):
    model = build()
    names = parameter_names(model)
    dict(model.module.named_parameters())[names[0]].requires_grad_(False)
    layers, autodiff = both(model, POINTS)
    assert_same(layers, autodiff)
    assert_same(layers, tangent_kernel(build(), POINTS, parameters=names[1:]))
    assert np.abs(layers - tangent_kernel(build(), POINTS)).max() > 1e-6 * layers.max()
    with pytest.raises(ValueError, match="frozen"):
        tangent_kernel(model, POINTS, parameters=[names[0]])
    model.module.requires_grad_(False)
    with pytest.raises(ValueError, match="no parameter counts"):
        tangent_kernel(model, POINTS)


def test_float32_models_are_computed_in_float64_and_left_alone():
    model = siren()
    model.module.to(torch.float32)
    before = [p.clone() for p in model.parameters()]
    layers, autodiff = both(model, POINTS)
    assert_same(layers, autodiff)
    model.module.to(torch.float64)
    assert_same(layers, tangent_kernel(model, POINTS))
    assert all(torch.equal(a.double(), b) for a, b in zip(before, model.parameters(), strict=True))
    assert all(p.grad is None for p in model.parameters())


def test_any_module_and_subclasses_take_the_general_way():
    class Louder(Siren):
        def after_first(self, preactivation):
            return 3.0 * super().after_first(preactivation)

    louder = INR(Coordinates(2), Louder(2, width=6, depth=4, seed=1))
    assert_same(tangent_kernel(louder, POINTS), 9 * tangent_kernel(siren(), POINTS))
    assert tangent_kernel(Plain(3), POINTS, outputs=OutputReduction.FULL).shape == (60, 60)
    with pytest.raises(ValueError, match="LAYERS"):
        tangent_kernel(Plain(), POINTS, method=TangentMethod.LAYERS)
    with pytest.raises(ValueError, match="use tangent_kernel"):
        layer_factors(louder, POINTS)


class LearnedPhases(torch.nn.Module):
    """An encoding with parameters of its own."""

    dim, n_features, frequencies = 2, 2, None

    def __init__(self):
        super().__init__()
        self.phase = torch.nn.Parameter(torch.tensor([0.3, 0.7], dtype=torch.float64))

    def features(self, points):
        return torch.sin(points + self.phase)

    def linear_on_grid(self, weight, grid, rows=None):
        raise NotImplementedError

    def spec(self):
        return {}


def test_parameters_of_an_encoding_count():
    model = INR(LearnedPhases(), Siren(2, 6, 3, seed=1))
    assert "encoding.phase" in parameter_names(model)
    network = [n for n in parameter_names(model) if not n.startswith("encoding")]
    whole = tangent_kernel(model, POINTS)
    phases = tangent_kernel(model, POINTS, parameters=["encoding"])
    assert_same(whole, tangent_kernel(model, POINTS, parameters=network) + phases)
    with pytest.raises(ValueError, match="encoding without parameters"):
        tangent_kernel(model, POINTS, parameters=network, method=TangentMethod.LAYERS)
    step = 1e-6
    columns = []
    for i in range(2):
        values = []
        for sign in (1, -1):
            moved = INR(LearnedPhases(), model.network)
            with torch.no_grad():
                moved.encoding.phase[i] += sign * step
            values.append(moved.image(POINTS))
        columns.append((values[0] - values[1]) / (2 * step))
    assert_same(phases, np.stack(columns, 1) @ np.stack(columns, 1).T, rtol=1e-6)


def test_wrong_input_is_refused():
    model = siren()
    for points, message in [
        (POINTS[0], "points must have shape"),
        (POINTS[:, :1], r"shape \(n, 2\)"),
        (POINTS[:0], "n >= 1"),
        (np.full((3, 2), np.nan), "points contains NaN"),
    ]:
        with pytest.raises(ValueError, match=message):
            tangent_kernel(model, points)
    with pytest.raises(ValueError, match="other"):
        tangent_kernel(model, POINTS, POINTS[:, :1])
    with pytest.raises(ValueError, match="do not exist; trainable are: weights.0"):
        tangent_kernel(model, POINTS, parameters=["layer9"])
    with pytest.raises(TypeError, match="collection"):
        tangent_kernel(model, POINTS, parameters="weights")
    with pytest.raises(ValueError, match="2 outputs: say which"):
        tangent_kernel(complex_siren(), POINTS)
    with pytest.raises(ValueError, match=r"0\.\.1"):
        tangent_kernel(complex_siren(), POINTS, outputs=OneOutput(2))
    with pytest.raises(TypeError, match="OutputReduction"):
        tangent_kernel(model, POINTS, outputs="full")
    with pytest.raises(TypeError, match="TangentMethod"):
        tangent_kernel(model, POINTS, method="layers")
    with pytest.raises(TypeError, match=r"INR or a torch.nn.Module"):
        tangent_kernel(np.sin, POINTS)
    for limit, message in [(0, "positive"), (100, "too small")]:
        for method in TangentMethod:
            with pytest.raises(ValueError, match=message):
                tangent_kernel(model, POINTS, memory_limit=limit, method=method)
    with pytest.raises(ValueError, match="above memory_limit"):
        tangent_jacobian(model, POINTS, memory_limit=5_000)


def test_broken_models_are_refused():
    model = siren()
    with torch.no_grad():
        model.network.weights[1][0, 0] = np.nan
    with pytest.raises(ValueError, match=r"weights.1 of the model contains NaN"):
        tangent_kernel(model, POINTS)

    class Mean(Plain):
        def forward(self, points):
            return super().forward(points).mean()

    class Complex(Plain):
        def forward(self, points):
            return super().forward(points) * 1j

    with pytest.raises(ValueError, match="must map points"):
        tangent_kernel(Mean(), POINTS)
    with pytest.raises(ValueError, match="view_as_real"):
        tangent_kernel(Complex(), POINTS)
    huge = shallow()
    with torch.no_grad():
        huge.network.outer *= 1e308
        huge.network.outer *= 1e5
    with pytest.raises(ValueError, match="infinite"):
        tangent_kernel(huge, POINTS)


# modules that cannot be taken -----------------------------------------------------------------------------


def module(forward, scale=1.0):
    """A module with two layers ``l`` and ``o``, float64, and this forward."""

    class Module(torch.nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.l, self.o = torch.nn.Linear(2, 5), torch.nn.Linear(5, 1)
            self.norm = torch.nn.BatchNorm1d(5)
            self.dropout = torch.nn.Dropout(0.5)
            self.matrix = torch.ones(5, 5)  # not a buffer: stays float32
            with torch.no_grad():
                self.o.weight *= scale

        def forward(self, x):
            return forward(self, x)

    return Module()


def centered(m, x):
    h = torch.tanh(m.l(x))
    return m.o(h - h.mean(0))


@pytest.mark.parametrize("scale", [1.0, 0.0])
@pytest.mark.parametrize("points", [POINTS, POINTS[:1], POINTS[[0, 0, 0]], POINTS[[0, 0, 1]]])
def test_modules_that_mix_rows_are_refused(points, scale):
    with pytest.raises(ValueError, match=r"must treat points independently.*model\.eval\(\)"):
        tangent_kernel(module(centered, scale), points)


@pytest.mark.parametrize("forward", [lambda m, x: m.o(m.norm(m.l(x))), lambda m, x: m.o(m.dropout(m.l(x)))])
def test_train_mode_is_refused_and_changes_nothing(forward):
    model = module(forward).double()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=r"model.*model\.eval\(\)"):
        tangent_kernel(model, POINTS)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert tangent_kernel(model.eval(), POINTS).shape == (20, 20)


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (lambda m, x: m.o(m.l(x)).squeeze(), r"squeeze\(-1\), not squeeze"),
        (lambda m, x: m.o(m.l(x) @ m.matrix), r"model: .*same dtype.*register_buffer"),
        (lambda m, x: m.o(m.l(x.float())), r"model: .*dtype.*do not cast"),
        (lambda m, x: m.o(m.l(x)).float(), r"float64 values, got torch.float32"),
        (lambda m, x: m.o(m.l(x) if x[0, 0] > 0 else -m.l(x)), r"model: .*torch.where"),
        (lambda m, x: m.o(m.l(torch.from_numpy(np.sin(x.numpy())))), r"model: .*no NumPy"),
        (lambda m, x: torch.from_numpy(np.sin(m.o(m.l(x)).numpy())), r"model: .*no NumPy"),
        (lambda m, x: m.o(torch.cat([m.l(x), x], dim=1)), r"model: it fails at points of shape \(n, 2\)"),
        (lambda m, x: m.o(m.l(x)).detach(), r"detached from its parameters"),
        (lambda m, x: m.missing(x), r"model: .*AttributeError"),
    ],
)  # fmt: skip
def test_failures_inside_torch_name_the_model_and_give_advice(forward, message):
    with pytest.raises(ValueError, match=message):
        tangent_kernel(module(forward), POINTS)


def test_points_of_another_dimension_are_a_matter_of_the_model():
    with pytest.raises(ValueError, match=r"model: it fails at points of shape \(n, 3\)"):
        tangent_kernel(Plain(), np.zeros((4, 3)))


# arguments ------------------------------------------------------------------------------------------------


def test_points_must_be_real_numbers():
    model = siren()
    for points in (POINTS + 1j, torch.from_numpy(POINTS) + 1j):
        with pytest.raises(ValueError, match="points must be real"):
            tangent_kernel(model, points)
    for points in ([["0.1", "0.2"]], [[0.1, 0.2], [0.3]], [[None, 1.0]], None):
        with pytest.raises(ValueError, match="points must be numbers"):
            tangent_kernel(model, points)
    with pytest.raises(ValueError, match="other must be real"):
        tangent_kernel(model, POINTS, OTHER + 0j)
    tracked = torch.from_numpy(POINTS).requires_grad_()
    np.testing.assert_array_equal(tangent_kernel(model, tracked), tangent_kernel(model, POINTS))


def test_arguments_of_wrong_types_are_named():
    model = siren()
    for limit in ("1", None, True, [1]):
        with pytest.raises(TypeError, match="memory_limit"):
            tangent_kernel(model, POINTS, memory_limit=limit)
    for limit in (np.inf, np.nan, -1):
        with pytest.raises(ValueError, match="memory_limit"):
            tangent_kernel(model, POINTS, memory_limit=limit)
    for names in (5, [5], iter(["weights"])):
        with pytest.raises(TypeError, match="parameters"):
            tangent_kernel(model, POINTS, parameters=names)
    for index in ("a", 0.5, True, None):
        with pytest.raises(TypeError, match=r"OneOutput\.index"):
            OneOutput(index)


def test_kernels_beyond_the_memory_are_refused_in_words():
    model = INR(Coordinates(1), Siren(1, 4, 2, seed=0))
    # More than a process can address: fails without being tried.
    with pytest.raises(MemoryError, match=r"7.45e\+05 GiB.*TangentKernelOperator"):
        tangent_kernel(model, np.zeros((10**7, 1)))
