"""Figure 9: Fourier feature networks between the samples of a sine of 23 cycles; the published sizes are the default."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import typer
from figure_output import Output, Quick, Seeds
from sine_networks import aliasing_figure

from srinr import INR
from srinr.studies.aliasing import aliasing_ffn


def network(sigma: float, seed: int) -> INR:
    """The network of one run."""
    return aliasing_ffn(sigma, seed=seed)


def main(quick: Quick = False, seeds: Seeds = 1, output: Output = Path("figures")) -> None:
    """Train with sigma 3 and 100, print levels in dB, and draw seed 0."""
    networks = {sigma: partial(network, sigma) for sigma in (3.0, 100.0)}
    aliasing_figure("ffn_aliasing", "FFN", "sigma", networks, quick, seeds, output)


if __name__ == "__main__":
    typer.run(main)
