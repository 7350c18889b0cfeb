"""Exit codes of the command line, and the one place where errors become one clear line."""

from __future__ import annotations

import contextlib
import errno
import traceback
from collections.abc import Iterator
from enum import IntEnum

import typer
from rich.console import Console

from srinr.status import FileFormatError, OutOfMemoryError, SrinrError, WriteError

_NO_SPACE = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT, errno.EROFS)


class ExitCode(IntEnum):
    """What the shell sees."""

    OK = 0
    FAILURE = 1
    USAGE = 2
    INPUT = 3
    NUMERICAL = 4
    OUTPUT = 5
    REFUTED = 6
    UNDECIDED = 7
    INTERRUPTED = 130


class UsageError(ValueError):
    """Arguments that are wrong, or that do not go together."""


EXIT_CODE_HELP = (
    "[bold]Exit codes[/bold]: 0 done; 2 wrong arguments, or the output folder holds another run; 3 unreadable or "
    "wrong input file; 4 numerical failure (a NaN appeared; the best finite state is saved); 5 the output cannot "
    "be written (e.g. full disk); 130 interrupted (what was reached is saved); 1 any other failure."
)


@contextlib.contextmanager
def exit_codes(debug: bool) -> Iterator[None]:
    """Turn exceptions into a line on stderr and an exit code; with ``debug`` the traceback is shown too."""
    try:
        yield
    except (typer.Exit, typer.Abort, BrokenPipeError):
        raise
    except KeyboardInterrupt as error:
        _tell(
            "interrupted outside the training; the same command goes on from the last checkpoint, if any",
            debug,
        )
        raise typer.Exit(ExitCode.INTERRUPTED) from error
    except Exception as error:
        code = code_of(error)
        known = code is not ExitCode.FAILURE or isinstance(error, SrinrError | OSError | MemoryError)
        text = (
            str(error)
            if known
            else f"unexpected {type(error).__name__}: {error} (--debug shows the traceback)"
        )
        _tell(text, debug)
        raise typer.Exit(code) from error


def code_of(error: Exception) -> ExitCode:
    """The exit code that an exception stands for."""
    from srinr.run_folder import FolderInUseError

    if isinstance(error, WriteError) or (isinstance(error, OSError) and error.errno in _NO_SPACE):
        return ExitCode.OUTPUT
    if isinstance(error, OutOfMemoryError | MemoryError):
        return ExitCode.FAILURE
    if isinstance(error, FileFormatError):
        return ExitCode.INPUT
    if isinstance(error, FolderInUseError | ValueError | TypeError):
        return ExitCode.USAGE
    return ExitCode.FAILURE


def _tell(text: str, debug: bool) -> None:
    if debug:
        traceback.print_exc()
    # Not wrapped, not highlighted: one line that can be searched for.
    Console(stderr=True).print(
        f"error: {text}", style="bold red", soft_wrap=True, highlight=False, markup=False
    )
