"""What the commands share while they run: the log, and the folder they write to."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from srinr.run_folder import FolderInUseError
from srinr.status import WriteError


def log_when(debug: bool) -> None:
    """Show log messages of srinr with ``--debug``."""
    if debug:
        logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s")
        logging.getLogger("srinr").setLevel(logging.DEBUG)


def refuse_used(folder: Path, outputs: Sequence[str], overwrite: bool) -> None:
    """Raise a FolderInUseError when files of an earlier run would be overwritten unasked."""
    existing = [name for name in outputs if (folder / name).exists()]
    if existing and not overwrite:
        raise FolderInUseError(
            f"{folder} already holds {', '.join(existing)}; choose another --output, or pass --overwrite"
        )


def create_folder(folder: Path) -> None:
    """Make the folder; a WriteError says why it cannot be made."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(f"cannot create the folder {folder}: {error.strerror or error}") from error
