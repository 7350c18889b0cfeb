"""Separable sums against the definition, for every parity and dimension, and for parts of the rows."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srinr.domain import Grid
from srinr.separable import analyze, synthesize, synthesize_differentiable, trig_matrix

CASES = [
    ((5,), (2,)), ((6,), (3,)), ((4,), (7,)), ((1,), (2,)),
    ((6, 5), (2, 1)), ((5, 8), (0, 3)), ((4, 4), (3, 0)), ((3, 4), (5, 6)),
    ((3, 4, 5), (1, 2, 1)), ((2, 3, 4), (2, 0, 3)),
]  # fmt: skip


def waves(shape, limits):
    """Matrix of ``exp(2 pi i k.x)``, grid points by box entries."""
    axes = [np.arange(-k, k + 1) for k in limits]
    box = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(limits))
    return np.exp(2j * np.pi * Grid(shape).points @ box.T)


@pytest.mark.parametrize(("shape", "limits"), CASES)
def test_analysis_is_the_definition(shape, limits, rng):
    x = rng.standard_normal((2, 3, *shape))
    result = analyze(torch.from_numpy(x), limits).numpy()
    assert result.shape == (2, 3, *(2 * k + 1 for k in limits))
    expected = x.reshape(6, -1) @ waves(shape, limits).conj()
    np.testing.assert_allclose(result.reshape(6, -1), expected, atol=1e-12)


@pytest.mark.parametrize(("shape", "limits"), CASES)
def test_synthesis_is_the_definition_for_any_box(shape, limits, rng):
    sides = tuple(2 * k + 1 for k in limits)
    c = rng.standard_normal((2, *sides)) + 1j * rng.standard_normal((2, *sides))
    before = torch.from_numpy(c.copy())
    result = synthesize(before, shape).numpy()
    expected = (c.reshape(2, -1) @ waves(shape, limits).T).real
    np.testing.assert_allclose(result.reshape(2, -1), expected, atol=1e-12)
    np.testing.assert_array_equal(before.numpy(), c, err_msg="the box was modified")


@pytest.mark.parametrize(("shape", "limits"), CASES)
def test_rows_are_parts_of_the_whole(shape, limits, rng):
    sides = tuple(2 * k + 1 for k in limits)
    c = torch.from_numpy(rng.standard_normal((2, *sides)) + 1j * rng.standard_normal((2, *sides)))
    whole = synthesize(c, shape)
    cuts = [0, shape[0] // 3, shape[0] // 2, shape[0]]
    parts = [synthesize(c, shape, rows=(a, b)) for a, b in itertools.pairwise(cuts) if b > a]
    torch.testing.assert_close(torch.cat(parts, dim=1), whole)
    x = torch.from_numpy(rng.standard_normal((2, *shape)))
    summed = sum(analyze(x[:, a:b], limits, shape[0], (a, b)) for a, b in itertools.pairwise(cuts) if b > a)
    torch.testing.assert_close(summed, analyze(x, limits))


@given(st.sampled_from(CASES), st.integers(0, 2**31))
def test_adjoint_of_each_other(case, seed):
    shape, limits = case
    rng = np.random.default_rng(seed)
    sides = tuple(2 * k + 1 for k in limits)
    x = rng.standard_normal(shape)
    c = rng.standard_normal(sides) + 1j * rng.standard_normal(sides)
    left = np.vdot(analyze(torch.from_numpy(x), limits).numpy(), c).real
    right = float((torch.from_numpy(x) * synthesize(torch.from_numpy(c), shape)).sum())
    assert left == pytest.approx(right, rel=1e-11, abs=1e-10)


@pytest.mark.parametrize(("shape", "limits"), [((5,), (2,)), ((4, 3), (1, 2)), ((3, 2, 3), (1, 0, 1))])
@pytest.mark.parametrize("rows", [None, (1, 2)])
def test_gradients_of_first_and_second_order(shape, limits, rows, rng):
    sides = tuple(2 * k + 1 for k in limits)
    c = torch.from_numpy(rng.standard_normal((2, *sides)) + 1j * rng.standard_normal((2, *sides)))
    c.requires_grad_()

    def nonlinear(box):
        return synthesize_differentiable(box, shape, rows).sin()

    assert torch.autograd.gradcheck(nonlinear, (c,))
    assert torch.autograd.gradgradcheck(nonlinear, (c,))


def test_phases_of_large_frequencies_are_exact():
    n, limit = 1001, 3000
    matrix = trig_matrix(n, limit, torch.float64, torch.device("cpu")).numpy()
    turns = np.outer(np.arange(n), np.arange(limit + 1)) % n  # integers: no rounding
    np.testing.assert_allclose(matrix[:, : limit + 1], np.cos(2 * np.pi * turns / n), atol=2e-15)
    np.testing.assert_allclose(matrix[:, limit + 1 :], np.sin(2 * np.pi * turns / n), atol=2e-15)


def test_single_precision_stays_single():
    assert analyze(torch.ones(4, 4), (1, 1)).dtype == torch.complex64
    assert synthesize(torch.ones(3, 3, dtype=torch.complex64), (4, 4)).dtype == torch.float32
