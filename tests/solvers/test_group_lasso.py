"""The group LASSO against an external solver and its optimality conditions; quadratics over non-negative variables."""

import itertools

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srinr.solvers.group_lasso import group_lasso
from srinr.solvers.nonnegative import nonnegative_quadratic


def random_program(seed, m=30, sizes=(5, 3, 5, 1, 4, 5, 5, 2)):
    rng = np.random.default_rng(seed)
    blocks = [rng.standard_normal((m, size)) for size in sizes]
    data = blocks[0].sum(axis=1) - blocks[3][:, 0] + 0.1 * rng.standard_normal(m)
    return blocks, data


def value(blocks, data, strength, groups):
    residual = sum(b @ v for b, v in zip(blocks, groups, strict=True)) - data
    return 0.5 * residual @ residual + strength * sum(np.linalg.norm(v) for v in groups)


def violation(blocks, data, strength, groups):
    """Largest error of the optimality conditions, relative to the strength."""
    residual = data - sum(b @ v for b, v in zip(blocks, groups, strict=True))
    errors = []
    for block, v in zip(blocks, groups, strict=True):
        pull = block.T @ residual / strength
        size = np.linalg.norm(v)
        errors.append(np.linalg.norm(pull - v / size) if size else max(np.linalg.norm(pull) - 1, 0.0))
    return max(errors)


@pytest.mark.parametrize("strength", [0.03, 1.0, 20.0])
@pytest.mark.parametrize("seed", [0, 1])
def test_agrees_with_a_conic_solver(seed, strength):
    blocks, data = random_program(seed)
    result = group_lasso(blocks, data, strength, gap_tol=1e-12)
    v = [cp.Variable(block.shape[1]) for block in blocks]
    fit = 0.5 * cp.sum_squares(sum(b @ x for b, x in zip(blocks, v, strict=True)) - data)
    program = cp.Problem(cp.Minimize(fit + strength * sum(cp.norm(x) for x in v)))
    program.solve(solver="CLARABEL", tol_gap_abs=1e-8, tol_gap_rel=1e-8, tol_feas=1e-8)
    assert result.objective == pytest.approx(program.value, rel=1e-8)
    assert value(blocks, data, strength, result.groups) == pytest.approx(result.objective, rel=1e-12)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 1000), exponent=st.floats(-2, 1.5))
def test_optimality_conditions(seed, exponent):
    blocks, data = random_program(seed)
    strength = 10**exponent
    result = group_lasso(blocks, data, strength, gap_tol=1e-13)
    assert result.gap <= 1e-9 * result.objective
    assert violation(blocks, data, strength, result.groups) < 1e-4
    moved = [1.01 * v for v in result.groups]
    assert violation(blocks, data, strength, moved) > 1e-4 or not any(v.any() for v in moved)


def test_more_columns_than_rows_and_repeated_blocks():
    rng = np.random.default_rng(0)
    block = rng.standard_normal((12, 5))
    blocks = [block, block + 1e-3 * rng.standard_normal(block.shape), *rng.standard_normal((4, 12, 5))]
    data = rng.standard_normal(12)
    result = group_lasso(blocks, data, 0.1, gap_tol=1e-9, max_rounds=20)
    assert result.gap < 1e-7 * result.objective
    single = group_lasso([block], data, 0.1)
    twice = group_lasso([block, block], data, 0.1)
    assert twice.objective == pytest.approx(single.objective, rel=1e-9)


def test_groups_are_exactly_zero_above_the_critical_strength():
    blocks, data = random_program(3)
    critical = max(np.linalg.norm(block.T @ data) for block in blocks)
    assert not any(v.any() for v in group_lasso(blocks, data, 1.001 * critical).groups)
    used = group_lasso(blocks, data, 0.9 * critical).groups
    assert any(v.any() for v in used) and not all(v.any() for v in used)


def test_warm_start_needs_fewer_rounds():
    blocks, data = random_program(1)
    cold = group_lasso(blocks, data, 0.5)
    warm = group_lasso(blocks, data, 0.5, init=cold.groups)
    assert warm.n_rounds == 0 < cold.n_rounds
    assert warm.objective == cold.objective


def test_no_blocks():
    assert group_lasso([], np.array([3.0, 4.0]), 1.0).objective == 12.5


@pytest.mark.parametrize("strength", [0.0, -1.0, np.nan])
def test_strength_must_be_positive(strength):
    with pytest.raises(ValueError, match="strength must be a positive number"):
        group_lasso([np.eye(2)], np.ones(2), strength)


def test_shapes_are_checked():
    with pytest.raises(ValueError, match="blocks must have shape"):
        group_lasso([np.eye(3)], np.ones(2), 1.0)
    with pytest.raises(ValueError, match="one vector a block"):
        group_lasso([np.eye(2)], np.ones(2), 1.0, init=[np.ones(3)])


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), rank=st.integers(1, 6))
def test_nonnegative_quadratic_against_enumeration(seed, rank):
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((rank, 5))
    gram, linear = factor.T @ factor, factor.T @ rng.standard_normal(rank) - 0.3
    c = nonnegative_quadratic(gram, linear, np.abs(rng.standard_normal(5)))
    best = min(_value_on(gram, linear, used) for used in itertools.product([False, True], repeat=5))
    assert (c >= 0).all()
    assert 0.5 * c @ gram @ c - linear @ c <= best + 1e-8
    slope = gram @ c - linear
    assert slope.min() > -1e-7 and abs(slope @ c) < 1e-7


def _value_on(gram, linear, used):
    index = np.flatnonzero(used)
    solution = np.linalg.lstsq(gram[np.ix_(index, index)], linear[index], rcond=1e-9)[0]
    residual = gram[np.ix_(index, index)] @ solution - linear[index]
    feasible = (solution >= 0).all() and np.abs(residual).max(initial=0.0) < 1e-9
    return -0.5 * float(linear[index] @ solution) if feasible else 0.0
