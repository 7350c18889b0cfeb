"""What the figures of aliasing share: networks trained on every second sample of a sine of 23 cycles."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import typer
from figure_output import write_output

from srinr import INR
from srinr.harmonic_figures import show_aliasing
from srinr.studies.aliasing import PHASES, SampledSine, fit_sampled_sine


def aliasing_figure(
    name: str, kind: str, parameter: str, networks: dict[float, Callable[[int], INR]],
    quick: bool, seeds: int, output: Path,
) -> None:  # fmt: skip
    """Train the network of each value of a parameter from each seed, print levels in dB, and draw seed 0."""
    n_steps = 300 if quick else 2000
    rows, drawn = [], {}
    for value, network in networks.items():
        for seed in range(seeds):
            target = SampledSine(phase=PHASES[seed % len(PHASES)])
            found = fit_sampled_sine(network(seed), target, n_steps)
            drawn.setdefault(f"{kind}, {parameter} {value:g}", found)
            rows.append({parameter: value, "seed": seed, "phase": target.phase, **found.numbers()})
            typer.echo(f"{parameter} {value:5g}  seed {seed}  {found}")
    figure = show_aliasing(list(drawn.values()), list(drawn))
    write_output(output, name, figure, {"n_steps": n_steps, "rows": rows})
