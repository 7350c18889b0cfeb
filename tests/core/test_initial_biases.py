"""Initial biases of networks, and the optional bias of the first layer."""

import math

import numpy as np
import pytest
import torch

from srinr import INR, MLP, Coordinates, Siren
from srinr.analysis.tangent_kernel import TangentMethod, tangent_kernel
from srinr.networks.base import BiasInit


def networks(bias_init):
    return (
        MLP(2, width=50, depth=4, init_gain=2.0, bias_init=bias_init, first_bias=True),
        Siren(2, width=50, depth=4, bias_init=bias_init),
    )


def test_zero_biases_leave_the_weights_alone():
    for zero, usual in zip(networks(BiasInit.HAIKU_ZERO), networks(BiasInit.PYTORCH), strict=True):
        for name, value in zero.named_parameters():
            if "bias" in name:
                assert not value.any()
        assert torch.equal(zero.first_weight, usual.first_weight)
        assert usual.first_bias.detach().abs().max() > 0


@pytest.mark.parametrize("bias_init", [BiasInit.PYTORCH, BiasInit.SIREN_UNIFORM])
def test_biases_fill_their_interval(bias_init):
    mlp, siren = networks(bias_init)
    own = bias_init is BiasInit.SIREN_UNIFORM
    expected = {
        "mlp": (mlp.biases[0], (2.0 if own else 1.0) / math.sqrt(50)),
        "first of mlp": (mlp.first_bias, (2.0 if own else 1.0) / math.sqrt(2)),
        "siren": (siren.biases[1], math.sqrt(6 / 50) / 30 if own else 1.0 / math.sqrt(50)),
        "first of siren": (siren.biases[0], 0.5 if own else 1.0 / math.sqrt(2)),
    }
    for name, (bias, bound) in expected.items():
        largest = float(bias.detach().abs().max())
        assert 0.8 * bound < largest <= bound, name


def test_first_bias_is_trained_saved_and_seen_by_the_kernel(tmp_path):
    inr = INR(Coordinates(), MLP(2, width=6, depth=3, first_bias=True, seed=1))
    assert inr.n_parameters == INR(Coordinates(), MLP(2, width=6, depth=3)).n_parameters + 6
    inr.save(tmp_path / "inr.safetensors")
    points = np.random.default_rng(0).random((9, 2))
    loaded = INR.load(tmp_path / "inr.safetensors")
    np.testing.assert_array_equal(loaded.image(points), inr.image(points))
    assert torch.equal(loaded.network.first_bias, inr.network.first_bias)
    layers = tangent_kernel(inr, points, method=TangentMethod.LAYERS)
    autodiff = tangent_kernel(inr, points, method=TangentMethod.AUTODIFF)
    np.testing.assert_allclose(layers, autodiff, rtol=1e-12, atol=1e-12)
    with torch.no_grad():
        inr.network.input_bias += 1.0
    assert np.abs(loaded.image(points) - inr.image(points)).max() > 1e-3
