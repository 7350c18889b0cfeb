"""The command ``srinr ntk``. Imports nothing heavy; the work is in ``cli_ntk_run``."""

from __future__ import annotations

from srinr import cli_ntk_options as own
from srinr import cli_options as option
from srinr.cli_errors import exit_codes


def ntk(
    model: own.Model,
    grid: own.GridSize = 32,
    rank: own.Rank = None,
    functions: own.Functions = None,
    memory_limit: own.MemoryLimit = 2048,
    seed: own.Seed = 0,
    images: own.Images = None,
    crop: own.Crop = None,
    limit: own.Limit = 100,
    output: own.Output = None,
    overwrite: option.Overwrite = False,
    quiet: option.Quiet = False,
    debug: option.Debug = False,
) -> None:
    """Decompose the tangent kernel of a saved INR: what it learns first, and how well images suit it."""
    command = own.NtkCommand(**locals())
    with exit_codes(debug):
        from srinr.cli_ntk_run import run_ntk

        run_ntk(command)
