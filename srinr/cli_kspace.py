"""``srinr recover`` for k-space: a complex image by an INR, beside CG-SENSE and zero filling."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from srinr.candidates import (
    FeatureCandidate,
    SenseCandidate,
    SirenCandidate,
    feature_candidates,
    sense_candidates,
    shallow_candidates,
    siren_candidates,
)
from srinr.cli_errors import UsageError
from srinr.cli_inputs import (
    MAX_PARAMETERS,
    check_grid,
    check_size,
    load_file,
    output_folder,
    progress,
    refuse,
    torch_dtype,
)
from srinr.cli_options import MapsKind, NetworkKind, RecoverOptions
from srinr.coil_maps import espirit_maps, estimate_coil_maps
from srinr.domain import Grid
from srinr.lowpass_plan import good_size
from srinr.multicoil import MulticoilRecovery, recover_multicoil
from srinr.multicoil_trials import InrTrial, SenseTrial
from srinr.output_files import save_pixels
from srinr.plotting import save_figure
from srinr.readers import KSpace
from srinr.recovery_figures import multicoil_convergence, multicoil_panel
from srinr.report import multicoil_figures, versions
from srinr.run_folder import RunFolder, open_run_folder
from srinr.samples import FourierSamples
from srinr.status import Status

Candidate = FeatureCandidate | SirenCandidate
_CANDIDATES: dict[NetworkKind, Callable[[int], tuple[Candidate, ...]]] = {
    NetworkKind.SHALLOW: shallow_candidates,
    NetworkKind.MLP: feature_candidates,
    NetworkKind.SIREN: siren_candidates,
}
_METHODS = {"zero_filled": "zero-filled", "cg_sense": "CG-SENSE", "inr": "INR"}


def recover_file(options: RecoverOptions, console: Console, started: float) -> Status:
    """Recover a complex image from the k-space or the samples in a file."""
    refuse(options, ("cutoff", "noise_std"), "for phantoms only; the file says what was sampled")
    refuse(
        options, ("max_frequency", "regularizer"), "not for k-space, where candidates are tried; see --trials"
    )
    samples, kspace, source = load_file(options)
    if kspace is None:
        kspace = KSpace(samples, _samples_grid(samples, options.grid))
    elif options.grid is not None:
        raise UsageError("--grid: the grid of a k-space file is that of its axes")
    check_grid(kspace.grid.shape, "lower --grid, or give a smaller file")
    candidates, baselines = _candidates(options, samples.dim)
    settings = source | {
        "maps": (options.maps or MapsKind.ESPIRIT).value,
        "grid": kspace.grid.shape,
        "candidates": [candidate.settings() for candidate in candidates],
        "baselines": [baseline.settings() for baseline in baselines],
        "precision": options.precision.value,
        "seed": options.seed,
    }
    folder = open_run_folder(output_folder(options), settings, overwrite=options.overwrite)
    if folder.is_resumed:
        console.print(f"resuming the unfinished run in {folder.path}", highlight=False)
    recovery = recover_multicoil(
        kspace,
        estimate=estimate_coil_maps if options.maps is MapsKind.LOW_RESOLUTION else espirit_maps,
        inr_candidates=candidates,
        sense=baselines,
        seed=options.seed,
        time_limit=options.time_limit,
        dtype=torch_dtype(options),
        device=options.device,
        checkpoints=folder.path,
        checkpoint_seconds=options.checkpoint_every,
        on_trial=lambda trial: _show_trial(console, trial),
        progress=progress(options),
    )
    figures = multicoil_figures(recovery)
    _write(folder, recovery, options)
    total = time.perf_counter() - started
    seconds = {"total": total, "training": sum(trial.result.seconds for trial in recovery.inr_trials)}
    folder.finish(recovery.status, {"figures": figures, "seconds": seconds, "versions": versions()})
    _show(console, folder, recovery, total)
    return recovery.status


def _candidates(
    options: RecoverOptions, dim: int
) -> tuple[tuple[Candidate, ...], tuple[SenseCandidate, ...]]:
    """The first ``--trials`` candidates of the network, with what the options override in all of them."""
    network = options.network or NetworkKind.MLP
    if network is NetworkKind.SHALLOW:
        refuse(options, ("depth",), "the shallow network has one hidden layer; use --network mlp or siren")
    n_trials = options.trials or 4
    chosen = []
    for candidate in _CANDIDATES[network](dim)[:n_trials]:
        training = replace(
            candidate.training, **_given(max_steps=options.max_steps, strength=options.strength)
        )
        sizes = _given(width=options.width, depth=options.depth)
        chosen.append(replace(candidate, training=training, **sizes))
        n_features = chosen[-1].encoding.n_features if isinstance(chosen[-1], FeatureCandidate) else dim
        size = chosen[-1].width * (n_features + (chosen[-1].depth - 2.0) * chosen[-1].width)
        check_size("network parameters", size, MAX_PARAMETERS, "lower --width or --depth")
    return tuple(chosen), sense_candidates()[:n_trials]


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _samples_grid(samples: FourierSamples, n_points: int | None) -> Grid:
    """Samples files carry no grid: by default twice what the frequencies need."""
    if n_points is not None:
        return Grid(n_points, dim=samples.dim)
    return Grid(tuple(good_size(4 * int(k) + 2) for k in abs(samples.frequencies).max(axis=0)))


def _write(folder: RunFolder, recovery: MulticoilRecovery, options: RecoverOptions) -> None:
    recovery.best_inr.result.image.save(folder.path / "inr.safetensors")
    images = {
        "pixels": recovery.inr_pixels,
        "zero_filled": recovery.zero_filled,
        "cg_sense": recovery.best_sense.image,
    }
    save_pixels(folder.path / "image.npz", recovery.grid, images)
    errors = recovery.report_errors
    lines = [
        Path(options.target).name,
        f"{len(recovery.maps.maps)} coils, {recovery.split.samples.n_samples} positions",
        "",
        "relative error on held-out positions:",
        *(f"{name}: {errors[key]:.4f}" for key, name in _METHODS.items()),
        "",
        f"CG-SENSE: {recovery.best_sense.candidate.label}, {recovery.best_sense.n_steps} steps",
        f"INR: {recovery.best_inr.candidate.label}",
    ]
    note = "\n".join(textwrap.fill(line, 38) for line in lines)
    save_figure(multicoil_panel(recovery, note), folder.path / "panel.png")
    save_figure(multicoil_convergence(recovery), folder.path / "convergence.png")


def _show_trial(console: Console, trial: InrTrial | SenseTrial) -> None:
    if isinstance(trial, SenseTrial):
        what, how = "CG-SENSE", f"{trial.n_steps} steps"
    else:
        what, how = "INR", f"{trial.result.n_steps} steps, {trial.result.seconds:.0f} s"
    text = f"{what}, {trial.candidate.label}: held-out error {trial.choose_error:.4f} ({how})"
    console.print(text, highlight=False, soft_wrap=True)


def _show(console: Console, folder: RunFolder, recovery: MulticoilRecovery, seconds: float) -> None:
    n_held = int(recovery.split.report_mask.sum())
    table = Table(title=f"relative error on {n_held} held-out positions", title_justify="left")
    for heading in ("method", "error", "chosen by the other held-out set"):
        table.add_column(heading, justify="right" if heading == "error" else "left")
    sense = recovery.best_sense
    chosen = {
        "zero_filled": "",
        "cg_sense": f"{sense.candidate.label}, {sense.n_steps} steps",
        "inr": recovery.best_inr.candidate.label,
    }
    for key, name in _METHODS.items():
        table.add_row(name, f"{recovery.report_errors[key]:.4f}", chosen[key])
    console.print(table)
    console.print(f"{recovery.status.name}, {seconds:.0f} s; nothing here is certified", highlight=False)
    console.print(f"picture: {folder.path / 'panel.png'}", highlight=False, soft_wrap=True)
    console.print(f"figures: {folder.path / 'report.json'}", highlight=False, soft_wrap=True)
