"""The command ``srinr``. Everything heavy is imported inside the commands, so that the help is quick."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from srinr import cli_options as option
from srinr._version import __version__
from srinr.cli_certify import certify
from srinr.cli_certify_options import CERTIFY_EPILOG
from srinr.cli_errors import EXIT_CODE_HELP, exit_codes
from srinr.cli_ntk import ntk
from srinr.cli_ntk_options import NTK_EPILOG
from srinr.cli_spectrum import spectrum
from srinr.cli_spectrum_options import SPECTRUM_EPILOG
from srinr.cli_sweep import sweep
from srinr.cli_sweep_options import SWEEP_EPILOG

_EXAMPLES = """
[bold]Examples[/bold]

srinr recover shepp_logan

srinr recover dots --cutoff 48 --noise-std 1e-4 --output runs/dots

srinr recover kspace.npy --axes coil,y,x --centered --zeros not-sampled --norm ortho

srinr phantom brain --cutoff 64

srinr certify --random 2 --cutoff 10

srinr sweep standard --quick

srinr spectrum inr.safetensors --target photo.png

srinr ntk inr.safetensors --images photos

srinr info srinr-output/shepp_logan
"""

_RECOVER_EPILOG = f"""
[bold]Examples[/bold]

srinr recover shepp_logan

srinr recover brain -K 64 --width 200 --max-frequency 20 --time-limit 600

srinr recover disc --network siren --seed 3 -o runs/disc-siren

srinr recover kspace.npy --axes coil,y,x --centered --zeros not-sampled --norm ortho --trials 2

srinr recover samples.npz --real

[bold]Written[/bold] to the output folder: report.json (settings, versions, status, figures), panel.png, convergence.png,
inr.safetensors (read it with INR.load), image.npz; checkpoint.safetensors while training runs (one per trial for
k-space), kept when it was interrupted or reached its time limit: the same command then goes on from there.

{EXIT_CODE_HELP}
"""

app = typer.Typer(
    name="srinr",
    help="Recover a continuous image from a few Fourier samples with implicit neural representations.",
    epilog=_EXAMPLES,
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(value: bool) -> None:
    if value:
        typer.echo(f"srinr {__version__}")
        raise typer.Exit()


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Hold the options that come before a command."""


@app.command(epilog=_RECOVER_EPILOG)
def recover(
    target: option.Target,
    cutoff: option.Cutoff = None,
    noise_std: option.NoiseStd = None,
    axes: option.Axes = None,
    centered: option.Centered = None,
    zeros: option.Zeros = None,
    norm: option.Norm = None,
    key: option.Key = None,
    slice_index: option.Slice = None,
    real: option.Real = False,
    maps: option.Maps = None,
    trials: option.Trials = None,
    network: option.Network = None,
    width: option.Width = None,
    depth: option.Depth = None,
    max_frequency: option.MaxFrequency = None,
    regularizer: option.Regularizer = None,
    strength: option.Strength = None,
    grid: option.GridSize = None,
    max_steps: option.MaxSteps = None,
    time_limit: option.TimeLimit = None,
    seed: option.Seed = 0,
    precision: option.PrecisionOption = option.Precision.SINGLE,
    device: option.Device = "cpu",
    threads: option.Threads = None,
    checkpoint_every: option.CheckpointEvery = 30.0,
    output: option.Output = None,
    overwrite: option.Overwrite = False,
    quiet: option.Quiet = False,
    debug: option.Debug = False,
) -> None:
    """Recover an image from the low-pass samples of a phantom, or from a k-space file."""
    options = option.RecoverOptions(**locals())
    with exit_codes(debug):
        from srinr.cli_recover import run_recover

        run_recover(options)


@app.command(
    epilog="[bold]Example[/bold]\n\nsrinr phantom smooth_brain --cutoff 64 --size 1024\n\n" + EXIT_CODE_HELP
)
def phantom(
    name: Annotated[
        str | None,
        typer.Argument(help="Name of a phantom; without one, all names are listed.", show_default=False),
    ] = None,
    cutoff: option.Cutoff = None,
    size: Annotated[
        int | None,
        typer.Option(min=8, show_default="512, in 3-D 128", help="Pixels per axis of the picture."),
    ] = None,
    output: option.Output = None,
    overwrite: option.Overwrite = False,
    debug: option.Debug = False,
) -> None:
    """Draw a phantom, and save its exact Fourier coefficients as samples (.npz)."""
    with exit_codes(debug):
        from srinr.cli_phantom import list_phantoms, write_phantom

        if name is None:
            list_phantoms()
        else:
            write_phantom(name, cutoff, size, output, overwrite)


app.command(epilog=CERTIFY_EPILOG)(certify)
app.command(epilog=SWEEP_EPILOG)(sweep)
app.command(epilog=SPECTRUM_EPILOG)(spectrum)
app.command(epilog=NTK_EPILOG)(ntk)


@app.command(epilog=EXIT_CODE_HELP)
def info(
    path: Annotated[
        Path | None,
        typer.Argument(
            help="INR (.safetensors), samples (.npz), report, or output folder.", show_default=False
        ),
    ] = None,
    debug: option.Debug = False,
) -> None:
    """Show versions, threads, devices and optional packages; or what a saved file holds."""
    with exit_codes(debug):
        from srinr.cli_info import show_environment, show_file

        if path is None:
            show_environment()
        else:
            show_file(path)


def main() -> None:
    """Entry point of the console script."""
    # Read when torch is loaded: threads that spin while they wait cost a factor of 3 to 10 beside busy neighbors.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    app()


if __name__ == "__main__":
    main()
