"""Weightings against brute force, the lemma of balancing, and the door for user-supplied weightings."""

import numpy as np
import pytest
import torch

from problems import problem, teacher
from srinr.domain import Grid, lowpass_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.encodings.identity import Coordinates
from srinr.inr import INR
from srinr.networks.mlp import MLP
from srinr.networks.shallow import ShallowReLU
from srinr.networks.siren import Siren
from srinr.operators.fourier import FourierOperator
from srinr.operators.mri import CoilSensitivity
from srinr.regularizers import (
    CustomWeightDecay,
    FourierWeightDecay,
    IntegralWeightDecay,
    Regularizer,
    WeightDecay,
)

GRID = Grid((12, 11))
WHOLE = 10**9


def absolute_sum(w):
    return w.abs().sum(dim=1)


def custom(strength, n_features=25):
    return CustomWeightDecay(absolute_sum, strength, n_features=n_features)


MAKERS = {
    "standard": WeightDecay,
    "Fourier": FourierWeightDecay,
    "integral": IntegralWeightDecay,
    "user": custom,
}


@pytest.fixture(params=MAKERS, name="regularizer")
def _regularizer(request):
    return MAKERS[request.param](0.3)


def shallow(*, width=5, out_features=1, seed=2):
    encoding = FourierFeatures.lattice(2, dim=2)
    network = ShallowReLU(encoding.n_features, width, seed=seed, out_features=out_features)
    return INR(encoding, network, complex_output=out_features == 2)


def lowpass():
    return FourierOperator(GRID, lowpass_frequencies(3))


def with_coils(n_coils=2):
    rng = np.random.default_rng(3)
    maps = rng.standard_normal((n_coils, *GRID.shape)) + 1j * rng.standard_normal((n_coils, *GRID.shape))
    return lowpass() @ CoilSensitivity(maps)


def hidden_images(inr, grid=GRID):
    """Images of the neurons, from the features point by point."""
    gamma = inr.encoding.features(torch.from_numpy(grid.points)).numpy()
    return np.maximum(gamma @ inr.network.inner.detach().numpy().T, 0).T.reshape(-1, *grid.shape)


def brute_force_rho(name, inr, operator, grid=GRID):
    w = inr.network.inner.detach().numpy()
    images = hidden_images(inr, grid)
    return {
        "standard": lambda: np.linalg.norm(w, axis=1),
        "Fourier": lambda: np.array([np.linalg.norm(operator.forward(image)) for image in images]),
        "integral": lambda: images.mean(axis=(1, 2)),
        "user": lambda: np.abs(w).sum(axis=1),
    }[name]()


@pytest.mark.parametrize("out_features", [1, 2])
@pytest.mark.parametrize("make_operator", [lowpass, with_coils, lambda: FourierOperator(GRID)])
@pytest.mark.parametrize("name", MAKERS)
def test_prediction_and_penalty_by_brute_force(name, make_operator, out_features):
    inr, operator, regularizer = shallow(out_features=out_features), make_operator(), MAKERS[name](0.3)
    assert isinstance(regularizer, Regularizer)
    prediction, penalty = regularizer.evaluate(inr, operator, GRID, WHOLE)
    expected = operator.forward(inr.on_grid(GRID))
    assert tuple(prediction.shape) == operator.out_shape
    np.testing.assert_allclose(prediction.detach().numpy(), expected, atol=1e-13)
    rho = brute_force_rho(name, inr, operator)
    np.testing.assert_allclose(regularizer.weighting(inr, operator, GRID).detach().numpy(), rho, atol=1e-13)
    outer = inr.network.outer.detach().numpy()
    assert float(penalty.detach()) == pytest.approx(0.5 * ((outer**2).sum() + (rho**2).sum()), rel=1e-12)


def test_order_of_the_weightings():
    # integral <= Fourier <= |w| for the full set of frequencies (k = 0 is one of them; Parseval).
    inr, operator = shallow(width=30), FourierOperator(GRID, lowpass_frequencies(5))
    rho = {name: make(1.0).weighting(inr, operator, GRID).detach() for name, make in MAKERS.items()}
    assert (rho["integral"] <= rho["Fourier"] + 1e-12).all()
    assert (rho["Fourier"] <= rho["standard"] + 1e-12).all()
    mean = torch.from_numpy(hidden_images(inr)).mean(dim=(1, 2))
    torch.testing.assert_close(rho["integral"], mean)


def test_dead_neurons_cost_nothing_in_the_modified_weightings():
    inr = shallow(width=1)
    with torch.no_grad():
        inr.network.inner.zero_()
        inr.network.inner[0, -1] = -1.0
    for make in (FourierWeightDecay, IntegralWeightDecay):
        assert float(make(1.0).weighting(inr, lowpass(), GRID).detach()) == 0.0
    assert float(WeightDecay(1.0).weighting(inr, lowpass(), GRID).detach()) == 1.0


def test_balancing_makes_the_penalty_the_total_variation(regularizer):
    """Rescaling neurons leaves the image; the least penalty is ``sum |a| rho(w)``, where ``|a| = rho(w)``."""
    inr, operator = shallow(), lowpass()
    rho = regularizer.weighting(inr, operator, GRID).detach()
    a = inr.network.outer.detach()[0]
    variation = float((a.abs() * rho).sum())

    def rescaled(factor):
        other = inr.copy()
        with torch.no_grad():
            other.network.inner.mul_(factor[:, None])
            other.network.outer.div_(factor)
        return other

    balanced = rescaled((a.abs() / rho).sqrt())
    np.testing.assert_allclose(balanced.on_grid(GRID), inr.on_grid(GRID), atol=1e-13)
    penalty = regularizer.evaluate(balanced, operator, GRID, WHOLE)[1]
    assert float(penalty.detach()) == pytest.approx(variation, rel=1e-12)
    torch.testing.assert_close(
        regularizer.weighting(balanced, operator, GRID).detach(), balanced.network.outer.detach()[0].abs()
    )
    rng = np.random.default_rng(0)
    for _ in range(5):
        other = rescaled(torch.from_numpy(np.exp(rng.standard_normal(5))))
        assert float(regularizer.evaluate(other, operator, GRID, WHOLE)[1].detach()) >= variation - 1e-12


@pytest.mark.parametrize("chunk_size", [1, 7, 40, 131, 132, 10**6])
@pytest.mark.parametrize("out_features", [1, 2])
def test_chunks_change_nothing(regularizer, chunk_size, out_features):
    inr, operator = shallow(out_features=out_features), with_coils()

    def losses(size):
        prediction, penalty = regularizer.evaluate(inr, operator, GRID, size)
        loss = prediction.abs().square().sum() + penalty
        return prediction, penalty, torch.autograd.grad(loss, list(inr.parameters()))

    whole, parts = losses(WHOLE), losses(chunk_size)
    torch.testing.assert_close(parts[0], whole[0], atol=1e-13, rtol=1e-11)
    torch.testing.assert_close(parts[1], whole[1], rtol=1e-12, atol=0)
    for one, other in zip(parts[2], whole[2], strict=True):
        torch.testing.assert_close(one, other, atol=1e-12, rtol=1e-9)


@pytest.mark.parametrize("out_features", [1, 2])
def test_gradient(regularizer, out_features):
    """Directional derivatives against central differences."""
    inr, operator = shallow(width=3, out_features=out_features), with_coils()
    parameters = list(inr.parameters())
    start = [p.detach().clone() for p in parameters]
    direction = [torch.randn_like(p) for p in start]

    def losses(step):
        with torch.no_grad():
            for p, value, d in zip(parameters, start, direction, strict=True):
                p.copy_(value + step * d)
        prediction, penalty = regularizer.evaluate(inr, operator, GRID, WHOLE)
        return torch.stack([prediction.abs().square().sum(), penalty])

    for index in (0, 1):
        gradient = torch.autograd.grad(losses(0.0)[index], parameters, allow_unused=True)
        slope = sum(float((g * d).sum()) for g, d in zip(gradient, direction, strict=True) if g is not None)
        difference = float(((losses(1e-6) - losses(-1e-6))[index] / 2e-6).detach())
        assert slope == pytest.approx(difference, rel=1e-6, abs=1e-8)


def test_weighting_does_not_hold_all_hidden_images(monkeypatch):
    """``fit`` asks for it at the end of a training that was cut into chunks for want of memory."""
    largest = []
    encode = FourierFeatures.linear_on_grid

    def spy(self, weight, grid, rows=None):
        result = encode(self, weight, grid, rows)
        largest.append(result.numel())
        return result

    inr, grid = shallow(width=200), Grid((256, 256))
    operator = FourierOperator(grid, lowpass_frequencies(3))
    monkeypatch.setattr(FourierFeatures, "linear_on_grid", spy)
    with torch.no_grad():
        for make in (FourierWeightDecay, IntegralWeightDecay):
            make(1.0).weighting(inr, operator, grid)
    assert max(largest) <= 2**23, "at most 64 MB of hidden pixels at a time"


@pytest.mark.parametrize("network", [MLP(25, 4, 3), MLP(25, 4, 2), Siren(25, 4, 3)])
def test_standard_weight_decay_of_deep_networks(network):
    inr = INR(FourierFeatures.lattice(2, dim=2), network)
    prediction, penalty = WeightDecay(1.0).evaluate(inr, lowpass(), GRID, WHOLE)
    expected = 0.5 * sum(float(w.detach().square().sum()) for w in network.weights)
    assert float(penalty.detach()) == pytest.approx(expected), "weight matrices only, biases are free"
    np.testing.assert_allclose(prediction.detach().numpy(), lowpass().forward(inr.on_grid(GRID)), atol=1e-13)
    assert WeightDecay(1.0).weighting(inr, lowpass(), GRID) is None


@pytest.mark.parametrize("name", ["Fourier", "integral", "user"])
def test_other_weightings_need_a_shallow_network(name):
    inr = INR(Coordinates(), Siren(2, 4, 2))
    with pytest.raises(ValueError, match="ShallowReLU.*Siren; use WeightDecay"):
        MAKERS[name](1.0).evaluate(inr, lowpass(), GRID, WHOLE)


@pytest.mark.parametrize("strength", [-1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("make", MAKERS.values())
def test_strength_refused(make, strength):
    with pytest.raises(ValueError, match="strength"):
        make(strength)


BAD_WEIGHTINGS = {
    "not homogeneous (square)": (lambda w: w.square().sum(dim=1), "positively homogeneous"),
    "not homogeneous (offset)": (lambda w: w.norm(dim=1) + 1e-3, "positively homogeneous"),
    "not homogeneous (saturates)": (lambda w: w.norm(dim=1).clamp(max=100.0), "positively homogeneous"),
    "degree zero": (lambda w: w.norm(dim=1) / w.norm(dim=1).detach(), "positively homogeneous"),
    "negative": (lambda w: -w.norm(dim=1), "must be positive"),
    "signed": (lambda w: w.sum(dim=1), "must be positive"),
    "zero": (lambda w: 0 * w.norm(dim=1), "must be positive"),
    "NaN": (lambda w: w.norm(dim=1) * float("nan"), "positive"),
    "wrong shape": (lambda w: w.norm(), r"tensor \(P,\)"),
    "one column": (lambda w: w.norm(dim=1, keepdim=True), r"tensor \(P,\)"),
    "not a tensor": (lambda w: w.detach().norm(dim=1).numpy(), "ndarray"),
    "detached": (lambda w: w.detach().norm(dim=1), "differentiable"),
}


@pytest.mark.parametrize("name", BAD_WEIGHTINGS)
def test_inadmissible_weightings_are_refused(name):
    rho, message = BAD_WEIGHTINGS[name]
    with pytest.raises(ValueError, match=message):
        CustomWeightDecay(rho, 1.0, n_features=6)


def test_admissible_weightings_of_the_user():
    matrix = torch.from_numpy(np.random.default_rng(0).standard_normal((8, 6)))
    for rho in (lambda w: w.norm(dim=1), absolute_sum, lambda w: (w @ matrix.T).norm(dim=1),
                lambda w: torch.relu(w).sum(dim=1) + 0.1 * w.norm(dim=1)):  # fmt: skip
        assert CustomWeightDecay(rho, 0.5, n_features=6).strength == 0.5


def test_zero_strength_costs_nothing():
    inr, operator, _ = problem()
    prediction, penalty = WeightDecay(0.0).evaluate(inr, operator, operator.grid, WHOLE)
    assert float(penalty) == 0.0
    assert prediction.requires_grad


def test_total_variation_agrees_with_the_measure():
    inr = teacher(width=3, dim=2)
    operator = FourierOperator(GRID, lowpass_frequencies(2))
    rho = WeightDecay(1.0).weighting(inr, operator, GRID).detach()
    from srinr.inr import measure_from_inr

    expected = measure_from_inr(inr).total_variation()
    assert float(inr.network.outer.detach()[0].abs() @ rho) == pytest.approx(expected)
