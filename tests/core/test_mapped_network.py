"""The sinusoidal mapping with parameters of its own: formula, protocol, files, gradients, tangent kernel."""

import json
import math

import numpy as np
import pytest
import torch
from torch.func import functional_call, jacrev

from srinr import INR, MLP, Coordinates, FourierFeatures, Grid, Siren
from srinr.analysis.tangent_kernel import TangentMethod, tangent_kernel
from srinr.networks.base import Network
from srinr.networks.mapped import SinusoidalMapping
from srinr.networks.polynomial import PolynomialMLP
from srinr.networks.shallow import ShallowReLU

OMEGA = np.array([[3.0, 0.5], [-1.0, 2.0], [0.3, 7.0]])
PHASE = np.array([0.2, 1.5, -0.7])
INNER = {
    "mlp": lambda **k: MLP(3, 7, 3, first_bias=True, **k),
    "siren": lambda **k: Siren(3, 7, 3, omega_first=5.0, **k),
    "polynomial": lambda **k: PolynomialMLP(3, 5, 3, coefficients=(0.0, 1.0, 0.5), **k),
}


@pytest.fixture(params=INNER, name="inner")
def _inner(request):
    return INNER[request.param]


@pytest.mark.parametrize("train_mapping", [True, False])
def test_the_protocol_and_the_formula(inner, train_mapping):
    inside = inner(out_features=2, seed=4)
    network = SinusoidalMapping(OMEGA, PHASE, inside, train_mapping=train_mapping)
    assert isinstance(network, Network)
    assert network.first_weight.shape == (3, 2)
    assert network.out_features == 2
    assert network.values_per_point >= 6
    x = np.random.default_rng(0).standard_normal((11, 2))
    expected = inside(torch.from_numpy(np.sin(x @ OMEGA.T + PHASE)))
    torch.testing.assert_close(network(torch.from_numpy(x)), expected, rtol=1e-13, atol=1e-13)
    n_own = OMEGA.size + PHASE.size if train_mapping else 0
    assert sum(p.numel() for p in network.parameters()) == n_own + sum(p.numel() for p in inside.parameters())


@pytest.mark.parametrize("train_mapping", [True, False])
def test_save_and_load(tmp_path, inner, train_mapping):
    network = SinusoidalMapping(OMEGA, PHASE, inner(seed=3), train_mapping=train_mapping)
    inr = INR(Coordinates(), network)
    json.dumps(network.spec())
    inr.save(tmp_path / "inr.safetensors")
    loaded = INR.load(tmp_path / "inr.safetensors")
    points = np.random.default_rng(0).random((9, 2))
    np.testing.assert_array_equal(loaded.image(points), inr.image(points))
    assert loaded.network.train_mapping is train_mapping
    # A mapping that was fixed stays so: a parameter that was only frozen would come back trainable.
    trainable = {name for name, p in loaded.module.named_parameters() if p.requires_grad}
    assert ({"omega", "phase"} <= trainable) is train_mapping


def test_frequencies_and_phases_carry_gradients():
    network = SinusoidalMapping(OMEGA, PHASE, INNER["mlp"](seed=1))
    inr = INR(Coordinates(), network)
    inr.pixels(Grid(6, dim=2)).square().mean().backward()
    assert network.first_weight.grad.abs().max() > 0
    assert network.first_bias.grad.abs().max() > 0
    fixed = SinusoidalMapping(OMEGA, PHASE, INNER["mlp"](seed=1), train_mapping=False)
    INR(Coordinates(), fixed).pixels(Grid(6, dim=2)).square().mean().backward()
    assert not fixed.first_weight.requires_grad
    assert fixed.first_weight.grad is None


@pytest.mark.parametrize("train_mapping", [True, False])
def test_tangent_kernel_is_that_of_the_written_out_jacobian(train_mapping):
    network = SinusoidalMapping(OMEGA, PHASE, INNER["mlp"](seed=2), train_mapping=train_mapping)
    inr = INR(Coordinates(), network)
    points = np.random.default_rng(1).random((8, 2))
    features = inr.encoding.features(torch.from_numpy(points))
    parameters = {name: p.detach() for name, p in network.named_parameters()}
    rows = jacrev(lambda p: functional_call(network, p, (features,))[:, 0])(parameters)
    jacobian = np.concatenate([row.reshape(8, -1).numpy() for row in rows.values()], axis=1)
    kernel = tangent_kernel(inr, points, method=TangentMethod.AUTODIFF)
    np.testing.assert_allclose(kernel, jacobian @ jacobian.T, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(tangent_kernel(inr, points), kernel, rtol=1e-12, atol=1e-12)
    assert jacobian.shape[1] == inr.n_parameters


def test_a_pair_of_phases_is_the_published_single_frequency_encoding():
    # [sin, cos] of f0 = 1 cycle per unit on [-1, 1): 2 cycles per field of view.
    mlp = MLP(4, 16, 3, first_bias=True, seed=0)
    omega = 2 * np.pi * np.concatenate([np.eye(2), np.eye(2)])
    mapped = INR(Coordinates(), SinusoidalMapping(omega, [0, 0, math.pi / 2, math.pi / 2], mlp))
    same = MLP(4, 16, 3, first_bias=True, seed=0)
    with torch.no_grad():
        same.weights[0].mul_(1 / math.sqrt(2.0))  # our features carry a factor sqrt2
    encoded = INR(FourierFeatures(2.0 * np.eye(2), constant=False), same)
    grid = Grid(16, dim=2)
    np.testing.assert_allclose(mapped.on_grid(grid), encoded.on_grid(grid), atol=1e-13)


@pytest.mark.parametrize(
    ("make", "error", "match"),
    [
        (lambda: SinusoidalMapping(OMEGA, PHASE[:2], INNER["mlp"]()), ValueError, "phase"),
        (lambda: SinusoidalMapping(OMEGA[:2], PHASE[:2], INNER["mlp"]()), ValueError, "takes 3 features"),
        (lambda: SinusoidalMapping(OMEGA * np.nan, PHASE, INNER["mlp"]()), ValueError, "NaN"),
        (lambda: SinusoidalMapping(PHASE, PHASE, INNER["mlp"]()), ValueError, "shape"),
        (lambda: SinusoidalMapping(OMEGA, PHASE, ShallowReLU(3, 4)), TypeError, "ShallowReLU"),
    ],
)
def test_refused(make, error, match):
    with pytest.raises(error, match=match):
        make()
