"""Wilson intervals, success counts, selection and exports."""

import csv
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from srinr.phase_counts import wilson_interval
from srinr.phase_diagram import PhaseDiagram, phase_diagram
from srinr.status import MissingExtraError, WriteError
from srinr.sweep_trials import Row, TrialStatus


def check_interval(interval) -> None:
    """Laws of an interval for a probability, for all counts up to 12."""
    for n in range(13):
        k = np.arange(n + 1)
        low, high = interval(k, np.full(n + 1, n))
        estimate = k / max(n, 1)
        assert ((low >= 0) & (high <= 1)).all(), "outside [0, 1]"
        assert ((low < high) | (n == 0)).all(), "certain after finitely many trials"
        if n:
            assert ((low <= estimate) & (estimate <= high)).all(), "does not contain the estimate"
            assert (np.diff(low) > 0).all() and (np.diff(high) > 0).all(), "not increasing with the successes"
            assert np.allclose(low, 1 - high[::-1], atol=1e-12), "failures are not mirrored successes"


def test_wilson_obeys_the_laws():
    check_interval(wilson_interval)


def wald(k, n):
    p, n = k / np.maximum(n, 1), np.maximum(n, 1)
    half = 1.96 * np.sqrt(p * (1 - p) / n)
    return p - half, p + half


@pytest.mark.parametrize(
    "wrong",
    [
        wald,
        lambda k, n: (np.zeros(len(k)), np.ones(len(k))),
        lambda k, n: (0.9 * wilson_interval(k, n)[0], wilson_interval(k, n)[1]),
        lambda k, n: tuple(1 - side for side in wilson_interval(k, n)[::-1]),
    ],
)
def test_the_laws_reject_other_intervals(wrong):
    with pytest.raises(AssertionError):
        check_interval(wrong)


@given(n=st.integers(1, 10**6), share=st.floats(0, 1), confidence=st.floats(0.5, 0.999))
def test_wilson_contains_the_estimate_and_shrinks(n, share, confidence):
    k = round(n * share)
    low, high = wilson_interval(k, n, confidence)
    assert 0 <= low <= k / n <= high <= 1
    wider = wilson_interval(k, n, (1 + confidence) / 2)
    assert wider[0] <= low and high <= wider[1]
    more = wilson_interval(4 * k, 4 * n, confidence)
    assert more[1] - more[0] < high - low
    if k < n:
        assert wilson_interval(k + 1, n, confidence)[0] > low


@given(n=st.integers(1, 2000), share=st.floats(0, 1), confidence=st.floats(0.5, 0.999))
def test_wilson_agrees_with_scipy(n, share, confidence):
    k = round(n * share)
    expected = binomtest(k, n).proportion_ci(confidence, method="wilson")
    np.testing.assert_allclose(wilson_interval(k, n, confidence), expected, atol=1e-12)


def test_wilson_by_hand_and_at_the_ends():
    # z = 1.959963985: (10 p + z^2/2 -+ z sqrt(10 p (1 - p) + z^2/4)) / (10 + z^2), worked out by hand.
    np.testing.assert_allclose(wilson_interval(8, 10), (0.490162, 0.943318), atol=1e-6)
    np.testing.assert_allclose(wilson_interval(10, 10), (0.722467, 1.0), atol=1e-6)
    assert wilson_interval(0, 0) == (0.0, 1.0)
    assert wilson_interval(0, 7)[0] == 0.0 and wilson_interval(7, 7)[1] == 1.0
    with pytest.raises(ValueError, match="n_success"):
        wilson_interval(3, 2)
    with pytest.raises(ValueError, match="confidence"):
        wilson_interval(1, 2, 95)


@pytest.fixture
def diagram() -> PhaseDiagram:
    """Three of four combinations; done, failed, timed-out and missing trials."""
    cells = [{"s": 2, "mode": "std"}, {"s": 1, "mode": "std"}, {"s": 1, "mode": "mod"}]
    done, failed, timed_out = TrialStatus
    rows = [
        Row(cells[1], 1, done, {"error": 1e-3, "seconds": 4.0, "proof": None}, seconds=0.5),
        Row(cells[0], 0, done, {"error": 1e-9, "seconds": 3.0, "proof": "SEARCHED"}, seconds=0.25),
        Row(cells[1], 0, done, {"error": 1e-12, "seconds": 2.0, "proof": "RIGOROUS"}),
        Row(cells[0], 1, timed_out, message="stopped"),
        Row(cells[1], 2, failed, message='Error: "x",\nline'),
    ]
    return phase_diagram(cells, 3, rows)


def test_axes_and_what_is_missing(diagram):
    assert diagram.axes == {"s": (1, 2), "mode": ("std", "mod")}
    assert diagram.shape == (2, 2)
    assert diagram.is_cell.tolist() == [[True, True], [True, False]]
    assert diagram.n_missing == 4
    assert [(row.cell["s"], row.trial) for row in diagram.rows] == [(2, 0), (2, 1), (1, 0), (1, 1), (1, 2)]


def test_success_counts(diagram):
    counts = diagram.success(lambda figures: figures["error"] < 1e-6)
    assert counts.n_success.tolist() == [[1, 0], [1, 0]]
    assert counts.n_trials.tolist() == [[3, 0], [2, 0]]
    assert counts.n_failed.tolist() == [[1, 0], [1, 0]]
    np.testing.assert_array_equal(counts.probability, [[1 / 3, np.nan], [1 / 2, np.nan]])
    low, high = counts.interval()
    assert (low[:, 1] == 0).all() and (high[:, 1] == 1).all()
    assert (low[0, 0], high[0, 0]) == wilson_interval(1, 3)
    flattering = diagram.success(lambda figures: figures["error"] < 1e-6, count_failed=False)
    assert flattering.n_trials.tolist() == [[2, 0], [1, 0]]
    undecided = diagram.success(lambda figures: None if figures["proof"] is None else True)
    assert undecided.n_undecided.tolist() == [[1, 0], [0, 0]]
    assert undecided.n_trials.tolist() == [[2, 0], [2, 0]]


def test_numbers_returned_alone_are_given_to_the_predicate():
    rows = [Row({"s": 1}, i, TrialStatus.DONE, 10.0**-i) for i in range(4)]
    diagram = phase_diagram([{"s": 1}], 4, rows)
    assert diagram.success(lambda error: error < 0.05).n_success.tolist() == [2]
    assert diagram.rows[1].figures == {"value": 0.1}


def test_select(diagram):
    part = diagram.select(mode="std")
    assert part.axes == {"s": (1, 2)} and len(part.rows) == 5 and part.n_missing == 1
    assert part.success(lambda f: f["error"] < 1e-6).n_success.tolist() == [1, 1]
    assert diagram.select(s=1.0).axes == {"mode": ("std", "mod")}
    for wrong in ({"mode": "no"}, {"width": 1}):
        with pytest.raises(ValueError, match="not on the axes"):
            diagram.select(**wrong)


def test_csv_has_one_line_per_trial(diagram, tmp_path):
    diagram.to_csv(tmp_path / "t.csv")
    with open(tmp_path / "t.csv", newline="") as stream:
        lines = list(csv.DictReader(stream))
    assert len(lines) == 5
    assert list(lines[0])[:7] == ["s", "mode", "trial", "status", "error", "figure_seconds", "proof"]
    assert float(lines[2]["error"]) == 1e-12 and lines[2]["proof"] == "RIGOROUS"
    assert lines[4]["message"] == 'Error: "x",\nline' and lines[4]["error"] == ""
    with pytest.raises(WriteError):
        diagram.to_csv(tmp_path / "none" / "t.csv")


def test_pandas(diagram):
    pytest.importorskip("pandas")
    frame = diagram.to_pandas()
    assert frame.shape == (5, 13)
    assert frame.groupby("s").size().tolist() == [3, 2]
    assert frame["error"].isna().sum() == 2
    assert (frame["error"] < 1e-6).sum() == 2


def test_xarray(diagram):
    pytest.importorskip("xarray")
    data = diagram.to_xarray()
    assert dict(data.sizes) == {"s": 2, "mode": 2, "trial": 3}
    assert float(data.error.sel(s=2, mode="std", trial=0)) == 1e-9
    assert int(data.error.count()) == 3
    assert str(data.status.sel(s=2, mode="std", trial=1).values) == "timed out"
    assert data.status.sel(s=2, mode="mod").values.tolist() == [""] * 3
    assert data.proof.isnull().sel(s=2, mode="std").values.tolist() == [False, True, True]
    assert str(data.proof.sel(s=2, mode="std", trial=0).values) == "SEARCHED"


@pytest.mark.parametrize(("package", "method"), [("pandas", "to_pandas"), ("xarray", "to_xarray")])
def test_missing_extras_are_named(diagram, monkeypatch, package, method):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtraError, match=r"srinr\[sweeps\]"):
        getattr(diagram, method)()


def test_values_of_several_kinds_stay_apart():
    cells = [{"v": True}, {"v": 1}, {"v": None}, {"v": "1"}]
    rows = [Row(cell, 0, TrialStatus.DONE, float(i)) for i, cell in enumerate(cells)]
    diagram = phase_diagram(cells, 1, rows)
    assert diagram.axes["v"] == (True, 1, None, "1")
    assert diagram.success(lambda value: value == 1.0).n_success.tolist() == [0, 1, 0, 0]
