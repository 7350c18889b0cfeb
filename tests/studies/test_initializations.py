"""Comparison of starts: what must hold for starts of known quality, and that wrong ones are told apart."""

import numpy as np
import pytest
import torch

from srinr import INR, Coordinates, Grid, Siren
from srinr.image_families import ImageFamily, faces
from srinr.meta_files import load_initialization
from srinr.meta_learning import MetaMethod, MetaOptions, maml
from srinr.pretraining import adaptation_psnr, pretrain
from srinr.status import SrinrError
from srinr.studies.initializations import RATES, best_rate, compare_initializations
from srinr.studies.meta_starts import StartSettings, initialization_path, meta_start, pretrained_starts

SIZE = 8
TINY = StartSettings(
    width=16, outer_steps=40, outer_rate=3e-3, reptile_rate=3e-3, reptile_inner_steps=2, pretraining_steps=(2, 5)
)  # fmt: skip


@pytest.fixture(scope="module")
def families():
    return faces(SIZE).split(80)


def siren(seed=0):
    return INR(Coordinates(), Siren(2, 16, 4, seed=seed))


def silent(inr):
    """The same network with a hidden layer that is zero: its kernel is that of a constant."""
    out = inr.copy()
    with torch.no_grad():
        out.module.weights[-1].zero_()
        for weight, bias in zip(out.module.weights[:-1], out.module.biases[:-1], strict=True):
            weight.zero_()
            bias.zero_()
    return out


def test_figures_are_those_of_the_parts(families):
    train, test = families
    found = compare_initializations({"a": siren()}, {"faces": test}, train, n_steps=2).entry("a", "faces")
    rate = max(
        RATES, key=lambda r: np.nan_to_num(adaptation_psnr(siren(), train, 2, r), nan=-np.inf)[:, -1].mean()
    )
    assert found.best_rate == rate
    np.testing.assert_array_equal(found.psnr_fixed, adaptation_psnr(siren(), test, 2, 1e-2))
    np.testing.assert_array_equal(found.psnr_best, adaptation_psnr(siren(), test, 2, rate))


def test_meta_learned_start_wins_and_random_starts_do_not(families):
    train, test = families
    learned = learned_on(train)
    starts = {"random": siren(), "other seed": siren(1), "learned": learned}
    compared = compare_initializations(starts, {"faces": test}, train)
    assert compared.gain("learned", "random", "faces") > 3.0
    assert abs(compared.gain("other seed", "random", "faces")) < 2.0
    assert compared.gain("random", "random", "faces") == 0.0
    assert compared.entry("learned", "faces").concentration > compared.entry("random", "faces").concentration
    assert compared.order_agreement("faces") > 0


def learned_on(train):
    return maml(siren(), train, MetaOptions(outer_steps=60, outer_rate=3e-3), dtype=torch.float32).inr


def test_a_start_without_a_dictionary_is_told_apart(families):
    train, test = families
    compared = compare_initializations(
        {"random": siren(), "silent": silent(siren())}, {"faces": test}, train, n_steps=8
    )
    # The constant eigenvector is all it has: nothing of an image without its mean lies there.
    assert compared.entry("silent", "faces").concentration < 1e-20
    assert compared.gain("silent", "random", "faces") < -1.0
    assert compared.entry("silent", "faces").leading_share == 1 / SIZE**2


def test_leading_share_is_the_concentration_of_white_noise(families):
    train, _ = families
    noise = ImageFamily(np.random.default_rng(0).random((4000, SIZE, SIZE)), range(4000), "white noise")
    found = compare_initializations({"a": siren()}, {"noise": noise}, train, n_steps=0).entry("a", "noise")
    # The constant, one direction of 64, is not in the noise once its mean is removed.
    assert found.concentration == pytest.approx(found.leading_share, abs=2 / SIZE**2)
    assert 0.05 < found.leading_share < 0.95


def test_best_rate_looks_at_the_training_images_only(families):
    train, test = families
    rate = best_rate(siren(), train, 2)
    dark = ImageFamily(0.01 * test.images, test.names, "dark")
    both = [
        compare_initializations({"a": siren()}, {"x": family}, train, n_steps=2).entry("a", "x").best_rate
        for family in (test, dark)
    ]
    assert both == [rate, rate]


def test_a_diverging_rate_is_never_the_best(families):
    train, _ = families
    assert best_rate(siren(), train, 3, rates=(1e3, 1e-4, 1e2)) == 1e-4


def test_pixels_that_were_fitted_do_not_count_with_a_mask(families):
    train, _ = families
    mask = np.zeros((SIZE, SIZE), dtype=bool)
    mask[:, ::2] = True
    overfitted = pretrain(siren(), train.images[0], 300, mask=mask).inr
    one = ImageFamily(train.images[:1], ["one"], "one")
    compared = compare_initializations({"a": overfitted}, {"x": one}, train, n_steps=0, mask=mask).entry(
        "a", "x"
    )
    error = (overfitted.on_grid(Grid(one.shape)) - train.images[0])[~mask]
    assert compared.psnr_fixed[0, 0] == pytest.approx(-10 * np.log10(np.square(error).mean()), abs=1e-9)


def test_order_agreement_is_a_rank_correlation(families):
    train, test = families
    starts = {str(seed): siren(seed) for seed in range(4)}
    compared = compare_initializations(starts, {"faces": test}, train, n_steps=1)
    entries = compared.on("faces")
    order = [np.argsort(np.argsort(values)) for values in (
        [e.concentration for e in entries], [e.psnr_best[:, -1].mean() for e in entries])]  # fmt: skip
    n = len(entries)
    expected = 1 - 6 * np.square(order[0] - order[1]).sum() / (n * (n**2 - 1))
    assert compared.order_agreement("faces") == pytest.approx(expected)


def test_refusals_name_what_is_wrong(families):
    train, test = families
    with pytest.raises(ValueError, match="at least one start"):
        compare_initializations({}, {"faces": test}, train)
    with pytest.raises(ValueError, match=r"'big' has images of \(9, 9\)"):
        compare_initializations({"a": siren()}, {"big": faces(9)}, train)
    compared = compare_initializations({"a": siren()}, {"faces": test}, train, n_steps=1)
    with pytest.raises(ValueError, match=r"no start 'b'.*\('a', 'faces'\)"):
        compared.entry("b", "faces")
    with pytest.raises(ValueError, match="at least 3 starts"):
        compared.order_agreement("faces")


@pytest.mark.parametrize("method", [MetaMethod.MAML, MetaMethod.REPTILE])
def test_learned_once_then_read(method, tmp_path):
    short = StartSettings(**{**vars(TINY), "outer_steps": 3})
    first = meta_start(short, method, 0, tmp_path)
    stored = load_initialization(initialization_path(short, method, 0, tmp_path))
    again = meta_start(short, method, 0, tmp_path)
    for other in (stored, again):
        assert other.n_steps == 3 and other.method is method
        for p, q in zip(first.inr.parameters(), other.inr.parameters(), strict=True):
            assert torch.equal(p, q)
    # A longer run goes on from the checkpoint; another start is refused rather than mixed in.
    assert meta_start(StartSettings(**{**vars(TINY), "outer_steps": 5}), method, 0, tmp_path).n_steps == 5
    with pytest.raises(SrinrError, match="another problem"):
        meta_start(StartSettings(**{**vars(TINY), "output_shift": 0.0}), method, 0, tmp_path)


def test_pretrained_starts_are_snapshots_of_one_run(tmp_path):
    kept = pretrained_starts(TINY, 0, 0, tmp_path)
    train, _ = TINY.families()
    assert list(kept) == [2, 5]
    direct = pretrain(TINY.random(0), train.images[0], 2, dtype=torch.float32).inr
    for p, q in zip(direct.parameters(), kept[2].parameters(), strict=True):
        assert torch.equal(p, q)
    assert not torch.equal(next(kept[2].parameters()), next(kept[5].parameters()))
    with pytest.raises(ValueError, match=r"0\.\.79"):
        pretrained_starts(TINY, 80, 0, tmp_path)
