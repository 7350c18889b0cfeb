"""The folder of one run: it is never overwritten silently, and an unfinished run in it is resumed."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from srinr.files import atomic_path
from srinr.status import FileFormatError, SrinrError, Status, WriteError

RUNNING = "RUNNING"
_UNFINISHED = (RUNNING, Status.USER_STOP.name, Status.TIME_LIMIT.name)
REPORT_FORMAT = "srinr-report-1"
_REPORT = "report.json"
_OUTPUTS = (_REPORT, "panel.png", "convergence.png", "inr.safetensors", "image.npz")
_CHECKPOINTS = "checkpoint*.safetensors"


class FolderInUseError(SrinrError):
    """The output folder holds something that would be overwritten."""


@dataclass(frozen=True)
class RunFolder:
    """An output folder, open for one run; made by :func:`open_run_folder`.

    Parameters
    ----------
    path : Path
    settings : dict
        Identify the run: an unfinished one is resumed only with equal settings.
    is_resumed : bool
        Whether an unfinished run was found.
    """

    path: Path
    settings: dict[str, Any]
    is_resumed: bool

    @property
    def checkpoint(self) -> Path:
        """Checkpoint of a run with a single training."""
        return self.path / "checkpoint.safetensors"

    def finish(self, status: Status, content: dict[str, Any]) -> None:
        """Write the report; remove the checkpoints unless the same command can take the run further."""
        entries = {
            "format": REPORT_FORMAT,
            "status": status.name,
            "message": status.message,
            "settings": self.settings,
        }
        write_report(self.path / _REPORT, entries | content)
        if status.name not in _UNFINISHED:
            for checkpoint in self.path.glob(_CHECKPOINTS):
                checkpoint.unlink(missing_ok=True)


def open_run_folder(
    path: str | os.PathLike[str], settings: dict[str, Any], *, overwrite: bool = False
) -> RunFolder:
    """Prepare a folder for a run and mark it as running.

    Parameters
    ----------
    path : path
        Created with its parents.
    settings : dict
        JSON values that identify the run.
    overwrite : bool, default False
        Remove the output files of an earlier run; other files in the folder are left alone.

    Raises
    ------
    FolderInUseError
        The folder holds a finished run, an unfinished one with other settings (that left a checkpoint), or
        files of these names from elsewhere.
    WriteError
        The folder cannot be written.
    """
    folder, settings = Path(path), plain(settings)
    if overwrite:
        _remove_outputs(folder)
    is_resumed = _is_unfinished(folder, settings)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            f"cannot create the folder {folder}: {error.strerror or error}; choose another folder"
        ) from error
    write_report(folder / _REPORT, {"format": REPORT_FORMAT, "status": RUNNING, "settings": settings})
    return RunFolder(folder, settings, is_resumed)


def write_report(path: str | os.PathLike[str], content: dict[str, Any]) -> None:
    """Write JSON, atomically; numbers that are not finite become null.

    Raises
    ------
    WriteError
        When the file cannot be written.
    """
    text = json.dumps(plain(content), indent=2, allow_nan=False) + "\n"
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def plain(value: Any) -> Any:
    """JSON values: tuples become lists, NumPy numbers Python ones, numbers that are not finite None."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)  # e.g. the name of a float type


def load_report(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a ``report.json``, or the one in a folder.

    Raises
    ------
    FileFormatError
        Missing, damaged, or not a report of srinr.
    """
    file = Path(path) / _REPORT if Path(path).is_dir() else Path(path)
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FileFormatError(f"{file}: no such file; expected a report written by srinr recover") from error
    except (OSError, ValueError) as error:
        raise FileFormatError(f"{file}: not a report of srinr, or damaged ({error})") from error
    if not isinstance(content, dict) or content.get("format") != REPORT_FORMAT:
        raise FileFormatError(f"{file}: not a report of srinr (its format entry is not {REPORT_FORMAT!r})")
    return content


def _is_unfinished(folder: Path, settings: dict[str, Any]) -> bool:
    """Whether an unfinished run with these settings is there; raise when anything else is in the way."""
    found = [name for name in _OUTPUTS if (folder / name).exists()]
    found += [file.name for file in folder.glob(_CHECKPOINTS)]
    if not found:
        return False
    remedy = "choose another --output, or pass --overwrite"
    if _REPORT not in found:
        raise FolderInUseError(
            f"{folder} already holds {', '.join(found)} without a report of srinr; {remedy}"
        )
    try:
        report = load_report(folder)
    except FileFormatError as error:
        raise FolderInUseError(f"{error}; {remedy}") from error
    if report["status"] == RUNNING and found == [_REPORT]:
        return bool(report["settings"] == settings)  # stopped before the training: nothing would be lost
    if report["status"] not in _UNFINISHED:
        raise FolderInUseError(f"{folder} holds a finished run ({report['status']}); {remedy}")
    if report["settings"] != settings:
        names = _differences(report["settings"], settings)
        raise FolderInUseError(
            f"{folder} holds an unfinished run with other settings ({', '.join(names)}); repeat its settings to "
            f"resume it, or {remedy}"
        )
    return True


def _differences(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def _remove_outputs(folder: Path) -> None:
    for file in [*(folder / name for name in _OUTPUTS), *folder.glob(_CHECKPOINTS)]:
        try:
            file.unlink(missing_ok=True)
        except OSError as error:
            raise WriteError(f"cannot remove {file}: {error.strerror or error}") from error
