"""The work of ``srinr ntk``: read the model, decompose its kernel, tell and write what was found."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from srinr.analysis.kernel_spectrum import KernelSpectrum
from srinr.analysis.tangent_kernel import TangentKernelOperator, tangent_kernel
from srinr.cli_errors import UsageError
from srinr.cli_ntk_options import NtkCommand
from srinr.cli_run import create_folder, log_when, refuse_used
from srinr.domain import Grid
from srinr.files import atomic_path
from srinr.image_families import ImageFamily, image_folder
from srinr.image_files import center_square, read_image, resized
from srinr.inr import INR
from srinr.kernel_figures import show_eigenfunctions, show_eigenvalues, show_energy_concentration
from srinr.plotting import save_figure
from srinr.report import versions
from srinr.run_folder import REPORT_FORMAT, write_report
from srinr.status import FileFormatError
from srinr.studies.eigenfunctions import Eigenfunctions, eigenfunctions
from srinr.studies.kernel_energy import LEADING, THRESHOLDS

#: All files that the command may write.
OUTPUTS = ("report.json", "eigenvalues.npz", "eigenfunctions.png", "eigenvalues.png", "energy.png")
#: Matrices (n, n) that a dense decomposition holds at a time.
_DENSE_MATRICES = 4
#: Numbers per point and eigenpair with --rank: about 2 Lanczos vectors (20 at least), the eigenvectors twice, and
#: their complex Fourier transforms with what these need; then numbers per point for the points and single vectors.
_LANCZOS_VECTORS, _LEAST_VECTORS, _PER_PAIR, _PER_POINT = 2, 20, 8, 20


@dataclass(frozen=True)
class Finding:
    """What the command found: the eigenpairs, the leading ones as pictures, and the energy of the images."""

    spectrum: KernelSpectrum
    leading: Eigenfunctions
    images: ImageFamily | None
    thresholds: NDArray[np.float64]
    energy: NDArray[np.float64]
    energy_at_tenth: float | None


def run_ntk(command: NtkCommand) -> None:
    """Answer the command."""
    started = time.perf_counter()
    log_when(command.debug)
    console = Console(quiet=command.quiet, markup=False)
    inr = _model(command.model)
    _check_sizes(command, inr)
    images = None if command.images is None else _images(command, command.images)
    folder = _open_folder(command)
    finding = _decompose(command, inr, images)
    content = _report(command, inr, finding, time.perf_counter() - started)
    for name in OUTPUTS:  # of an earlier run, which may have had others
        (folder / name).unlink(missing_ok=True)
    _write(folder, finding, content)
    _tell(console, folder, finding, content)


def _model(path: Path) -> INR:
    if path.is_dir():
        raise FileFormatError(
            f"{path}: a folder; give the file of one model (.safetensors, as of INR.save) in it"
        )
    inr = INR.load(path)
    for name, parameter in inr.module.named_parameters():
        if not torch.isfinite(parameter).all():
            raise FileFormatError(
                f"{path}: {name} holds NaN or infinite weights, the fit diverged; give another model"
            )
    if inr.complex_output or inr.dim != 2:
        kind = "a complex image" if inr.complex_output else f"an image in dimension {inr.dim}"
        raise FileFormatError(f"{path}: holds {kind}; the command takes models of real images in 2-D")
    return inr


def _check_sizes(command: NtkCommand, inr: INR) -> None:
    """Refuse what does not fit before minutes are spent on it."""
    n, rank, functions = command.grid**2, command.rank, command.n_functions
    if rank is not None:
        if rank >= n:
            raise UsageError(
                f"--rank must lie between 1 and {n - 1} on this grid, got {rank}; leave it out for all eigenpairs"
            )
        if functions > rank:
            raise UsageError(
                f"--functions={functions} are more than --rank={rank} eigenpairs; lower it, or raise --rank"
            )
    if functions > n:
        raise UsageError(f"--functions={functions} are more than the {n} grid points")
    needed, what, remedy = _needed_bytes(command)
    if needed > command.memory_limit * 2**20:
        raise UsageError(
            f"{what} on {command.grid} x {command.grid} points takes about {_size(needed)}, above "
            f"--memory-limit {command.memory_limit} ({_size(command.memory_limit * 2**20)}); pass {remedy}a smaller "
            "--grid, or a larger --memory-limit"
        )
    try:
        TangentKernelOperator(inr, np.zeros((1, 2)), memory_limit=3 * _work_limit(command) // 4)
    except ValueError as error:
        raise UsageError(
            f"--memory-limit {command.memory_limit} (MiB) leaves too little for the derivatives of "
            f"{inr.n_parameters} parameters ({error.args[0].split(';')[0]}); pass a larger --memory-limit"
        ) from error


def _needed_bytes(command: NtkCommand) -> tuple[int, str, str]:
    """Bytes of matrices and vectors, what takes them, and what else than the grid lowers them."""
    n = command.grid**2
    if command.rank is None:
        return _DENSE_MATRICES * 8 * n**2, "the dense decomposition", "--rank, "
    vectors = max(_LANCZOS_VECTORS * command.rank, _LEAST_VECTORS) + _PER_PAIR * command.rank + _PER_POINT
    remedy = "a smaller --rank, " if command.rank > 1 else ""
    return 8 * n * vectors, f"--rank {command.rank}", remedy


def _work_limit(command: NtkCommand) -> int:
    """Bytes that remain for derivatives: beside the kernel, or the vectors of --rank."""
    taken = 8 * command.grid**4 if command.rank is None else _needed_bytes(command)[0]
    return max(command.memory_limit * 2**20 - taken, 1)


def _size(n_bytes: int) -> str:
    """Bytes in the unit that reads well."""
    return f"{n_bytes / 2**20:.0f} MiB" if n_bytes < 2**30 else f"{n_bytes / 2**30:,.1f} GiB"


def _images(command: NtkCommand, path: Path) -> ImageFamily:
    """The images on the grid; one whose pixels are all equal has no energy to share."""
    if not path.exists():
        raise FileFormatError(
            f"{path}: no such file or folder; give --images an image, or a folder that holds images"
        )
    try:
        if path.is_file():
            family = _one_image(command, path)
        else:
            family = image_folder(path, command.grid, command.crop, limit=command.limit)
    except FileFormatError:
        raise
    except ValueError as error:
        reason = str(error).split(";")[0]
        raise UsageError(f"{reason}; pass a smaller --crop, or leave it out") from error
    flat = np.ptp(family.images, axis=(1, 2)) == 0
    if flat.any():
        raise FileFormatError(
            f"{path}: {family.names[int(np.argmax(flat))]} is constant and has no energy beside its mean; remove it"
        )
    return family


def _one_image(command: NtkCommand, path: Path) -> ImageFamily:
    image = resized(center_square(read_image(path), command.crop, path), command.grid)
    return ImageFamily(image[None], (path.name,), f"{path.name}, resized to {command.grid}x{command.grid}")


def _open_folder(command: NtkCommand) -> Path:
    folder = command.output or Path("srinr-output") / f"ntk-{command.model.stem}"
    refuse_used(folder, OUTPUTS, command.overwrite)
    create_folder(folder)
    return folder


def _decompose(command: NtkCommand, inr: INR, images: ImageFamily | None) -> Finding:
    grid, limit = Grid(command.grid, dim=2), _work_limit(command)
    if command.rank is None:
        progress = False if command.quiet else None
        kernel = tangent_kernel(inr, grid.points, memory_limit=limit, progress=progress)
        spectrum = KernelSpectrum.of_matrix(kernel)
    else:
        operator = TangentKernelOperator(inr, grid.points, memory_limit=limit)
        spectrum = KernelSpectrum.of_operator(operator, command.rank, seed=command.seed)
    leading = eigenfunctions(spectrum, grid, command.n_functions, family=images)
    relative = spectrum.eigenvalues / spectrum.eigenvalues[0]
    # What lies below the last eigenvalue computed is not known.
    reached = 0.0 if command.rank is None else float(relative[-1])
    thresholds = THRESHOLDS[reached <= THRESHOLDS]
    if images is None:
        return Finding(spectrum, leading, None, thresholds, np.empty(0), None)
    flat = images.images.reshape(len(images), -1)
    tenth = float(spectrum.energy_concentration(flat, LEADING)) if reached <= LEADING else None
    return Finding(
        spectrum, leading, images, thresholds, spectrum.energy_concentration(flat, thresholds), tenth
    )


def _report(command: NtkCommand, inr: INR, finding: Finding, seconds: float) -> dict[str, Any]:
    """Everything that is known, as JSON values."""
    spectrum, leading = finding.spectrum, finding.leading
    mu_0 = float(spectrum.eigenvalues[0])
    count = int(np.count_nonzero(spectrum.eigenvalues >= LEADING * mu_0))
    complete = command.rank is None
    figures: dict[str, Any] = {
        "mu_0": mu_0,
        "stable_rate": 2.0 / mu_0,
        "trace": spectrum.total_trace,
        "effective_rank": spectrum.total_trace / mu_0,
        "captured_trace": spectrum.captured_trace,
        "n_leading": count if complete or count < len(spectrum.eigenvalues) else None,
        "n_significant": spectrum.n_significant if complete else None,
        "relative_noise_floor": spectrum.noise_floor / mu_0,
        "eigenvalues": leading.eigenvalues.tolist(),
        "centroids": leading.centroids.tolist(),
        "energy_at_tenth": finding.energy_at_tenth,
    }
    if leading.family_correlations is not None:
        figures["image_correlations"] = leading.family_correlations.tolist()
    return {
        "format": REPORT_FORMAT,
        "status": "COMPLETE" if complete else "LEADING",
        "settings": {
            "model": str(command.model), "encoding": repr(inr.encoding), "network": type(inr.network).__name__,
            "parameters": inr.n_parameters, "grid": command.grid, "rank": command.rank, "seed": command.seed,
            "images": None if finding.images is None else finding.images.source,
            "n_images": 0 if finding.images is None else len(finding.images),
        },
        "figures": figures,
        "versions": versions(),
        "seconds": seconds,
    }  # fmt: skip


def _write(folder: Path, finding: Finding, content: dict[str, Any]) -> None:
    """Write arrays, pictures, and the report last."""
    spectrum, leading = finding.spectrum, finding.leading
    arrays = {
        "eigenvalues": spectrum.eigenvalues, "eigenfunctions": leading.images, "centroids": leading.centroids,
        "thresholds": finding.thresholds, "energy": finding.energy,
    }  # fmt: skip
    with atomic_path(folder / "eigenvalues.npz") as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **arrays)
    name, floor = Path(content["settings"]["model"]).stem, content["figures"]["relative_noise_floor"]
    save_figure(show_eigenfunctions({name: leading}), folder / "eigenfunctions.png")
    save_figure(
        show_eigenvalues({name: spectrum.eigenvalues}, relative_floor=floor), folder / "eigenvalues.png"
    )
    if finding.images is not None:
        curves = {name: (finding.thresholds, finding.energy)}
        title = f"mean over {len(finding.images)} images: {finding.images.source}"
        figure = show_energy_concentration(curves, relative_floor=floor, title=title)
        save_figure(figure, folder / "energy.png")
    write_report(folder / "report.json", content)


def _tell(console: Console, folder: Path, finding: Finding, content: dict[str, Any]) -> None:
    figures, settings = content["figures"], content["settings"]
    table = Table(show_header=False)
    table.add_column(style="bold", overflow="fold")
    table.add_column(overflow="fold")
    shape = f"{settings['grid']} x {settings['grid']}"
    table.add_row("kernel", f"{settings['parameters']} parameters of {settings['network']}, {shape} points")
    stable = f"descent on half the sum of squares is stable below rate {figures['stable_rate']:.2g}"
    table.add_row("largest eigenvalue mu_0", f"{figures['mu_0']:.4g} ({stable})")
    table.add_row("effective rank (trace / mu_0)", f"{figures['effective_rank']:.4g}")
    if figures["n_leading"] is not None:
        table.add_row("eigenvalues >= 0.1 mu_0", str(figures["n_leading"]))
    table.add_row("share of the trace computed", f"{figures['captured_trace']:.4f}")
    table.add_row("centroids (cycles)", ", ".join(f"{c:.2f}" for c in figures["centroids"]))
    if finding.images is not None:
        known = figures["energy_at_tenth"]
        value = "not reached: raise --rank" if known is None else f"{known:.4f}"
        table.add_row("energy concentration E(0.1)", f"{value} (mean over {len(finding.images)} images)")
    console.print(table)
    names = [name for name in OUTPUTS if (folder / name).exists()]
    console.print(f"written to {folder}: {', '.join(names)}", highlight=False, soft_wrap=True)
