"""What the scripts of this folder share: options, and a picture with its numbers beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from matplotlib.figure import Figure

from srinr.files import atomic_path
from srinr.plotting import save_figure

Quick = Annotated[bool, typer.Option("--quick", help="Small sizes and few steps: a minute or two.")]
Seeds = Annotated[int, typer.Option(min=1, help="Number of random seeds: 0, 1, ...")]
Output = Annotated[Path, typer.Option(help="Folder for the picture and its numbers.")]


def write_output(folder: Path, name: str, figure: Figure, numbers: Mapping[str, Any]) -> None:
    """Write ``<name>.png`` and ``<name>.json`` and say where; numbers must be plain (no arrays)."""
    folder.mkdir(parents=True, exist_ok=True)
    save_figure(figure, folder / f"{name}.png")
    with atomic_path(folder / f"{name}.json") as temporary:
        temporary.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    typer.echo(f"written: {folder / name}.png, {folder / name}.json")
