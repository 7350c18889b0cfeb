"""Tables of exact recovery: their trials, the published protocol, the summary, and the command line."""

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from srinr import FourierFeatures, PhaseDiagram
from srinr.cli import app
from srinr.cli_sweep_options import TableKind
from srinr.phase_diagram import phase_diagram
from srinr.phase_figures import show_phase_diagram
from srinr.published_trial import Threshold, published_trial
from srinr.recovery_summary import recovery_summary
from srinr.recovery_tables import (
    RESTRICTED_MODIFIED_2,
    RESTRICTED_STANDARD,
    STANDARD,
    TABLES,
    certified,
    recovered,
    recovered_at_any_step,
    refuted,
    restricted_features,
    undecided,
)
from srinr.sweep_trials import Row, TrialStatus

LINE = FourierFeatures.lattice(1, dim=1)


def test_the_conjectured_line():
    widths = np.array([1.0, 4.0, 7.0])
    np.testing.assert_allclose(STANDARD.conjectured_cutoff(widths), [6, 18, 30])
    np.testing.assert_allclose(RESTRICTED_STANDARD.conjectured_cutoff(widths), [3, 9, 15])
    assert {table.name for table in TABLES} == {kind.value for kind in TableKind}
    assert (len(STANDARD.widths) * len(STANDARD.cutoffs), RESTRICTED_STANDARD.cutoffs[-1]) == (150, 30)


def test_the_line_is_drawn_where_it_belongs():
    cells = [{"n_neurons": s, "cutoff": k} for s in (1, 2, 3) for k in (6, 10, 14)]
    found = [Row(cell, 0, TrialStatus.DONE, {"mse": 1e-20}) for cell in cells]
    figure = show_phase_diagram(phase_diagram(cells, 1, found), recovered, line=STANDARD.conjectured_cutoff)
    (line,) = (one for one in figure.axes[0].lines if len(one.get_xdata()) > 1)
    x, y = np.asarray(line.get_xdata(), dtype=float), np.asarray(line.get_ydata(), dtype=float)
    np.testing.assert_allclose(x, (2 * y + 1) * 2, atol=1e-9)


def test_restricted_features_are_two_waves_without_a_constant():
    features = restricted_features()
    assert features.n_features == 4 and not features.constant
    assert features.frequencies.tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("table", [RESTRICTED_STANDARD, RESTRICTED_MODIFIED_2])
def test_restricted_trials_recover_far_beyond_the_line(table):
    figures = table.trial(np.random.default_rng(0), 1, 5, certify_seconds=0.0)
    assert recovered(figures) and recovered_at_any_step(figures)
    assert certified(figures) is refuted(figures) is undecided(figures) is None


def test_verdicts_are_read_from_the_level():
    levels = {"RIGOROUS": (True, False, False), "SEARCHED": (True, False, False)}
    levels |= {"REFUTED": (False, True, False), "NONE": (False, False, True)}
    for level, wanted in levels.items():
        assert tuple(f({"level": level}) for f in (certified, refuted, undecided)) == wanted


def test_the_published_protocol_trains_and_stops_at_the_threshold():
    settings = {"encoding": LINE, "n_grid": 32, "n_steps": 300, "n_stages": 4}
    figures = published_trial(np.random.default_rng(2), 1, 6, **settings)
    assert figures["n_adam_steps"] == 1200 and figures["status"] == "MAX_STEPS"
    assert 1e-9 < figures["best_mse"] < 0.05
    early = published_trial(np.random.default_rng(2), 1, 6, threshold=figures["best_mse"] * 2, **settings)
    assert early["status"] == "REACHED" and early["n_adam_steps"] < 1200
    assert early["mse"] == early["best_mse"] <= figures["best_mse"] * 2


def test_the_published_protocol_on_an_open_grid_without_shift():
    figures = published_trial(
        np.random.default_rng(2),
        1,
        6,
        encoding=LINE,
        n_grid=32,
        n_steps=5,
        n_stages=1,
        closed_grid=False,
        minmax=False,
    )
    assert figures["n_adam_steps"] == 5 and np.isfinite(figures["mse"])
    assert (
        published_trial(np.random.default_rng(2), 1, 6, encoding=LINE, n_grid=32, n_steps=5, n_stages=1)[
            "mse"
        ]
        != figures["mse"]
    )


def test_a_constant_image_is_refused():
    with pytest.raises(ValueError, match="constant"):
        published_trial(np.random.default_rng(0), 1, 6, encoding=LINE, n_grid=32, n_steps=5, n_stages=1)


def test_the_threshold_sees_the_best_image():
    watch = Threshold(torch.zeros(4), 0.5)
    assert not watch(torch.ones(1, 4))
    assert watch(torch.full((1, 4), 0.5)) and watch(torch.ones(1, 4))
    assert (watch.n_steps, watch.last, watch.best) == (3, 1.0, 0.25)


def rows():
    figures = {"mse": 1e-20, "best_mse": 1e-20, "level": "SEARCHED", "seconds": 1.0}
    return [
        Row({"n_neurons": 1, "cutoff": 6}, 0, TrialStatus.DONE, figures, seconds=2.0),
        Row({"n_neurons": 1, "cutoff": 6}, 1, TrialStatus.DONE, figures | {"mse": 1e-3}, seconds=2.0),
        Row({"n_neurons": 2, "cutoff": 6}, 0, TrialStatus.DONE, figures | {"level": "REFUTED"}, seconds=2.0),
        Row({"n_neurons": 2, "cutoff": 6}, 1, TrialStatus.TIMED_OUT, seconds=2.0),
    ]


def test_the_summary_counts_cells_and_totals():
    cells = [{"n_neurons": 1, "cutoff": 6}, {"n_neurons": 2, "cutoff": 6}]
    text = recovery_summary(phase_diagram(cells, 2, rows()), 2)
    assert "| 1 | **1/2** |" in text and "| 2 | 1/2 |" in text
    assert "3 trials finished of 4, 1 failed or out of time" in text
    assert "| K >= (2 s + 1) K0 | 2 | 1 | 2 | 2 (1) | 0 (0) | 0 (0) | 1.0 | 1.0e-20 |" in text
    assert "| below | 1 | 1 | 1 | 0 (0) | 1 (1) | 0 (0) | 1.0 | 1.0e-20 |" in text
    turned = [{"cutoff": 6, "n_neurons": 1}, {"cutoff": 6, "n_neurons": 2}]
    assert "| 1 | **1/2** |" in recovery_summary(phase_diagram(turned, 2, rows()), 2)


def run(*arguments):
    return CliRunner().invoke(app, ["sweep", *map(str, arguments)])


def test_a_sweep_from_the_command_line_resumes_and_grows(tmp_path):
    common = ["restricted-standard", "--widths", "1", "--certify-seconds", 0, "--workers", 0, "-o", tmp_path]
    first = run(*common, "--cutoffs", "4", "--trials", 1)
    assert first.exit_code == 0, first.output
    assert "**1/1**" in first.output
    second = run(*common, "--cutoffs", "4:6:2", "--trials", 2)
    assert second.exit_code == 0, second.output
    diagram = PhaseDiagram.load(tmp_path / "trials.sqlite")
    assert [(row.cell["cutoff"], row.trial) for row in diagram.rows] == [(4, 0), (4, 1), (6, 0), (6, 1)]
    assert {"recovery.png", "summary.md", "trials.csv"} <= {path.name for path in tmp_path.iterdir()}
    assert not (tmp_path / "verdicts.png").exists()
    other = run("standard", "--widths", 1, "--cutoffs", 4, "--trials", 1, "--workers", 0, "-o", tmp_path)
    assert other.exit_code != 0 and "trials.sqlite" in other.output


def test_the_published_mode_of_the_command_line(tmp_path):
    result = run(
        "standard", "--mode", "paper", "--quick", "--widths", 1, "--cutoffs", 2, "--trials", 1, "--adam-steps", 2,
        "--grid", 16, "--workers", 0, "-o", tmp_path,
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    row = PhaseDiagram.load(tmp_path / "trials.sqlite").rows[0]
    assert row.figures["n_adam_steps"] == 120 and row.figures["n_grid"] == 16


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["standard", "--cutoffs", "a"], "--cutoffs must be"),
        (["standard", "--widths", "3:1"], "holds 0 values"),
        (["standard", "--widths", "1:2:3:4"], "--widths must be"),
        (["standard", "--cutoffs", "101"], "cutoffs up to 100"),
        (["standard", "--grid", "64"], "--grid: not an option of --mode srinr"),
        (["standard", "--mode", "paper", "--certify-seconds", "3"], "--certify-seconds: not an option"),
        (["standard", "--mode", "paper", "--recovery-seconds", "3"], "--recovery-seconds: not an option"),
        (["standard", "--mode", "paper", "--max-restarts", "1"], "--max-restarts: not an option"),
    ],
)
def test_wrong_arguments_are_named(arguments, told, tmp_path):
    result = run(*arguments, "-o", tmp_path / "out")
    assert result.exit_code == 2
    assert told in " ".join(result.output.split())
