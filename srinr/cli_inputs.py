"""What the ways of ``srinr recover`` share: reading the file, the output folder, checks of the options."""

from __future__ import annotations

import hashlib
import math
import zipfile
from pathlib import Path
from typing import Any

import torch

from srinr.cli_errors import UsageError
from srinr.cli_options import NormKind, Precision, RecoverOptions, ZerosKind
from srinr.domain import MAX_GRID_POINTS
from srinr.readers import FFTNorm, KSpace, Zeros, read_kspace
from srinr.samples import FourierSamples
from srinr.status import FileFormatError

#: Limits of one command: coefficients of a phantom, parameters of a network.
MAX_COEFFICIENTS, MAX_PARAMETERS = 2**24, 2**27

_ZEROS = {ZerosKind.NOT_SAMPLED: Zeros.NOT_SAMPLED, ZerosKind.MEASURED: Zeros.MEASURED}
_NORMS = {
    NormKind.ORTHO: FFTNorm.ORTHO,
    NormKind.BACKWARD: FFTNorm.BACKWARD,
    NormKind.FORWARD: FFTNorm.FORWARD,
}


def torch_dtype(options: RecoverOptions) -> torch.dtype:
    """Floating-point type of the training."""
    return torch.float32 if options.precision is Precision.SINGLE else torch.float64


def progress(options: RecoverOptions) -> bool | None:
    """Bar on terminals only; never when quiet."""
    return False if options.quiet else None


def refuse(options: RecoverOptions, names: tuple[str, ...], why: str) -> None:
    """Raise when one of the options was given.

    Raises
    ------
    UsageError
        Naming the options and why they do not apply.
    """
    given = [name for name in names if getattr(options, name) not in (None, False)]
    if given:
        flags = ", ".join("--" + name.replace("_index", "").replace("_", "-") for name in given)
        raise UsageError(f"{flags}: {why}")


def output_folder(options: RecoverOptions) -> Path:
    """The folder asked for, or ``srinr-output/NAME``."""
    return options.output or Path("srinr-output") / Path(options.target).stem


def load_file(options: RecoverOptions) -> tuple[FourierSamples, KSpace | None, dict[str, Any]]:
    """Samples, the grid they came with (k-space files only), and settings that identify the file.

    Raises
    ------
    FileFormatError, UsageError
        Unreadable files; conventions that are missing or superfluous.
    """
    path = Path(options.target)
    conventions = ("axes", "centered", "zeros", "norm", "key", "slice_index")
    if holds_samples(path):
        refuse(options, conventions, f"{path} holds samples written by srinr, whose conventions are known")
        return FourierSamples.load(path), None, {"file": _identity(path)}
    missing = [name for name in conventions[:4] if getattr(options, name) is None]
    if missing and path.exists():
        flags = ", ".join("--centered or --not-centered" if n == "centered" else "--" + n for n in missing)
        raise UsageError(
            f"{path}: give {flags} as well; nothing about a k-space file is guessed "
            "(e.g. --axes coil,y,x --centered --zeros not-sampled --norm ortho)"
        )
    kspace = _read(options, path)
    described = {
        "axes": options.axes, "centered": options.centered, "key": options.key, "slice": options.slice_index,
        "zeros": options.zeros.value if options.zeros else None, "norm": options.norm.value if options.norm else None,
    }  # fmt: skip
    return kspace.samples, kspace, {"file": _identity(path), **described}


def check_size(what: str, size: float, limit: int, remedy: str) -> None:
    """Refuse what could not fit into memory before hours or gigabytes are spent on it.

    Raises
    ------
    UsageError
        Naming the size, the limit and the remedy.
    """
    if size > limit:
        raise UsageError(f"{size:.3g} {what} are more than the {limit:.3g} that the command takes; {remedy}")


def check_grid(shape: tuple[int, ...], remedy: str) -> None:
    """:func:`check_size` of a grid; one axis is too few for the pictures."""
    if len(shape) < 2:
        raise UsageError(
            "the command recovers images in 2-D and 3-D; for 1-D use srinr.recovery or srinr.fit in Python"
        )
    check_size("grid points", math.prod(float(n) for n in shape), MAX_GRID_POINTS, remedy)


def holds_samples(path: Path) -> bool:
    """Whether a file is an archive written by ``FourierSamples.save``, by the names of its arrays.

    Raises
    ------
    FileFormatError
        An archive that is damaged.
    """
    if path.suffix != ".npz" or not path.exists():
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return {"frequencies.npy", "values.npy", "noise_std.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile) as error:
        raise FileFormatError(f"{path}: not an .npz archive, or damaged ({error})") from error


def _read(options: RecoverOptions, path: Path) -> KSpace:
    axes = tuple(name.strip() for name in (options.axes or "").split(","))
    kspace = read_kspace(
        path,
        axes=axes if options.axes is not None else ("y", "x"),
        centered=bool(options.centered),
        zeros=_ZEROS[options.zeros or ZerosKind.MEASURED],
        norm=_NORMS[options.norm or NormKind.ORTHO],
        key=options.key,
    )
    if path.suffix == ".npy":
        refuse(options, ("key",), "a .npy file holds a single array without a name")
    if "slice" not in axes:
        refuse(options, ("slice_index",), "the axes name no slice")
        return kspace
    n_slices = kspace.samples.values.shape[0]
    index = 0 if options.slice_index is None and n_slices == 1 else options.slice_index
    if index is None or index >= n_slices:
        raise UsageError(f"{path} holds {n_slices} slices: pass --slice from 0 to {n_slices - 1}")
    samples = kspace.samples
    return KSpace(FourierSamples(samples.frequencies, samples.values[index], samples.noise_std), kspace.grid)


def _identity(path: Path) -> dict[str, str]:
    """Name and digest: a run is not resumed with data that have changed."""
    try:
        with open(path, "rb") as stream:
            return {"name": path.name, "sha256": hashlib.file_digest(stream, "sha256").hexdigest()}
    except OSError as error:
        raise FileFormatError(f"{path}: {error.strerror or error}") from error
