"""Networks: the published initializations, the door for the first layer, and wrong sizes."""

import json
import math

import numpy as np
import pytest
import torch

from srinr.networks.base import Network
from srinr.networks.mlp import MLP
from srinr.networks.shallow import ShallowReLU
from srinr.networks.siren import Siren

MAKERS = {
    "shallow": lambda **k: ShallowReLU(9, 6, **k),
    "mlp 2": lambda **k: MLP(9, 6, 2, **k),
    "mlp 4": lambda **k: MLP(9, 6, 4, **k),
    "siren 2": lambda **k: Siren(9, 6, 2, **k),
    "siren 4": lambda **k: Siren(9, 6, 4, omega_first=5.0, **k),
}


@pytest.fixture(params=MAKERS, name="make")
def _make(request):
    return MAKERS[request.param]


def test_the_protocol_holds(make):
    for out_features in (1, 2):
        network = make(out_features=out_features)
        assert isinstance(network, Network)
        assert network.out_features == out_features
        assert network.first_weight.shape == (6, 9)
        assert network.values_per_point >= 6
        assert all(p.dtype == torch.float64 and p.requires_grad for p in network.parameters())


def test_first_layer_then_the_rest_is_the_network(make):
    network = make(out_features=2)
    features = torch.randn(11, 9, dtype=torch.float64)
    pre = features @ network.first_weight.T
    if network.first_bias is not None:
        pre = pre + network.first_bias
    torch.testing.assert_close(network.after_first(pre), network(features))
    assert network(features).shape == (11, 2)


def test_seeds(make):
    features = torch.randn(4, 9, dtype=torch.float64)
    before = torch.random.get_rng_state()
    one, same, other = make(seed=3)(features), make(seed=3)(features), make(seed=4)(features)
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.random.get_rng_state(), before), "the global generator is not used"


def test_spec_round_trip(make):
    network = make(out_features=2, seed=5)
    rebuilt = type(network).from_spec(json.loads(json.dumps(network.spec())))
    rebuilt.load_state_dict(network.state_dict())
    features = torch.randn(4, 9, dtype=torch.float64)
    assert torch.equal(rebuilt(features), network(features))


def test_shallow_formula_and_initialization():
    network = ShallowReLU(400, 300, seed=0)
    w, a = network.inner.detach().numpy(), network.outer.detach().numpy()[0]
    features = np.random.default_rng(0).standard_normal((5, 400))
    expected = np.maximum(features @ w.T, 0) @ a
    np.testing.assert_allclose(network(torch.from_numpy(features)).detach().numpy()[:, 0], expected)
    assert 0.99 / 20 < np.abs(w).max() <= 1 / 20
    assert 0.098 < np.abs(a).max() <= 0.1
    assert network.width == 300
    assert w.mean() == pytest.approx(0, abs=1e-3)


def test_mlp_formula_and_initialization():
    network = MLP(50, 200, 3, seed=1)
    assert [p.shape for p in network.weights] == [(200, 50), (200, 200), (1, 200)]
    assert [p.shape for p in network.biases] == [(200,), (1,)]
    assert network.first_bias is None
    assert network.depth == 3
    x = torch.randn(5, 50, dtype=torch.float64)
    w, b = ([p.detach() for p in part] for part in (network.weights, network.biases))
    expected = torch.relu(torch.relu(x @ w[0].T) @ w[1].T + b[0]) @ w[2].T + b[1]
    torch.testing.assert_close(network(x), expected)
    assert float(w[1].abs().max()) <= 1 / math.sqrt(200)
    assert float(w[1].abs().max()) > 0.99 / math.sqrt(200)
    bound = math.sqrt(6 / 200)
    assert 0.99 * bound < float(MLP(50, 200, 3, init_gain=6**0.5).weights[1].detach().abs().max()) <= bound


def test_mlp_keeps_the_size_of_signals_with_the_larger_gain():
    x = torch.randn(200, 64, dtype=torch.float64)

    def spread(depth, gain):
        return float(MLP(64, 64, depth, seed=0, init_gain=gain)(x).std().detach())

    assert spread(8, 6**0.5) > 0.2 * spread(2, 6**0.5)
    assert spread(8, 1.0) < 0.2 * spread(2, 1.0), "with gain 1 a deep network starts almost constant"


def test_siren_formula_and_initialization():
    network = Siren(2, 256, 3, omega_first=20.0, omega_hidden=7.0, seed=2)
    x = torch.rand(5, 2, dtype=torch.float64) * 2 - 1
    w, b = ([p.detach() for p in part] for part in (network.weights, network.biases))
    h = torch.sin(20.0 * (x @ w[0].T + b[0]))
    h = torch.sin(7.0 * (h @ w[1].T + b[1]))
    torch.testing.assert_close(network(x), h @ w[2].T + b[2])
    assert 0.95 / 2 < float(w[0].abs().max()) <= 1 / 2
    bound = math.sqrt(6 / 256) / 7.0
    assert 0.99 * bound < float(w[1].abs().max()) <= bound


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ShallowReLU(0, 3), "n_features"),
        (lambda: ShallowReLU(3, 0), "width"),
        (lambda: ShallowReLU(3, 2.0), "width"),
        (lambda: ShallowReLU(3, 2, out_features=0), "out_features"),
        (lambda: MLP(3, 4, 1), "depth"),
        (lambda: MLP(3, 4, -2), "depth"),
        (lambda: MLP(3, "4", 2), "width"),
        (lambda: Siren(2, 4, 1), "depth"),
        (lambda: Siren(2, 4, 3, omega_first=0.0), "omega_first"),
        (lambda: Siren(2, 4, 3, omega_hidden=float("nan")), "omega_hidden"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
