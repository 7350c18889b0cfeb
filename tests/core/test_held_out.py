"""Held-out splits: disjoint, complete, of the right size, with pairs and coils kept together."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srinr.domain import lowpass_frequencies
from srinr.held_out import calibration_box, split_samples
from srinr.samples import FourierSamples


def coil_samples(cutoff=6, n_coils=3):
    k = lowpass_frequencies(cutoff)
    values = np.arange(n_coils * len(k)).reshape(n_coils, len(k)) + 1.0
    return FourierSamples(k, values)


@given(seed=st.integers(0, 1000), cutoff=st.integers(4, 12), hermitian=st.booleans())
def test_the_three_parts_are_a_partition_of_the_stated_sizes(seed, cutoff, hermitian):
    samples = coil_samples(cutoff)
    split = split_samples(samples, np.random.default_rng(seed), hermitian=hermitian)
    counts = split.fit_mask.astype(int) + split.choose_mask + split.report_mask
    assert (counts == 1).all()
    m, slack = samples.n_samples, 2 if hermitian else 1
    assert abs(split.choose.n_samples - 0.05 * m) <= slack
    assert abs(split.report.n_samples - 0.10 * m) <= slack


def test_all_coils_of_a_position_go_together():
    samples = coil_samples()
    split = split_samples(samples, np.random.default_rng(0))
    assert split.report.values.shape == (3, split.report.n_samples)
    np.testing.assert_array_equal(split.report.values, samples.values[:, split.report_mask])


@given(seed=st.integers(0, 1000))
def test_conjugate_pairs_and_repeated_frequencies_go_together(seed):
    k = lowpass_frequencies(5)
    k = np.concatenate([k, k[:20]])
    split = split_samples(FourierSamples(k, np.ones(len(k))), np.random.default_rng(seed), hermitian=True)
    part = split.choose_mask + 2 * split.report_mask
    of = {}
    for frequency, number in zip(k, part, strict=True):
        pair = frozenset([tuple(frequency), tuple(-frequency)])
        assert of.setdefault(pair, number) == number


def test_without_hermitian_some_pair_is_torn_apart():
    # The test above could pass by chance only if this one failed.
    samples = coil_samples()
    split = split_samples(samples, np.random.default_rng(0))
    held = {tuple(k) for k in split.report.frequencies}
    assert any(tuple(-k) not in held for k in split.report.frequencies)


def test_the_calibration_box_is_always_fitted():
    samples = coil_samples()
    box = calibration_box(samples, (2, 4))
    assert box.sum() == 5 * 9
    for seed in range(20):
        split = split_samples(samples, np.random.default_rng(seed), always_fit=box)
        assert split.fit_mask[box].all()


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    samples = coil_samples()
    first, again, other = (split_samples(samples, np.random.default_rng(seed)) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.report_mask, again.report_mask)
    assert not np.array_equal(first.report_mask, other.report_mask)


def test_every_free_position_is_held_out_sometimes():
    samples = coil_samples(3)
    times = np.zeros(samples.n_samples)
    for seed in range(200):
        times += ~split_samples(samples, np.random.default_rng(seed)).fit_mask
    assert times.min() > 0
    assert times.max() < 80, "a position is drawn far too often for a uniform draw (expected 30 of 200)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"choose": 0.0}, "fractions"),
        ({"choose": 0.6, "report": 0.5}, "fractions"),
        ({"always_fit": np.ones(169)}, "boolean"),
        ({"always_fit": np.ones(3, dtype=bool)}, "shape"),
        ({"always_fit": np.ones(169, dtype=bool)}, "free to be held out"),
        ({"choose": 1e-4}, "cannot hold out 0"),
    ],
)
def test_wrong_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        split_samples(coil_samples(), np.random.default_rng(0), **arguments)


def test_a_seed_is_not_a_generator():
    with pytest.raises(TypeError, match="Generator"):
        split_samples(coil_samples(), 0)


def test_the_box_needs_one_half_width_per_axis():
    with pytest.raises(ValueError, match="half_widths"):
        calibration_box(coil_samples(), (1,))
