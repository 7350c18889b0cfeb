"""Figure 2: a photograph through three mappings of the coordinates, and the spectra of what comes back.

By default 64 x 64 pixels and width 128 with the steps and the rate of the paper (minutes on one core); --scale
published has its sizes too (hours on a processor: use --device cuda).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from figure_output import Output, Quick, Seeds, write_output

from srinr.harmonic_figures import show_recoveries
from srinr.studies.imperfect_recovery import QUICK, Scale, StandIn, recover_image, stand_in_image
from srinr.studies.recovery_networks import figure_2_networks


def main(
    quick: Quick = False,
    scale: Annotated[Scale, typer.Option(help="Small, middle, or that of the paper.")] = Scale.MIDDLE,
    image: Annotated[StandIn, typer.Option(help="Photograph.")] = StandIn.ASTRONAUT,
    seeds: Seeds = 1,
    device: Annotated[str, typer.Option(help="Where to train.")] = "cpu",
    output: Output = Path("figures"),
) -> None:
    """Train the networks, print their PSNR beside the ceilings, and draw seed 0."""
    size = QUICK if quick else scale.size
    target = stand_in_image(image, size.n_pixels)
    typer.echo(f"{image.value}, {size}")
    rows, drawn = [], {}
    for seed in range(seeds):
        networks = figure_2_networks(width=size.width, n_frequencies=size.n_frequencies, seed=seed)
        for title, inr in networks.items():
            found = recover_image(inr, target, size.n_steps, optimizer=size.optimizer, device=device)
            drawn.setdefault(title, found)
            row = {
                "network": title,
                "seed": seed,
                "psnr": found.psnr,
                "ceiling": found.psnr_ceiling,
                "unreachable_in_image": found.unreachable_in_image,
                "unreachable_in_reconstruction": found.unreachable_in_reconstruction,
            }
            rows.append(row)
            ceiling = "none" if found.psnr_ceiling is None else f"{found.psnr_ceiling:.2f} dB"
            typer.echo(f"seed {seed}  {title:32s}  PSNR {found.psnr:6.2f} dB  ceiling {ceiling}")
    figure = show_recoveries(list(drawn.values()), list(drawn))
    write_output(
        output, "imperfect_recovery", figure, {"size": str(size), "image": image.value, "rows": rows}
    )


if __name__ == "__main__":
    typer.run(main)
