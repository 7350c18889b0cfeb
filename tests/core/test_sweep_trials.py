"""Cells, names of trial functions, seeds, and rows of failed trials."""

import functools
from dataclasses import dataclass

import numpy as np
import pytest

import sweep_cases
from srinr.sweep_cells import cell_key, expand_cells, plain_scalar
from srinr.sweep_trials import Task, TrialStatus, check_trial, run_trial, trial_entropy, trial_name, trial_rng


def check_keys(key) -> None:
    """A key depends on names and values alone, and tells different cells apart."""
    same = [
        {"a": 1, "b": "x"},
        {"b": "x", "a": 1},
        {"a": 1.0, "b": "x"},
        {"a": np.int64(1), "b": np.str_("x")},
    ]
    assert len({key(cell) for cell in same}) == 1
    different = [{"a": v} for v in (1, 1.5, True, None, "1", "", -1, 1e300, 0)] + [{"b": 1}, {"a": 1, "b": 1}]
    assert len({key(cell) for cell in different}) == len(different)


def test_cell_keys():
    check_keys(cell_key)
    assert cell_key({"a": -0.0}) == cell_key({"a": 0})


@pytest.mark.parametrize(
    "wrong",
    [
        lambda cell: str(list(cell.values())),  # order of the names
        lambda cell: str(sorted(cell.items(), key=str)),  # 1 and 1.0
        lambda cell: hash(frozenset(cell.items())),  # True and 1
        lambda cell: tuple(sorted(str(v) for v in cell.values())),  # names forgotten
    ],
)
def test_the_law_of_keys_rejects_wrong_ones(wrong):
    with pytest.raises(AssertionError):
        check_keys(wrong)


def test_grid_of_cells():
    cells = expand_cells({"s": range(1, 3), "k": np.array([2, 4])})
    assert cells == [{"s": 1, "k": 2}, {"s": 1, "k": 4}, {"s": 2, "k": 2}, {"s": 2, "k": 4}]
    assert {type(value) for cell in cells for value in cell.values()} == {int}
    assert expand_cells(iter([{"s": 1, "k": 2}, {"k": 3, "s": 1}])) == [{"s": 1, "k": 2}, {"s": 1, "k": 3}]


@pytest.mark.parametrize(
    ("cells", "error", "match"),
    [
        ({}, ValueError, "no cell"),
        ({"a": []}, ValueError, "no cell"),
        ([], ValueError, "no cell"),
        ({"a": "xyz"}, TypeError, "iterable"),
        ({"a": 3}, TypeError, "iterable"),
        ({"a": [1, 1.0]}, ValueError, "twice"),
        ({"rng": [1]}, ValueError, "choose another name"),
        ({"trial_index": [1]}, ValueError, "choose another name"),
        ({"a b": [1]}, ValueError, "names of arguments"),
        ({"a": [float("nan")]}, ValueError, "finite"),
        ({"a": [[1]]}, TypeError, "number"),
        ([{"a": 1}, {"b": 1}], ValueError, "names"),
        ([3], TypeError, "mapping"),
    ],
)
def test_cells_that_cannot_be(cells, error, match):
    with pytest.raises(error, match=match):
        expand_cells(cells)


def test_seeds_depend_on_seed_cell_and_index_only():
    cells = expand_cells({"a": range(5), "b": [0, 0.5, "x", None, True]})
    entropies = {trial_entropy(seed, cell, index) for seed in (0, 1) for cell in cells for index in range(3)}
    assert len(entropies) == 2 * 25 * 3
    assert trial_entropy(np.int64(3), {"b": 1, "a": 2.0}, 4) == trial_entropy(3, {"a": 2, "b": 1}, 4)
    # Fixed for all time: another value would make the rows of existing stores a different experiment.
    assert f"{trial_entropy(0, {'a': 1}, 0):064x}"[:16] == "dd61cbe5e60c42b0"
    assert trial_rng(0, {"a": 1}, 0).random() == trial_rng(0, {"a": 1.0}, 0).random()


@dataclass(frozen=True)
class Settings:
    """A callable with settings."""

    width: int

    def __call__(self, rng, a):
        return a * self.width


class Anonymous:
    """A callable whose settings cannot be seen."""

    def __call__(self, rng, a):
        return a


def test_names_of_trial_functions():
    assert trial_name(sweep_cases.quick) == "sweep_cases.quick"
    assert trial_name(functools.partial(sweep_cases.quick, a=np.float64(2))) == 'sweep_cases.quick {"a":2.0}'
    assert trial_name(Settings(3)).endswith("Settings Settings(width=3)")
    for wrong in (lambda rng, a: a, Anonymous(), functools.partial(sweep_cases.quick, None)):
        with pytest.raises(ValueError, match="trial"):
            trial_name(wrong)


def test_trials_that_cannot_be_called():
    check_trial(sweep_cases.logged, {"a": 1, "b": 2})
    with pytest.raises(ValueError, match="missing a required argument: 'b'"):
        check_trial(sweep_cases.logged, {"a": 1})
    with pytest.raises(ValueError, match="unexpected keyword"):
        check_trial(sweep_cases.quick, {"a": 1, "c": 2})
    with pytest.raises(TypeError, match="must be a function"):
        check_trial("quick", {"a": 1})


@pytest.mark.parametrize(("a", "match"), [(0, "bad luck"), (1, "SystemExit"), (2, "list"), (3, "'text'")])
def test_what_a_trial_raises_is_a_failed_row(a, match):
    row = run_trial(sweep_cases.raising, 0, Task({"a": a}, 0), 1)
    assert row.status is TrialStatus.FAILED
    assert match in row.message
    assert row.returned is None and row.figures == {}


def test_rows_know_where_they_come_from():
    row = run_trial(sweep_cases.quick, 5, Task({"a": 2}, 1), 3)
    assert row.status is TrialStatus.DONE
    assert row.returned == trial_rng(5, {"a": 2}, 1).random() + 2
    assert row.figures == {"value": row.returned}
    assert row.entropy == f"{trial_entropy(5, {'a': 2}, 1):064x}"
    assert row.environment is not None
    assert row.environment["threads"] == 3 and row.environment["numpy"] == np.__version__
    assert row.finished.endswith("Z") and row.seconds >= 0


def test_scalars():
    assert plain_scalar(np.float32(0.5), "x") == 0.5 and type(plain_scalar(np.bool_(True), "x")) is bool
    assert type(plain_scalar(np.array(3), "x")) is int
    for wrong in (np.array([3]), 1j, b"x", object()):
        with pytest.raises(TypeError, match="x must be"):
            plain_scalar(wrong, "x")
