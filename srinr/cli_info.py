"""``srinr info``: the environment, or what a saved file holds."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from srinr._version import __version__
from srinr.run_folder import load_report
from srinr.status import FileFormatError

_CORE = (
    "numpy",
    "scipy",
    "torch",
    "numba",
    "cvxpy",
    "scikit-image",
    "matplotlib",
    "safetensors",
    "typer",
    "rich",
)
_OPTIONAL = {"finufft": "nufft", "distributed": "sweeps", "pandas": "sweeps", "xarray": "sweeps"}


def show_environment() -> None:
    """Print versions, threads, devices and optional packages."""
    import torch

    rows = {"srinr": __version__, "python": platform.python_version(), "platform": platform.platform()}
    rows |= {name: importlib.metadata.version(name) for name in _CORE}
    rows["threads"] = f"{torch.get_num_threads()} of torch on {os.cpu_count()} processors"
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    rows["CUDA"] = ", ".join(names) if names else "no device"
    for package, extra in _OPTIONAL.items():
        present = importlib.util.find_spec(package) is not None
        rows[package] = (
            importlib.metadata.version(package)
            if present
            else f'not installed; optional, pip install "srinr[{extra}]"'
        )
    _print("srinr", rows)


def show_file(path: Path) -> None:
    """Print what an INR, a file of samples, or a report holds.

    Raises
    ------
    FileFormatError
        Anything else.
    """
    if not path.exists():
        raise FileFormatError(f"{path}: no such file")
    if path.is_dir() or path.suffix == ".json":
        _print(str(path), _flat(load_report(path)))
    elif path.suffix == ".safetensors":
        _print(str(path), _inr(path))
    elif path.suffix == ".npz":
        _print(str(path), _archive(path))
    else:
        raise FileFormatError(
            f"{path}: expected an output folder, a report.json, an INR (.safetensors) or samples (.npz)"
        )


def _inr(path: Path) -> dict[str, Any]:
    from srinr.inr import INR

    inr = INR.load(path)
    return {
        "encoding": repr(inr.encoding),
        "network": type(inr.network).__name__,
        "neurons of the first layer": inr.network.first_weight.shape[0],
        "features": inr.encoding.n_features,
        "dimension": inr.dim,
        "parameters": inr.n_parameters,
        "image": "complex" if inr.complex_output else "real",
    }


def _archive(path: Path) -> dict[str, Any]:
    from srinr.cli_inputs import holds_samples
    from srinr.samples import FourierSamples

    if not holds_samples(path):
        return _arrays(path)
    samples = FourierSamples.load(path)
    return {
        "samples": samples.n_samples,
        "dimension": samples.dim,
        "shape of the values": samples.values.shape,
        "cutoff": samples.cutoff,
        "integer frequencies": samples.is_integer,
        "noise standard deviation": samples.noise_std,
        "norm of the values": float(np.linalg.norm(samples.values)),
    }


def _arrays(path: Path) -> dict[str, Any]:
    try:
        with np.load(path, allow_pickle=False) as data:
            return {name: f"{data[name].dtype} {data[name].shape}" for name in data.files}
    except (OSError, ValueError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        raise FileFormatError(f"{path}: not an .npz archive of arrays, or damaged ({error})") from error


def _flat(content: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for name, value in content.items():
        if isinstance(value, dict):
            rows |= _flat(value, f"{prefix}{name}.")
        elif isinstance(value, list) and any(isinstance(item, dict) for item in value):
            rows[prefix + name] = f"{len(value)} entries"
        else:
            rows[prefix + name] = value
    return rows


def _print(title: str, rows: dict[str, Any]) -> None:
    table = Table(show_header=False)
    table.add_column(style="bold", overflow="fold")
    table.add_column(overflow="fold")
    for name, value in rows.items():
        text = f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)
        table.add_row(name, text)
    console = Console(markup=False)
    console.print(title, highlight=False, soft_wrap=True)
    console.print(table)
