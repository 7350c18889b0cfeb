"""``srinr recover``: tell phantoms from files, check that the options go together, set up torch."""

from __future__ import annotations

import time
from pathlib import Path

import torch
import typer
from rich.console import Console

from srinr.cli_errors import ExitCode, UsageError
from srinr.cli_options import RecoverOptions
from srinr.cli_run import log_when
from srinr.status import Status


def run_recover(options: RecoverOptions) -> None:
    """Recover what the options name; leave through ``typer.Exit`` when the status is not a success."""
    from srinr import cli_kspace, cli_lowpass
    from srinr.phantoms import PHANTOMS

    console = Console(quiet=options.quiet, markup=False)
    _set_up(options)
    started = time.perf_counter()
    if options.target in PHANTOMS or not _looks_like_file(options.target):
        status = cli_lowpass.recover_phantom(options, console, started)
    elif options.real:
        status = cli_lowpass.recover_real_file(options, console, started)
    else:
        status = cli_kspace.recover_file(options, console, started)
    if status is Status.NONFINITE:
        Console(stderr=True).print(
            f"error: {status.message}", style="bold red", soft_wrap=True, highlight=False
        )
        raise typer.Exit(ExitCode.NUMERICAL)
    if status is Status.USER_STOP:
        text = "interrupted: what was reached is saved; repeat the command to go on from there"
        Console(stderr=True).print(text, style="yellow", soft_wrap=True, highlight=False)
        raise typer.Exit(ExitCode.INTERRUPTED)
    if status is Status.TIME_LIMIT:
        text = "time limit reached: repeat the command with a higher --time-limit to go on from there"
        console.print(text, soft_wrap=True, highlight=False)


def _looks_like_file(target: str) -> bool:
    return Path(target).suffix != "" or "/" in target or "\\" in target or Path(target).exists()


def _set_up(options: RecoverOptions) -> None:
    log_when(options.debug)
    if options.threads is not None:
        torch.set_num_threads(options.threads)
    try:
        device = torch.device(options.device)
    except RuntimeError as error:
        raise UsageError(f"--device {options.device!r} is not a torch device; use cpu or cuda") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UsageError("--device cuda: torch sees no CUDA device here; see srinr info")
