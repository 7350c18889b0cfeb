"""The exact-recovery tables of the sampling theory, one or all four, in one of two modes.

    python examples/sweeps/recovery_tables.py --quick
    python examples/sweeps/recovery_tables.py --table standard --trials 10 --output runs
    python examples/sweeps/recovery_tables.py --table restricted-modified-II --mode paper --output runs

Modes: ``srinr`` (exact coefficients, proximal steps and fits, certificates) and ``paper`` (the published protocol,
hours a trial at full size). Each table and mode has a folder and a store of its own; the same command goes on where a run
was stopped. ``srinr sweep`` does the same for one table with more options.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated

import typer

from srinr import phase_transition
from srinr.cli_sweep_options import Mode, TableKind
from srinr.cli_sweep_run import write_outputs
from srinr.recovery_summary import recovery_summary
from srinr.recovery_tables import TABLES


def main(
    table: Annotated[TableKind | None, typer.Option(help="One table; all without it.")] = None,
    mode: Annotated[Mode, typer.Option(help="Ours, or the published protocol.")] = Mode.SRINR,
    quick: Annotated[bool, typer.Option(help="Widths 1 and 2, two cutoffs each, one trial.")] = False,
    trials: Annotated[int, typer.Option(min=1, help="In each cell.")] = 10,
    workers: Annotated[int | None, typer.Option(help="Processes; one per core without it.")] = None,
    output: Annotated[Path, typer.Option(help="A folder for each table is made here.")] = Path("sweeps"),
) -> None:
    """Run the tables, print their summaries, write figures beside the stores."""
    for found in TABLES:
        if table is not None and found.name != table.value:
            continue
        if mode is Mode.PAPER:
            sizes = {"n_grid": 64, "n_steps": 50} if quick else {}
            trial = functools.partial(found.published, **sizes)
        else:
            trial = functools.partial(found.trial, certify_seconds=10.0 if quick else 60.0)
        widths = found.widths[:2] if quick else found.widths
        cutoffs = found.cutoffs[2:6:3] if quick else found.cutoffs
        folder = output / f"{found.name}-{mode.value}"
        folder.mkdir(parents=True, exist_ok=True)
        diagram = phase_transition(
            trial, {"n_neurons": widths, "cutoff": cutoffs}, n_trials=1 if quick else trials,
            store=folder / "trials.sqlite", n_workers=workers,
        )  # fmt: skip
        write_outputs(folder, diagram, found, mode)
        typer.echo(f"\n{found.title} ({mode.value})\n\n{recovery_summary(diagram, found.max_frequency)}\n")
        if diagram.is_interrupted:
            raise typer.Exit(130)


if __name__ == "__main__":
    typer.run(main)
