"""The work of ``srinr sweep``: run the cells of a table, draw and sum up what is finished."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from srinr import recovery_tables
from srinr.cli_errors import ExitCode, UsageError
from srinr.cli_sweep_options import Mode, SweepCommand, TableKind
from srinr.files import atomic_path
from srinr.phase_diagram import PhaseDiagram
from srinr.phase_figures import show_phase_diagram, show_verdicts
from srinr.recovery_summary import recovery_summary
from srinr.recovery_tables import (
    RecoveryTable,
    certified,
    recovered,
    recovered_at_any_step,
    refuted,
    undecided,
)
from srinr.sweeps import phase_transition

_TABLES: dict[TableKind, RecoveryTable] = {
    TableKind.STANDARD: recovery_tables.STANDARD,
    TableKind.MODIFIED_1: recovery_tables.MODIFIED_1,
    TableKind.RESTRICTED_STANDARD: recovery_tables.RESTRICTED_STANDARD,
    TableKind.RESTRICTED_MODIFIED_2: recovery_tables.RESTRICTED_MODIFIED_2,
}
_N_TRIALS, _QUICK_TRIALS = 10, 2
#: Cells of ``--quick``: widths up to this, every so many of the first cutoffs.
_QUICK_WIDTH, _QUICK_CUTOFFS, _QUICK_STEP = 3, 7, 2
#: Of ``--quick`` in the mode paper: points per axis and steps of a stage.
_QUICK_GRID, _QUICK_ADAM_STEPS = 64, 500
#: Largest cells of this command.
MAX_CUTOFF, MAX_WIDTH = 100, 100
#: Most values of one range.
_MAX_VALUES = 1000


def run_sweep(command: SweepCommand) -> None:
    """Run what is not finished yet, and write figures and tables of what is."""
    if command.debug:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
    console = Console(quiet=command.quiet, markup=False, soft_wrap=True)
    table = _TABLES[command.table]
    cells = _cells(command, table)
    n_trials = command.trials or (_QUICK_TRIALS if command.quick else _N_TRIALS)
    trial = _trial(command, table)
    folder = command.output or Path("srinr-output") / f"sweep-{table.name}-{command.mode.value}"
    folder.mkdir(parents=True, exist_ok=True)
    diagram = phase_transition(
        trial, cells, n_trials=n_trials, seed=command.seed, store=folder / "trials.sqlite",
        n_workers=None if command.scheduler else command.workers, client=command.scheduler,
        time_limit=command.trial_limit, progress=not command.quiet,
    )  # fmt: skip
    write_outputs(folder, diagram, table, command.mode)
    console.print(recovery_summary(diagram, table.max_frequency))
    console.print(f"written to {folder}")
    if diagram.is_interrupted:
        console.print("interrupted; the same command goes on")
        raise typer.Exit(ExitCode.INTERRUPTED)


def write_outputs(folder: Path, diagram: PhaseDiagram, table: RecoveryTable, mode: Mode) -> None:
    """Figures, rows as CSV, and the summary of what is finished."""
    diagram.to_csv(folder / "trials.csv")
    title = f"{table.title}, {'published protocol' if mode is Mode.PAPER else 'srinr'}"
    # The published protocol stops at the first step that succeeds.
    success = recovered_at_any_step if mode is Mode.PAPER else recovered
    label = f"$K = (2 s + 1) K_0$, $K_0 = {table.max_frequency}$"
    figure = show_phase_diagram(
        diagram, success, line=table.conjectured_cutoff, line_label=label, title=title
    )
    with atomic_path(folder / "recovery.png") as temporary:
        figure.savefig(temporary, dpi=160, format="png")
    if any("level" in row.figures for row in diagram.rows):
        panels = {
            "recovered": recovered, "teacher certified": certified, "teacher refuted": refuted, "undecided": undecided,
        }  # fmt: skip
        verdicts = show_verdicts(
            diagram, panels, line=table.conjectured_cutoff, line_label=label, title=title
        )
        with atomic_path(folder / "verdicts.png") as temporary:
            verdicts.savefig(temporary, dpi=160, format="png")
    with atomic_path(folder / "summary.md") as temporary:
        Path(temporary).write_text(f"# {title}\n\n{recovery_summary(diagram, table.max_frequency)}\n")


def _cells(command: SweepCommand, table: RecoveryTable) -> dict[str, tuple[int, ...]]:
    widths, cutoffs = table.widths, table.cutoffs
    if command.quick:
        widths = tuple(w for w in widths if w <= _QUICK_WIDTH)
        cutoffs = cutoffs[: _QUICK_CUTOFFS * _QUICK_STEP : _QUICK_STEP]
    if command.widths is not None:
        widths = _range(command.widths, "--widths")
    if command.cutoffs is not None:
        cutoffs = _range(command.cutoffs, "--cutoffs")
    if max(cutoffs) > MAX_CUTOFF or max(widths) > MAX_WIDTH:
        raise UsageError(
            f"cutoffs up to {MAX_CUTOFF} and widths up to {MAX_WIDTH} can be swept here, got {max(cutoffs)} and "
            f"{max(widths)}; use srinr.phase_transition with a trial function of your own"
        )
    return {"n_neurons": widths, "cutoff": cutoffs}


def _range(text: str, flag: str) -> tuple[int, ...]:
    """``N``, ``FIRST:LAST`` or ``FIRST:LAST:STEP``, both ends included."""
    try:
        parts = [int(part) for part in text.split(":")]
    except ValueError:
        parts = []
    if not 1 <= len(parts) <= 3 or min(parts) < 1:
        raise UsageError(
            f"{flag} must be N, FIRST:LAST or FIRST:LAST:STEP with positive integers, got {text!r}"
        )
    first, last, step = parts[0], parts[min(1, len(parts) - 1)], parts[2] if len(parts) == 3 else 1
    values = range(first, last + 1, step)
    if not 0 < len(values) <= _MAX_VALUES:
        raise UsageError(f"{flag} {text} holds {len(values)} values; expected 1 to {_MAX_VALUES}")
    return tuple(values)


def _trial(command: SweepCommand, table: RecoveryTable) -> Callable[..., Any]:
    """The trial function with its settings bound; those of the other mode are refused."""
    paper = command.mode is Mode.PAPER
    limits = {
        "recovery_seconds": command.recovery_seconds,
        "max_restarts": command.max_restarts,
        "certify_seconds": command.certify_seconds,
    }
    wrong = (
        {f"--{name.replace('_', '-')}": value for name, value in limits.items()}
        if paper
        else {"--grid": command.size, "--adam-steps": command.adam_steps}
    )
    given = [flag for flag, value in wrong.items() if value is not None]
    if given:
        raise UsageError(f"{', '.join(given)}: not an option of --mode {command.mode.value}")
    if not paper:
        return functools.partial(
            table.trial, **{n: value for n, value in limits.items() if value is not None}
        )
    n_grid = command.size or (_QUICK_GRID if command.quick else 1024)
    n_steps = command.adam_steps or (_QUICK_ADAM_STEPS if command.quick else 5000)
    return functools.partial(table.published, n_grid=n_grid, n_steps=n_steps)
