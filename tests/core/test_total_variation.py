"""Total variation: its value on images whose value is known, its gradient, its independence of grid and chunks."""

import numpy as np
import pytest
import torch

from srinr.domain import Grid, lowpass_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.fit_problem import fingerprint
from srinr.inr import INR
from srinr.networks.mlp import MLP
from srinr.networks.shallow import ShallowReLU
from srinr.operators.fourier import FourierOperator
from srinr.regularizers import Regularizer, TotalVariation
from srinr.samples import FourierSamples
from srinr.stages import Stage
from srinr.training import fit

WHOLE = 10**9


class Painted:
    """Stands for an INR whose pixels are given by a function of the grid's points."""

    def __init__(self, function):
        self.function = function

    def pixels(self, grid, *, chunk_size=None):
        return torch.from_numpy(self.function(grid.points).reshape(grid.shape))


def value(image, shape, smoothing=1e-3):
    grid = Grid(shape)
    operator = FourierOperator(grid, lowpass_frequencies(1, grid.dim))
    regularizer = TotalVariation(1.0, smoothing)
    return float(regularizer.evaluate(Painted(image), operator, grid, WHOLE)[1])


def deep_inr(*, out_features=1, seed=0):
    encoding = FourierFeatures.lattice(2, dim=2)
    network = MLP(encoding.n_features, 7, 3, seed=seed, out_features=out_features, init_gain=2.0)
    return INR(encoding, network, complex_output=out_features == 2)


def wave(points):
    return np.sin(2 * np.pi * points[:, 0])


def disc(points):
    return 2.0 * (np.hypot(points[:, 0] - 0.5, points[:, 1] - 0.5) < 0.3)


def test_a_wave_has_its_total_variation():
    # The variation of sin over one period is 4.
    assert value(wave, (512, 4), smoothing=1e-6) == pytest.approx(4.0, rel=1e-3)


def test_a_constant_has_none_and_a_jump_counts_across_the_border():
    assert value(lambda p: np.full(len(p), 7.0), (16, 12)) == 0.0
    stripe = value(lambda p: 3.0 * (p[:, 0] < 0.5), (16, 12), smoothing=1e-9)
    assert stripe == pytest.approx(2 * 3.0, rel=1e-6), "two edges, one of them where the torus closes"


def test_a_disc_has_perimeter_times_jump_within_the_anisotropy_of_forward_differences():
    exact = 2.0 * 2 * np.pi * 0.3
    found = value(disc, (256, 256))
    assert exact * 0.99 < found < exact * 1.35, f"{found} against {exact}"


@pytest.mark.parametrize("image", [wave, disc], ids=["wave", "disc"])
def test_grids_agree(image):
    values = [value(image, shape) for shape in ((128, 128), (256, 256), (256, 192))]
    np.testing.assert_allclose(values, values[0], rtol=0.04)


def test_one_and_three_dimensions():
    assert value(wave, (256,), smoothing=1e-6) == pytest.approx(4.0, rel=1e-3)
    assert value(wave, (64, 3, 5), smoothing=1e-6) == pytest.approx(4.0, rel=1e-2)


def test_it_is_homogeneous_up_to_the_smoothing_and_bounded_by_the_unsmoothed():
    one, ten = value(disc, (64, 64)), value(lambda p: 10 * disc(p), (64, 64))
    assert ten == pytest.approx(10 * one, rel=2e-3)
    assert value(disc, (64, 64), smoothing=0.1) < value(disc, (64, 64), smoothing=1e-9)


def test_a_complex_image_counts_both_parts_under_one_root():
    turned = value(lambda p: disc(p) * np.exp(0.7j), (64, 64))
    assert turned == pytest.approx(value(disc, (64, 64)), rel=1e-12)


@pytest.mark.parametrize("out_features", [1, 2], ids=["real", "complex"])
def test_the_gradient_is_that_of_finite_differences(out_features):
    inr = deep_inr(out_features=out_features)
    grid = Grid((9, 8))
    operator = FourierOperator(grid, lowpass_frequencies(2))
    regularizer = TotalVariation(1.0, smoothing=0.05)
    penalty = regularizer.evaluate(inr, operator, grid, WHOLE)[1]
    parameters = list(inr.parameters())
    gradients = torch.autograd.grad(penalty, parameters)
    rng = np.random.default_rng(0)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        direction = torch.from_numpy(rng.standard_normal(tuple(parameter.shape)))
        step, ends = 1e-6, []
        for sign in (1, -1):
            with torch.no_grad():
                parameter.add_(sign * step * direction)
                ends.append(float(regularizer.evaluate(inr, operator, grid, WHOLE)[1]))
                parameter.sub_(sign * step * direction)
        difference = (ends[0] - ends[1]) / (2 * step)
        assert float((gradient * direction).sum()) == pytest.approx(difference, rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("out_features", [1, 2], ids=["real", "complex"])
def test_chunks_change_nothing(out_features):
    grid = Grid((12, 10))
    operator = FourierOperator(grid, lowpass_frequencies(2))
    found = []
    for chunk_size in (WHOLE, 25):
        inr = deep_inr(out_features=out_features)
        prediction, penalty = TotalVariation(1.0).evaluate(inr, operator, grid, chunk_size)
        gradients = torch.autograd.grad(penalty + prediction.abs().square().sum(), list(inr.parameters()))
        found.append([prediction.detach(), penalty.detach(), *gradients])
    for whole, cut in zip(*found, strict=True):
        torch.testing.assert_close(cut, whole, rtol=1e-10, atol=1e-12)


def test_the_prediction_is_that_of_the_operator():
    inr, grid = deep_inr(), Grid((12, 10))
    operator = FourierOperator(grid, lowpass_frequencies(2))
    prediction, _ = TotalVariation(0.0).evaluate(inr, operator, grid, WHOLE)
    np.testing.assert_allclose(
        prediction.detach().numpy(), operator.forward(inr.on_grid(grid)), rtol=1e-10, atol=1e-13
    )


def test_training_with_it_lowers_the_variation():
    grid = Grid(16, dim=2)
    encoding = FourierFeatures.lattice(2, dim=2)
    start = INR(encoding, ShallowReLU(encoding.n_features, 12, seed=0))
    samples = FourierSamples([[0, 0], [1, 0], [-1, 0]], [0.5, 0.2, 0.2])
    operator = FourierOperator(grid, samples.frequencies)
    free = fit(start, operator, samples, max_steps=60)
    held = fit(start, operator, samples, regularizer=TotalVariation(0.02), max_steps=60)
    before, after = (
        float(TotalVariation(1.0).evaluate(r.image, operator, grid, WHOLE)[1].detach()) for r in (free, held)
    )
    assert after < before
    assert held.total_variation is None, "it is no weighting of neurons"
    assert held.regularization == pytest.approx(after, rel=1e-9)


def test_another_smoothing_is_another_problem():
    samples = FourierSamples([[0, 0]], [1.0])
    prints = {
        fingerprint(deep_inr(), samples, TotalVariation(1.0, s), (Stage(3),), None, torch.float64)
        for s in (1e-3, 1e-2)
    }
    assert len(prints) == 2, "a checkpoint of the one must not be resumed with the other"


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
def test_wrong_numbers_are_refused(bad):
    with pytest.raises(ValueError, match="strength"):
        TotalVariation(bad)
    with pytest.raises(ValueError, match="smoothing"):
        TotalVariation(1.0, bad)
    with pytest.raises(ValueError, match="smoothing"):
        TotalVariation(1.0, 0.0)


def test_it_is_a_regularizer():
    assert isinstance(TotalVariation(1.0), Regularizer)
    assert TotalVariation(1.0).weighting(deep_inr(), None, Grid(4, dim=2)) is None
