"""Options of ``srinr certify``: their types, names and help texts. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from srinr.cli_errors import EXIT_CODE_HELP

_QUESTION, _SEARCH, _OUTPUT = "Question", "Search", "Output"

CERTIFY_EPILOG = f"""
[bold]Examples[/bold]

srinr certify --random 2 --cutoff 10

srinr certify inr.safetensors samples.npz --polish

srinr certify inr.safetensors --cutoff 8 --weighting modified-I

[bold]Verdicts[/bold]: RIGOROUS and SEARCHED, the network is a minimizer (proved, or no violation of the dual
constraint was found by the search); REFUTED, a cheaper network with the same samples is given; NONE, undecided.

[bold]Written[/bold] to the output folder: report.json, certificate.npz (dual variable, neurons), atoms.png,
slices.png and translates.png (2-D) of the dual variable; witness.safetensors when refuted;
polished.safetensors with --polish; teacher.safetensors and samples.npz with --random.

{EXIT_CODE_HELP} Any verdict is 0; with --check 6 refuted, 7 undecided.
"""


class WeightingKind(StrEnum):
    """Costs of neurons to choose from."""

    STANDARD = "standard"
    MODIFIED_1 = "modified-I"
    MODIFIED_2 = "modified-II"


Model = Annotated[
    Path | None,
    typer.Argument(help="Shallow ReLU INR (.safetensors, as of INR.save).", show_default=False),
]
Samples = Annotated[
    Path | None,
    typer.Argument(
        help="Exact samples (.npz, as of FourierSamples.save); without them the model's own up to --cutoff.",
        show_default=False,
    ),
]
Random = Annotated[
    int | None,
    typer.Option(
        "--random", min=1, max=64, rich_help_panel=_QUESTION, show_default=False,
        help="Instead of a model: a random teacher of so many neurons, and its own samples.",
    ),
]  # fmt: skip
Cutoff = Annotated[
    int | None,
    typer.Option(
        "--cutoff", "-K", min=1, rich_help_panel=_QUESTION, show_default="10 with --random",
        help="Low-pass limit of the model's own samples, cycles per field of view.",
    ),
]  # fmt: skip
MaxFrequency = Annotated[
    int | None,
    typer.Option(
        min=1, rich_help_panel=_QUESTION, show_default="2",
        help="Fourier features of a random teacher: all integer frequencies up to this limit.",
    ),
]  # fmt: skip
Dim = Annotated[
    int | None,
    typer.Option(
        "--dim", min=1, max=3, rich_help_panel=_QUESTION, show_default="2",
        help="Dimension of a random teacher.",
    ),
]  # fmt: skip
WeightingOption = Annotated[
    WeightingKind,
    typer.Option(
        "--weighting", case_sensitive=False, rich_help_panel=_QUESTION,
        help="Cost of a neuron: its length; modified-I, the norm of its samples; modified-II, its mean.",
    ),
]  # fmt: skip
Polish = Annotated[
    bool,
    typer.Option(
        "--polish/--no-polish", rich_help_panel=_QUESTION,
        help="First merge equal neurons and fit the model to the samples exactly; trained networks need it.",
    ),
]  # fmt: skip
GridSize = Annotated[
    int | None,
    typer.Option(
        "--grid", min=2, rich_help_panel=_QUESTION, show_default="256, 64, 16 in 1-D, 2-D, 3-D, or more",
        help="Points per axis from which the samples of neurons are computed.",
    ),
]  # fmt: skip
Exact = Annotated[
    bool,
    typer.Option(
        "--exact", rich_help_panel=_QUESTION,
        help="1-D: exact coefficients of neurons instead of a grid, a statement about the continuum.",
    ),
]  # fmt: skip
TimeLimit = Annotated[
    float, typer.Option(rich_help_panel=_SEARCH, help="Seconds; without a verdict by then it is undecided.")
]
Starts = Annotated[
    int | None,
    typer.Option(
        "--starts", min=1, max=2**20, rich_help_panel=_SEARCH, show_default="2048",
        help="Random starts of the large searches for violations.",
    ),
]  # fmt: skip
Seed = Annotated[int, typer.Option(min=0, rich_help_panel=_SEARCH, help="Of the teacher and the searches.")]
Check = Annotated[
    bool,
    typer.Option("--check", rich_help_panel=_OUTPUT, help="Exit with 6 when refuted, with 7 when undecided."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", rich_help_panel=_OUTPUT, show_default="srinr-output/certify-NAME",
        help="Folder to write to; created.",
    ),
]  # fmt: skip


@dataclass(frozen=True)
class CertifyCommand:
    """What ``srinr certify`` was asked to do; None stands for an option that was not given."""

    model: Path | None
    samples: Path | None
    random: int | None
    cutoff: int | None
    max_frequency: int | None
    dim: int | None
    weighting: WeightingKind
    polish: bool
    grid: int | None
    exact: bool
    time_limit: float
    starts: int | None
    seed: int
    check: bool
    output: Path | None
    overwrite: bool
    quiet: bool
    debug: bool
