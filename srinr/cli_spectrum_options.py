"""Options of ``srinr spectrum``: their types, names and help texts. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from srinr.cli_errors import EXIT_CODE_HELP

_QUESTION, _OUTPUT = "Question", "Output"

SPECTRUM_EPILOG = f"""
[bold]Examples[/bold]

srinr spectrum inr.safetensors

srinr spectrum inr.safetensors --grid 128 --target photo.png

srinr spectrum inr.safetensors --target samples.npz --radius 8

[bold]Printed[/bold]: energy on the frequencies that the harmonics of the mapping can reach, the strongest frequencies,
the energy beyond the band of the grid at --oversampling times its sampling rate (aliasing between the pixels), and
how much of the target is within reach.

[bold]Written[/bold] to the output folder: report.json, spectrum.png.

{EXIT_CODE_HELP}
"""

Model = Annotated[Path, typer.Argument(help="INR (.safetensors, as of INR.save).", show_default=False)]
GridSize = Annotated[
    int | None,
    typer.Option(
        "--grid", "-n", min=2, rich_help_panel=_QUESTION,
        show_default="256, 64, 16 in 1-D, 2-D, 3-D; the pixels of a target image",
        help="Pixels per axis on which the model was trained, or is to be seen.",
    ),
]  # fmt: skip
Target = Annotated[
    Path | None,
    typer.Option(
        "--target", "-t", rich_help_panel=_QUESTION, show_default=False,
        help="What the model should be able to make: an image (.png, .jpg, .npy), or samples (.npz, as of "
             "FourierSamples.save).",
    ),
]  # fmt: skip
Radius = Annotated[
    int | None,
    typer.Option(
        "--radius", min=0, rich_help_panel=_QUESTION,
        show_default="degree^(depth - 1) of polynomial networks, else unlimited",
        help="Largest number of the mapping's frequencies that are added up in one harmonic.",
    ),
]  # fmt: skip
Strongest = Annotated[
    int, typer.Option("--strongest", min=0, max=1000, rich_help_panel=_QUESTION, help="Frequencies to list.")
]
Oversampling = Annotated[
    int,
    typer.Option(
        "--oversampling", min=2, rich_help_panel=_QUESTION,
        help="Points per pixel and axis at which aliasing is looked for; cycles per pixel beyond half of it stay "
             "unseen.",
    ),
]  # fmt: skip
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", rich_help_panel=_OUTPUT, show_default="srinr-output/spectrum-NAME",
        help="Folder to write to; created.",
    ),
]  # fmt: skip


@dataclass(frozen=True)
class SpectrumCommand:
    """What ``srinr spectrum`` was asked to do; None stands for an option that was not given."""

    model: Path
    target: Path | None
    grid: int | None
    radius: int | None
    strongest: int
    oversampling: int
    output: Path | None
    overwrite: bool
    quiet: bool
    debug: bool
