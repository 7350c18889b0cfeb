"""The work of ``srinr spectrum``: read the model, measure, print, write."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from srinr.analysis.diagnosis import (
    Coverage,
    SamplingAliasing,
    aliased_energy,
    harmonic_coverage,
    model_radius,
    strongest_frequencies,
)
from srinr.analysis.harmonic_support import reachable_bins
from srinr.analysis.input_mapping import mapping_frequencies
from srinr.analysis.spectrum import measured_spectrum
from srinr.cli_errors import UsageError
from srinr.cli_inputs import check_size, holds_samples
from srinr.cli_run import create_folder, log_when, refuse_used
from srinr.cli_spectrum_options import SpectrumCommand
from srinr.domain import MAX_GRID_POINTS, Grid
from srinr.harmonic_figures import show_diagnosis
from srinr.image_files import read_image
from srinr.inr import INR
from srinr.plotting import save_figure
from srinr.report import versions
from srinr.run_folder import REPORT_FORMAT, write_report
from srinr.samples import FourierSamples
from srinr.status import FileFormatError

#: All files that the command may write.
OUTPUTS = ("report.json", "spectrum.png")
_DEFAULT_POINTS = {1: 256, 2: 64, 3: 16}


@dataclass(frozen=True, eq=False)
class Findings:
    """What was measured; None where there is nothing to say."""

    grid: Grid
    aliasing: SamplingAliasing
    support: NDArray[np.bool_] | None
    reachable: float | None
    coverage: Coverage | None
    notes: list[str]


def run_spectrum(command: SpectrumCommand) -> None:
    """Measure, tell, and write."""
    started = time.perf_counter()
    log_when(command.debug)
    console = Console(quiet=command.quiet, markup=False)
    inr = _load_model(command.model)
    target = None if command.target is None else _load_target(command.target, inr.dim)
    grid = _grid(command, inr, target)
    folder = command.output or Path("srinr-output") / f"spectrum-{command.model.stem}"
    refuse_used(folder, OUTPUTS, command.overwrite)
    findings = _measure(command, inr, grid, target)
    content = _content(command, inr, findings, time.perf_counter() - started)
    create_folder(folder)
    figure = show_diagnosis(
        findings.aliasing,
        support=findings.support,
        coverage=findings.coverage,
        title=f"{command.model.name}: {type(inr.network).__name__} on {inr.encoding!r}",
    )
    save_figure(figure, folder / "spectrum.png")
    write_report(folder / "report.json", content)
    _show(console, folder, findings, content)


def _load_model(path: Path) -> INR:
    if path.is_dir():
        raise FileFormatError(f"{path}: a folder; give the model file in it (.safetensors, as of INR.save)")
    inr = INR.load(path)
    if not all(bool(torch.isfinite(p).all()) for p in inr.parameters()):
        raise FileFormatError(
            f"{path}: the weights contain NaN or infinite numbers, as of a training that diverged"
        )
    return inr


def _load_target(path: Path, dim: int) -> NDArray[Any] | FourierSamples:
    if path.is_dir():
        raise FileFormatError(f"{path}: a folder; give an image (.png, .jpg, .npy) or samples (.npz)")
    if path.suffix == ".npz":
        if not path.exists():
            raise FileFormatError(f"{path}: no such file")
        if not holds_samples(path):
            raise FileFormatError(f"{path}: holds no Fourier samples; expected a file of FourierSamples.save")
        samples = FourierSamples.load(path)
        if samples.dim != dim:
            raise FileFormatError(f"{path}: samples in dimension {samples.dim}, the model lives in {dim}")
        return samples
    if path.suffix == ".npy":
        image = _load_array(path)
    else:
        image = read_image(path)
    if image.ndim != dim:
        raise FileFormatError(f"{path}: an array of shape {image.shape}, the model lives in dimension {dim}")
    return image


def _load_array(path: Path) -> NDArray[Any]:
    try:
        array = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise FileFormatError(f"{path}: no such file") from error
    except (OSError, ValueError, EOFError) as error:
        raise FileFormatError(f"{path}: not an array of NumPy, or damaged ({error})") from error
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biufc" or array.size == 0:
        raise FileFormatError(f"{path}: expected an array of numbers (.npy)")
    if not np.isfinite(array).all():
        raise FileFormatError(f"{path}: contains NaN or infinite entries")
    return array


def _grid(command: SpectrumCommand, inr: INR, target: NDArray[Any] | FourierSamples | None) -> Grid:
    if isinstance(target, np.ndarray):
        if command.grid is not None:
            raise UsageError(f"--grid: {command.target} says how many pixels there are; leave it out")
        grid = Grid(target.shape)
    else:
        grid = Grid(command.grid or _DEFAULT_POINTS.get(inr.dim, 8), dim=inr.dim)
    size = math.prod(float(command.oversampling) * n for n in grid.shape)
    check_size(f"points at {command.oversampling} times the sampling rate", size, MAX_GRID_POINTS,
               "lower --grid or --oversampling")  # fmt: skip
    return grid


def _measure(
    command: SpectrumCommand, inr: INR, grid: Grid, target: NDArray[Any] | FourierSamples | None
) -> Findings:
    notes: list[str] = []
    support = _support(command, inr, grid, notes)
    reachable = None if support is None else 1.0 - measured_spectrum(inr, grid).energy_outside(support)
    if command.radius is not None and support is None and target is None:
        raise UsageError(
            "--radius: nothing to limit here, since the mapping of this model has no whole frequencies; pass --target "
            "samples as well, or leave it out"
        )
    coverage = None if target is None else harmonic_coverage(inr, target, radius=command.radius)
    aliasing = aliased_energy(inr, grid.shape, oversampling=command.oversampling)
    return Findings(grid, aliasing, support, reachable, coverage, notes)


def _support(command: SpectrumCommand, inr: INR, grid: Grid, notes: list[str]) -> NDArray[np.bool_] | None:
    try:
        frequencies = mapping_frequencies(inr)
    except TypeError:
        notes.append("The model has no sinusoidal mapping: no frequency is out of its reach in principle.")
        return None
    if np.abs(frequencies - np.rint(frequencies)).max() > 1e-9:
        notes.append(
            "The mapping's frequencies are not whole cycles per field of view: they leak into every DFT bin, and "
            "no bin is out of reach."
        )
        return None
    radius = model_radius(inr) if command.radius is None else command.radius
    return reachable_bins(grid, frequencies, radius=radius)


def _content(command: SpectrumCommand, inr: INR, findings: Findings, seconds: float) -> dict[str, Any]:
    aliasing, coverage = findings.aliasing, findings.coverage
    covered = None if coverage is None else {
        "covered": coverage.covered,
        "covered_without_mean": coverage.covered_without_mean,
        "rule": coverage.rule,
        "missed": [{"frequency": k, "share": e} for k, e in coverage.strongest_missed(command.strongest)],
    }  # fmt: skip
    total = aliasing.spectrum.energy or 1.0
    return {
        "format": REPORT_FORMAT,
        "status": "MEASURED",
        "message": "the spectrum was measured",
        "settings": {
            "model": str(command.model),
            "target": None if command.target is None else str(command.target),
            "encoding": repr(inr.encoding),
            "network": type(inr.network).__name__,
            "grid": findings.grid.shape,
            "radius": command.radius,
            "oversampling": command.oversampling,
        },
        "figures": {
            "energy": aliasing.spectrum.energy,
            "reachable_bins": None if findings.support is None else float(findings.support.mean()),
            "reachable_energy": findings.reachable,
            "strongest": [
                {"frequency": k, "share": e / total}
                for k, e in strongest_frequencies(aliasing.spectrum, command.strongest)
            ],
            "beyond_band": aliasing.beyond,
            "beyond_band_by_axis": aliasing.beyond_by_axis,
            "folded": aliasing.folded,
            "coverage": covered,
        },
        "caveats": findings.notes,
        "versions": versions(),
        "seconds": {"total": seconds},
    }


def _show(console: Console, folder: Path, findings: Findings, content: dict[str, Any]) -> None:
    table = Table(show_header=False)
    table.add_column(style="bold", overflow="fold")
    table.add_column(overflow="fold")
    for name, value in _rows(findings, content).items():
        table.add_row(name, value)
    console.print(table)
    for note in findings.notes:
        console.print(f"- {note}", highlight=False, soft_wrap=True)
    console.print(f"written to {folder}: {', '.join(OUTPUTS)}", highlight=False, soft_wrap=True)


def _rows(findings: Findings, content: dict[str, Any]) -> dict[str, str]:
    figures = content["figures"]
    shape = " x ".join(str(n) for n in findings.grid.shape)
    rows = {
        "model": f"{content['settings']['network']} on {content['settings']['encoding']}",
        "grid": f"{shape} pixels, and {findings.aliasing.oversampling} times as many along each axis",
    }
    if findings.reachable is not None:
        rows["reachable bins"] = f"{100 * figures['reachable_bins']:.4g} %"
        rows["energy in reachable bins"] = f"{100 * findings.reachable:.10g} %"
    rows["strongest frequencies (share)"] = _listed(figures["strongest"])
    per_axis = ", ".join(f"{100 * share:.3g} %" for share in findings.aliasing.beyond_by_axis)
    rows["energy beyond the band"] = f"{100 * findings.aliasing.beyond:.3g} % (by axis: {per_axis})"
    rows["energy that folds onto the pixels"] = f"{100 * findings.aliasing.folded:.3g} %"
    rows["unseen"] = (
        f"frequencies beyond {findings.aliasing.oversampling / 2:g} cycles per pixel (--oversampling)"
    )
    covered = figures["coverage"]
    if covered is not None:
        rows["target within reach"] = (
            f"{100 * covered['covered']:.4g} % of its energy, {100 * covered['covered_without_mean']:.4g} % without "
            "the mean"
        )
        rows["decided by"] = covered["rule"]
        rows["target's strongest misses"] = _listed(covered["missed"])
    return rows


def _listed(entries: list[dict[str, Any]]) -> str:
    lines = [
        f"({', '.join(f'{c:g}' for c in entry['frequency'])}): {100 * entry['share']:.3g} %"
        for entry in entries
    ]
    return "\n".join(lines) or "none"
