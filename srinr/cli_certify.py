"""The command ``srinr certify``. Imports nothing heavy; the work is in ``cli_certify_run``."""

from __future__ import annotations

from srinr import cli_certify_options as own
from srinr import cli_options as option
from srinr.cli_errors import exit_codes


def certify(
    model: own.Model = None,
    samples: own.Samples = None,
    random: own.Random = None,
    cutoff: own.Cutoff = None,
    max_frequency: own.MaxFrequency = None,
    dim: own.Dim = None,
    weighting: own.WeightingOption = own.WeightingKind.STANDARD,
    polish: own.Polish = False,
    grid: own.GridSize = None,
    exact: own.Exact = False,
    time_limit: own.TimeLimit = 60.0,
    starts: own.Starts = None,
    seed: own.Seed = 0,
    check: own.Check = False,
    output: own.Output = None,
    overwrite: option.Overwrite = False,
    quiet: option.Quiet = False,
    debug: option.Debug = False,
) -> None:
    """Certify that a shallow INR is the cheapest with its samples, or give a cheaper one."""
    command = own.CertifyCommand(**locals())
    with exit_codes(debug):
        from srinr.cli_certify_run import run_certify

        run_certify(command)
