"""Figures 6, 7 and 8: SIRENs with frozen and trained first layers, and Fourier feature networks with a trained mapping.

By default 64 x 64 pixels and width 128 with the steps and the rate of the paper; --scale published has its sizes too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from figure_output import Output, Quick, Seeds, write_output

from srinr.analysis.harmonic_support import reachable_bins
from srinr.domain import Grid
from srinr.harmonic_figures import show_recoveries
from srinr.studies.imperfect_recovery import QUICK, Scale, StandIn, recover_image, stand_in_image
from srinr.studies.recovery_networks import mapping_networks


def main(
    quick: Quick = False,
    scale: Annotated[Scale, typer.Option(help="Small, middle, or that of the paper.")] = Scale.MIDDLE,
    image: Annotated[StandIn, typer.Option(help="Photograph.")] = StandIn.ASTRONAUT,
    literal: Annotated[bool, typer.Option("--literal", help="Omega = f0 I, without 2 pi.")] = False,
    seeds: Seeds = 1,
    device: Annotated[str, typer.Option(help="Where to train.")] = "cpu",
    output: Output = Path("figures"),
) -> None:
    """Train the nine networks, print PSNR and the energy in odd bins, and draw seed 0."""
    size = QUICK if quick else scale.size
    target = stand_in_image(image, size.n_pixels)
    even = reachable_bins(Grid(target.shape), 2.0 * np.eye(2))  # what f0 = 1 reaches
    typer.echo(f"{image.value}, {size}")
    rows, drawn = [], {}
    for seed in range(seeds):
        networks = mapping_networks(
            width=size.width, n_frequencies=size.n_frequencies, seed=seed, literal=literal
        )
        for title, inr in networks.items():
            found = recover_image(inr, target, size.n_steps, optimizer=size.optimizer, device=device)
            drawn.setdefault(title, found)
            odd = found.reconstruction_spectrum.energy_outside(even)
            rows.append(
                {
                    "network": title,
                    "seed": seed,
                    "psnr": found.psnr,
                    "ceiling": found.psnr_ceiling,
                    "odd": odd,
                }
            )
            ceiling = "none" if found.psnr_ceiling is None else f"{found.psnr_ceiling:.2f} dB"
            typer.echo(
                f"seed {seed}  {title:20s}  PSNR {found.psnr:6.2f} dB  ceiling {ceiling:9s}  odd bins {odd:.1e}"
            )
    odd = next(iter(drawn.values())).image_spectrum.energy_outside(even)
    typer.echo(f"share of the target's energy in odd bins: {odd:.3f}")
    figure = show_recoveries(list(drawn.values()), list(drawn))
    numbers = {
        "size": str(size),
        "image": image.value,
        "literal": literal,
        "odd_of_target": odd,
        "rows": rows,
    }
    write_output(output, "mappings", figure, numbers)


if __name__ == "__main__":
    typer.run(main)
