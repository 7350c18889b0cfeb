"""Imperfect recovery: ceilings, empty bins, what trained mappings change, and the networks of figures 2, 6, 7, 8."""

import math

import numpy as np
import pytest
import torch

from srinr import INR, MLP, Adam, Coordinates, Grid, ShallowReLU
from srinr.analysis.harmonic_support import reachable_bins
from srinr.analysis.input_mapping import mapping_frequencies, mapping_is_fixed
from srinr.analysis.spectrum import psnr_ceiling
from srinr.harmonic_figures import show_recoveries
from srinr.status import Status
from srinr.studies.imperfect_recovery import (
    QUICK,
    StandIn,
    mapping_ceiling,
    reachable_support,
    recover_image,
    stand_in_image,
)
from srinr.studies.recovery_networks import (
    figure_2_networks,
    gaussian_features,
    learnable_gaussian_features,
    learnable_single_frequency,
    mapping_networks,
    rich_siren,
    single_frequency,
    single_frequency_siren,
)

IMAGE = stand_in_image(size=16)
EVEN = reachable_bins(Grid(IMAGE.shape), 2 * np.eye(2))
SMALL = {"width": 32}


def trained(inr, n_steps=120, rate=3e-3):
    return recover_image(inr, IMAGE, n_steps, optimizer=Adam(rate), progress=False)


@pytest.fixture(scope="module")
def figure_2():
    networks = figure_2_networks(width=32, n_frequencies=64)
    return [trained(inr) for inr in networks.values()]


def test_published_ceilings():
    inr = single_frequency(1.0, width=4)
    camera = stand_in_image(StandIn.CAMERA)
    assert camera.shape == (512, 512)
    assert round(mapping_ceiling(inr, camera), 2) == 11.44
    astronaut = stand_in_image(StandIn.ASTRONAUT, 64)
    assert mapping_ceiling(inr, astronaut) == pytest.approx(psnr_ceiling(astronaut, (2, 2)), abs=1e-10)
    assert mapping_ceiling(single_frequency(0.5, width=4), astronaut) is None
    assert mapping_ceiling(single_frequency(2.0, width=4), astronaut) == pytest.approx(
        psnr_ceiling(astronaut, (4, 4)), abs=1e-10
    )


def test_figure_2_orders_the_mappings(figure_2):
    a, b, c = figure_2
    assert a.psnr > c.psnr > b.psnr
    assert b.psnr <= b.psnr_ceiling < c.psnr
    assert b.psnr > b.psnr_ceiling - 0.5, "the training comes close to the ceiling"
    assert a.psnr_ceiling is None
    assert c.psnr_ceiling is None


def test_unit_frequency_leaves_its_bins_empty_and_says_what_that_costs(figure_2):
    a, b, c = figure_2
    assert b.unreachable_in_reconstruction < 1e-12
    error = ((b.reconstruction - IMAGE) ** 2).mean()
    assert error >= b.unreachable_in_image * (IMAGE**2).mean()
    assert b.unreachable_in_image == pytest.approx(b.image_spectrum.energy_outside(EVEN), abs=1e-15)
    np.testing.assert_array_equal(b.image_spectrum.coefficients, a.image_spectrum.coefficients)
    for free in (a, c):
        assert free.reconstruction_spectrum.energy_outside(EVEN) > 0.01
    assert c.unreachable_in_image == 0.0
    assert a.unreachable_in_image is None, "Gaussian frequencies leak into every bin"
    assert len(b.losses) == 120
    assert b.status is Status.MAX_STEPS
    image_db, reconstruction_db = b.decibels(floor=-80.0)
    assert image_db.shape == reconstruction_db.shape == IMAGE.shape
    assert reconstruction_db[~EVEN].max() == -80.0


def test_training_the_mapping_fills_the_empty_bins():
    frozen, learned = (
        trained(single_frequency_siren(1.0, train_mapping=train, **SMALL), rate=1e-3)
        for train in (False, True)
    )
    assert frozen.unreachable_in_reconstruction < 1e-12
    assert frozen.psnr <= frozen.psnr_ceiling
    assert learned.psnr_ceiling is None
    assert learned.reconstruction_spectrum.energy_outside(EVEN) > 1e-4
    assert learned.psnr > frozen.psnr
    start = single_frequency_siren(1.0, **SMALL).network
    assert torch.equal(frozen.inr.network.first_weight, start.first_weight)
    assert torch.equal(frozen.inr.network.first_bias, start.first_bias)
    assert not torch.equal(learned.inr.network.first_weight, start.first_weight)


def test_sines_alone_have_a_lower_ceiling_than_pairs_that_the_phase_moves():
    pair = mapping_ceiling(single_frequency(1.0, **SMALL), IMAGE)
    sines = [
        mapping_ceiling(single_frequency_siren(1.0, phase=phi, **SMALL), IMAGE) for phi in (0.0, math.pi / 4)
    ]
    assert max(sines) < pair
    assert sines[0] != pytest.approx(sines[1], abs=1e-3)
    assert mapping_ceiling(single_frequency_siren(1.0, train_mapping=True, **SMALL), IMAGE) is None
    # Half the frequency does not repeat, but it mirrors too: sin(pi r) is even about r = 1/2.
    assert pair < mapping_ceiling(single_frequency_siren(0.5, **SMALL), IMAGE) < math.inf


def test_random_first_layers_stay_when_frozen():
    frozen = rich_siren(30.0, **SMALL)
    start = frozen.network.first_weight.detach().clone(), frozen.network.first_bias.detach().clone()
    after = trained(frozen, 5).inr.network
    assert torch.equal(after.first_weight, start[0])
    assert torch.equal(after.first_bias, start[1])
    assert not torch.equal(after.weights[1], frozen.network.weights[1])
    moved = trained(rich_siren(30.0, train_mapping=True, **SMALL), 5).inr.network
    assert not torch.equal(moved.first_weight, start[0])


def test_the_networks_have_the_published_mappings():
    assert mapping_frequencies(single_frequency_siren(1.0)).tolist() == [[2.0, 0.0], [0.0, 2.0]]
    literal = mapping_frequencies(single_frequency_siren(1.0, literal=True))
    np.testing.assert_allclose(literal, np.eye(2) / np.pi, atol=1e-15)  # 1 rad per unit, two units
    assert reachable_support(single_frequency_siren(1.0, literal=True), Grid((8, 8))) is None
    assert mapping_frequencies(learnable_single_frequency(0.5)).tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]
    gaussian = mapping_frequencies(gaussian_features(10.0))
    assert gaussian.shape == (256, 2)
    assert np.std(gaussian) == pytest.approx(20.0, rel=0.1)
    learnable = learnable_gaussian_features(1.0)
    assert np.std(mapping_frequencies(learnable)) == pytest.approx(2.0, rel=0.1)
    assert learnable.network.first_weight.shape == (512, 2)
    for inr in (single_frequency(), gaussian_features()):
        shapes = [tuple(w.shape) for w in inr.network.weights]
        assert shapes == [(256, inr.encoding.n_features), (256, 256), (256, 256), (1, 256)]
        assert not any(b.any() for b in [*inr.network.biases, inr.network.first_bias])
    inner = single_frequency_siren(1.0).network.network
    assert [tuple(w.shape) for w in inner.weights] == [(256, 2), (256, 256), (256, 256), (1, 256)]
    bound = math.sqrt(6 / 2) / 30
    assert 0.95 * bound < float(inner.weights[0].detach().abs().max()) <= bound
    assert rich_siren().network.depth == 5
    names = mapping_networks(width=4, n_frequencies=4)
    assert len(names) == 9
    assert [mapping_is_fixed(inr) for inr in names.values()] == [True] * 3 + [False] * 6


def test_any_real_inr_can_be_studied(figure_2):
    for inr in (INR(Coordinates(), MLP(2, 8, 3)), INR(Coordinates(), ShallowReLU(2, 8))):
        found = trained(inr, 2)
        assert found.psnr_ceiling is None
        assert found.unreachable_in_image is None
    figure = show_recoveries(figure_2, ["a", "b", "c"], center=8)
    assert len(figure.axes) == 3 * 4 + 2
    titles = [axis.get_title() for axis in figure.axes if axis.get_title()]
    assert titles[0] == "target"
    assert f"{figure_2[1].psnr_ceiling:.2f}" in titles[2]
    wrapped = show_recoveries(figure_2, ["a", "b", "c"], n_columns=2)
    assert len(wrapped.axes) == 2 * 3 + 2 * 2 + 2, "the target begins each row"
    with pytest.raises(ValueError, match="one title"):
        show_recoveries(figure_2, ["a"])
    with pytest.raises(ValueError, match="one image"):
        other = recover_image(single_frequency(1.0, width=4), IMAGE.T, 1, progress=False)
        show_recoveries([figure_2[0], other], ["a", "b"])


def test_what_does_not_fit_is_refused():
    inr = single_frequency(width=4)
    with pytest.raises(ValueError, match="color"):
        recover_image(inr, np.zeros((4, 4, 3)), 1)
    with pytest.raises(ValueError, match="dimension 1"):
        recover_image(INR(Coordinates(1), MLP(1, 4, 2)), IMAGE, 1)
    with pytest.raises(ValueError, match="complex"):
        network = MLP(4, 4, 2, out_features=2)
        recover_image(INR(inr.encoding, network, complex_output=True), IMAGE, 1)
    assert "32 x 32 pixels, width 64" in str(QUICK)
