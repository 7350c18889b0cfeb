"""The verdict of ``srinr certify``: in words, as JSON, as arrays, as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from srinr.certificate_figures import show_certificate_slice, show_certificate_translates
from srinr.cli_certify_options import CertifyCommand, WeightingKind
from srinr.domain import Grid
from srinr.encodings.fourier_features import FourierFeatures
from srinr.files import atomic_path
from srinr.inr import inr_from_measure
from srinr.measure_figures import show_atoms
from srinr.plotting import save_figure
from srinr.report import versions
from srinr.run_folder import REPORT_FORMAT, write_report
from srinr.solvers.certificate import Certificate, Level
from srinr.solvers.problem import MeasureProblem

#: All files that the command may write.
OUTPUTS = ("report.json", "certificate.npz", "atoms.png", "slices.png", "translates.png", "witness.safetensors",
           "polished.safetensors", "teacher.safetensors", "samples.npz")  # fmt: skip

_VERDICTS = {
    Level.RIGOROUS: "OPTIMAL (proved)",
    Level.SEARCHED: "OPTIMAL as far as a search can tell",
    Level.REFUTED: "NOT OPTIMAL",
    Level.NONE: "UNDECIDED",
}
_STYLES = {Level.RIGOROUS: "bold green", Level.SEARCHED: "bold green", Level.REFUTED: "bold red",
           Level.NONE: "bold yellow"}  # fmt: skip


def report_content(
    command: CertifyCommand, problem: MeasureProblem, certificate: Certificate, seconds: float
) -> dict[str, Any]:
    """Everything that is known, as JSON values."""
    return {
        "format": REPORT_FORMAT,
        "status": certificate.level.name,
        "message": certificate.level.message,
        "details": certificate.message,
        "settings": _settings(command, problem),
        "figures": _figures(problem, certificate),
        "caveats": caveats(command, certificate),
        "versions": versions(),
        "seconds": {"certify": certificate.seconds, "total": seconds},
    }


def caveats(command: CertifyCommand, certificate: Certificate) -> list[str]:
    """What the verdict does not say, one sentence each."""
    listed = []
    if certificate.domain.startswith("grid"):
        listed.append(
            f"The statement is about the {certificate.domain}, not about the continuum: samples of neurons are "
            "computed from pixels, with an aliasing error that falls with a finer --grid."
        )
    else:
        listed.append(f"Samples of neurons: {certificate.domain}, up to rounding.")
    if certificate.level is Level.SEARCHED:
        listed.append(
            f"A search is evidence, not proof: {certificate.n_starts} random starts, "
            f"{certificate.n_clean_rounds} clean rounds in a row, seed {certificate.seed}; a larger --starts or "
            "another --seed may still find a violation."
        )
        listed.append(f"An excess of |eta|/rho over 1 up to {certificate.tolerance:g} was accepted.")
    if certificate.level is Level.NONE:
        listed.append(
            "Undecided says nothing about optimality; a longer --time-limit or more --starts may decide."
        )
    if certificate.level is Level.REFUTED and certificate.witness is not None:
        listed.append(
            f"The cheaper network has the samples up to a relative residual of "
            f"{certificate.witness.relative_residual:.1e}; check it independently."
        )
    if command.weighting is not WeightingKind.STANDARD:
        listed.append(
            "The minimum over networks need not be attained under this weighting: neurons that are barely "
            "positive have almost no cost."
        )
    listed.append("It is about exact samples of a real image; noise is not considered.")
    return listed


def write_verdict(
    folder: Path, problem: MeasureProblem, certificate: Certificate, content: dict[str, Any]
) -> None:
    """Write arrays, pictures, the witness, and the report last."""
    _save_arrays(folder / "certificate.npz", problem, certificate)
    encoding = problem.dictionary.encoding
    if certificate.witness is not None:
        inr_from_measure(certificate.witness.measure, encoding).save(folder / "witness.safetensors")
    _draw(folder, problem, certificate)
    write_report(folder / "report.json", content)


def show_verdict(console: Console, folder: Path, certificate: Certificate, content: dict[str, Any]) -> None:
    """Print the verdict, its figures, its caveats, and where the files are."""
    console.print(_VERDICTS[certificate.level], style=_STYLES[certificate.level], highlight=False)
    console.print(certificate.level.message, highlight=False, soft_wrap=True)
    if certificate.message:
        console.print(certificate.message, highlight=False, soft_wrap=True)
    table = Table(show_header=False)
    table.add_column(style="bold", overflow="fold")
    table.add_column(overflow="fold")
    for name, value in _rows(content).items():
        table.add_row(name, value)
    console.print(table)
    for caveat in content["caveats"]:
        console.print(f"- {caveat}", highlight=False, soft_wrap=True)
    names = [name for name in OUTPUTS if (folder / name).exists()]
    console.print(f"written to {folder}: {', '.join(names)}", highlight=False, soft_wrap=True)


def _settings(command: CertifyCommand, problem: MeasureProblem) -> dict[str, Any]:
    return {
        "model": None if command.model is None else str(command.model),
        "samples": None if command.samples is None else str(command.samples),
        "random": command.random,
        "encoding": repr(problem.dictionary.encoding),
        "n_samples": problem.samples.n_samples,
        "cutoff": problem.samples.cutoff,
        "domain": problem.dictionary.description,
        "weighting": command.weighting.value,
        "polish": command.polish,
        "time_limit": command.time_limit,
        "starts": command.starts,
        "seed": command.seed,
    }


def _figures(problem: MeasureProblem, certificate: Certificate) -> dict[str, Any]:
    witness = certificate.witness
    found = None if witness is None else {
        "n_atoms": witness.measure.n_atoms,
        "total_variation": witness.total_variation,
        "relative_saving": witness.relative_saving,
        "relative_residual": witness.relative_residual,
    }  # fmt: skip
    return {
        "is_optimal": certificate.is_optimal,
        "unique": certificate.unique,
        "max_ratio": certificate.max_ratio,
        "gap": certificate.gap,
        "n_atoms": certificate.measure.n_atoms,
        "total_variation": problem.total_variation(certificate.measure),
        "relative_residual": problem.relative_residual(certificate.measure),
        "search": {
            "n_starts": certificate.n_starts,
            "n_clean_rounds": certificate.n_clean_rounds,
            "n_rounds": certificate.n_rounds,
            "n_rows": certificate.n_rows,
            "tolerance": certificate.tolerance,
            "margin": certificate.margin,
            "seed": certificate.seed,
        },
        "domain": certificate.domain,
        "witness": found,
    }


def _rows(content: dict[str, Any]) -> dict[str, str]:
    """The rows of the printed table."""
    figures, settings, search = content["figures"], content["settings"], content["figures"]["search"]
    rows = {
        "neurons": str(figures["n_atoms"]),
        "samples": f"{settings['n_samples']}, up to {settings['cutoff']:g} cycles per field of view",
        "weighting": settings["weighting"],
        "total variation": f"{figures['total_variation']:.10g}",
        "relative residual": f"{figures['relative_residual']:.1e}",
        "domain": figures["domain"] or settings["domain"],
    }
    is_refuted = content["status"] == Level.REFUTED.name  # then no dual vector says anything
    if np.isfinite(figures["max_ratio"]) and not is_refuted:
        rows["largest |eta|/rho"] = f"{figures['max_ratio']:.6f} (gap {figures['gap']:.1e})"
    if not is_refuted:
        rows["only minimizer"] = {True: "yes", False: "no", None: "not known"}[figures["unique"]]
    rows["search"] = (
        f"{search['n_rounds']} rounds, the last of {search['n_starts']} starts; {search['n_clean_rounds']} clean "
        f"in a row; {search['n_rows']} constraints"
    )
    if figures["witness"] is not None:
        witness = figures["witness"]
        rows["cheaper network"] = (
            f"{witness['n_atoms']} neurons, total variation {witness['total_variation']:.10g} (saves "
            f"{witness['relative_saving']:.1e}), relative residual {witness['relative_residual']:.1e}"
        )
    rows["seconds"] = f"{content['seconds']['total']:.1f}"
    return rows


def _save_arrays(path: Path, problem: MeasureProblem, certificate: Certificate) -> None:
    """Atoms, amplitudes, and the dual vector as complex samples ``q`` with ``eta(w) = Re sum conj(q) phi(w)``."""
    arrays: dict[str, Any] = {
        "atoms": certificate.measure.atoms,
        "amplitudes": certificate.measure.amplitudes,
        "frequencies": problem.samples.frequencies,
    }
    if certificate.dual_variable is not None:
        arrays["dual_variable"] = problem.dictionary.real_samples.unpack(certificate.dual_variable)
    if certificate.argmax is not None:
        arrays["argmax"] = certificate.argmax
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, **arrays)


def _draw(folder: Path, problem: MeasureProblem, certificate: Certificate) -> None:
    dictionary, measure, dual = problem.dictionary, certificate.measure, certificate.dual_variable
    encoding = dictionary.encoding
    raster = Grid({1: 512, 2: 128}.get(encoding.dim, 48), dim=encoding.dim)
    save_figure(show_atoms(measure, encoding, raster), folder / "atoms.png")
    if dual is None:
        return
    largest = measure.atoms[np.argsort(-np.abs(measure.amplitudes), kind="stable")]
    is_violated = certificate.max_ratio > 1.0 + certificate.tolerance
    worst = certificate.argmax if is_violated else None  # else it is one of the neurons
    slices = show_certificate_slice(
        dictionary, problem.weighting, dual, largest, towards=worst, seed=certificate.seed
    )
    which = "" if certificate.is_optimal else ", last dual vector tried"
    slices.suptitle(f"{_VERDICTS[certificate.level]}: great circles{which}", fontsize=11)
    save_figure(slices, folder / "slices.png")
    is_periodic = isinstance(encoding, FourierFeatures) and encoding.is_integer
    if is_periodic and encoding.dim <= 2:
        translates = show_certificate_translates(dictionary, problem.weighting, dual, largest)
        translates.suptitle(f"{_VERDICTS[certificate.level]}: translates{which}", fontsize=11)
        save_figure(translates, folder / "translates.png")
