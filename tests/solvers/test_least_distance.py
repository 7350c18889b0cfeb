"""Least distance under inequalities: against a conic solver, contradictions with their proof, warm starts."""

import cvxpy as cp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srinr.solvers.least_distance import LeastDistance, least_distance
from srinr.solvers.nonnegative import nonnegative_quadratic


def solve(rows: np.ndarray, bounds: np.ndarray, start: np.ndarray | None = None) -> LeastDistance:
    return least_distance(rows @ rows.T, bounds, start)


def reference(rows: np.ndarray, bounds: np.ndarray) -> np.ndarray | None:
    """The nearest point by an interior-point method; None when the inequalities contradict each other."""
    z = cp.Variable(rows.shape[1])
    program = cp.Problem(cp.Minimize(cp.sum_squares(z)), [rows @ z <= bounds])
    program.solve(solver="CLARABEL")
    return z.value if program.status == cp.OPTIMAL else None


def random_program(seed: int, n_rows: int, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Inequalities that a random point meets, so that they do not contradict each other."""
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((n_rows, n))
    return rows, rows @ rng.standard_normal(n) + rng.uniform(0, 0.5, n_rows)


def check_farkas(rows: np.ndarray, bounds: np.ndarray, u: np.ndarray) -> None:
    """A non-negative combination that vanishes on the left and is negative on the right."""
    assert (u >= 0).all()
    assert bounds @ u == pytest.approx(-1.0, rel=1e-6)
    assert np.linalg.norm(rows.T @ u) < 1e-4


@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 12))
def test_nearest_point_matches_a_conic_solver(seed: int, n_rows: int, n: int) -> None:
    rows, bounds = random_program(seed, n_rows, n)
    result = solve(rows, bounds)
    assert result.feasible
    z = -rows.T @ result.multipliers
    expected = reference(rows, bounds)
    assert expected is not None
    np.testing.assert_allclose(z, expected, atol=1e-5 * (1 + np.linalg.norm(expected)))
    # Optimality, without the other solver: feasible, and only active constraints push.
    slack = bounds - rows @ z
    assert slack.min() > -1e-7 * (1 + np.linalg.norm(z))
    assert (result.multipliers >= 0).all()
    assert np.abs(result.multipliers * slack).max() < 1e-6 * (1 + z @ z)
    assert result.slack == pytest.approx(1 / (1 + z @ z), rel=1e-5)


@given(st.integers(0, 10_000), st.integers(0, 20))
def test_contradictions_come_with_a_proof(seed: int, n_more: int) -> None:
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((4 + n_more, 5))
    bounds = rng.uniform(-1, 1, len(rows))
    # The last row is minus a positive combination of the first three, with a bound that excludes them.
    part = rng.uniform(0.2, 1, 3)
    rows[3] = -part @ rows[:3]
    bounds[3] = -part @ bounds[:3] - rng.uniform(0.1, 1)
    result = solve(rows, bounds)
    assert not result.feasible
    assert result.violation == np.inf
    check_farkas(rows, bounds, result.multipliers)
    assert reference(rows, bounds) is None


def test_a_wrong_combination_is_not_a_proof() -> None:
    rows, bounds = np.array([[1.0, 0.0], [-1.0, 0.1]]), np.array([-2.0, 1.0])
    with pytest.raises(AssertionError):
        check_farkas(rows, bounds, np.array([1.0, 1.0]))


@given(st.integers(0, 10_000))
def test_warm_start_agrees_with_cold_start(seed: int) -> None:
    rows, bounds = random_program(seed, 30, 10)
    first = solve(rows[:20], bounds[:20])
    cold = solve(rows, bounds)
    warm = solve(rows, bounds, np.concatenate([first.raw, np.zeros(10)]))
    wild = solve(rows, bounds, np.random.default_rng(seed).standard_normal(30))
    for other in (warm, wild):
        assert other.feasible
        np.testing.assert_allclose(rows.T @ other.multipliers, rows.T @ cold.multipliers, atol=1e-6)


@given(st.integers(0, 10_000), st.integers(2, 4))
def test_repeated_rows_change_nothing(seed: int, copies: int) -> None:
    rows, bounds = random_program(seed, 12, 6)
    once = solve(rows, bounds)
    often = solve(np.tile(rows, (copies, 1)), np.tile(bounds, copies))
    assert often.feasible
    total = often.multipliers.reshape(copies, -1).sum(axis=0)
    np.testing.assert_allclose(rows.T @ total, rows.T @ once.multipliers, atol=1e-5)


def test_rows_of_zero() -> None:
    rows, bounds = np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([0.5, -1.0])
    result = solve(rows, bounds)
    np.testing.assert_allclose(-rows.T @ result.multipliers, [-1.0, 0.0], atol=1e-9)
    # 0 <= -1 contradicts itself.
    assert not solve(rows, np.array([-1.0, 5.0])).feasible


def test_origin_when_it_is_feasible() -> None:
    rows, bounds = random_program(0, 8, 3)
    result = solve(rows, np.abs(bounds))
    assert not result.multipliers.any()
    assert (result.feasible, result.slack, result.violation) == (True, 1.0, 0.0)


def test_early_stop_reports_a_slack_below_the_limit_only_when_it_is() -> None:
    rows, bounds = random_program(3, 40, 8)
    far = 1e3 * bounds
    full = solve(rows, far)
    assert full.slack < 1e-4
    stopped = least_distance(rows @ rows.T, far, min_slack=1e-2)
    # The bound at the stop is not below the slack at the minimum, and says enough.
    assert full.slack <= stopped.slack * (1 + 1e-9) + 1e-15
    assert stopped.slack < 1e-2
    kept = least_distance(rows @ rows.T, bounds, min_slack=1e-6)
    assert kept.slack > 1e-6
    np.testing.assert_allclose(rows.T @ kept.multipliers, rows.T @ solve(rows, bounds).multipliers, atol=1e-8)


@given(st.integers(0, 10_000), st.integers(1, 20), st.booleans())
def test_quadratic_program_meets_its_optimality_conditions(seed: int, n_enter: int, warm: bool) -> None:
    rng = np.random.default_rng(seed)
    factor, linear = rng.standard_normal((15, 15)), rng.standard_normal(15)
    matrix = factor @ factor.T
    start = np.maximum(rng.standard_normal(15), 0) if warm else None
    u = nonnegative_quadratic(matrix, linear, start, n_enter=n_enter)
    gradient = matrix @ u - linear
    assert u.min() >= 0
    assert gradient.min() > -1e-7
    assert np.abs(u * gradient).max() < 1e-7 * (1 + u.max())
