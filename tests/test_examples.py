"""The example scripts run in their quick mode, print their figures and leave a picture."""

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from srinr import DiscreteMeasure

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize(
    ("script", "options", "picture"),
    [
        ("dots_recovery.py", [], "dots.png"),
        ("dots_recovery.py", ["--published"], "published_dots.png"),
        ("brain_deep.py", [], "brain_total-variation.png"),
        ("rectified_polynomials.py", [], "rectified_polynomials.png"),
    ],
)
def test_example_in_quick_mode(tmp_path, script, options, picture):
    command = [sys.executable, str(EXAMPLES / script), "--quick", "--output", str(tmp_path), *options]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert result.returncode == 0, result.stderr
    assert re.search(r"MSE", result.stdout)
    assert (tmp_path / picture).stat().st_size > 10_000


def run_script(script, options, cwd):
    command = [sys.executable, str(EXAMPLES / script), *map(str, options)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=300)


@pytest.fixture(scope="module")
def teachers_script():
    spec = importlib.util.spec_from_file_location("certify_teachers", EXAMPLES / "certify_teachers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_table_of_teachers_resumes_after_a_line_cut_short(tmp_path, teachers_script):
    store, table, figure = (tmp_path / name for name in ("t.jsonl", "t.md", "t.png"))
    options = ["--quick", "--max-cutoff", 8, "--out", store, "--table", table, "--figure", figure]
    first = run_script("certify_teachers.py", options, tmp_path)
    assert first.returncode == 0, first.stderr
    rows = teachers_script.read_rows(store)
    assert [(r["width"], r["cutoff"]) for r in rows] == [(s, k) for s in (1, 2) for k in (2, 4, 6, 8)]
    assert {r["level"] for r in rows} <= set(teachers_script.MARKS)
    for row in rows:
        if row["level"] == "REFUTED":
            assert row["residual"] <= 1e-12
            assert row["saving"] > 0
        else:
            assert row["checked_max"] <= 1 + 1e-4
    assert "| width | K=2 |" in table.read_text()
    assert figure.stat().st_size > 10_000
    lines = store.read_text().splitlines(keepends=True)
    store.write_text("".join(lines[:-1]) + lines[-1][:40])
    second = run_script("certify_teachers.py", options, tmp_path)
    assert second.returncode == 0, second.stderr
    assert second.stdout.count("seed=0") == 1, "only the spoiled cell is computed again"
    again = teachers_script.read_rows(store)
    assert [(r["width"], r["cutoff"]) for r in again] == [(r["width"], r["cutoff"]) for r in rows]


def test_checks_of_the_table_reject_what_is_wrong(teachers_script):
    teacher = teachers_script.draw_teacher(2, seed=0)
    residual, saving = teachers_script.check_witness(teacher, teacher, cutoff=4)
    assert residual == 0
    assert saving == 0
    shorter = DiscreteMeasure(teacher.atoms, 0.999 * teacher.amplitudes)
    residual, saving = teachers_script.check_witness(teacher, shorter, cutoff=4)
    assert residual > 1e-4
    assert saving > 1e-4
    # The dual image of a neuron itself has eta = |phi|^2 at the neuron.
    atom = teacher.atoms[0]
    image = np.maximum(teachers_script.plain_features() @ atom, 0)
    assert teachers_script.check_dual(image, 256, seed=0) >= np.mean(image**2) * (1 - 1e-6)


def test_width_one_in_quick_mode(tmp_path):
    result = run_script("certify_width_one.py", ["--quick"], tmp_path)
    assert result.returncode == 0, result.stderr
    assert "standard: 3 SEARCHED" in result.stdout
    assert "modified I: 3 RIGOROUS and unique" in result.stdout
    error = re.search(r"largest error of an atom (\S+)", result.stdout)
    assert float(error[1]) < 1e-9


def test_every_example_is_listed_here():
    tested = {
        "dots_recovery.py", "brain_deep.py", "rectified_polynomials.py", "certify_teachers.py",
        "certify_width_one.py",
    }  # fmt: skip
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested


@pytest.mark.parametrize("mode", ["srinr", "paper"])
def test_the_sweeps_keep_tables_and_modes_apart(tmp_path, mode):
    options = [
        "--quick",
        "--mode",
        mode,
        "--table",
        "restricted-standard",
        "--workers",
        1,
        "--output",
        tmp_path,
    ]
    result = run_script("sweeps/recovery_tables.py", options, tmp_path)
    assert result.returncode == 0, result.stderr
    folder = tmp_path / f"restricted-standard-{mode}"
    assert "trials finished of 4" in result.stdout
    assert (folder / "recovery.png").stat().st_size > 10_000
    assert (folder / "verdicts.png").exists() is (mode == "srinr")


FIGURES = EXAMPLES / "figures"
#: Run here; the others take a minute, and share their functions with these and with tests/studies.
RUN_FIGURES = (
    "figure_03_aliasing.py",
    "figure_09_ffn_aliasing.py",
    "figure_11_ffn_energy.py",
    "figure_15_eigenfunction_targets.py",
    "figure_16_more_eigenfunctions.py",
)
SHARED = ("figure_output.py", "kernel_networks.py", "sine_networks.py")


def figure_scripts():
    return sorted(path.name for path in FIGURES.glob("*.py") if path.name not in SHARED)


def test_there_is_a_script_for_each_figure_of_the_structured_dictionary():
    names = " ".join(figure_scripts())
    numbers = {int(number) for number in re.findall(r"_(\d\d)(?=_)", names)}
    assert numbers == set(range(2, 17))


@pytest.mark.parametrize("script", RUN_FIGURES)
def test_figures_of_the_structured_dictionary(tmp_path, script):
    result = run_script(f"figures/{script}", ["--quick", "--output", "out"], tmp_path)
    assert result.returncode == 0, result.stderr
    pictures = sorted((tmp_path / "out").glob("*.png"))
    assert pictures, result.stdout
    for picture in pictures:
        assert picture.stat().st_size > 10_000
        numbers = json.loads(picture.with_suffix(".json").read_text())
        assert numbers


@pytest.mark.parametrize("script", sorted(set(figure_scripts()) - set(RUN_FIGURES)))
def test_figures_that_take_long_can_be_called(tmp_path, script):
    result = run_script(f"figures/{script}", ["--help"], tmp_path)
    assert result.returncode == 0, result.stderr
    assert "--output" in result.stdout
