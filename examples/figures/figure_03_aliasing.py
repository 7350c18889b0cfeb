"""Figure 3: SIRENs between the samples of a sine of 23 cycles; the published sizes are the default."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import typer
from figure_output import Output, Quick, Seeds
from sine_networks import aliasing_figure

from srinr import INR
from srinr.studies.aliasing import aliasing_siren


def network(omega: float, seed: int) -> INR:
    """The network of one run."""
    return aliasing_siren(omega, seed=seed)


def main(quick: Quick = False, seeds: Seeds = 1, output: Output = Path("figures")) -> None:
    """Train with omega 30 and 300, print levels in dB, and draw seed 0."""
    networks = {omega: partial(network, omega) for omega in (30.0, 300.0)}
    aliasing_figure("aliasing", "SIREN", "omega", networks, quick, seeds, output)


if __name__ == "__main__":
    typer.run(main)
