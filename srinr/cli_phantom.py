"""``srinr phantom``: the list of phantoms, the picture of one, its coefficients as a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from srinr.cli_inputs import MAX_COEFFICIENTS, check_grid, check_size
from srinr.cli_run import create_folder, refuse_used
from srinr.domain import Grid
from srinr.phantoms import PHANTOMS, phantom_by_name
from srinr.plotting import save_figure, show_images, show_spectrum


def list_phantoms() -> None:
    """Print names, dimensions and the first line of each description."""
    table = Table()
    for heading in ("name", "dimension", ""):
        table.add_column(heading)
    for name, make in PHANTOMS.items():
        summary = (make.__doc__ or "").strip().split("\n")[0].split("; see")[0].replace("``", "")
        table.add_row(name, str(make().dim), summary)
    Console(markup=False).print(table)


def write_phantom(
    name: str, cutoff: int | None, size: int | None, output: Path | None, overwrite: bool
) -> None:
    """Write ``phantom.png``, ``spectrum.png`` (2-D) and ``samples.npz``."""
    phantom = phantom_by_name(name)
    cutoff = cutoff or (32 if phantom.dim < 3 else 8)
    check_size("coefficients", (2.0 * cutoff + 1) ** phantom.dim, MAX_COEFFICIENTS, "lower --cutoff")
    check_grid((size or 1,) * phantom.dim, "lower --size")
    folder = output or Path("srinr-output") / f"phantom-{name}"
    names = ("samples.npz", "phantom.png") + (("spectrum.png",) if phantom.dim == 2 else ())
    refuse_used(folder, names, overwrite)
    create_folder(folder)
    samples = phantom.fourier_samples(cutoff)
    samples.save(folder / "samples.npz")
    raster = Grid(size or (512 if phantom.dim < 3 else 128), dim=phantom.dim)
    pixels = np.asarray(raster.rasterize(phantom))
    if phantom.dim == 2:
        figure = show_images([pixels], titles=[name])
        save_figure(show_spectrum(samples, title=f"{name}, exact coefficients"), folder / "spectrum.png")
    else:
        middles = [np.take(pixels, raster.shape[axis] // 2, axis=axis) for axis in range(phantom.dim)]
        figure = show_images(middles, titles=[f"{name}, $x_{axis}$ = 1/2" for axis in range(phantom.dim)])
    save_figure(figure, folder / "phantom.png")
    console = Console(markup=False)
    for file, what in zip(names, (f"{samples.n_samples} coefficients up to {cutoff}", "picture", "spectrum"),
                          strict=False):  # fmt: skip
        console.print(f"{what}: {folder / file}", highlight=False, soft_wrap=True)
