"""Options of ``srinr sweep``: their types, names and help texts. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from srinr.cli_errors import EXIT_CODE_HELP

_TABLE, _RUN, _OUTPUT = "Table", "Run", "Output"

SWEEP_EPILOG = f"""
[bold]Examples[/bold]

srinr sweep standard --quick

srinr sweep standard --trials 10 -o runs/standard

srinr sweep modified-I --cutoffs 2:30:4 --trials 2 -o runs/modified

srinr sweep standard --scheduler tcp://127.0.0.1:8786 -o runs/standard

[bold]Stop and go on[/bold]: Ctrl-C, kill, power loss; the same command goes on where it stopped. Finished trials are
rows of OUTPUT/trials.sqlite and are not run again; more cells or more trials can be added to a store.

[bold]Modes[/bold]: srinr, exact coefficients, convex steps, certificates; paper, the published protocol (a student of
100 neurons, Adam, 1024 x 1024 closed grid: hours a trial). They are never mixed in a store.

[bold]Written[/bold] to the output folder: trials.sqlite; recovery.png, verdicts.png (with certificates), trials.csv and
summary.md, from what is finished.

{EXIT_CODE_HELP}
"""


class TableKind(StrEnum):
    """Tables to choose from."""

    STANDARD = "standard"
    MODIFIED_1 = "modified-I"
    RESTRICTED_STANDARD = "restricted-standard"
    RESTRICTED_MODIFIED_2 = "restricted-modified-II"


class Mode(StrEnum):
    """How a trial recovers."""

    SRINR = "srinr"
    PAPER = "paper"


Table = Annotated[
    TableKind, typer.Argument(case_sensitive=False, help="Features and weight decay.", show_default=False)
]
ModeOption = Annotated[
    Mode, typer.Option("--mode", rich_help_panel=_TABLE, help="Ours, or the published protocol.")
]
Quick = Annotated[
    bool,
    typer.Option("--quick", rich_help_panel=_TABLE, help="Widths 1 to 3, few cutoffs, 2 trials: minutes."),
]
Widths = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_TABLE, show_default="1:10", help="Neurons: N, FIRST:LAST or FIRST:LAST:STEP."
    ),
]
Cutoffs = Annotated[
    str | None,
    typer.Option(
        rich_help_panel=_TABLE, show_default="the table's", help="Cutoffs: N, FIRST:LAST or FIRST:LAST:STEP."
    ),
]
Trials = Annotated[
    int | None,
    typer.Option(min=1, rich_help_panel=_TABLE, show_default="10", help="Trials in each cell."),
]
RecoverySeconds = Annotated[
    float | None,
    typer.Option(
        min=1.0, rich_help_panel=_TABLE, show_default="3600",
        help="Mode srinr: time limit of each recovery; then what it has by then counts.",
    ),
]  # fmt: skip
MaxRestarts = Annotated[
    int | None,
    typer.Option(
        min=0, rich_help_panel=_TABLE, show_default="0",
        help="Mode srinr: times a recovery that ran out of steps begins anew with other random numbers.",
    ),
]  # fmt: skip
CertifySeconds = Annotated[
    float | None,
    typer.Option(
        min=0.0, rich_help_panel=_TABLE, show_default="60",
        help="Mode srinr: time limit of the certificate of each teacher; 0 for none.",
    ),
]  # fmt: skip
GridSize = Annotated[
    int | None,
    typer.Option(
        "--grid", min=8, rich_help_panel=_TABLE, show_default="1024", help="Mode paper: points per axis."
    ),
]
AdamStepsOption = Annotated[
    int | None,
    typer.Option(
        "--adam-steps",
        min=1,
        rich_help_panel=_TABLE,
        show_default="5000",
        help="Mode paper: steps of a stage.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, rich_help_panel=_TABLE, help="Of the sweep; a store keeps to one.")]
Workers = Annotated[
    int | None,
    typer.Option(
        min=0, rich_help_panel=_RUN, show_default="one per core", help="Processes; 0 runs in this one."
    ),
]
Scheduler = Annotated[
    str | None,
    typer.Option(rich_help_panel=_RUN, help="Address of a Dask scheduler, to run on its workers."),
]
TrialLimit = Annotated[
    float | None,
    typer.Option(rich_help_panel=_RUN, help="Seconds a trial may take; then it counts as failed."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", rich_help_panel=_OUTPUT, show_default="srinr-output/sweep-TABLE-MODE",
        help="Folder to write to; created.",
    ),
]  # fmt: skip


@dataclass(frozen=True)
class SweepCommand:
    """What ``srinr sweep`` was asked to do; None stands for an option that was not given."""

    table: TableKind
    mode: Mode
    quick: bool
    widths: str | None
    cutoffs: str | None
    trials: int | None
    recovery_seconds: float | None
    max_restarts: int | None
    certify_seconds: float | None
    size: int | None
    adam_steps: int | None
    seed: int
    workers: int | None
    scheduler: str | None
    trial_limit: float | None
    output: Path | None
    quiet: bool
    debug: bool
