"""Options of ``srinr ntk``: their types, names and help texts. Imports nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from srinr.cli_errors import EXIT_CODE_HELP

_KERNEL, _IMAGES, _OUTPUT = "Kernel", "Images", "Output"

NTK_EPILOG = f"""
[bold]Examples[/bold]

srinr ntk inr.safetensors

srinr ntk inr.safetensors --images photos/ --grid 64

srinr ntk inr.safetensors --grid 256 --rank 50 --images face.png

[bold]Written[/bold] to the output folder: report.json; eigenvalues.npz (eigenvalues, leading eigenvectors, centroids);
eigenfunctions.png, eigenvalues.png; energy.png with --images: the share E(t) of the images' energy (means removed) in
eigenvectors with mu/mu_0 >= t.

{EXIT_CODE_HELP}
"""

Model = Annotated[
    Path, typer.Argument(help="Real INR in 2-D (.safetensors, as of INR.save).", show_default=False)
]
GridSize = Annotated[
    int,
    typer.Option("--grid", min=2, rich_help_panel=_KERNEL, help="Points per axis on which the kernel lives."),
]
Rank = Annotated[
    int | None,
    typer.Option(
        "--rank", min=1, rich_help_panel=_KERNEL, show_default="all, by a dense decomposition",
        help="Only so many leading eigenpairs, by Lanczos without forming the kernel.",
    ),
]  # fmt: skip
Functions = Annotated[
    int | None,
    typer.Option(
        "--functions", min=1, max=40, rich_help_panel=_KERNEL, show_default="10, or as many as there are",
        help="Eigenfunctions to draw and list.",
    ),
]  # fmt: skip
MemoryLimit = Annotated[
    int,
    typer.Option(
        min=1, rich_help_panel=_KERNEL, help="MiB for matrices and work; more is refused beforehand."
    ),
]
Seed = Annotated[int, typer.Option(min=0, rich_help_panel=_KERNEL, help="Of the start of --rank.")]
Images = Annotated[
    Path | None,
    typer.Option(
        "--images", rich_help_panel=_IMAGES, show_default=False,
        help="An image, or a folder of them: gray, cut to a square, resized to the grid.",
    ),
]  # fmt: skip
Crop = Annotated[
    int | None,
    typer.Option(
        "--crop", min=1, rich_help_panel=_IMAGES, show_default="largest square",
        help="Pixels per side of the square cut from the center (178 for CelebA).",
    ),
]  # fmt: skip
Limit = Annotated[
    int, typer.Option("--limit", min=1, rich_help_panel=_IMAGES, help="Only the first so many images.")
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", rich_help_panel=_OUTPUT, show_default="srinr-output/ntk-NAME",
        help="Folder to write to; created.",
    ),
]  # fmt: skip


@dataclass(frozen=True)
class NtkCommand:
    """What ``srinr ntk`` was asked to do; None stands for an option that was not given."""

    model: Path
    grid: int
    rank: int | None
    functions: int | None
    memory_limit: int
    seed: int
    images: Path | None
    crop: int | None
    limit: int
    output: Path | None
    overwrite: bool
    quiet: bool
    debug: bool

    @property
    def n_functions(self) -> int:
        """Eigenfunctions to draw: as asked, or 10 where there are so many."""
        known = self.grid**2 if self.rank is None else self.rank
        return min(10, known) if self.functions is None else self.functions
