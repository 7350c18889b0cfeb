"""The command ``srinr sweep``. Imports nothing heavy; the work is in ``cli_sweep_run``."""

from __future__ import annotations

from srinr import cli_options as option
from srinr import cli_sweep_options as own
from srinr.cli_errors import exit_codes


def sweep(
    table: own.Table,
    mode: own.ModeOption = own.Mode.SRINR,
    quick: own.Quick = False,
    widths: own.Widths = None,
    cutoffs: own.Cutoffs = None,
    trials: own.Trials = None,
    recovery_seconds: own.RecoverySeconds = None,
    max_restarts: own.MaxRestarts = None,
    certify_seconds: own.CertifySeconds = None,
    size: own.GridSize = None,
    adam_steps: own.AdamStepsOption = None,
    seed: own.Seed = 0,
    workers: own.Workers = None,
    scheduler: own.Scheduler = None,
    trial_limit: own.TrialLimit = None,
    output: own.Output = None,
    quiet: option.Quiet = False,
    debug: option.Debug = False,
) -> None:
    """Run a table of exact recovery: which cutoff recovers how many neurons; stop and resume at any time."""
    command = own.SweepCommand(**locals())
    with exit_codes(debug):
        from srinr.cli_sweep_run import run_sweep

        run_sweep(command)
