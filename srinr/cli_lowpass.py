"""``srinr recover`` for real images from low-pass samples: phantoms, and files with ``--real``."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from srinr.cli_errors import UsageError
from srinr.cli_inputs import (
    MAX_COEFFICIENTS,
    MAX_PARAMETERS,
    check_grid,
    check_size,
    load_file,
    output_folder,
    progress,
    refuse,
    torch_dtype,
)
from srinr.cli_options import NetworkKind, Precision, RecoverOptions, RegularizerKind
from srinr.domain import ContinuousImage, Grid
from srinr.inr import INR
from srinr.lowpass_plan import (
    INTEGRAL_STRENGTH,
    MLP_PLAN,
    SHALLOW_PLAN,
    SIREN_PLAN,
    STANDARD_STRENGTH,
    LowpassPlan,
    siren,
)
from srinr.output_files import save_pixels
from srinr.phantoms import phantom_by_name
from srinr.plotting import save_figure
from srinr.recovery import LowpassRecovery, recover_lowpass
from srinr.recovery_figures import lowpass_convergence, lowpass_panel, middle_slice
from srinr.regularizers import FourierWeightDecay, IntegralWeightDecay, Regularizer, WeightDecay
from srinr.report import lowpass_figures, versions
from srinr.run_folder import RunFolder, open_run_folder
from srinr.samples import FourierSamples
from srinr.status import Status

_PLANS = {NetworkKind.SHALLOW: SHALLOW_PLAN, NetworkKind.MLP: MLP_PLAN, NetworkKind.SIREN: SIREN_PLAN}
_FILE_OPTIONS = ("axes", "centered", "zeros", "norm", "key", "slice_index", "real", "maps", "trials")


def recover_phantom(options: RecoverOptions, console: Console, started: float) -> Status:
    """Recover a phantom from its exact coefficients; the truth is known and compared with."""
    phantom = phantom_by_name(options.target)
    refuse(options, _FILE_OPTIONS, f"for files only; {options.target} is a phantom")
    cutoff = options.cutoff or (32 if phantom.dim < 3 else 8)
    check_size("coefficients", (2.0 * cutoff + 1) ** phantom.dim, MAX_COEFFICIENTS, "lower --cutoff")
    source = {"phantom": options.target, "cutoff": cutoff, "noise_std": options.noise_std or 0.0}
    samples = phantom.fourier_samples(cutoff)
    return _recover(options, console, started, samples, source, phantom, amplitude=1.0)


def recover_real_file(options: RecoverOptions, console: Console, started: float) -> Status:
    """Recover a real image from samples in a file; there is no truth."""
    refuse(options, ("cutoff", "noise_std"), "for phantoms only; the file says what was sampled")
    refuse(options, ("maps", "trials"), "for coil data only; leave out --real")
    samples, _, source = load_file(options)
    if samples.values.ndim == 2 and len(samples.values) == 1:
        samples = replace(samples, values=samples.values[0])
    if samples.values.ndim != 1:
        raise UsageError(f"--real is for a single real image, the file holds {samples.values.shape[0]} coils")
    return _recover(options, console, started, samples, source | {"real": True}, None, amplitude=None)


def _recover(
    options: RecoverOptions,
    console: Console,
    started: float,
    samples: FourierSamples,
    source: dict[str, Any],
    truth: ContinuousImage | None,
    amplitude: float | None,
) -> Status:
    # Before the network is built and the folder made: what cannot work must leave no trace.
    largest = np.abs(samples.frequencies).max(axis=0)
    check_grid(tuple(2 * int(k) + 2 for k in largest), "the frequencies reach too far")
    plan, inr, regularizer = _model(options, samples)
    grid = Grid(options.grid, dim=samples.dim) if options.grid else plan.grid(samples)
    check_grid(grid.shape, "lower --grid, or --cutoff")
    settings = source | {
        "network": (options.network or NetworkKind.SHALLOW).value,
        "max_frequency": getattr(inr.encoding, "max_frequency", None),
        "plan": asdict(plan),
        "regularizer": {"name": type(regularizer).__name__, "strength": regularizer.strength},
        "grid": grid.shape,
        "amplitude": amplitude,
        "precision": options.precision.value,
        "seed": options.seed,
    }
    folder = open_run_folder(output_folder(options), settings, overwrite=options.overwrite)
    if folder.is_resumed:
        console.print(f"resuming the unfinished run in {folder.path}", highlight=False)
    recovery = recover_lowpass(
        samples,
        inr=inr,
        regularizer=regularizer,
        grid=grid,
        plan=plan,
        noise_std=options.noise_std or 0.0,
        amplitude=amplitude,
        seed=options.seed,
        time_limit=options.time_limit,
        dtype=torch_dtype(options),
        device=options.device,
        checkpoint=folder.checkpoint,
        checkpoint_seconds=options.checkpoint_every,
        progress=progress(options),
    )
    figures = lowpass_figures(recovery, truth)
    _write(folder, recovery, truth, figures, options)
    seconds = {"total": time.perf_counter() - started, "training": recovery.result.seconds}
    folder.finish(recovery.result.status, {"figures": figures, "seconds": seconds, "versions": versions()})
    _show(console, folder, recovery, figures, seconds["total"])
    return recovery.result.status


def _model(options: RecoverOptions, samples: FourierSamples) -> tuple[LowpassPlan, INR, Regularizer]:
    """Plan, start and regularizer from the options."""
    kind = options.network or NetworkKind.SHALLOW
    if kind is NetworkKind.SHALLOW:
        refuse(options, ("depth",), "the shallow network has one hidden layer; use --network mlp or siren")
    if kind is NetworkKind.SIREN:
        refuse(options, ("max_frequency",), "SIREN works on plain coordinates, without Fourier features")
    plan = _PLANS[kind]
    chosen = {name: getattr(options, name) for name in ("width", "depth", "max_frequency", "strength")}
    plan = replace(plan, **{name: value for name, value in chosen.items() if value is not None})
    if options.precision is Precision.DOUBLE:
        plan = replace(plan, hidden_dtype=None)
    if options.max_steps is not None:
        plan = plan.with_total_steps(options.max_steps)
    regularizer = _regularizer(options, plan, kind)
    features = 2.0 * min(plan.max_frequency, samples.cutoff) + 1 if kind is not NetworkKind.SIREN else 2.0
    size = plan.width * (features**samples.dim + (plan.depth - 2.0) * plan.width)
    check_size("network parameters", size, MAX_PARAMETERS, "lower --width, --depth or --max-frequency")
    inr = (
        siren(plan, samples.dim, options.seed)
        if kind is NetworkKind.SIREN
        else plan.inr(samples, options.seed)
    )
    return plan, inr, regularizer


def _regularizer(options: RecoverOptions, plan: LowpassPlan, kind: NetworkKind) -> Regularizer:
    shallow = kind is NetworkKind.SHALLOW
    name = options.regularizer or (RegularizerKind.FOURIER if shallow else RegularizerKind.STANDARD)
    if not shallow and name is not RegularizerKind.STANDARD:
        raise UsageError(f"--regularizer {name.value} is defined for the shallow network only; use standard")
    if name is RegularizerKind.FOURIER:
        return FourierWeightDecay(plan.strength)
    if name is RegularizerKind.INTEGRAL:
        return IntegralWeightDecay(INTEGRAL_STRENGTH if options.strength is None else options.strength)
    default = STANDARD_STRENGTH if shallow else plan.strength
    return WeightDecay(default if options.strength is None else options.strength)


def _write(
    folder: RunFolder,
    recovery: LowpassRecovery,
    truth: ContinuousImage | None,
    figures: dict[str, Any],
    options: RecoverOptions,
) -> None:
    raster = Grid(512 if recovery.image.dim < 3 else 64, dim=recovery.image.dim)
    inr, zero_filled = raster.rasterize(recovery.image), raster.rasterize(recovery.zero_filled)
    known = None if truth is None else np.asarray(raster.rasterize(truth))
    recovery.image.save(folder.path / "inr.safetensors")
    save_pixels(folder.path / "image.npz", raster, {"pixels": inr, "zero_filled": zero_filled})
    panel = lowpass_panel(
        None if known is None else middle_slice(known),
        middle_slice(np.asarray(zero_filled)),
        middle_slice(np.asarray(inr)),
        _note(options, recovery, figures),
    )
    save_figure(panel, folder.path / "panel.png")
    save_figure(lowpass_convergence(recovery.result.history), folder.path / "convergence.png")


def _note(options: RecoverOptions, recovery: LowpassRecovery, figures: dict[str, Any]) -> str:
    lines = [
        Path(options.target).name,
        f"{recovery.samples.n_samples} coefficients, cutoff {recovery.samples.cutoff:g}",
        f"noise standard deviation {recovery.samples.noise_std:.3g}",
        f"residual of the INR {recovery.result.data_residual:.2e}",
    ]
    if "ratio" in figures:
        lines += [
            "",
            f"on {figures['raster'][0]} points per axis:",
            f"MSE zero-filled {figures['zero_filled']['mse']:.3e}",
            f"MSE INR {figures['inr']['mse']:.3e} (ratio {figures['ratio']:.2f})",
            f"PSNR {figures['zero_filled']['psnr']:.2f} and {figures['inr']['psnr']:.2f} dB",
        ]
    return "\n".join(lines)


def _show(
    console: Console, folder: RunFolder, recovery: LowpassRecovery, figures: dict[str, Any], seconds: float
) -> None:
    result = recovery.result
    if "ratio" in figures:
        rows = (("MSE", "mse", ".3e"), ("PSNR (dB)", "psnr", ".2f"), ("relative error", "relative_error", ".4f"),
                ("overshoot", "overshoot", ".4f"), ("undershoot", "undershoot", ".4f"))  # fmt: skip
        raster = " x ".join(str(n) for n in figures["raster"])
        table = Table(title=f"against the phantom on {raster} points", title_justify="left")
        table.add_column("")
        for heading in ("zero-filled", "INR"):
            table.add_column(heading, justify="right")
        for label, name, form in rows:
            table.add_row(label, *(format(figures[method][name], form) for method in ("zero_filled", "inr")))
        table.add_row("MSE ratio", "", f"{figures['ratio']:.2f}")
        console.print(table)
    console.print(
        f"{result.status.name} after {result.n_steps} steps, {seconds:.0f} s; residual {result.data_residual:.2e}",
        highlight=False,
    )
    console.print(f"picture: {folder.path / 'panel.png'}", highlight=False, soft_wrap=True)
    console.print(f"figures: {folder.path / 'report.json'}", highlight=False, soft_wrap=True)
