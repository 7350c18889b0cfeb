"""Saved initializations: weights as of any INR, and beside them how they were learned."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path

import numpy as np

from srinr.files import atomic_path
from srinr.inr import INR
from srinr.meta_learning import MetaMethod, MetaOptions, MetaResult
from srinr.status import FileFormatError, Status

_FORMAT = "srinr-initialization-1"


def save_initialization(result: MetaResult, path: str | os.PathLike[str]) -> Path:
    """Write the weights (``INR.save``) and, beside them in ``<path>.json``, settings and losses; each atomically.

    Parameters
    ----------
    result : MetaResult
        From :func:`maml` or :func:`reptile`.
    path : path
        File of the weights, e.g. ``faces.safetensors``.

    Returns
    -------
    Path
        Of the settings.

    Raises
    ------
    WriteError
        When a file cannot be written.
    TypeError
        When ``result`` is something else, e.g. an INR.
    SrinrError
        When encoding or network are of kinds that cannot be saved.
    """
    if not isinstance(result, MetaResult):
        raise TypeError(
            f"result: expected a MetaResult, got {type(result).__name__}; INR.save writes an INR alone"
        )
    result.inr.save(path)
    record = {
        "format": _FORMAT,
        "method": result.method.name,
        "options": asdict(result.options),
        "dtype": result.dtype,
        "n_images": result.n_images,
        "source": result.source,
        "status": result.status.name,
        "weights_sha256": hashlib.sha256(Path(path).read_bytes()).hexdigest(),
        "losses": result.losses.tolist(),
    }
    sidecar = Path(f"{os.fspath(path)}.json")
    with atomic_path(sidecar) as temporary:
        temporary.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return sidecar


def load_initialization(path: str | os.PathLike[str]) -> MetaResult:
    """Read what :func:`save_initialization` wrote; nothing is unpickled.

    Parameters
    ----------
    path : path
        File of the weights.

    Returns
    -------
    MetaResult

    Raises
    ------
    FileFormatError
        When a file is missing or damaged, or the settings belong to other weights.
    """
    inr = INR.load(path)
    sidecar = Path(f"{os.fspath(path)}.json")
    try:
        record = json.loads(sidecar.read_text(encoding="utf-8"))
        if record["format"] != _FORMAT:
            raise ValueError(f"its format is not {_FORMAT!r}")
        if record["weights_sha256"] != hashlib.sha256(Path(path).read_bytes()).hexdigest():
            raise ValueError(f"written for other weights than {path}")
        losses, status = np.array(record["losses"], dtype=np.float64), Status[record["status"]]
        if losses.ndim != 1 or not np.isfinite(losses).all():
            raise ValueError("its losses are not a list of numbers")
        for name, kind in (("dtype", str), ("n_images", int), ("source", str)):
            if not isinstance(record[name], kind):
                raise ValueError(f"its {name} is {record[name]!r}")
        return MetaResult(
            inr=inr,
            losses=losses,
            n_steps=len(losses),
            interrupted=status is Status.USER_STOP,
            status=status,
            method=MetaMethod[record["method"]],
            options=MetaOptions(**record["options"]),
            dtype=record["dtype"],
            n_images=record["n_images"],
            source=record["source"],
        )
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FileFormatError(
            f"{sidecar}: not the settings of this initialization, or damaged ({error}); INR.load reads the weights alone"
        ) from error
