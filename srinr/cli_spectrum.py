"""The command ``srinr spectrum``. Imports nothing heavy; the work is in ``cli_spectrum_run``."""

from __future__ import annotations

from srinr import cli_options as option
from srinr import cli_spectrum_options as own
from srinr.cli_errors import exit_codes


def spectrum(
    model: own.Model,
    target: own.Target = None,
    grid: own.GridSize = None,
    radius: own.Radius = None,
    strongest: own.Strongest = 5,
    oversampling: own.Oversampling = 2,
    output: own.Output = None,
    overwrite: option.Overwrite = False,
    quiet: option.Quiet = False,
    debug: option.Debug = False,
) -> None:
    """Measure the spectrum of a saved INR: what it can reach, what aliases, what a target lacks."""
    command = own.SpectrumCommand(**locals())
    with exit_codes(debug):
        from srinr.cli_spectrum_run import run_spectrum

        run_spectrum(command)
