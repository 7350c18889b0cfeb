"""Atomic writing, so that a crash or a full disk never leaves half a file where a good one was."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from srinr.status import WriteError


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it over ``path`` when the block succeeds.

    Raises
    ------
    WriteError
        When writing fails (full disk, missing folder, no permission); an existing file is left as it was.
    """
    target = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    except OSError as error:
        raise WriteError(f"cannot write {target}: {error.strerror or error}; check the folder") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(target)
    except OSError as error:
        raise WriteError(
            f"cannot write {target}: {error.strerror or error}; free space or choose another folder "
            "(an earlier file of that name is unchanged)"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
